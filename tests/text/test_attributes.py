"""Attributes: what the shipped descriptions state, how it becomes a target, and what a mirror makes of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from crossglg.files import InputError
from crossglg.skeletons import get_layout
from crossglg.text.attributes import STATEMENTS, attribute_names, attributes_of, mirrored_attributes
from crossglg.text.descriptions import DescriptionFile, find_descriptions, shipped_files
from crossglg.text.samples import merge_samples

LAYOUT = get_layout("kinect20")


def test_every_shipped_class_has_statements_and_an_action_the_same_in_every_file() -> None:
    said: dict[str, tuple[str, ...]] = {}
    for path in shipped_files():
        for action, description in DescriptionFile.load(path).classes.items():
            assert description.statements, (path.name, action)
            assert said.setdefault(action, description.statements) == description.statements, action
    true = {statement: sum(statement in one for one in said.values()) for statement in STATEMENTS}
    assert min(true.values()) > 0 and max(true.values()) < len(said), "a statement that tells nothing apart"


def test_statements_say_what_tells_actions_apart() -> None:
    drink, sit, stand, left, right, boxing = (
        set(find_descriptions([action], LAYOUT)[0].statements or ())
        for action in ("drink", "sit down", "stand up", "swipe left", "swipe right", "boxing")
    )
    assert "a hand comes to the head" in drink - boxing and "left and right take turns" in boxing - drink
    assert "the whole body goes down" in sit - stand and "the whole body goes up" in stand - sit
    assert "a hand moves from right to left" in left - right and "a hand moves from left to right" in right - left


def test_targets_are_the_statements_then_the_key_joints() -> None:
    told = find_descriptions(["drink", "jump", "swipe left"], LAYOUT)
    target, names = attributes_of(told, LAYOUT), attribute_names(LAYOUT)
    assert target is not None and target.shape == (3, len(STATEMENTS) + 20) == (3, len(names))
    for row, description in zip(target, told, strict=True):
        expected = [
            *(description.statements or ()),
            *(f"the {joint} is a key joint" for joint in description.key_joints),
        ]
        assert {names[a] for a in np.flatnonzero(row == 1)} == set(expected)
        assert set(row.tolist()) == {0.0, 1.0}
    assert attributes_of([told[0], replace(told[1], statements=None)], LAYOUT) is None


@pytest.mark.parametrize("layout", ["kinect20", "ntu25", "openpose18"])
def test_a_mirror_swaps_sides_and_nothing_else(layout: str) -> None:
    names, mirrored = attribute_names(get_layout(layout)), mirrored_attributes(get_layout(layout))
    np.testing.assert_array_equal(mirrored[mirrored], np.arange(len(names)))
    other = {names[a]: names[b] for a, b in enumerate(mirrored)}
    assert other["the left foot leaves the floor"] == "the right foot leaves the floor"
    assert other["a hand moves from left to right"] == "a hand moves from right to left"
    assert other["left and right take turns"] == "left and right take turns"
    assert other["the left knee is a key joint"] == "the right knee is a key joint"
    assert other["the head is a key joint" if layout != "openpose18" else "the nose is a key joint"].count("left") == 0


@pytest.mark.parametrize("one", ["raise hand", "wave hand", "lift leg to one side", "kick a ball", "throw a ball"])
def test_the_same_with_the_other_side_has_the_mirrored_statements(one: str) -> None:
    twins = {"lift leg to one side": "lift leg to the other side", "kick a ball": "kick a ball with other leg"}
    twins["throw a ball"] = "throw a ball with other arm"
    target = attributes_of(find_descriptions([one, twins.get(one, one.replace("hand", "other hand"))], LAYOUT), LAYOUT)
    assert target is not None and not np.array_equal(target[0], target[1])
    said = slice(len(STATEMENTS))
    np.testing.assert_array_equal(target[0][mirrored_attributes(LAYOUT)][said], target[1][said])


def test_most_samples_decide_and_a_sample_that_was_not_asked_counts_for_nothing() -> None:
    drink = find_descriptions(["drink"], LAYOUT)[0]
    held, fast = "a position is held", "the movement is fast"
    samples = [replace(drink, statements=said) for said in ((held, fast), (fast,), ())]
    assert merge_samples(samples).statements == (fast,)
    assert merge_samples([*samples[:2], replace(drink, statements=None)]).statements is None


def test_a_statement_that_is_none_of_the_list_is_named(tmp_path: Path) -> None:
    content = json.loads(shipped_files()[0].read_text())
    action = next(iter(content["classes"]))
    content["classes"][action]["statements"] = ["the right hand move"]
    path = tmp_path / "own.json"
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match=f"own.json: description of {action!r}: 'the right hand move' is none of the "
                       "statements; did you mean 'the right hand moves'"):  # fmt: skip
        DescriptionFile.load(path)
