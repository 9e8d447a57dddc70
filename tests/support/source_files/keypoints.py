"""Sample files of the format keypoints, written by rule."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from support.skeleton_people import standing

from crossglg.data.readers import keypoints
from crossglg.skeletons import LAYOUTS, get_layout

MEDIAPIPE, COCO, KINECT = (get_layout(name) for name in ("mediapipe33", "coco17", "kinect20"))
Y_DOWN = np.array([-1, -1, 1])  # ours → MediaPipe's: x to the right of the image, y down, z away from the camera


def array(values: NDArray) -> bytes:
    file = io.BytesIO()
    np.save(file, values)
    return file.getvalue()


def wide(xyz: NDArray[np.floating], joints: Sequence[str], score: NDArray | None = None) -> bytes:
    """(T, V, C) → csv, NaN as an empty cell; joints as MediaPipe writes them: LEFT_ELBOW_x."""
    axes = "xyz"[: xyz.shape[-1]]
    names = [joint.upper().replace(" ", "_") for joint in joints]
    header = [f"{name}_{end}" for name in names for end in (*axes, *(["visibility"] if score is not None else []))]
    lines = [",".join(["frame", *header])]
    for t, frame in enumerate(xyz):
        rows = [[*p, *([score[t, v]] if score is not None else [])] for v, p in enumerate(frame)]
        lines.append(",".join([str(t), *("" if np.isnan(x) else f"{x:.5f}" for row in rows for x in row)]))
    return "\n".join([*lines, ""]).encode()


def long(people: NDArray[np.floating], joints: Sequence[str], first: int = 0) -> bytes:
    """(M, T, V, 3) → csv with a column person if M > 1; points that are NaN have no row."""
    lines = ["frame,joint,x,y,z" + ",person" * (len(people) > 1)]
    for m, person in enumerate(people):
        for t, frame in enumerate(person, first):
            for joint, point in zip(joints, frame, strict=True):
                if np.isfinite(point).all():
                    lines.append(f"{t},{joint},{','.join(f'{c:.5f}' for c in point)}" + f",p{m}" * (len(people) > 1))
    return "\n".join([*lines, ""]).encode()


def read(folder: Path, content: bytes, name: str = "", **options: object) -> keypoints.Recording:
    file = folder / (name or ("clip.npy" if content.startswith(b"\x93") else "clip.csv"))
    file.write_bytes(content)
    [recording] = keypoints.READER.read(file, **options)  # type: ignore[arg-type]
    return recording


PEOPLE = {name: standing(name, frames=40) for name in LAYOUTS}
VALID_CSV = wide(PEOPLE["coco17"][0, :3], COCO.joints)
VALID_NPY = array(PEOPLE["kinect20"][0, :3])


def write_sample(folder: Path) -> Path:
    (folder / "me.csv").write_bytes(wide(PEOPLE["mediapipe33"][0] * Y_DOWN, MEDIAPIPE.joints))
    return folder / "me.csv"
