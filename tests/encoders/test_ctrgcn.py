"""CTR-GCN's topologies equal the paper's equations, written as loops."""

from __future__ import annotations

import pytest
import torch
from support.numerics import unsettle
from torch.nn import functional as F

from crossglg.encoders.ctrgcn import CTRGCN, ChannelTopologyGraphConv
from crossglg.skeletons import get_layout

NTU = get_layout("ntu25")


@torch.no_grad()
@pytest.mark.parametrize("out", [6, 10])
def test_graph_conv_equals_the_papers_sums(out: int) -> None:
    """For each subset: z_i = Σ_j (A_ij + α·ξ(tanh(ψ(x_i) − φ(x_j)))) ∘ (W x_j), joints and frames one by one."""
    torch.manual_seed(0)
    subsets, width, rank, joints, frames = 3, 6, 8, 5, 4
    layer = ChannelTopologyGraphConv(width, out, torch.rand(subsets, joints, joints)).eval()
    unsettle(layer)
    layer.alpha.fill_(0.7)
    layer.refine_bias.normal_()
    feat = torch.randn(2, width, frames, joints)

    relate, relate_bias = layer.relate.weight.view(subsets, 2, rank, width), layer.relate.bias.view(subsets, 2, rank)
    project, project_bias = layer.project.weight.view(subsets, out, width), layer.project.bias.view(subsets, out)
    mixed = torch.zeros(2, out, frames, joints)
    for b in range(2):
        for k in range(subsets):
            pooled = [sum(feat[b, :, t, v] for t in range(frames)) / frames for v in range(joints)]
            psi, phi = ([relate[k, s] @ x + relate_bias[k, s] for x in pooled] for s in (0, 1))
            for i in range(joints):
                for j in range(joints):
                    relation = layer.refine_weight[k] @ torch.tanh(psi[i] - phi[j]) + layer.refine_bias[k]
                    topology = layer.topology[k, j, i] + layer.alpha * relation  # one number per channel
                    for t in range(frames):
                        mixed[b, :, t, i] += topology * (project[k] @ feat[b, :, t, j] + project_bias[k])
    expected = F.relu(layer.out_norm(mixed) + layer.residual(feat))
    torch.testing.assert_close(layer(feat), expected, atol=1e-5, rtol=1e-5)


def test_topologies_start_as_the_graph_of_the_bones_for_every_channel() -> None:
    layer = CTRGCN(NTU, in_channels=3, persons=1).blocks[1].spatial
    topologies = layer.topologies(torch.randn(2, 64, 4, 25))
    expected = torch.zeros(3, 25, 25)  # [k, j, i]: what joint j gives to joint i
    expected[0] = torch.eye(25)
    children = [sum(parent == p for _, parent in NTU.bones) for p in range(25)]
    for child, parent in NTU.bones:
        expected[1, child, parent] = 1.0  # a parent receives the sum of its children
        expected[2, parent, child] = 1.0 / children[parent]
    torch.testing.assert_close(topologies, expected[None, :, None].expand(2, 3, 64, 25, 25))


def test_topologies_differ_between_inputs_and_channels_once_alpha_opens() -> None:
    layer = CTRGCN(NTU, in_channels=3, persons=1).blocks[1].spatial
    layer.alpha.data.fill_(0.5)
    topologies = layer.topologies(torch.randn(2, 64, 4, 25))
    assert topologies.std(0).mean() > 1e-2
    assert topologies.std(2).mean() > 1e-2


def test_first_block_has_no_residual() -> None:
    blocks = CTRGCN(NTU, in_channels=3, persons=1).blocks
    assert [block.residual is None for block in blocks] == [True] + [False] * 9
