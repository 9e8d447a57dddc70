"""Sample files of the format pku-mmd, written by rule."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from support.skeleton_people import standing

FRAMES = 60
LABELS = b"8,5,25,2\n14,30,50,1\n"  # drink water, handshaking


def lines(xyz: np.ndarray) -> bytes:
    """(M, T, 25, 3) as the recordings are written: 150 numbers a line, zeros for a missing second body."""
    persons, frames = xyz.shape[:2]
    rows = np.zeros((frames, 2, 75))
    rows[:, :persons] = xyz.transpose(1, 0, 2, 3).reshape(frames, persons, 75)
    return "".join(" ".join(f"{v:.6f}" for v in row.ravel()) + "\n" for row in rows).encode()


def recording() -> np.ndarray:
    """Two people, the second of whom is there from frame 30 on only."""
    xyz = standing("ntu25", FRAMES, 2)
    xyz[1, :30] = 0
    return xyz


def write_sample(folder: Path) -> Path:
    for name, content in (("PKU_Skeleton_Renew", lines(recording())), ("Label_PKU_final", LABELS)):
        (folder / name).mkdir()
        (folder / name / "A03N02-R.txt").write_bytes(content)
    return folder / "PKU_Skeleton_Renew" / "A03N02-R.txt"
