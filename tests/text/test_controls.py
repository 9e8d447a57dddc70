"""Controls: the same model, with texts of other classes, nothing but names, or the same text for all classes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from support import tiny_training as t

from crossglg.data.tasks import split_task
from crossglg.encoders import ENCODERS
from crossglg.files import read_json
from crossglg.skeletons import get_layout
from crossglg.text.descriptions import DescriptionFile, find_descriptions
from crossglg.text.embeddings import (
    TextBank,
    build_name_bank,
    build_random_bank,
    build_text_bank,
    embed_texts,
    other_classes,
)
from crossglg.training import recipe
from crossglg.training.trained_model import build_model
from crossglg.training.trainer import fit

LAYOUT = get_layout("ntu25")
CLASSES = t.ACTIONS[:6]
CONTROLS = ("shuffled", "class-name", "constant", "random")
CONFIG = replace(t.CONFIG, epochs=1)


@pytest.fixture(autouse=True)
def tiny_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENCODERS, "tiny", t.TINY)


def bank(source: str = "descriptions", seed: int = 0) -> TextBank:
    if source == "class-name":
        return build_name_bank(CLASSES, LAYOUT)
    if source == "random":
        return build_random_bank(CLASSES, LAYOUT, seed)
    return build_text_bank(find_descriptions(CLASSES, LAYOUT), LAYOUT, source=source, seed=seed)


def test_shuffled_classes_have_texts_and_key_joints_of_one_other_class_each() -> None:
    true, control = bank(), bank("shuffled")
    assert control.classes == true.classes == CLASSES
    giver = other_classes(6, seed=0)
    assert sorted(giver) == list(range(6)) and not (giver == np.arange(6)).any()
    for k in range(6):
        assert torch.equal(control.local[k], true.local[giver[k]])
        assert torch.equal(control.key_joint_target[k], true.key_joint_target[giver[k]])
        assert not torch.equal(control.local[k], true.local[k])
    assert torch.equal(bank("shuffled").local, control.local)
    assert not torch.equal(bank("shuffled", seed=1).local, control.local)


@pytest.mark.parametrize("count", [2, 3, 57])
def test_every_class_is_given_to_another_whatever_the_seed(count: int) -> None:
    for seed in range(20):
        giver = other_classes(count, seed)
        assert sorted(giver) == list(range(count)) and not (giver == np.arange(count)).any()
    with pytest.raises(ValueError, match=r"text_source=shuffled .* only one class"):
        other_classes(1, 0)


def test_class_names_are_every_joints_text_and_name_no_key_joints() -> None:
    control = bank("class-name")
    assert control.classes == CLASSES and control.key_joint_target is None
    for rows, vector in zip(control.local, embed_texts(CLASSES), strict=True):
        assert all(torch.equal(row, torch.from_numpy(vector)) for row in rows)


def test_constant_texts_are_each_joints_mean_over_the_classes() -> None:
    true, control = bank(), bank("constant")
    assert control.classes == CLASSES and control.key_joint_target is None
    assert control.local.shape == true.local.shape
    for j in range(25):
        mean = sum(true.local[k, j] for k in range(6)) / 6
        for k in range(6):
            torch.testing.assert_close(control.local[k, j], mean / mean.norm())
    assert len(torch.unique(control.local[0], dim=0)) == 25, "joints keep texts of their own"


def test_random_texts_are_unit_vectors_that_are_not_alike() -> None:
    control, other = bank("random"), bank("random", seed=1)
    assert control.classes == CLASSES and control.key_joint_target is None
    rows = torch.cat([control.local.flatten(0, 1), control.global_])
    cosine = rows @ rows.T
    torch.testing.assert_close(cosine.diagonal(), torch.ones(len(rows)))
    assert (cosine - torch.eye(len(rows))).abs().max() < 0.35  # 384 features: standard deviation 0.05
    assert control.local.shape == bank().local.shape and not torch.equal(control.local, other.local)


@pytest.mark.parametrize("source", CONTROLS)
def test_a_control_trains_the_same_parameters(tmp_path: Path, source: str) -> None:
    config = replace(CONFIG, text_source=source)
    base, control = t.make_base(), bank(source)
    same, usual = (build_model(c, LAYOUT, 1, 3, 6, control.local.shape[-1]) for c in (config, CONFIG))
    assert {n: p.shape for n, p in same.named_parameters()} == {n: p.shape for n, p in usual.named_parameters()}
    trained = fit(config, base, control, tmp_path)
    recorded = trained.details["history"][0].keys()
    assert ("calibration_loss" in recorded) == (source == "shuffled")
    assert "cross_modal_loss" in recorded
    assert any(not torch.equal(p, q) for p, q in zip(trained.model.joint_importance.parameters(),
                                                     same.joint_importance.parameters(), strict=True))  # fmt: skip
    with pytest.raises(ValueError, match="belongs to a training with other settings"):
        fit(CONFIG, base, bank(), tmp_path)


@pytest.mark.parametrize("source", ("descriptions", *CONTROLS))
def test_no_text_of_a_novel_class_reaches_the_weights(
    tmp_path: Path, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From description file to weights: other texts, names and motions of the novel classes give the same bits."""
    described = find_descriptions(t.ACTIONS, LAYOUT)
    DescriptionFile(LAYOUT, {}, {d.action: d for d in described}).save(tmp_path / "true.json")
    content = read_json(tmp_path / "true.json")
    for old, new in zip(t.NOVEL, ("rubbish", "more rubbish"), strict=True):
        content["classes"][new] = {**content["classes"].pop(old), "key_joints": ["head"]}
        content["classes"][new]["joints"] = dict.fromkeys(content["classes"][new]["joints"], f"{new} moves.")
    (tmp_path / "other.json").write_text(json.dumps(content))
    clips = t.make_clips()
    xyz = clips.xyz.copy()
    for i in np.flatnonzero(clips.label >= 6):
        xyz[clips.offsets[i] : clips.offsets[i + 1]] *= -2.0
    other = replace(clips, xyz=xyz, class_names=(*CLASSES, "rubbish", "more rubbish"))
    for name, set_ in (("true", clips), ("other", other)):
        task = split_task(set_, set_.class_names[6:], 2, "tiny")
        config = replace(CONFIG, text_source=source, descriptions=str(tmp_path / f"{name}.json"))
        monkeypatch.setattr(recipe, "load_task", lambda _, task=task: task)
        recipe.prepare(config).train(tmp_path / name)
    assert t.same(t.weights(tmp_path / "true"), t.weights(tmp_path / "other"))
