"""A lean graph convolutional encoder, for short trainings on a CPU.

Ours, not published. It has what works in the published encoders, where it costs little: a topology gated by attention
(InfoGCN), of which every clip has one instead of one per frame; tokens of several frames (as vision transformers have
patches); plain convolutions over time, each one product of matrices.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from crossglg.encoders.base import Attention, PersonIndex, SkeletonEncoder
from crossglg.encoders.graph import EncodingBlock, norm_joints
from crossglg.skeletons import Layout


class LeanGCN(SkeletonEncoder):
    """The lean encoder (module text): 0.29 M parameters.

    widths, strides: features and temporal stride of each block.  patch: frames that make one token.  heads: adjacencies
    of a clip.  All persons are treated alike, so `persons` changes nothing.
    """

    def __init__(
        self,
        layout: Layout,
        in_channels: int,
        persons: int,
        widths: tuple[int, ...] = (48, 96, 192),
        strides: tuple[int, ...] = (1, 2, 2),
        patch: int = 4,
        heads: int = 3,
        importance_after_block: int = 1,
    ) -> None:
        super().__init__()
        joints, first = layout.num_joints, widths[0]
        self.widths, self.patch = widths, patch
        self.importance_after_block = importance_after_block
        self.out_features = widths[-1]
        self.input_norm = nn.BatchNorm1d(joints * in_channels)
        self.joint_embedding = nn.Linear(in_channels * patch, first)
        self.position = nn.Parameter(torch.randn(joints, first) * 0.5)
        self.token_norm = RowNorm(first)
        self.blocks = nn.ModuleList(
            EncodingBlock(ClipGraphConv(width, out, joints, heads), TimeConv(out, stride), Shortcut(width, out, stride))
            for width, out, stride in zip((first, *widths[:-1]), widths, strides, strict=True)
        )
        self.head = nn.LayerNorm(widths[-1])

    def embed_input(self, x: Tensor, bodies: PersonIndex) -> Tensor:
        x = norm_joints(self.input_norm, x)
        if missing := -x.shape[1] % self.patch:  # the last frame fills the last token
            x = torch.cat([x, x[:, -1:].expand(-1, missing, -1, -1)], 1)
        tokens = x.unflatten(1, (-1, self.patch)).permute(0, 3, 1, 2, 4).flatten(3)  # (B, V, T', patch·C)
        rows = self.token_norm(self.joint_embedding(tokens) + self.position[:, None])
        return rows.permute(0, 3, 2, 1)


class RowNorm(nn.BatchNorm1d):
    """Batch normalization of rows of features, (…, D)."""

    def forward(self, rows: Tensor) -> Tensor:
        return super().forward(rows.flatten(0, -2)).view_as(rows)


class ClipGraphConv(nn.Module):
    """For each head, joints are mixed by attention ∘ topology, both the same at all times; one projection of all."""

    def __init__(self, width: int, out: int, joints: int, heads: int) -> None:
        super().__init__()
        self.heads, self.rank = heads, max(8, width // 8)
        self.to_qk = nn.Linear(width, 2 * heads * self.rank)
        self.topology = nn.Parameter(torch.eye(joints).repeat(heads, 1, 1))
        self.project = nn.Linear(heads * width, out)
        nn.init.normal_(self.project.weight, std=(2.0 / (heads * width)) ** 0.5)
        self.norm = RowNorm(out)
        self.shortcut = Shortcut(width, out)

    def forward(self, feat: Tensor, return_attention: bool = False) -> Tensor | tuple[Tensor, Attention]:
        rows = feat.permute(0, 3, 2, 1)  # (B, V, T, D), contiguous: mixing joints is one product for a clip
        q, k = self.to_qk(rows.mean(2)).unflatten(-1, (2, self.heads, self.rank)).permute(2, 0, 3, 1, 4)
        attention = (q * self.rank**-0.5 @ k.transpose(-1, -2)).softmax(-1)  # (B, heads, V, V)
        mix = attention * self.topology
        mixed = (mix.flatten(1, 2) @ rows.flatten(2)).view(len(rows), self.heads, *rows.shape[1:])
        out = self.norm(self.project(mixed.permute(0, 2, 3, 1, 4).flatten(3))).permute(0, 3, 2, 1)
        out = F.relu(out + self.shortcut(feat))
        if not return_attention:
            return out
        return out, {"attention": attention[:, None], "attention × topology": mix[:, None]}


class TimeConv(nn.Module):
    """A convolution over three steps of time, as one product."""

    def __init__(self, width: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.project = nn.Linear(3 * width, width)
        nn.init.normal_(self.project.weight, std=(2.0 / (3 * width)) ** 0.5)
        self.norm = RowNorm(width)

    def forward(self, feat: Tensor) -> Tensor:
        rows = F.pad(feat.permute(0, 3, 2, 1), (0, 0, 1, 1))  # (B, V, 1 + T + 1, D)
        steps = rows.shape[2] - 2
        windows = torch.cat([rows[:, :, i : i + steps : self.stride] for i in range(3)], dim=-1)
        return self.norm(self.project(windows)).permute(0, 3, 2, 1)


class Shortcut(nn.Module):
    """The features themselves, projected where the width changes, of every stride-th step."""

    def __init__(self, width: int, out: int, stride: int = 1) -> None:
        super().__init__()
        self.stride = stride
        self.project = nn.Identity() if width == out else nn.Linear(width, out)

    def forward(self, feat: Tensor) -> Tensor:
        rows = feat.permute(0, 3, 2, 1)[:, :, :: self.stride]
        return self.project(rows).permute(0, 3, 2, 1)
