"""One-shot classifiers equal their slow twins, and an evaluation counts every query once and no exemplar."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from sklearn.linear_model import LogisticRegression

from crossglg.baselines.raw import raw_coordinates
from crossglg.data.clips import SkeletonSet
from crossglg.data.protocols import Task
from crossglg.data.synthetic import synthesise
from crossglg.one_shot import CLASSIFIERS, Features, OneShotResult, distribution_calibration, evaluate, half_width
from crossglg.skeletons import get_layout

NTU = get_layout("ntu25")
Array = NDArray[np.floating]


def labelled(class_names: list[str], counts: list[int], name: str) -> SkeletonSet:
    """Clips that only matter for their labels."""
    label = np.repeat(np.arange(len(counts)), counts)
    xyz = np.ones((len(label), NTU.num_joints, 3), dtype=np.float32)
    return SkeletonSet.build(xyz, np.arange(len(label) + 1), label, class_names, NTU, name=name)


def make_task(counts: list[int], draws: int = 6, seed: int = 0) -> Task:
    rng = np.random.default_rng(seed)
    novel = labelled([f"novel {k}" for k in range(len(counts))], counts, "novel")
    members = [np.flatnonzero(novel.label == k) for k in range(len(counts))]
    table = np.array([[rng.choice(m) for m in members] for _ in range(draws)])
    return Task("toy", labelled(["base 0", "base 1", "base 2", "base 3"], [9] * 4, "base"), novel, table)


def make_features(task: Task, distance: float, seed: int = 0, width: int = 6) -> Features:
    """Gaussian clouds of unit variance around class centres `distance` from the origin."""
    rng = np.random.default_rng(seed)

    def clouds(label: NDArray[np.int64], classes: int) -> Array:
        centres = rng.standard_normal((classes, width))
        centres *= distance / np.linalg.norm(centres, axis=1, keepdims=True)
        return centres[label] + rng.standard_normal((len(label), width))

    base, novel = clouds(task.base.label, 4), clouds(task.novel.label, len(task.novel.class_names))
    return Features(base, task.base.label, novel, task.novel.label)


@pytest.fixture
def task() -> Task:
    return make_task([5, 8, 6, 7])


@pytest.fixture
def few(task: Task) -> tuple[Array, Array, Features]:
    """exemplars (4, D), queries (22, D), features."""
    features = make_features(task, 2.0)
    return features.novel[task.draws[0]], features.novel[task.queries(0)], features


def cosine_loop(a: Array, b: Array) -> float:
    dot = sum(x * y for x, y in zip(a, b, strict=True))
    return dot / math.sqrt(sum(x * x for x in a)) / math.sqrt(sum(y * y for y in b))


def scores_loop(name: str, exemplars: Array, queries: Array, features: Features) -> list[list[float]]:
    mean = [sum(column) / len(features.base) for column in features.base.T]
    score = {
        "cosine": cosine_loop,
        "euclidean": lambda q, e: -math.sqrt(sum((x - y) ** 2 for x, y in zip(q, e, strict=True))),
        "centred-cosine": lambda q, e: cosine_loop(q - mean, e - mean),
    }[name]
    return [[score(q, e) for e in exemplars] for q in queries]


@pytest.mark.parametrize("name", ["cosine", "euclidean", "centred-cosine"])
def test_nearest_neighbour_scores_equal_the_loop(few: tuple[Array, Array, Features], name: str) -> None:
    np.testing.assert_allclose(CLASSIFIERS[name](*few), scores_loop(name, *few), atol=1e-9)


def calibrated_loop(exemplar: Array, features: Features, neighbours: int, spread: float) -> tuple[Array, Array]:
    """Equations 4–6 of Yang et al. for one exemplar, with the power transform of `distribution_calibration`."""
    width = len(exemplar)
    scale = [math.sqrt(np.mean([(v - np.mean(c)) ** 2 for v in c])) + 1e-6 for c in features.base.T]

    def tukey(z: Array) -> Array:
        return np.array([math.copysign(abs(v / s) ** 0.5, v) for v, s in zip(z, scale, strict=True)])

    groups = [[tukey(z) for z, k in zip(features.base, features.base_label, strict=True) if k == c] for c in range(4)]
    means = [sum(group) / len(group) for group in groups]
    point = tukey(exemplar)
    near = sorted(range(4), key=lambda c: sum((means[c] - point) ** 2))[:neighbours]
    mean = (point + sum(means[c] for c in near)) / (neighbours + 1)
    covariance = np.full((width, width), spread)
    for c in near:
        for i in range(width):
            for j in range(width):
                products = [(z[i] - means[c][i]) * (z[j] - means[c][j]) for z in groups[c]]
                covariance[i, j] += sum(products) / (len(groups[c]) - 1) / neighbours
    return mean, covariance


def test_calibrated_statistics_equal_the_loop(few: tuple[Array, Array, Features], monkeypatch) -> None:
    """Draws of the calibrated Gaussians are caught on their way to the logistic regression and measured."""
    exemplars, queries, features = few
    caught: list[tuple[Array, Array]] = []
    fit = LogisticRegression.fit

    def catching_fit(self: LogisticRegression, x: Array, y: Array) -> LogisticRegression:
        caught.append((x, y))
        return fit(self, x, y)

    monkeypatch.setattr(LogisticRegression, "fit", catching_fit)
    count = 20_000
    distribution_calibration(exemplars, queries, features, neighbours=3, spread=0.3, samples=count)
    (x, y), classes = caught[0], len(exemplars)
    assert np.bincount(y).tolist() == [count + 1] * classes  # the exemplar itself is one more sample
    for k in range(classes):
        mean, covariance = calibrated_loop(exemplars[k], features, neighbours=3, spread=0.3)
        drawn = x[classes:][y[classes:] == k]
        error = np.sqrt(np.diag(covariance) / count)
        assert (np.abs(drawn.mean(0) - mean) < 5 * error).all()
        np.testing.assert_allclose(np.cov(drawn.T), covariance, atol=0.04 * covariance.max())


def test_a_base_class_of_a_single_clip_can_be_calibrated_with(few: tuple[Array, Array, Features]) -> None:
    exemplars, queries, features = few
    kept = np.flatnonzero((features.base_label > 0) | (np.arange(len(features.base)) == 0))
    features = replace(features, base=features.base[kept], base_label=features.base_label[kept])
    assert np.isfinite(distribution_calibration(exemplars, queries, features, neighbours=4)).all()


@pytest.mark.parametrize("name", CLASSIFIERS)
@pytest.mark.parametrize("counts", [[4, 5], [5, 8, 6, 7]])
def test_scores_are_finite_with_one_column_per_exemplar(name: str, counts: list[int]) -> None:
    task = make_task(counts)
    features = make_features(task, 2.0)
    features.base[:, 0] = features.novel[:, 0] = 0.0  # a dead feature
    scores = CLASSIFIERS[name](features.novel[task.draws[0]], features.novel[task.queries(0)], features)
    assert scores.shape == (sum(counts) - len(counts), len(counts))
    assert np.isfinite(scores).all()
    single = CLASSIFIERS[name](
        *(a.astype(np.float32) for a in (features.novel[task.draws[0]], features.novel)), features
    )
    assert single.shape == (sum(counts), len(counts))


@pytest.mark.parametrize("name", CLASSIFIERS)
@pytest.mark.parametrize("counts", [[5, 8], [5, 8, 6, 7]])
def test_separable_features_are_classified_without_error(name: str, counts: list[int]) -> None:
    task = make_task(counts)
    result = evaluate(task, make_features(task, 60.0), name)
    assert result.accuracy.tolist() == [1.0] * 6
    assert result.mean == 1.0
    assert result.interval == 0.0


@pytest.mark.parametrize("name", ["cosine", "euclidean", "centred-cosine"])
def test_shuffled_labels_are_chance(name: str) -> None:
    task = make_task([40] * 5, draws=40)
    features = make_features(task, 60.0)
    shuffled = replace(features, novel=np.random.default_rng(1).permutation(features.novel))
    assert evaluate(task, shuffled, name).mean == pytest.approx(1 / 5, abs=0.05)


def test_exemplars_are_never_queries(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    features = make_features(task, 2.0)
    features = replace(features, novel=np.arange(26.0)[:, None] * np.ones(6))  # a clip's feature is its index
    draw, exemplars_seen, queries_seen = iter(task.draws), [], []

    def note(exemplar: Array, query: Array, features: Features) -> Array:
        assert exemplar[:, 0].tolist() == next(draw).tolist()
        exemplars_seen.append(set(exemplar[:, 0]))
        queries_seen.append(query[:, 0].tolist())
        return np.zeros((len(query), len(exemplar)))

    monkeypatch.setitem(CLASSIFIERS, "note", note)
    evaluate(task, features, "note")
    for exemplars, queries in zip(exemplars_seen, queries_seen, strict=True):
        assert sorted([*exemplars, *queries]) == list(range(26))


def test_confusion_counts_every_query_once_by_true_class(task: Task) -> None:
    features = make_features(task, 1.5)
    result = evaluate(task, features, "euclidean")
    expected = np.zeros((4, 4), dtype=int)
    accuracy = []
    for draw in task.draws:
        right = 0
        for i in sorted(set(range(26)) - set(draw.tolist())):
            guess = int(np.argmin([np.linalg.norm(features.novel[i] - features.novel[e]) for e in draw]))
            expected[task.novel.label[i], guess] += 1
            right += guess == task.novel.label[i]
        accuracy.append(right / 22)
    assert result.confusion.tolist() == expected.tolist()
    assert result.confusion.sum(1).tolist() == [6 * (n - 1) for n in (5, 8, 6, 7)]
    np.testing.assert_allclose(result.accuracy, accuracy)
    assert 0.3 < result.mean < 0.95  # neither trivial nor hopeless, so that rows and columns differ
    np.testing.assert_allclose(result.per_class, [expected[k, k] / expected[k].sum() for k in range(4)])


def test_interval_is_students_t(task: Task) -> None:
    values = np.array([0.4, 0.5, 0.7, 0.45])
    deviation = math.sqrt(sum((v - 0.5125) ** 2 for v in values) / 3)
    assert half_width(values) == pytest.approx(3.182446 * deviation / 2, rel=1e-6)
    low, high = stats.t.interval(0.9, 3, loc=values.mean(), scale=stats.sem(values))
    assert half_width(values, 0.9) == pytest.approx((high - low) / 2)
    assert half_width(values[:1]) == 0.0
    assert OneShotResult("cosine", values, np.eye(2, dtype=int)).interval == half_width(values)


def test_result_as_dict_holds_plain_numbers(task: Task) -> None:
    result = evaluate(task, make_features(task, 1.5))
    content = result.to_dict()
    assert content["mean"] == pytest.approx(sum(content["draws"]) / 6)
    assert content["interval"] == result.interval > 0
    assert content["confusion"] == result.confusion.tolist()
    assert content["per_class"] == result.per_class.tolist()
    assert type(content["draws"][0]) is float


def test_unknown_classifier_names_the_nearest(task: Task) -> None:
    with pytest.raises(ValueError, match=r"did you mean 'euclidean'\?.*centred-cosine"):
        evaluate(task, make_features(task, 1.0), "euclidian")


def test_features_embed_base_and_novel_once(task: Task) -> None:
    embedded: list[str] = []

    def embed(clips: SkeletonSet) -> Array:
        embedded.append(clips.name)
        return np.full((len(clips), 2), float(len(embedded)))

    features = Features.of(task, embed)
    assert embedded == ["base", "novel"]
    assert features.base.shape == (36, 2)
    assert (features.base == 1.0).all()
    assert (features.novel == 2.0).all()
    assert features.novel_label is task.novel.label


def test_raw_coordinates_ignore_where_and_which_way_a_person_stands() -> None:
    clips = synthesise(0, 2, ["clapping", "kicking something"])
    turn = np.array([[math.cos(1.0), 0, math.sin(1.0)], [0, 1, 0], [-math.sin(1.0), 0, math.cos(1.0)]])
    moved = replace(clips, xyz=(1.2 * clips.xyz @ turn + [1.0, 0.5, -2.0]).astype(np.float32))
    raw = raw_coordinates(clips, frames=8)
    assert raw.shape == (4, 8 * 25 * 3)
    np.testing.assert_allclose(raw_coordinates(moved, frames=8), raw, atol=1e-3)
    assert np.linalg.norm(raw[0] - raw[2]) > 1.0


def test_whitened_cosine_equals_the_plain_sums(few: tuple[Array, Array, Features]) -> None:
    """Mahalanobis products: covariance within classes by loops, inverse instead of eigenvectors."""
    exemplar, query, features = few
    width, means = exemplar.shape[1], []
    within, count = np.zeros((width, width)), len(features.base)
    for k in sorted(set(features.base_label.tolist())):
        rows = features.base[features.base_label == k]
        means.append(rows.mean(0))
        for row in rows:
            within += np.outer(row - rows.mean(0), row - rows.mean(0)) / (count - 1)
    within = 0.5 * within + 0.5 * np.trace(within) / width * np.eye(width)
    inverse, centre = np.linalg.inv(within), np.mean(means, axis=0)
    expected = np.empty((len(query), len(exemplar)))
    for i, q in enumerate(query - centre):
        for j, e in enumerate(exemplar - centre):
            expected[i, j] = q @ inverse @ e / np.sqrt((q @ inverse @ q) * (e @ inverse @ e))
    np.testing.assert_allclose(CLASSIFIERS["whitened-cosine"](exemplar, query, features), expected, rtol=1e-6)


def test_whitening_ignores_what_varies_within_classes() -> None:
    """A direction in which clips of one class differ wildly must not decide."""
    rng = np.random.default_rng(0)

    def clouds(centres: Array, label: NDArray[np.int64]) -> Array:
        noise = rng.standard_normal((len(label), 12)) * [8.0, *[0.3] * 11]
        return np.asarray(centres[label] + noise)

    task = make_task([20] * 5)
    base, novel = rng.standard_normal((4, 12)), rng.standard_normal((5, 12))
    features = Features(
        clouds(base, task.base.label), task.base.label, clouds(novel, task.novel.label), task.novel.label
    )  # fmt: skip
    assert evaluate(task, features, "whitened-cosine").mean > evaluate(task, features, "cosine").mean + 0.2
