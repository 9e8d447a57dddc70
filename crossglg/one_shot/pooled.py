"""Classifiers that compare the pooled representations z alone."""

from __future__ import annotations

from scipy.spatial.distance import cdist

from crossglg.one_shot.features import Array, Base, unit_rows
from crossglg.one_shot.representation import Representation


def cosine(exemplar: Representation, query: Representation, base: Base | None = None) -> Array:
    """Cosine similarity to the exemplar: the field's common choice."""
    return unit_rows(query.z) @ unit_rows(exemplar.z).T


def euclidean(exemplar: Representation, query: Representation, base: Base) -> Array:
    """Negative Euclidean distance to the exemplar."""
    return -cdist(query.z, exemplar.z)


def centered_cosine(exemplar: Representation, query: Representation, base: Base) -> Array:
    """Cosine after subtracting the mean of the base features. Source: SimpleShot (Wang et al. 2019), "CL2N"."""
    mean = base.clips.z.mean(0)
    return unit_rows(query.z - mean) @ unit_rows(exemplar.z - mean).T


def whitened_cosine(exemplar: Representation, query: Representation, base: Base) -> Array:
    """Cosine after whitening by the covariance within base classes, which says what varies without meaning."""
    return unit_rows(base.whitening(query.z)) @ unit_rows(base.whitening(exemplar.z)).T
