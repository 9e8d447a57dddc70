"""Settings explain themselves and refuse what cannot be right."""

from __future__ import annotations

import json
import math
from dataclasses import FrozenInstanceError, fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crossglg.config import HELP, PRESET_HELP, PRESETS, Config, parse_values
from crossglg.files import InputError

NAMES = [spec.name for spec in fields(Config)]


def test_every_setting_has_a_sentence_and_a_scalar_default() -> None:
    assert list(HELP) == NAMES
    assert all(len(sentence) > 5 for sentence in HELP.values())
    assert all(isinstance(value, str | int | float | bool) for value in Config().to_dict().values())


def test_every_number_has_a_least_value_and_a_reason_for_its_greatest() -> None:
    for spec in fields(Config):
        if type(spec.default) in (int, float):
            assert math.isfinite(spec.metadata["low"]), spec.name
            # a learning rate that is too high is told by the loss
            assert math.isfinite(spec.metadata["high"]) != (spec.name == "learning_rate"), spec.name
            assert bool(spec.metadata["why"]) == math.isfinite(spec.metadata["high"]), spec.name


@pytest.mark.parametrize("preset", PRESETS)
def test_preset_builds_with_its_values_and_defaults_elsewhere(preset: str) -> None:
    config = Config.create(preset)
    assert config.to_dict() == {**Config().to_dict(), **PRESETS[preset]}
    assert {name: type(value) for name, value in config.to_dict().items()} == {
        name: type(value) for name, value in Config().to_dict().items()
    }


def test_every_preset_is_described_and_the_strong_one_keeps_the_recipe() -> None:
    assert PRESETS.keys() == PRESET_HELP.keys()
    assert PRESETS["paper-strong"].keys() == {"encoder", "frames", "epochs", "batch_size", "weight_decay"}
    assert all(PRESETS["paper-strong"][name] == PRESETS["paper"][name] for name in ("encoder", "frames", "batch_size"))


def test_an_override_beats_the_preset() -> None:
    assert PRESETS["smoke"]["epochs"] == 2
    config = Config.create("smoke", epochs=3)
    assert (config.epochs, config.frames) == (3, 16)


def test_a_config_survives_being_written_as_strings() -> None:
    config = Config.create("paper", seed=7)
    assert Config.create(**{name: str(value) for name, value in config.to_dict().items()}) == config


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("frames", "20", 20),
        ("frames", 20.0, 20),
        ("learning_rate", "1e-3", 1e-3),
        ("crop", "1", 1.0),
        ("align_view", "false", False),
        ("align_view", "True", True),
        ("align_view", "no", False),
        ("align_view", 1, True),
        ("dataset", "clips.npz", "clips.npz"),
    ],
)
def test_strings_become_the_settings_type(name: str, text: Any, value: Any) -> None:
    parsed = parse_values({name: text})[name]
    assert parsed == value and type(parsed) is type(value)


@pytest.mark.parametrize(
    "values",
    [
        {"epochs": 2.5},
        {"epochs": True},
        {"align_view": 1},
        {"learning_rate": "1e-3"},
        {"dataset": None},
        {"crop": True},
    ],
)
def test_a_value_of_another_type_is_refused_in_python(values: dict[str, Any]) -> None:
    ((name, value),) = values.items()
    with pytest.raises(InputError, match=f"^{name}={value!r} is not of the kind"):
        Config(**values)


def test_numbers_of_numpy_and_an_int_for_a_float_are_taken() -> None:
    config = Config(epochs=np.int64(3), learning_rate=np.float32(0.5), crop=1)
    assert config == Config(epochs=3, learning_rate=0.5, crop=1.0)
    assert json.loads(json.dumps(config.to_dict())) == config.to_dict()
    assert Config(dataset=Path("my") / "clips.npz").dataset == str(Path("my") / "clips.npz")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"frames": "5.5"}, "frames='5.5' is not of the kind int: T, frames every clip"),
        ({"frames": "many"}, "frames='many' is not of the kind int"),
        ({"frames": True}, "frames=True is not of the kind int"),
        ({"epochs": "inf"}, "epochs='inf' is not of the kind int"),
        ({"align_view": "maybe"}, "align_view='maybe' is not of the kind bool: turn each clip"),
        ({"learning_rate": "fast"}, "learning_rate='fast' is not of the kind float: peak"),
        ({"dataset": None}, "dataset=None is not of the kind str"),
        ({"guidance": "l2l"}, "guidance='l2l' is not one of both, g2l, l2g, none"),
        ({"optimizer": "lion"}, "optimizer='lion' is not one of adamw, sgd"),
        ({"frames": 0}, "frames=0 must be at least 1"),
        ({"crop": "1.5"}, "crop=1.5 must be at most 1.0: it is a fraction"),
        ({"validation_classes": 1.0}, "validation_classes=1.0 must be at most 0.9: something must be left"),
        ({"base_share": 0.0}, "base_share=0.0 must be at least 0.01"),
        ({"validation_split": -1}, "validation_split=-1 must be at least 0"),
        ({"dropout": -0.1}, "dropout=-0.1 must be at least 0.0"),
        ({"label_smoothing": 2}, "label_smoothing=2.0 must be at most 1.0"),
        ({"learning_rate": -1}, "learning_rate=-1.0 must be at least 0.0"),
        ({"cross_modal_weight": -1}, "cross_modal_weight=-1.0 must be at least 0.0"),
        (
            {"text_source": "shufled"},
            "text_source='shufled' is not one of descriptions, shuffled, class-name, constant, random",
        ),
        ({"batch_classes": 0}, "batch_classes=0 must be at least 1"),
        ({"alignment_weight": -1}, "alignment_weight=-1.0 must be at least 0.0"),
        ({"seed": -1}, "seed=-1 must be at least 0"),
        ({"frames": 100_000_000}, "frames=100000000 must be at most 10000: more does not fit into memory"),
        ({"epochs": 10**21}, f"epochs={10**21} must be at most 100000: more takes months"),
        ({"seed": 2**32}, "seed=4294967296 must be at most 4294967295: random number generators take 32 bits"),
        ({"calibration_weight": 1e9}, "must be at most 1000.0: above that the other losses hardly count"),
        ({"learning_rate": "nan"}, "learning_rate=nan is not a finite number"),
    ],
)
def test_values_that_cannot_be_right_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Config.create(**values)


def test_an_unknown_name_is_answered_with_the_nearest_and_the_valid_ones() -> None:
    valid = ", ".join(NAMES)
    with pytest.raises(ValueError, match=rf"unknown setting 'epoch'; did you mean 'epochs'\? Valid: {valid}$"):
        Config.create(epoch=3)
    with pytest.raises(ValueError, match=r"unknown setting 'lr'; did you mean 'learning_rate'\? Valid"):
        Config.create(lr=0.1)
    with pytest.raises(ValueError, match=r"unknown setting 'epoch'; did you mean 'epochs'\?"):
        Config(epoch=3)  # type: ignore[call-arg]
    with pytest.raises(ValueError, match=rf"unknown setting 'zzz'\. Valid: {valid}$"):
        Config.create(zzz=3)
    with pytest.raises(ValueError, match=f"unknown preset 'papers'; presets: {', '.join(PRESETS)}"):
        Config.create("papers")


def test_a_config_cannot_change() -> None:
    with pytest.raises(FrozenInstanceError):
        Config().seed = 1  # type: ignore[misc]
