"""HD-GCN: Hierarchically Decomposed Graph Convolutional Networks for Skeleton-Based Action Recognition.

Lee, Lee, Lee and Lee, ICCV 2023. Joints are grouped by their distance from a center; each pair of neighboring groups
is one level of the hierarchy, a fully connected graph of its own. Every level also relates joints that are similar for
this input, wherever they are (S-EdgeConv), and attention weighs the levels (A-HA); multi-scale temporal convolutions
follow. Written from the paper; parameters, initial weights and outputs equal the published model's.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from crossglg.encoders.base import Attention, PersonIndex
from crossglg.encoders.graph import STRIDES, WIDTHS, EncodingBlock, GraphEncoder, PerPersonBatchNorm
from crossglg.encoders.temporal import MultiScaleTemporalConv, conv_norm, kaiming, kaiming_shortcut
from crossglg.skeletons import Layout


class HDGCN(GraphEncoder):
    """HD-GCN (module text). Defaults are the published model: 1.66 M parameters.

    widths, strides: features, a multiple of 4, and temporal stride of each block; the first block, which sees
    coordinates, has neither attention over levels nor a residual.  importance_after_block: half of the
    blocks, inferred.
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
        groups = hierarchy(layout)

        def block(width: int, out: int, stride: int, first: bool) -> EncodingBlock:
            return EncodingBlock(
                HierarchicalGraphConv(width, out, groups, attention=not first),
                MultiScaleTemporalConv(out, stride).start_as_published(),
                kaiming_shortcut(width, out, stride) if not first else None,
            )

        super().__init__(in_channels, widths, strides, importance_after_block, block)
        self.input_norm = PerPersonBatchNorm(layout.num_joints * in_channels, persons)

    def start_classifier(self, classifier: nn.Linear) -> None:
        nn.init.normal_(classifier.weight, std=(2.0 / classifier.out_features) ** 0.5)

    def embed_input(self, x: Tensor, bodies: PersonIndex) -> Tensor:
        return self.input_norm(x, bodies).permute(0, 3, 1, 2).contiguous()


def hierarchy(layout: Layout, center: str = "", most: int = 7) -> list[list[int]]:
    """Group joints by their number of bones from `center`; the last of `most` groups takes all that is farther.

    center: the hip center, in layouts without one the root.  Returns joint indices, ascending, of at most `most`
    groups. Paper: §3.1. For NTU RGB+D the groups are the published ones around joints 1 and 2; around joint 21 the
    published table has both hand tips one group nearer.
    """
    center = center or ("hip center" if layout.has("hip center") else layout.joints[layout.root_index])
    around = Layout.from_edges(layout.name, layout.joints, layout.bones, layout.joints[layout.index(center)])
    distance = around.depth.clip(max=most - 1)
    return [[int(j) for j in (distance == d).nonzero()[0]] for d in range(distance.max() + 1)]


def hierarchical_graph(groups: list[list[int]]) -> Tensor:
    """(L, 3, V, V) topology of L = len(groups) − 1 levels; entry [.., i, j] is how much joint i receives from joint j.

    A level joins two neighboring groups: each of its joints with itself, and every joint of one group with every
    joint of the other, outward and inward. Each column sums to 1 or, for joints of other levels, 0.
    """
    joints = sum(map(len, groups))
    graph = torch.zeros(len(groups) - 1, 3, joints, joints)
    for level, (inner, outer) in enumerate(pairwise(groups)):
        near, far = torch.tensor(inner), torch.tensor(outer)
        both = torch.cat([near, far])
        graph[level, 0, both, both] = 1.0
        graph[level, 1, far[:, None], near] = 1.0 / len(outer)
        graph[level, 2, near[:, None], far] = 1.0 / len(inner)
    return graph


class HierarchicalGraphConv(nn.Module):
    """HD-GC: in each level, joints are mixed by three learned topologies and by similarity; levels are summed by A-HA.

    All levels are computed at once, as groups of channels. Paper: §3.2.
    """

    def __init__(self, width: int, out: int, groups: list[list[int]], attention: bool = True) -> None:
        super().__init__()
        topology = hierarchical_graph(groups)
        levels, subsets = topology.shape[:2]
        rank = out // (subsets + 1)  # each subset, and similarity, gives this many of the features
        self.reduce = conv_norm(width, levels * rank)
        self.weight = nn.Parameter(torch.randn(levels, subsets * rank, rank) * (2.0 / rank) ** 0.5)
        self.bias = nn.Parameter(torch.zeros(levels, subsets * rank, 1))
        self.topology = nn.Parameter(topology)
        self.mixed_norm = nn.BatchNorm2d(levels * subsets * rank)
        self.similar = EdgeConv(rank, neighbors=5, groups=levels)
        self.attention = LevelAttention(out, groups) if attention else None
        self.out_norm = nn.BatchNorm2d(out)
        self.residual = kaiming_shortcut(width, out)
        kaiming(self.reduce[0], rank)
        nn.init.constant_(self.out_norm.weight, 1e-6)

    def forward(self, feat: Tensor, return_attention: bool = False) -> Tensor | tuple[Tensor, Attention]:
        levels, frames = len(self.topology), feat.shape[2]
        reduced = F.relu(self.reduce(feat)).unflatten(1, (levels, -1))  # (B, L, R, T, V)
        mixed = self.mix(reduced)  # (B, L, S·R, T, V)
        similar = self.similar(reduced.mean(3))  # (B, L, R, V), the same at all times
        gate = None
        if self.attention is not None:
            gate = self.attention(torch.cat([mixed.max(3).values, similar], 2))  # (B, L, D)
            mixed = mixed * gate[:, :, : mixed.shape[2], None, None]
            similar = similar * gate[:, :, mixed.shape[2] :, None]
        mixed, similar = mixed.sum(1), similar.sum(1)
        out = torch.cat([mixed, similar.unsqueeze(2).expand(-1, -1, frames, -1)], 1)  # (B, D, T, V)
        out = F.relu(self.out_norm(out) + self.residual(feat))
        return (out, self.looked_at(reduced, gate)) if return_attention else out

    def mix(self, reduced: Tensor) -> Tensor:
        """(B, L, R, T, V) → (B, L, S·R, T, V): in each level, each subset projects the features and mixes joints."""
        (levels, subsets), (frames, joints) = self.topology.shape[:2], reduced.shape[3:]
        projected = self.weight @ reduced.flatten(3)  # (B, L, S·R, T·V)
        by_subset = projected.view(len(reduced), levels, subsets, -1, joints)  # (B, L, S, R·T, V)
        mixed = (by_subset @ self.topology.transpose(2, 3)).view(len(reduced), -1, frames, joints)
        return self.mixed_norm(mixed + self.bias.view(-1, 1, 1)).unflatten(1, (levels, -1))

    def looked_at(self, reduced: Tensor, gate: Tensor | None) -> Attention:
        """A head per level: its topology, the mean of the three, times A-HA's weight of the level (mean over features);
        and 1/k for each of the k most similar joints, so that rows sum to 1."""
        topology = self.topology.mean(1).expand(len(reduced), 1, -1, -1, -1)  # (B, 1, L, V, V)
        weighted = topology if gate is None else topology * gate.mean(2)[:, None, :, None, None]
        nearest = F.one_hot(self.similar.nearest(reduced.mean(3)), reduced.shape[-1]).to(reduced).mean(3)
        return {"levels": weighted, "similar joints": nearest[:, None]}


class LevelAttention(nn.Module):
    """A-HA: how much each level counts for each feature, from its joints' peaks over time and its similar levels.

    Paper: §3.3; representative spatial average pooling, then an edge convolution among levels.
    """

    def __init__(self, width: int, groups: list[list[int]]) -> None:
        super().__init__()
        members = hierarchical_graph(groups)[:, 0].diagonal(dim1=1, dim2=2)  # (L, V), 1 for a joint of the level
        self.members: Tensor
        self.register_buffer("members", members / members.sum(1, keepdim=True), persistent=False)
        self.reduce = nn.Sequential(nn.Conv1d(width, width // 4, 1), nn.BatchNorm1d(width // 4), nn.ReLU())
        self.similar = EdgeConv(width // 4, neighbors=3)
        self.expand = nn.Conv1d(width // 4, width, 1)
        kaiming(self.reduce[0], width // 4)

    def forward(self, peaks: Tensor) -> Tensor:
        """peaks: (B, L, D, V). Returns weights between 0 and 1, (B, L, D)."""
        reduced = self.reduce(peaks.flatten(0, 1)).unflatten(0, peaks.shape[:2])  # (B, L, R, V)
        levels = (reduced @ self.members.unsqueeze(-1)).squeeze(-1).transpose(1, 2)  # (B, R, L)
        return self.expand(self.similar(levels.unsqueeze(1)).squeeze(1)).sigmoid().transpose(1, 2)


class EdgeConv(nn.Module):
    """Each point meets its nearest points, itself among them; the strongest edge counts, feature by feature.

    groups: independent sets of points with weights of their own.  Wang et al., "Dynamic Graph CNN", TOG 2019.
    """

    def __init__(self, width: int, neighbors: int, groups: int = 1) -> None:
        super().__init__()
        self.neighbors = neighbors
        # Of (neighbor − own, own).
        self.weight = nn.Parameter(torch.randn(groups, width, 2 * width) * (2.0 / width) ** 0.5)
        self.norm = nn.BatchNorm2d(groups * width)

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, G, R, P) features of P points. Returns the same shape."""
        difference, own = self.weight.chunk(2, dim=2)
        # W₁(xⱼ − xᵢ) + W₂xᵢ = W₁xⱼ + (W₂ − W₁)xᵢ: one product per point instead of one per edge.
        theirs, mine = (torch.cat([difference, own - difference], 1) @ x).chunk(2, dim=2)  # each (B, G, R, P)
        nearest = self.nearest(x).flatten(2).unsqueeze(2).expand(-1, -1, x.shape[2], -1)  # (B, G, R, P·k)
        edges = theirs.gather(3, nearest).unflatten(3, (x.shape[3], -1)) + mine.unsqueeze(-1)  # (B, G, R, P, k)
        strongest = self.norm(edges.flatten(1, 2)).amax(-1)  # before the rectifier, which keeps the order
        return F.leaky_relu(strongest, 0.2).view_as(x)

    @torch.no_grad()
    def nearest(self, x: Tensor) -> Tensor:
        """(B, G, R, P) → (B, G, P, k) indices of the points nearest in features."""
        points = x.transpose(2, 3)
        return torch.cdist(points, points).topk(min(self.neighbors, x.shape[3]), largest=False).indices
