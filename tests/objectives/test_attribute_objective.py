"""Attributes as an objective: the loss against a plain loop, mirrored clips, what is refused, a training with it."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from support.tiny_training import TINY

from crossglg.config import Config
from crossglg.data.synthetic import synthesize
from crossglg.encoders import ENCODERS
from crossglg.files import InputError
from crossglg.model import CrossGLGOutput
from crossglg.objectives import find_objective
from crossglg.objectives.attributes import Attributes, attribute_loss
from crossglg.objectives.base import Sizes
from crossglg.skeletons import get_layout
from crossglg.text.attributes import STATEMENTS, attribute_names, attributes_of
from crossglg.text.descriptions import DescriptionFile, find_descriptions, shipped_files
from crossglg.text.embeddings import TextBank, build_random_bank, build_text_bank, other_classes
from crossglg.training.recipe import check
from crossglg.training.trained_model import TrainedModel, build_model
from crossglg.training.trainer import fit

LAYOUT = get_layout("kinect20")
A, N, K = len(attribute_names(LAYOUT)), 4, 3
CLASSES = ("drink", "kick", "swipe left")


def test_the_loss_equals_the_loop() -> None:
    logits = torch.randn(N, A, generator=torch.Generator().manual_seed(0))
    target = (torch.rand(N, A, generator=torch.Generator().manual_seed(1)) < 0.3).float()
    total = 0.0
    for row, wanted in zip(logits.tolist(), target.tolist(), strict=True):
        for logit, true in zip(row, wanted, strict=True):
            p = 1.0 / (1.0 + math.exp(-logit))
            total -= math.log(p if true else 1.0 - p)
    assert attribute_loss(logits, target).item() == pytest.approx(total / (N * A), rel=1e-5)


def test_a_mirrored_clip_has_the_mirrored_attributes() -> None:
    bank = build_text_bank(find_descriptions(CLASSES, LAYOUT), LAYOUT)
    objective = Attributes(Sizes(LAYOUT, 8, 8, 384, 2 * K), 0.0, 1.0)
    names = attribute_names(LAYOUT)
    swap = {"left": "right", "right": "left"}

    def loss(statements: set[str], label: int) -> float:
        logits = torch.tensor([[30.0 if name in statements else -30.0 for name in names]])
        out = CrossGLGOutput(torch.zeros(1, 2 * K), torch.zeros(1, 8), torch.zeros(1, 20, 8), None, None, logits)
        return objective.losses(out, torch.tensor([label]), bank)["attribute_loss"].item()

    swipe = find_descriptions(["swipe left"], LAYOUT)[0]
    told = {*(swipe.statements or ()), *(f"the {joint} is a key joint" for joint in swipe.key_joints)}
    mirrored = {" ".join(swap.get(word, word) for word in statement.split()) for statement in told}
    mirrored = {name if name in names else "left and right take turns" for name in mirrored}
    assert loss(told, 2) < 1e-6 < 1.0 < loss(mirrored, 2)
    assert loss(mirrored, 2 + K) < 1e-6 < 1.0 < loss(told, 2 + K)


def test_controls_have_attributes_of_other_classes_or_of_none() -> None:
    told = find_descriptions(CLASSES, LAYOUT)
    right, shuffled = build_text_bank(told, LAYOUT), build_text_bank(told, LAYOUT, source="shuffled", seed=1)
    assert right.attributes is not None and shuffled.attributes is not None
    np.testing.assert_array_equal(right.attributes, attributes_of(told, LAYOUT))
    np.testing.assert_array_equal(shuffled.attributes, right.attributes[other_classes(K, 1)])
    random = build_random_bank(tuple(map(str, range(400))), LAYOUT).attributes
    assert random is not None and random.shape == (400, A) and set(random.unique().tolist()) == {0.0, 1.0}
    assert random.mean().item() == pytest.approx(0.25, abs=0.01)
    assert build_text_bank([replace(told[0], statements=None), *told[1:]], LAYOUT).attributes is None


def test_what_cannot_work_is_refused(tmp_path: Path) -> None:
    config = Config(dataset="synthetic-small", objective="attributes", guidance="none", device="cpu")
    with pytest.raises(InputError, match=r"needs statements.*text_source='class-name'.*text_source=descriptions"):
        find_objective(replace(config, text_source="class-name"))
    with pytest.raises(InputError, match=r"tells left from right.*mirror=0.5.*mirror_class=other"):
        find_objective(replace(config, mirror=0.5))
    file = DescriptionFile.load(next(path for path in shipped_files() if path.stem == "ntu120"))
    own = replace(file, classes={action: replace(one, statements=None) for action, one in file.classes.items()})
    own.save(tmp_path / "own.json")
    with pytest.raises(InputError, match=r"reads statements, .* has none \(own.json.*crossglg describe --statements"):
        check(replace(config, descriptions=str(tmp_path / "own.json")))
    check(config)


def test_a_training_learns_attributes_and_keeps_what_predicts_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ENCODERS, "tiny", partial(TINY, bottleneck=False))
    base = synthesize(0, clips_per_action=6, actions=("drink water", "kicking something", "clapping", "sitting down"))
    told = find_descriptions(base.class_names, base.layout)
    bank = build_text_bank(told, base.layout)
    config = Config(
        encoder="tiny", learning_rate=1e-2, objective="attributes", guidance="none", frames=8, epochs=30, batch_size=8,
        validation_clips=0.0, device="cpu", streams="joint", warmup_epochs=1,
    )  # fmt: skip
    trained = fit(config, base, bank, tmp_path)
    history = trained.details["history"]
    assert history[-1]["attribute_loss"] < 0.5 * history[0]["attribute_loss"]
    loaded = TrainedModel.load(tmp_path)
    predicted, target = loaded.attributes(base), attributes_of(told, base.layout)
    np.testing.assert_array_equal(predicted, loaded.represent(base).attributes)
    assert ((predicted > 0.5) == (target[base.label] > 0.5)).mean() > 0.9
    np.testing.assert_allclose(trained.details["usual_attributes"], predicted.mean(0), atol=1e-4)
    plain = replace(config, objective="classification")
    model = TrainedModel(build_model(plain, base.layout, 1, 3, 4, 0), plain, base.layout, 1, 3, base.class_names, {})
    with pytest.raises(ValueError, match="predicts no attributes; use objective=attributes"):
        model.attributes(base)


def test_without_attributes_a_model_starts_from_the_same_weights() -> None:
    config = Config(objective="attributes", guidance="none", device="cpu")
    own = build_model(config, LAYOUT, 1, 3, K, 0).state_dict()
    plain = build_model(replace(config, objective="classification"), LAYOUT, 1, 3, K, 0).state_dict()
    assert own.keys() - plain.keys() == {"attributes.weight", "attributes.bias"}
    assert all(torch.equal(own[name], plain[name]) for name in plain) and len(STATEMENTS) + 20 == A


def test_a_bank_on_another_device_keeps_its_attributes() -> None:
    bank = build_text_bank(find_descriptions(CLASSES, LAYOUT), LAYOUT)
    moved = bank.to(torch.device("meta"))
    assert isinstance(moved, TextBank) and moved.attributes is not None and moved.attributes.device.type == "meta"
