"""Sample files of the format msr-action3d, written by rule."""

from __future__ import annotations

from pathlib import Path

from support.kinect_sets import text_of
from support.skeleton_people import standing

from crossglg.skeletons import get_layout

# The file's order, by name: a twin of the reader's index table.
FILE_ORDER = (
    "left shoulder", "right shoulder", "shoulder center", "spine", "left hip", "right hip", "hip center", "left elbow",
    "right elbow", "left wrist", "right wrist", "left hand", "right hand", "left knee", "right knee", "left ankle",
    "right ankle", "left foot", "right foot", "head",
)  # fmt: skip


def content(frames: int = 4) -> bytes:
    people, index = standing("kinect20", frames)[0], get_layout("kinect20").index
    return text_of([(*people[t, index(joint)], 1.0) for t in range(frames) for joint in FILE_ORDER]).encode()


def write_sample(folder: Path) -> Path:
    file = folder / "a20_s09_e01_skeleton3D.txt"
    file.write_bytes(content())
    return file
