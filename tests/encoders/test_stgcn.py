"""ST-GCN++'s graph convolution and temporal branches equal the same sums, written as loops."""

from __future__ import annotations

import pytest
import torch
from support.numerics import unsettle
from torch import Tensor, nn
from torch.nn import functional as F

from crossglg.encoders.stgcn import AdaptiveGraphConv, SixBranchTemporalConv, STGCNPlusPlus
from crossglg.skeletons import get_layout

NTU = get_layout("ntu25")


@torch.no_grad()
@pytest.mark.parametrize("out", [6, 10])
def test_graph_conv_equals_the_papers_sums(out: int) -> None:
    """z_i = Σ_k Σ_j A_k[j, i]·(W_k x_j + b_k), joints and frames one by one."""
    torch.manual_seed(0)
    subsets, width, joints, frames = 3, 6, 5, 4
    layer = AdaptiveGraphConv(width, out, torch.rand(subsets, joints, joints)).eval()
    unsettle(layer)
    feat = torch.randn(2, width, frames, joints)
    weight, bias = layer.project.weight.view(subsets, out, width), layer.project.bias.view(subsets, out)
    mixed = torch.zeros(2, out, frames, joints)
    for b in range(2):
        for t in range(frames):
            for k in range(subsets):
                for j in range(joints):
                    projected = weight[k] @ feat[b, :, t, j] + bias[k]
                    for i in range(joints):
                        mixed[b, :, t, i] += layer.topology[k, j, i] * projected
    expected = F.relu(layer.out_norm(mixed) + layer.residual(feat))
    torch.testing.assert_close(layer(feat), expected, atol=1e-5, rtol=1e-5)


def test_topology_starts_as_the_graph_of_the_bones_and_is_learned() -> None:
    """Hand tips hang on their hands; what the joints of a column receive is shared out evenly."""
    parents = dict(NTU.bones) | {21: 7, 23: 11}
    children = [sum(parent == p for parent in parents.values()) for p in range(25)]
    expected = torch.zeros(3, 25, 25)
    expected[0] = torch.eye(25)
    for child, parent in parents.items():
        expected[1, parent, child] = 1.0
        expected[2, child, parent] = 1.0 / children[parent]
    for block in STGCNPlusPlus(NTU, in_channels=3, persons=1).blocks:
        torch.testing.assert_close(block.spatial.topology.detach(), expected)
        assert block.spatial.topology.requires_grad


def batch_norm(norm: nn.BatchNorm2d, rows: slice, feat: Tensor) -> Tensor:
    """The part of a normalization that belongs to these rows, as if it were a layer of its own."""
    scale, shift = norm.weight[rows] / (norm.running_var[rows] + norm.eps).sqrt(), norm.running_mean[rows]
    return (feat - shift.view(-1, 1, 1)) * scale.view(-1, 1, 1) + norm.bias[rows].view(-1, 1, 1)


@torch.no_grad()
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize(("width", "branch"), [(12, 2), (16, 2)])  # 16: four features are left over for the first
def test_temporal_conv_equals_separate_branches(width: int, branch: int, stride: int) -> None:
    torch.manual_seed(0)
    layer = SixBranchTemporalConv(width, stride).eval()
    unsettle(layer)
    frames = 9
    feat = torch.randn(2, width, frames, 3)
    first = width - 5 * branch
    sizes = [first, branch, branch, branch, branch]
    out_frames = range(0, frames, stride)

    branches, start = [], 0
    for size, dilation in zip(sizes, (1, 2, 3, 4, None), strict=True):
        rows = slice(start, start + size)
        start += size
        conv, norm = layer.reduce
        y = torch.einsum("oc,bctv->botv", conv.weight[rows, :, 0, 0], feat) + conv.bias[rows].view(-1, 1, 1)
        y = F.relu(batch_norm(norm, rows, y))
        if dilation is None:
            branches.append(torch.stack([y[:, :, max(0, t - 1) : t + 2].amax(2) for t in out_frames], 2))
            continue
        conv = layer.dilated[dilation - 1]
        out = torch.zeros(2, size, len(out_frames), 3)
        for n, t in enumerate(out_frames):
            out[:, :, n] = conv.bias.view(-1, 1)
            for tap in (-1, 0, 1):
                if 0 <= t + tap * dilation < frames:
                    out[:, :, n] += torch.einsum(
                        "oc,bcv->bov", conv.weight[:, :, tap + 1, 0], y[:, :, t + tap * dilation]
                    )
        branches.append(out)
    point = layer.pointwise
    branches.append(torch.einsum("oc,bctv->botv", point.weight[..., 0, 0], feat[:, :, ::stride]))
    branches[-1] += point.bias.view(-1, 1, 1)

    everything = slice(None)
    before, _, mix, after = layer.mix
    hidden = F.relu(batch_norm(before, everything, torch.cat(branches, 1)))
    mixed = torch.einsum("oc,bctv->botv", mix.weight[..., 0, 0], hidden) + mix.bias.view(-1, 1, 1)
    torch.testing.assert_close(layer(feat), batch_norm(after, everything, mixed), atol=1e-5, rtol=1e-5)


def test_first_block_has_no_residual() -> None:
    blocks = STGCNPlusPlus(NTU, in_channels=3, persons=1).blocks
    assert [block.residual is None for block in blocks] == [True] + [False] * 9
