"""Classifiers that warp time: coordinates as they are prepared, alone and together with learned features.

Two clips of an action need not keep the same time. Source of the warping: Sakoe and Chiba, "Dynamic programming
algorithm optimization for spoken word recognition", IEEE Transactions on Acoustics, Speech, and Signal Processing,
1978, without weights; with their window, a quarter of the clip, outside of which frames are not compared.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from hashlib import blake2b
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from crossglg.one_shot.features import Array, Base, part, unit_rows
from crossglg.one_shot.joints import joint_motion
from crossglg.one_shot.pooled import cosine, whitened_cosine
from crossglg.one_shot.representation import Representation

WINDOW = 0.25  # of the clip
PAIRS = 512  # of clips side by side: enough for the machine, few enough for its cache
POSTURE = 0.1  # of the mean pose stays: actions without movement have nothing else
SHIFT = 0.25  # of the clip: how much earlier or later an action may begin
KEPT = 2**28  # bytes of results: several classifiers, and all models of a study, warp the same coordinates
_kept: OrderedDict[tuple[bytes, bytes, Callable[[Array], Array]], Array] = OrderedDict()
_keeping = Lock()


def warped_poses(exemplar: Representation, query: Representation, base: Base) -> Array:
    """Time warping of the coordinates: minus the least sum of differences of poses, 1 − cosine, along both clips."""
    return _warped(*(unit_rows(part(clips, "poses").astype(np.float32)) for clips in (exemplar, query)))


def warped_movement(exemplar: Representation, query: Representation, base: Base) -> Array:
    """As warped-poses, each clip minus most of its mean pose: how joints move counts more than how a person stands."""
    return _warped(*(_moving(clips) for clips in (exemplar, query)))


def shifted_movement(exemplar: Representation, query: Representation, base: Base | None = None) -> Array:
    """As warped-movement; the query may also begin a quarter of the clip earlier or later. The best of the three.

    Nobody cuts two clips at the same moment, and an action that repeats has no beginning. What a shift moves out of the
    clip comes in again at its other end.  Source: ours (docs/notes/classifiers.md).
    """
    return _shifted(*(_moving(clips) for clips in (exemplar, query)))


def shifted_streams(exemplar: Representation, query: Representation, base: Base | None = None) -> Array:
    """Mean of the time warpings of three streams, each as shifted-movement: joints, bones and motion.

    Of motion, half the squared difference counts, in units of each clip's speed: where a person stands still, only
    noise has a direction.  Source: ours (docs/notes/classifiers.md); encoders read the same streams (Shi et al., CVPR
    2019).
    """
    return np.mean([_shifted(*pair) for pair in zip(_streams(exemplar), _streams(query), strict=True)], axis=0)


def cosine_and_streams(exemplar: Representation, query: Representation, base: Base | None = None) -> Array:
    """Mean of four similarities: the cosine, and for each frame the time warping of joints, of bones and of motion.

    Equal clips have 1. Asks nothing of base clips.  Source: ours (docs/notes/classifiers.md).
    """
    frames = part(query, "poses").shape[1]
    return mean_similarity(cosine(exemplar, query), shifted_streams(exemplar, query) / frames)


def mean_similarity(cosines: Array, streams: Array) -> Array:
    """The mean of cosine-and-streams. streams: mean of the three time warpings for each frame, 0 for equal clips."""
    return (cosines + 3.0 * (1.0 + streams)) / 4.0


def shifted_streams_leaving_out(
    exemplar: Representation, query: Representation, joint_of: NDArray[np.integer], parents: NDArray[np.integer]
) -> Array:
    """`shifted_streams` of each exemplar and its query without each joint and the bones that end in it, `(N, V)`.

    Args:
        exemplar: N clips with poses and bones.
        query: N clips, one for each exemplar.
        joint_of: `(F,)` the joint that each coordinate belongs to, 0 … V − 1.
        parents: `(V,)` of each joint, as `Layout.parents`.
    """
    without = np.arange(len(parents))[:, None, None]
    joints = without != joint_of  # (V, 1, F)
    bones = joints & (without != parents[joint_of])
    streams = zip(*(_streams(clips, joints, bones) for clips in (exemplar, query)), strict=True)
    cost = np.stack([_cost(own, theirs) for own, theirs in streams])  # (3, N, V, T, T)
    pairs = cost.reshape(-1, *cost.shape[3:]).transpose(2, 1, 0)
    return -_best_beginning(pairs).reshape(cost.shape[:3]).mean(0)


def warped_fusion(exemplar: Representation, query: Representation, base: Base) -> Array:
    """Whitened cosine, joint-motion and four times warped movement; each query's scores in units of their spread.

    The weights were chosen on data sets that were left out of trainings (docs/notes/recipe.md).
    """
    weighted = ((1.0, whitened_cosine), (1.0, joint_motion), (4.0, warped_movement))
    return np.sum([weight * standardized(score(exemplar, query, base)) for weight, score in weighted], axis=0)


def movement(poses: Array) -> Array:
    """(N, T, F) less most of the mean over T."""
    return poses - (1.0 - POSTURE) * poses.mean(1, keepdims=True)


def _moving(clips: Representation) -> Array:
    """(N, T, F), rows of length 1."""
    return unit_rows(movement(part(clips, "poses").astype(np.float32)))


def _streams(
    clips: Representation, joints: NDArray[np.bool_] | None = None, bones: NDArray[np.bool_] | None = None
) -> tuple[Array, Array, Array]:
    """(N, T, F) each: movement of the joints and of the bones, rows of length 1, and how joints move between frames.

    joints, bones: (V, 1, F), what V results (N, V, T, F) keep of the coordinates.
    """

    def kept(x: Array, which: NDArray[np.bool_] | None) -> Array:
        return x if which is None else x[:, None] * which

    poses, vectors = (part(clips, name).astype(np.float32) for name in ("poses", "bones"))
    around = np.pad(poses, ((0, 0), (1, 1), (0, 0)), mode="edge")
    motion = kept((around[:, 2:] - around[:, :-2]) / 2.0, joints)
    speed = np.sqrt(np.square(motion).sum(-1, keepdims=True).mean(-2, keepdims=True))
    return (
        unit_rows(kept(movement(poses), joints)), unit_rows(kept(movement(vectors), bones)),
        motion / np.maximum(speed, 1e-12),
    )  # fmt: skip


def standardized(scores: Array) -> Array:
    """(Q, K): of every query mean 0 and standard deviation 1 over the exemplars; 0 where all are alike."""
    rest = scores - scores.mean(1, keepdims=True)
    return rest / np.maximum(rest.std(1, keepdims=True), 1e-12)


def _shifted(exemplar: Array, query: Array) -> Array:
    """(K, T, F), (Q, T, F) → (Q, K): the best of three beginnings of each query."""
    return _warped(exemplar, query, least=_best_beginning)


def _best_beginning(cost: Array) -> Array:
    """`warped`, the frames of the query as they are, or a quarter of the clip earlier or later. cost: (T, T', P)."""
    steps = round(SHIFT * len(cost))
    moved = np.concatenate([np.roll(cost, shift, axis=0) for shift in (0, steps, -steps)], axis=-1)
    return warped(moved).reshape(3, -1).min(0)


def _warped(exemplar: Array, query: Array, *, least: Callable[[Array], Array] | None = None) -> Array:
    """(K, T, F), (Q, T, F) → (Q, K), computed once for the same clips.

    least: of costs (T, T', P), the query's frames first; None: `warped`.
    """
    least = least or warped
    key = (_digest(exemplar), _digest(query), least)
    with _keeping:
        scores = _kept.pop(key, None)
    if scores is None:
        scores = _compute_warped(exemplar, query, least)
    with _keeping:
        _kept[key] = scores  # the last one to be forgotten
        while sum(known.nbytes for known in _kept.values()) > KEPT:
            _kept.popitem(last=False)
    return scores.copy()


def _digest(clips: Array) -> bytes:
    return blake2b(clips.tobytes(), digest_size=16).digest() + repr(clips.shape).encode()


def _compute_warped(exemplar: Array, query: Array, least: Callable[[Array], Array]) -> Array:
    count, steps, size = exemplar.shape
    beside, scores, at_once = exemplar.reshape(-1, size), [], max(1, PAIRS // count)
    for first in range(0, len(query), at_once):
        some = query[first : first + at_once]
        cost = _cost(some.reshape(-1, size), beside).reshape(len(some), -1, count, steps)
        pairs = cost.transpose(1, 3, 0, 2).reshape(cost.shape[1], steps, -1)
        scores.append(least(pairs).reshape(len(some), count))
    return -np.concatenate(scores) if scores else np.zeros((0, count), np.float32)


def _cost(own: Array, theirs: Array) -> Array:
    """(…, T, F), (…, T', F) → (…, T, T'): half the squared difference of frames; 1 − cosine of rows of length 1."""
    squares = [np.square(rows).sum(-1) / 2.0 for rows in (own, theirs)]
    return squares[0][..., None] + squares[1][..., None, :] - own @ theirs.swapaxes(-1, -2)


def warped(cost: Array, window: float = WINDOW) -> Array:
    """The least sum of costs on a way from both first to both last frames, one frame further in either clip or both.

    Args:
        cost: `(T, T', P)`, of each frame of one clip against each of the other, P pairs side by side.
        window: how far apart two frames that are compared may lie, as a fraction of the longer clip; 1: any two may.

    Returns:
        `(P,)`.
    """
    steps, others = cost.shape[:2]
    width = max(1, round(window * max(steps, others)))
    above = np.full_like(cost[0], np.inf)
    above[: width + 1] = np.cumsum(cost[0, : width + 1], axis=0)
    for i in range(1, steps):
        here = above.copy()
        np.minimum(above[1:], above[:-1], out=here[1:])  # a step in the first clip, or in both
        here[: max(0, i - width)] = here[i + width + 1 :] = np.inf
        for j in range(max(0, i - width), min(others, i + width + 1)):
            if j:
                np.minimum(here[j], here[j - 1], out=here[j])
            here[j] += cost[i, j]
        above = here
    return above[-1]
