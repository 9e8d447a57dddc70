"""Key points of the reader's own, from MediaPipe, OpenPose, a COCO detector, Human3.6M, SMPL …: arrays and tables.

    .npy        (T, V, C) or (M, T, V, C); C: x, y | x, y, z | x, y, score | x, y, z, visibility
    .csv long   frame, joint, x, y [, z] [, visibility] [, person]      one row per joint
    .csv wide   [frame,] <joint>_x, <joint>_y [, <joint>_z] [, <joint>_visibility], …      one row per frame
    .csv plain  x1, y1, z1, v1, x2, … or columns that are only numbered: V × 2, 3 or 4 numbers, one row per frame
    .csv of DeepLabCut, with three rows of names

Joint names are compared word by word ("LEFT_ELBOW", "leftElbow", "ElbowLeft", "elbow left"), without the words that
all of them share ("K4ABT_JOINT_…", "….Position"). The axis may follow without a separator ("ElbowLeftX", as the
Kinect's software writes); "visibility" may be called v, score, confidence, conf or likelihood, "person" body_id,
tracking_id, track_id or user. Joints may have numbers for names, from 0 or 1, "landmark_0_x": those of a layout.

A column "class" that says the same in all rows is the class, a column "time", "timestamp" or "t" tells the frame rate:
a time of day, with or without its date, or a number whose unit is in the column's name, "time (us)", or is plain by the
size of the steps. A row of empty cells is a frame without anybody, where no such column tells the frames. Cells may be
separated by semicolons or tabs, with commas as decimal points; Excel's line "sep=;" and comments, which begin with #,
may stand before the header. A unit of length behind an axis, "hip_x (mm)", is read. The layout follows from the names,
or from V where only one layout has so many joints; else give `layout` (a name, or a YAML file for joints of your own),
or put `<file>.yaml` beside `<file>.npy` or `<file>.csv`.

What the numbers leave open is decided as in `crossglg.data.readers.points`, and said in the notes.
"""

from __future__ import annotations

import csv
import io
import math
import re
import tokenize
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossglg.data.readers.common import text_of
from crossglg.data.readers.gaps import MAX_GAP
from crossglg.data.readers.points import MAX_PERSONS, UNITS, Points, of_bytes, points_reader
from crossglg.files import counted, some_of
from crossglg.skeletons import LAYOUTS

MAX_NUMBERS = 100_000_000
_SCORES = ("visibility", "score", "confidence", "conf", "likelihood", "v")
_GAPS = ("", "n/a", "na", "nan", "null", "-")  # what a cell of a point that was not found says
_DECIMAL_COMMA = re.compile(r"\s*-?(?:0?,\d+|\d+,(?:\d{1,2}|\d{4,}))\s*")  # "1,234" may be a thousand
_PER_SECOND = {
    1.0: ("s", "sec", "secs", "second", "seconds"),
    1e3: ("ms", "msec", "millis", "millisecond", "milliseconds"),
    1e6: ("us", "µs", "μs", "usec", "micros", "microsecond", "microseconds"),
    1e9: ("ns", "nsec", "nanos", "nanosecond", "nanoseconds"),
}
_UNITS = "|".join(chain(*_PER_SECOND.values()))
_TIMES = ("time", "timestamp", "t")
_TIME = re.compile(rf"({'|'.join(_TIMES)})(?:[ _]?[(\[]({_UNITS})[)\]]|[ _]({_UNITS}))?")
# Units per second → steps of frames that are plainly in it; a Kinect's of 0.1 µs are in none, nor those of 1 or 2, as
# they number frames.
_STEPS = {1.0: (1e-3, 1.0), 1e3: (3.0, 1e3), 1e6: (4e3, 1e5), 1e9: (4e6, 1e8)}
_LENGTH = re.compile(r"(?<=[xyzXYZ])[ _]?[(\[](m|cm|mm|px|pixels?)[)\]]$")
_CLASS = ("class", "class_name", "label")
_PERSON = (
    "person", "person_id", "body", "body_id", "bodyid", "body_index", "tracking_id", "trackingid", "track_id",
    "trackid", "user", "user_id", "userid", "skeleton_id", "people_id",
)  # fmt: skip
_JOINT = (
    "joint", "joint_name", "joint_id", "joint_type", "jointtype", "landmark", "landmark_name", "landmark_id",
    "keypoint",
)  # fmt: skip


class _CellError(ValueError):
    """A cell is no finite number. row: how many are before it, without the header."""

    def __init__(self, row: int, column: str, text: str) -> None:
        super().__init__(f"column {column!r}: {text.strip()[:50]!r} is no finite number")
        self.row = row


def parse(content: bytes) -> Points:
    """The points of a `.npy` or a `.csv`, told apart by the content; raises ValueError. Nothing is unpickled."""
    if not content:
        raise ValueError("the file is empty; copy or save it again")
    return _array(content) if content.startswith(b"\x93NUMPY") else _table(content)


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
    size = _size(shape)
    if size < 0 or size * dtype.itemsize != len(content) - file.tell():
        raise ValueError(f"the header promises {shape}, which is not what the file holds; save it again")
    return of_array(np.frombuffer(content, dtype, offset=file.tell()).reshape(shape, order="F" if fortran else "C"))


def of_array(values: NDArray[Any]) -> Points:
    """The points of an array (T, V, C) or (M, T, V, C) of numbers; raises ValueError for another shape."""
    if not (size := _size(values.shape)):
        raise ValueError(f"it is empty: {values.shape}")
    if size > MAX_NUMBERS:
        raise ValueError(f"{values.shape} are too many numbers to read at once; cut it into parts")
    with np.errstate(invalid="ignore"):  # NaN of other kinds stays NaN
        values = values.reshape(-1, *values.shape[-3:]).astype(np.float64)
    persons, frames = values.shape[:2]
    of_several = f"taken as {persons} persons in {frames} frames; if these are clips, give each its own file"
    notes = (of_several,) if persons > 2 else ()
    if values.shape[-1] == 4:
        return Points(values[..., :3], values[..., 3], notes=notes)
    if values.shape[-1] == 3 and _is_score(values):
        return Points(values[..., :2], values[..., 2], notes=notes)
    return Points(values, notes=notes)


def _size(shape: tuple[int, ...]) -> int:
    """How many numbers an array of points has; raises ValueError if its shape is none of points."""
    if len(shape) not in (3, 4) or shape[-1] not in (2, 3, 4):
        raise ValueError(f"an array must be (T, V, C) or (M, T, V, C) with C 2, 3 or 4; got {shape}")
    return int(np.prod([int(n) for n in shape], dtype=object))


def _is_score(values: NDArray[np.float64]) -> bool:
    """True if the last of three channels is a score while x and y are pixels.

    From 0 to 1; some detectors give a little more, and COCO has 2 for what is visible. No depth is as flat as that.
    """
    known = values[np.isfinite(values).all(axis=-1)]
    if not len(known):
        return False
    return bool(known[:, 2].min() >= 0 and known[:, 2].max() <= 2 and np.ptp(known[:, :2]) > 10)


def _table(content: bytes) -> Points:
    try:
        text, before, delimiter = _headed(text_of(content))
        lines = list(csv.reader(text, delimiter=delimiter))
    except (ValueError, TypeError, csv.Error) as error:
        raise ValueError(f"it is neither a .npy array nor a csv ({error})") from error
    while lines and not any(lines[-1]):
        lines.pop()
    names = [name.strip().lower() for name in lines[0]] if lines else []
    told = any(name in ("frame", *_CLASS) or _TIME.fullmatch(name) for name in names)  # of every frame that there is
    # else a row of empty cells between others is a frame in which nobody was found
    filled = [(n, row) for n, row in enumerate(lines, start=before + 1) if any(row) or (row and not told)]
    number, rows = [n for n, _ in filled], [row for _, row in filled]  # numbered as a spreadsheet does
    if delimiter != "," or (b'"' in content and any(map(_DECIMAL_COMMA.fullmatch, chain(*rows)))):
        rows = [[re.sub(r"^\s*(-?\d*),(\d+)", r"\1.\2", cell) for cell in row] for row in rows]
    if len(rows) < 2:
        raise ValueError("it is neither a .npy array nor a table with a header and rows")
    if [row[0].strip().lower() for row in rows[:3]] == ["scorer", "bodyparts", "coords"]:  # DeepLabCut
        rows = [["frame", *map("_".join, zip(rows[1][1:], rows[2][1:], strict=False))], *rows[3:]]
        number = number[2:]
    units = {match[1] for name in rows[0] if (match := _LENGTH.search(name.strip()))} & set(UNITS)
    header = [_LENGTH.sub("", name.strip()) for name in rows[0]]
    if len(header) == 1:
        raise ValueError(
            f"its cells are separated by none of , ; | and tab (row {number[0]}: {header[0][:40]!r}); if that is a "
            f"title above the header, take it out"
        )
    given = [name for name in header if name.lower() not in _GAPS]
    if given and all(map(_is_number, given)) and header != [str(c) for c in range(len(header))]:
        header = [str(c) for c in range(len(header))]  # no header at all
    else:
        rows, number = rows[1:], number[1:]
    if all(len(row) == len(header) + 1 and not row[-1].strip() for row in rows):  # each row ends with a separator
        rows = [row[:-1] for row in rows]
    if len({name.lower() for name in header}) != len(header):
        twice = next(name for name in header if [other.lower() for other in header].count(name.lower()) > 1)
        raise ValueError(
            f"the header names the column {twice!r} twice; it must be one row of names, so take out what is above or "
            f"below it"
        )
    uneven = next(((n, len(row)) for n, row in zip(number, rows, strict=True) if len(row) != len(header)), None)
    if uneven is not None:
        commas = delimiter == "," and uneven[1] > 1.5 * len(header)
        advice = (
            "; take out titles above the header; where commas are decimal points, separate the cells by semicolons"
            if commas
            else ""
        )
        raise ValueError(
            f"row {uneven[0]} has another number of columns ({uneven[1]}) than the {len(header)} of the header{advice}"
        )
    lower = [name.lower() for name in header]
    try:
        joint = next((name for name in _JOINT if name in lower), "")
        points = _long(lower, rows, joint) if joint and {"frame", "x", "y"} <= set(lower) else _wide(header, rows)
    except ValueError as error:
        where = f"row {number[error.row]}, " if isinstance(error, _CellError) else ""
        more = "" if any(map(_is_number, rows[0])) else f"; row {number[0]} holds no number: take out a second header"
        raise ValueError(f"{where}{error}{more}") from None
    columns = dict(zip(lower, zip(*rows, strict=True), strict=True))
    notes = [*points.notes, *filter(None, (_several(name, columns.get(name, ())) for name in _CLASS))]
    return _timed(replace(points, unit=units.pop() if len(units) == 1 else "", notes=tuple(notes)), columns)


def _headed(text: str) -> tuple[list[str], int, str]:
    """The lines from the header on, how many stand before it, and what separates cells: Excel's "sep=;" is obeyed.

    Comments, which begin with #, are left out; the last one before numbers is the header, as numpy.savetxt writes it.
    """
    lines = list(io.StringIO(text, newline=""))
    said = re.match(r"sep=(.)\s*$", lines[0], re.IGNORECASE) if lines else None
    content = re.compile(r"[\s,;|]*[^#\s,;|]")
    start = next((n for n, line in enumerate(lines) if n >= bool(said) and content.match(line)), len(lines))
    comments = [n for n in range(start) if lines[n].lstrip().startswith("#")]
    if comments and start < len(lines) and _is_number(re.split(r"[,;\t|]", lines[start])[0]):
        start = comments[-1]
    lines, first = lines[start:], "".join(lines[start : start + 1])
    return lines, start, said[1] if said else max(",;\t|", key=first.count)


def _timed(points: Points, column: dict[str, tuple[str, ...]]) -> Points:
    """The points with the frame rate that a column of times tells, if it is regular."""
    found = {match[0]: match[1] for name in column if (match := _TIME.fullmatch(name))}
    name = min(found, key=lambda name: _TIMES.index(found[name]), default="")
    if not name:
        return points
    frame = _frames(column["frame"])[0] if "frame" in column else np.arange(len(column[name]))
    if not frame.any():  # a single one
        return points
    try:
        time, per_second = _times(column[name], name)
        step = _step(time, frame)
    except ValueError:
        note = f"the column {name!r} says {column[name][0].strip()[:30]!r}, which is no known form of a time: give fps="
        return replace(points, notes=(*points.notes, note))
    if not step:
        return replace(points, notes=(*points.notes, f"the column {name!r} is too uneven to tell the frame rate"))
    if "frame" not in column:
        steps = np.diff(time) / np.median(np.diff(time))
        if back := int((steps < 0).sum()):
            raise ValueError(
                f"the column {name!r} goes back {counted(back, 'time')}: where it starts again, cut the file into one "
                f"for each clip; if the rows are only out of order, sort them"
            )
        if steps.max() > MAX_GAP:
            note = f"the column {name!r} has a gap of {steps.max():.0f} frames, which is closed up; cut the file there"
            points = replace(points, notes=(*points.notes, note))
    per_second = per_second or next((unit for unit, (low, high) in _STEPS.items() if low <= step < high), 0.0)
    if not 0.1 <= per_second / step <= 1010:
        note = f"the unit of the column {name!r} is unknown, with steps of {step:g}: give fps="
        return replace(points, notes=(*points.notes, note))
    rate = per_second / step
    rate = float(round(rate)) if abs(rate - round(rate)) <= 0.02 * rate else round(rate, 2)
    return replace(points, fps=rate, fps_from=f"the column {name!r}")


def _times(cells: Sequence[str], name: str) -> tuple[NDArray[np.float64], float]:
    """The times of rows, and how many of their unit make a second, 0 if the column's name does not say it."""
    if re.match(r"\s*\d{4}-\d\d-", cells[0]):  # 2024-05-01T10:00:00.033
        moments = [datetime.fromisoformat(cell.strip()) for cell in cells]
        return np.array([moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() for moment in moments]), 1.0
    if re.match(r"\s*\d+:\d\d:\d\d", cells[0]):  # 10:00:00.033
        parts = [_numbers(cell.split(":"), name) for cell in cells]
        return np.array([hours * 3600 + minutes * 60 + seconds for hours, minutes, seconds in parts]), 1.0
    match = _TIME.fullmatch(name)
    assert match is not None
    unit = match[2] or match[3]
    return _numbers(cells, name), next((per for per, names in _PER_SECOND.items() if unit in names), 0.0)


def _step(time: NDArray[np.float64], frame: NDArray[np.int64]) -> float:
    """The usual time from frame to frame by the times of rows; 0 if a quarter of the steps is uneven."""
    frame, first = np.unique(frame, return_index=True)
    with np.errstate(over="ignore", invalid="ignore"):
        steps = np.diff(time[first]) / np.diff(frame)
    middle = float(np.median(steps)) if steps.size else 0.0
    even = steps[np.abs(steps - middle) < middle / 2]
    return float(even.mean()) if len(even) and len(even) >= 0.75 * len(steps) else 0.0


def _is_number(cell: str) -> bool:
    return re.fullmatch(r"[-+]?\d*\.?\d+(?:[eE][-+]?\d+)?", cell.strip(), re.ASCII) is not None


def _long(header: list[str], rows: list[list[str]], joint: str) -> Points:
    """joint: the column that names the joint, or numbers it from 0 in the order of a layout."""
    column: dict[str, Any] = dict(zip(header, zip(*rows, strict=True), strict=True))
    axes = [axis for axis in "xyz" if axis in column]
    joints = tuple(dict.fromkeys(name.strip() for name in column[joint]))
    numbers = _numbers_of(joints)
    if numbers:
        joints = tuple(sorted(joints, key=lambda name: numbers[name]))
    place = {joint: v for v, joint in enumerate(joints)}
    people = next((column[name] for name in header if name in _PERSON), None)
    persons = list(dict.fromkeys(people or ("",)))
    frame, frames = _frames(column["frame"])
    if len(persons) > MAX_PERSONS or len(persons) * frames * len(joints) > 4 * len(rows) + 10_000:
        raise ValueError(
            f"{len(rows)} rows are too few for {len(persons)} persons, {frames} frames and {len(joints)} joints; "
            f"are the columns 'frame' and {joint!r} right?"
        )
    who = [persons.index(person) for person in people] if people else [0] * len(rows)
    at = (np.array(who), frame, np.array([place[name.strip()] for name in column[joint]]))
    if len(set(zip(*at, strict=True))) < len(rows):
        raise ValueError("a joint stands twice in a frame; several people need a column 'person'")
    xyz = np.full((len(persons), frames, len(joints), len(axes)), np.nan)
    score = np.ones(xyz.shape[:-1])
    for c, axis in enumerate(axes):
        xyz[(*at, c)] = _numbers(column[axis], axis)
    for name in set(_SCORES) & set(column):
        score[at] = np.nan_to_num(_numbers(column[name], name))
    return Points(xyz, score, () if numbers else joints, **_class_of(header, list(column.values())))


def _wide(header: list[str], rows: list[list[str]]) -> Points:
    axis_or_score = f"x|y|z|{'|'.join(_SCORES)}"
    parts = [re.fullmatch(rf"(.+)[_ .]({axis_or_score})", name, re.IGNORECASE) for name in header]
    parts = [part or re.fullmatch(r"(.*[a-z])([XYZ])", name) for part, name in zip(parts, header, strict=True)]
    where = {(part[1], part[2].lower()): column for column, part in enumerate(parts) if part}
    joints = tuple(joint for joint, axis in where if axis == "x" and (joint, "y") in where)
    numbers = _numbers_of(joints)
    if numbers:
        joints = tuple(sorted(joints, key=lambda name: numbers[name]))
    columns = list(zip(*rows, strict=True))
    people = next((column for column, name in enumerate(header) if name.lower() in _PERSON), None)
    if people is not None and len(set(columns[people])) > 1:
        raise ValueError(
            f"the column {header[people]!r} says several people; give each a file of their own, or the long shape, "
            f"frame,person,joint,x,y,z"
        )
    index, frame, frames = _frame_column(header, columns)
    said = _class_of(header, columns)
    if not joints:
        return _plain(header, columns, frame, frames, said)
    flat = [header[where[joint, "x"]] for joint in joints if (joint, "z") not in where]
    if 0 < len(flat) < len(joints):
        names = ", ".join(name[:-1] + ("Z" if name[-1] == "X" else "z") for name in flat)
        raise ValueError(f"other joints have z, but column(s) {names[:200]} are missing; add them, or leave out all z")
    axes = "xy" if flat else "xyz"
    xyz = np.full((1, frames, len(joints), len(axes)), np.nan)
    score = np.ones(xyz.shape[:-1])
    used = {index}
    for v, joint in enumerate(joints):
        for c, axis in enumerate(axes):
            at = where[joint, axis]
            xyz[0, frame, v, c] = _numbers(columns[at], header[at])
            used.add(at)
        for name in _SCORES:
            if (joint, name) in where:
                at = where[joint, name]
                score[0, frame, v] = np.nan_to_num(_numbers(columns[at], header[at]))
                used.add(at)
    unused = [
        name
        for column, name in enumerate(header)
        if column not in used and name.lower() not in _CLASS and not _TIME.fullmatch(name.lower())
    ]
    unused = [name for name in unused if name]  # pandas leaves the name of its index empty, a last comma a column
    notes = (f"columns left out: {', '.join(unused)[:200]}",) if unused else ()
    return Points(xyz, score, () if numbers else joints, notes=notes, **said)


def _numbers_of(joints: Sequence[str]) -> dict[str, int]:
    """The numbers of joints that have them for names, "0" or "landmark_0", from 0 or 1 without a gap; else nothing."""
    found = [re.fullmatch(r"(.*?)(\d+)", joint) for joint in joints]
    if not found or not all(found) or len({part[1] for part in found if part}) > 1:
        return {}
    numbers = {joint: int(part[2]) for joint, part in zip(joints, found, strict=True) if part}
    first = min(numbers.values())
    whole = sorted(numbers.values()) == list(range(first, first + len(numbers)))
    return numbers if whole and first in (0, 1) and len(numbers) > 1 else {}


def _frame_column(header: list[str], columns: list[tuple[str, ...]]) -> tuple[int | None, NDArray[np.int64], int]:
    """Which column numbers the frames, the numbers from 0, and how many frames they span."""
    rows = len(columns[0])
    index = next((column for column, name in enumerate(header) if name.lower() == "frame"), None)
    frame, frames = _frames(columns[index]) if index is not None else (np.arange(rows), rows)
    if len(set(frame.tolist())) < len(frame):
        raise ValueError(
            "a frame stands twice; several people need the long shape with a column 'person', and rows of one joint "
            "each a column 'joint'"
        )
    if frames > 4 * rows + 1_000:
        raise ValueError(f"{rows} rows are too few for {frames} frames; is the column 'frame' right?")
    return index, frame, frames


def _class_of(header: list[str], columns: list[tuple[str, ...]]) -> dict[str, Any]:
    """The class that a column "class" says, and which column: as `Points` has them; nothing if it says several."""
    said = {
        cell.strip(): name
        for name, column in zip(header, columns, strict=True)
        if name.lower() in _CLASS
        for cell in column
    }
    [(class_name, column), *others] = [*said.items()] or [("", "")]
    return {"class_name": class_name, "class_from": f"the column {column!r}"} if class_name and not others else {}


def _several(name: str, cells: Sequence[str]) -> str:
    """A note where a column "class" says several classes."""
    said = list(dict.fromkeys(cell.strip() for cell in cells))
    if len(said) < 2:
        return ""
    return f"the column {name!r} says {len(said)} classes ({some_of(said)}) and is not used: cut the file between them"


def _plain(
    header: list[str], columns: list[tuple[str, ...]], frame: NDArray[np.int64], frames: int, said: dict[str, Any]
) -> Points:
    """V × 2, 3 or 4 columns without the names of joints, by their numbers in the order of a layout."""
    found = [re.fullmatch(r"([xyzvp]?)(?:(?<=[a-z])[ _.])?[\[(]?(\d+)[\])]?", name.lower()) for name in header]
    place = {c: (int(part[2]), "xyzvp".find(part[1])) for c, part in enumerate(found) if part}
    numbered = sorted(place, key=lambda c: place[c]) if len(set(place.values())) == len(place) else list(place)
    if numbered and not header[numbered[0]][0].isalpha() and len(frame) > 2:
        first = _numbers(columns[numbered[0]], header[numbered[0]])
        numbered = numbered[1:] if (np.diff(first) == 1).all() else numbered  # it counts the frames
    fitting = {
        (layout.num_joints, c): layout.name
        for layout in LAYOUTS.values()
        for c in (2, 3, 4)
        if len(numbered) == layout.num_joints * c
    }
    letters = "".join(dict.fromkeys(header[c][0].lower() for c in numbered if header[c][0].isalpha()))
    if letters in ("xy", "xyz", "xyzv", "xyv"):
        fitting = {(len(numbered) // len(letters), len(letters)): ""} if len(numbered) % len(letters) == 0 else {}
    if not fitting:
        raise ValueError(
            "the header is of no known shape; give frame,joint,x,y,z or <joint>_x,<joint>_y,<joint>_z for each joint, "
            f"or for each joint of a layout 2 to 4 numbered columns ({len(numbered)} are numbered here)"
        )
    (joints, channels), *more = sorted(fitting)
    if more:
        choices = ", ".join(f"{v} joints × {c}" for v, c in sorted(fitting))
        raise ValueError(f"{len(numbered)} numbered columns may be {choices}; call them x1,y1,z1,v1,x2,…")
    values = np.full((1, frames, joints, channels), np.nan)
    cells = np.stack([_numbers(columns[c], header[c]) for c in numbered], axis=-1)
    values[0, frame] = cells.reshape(len(frame), joints, channels)
    last = values[..., -1]
    if channels == 4 and not letters and not ((last >= 0) & (last <= 2) | np.isnan(last)).all():
        raise ValueError(
            f"{len(numbered)} numbered columns may be {joints} joints × 4, but the fourth of each is no score from 0 "
            f"to 1; take out columns that are no coordinates, or call them x1,y1,z1,x2,…"
        )
    if channels == 4 or letters == "xyv" or (channels == 3 and not letters and _is_score(values)):
        return Points(values[..., :-1], np.nan_to_num(values[..., -1]), **said)
    return Points(values, **said)


def _frames(texts: Sequence[str]) -> tuple[NDArray[np.int64], int]:
    """Frame numbers counted from 0, and how many frames they span; a number left out is a frame without anybody."""
    if not all(re.fullmatch(r"\s*\d{1,12}(?:\.0*)?\s*", text, re.ASCII) for text in texts):
        raise ValueError("the column 'frame' must hold whole numbers")
    number = np.array([int(float(text)) for text in texts])
    return number - number.min(), int(np.ptp(number) + 1)


def _numbers(texts: Sequence[str], column: str) -> NDArray[np.float64]:
    """Numbers of a column, NaN for the cells of `_GAPS`."""
    numbers = np.empty(len(texts))
    for row, text in enumerate(texts):
        try:
            number = math.nan if text.strip().lower() in _GAPS else float(text)
        except ValueError:
            number = math.inf
        if math.isinf(number):
            raise _CellError(row, column, text)
        numbers[row] = number
    return numbers


READER = points_reader(
    about="Key points of one's own as .npy arrays or csv: MediaPipe, Kinect, COCO, Human3.6M, SMPL or a YAML layout",
    patterns=("*.npy", "*.csv"),
    parse=of_bytes(parse),
)
