"""What every skeleton encoder is: a stack of blocks, each with a spatial interaction that joint weights may follow.

Inside an encoder a batch is the list of the B persons that are really there, `(B, D, T, V)`; absent persons are
skipped, not multiplied by zero. `PersonIndex` remembers which clip each belongs to. In memory D comes last (PyTorch's
channels_last), so that `feat.permute(0, 2, 3, 1)` are contiguous rows of features for products over joints.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# What a block looked at, by name; the first one is what the block is known for. (B, S, heads, P, P): S sets (time
# steps; 1: the same at all times) of P points (joints). Row i is what point i receives, from every point j.
Attention = dict[str, Tensor]


@dataclass(frozen=True)
class PersonIndex:
    """The B persons that are present in a batch of N clips.

    Attributes:
        clip: the clip of each person, 0…N−1, `(B,)`.
        slot: its number among the persons of the clip, from 0, `(B,)`.
        num_clips: N.
        each: how many persons every clip has; None where clips may differ.
        rows_of_slot: where clips differ, the rows of each slot, up to the last one taken; their sizes are known without
            asking a GPU.
    """

    clip: Tensor
    slot: Tensor
    num_clips: int
    each: int | None = None
    rows_of_slot: tuple[Tensor, ...] = ()

    @classmethod
    def all(cls, num_clips: int, persons: int, device: torch.device) -> PersonIndex:
        """Everybody is there. Shapes then follow from those of the batch, which `torch.export` needs."""
        row = torch.arange(num_clips * persons, device=device)
        return cls(row // persons, row % persons, num_clips, persons)

    @classmethod
    def of(cls, person_mask: Tensor) -> PersonIndex:
        """person_mask: (N, M) bool. A clip without anybody keeps its first slot, so that every clip has features."""
        if person_mask.shape[1] == 1:
            return cls.all(len(person_mask), 1, person_mask.device)
        present = person_mask.cpu().clone()  # a GPU is asked once, here
        present[:, 0] |= ~present.any(1)
        clip, slot = present.nonzero(as_tuple=True)
        rows = [(slot == taken).nonzero().squeeze(1) for taken in range(int(slot.max()) + 1)]
        clip, slot, *rows = (tensor.to(person_mask.device) for tensor in (clip, slot, *rows))
        return cls(clip, slot, len(person_mask), rows_of_slot=tuple(rows))

    def mean(self, feat: Tensor) -> Tensor:
        """(B, …) → (N, …): mean over the persons of each clip."""
        if len(feat) == self.num_clips:  # one person each: nothing to add up
            return feat
        if self.each is not None:
            return feat.unflatten(0, (self.num_clips, self.each)).mean(1)
        count = torch.zeros(self.num_clips, device=feat.device, dtype=feat.dtype)
        count.index_add_(0, self.clip, torch.ones_like(self.clip, dtype=feat.dtype))
        total = torch.zeros(self.num_clips, *feat.shape[1:], device=feat.device, dtype=feat.dtype)
        return total.index_add(0, self.clip, feat) / count.view(-1, *[1] * (feat.dim() - 1))

    @classmethod
    def in_clips(cls, x: Tensor, person_mask: Tensor | PersonIndex | None) -> PersonIndex:
        """Those in x (N, M, …) by the mask (N, M), if they are not known yet; without one everybody is there."""
        if person_mask is None:
            return cls.all(x.shape[0], x.shape[1], x.device)
        return person_mask if isinstance(person_mask, PersonIndex) else cls.of(person_mask)

    def slots(self) -> int:
        """How many slots for persons there are, up to the last one taken."""
        return self.each if self.each is not None else len(self.rows_of_slot)

    def at(self, slot: int) -> slice | Tensor:
        """The rows of a (B, …) tensor that belong to this slot."""
        if self.each is not None:
            return slice(slot, None, self.each)
        return self.rows_of_slot[slot] if slot < len(self.rows_of_slot) else self.slot[:0]


class SkeletonEncoder(nn.Module, ABC):
    """Base class of the encoders: subclasses set the attributes and implement `embed_input`; the rest is shared.

    blocks: modules called as `block(feat, joint_weight)`, feat (B, D, T, V), joint_weight None, (B, V) or (B, S, V),
    multiplied in after the block's spatial interaction; with `return_attention=True` they return feat and `Attention`.
    widths: D after each block.  head: pooled (N, D) → z (N, D_out).  importance_after_block: the recommended N_pre.
    """

    blocks: nn.ModuleList
    widths: tuple[int, ...]
    head: nn.Module
    out_features: int
    importance_after_block: int

    def start_classifier(self, classifier: nn.Linear) -> None:
        """Give the classifier over z the initial weights of the published model, where it has some of its own."""

    @abstractmethod
    def embed_input(self, x: Tensor, bodies: PersonIndex) -> Tensor:
        """x: (B, T, V, C) of the present persons. Returns (B, D, T, V)."""

    def input(self, x: Tensor, bodies: PersonIndex) -> Tensor:
        """x: (N, M, T, V, C). Returns (B, D, T, V) of the present persons."""
        return self.embed_input(x[bodies.clip, bodies.slot], bodies)

    def run_blocks(
        self,
        feat: Tensor,
        start: int,
        stop: int | None,
        joint_weight: Tensor | None = None,
        attention: list[Attention] | None = None,
    ) -> Tensor:
        """Run blocks start…stop on (B, D, T, V), reweighting joints by joint_weight (B, V) or (B, S, V).

        attention: a list to which every block adds what it looked at; None asks no block.
        """
        for block in self.blocks[start:stop]:
            if attention is None:
                feat = block(feat, joint_weight)
            else:
                feat, found = block(feat, joint_weight, return_attention=True)
                attention.append(found)
        return feat

    def forward(self, x: Tensor, person_mask: Tensor | None = None) -> Tensor:
        """The plain encoder: x (N, M, T, V, C), person_mask (N, M) → representation (N, D_out)."""
        bodies = PersonIndex.in_clips(x, person_mask)
        feat = self.run_blocks(self.input(x, bodies), 0, None)
        return self.head(bodies.mean(feat.mean((2, 3))))


def weight_joints(feat: Tensor, joint_weight: Tensor | None) -> Tensor:
    """Multiply (B, D, T, V) by (B, V), or by (B, S, V) over time; None leaves the features as they are."""
    return feat if joint_weight is None else feat * weight_at(joint_weight, feat.shape[2])[:, None]


def weight_at(joint_weight: Tensor, steps: int) -> Tensor:
    """(B, V) → (B, 1, V), or (B, S, V) → (B, steps, V): each step has the mean of the S that it overlaps."""
    if joint_weight.dim() == 2:
        return joint_weight[:, None]
    return F.adaptive_avg_pool1d(joint_weight.transpose(1, 2), steps).transpose(1, 2)
