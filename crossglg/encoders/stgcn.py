"""ST-GCN++: the spatial temporal graph convolutional network, with good practices.

Duan, Wang, Chen and Lin, "PYSKL: Towards Good Practices for Skeleton Action Recognition", ACM MM 2022, after ST-GCN
(Yan, Xiong and Lin, AAAI 2018). The graph is learned freely, starting from the bones, and shared by all inputs; the
temporal module has six branches. Written from the papers; parameters, initial topology and outputs equal the published
model's.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from crossglg.encoders.base import Attention, PersonIndex
from crossglg.encoders.graph import STRIDES, WIDTHS, EncodingBlock, GraphEncoder, norm_joints
from crossglg.encoders.temporal import conv_norm, shortcut, time_conv
from crossglg.skeletons import Layout


class STGCNPlusPlus(GraphEncoder):
    """ST-GCN++ (module text). Defaults are the published model: 1.40 M parameters.

    widths, strides: features and temporal stride of each block.  importance_after_block: half of the blocks, inferred.
    All persons share the statistics of the input.
    """

    def __init__(
        self,
        layout: Layout,
        in_channels: int,
        persons: int,
        widths: tuple[int, ...] = WIDTHS,
        strides: tuple[int, ...] = STRIDES,
        importance_after_block: int = 5,
    ) -> None:
        itself, inward, outward = torch.from_numpy(hand_tips_on_hands(layout).adjacency()).to(torch.get_default_dtype())
        adjacency = torch.stack([itself, outward, inward])

        def block(width: int, out: int, stride: int, first: bool) -> EncodingBlock:
            return EncodingBlock(
                AdaptiveGraphConv(width, out, adjacency),
                SixBranchTemporalConv(out, stride),
                shortcut(width, out, stride) if not first else None,
            )

        super().__init__(in_channels, widths, strides, importance_after_block, block)
        self.input_norm = nn.BatchNorm1d(layout.num_joints * in_channels)

    def start_classifier(self, classifier: nn.Linear) -> None:
        nn.init.normal_(classifier.weight, std=0.01)
        nn.init.zeros_(classifier.bias)

    def embed_input(self, x: Tensor, bodies: PersonIndex) -> Tensor:
        return norm_joints(self.input_norm, x).permute(0, 3, 1, 2)


def hand_tips_on_hands(layout: Layout) -> Layout:
    """The graph as published: a hand tip hangs on its hand, not on the thumb as in the graph of CTR-GCN."""
    parents = dict(layout.bones)
    for side in ("left", "right"):
        if layout.has(f"{side} hand tip") and layout.has(f"{side} hand"):
            parents[layout.index(f"{side} hand tip")] = layout.index(f"{side} hand")
    return Layout.from_edges(layout.name, layout.joints, parents.items(), layout.root)


class AdaptiveGraphConv(nn.Module):
    """Each subset projects the features and mixes joints by its learned adjacency; subsets add up. PYSKL: §3."""

    def __init__(self, width: int, out: int, adjacency: Tensor) -> None:
        super().__init__()
        self.subsets = len(adjacency)
        self.topology = nn.Parameter(adjacency.clone())
        self.project = nn.Conv2d(width, self.subsets * out, 1)
        self.out_norm = nn.BatchNorm2d(out)
        self.residual = shortcut(width, out)

    def forward(self, feat: Tensor, return_attention: bool = False) -> Tensor | tuple[Tensor, Attention]:
        projected = self.project(feat).permute(0, 2, 3, 1).unflatten(3, (self.subsets, -1)).flatten(2, 3)
        # One product mixes joints and adds up subsets: (V, V·subsets) times (B, T, V·subsets, D_out).
        topology = self.topology.permute(2, 1, 0).flatten(1).expand(*projected.shape[:2], -1, -1)
        mixed = (topology @ projected).permute(0, 3, 1, 2)
        out = F.relu_(self.out_norm(mixed).add_(self.residual(feat)))
        if not return_attention:
            return out
        return out, {"learned topology": self.topology.mT.expand(len(feat), 1, -1, -1, -1)}  # the same for all clips


class SixBranchTemporalConv(nn.Module):
    """Convolutions over three frames at dilations 1 to 4, max pooling and a point-wise one; then all are mixed.

    A sixth of the width each; the first branch also takes what is left over.  PYSKL: §3.
    """

    def __init__(self, width: int, stride: int) -> None:
        super().__init__()
        branch = width // 6
        self.parts = [width - 5 * branch, *[branch] * 4]
        self.reduce = conv_norm(width, sum(self.parts))
        self.dilated = nn.ModuleList(
            time_conv(part, part, 3, stride, dilation) for dilation, part in enumerate(self.parts[:4], 1)
        )
        self.pool = nn.MaxPool2d((3, 1), (stride, 1), (1, 0))
        self.pointwise = time_conv(width, branch, stride=stride)
        self.mix = nn.Sequential(nn.BatchNorm2d(width), nn.ReLU(), *conv_norm(width, width))

    def forward(self, feat: Tensor) -> Tensor:
        *convolved, pooled = F.relu_(self.reduce(feat)).split(self.parts, dim=1)
        branches = [conv(part) for conv, part in zip(self.dilated, convolved, strict=True)]
        return self.mix(torch.cat([*branches, self.pool(pooled), self.pointwise(feat)], dim=1))
