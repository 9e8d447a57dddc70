"""Classifiers of joints, of sequences, of all queries at once, and with text at inference equal their plain loops."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import linprog
from support.one_shot_toys import JOINTS, STEPS, Few, few_of, make_features, make_task

from crossglg.data.tasks import Task
from crossglg.one_shot import (
    CLASSIFIERS,
    TEXT_CLASSIFIERS,
    Base,
    ClassTexts,
    Features,
    evaluate,
    temporal,
    transductive,
)
from crossglg.one_shot.representation import Representation
from crossglg.one_shot.text_at_inference import text_voting, zero_shot, zero_shot_attributes
from crossglg.skeletons import get_layout
from crossglg.text.descriptions import Description
from crossglg.text.key_joints import key_joint_targets

Array = NDArray[np.floating]


@pytest.fixture
def task() -> Task:
    return make_task([5, 8, 6, 7])


@pytest.fixture
def few(task: Task) -> Few:
    return few_of(task)


def cosine_loop(a: Array, b: Array) -> float:
    dot = sum(float(x) * float(y) for x, y in zip(a, b, strict=True))
    return dot / math.sqrt(sum(float(x) ** 2 for x in a)) / math.sqrt(sum(float(y) ** 2 for y in b))


def pairs(few: Few, part: str, whitened: bool = False) -> Iterator[tuple[int, int, Array, Array]]:
    """Number of the query, of the exemplar, and their parts: less the base mean, or as if whitened joint by joint."""
    exemplar, query, base = few
    rows = getattr(base.clips, part)
    mean = sum(rows) / len(rows)
    for i, q in enumerate(getattr(query, part)):
        for k, e in enumerate(getattr(exemplar, part)):
            if whitened:
                yield i, k, *(np.array([w(x[v]) for v, w in enumerate(base.joint_whitening)]) for x in (q, e))
            else:
                yield i, k, q - mean, e - mean


# ---- joints


@pytest.mark.parametrize("name", ["joint-centered", "joint-whitened", "joint-importance", "joint-motion"])
def test_joint_matching_equals_the_loop(few: Few, name: str) -> None:
    exemplar, query, _ = few
    found = CLASSIFIERS[name].score(*few)
    for i, k, q, e in pairs(few, "joints", whitened=name != "joint-centered"):
        weight = [1.0] * JOINTS
        if name in ("joint-importance", "joint-motion"):
            own, theirs = (getattr(clips, name.removeprefix("joint-")) for clips in (query, exemplar))
            weight = [math.sqrt(own[i, v] * theirs[k, v]) for v in range(JOINTS)]
        cosines = [cosine_loop(q[v], e[v]) for v in range(JOINTS)]
        expected = sum(w * c for w, c in zip(weight, cosines, strict=True)) / sum(weight)
        assert found[i, k] == pytest.approx(expected, abs=1e-5)


def test_each_joint_is_whitened_by_its_own_covariance(few: Few) -> None:
    base = few[2]
    for v, whiten in enumerate(base.joint_whitening):
        own = Base(Representation(base.clips.joints[:, v].astype(np.float32)), base.label).whitening
        np.testing.assert_allclose(whiten(base.clips.joints[:, v]), own(base.clips.joints[:, v]), rtol=1e-5, atol=1e-6)


def test_equal_importance_is_no_importance(few: Few) -> None:
    exemplar, query = (replace(r, importance=np.full((len(r), JOINTS), 1 / JOINTS)) for r in few[:2])
    base = few[2]
    np.testing.assert_allclose(
        CLASSIFIERS["joint-importance"].score(exemplar, query, base),
        CLASSIFIERS["joint-whitened"].score(*few),
        atol=1e-6,
    )


def test_importance_lets_the_joint_that_matters_decide(task: Task) -> None:
    """Noise at all joints but one: only its weight saves the class."""
    features = make_features(task, 4.0)
    rng = np.random.default_rng(0)

    def noisy(clips: Representation) -> Representation:
        joints = clips.joints.copy()
        joints[:, 1:] = 4.0 * rng.standard_normal(joints[:, 1:].shape)
        importance = np.tile([0.96] + 4 * [0.01], (len(clips), 1))
        return replace(clips, joints=joints, importance=importance)

    features = replace(features, base=Base(noisy(features.base.clips), task.base.label), novel=noisy(features.novel))
    assert evaluate(task, features, "joint-importance").mean > evaluate(task, features, "joint-whitened").mean + 0.15


# ---- sequences


def test_temporal_set_equals_the_loop(few: Few) -> None:
    found = CLASSIFIERS["temporal-set"].score(*few)
    for i, k, q, e in pairs(few, "sequence"):
        c = [[cosine_loop(a, b) for b in e] for a in q]
        there = sum(max(row) for row in c) / STEPS
        back = sum(max(row[j] for row in c) for j in range(STEPS)) / STEPS
        assert found[i, k] == pytest.approx((there + back) / 2, abs=1e-5)


def alignments(rows: int, columns: int) -> Iterator[list[tuple[int, int]]]:
    """Every monotone path from one corner to the other."""

    def onward(path: list[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
        i, j = path[-1]
        if (i, j) == (rows - 1, columns - 1):
            yield path
        for a, b in ((i + 1, j), (i, j + 1), (i + 1, j + 1)):
            if a < rows and b < columns:
                yield from onward([*path, (a, b)])

    return onward([(0, 0)])


def test_temporal_order_is_the_best_of_all_alignments(few: Few) -> None:
    found = CLASSIFIERS["temporal-order"].score(*few)
    paths = list(alignments(STEPS, STEPS))
    assert len(paths) == 13  # Delannoy number
    for i, k, q, e in list(pairs(few, "sequence"))[:40]:
        c = [[cosine_loop(a, b) for b in e] for a in q]
        means = []
        for path in paths:
            onward = [(b[0] - a[0], b[1] - a[1]) for a, b in pairwise(path)]
            weights = [2, *(a + b for a, b in onward)]
            assert sum(weights) == 2 * STEPS
            means.append(sum(w * c[x][y] for w, (x, y) in zip(weights, path, strict=True)) / (2 * STEPS))
        assert found[i, k] == pytest.approx(max(means), abs=1e-5)


def test_a_motion_backwards_is_another_in_order_but_the_same_as_a_set(few: Few) -> None:
    exemplar, _, base = few
    base = Base(replace(base.clips, sequence=np.zeros_like(base.clips.sequence)), base.label)
    back = replace(exemplar, sequence=exemplar.sequence[:, ::-1])
    same = np.diag(CLASSIFIERS["temporal-set"].score(exemplar, back, base))
    np.testing.assert_allclose(same, 1.0, atol=1e-5)
    assert (np.diag(CLASSIFIERS["temporal-order"].score(exemplar, back, base)) < 0.999).all()
    np.testing.assert_allclose(np.diag(CLASSIFIERS["temporal-order"].score(exemplar, exemplar, base)), 1.0, atol=1e-5)


@pytest.mark.parametrize("name", ["temporal-set", "temporal-order"])
def test_a_part_of_the_queries_at_a_time_is_the_same(few: Few, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    at_once = CLASSIFIERS[name].score(*few)
    monkeypatch.setattr(temporal, "AT_ONCE", 100)  # two queries
    np.testing.assert_allclose(CLASSIFIERS[name].score(*few), at_once, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "joints"), [("multi-scale", "joint-whitened"), ("multi-scale-importance", "joint-importance")]
)
def test_multi_scale_is_the_mean_of_its_levels(few: Few, name: str, joints: str) -> None:
    levels = [CLASSIFIERS[level].score(*few) for level in ("whitened-cosine", joints)]
    np.testing.assert_allclose(CLASSIFIERS[name].score(*few), sum(levels) / 2.0)


# ---- all queries at once


def unit(rows: Array) -> Array:
    return np.array([row / math.sqrt(sum(x * x for x in row)) for row in rows])


def centered(few: Few) -> tuple[Array, Array]:
    """Whitened queries and exemplars around their common mean, of unit length."""
    exemplar, query, base = few
    own, theirs = base.whitening(query.z), base.whitening(exemplar.z)
    mean = sum([*own, *theirs]) / (len(own) + len(theirs))
    return unit(own - mean), unit(theirs - mean)


def test_transductive_centering_equals_the_loop(few: Few) -> None:
    own, theirs = centered(few)
    expected = [[cosine_loop(q, e) for e in theirs] for q in own]
    np.testing.assert_allclose(CLASSIFIERS["transductive-centering"].score(*few), expected, atol=1e-9)


def test_a_shift_of_all_novel_clips_means_nothing_to_what_sees_them_all(few: Few) -> None:
    exemplar, query, base = few
    shifted = [replace(r, z=r.z + 7.0) for r in (exemplar, query)]
    for name in ("transductive-centering", "transductive-neighbors", "transductive-transport"):
        found = CLASSIFIERS[name].score(*shifted, base)
        np.testing.assert_allclose(found, CLASSIFIERS[name].score(*few), atol=1e-6)
    assert np.abs(CLASSIFIERS["cosine"].score(*shifted, base) - CLASSIFIERS["cosine"].score(*few)).max() > 0.1


def softmax_loop(values: list[float]) -> list[float]:
    powers = [math.exp(v - max(values)) for v in values]
    return [p / sum(powers) for p in powers]


def test_transductive_neighbors_equals_the_loop(few: Few) -> None:
    own, theirs = centered(few)
    unary = [[-sum((q - e) ** 2) for e in theirs] for q in own]
    near = []
    for i, q in enumerate(own):
        others = sorted((j for j in range(len(own)) if j != i), key=lambda j: -sum(q * own[j]))
        near.append(others[:3])
    label = [softmax_loop(row) for row in unary]
    for _ in range(20):
        label = [
            softmax_loop([u + 0.7 * sum(label[j][k] for j in near[i]) for k, u in enumerate(row)])
            for i, row in enumerate(unary)
        ]
    found = transductive.transductive_neighbors(*few, neighbors=3, strength=0.7)
    np.testing.assert_allclose(found, label, atol=1e-9)


def test_the_laplacian_bound_is_lowered_by_neighbors(few: Few) -> None:
    """Without neighbors' votes it is the nearest exemplar."""
    alone = transductive.transductive_neighbors(*few, strength=0.0)
    assert (alone.argmax(1) == CLASSIFIERS["transductive-centering"].score(*few).argmax(1)).all()


def test_neighbors_are_found_in_parts_as_at_once() -> None:
    rows = np.random.default_rng(0).standard_normal((23, 5))
    at_once = transductive._nearest(rows, 4).toarray()
    np.testing.assert_array_equal(transductive._nearest(rows, 4, at_once=6).toarray(), at_once)
    assert (at_once.sum(1) == 4).all() and (np.diag(at_once) == 0).all()


def test_sinkhorn_finds_the_balanced_shares_of_optimal_transport() -> None:
    """As sharpness grows, the entropic plan becomes the plan of the linear program."""
    score = np.random.default_rng(0).random((8, 4))
    share = transductive._sinkhorn(400.0 * score, iterations=3000)
    np.testing.assert_allclose(share.sum(1), 1.0)
    np.testing.assert_allclose(share.sum(0), 2.0, atol=1e-3)
    rows, columns = np.kron(np.eye(8), np.ones(4)), np.kron(np.ones(8), np.eye(4))
    plan = linprog(-score.ravel(), A_eq=np.concatenate([rows, columns]), b_eq=[1.0] * 8 + [2.0] * 4).x
    np.testing.assert_allclose(share, plan.reshape(8, 4), atol=0.02)


def test_transductive_transport_equals_the_loop(few: Few) -> None:
    own, theirs = centered(few)
    center = theirs.copy()
    for _ in range(3):
        share = np.array([softmax_loop([-10.0 * sum((q - c) ** 2) for c in center]) for q in own])
        for _ in range(50):
            for k in range(4):
                share[:, k] *= len(own) / 4 / sum(share[:, k])
            for i in range(len(own)):
                share[i] /= sum(share[i])
        for k in range(4):
            total = theirs[k] + sum(share[i, k] * own[i] for i in range(len(own)))
            center[k] += 0.2 * (total / (1.0 + sum(share[:, k])) - center[k])
    found = transductive.transductive_transport(*few, rounds=3)
    np.testing.assert_allclose(found, share, atol=1e-9)


@pytest.mark.parametrize("name", ["transductive-neighbors", "transductive-transport"])
def test_queries_that_stand_together_help_each_other(name: str) -> None:
    task = make_task([40] * 5, episodes=10)
    features = make_features(task, 3.0)
    assert evaluate(task, features, name).mean > evaluate(task, features, "transductive-centering").mean + 0.03


# ---- text at inference


def texts_of(task: Task) -> ClassTexts:
    """Of every second class, left and right do not matter."""
    count = len(task.novel.class_names)
    mask = np.random.default_rng(5).random((count, JOINTS)) < 0.5
    mask[:, 0] |= ~mask.any(1)
    return ClassTexts(mask, ((0, 1), (2,), (3, 4)), np.arange(count) % 2 == 0)


def test_text_voting_equals_the_loop(few: Few, task: Task) -> None:
    told = texts_of(task)
    found = text_voting(*few, told) - CLASSIFIERS["multi-scale"].score(*few)
    for i, k, q, e in pairs(few, "joints", whitened=True):
        joints = [v for v in range(JOINTS) if told.mask[k, v]]
        parts = [part for part in told.parts if any(told.mask[k, v] for v in part)]
        votes = sum(cosine_loop(q[v], e[v]) for v in joints) / len(joints)
        part_votes = sum(cosine_loop(sum(q[v] for v in p), sum(e[v] for v in p)) for p in parts) / len(parts)
        assert found[i, k] == pytest.approx((votes + part_votes) / 2, abs=1e-5)


def test_zero_shot_equals_the_loop_and_looks_at_no_exemplar(few: Few, task: Task) -> None:
    told, (exemplar, query, base) = texts_of(task), few
    usual = [float(np.mean(base.clips.importance[:, v])) for v in range(JOINTS)]
    found = zero_shot(*few, told)
    for i, k in np.ndindex(found.shape):
        named = [float(told.mask[k, v]) / told.mask[k].sum() for v in range(JOINTS)]
        own = [float(query.importance[i, v]) - usual[v] for v in range(JOINTS)]
        theirs = [named[v] - usual[v] for v in range(JOINTS)]
        assert found[i, k] == pytest.approx(cosine_loop(np.array(own), np.array(theirs)), abs=1e-6)
    np.testing.assert_array_equal(zero_shot(exemplar[::-1], query, base, told), found)


def test_zero_shot_by_attributes_equals_the_loop_and_looks_at_no_exemplar(few: Few, task: Task) -> None:
    exemplar, query, base = few
    rng, classes, attributes = np.random.default_rng(0), len(exemplar), 7
    said = (rng.random((classes, attributes)) < 0.4).astype(float)
    told = replace(texts_of(task), attributes=said)
    query = replace(query, attributes=rng.random((len(query), attributes)))
    base = replace(base, clips=replace(base.clips, attributes=rng.random((len(base.clips), attributes))))
    usual = base.clips.attributes.mean(0)
    found = zero_shot_attributes(exemplar, query, base, told)
    for i, k in np.ndindex(found.shape):
        assert found[i, k] == pytest.approx(cosine_loop(query.attributes[i] - usual, said[k] - usual), abs=1e-6)
    np.testing.assert_array_equal(zero_shot_attributes(exemplar[::-1], query, base, told), found)
    np.testing.assert_array_equal(told.of_exemplars([1, 0, 1]).attributes, said[[1, 0, 1]])


@pytest.mark.parametrize("plain", [n.removeprefix("either-side-") for n in TEXT_CLASSIFIERS if "either" in n])
def test_a_mirrored_exemplar_counts_where_the_text_says_that_sides_do_not_matter(task: Task, plain: str) -> None:
    told, features = texts_of(task), make_features(task, 1.5)
    features = replace(features, mirrored=make_features(task, 1.5, seed=9).novel)
    right = []
    for number, draw in enumerate(task.episodes):
        query, label = task.queries(number), task.novel.label[draw]
        of = [i for i, k in enumerate(label) if told.either_side[k]]
        both = {
            part: np.concatenate([array[draw], features.mirrored.parts()[part][draw][of]])
            for part, array in features.novel.parts().items()
        }
        scores = CLASSIFIERS[plain].score(Representation(**both), features.novel[query], features.base)
        of_class = np.concatenate([label, label[of]])
        best = [[max(row[of_class == k]) for k in label] for row in scores]
        right.append(float((label[np.argmax(best, 1)] == task.novel.label[query]).mean()))
    assert evaluate(task, features, f"either-side-{plain}", told).accuracy.tolist() == right
    nobody = replace(told, either_side=np.zeros_like(told.either_side))
    without = evaluate(task, features, plain).accuracy.tolist()
    assert evaluate(task, features, f"either-side-{plain}", nobody).accuracy.tolist() == without != right
    with pytest.raises(ValueError, match="compares mirrored, which these features have not: an evaluation with texts"):
        evaluate(task, replace(features, mirrored=None), f"either-side-{plain}", told)


def test_text_is_taken_from_the_class_of_each_exemplar(task: Task) -> None:
    features, told = make_features(task, 1.5), texts_of(task)
    right = []
    for number, draw in enumerate(task.episodes):
        query = task.queries(number)
        scores = text_voting(features.novel[draw], features.novel[query], features.base, told)
        right.append(float((scores.argmax(1) == task.novel.label[query]).mean()))
    assert evaluate(task, features, "text-voting", told).accuracy.tolist() == right


def test_text_has_to_be_handed_over_and_reaches_no_other_classifier(task: Task) -> None:
    features = make_features(task, 1.5)
    with pytest.raises(ValueError, match="text-voting is text at inference: it needs the texts of the novel"):
        evaluate(task, features, "text-voting")
    assert not set(TEXT_CLASSIFIERS) & set(CLASSIFIERS)
    told = texts_of(task)
    for name in CLASSIFIERS:
        with_text, without = evaluate(task, features, name, told), evaluate(task, features, name)
        assert with_text.accuracy.tolist() == without.accuracy.tolist()


def test_key_joints_are_carried_to_the_layout_of_the_clips() -> None:
    ntu, kinect = get_layout("ntu25"), get_layout("kinect20")
    texts = dict.fromkeys(ntu.joints, "moves")
    described = [
        Description("wave", "The right hand waves.", ("right hand", "right wrist"), texts, ntu),
        Description("nod", "The head nods.", ("head",), texts, ntu),
    ]
    told = ClassTexts.of(key_joint_targets([one.key_joints for one in described], kinect), kinect.parts)
    assert told.mask.shape == (2, 20)
    assert {kinect.joints[v] for v in np.flatnonzero(told.mask[0])} == {"right hand", "right wrist"}
    assert {kinect.joints[v] for v in np.flatnonzero(told.mask[1])} == {"head"}
    assert sorted(v for part in told.parts for v in part) == list(range(20))
    assert told.part_mask.sum(1).tolist() == [1, 1]
    assert told.of_exemplars([1]).mask.tolist() == told.mask[1:].tolist() and not told.either_side.any()


@pytest.mark.parametrize("name", ["joint-motion", "zero-shot-attributes"])
def test_what_features_lack_is_told_with_where_it_comes_from(name: str, task: Task) -> None:
    bare = Features.of(task, lambda clips: Representation(np.zeros((len(clips), 4))))
    with pytest.raises(ValueError, match=rf"{name} compares \w+, which these features have not: a .*TrainedModel"):
        evaluate(task, bare, name)
