"""Sample files of the format pyskl, written by rule."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
from support.skeleton_people import standing

from crossglg.skeletons import get_layout

NTU = get_layout("ntu25")


def annotation_2d(name: str = "v_Wave_g01_c01", persons: int = 2, frames: int = 30, layout: str = "coco17") -> dict:
    """People in an image of 340 × 256, as HRNet finds them."""
    x, y, _ = np.moveaxis(standing(layout, frames, persons), -1, 0)
    pixels = np.stack([120 + 80 * x, 128 - 80 * y], axis=-1).astype(np.float16)
    return {
        "frame_dir": name,
        "label": 1,
        "total_frames": frames,
        "img_shape": (256, 340),
        "original_shape": (256, 340),
        "keypoint": pixels,
        "keypoint_score": np.full(pixels.shape[:3], 0.9, dtype=np.float16),
    }


def annotation_3d(xyz: np.ndarray, name: str = "S002C003P017R001A050") -> dict:
    return {"frame_dir": name, "label": 49, "total_frames": xyz.shape[1], "keypoint": xyz}


def write_sample(folder: Path) -> Path:
    annotations = [
        annotation_2d(),
        annotation_2d("v_Wave_g01_c02", persons=1, layout="openpose18"),
        annotation_3d(standing("ntu25", 20, 2)),
    ]
    split = {"train": ["v_Wave_g01_c01", "v_Wave_g01_c02"], "test": ["S002C003P017R001A050"]}
    (folder / "ucf101_hrnet.pkl").write_bytes(pickle.dumps({"split": split, "annotations": annotations}))
    (folder / "label_map.txt").write_text("".join(f"action {k}\n" for k in range(60)))
    return folder / "ucf101_hrnet.pkl"
