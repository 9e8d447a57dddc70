"""Writer of NTU RGB+D `.skeleton` files, for tests and demonstrations without the data set.

The format, line by line: number of frames; for each frame the number of bodies; for each body one line of ten fields
(id, clipped edges, left hand confidence and state, right hand confidence and state, restricted, lean x, lean y,
tracking state), the number of joints, and one line of twelve numbers for each joint (x y z in meters, depth x y,
color x y, four of its orientation, tracking state).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crossglg.data import synthetic
from crossglg.data.synthetic.actions import ACTION_TABLE

FIRST_ID = 72057594037931101  # larger than 2^53, as the real ones: two neighbors are one float64


def skeleton_text(
    xyz: NDArray[np.floating], body_ids: Sequence[int] | None = None, seen: NDArray[np.bool_] | None = None
) -> bytes:
    """xyz: (M, T, 25, 3) meters in the camera's frame;  body_ids: M;  seen: (M, T), default where xyz is not zero."""
    persons, frames = xyz.shape[:2]
    ids = [FIRST_ID + m for m in range(persons)] if body_ids is None else body_ids
    seen = (xyz != 0).any((2, 3)) if seen is None else seen
    lines = [str(frames)]
    for t in range(frames):
        lines.append(str(int(seen[:, t].sum())))
        for m in np.flatnonzero(seen[:, t]):
            lines += [f"{ids[m]} 0 1 1 1 1 0 0.02764709 0.05745083 2", "25", *map(_joint_line, xyz[m, t])]
    return ("\r\n".join(lines) + "\r\n").encode()


def write_skeleton_file(
    path: Path, xyz: NDArray[np.floating], body_ids: Sequence[int] | None = None, seen: NDArray[np.bool_] | None = None
) -> Path:
    """Write `skeleton_text` to `path`, making its folder; returns the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(skeleton_text(xyz, body_ids, seen))
    return path


def sample_name(setup: int, camera: int, performer: int, replication: int, action: int) -> str:
    return f"S{setup:03d}C{camera:03d}P{performer:03d}R{replication:03d}A{action:03d}"


def write_tree(folder: Path, files: int, classes: int, seed: int = 0) -> Path:
    """`files` synthetic clips under NTU names: `classes` actions (at most 45), every fifth file with a second body
    who comes later, every seventh with a ghost of a few frames and frames in which nobody is seen."""
    actions = synthetic.ACTIONS[:classes]
    clips = synthetic.synthesize(seed, -(-files // classes), actions)
    rng = np.random.default_rng(seed)
    for n in range(files):
        i = (n % classes) * (len(clips) // classes) + n // classes
        action = ACTION_TABLE[clips.class_of(i)].number
        xyz = clips[i].astype(np.float64)
        if n % 5 == 1:
            xyz = np.concatenate([xyz, second_body(clips[(i + 1) % len(clips)][0], xyz.shape[1])])
        if n % 7 == 1:
            xyz = np.concatenate([xyz, ghost(xyz[0])])
            xyz[:, 2:4] = 0.0
        name = sample_name(1 + n // 960, int(clips.camera[i]), int(clips.subject[i]), 1 + n // classes, action)
        ids = rng.permutation(len(xyz)) + FIRST_ID
        write_skeleton_file(folder / f"{name}.skeleton", xyz, ids.tolist())
    return folder


def second_body(person: NDArray[np.floating], frames: int) -> NDArray[np.float64]:
    """(1, T, 25, 3): a person to the side, who is not seen in the first and last fifth of the frames."""
    late = np.zeros((1, frames, *person.shape[1:]))
    shown = slice(frames // 5, frames - frames // 5)
    late[0, shown] = person[np.linspace(0, len(person) - 1, frames).astype(int)][shown] + [0.9, 0.0, 0.2]
    return late


def ghost(person: NDArray[np.floating]) -> NDArray[np.float64]:
    """(1, T, 25, 3): a flat shape for ten frames, as a sensor sees in furniture."""
    shape = np.zeros((1, *person.shape))
    shape[0, 5:15] = person[5:15] * [3.0, 0.1, 1.0] + [1.0, 0.0, 0.5]
    return shape


def _joint_line(joint: NDArray[np.floating]) -> str:
    x, y, z = joint
    depth = f"{256.0 + 365.0 * x / z:.7g} {212.0 - 365.0 * y / z:.7g}" if z else "-Inf -Inf"
    color = f"{960.0 + 1060.0 * x / z:.7g} {540.0 - 1060.0 * y / z:.7g}" if z else "-Inf -Inf"
    return f"{x:.7g} {y:.7g} {z:.7g} {depth} {color} -0.2059419 0.05349901 0.9692109 -0.1239193 2"
