"""TRC, the tab-separated points of OpenSim, Pose2Sim, OpenCap and Motion Analysis.

Five lines of header: the kind, names and values of DataRate … NumMarkers Units …, "Frame#  Time  <point> …", X1 Y1 Z1;
then a row a frame (simtk-confluence.stanford.edu, "Marker (.trc) Files"). Joints are found by the names of the points.
"""

from __future__ import annotations

import numpy as np

from crossglg.data.readers.common import text_of
from crossglg.data.readers.markers import joints_of
from crossglg.data.readers.points import UNITS, Points, of_bytes, points_reader


def parse(content: bytes) -> Points:
    """The points of a file; raises ValueError."""
    lines = text_of(content).splitlines()
    if len(lines) < 6 or not lines[0].startswith("PathFileType"):
        raise ValueError("it is no TRC: it does not begin with PathFileType, or has no rows")
    about = dict(zip(lines[1].split(), lines[2].split(), strict=False))
    names = [name.strip() for name in lines[3].split("\t")[2:] if name.strip()]
    if not names or not lines[3].startswith("Frame#"):
        raise ValueError("its fourth line must be Frame#, Time and the names of the points")
    rows = [line.rstrip("\n").split("\t") for line in lines[5:] if line.strip()]
    width = 2 + 3 * len(names)
    try:
        table = np.array([[float(cell) if cell.strip() else np.nan for cell in _padded(row, width)] for row in rows])
        rate = float(about.get("DataRate", "30"))
    except ValueError as error:
        raise ValueError(f"a cell is no number ({str(error)[:100]})") from None
    if table.ndim != 2 or not 0 < rate < 1e5:
        raise ValueError("it has no rows" if table.ndim != 2 else f"DataRate {rate:g} is no frame rate")
    xyz, layout = joints_of(table[:, 2:].reshape(len(table), len(names), 3), names)
    unit = about.get("Units", "")
    return Points(xyz, joints=layout.joints, layouts=("kinect20",), unit=unit if unit in UNITS else "", fps=rate)


def _padded(row: list[str], width: int) -> list[str]:
    """A row without the points missing at its end made whole; raises ValueError for one that is too long."""
    if any(cell.strip() for cell in row[width:]):
        raise ValueError(f"a row has more than {width} columns")
    return [*row, *[""] * width][:width]


READER = points_reader(
    about="TRC points of OpenSim, Pose2Sim or OpenCap: joints by their names, or by the markers of Plug-in Gait",
    patterns=("*.trc",),
    parse=of_bytes(parse),
    steps=("joints of kinect20 found by the names of the points",),
)
