"""What every skeleton encoder is: a stack of blocks, each with a spatial interaction that joint weights may follow.

Inside an encoder a batch is the list of the B persons that are really there, `(B, D, T, V)`; absent persons are
skipped, not multiplied by zero. `Bodies` remembers which clip each belongs to. In memory D comes last (PyTorch's
channels_last), so that `feat.permute(0, 2, 3, 1)` are contiguous rows of features for products over joints.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from copy import deepcopy
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

from crossglg import distributed

Part = TypeVar("Part", bound=nn.Module)


@dataclass(frozen=True)
class Bodies:
    """The persons present in a batch. clip (B,): its clip, 0…N−1;  slot (B,): its place among the clip's persons.

    each: how many persons every clip has, None where clips may differ.
    """

    clip: Tensor
    slot: Tensor
    num_clips: int
    each: int | None = None

    @classmethod
    def all(cls, num_clips: int, persons: int, device: torch.device) -> Bodies:
        """Everybody is there. Shapes then follow from those of the batch, which `torch.export` needs."""
        row = torch.arange(num_clips * persons, device=device)
        return cls(row // persons, row % persons, num_clips, persons)

    @classmethod
    def of(cls, person_mask: Tensor) -> Bodies:
        """person_mask: (N, M) bool. A clip without anybody keeps its first slot, so that every clip has features."""
        if person_mask.shape[1] == 1:
            return cls.all(len(person_mask), 1, person_mask.device)
        present = person_mask.clone()
        present[:, 0] |= ~person_mask.any(1)
        clip, slot = present.nonzero(as_tuple=True)
        return cls(clip, slot, len(person_mask))

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

    def places(self) -> int:
        """How many places among the persons there are, up to the last one taken."""
        return self.each if self.each is not None else int(self.slot.max()) + 1

    def at(self, place: int) -> slice | Tensor:
        """The rows of a (B, …) tensor that belong to this place."""
        return slice(place, None, self.each) if self.each is not None else (self.slot == place).nonzero().squeeze(1)


class SkeletonEncoder(nn.Module, ABC):
    """Base class of the encoders: subclasses set the attributes and implement `embed_input`; the rest is shared.

    blocks: modules called as `block(feat, joint_weight)`, feat (B, D, T, V), joint_weight (B, V) or None, multiplied in
    after the block's spatial interaction.  widths: D after each block.  head: pooled (N, D) → z (N, D_out), an Identity
    or LayerNorm or a module that has `linear_part`, as InfoGCN's (what explanations split z by).
    importance_after_block: the recommended N_pre.
    """

    blocks: nn.ModuleList
    widths: tuple[int, ...]
    head: nn.Module
    out_features: int
    importance_after_block: int

    def start_classifier(self, classifier: nn.Linear) -> None:
        """Give the classifier over z the initial weights of the published model, where it has some of its own."""

    @abstractmethod
    def embed_input(self, x: Tensor, bodies: Bodies) -> Tensor:
        """x: (B, T, V, C) of the present persons. Returns (B, D, T, V)."""

    def input(self, x: Tensor, bodies: Bodies) -> Tensor:
        """x: (N, M, T, V, C). Returns (B, D, T, V) of the present persons."""
        return self.embed_input(x[bodies.clip, bodies.slot], bodies)

    def run_blocks(self, feat: Tensor, start: int, stop: int | None, joint_weight: Tensor | None = None) -> Tensor:
        """Run blocks start…stop on (B, D, T, V), reweighting joints by joint_weight (B, V)."""
        for block in self.blocks[start:stop]:
            feat = block(feat, joint_weight)
        return feat

    def forward(self, x: Tensor, person_mask: Tensor) -> Tensor:
        """The plain encoder: x (N, M, T, V, C), person_mask (N, M) → representation (N, D_out)."""
        bodies = Bodies.of(person_mask)
        feat = self.run_blocks(self.input(x, bodies), 0, None)
        return self.head(bodies.mean(feat.mean((2, 3))))


class EncodingBlock(nn.Module):
    """Spatial interaction, joint weights, temporal convolution, residual: the block of the graph convolutions."""

    def __init__(self, spatial: nn.Module, temporal: nn.Module, residual: nn.Module | None) -> None:
        super().__init__()
        self.spatial, self.temporal, self.residual = spatial, temporal, residual

    def forward(self, feat: Tensor, joint_weight: Tensor | None = None) -> Tensor:
        out = self.temporal(weight_joints(self.spatial(feat), joint_weight))
        return F.relu(out) if self.residual is None else F.relu_(out + self.residual(feat))


class PointwiseConv(nn.Conv2d):
    """Convolution of (B, D, T, V) with a kernel of 1 × 1 and a stride over time (`pointwise`)."""

    def forward(self, feat: Tensor) -> Tensor:
        if not infers_on_cpu(feat):
            return super().forward(feat)
        if self.stride[0] > 1:
            feat = feat[:, :, :: self.stride[0]].contiguous(memory_format=torch.channels_last)
        return pointwise(feat, self.weight, self.bias)


def pointwise(feat: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Convolve (B, D, T, V) with weight (D_out, D, 1, 1). Returns (B, D_out, T, V).

    In inference on a CPU, rows of features are taken as 16 large images or little more: on one thread PyTorch leaves
    1 × 1 convolutions of fewer to an older routine, and oneDNN takes a fifth longer for many images of 25 joints.
    """
    if not infers_on_cpu(feat) or not feat.is_contiguous(memory_format=torch.channels_last):
        return F.conv2d(feat, weight, bias)
    rows = feat.permute(0, 2, 3, 1)  # (B, T, V, D)
    frames = rows.flatten(0, 1)
    images = next((n for n in range(16, len(frames)) if len(frames) % n == 0), len(frames))
    out = F.conv2d(frames.view(images, 1, -1, rows.shape[-1]).permute(0, 3, 1, 2), weight, bias).permute(0, 2, 3, 1)
    return out.view(*rows.shape[:3], -1).permute(0, 3, 1, 2)


class PlaceNorm(nn.ModuleList):
    """Batch normalisation of every feature of every joint, each place among the persons with its own statistics.

    Published models normalise all persons of a clip in one row, which is the same.
    """

    def __init__(self, features: int, persons: int) -> None:
        super().__init__(nn.BatchNorm1d(features) for _ in range(persons))
        self.scale: Tensor | None  # (M, V·D) like shift, once folded
        self.shift: Tensor | None
        self.register_buffer("scale", None)
        self.register_buffer("shift", None)

    def forward(self, x: Tensor, bodies: Bodies) -> Tensor:
        """x: (B, T, V, D) → the same shape; V·D are the features."""
        places = bodies.places()
        if places > len(self):
            raise ValueError(
                f"a clip has {places} persons, this encoder was built for {len(self)}; build it for {places}"
            )
        if self.scale is not None and self.shift is not None:
            scale, shift = (row[bodies.slot].view_as(x[:, :1]) for row in (self.scale, self.shift))
            return torch.addcmul(shift, x, scale)
        together = self.training and distributed.world_size() > 1
        taken = self.taken_in_any_process(bodies) if together else list(range(places))
        if len(taken) == 1:
            return norm_joints(self[taken[0]], x)
        normed = torch.empty_like(x)
        for place in taken:
            rows = bodies.at(place)
            if together or len(x[rows]):
                normed[rows] = norm_joints(self[place], x[rows])
        return normed

    @torch.no_grad()
    def fold(self) -> None:
        """Make one product and sum of the normalisations of all places; afterwards for inference only."""
        names = ("weight", "bias", "running_mean", "running_var")
        weight, bias, mean, variance = (torch.stack([getattr(norm, name) for norm in self]) for name in names)
        self.scale = weight / (variance + cast(nn.BatchNorm1d, self[0]).eps).sqrt()
        self.shift = bias - mean * self.scale

    def taken_in_any_process(self, bodies: Bodies) -> list[int]:
        """The places that processes which train together must all normalise, since they wait for each other there."""
        count = torch.bincount(bodies.slot, minlength=len(self))
        return distributed.total(count).nonzero().flatten().tolist()


def norm_joints(norm: nn.Module, x: Tensor) -> Tensor:
    """Normalise (B, T, V, D) with a BatchNorm1d of V·D features."""
    return norm(x.flatten(2).flatten(0, 1)).view_as(x)


def infers_on_cpu(feat: Tensor) -> bool:
    """Whether operations run on a CPU one by one and without gradients, so that how they are cut up matters."""
    return feat.device.type == "cpu" and not torch.is_grad_enabled() and not torch.compiler.is_compiling()


def weight_joints(feat: Tensor, joint_weight: Tensor | None) -> Tensor:
    """Multiply (B, D, T, V) by (B, V) per joint; None leaves the features as they are."""
    return feat if joint_weight is None else feat * joint_weight[:, None, None, :]


def folded(module: Part) -> Part:
    """A copy for inference, every batch normalisation merged into the convolution before it; outputs equal to rounding.

    A part whose normalisation follows something else has a method `fold` for it. The copy cannot be trained.
    """
    copy = deepcopy(module).eval()
    for part in list(copy.modules()):
        if callable(fold := getattr(part, "fold", None)):
            fold()
        if isinstance(part, nn.Sequential):
            for i, (conv, norm) in enumerate(pairwise(part)):
                if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                    part[i], part[i + 1] = fuse_conv_bn_eval(conv, norm), nn.Identity()
    return copy
