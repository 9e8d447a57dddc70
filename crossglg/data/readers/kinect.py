"""What the readers of Kinect recordings share: tables of numbers, the sensor's joint names, a clip of one person."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from crossglg.data.readers.base import Recording, SourcePath
from crossglg.skeletons import Layout

FARTHEST = 100.0  # meters: the sensor sees 8; a larger number is not a coordinate in meters
LARGEST = 1e12  # no time stamp, frame number or angle is larger
NOBODY_DROPPED = "frames without a person dropped"

Clip = tuple[NDArray[np.float32], tuple[str, ...]]  # (1, T, V, 3) meters, y up, and notes


def one_clip(
    path: SourcePath,
    parse: Callable[[bytes], Clip],
    layout: Layout,
    sample_id: str,
    class_name: str,
    subject: int,
    camera: int = -1,
    fps: float = 30.0,
) -> list[Recording]:
    """The recording of a file that holds one clip; none if nobody is seen in it."""
    xyz, notes = parse(path.read_bytes())
    return [Recording(xyz, layout, sample_id, class_name, subject, camera, fps, notes)] if xyz.size else []


def name_parts(path: SourcePath, pattern: str, example: str) -> re.Match[str]:
    """The file's name matched as a whole; raises ValueError with an example of the names the data set uses."""
    match = re.fullmatch(pattern, path.name, re.IGNORECASE)
    if match is None:
        raise ValueError(f"labels are read from the name, which must look like {example}")
    return match


def numbered(names: Sequence[str], number: int) -> str:
    """The class with this number, counted from 1; raises ValueError if there is none."""
    if not 1 <= number <= len(names):
        raise ValueError(f"the name says action {number}, but actions go from 1 to {len(names)}")
    return names[number - 1]


def number_table(content: bytes, columns: int, delimiter: str | None = None) -> NDArray[np.float64]:
    """(rows, columns) from a text of numbers, "nan" allowed; raises ValueError unless every row has that many."""
    table = _numbers(content, delimiter)
    if table.shape[1] != columns:
        raise ValueError(f"every row needs {columns} numbers, these have {table.shape[1]}")
    return table


def sdk_table(content: bytes, layout: Layout) -> NDArray[np.float64]:
    """(T, V, 3) from a csv whose header names the columns as the sensor's software does: ShoulderLeftX, HipCenter_Y.

    Columns may stand in any order and others beside them; raises ValueError if one of a joint is missing.
    """
    header = content.split(b"\n", 1)[0].decode("ascii", errors="replace").strip().split(",")
    column_of = {}
    for column, name in enumerate(header):
        if match := re.fullmatch(r"((?:[A-Z][a-z]+)+)_?([XYZ])", name.strip()):
            column_of[layout.index(joint_name(match[1])), "XYZ".index(match[2])] = column
    needed = [(joint, axis) for joint in range(layout.num_joints) for axis in range(3)]
    for joint, axis in needed:
        if (joint, axis) not in column_of:
            raise ValueError(f"the header has no {'XYZ'[axis]} of the {layout.joints[joint]!r}: it is not this format")
    columns = [column_of[key] for key in needed]
    return _numbers(content, ",", skiprows=1, usecols=columns).reshape(-1, layout.num_joints, 3)


def joint_name(sdk_name: str) -> str:
    """ "HandTipLeft" → "left hand tip"."""
    words = [word.lower() for word in re.findall("[A-Z][a-z]+", sdk_name)]
    return " ".join(sorted(words, key=lambda word: word not in ("left", "right")))


def one_person(xyz: NDArray[np.floating]) -> Clip:
    """The clip of the only person (T, V, 3), meters, without the frames that are zero or not numbers, maybe all.

    Raises ValueError if a coordinate is too large to be in meters.
    """
    seen = np.isfinite(xyz).all(axis=(1, 2)) & (xyz != 0).any(axis=(1, 2))
    farthest = float(np.abs(xyz[seen]).max(initial=0.0))
    if farthest > FARTHEST:
        raise ValueError(f"a coordinate of {farthest:g} m is too far from the sensor: these are not meters")
    dropped = int((~seen).sum())
    notes = (f"{dropped} of {len(seen)} frames without a person dropped",) if dropped else ()
    return xyz[seen][None].astype(np.float32), notes


def _numbers(
    content: bytes, delimiter: str | None, skiprows: int = 0, usecols: Sequence[int] | None = None
) -> NDArray[np.float64]:
    try:
        lines = content.decode("ascii").splitlines()
    except UnicodeDecodeError as error:
        raise ValueError("it is not plain text") from error
    lines = [line for line in lines[skiprows:] if line.strip()]
    if not lines:
        raise ValueError("it holds no row of numbers")
    try:
        table = np.loadtxt(io.StringIO("\n".join(lines)), delimiter=delimiter, comments=None, ndmin=2, usecols=usecols)
    except ValueError as error:
        raise ValueError(f"it is not a table of numbers ({' '.join(str(error).split())[:200]})") from error
    if (np.abs(table) > LARGEST).any():
        raise ValueError(f"the number {table[np.abs(table) > LARGEST][0]:g} is no measurement")
    return table
