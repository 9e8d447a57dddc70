"""How good is joint importance? Agreement of importance per joint with a ground truth, and simple baselines for it."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from crossglg.data.clips import SkeletonSet

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


def motion_energy(clips: SkeletonSet) -> Array:
    """(N, V), each joint's share of the clip's movement: mean distance per frame relative to the skeleton's root."""
    energy = np.empty((len(clips), clips.layout.num_joints))
    for i in range(len(clips)):
        clip = np.asarray(clips[i], dtype=np.float64)
        relative = clip - clip[:, :, [clips.layout.root_index]]
        seen = np.any(clip != 0, axis=(2, 3))  # (M, T)
        speed = np.linalg.norm(np.diff(relative, axis=1), axis=-1)  # (M, T − 1, V)
        speed *= (seen[:, 1:] & seen[:, :-1])[..., None]  # coming into view is no movement
        energy[i] = speed.mean((0, 1)) if speed.size else 0.0
    total = energy.sum(1, keepdims=True)
    return np.where(total > 0, energy / np.maximum(total, 1e-12), 1.0 / clips.layout.num_joints)


def mean_by_class(importance: Array, clips: SkeletonSet) -> Array:
    """(K, V): mean importance of each class, in the order of `clips.class_names`."""
    return np.stack([importance[clips.label == k].mean(0) for k in range(len(clips.class_names))])


def _correlation(a: Array, b: Array) -> Array:
    a, b = a - a.mean(1, keepdims=True), b - b.mean(1, keepdims=True)
    norm = np.sqrt((a**2).sum(1) * (b**2).sum(1))
    return np.where(norm > 0, (a * b).sum(1) / np.maximum(norm, 1e-12), 0.0)
