"""Text matching: candidates and loss against plain loops; no answer without looking; a training with it."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from support.tiny_training import TINY

from crossglg.config import Config
from crossglg.data.synthetic import synthesize
from crossglg.encoders import ENCODERS
from crossglg.model import CrossGLGOutput
from crossglg.objectives.base import Sizes
from crossglg.objectives.text_matching import CANDIDATES, TextMatching, candidates, matching_loss
from crossglg.skeletons import get_layout
from crossglg.text.descriptions import find_descriptions
from crossglg.text.embeddings import TextBank, build_text_bank
from crossglg.training.trained_model import build_model
from crossglg.training.trainer import fit

K, V, E, D, N = 6, 20, 8, 16, 5
RIGHT = torch.tensor([0, 3, 3, 1, 2])
SIZES = Sizes(get_layout("kinect20"), D, D, E, K)


@pytest.mark.parametrize("mirrored", [False, True])
def test_candidates_equal_the_loop(mirrored: bool) -> None:
    logits = torch.randn(N, 2 * K if mirrored else K, generator=torch.Generator().manual_seed(0))
    found = candidates(logits, RIGHT, K)
    for i, right in enumerate(RIGHT.tolist()):
        taken_for = {k: max(float(logits[i, k + m]) for m in ((0, K) if mirrored else (0,))) for k in range(K)}
        del taken_for[right]
        hardest = sorted(taken_for, key=lambda k: -taken_for[k])[: CANDIDATES - 1]
        assert found[i].tolist() == [right, *hardest]


def test_of_few_classes_all_are_candidates() -> None:
    assert sorted(candidates(torch.randn(1, 2), torch.tensor([1]), 2)[0].tolist()) == [0, 1]


def test_matching_loss_equals_the_loop() -> None:
    scores = torch.randn(N, 4, generator=torch.Generator().manual_seed(1))
    expected = sum(-math.log(math.exp(row[0]) / sum(map(math.exp, row))) for row in scores.tolist()) / N
    assert matching_loss(scores).item() == pytest.approx(expected, rel=1e-5)


def output(joint_features: torch.Tensor) -> CrossGLGOutput:
    return CrossGLGOutput(torch.zeros(len(joint_features), K), joint_features.mean(1), joint_features, None, None)


def test_it_cannot_be_answered_without_looking() -> None:
    """Where every clip is the same, nothing tells the right text."""
    torch.manual_seed(0)
    bank = TextBank(tuple("abcdef"), torch.randn(K, V, E), None, torch.randn(K, E))
    objective = TextMatching(SIZES, 0.0, 1.0, 1, 16)
    optimizer = torch.optim.Adam(objective.parameters(), lr=1e-2)
    label = torch.arange(K)

    def trained(joint_features: torch.Tensor) -> float:
        for _ in range(100):
            loss = objective.losses(output(joint_features), label, bank)["matching_loss"]
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return loss.item()

    blind, seeing = trained(torch.zeros(K, V, D)), trained(torch.randn(K, V, D))
    assert seeing < 0.1 < 0.5 < blind


def test_scores_and_gradients_reach_the_joints_and_the_module_is_no_part_of_the_model() -> None:
    bank = TextBank(tuple("abcdef"), torch.randn(K, V, E), None, torch.randn(K, E))
    joints = torch.randn(N, V, D, requires_grad=True)
    TextMatching(SIZES, 0.0, 1.0, 1, 16).losses(output(joints), RIGHT, bank)["matching_loss"].backward()
    assert joints.grad is not None and joints.grad.abs().sum(-1).all()
    config = Config(objective="text-matching", guidance="none", streams="joint", device="cpu")
    plain = build_model(replace(config, objective="classification"), SIZES.layout, 1, 3, K, text_width=E)
    assert build_model(config, SIZES.layout, 1, 3, K, text_width=E).state_dict().keys() == plain.state_dict().keys()


def test_a_training_with_it_learns_which_text_fits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENCODERS, "tiny", partial(TINY, bottleneck=False))
    base = synthesize(0, clips_per_action=6, actions=("drink water", "kicking something", "clapping", "sitting down"))
    bank = build_text_bank(find_descriptions(base.class_names, base.layout), base.layout)
    config = Config(
        encoder="tiny", learning_rate=1e-2, objective="text-matching", guidance="g2l", frames=8, epochs=16,
        batch_size=8, mirror=0.5, mirror_class="other", validation_clips=0.0, device="cpu", streams="joint",
        warmup_epochs=1, interaction_blocks=1, interaction_width=32,
    )  # fmt: skip
    history = fit(config, base, bank, tmp_path).details["history"]
    assert history[-1]["matching_loss"] < 0.7 * history[0]["matching_loss"]
