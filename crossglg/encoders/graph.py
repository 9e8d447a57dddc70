"""What the graph convolutional encoders share: the normalization of the input, the block, the stack of blocks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from crossglg.encoders.base import Attention, PersonIndex, SkeletonEncoder, weight_joints

WIDTHS = (64, 64, 64, 64, 128, 128, 128, 256, 256, 256)  # of the published CTR-GCN, HD-GCN and ST-GCN++
STRIDES = (1, 1, 1, 1, 2, 1, 1, 2, 1, 1)
Block = Callable[[int, int, int, bool], nn.Module]  # features in and out, temporal stride, whether it is the first


class GraphEncoder(SkeletonEncoder):
    """A stack of graph convolutional blocks; the pooled features of the last one are the representation."""

    def __init__(
        self, in_channels: int, widths: Sequence[int], strides: Sequence[int], importance_after_block: int, block: Block
    ) -> None:
        super().__init__()
        self.widths = tuple(widths)
        self.importance_after_block = importance_after_block
        self.out_features = widths[-1]
        pairs = zip((in_channels, *widths[:-1]), widths, strides, strict=True)
        self.blocks = nn.ModuleList(block(width, out, stride, i == 0) for i, (width, out, stride) in enumerate(pairs))
        self.head = nn.Identity()


class EncodingBlock(nn.Module):
    """Spatial interaction, joint weights, temporal convolution, residual: the block of the graph convolutions."""

    def __init__(self, spatial: nn.Module, temporal: nn.Module, residual: nn.Module | None) -> None:
        super().__init__()
        self.spatial, self.temporal, self.residual = spatial, temporal, residual

    def forward(
        self, feat: Tensor, joint_weight: Tensor | None = None, return_attention: bool = False
    ) -> Tensor | tuple[Tensor, Attention]:
        mixed, attention = self.spatial(feat, return_attention=True) if return_attention else (self.spatial(feat), {})
        out = self.temporal(weight_joints(mixed, joint_weight))
        out = F.relu(out) if self.residual is None else F.relu_(out + self.residual(feat))
        return (out, attention) if return_attention else out


class PerPersonBatchNorm(nn.ModuleList):
    """Batch normalization of every feature of every joint, each slot among the persons with its own statistics.

    Published models normalize all persons of a clip in one row, which is the same.
    """

    def __init__(self, features: int, persons: int) -> None:
        super().__init__(nn.BatchNorm1d(features) for _ in range(persons))

    def forward(self, x: Tensor, bodies: PersonIndex) -> Tensor:
        """x: (B, T, V, D) → the same shape; V·D are the features."""
        slots = bodies.slots()
        if slots > len(self):
            raise ValueError(
                f"a clip has {slots} persons, this encoder was built for {len(self)}; build it for {slots}"
            )
        taken = self.taken(bodies)
        if len(taken) == 1:
            return norm_joints(self[taken[0]], x)
        normed = torch.empty_like(x)
        for slot in taken:
            rows = bodies.at(slot)
            normed[rows] = norm_joints(self[slot], x[rows])
        return normed

    def taken(self, bodies: PersonIndex) -> list[int]:
        """The slots that somebody of this batch has."""
        return [slot for slot in range(bodies.slots()) if bodies.each is not None or len(bodies.rows_of_slot[slot])]


def norm_joints(norm: nn.Module, x: Tensor) -> Tensor:
    """Normalize (B, T, V, D) with a BatchNorm1d of V·D features."""
    return norm(x.flatten(2).flatten(0, 1)).view_as(x)
