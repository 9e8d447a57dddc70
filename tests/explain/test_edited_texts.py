"""Texts edited afterwards move the importance of their class, and nothing but importance."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from support.tiny_models import tiny_encoders, untrained  # noqa: F401 (a fixture)

from crossglg.data.clips import SkeletonSet
from crossglg.data.synthetic import synthesize
from crossglg.explain.attention import mean_by_class
from crossglg.explain.edited_texts import retrain_guidance, with_edit
from crossglg.text.descriptions import Description
from crossglg.text.embeddings import TextBank
from crossglg.text.key_joints import key_joint_target
from crossglg.training.trained_model import TrainedModel

KEYS = {
    "drink water": ["head", "right hand"],
    "kicking something": ["right foot", "right knee"],
    "clapping": ["left hand", "right hand"],
}


@pytest.fixture(scope="module")
def base() -> SkeletonSet:
    return synthesize(0, clips_per_action=5, actions=tuple(KEYS))


@pytest.fixture(scope="module")
def trained(base: SkeletonSet) -> TrainedModel:
    """Sees the whole posture, by which importance soonest tells the classes apart."""
    model = untrained(base)
    return replace(model, config=replace(model.config, posture=1.0))


def bank_of(base: SkeletonSet, **edited: list[str]) -> TextBank:
    keys = KEYS | {name.replace("_", " "): joints for name, joints in edited.items()}
    target = np.stack([key_joint_target(keys[name], base.layout) for name in base.class_names])
    local = torch.zeros(len(keys), base.layout.num_joints, 1)
    return TextBank(base.class_names, local, torch.from_numpy(target), local.mean(1))


def test_an_edit_changes_the_key_joints_of_its_class_alone(base: SkeletonSet) -> None:
    texts = {joint: f"The {joint} moves." for joint in base.layout.joints}
    bank, edited = bank_of(base), Description("clapping", "The knee.", ("left knee",), texts, base.layout)
    np.testing.assert_array_equal(
        with_edit(bank, edited, base.layout).key_joint_target, bank_of(base, clapping=["left knee"]).key_joint_target
    )
    np.testing.assert_array_equal(bank.key_joint_target, bank_of(base).key_joint_target)
    with pytest.raises(ValueError, match="'jump up' is none of the bank's classes: drink water"):
        with_edit(bank, replace(edited, action="jump up"), base.layout)


def test_the_edited_class_moves_to_its_new_key_joints(trained: TrainedModel, base: SkeletonSet) -> None:
    as_it_was = retrain_guidance(trained, base, bank_of(base), steps=150, learning_rate=2e-2)
    new = bank_of(base, clapping=["left knee"])
    edited = retrain_guidance(trained, base, new, steps=150, learning_rate=2e-2)
    by_class = {name: mean_by_class(model.joint_importance(base), base)
                for name, model in (("before", as_it_was), ("after", edited))}  # fmt: skip
    away = {name: np.abs(rows - new.key_joint_target.numpy()).sum(1) for name, rows in by_class.items()}
    k = base.class_names.index("clapping")
    assert away["after"][k] < 0.75 * away["before"][k]
    moved = np.abs(by_class["after"] - by_class["before"]).sum(1)
    assert moved.argmax() == k and by_class["after"][k].argmax() == base.layout.index("left knee")


def test_only_importance_learns_and_the_model_itself_is_kept(trained: TrainedModel, base: SkeletonSet) -> None:
    before = {name: value.clone() for name, value in trained.model.state_dict().items()}
    found = retrain_guidance(trained, base, bank_of(base), steps=5).model.state_dict()
    assert all(torch.equal(value, before[name]) for name, value in trained.model.state_dict().items())
    changed = {name for name, value in found.items() if not torch.equal(value, before[name])}
    assert changed and all(name.startswith("joint_importance.") for name in changed)


def test_it_repeats_and_takes_stem_features_at_hand(trained: TrainedModel, base: SkeletonSet) -> None:
    first = retrain_guidance(trained, base, bank_of(base), steps=5)
    again = retrain_guidance(trained, base, bank_of(base), steps=5, stem=trained.stem_features(base))
    np.testing.assert_array_equal(first.joint_importance(base), again.joint_importance(base))


def test_a_step_is_one_of_calibration(trained: TrainedModel, base: SkeletonSet) -> None:
    """One step moves every weight by the learning rate against its gradient: the first step of Adam, less decay."""
    bank, rate = bank_of(base), 1e-3
    found = retrain_guidance(trained, base, bank, steps=1, learning_rate=rate, batch_size=4).model
    index = torch.randint(len(base), (4,), generator=torch.Generator().manual_seed(trained.config.seed))
    jid = trained.model.joint_importance
    k_out = jid.of_pooled(torch.from_numpy(trained.stem_features(base))[index])
    k_gt = bank.key_joint_target[torch.as_tensor(base.label)[index]]
    loss = sum(((25 * a - 25 * b) ** 2).mean() for a, b in zip(k_out, k_gt, strict=True)) / 4
    for old, new, slope in zip(
        jid.parameters(), found.joint_importance.parameters(), torch.autograd.grad(loss, jid.parameters()), strict=True
    ):
        expected = old.detach() * (1 - rate * 0.01) - rate * slope / (slope.abs() + 1e-8)
        clear = slope.abs() > 1e-4  # rounding decides the sign of smaller ones
        torch.testing.assert_close(new.detach()[clear], expected[clear], atol=2e-6, rtol=1e-4)


def test_what_cannot_be_retrained_is_an_error(trained: TrainedModel, base: SkeletonSet) -> None:
    with pytest.raises(ValueError, match="not the base classes, in order"):
        retrain_guidance(trained, base, replace(bank_of(base), classes=("a", "b", "c")))
    with pytest.raises(ValueError, match="guidance='l2g' has no joint importance"):
        retrain_guidance(untrained(base, guidance="l2g"), base, bank_of(base))
    with pytest.raises(ValueError, match="name no key joints"):
        retrain_guidance(trained, base, replace(bank_of(base), key_joint_target=None))
