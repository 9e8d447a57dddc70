"""InfoGCN: Representation Learning for Human Skeleton-Based Action Recognition.

Chi, Ha, Chi, Lee, Huang and Ramani, CVPR 2022. Self-attention infers an adjacency per frame and head from the input; a
learned topology, shared by all inputs, gates it; multi-scale temporal convolutions follow. An information bottleneck
makes the representation a Gaussian whose mean is used at inference. Written from the paper; parameters, initial weights
and outputs equal the published model's.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from crossglg.encoders.base import Attention, PersonIndex, SkeletonEncoder
from crossglg.encoders.graph import EncodingBlock, PerPersonBatchNorm
from crossglg.encoders.temporal import MultiScaleTemporalConv, kaiming_shortcut
from crossglg.skeletons import Layout


class InfoGCN(SkeletonEncoder):
    """InfoGCN (module text). Defaults are the published model with three heads: 1.57 M parameters.

    widths, strides: features and temporal stride of each block.  heads: adjacencies per frame.
    bottleneck: the published head, with noise on the representation in training; otherwise the pooled features are
    normalized and used as they are.  noise: standard deviation scale of that noise.  mode: k of the paper's k-th mode
    representation (`relative_positions`); 0: coordinates as they are. Paper: §3, multi-modal representation.
    """

    def __init__(
        self,
        layout: Layout,
        in_channels: int,
        persons: int,
        widths: tuple[int, ...] = (64, 64, 64, 128, 128, 128, 256, 256, 256),
        strides: tuple[int, ...] = (1, 1, 1, 2, 1, 1, 2, 1, 1),
        heads: int = 3,
        bottleneck: bool = True,
        noise: float = 0.5,
        importance_after_block: int = 5,
        mode: int = 0,
    ) -> None:
        super().__init__()
        joints, first = layout.num_joints, widths[0]
        self.widths = widths
        self.importance_after_block = importance_after_block
        self.out_features = widths[-1]
        self.relative: Tensor | None
        self.register_buffer("relative", relative_positions(layout, mode) if mode else None)
        self.joint_embedding = nn.Linear(in_channels, first)
        self.position = nn.Parameter(torch.randn(joints, first))
        self.input_norm = PerPersonBatchNorm(joints * first, persons)
        self.blocks = nn.ModuleList(
            EncodingBlock(
                SelfAttentionGraphConv(width, out, joints, heads),
                MultiScaleTemporalConv(out, stride, rectify=True),
                kaiming_shortcut(width, out, stride),
            )
            for width, out, stride in zip((first, *widths[:-1]), widths, strides, strict=True)
        )
        self.head = Bottleneck(widths[-1], noise) if bottleneck else nn.LayerNorm(widths[-1])

    def start_classifier(self, classifier: nn.Linear) -> None:
        nn.init.normal_(classifier.weight, std=(2.0 / classifier.out_features) ** 0.5)

    def embed_input(self, x: Tensor, bodies: PersonIndex) -> Tensor:
        if self.relative is not None:
            x = self.relative @ x
        y = self.joint_embedding(x) + self.position
        return self.input_norm(y, bodies).permute(0, 3, 1, 2)


def relative_positions(layout: Layout, k: int) -> Tensor:
    """I − Pᵏ, (V, V): row v gives joint v relative to the joint k bones nearer to the middle of the spine.

    P is the random walk along bones toward that joint (in layouts without it, toward the root): a joint has one parent,
    so it takes that step with probability 1. k = 1 are bones; a joint that is less than k bones away keeps its
    position, so that a large k leaves all as it is. Raises ValueError if k < 1: everything would be zero.
    """
    if k < 1:
        raise ValueError(f"mode={k} must be at least 1; at 0 every coordinate would be zero")
    spine = layout.joints[layout.index("middle of spine")] if layout.has("middle of spine") else layout.root
    tree = Layout.from_edges(layout.name, layout.joints, layout.bones, spine)
    walk = torch.zeros(layout.num_joints, layout.num_joints)
    for child, parent in tree.bones:
        walk[child, parent] = 1.0
    return torch.eye(layout.num_joints) - torch.linalg.matrix_power(walk, k)


class Bottleneck(nn.Module):
    """Gaussian representation: mean and log-variance from the pooled features, sampled in training. Paper: §3."""

    def __init__(self, width: int, noise: float) -> None:
        super().__init__()
        self.fc, self.mean, self.log_variance = (nn.Linear(width, width) for _ in range(3))
        for layer in (self.fc, self.mean, self.log_variance):
            nn.init.xavier_uniform_(layer.weight, gain=nn.init.calculate_gain("relu"))
        self.noise = noise

    def forward(self, pooled: Tensor) -> Tensor:
        hidden = F.relu(self.fc(pooled))
        mean = self.mean(hidden)
        if not self.training:
            return mean
        return mean + torch.randn_like(mean) * (self.noise * self.log_variance(hidden)).exp().clamp(max=100.0)


class SelfAttentionGraphConv(nn.Module):
    """SA-GC: for each head, joints are mixed by attention ∘ shared topology and projected; heads add up."""

    pointwise = staticmethod(F.conv2d)

    def __init__(self, width: int, out: int, joints: int, heads: int) -> None:
        super().__init__()
        self.heads, self.rank = heads, width // 8
        self.norm = nn.LayerNorm(width)
        self.to_qk = nn.Linear(width, 2 * heads * self.rank)
        self.topology = nn.Parameter(torch.eye(joints).repeat(heads, 1, 1))
        self.weight = nn.Parameter(torch.empty(heads, out, width))
        self.bias = nn.Parameter(torch.zeros(heads, out))
        self.out_norm = nn.BatchNorm2d(out)
        self.residual = kaiming_shortcut(width, out)
        nn.init.normal_(self.weight, std=(2.0 / (out * width * heads)) ** 0.5)
        nn.init.normal_(self.to_qk.weight)
        nn.init.constant_(self.out_norm.weight, 1e-6)

    def attention(self, rows: Tensor) -> Tensor:
        """(B, T, V, D) → (B, T, heads, V, V), rows sum to 1."""
        weight = self.to_qk.weight[:, :, None, None]  # a convolution takes 5/6 of the time of a linear layer
        qk = self.pointwise(self.norm(rows).permute(0, 3, 1, 2), weight, self.to_qk.bias).permute(0, 2, 3, 1)
        q, k = qk.unflatten(-1, (2, self.heads, self.rank)).permute(3, 0, 1, 4, 2, 5)  # each (B, T, heads, V, rank)
        return (q * self.rank**-0.5 @ k.transpose(-1, -2)).softmax(-1)

    def forward(self, feat: Tensor, return_attention: bool = False) -> Tensor | tuple[Tensor, Attention]:
        rows = feat.permute(0, 2, 3, 1)  # (B, T, V, D)
        attention = self.attention(rows)
        # All heads in one product, with the heads of a joint side by side: (B, T, V·heads, V) times (B, T, V, D). The
        # topology, lying like that in memory and named first, makes the result lie like that, which saves a copy.
        mix = self.topology.transpose(0, 1).contiguous() * attention.transpose(2, 3)
        mixed = (mix.flatten(2, 3) @ rows).view(*rows.shape[:3], -1).permute(0, 3, 1, 2)
        weight = self.weight.transpose(0, 1).flatten(1)[:, :, None, None]  # (D_out, heads·D, 1, 1)
        out = self.pointwise(mixed, weight, self.bias.sum(0))
        out = F.relu_(self.out_norm(out).add_(self.residual(feat)))
        if not return_attention:
            return out
        return out, {"attention": attention, "attention × topology": mix.transpose(2, 3)}
