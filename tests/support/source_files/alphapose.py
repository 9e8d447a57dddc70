"""Sample files of the format alphapose, written by rule."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from support.source_files.openpose import pixels


def written(layout: str, frames: int = 12) -> bytes:
    people = pixels(layout, frames)
    return json.dumps([
        {"image_id": f"{t}.jpg", "category_id": 1, "keypoints": np.round(person[t], 2).ravel().tolist(), "score": 2.9}
        for t in range(people.shape[1]) for person in people
    ]).encode()  # fmt: skip


def write_sample(folder: Path) -> Path:
    (folder / "alphapose-results.json").write_bytes(written("halpe26"))
    return folder / "alphapose-results.json"
