"""Sample files of the format ntu, written by rule."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from support.ntu_files import sample_name, write_skeleton_file
from support.skeleton_people import standing

from crossglg.skeletons import get_layout

LAYOUT = get_layout("ntu25")
PERSON = standing("ntu25", frames=30).astype(np.float64)  # (1, 30, 25, 3)
NAME = sample_name(1, 2, 3, 1, 23)


def write_sample(folder: Path) -> Path:
    people = standing("ntu25", frames=20, persons=2)
    return write_skeleton_file(folder / "nturgb+d_skeletons" / f"{NAME}.skeleton", people)
