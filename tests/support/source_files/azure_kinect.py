"""Sample files of the format azure-kinect, written by rule."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from support.skeleton_people import standing

PERSON = standing("azure32", 12)


def written(frames: int = 12) -> bytes:
    camera = np.round(PERSON[0, :frames] * (-1000, -1000, 1000), 1)  # x to the right of the picture, y down, mm
    bodies = [[{"body_id": 1, "joint_positions": frame.tolist()}] for frame in camera]
    rows = [{"frame_id": t, "timestamp_usec": 33333 * t, "num_bodies": 1, "bodies": b} for t, b in enumerate(bodies)]
    return json.dumps({"joint_names": [], "frames": rows}).encode()


def write_sample(folder: Path) -> Path:
    (folder / "azure.json").write_bytes(written())
    return folder / "azure.json"
