"""From words to joints: which joints a global description calls important, and the target distribution k_gt.

The side comes from parsing, never from an embedding: sentence encoders hardly tell left from right.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from crossglg.skeletons import Layout

_ARM_JOINTS = ("shoulder", "elbow", "wrist", "hand")
_LEG_JOINTS = ("hip", "knee", "ankle", "foot")
_TRUNK = ("hip center", "spine", "shoulder center")

# A word for a body part → the joints it stands for. Sided joints get the side named beside it, both if none is.
LEXICON: dict[str, tuple[str, ...]] = {
    "head": ("head",), "face": ("head",), "mouth": ("head",), "nose": ("head",), "ear": ("head",), "eye": ("head",),
    "forehead": ("head",), "chin": ("head",), "hair": ("head",), "neck": ("neck",), "throat": ("neck",),
    "shoulder": ("shoulder",), "elbow": ("elbow",), "wrist": ("wrist",), "thumb": ("thumb",),
    "hand": ("hand", "wrist"), "palm": ("hand",), "fist": ("hand",), "finger": ("hand tip", "hand"),
    "fingertip": ("hand tip", "hand"), "index finger": ("hand tip", "hand"),
    "forearm": ("elbow", "wrist"), "upper arm": ("shoulder", "elbow"), "arm": _ARM_JOINTS,
    "hip": ("hip",), "knee": ("knee",), "ankle": ("ankle",), "foot": ("foot", "ankle"), "feet": ("foot", "ankle"),
    "toe": ("foot",), "heel": ("ankle",), "thigh": ("hip", "knee"), "shin": ("knee", "ankle"), "calf": ("knee", "ankle"),
    "calves": ("knee", "ankle"), "leg": _LEG_JOINTS, "lap": ("knee",),
    "waist": ("hip center",), "pelvis": ("hip center",), "base of the spine": ("hip center",), "belly": ("spine",),
    "stomach": ("spine",), "abdomen": ("spine",), "back": ("spine",), "spine": ("spine",), "torso": _TRUNK,
    "trunk": _TRUNK, "chest": ("shoulder center",),
    "upper body": (*_TRUNK, "neck", "head", *_ARM_JOINTS), "lower body": ("hip center", *_LEG_JOINTS),
    "whole body": (*_TRUNK, "neck", "head", *_ARM_JOINTS, *_LEG_JOINTS),
    "entire body": (*_TRUNK, "neck", "head", *_ARM_JOINTS, *_LEG_JOINTS),
}  # fmt: skip

# "the left arm and the legs stay still": a clause with one of these words takes its parts out again.
_STILL = re.compile(
    r"\b(still|static|stationary|motionless|unmoving|uninvolved|passive|idle|relaxed|rests?|resting|unaffected"
    r"|(do|does|need) not (move|matter)|(don't|doesn't) (move|matter)|no movement|barely moves?|hardly moves?"
    r"|less important|unimportant|irrelevant|hangs?|stays? (down|quiet|in place|upright|planted|straight)"
    r"|remains? (down|quiet|in place|upright|planted|straight))\b"
)
_CLAUSE = re.compile(r"[.;:!?]|,? (?:while|whereas|but|although|though)\b|, (?=(?:the|his|her|their|both)\b)")
_WORDS = sorted(LEXICON, key=len, reverse=True)
_PART = re.compile(
    r"(?:\b(?P<side>left|right|both|two)[ -](?:(?P<side2>and) (?P<side3>left|right) )?)?"
    rf"\b(?P<part>{'|'.join(re.escape(word) for word in _WORDS)})(?:e?s)?\b"
)


def find_key_joints(text: str, layout: Layout) -> tuple[str, ...]:
    """Joints of `layout` that the text names as moving, in layout order.

    Understands sides ("the right hand", "left and right knees"), "both" and plurals, groups ("upper body", "arm") and
    stillness ("the legs remain still" makes no leg joint key). An unsided part stands for both sides. Empty if none.
    """
    moving: set[int] = set()
    for clause in _CLAUSE.split(text.lower()):
        if not _STILL.search(clause):
            moving |= _joints_of_clause(clause, layout)
    return tuple(layout.joints[j] for j in sorted(moving))


def _joints_of_clause(clause: str, layout: Layout) -> set[int]:
    found: set[int] = set()
    for match in _PART.finditer(clause):
        sides = {match["side"], match["side3"]} & {"left", "right"} or {"left", "right"}
        for joint in LEXICON[match["part"]]:
            names = [joint] if layout.has(joint) else [f"{side} {joint}" for side in sorted(sides)]
            found |= {layout.index(name) for name in names if layout.has(name)}
    return found


def key_joint_target(key_joints: Sequence[str], layout: Layout) -> NDArray[np.float32]:
    """k_gt: (V,) uniform over the key joints, summing to 1; uniform over all joints if none of them is in the layout.

    Paper: CrossGLG, JID's target. A key joint the layout lacks (a finger tip on a Kinect v1) is passed over.
    """
    target = np.zeros(layout.num_joints, dtype=np.float32)
    target[[layout.index(joint) for joint in key_joints if layout.has(joint)]] = 1.0
    if not target.any():
        target[:] = 1.0
    return target / target.sum()
