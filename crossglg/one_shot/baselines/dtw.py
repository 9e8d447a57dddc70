"""Dynamic time warping of coordinates: no learning either, but two clips need not keep the same time."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from crossglg.data.clips import SkeletonSet
from crossglg.data.transforms import Preprocessing
from crossglg.one_shot.baselines.raw import prepared_clips
from crossglg.one_shot.warping import warped

FRAME_COSTS = ("cosine", "euclidean")


def dtw_distances(
    clips: SkeletonSet, cost: str = "euclidean", frames: int = 32, prepare: Preprocessing | None = None
) -> NDArray[np.float64]:
    """(N, N), symmetric: the distance of all pairs of clips, their coordinates prepared as for `raw_coordinates`.

    cost: what two frames differ by: "euclidean", the distance of their poses (N, M·V·C), in torso lengths, or "cosine",
    1 − cosine of the poses.
    """
    if cost not in FRAME_COSTS:
        raise ValueError(f"cost={cost!r} is not one of {', '.join(FRAME_COSTS)}")
    poses = prepared_clips(clips, frames, prepare).transpose(1, 2).flatten(2).double()  # (N, T, M·V·C)
    return pairwise(poses, cost)


def pairwise(poses: Tensor, cost: str = "euclidean", block: int = 4) -> NDArray[np.float64]:
    """(N, T, F) → (N, N) warped distances: `block` rows at once, each with the clips that no row before had."""
    if cost == "cosine":
        poses = F.normalize(poses, dim=-1)  # then 1 − cosine is half the squared distance
    distance = np.empty((len(poses), len(poses)))
    for start in range(0, len(poses), block):
        ours, theirs = poses[start : start + block], poses[start:]
        each = torch.cdist(ours.flatten(0, 1), theirs.flatten(0, 1))
        each = each.unflatten(0, ours.shape[:2]).unflatten(2, theirs.shape[:2])  # (B, T, N', T)
        if cost == "cosine":
            each = each.square() / 2.0
        found = warped(each.permute(1, 3, 0, 2).flatten(2).numpy(), window=1.0).reshape(len(ours), len(theirs))
        distance[start : start + block, start:] = found
        distance[start:, start : start + block] = found.T
    return distance
