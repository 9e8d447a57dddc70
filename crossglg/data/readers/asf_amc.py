"""ASF/AMC, Acclaim's skeleton and motion: CMU's motion capture database in its own format, HDM05.

The .asf holds lengths, directions and axes of the bones, the .amc beside it the angles of each frame
(research.cs.wisc.edu/graphics/Courses/cs-838-1999/Jeff/ASF-AMC.html). For a bone with the axis C and the angles M,
L = C M C⁻¹ turns what hangs on it; its end is a joint. The skeleton of a motion is the .asf whose name the motion's
begins with (01.asf for 01_02.amc, HDM_bd.asf for HDM_bd_….amc), in its folder or the one above.
A length of 0.45 in :units means 1/0.45 inch, as CMU's; else the torso tells. Frames come at 120 Hz, unless an HDM05
name ends with another rate. y is up.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossglg.data.readers.base import SourcePath
from crossglg.data.readers.common import text_of
from crossglg.data.readers.points import Points, points_reader

MAX_BONES, MAX_FRAMES = 200, 200_000
_SIDED = {
    "shoulder": "clavicle", "elbow": "humerus", "wrist": "radius", "hand": "hand", "hip": "hipjoint", "knee": "femur",
    "ankle": "tibia", "foot": "foot",
}  # fmt: skip
ENDS = {  # our joint → the bone at whose end it is
    "hip center": "root", "spine": "lowerback", "shoulder center": "lowerneck", "head": "head",
    **{f"{side} {joint}": side[0] + bone for side in ("left", "right") for joint, bone in _SIDED.items()},
}  # fmt: skip


@dataclass
class Bone:
    """One bone. offset: (3,) from start to end;  axis: (3, 3);  dof: which numbers a line of the .amc has, in order."""

    offset: NDArray[np.float64] = field(default_factory=lambda: np.zeros(3))
    axis: NDArray[np.float64] = field(default_factory=lambda: np.eye(3))
    dof: tuple[str, ...] = ()
    parent: str = ""


def parse_skeleton(content: bytes) -> tuple[dict[str, Bone], float]:
    """The bones, parents before children, and meters in a unit (0: not known); raises ValueError."""
    sections = dict(re.findall(r"^:(\w+)([^:]*)", re.sub(r"#.*", "", text_of(content)), re.MULTILINE))
    if not {"root", "bonedata", "hierarchy"} <= set(sections):
        raise ValueError("the skeleton has no :root, :bonedata and :hierarchy")
    root = re.search(r"order\s+([A-Za-z ]+)", sections["root"])
    bones = {"root": Bone(dof=tuple((root[1] if root else "TX TY TZ RX RY RZ").lower().split()[:6]))}
    loose: dict[str, Bone] = {}
    for block in re.findall(r"begin(.*?)end", sections["bonedata"], re.DOTALL):
        name = re.search(r"name\s+(\S+)", block)
        if name is None or len(loose) == MAX_BONES:
            raise ValueError("a bone has no name" if name is None else f"it has more than {MAX_BONES} bones")
        direction, (length,) = _floats(block, "direction", 3), _floats(block, "length", 1)
        dof = re.search(r"dof\s+([rxyz ]+)", block)
        axis = _turn(np.array([_floats(block, "axis", 3)]))[0]
        loose[name[1]] = Bone(np.array(direction) * length, axis, tuple(dof[1].split()) if dof else ())
    for line in sections["hierarchy"].splitlines():
        parent, *children = line.split() or [""]
        for child in children if parent in bones else []:
            if child in bones or child not in loose:
                raise ValueError(f"the hierarchy names {child[:60]!r} twice, or it is no bone")
            loose[child].parent = parent
            bones[child] = loose[child]
    unit = re.search(r"length\s+([\d.]+)", sections.get("units", ""))
    return bones, 0.0254 / 0.45 if unit and unit[1].strip("0") == ".45" else 0.0


def parse(motion: bytes, skeleton: bytes) -> Points:
    """The points of a motion; raises ValueError."""
    bones, meters = parse_skeleton(skeleton)
    lacking = [bone for bone in ENDS.values() if bone not in bones]
    if lacking:
        raise ValueError(f"the skeleton has no bone {lacking[0]}: only those of CMU and HDM05 are known")
    frames = re.split(r"^\s*\d+\s*$", re.sub(r"^[#:].*$", "", text_of(motion), flags=re.MULTILINE), flags=re.MULTILINE)
    if not 2 <= len(frames) <= MAX_FRAMES:
        raise ValueError("the motion has no frames, or too many")
    angles = [_angles(frame, bones) for frame in frames[1:]]
    values = {name: np.array([frame.get(name, [0.0] * len(bones[name].dof)) for frame in angles]) for name in bones}
    xyz = _ends(bones, values, len(angles))
    points = np.stack([xyz[bone] for bone in ENDS.values()], axis=1)[None]
    unit = "m" if meters else ""
    return Points(points * (meters or 1.0), joints=tuple(ENDS), layouts=("kinect20",), up="y", fps=120.0, unit=unit)


def _angles(frame: str, bones: dict[str, Bone]) -> dict[str, list[float]]:
    found = {}
    for line in frame.splitlines():
        name, *numbers = line.split() or [""]
        if name and name in bones:
            if len(numbers) != len(bones[name].dof):
                raise ValueError(f"{name} has {len(numbers)} numbers instead of {len(bones[name].dof)}")
            found[name] = _numbers(numbers)
    if "root" not in found:
        raise ValueError("a frame has no root")
    return found


def _ends(
    bones: dict[str, Bone], values: dict[str, NDArray[np.float64]], frames: int
) -> dict[str, NDArray[np.float64]]:
    """(T, 3) end of each bone."""
    world: dict[str, NDArray[np.float64]] = {}
    ends: dict[str, NDArray[np.float64]] = {}
    for name, bone in bones.items():
        given = np.zeros((frames, 3))
        start = ends[bone.parent] if bone.parent else np.zeros((frames, 3))
        for column, dof in enumerate(bone.dof):
            kind, axis = dof[:1], "xyz".find(dof[1:])
            if kind not in "tr" or axis < 0:
                continue  # the length of a bone, which no known file changes
            if kind == "r":
                given[:, axis] = values[name][:, column]
            else:
                start = start.copy()
                start[:, axis] = values[name][:, column]
        turn = bone.axis @ _turn(given) @ bone.axis.T
        world[name] = world[bone.parent] @ turn if bone.parent else turn
        ends[name] = start + world[name] @ bone.offset
    return ends


def _turn(degrees: NDArray[np.float64]) -> NDArray[np.float64]:
    """(T, 3, 3) turns about x, then y, then z."""
    from scipy.spatial.transform import Rotation

    return Rotation.from_euler("xyz", degrees, degrees=True).as_matrix()


def _floats(block: str, word: str, count: int) -> list[float]:
    line = re.search(rf"{word}\s+([^\n]*)", block)
    numbers = line[1].split()[:count] if line else []
    if len(numbers) < count:
        raise ValueError(f"a bone needs {count} numbers after {word!r}")
    return _numbers(numbers)


def _numbers(texts: list[str]) -> list[float]:
    numbers = [float(text) for text in texts]
    if not all(abs(number) < 1e7 for number in numbers):
        raise ValueError("a number is too large")
    return numbers


def read_points(path: SourcePath) -> Points:
    """The points of a motion, with the skeleton beside it."""
    folder: Any = path.parent
    skeletons = [file for place in (folder, folder.parent) if place.is_dir() for file in place.iterdir()
                 if file.name.lower().endswith(".asf") and path.name.startswith(file.name[:-4])]  # fmt: skip
    if not skeletons:
        raise ValueError("the skeleton (.asf) of this motion is not beside it; its name begins the motion's name")
    points = parse(path.read_bytes(), max(skeletons, key=lambda file: len(file.name)).read_bytes())
    hdm05 = re.fullmatch(r"HDM_[a-z]+_(.+)_\d+_(\d{2,3})", path.stem, re.ASCII)
    return replace(points, class_name=hdm05[1], fps=float(hdm05[2])) if hdm05 and int(hdm05[2]) else points


READER = points_reader(
    about="ASF/AMC motion capture (CMU, HDM05): one .amc per clip, its .asf beside it, as joints of kinect20",
    patterns=("*.amc",),
    parse=read_points,
    steps=("forward kinematics",),
    companions=("*.asf",),
)
