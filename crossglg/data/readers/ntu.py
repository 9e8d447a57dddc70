"""NTU RGB+D 60 and 120: raw `.skeleton` files of Kinect v2 (Shahroudy et al., CVPR 2016; Liu et al., TPAMI 2020).

From bodies as the sensor tracked them to at most two actors, in the steps that the field shares: those of SGN (Zhang
et al., CVPR 2020), used by CTR-GCN, InfoGCN and HD-GCN too; written from descriptions of the format and the steps.
Centering and alignment are not done here: `crossglg.data.transforms` does them on the device.

Coordinates stay as they are. Kinect v2's camera frame is right-handed: x to the sensor's left, y up, z away from the
sensor. Whoever faces the sensor looks along −z and has the left side at −x, which is our convention; a test holds
the synthetic motions and the same person written as a `.skeleton` file against each other.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crossglg.data.readers.base import Reader, Recording, SourcePath
from crossglg.skeletons import get_layout

SECOND_BODY = ("zeros", "copy")
SHORT = 11  # frames: a body seen for so few is noise
WIDE = 0.8  # a frame is noisy if the body is wider than this share of its height
NOISY = 0.69754  # a body with this share of noisy frames is furniture
FPS = 30.0

_JOINTS, _FIELDS, _NUMBERS = 25, 10, 12  # joints of a body, fields of its first line, numbers of a joint's line
_NAME = re.compile(r"S(\d{3})C(\d{3})P(\d{3})R(\d{3})A(\d{3})")


@dataclass(frozen=True, eq=False)
class Body:
    """One body as tracked. id: text, since ids exceed 2^53;  frame: (T,) where it is seen;  xyz: (T, 25, 3) meters."""

    id: str
    frame: NDArray[np.int64]
    xyz: NDArray[np.float32]


@dataclass(frozen=True)
class Capture:
    """What a file holds. frames: those with a body, numbered from 0;  empty: frames without one, left out."""

    bodies: tuple[Body, ...]
    frames: int
    empty: int


def read(path: SourcePath, second_body: str = "zeros") -> list[Recording]:
    """The clip of one file; none if nobody is in it or the dataset's authors list it as missing or incomplete.

    second_body: where nobody but actor 1 is in the clip, "zeros": the second is absent and masked, as CTR-GCN, InfoGCN
    and HD-GCN have it for NTU RGB+D 60 (and we for both);  "copy": the second is the first again, as they have it for
    NTU RGB+D 120. Class, subject and camera come from names like S001C002P003R001A013; a file named otherwise has none.
    Raises ValueError if the content is not of the format or its action is not 1…120.
    """
    if second_body not in SECOND_BODY:
        raise ValueError(f"second_body={second_body!r} must be one of {', '.join(SECOND_BODY)}")
    if path.stem in known_missing():
        return []
    capture = parse(path.read_bytes())
    camera, subject, action = _about(path.stem)
    if not capture.bodies:
        return []
    notes = [f"{capture.empty} frames without a body dropped"] if capture.empty else []
    xyz = drop_empty_frames(two_actors(by_motion(capture.bodies, notes), capture.frames, notes))
    if not len(xyz):
        return []
    if second_body == "copy" and len(xyz) == 1:
        xyz = np.concatenate([xyz, xyz])
        notes.append("the second body is a copy of the first")
    class_name = CLASS_NAMES[action - 1] if action else ""
    return [Recording(xyz, get_layout("ntu25"), path.stem, class_name, subject, camera, FPS, tuple(notes))]


def parse(content: bytes) -> Capture:
    """Bodies of a `.skeleton` file, in order of appearance. Raises ValueError where it departs from the format.

    All numbers are split once; of the twelve of a joint only x, y, z are converted. A line with a number too many or
    too few is noticed, since the next body's joint count is then not in its place.
    """
    tokens = content.split()
    promised = _count(tokens, 0, "the number of frames")
    seen: dict[bytes, tuple[list[int], list[bytes]]] = {}
    at, kept = 1, 0
    for frame in range(promised):
        bodies = _count(tokens, at, f"the number of bodies in frame {frame + 1} of {promised}")
        at += 1
        for _ in range(bodies):
            start = at + _FIELDS + 1
            end = start + _JOINTS * _NUMBERS
            if end > len(tokens):
                raise ValueError(f"is cut off in frame {frame + 1} of {promised}; copy or download it again")
            if tokens[start - 1] != b"25":
                found = tokens[start - 1][:12].decode(errors="replace")
                raise ValueError(f"frame {frame + 1} has {found!r} where a body has its 25; mend the file")
            frames, numbers = seen.setdefault(tokens[at], ([], []))
            if frames and frames[-1] == kept:
                raise ValueError(f"frame {frame + 1} has body {_text(tokens[at])} twice; mend the file")
            frames.append(kept)
            for axis in range(3):
                numbers += tokens[start + axis : end : _NUMBERS]
            at = end
        kept += bodies > 0
    if at != len(tokens):
        raise ValueError(f"goes on after its {promised} frames; mend the file")
    return Capture(tuple(_body(*entry) for entry in seen.items()), kept, promised - kept)


def motion(xyz: NDArray[np.floating]) -> float:
    """How much a body moves and extends: variance over all frames and joints of (T, 25, 3), summed over x, y, z; m²."""
    return float(xyz.var(axis=(0, 1), dtype=np.float64).sum())


def too_wide(xyz: NDArray[np.floating]) -> NDArray[np.bool_]:
    """(T,) frames in which a body is wider than 0.8 of its height, as no standing person is."""
    extent = np.ptp(xyz, axis=1)  # (T, 3)
    return extent[:, 0] > WIDE * extent[:, 1]


def by_motion(bodies: Sequence[Body], notes: list[str]) -> list[Body]:
    """The bodies that are people, largest motion first; what was dropped is added to `notes`.

    A lone body is always kept. Of several, those of 11 frames or fewer go (the longest stays if all are), then, while
    more than one is left, those too wide in 69.754 % of their frames or more. Motion is the smaller of that of all
    frames and that of the frames which are not too wide.
    """
    if len(bodies) == 1:
        return list(bodies)
    long = [body for body in bodies if len(body.frame) > SHORT] or [max(bodies, key=lambda body: len(body.frame))]
    notes.extend(
        f"body {body.id} dropped: seen in {len(body.frame)} frames only" for body in bodies if body not in long
    )
    left, energy = len(long), []
    for body in long:
        wide = too_wide(body.xyz)
        if left > 1 and wide.mean() >= NOISY:
            left -= 1
            notes.append(f"body {body.id} dropped: no person's shape in {wide.mean():.0%} of its frames")
        else:
            clean = body.xyz if wide.all() else body.xyz[~wide]
            energy.append((min(motion(body.xyz), motion(clean)), body))
    return [body for _, body in sorted(energy, key=lambda entry: -entry[0])]


def two_actors(people: Sequence[Body], frames: int, notes: list[str]) -> NDArray[np.float32]:
    """(2, T, 25, 3): the first of `people` is actor 1; every other continues the first actor whose time it does not
    overlap (the sensor gives a new id to who comes back), or is dropped, which is added to `notes`."""
    xyz = np.zeros((2, frames, _JOINTS, 3), dtype=np.float32)
    spans: list[tuple[int, int]] = []
    for body in people:
        start, end = int(body.frame[0]), int(body.frame[-1])
        actor = next((m for m, (a, b) in enumerate(spans) if min(end, b) - max(start, a) <= 0), len(spans))
        if actor == 2:
            notes.append(f"body {body.id} dropped: two others are seen at the same time")
            continue
        if actor == len(spans):
            spans.append((start, end))
        else:
            notes.append(f"body {body.id} continues actor {actor + 1}")
            spans[actor] = (min(start, spans[actor][0]), max(end, spans[actor][1]))
        xyz[actor, body.frame] = body.xyz
    return xyz


def drop_empty_frames(xyz: NDArray[np.float32]) -> NDArray[np.float32]:
    """Without the frames in which both actors are zero, and without an actor who is zero in all of them."""
    seen = (xyz != 0).any(axis=(2, 3))  # (M, T)
    return xyz[seen.any(axis=1)][:, seen.any(axis=0)]


@cache
def known_missing() -> frozenset[str]:
    """The samples which the dataset's authors list as missing or incomplete: 535, of them 302 in NTU RGB+D 60."""
    lines = Path(__file__).with_name("ntu_missing.txt").read_text(encoding="utf-8").splitlines()
    sessions = [line.split() for line in lines if not line.startswith("#")]
    return frozenset(f"{session}A{int(action):03d}" for session, *actions in sessions for action in actions)


def _about(stem: str) -> tuple[int, int, int]:
    """(camera, subject, action) of a sample's name; −1, −1, 0 for a foreign name."""
    match = _NAME.fullmatch(stem)
    if not match:
        return -1, -1, 0
    _, camera, subject, _, action = map(int, match.groups())
    if not 1 <= action <= len(CLASS_NAMES):
        raise ValueError(f"action {action} of its name is not one of 1…{len(CLASS_NAMES)}; mend the name")
    return camera, subject, action


def _body(body_id: bytes, track: tuple[list[int], list[bytes]]) -> Body:
    frames, numbers = track
    try:
        with np.errstate(over="ignore"):  # what float32 cannot hold is infinite, and refused below
            xyz = np.array(list(map(float, numbers)), dtype=np.float32)
    except ValueError:
        raise ValueError(f"body {_text(body_id)} has a coordinate that is no number; mend the file") from None
    if not np.isfinite(xyz).all():
        raise ValueError(f"body {_text(body_id)} has a coordinate that is not finite; mend or leave out the file")
    xyz = np.ascontiguousarray(xyz.reshape(-1, 3, _JOINTS).transpose(0, 2, 1))
    return Body(_text(body_id), np.array(frames), xyz)


def _count(tokens: list[bytes], at: int, what: str) -> int:
    """The count at a place; not int() alone, which takes signs, underscores and foreign digits."""
    if at >= len(tokens):
        raise ValueError(f"ends where {what} should be; copy or download it again")
    if not tokens[at].isdigit() or len(tokens[at]) > 9:
        raise ValueError(f"has {_text(tokens[at])!r} where {what} should be; is it an NTU .skeleton file?")
    return int(tokens[at])


def _text(token: bytes) -> str:
    return token[:20].decode("ascii", errors="replace")


# The official names of A1…A120, in order.
CLASS_NAMES: tuple[str, ...] = (
    "drink water", "eat meal/snack", "brushing teeth", "brushing hair", "drop", "pickup", "throw", "sitting down",
    "standing up (from sitting position)", "clapping", "reading", "writing", "tear up paper", "wear jacket",
    "take off jacket", "wear a shoe", "take off a shoe", "wear on glasses", "take off glasses", "put on a hat/cap",
    "take off a hat/cap", "cheer up", "hand waving", "kicking something", "reach into pocket",
    "hopping (one foot jumping)", "jump up", "make a phone call/answer phone", "playing with phone/tablet",
    "typing on a keyboard", "pointing to something with finger", "taking a selfie", "check time (from watch)",
    "rub two hands together", "nod head/bow", "shake head", "wipe face", "salute", "put the palms together",
    "cross hands in front (say stop)", "sneeze/cough", "staggering", "falling", "touch head (headache)",
    "touch chest (stomachache/heart pain)", "touch back (backache)", "touch neck (neckache)",
    "nausea or vomiting condition", "use a fan (with hand or paper)/feeling warm", "punching/slapping other person",
    "kicking other person", "pushing other person", "pat on back of other person", "point finger at the other person",
    "hugging other person", "giving something to other person", "touch other person's pocket", "handshaking",
    "walking towards each other", "walking apart from each other", "put on headphone", "take off headphone",
    "shoot at the basket", "bounce ball", "tennis bat swing", "juggling table tennis balls", "hush (quite)",
    "flick hair", "thumb up", "thumb down", "make ok sign", "make victory sign", "staple book", "counting money",
    "cutting nails", "cutting paper (using scissors)", "snapping fingers", "open bottle", "sniff (smell)", "squat down",
    "toss a coin", "fold paper", "ball up paper", "play magic cube", "apply cream on face", "apply cream on hand back",
    "put on bag", "take off bag", "put something into a bag", "take something out of a bag", "open a box",
    "move heavy objects", "shake fist", "throw up cap/hat", "hands up (both hands)", "cross arms", "arm circles",
    "arm swings", "running on the spot", "butt kicks (kick backward)", "cross toe touch", "side kick", "yawn",
    "stretch oneself", "blow nose", "hit other person with something", "wield knife towards other person",
    "knock over other person (hit with body)", "grab other person's stuff", "shoot at other person with a gun",
    "step on foot", "high-five", "cheers and drink", "carry something with other person",
    "take a photo of other person", "follow other person", "whisper in other person's ear",
    "exchange things with other person", "support somebody with hand",
    "finger-guessing game (playing rock-paper-scissors)",
)  # fmt: skip

READER = Reader(
    about="NTU RGB+D 60 and 120, raw .skeleton files of Kinect v2 (Shahroudy et al. 2016; Liu et al. 2020)",
    patterns=("*.skeleton",),
    read_file=read,
    steps=(
        "leave out the samples the dataset's authors list as missing or incomplete",
        "drop frames without a body",
        "of several bodies, drop those seen in 11 frames or fewer",
        "of several bodies, drop those wider than 0.8 of their height in 69.754 % of their frames",
        "actor 1 is the body with the largest motion, bodies at other times continue an actor, at most two actors",
        "drop frames in which both actors are zero",
        "missing second body: zeros (option second_body)",
    ),
    class_names=CLASS_NAMES,
)
