"""Sample files of the format mmpose, written by rule."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from support.source_files.openpose import pixels


def written(layout: str, frames: int = 12) -> bytes:
    people = pixels(layout, frames)
    frames_ = [
        {"frame_id": t + 1, "instances": [
            {"keypoints": np.round(p[t, :, :2], 2).tolist(), "keypoint_scores": p[t, :, 2].tolist()} for p in people]}
        for t in range(people.shape[1])
    ]  # fmt: skip
    return json.dumps({"meta_info": {"dataset_name": "coco"}, "instance_info": frames_}).encode()


def write_sample(folder: Path) -> Path:
    (folder / "results_clip.json").write_bytes(written("coco17"))
    return folder / "results_clip.json"
