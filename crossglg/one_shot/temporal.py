"""Classifiers that compare sequences of features, T' steps of each clip, instead of their mean over time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from crossglg.one_shot.features import Array, Base, part, unit_rows
from crossglg.one_shot.representation import Representation

AT_ONCE = 2**24  # numbers in an array of cosines of steps


def temporal_set(exemplar: Representation, query: Representation, base: Base) -> Array:
    """Every step with the step of the other clip it resembles most, whatever their order; the mean of both ways.

    Source: bidirectional mean Hausdorff metric (HyRSM, Wang et al., CVPR 2022).
    """
    return _compare_steps(exemplar, query, base, lambda c: (c.max(3).mean(1) + c.max(1).mean(2)) / 2.0)


def temporal_order(exemplar: Representation, query: Representation, base: Base) -> Array:
    """The mean cosine along the best alignment of the two sequences that keeps the order of both.

    Source: dynamic time warping in the symmetric form of Sakoe and Chiba (1978), in which a diagonal step counts twice,
    so that all alignments have the same total weight. Aligning sequences of learned features for few-shot recognition:
    OTAM (Cao et al., CVPR 2020), which relaxes the minimum in order to learn through it.
    """
    return _compare_steps(exemplar, query, base, _aligned)


def _aligned(cosines: Array) -> Array:
    """(Q, T', K, T') → (Q, K): the largest weighted mean of cosines over monotone paths, corner to corner."""
    _, rows, _, columns = cosines.shape
    best: dict[tuple[int, int], Array] = {}
    for i in range(rows):
        for j in range(columns):
            here = cosines[:, i, :, j]
            steps = {(i - 1, j - 1): 2.0 * here, (i - 1, j): here, (i, j - 1): here}
            before = [best[at] + gain for at, gain in steps.items() if at in best]
            best[i, j] = np.maximum.reduce(before) if before else 2.0 * here
    return best[rows - 1, columns - 1] / (rows + columns)


def _compare_steps(
    exemplar: Representation, query: Representation, base: Base, compare: Callable[[Array], Array]
) -> Array:
    """(Q, K), a part of the queries at a time. compare: (Q, T', K, T') cosines of steps → (Q, K)."""
    own, theirs = _unit_steps(query, base), _unit_steps(exemplar, base)
    size = max(1, AT_ONCE // (theirs.shape[0] * theirs.shape[1] * own.shape[1]))
    return np.concatenate([compare(np.tensordot(own[i : i + size], theirs, (2, 2))) for i in range(0, len(own), size)])


def _unit_steps(clips: Representation, base: Base) -> Array:
    """(N, T', D) features less the mean of the base clips at that step, each step of unit length."""
    return unit_rows(part(clips, "sequence").astype(np.float32) - base.sequence_mean)
