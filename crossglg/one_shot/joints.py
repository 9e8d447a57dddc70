"""Classifiers that compare clips joint by joint, each joint as much as it matters.

A pooled representation is the mean over all joints; here the joints are compared before anything is averaged, so that
an action of one hand is not outvoted by joints that stand still. Multi-scale matching (Yang et al., arXiv 2307.07286)
shows what levels below the whole body are worth; the weights are CrossGLG's own joint importance, which skeletons
predict without any text.
"""

from __future__ import annotations

import numpy as np

from crossglg.data.representations import Representation
from crossglg.one_shot.features import Array, Base, part, unit_rows


def joint_uniform(exemplar: Representation, query: Representation, base: Base) -> Array:
    """Mean over the joints of the cosines of their centred features."""
    own, theirs = unit_joints(query, base), unit_joints(exemplar, base)
    return _flat(own) @ _flat(theirs).T / own.shape[1]


def joint_importance(exemplar: Representation, query: Representation, base: Base) -> Array:
    """Mean of the cosines of joints weighted by their predicted importance, that of query times exemplar."""
    own, theirs = unit_joints(query, base), unit_joints(exemplar, base)
    k_own, k_theirs = part(query, "importance"), part(exemplar, "importance")
    total = _flat(own * k_own[..., None]) @ _flat(theirs * k_theirs[..., None]).T
    return total / (k_own @ k_theirs.T)


def unit_joints(clips: Representation, base: Base) -> Array:
    """(N, V, D) centred joint features, each joint of unit length."""
    return unit_rows(centred_joints(clips, base))


def centred_joints(clips: Representation, base: Base) -> Array:
    """(N, V, D) joint features less the mean of the base clips."""
    return part(clips, "joints").astype(np.float32) - base.joint_mean


def _flat(joints: Array) -> Array:
    return joints.reshape(len(joints), -1)
