"""Classifiers that compare clips joint by joint, each joint as much as it matters.

A pooled representation is the mean over all joints; here the joints are compared before anything is averaged, so that
an action of one hand is not outvoted by joints that stand still. Multi-scale matching (Yang et al., arXiv 2307.07286)
shows what levels below the whole body are worth; the weights are CrossGLG's own joint importance, which skeletons
predict without any text.
"""

from __future__ import annotations

import numpy as np

from crossglg.one_shot.features import Array, Base, part, unit_rows
from crossglg.one_shot.representation import Representation


def joint_centered(exemplar: Representation, query: Representation, base: Base) -> Array:
    """Mean over the joints of the cosines of their centered features."""
    return _mean_cosine(unit_rows(centered_joints(query, base)), unit_rows(centered_joints(exemplar, base)))


def joint_whitened(exemplar: Representation, query: Representation, base: Base) -> Array:
    """Mean over the joints of the cosines of their features, whitened within base classes, each joint by itself."""
    return _mean_cosine(unit_rows(whitened_joints(query, base)), unit_rows(whitened_joints(exemplar, base)))


def joint_importance(exemplar: Representation, query: Representation, base: Base) -> Array:
    """Mean over the joints of the cosines of their whitened features, weighted by predicted joint importance.

    A joint's weight is the geometric mean of its importance in the query and in the exemplar; weights sum to 1.
    """
    return _weighted_by("importance", exemplar, query, base)


def joint_motion(exemplar: Representation, query: Representation, base: Base) -> Array:
    """As joint-importance, weighted by how much each joint moves: the control of what its prediction is worth."""
    return _weighted_by("motion", exemplar, query, base)


def centered_joints(clips: Representation, base: Base) -> Array:
    """(N, V, D) joint features less the mean of the base clips."""
    return part(clips, "joints").astype(np.float32) - base.joint_mean


def whitened_joints(clips: Representation, base: Base) -> Array:
    """(N, V, D) joint features, each joint whitened within the base classes."""
    joints = part(clips, "joints").astype(np.float32)
    return np.stack([whiten(joints[:, v]) for v, whiten in enumerate(base.joint_whitening)], axis=1)


def _weighted_by(name: str, exemplar: Representation, query: Representation, base: Base) -> Array:
    """Weighted mean over the joints of the cosines of their whitened features. name: the part with the weights."""
    own, theirs = unit_rows(whitened_joints(query, base)), unit_rows(whitened_joints(exemplar, base))
    k_own, k_theirs = (np.sqrt(part(clips, name)) for clips in (query, exemplar))
    total = _flat(own * k_own[..., None]) @ _flat(theirs * k_theirs[..., None]).T
    return total / np.maximum(k_own @ k_theirs.T, 1e-12)  # clips whose moving joints have none in common


def _mean_cosine(own: Array, theirs: Array) -> Array:
    """(Q, V, D), (K, V, D) of unit length → (Q, K)."""
    return _flat(own) @ _flat(theirs).T / own.shape[1]


def _flat(joints: Array) -> Array:
    return joints.reshape(len(joints), -1)
