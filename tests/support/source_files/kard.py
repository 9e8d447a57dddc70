"""Sample files of the format kard, written by rule."""

from __future__ import annotations

from pathlib import Path

from support.skeleton_people import standing

from crossglg.data.readers.kard import ORDER
from crossglg.skeletons import get_layout

PERSON = standing("kinect15", 12)


def written(frames: int = 12) -> bytes:
    order = [get_layout("kinect15").index(joint) for joint in ORDER]
    rows = (PERSON[0, :frames, order].swapaxes(0, 1) * (-1000, 1000, 1000)).reshape(-1, 3)
    return "\n".join(" ".join(f"{c:.3f}" for c in row) for row in rows).encode()


def write_sample(folder: Path) -> Path:
    (folder / "a02_s03_e01_realworld.txt").write_bytes(written())
    return folder / "a02_s03_e01_realworld.txt"
