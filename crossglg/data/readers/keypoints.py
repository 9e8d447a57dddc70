"""Key points of the reader's own, from MediaPipe, OpenPose, a COCO detector, Human3.6M, SMPL …: arrays and tables.

    .npy        (T, V, C) or (M, T, V, C); C: x, y | x, y, z | x, y, score | x, y, z, visibility
    .csv long   frame, joint, x, y [, z] [, visibility] [, person]      one row per joint
    .csv wide   [frame,] <joint>_x, <joint>_y [, <joint>_z] [, <joint>_visibility], …      one row per frame

Joint names are compared word by word ("LEFT_ELBOW", "leftElbow", "elbow left"); "visibility" may be called score or
confidence. The layout follows from the names, or from V where only one layout has so many joints; else give `layout`
(a name, or a YAML file for joints of your own), or put `<file>.yaml` beside `<file>.npy` or `<file>.csv`.

What the numbers leave open is decided so, and said in the notes:
- missing: an empty cell, NaN, an absent row, a visibility below `visible`, in 2-D also (0, 0), OpenPose's "not found".
  Interpolated over time over up to `MAX_GAP` frames (held before the first and after the last); a longer gap is an
  error. A person who has no joint at all before some frame or after another is absent there, as is one of zeros in 3-D.
- up: the axis along which the head lies from the hips in the mean over frames. Image and MediaPipe coordinates have
  y down: 3-D ones are turned by half a turn about z, which keeps left and right; in 2-D ones y is negated.
- unit of 3-D coordinates: the one of `UNITS` in which the torso, hips to shoulders, is 0.2 to 1.0 m long; if none, the
  torso is made 0.5 m long. 2-D coordinates stay in pixels or shares of the image.
"""

from __future__ import annotations

import csv
import io
import re
import tokenize
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossglg.data.readers.base import Reader, Recording, SourcePath
from crossglg.data.readers.posture import SHORT, UP_AXES, torso_length, turned, up_axis
from crossglg.skeletons import LAYOUTS, Layout, get_layout

MAX_GAP = 15  # frames, half a second at 30 Hz
MAX_PERSONS, MAX_NUMBERS = 20, 100_000_000
VISIBLE = 0.3
UNITS = {"m": 1.0, "cm": 0.01, "mm": 0.001}
SHORTEST_TORSO, TORSO, LONGEST_TORSO = 0.2, 0.5, 1.0  # metres
_SCORES = ("visibility", "score", "confidence")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_SIDE = {"l": "left", "r": "right"}


@dataclass(frozen=True, eq=False)
class Points:
    """A file as it is. xyz: (M, T, V, 2 or 3), NaN where missing;  score: (M, T, V), 1 where the file has none;
    joints: V names, () where the file has none."""

    xyz: NDArray[np.float64]
    score: NDArray[np.float64]
    joints: tuple[str, ...] = ()


def read(
    path: SourcePath, layout: str = "", unit: str = "", up: str = "", fps: float = 30.0, visible: float = VISIBLE
) -> list[Recording]:
    """The clip of one file; layout, unit (m, cm, mm) and up (y, -y, z, …) are found out where they are "".

    Raises ValueError if it is not of the format, its layout is not clear, or joints are missing for
    more than `MAX_GAP` frames.
    """
    points = parse(path.read_bytes())
    return [_recording(points, path.stem, _named_layout(path, layout), unit, up, fps, visible)]


def parse(content: bytes) -> Points:
    """The points of a `.npy` or a `.csv`, told apart by the content; raises ValueError. Nothing is unpickled."""
    points = _array(content) if content.startswith(b"\x93NUMPY") else _table(content)
    persons, frames, joints, _ = points.xyz.shape
    if not (1 <= persons <= MAX_PERSONS and frames and joints):
        raise ValueError(
            f"{persons} persons, {frames} frames and {joints} joints are no clip; up to {MAX_PERSONS} persons"
        )
    return points


def fill_gaps(xyz: NDArray[np.float64], joints: Sequence[str]) -> tuple[NDArray[np.float64], int]:
    """Interpolate what is NaN over time; returns (M, T, V, C) and how many points were filled in.

    xyz: (M, T, V, C), every person with at least one joint in one frame.

    Frames before the first and after the last in which a person has any joint become zero: the person is absent.
    Raises ValueError, naming the joint, where one is missing for more than `MAX_GAP` frames in a row.
    """
    out = np.zeros_like(xyz)
    filled = 0
    for m, person in enumerate(xyz):
        known = np.isfinite(person).all(axis=-1)  # (T, V)
        seen = np.flatnonzero(known.any(axis=1))
        frames = np.arange(seen[0], seen[-1] + 1)
        filled += int((~known[frames]).sum())
        for v, joint in enumerate(joints):
            at = np.flatnonzero(known[:, v])
            if not at.size:
                raise ValueError(
                    f"{joint!r} of person {m} is missing in all frames; choose a layout without it, or give visible=0 "
                    f"if only its visibility is low"
                )
            edges = np.concatenate([[seen[0] - 1], at, [seen[-1] + 1]])
            gaps = np.diff(edges) - 1
            if gaps.max() > MAX_GAP:
                raise ValueError(
                    f"{joint!r} is missing for {gaps.max()} frames from frame {edges[gaps.argmax()] + 1} on, more than "
                    f"the {MAX_GAP} that are interpolated; cut the clip there, fill the gap, or give visible=0 if only "
                    f"the visibility is low"
                )
            for c in range(xyz.shape[-1]):
                out[m, frames, v, c] = np.interp(frames, at, person[at, v, c])
    return out, filled


def _recording(
    points: Points, sample_id: str, given: Layout | None, unit: str, up: str, fps: float, visible: float
) -> Recording:
    order, layout, notes = _columns(points, given)
    with np.errstate(over="ignore", invalid="ignore"):  # Recording refuses what became infinite
        missing = points.score < visible
        if points.xyz.shape[-1] == 2:
            missing = missing | (points.xyz == 0).all(axis=-1)
        xyz = np.where(missing[..., None], np.nan, points.xyz)[:, :, order]
        nobody = (np.nan_to_num(xyz) == 0).all(axis=(1, 2, 3))
        if nobody.all():
            raise ValueError("nobody is seen: every coordinate is zero, missing or of low visibility")
        if nobody.any():
            notes.append(f"{nobody.sum()} of {len(nobody)} persons never seen: left out")
        xyz, filled = fill_gaps(xyz[~nobody], layout.joints)
        if filled:
            notes.append(f"{filled} of {xyz[..., 0].size} points missing: interpolated over time")
        seen = xyz[(xyz != 0).any(axis=(-2, -1))]  # (frames with a person, V, C)
        axis = _given(up, UP_AXES, "up") or up_axis(seen, layout)
        if xyz.shape[-1] == 3:
            scale, note = _scale(seen, layout, _given(unit, tuple(UNITS), "unit"))
            xyz = turned(xyz, axis) * scale
            notes.append(note)
        elif axis == "-y":
            xyz = xyz * (1.0, -1.0)
        if axis != "y":
            notes.append("y was down: turned" if axis == "-y" else f"{axis} was up" + ": turned" * (xyz.shape[-1] == 3))
        xyz = xyz.astype(np.float32)
    if xyz.shape[1] < SHORT:
        notes.append(f"only {xyz.shape[1]} frames: a pose, not a motion")
    return Recording(xyz, layout, sample_id, fps=fps, notes=tuple(notes))


def _given(value: str, known: tuple[str, ...], what: str) -> str:
    if value and value not in known:
        raise ValueError(f"{what}={value!r} must be one of {', '.join(known)}")
    return value


def _scale(seen: NDArray[np.float64], layout: Layout, unit: str) -> tuple[float, str]:
    if unit:
        return UNITS[unit], f"unit {unit}, as given"
    torso = torso_length(seen, layout)
    if not (np.isfinite(torso) and torso > 0):
        raise ValueError("the torso has no length, so that the unit cannot be found out; give unit=")
    fitting = [name for name, size in UNITS.items() if SHORTEST_TORSO <= torso * size <= LONGEST_TORSO]
    if fitting:
        return UNITS[fitting[0]], f"unit {fitting[0]}, by the torso of {torso * UNITS[fitting[0]]:.2f} m"
    return TORSO / torso, f"unit unknown: a torso of {torso:.4g} was made {TORSO} m long"


def _named_layout(path: SourcePath, layout: str) -> Layout | None:
    """The layout that was asked for, or of the YAML beside the file (not inside a zip), or None."""
    if layout:
        return get_layout(layout)
    beside = path.with_suffix(".yaml") if isinstance(path, Path) else None
    return Layout.load(beside) if beside and beside.is_file() else None


def _columns(points: Points, given: Layout | None) -> tuple[list[int], Layout, list[str]]:
    """Where each joint of the layout stands among the file's, the layout, and notes on what was left out."""
    count = points.xyz.shape[2]
    if not points.joints:
        layout = given or _layout_of_count(count)
        layout.check(points.xyz, "the array")
        note = "taken as ntu25; for OpenPose's BODY_25 give layout=" if given is None and count == 25 else ""
        return list(range(count)), layout, [note] if note else []
    index = {_words(joint): v for v, joint in enumerate(points.joints)}
    candidates = [given] if given else sorted(LAYOUTS.values(), key=lambda layout: -layout.num_joints)
    for layout in candidates:
        if all(_words(joint) in index for joint in layout.joints):
            order = [index[_words(joint)] for joint in layout.joints]
            unused = [joint for v, joint in enumerate(points.joints) if v not in order]
            return order, layout, [f"joints left out: {', '.join(unused)[:200]}"] if unused else []
    wanted = f"layout {given.name!r}" if given else "a registered layout"
    lacking = [joint for joint in given.joints if _words(joint) not in index] if given else []
    raise ValueError(
        f"its joints ({', '.join(points.joints)[:300]}) are not those of {wanted}"
        + (f": {', '.join(lacking)} missing" if lacking else "; give layout= a YAML file that names joints and bones")
    )


def _layout_of_count(count: int) -> Layout:
    fitting = [layout for layout in LAYOUTS.values() if layout.num_joints == count]
    if len(fitting) == 1:
        return fitting[0]
    names = [layout.name for layout in fitting]
    if fitting:
        raise ValueError(f"{count} joints may be {' or '.join(names)}; say which, as layout={names[0]!r}")
    known = ", ".join(f"{layout.name} {layout.num_joints}" for layout in LAYOUTS.values())
    raise ValueError(f"no layout has {count} joints ({known}); give layout= a YAML file that names joints and bones")


def _words(joint: str) -> tuple[str, ...]:
    """ "LEFT_EYE_INNER" and "leftEyeInner" → ("eye", "inner", "left")."""
    words = [word.lower() for word in _WORD.findall(joint)]
    return tuple(sorted(_SIDE.get(word, word) for word in words))


def _array(content: bytes) -> Points:
    file = io.BytesIO(content)
    try:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read(file)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError, tokenize.TokenError) as error:
        raise ValueError(f"its header is damaged ({' '.join(str(error).split())[:200]}); save it again") from error
    if dtype.kind not in "fiu" or dtype.hasobject:
        raise ValueError(f"it holds {dtype.kind!r} instead of numbers; save it as float32")
    if len(shape) not in (3, 4) or shape[-1] not in (2, 3, 4):
        raise ValueError(f"an array must be (T, V, C) or (M, T, V, C) with C 2, 3 or 4; got {shape}")
    size = int(np.prod([int(n) for n in shape], dtype=object))
    if size < 0 or size * dtype.itemsize != len(content) - file.tell():
        raise ValueError(f"the header promises {shape}, which is not what the file holds; save it again")
    if size > MAX_NUMBERS:
        raise ValueError(f"{shape} are too many numbers to read at once; cut it into parts")
    values = np.frombuffer(content, dtype, offset=file.tell()).reshape(shape, order="F" if fortran else "C")
    with np.errstate(invalid="ignore"):  # NaN of other kinds stays NaN
        values = values.reshape(-1, *shape[-3:]).astype(np.float64)
    if shape[-1] == 4:
        return Points(values[..., :3], values[..., 3])
    if shape[-1] == 3 and _is_score(values):
        return Points(values[..., :2], values[..., 2])
    return Points(values, np.ones(values.shape[:-1]))


def _is_score(values: NDArray[np.float64]) -> bool:
    """True if the last of three channels is a score: from 0 to 1 throughout, while x and y are pixels."""
    known = values[np.isfinite(values).all(axis=-1)]
    if not len(known):
        return False
    return bool(known[:, 2].min() >= 0 and known[:, 2].max() <= 1 and np.ptp(known[:, :2]) > 10)


def _table(content: bytes) -> Points:
    try:
        rows = [row for row in csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")) if any(row)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"it is neither a .npy array nor a csv ({error})") from error
    if len(rows) < 2:
        raise ValueError("a csv needs a header and rows; see crossglg.data.readers.keypoints for the two shapes")
    header, rows = [name.strip() for name in rows[0]], rows[1:]
    if len({name.lower() for name in header}) != len(header):
        raise ValueError("the header names a column twice")
    uneven = next((number for number, row in enumerate(rows, 2) if len(row) != len(header)), None)
    if uneven is not None:
        raise ValueError(f"row {uneven} has another number of columns than the {len(header)} of the header")
    lower = [name.lower() for name in header]
    if {"frame", "joint", "x", "y"} <= set(lower):
        return _long(lower, rows)
    return _wide(header, rows)


def _long(header: list[str], rows: list[list[str]]) -> Points:
    column: dict[str, Any] = dict(zip(header, zip(*rows, strict=True), strict=True))
    axes = [axis for axis in "xyz" if axis in column]
    joints = tuple(dict.fromkeys(name.strip() for name in column["joint"]))
    place = {joint: v for v, joint in enumerate(joints)}
    persons = list(dict.fromkeys(column.get("person", ("",))))
    frame, frames = _frames(column["frame"])
    if len(persons) > MAX_PERSONS or len(persons) * frames * len(joints) > 4 * len(rows) + 10_000:
        raise ValueError(
            f"{len(rows)} rows are too few for {len(persons)} persons, {frames} frames and {len(joints)} joints; "
            f"is the column 'joint' right?"
        )
    who = [persons.index(person) for person in column["person"]] if "person" in column else [0] * len(rows)
    at = (np.array(who), frame, np.array([place[name.strip()] for name in column["joint"]]))
    if len(set(zip(*at, strict=True))) < len(rows):
        raise ValueError("a joint stands twice in a frame; several people need a column 'person'")
    xyz = np.full((len(persons), frames, len(joints), len(axes)), np.nan)
    score = np.ones(xyz.shape[:-1])
    for c, axis in enumerate(axes):
        xyz[(*at, c)] = _numbers(column[axis])
    for name in set(_SCORES) & set(column):
        score[at] = np.nan_to_num(_numbers(column[name]))
    return Points(xyz, score, joints)


def _wide(header: list[str], rows: list[list[str]]) -> Points:
    parts = [re.fullmatch(rf"(.+)[_ .](x|y|z|{'|'.join(_SCORES)})", name, re.IGNORECASE) for name in header]
    where = {(part[1], part[2].lower()): column for column, part in enumerate(parts) if part}
    joints = tuple(joint for joint, axis in where if axis == "x" and (joint, "y") in where)
    if not joints:
        raise ValueError(
            "the header is of no known shape; give frame,joint,x,y,z or <joint>_x,<joint>_y,<joint>_z for each joint"
        )
    axes = "xyz" if all((joint, "z") in where for joint in joints) else "xy"
    columns = list(zip(*rows, strict=True))
    index = next((column for column, name in enumerate(header) if name.lower() == "frame"), None)
    frame, frames = _frames(columns[index]) if index is not None else (np.arange(len(rows)), len(rows))
    if len(set(frame.tolist())) < len(frame):
        raise ValueError("a frame stands twice; several people need the long shape with a column 'person'")
    if frames > 4 * len(rows) + 100:
        raise ValueError(f"{len(rows)} rows are too few for {frames} frames; is the column 'frame' right?")
    xyz = np.full((1, frames, len(joints), len(axes)), np.nan)
    score = np.ones(xyz.shape[:-1])
    for v, joint in enumerate(joints):
        for c, axis in enumerate(axes):
            xyz[0, frame, v, c] = _numbers(columns[where[joint, axis]])
        for name in _SCORES:
            if (joint, name) in where:
                score[0, frame, v] = np.nan_to_num(_numbers(columns[where[joint, name]]))
    return Points(xyz, score, joints)


def _frames(texts: Sequence[str]) -> tuple[NDArray[np.int64], int]:
    """Frame numbers counted from 0, and how many frames they span; raises ValueError where they jump too far."""
    if not all(re.fullmatch(r"\s*\d{1,12}(?:\.0*)?\s*", text, re.ASCII) for text in texts):
        raise ValueError("the column 'frame' must hold whole numbers")
    number = np.array([int(float(text)) for text in texts])
    distinct = np.unique(number)
    step = np.diff(distinct).max(initial=1)
    if step > MAX_GAP + 1:
        after = int(distinct[np.diff(distinct).argmax()])
        raise ValueError(
            f"{step - 1} frames are missing after frame {after}, more than the {MAX_GAP} that are interpolated; "
            f"cut the clip there or fill the gap"
        )
    return number - distinct[0], int(distinct[-1] - distinct[0] + 1)


def _numbers(texts: Sequence[str]) -> NDArray[np.float64]:
    """Numbers of a column, NaN for empty cells."""
    try:
        numbers = np.fromiter((float(text) if text.strip() else np.nan for text in texts), np.float64, len(texts))
    except ValueError as error:
        raise ValueError(f"a cell is not a number ({str(error)[:100]})") from None
    if np.isinf(numbers).any():
        raise ValueError("a cell is infinite")
    return numbers


READER = Reader(
    about="Key points of one's own as .npy arrays or csv: MediaPipe, OpenPose, COCO, Human3.6M, SMPL or a YAML layout",
    patterns=("*.npy", "*.csv"),
    read_file=read,
    steps=(
        "points of low visibility left out",
        "gaps interpolated over time",
        "scaled to metres by the length of the torso",
        "turned so that y is up",
    ),
)
