"""Attention equals plain loops over clips, times, heads and joints; asking for it changes no number."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save
from torch import Tensor, nn

from crossglg.config import Config
from crossglg.data.clips import SkeletonSet
from crossglg.data.synthetic import synthesize
from crossglg.data.transforms import DeviceClips
from crossglg.encoders import ENCODERS
from crossglg.encoders.base import PersonIndex
from crossglg.encoders.graph import EncodingBlock
from crossglg.explain.attention import (
    attention_names,
    attention_scores,
    block_attention,
    joint_attention,
    received,
    rollout,
    text_attention,
)
from crossglg.files import MissingError
from crossglg.model import InteractionBlock
from crossglg.skeletons import get_layout
from crossglg.training.trained_model import TEXT_BRANCH, TrainedModel, build_model

NTU = get_layout("ntu25")
V = NTU.num_joints
SMALL = ("infogcn-small", "ctrgcn-small", "stgcn++-small", "hdgcn-small", "dstformer-small")


def untrained(encoder: str = "infogcn-small", text_width: int = 0, **settings: object) -> TrainedModel:
    config = Config(encoder=encoder, frames=16, streams="joint", device="cpu", **settings)
    model = build_model(config, NTU, 2, 3, 4, text_width)
    generator = torch.Generator().manual_seed(3)
    for parameter in model.parameters():  # no gate stays at zero
        parameter.data += 0.1 * torch.randn(parameter.shape, generator=generator)
    return TrainedModel(model.eval(), config, NTU, 2, 3, ("a", "b", "c", "d"), {})


@pytest.fixture(scope="module")
def clips() -> SkeletonSet:
    """A clip of one person, one of two."""
    one = synthesize(0, 1, ["drop"])[0]
    rows = np.concatenate([one, one, one + 1.0]).reshape(-1, V, 3)
    return SkeletonSet.build(rows, [0, len(rows) // 3, len(rows)], [0, 0], ["drop"], NTU, persons=[1, 2])


def into_block(trained: TrainedModel, clips: SkeletonSet, block: int) -> tuple[Tensor, PersonIndex]:
    """(B, D, T, V), what goes into block 0, 1, …"""
    x, mask = DeviceClips(clips).batch(torch.arange(len(clips)), trained.config.frames)
    x = trained.preprocessing(x)
    feat, _, bodies = trained.model.block_features(x, mask, block)
    return feat, bodies


def over_persons(rows: list[Tensor]) -> list[np.ndarray]:
    """Maps of three persons → of the two clips: the first has one, the second two."""
    one, two, three = (row.detach().numpy() for row in rows)
    return [one, (two + three) / 2]


@pytest.mark.parametrize("name", SMALL)
def test_asking_for_attention_changes_no_number(name: str, clips: SkeletonSet) -> None:
    trained = untrained(name)
    x, mask = DeviceClips(clips).batch(torch.arange(2), 16)
    x = trained.preprocessing(x)
    asked: list = []
    with torch.no_grad():
        plain, importance = trained.model.joint_features(x, mask)
        again, again_importance = trained.model.joint_features(x, mask, attention=asked)
    assert torch.equal(plain, again) and torch.equal(importance, again_importance)
    assert len(asked) == len(trained.model.encoder.blocks)
    found = block_attention(trained, clips)
    for block, width in zip(found, [len(b) for b in asked], strict=True):
        assert len(block) == width
        for key in attention_names([block]):
            assert block[key].shape[0] == 2 and block[key].shape[-2:] == (V, V)
    many = clips.subset([0, 1] * 10)  # so many that a faster copy of the model reads them
    for few, lots in zip(joint_attention(trained, clips), joint_attention(trained, many), strict=True):
        np.testing.assert_allclose(lots[:2], few, atol=1e-3)


def test_attention_of_infogcn_equals_a_loop(clips: SkeletonSet) -> None:
    trained = untrained()
    found = block_attention(trained, clips)[1]
    feat, _ = into_block(trained, clips, 1)
    part = trained.model.encoder.blocks[1].spatial
    maps, mixes = [], []
    with torch.no_grad():
        for person in feat:  # (D, T, V)
            rows = part.norm(person.permute(1, 2, 0))
            qk = part.to_qk(rows)  # (T, V, 2·heads·rank)
            attention = torch.zeros(rows.shape[0], part.heads, V, V)
            for t in range(rows.shape[0]):
                for h in range(part.heads):
                    for i in range(V):
                        q = qk[t, i, h * part.rank : (h + 1) * part.rank]
                        scores = []
                        for j in range(V):
                            start = (part.heads + h) * part.rank
                            scores.append(float(q @ qk[t, j, start : start + part.rank]) / math.sqrt(part.rank))
                        attention[t, h, i] = torch.tensor(scores).softmax(0)
            maps.append(attention)
            mixes.append(attention * part.topology)
    np.testing.assert_allclose(found["attention"], np.stack(over_persons(maps)), atol=1e-5)
    np.testing.assert_allclose(found["attention × topology"], np.stack(over_persons(mixes)), atol=1e-5)
    np.testing.assert_allclose(found["attention"].sum(-1), 1.0, rtol=1e-5)


def test_refined_topology_of_ctrgcn_equals_the_papers_formula(clips: SkeletonSet) -> None:
    """Row i is what joint i receives, although the published topology lies the other way round: [j, i] is what joint j
    gives to joint i, and its refinement ξ(tanh(ψ(x_i) − φ(x_j)))."""
    trained = untrained("ctrgcn-small")
    found = block_attention(trained, clips)[2]["refined topology"]
    feat, _ = into_block(trained, clips, 2)
    part = trained.model.encoder.blocks[2].spatial
    rows = []
    with torch.no_grad():
        for person in feat:
            related = part.relate(person.mean(1)[None])[0].unflatten(0, (part.subsets, 2, -1))  # (S, 2, R, V)
            whole = torch.zeros(1, part.subsets, V, V)
            for s in range(part.subsets):
                psi, phi = related[s]
                for i in range(V):
                    for j in range(V):
                        relation = torch.tanh(psi[:, i] - phi[:, j])
                        refined = part.refine_weight[s] @ relation + part.refine_bias[s]
                        whole[0, s, i, j] = part.topology[s, j, i] + part.alpha * refined.mean()
            rows.append(whole)
    np.testing.assert_allclose(found, np.stack(over_persons(rows)), atol=1e-5)


def test_learned_topology_of_stgcn_is_what_joints_receive(clips: SkeletonSet) -> None:
    trained = untrained("stgcn++-small")
    found = block_attention(trained, clips)[0]["learned topology"]
    part = trained.model.encoder.blocks[0].spatial
    feat, _ = into_block(trained, clips, 0)
    with torch.no_grad():
        projected = part.project(feat).unflatten(1, (part.subsets, -1))  # (B, S, D, T, V)
        expected = part.out_norm(torch.einsum("sij,bsdtj->bdti", torch.as_tensor(found[0, 0]), projected))
        expected = torch.relu(expected + part.residual(feat))
        torch.testing.assert_close(part(feat), expected, atol=1e-4, rtol=1e-4)
    assert found.shape == (2, 1, 3, V, V)


def test_levels_of_hdgcn_are_topologies_times_the_weight_of_the_level(clips: SkeletonSet) -> None:
    trained = untrained("hdgcn-small")
    first, second = block_attention(trained, clips)[:2]
    parts = [block.spatial for block in trained.model.encoder.blocks]
    np.testing.assert_allclose(first["levels"][0, 0], parts[0].topology.detach().mean(1), atol=1e-6)
    weight = second["levels"][:, 0] / parts[1].topology.detach().numpy().mean(1)  # (N, L, V, V)
    of_level = np.median(weight, axis=(2, 3))
    assert ((of_level > 0) & (of_level < 1)).all()
    np.testing.assert_allclose(
        second["levels"][:, 0], of_level[..., None, None] * parts[1].topology.detach().numpy().mean(1), atol=1e-4
    )
    assert weight.shape[1] == second["similar joints"].shape[2]
    np.testing.assert_allclose(second["similar joints"].sum(-1), 1.0, rtol=1e-5)
    feat, _ = into_block(trained, clips, 1)
    with torch.no_grad():
        reduced = torch.relu(parts[1].reduce(feat)).unflatten(1, (weight.shape[1], -1)).mean(3)  # (B, L, R, V)
    points = reduced[0, 0].T.numpy()  # of the clip of one person, first level
    for i in range(V):
        nearest = np.argsort(((points - points[i]) ** 2).sum(1), kind="stable")[:5]
        assert set(np.flatnonzero(second["similar joints"][0, 0, 0, i])) == set(nearest)


def test_attention_of_dstformer_equals_a_loop(clips: SkeletonSet) -> None:
    trained = untrained("dstformer-small")
    found = block_attention(trained, clips)[0]
    feat, _ = into_block(trained, clips, 0)
    stream = trained.model.encoder.blocks[0].joints_first
    with torch.no_grad():
        rows = feat.permute(0, 2, 3, 1)  # (B, T, V, D)
        spatial = [looped(stream.spatial, person) for person in rows]
        after = stream.across_joints(rows, None)
        temporal = [looped(stream.temporal, person) for person in after.transpose(1, 2)]
    np.testing.assert_allclose(found["across joints, joints first"], np.stack(over_persons(spatial)), atol=1e-5)
    np.testing.assert_allclose(found["over time, joints first"], np.stack(over_persons(temporal)), atol=1e-5)
    assert attention_names([found]) == ["across joints, joints first", "across joints, time first"]
    for values in found.values():
        np.testing.assert_allclose(values.sum(-1), 1.0, rtol=1e-5)


def looped(part: nn.Module, sets: Tensor) -> Tensor:
    """(S, P, D) → (S, heads, P, P), one softmax after the other."""
    qkv = part.to_qkv(part.norm(sets))
    width = sets.shape[-1]
    size = width // part.heads
    out = torch.zeros(len(sets), part.heads, sets.shape[1], sets.shape[1])
    for s in range(len(sets)):
        for h in range(part.heads):
            q = qkv[s, :, h * size : (h + 1) * size]
            k = qkv[s, :, width + h * size : width + (h + 1) * size]
            for i in range(len(q)):
                out[s, h, i] = torch.stack([q[i] @ k[j] / math.sqrt(size) for j in range(len(k))]).softmax(0)
    return out


def test_interaction_block_equals_a_loop_and_texts_look_at_joints() -> None:
    torch.manual_seed(0)
    block = InteractionBlock(16, heads=2).eval()
    text, skeleton = torch.randn(1, 5, 16), torch.randn(1, 5, 16)
    with torch.no_grad():
        plain = block(text, skeleton)
        out, found = block(text, skeleton, return_attention=True)
        own = block.text_norm(text)
        torch.testing.assert_close(found["text → text"], heads_of(block.text_attention, own, own))
        asking = block.query_norm(text + block.text_attention(own, own, own)[0])
        seen = block.skeleton_norm(skeleton)
        torch.testing.assert_close(found["text → joint"], heads_of(block.skeleton_attention, asking, seen))
    torch.testing.assert_close(out, plain)


def heads_of(attention: nn.MultiheadAttention, query: Tensor, key: Tensor) -> Tensor:
    """(1, P, W) → (1, heads, P, P)"""
    width, size = attention.embed_dim, attention.head_dim
    weight, bias = attention.in_proj_weight, attention.in_proj_bias
    q = query[0] @ weight[:width].T + bias[:width]
    k = key[0] @ weight[width : 2 * width].T + bias[width : 2 * width]
    out = torch.zeros(1, attention.num_heads, len(q), len(k))
    for h in range(attention.num_heads):
        part = slice(h * size, (h + 1) * size)
        for i in range(len(q)):
            out[0, h, i] = torch.stack([q[i, part] @ k[j, part] / math.sqrt(size) for j in range(len(k))]).softmax(0)
    return out


def test_a_kept_text_branch_is_a_file_of_its_own(clips: SkeletonSet, tmp_path: Path) -> None:
    trained = untrained(text_width=10, keep_text_branch=True, objective="gap")
    folder = trained.save(tmp_path / "model")
    local = np.random.default_rng(0).standard_normal((2, V, 10)).astype(np.float32)
    with_texts = TrainedModel.load(folder, text_branch=True)
    found = text_attention(with_texts, clips, local)
    assert len(found) == trained.config.interaction_blocks
    for block, expected in zip(found, text_attention(trained, clips, local), strict=True):
        assert list(block) == ["text → joint", "text → text"]
        for name, values in block.items():
            assert values.shape == (2, 4, V, V)
            np.testing.assert_allclose(values.sum(-1), 1.0, rtol=1e-5)
            np.testing.assert_allclose(values, expected[name], atol=1e-6)
    assert with_texts.num_parameters == trained.num_parameters
    with pytest.raises(ValueError, match=r"local_text is \(2, 25, 9\); it must be .* = \(2, 25, 10\)"):
        text_attention(with_texts, clips, local[..., :9])
    for content in (b"broken", save({"other": torch.zeros(1)})):
        (folder / TEXT_BRANCH).write_bytes(content)
        with pytest.raises(ValueError, match=r"text_branch\.safetensors is damaged"):
            TrainedModel.load(folder, text_branch=True)
    plain = TrainedModel.load(folder)  # does not look at the broken file
    np.testing.assert_array_equal(plain.embed(clips), trained.embed(clips))
    with pytest.raises(ValueError, match="keep_text_branch=true"):
        text_attention(plain, clips, local)
    untrained(text_width=10).save(folder)  # takes its place, and has none
    with pytest.raises(MissingError, match="--set keep_text_branch=true"):
        TrainedModel.load(folder, text_branch=True)


def test_a_model_without_its_text_branch_says_how_to_keep_it(tmp_path: Path) -> None:
    folder = untrained(text_width=10).save(tmp_path / "model")
    assert not (folder / TEXT_BRANCH).exists()
    with pytest.raises(MissingError, match="--set keep_text_branch=true"):
        TrainedModel.load(folder, text_branch=True)
    with pytest.raises(ValueError, match="guidance='g2l' trains no cross-modal branch"):
        untrained(guidance="g2l", keep_text_branch=True)


def test_rollout_multiplies_blocks_with_half_of_each_joint_itself() -> None:
    rng = np.random.default_rng(0)
    blocks = [rng.random((1, 2, 3, 4, 4)) - 0.3 for _ in range(3)]
    total = np.eye(4)
    for values in blocks:
        mean = np.zeros((4, 4))
        for t in range(2):
            for h in range(3):
                mean += np.abs(values[0, t, h]) / 6
        mean /= mean.sum(1, keepdims=True)
        total = (0.5 * mean + 0.5 * np.eye(4)) @ total
    np.testing.assert_allclose(rollout(blocks), total[None])
    np.testing.assert_allclose(rollout(blocks).sum(-1), 1.0)
    np.testing.assert_allclose(received(blocks[0])[0, 1], np.abs(blocks[0][0, 1]).mean((0, 1)))


def test_scores_rank_joints_by_what_they_get(clips: SkeletonSet) -> None:
    trained = untrained()
    scores = attention_scores(trained, clips, at_once=1)
    blocks = joint_attention(trained, clips)
    np.testing.assert_allclose(scores["attention"], np.mean([received(v).mean(1) for v in blocks], 0), rtol=1e-5)
    np.testing.assert_allclose(scores["attention rollout"], rollout(blocks).mean(1), rtol=1e-5)


def test_what_an_encoder_does_not_tell_is_named(clips: SkeletonSet, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"no 'atention'; did you mean 'attention'\? It has: attention, attention ×"):
        joint_attention(untrained(), clips, "atention")

    class Silent(EncodingBlock):
        def forward(self, feat: Tensor, joint_weight: Tensor | None = None) -> Tensor:
            return super().forward(feat, joint_weight)

    def build(*args: object) -> nn.Module:
        encoder = ENCODERS["infogcn-small"](*args)
        for block in encoder.blocks:
            block.__class__ = Silent
        return encoder

    monkeypatch.setitem(ENCODERS, "silent", build)
    with pytest.raises(ValueError, match="blocks of encoder 'silent' take no return_attention"):
        block_attention(untrained("silent"), clips)


@pytest.mark.parametrize(("per", "steps"), [("clip", 1), ("phase", 3), ("frame", 4)])
def test_importance_can_be_one_for_each_part_of_a_clip(per: str, steps: int, clips: SkeletonSet) -> None:
    """infogcn-small has 16 / 4 = 4 time steps before importance."""
    trained = untrained(importance_per=per)
    over_time = trained.importance_over_time(clips)
    assert over_time.shape == (2, steps, V)
    np.testing.assert_allclose(over_time.sum(-1), 1.0, rtol=1e-5)
    np.testing.assert_allclose(trained.joint_importance(clips), over_time.mean(1), rtol=1e-5)
    assert steps == 1 or over_time.std(1).max() > 1e-4
    feat, bodies = into_block(trained, clips, 3)
    with torch.no_grad():
        pooled = bodies.mean(feat).permute(0, 2, 3, 1)  # (N, T', V, D)
        thirds = {1: [range(4)], 3: [range(2), range(1, 3), range(2, 4)], 4: [[t] for t in range(4)]}[steps]
        for s, times in enumerate(thirds):
            one = trained.model.joint_importance.of_pooled(pooled[:, list(times)].mean(1))
            np.testing.assert_allclose(over_time[:, s], one, rtol=1e-4)
        weight = torch.as_tensor(over_time)[bodies.clip] * V
        block = trained.model.encoder.blocks[3]
        at_step = weight if steps == 4 else weight[:, [0] * 4] if steps == 1 else None
        if at_step is not None:
            mixed = block.spatial(feat) * at_step[:, None]
            expected = torch.relu(block.temporal(mixed) + block.residual(feat))
            given = weight[:, 0] if steps == 1 else weight
            torch.testing.assert_close(block(feat, given), expected, atol=1e-5, rtol=1e-5)


def test_a_folder_instead_of_a_model_is_told_how_to_read_it() -> None:
    with pytest.raises(TypeError, match=r"model is expected, got str; read one with TrainedModel\.load\('synthetic'\)"):
        joint_attention("synthetic", synthesize(0, clips_per_action=1, actions=["drop"]))  # type: ignore[arg-type]
