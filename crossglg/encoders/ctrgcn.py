"""CTR-GCN: Channel-wise Topology Refinement Graph Convolution for Skeleton-Based Action Recognition.

Chen, Zhang, Yuan, Li, Deng and Hu, ICCV 2021. A topology shared by all inputs and channels is refined for every channel
by relations between joints, inferred from the input; multi-scale temporal convolutions follow. Written from the paper;
parameters, initial weights and outputs equal the published model's.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from crossglg.encoders.base import Attention, PersonIndex
from crossglg.encoders.graph import STRIDES, WIDTHS, EncodingBlock, GraphEncoder, PerPersonBatchNorm
from crossglg.encoders.temporal import MultiScaleTemporalConv, kaiming, kaiming_shortcut
from crossglg.skeletons import Layout


class CTRGCN(GraphEncoder):
    """CTR-GCN (module text). Defaults are the published model: 1.46 M parameters.

    widths, strides: features and temporal stride of each block.  importance_after_block: half of the blocks, inferred.
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
        itself, inward, outward = torch.from_numpy(layout.adjacency()).to(torch.get_default_dtype())
        # As published: a parent receives the sum of its children.
        adjacency = torch.stack([itself, outward.T, inward.T])

        def block(width: int, out: int, stride: int, first: bool) -> EncodingBlock:
            return EncodingBlock(
                ChannelTopologyGraphConv(width, out, adjacency),
                MultiScaleTemporalConv(out, stride).start_as_published(),
                kaiming_shortcut(width, out, stride) if not first else None,
            )

        super().__init__(in_channels, widths, strides, importance_after_block, block)
        self.input_norm = PerPersonBatchNorm(layout.num_joints * in_channels, persons)

    def start_classifier(self, classifier: nn.Linear) -> None:
        nn.init.normal_(classifier.weight, std=(2.0 / classifier.out_features) ** 0.5)

    def embed_input(self, x: Tensor, bodies: PersonIndex) -> Tensor:
        return self.input_norm(x, bodies).permute(0, 3, 1, 2)


class ChannelTopologyGraphConv(nn.Module):
    """CTR-GC: joints are mixed by A + α·Q(x), one topology for every channel; the subsets of A add up.

    Q_ij = ξ(tanh(ψ(x_i) − φ(x_j))) with x pooled over time.  alpha starts at 0, so that training begins with the graph
    of the bones.  Paper: §3.
    """

    def __init__(self, width: int, out: int, adjacency: Tensor) -> None:
        super().__init__()
        self.subsets, rank = len(adjacency), max(8, width // 8)
        self.relate = nn.Conv1d(width, 2 * self.subsets * rank, 1)
        self.refine_weight = nn.Parameter(torch.randn(self.subsets, out, rank) * (2.0 / out) ** 0.5)
        self.refine_bias = nn.Parameter(torch.zeros(self.subsets, out))
        self.topology = nn.Parameter(adjacency.clone())
        self.alpha = nn.Parameter(torch.zeros(1))
        self.project = nn.Conv2d(width, self.subsets * out, 1)
        self.out_norm = nn.BatchNorm2d(out)
        self.residual = kaiming_shortcut(width, out)
        kaiming(self.relate, rank)
        kaiming(self.project, out)
        nn.init.constant_(self.out_norm.weight, 1e-6)

    def topologies(self, feat: Tensor) -> Tensor:
        """(B, D, T, V) → (B, subsets, D_out, V, V); as in `Layout.adjacency`, [j, i]: what joint j gives to joint i."""
        psi, phi = self.relate(feat.mean(2)).unflatten(1, (self.subsets, -1)).chunk(2, dim=2)  # (B, subsets, rank, V)
        relation = torch.tanh(psi.unsqueeze(-2) - phi.unsqueeze(-1))  # (B, subsets, rank, V, V)
        refined = (self.alpha * self.refine_weight) @ relation.flatten(3)  # (B, subsets, D_out, V·V)
        # What does not depend on the input is added as one term.
        shared = self.topology.unsqueeze(1) + (self.alpha * self.refine_bias)[..., None, None]
        return refined.unflatten(-1, shared.shape[-2:]) + shared

    def forward(self, feat: Tensor, return_attention: bool = False) -> Tensor | tuple[Tensor, Attention]:
        projected = self.project(feat).unflatten(1, (self.subsets, -1))  # (B, subsets, D_out, T, V)
        topologies = self.topologies(feat)
        mixed = torch.einsum("bkcji,bkctj->bcti", topologies, projected)
        mixed = mixed.contiguous(memory_format=torch.channels_last)
        out = F.relu_(self.out_norm(mixed).add_(self.residual(feat)))
        # The mean over channels, (B, 1, subsets, V, V): the same at all times.
        return (out, {"refined topology": topologies.mean(2).mT[:, None]}) if return_attention else out
