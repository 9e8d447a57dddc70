"""BVH motion capture of any hierarchy: forward kinematics, then carried to a known layout by conventional joint names.

Per joint p = p_parent + R_parent · t and R = R_parent · R₁R₂R₃, rotations in the order in which the file names them; t
is the joint's OFFSET, each coordinate replaced by a position channel where there is one. End sites are joints too,
unless their offset is zero.

What BVH leaves open is decided so, and said in the notes:
- names: `NAMES` (MotionBuilder, HIK, Mixamo, Rokoko, Perception Neuron, Biovision, CMU, iClone, Bandai-Namco, 3ds Max
  Biped, Unreal, Rigify, SMPL, VRM), after a prefix that all joints share. The default target is kinect20, every joint
  of which nearly every capture has, while ntu25's finger tips and thumbs would often be invented.
- unit: the one of `UNITS` in which the leg, hip to ankle, has the length nearest to 0.8 m; if none lies within
  0.4 to 1.1 m, the leg is made 0.8 m long.
- up: z if the head lies along z from the hips in the mean over frames and not along y in the rest pose (people who
  crawl in a y-up file), else y as in most files. Facing stays as it is.
- class: only from names of known collections (Bandai-Namco; CMU with `cmu_trial_descriptions.csv` beside the file).
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crossglg.data.readers.base import Reader, Recording, SourcePath
from crossglg.data.readers.common import folder_of, text_of
from crossglg.data.readers.points import layout_of, one_of
from crossglg.data.readers.posture import SHORT, UP_AXES, turned, up_axis
from crossglg.files import counted
from crossglg.skeletons import Layout, name_words, retarget, retarget_plan

MAX_JOINTS, MAX_POSITIONS = 2_000, 40_000_000  # an hour at 60 Hz of 160 joints is 35 million
# Meters in a file unit; 56 mm is the unit of CMU's original files (0.45 inch = 1 there).
TRIALS = "cmu_trial_descriptions.csv"
UNITS = {"m": 1.0, "cm": 0.01, "mm": 0.001, "inch": 0.0254, "cmu": 0.0254 / 0.45}
LEG, SHORTEST_LEG, LONGEST_LEG = 0.8, 0.4, 1.1  # meters, hip to ankle

_SIDED: dict[str, tuple[str, ...]] = {
    "shoulder": ("arm", "upperarm", "uparm", "uarm", "shldrbend", "shldr", "shoulder"),
    "elbow": ("forearm", "forearmbend", "lowerarm", "lowarm", "farm", "elbow"),
    "wrist": ("wrist", "hand"),
    "hand": (
        "handmiddle1", "inhandmiddle", "middle1", "mid1", "middlefinger1", "middle01", "finger3proximal", "finger2",
        "fingerbase", "hand", "handend", "wristend",
    ),
    "hand tip": ("handmiddle3", "middle3", "mid3", "finger3distal", "handindex3", "index3"),
    "thumb": ("handthumb3", "thumb3", "finger1distal", "handthumb2", "thumb2", "thumb"),
    "hip": ("upleg", "upperleg", "thighbend", "thigh", "hip"),
    "knee": ("leg", "lowerleg", "lowleg", "calf", "shin", "knee"),
    "ankle": ("ankle", "foot"),
    "foot": ("toebase", "toes", "toe", "toe0", "ball", "foot", "footend", "ankleend"),
}  # fmt: skip
_MIDDLE: dict[str, tuple[str, ...]] = {
    "hip center": ("hips", "pelvis", "hip"),
    "spine": ("spine", "spine1", "abdomen", "abdomenlower", "ab", "lowerback", "waist", "chest", "torso"),
    "shoulder center": ("neck", "necktwist1", "neck1"),
    "head": ("head",),
}
# Our joint → the conventional names of it, best first, lower-case, without prefix, side and separators.
NAMES: dict[str, tuple[str, ...]] = {
    **_MIDDLE, **{f"{side} {joint}": names for side in ("left", "right") for joint, names in _SIDED.items()}
}  # fmt: skip
ESSENTIAL = (
    "head",
    *(f"{side} {j}" for side in ("left", "right") for j in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")),
)
_PREFIX = re.compile(
    r"^(?:.*:|(?:bip\d+|mixamorig\d*|cc_base|character\d*|joint|def|org|j_bip(?:_c)?)[_ .-])", re.IGNORECASE
)
_SIDE = {"l": "left", "left": "left", "r": "right", "right": "right"}


@dataclass(frozen=True, eq=False)
class Motion:
    """A file as it is. layout: its own skeleton, all joints and end sites in file order;  offsets: (V, 3) file units;
    channels: of each joint, as ("Xposition", …);  values: (T, channels), degrees and file units;  fps: per second;
    notes: what the file says and is not so."""

    layout: Layout
    offsets: NDArray[np.float64]
    channels: tuple[tuple[str, ...], ...]
    values: NDArray[np.float64]
    fps: float
    notes: tuple[str, ...] = ()


def read(path: SourcePath, layout: str = "kinect20", unit: str = "", up: str = "") -> list[Recording]:
    """The clip of one file, carried to `layout`.

    unit: one of `UNITS`, up: "y", "z", …; both are estimated where they are "" (see the module's description).
    Raises ValueError if it is no BVH or essential joints have no conventional name.
    """
    return [_recording(parse(path.read_bytes()), path, layout_of(layout), unit, up)]


def parse(content: bytes) -> Motion:
    """The hierarchy and the numbers of a file; raises ValueError, before reading the numbers if they cannot fit."""
    header, found, body = text_of(content).partition("MOTION")
    if not found:
        raise ValueError("it is no BVH: it has no line MOTION")
    names, parents, offsets, channels = _hierarchy(header)
    start = re.match(r"\s*Frames\s*:\s*(\d{1,9})\s+Frame\s+Time\s*:\s*(\S{1,30})\s", body, re.IGNORECASE)
    if start is None:
        raise ValueError("MOTION must be followed by 'Frames: number' and 'Frame Time: seconds'")
    frames, seconds, width = int(start[1]), _number(start[2]), sum(map(len, channels))
    if not (frames and width and 1e-4 <= seconds <= 10):
        raise ValueError(f"{frames} frames of {width} channels, {seconds:g} s each, are no motion")
    if frames * len(names) > MAX_POSITIONS:
        raise ValueError(f"{frames} frames of {len(names)} joints are too many to read at once; cut it into parts")
    if frames * width > len(body):
        raise ValueError(f"{frames} frames of {width} channels are promised, but the file ends before")
    notes = []
    rows = body[start.end() :]
    if "," in rows and "." not in rows:
        rows, notes = rows.replace(",", "."), ["decimal commas read as points"]
    values = _numbers(rows)
    if values.size > frames * width and values.size % width == 0:
        notes.append(f"says {frames} frames, has {values.size // width}: all read")
        frames = values.size // width
    if values.size != frames * width:
        raise ValueError(f"{frames} frames of {width} channels need {frames * width} numbers, it has {values.size}")
    layout = Layout.from_edges("file", names, [(j, p) for j, p in enumerate(parents) if p >= 0], root=names[0])
    return Motion(
        layout, np.array(offsets), tuple(channels), values.reshape(frames, width), 1.0 / seconds, tuple(notes)
    )


def forward_kinematics(motion: Motion) -> NDArray[np.float64]:
    """(T, V, 3) positions of all joints in file units and axes."""
    xyz = np.empty((len(motion.values), motion.layout.num_joints, 3))
    chain: list[NDArray[np.float64]] = []  # world rotations from the root down to the joint: the file is depth first
    column = 0
    for j, parent in enumerate(motion.layout.parents):
        del chain[motion.layout.depth[j] :]
        step = np.repeat(motion.offsets[j][None], len(xyz), axis=0)  # (T, 3)
        world = chain[-1] if chain else np.eye(3)[None]
        turn = world
        for channel in motion.channels[j]:
            value, axis = motion.values[:, column], "XYZ".index(channel[0])
            column += 1
            if channel.endswith("position"):
                step[:, axis] = value
            else:
                turn = turn @ _rotation(axis, np.deg2rad(value))
        xyz[:, j] = (world @ step[..., None])[..., 0] + (xyz[:, parent] if j else 0.0)
        chain.append(turn)
    return xyz


def named(layout: Layout) -> Layout:
    """The file's skeleton with our names for the joints that `NAMES` knows; the others are called "file: <name>".

    Raises ValueError listing the essential joints that no conventional name was found for.
    """
    keys: dict[str, str] = {}
    for prefix in ("", _shared_prefix(layout.joints)):
        for joint in layout.joints:
            keys.setdefault(_key(joint.removeprefix(prefix)), joint)
    ours: dict[str, str] = {}
    for joint, names in NAMES.items():
        side, _, _ = joint.partition(" ")
        prefix = f"{side} " if side in ("left", "right") else ""
        match = next((keys[prefix + n] for n in names if prefix + n in keys and keys[prefix + n] not in ours), None)
        if match is not None:
            ours[match] = joint
    missing = [joint for joint in ESSENTIAL if joint not in ours.values()]
    if missing:
        some = ", ".join(layout.joints[:40]) + (", …" if layout.num_joints > 40 else "")
        raise ValueError(
            f"no joint has a conventional name of {', '.join(missing)}; rename the file's joints ({some}), for example "
            f"LeftArm, LeftForeArm, LeftHand, LeftUpLeg, LeftLeg, LeftFoot, Head"
        )
    joints = tuple(ours.get(joint, f"file: {joint}") for joint in layout.joints)
    return Layout(layout.name, joints, layout.bones, joints[layout.root_index])


def _recording(motion: Motion, path: SourcePath, target: Layout, unit: str, up: str) -> Recording:
    ours = named(motion.layout)
    with np.errstate(over="ignore", invalid="ignore"):  # Recording refuses what became infinite
        xyz = retarget(forward_kinematics(motion), ours, target)
        scale, of_unit = _scale(xyz, target, unit)
        axis, of_axis = _up(xyz, motion, ours, target, up)
        meters = (turned(xyz, axis) * scale)[None].astype(np.float32)
    notes = [*motion.notes, of_unit, *of_axis]
    invented = [joint for joint, (how, _) in retarget_plan(ours, target).items() if how != "copy"]
    if invented:
        notes.append(f"{len(invented)} of {target.num_joints} joints are not in the file: {', '.join(invented)}")
    if len(xyz) < SHORT:
        notes.append(f"only {counted(len(xyz), 'frame')}: a pose, not a motion")
    class_name, subject = _about(path)
    return Recording(meters, target, path.stem, class_name, subject, fps=motion.fps, notes=tuple(notes))


def _scale(xyz: NDArray[np.floating], layout: Layout, unit: str) -> tuple[float, str]:
    if one_of(unit, tuple(UNITS), "unit"):
        return UNITS[unit], f"unit {unit}, as given"
    chains = [xyz[:, [layout.index(f"{side} {j}") for j in ("hip", "knee", "ankle")]] for side in ("left", "right")]
    leg = float(np.median([np.linalg.norm(np.diff(chain, axis=1), axis=-1).sum(axis=1) for chain in chains]))
    if not (np.isfinite(leg) and leg > 0):
        raise ValueError("the legs have no length, so that the unit cannot be estimated; give unit=")
    best = min(UNITS, key=lambda name: abs(np.log(leg * UNITS[name] / LEG)))
    if SHORTEST_LEG <= leg * UNITS[best] <= LONGEST_LEG:
        return UNITS[best], f"unit {best}, by the leg of {leg * UNITS[best]:.2f} m"
    return LEG / leg, f"unit unknown: a leg of {leg:.4g} units was made {LEG} m long"


def _up(
    xyz: NDArray[np.floating], motion: Motion, ours: Layout, target: Layout, up: str
) -> tuple[str, tuple[str, ...]]:
    if one_of(up, UP_AXES, "up"):
        return up, (f"{up} is up, as given",)
    rest = np.zeros_like(motion.offsets)
    for j in range(1, len(rest)):
        rest[j] = rest[motion.layout.parents[j]] + motion.offsets[j]
    if up_axis(xyz, target) == "z" and up_axis(retarget(rest, ours, target), target) != "y":
        return "z", ("z was up: turned",)
    return "y", ()


def _about(path: SourcePath) -> tuple[str, int]:
    """Class name and subject where the file's name is a known collection's, else "" and −1."""
    if bandai := re.fullmatch(r"dataset-\d_([a-z-]+)_[a-z-]+_\d{3}", path.stem):
        return bandai[1].replace("-", " "), -1
    trials = folder_of(path) / TRIALS
    if (cmu := re.fullmatch(r"(\d{2,3})_(\d{2})", path.stem)) and trials.is_file():
        subject, trial = int(cmu[1]), int(cmu[2])
        for row in csv.reader(io.StringIO(trials.read_bytes().decode("utf-8-sig", errors="replace"))):
            if len(row) > 2 and row[:2] == [str(subject), str(trial)]:
                return row[2].strip(), subject
    return "", -1


def _shared_prefix(joints: Sequence[str]) -> str:
    """ "Ann_" of Ann_Hips, Ann_Head, …; "" where the names share none that ends with a separator."""
    first = joints[0]
    prefixes = (first[: n + 1] for n in reversed(range(len(first))) if first[n] in "_:. -")
    return next((prefix for prefix in prefixes if all(joint.startswith(prefix) for joint in joints)), "")


def _key(joint: str) -> str:
    """ "mixamorig:LeftForeArm", "L_Forearm" and "forearm.l" → "left forearm"."""
    words = name_words(re.sub("^([LRlr])(?=[UF]Arm$)", r"\1 ", _PREFIX.sub("", joint)))  # OptiTrack's LUArm
    side = next((_SIDE[word] for word in words if word in _SIDE), "")
    key = "".join(word.lstrip("0") or "0" if word.isdigit() else word for word in words if word not in _SIDE)
    if not side and key.startswith(("left", "right")):
        side = "left" if key.startswith("left") else "right"
        key = key.removeprefix(side)
    return f"{side} {key.removesuffix('joint').removesuffix('jnt')}".strip()


def _rotation(axis: int, angle: NDArray[np.float64]) -> NDArray[np.float64]:
    """(T, 3, 3) right-handed turns about a coordinate axis."""
    i, j = (axis + 1) % 3, (axis + 2) % 3
    turn = np.zeros((len(angle), 3, 3))
    turn[:, axis, axis] = 1.0
    turn[:, i, i] = turn[:, j, j] = np.cos(angle)
    turn[:, j, i] = np.sin(angle)
    turn[:, i, j] = -turn[:, j, i]
    return turn


def _hierarchy(header: str) -> tuple[list[str], list[int], list[list[float]], list[tuple[str, ...]]]:
    """Names, parents (root −1), offsets and channels of all joints, end sites included, in file order."""
    tokens = iter(header.split())
    names: list[str] = []
    parents: list[int] = []
    offsets: list[list[float]] = []
    channels: list[tuple[str, ...]] = []
    above: list[int] = []
    ends: set[int] = set()
    if next(tokens, "").upper() != "HIERARCHY":
        raise ValueError("it is no BVH: it does not begin with HIERARCHY")
    for token in tokens:
        kind = token.upper()
        if kind in ("ROOT", "JOINT", "END"):
            _open(kind, next(tokens, ""), next(tokens, ""), names, above, ends)
            parents.append(above[-1] if above else -1)
            offsets.append([0.0, 0.0, 0.0])
            channels.append(())
            above.append(len(names) - 1)
            if kind == "END":
                ends.add(above[-1])
        elif kind == "OFFSET" and above:
            offsets[above[-1]] = [_number(next(tokens, "")) for _ in range(3)]
        elif kind == "CHANNELS" and above:
            count = next(tokens, "")
            if not re.fullmatch("[0-6]", count):
                raise ValueError(f"joint {names[above[-1]][:60]!r} has {count[:20]!r} channels; a joint has up to 6")
            channels[above[-1]] = tuple(_channel(next(tokens, "")) for _ in range(int(count)))
        elif kind == "}" and above:
            j = above.pop()
            if j in ends and not any(offsets[j]):  # lies on its joint and says nothing of the body
                for column in (names, parents, offsets, channels):
                    column.pop()
                ends.remove(j)
        else:
            raise ValueError(f"{token[:60]!r} is not expected here in the hierarchy")
    if not names or above:
        raise ValueError("the hierarchy has no ROOT" if not names else "a brace of the hierarchy is not closed")
    return names, parents, offsets, channels


def _open(kind: str, name: str, brace: str, names: list[str], above: list[int], ends: set[int]) -> None:
    """Take the name of a new joint, "<parent> end" for an end site, and check that it may stand here."""
    if (kind == "ROOT") != (not names) or (kind != "ROOT" and not above):
        raise ValueError(f"{kind} {name[:60]} stands where it may not; give a file of one person with one ROOT")
    if brace != "{":
        raise ValueError(f"{kind} {name[:60]} must be followed by a name and an opening brace")
    if above and above[-1] in ends:
        raise ValueError(f"{kind} {name[:60]} stands inside an end site")
    if kind == "END":
        name = f"{names[above[-1]]} end"
        name = name if name not in names else f"{name} {len(names)}"
    if name in names:
        raise ValueError(f"two joints are called {name[:60]!r}; rename one")
    if len(names) == MAX_JOINTS:
        raise ValueError(f"it has more than {MAX_JOINTS} joints")
    names.append(name)


def _channel(token: str) -> str:
    channel = token[:1].upper() + token[1:].lower()
    if not re.fullmatch("[XYZ](?:position|rotation)", channel):
        raise ValueError(f"unknown channel {token[:60]!r}; channels are Xposition … Zrotation")
    return channel


def _numbers(text: str) -> NDArray[np.float64]:
    """All numbers of a text, line by line, so that a long file is never held as single words."""
    try:
        values = np.fromiter((float(token) for line in text.splitlines() for token in line.split()), np.float64)
    except ValueError as error:
        raise ValueError(f"the motion holds something else than numbers ({str(error)[:100]})") from None
    if not np.isfinite(values).all():
        raise ValueError("the motion holds a number that is not finite")
    return values


def _number(token: str) -> float:
    try:
        number = float(token.replace(",", "."))
    except ValueError:
        raise ValueError(f"{token[:60]!r} is not a number") from None
    if not np.isfinite(number):
        raise ValueError(f"{token[:60]!r} is not a finite number")
    return number


READER = Reader(
    about="BVH motion capture of any hierarchy and maker, one person, carried to kinect20 by conventional joint names",
    patterns=("*.bvh",),
    read_file=read,
    steps=(
        "forward kinematics",
        "carried to kinect20 by joint name",
        "turned so that y is up",
        "scaled to meters by the length of the legs",
    ),
    companions=(TRIALS,),
)
