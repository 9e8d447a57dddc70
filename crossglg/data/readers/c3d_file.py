"""C3D, the binary points of optical motion capture (c3d.org), read by the package c3d.

Joints are found by the names of the points: those of the Plug-in Gait model, or joints called as by Pose2Sim. A point
that was not seen has a residual below 0. Frame rate and unit are the file's.
"""

from __future__ import annotations

import io
import warnings

import numpy as np

from crossglg.data.readers.markers import joints_of
from crossglg.data.readers.points import UNITS, Points, of_bytes, points_reader

MAX_NUMBERS = 100_000_000


def parse(content: bytes) -> Points:
    """The points of a file; raises ValueError."""
    import c3d

    if content[1:2] != b"\x50":
        raise ValueError("it is no C3D: its second byte is not 0x50")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            reader = c3d.Reader(io.BytesIO(content))
            names = [str(label).strip() for label in reader.point_labels][: reader.point_used]
            if reader.point_used * max(reader.frame_count, 0) * 4 > min(MAX_NUMBERS, len(content)):
                raise OverflowError("its header promises more points than it holds")
            frames = [points[:, :4].copy() for _, points, _ in reader.read_frames()]
            rate, unit = float(reader.point_rate), str(reader.get("POINT:UNITS").string_value).strip().lower()
    except Exception as error:  # the package raises whatever a damaged file leads it into
        raise ValueError(f"it cannot be read as C3D: {str(error)[:200] or type(error).__name__}") from error
    if not frames or not names or not 1 <= rate <= 100_000:
        raise ValueError(f"{len(frames)} frames of {len(names)} points at {rate:g} per second are no clip")
    values = np.stack(frames).astype(np.float64)[:, : len(names)]
    xyz = np.where(values[..., 3:] < 0, np.nan, values[..., :3])
    points, layout = joints_of(xyz, names[: xyz.shape[1]])
    return Points(points, joints=layout.joints, layouts=("kinect20",), unit=unit if unit in UNITS else "", fps=rate)


READER = points_reader(
    about="C3D points of optical motion capture: joints by the markers of Plug-in Gait or by their names",
    patterns=("*.c3d",),
    parse=of_bytes(parse),
    steps=("joints of kinect20 found by the names of the points",),
)
