"""Upright people for reader fixtures, in any layout."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from crossglg.data.synthetic import synthesize
from crossglg.skeletons import Layout, get_layout, retarget


def standing(layout: str, frames: int = 40, persons: int = 1) -> NDArray[np.float32]:
    """(M, T, V, 3) meters, y up, subject's left −x: people who wave a hand beside each other, 3 m before the sensor."""
    clips = synthesize(seed=3, clips_per_action=persons, actions=("hand waving",))
    when = [np.linspace(0, clips.frames[m] - 1, frames).astype(int) for m in range(persons)]
    people = np.stack([clips[m][0, when[m]] for m in range(persons)])
    people = people - people[:, :1, clips.layout.index("base of spine")][:, :, None]
    beside = np.array([[0.8 * m, 0.0, 3.0] for m in range(persons)])
    return retarget(people + beside[:, None, None], clips.layout, get_layout(layout)).astype(np.float32)


def head_height(xyz: NDArray[np.floating], layout: Layout) -> float:
    """Mean height of the head (or nose) over the hips, over the frames in which a person is seen."""
    seen = xyz[np.any(xyz != 0, axis=(-2, -1))]  # (frames seen, V, C)
    head = next(name for name in ("head", "nose") if layout.has(name))
    hips = [layout.index(name) for name in ("left hip", "right hip")]
    return float((seen[:, layout.index(head), 1] - seen[:, hips, 1].mean(axis=1)).mean())
