"""Joints that were not found in some frames, or never: filled, so that no clip is lost."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from crossglg.skeletons import Layout

MAX_GAP = 15  # frames, half a second at 30 Hz


def fill_gaps(xyz: NDArray[np.float64], layout: Layout, max_gap: int) -> tuple[NDArray[np.float64], list[str]]:
    """Fill what is NaN; returns (M, T, V, C) and notes on what was done.

    xyz: (M, T, V, C), every person with at least one joint in one frame.

    A joint that is missing in up to `max_gap` frames in a row is interpolated over time (held before the person's first
    and after their last frame). One that is missing for longer, or always, follows the nearest joint in the tree that
    is there: at their distance before and after the gap, or at the same place if it was never seen. Frames in which a
    person has no joint at all become zero, unless they are `max_gap` or fewer between frames in which they have.
    """
    out = np.zeros_like(xyz)
    nearest = _nearest(layout)
    interpolated, absent = 0, 0
    followed = np.zeros(layout.num_joints, dtype=np.int64)  # frames of each joint
    for m, person in enumerate(xyz):
        known = np.isfinite(person).all(axis=-1)  # (T, V)
        anything = known.any(axis=1)
        first, last = np.flatnonzero(anything)[[0, -1]]
        present = np.zeros(len(person), dtype=bool)
        present[first : last + 1] = True
        present &= ~_long_gaps(anything, first, last, max_gap)
        absent += int((~present[first : last + 1]).sum())
        done = np.stack([present & ~_long_gaps(k, first, last, max_gap) & k.any() for k in known.T], axis=1)
        body = _interpolated(person, known, done)
        interpolated += int((done & ~known).sum())
        followed += (present[:, None] & ~done).sum(axis=0)
        out[m, present] = _followed(body, done, nearest)[present]
    notes = []
    if interpolated:
        notes.append(f"{interpolated} of {xyz[..., 0].size} points missing: interpolated over time")
    if followed.any():
        joints = [f"{layout.joints[v]} in {followed[v]} frames" for v in np.flatnonzero(followed)]
        some = ", ".join(joints[:5]) + (f" and {len(joints) - 5} joints more" if len(joints) > 5 else "")
        notes.append(f"never seen, or missing for more than {max_gap} frames: put at the nearest joint: {some}")
    if absent:
        notes.append(f"nobody is seen for more than {max_gap} frames in a row: {absent} frames without the person")
    return out, notes


def _nearest(layout: Layout) -> NDArray[np.int64]:
    """(V, V) for each joint all joints, the one with the fewest bones between first."""
    from scipy.sparse.csgraph import shortest_path  # takes a while to load, and most formats do without

    bones = np.zeros((layout.num_joints,) * 2)
    for child, parent in layout.bones:
        bones[child, parent] = 1
    return np.argsort(shortest_path(bones, directed=False, unweighted=True), axis=1, kind="stable")


def _long_gaps(known: NDArray[np.bool_], first: int, last: int, max_gap: int) -> NDArray[np.bool_]:
    """(T,) frames of the gaps between first and last that are longer than `max_gap`."""
    at = np.concatenate([[first - 1], np.flatnonzero(known), [last + 1]])
    long = np.zeros(len(known), dtype=bool)
    for before, after in pairwise(at):
        if after - before - 1 > max_gap:
            long[before + 1 : after] = True
    return long


def _interpolated(
    person: NDArray[np.float64], known: NDArray[np.bool_], wanted: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """(T, V, C) what is known, and over time what is wanted besides; NaN elsewhere."""
    body = np.full_like(person, np.nan)
    for v in np.flatnonzero(wanted.any(axis=0)):
        frames, at = np.flatnonzero(wanted[:, v]), np.flatnonzero(known[:, v])
        for c in range(person.shape[-1]):
            body[frames, v, c] = np.interp(frames, at, person[at, v, c])
    return body


def _followed(body: NDArray[np.float64], done: NDArray[np.bool_], nearest: NDArray[np.int64]) -> NDArray[np.float64]:
    """(T, V, C) with every joint that is not done put beside the nearest one that is; all of frames where one is."""
    out, filled = body.copy(), done.copy()
    for v, others in enumerate(nearest):
        for other in others[1:]:
            frames = np.flatnonzero(~filled[:, v] & done[:, other])
            if frames.size:
                out[frames, v] = body[frames, other] + _offset(body, done, v, int(other), frames)
                filled[frames, v] = True
        left, at = np.flatnonzero(~filled[:, v]), np.flatnonzero(filled[:, v])
        for c in range(body.shape[-1]):  # frames between others in which no joint is there
            out[left, v, c] = np.interp(left, at, out[at, v, c])
    return out


def _offset(
    body: NDArray[np.float64], done: NDArray[np.bool_], v: int, other: int, frames: NDArray[np.int64]
) -> NDArray[np.float64]:
    """(frames, C) from one joint to another, interpolated between the frames that have both; 0 if there are none."""
    both = np.flatnonzero(done[:, v] & done[:, other])
    if not both.size:
        return np.zeros((len(frames), body.shape[-1]))
    steps = body[both, v] - body[both, other]
    return np.stack([np.interp(frames, both, steps[:, c]) for c in range(body.shape[-1])], axis=-1)
