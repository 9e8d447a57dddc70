"""Attributes: what a description says of a movement in yes and no. Its statements, then its key joints.

Classes share them, so what base classes teach about "a hand comes to the head" holds for novel ones. Not in the paper;
attributes for classes without examples: Lampert et al., Learning to detect unseen object classes (CVPR 2009).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from crossglg.skeletons import Layout, other_side
from crossglg.text.key_joints import key_joint_targets

if TYPE_CHECKING:
    from crossglg.text.descriptions import Description

# Asked of a language model for every action. Description files hold those that are true, in these words.
STATEMENTS = (
    "the right hand moves",
    "the left hand moves",
    "the right hand comes above the shoulder",
    "the left hand comes above the shoulder",
    "a hand reaches forward",
    "an arm or leg goes out to the side",
    "a hand comes to the head",
    "the hands come together",
    "a hand crosses the middle of the body",
    "a hand goes behind the body or the head",
    "a hand comes near the floor",
    "the hands stay before the chest or the belly",
    "a hand moves from right to left",
    "a hand moves from left to right",
    "a hand goes round in a circle",
    "an arm is stretched out",
    "both arms do the same",
    "left and right take turns",
    "the right foot leaves the floor",
    "the left foot leaves the floor",
    "both knees bend deeply",
    "the trunk bends forward",
    "the trunk turns",
    "the trunk leans to a side",
    "the whole body goes down",
    "the whole body goes up",
    "the person sits or lies",
    "the person moves through the room",
    "the movement repeats",
    "the movement is fast",
    "the movement is small",
    "a position is held",
    "another person takes part",
)


def attribute_targets(
    statements: Sequence[Collection[str]], key_joints: Sequence[Sequence[str]], layout: Layout
) -> NDArray[np.float32]:
    """(K, A) of 0 and 1: which statements hold for each of K classes, then which of its V joints are key joints.

    Args:
        statements: of `STATEMENTS`, those that are true of each class.
        key_joints: names of the key joints of each class.
        layout: the skeleton; A = `len(STATEMENTS)` + V.
    """
    said = np.array([[statement in true for statement in STATEMENTS] for true in statements])
    return np.concatenate([said, key_joint_targets(key_joints, layout) > 0], axis=1).astype(np.float32)


def attributes_of(descriptions: Sequence[Description], layout: Layout) -> NDArray[np.float32] | None:
    """The `attribute_targets` of descriptions; None if one of them has no statements."""
    said = [one.statements for one in descriptions if one.statements is not None]
    if len(said) < len(descriptions):
        return None
    return attribute_targets(said, [one.key_joints for one in descriptions], layout)


def attribute_names(layout: Layout) -> tuple[str, ...]:
    """The A attributes in words, in the order of `attribute_targets`."""
    return (*STATEMENTS, *(f"the {joint} is a key joint" for joint in layout.joints))


def mirrored_attributes(layout: Layout) -> NDArray[np.int64]:
    """(A,): for each attribute the one that says the same of the mirror image."""
    said = [STATEMENTS.index(_mirrored(statement)) for statement in STATEMENTS]
    return np.array([*said, *(len(STATEMENTS) + joint for joint in layout.mirrored)])


def _mirrored(statement: str) -> str:
    other = other_side(statement)
    return other if other in STATEMENTS else statement  # "left and right take turns" holds for both
