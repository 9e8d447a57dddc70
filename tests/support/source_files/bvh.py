"""Sample files of the format bvh, written by rule."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from support.skeleton_people import standing

from crossglg.skeletons import get_layout

KINECT = get_layout("kinect20")
BIOVISION = {  # kinect20 → the names of Biovision's own files
    "hip center": "Hips", "spine": "Spine", "shoulder center": "Neck", "head": "Head",
    **{f"{side.lower()} {ours}": side + theirs for side in ("Left", "Right") for ours, theirs in {
        "shoulder": "Shoulder", "elbow": "Elbow", "wrist": "Wrist", "hand": "Hand",
        "hip": "Hip", "knee": "Knee", "ankle": "Ankle", "foot": "Toe"}.items()},
}  # fmt: skip
SIX = "CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation"


def written(xyz: NDArray[np.floating], seconds: float = 1 / 30) -> bytes:
    """(T, 20, 3) → BVH rooted at the hips whose joints have position channels, rotations 0; rest pose = frame 0."""
    children: dict[int, list[int]] = {j: [] for j in range(20)}
    for a, b in [(0, 1), (1, 2), (2, 3), (2, 4), (4, 5), (5, 6), (6, 7), (2, 8), (8, 9), (9, 10), (10, 11), (0, 12),
                 (12, 13), (13, 14), (14, 15), (0, 16), (16, 17), (17, 18), (18, 19)]:  # fmt: skip
        children[a].append(b)
    lines, columns = ["HIERARCHY"], []

    def joint(j: int, parent: int | None) -> None:
        local = xyz[:, j] - (xyz[:, parent] if parent is not None else 0)
        columns.append(np.concatenate([local, np.zeros_like(local)], axis=1))
        lines.append(f"{'ROOT' if parent is None else 'JOINT'} {BIOVISION[KINECT.joints[j]]}")
        lines.extend(["{", "OFFSET " + " ".join(f"{c:.6f}" for c in local[0]), SIX])
        for child in children[j]:
            joint(child, j)
        lines.append("}")

    joint(0, None)
    rows = np.concatenate(columns, axis=1)
    lines += ["MOTION", f"Frames: {len(rows)}", f"Frame Time: {seconds:.7f}"]
    return "\n".join([*lines, *(" ".join(f"{c:.6f}" for c in row) for row in rows), ""]).encode()


PERSON = standing("kinect20", frames=12)[0] * 100  # centimeters
VALID = written(PERSON[:3])


def write_sample(folder: Path) -> Path:
    (folder / "someone.bvh").write_bytes(written(PERSON))
    return folder / "someone.bvh"
