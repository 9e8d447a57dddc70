"""Which way is up in coordinates of unknown axes: read off the posture, and turned so that y is up."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from crossglg.skeletons import Layout, retarget

SHORT = 8  # frames: fewer show a pose, not a motion
_BODY = Layout.from_edges(
    "body",
    ("head", "left hip", "right hip", "left shoulder", "right shoulder"),
    [(0, 1), (1, 2), (1, 3), (1, 4)],
    "left hip",
)
_TELL = {
    "up": ("head", "left hip", "right hip"),
    "unit": ("left hip", "right hip", "left shoulder", "right shoulder"),
}
# The axis that points up → where the new x, y, z come from. All are rotations: they keep left and right.
_TURNS: dict[str, tuple[tuple[int, int, int], tuple[int, int, int]]] = {
    "y": ((0, 1, 2), (1, 1, 1)),
    "-y": ((0, 1, 2), (-1, -1, 1)),
    "z": ((0, 2, 1), (1, 1, -1)),
    "-z": ((0, 2, 1), (1, -1, 1)),
    "x": ((1, 0, 2), (-1, 1, 1)),
    "-x": ((1, 0, 2), (1, -1, 1)),
}
UP_AXES = tuple(_TURNS)


def lacking(layout: Layout, *wanted: str) -> list[str]:
    """The joints that tell what is wanted, of "up" and "unit", and that a layout has under no known name."""
    joints = dict.fromkeys(joint for what in wanted for joint in _TELL[what])
    return [joint for joint in joints if not layout.standing_for(joint)]


def up_axis(xyz: NDArray[np.floating], layout: Layout) -> str:
    """ "y", "-y", "z", … : the axis along which the head lies from the hips, in the mean over all frames.

    xyz: (…, V, 2 or 3). Right for everybody who stands or sits most of the time, wrong for a clip of somebody who lies.
    """
    body = retarget(xyz, layout, _BODY).astype(np.float64).reshape(-1, 5, xyz.shape[-1])
    trunk = body[:, 0] - body[:, 1:3].mean(axis=1)
    length = np.linalg.norm(trunk, axis=-1, keepdims=True)
    mean = np.divide(trunk, length, out=np.zeros_like(trunk), where=length > 0).mean(axis=0)
    axis = int(np.abs(mean).argmax())
    return ("-" if mean[axis] < 0 else "") + "xyz"[axis]


def torso_length(xyz: NDArray[np.floating], layout: Layout) -> float:
    """Distance from the middle of the shoulders to that of the hips, median over frames, in the units of `xyz`."""
    body = retarget(xyz, layout, _BODY).astype(np.float64).reshape(-1, 5, xyz.shape[-1])
    return float(np.median(np.linalg.norm(body[:, 3:].mean(axis=1) - body[:, 1:3].mean(axis=1), axis=-1)))


def turned(xyz: NDArray[np.floating], up: str) -> NDArray[np.floating]:
    """(…, 3) coordinates whose axis `up` points up → the same with y up; raises ValueError for an unknown axis."""
    if up not in _TURNS:
        raise ValueError(f"up={up!r} must be one of {', '.join(UP_AXES)}")
    order, signs = _TURNS[up]
    return xyz[..., order] * np.array(signs, dtype=xyz.dtype)
