"""Sample files of the format kinetics-skeleton, written by rule."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from support.skeleton_people import standing

from crossglg.data.readers import kinetics_skeleton as kinetics
from crossglg.skeletons import get_layout

LAYOUT = get_layout("openpose18")
NECK, NOSE, WRIST, ANKLE = (LAYOUT.index(name) for name in ("neck", "nose", "left wrist", "right ankle"))


def people(persons: int = 2, frames: int = 20) -> np.ndarray:
    """(M, T, 18, 2) in fractions of the image, y down."""
    x, y, _ = np.moveaxis(standing("openpose18", frames, persons), -1, 0)
    return np.round(np.stack([0.3 + 0.25 * x, 0.5 - 0.25 * y], axis=-1), 3)


def clip_of(pose: np.ndarray, score: np.ndarray, label: str = "hand waving") -> dict[str, Any]:
    """pose: (M, T, 18, 2);  score: (M, T, 18); a person whose scores are all zero is not written."""
    data = [
        {
            "frame_index": t + 1,
            "skeleton": [
                {"pose": pose[m, t].ravel().tolist(), "score": score[m, t].tolist()}
                for m in range(len(pose))
                if score[m, t].any()
            ],
        }
        for t in range(pose.shape[1])
    ]
    return {"data": data, "label": label, "label_index": 4}


def sure(pose: np.ndarray, score: float = 0.8) -> np.ndarray:
    return np.full(pose.shape[:3], score)


def parse(clip: Any, **options: Any) -> list:
    return kinetics.parse(json.dumps(clip).encode(), "abc", **options)


def write_sample(folder: Path) -> Path:
    pose = people()
    score = sure(pose)
    score[1, 3:6] = 0  # not seen for three frames
    score[0, 2, WRIST] = 0
    (folder / "kinetics_train").mkdir()
    path = folder / "kinetics_train" / "---QUuC4vJs.json"
    path.write_text(json.dumps(clip_of(pose, score)))
    (folder / "kinetics_train_label.json").write_text(
        json.dumps({"---QUuC4vJs": {"has_skeleton": True, "label": "x", "label_index": 0}})
    )
    return path
