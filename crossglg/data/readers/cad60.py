"""CAD-60 (and CAD-120), one recording as text: a row a frame, 11 joints with orientation, 4 with a position only, END.

Sung et al., Human activity detection from RGBD images, AAAI workshop 2011. A row is the frame's number, for each of
the first 11 joints 9 numbers of the orientation, its confidence, x, y, z (mm) and a confidence, then x, y, z and a
confidence for hands and feet. activityLabel.txt beside the files names the activities. The recordings are mirror images
(three of four subjects write with the "left" hand, only the left-handed one with the right): mirrored back here.
"""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from crossglg.data.readers.base import SourcePath
from crossglg.data.readers.common import folder_of, text_of
from crossglg.data.readers.kinect import number_table
from crossglg.data.readers.points import Points, points_reader
from crossglg.skeletons import other_side

ORDER = (
    "head", "neck", "torso", "left shoulder", "left elbow", "right shoulder", "right elbow", "left hip", "left knee",
    "right hip", "right knee", "left hand", "right hand", "left foot", "right foot",
)  # fmt: skip
_START = [1 + 14 * j + 10 for j in range(11)] + [1 + 14 * 11 + 4 * j for j in range(4)]  # column of each joint's x
COLUMNS = 1 + 14 * 11 + 4 * 4


def parse(content: bytes) -> Points:
    """The points of a file; raises ValueError."""
    body, _, _ = content.partition(b"END")
    rows = b"\n".join(line.strip().rstrip(b",") for line in body.splitlines())
    table = number_table(rows, COLUMNS, delimiter=",")
    xyz = np.stack([table[:, start : start + 3] for start in _START], axis=1)
    found = np.stack([table[:, start + 3] for start in _START], axis=1) > 0
    xyz = np.where((found & np.isfinite(xyz).all(axis=-1))[..., None], xyz, np.nan) * (-1.0, 1.0, 1.0)
    joints = tuple(map(other_side, ORDER))
    return Points(xyz[None], joints=joints, layouts=("kinect15",), unit="mm", fps=30.0, notes=("mirrored back",))


def read_points(path: SourcePath) -> Points:
    """The points of one file, with the activity of activityLabel.txt and the subject of a folder like data1."""
    points = parse(path.read_bytes())
    labels = folder_of(path) / "activityLabel.txt"
    activity = ""
    if labels.is_file():
        rows = [line.split(",") for line in text_of(labels.read_bytes()).splitlines()]
        activity = next((row[1].strip() for row in rows if len(row) > 1 and row[0].strip() == path.stem), "")
    subject = re.fullmatch(r"\D*(\d{1,3})", folder_of(path).name, re.ASCII)
    return replace(points, class_name=activity, subject=int(subject[1]) if subject else -1)


READER = points_reader(
    about="CAD-60 and CAD-120 (Sung et al. 2011): daily activities, Kinect with 15 joints, one text per recording",
    patterns=("[0-9]*.txt",),
    parse=read_points,
    steps=("mirrored back: x negated, left and right exchanged",),
    companions=("activityLabel.txt",),
)
