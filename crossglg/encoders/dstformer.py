"""DSTformer, the encoder of MotionBERT: A Unified Perspective on Learning Human Motion Representations.

Zhu, Ma, Liu, Liu, Wu and Wang, ICCV 2023. Every block has two streams, one attending across joints and then over time,
the other over time and then across joints; learned weights fuse them, token by token. Written from the paper;
parameters, initial weights and outputs equal the published backbone's.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from crossglg.encoders.base import Attention, PersonIndex, SkeletonEncoder, weight_at
from crossglg.skeletons import Layout

# Of a block, in the order in which its streams compute them.
ATTENTIONS = (
    "across joints, joints first", "over time, joints first", "over time, time first", "across joints, time first",
)  # fmt: skip


class DSTformer(SkeletonEncoder):
    """DSTformer (module text). Defaults are the published model: 42.5 M parameters up to the motion representation.

    The published action model adds a head (18.0 M parameters with 17 joints) and still carries the regressor of its
    pre-training, which recognition never uses; here the pooled representation goes to crossglg's own classifier.
    width, depth: features and number of blocks.  representation: features of the motion representation that leaves the
    last block; 0: `width`.  mlp_ratio: hidden features of an MLP per feature.  max_frames: longest clip.  patch: frames
    that make one token; the published model takes each frame alone.  All persons are treated alike, so `persons`
    changes nothing.  importance_after_block: about half of the blocks, inferred.
    """

    def __init__(
        self,
        layout: Layout,
        in_channels: int,
        persons: int,
        width: int = 512,
        depth: int = 5,
        heads: int = 8,
        mlp_ratio: int = 2,
        representation: int = 0,
        max_frames: int = 243,
        patch: int = 1,
        importance_after_block: int = 3,
    ) -> None:
        super().__init__()
        self.out_features = representation or width
        self.widths = (*(width,) * (depth - 1), self.out_features)
        self.importance_after_block = importance_after_block
        self.max_frames, self.patch = max_frames, patch
        self.joint_embedding = linear(in_channels * patch, width)
        self.position = nn.Parameter(nn.init.trunc_normal_(torch.empty(layout.num_joints, width), std=0.02))
        self.time = nn.Parameter(nn.init.trunc_normal_(torch.empty(-(-max_frames // patch), 1, width), std=0.02))
        ends = (0,) * (depth - 1) + (self.out_features,)
        self.blocks = nn.ModuleList(DualStreamBlock(width, heads, mlp_ratio, end) for end in ends)
        self.head = nn.Identity()

    def embed_input(self, x: Tensor, bodies: PersonIndex) -> Tensor:
        frames = x.shape[1]
        if frames > self.max_frames:
            raise ValueError(
                f"a clip has {frames} frames, this encoder takes at most {self.max_frames}; "
                f"resample the clips or build it with max_frames={frames}"
            )
        if missing := -frames % self.patch:  # the last frame fills the last token
            x = torch.cat([x, x[:, -1:].expand(-1, missing, -1, -1)], 1)
        tokens = x.unflatten(1, (-1, self.patch)).transpose(2, 3).flatten(3)  # (B, T', V, patch·C)
        rows = self.joint_embedding(tokens) + self.position + self.time[: tokens.shape[1]]
        return rows.permute(0, 3, 1, 2)


class DualStreamBlock(nn.Module):
    """Two streams of the same features, fused by weights that sum to 1 for each token. Paper: §3.2.

    representation: above 0, so many features leave as the motion representation, tanh of a linear layer.
    """

    def __init__(self, width: int, heads: int, mlp_ratio: int, representation: int = 0) -> None:
        super().__init__()
        self.joints_first, self.time_first = (Stream(width, heads, mlp_ratio) for _ in range(2))
        self.fuse = nn.Linear(2 * width, 2)
        nn.init.zeros_(self.fuse.weight)
        nn.init.constant_(self.fuse.bias, 0.5)
        motion = (norm(width), linear(width, representation), nn.Tanh()) if representation else ()
        self.represent = nn.Sequential(*motion)

    def forward(
        self, feat: Tensor, joint_weight: Tensor | None = None, return_attention: bool = False
    ) -> Tensor | tuple[Tensor, Attention]:
        rows = feat.permute(0, 2, 3, 1)  # (B, T, V, D)
        first, second = self.joints_first, self.time_first
        asked: list[Tensor] | None = [] if return_attention else None
        one = first.over_time(first.across_joints(rows, joint_weight, asked), asked)
        two = second.across_joints(second.over_time(rows, asked), joint_weight, asked)
        share = self.fuse(torch.cat([one, two], -1)).softmax(-1)  # (B, T, V, 2)
        out = self.represent(one * share[..., :1] + two * share[..., 1:]).permute(0, 3, 1, 2)
        return out if asked is None else (out, dict(zip(ATTENTIONS, asked, strict=True)))


class Stream(nn.Module):
    """The layers of one stream: attention and MLP across joints, attention and MLP over time; the block orders them."""

    def __init__(self, width: int, heads: int, mlp_ratio: int) -> None:
        super().__init__()
        self.spatial, self.temporal = (SelfAttention(width, heads) for _ in range(2))
        self.spatial_mlp, self.temporal_mlp = (
            nn.Sequential(norm(width), linear(width, mlp_ratio * width), nn.GELU(), linear(mlp_ratio * width, width))
            for _ in range(2)
        )

    def across_joints(self, rows: Tensor, joint_weight: Tensor | None, asked: list[Tensor] | None = None) -> Tensor:
        """(B, T, V, D) → the same shape; joint_weight, (B, V) or (B, S, V), multiplies what each joint receives from
        the others."""
        received = self.spatial(rows, asked)
        if joint_weight is not None:
            received = received * weight_at(joint_weight, rows.shape[1])[..., None]
        rows = rows + received
        return rows + self.spatial_mlp(rows)

    def over_time(self, rows: Tensor, asked: list[Tensor] | None = None) -> Tensor:
        """(B, T, V, D) → the same shape."""
        rows = rows + self.temporal(rows.transpose(1, 2), asked).transpose(1, 2)
        return rows + self.temporal_mlp(rows)


class SelfAttention(nn.Module):
    """Normalization, then multi-head attention among the points of each set."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = norm(width)
        self.to_qkv = linear(width, 3 * width)
        self.out = linear(width, width)

    def forward(self, x: Tensor, asked: list[Tensor] | None = None) -> Tensor:
        """x: (B, S, P, D), S sets of P points → the same shape. asked: a list that gets (B, S, heads, P, P)."""
        qkv = self.to_qkv(self.norm(x)).flatten(0, 1).unflatten(-1, (3, self.heads, -1))  # (B·S, P, 3, heads, D/heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        if asked is not None:
            asked.append((q * q.shape[-1] ** -0.5 @ k.mT).softmax(-1).unflatten(0, x.shape[:2]))
        mixed = F.scaled_dot_product_attention(q, k, v)  # (B·S, heads, P, D/heads)
        return self.out(mixed.transpose(1, 2).flatten(2)).view(x.shape)


def linear(width: int, out: int) -> nn.Linear:
    """Linear layer that starts as published: weights of deviation 0.02, bias 0."""
    layer = nn.Linear(width, out)
    nn.init.trunc_normal_(layer.weight, std=0.02)
    nn.init.zeros_(layer.bias)
    return layer


def norm(width: int) -> nn.LayerNorm:
    return nn.LayerNorm(width, eps=1e-6)
