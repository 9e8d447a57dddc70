"""From words to joints: which joints a global description calls important, and the target distribution k_gt.

The side comes from parsing, never from an embedding: sentence encoders hardly tell left from right.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from crossglg.skeletons import Layout

_ARM_JOINTS = ("shoulder", "elbow", "wrist", "hand")
_LEG_JOINTS = ("hip", "knee", "ankle", "foot")
_TRUNK = ("hip center", "spine", "shoulder center")

# A word for a body part → the joints it stands for. Sided joints get the side that the text gives them.
LEXICON: dict[str, tuple[str, ...]] = {
    "head": ("head",), "the face": ("head",), "mouth": ("head",), "lip": ("head",), "nose": ("head",), "ear": ("head",),
    "eye": ("head",), "forehead": ("head",), "chin": ("head",), "cheek": ("head",), "hair": ("head",),
    "neck": ("neck",), "throat": ("neck",),
    "shoulder": ("shoulder",), "elbow": ("elbow",), "wrist": ("wrist",), "thumb": ("thumb",), "hand": ("hand", "wrist"),
    "palm": ("hand",), "fist": ("hand",), "hand tip": ("hand tip",), "finger": ("hand tip", "hand"),
    "index finger": ("hand tip", "hand"), "fingertip": ("hand tip", "hand"),
    "forearm": ("elbow", "wrist"), "upper arm": ("shoulder", "elbow"), "arm": _ARM_JOINTS,
    "hip": ("hip",), "knee": ("knee",), "ankle": ("ankle",), "foot": ("foot", "ankle"), "feet": ("foot", "ankle"),
    "toe": ("foot",), "heel": ("ankle",), "thigh": ("hip", "knee"), "lap": ("knee",),
    "shin": ("knee", "ankle"), "calf": ("knee", "ankle"), "calves": ("knee", "ankle"), "leg": _LEG_JOINTS,
    "waist": ("hip center",), "pelvis": ("hip center",), "hip center": ("hip center",),
    "base of spine": ("hip center",), "spine": ("spine",), "middle of spine": ("spine",), "the back": ("spine",),
    "lower back": ("spine",), "belly": ("spine",), "stomach": ("spine",), "abdomen": ("spine",),
    "torso": _TRUNK, "trunk": _TRUNK,
    "chest": ("shoulder center",), "shoulder center": ("shoulder center",), "upper back": ("shoulder center",),
    "upper body": (*_TRUNK, "neck", "head", *_ARM_JOINTS), "lower body": ("hip center", *_LEG_JOINTS),
    "whole body": (*_TRUNK, "neck", "head", *_ARM_JOINTS, *_LEG_JOINTS),
    "entire body": (*_TRUNK, "neck", "head", *_ARM_JOINTS, *_LEG_JOINTS),
}  # fmt: skip

# What a part is looked for in where the skeleton has no joint of that name.
_INSTEAD: dict[str, tuple[str, ...]] = {
    "head": ("nose", "eye", "ear"), "hand": ("wrist",), "foot": ("ankle",),
    "hip center": ("hip",), "shoulder center": ("shoulder",), "spine": ("hip center", "shoulder center"),
}  # fmt: skip

_WORD = "|".join(sorted(map(re.escape, LEXICON), key=len, reverse=True))
# "at chest height", "in front of the chest": where something moves, not what moves.
_PLACE = re.compile(
    rf"\b(?:{_WORD})(?: (?:and|or|to) (?:{_WORD}))?(?:'s)?[ -](?:height|high|level|length|wide|width)\b"
    r"|\b(?:in front of|near|next to|between|along|around|across|against|beside|behind|before|past|above|below|under"
    rf"|over|on|onto|off|out of|inside|outside) (?:the )?(?:(?:left|right|both) )?(?:{_WORD})s?\b"
)
# "the left arm and the legs stay still": a clause with one of these words adds none of its parts.
_STILL = re.compile(
    r"\b(still|static|stationary|motionless|unmoving|uninvolved|passive|idle|relaxed|rests?|resting|unaffected|planted"
    r"|fixed|frozen|freezes?|immobile|steady|steadies|hangs?|no part|no movement|(without|not) moving"
    r"|(barely|hardly) moves?|(do|does|need) not (move|matter|join|take part)|(don't|doesn't) (move|matter|join)"
    r"|less important|unimportant|irrelevant|at most (a )?(small|short|slight)"
    r"|(only|for) (balances?|follows?|guards?|guides?|helps?|supports?))\b"
)
# A pose that is kept: still as well, unless the clause goes on to move it ("the arm stays straight and swings up").
_KEPT = re.compile(
    r"\b(?:(?:are|is|remains?|stays?|staying) (?:nearly |almost )?(?:stiff|rigid)"
    r"|(?:remains?|stays?|staying) (?:nearly |almost )?(?:down|low|put|flat|level|quiet|in place|upright|straight"
    r"|facing|on the (?:floor|ground)))\b"
    r"(?!.*\b(?:and|then) (?:\w+ly )?(?:swing|raise|rise|lift|lower|bend|fold|turn|twist|rotate|circle|sweep|wave|kick"
    r"|punch|push|pull|reach|step|jump|hop|drop|sink|move|shake|sway|lean|tilt|press)(?:s|es)?\b)"
)
# "The right hand and wrist matter most": the prompt asks for this verdict; where it is given it counts alone.
_DECISIVE = re.compile(r"\b(matters?|decisive|defines?|key|crucial|essential|identif(y|ies)|distinguish(es)?|tells?)\b")
_SENTENCE = re.compile(r"[.;:!?]")
_CLAUSE = re.compile(r",? (?:while|whereas|but|although|though)\b|, (?:and )?(?=(?:the|both)\b)")
# "the arm stays straight while it swings up": the second clause moves the parts of the first.
_PRONOUN = re.compile(r"\s*(?:and )?(?:it|they)\b")
_SIDED = re.compile(r"(?:(left|right) )?(.+)")
_LIST_WORDS = re.compile(r"\b(?:the|and|or|left|right|both)\b|[ ,]")


def find_key_joints(text: str, layout: Layout) -> tuple[str, ...]:
    """Joints of `layout` that the text calls decisive, or else names as moving, in layout order. Empty if none.

    Understands sides ("the right hand", "left and right knees"), "both" and plurals, groups ("upper body", "arm") and
    stillness ("the legs remain still" makes no leg joint key). A part without a side has the side named last ("raises
    the right hand and bends the elbow"), before any is named both.
    """
    moving: set[int] = set()
    decisive: set[int] = set()
    last: set[int] = set()
    side = ""
    for clause in _clauses(text, layout):
        joints, named = _joints_of_clause(clause, layout, side)
        if _PRONOUN.match(clause):
            joints = last | joints
        last = joints
        if _STILL.search(clause) or _KEPT.search(clause):
            continue
        side = named
        moving |= joints
        if _DECISIVE.search(clause):
            decisive |= joints
    return tuple(layout.joints[j] for j in sorted(decisive or moving))


@lru_cache
def _words(layout: Layout) -> tuple[dict[str, tuple[str, ...]], re.Pattern[str]]:
    """The lexicon with the layout's own joint names, and the pattern that finds its words with their side."""
    own = {_SIDED.sub(r"\2", joint) for joint in layout.joints}
    words = LEXICON | {name: (*LEXICON.get(name, ()), name) for name in own}
    any_word = "|".join(sorted(map(re.escape, words), key=len, reverse=True))
    return words, re.compile(
        r"(?:\b(?P<side>left|right|both|two|each)[ -](?:(?:and|or) (?P<side2>left|right) )?)?"
        rf"\b(?P<part>{any_word})(?P<plural>e?s)?\b"
    )


def _clauses(text: str, layout: Layout) -> Iterator[str]:
    """Split where the subject may change; "the trunk, the left arm and both legs stay still" remains one clause."""
    _, parts = _words(layout)
    text = re.sub(r"\b(his|her|their|its|one's)\b", "the", " ".join(text.lower().split()))
    for sentence in _SENTENCE.split(_PLACE.sub("", text.replace("of the spine", "of spine"))):
        listed = ""
        for clause in _CLAUSE.split(sentence):
            listed = f"{listed} {clause}"
            if _LIST_WORDS.sub("", parts.sub("", listed)):
                yield listed
                listed = ""
        yield listed


def _joints_of_clause(clause: str, layout: Layout, last: str) -> tuple[set[int], str]:
    """The joints that a clause names, and the side it names last."""
    words, parts = _words(layout)
    found: set[int] = set()
    for match in parts.finditer(clause):
        sides = {match["side"], match["side2"]} & {"left", "right"}
        if len(sides) == 1:
            (last,) = sides
        elif match["side"] or match["plural"] or match["part"] in ("feet", "calves") or not last:
            sides = {"left", "right"}
        else:
            sides = {last}
        for joint in words[match["part"]]:
            found |= _indices(joint, sides, layout)
    return found, last


def _indices(joint: str, sides: Collection[str], layout: Layout) -> set[int]:
    """The joint without a side if the layout has it, else on the given sides, else what is looked for instead."""
    names = [joint] if layout.has(joint) else [f"{side} {joint}" for side in sides]
    found = {layout.index(name) for name in names if layout.has(name)}
    return found or {j for other in _INSTEAD.get(joint, ()) for j in _indices(other, sides, layout)}


def key_joint_target(key_joints: Sequence[str], layout: Layout) -> NDArray[np.float32]:
    """k_gt: (V,) uniform over the key joints, summing to 1; uniform over all joints if none of them is in the layout.

    Paper: CrossGLG, JID's target. A hand or the head of a skeleton that ends at the wrists or has only nose, eyes and
    ears is looked for there; any other joint the layout lacks (a finger tip on a Kinect v1) is passed over.
    """
    target = np.zeros(layout.num_joints, dtype=np.float32)
    for joint in key_joints:
        side, part = _SIDED.fullmatch(joint).groups()  # type: ignore[union-attr]
        target[list(_indices(part, (side,) if side else ("left", "right"), layout))] = 1.0
    if not target.any():
        target[:] = 1.0
    return target / target.sum()


def key_joint_targets(key_joints: Iterable[Sequence[str]], layout: Layout) -> NDArray[np.float32]:
    """(K, V): k_gt of K classes."""
    return np.stack([key_joint_target(of_one, layout) for of_one in key_joints])
