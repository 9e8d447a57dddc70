"""The actions of the built-in synthetic dataset: what a right-handed performer does, in one entry each.

To add an action, add one `Action` to `_TABLE`: its official NTU RGB+D 120 number and name, the body parts that matter,
and a program. A program is a dict `{phase: pose}` over phase 0…1 plus oscillations; body and arms start and end at
rest unless `start` or `end` say otherwise. A pose names only what changes at that phase; the rest stays as it was at
the key before. Left-handed performers do the mirror image.

Channels of a pose (degrees for angles; every triple is (out, up, forward), `out` being away from the midline):

    hand, other_hand, hands       where the palm goes: a triple in arm lengths from the own shoulder, in the frame of
                                  the chest, or `at(landmark, …)`, meters from a landmark of `LANDMARKS`
    elbow, other_elbow, elbows    swivel of the elbow: 0 points down, 90 outwards, 180 up
    point, other_point, points    direction of the fingers, (0, 0, 0) = straight on from the forearm
    thumb, other_thumb, thumbs    direction of the thumb
    foot, other_foot, feet        ankle, in leg lengths from where it stands
    hips                          pelvis, in leg lengths from standing upright; the legs follow, the feet stay
    bend, lean, twist             torso forwards, to the right, turned to the right
    nod, tilt, look               head down, towards the right shoulder, turned to the right
    turn, shrug                   whole body turned to the right; shoulders raised, in meters
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

Triple = tuple[float, float, float]


class Target(NamedTuple):
    """A place for a hand: `offset` (out, up, forward) from a landmark, or from the own shoulder."""

    landmark: str
    offset: Triple


class Wave(NamedTuple):
    """An oscillation added to a channel between two phases: amplitude · sin(2π (cycles · progress + shift)).

    `half` keeps only the positive half of the sine (feet that are lifted in turn).
    """

    channel: str
    amplitude: float | Triple
    cycles: float
    start: float
    end: float
    shift: float
    half: bool


@dataclass(frozen=True)
class Action:
    """One action. number, name: official (A1…A120);  matters: names of `GROUPS`;  keys: phase → pose.

    seconds: usual duration without repeats;  loop: the section of phases that is repeated, `repeats` (least, most)
    times;  start, end: poses at phase 0 and 1;  seated: share of the clips that are performed sitting;
    scaled: whether the size of the movement varies with the person (not where the ground decides).
    """

    number: int
    name: str
    matters: tuple[str, ...]
    keys: Mapping[float, Mapping[str, Any]]
    waves: tuple[Wave, ...] = ()
    seconds: float = 2.2
    loop: tuple[float, float] = (0.0, 1.0)
    repeats: tuple[int, int] = (1, 1)
    start: Mapping[str, Any] = field(default_factory=dict)
    end: Mapping[str, Any] = field(default_factory=dict)
    seated: float = 0.0
    scaled: bool = True


# Landmark → (frame it moves with, (out, up, forward) in meters for a person of 1.70 m). Frames: the head and the chest
# turn with those parts; "pelvis" with the hips; "floor" is the ground between the feet; "foot", "knee" are joints.
LANDMARKS: dict[str, tuple[str, Triple]] = {
    "mouth": ("head", (0.02, -0.08, 0.12)),
    "nose": ("head", (0.02, -0.02, 0.13)),
    "eye": ("head", (0.05, 0.02, 0.12)),
    "cheek": ("head", (0.08, -0.04, 0.09)),
    "forehead": ("head", (0.04, 0.08, 0.11)),
    "temple": ("head", (0.10, 0.06, 0.06)),
    "ear": ("head", (0.11, 0.00, 0.00)),
    "crown": ("head", (0.04, 0.15, 0.00)),
    "nape": ("head", (0.06, -0.10, -0.09)),
    "collar": ("chest", (0.09, -0.02, 0.11)),
    "other shoulder": ("chest", (-0.17, 0.00, 0.07)),
    "chest": ("chest", (0.00, -0.14, 0.14)),
    "belly": ("chest", (0.00, -0.36, 0.15)),
    "back": ("chest", (0.06, -0.40, -0.16)),
    "workspace": ("chest", (0.00, -0.25, 0.32)),
    "pocket": ("pelvis", (0.18, -0.06, 0.05)),
    "hip": ("pelvis", (0.20, 0.05, 0.02)),
    "lap": ("pelvis", (0.12, 0.06, 0.28)),
    "floor": ("floor", (0.00, 0.00, 0.00)),
    "knee": ("knee", (0.00, 0.00, 0.06)),
    "foot": ("foot", (0.00, 0.06, 0.00)),
    "other foot": ("other foot", (0.00, 0.06, 0.00)),
}

# What `matters` may name → joints of the NTU layout, for a right-handed performer. Name what performs the action, not
# what is carried along (the head of somebody who sits down) or only touched (the head of somebody who drinks).
_ARM, _HAND = ("elbow", "wrist", "hand", "hand tip", "thumb"), ("wrist", "hand", "hand tip", "thumb")
_LEG = ("knee", "ankle", "foot")
_SHOULDERS = ("shoulder center", "left shoulder", "right shoulder")
GROUPS: dict[str, tuple[str, ...]] = {
    "arm": tuple(f"right {joint}" for joint in _ARM),
    "other arm": tuple(f"left {joint}" for joint in _ARM),
    "hand": tuple(f"right {joint}" for joint in _HAND),
    "other hand": tuple(f"left {joint}" for joint in _HAND),
    "leg": tuple(f"right {joint}" for joint in _LEG),
    "other leg": tuple(f"left {joint}" for joint in _LEG),
    "knees": ("left knee", "right knee"),
    "head": ("neck", "head"),
    "torso": ("middle of spine", *_SHOULDERS),
    "hips": ("base of spine", "left hip", "right hip"),
}

_BOTH = {
    "hands": ("hand", "other_hand"),
    "elbows": ("elbow", "other_elbow"),
    "points": ("point", "other_point"),
    "thumbs": ("thumb", "other_thumb"),
    "feet": ("foot", "other_foot"),
}


def at(landmark: str, out: float = 0.0, up: float = 0.0, forward: float = 0.0) -> Target:
    """A hand target near a landmark, offset in meters."""
    return Target(landmark, (out, up, forward))


def pose(**channels: Any) -> dict[str, Any]:
    """A key pose; `hands=…` and the like stand for both sides, plain triples of hands are from the own shoulder."""
    out: dict[str, Any] = {}
    for channel, value in channels.items():
        for name in _BOTH.get(channel, (channel,)):
            is_free_hand = name in ("hand", "other_hand") and not isinstance(value, Target)
            out[name] = Target("shoulder", value) if is_free_hand else value
    return out


def wave(
    channel: str,
    amplitude: float | Triple,
    cycles: float,
    start: float = 0.2,
    end: float = 0.8,
    shift: float = 0.0,
    half: bool = False,
) -> tuple[Wave, ...]:
    """An oscillation of one channel, or of both sides alike."""
    return tuple(Wave(name, amplitude, cycles, start, end, shift, half) for name in _BOTH.get(channel, (channel,)))


SEATED = pose(hips=(0, -0.46, -0.40), bend=4)

_TABLE = (
    # Everyday: mouth, face, head
    Action(1, "drink water", ("arm",), {
        0.18: pose(hand=(-0.1, -0.45, 0.5), elbow=20), 0.42: pose(hand=at("mouth", forward=0.04), elbow=45),
        0.55: pose(nod=-22, elbow=60), 0.72: pose(), 0.86: pose(hand=(-0.1, -0.45, 0.5), nod=0, elbow=20),
    }, seconds=2.8, loop=(0.18, 0.86), seated=0.3),
    Action(2, "eat meal/snack", ("arm",), {
        0.15: pose(hand=(-0.2, -0.5, 0.45), other_hand=(-0.1, -0.55, 0.42), bend=6),
        0.40: pose(hand=at("mouth"), elbow=40, nod=10), 0.52: pose(), 0.75: pose(hand=(-0.2, -0.5, 0.45), elbow=25),
    }, loop=(0.15, 0.75), repeats=(1, 3), seated=0.5),
    Action(3, "brushing teeth", ("arm",), {0.2: pose(hand=at("mouth", forward=0.03), elbow=70), 0.8: pose()},
           wave("hand", (0.08, 0, 0.01), 6), seconds=2.8),
    Action(4, "brushing hair", ("arm",), {
        0.2: pose(hand=at("crown", forward=0.08), elbow=80), 0.5: pose(hand=at("ear", forward=-0.06), elbow=75),
        0.58: pose(hand=at("nape", out=0.04, up=-0.05), elbow=60), 0.8: pose(hand=at("crown", forward=0.08), elbow=80),
    }, loop=(0.2, 0.8), repeats=(1, 3), seconds=2.0),
    Action(18, "wear on glasses", ("arm", "other arm"), {
        0.2: pose(hands=at("workspace", out=0.09), elbows=30),
        0.5: pose(hands=at("eye", out=0.05, up=-0.06, forward=0.05)),
        0.65: pose(hands=at("temple", up=-0.08), elbows=45), 0.8: pose(),
    }, seated=0.2),
    Action(19, "take off glasses", ("arm", "other arm"), {
        0.25: pose(hands=at("temple", up=-0.08), elbows=45), 0.4: pose(),
        0.55: pose(hands=at("eye", out=0.05, up=-0.06, forward=0.06), elbows=40),
        0.8: pose(hands=at("workspace", out=0.09)),
    }, seated=0.2),
    Action(20, "put on a hat/cap", ("arm", "other arm"), {
        0.2: pose(hands=at("workspace", out=0.1), elbows=35),
        0.5: pose(hands=at("crown", out=0.08, up=0.16), elbows=80),
        0.65: pose(hands=at("crown", out=0.08, up=-0.04), elbows=85), 0.8: pose(nod=8),
    }),
    Action(21, "take off a hat/cap", ("arm",), {
        0.3: pose(hand=at("crown", up=-0.02), elbow=80), 0.42: pose(), 0.55: pose(hand=at("crown", up=0.16, out=0.08)),
        0.8: pose(hand=(0.05, -0.5, 0.45), elbow=30),
    }),
    Action(28, "make a phone call/answer phone", ("arm",), {
        0.12: pose(hand=at("pocket"), elbow=40), 0.35: pose(hand=at("ear", out=0.02), elbow=35, tilt=9), 0.88: pose(),
    }, seconds=3.0, seated=0.2),
    Action(36, "shake head", ("head",), {}, wave("look", 42, 3, 0.1, 0.9) + wave("tilt", 5, 3, 0.1, 0.9),
           seconds=1.9, seated=0.3),
    Action(35, "nod head/bow", ("head", "torso"), {0.4: pose(bend=38, nod=22), 0.6: pose()}, seconds=1.8),
    Action(37, "wipe face", ("arm",), {
        0.2: pose(hand=at("forehead", out=0.05), elbow=45), 0.4: pose(hand=at("cheek"), elbow=40),
        0.5: pose(hand=at("mouth"), elbow=35), 0.62: pose(hand=at("cheek", out=-0.13), elbow=50),
        0.8: pose(hand=at("forehead", out=0.05), elbow=45),
    }, loop=(0.2, 0.8), repeats=(1, 2), seconds=2.4, seated=0.2),
    Action(38, "salute", ("arm",), {
        0.3: pose(hand=at("temple", out=0.02), elbow=90, point=(-0.7, 0.6, 0.1)), 0.72: pose(),
    }, seconds=1.9),
    Action(41, "sneeze/cough", ("arm", "head", "torso"), {
        0.25: pose(hand=at("mouth", forward=0.05), elbow=40, nod=-10), 0.4: pose(nod=28, bend=20, shrug=0.02),
        0.5: pose(nod=8, bend=8), 0.62: pose(nod=28, bend=22), 0.8: pose(nod=5, bend=5, shrug=0),
    }, seconds=2.0),
    Action(44, "touch head (headache)", ("arm", "other arm"), {
        0.28: pose(hands=at("temple"), elbows=60, nod=20), 0.75: pose(),
    }, wave("hands", (0.0, 0.03, 0.02), 3) + wave("tilt", 7, 2), seconds=2.6, seated=0.3),
    Action(47, "touch neck (neckache)", ("arm",), {
        0.28: pose(hand=at("nape"), elbow=75, tilt=12, nod=12), 0.78: pose(tilt=-8),
    }, wave("hand", (0.02, 0.05, 0), 3), seconds=2.6, seated=0.3),
    Action(61, "put on headphone", ("arm", "other arm"), {
        0.2: pose(hands=at("workspace", out=0.12), elbows=35),
        0.45: pose(hands=at("crown", out=0.16, up=0.1), elbows=80),
        0.65: pose(hands=at("ear", out=0.02), elbows=70), 0.82: pose(),
    }),
    Action(62, "take off headphone", ("arm", "other arm"), {
        0.25: pose(hands=at("ear", out=0.02), elbows=70), 0.36: pose(),
        0.55: pose(hands=at("crown", out=0.16, up=0.1), elbows=80),
        0.8: pose(hands=at("workspace", out=0.12), elbows=35),
    }),
    Action(67, "hush (quite)", ("arm",), {
        0.3: pose(hand=at("mouth", up=-0.09, forward=0.03), elbow=15, point=(0, 0.95, 0)), 0.72: pose(),
    }, seconds=1.9),
    Action(68, "flick hair", ("arm", "head"), {
        0.3: pose(hand=at("temple", forward=0.04), elbow=50),
        0.5: pose(hand=at("ear", out=0.06, forward=-0.1), elbow=80),
        0.6: pose(hand=at("nape", out=0.2), look=-22, tilt=-10), 0.75: pose(look=0, tilt=0),
    }, seconds=1.7),
    Action(79, "sniff (smell)", ("arm", "head"), {
        0.3: pose(hand=at("nose", forward=0.05, up=-0.04), elbow=45, nod=12, bend=6), 0.75: pose(),
    }, wave("nod", 6, 3) + wave("hand", (0, 0, 0.04), 3), seconds=2.2),
    Action(85, "apply cream on face", ("arm", "other arm"), {
        0.2: pose(hands=at("cheek"), elbows=40), 0.45: pose(hands=at("forehead", out=0.02, up=-0.06), elbows=50),
        0.6: pose(hands=at("cheek", up=-0.03), elbows=40), 0.8: pose(hands=at("cheek"), elbows=40),
    }, wave("hands", (0.05, 0.0, 0), 5) + wave("hands", (0.0, 0.05, 0), 5, shift=0.25), seconds=3.0),
    Action(103, "yawn", ("arm", "head"), {
        0.35: pose(hand=at("mouth", forward=0.03), elbow=45, nod=-22, shrug=0.03, bend=-6), 0.7: pose(),
    }, seconds=2.8, seated=0.3),
    Action(105, "blow nose", ("arm", "other arm", "head"), {
        0.25: pose(hands=at("nose", forward=0.02), elbows=35, nod=16), 0.75: pose(),
    }, wave("nod", 9, 4) + wave("bend", 4, 4), seconds=2.4, seated=0.2),
    # Hands in front of the body
    Action(10, "clapping", ("arm", "other arm"), {
        0.15: pose(hands=at("workspace", out=0.11, up=0.05), elbows=30, points=(0, 0.5, 0.4)), 0.85: pose(),
    }, wave("hands", (0.17, 0, 0), 6, 0.1, 0.9), seconds=2.2, seated=0.2),
    Action(11, "reading", ("hand", "other hand", "head"), {
        0.15: pose(hands=at("workspace", out=0.13, up=0.04), elbows=20, nod=22), 0.55: pose(), 0.66: pose(
            hand=at("workspace", out=-0.05, up=0.07), nod=20), 0.76: pose(hand=at("workspace", out=0.13, up=0.04)),
        0.88: pose(),
    }, seconds=3.2, seated=0.5),
    Action(12, "writing", ("hand", "head"), {
        0.15: pose(other_hand=at("workspace", out=0.14, up=-0.05), hand=at("workspace", out=-0.02, up=-0.05), elbows=35,
                   bend=12, nod=24), 0.85: pose(hand=at("workspace", out=0.16, up=-0.06)),
    }, wave("hand", (0.03, 0.0, 0.02), 8, 0.15, 0.85), seconds=3.0, seated=0.5),
    Action(13, "tear up paper", ("arm", "other arm"), {
        0.2: pose(hands=at("workspace", out=0.05, up=0.06), elbows=40),
        0.45: pose(hand=at("workspace", out=0.2, up=-0.1, forward=-0.08), other_hand=at("workspace", out=0.12, up=0.1)),
        0.6: pose(hands=at("workspace", out=0.05, up=0.06)),
    }, loop=(0.2, 0.6), repeats=(2, 3), seconds=1.7, seated=0.2),
    Action(29, "playing with phone/tablet", ("hand", "other hand", "head"), {
        0.15: pose(hands=at("workspace", out=0.06, up=0.05, forward=-0.03), elbows=15, nod=28), 0.88: pose(),
    }, wave("hand", (0.03, 0.03, 0), 6) + wave("other_hand", (0.02, 0.03, 0), 5), seconds=3.0, seated=0.4),
    Action(30, "typing on a keyboard", ("hand", "other hand"), {
        0.15: pose(hands=at("workspace", out=0.13, up=-0.12, forward=0.06), elbows=30, points=(0, -0.1, 0.7), bend=8),
        0.88: pose(),
    }, wave("hand", (0.02, 0.04, 0), 9) + wave("other_hand", (0.02, 0.04, 0), 9, shift=0.5), seconds=2.8, seated=0.6),
    Action(33, "check time (from watch)", ("other arm", "head"), {
        0.3: pose(other_hand=at("workspace", out=-0.02, up=0.1, forward=-0.08), other_elbow=65, nod=20, look=-8),
        0.72: pose(),
    }, seconds=2.0),
    Action(34, "rub two hands together", ("arm", "other arm"), {
        0.18: pose(hands=at("workspace", out=0.025), elbows=40, points=(0, 0.3, 0.7)), 0.85: pose(),
    }, wave("hand", (0, 0.02, 0.1), 6) + wave("other_hand", (0, -0.02, -0.1), 6), seconds=2.4),
    Action(39, "put the palms together", ("arm", "other arm"), {
        0.3: pose(hands=at("chest", out=0.02, forward=0.07), elbows=60, points=(0, 0.95, 0)), 0.75: pose(),
    }, seconds=2.2),
    Action(40, "cross hands in front (say stop)", ("arm", "other arm"), {
        0.3: pose(hand=at("workspace", out=-0.12, up=0.14),
                  other_hand=at("workspace", out=-0.12, up=0.14, forward=0.04), elbows=45, points=(-0.3, 0.7, 0)),
        0.75: pose(),
    }, seconds=2.0),
    Action(49, "use a fan (with hand or paper)/feeling warm", ("arm",), {
        0.2: pose(hand=at("cheek", out=0.1, forward=0.14), elbow=30, point=(0, 0.8, -0.1)), 0.85: pose(),
    }, wave("hand", (0.12, 0.0, 0.06), 6), seconds=2.6, seated=0.3),
    Action(66, "juggling table tennis balls", ("arm", "other arm"), {
        0.15: pose(hands=at("workspace", out=0.15), elbows=20, nod=-8), 0.88: pose(),
    }, wave("hand", (0.04, 0.15, 0), 5) + wave("other_hand", (0.04, 0.15, 0), 5, shift=0.5), seconds=2.8),
    Action(69, "thumb up", ("arm",), {
        0.3: pose(hand=(-0.05, -0.15, 0.68), elbow=25, thumb=(0, 1, 0), point=(-0.5, 0, 0.4)), 0.72: pose(),
    }, seconds=1.8),
    Action(70, "thumb down", ("arm",), {
        0.3: pose(hand=(-0.05, -0.15, 0.68), elbow=80, thumb=(0, -1, 0), point=(-0.5, 0, 0.4)), 0.72: pose(),
    }, wave("hand", (0, 0.06, 0), 2), seconds=1.8),
    Action(73, "staple book", ("arm",), {
        0.2: pose(hands=at("workspace", out=0.07, up=-0.06), elbows=40, nod=20, bend=6),
        0.35: pose(hand=at("workspace", out=0.05, up=0.08)), 0.5: pose(hand=at("workspace", out=0.05, up=-0.06)),
        0.6: pose(), 0.75: pose(hand=at("workspace", out=0.05, up=0.08)),
    }, loop=(0.35, 0.75), repeats=(1, 3), seconds=2.0, seated=0.3),
    Action(76, "cutting paper (using scissors)", ("arm", "other hand"), {
        0.2: pose(hand=at("workspace", out=0.12, forward=-0.1), other_hand=at("workspace", out=0.1, up=0.04), elbows=40,
                  nod=20),
        0.8: pose(hand=at("workspace", out=0.02, forward=0.08), other_hand=at("workspace", out=0.16)),
    }, wave("hand", (0.0, 0.035, 0.02), 6), seconds=2.8, seated=0.3),
    Action(77, "snapping fingers", ("hand",), {
        0.25: pose(hand=(0.1, -0.05, 0.5), elbow=30, point=(0, 0.7, 0.2)), 0.8: pose(),
    }, wave("hand", (0.03, -0.07, 0.05), 3) + wave("thumb", (0.5, -0.9, 0), 3), seconds=1.8),
    Action(78, "open bottle", ("arm", "other arm"), {
        0.2: pose(other_hand=at("workspace", out=0.03, up=-0.07), hand=at("workspace", out=0.02, up=0.08), elbow=65,
                  other_elbow=25, nod=16), 0.8: pose(),
    }, wave("hand", (0.05, 0, 0.05), 3) + wave("elbow", 28, 3), seconds=2.4, seated=0.2),
    Action(81, "toss a coin", ("arm", "head"), {
        0.25: pose(hand=(-0.05, -0.5, 0.5), elbow=15), 0.38: pose(hand=(-0.05, -0.05, 0.6), nod=-20),
        0.5: pose(hand=(-0.05, -0.2, 0.55)), 0.7: pose(hand=(-0.05, -0.4, 0.5), nod=10),
    }, seconds=1.8),
    Action(86, "apply cream on hand back", ("arm",), {
        0.2: pose(other_hand=at("workspace", out=0.02, up=-0.05), hand=at("workspace", out=0.0, up=0.02), elbows=45,
                  nod=18), 0.85: pose(),
    }, wave("hand", (0.08, 0, 0), 5) + wave("hand", (0, 0.0, 0.06), 5, shift=0.25), seconds=2.8, seated=0.2),
    Action(91, "open a box", ("arm", "other arm"), {
        0.25: pose(hands=(-0.2, -0.62, 0.5), elbows=35, bend=22, nod=15), 0.4: pose(hands=(-0.2, -0.62, 0.5)),
        0.65: pose(hands=(0.25, -0.42, 0.55), elbows=45, bend=15), 0.8: pose(),
    }, seconds=2.2),
    Action(96, "cross arms", ("arm", "other arm"), {
        0.3: pose(hand=at("chest", out=-0.17, up=-0.06), other_hand=at("chest", out=-0.15, up=-0.1, forward=0.05),
                  elbows=30), 0.82: pose(),
    }, seconds=2.6, seated=0.2),
    Action(45, "touch chest (stomachache/heart pain)", ("arm", "torso"), {
        0.25: pose(hand=at("chest", out=-0.05), elbow=50, bend=16, nod=14), 0.75: pose(bend=20),
    }, wave("hand", (0.03, 0.03, 0), 3), seconds=2.4, seated=0.2),
    # One arm, large
    Action(7, "throw", ("arm", "torso"), {
        0.3: pose(hand=(0.35, 0.35, -0.45), elbow=85, twist=35, bend=-8, hips=(0.04, -0.02, -0.08)),
        0.48: pose(hand=(0.1, 0.55, 0.6), twist=-10, bend=8, hips=(-0.03, -0.03, 0.1), other_foot=(0, 0, 0.18)),
        0.62: pose(hand=(-0.45, -0.35, 0.6), elbow=60, twist=-35, bend=22), 0.72: pose(),
    }, seconds=1.7),
    Action(23, "hand waving", ("arm",), {0.22: pose(hand=(0.3, 0.5, 0.28), elbow=40, point=(0, 0.6, 0)), 0.82: pose()},
           wave("hand", (0.22, -0.02, 0), 4), seconds=2.3, seated=0.15),
    Action(31, "pointing to something with finger", ("arm",), {
        0.35: pose(hand=(0.15, -0.02, 0.97), elbow=30, look=6), 0.72: pose(),
    }, seconds=1.9, seated=0.15),
    Action(32, "taking a selfie", ("arm", "head"), {
        0.3: pose(hand=(0.1, 0.28, 0.82), elbow=35, point=(0, 0.7, 0), tilt=-10, nod=-8), 0.8: pose(),
    }, seconds=2.4),
    Action(63, "shoot at the basket", ("arm", "other arm", "leg", "other leg"), {
        0.2: pose(hands=at("chest", out=0.1, up=0.05, forward=0.12), elbows=30, hips=(0, -0.14, -0.03), bend=12),
        0.38: pose(hands=at("forehead", out=0.08, up=0.12, forward=0.1), elbows=45, nod=-15, bend=0),
        0.52: pose(hand=(-0.1, 0.85, 0.42), other_hand=(-0.1, 0.75, 0.4), hips=(0, 0.12, 0), elbow=50),
        0.66: pose(hips=(0, 0, 0), point=(0, -0.6, 0.5)), 0.75: pose(),
    }, seconds=1.9),
    Action(64, "bounce ball", ("arm",), {
        0.15: pose(hand=(0.0, -0.5, 0.5), elbow=30, bend=14, nod=15, hips=(0, -0.07, -0.02)), 0.88: pose(),
    }, wave("hand", (0, 0.24, 0.0), 5, 0.12, 0.9), seconds=2.6),
    Action(65, "tennis bat swing", ("arm", "torso"), {
        0.3: pose(hand=(0.75, -0.35, -0.35), elbow=60, twist=42, hips=(0.06, -0.05, -0.03)),
        0.48: pose(hand=(0.25, -0.25, 0.85), twist=-8, hips=(-0.02, -0.05, 0.05)),
        0.64: pose(hand=at("other shoulder", up=0.12, forward=0.12), elbow=95, twist=-42), 0.74: pose(),
    }, seconds=1.8),
    Action(93, "shake fist", ("arm",), {0.2: pose(hand=(0.05, 0.15, 0.55), elbow=35), 0.85: pose()},
           wave("hand", (0.02, 0.13, 0.1), 5), seconds=2.0),
    Action(94, "throw up cap/hat", ("arm", "head"), {
        0.25: pose(hand=(0.0, -0.55, 0.42), elbow=30, hips=(0, -0.06, 0), bend=8),
        0.45: pose(hand=(0.1, 0.9, 0.3), elbow=70, nod=-28, hips=(0, 0.02, 0), bend=-6), 0.68: pose(),
    }, seconds=1.9),
    Action(46, "touch back (backache)", ("arm",), {
        0.18: pose(hand=(0.35, -0.6, -0.25), elbow=60), 0.35: pose(hand=at("back"), elbow=75, bend=-6),
        0.75: pose(bend=8), 0.88: pose(hand=(0.35, -0.6, -0.25), elbow=60, bend=0),
    }, wave("hand", (0.03, 0.06, 0), 3, 0.35, 0.75), seconds=2.6),
    Action(25, "reach into pocket", ("arm",), {
        0.2: pose(hand=at("pocket", up=0.14, forward=0.03, out=0.03), elbow=55, nod=12, look=8),
        0.42: pose(hand=at("pocket", up=-0.05), elbow=50), 0.6: pose(), 0.8: pose(hand=at("pocket", up=0.16, out=0.04)),
    }, seconds=2.2),
    # Both arms, large
    Action(22, "cheer up", ("arm", "other arm"), {
        0.25: pose(hands=(0.25, 0.82, 0.1), elbows=80, nod=-10), 0.5: pose(hands=(0.22, 0.2, 0.3)),
        0.75: pose(hands=(0.25, 0.82, 0.1)),
    }, loop=(0.25, 0.75), repeats=(1, 3), seconds=1.8),
    Action(95, "hands up (both hands)", ("arm", "other arm"), {
        0.32: pose(hands=(0.12, 0.95, 0.05), elbows=75), 0.7: pose(),
    }, seconds=2.2),
    Action(97, "arm circles", ("arm", "other arm"), {0.15: pose(hands=(0.85, 0.0, 0.05), elbows=50), 0.87: pose()},
           wave("hands", (0, 0.4, 0), 3, 0.12, 0.9) + wave("hands", (0, 0, 0.4), 3, 0.12, 0.9, shift=0.25),
           seconds=2.8),
    Action(98, "arm swings", ("arm", "other arm"), {0.15: pose(hands=(0.05, -0.93, 0.1)), 0.87: pose()},
           wave("hand", (0, 0, 0.65), 3, 0.1, 0.9) + wave("other_hand", (0, 0, -0.65), 3, 0.1, 0.9), seconds=2.6),
    Action(104, "stretch oneself", ("arm", "other arm", "torso"), {
        0.35: pose(hands=(0.2, 0.88, -0.08), elbows=95, bend=-12, nod=-18, shrug=0.04), 0.55: pose(lean=10),
        0.7: pose(lean=-8), 0.8: pose(hands=(0.6, 0.4, -0.15), lean=0, bend=-6),
    }, seconds=3.0),
    # Clothes and bags
    Action(14, "wear jacket", ("arm", "other arm", "torso"), {
        0.18: pose(hands=(0.05, -0.3, 0.5), elbows=45), 0.36: pose(
            other_hand=(0.55, -0.35, -0.4), twist=-15, hand=at("other shoulder", forward=0.05)),
        0.58: pose(other_hand=at("collar"), hand=(0.6, -0.3, -0.42), elbow=65, twist=18),
        0.74: pose(hands=at("collar", forward=0.04), twist=0), 0.86: pose(hands=at("belly", out=0.06)),
    }, seconds=3.2),
    Action(15, "take off jacket", ("arm", "other arm", "torso"), {
        0.15: pose(hands=at("collar", forward=0.03), elbows=50), 0.32: pose(hands=(0.35, -0.3, -0.15), shrug=-0.02),
        0.5: pose(hands=(0.2, -0.72, -0.35), elbows=40, bend=8), 0.66: pose(
            hand=(0.3, -0.6, 0.3), other_hand=(0.3, -0.75, -0.3), twist=15),
        0.82: pose(hands=(-0.05, -0.5, 0.5), twist=0, bend=0),
    }, seconds=3.2),
    Action(87, "put on bag", ("arm", "other arm"), {
        0.2: pose(hands=(-0.1, -0.6, 0.4), bend=15), 0.42: pose(
            hand=at("collar", out=0.06, up=0.05), elbow=60, bend=4, other_hand=(0.25, -0.55, -0.2), other_elbow=50,
            twist=-14),
        0.62: pose(other_hand=at("collar", out=0.06), other_elbow=55, twist=0),
        0.82: pose(hands=at("collar", out=0.03, up=-0.1)),
    }, seconds=2.8),
    Action(88, "take off bag", ("arm", "other arm"), {
        0.2: pose(hands=at("collar", out=0.05), elbows=55), 0.4: pose(hand=(0.5, -0.35, -0.2), twist=14, elbow=60),
        0.58: pose(hand=(0.15, -0.6, 0.2), other_hand=(0.45, -0.45, -0.15), twist=-10),
        0.8: pose(hands=(-0.1, -0.65, 0.4), bend=18, twist=0),
    }, seconds=2.8),
    Action(89, "put something into a bag", ("arm",), {
        0.15: pose(other_hand=(0.0, -0.55, 0.42), other_elbow=35, hand=(0.35, -0.25, 0.6), elbow=40, nod=12),
        0.48: pose(hand=at("workspace", out=-0.12, up=-0.02), nod=22), 0.62: pose(
            hand=at("workspace", out=-0.14, up=-0.22)), 0.78: pose(hand=at("workspace", out=-0.1)),
    }, seconds=2.4),
    Action(90, "take something out of a bag", ("arm",), {
        0.2: pose(other_hand=(0.0, -0.55, 0.42), other_elbow=35, hand=at("workspace", out=-0.1), elbow=40, nod=22),
        0.38: pose(hand=at("workspace", out=-0.14, up=-0.22)), 0.54: pose(hand=at("workspace", out=-0.12)),
        0.82: pose(hand=(0.35, -0.2, 0.65), nod=5),
    }, seconds=2.4),
    Action(16, "wear a shoe", ("arm", "other arm", "leg", "torso"), {
        0.28: pose(foot=(-0.02, 0.38, 0.2), bend=52, hands=at("foot", out=0.03), nod=10, hips=(-0.07, -0.1, -0.12)),
        0.75: pose(foot=(-0.02, 0.34, 0.2)),
    }, wave("hand", (0, 0.05, -0.05), 3, 0.3, 0.75), seconds=3.0),
    Action(17, "take off a shoe", ("arm", "leg", "torso"), {
        0.3: pose(foot=(-0.12, 0.34, -0.12), bend=34, lean=14, hand=at("foot", out=0.03), hips=(-0.08, -0.08, -0.03),
                  other_hand=(0.5, -0.4, 0.3), nod=10, look=15),
        0.55: pose(), 0.75: pose(hand=at("foot", out=0.14, forward=-0.08)),
    }, seconds=2.6),
    # Torso and objects on the floor
    Action(5, "drop", ("arm", "head"), {
        0.3: pose(hand=(0.0, -0.28, 0.68), elbow=25), 0.48: pose(), 0.54: pose(point=(0, -0.7, 0.4), nod=26),
        0.72: pose(hand=(0.02, -0.32, 0.66)),
    }, seconds=1.9),
    Action(6, "pickup", ("arm", "torso"), {
        0.42: pose(hand=at("floor", out=0.1, up=0.12, forward=0.4), bend=58, hips=(0, -0.3, -0.16), nod=5, elbow=20),
        0.52: pose(), 0.8: pose(hand=(0.0, -0.45, 0.5), bend=0, hips=(0, 0, 0), nod=0),
    }, seconds=2.4),
    Action(92, "move heavy objects", ("arm", "other arm", "torso", "leg", "other leg"), {
        0.28: pose(hands=at("floor", out=0.2, up=0.22, forward=0.42), bend=50, hips=(0, -0.4, -0.18), elbows=25),
        0.36: pose(), 0.6: pose(hands=(-0.05, -0.6, 0.48), bend=-4, hips=(0, -0.04, -0.02)),
        0.82: pose(hands=(-0.05, -0.55, 0.5), turn=25),
    }, seconds=2.8),
    Action(48, "nausea or vomiting condition", ("torso", "head", "arm"), {
        0.3: pose(hand=at("mouth", forward=0.06), other_hand=at("belly"), elbows=40, bend=35, nod=18),
        0.5: pose(bend=55, nod=22, hips=(0, -0.06, -0.06)), 0.62: pose(bend=40), 0.75: pose(bend=55),
    }, seconds=2.8),
    Action(101, "cross toe touch", ("arm", "other arm", "torso"), {
        0.12: pose(hands=(0.9, 0.05, 0), feet=(0.16, 0, 0), elbows=50, hips=(0, -0.03, 0)),
        0.32: pose(hand=at("other foot", up=0.04), other_hand=(0.85, 0.1, -0.3), bend=72, twist=-40,
                   hips=(0, -0.08, -0.15)),
        0.5: pose(hands=(0.9, 0.05, 0), bend=5, twist=0, hips=(0, -0.03, 0)),
        0.68: pose(other_hand=at("other foot", up=0.04), hand=(0.85, 0.1, -0.3), bend=72, twist=40,
                   hips=(0, -0.08, -0.15)),
        0.88: pose(hands=(0.9, 0.05, 0), bend=5, twist=0, hips=(0, -0.03, 0)),
    }, seconds=3.4),
    # Whole body
    Action(8, "sitting down", ("hips", "knees", "torso"), {
        0.5: pose(hips=(0, -0.3, -0.26), bend=38, hands=(0.02, -0.72, 0.4)),
        0.82: pose(hips=SEATED["hips"], bend=6, hands=at("lap")),
    }, end=pose(**SEATED, hands=at("lap"))),
    Action(9, "standing up (from sitting position)", ("hips", "knees", "torso"), {
        0.18: pose(bend=12), 0.5: pose(hips=(0, -0.3, -0.22), bend=40, hands=(0.02, -0.72, 0.4)),
        0.82: pose(hips=(0, 0, 0), bend=3, hands=(0.12, -0.95, 0.1)),
    }, start=pose(**SEATED, hands=at("lap"))),
    Action(24, "kicking something", ("leg",), {
        0.3: pose(foot=(0, 0.16, -0.35), hips=(-0.06, -0.04, 0.02), bend=8, hands=(0.4, -0.75, 0.1)),
        0.52: pose(foot=(-0.02, 0.42, 0.72), hips=(-0.06, -0.03, -0.03), bend=-10, hand=(0.45, -0.7, -0.25),
                   other_hand=(0.35, -0.7, 0.35)), 0.72: pose(foot=(0, 0.08, 0.12), bend=2),
    }, seconds=1.7),
    Action(102, "side kick", ("leg",), {
        0.28: pose(foot=(0.08, 0.34, 0.05), hips=(-0.08, -0.04, 0), hands=(0.1, -0.3, 0.4), elbows=30),
        0.5: pose(foot=(0.85, 0.55, 0.0), hips=(-0.1, -0.03, 0), lean=-32), 0.72: pose(foot=(0.08, 0.2, 0.0), lean=-6),
    }, seconds=1.7),
    Action(26, "hopping (one foot jumping)", ("leg", "other leg", "hips"), {
        0.12: pose(other_foot=(0, 0.26, -0.2), hips=(0.09, -0.03, 0), hands=(0.25, -0.75, 0.2)), 0.9: pose(),
    }, wave("hips", (0, 0.13, 0), 4, 0.12, 0.9, half=True) + wave("foot", (0, 0.13, 0), 4, 0.12, 0.9, half=True)
        + wave("other_foot", (0, 0.13, 0), 4, 0.12, 0.9, half=True), seconds=2.3),
    Action(27, "jump up", ("hips", "leg", "other leg", "arm", "other arm"), {
        0.34: pose(hips=(0, -0.28, -0.1), bend=32, hands=(0.15, -0.75, -0.4)),
        0.52: pose(hips=(0, 0.32, 0), feet=(0, 0.32, 0), bend=0, hands=(0.15, 0.7, 0.45), elbows=60),
        0.68: pose(hips=(0, -0.16, -0.05), feet=(0, 0, 0), bend=18, hands=(0.2, -0.5, 0.3), elbows=25),
    }, seconds=2.0, repeats=(1, 2)),
    Action(42, "staggering", ("hips", "leg", "other leg", "torso"), {
        0.1: pose(hands=(0.35, -0.75, 0.1)), 0.25: pose(foot=(0.25, 0, 0.15), hips=(0.2, -0.08, 0.12), lean=22, bend=8),
        0.42: pose(other_foot=(0.18, 0, 0.4), hips=(-0.16, -0.08, 0.3), lean=-24),
        0.6: pose(foot=(0.3, 0, 0.5), hips=(0.22, -0.08, 0.45), lean=22, bend=14),
        0.78: pose(other_foot=(-0.05, 0, 0.5), hips=(0.05, -0.04, 0.5), lean=-6),
    }, end=pose(feet=(0.05, 0, 0.5), hips=(0, 0, 0.5)), seconds=2.8),
    Action(43, "falling", ("hips", "leg", "other leg", "torso", "head", "arm", "other arm"), {
        0.22: pose(hands=(0.45, -0.4, 0.4), bend=-12, hips=(0, -0.08, -0.1)),
        0.5: pose(hips=(0, -0.72, -0.48), bend=-15, hands=(0.35, -0.6, -0.45), elbows=40),
        0.72: pose(hips=(0, -0.86, -0.6), bend=-78, hands=(0.6, -0.4, 0), nod=20, feet=(0.05, 0, 0.12)),
    }, end=pose(hips=(0, -0.87, -0.6), bend=-84, hands=(0.6, -0.6, 0), nod=10, feet=(0.06, 0, 0.2)), seconds=2.2,
        scaled=False),
    Action(80, "squat down", ("hips", "knees", "torso"), {
        0.42: pose(hips=(0, -0.55, -0.2), bend=34, hands=(0.0, -0.15, 0.85)), 0.6: pose(),
    }, seconds=2.4, repeats=(1, 2)),
    Action(99, "running on the spot", ("leg", "other leg", "arm", "other arm"), {
        0.12: pose(hands=(0.03, -0.5, 0.25), elbows=15, bend=8), 0.9: pose(),
    }, wave("foot", (0, 0.28, 0.08), 5, 0.08, 0.94, half=True)
        + wave("other_foot", (0, 0.28, 0.08), 5, 0.08, 0.94, shift=0.5, half=True)
        + wave("hand", (0, -0.1, -0.35), 5, 0.08, 0.94) + wave("other_hand", (0, 0.1, 0.35), 5, 0.08, 0.94),
        seconds=2.4),
    Action(100, "butt kicks (kick backward)", ("leg", "other leg"), {
        0.1: pose(hands=at("hip"), elbows=70), 0.9: pose()},
           wave("foot", (0, 0.42, -0.38), 4, 0.08, 0.94, half=True)
           + wave("other_foot", (0, 0.42, -0.38), 4, 0.08, 0.94, shift=0.5, half=True), seconds=2.5),
)  # fmt: skip

ACTION_TABLE: dict[str, Action] = {action.name: action for action in sorted(_TABLE, key=lambda action: action.number)}
