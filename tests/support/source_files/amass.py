"""Sample files of the format amass, written by rule: a T-pose that lowers its left arm."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

UPRIGHT = (np.pi / 2, 0, 0)  # turns SMPL's body, y up, into the world, z up


def written(frames: int = 12) -> bytes:
    poses = np.zeros((frames, 156))
    poses[:, :3] = UPRIGHT
    poses[:, 3 * 16 + 2] = np.linspace(0, -1.2, frames)  # the left shoulder about z
    file = io.BytesIO()
    np.savez(file, poses=poses, trans=np.tile([0, 0, 0.9], (frames, 1)), mocap_framerate=np.array(60.0),
             gender=np.array("neutral"), betas=np.zeros(16))  # fmt: skip
    return file.getvalue()


def write_sample(folder: Path) -> Path:
    (folder / "clip_poses.npz").write_bytes(written())
    return folder / "clip_poses.npz"
