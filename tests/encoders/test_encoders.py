"""Every registered encoder keeps the contract; InfoGCN computes what its paper's equations say."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from functools import partial

import pytest
import torch
from support.golden.regenerate import GOLDEN, LAYOUTS, forward_statistics
from support.numerics import fill_by_rule, unsettle
from support.reference_infogcn import PlainInfoGCN
from torch import Tensor, nn
from torch.nn import functional as F

from crossglg.encoders import ENCODERS, build_encoder
from crossglg.encoders.base import PersonIndex, SkeletonEncoder
from crossglg.encoders.checks import CHECKS, Build, can_be_exported
from crossglg.encoders.graph import PerPersonBatchNorm
from crossglg.encoders.inference import FEATURES_AT_ONCE, PointwiseConv, clips_at_once, for_inference, pointwise
from crossglg.encoders.infogcn import InfoGCN, SelfAttentionGraphConv, relative_positions
from crossglg.encoders.temporal import MultiScaleTemporalConv
from crossglg.files import read_json
from crossglg.model import CrossGLG, JointImportanceModule
from crossglg.skeletons import Layout, get_layout

NTU = get_layout("ntu25")

# 42 million parameters take minutes: .ci/run has them in a run of their own.
HEAVY = ("dstformer",)
SMALL = tuple(name for name in ENCODERS if f"{name}-small" in ENCODERS)  # these have a small one of the same code


def each(names: Iterable[str], heavy: Collection[str] = HEAVY) -> pytest.MarkDecorator:
    marked = [pytest.param(name, marks=pytest.mark.slow if name in heavy else ()) for name in names]
    return pytest.mark.parametrize("name", marked)


PINNED = read_json(GOLDEN)  # "name/layout" → numbers; a new encoder need not be among them
each_encoder, each_pinned_encoder = each(ENCODERS), each(dict.fromkeys(key.split("/")[0] for key in PINNED))
each_layout = pytest.mark.parametrize("layout", LAYOUTS)
# By default every encoder on one layout, and on the others those that no small one stands for.
each_encoder_and_layout = pytest.mark.parametrize(
    ("name", "layout"),
    [
        pytest.param(name, layout, marks=pytest.mark.slow if name in HEAVY or (name in SMALL and number) else ())
        for name in ENCODERS
        for number, layout in enumerate(LAYOUTS)
    ],
)
# What of them is exported by default: the default encoder, the one of the paper, and the transformer.
EXPORTED = ("lean-gcn", "infogcn-small", "dstformer-small")


# A head of K classes included: K → parameters, for three channels and two persons of ntu25.
PUBLISHED_PARAMETERS = {
    "infogcn": {60: 1_556_807, 100: 1_567_087, 120: 1_572_227},
    "ctrgcn": {60: 1_446_672, 100: 1_456_952, 120: 1_462_092},
    "stgcn++": {60: 1_403_144, 100: 1_413_424, 120: 1_418_564},
    "hdgcn": {60: 1_659_980, 100: 1_670_260, 120: 1_675_400},
}


def build(name: str, layout: str = "ntu25", persons: int = 2, channels: int = 3) -> SkeletonEncoder:
    torch.manual_seed(0)
    return build_encoder(name, get_layout(layout), channels, persons)


def clips(
    count: int, persons: int, joints: int = 25, frames: int = 8, seed: int = 1, channels: int = 3
) -> tuple[Tensor, Tensor]:
    x = torch.randn(count, persons, frames, joints, channels, generator=torch.Generator().manual_seed(seed))
    return x, torch.ones(count, persons, dtype=torch.bool)


@each_encoder_and_layout
@pytest.mark.parametrize("check", [check for check in CHECKS if check is not can_be_exported])  # below: all of CrossGLG
def test_encoder_keeps_the_contract(name: str, layout: str, check: Callable[[Build, Layout], None]) -> None:
    check(ENCODERS[name], get_layout(layout))


@each_encoder
@pytest.mark.parametrize("channels", [1, 9])
def test_any_number_of_channels_is_taken_and_all_count(name: str, channels: int) -> None:
    encoder = build(name, "kinect20", persons=1, channels=channels).eval()
    x, mask = clips(3, 1, joints=20, channels=channels)
    z = encoder(x, mask)
    assert z.shape == (3, encoder.out_features)
    for channel in range(channels):
        disturbed = x.clone()
        disturbed[..., channel] += torch.randn(x.shape[:-1], generator=torch.Generator().manual_seed(channel))
        assert (encoder(disturbed, mask) - z).abs().max() > 1e-4, f"channel {channel} is ignored"


@each(ENCODERS, heavy=[name for name in ENCODERS if name not in EXPORTED])
def test_an_exported_embedding_equals_the_eager_one(name: str) -> None:
    encoder = build(name)
    joint_importance = JointImportanceModule(encoder.widths[encoder.importance_after_block - 1])
    model = CrossGLG(encoder, num_classes=4, joint_importance=joint_importance).eval()
    unsettle(model)
    x, mask = clips(2, 2)
    expected = model.embed(x, mask)
    torch.testing.assert_close(model.embed(x), expected, atol=1e-5, rtol=1e-5)  # no mask: everybody is there
    exported = torch.export.export(Embedding(model), (x,)).module()
    torch.testing.assert_close(exported(x), expected, atol=1e-5, rtol=1e-5)
    other, _ = clips(2, 2, seed=8)
    torch.testing.assert_close(exported(other), model.embed(other, mask), atol=1e-5, rtol=1e-5)


class Embedding(nn.Module):
    """`torch.export` takes the forward of a module."""

    def __init__(self, model: CrossGLG) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        return self.model.embed(x)


@each_encoder
@pytest.mark.parametrize("training", [False, True])
def test_an_absent_second_person_changes_nothing(name: str, training: bool) -> None:
    x, mask = clips(3, 1)
    rubbish = torch.full_like(x, torch.nan)  # must not even be looked at

    def run(*batch: Tensor) -> Tensor:
        encoder = build(name).train(training)
        torch.manual_seed(3)  # noise of a bottleneck
        return encoder(*batch)

    padded = run(torch.cat([x, rubbish], 1), torch.cat([mask, ~mask], 1))
    torch.testing.assert_close(run(x, mask), padded, atol=1e-6, rtol=0)


@each_encoder
def test_order_of_persons_does_not_matter_before_training(name: str) -> None:
    """Only what a place among the persons has learned (its normalization) may tell them apart."""
    encoder = build(name).eval()
    x, mask = clips(3, 2)
    torch.testing.assert_close(encoder(x, mask), encoder(x.flip(1), mask), atol=1e-5, rtol=1e-5)


@each_encoder
def test_a_clip_without_anybody_is_finite(name: str) -> None:
    x, mask = clips(2, 2)
    mask[1] = False
    x[1] = 0
    assert build(name).eval()(x, mask).isfinite().all()


@each_encoder
def test_joint_weights_act_after_the_spatial_interaction(name: str) -> None:
    """Weight 0 on a joint: other joints, which have already seen it, stay; the joint itself no longer sees others."""
    encoder = build(name).eval()
    fill_by_rule(encoder)
    x, mask = clips(2, 1)
    feat = encoder.input(x, PersonIndex.of(mask))
    joint, others = 7, [j for j in range(25) if j != 7]
    weight = torch.ones(2, 25)
    weight[:, joint] = 0.0
    for i in range(len(encoder.blocks)):
        disturbed = feat.clone()
        disturbed[..., others] += torch.randn(feat[..., others].shape, generator=torch.Generator().manual_seed(i))
        plain, without = (encoder.run_blocks(feat, i, i + 1, w) for w in (None, weight))
        plain_disturbed, without_disturbed = (encoder.run_blocks(disturbed, i, i + 1, w) for w in (None, weight))
        torch.testing.assert_close(without[..., others], plain[..., others], atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(without[..., joint], without_disturbed[..., joint], atol=1e-5, rtol=1e-5)
        if name in PUBLISHED_PARAMETERS:  # one of your own may leave joints by themselves
            assert (plain[..., joint] - plain_disturbed[..., joint]).abs().max() > 1e-3, f"block {i} mixes no joints"
        assert (plain[..., joint] - without[..., joint]).abs().max() > 1e-3, f"block {i} ignores the weight"
        feat = plain


@each_encoder
def test_folded_normalization_changes_nothing_but_the_speed(name: str) -> None:
    encoder = build(name)
    fill_by_rule(encoder)
    before = {key: value.clone() for key, value in encoder.state_dict().items()}
    x, mask = clips(3, 2)
    mask[1, 1] = False
    fast = for_inference(encoder)
    torch.testing.assert_close(fast(x, mask), encoder.eval()(x, mask), atol=1e-4, rtol=1e-4)
    assert all(torch.equal(value, before[key]) for key, value in encoder.state_dict().items())


@pytest.mark.parametrize("name", ["infogcn-small", "ctrgcn-small", "stgcn++-small", "hdgcn-small"])
def test_most_normalizations_of_graph_convolutions_are_folded(name: str) -> None:
    def normalized(module: nn.Module) -> int:
        return sum(part.num_features for part in module.modules() if isinstance(part, nn.BatchNorm2d))

    encoder = build(name)
    assert 0 < normalized(for_inference(encoder)) <= 0.7 * normalized(encoder)


def test_clips_at_once_fill_the_caches_and_are_never_cut() -> None:
    features = FEATURES_AT_ONCE // 4  # four persons at once
    persons = torch.tensor([2, 1, 1, 0, 2, 2, 7, 1])
    assert clips_at_once(persons, features) == [3, 3, 1, 1]
    assert clips_at_once(torch.tensor([1, 1]), 10 * FEATURES_AT_ONCE) == [1, 1]
    assert clips_at_once(torch.tensor([2]), 1) == [1]


@each_pinned_encoder
def test_joint_importance_adds_hardly_any_parameters_to_inference(name: str) -> None:
    encoder = build(name)
    extra = sum(
        p.numel() for p in JointImportanceModule(encoder.widths[encoder.importance_after_block - 1]).parameters()
    )
    assert extra <= (500_000 if name == "dstformer" else 100_000)


@each_pinned_encoder
@each_layout
def test_forward_gives_the_pinned_numbers(name: str, layout: str) -> None:
    assert forward_statistics(name, layout) == pytest.approx(PINNED[f"{name}/{layout}"], rel=1e-3, abs=1e-5)


def test_unknown_encoder_names_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"did you mean 'infogcn'\?.*infogcn-small"):
        build_encoder("infogcm", NTU)


def test_a_layout_may_be_given_by_its_name() -> None:
    assert build_encoder("lean-gcn", "kinect20")(torch.randn(1, 2, 16, 20, 3)).shape[0] == 1
    with pytest.raises(ValueError, match="unknown layout 'kinect'"):
        build_encoder("lean-gcn", "kinect")


def test_a_person_without_a_place_is_an_error() -> None:
    x, mask = clips(2, 3)
    encoder = build("infogcn-small", persons=2).eval()
    with pytest.raises(ValueError, match=r"3 persons.*built for 2"):
        encoder(x, mask)
    mask[:, 2] = False
    assert torch.equal(encoder(x, mask), encoder(x[:, :2], mask[:, :2]))  # a place that stays empty does no harm


def test_bodies_mean_equals_a_loop_over_clips() -> None:
    mask = torch.tensor([[True, True], [False, False], [False, True], [True, False]])
    bodies = PersonIndex.of(mask)
    assert bodies.clip.tolist() == [0, 0, 1, 2, 3]
    assert bodies.slot.tolist() == [0, 1, 0, 1, 0]
    feat = torch.randn(5, 3, 2)
    for clip in range(4):
        rows = [feat[b] for b in range(5) if bodies.clip[b] == clip]
        torch.testing.assert_close(bodies.mean(feat)[clip], sum(rows) / len(rows))


@pytest.mark.parametrize("persons", [1, 2])
def test_bodies_without_a_mask_are_those_of_a_full_mask(persons: int) -> None:
    everybody, masked = (
        PersonIndex.all(3, persons, torch.device("cpu")),
        PersonIndex.of(torch.ones(3, persons, dtype=torch.bool)),
    )
    assert torch.equal(everybody.clip, masked.clip)
    assert torch.equal(everybody.slot, masked.slot)
    assert everybody.slots() == masked.slots() == persons
    feat = torch.randn(3 * persons, 4, 2)
    for place in range(persons):
        assert torch.equal(feat[everybody.at(place)], feat[masked.at(place)])
    torch.testing.assert_close(everybody.mean(feat), masked.mean(feat))


def test_each_place_among_the_persons_has_its_own_statistics() -> None:
    """As the published models do it: one row of M·V·D features per clip, normalized as a whole."""
    norm = PerPersonBatchNorm(4 * 3, persons=2)
    x = torch.randn(5, 2, 6, 4, 3) * torch.tensor([1.0, 7.0]).view(1, 2, 1, 1, 1)
    rows = x.permute(0, 2, 1, 3, 4).reshape(5 * 6, 2 * 4 * 3)  # clips and frames × persons, joints and features
    expected = ((rows - rows.mean(0)) / (rows.var(0, correction=0) + 1e-5).sqrt()).view(5, 6, 2, 4, 3).transpose(1, 2)
    mask = torch.ones(5, 2, dtype=torch.bool)
    for bodies in (PersonIndex.all(5, 2, x.device), PersonIndex.of(mask)):
        torch.testing.assert_close(norm(x.flatten(0, 1), bodies).view_as(x), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "classes", "count"),
    [(name, classes, count) for name, row in PUBLISHED_PARAMETERS.items() for classes, count in row.items()],
)
def test_encoder_has_the_published_number_of_parameters(name: str, classes: int, count: int) -> None:
    encoder = build(name)
    classifier = nn.Linear(encoder.out_features, classes)
    assert sum(p.numel() for m in (encoder, classifier) for p in m.parameters()) == count


@pytest.mark.parametrize("k", [1, 3, 30])
def test_a_mode_is_the_position_relative_to_the_joint_k_bones_nearer_to_the_middle_of_the_spine(k: int) -> None:
    parent = {**dict(NTU.bones), NTU.index("shoulder center"): NTU.index("middle of spine")}
    del parent[NTU.index("middle of spine")]
    x = torch.randn(NTU.num_joints, 3, generator=torch.Generator().manual_seed(0))
    relative = relative_positions(NTU, k) @ x
    for joint in range(NTU.num_joints):
        ancestor: int | None = joint
        for _ in range(k):
            ancestor = None if ancestor is None else parent.get(ancestor)
        expected = x[joint] if ancestor is None else x[joint] - x[ancestor]
        torch.testing.assert_close(relative[joint], expected)
    assert relative.abs().max(1).values.min() > 0  # no joint is lost


def test_a_mode_is_what_the_encoder_sees() -> None:
    encoder = build_encoder("infogcn-small", NTU, mode=1).eval()
    plain = build("infogcn-small").eval()
    state = encoder.state_dict()
    relative = state.pop("relative")
    plain.load_state_dict(state)
    x, mask = clips(2, 2)
    assert torch.equal(encoder(x, mask), plain(relative @ x, mask))


def test_a_mode_that_would_erase_the_input_is_refused() -> None:
    with pytest.raises(ValueError, match=r"mode=0 must be at least 1; at 0 every coordinate would be zero"):
        relative_positions(NTU, 0)


def test_an_option_an_encoder_does_not_take_names_those_that_do() -> None:
    with pytest.raises(ValueError, match=r"'ctrgcn' takes no mode=1; encoders that do: infogcn, infogcn-small"):
        build_encoder("ctrgcn", NTU, mode=1)


@torch.inference_mode()
@pytest.mark.parametrize(
    ("name", "frames", "persons", "absent"),
    [("infogcn", 64, 2, [1]), ("infogcn", 8, 1, []), ("infogcn-small", 8, 2, [0, 1]), ("infogcn-small", 9, 2, [])],
)
def test_infogcn_equals_a_plain_reference(name: str, frames: int, persons: int, absent: list[int]) -> None:
    """absent: clips without their second body; the reference computes zeros for it."""
    encoder = build(name)
    fill_by_rule(encoder)
    assert isinstance(encoder, InfoGCN)
    x, mask = clips(2, persons, frames=frames)
    mask[absent, 1:] = False
    z, expected = encoder.eval()(x, mask), PlainInfoGCN(encoder).eval()(x, mask)
    assert expected.std() > 0.05  # 1e-4 is small beside it
    torch.testing.assert_close(z, expected, atol=1e-4, rtol=1e-4)


def test_infogcn_learns_as_a_plain_reference() -> None:
    """Gradients of every part, of the first block to the last; in float64, since rounding adds up."""
    torch.manual_seed(0)
    encoder = InfoGCN(NTU, 3, 2, widths=(8, 8, 16), strides=(1, 2, 2), bottleneck=False).double().train()
    fill_by_rule(encoder)
    plain = PlainInfoGCN(encoder).double().train()
    x, mask = clips(3, 2)
    for model in (encoder, plain):
        z = model(x.double(), mask)
        (z * torch.linspace(-1, 1, z.numel(), dtype=z.dtype).view_as(z)).sum().backward()
    assert encoder.joint_embedding.weight.grad.abs().min() > 1e-6
    close = partial(torch.testing.assert_close, atol=1e-10, rtol=1e-10)
    for name in ("joint_embedding.weight", "joint_embedding.bias", "position", "head.weight", "head.bias"):
        close(encoder.get_parameter(name).grad, plain.get_parameter(name).grad)
    for ours, theirs in zip(encoder.blocks, plain.blocks, strict=True):
        spatial, twin = ours.spatial, theirs.spatial
        qk = spatial.to_qk.weight.grad.view(2, spatial.heads, spatial.rank, -1)
        for head in range(spatial.heads):
            close(spatial.topology.grad[head], twin.topology[head].grad)
            close(spatial.weight.grad[head], twin.project[head].weight.grad[:, :, 0, 0])
            close(qk[0, head], twin.to_q[head].weight.grad)
            close(qk[1, head], twin.to_k[head].weight.grad)
        close(spatial.norm.weight.grad, twin.norm.weight.grad)
        close(spatial.out_norm.weight.grad, twin.out_norm.weight.grad)
        branches = theirs.temporal.branches
        for conv, branch in zip(ours.temporal.dilated, branches, strict=False):
            close(conv.weight.grad, branch[3].weight.grad)
        close(ours.temporal.reduce[0].weight.grad, torch.cat([branch[0].weight.grad for branch in branches[:-1]]))
        close(ours.temporal.norm.bias.grad, torch.cat([branch[-1].bias.grad for branch in branches]))
        if isinstance(ours.residual, nn.Sequential):
            close(ours.residual[0].weight.grad, theirs.residual[0].weight.grad)


@pytest.mark.parametrize("out", [8, 16])
def test_self_attention_graph_conv_equals_the_papers_sums(out: int) -> None:
    torch.manual_seed(0)
    layer = SelfAttentionGraphConv(width := 8, out, joints=5, heads=3).eval()
    unsettle(layer)
    layer.topology.data += 0.3 * torch.randn_like(layer.topology)
    layer.bias.data.normal_()
    feat = torch.randn(2, width, 3, 5)

    rank = width // 8
    q_rows, k_rows = layer.to_qk.weight.view(2, 3, rank, width)
    q_bias, k_bias = layer.to_qk.bias.view(2, 3, rank)
    mixed = torch.zeros(2, out, 3, 5)
    for b in range(2):
        for t in range(3):
            h = [feat[b, :, t, v] for v in range(5)]
            normed = [F.layer_norm(row, (width,), layer.norm.weight, layer.norm.bias) for row in h]
            for head in range(3):
                q = [q_rows[head] @ row + q_bias[head] for row in normed]
                k = [k_rows[head] @ row + k_bias[head] for row in normed]
                for i in range(5):
                    score = torch.stack([q[i] @ k[j] / rank**0.5 for j in range(5)])
                    attention = score.exp() / score.exp().sum()
                    for j in range(5):
                        mixed[b, :, t, i] += attention[j] * layer.topology[head, i, j] * (layer.weight[head] @ h[j])
                    mixed[b, :, t, i] += layer.bias[head]
    expected = F.relu(layer.out_norm(mixed) + layer.residual(feat))
    torch.testing.assert_close(layer(feat), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("rectify", [False, True])
def test_multi_scale_temporal_conv_equals_separate_branches(stride: int, rectify: bool) -> None:
    torch.manual_seed(0)
    layer = MultiScaleTemporalConv(width := 8, stride, rectify=rectify).eval()
    unsettle(layer)
    frames, branch = 7, width // 4
    feat = torch.randn(2, width, frames, 3)

    def reduced(part: int) -> Tensor:
        """Point-wise convolution, normalization and ReLU of one branch, as if it were a layer of its own."""
        conv, norm = layer.reduce
        rows = slice(part * branch, (part + 1) * branch)
        y = torch.einsum("oc,bctv->botv", conv.weight[rows, :, 0, 0], feat) + conv.bias[rows].view(-1, 1, 1)
        statistics = (norm.running_mean[rows], norm.running_var[rows], norm.weight[rows], norm.bias[rows])
        return F.relu(F.batch_norm(y, *statistics))

    out_frames = range(0, frames, stride)
    branches = []
    for part, dilation in enumerate((1, 2)):
        conv = layer.dilated[part]
        y, out = reduced(part), torch.zeros(2, branch, len(out_frames), 3)
        for n, t in enumerate(out_frames):
            out[:, :, n] = conv.bias.view(-1, 1)
            for tap in range(5):
                source = t + (tap - 2) * dilation
                if 0 <= source < frames:
                    out[:, :, n] += torch.einsum("oc,bcv->bov", conv.weight[:, :, tap, 0], y[:, :, source])
        branches.append(out)
    y = reduced(2)
    pooled = torch.stack([y[:, :, max(0, t - 1) : t + 2].amax(2) for t in out_frames], 2)
    branches.append(pooled)
    branches.append(F.conv2d(feat[:, :, ::stride], layer.pointwise.weight, layer.pointwise.bias))
    expected = layer.norm(torch.cat(branches, 1))
    torch.testing.assert_close(layer(feat), F.relu(expected) if rectify else expected, atol=1e-5, rtol=1e-5)


def test_bottleneck_adds_noise_in_training_only() -> None:
    encoder = build("infogcn")
    pooled = torch.randn(4, encoder.out_features)
    torch.manual_seed(0)
    noisy = encoder.head.train()(pooled)
    assert torch.equal(encoder.head.eval()(pooled), encoder.head(pooled))
    assert (noisy - encoder.head(pooled)).abs().mean() > 0.1


def test_folded_places_keep_their_own_statistics() -> None:
    norm = PerPersonBatchNorm(4 * 3, persons=2)
    unsettle(norm)
    assert (norm[0].running_mean - norm[1].running_mean).abs().max() > 0.1
    bodies = PersonIndex.of(torch.tensor([[True, True], [True, False], [False, True]]))
    x = torch.randn(4, 6, 4, 3)
    torch.testing.assert_close(for_inference(norm)(x, bodies), norm.eval()(x, bodies), atol=1e-5, rtol=1e-5)
    with pytest.raises(ValueError, match=r"3 persons.*built for 2"):
        for_inference(norm)(x, PersonIndex.all(1, 3, x.device))


@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
@pytest.mark.parametrize("frames", [1, 9, 17, 24])  # as 2, 18, 17 and 16 images
def test_pointwise_convolution_of_frames_is_that_of_persons(layout: torch.memory_format, frames: int) -> None:
    feat = torch.randn(2, 6, frames, 5).contiguous(memory_format=layout)
    weight, bias = torch.randn(4, 6, 1, 1), torch.randn(4)
    expected = torch.einsum("bdtv,od->botv", feat, weight[:, :, 0, 0]) + bias[:, None, None]
    torch.testing.assert_close(pointwise(feat, weight, bias), expected, atol=1e-5, rtol=1e-5)
    with torch.no_grad():
        torch.testing.assert_close(pointwise(feat, weight, bias), expected, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(pointwise(feat, weight, None), expected - bias[:, None, None], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("frames", [4, 9])
def test_pointwise_convolution_strides_over_time(frames: int) -> None:
    conv, feat = PointwiseConv(6, 4, 1, (2, 1)), torch.randn(2, 6, frames, 5)
    expected = nn.Conv2d.forward(conv, feat)
    assert expected.shape == (2, 4, (frames + 1) // 2, 5)
    with torch.no_grad():
        torch.testing.assert_close(conv(feat), expected, atol=1e-5, rtol=1e-5)


def test_few_persons_still_make_batches_that_onednn_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """PyTorch's rule for 1 × 1 convolutions on one thread: 16 or more. One person's 64 frames, at the end 16, are."""
    batches: list[int] = []
    conv2d = F.conv2d

    def spied(feat: Tensor, weight: Tensor, *rest: object) -> Tensor:
        if weight.shape[2:] == (1, 1):
            batches.append(len(feat))
        return conv2d(feat, weight, *rest)

    encoder = for_inference(build("infogcn"))
    monkeypatch.setattr(F, "conv2d", spied)
    with torch.no_grad():
        encoder(torch.randn(1, 1, 64, 25, 3), torch.ones(1, 1, dtype=torch.bool))
    assert len(batches) > 3 * len(encoder.blocks)
    assert set(batches) == {16}
