"""Each box of the paper's figure equals its plain-loop twin; texts are for training only."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from crossglg.config import Config
from crossglg.encoders import build_encoder
from crossglg.encoders.base import PersonIndex
from crossglg.encoders.infogcn import Bottleneck
from crossglg.explain.attribution import represent_by_joint
from crossglg.model import CrossGLG, CrossModalInteraction, InteractionBlock, JointImportanceModule
from crossglg.skeletons import get_layout
from crossglg.training.trained_model import build_model

NTU = get_layout("ntu25")
TEXT_WIDTH = 12
CONFIG = Config(encoder="infogcn-small", streams="joint", device="cpu")


def build(guidance: str = "both", **settings: object) -> CrossGLG:
    config = replace(CONFIG, guidance=guidance, **settings)
    return build_model(config, NTU, persons=2, channels=3, classes=7, text_width=TEXT_WIDTH)


@pytest.fixture
def batch() -> tuple[Tensor, Tensor, Tensor]:
    """x (3, 2, 8, V, 3), person_mask with one absent person, texts (3, V, E)."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(3, 2, 8, 25, 3, generator=generator)
    text = torch.randn(3, 25, TEXT_WIDTH, generator=generator)
    return x, torch.tensor([[True, True], [True, False], [True, True]]), text


def scatter_parameters(module: nn.Module) -> None:
    """Move parameters off their initial zeros and ones, so that no mistake hides in them."""
    generator = torch.Generator().manual_seed(4)
    for parameter in module.parameters():
        parameter.data += 0.1 * torch.randn(parameter.shape, generator=generator)


def softmax(scores: list[float]) -> list[float]:
    total = sum(math.exp(s) for s in scores)
    return [math.exp(s) / total for s in scores]


def affine(layer: nn.Linear, row: Tensor) -> Tensor:
    return layer.weight @ row + layer.bias


def attend(layer: nn.MultiheadAttention, queries: list[Tensor], others: list[Tensor]) -> list[Tensor]:
    """Multi-head attention of one clip, by hand: rows of `queries` look at rows of `others`."""
    width, heads = layer.embed_dim, layer.num_heads
    q, k, v = (
        [weight @ row + bias for row in rows]
        for weight, bias, rows in zip(
            layer.in_proj_weight.chunk(3), layer.in_proj_bias.chunk(3), (queries, others, others), strict=True
        )
    )
    out = []
    for i in range(len(q)):
        parts = []
        for h in range(heads):
            part = slice(h * width // heads, (h + 1) * width // heads)
            share = softmax([float(q[i][part] @ row[part]) / math.sqrt(width // heads) for row in k])
            parts.append(sum(s * row[part] for s, row in zip(share, v, strict=True)))
        out.append(affine(layer.out_proj, torch.cat(parts)))
    return out


def interact(block: InteractionBlock, text: list[Tensor], skeleton: list[Tensor]) -> list[Tensor]:
    """METHOD.md §4 for one clip: text sees text, text sees skeleton, both are fused joint by joint."""
    own = [block.text_norm(row) for row in text]
    text = [row + seen for row, seen in zip(text, attend(block.text_attention, own, own), strict=True)]
    queries, seen = [block.query_norm(row) for row in text], [block.skeleton_norm(row) for row in skeleton]
    fused = [row + g for row, g in zip(text, attend(block.skeleton_attention, queries, seen), strict=True)]
    norm, wide, _, narrow = block.fuse
    return [row + affine(narrow, F.gelu(affine(wide, norm(row)))) for row in fused]


@torch.no_grad()
def test_joint_importance_equals_the_loop() -> None:
    torch.manual_seed(0)
    layer = JointImportanceModule(6)
    mask = torch.tensor([[True, True], [True, False]])
    bodies = PersonIndex.of(mask)
    stem = torch.randn(3, 6, 4, 5)  # persons: two of the first clip, one of the second
    first, _, second = layer.score
    expected = []
    for persons in ([0, 1], [2]):
        scores = []
        for joint in range(5):
            pooled = sum(stem[b, :, t, joint] for b in persons for t in range(4)) / (4 * len(persons))
            scores.append(float(affine(second, F.relu(affine(first, pooled)))))
        expected.append(softmax(scores))
    torch.testing.assert_close(layer(stem, bodies), torch.tensor(expected))


@torch.no_grad()
def test_interaction_block_equals_attention_by_hand() -> None:
    torch.manual_seed(0)
    block = InteractionBlock(16)
    scatter_parameters(block)
    text, skeleton = torch.randn(2, 5, 16), torch.randn(2, 5, 16)
    expected = torch.stack([torch.stack(interact(block, list(text[n]), list(skeleton[n]))) for n in range(2)])
    torch.testing.assert_close(block(text, skeleton), expected, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_cross_modal_interaction_equals_the_loop() -> None:
    torch.manual_seed(0)
    layer = CrossModalInteraction(width=10, out=6, text_width=9, joints=5, blocks=2, inner=8)
    scatter_parameters(layer)
    joints, texts = torch.randn(2, 5, 10), torch.randn(2, 5, 9)
    expected = []
    for n in range(2):
        text = [affine(layer.project_text, texts[n, v]) + layer.place[v] for v in range(5)]
        skeleton = [affine(layer.project_skeleton, joints[n, v]) + layer.place[v] for v in range(5)]
        for block in layer.blocks:
            text = interact(block, text, skeleton)
        expected.append(layer.out(sum(text) / 5))
    torch.testing.assert_close(layer(joints, texts), torch.stack(expected), atol=1e-5, rtol=1e-5)


def test_output_shapes_and_importance_rows_sum_to_one(batch: tuple[Tensor, Tensor, Tensor]) -> None:
    out = build()(*batch)
    assert out.logits.shape == out.cross_modal_logits.shape == (3, 7)
    assert out.z.shape == (3, 192)
    assert (out.joint_importance > 0).all()
    torch.testing.assert_close(out.joint_importance.sum(1), torch.ones(3))


@pytest.mark.parametrize(
    ("guidance", "importance", "cross_modal"),
    [("none", False, False), ("g2l", True, False), ("l2g", False, True), ("both", True, True)],
)
def test_guidance_decides_which_branches_there_are(batch, guidance: str, importance: bool, cross_modal: bool) -> None:
    out = build(guidance)(*batch)
    assert (out.joint_importance is not None) == importance
    assert (out.cross_modal_logits is not None) == cross_modal


def make_uniform(model: CrossGLG) -> None:
    for parameter in model.joint_importance.score[2].parameters():
        nn.init.zeros_(parameter)


def test_uniform_scaled_importance_is_no_guidance(batch: tuple[Tensor, Tensor, Tensor]) -> None:
    x, mask, _ = batch
    guided, plain = build("g2l").eval(), build("none").eval()
    assert not torch.allclose(guided.embed(x, mask), plain.embed(x, mask), atol=1e-4)
    make_uniform(guided)
    torch.testing.assert_close(guided.embed(x, mask), plain.embed(x, mask), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(plain.embed(x, mask), plain.encoder(x, mask), atol=1e-5, rtol=1e-5)


def test_uniform_unscaled_importance_is_a_weight_of_one_over_v(batch: tuple[Tensor, Tensor, Tensor]) -> None:
    x, mask, _ = batch
    guided, plain = build("g2l", scale_importance=False).eval(), build("none").eval()
    make_uniform(guided)
    bodies, encoder, split = PersonIndex.of(mask), plain.encoder, plain.importance_after_block
    stem = encoder.run_blocks(encoder.input(x, bodies), 0, split)
    feat = encoder.run_blocks(stem, split, None, torch.full((len(stem), 25), 1 / 25))
    expected = encoder.head(bodies.mean(feat.mean((2, 3))))
    torch.testing.assert_close(guided.embed(x, mask), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("scaled", [True, False])
def test_a_share_of_importance_is_mixed_with_uniform(batch: tuple[Tensor, Tensor, Tensor], scaled: bool) -> None:
    x, mask, _ = batch
    whole, half = build("g2l").eval(), build("g2l", scale_importance=scaled, importance_share=0.25).eval()
    bodies, encoder, split = PersonIndex.of(mask), whole.encoder, whole.importance_after_block
    stem = encoder.run_blocks(encoder.input(x, bodies), 0, split)
    k_out = whole.joint_importance(stem, bodies)
    weight = torch.stack([(0.25 * k_out[clip] + 0.75 / 25) * (25 if scaled else 1) for clip in bodies.clip])
    feat = encoder.run_blocks(stem, split, None, weight)
    joints, importance = half.joint_features(x, mask)
    torch.testing.assert_close(joints, bodies.mean(feat.mean(2)).transpose(1, 2), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(importance, k_out)  # what is predicted and calibrated stays


@pytest.mark.parametrize("after_block", [1, 2, 5, 6])
def test_importance_is_read_after_n_pre_blocks_and_weights_only_later_ones(batch, after_block: int) -> None:
    """The encoder's own blocks, taken one by one with the clip's importance repeated for each of its persons."""
    x, mask, _ = batch
    model = build("g2l", importance_after_block=after_block).eval()
    bodies = PersonIndex.of(mask)
    feat = model.encoder.input(x, bodies)
    for block in model.encoder.blocks[:after_block]:
        feat = block(feat)
    k_out = model.joint_importance(feat, bodies)
    weight = 25 * torch.stack([k_out[clip] for clip in (0, 0, 1, 2, 2)])
    for block in model.encoder.blocks[after_block:]:
        feat = block(feat, weight)
    if after_block == 6:  # all of them: weights of the pooling
        feat = feat * weight[:, None, None]
    joints, importance = model.joint_features(x, mask)
    torch.testing.assert_close(importance, k_out)
    persons = feat.mean(2).transpose(1, 2)
    torch.testing.assert_close(joints[0], (persons[0] + persons[1]) / 2, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(joints[1], persons[2], atol=1e-5, rtol=1e-5)


def test_embedding_is_z_of_evaluation_and_needs_no_text(batch: tuple[Tensor, Tensor, Tensor]) -> None:
    x, mask, text = batch
    model = build().eval()
    before = model.embed(x, mask)
    assert torch.equal(before, model(x, mask, text).z)
    assert torch.equal(before, model(x, mask, -text).z)
    assert model(x, mask).cross_modal_logits is None
    model.cross_modal = None
    assert torch.equal(before, model.embed(x, mask))
    assert torch.equal(before, model(x, mask, text).z)
    del model.cross_modal
    assert torch.equal(before, model.embed(x, mask))


def test_cross_modal_branch_sends_gradient_into_the_encoder(batch: tuple[Tensor, Tensor, Tensor]) -> None:
    model = build("l2g", dropout=0.0)
    model(*batch).cross_modal_logits.square().sum().backward()
    for name, parameter in model.encoder.named_parameters():
        if not name.startswith("head") and parameter.dim() > 1:
            assert parameter.grad.abs().max() > 0, name


def test_calibration_gradient_stays_before_the_split(batch: tuple[Tensor, Tensor, Tensor]) -> None:
    model = build("g2l")
    model(*batch).joint_importance.square().sum().backward()
    trained = {
        name.split(".")[1] for name, p in model.encoder.named_parameters() if "blocks" in name and p.grad is not None
    }
    assert trained == {"0", "1", "2"}


def test_both_branches_go_through_one_classifier(batch: tuple[Tensor, Tensor, Tensor]) -> None:
    x, mask, text = batch
    model = build().eval()
    joints, _ = model.joint_features(x, mask)
    out = model(x, mask, text)
    torch.testing.assert_close(out.logits, model.classifier(out.z))
    torch.testing.assert_close(out.cross_modal_logits, model.classifier(model.cross_modal(joints, text)))
    classifiers = [m for m in model.modules() if isinstance(m, nn.Linear) and m.out_features == 7]
    assert classifiers == [model.classifier[1]]


def test_guidance_adds_at_most_a_tenth_of_a_million_inference_parameters() -> None:
    def inference_parameters(guidance: str) -> int:
        model = build(guidance, encoder="infogcn")
        return sum(p.numel() for name, p in model.named_parameters() if not name.startswith("cross_modal."))

    extra = inference_parameters("both") - inference_parameters("none")
    assert 0 < extra <= 100_000
    assert inference_parameters("l2g") == inference_parameters("none")


@pytest.mark.parametrize("guidance", ["both", "none"])
@pytest.mark.parametrize("after_block", [-1, 7, 20])
def test_importance_after_block_out_of_range_is_named(after_block: int, guidance: str) -> None:
    with pytest.raises(ValueError, match=f"importance_after_block={after_block} must"):
        build(guidance, importance_after_block=after_block)
    with pytest.raises(ValueError, match=f"importance_after_block={after_block} must lie between 1 and 6"):
        CrossGLG(build_encoder("infogcn-small", NTU), 7, importance_after_block=after_block)


def test_importance_after_block_zero_is_the_encoders_recommendation() -> None:
    assert build().importance_after_block == 3
    assert build(encoder="infogcn").importance_after_block == 5


def shares_by_hand(head: nn.Module, joints: Tensor) -> list[Tensor]:
    """What each joint (V, D) adds to the representation of one clip, and last the biases."""
    count = len(joints)
    pooled = sum(joints) / count
    if isinstance(head, nn.LayerNorm):
        deviation = math.sqrt(float(((pooled - pooled.mean()) ** 2).mean()) + head.eps)
        return [head.weight * (row - row.mean()) / deviation / count for row in joints] + [head.bias]
    if isinstance(head, Bottleneck):
        open_ = (affine(head.fc, pooled) > 0).float()  # which ReLUs pass
        shares = [head.mean.weight @ (open_ * (head.fc.weight @ row)) / count for row in joints]
        return [*shares, affine(head.mean, open_ * head.fc.bias)]
    return [row / count for row in joints] + [torch.zeros_like(pooled)]


@pytest.mark.parametrize("encoder", ["infogcn-small", "infogcn", "ctrgcn-small"])  # one of each head
def test_each_joints_share_of_the_representation_equals_a_loop(encoder: str) -> None:
    model = build(encoder=encoder).eval()
    scatter_parameters(model)
    width = model.encoder.widths[-1]
    joints = torch.randn(3, 25, width, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        found = represent_by_joint(model, joints)
    expected = torch.stack([torch.stack(shares_by_hand(model.encoder.head, clip)) for clip in joints])
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(found.sum(1), model.represent(joints), atol=1e-5, rtol=1e-4)


def test_joint_importance_follows_from_the_stem_features(batch: tuple[Tensor, Tensor, Tensor]) -> None:
    model = build().eval()
    scatter_parameters(model)
    x, mask, _ = batch
    pooled = model.stem_features(x, mask)
    assert pooled.shape == (3, 25, model.encoder.widths[model.importance_after_block - 1])
    torch.testing.assert_close(model.joint_importance.of_pooled(pooled), model.joint_features(x, mask)[1])
