"""What a model looks at: its activation per joint and time; how well joint importance agrees with a ground truth."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import rankdata
from torch import Tensor

from crossglg.config import nearest
from crossglg.data.clips import SkeletonSet
from crossglg.model import CrossGLG
from crossglg.training.trained_model import TrainedModel

Array = NDArray[np.floating]


@dataclass(frozen=True)
class Agreement:
    """auc: probability that a joint that matters ranks above one that does not;  rank_correlation: Spearman's ρ with
    the true importance. Means over clips; 0.5 and 0 are chance."""

    auc: float
    rank_correlation: float

    def to_dict(self) -> dict[str, float]:
        return asdict(self)


def agreement(importance: Array, truth: Array) -> Agreement:
    """Compare predicted with true importance, both (N, V) with non-negative entries; ties count half.

    A joint matters if its true importance is above uniform, 1/V. Clips whose truth is constant say nothing and are left
    out. Raises ValueError if the shapes differ.
    """
    if importance.shape != truth.shape:
        raise ValueError(f"importance is {importance.shape} but truth is {truth.shape}; both must be (N, V)")
    joints = truth.shape[1]
    matters = truth > 1.0 / joints
    keep = matters.any(1) & ~matters.all(1)
    matters, truth = matters[keep], truth[keep]
    rank, true_rank = (rankdata(values, axis=1) for values in (importance[keep], truth))
    positive = matters.sum(1)
    auc = ((rank * matters).sum(1) - positive * (positive + 1) / 2) / (positive * (joints - positive))
    return Agreement(float(auc.mean()), float(_correlation(rank, true_rank).mean()))


def uniform_importance(clips: SkeletonSet) -> Array:
    """(N, V), every joint 1/V: what a model without joint importance uses."""
    return np.full((len(clips), clips.layout.num_joints), 1.0 / clips.layout.num_joints)


def activation(trained: TrainedModel, clips: SkeletonSet, block: int = 0, stream: str = "") -> Array:
    """(N, T', V), how strongly a block answers: root mean square of its D features at each joint and time step, mean
    over the present persons.

    block: 1 is the first, 0 the last one; the T' steps share out the clip's frames in which somebody is seen (see
    `attended_frames`). Blocks behind joint importance are weighted by it.  stream: one of the model's streams ("joint",
    "bone", "motion"), the others being set to zero; "" gives it all of them. Raises ValueError for any other.
    """
    streams, last = trained.config.streams.split("+"), len(trained.model.encoder.blocks)
    if not 0 <= block <= last:
        raise ValueError(f"block={block}: {trained.config.encoder} has the blocks 1 to {last} (0: the last one)")
    if stream and stream not in streams:
        raise ValueError(
            f"stream={stream!r} is none of the model's{nearest(stream, streams)} Streams: {', '.join(streams)}"
        )
    kept = torch.tensor([not stream or name == stream for name in streams]).repeat_interleave(trained.channels)

    def strength(model: CrossGLG, x: Tensor, mask: Tensor) -> Tensor:
        feat, _, bodies = model.block_features(x * kept.to(x), mask, block or last)
        return bodies.mean(feat.float().square().mean(1).sqrt())  # (B, D, T', V) → (N, T', V)

    return trained.over(clips, strength)


def attended_frames(clips: SkeletonSet, i: int) -> tuple[int, int]:
    """First frame, and the one after the last, of what a model gets of clip i: the frames in which somebody is seen."""
    seen = np.flatnonzero(np.any(clips[i] != 0, axis=(0, 2, 3)))
    return (int(seen[0]), int(seen[-1]) + 1) if len(seen) else (0, int(clips.frames[i]))


def mean_by_class(importance: Array, clips: SkeletonSet) -> Array:
    """(K, V): mean importance of each class, in the order of `clips.class_names`."""
    return np.stack([importance[clips.label == k].mean(0) for k in range(len(clips.class_names))])


def _correlation(a: Array, b: Array) -> Array:
    a, b = a - a.mean(1, keepdims=True), b - b.mean(1, keepdims=True)
    norm = np.sqrt((a**2).sum(1) * (b**2).sum(1))
    return np.where(norm > 0, (a * b).sum(1) / np.maximum(norm, 1e-12), 0.0)
