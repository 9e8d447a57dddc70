"""Time warping equals the recursion written cell by cell, and forgives another speed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray
from support.one_shot_toys import few_of, make_task

from crossglg.data.clips import SkeletonSet
from crossglg.data.synthetic import synthesize
from crossglg.one_shot import CLASSIFIERS, warping
from crossglg.one_shot.baselines.raw import raw_poses
from crossglg.one_shot.representation import Representation, unit_rows
from crossglg.one_shot.warping import shifted_streams_leaving_out, warped, warped_poses


def recursion(cost: NDArray[np.float64], width: int = 99) -> float:
    """Each cell from the three before it, as Sakoe and Chiba define it; frames lie at most `width` apart."""

    @cache
    def to(i: int, j: int) -> float:
        if i < 0 or j < 0 or abs(i - j) > width:
            return np.inf
        return cost[i, j] + (0.0 if i == j == 0 else min(to(i - 1, j), to(i, j - 1), to(i - 1, j - 1)))

    return to(cost.shape[0] - 1, cost.shape[1] - 1)


@pytest.mark.parametrize(("first", "second"), [(6, 6), (4, 9), (7, 3), (1, 5), (5, 1), (1, 1)])
def test_warping_equals_the_recursion(first: int, second: int) -> None:
    cost = np.random.default_rng(first).random((first, second, 8))
    np.testing.assert_allclose(warped(cost, window=1.0), [recursion(cost[..., p]) for p in range(8)])


@pytest.mark.parametrize(("frames", "window", "width"), [(8, 0.25, 2), (16, 0.25, 4), (9, 0.1, 1), (3, 0.25, 1)])
def test_a_window_keeps_frames_together(frames: int, window: float, width: int) -> None:
    cost = np.random.default_rng(frames).random((frames, frames, 8))
    np.testing.assert_allclose(warped(cost, window), [recursion(cost[..., p], width) for p in range(8)])


@pytest.mark.parametrize("name", ["warped-poses", "warped-movement"])
def test_warped_coordinates_equal_one_pair_at_a_time(name: str) -> None:
    exemplar, query, base = few_of(make_task([4, 3, 5]))
    found = CLASSIFIERS[name].score(exemplar, query, base)
    kept = 0.1 if name == "warped-movement" else 1.0
    for q, k in np.ndindex(found.shape):
        ours, theirs = (row - (1 - kept) * np.mean(row, 0) for row in (query.poses[q], exemplar.poses[k]))
        cost = [[1 - a @ b / np.linalg.norm(a) / np.linalg.norm(b) for b in theirs] for a in ours]
        assert found[q, k] == pytest.approx(-recursion(np.array(cost), width=2), abs=1e-5)


def test_the_same_clips_are_warped_once(monkeypatch: pytest.MonkeyPatch) -> None:
    computed: list[int] = []

    def counted(exemplar: NDArray[np.floating], query: NDArray[np.floating], least: object) -> NDArray[np.floating]:
        computed.append(len(exemplar))
        return compute(exemplar, query, least)

    compute = warping._compute_warped
    monkeypatch.setattr(warping, "_compute_warped", counted)
    monkeypatch.setattr(warping, "_kept", type(warping._kept)())
    exemplar, query, base = few_of(make_task([4, 3, 5]))
    streams, fusion = (CLASSIFIERS[name].score for name in ("shifted-streams", "warped-fusion"))
    first = streams(exemplar, query, base)
    monkeypatch.setattr(warping, "KEPT", 4 * first.astype(np.float32).nbytes)
    np.testing.assert_array_equal(streams(exemplar, query, base), first)
    assert len(computed) == 3, "joints, bones and motion"
    fusion(exemplar, query, base)
    assert len(computed) == 4, "without other beginnings it is another warping"
    turned = streams(exemplar[[1, 0, *range(2, len(exemplar))]], query, base)
    np.testing.assert_array_equal(turned[:, [1, 0]], first[:, [0, 1]])
    assert len(warping._kept) == 4, "the oldest are forgotten"


def test_warped_movement_sees_posture_where_nothing_moves_and_hardly_where_something_does() -> None:
    exemplar, query, base = few_of(make_task([4, 3, 5]))
    bent = replace(query, poses=query.poses + np.linspace(-1, 1, query.poses.shape[2]))

    def change(score: Callable[..., NDArray[np.floating]]) -> float:
        return float(np.abs(score(exemplar, bent, base) - score(exemplar, query, base)).mean())

    assert change(CLASSIFIERS["warped-movement"].score) < 0.2 * change(warped_poses)
    still = replace(exemplar, poses=exemplar.poses[:, :1].repeat(exemplar.poses.shape[1], axis=1))
    found = CLASSIFIERS["warped-movement"].score(still, still, base)
    assert (found.argmax(1) == np.arange(len(still))).all() and np.sort(found, axis=1)[:, -2].max() < -0.1


def test_shifted_movement_is_the_best_of_three_beginnings() -> None:
    exemplar, query, base = few_of(make_task([4, 3, 5]))
    found = CLASSIFIERS["shifted-movement"].score(exemplar, query, base)
    frames = query.poses.shape[1]
    for q, k in np.ndindex(found.shape):
        best = -np.inf
        for begin in (0, frames // 4, -(frames // 4)):
            order = [(t - begin) % frames for t in range(frames)]
            one = replace(query[[q]], poses=query.poses[[q]][:, order])
            best = max(best, float(CLASSIFIERS["warped-movement"].score(exemplar[[k]], one, base)[0, 0]))
        assert found[q, k] == pytest.approx(best, abs=1e-5)


def test_a_clip_that_begins_elsewhere_is_the_same_clip_to_shifted_movement() -> None:
    exemplar, _, base = few_of(make_task([4, 3, 5]))
    later = replace(exemplar, poses=np.roll(exemplar.poses, exemplar.poses.shape[1] // 4, axis=1))
    shifted, warped_ = (CLASSIFIERS[n].score(exemplar, later, base) for n in ("shifted-movement", "warped-movement"))
    assert np.abs(np.diag(shifted)).max() < 1e-4 < 0.1 < np.abs(np.diag(warped_)).min()


def test_shifted_streams_is_the_mean_over_joints_bones_and_motion() -> None:
    exemplar, query, base = few_of(make_task([4, 3, 5]))
    found = CLASSIFIERS["shifted-streams"].score(exemplar, query, base)

    def one(exemplar_rows: NDArray[np.floating], query_rows: NDArray[np.floating]) -> float:
        frames, best = len(query_rows), np.inf
        for begin in (0, frames // 4, -(frames // 4)):
            later = np.array([query_rows[(t - begin) % frames] for t in range(frames)])
            cost = np.array([[np.sum((a - b) ** 2) / 2 for b in exemplar_rows] for a in later])
            best = min(best, recursion(cost, width=frames // 4))
        return -best

    def moved(rows: NDArray[np.floating]) -> NDArray[np.floating]:
        rest = rows - 0.9 * rows.mean(0)
        return rest / np.linalg.norm(rest, axis=1)[:, None]

    def motion(rows: NDArray[np.floating]) -> NDArray[np.floating]:
        last = len(rows) - 1
        steps = np.array([(rows[min(t + 1, last)] - rows[max(t - 1, 0)]) / 2 for t in range(len(rows))])
        return steps / np.sqrt(np.mean([step @ step for step in steps]))

    for q, k in np.ndindex(found.shape):
        ours, theirs = (
            [part[k], bones[k]]
            for part, bones, k in ((query.poses, query.bones, q), (exemplar.poses, exemplar.bones, k))
        )
        parts = [[moved(rows) for rows in clip] + [motion(clip[0])] for clip in (theirs, ours)]
        assert found[q, k] == pytest.approx(np.mean([one(a, b) for a, b in zip(*parts, strict=True)]), abs=1e-5)


@pytest.mark.parametrize("persons", [1, 2])
def test_leaving_out_a_joint_is_to_have_zeros_in_its_place_and_in_that_of_its_bones(persons: int) -> None:
    exemplar, query, base = few_of(make_task([4, 3, 5]))
    count, channels, parents = min(len(exemplar), len(query)), 3, np.array([0, 0, 1, 1, 2])
    joint_of = np.tile(np.repeat(np.arange(5), channels), persons)
    rng = np.random.default_rng(0)

    def of(clips: Representation) -> Representation:
        poses, bones = (rng.standard_normal((count, 12, len(joint_of))).astype(np.float16) for _ in range(2))
        return replace(clips[np.arange(count)], poses=poses, bones=bones)

    own, theirs = of(exemplar), of(query)
    found = shifted_streams_leaving_out(own, theirs, joint_of, parents)
    assert found.shape == (count, 5)

    def without(clip: Representation, joint: int) -> Representation:
        torn = [child for child in range(5) if joint in (child, parents[child])]
        kept = ~np.isin(joint_of, [joint]), ~np.isin(joint_of, torn)
        return replace(clip, poses=clip.poses * kept[0], bones=clip.bones * kept[1])

    for n, v in np.ndindex(found.shape):
        expected = CLASSIFIERS["shifted-streams"].score(without(own[[n]], v), without(theirs[[n]], v), base)[0, 0]
        assert found[n, v] == pytest.approx(float(expected), abs=1e-4)


def test_cosine_and_streams_is_the_mean_of_four_similarities() -> None:
    exemplar, query, base = few_of(make_task([4, 3, 5]))
    found = CLASSIFIERS["cosine-and-streams"].score(exemplar, query, None)
    streams = CLASSIFIERS["shifted-streams"].score(exemplar, query, base) / query.poses.shape[1]
    for q, k in np.ndindex(found.shape):
        z, e = query.z[q], exemplar.z[k]
        cosine = float(z @ e / np.linalg.norm(z) / np.linalg.norm(e))
        assert found[q, k] == pytest.approx((cosine + 3.0 + 3.0 * streams[q, k]) / 4.0, abs=1e-5)
    np.testing.assert_allclose(
        np.diag(CLASSIFIERS["cosine-and-streams"].score(exemplar, exemplar, None)), 1.0, atol=1e-5
    )


def test_fusion_adds_scores_in_units_of_their_spread_over_the_exemplars_of_each_query() -> None:
    exemplar, query, base = few_of(make_task([4, 3, 5]))
    expected = np.zeros((len(query), len(exemplar)))
    for name, weight in (("whitened-cosine", 1), ("joint-motion", 1), ("warped-movement", 4)):
        for q, row in enumerate(CLASSIFIERS[name].score(exemplar, query, base)):
            expected[q] += weight * (row - np.mean(row)) / np.std(row)
    np.testing.assert_allclose(CLASSIFIERS["warped-fusion"].score(exemplar, query, base), expected, rtol=1e-4)
    alone = CLASSIFIERS["warped-fusion"].score(exemplar[:1], query, base)
    assert (alone == 0.0).all()


def dissimilarity(clips: SkeletonSet) -> NDArray[np.float64]:
    """(N, N) by time warping of coordinates."""
    found = raw_poses(clips)
    return -CLASSIFIERS["warped-poses"].score(found, found, None)


def test_a_clip_at_another_pace_is_the_same_clip() -> None:
    clips = synthesize(0, 1, ("hand waving", "squat down"))
    rows = [clips[i][0] for i in range(2)]
    slow = np.concatenate([rows[0][:20].repeat(2, axis=0), rows[0][20:]])  # the beginning takes twice as long
    xyz = np.concatenate([*rows, slow])
    offsets = np.cumsum([0, *map(len, rows), len(slow)])
    three = SkeletonSet.build(xyz, offsets, [0, 1, 0], clips.class_names, clips.layout)
    found = dissimilarity(three)
    assert found[0, 2] < 0.2 * found[0, 1]
    straight = unit_rows(raw_poses(three).poses)
    without_warping = (1.0 - (straight[0] * straight[2]).sum(-1)).sum()
    assert found[0, 2] < 0.5 * without_warping


def test_every_person_counts() -> None:
    clips = synthesize(0, 1, ("hand waving", "squat down"))
    alone = [clips[i][0][:30] for i in range(2)]
    xyz = np.concatenate([alone[0], alone[0], alone[0], alone[1]])  # with a twin, with somebody who squats
    pairs = SkeletonSet.build(xyz, [0, 60, 120], [0, 1], clips.class_names, clips.layout, persons=[2, 2])
    assert dissimilarity(pairs)[0, 1] > 0.5 > 1e-4 > dissimilarity(pairs)[0, 0]
