"""Sample files of the format openpose, written by rule: a folder of a file per frame, two people who swap places."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from support.skeleton_people import standing


def pixels(layout: str, frames: int = 12, persons: int = 2) -> NDArray[np.float64]:
    """(M, T, V, 3) x, y in pixels of an image of 1280 × 720, y down, and a score."""
    people = standing(layout, frames, persons).astype(np.float64)
    xy = people[..., :2] * (-200, -200) + (700, 300)  # who faces the camera has their left at the right
    return np.concatenate([xy, np.full((*xy.shape[:-1], 1), 0.9)], axis=-1)


def frame(people: NDArray[np.float64]) -> bytes:
    """One frame of (M, V, 3) people."""
    entries = [{"person_id": [-1], "pose_keypoints_2d": np.round(p, 2).ravel().tolist(), "face_keypoints_2d": []}
               for p in people]  # fmt: skip
    return json.dumps({"version": 1.3, "people": entries}).encode()


def write_clip(folder: Path, layout: str, name: str = "clip1") -> Path:
    """A folder of frames, the people of every other one in the other order; returns the first frame."""
    folder.mkdir(parents=True, exist_ok=True)
    people = pixels(layout)
    for t in range(people.shape[1]):
        order = people[:, t] if t % 2 == 0 else people[::-1, t]
        (folder / f"{name}_{t:012d}_keypoints.json").write_bytes(frame(order))
    return folder / f"{name}_{0:012d}_keypoints.json"


def write_sample(folder: Path) -> Path:
    return write_clip(folder / "clip1", "body25")
