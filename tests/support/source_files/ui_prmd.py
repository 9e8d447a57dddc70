"""Sample files of the format ui-prmd, written by rule."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from support.kinect_sets import text_of
from support.skeleton_people import standing

from crossglg.data.readers.ui_prmd import LAYOUT
from crossglg.skeletons import get_layout, retarget


def person(frames: int = 4) -> np.ndarray:
    """(T, 22, 3) someone who stands, in meters as the reader gives them."""
    return retarget(standing("kinect20", frames)[0], get_layout("kinect20"), LAYOUT)


def contents(frames: int = 4) -> tuple[bytes, bytes]:
    """Positions and angles of that person; nothing is turned, so an offset is a difference."""
    xyz = person(frames) * (-100, 100, -100)
    offsets = xyz - xyz[:, LAYOUT.parents]
    offsets[:, LAYOUT.root_index] = xyz[:, LAYOUT.root_index]
    return tuple(text_of(rows.reshape(frames, 66), ",").encode() for rows in (offsets, np.zeros_like(offsets)))


def write_sample(folder: Path) -> Path:
    for what, content in zip(("Positions", "Angles"), contents(), strict=True):
        (folder / what).mkdir()
        (folder / what / f"m01_s10_e02_{what.lower()}.txt").write_bytes(content)
    return folder / "Positions" / "m01_s10_e02_positions.txt"
