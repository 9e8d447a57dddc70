"""Text retrieval: both losses against plain loops; what all classes share counts for nothing; a training with them."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from crossglg.config import Config
from crossglg.data.synthetic import synthesize
from crossglg.model import CrossGLGOutput
from crossglg.objectives.text_retrieval import TEMPERATURE, class_texts, clip_text_loss, distinct, joint_text_loss
from crossglg.skeletons import get_layout
from crossglg.text.descriptions import find_descriptions
from crossglg.text.embeddings import TextBank, build_text_bank
from crossglg.training.step import build_losses
from crossglg.training.trained_model import build_model
from crossglg.training.trainer import fit

K, V, E, N = 4, 3, 6, 5
LABEL = torch.tensor([0, 3, 3, 1, 2])


def unit(*shape: int, seed: int = 0) -> Tensor:
    return torch.nn.functional.normalize(torch.randn(*shape, generator=torch.Generator().manual_seed(seed)), dim=-1)


def softmax_of(scores: list[float], k: int) -> float:
    return math.exp(scores[k]) / sum(map(math.exp, scores))


def test_distinct_equals_the_loop_and_what_all_share_is_zero() -> None:
    rows = unit(K, V, E)
    for v in range(V):
        mean = sum(rows[k, v] for k in range(K)) / K
        for k in range(K):
            rest = rows[k, v] - mean
            assert torch.allclose(distinct(rows)[k, v], rest / rest.norm(), atol=1e-6)
    assert not distinct(rows[:1].repeat(K, 1, 1)).abs().max() > 1e-5


def test_clip_text_loss_equals_the_loop() -> None:
    clip, text = unit(N, E, seed=1), unit(K, E, seed=2)
    expected = 0.0
    for i, label in enumerate(LABEL.tolist()):
        expected -= math.log(softmax_of([float(clip[i] @ text[k]) / TEMPERATURE for k in range(K)], label)) / N
    assert clip_text_loss(clip, LABEL, text).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("known", [True, False])
def test_joint_text_loss_equals_the_loop(known: bool) -> None:
    joints, local = unit(N, V, E, seed=1), unit(K, V, E, seed=2)
    key = torch.tensor([[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.0, 0.0, 1.0], [0.2, 0.3, 0.5]]) if known else None
    text, expected = distinct(local), 0.0
    for i, label in enumerate(LABEL.tolist()):
        for v in range(V):
            right = softmax_of([float(joints[i, v] @ text[k, v]) / TEMPERATURE for k in range(K)], label)
            expected -= (float(key[label, v]) if known else 1.0 / V) * math.log(right) / N
    assert joint_text_loss(joints, LABEL, local, key).item() == pytest.approx(expected, rel=1e-5)


def test_class_texts_join_what_is_distinct_in_global_and_joint_texts() -> None:
    bank = TextBank(tuple("abcd"), unit(K, V, E), None, unit(K, E, seed=5))
    parts = distinct(bank.global_) + distinct(bank.local.mean(1))
    assert torch.allclose(class_texts(bank), distinct(parts), atol=1e-6)
    assert torch.allclose(class_texts(bank).norm(dim=1), torch.ones(K), atol=1e-5)


def test_all_joints_are_asked_where_the_setting_says_so() -> None:
    layout = get_layout("kinect20")
    target = torch.zeros(K, 20)
    target[:, 3] = 1.0
    bank = TextBank(tuple("abcd"), unit(K, 20, E), target, unit(K, E, seed=5))
    x, mask = torch.randn(N, 1, 8, 20, 3), torch.ones(N, 1, dtype=torch.bool)
    found = {}
    for asked, expected in (("key", target), ("all", None)):
        config = Config(objective="text-retrieval", guidance="none", streams="joint", device="cpu", asked_joints=asked)
        model = build_model(config, layout, 1, 3, K, text_width=E).eval()
        losses = build_losses(config, model, layout, bank)
        found[asked] = losses((x, mask, LABEL, None), bank)["joint_text_loss"].item()
        out = model(x, mask)
        joints = losses.loss.objective.projection(out.z, out.joint_features)[1]
        assert found[asked] == pytest.approx(joint_text_loss(joints, LABEL, bank.local, expected).item(), rel=1e-5)
    assert found["key"] != pytest.approx(found["all"], rel=1e-3)


def test_every_loss_reaches_the_encoder_and_the_projections_are_no_part_of_the_model() -> None:
    layout = get_layout("kinect20")
    config = Config(objective="text-retrieval", guidance="none", streams="joint", device="cpu")
    model = build_model(config, layout, 1, 3, K, text_width=E)
    bank = TextBank(tuple("abcd"), unit(K, 20, E), torch.full((K, 20), 1 / 20), unit(K, E, seed=5))
    x, mask = torch.randn(N, 1, 8, 20, 3), torch.ones(N, 1, dtype=torch.bool)
    for name in ("clip_text_loss", "joint_text_loss"):
        model.zero_grad()
        build_losses(config, model, layout, bank)((x, mask, LABEL, None), bank)[name].backward()
        assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.encoder.blocks[0].parameters())
    plain = build_model(replace(config, objective="classification"), layout, 1, 3, K, text_width=0)
    assert model.state_dict().keys() == plain.state_dict().keys()


def test_joints_of_a_mirrored_clip_meet_the_texts_of_the_other_side() -> None:
    """With `joint_of`, importance and joint features stand where the texts name the joints; z stays."""
    layout = get_layout("kinect20")
    config = Config(objective="text-retrieval", streams="joint", device="cpu")
    model = build_model(config, layout, 1, 3, K, text_width=E).eval()
    x, mask, text = torch.randn(2, 1, 8, 20, 3), torch.ones(2, 1, dtype=torch.bool), unit(2, 20, E)
    own, other = torch.arange(20), torch.as_tensor(layout.mirrored)
    plain = model(x, mask, text)
    swapped = model(x, mask, text, torch.stack([own, other]))
    assert isinstance(plain, CrossGLGOutput) and torch.equal(plain.z, swapped.z)
    for before, after in (
        (plain.joint_importance, swapped.joint_importance), (plain.joint_features, swapped.joint_features)
    ):  # fmt: skip
        assert torch.equal(after[0], before[0]) and torch.allclose(after[1], before[1][other], atol=1e-6)
        assert not torch.allclose(after[1], before[1])


def test_a_training_with_texts_and_mirrored_clips_learns(tmp_path: Path) -> None:
    base = synthesize(0, clips_per_action=6, actions=("drink water", "kicking something", "clapping", "sitting down"))
    bank = build_text_bank(find_descriptions(base.class_names, base.layout), base.layout)
    config = Config(
        encoder="infogcn-small", objective="text-retrieval", frames=8, epochs=6, batch_size=8, mirror=0.5,
        validation_clips=0.0, device="cpu", streams="joint", warmup_epochs=1,
    )  # fmt: skip
    history = fit(config, base, bank, tmp_path).details["history"]
    for name in ("clip_text_loss", "joint_text_loss"):
        assert history[-1][name] < 0.7 * history[0][name]
