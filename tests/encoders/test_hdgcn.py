"""HD-GCN has the published groups and number of parameters, and computes what its paper's equations say."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from crossglg.encoders import build_encoder
from crossglg.encoders.hdgcn import HDGCN, EdgeConv, HierarchicalGraphConv, hierarchical_graph, hierarchy
from crossglg.model import JointImportanceModule
from crossglg.skeletons import LAYOUTS, Layout, get_layout

NTU = get_layout("ntu25")
FIVE = Layout.from_edges("five", list("abcde"), [(0, 1), (1, 2), (1, 3), (3, 4)], root="a")
GROUPS = hierarchy(FIVE)


@pytest.fixture
def float64() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def numbers_from_one(groups: list[list[int]]) -> list[set[int]]:
    return [{j + 1 for j in group} for group in groups]


def unsettle(module: nn.Module) -> None:
    """Give norms, biases and topologies values that are not those of the start, so that no mistake hides in them."""
    generator = torch.Generator().manual_seed(5)
    for name, tensor in module.state_dict().items():
        touched = any(part in name for part in ("norm", "bias", "topology", "reduce"))
        if touched and tensor.is_floating_point():
            tensor += 0.3 * torch.rand(tensor.shape, generator=generator)


@pytest.mark.parametrize(("classes", "count"), [(60, 1_659_980), (100, 1_670_260), (120, 1_675_400)])
def test_hdgcn_has_the_published_number_of_parameters(classes: int, count: int) -> None:
    encoder = HDGCN(NTU, in_channels=3, persons=2)
    classifier = nn.Linear(encoder.out_features, classes)
    assert sum(p.numel() for m in (encoder, classifier) for p in m.parameters()) == count


def test_joints_have_five_nearest_and_levels_three() -> None:
    blocks = HDGCN(NTU, in_channels=3, persons=2).blocks
    assert [block.spatial.similar.neighbors for block in blocks] == [5] * 10
    assert blocks[0].spatial.attention is None
    assert [block.spatial.attention.similar.neighbors for block in blocks[1:]] == [3] * 9


@pytest.mark.parametrize("name", ["hdgcn", "hdgcn-small"])
def test_joint_importance_adds_less_than_a_tenth_of_a_million(name: str) -> None:
    encoder = build_encoder(name, NTU)
    jid = JointImportanceModule(encoder.widths[encoder.importance_after_block - 1])
    assert sum(p.numel() for p in jid.parameters()) < 100_000


def test_groups_of_ntu_around_the_base_and_the_middle_of_the_spine_are_the_published_ones() -> None:
    assert numbers_from_one(hierarchy(NTU)) == [
        {1}, {2, 13, 17}, {14, 18, 21}, {3, 5, 9, 15, 19}, {4, 6, 10, 16, 20}, {7, 11}, {8, 12, 22, 23, 24, 25},
    ]  # fmt: skip
    assert numbers_from_one(hierarchy(NTU, center="middle of spine")) == [
        {2}, {1, 21}, {3, 5, 9, 13, 17}, {4, 6, 10, 14, 18}, {7, 11, 15, 19}, {8, 12, 16, 20}, {22, 23, 24, 25},
    ]  # fmt: skip


def test_groups_of_ntu_around_the_shoulders_differ_from_the_published_ones_in_the_hand_tips() -> None:
    published = [
        {21}, {2, 3, 5, 9}, {1, 4, 6, 10}, {7, 11, 13, 17}, {8, 12, 14, 18}, {15, 19, 22, 23, 24, 25}, {16, 20},
    ]  # fmt: skip
    ours = numbers_from_one(hierarchy(NTU, center="shoulder center"))
    assert ours == [*published[:5], published[5] - {22, 24}, published[6] | {22, 24}]


def test_groups_of_another_layout_are_distances_in_its_tree() -> None:
    kinect = get_layout("kinect20")
    assert [{kinect.joints[j] for j in group} for group in hierarchy(kinect)] == [
        {"hip center"},
        {"spine", "left hip", "right hip"},
        {"shoulder center", "left knee", "right knee"},
        {"head", "left shoulder", "right shoulder", "left ankle", "right ankle"},
        {"left elbow", "right elbow", "left foot", "right foot"},
        {"left wrist", "right wrist"},
        {"left hand", "right hand"},
    ]
    assert hierarchy(FIVE, center="b") == [[1], [0, 2, 3], [4]]
    assert hierarchy(FIVE, most=3) == [[0], [1], [2, 3, 4]]  # what is farther goes into the last group


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_groups_share_out_all_joints_and_bones_never_skip_a_group(layout: Layout) -> None:
    groups = hierarchy(layout)
    group_of = {j: g for g, group in enumerate(groups) for j in group}
    assert sorted(j for group in groups for j in group) == list(range(layout.num_joints))
    assert all(abs(group_of[child] - group_of[parent]) <= 1 for child, parent in layout.bones)
    assert 2 <= len(groups) <= 7


def test_a_center_that_is_no_joint_is_an_error() -> None:
    with pytest.raises(ValueError, match="has no joint 'navel'"):
        hierarchy(NTU, center="navel")


def test_hierarchical_graph_equals_a_loop_over_joints() -> None:
    groups = hierarchy(NTU)
    graph = hierarchical_graph(groups)
    assert graph.shape == (6, 3, 25, 25)
    for level in range(6):
        inner, outer = groups[level], groups[level + 1]
        for i in range(25):
            for j in range(25):
                itself = float(i == j and i in inner + outer)
                outward = 1 / len(outer) if j in inner and i in outer else 0.0
                inward = 1 / len(inner) if j in outer and i in inner else 0.0
                assert graph[level, :, i, j].tolist() == pytest.approx([itself, outward, inward])


def edges(x: Tensor, layer: EdgeConv, group: int, training: bool) -> Tensor:
    """S-EdgeConv of one group, edge by edge. x: (B, R, P)."""
    batch, width, points = x.shape
    place = x.detach()
    nearest = min(layer.neighbors, points)
    found = torch.zeros(batch, width, points, nearest)
    for b in range(batch):
        for i in range(points):
            distances = [float((place[b, :, i] - place[b, :, j]).square().sum()) for j in range(points)]
            for n, j in enumerate(sorted(range(points), key=distances.__getitem__)[:nearest]):
                found[b, :, i, n] = layer.weight[group] @ torch.cat([x[b, :, j] - x[b, :, i], x[b, :, i]])
    return F.leaky_relu(normed(found, layer.norm, group * width, training), 0.2).amax(-1)


def normed(x: Tensor, norm: nn.Module, start: int, training: bool) -> Tensor:
    """Batch normalization of x (B, R, …) by R of the channels of `norm`, from `start` on, as a layer of its own."""
    rows = slice(start, start + x.shape[1])
    mean, variance = norm.running_mean[rows].clone(), norm.running_var[rows].clone()
    return F.batch_norm(x, mean, variance, norm.weight[rows], norm.bias[rows], training)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("points", [4, 9])
def test_edge_conv_equals_a_loop_over_edges(points: int, training: bool) -> None:
    torch.manual_seed(0)
    layer = EdgeConv(width := 3, neighbors=5, groups=2).train(training)
    unsettle(layer)
    x = torch.randn(2, 2, width, points)
    expected = torch.stack([edges(x[:, group], layer, group, training) for group in range(2)], 1)
    torch.testing.assert_close(layer(x), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("attention", [False, True])
@pytest.mark.parametrize("width", [8, 3])
def test_hierarchical_graph_conv_equals_loops_over_levels_and_subsets(
    width: int, attention: bool, training: bool, float64: None
) -> None:
    """In value and in every gradient; as published, the bias of a subset comes last before its norm, so it cancels."""
    torch.manual_seed(0)
    batch, frames, joints, out, rank = 2, 3, 5, 8, 2
    layer = HierarchicalGraphConv(width, out, GROUPS, attention).train(training)
    unsettle(layer)
    levels = len(GROUPS) - 1
    feat = torch.randn(batch, width, frames, joints, requires_grad=True)
    conv, norm = layer.reduce
    outputs = []
    for level in range(levels):
        rows = slice(level * rank, (level + 1) * rank)
        reduced = F.conv2d(feat, conv.weight[rows], conv.bias[rows])
        reduced = F.relu(normed(reduced, norm, level * rank, training))
        branches = []
        for subset in range(3):
            own = slice(subset * rank, (subset + 1) * rank)
            mixed = torch.zeros(batch, rank, frames, joints)
            for i in range(joints):
                for j in range(joints):
                    message = torch.einsum("oc,bct->bot", layer.weight[level, own], reduced[..., j])
                    mixed[..., i] += layer.topology[level, subset, i, j] * message
            mixed = mixed + layer.bias[level, own].unsqueeze(-1)
            branches.append(normed(mixed, layer.mixed_norm, (level * 3 + subset) * rank, training))
        similar = edges(reduced.mean(2), layer.similar, level, training)
        branches.append(torch.stack([similar] * frames, 2))
        outputs.append(torch.cat(branches, 1))
    if attention:
        gates = attention_of_levels(outputs, layer.attention, training)
        outputs = [output * gate[:, :, None, None] for output, gate in zip(outputs, gates, strict=True)]
    residual = feat
    if width != out:
        residual = normed(
            F.conv2d(feat, layer.residual[0].weight, layer.residual[0].bias), layer.residual[1], 0, training
        )
    expected = F.relu(normed(sum(outputs), layer.out_norm, 0, training) + residual)
    out = layer(feat)
    torch.testing.assert_close(out, expected, atol=1e-10, rtol=1e-10)
    slope = torch.linspace(-1.0, 1.0, out.numel()).view_as(out)
    names, parameters = zip(*layer.named_parameters(), strict=True)
    ours, theirs = (torch.autograd.grad((y * slope).sum(), (feat, *parameters)) for y in (out, expected))
    for name, a, b in zip(("feat", *names), ours, theirs, strict=True):
        torch.testing.assert_close(a, b, atol=1e-10, rtol=1e-10, msg=lambda m, name=name: f"{name}: {m}")
    if training:
        assert layer.bias is parameters[names.index("bias")] and ours[1 + names.index("bias")].abs().max() < 1e-10


def attention_of_levels(outputs: list[Tensor], layer: nn.Module, training: bool) -> list[Tensor]:
    """A-HA: a weight (B, D) for every level from outputs (B, D, T, V) of all levels."""
    conv, norm, _ = layer.reduce
    peaks = torch.stack([output.amax(2) for output in outputs], 2)  # (B, D, L, V)
    reduced = F.conv2d(peaks, conv.weight.unsqueeze(-1), conv.bias)
    reduced = F.relu(normed(reduced, norm, 0, training))
    pooled = []
    for level in range(len(outputs)):
        members = GROUPS[level] + GROUPS[level + 1]
        pooled.append(sum(reduced[:, :, level, j] for j in members) / len(members))
    found = edges(torch.stack(pooled, 2), layer.similar, 0, training)  # (B, R, L)
    weight, bias = layer.expand.weight[:, :, 0], layer.expand.bias
    return [torch.sigmoid(found[:, :, level] @ weight.T + bias) for level in range(len(outputs))]
