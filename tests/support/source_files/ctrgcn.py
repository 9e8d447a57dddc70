"""Sample files of the format ctrgcn, written by rule."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from support.skeleton_people import standing

from crossglg.data.readers import ctrgcn
from crossglg.skeletons import get_layout

NTU = get_layout("ntu25")
SPINE, HIPS = NTU.index("middle of spine"), (NTU.index("left hip"), NTU.index("right hip"))


def stored(people: np.ndarray, padded: int = 30) -> np.ndarray:
    """(M, T, 25, 3) → (padded, 2·25·3), body-major, centered as the family does, zeros where there is nothing."""
    persons, frames = people.shape[:2]
    x = np.zeros((padded, 2, 25, 3), dtype=np.float32)
    x[:frames, :persons] = (people - people[0, 0, SPINE]).transpose(1, 0, 2, 3)
    return x.reshape(padded, 150)


def arrays(classes: int = 60) -> dict[str, np.ndarray]:
    train = np.stack([stored(standing("ntu25", 12)), stored(standing("ntu25", 20, 2))])
    test = np.stack([stored(standing("ntu25", 30))])
    return {
        "x_train": train, "y_train": np.eye(classes)[[0, 49]], "x_test": test, "y_test": np.eye(classes)[[7]],
    }  # fmt: skip


def packed(**changed: Any) -> bytes:
    file = io.BytesIO()
    np.savez(file, **{key: value for key, value in (arrays() | changed).items() if value is not None})
    return file.getvalue()


def parse(aligned: bool = False, **changed: Any) -> list:
    return ctrgcn.parse(packed(**changed), aligned=aligned)


def write_sample(folder: Path) -> Path:
    (folder / "NTU60_CS.npz").write_bytes(packed())
    return folder / "NTU60_CS.npz"
