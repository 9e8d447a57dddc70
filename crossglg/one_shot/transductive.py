"""Transductive classifiers: all queries are there at once, and help each other. Not for a stream of single clips.

They see no label of a query. Their numbers do not compare with those of classifiers that see one query at a time.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array
from scipy.spatial.distance import cdist
from scipy.special import softmax

from crossglg.one_shot.features import Array, Base, unit_rows
from crossglg.one_shot.representation import Representation


def transductive_centering(exemplar: Representation, query: Representation, base: Base) -> Array:
    """Whitened cosine with the mean of the novel clips as the origin, instead of that of the base clips."""
    own, theirs = _centered_by_all(exemplar, query, base)
    return own @ theirs.T


def transductive_neighbors(
    exemplar: Representation, query: Representation, base: Base, neighbors: int = 5, strength: float = 0.5
) -> Array:
    """Neighboring queries share their classes; no assumption on how many queries a class has.

    Source: LaplacianShot (Ziko et al., ICML 2020): the distance to the exemplar, and a Laplacian over the `neighbors`
    nearest queries of each with weight `strength`, minimized by its concave-convex bound.
    """
    own, theirs = _centered_by_all(exemplar, query, base)
    near = _nearest(own, min(neighbors, len(own) - 1))
    unary = -cdist(own, theirs, "sqeuclidean")
    label = softmax(unary, axis=1)
    for _ in range(20):
        label = softmax(unary + strength * (near @ label), axis=1)
    return label


def transductive_transport(
    exemplar: Representation,
    query: Representation,
    base: Base,
    sharpness: float = 10.0,
    step: float = 0.2,
    rounds: int = 20,
) -> Array:
    """Optimal transport of queries to classes that all have equally many queries, and class centers that follow.

    The equal shares are an assumption on the queries: where it fails, so may the classifier. Source: MAP of PT-MAP (Hu,
    Gripon and Pateux, ICANN 2021). Differs: whitened features instead of their power transform.
    """
    own, theirs = _centered_by_all(exemplar, query, base)
    center = theirs
    for _ in range(rounds):
        share = _sinkhorn(-sharpness * cdist(own, center, "sqeuclidean"))
        mean = (share.T @ own + theirs) / (share.sum(0)[:, None] + 1.0)
        center = center + step * (mean - center)
    return share


def _sinkhorn(score: Array, iterations: int = 50) -> Array:
    """(Q, K) → shares that are positive, with rows that sum to 1 and columns that sum to Q / K."""
    share = softmax(score, axis=1)
    for _ in range(iterations):
        share = share / np.maximum(share.sum(0), 1e-12) * (len(share) / share.shape[1])
        share = share / share.sum(1, keepdims=True)
    return share


def _nearest(rows: Array, count: int, at_once: int = 2048) -> csr_array:
    """(Q, Q) with a 1 where the second row is one of the `count` nearest of the first, itself left out."""
    columns = []
    for start in range(0, len(rows), at_once):
        similarity = rows[start : start + at_once] @ rows.T
        similarity[np.arange(len(similarity)), start + np.arange(len(similarity))] = -np.inf
        columns.append(np.argpartition(-similarity, count - 1, axis=1)[:, :count])
    column = np.concatenate(columns).ravel()
    row = np.repeat(np.arange(len(rows)), count)
    return csr_array((np.ones(len(row), dtype=rows.dtype), (row, column)), shape=(len(rows), len(rows)))


def _centered_by_all(exemplar: Representation, query: Representation, base: Base) -> tuple[Array, Array]:
    """Whitened unit rows of queries and exemplars around the mean of both."""
    own, theirs = base.whitening(query.z), base.whitening(exemplar.z)
    mean = np.concatenate([own, theirs]).mean(0)
    return unit_rows(own - mean), unit_rows(theirs - mean)
