"""Sample files of the format utd-mhad, written by rule."""

from __future__ import annotations

import io
from pathlib import Path

from scipy.io import savemat
from support.skeleton_people import standing


def content(frames: int = 4, compressed: bool = True, **variables: object) -> bytes:
    skeleton = standing("kinect20", frames)[0][:, [3, 2, 1, 0, *range(4, 20)]]
    buffer = io.BytesIO()
    savemat(buffer, variables or {"d_skel": skeleton.transpose(1, 2, 0).astype(float)}, do_compression=compressed)
    return buffer.getvalue()


def write_sample(folder: Path) -> Path:
    file = folder / "a27_s8_t3_skeleton.mat"
    file.write_bytes(content())
    return file
