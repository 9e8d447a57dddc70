"""One-shot classifiers equal their slow twins, and an evaluation counts every query once and no exemplar."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import stats
from sklearn.linear_model import LogisticRegression
from support.one_shot_toys import Few, few_of, make_features, make_task, only_z

from crossglg.data.clips import SkeletonSet, concatenate
from crossglg.data.synthetic import synthesize
from crossglg.data.tasks import Task
from crossglg.files import InputError
from crossglg.one_shot import CLASSIFIERS, Base, Classifier, Features, OneShotResult, evaluate, usable  # fmt: skip
from crossglg.one_shot.baselines import raw
from crossglg.one_shot.baselines.raw import raw_coordinates
from crossglg.one_shot.calibration import distribution_calibration
from crossglg.one_shot.pooled import cosine
from crossglg.one_shot.representation import Representation
from crossglg.skeletons import Layout

Array = NDArray[np.floating]


@pytest.fixture
def task() -> Task:
    return make_task([5, 8, 6, 7])


@pytest.fixture
def few(task: Task) -> Few:
    return few_of(task)


def cosine_loop(a: Array, b: Array) -> float:
    dot = sum(x * y for x, y in zip(a, b, strict=True))
    return dot / math.sqrt(sum(x * x for x in a)) / math.sqrt(sum(y * y for y in b))


def scores_loop(name: str, exemplars: Representation, queries: Representation, base: Base) -> list[list[float]]:
    mean = [sum(column) / len(base.clips) for column in base.clips.z.T]
    score = {
        "cosine": cosine_loop,
        "euclidean": lambda q, e: -math.sqrt(sum((x - y) ** 2 for x, y in zip(q, e, strict=True))),
        "centered-cosine": lambda q, e: cosine_loop(q - mean, e - mean),
    }[name]
    return [[score(q, e) for e in exemplars.z] for q in queries.z]


@pytest.mark.parametrize("name", ["cosine", "euclidean", "centered-cosine"])
def test_nearest_neighbor_scores_equal_the_loop(few: Few, name: str) -> None:
    np.testing.assert_allclose(CLASSIFIERS[name].score(*few), scores_loop(name, *few), atol=1e-9)


def calibrated_loop(exemplar: Array, base: Base, neighbors: int, spread: float) -> tuple[Array, Array]:
    """Equations 4–6 of Yang et al. for one exemplar, with the power transform of `distribution_calibration`."""
    width = len(exemplar)
    center = [np.mean(c) for c in base.clips.z.T]
    scale = [math.sqrt(np.mean([(v - m) ** 2 for v in c])) + 1e-6 for c, m in zip(base.clips.z.T, center, strict=True)]

    def tukey(z: Array) -> Array:
        return np.array(
            [math.copysign(abs((v - m) / s) ** 0.5, v - m) for v, m, s in zip(z, center, scale, strict=True)]
        )

    groups = [[tukey(z) for z, k in zip(base.clips.z, base.label, strict=True) if k == c] for c in range(4)]
    means = [sum(group) / len(group) for group in groups]
    point = tukey(exemplar)
    near = sorted(range(4), key=lambda c: sum((means[c] - point) ** 2))[:neighbors]
    mean = (point + sum(means[c] for c in near)) / (neighbors + 1)
    covariance = np.full((width, width), spread)
    for c in near:
        for i in range(width):
            for j in range(width):
                products = [(z[i] - means[c][i]) * (z[j] - means[c][j]) for z in groups[c]]
                covariance[i, j] += sum(products) / (len(groups[c]) - 1) / neighbors
    return mean, covariance


@pytest.fixture
def caught(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Array, Array]]:
    """What logistic regressions are fitted to."""
    found: list[tuple[Array, Array]] = []
    fit = LogisticRegression.fit

    def catching_fit(self: LogisticRegression, x: Array, y: Array) -> LogisticRegression:
        found.append((x, y))
        return fit(self, x, y)

    monkeypatch.setattr(LogisticRegression, "fit", catching_fit)
    return found


def test_calibrated_statistics_equal_the_loop(few: Few, caught: list[tuple[Array, Array]]) -> None:
    """Draws of the calibrated Gaussians are caught on their way to the logistic regression and measured."""
    exemplars, queries, base = few
    count = 20_000
    distribution_calibration(exemplars, queries, base, neighbors=3, spread=0.3, samples=count)
    (x, y), classes = caught[0], len(exemplars)
    assert np.bincount(y).tolist() == [count + 1] * classes  # the exemplar itself is one more sample
    calibrated = [calibrated_loop(exemplar, base, neighbors=3, spread=0.3) for exemplar in exemplars.z]
    middle = sum(mean for mean, _ in calibrated) / classes  # x is without its mean
    for k, (mean, covariance) in enumerate(calibrated):
        drawn = x[classes:][y[classes:] == k] + middle
        error = np.sqrt(np.diag(covariance) / count)
        assert (np.abs(drawn.mean(0) - mean) < 5 * error).all()
        np.testing.assert_allclose(np.cov(drawn.T), covariance, atol=0.04 * covariance.max())


@pytest.mark.filterwarnings("error::sklearn.exceptions.ConvergenceWarning")
def test_the_regression_of_calibration_is_fitted_to_its_end(few: Few, caught: list[tuple[Array, Array]]) -> None:
    """Against small steps down the gradient of the loss; features far from 0 are fitted as well."""
    exemplars, queries, base = few
    scores = distribution_calibration(exemplars, queries, base, samples=10)
    (x, y), classes = caught[0], len(exemplars)
    weight, intercept, true = np.zeros((x.shape[1], classes)), np.zeros(classes), np.eye(classes)[y]
    for _ in range(2000):
        odds = np.exp(x @ weight + intercept)
        error = odds / odds.sum(1, keepdims=True) - true
        weight, intercept = weight - 0.02 * (x.T @ error + weight), intercept - 0.02 * error.sum(0)
    unit = [(z - base.clips.z.mean(0)) / (base.clips.z.std(0) + 1e-6) for z in (exemplars.z, queries.z)]
    points, rows = (np.sign(z) * np.sqrt(np.abs(z)) for z in unit)
    np.testing.assert_allclose(scores, (rows - points[0] + x[0]) @ weight + intercept, atol=0.02)
    away = [replace(clips, z=clips.z + 50.0) for clips in (exemplars, queries, base.clips)]
    far = distribution_calibration(away[0], away[1], Base(away[2], base.label), samples=10)
    np.testing.assert_allclose(far, scores, atol=0.02)


def test_a_base_class_of_a_single_clip_can_be_calibrated_with(few: Few) -> None:
    exemplars, queries, base = few
    kept = np.flatnonzero((base.label > 0) | (np.arange(len(base.label)) == 0))
    base = Base(base.clips[kept], base.label[kept])
    assert np.isfinite(distribution_calibration(exemplars, queries, base, neighbors=4)).all()


@pytest.mark.parametrize("name", CLASSIFIERS)
@pytest.mark.parametrize("counts", [[4, 5], [5, 8, 6, 7]])
def test_scores_are_finite_with_one_column_per_exemplar(name: str, counts: list[int]) -> None:
    task = make_task(counts)
    features = make_features(task, 2.0)
    for side in (features.base.clips, features.novel):
        side.z[:, 0] = side.joints[..., 0] = side.sequence[..., 0] = 0.0  # a dead feature
    exemplar, query = features.novel[task.episodes[0]], features.novel[task.queries(0)]
    scores = CLASSIFIERS[name].score(exemplar, query, features.base)
    assert scores.shape == (sum(counts) - len(counts), len(counts))
    assert np.isfinite(scores).all()
    small = [
        replace(r, **{n: a.astype(np.float16) for n, a in r.parts().items() if n != "z"}) for r in (exemplar, query)
    ]
    single = [replace(r, z=r.z.astype(np.float32)) for r in small]
    np.testing.assert_allclose(CLASSIFIERS[name].score(*single, features.base), scores, rtol=0.05, atol=0.03)


@pytest.mark.parametrize("name", CLASSIFIERS)
@pytest.mark.parametrize("counts", [[5, 8], [5, 8, 6, 7]])
def test_separable_features_are_classified_without_error(name: str, counts: list[int]) -> None:
    task = make_task(counts)
    result = evaluate(task, make_features(task, 60.0), name)
    assert result.accuracy.tolist() == [1.0] * 6
    assert result.mean == 1.0
    assert result.interval == 0.0


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_another_order_of_classes_or_queries_changes_no_score(name: str, few: Few) -> None:
    exemplar, query, base = few
    scores = CLASSIFIERS[name].score(*few)
    rng = np.random.default_rng(3)
    rows, columns = rng.permutation(len(query)), rng.permutation(len(exemplar))
    again = CLASSIFIERS[name].score(exemplar[columns], query[rows], base)
    if name == "distribution-calibration":  # draws its samples class by class
        assert (again.argmax(1) == scores[np.ix_(rows, columns)].argmax(1)).mean() > 0.8
    else:
        np.testing.assert_allclose(again, scores[np.ix_(rows, columns)], rtol=1e-5, atol=1e-5)  # float32


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_query_that_is_the_exemplar_is_of_its_class(name: str, few: Few) -> None:
    exemplar, query, base = few
    pairs = zip(exemplar.parts().values(), query.parts().values(), strict=True)
    both = Representation(*(np.concatenate(pair) for pair in pairs))
    assert CLASSIFIERS[name].score(exemplar, both, base)[:4].argmax(1).tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("name", [name for name, classifier in CLASSIFIERS.items() if classifier.alone])
def test_scores_computed_at_once_for_all_draws_are_those_of_each_draw(name: str, task: Task) -> None:
    features = make_features(task, 1.5)
    right = []
    for number, draw in enumerate(task.episodes):
        query = task.queries(number)
        scores = CLASSIFIERS[name].score(features.novel[draw], features.novel[query], features.base)
        right.append(float((scores.argmax(1) == task.novel.label[query]).mean()))
    assert evaluate(task, features, name).accuracy.tolist() == right


def test_what_a_representation_lacks_is_named(task: Task) -> None:
    features = make_features(task, 2.0)
    plain = only_z(features.base.clips.z, task, features.novel.z)
    assert set(usable(features)) == set(CLASSIFIERS)
    assert usable(plain) == [name for name, classifier in CLASSIFIERS.items() if not classifier.needs]
    with pytest.raises(ValueError, match=r"temporal-set compares sequence, which .* a trained model makes them"):
        evaluate(task, plain, "temporal-set")
    unguided = replace(features, novel=replace(features.novel, importance=None))
    with pytest.raises(ValueError, match=r"joint-importance compares importance, .* guidance both or g2l predicts it"):
        evaluate(task, unguided, "joint-importance")


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"joints": np.ones((3, 5))}, r"joints must be \(N, V, D\) with N=3 as of z, got \(3, 5\)"),
        ({"sequence": np.ones((2, 4, 6))}, r"sequence must be \(N, T', D\) with N=3 as of z, got \(2, 4, 6\)"),
        ({"importance": np.ones((3, 5, 1))}, r"importance must be \(N, V\)"),
        ({"z": np.ones(3)}, r"z must be \(N, D\)"),
    ],
)
def test_parts_that_do_not_fit_are_refused(parts: dict[str, Array], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Representation(**{"z": np.ones((3, 6)), **parts})


@pytest.mark.parametrize("name", ["cosine", "euclidean", "centered-cosine"])
def test_shuffled_labels_are_chance(name: str) -> None:
    task = make_task([40] * 5, episodes=40)
    features = make_features(task, 60.0)
    shuffled = replace(features, novel=features.novel[np.random.default_rng(1).permutation(200)])
    assert evaluate(task, shuffled, name).mean == pytest.approx(1 / 5, abs=0.05)


@pytest.mark.parametrize("alone", [True, False])
def test_exemplars_are_never_queries(alone: bool, task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    features = only_z(np.zeros((36, 1)), task, np.arange(26.0)[:, None])  # a clip's feature is its index
    seen: list[tuple[list[float], list[float]]] = []

    def note(exemplar: Representation, query: Representation, base: Base) -> Array:
        seen.append((exemplar.z[:, 0].tolist(), query.z[:, 0].tolist()))
        return -np.abs(query.z - exemplar.z.T)

    monkeypatch.setitem(CLASSIFIERS, "note", Classifier(note, alone=alone))
    result = evaluate(task, features, "note")
    assert result.confusion.sum() == 6 * 22
    if alone:
        assert seen == [(np.unique(task.episodes).tolist(), list(range(26)))]
    else:
        assert [exemplars for exemplars, _ in seen] == task.episodes.tolist()
        assert all(sorted([*exemplars, *queries]) == list(range(26)) for exemplars, queries in seen)


def test_confusion_counts_every_query_once_by_true_class(task: Task) -> None:
    features = make_features(task, 1.5)
    result = evaluate(task, features, "euclidean")
    expected = np.zeros((4, 4), dtype=int)
    accuracy = []
    for draw in task.episodes:
        right = 0
        for i in sorted(set(range(26)) - set(draw.tolist())):
            guess = int(np.argmin([np.linalg.norm(features.novel.z[i] - features.novel.z[e]) for e in draw]))
            expected[task.novel.label[i], guess] += 1
            right += guess == task.novel.label[i]
        accuracy.append(right / 22)
    assert result.confusion.tolist() == expected.tolist()
    assert result.confusion.sum(1).tolist() == [6 * (n - 1) for n in (5, 8, 6, 7)]
    np.testing.assert_allclose(result.accuracy, accuracy)
    assert 0.3 < result.mean < 0.95  # neither trivial nor hopeless, so that rows and columns differ
    np.testing.assert_allclose(result.per_class, [expected[k, k] / expected[k].sum() for k in range(4)])


def test_interval_is_students_t_over_draws() -> None:
    values = np.array([0.4, 0.5, 0.7, 0.45])
    low, high = stats.t.interval(0.95, 3, loc=values.mean(), scale=stats.sem(values))
    assert OneShotResult("cosine", values, np.eye(2, dtype=int)).interval == pytest.approx((high - low) / 2)


def test_result_as_dict_holds_plain_numbers(task: Task) -> None:
    result = evaluate(task, make_features(task, 1.5))
    content = result.to_dict()
    assert content["mean"] == pytest.approx(sum(content["episodes"]) / 6)
    assert content["interval"] == result.interval > 0
    assert content["confusion"] == result.confusion.tolist()
    assert content["per_class"] == result.per_class.tolist()
    assert type(content["episodes"][0]) is float


def test_unknown_classifier_names_the_nearest(task: Task) -> None:
    with pytest.raises(ValueError, match=r"did you mean 'euclidean'\?.*centered-cosine"):
        evaluate(task, make_features(task, 1.0), "euclidian")


def test_features_embed_base_and_novel_once(task: Task) -> None:
    embedded: list[str] = []

    def embed(clips: SkeletonSet) -> Array:
        embedded.append(clips.name)
        return np.full((len(clips), 2), float(len(embedded)))

    features = Features.of(task, embed)
    assert embedded == ["base", "novel"]
    assert features.base.clips.z.shape == (36, 2) and features.base.label is task.base.label
    assert (features.base.clips.z == 1.0).all()
    assert (features.novel.z == 2.0).all()


def test_raw_coordinates_of_a_skeleton_without_hips_are_as_they_are() -> None:
    hand = Layout.from_edges("hand", ["wrist", "thumb"], [(0, 1)], "wrist")
    xyz = np.random.default_rng(0).normal(size=(8, 2, 3)).astype(np.float32)
    clips = SkeletonSet.build(xyz, [0, 8], [0], ["point"], hand)
    np.testing.assert_allclose(raw_coordinates(clips, frames=8), xyz.reshape(1, -1), atol=1e-6)


def test_raw_coordinates_are_the_same_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    one = synthesize(0, 3, ["clapping"])
    pairs = [np.concatenate([one[i][0], one[i][0][::-1]]) for i in range(3)]  # a second person goes backward in time
    offsets = np.cumsum([0, *map(len, pairs)])
    two = SkeletonSet.build(np.concatenate(pairs), offsets, [0] * 3, ["two"], one.layout, persons=np.full(3, 2))
    clips = concatenate([one, two], "mixed")
    whole = raw_coordinates(clips, frames=8)
    monkeypatch.setattr(raw, "AT_ONCE", 2)
    np.testing.assert_array_equal(raw_coordinates(clips, frames=8), whole)
    assert not whole[:3, whole.shape[1] // 2 :].any() and whole[3:, whole.shape[1] // 2 :].any()


def test_raw_coordinates_ignore_where_and_which_way_a_person_stands() -> None:
    clips = synthesize(0, 2, ["clapping", "kicking something"])
    turn = np.array([[math.cos(1.0), 0, math.sin(1.0)], [0, 1, 0], [-math.sin(1.0), 0, math.cos(1.0)]])
    moved = replace(clips, xyz=(1.2 * clips.xyz @ turn + [1.0, 0.5, -2.0]).astype(np.float32))
    before = raw_coordinates(clips, frames=8)
    assert before.shape == (4, 8 * 25 * 3)
    np.testing.assert_allclose(raw_coordinates(moved, frames=8), before, atol=1e-3)
    assert np.linalg.norm(before[0] - before[2]) > 1.0


def test_whitened_cosine_equals_the_plain_sums(few: Few) -> None:
    """Mahalanobis products: covariance within classes by loops, inverse instead of eigenvectors."""
    exemplar, query, base = few
    width, means = exemplar.z.shape[1], []
    within, count = np.zeros((width, width)), len(base.label)
    for k in sorted(set(base.label.tolist())):
        rows = base.clips.z[base.label == k]
        means.append(rows.mean(0))
        for row in rows:
            within += np.outer(row - rows.mean(0), row - rows.mean(0)) / (count - 1)
    within = 0.5 * within + 0.5 * np.trace(within) / width * np.eye(width)
    inverse, center = np.linalg.inv(within), np.mean(means, axis=0)
    expected = np.empty((len(query), len(exemplar)))
    for i, q in enumerate(query.z - center):
        for j, e in enumerate(exemplar.z - center):
            expected[i, j] = q @ inverse @ e / np.sqrt((q @ inverse @ q) * (e @ inverse @ e))
    np.testing.assert_allclose(CLASSIFIERS["whitened-cosine"].score(*few), expected, rtol=1e-6)


def test_whitening_ignores_what_varies_within_classes() -> None:
    """A direction in which clips of one class differ wildly must not decide."""
    rng = np.random.default_rng(0)

    def clouds(centers: Array, label: NDArray[np.int64]) -> Array:
        noise = rng.standard_normal((len(label), 12)) * [8.0, *[0.3] * 11]
        return np.asarray(centers[label] + noise)

    task = make_task([20] * 5)
    base, novel = rng.standard_normal((4, 12)), rng.standard_normal((5, 12))
    features = only_z(clouds(base, task.base.label), task, clouds(novel, task.novel.label))
    assert evaluate(task, features, "whitened-cosine").mean > evaluate(task, features, "cosine").mean + 0.2


@pytest.mark.parametrize("alone", [True, False])
@pytest.mark.parametrize(
    ("score", "message"),
    [
        (
            lambda e, q, b: cosine(e, q, b).T,
            r"gives scores of shape \(\d+, \d+\); they must be \(queries, exemplars\) = ",
        ),
        (lambda e, q, b: torch.tensor(cosine(e, q, b)), "gives a Tensor; its scores must be a numpy array of numbers"),
        (lambda e, q, b: cosine(e, q, b).astype(str), "gives an array of <U"),
        (lambda e, q, b: cosine(e, q, b) * np.nan, "gives scores that are not finite; they must be finite"),
        (lambda e, q, b: {}["a"], "failed: KeyError: 'a'"),
    ],
)
def test_a_classifier_that_gives_no_scores_is_named(
    task: Task, monkeypatch: pytest.MonkeyPatch, alone: bool, score: Any, message: str
) -> None:
    monkeypatch.setitem(CLASSIFIERS, "mine", Classifier(score, alone=alone))
    with pytest.raises(InputError, match=f"^classifier 'mine' {message}"):
        evaluate(task, make_features(task, 2.0), "mine")


def test_features_that_are_not_finite_are_said_to_be_so(task: Task) -> None:
    features = make_features(task, 2.0)
    features.novel.z[3] = np.nan
    with pytest.raises(InputError, match="'cosine' gives scores that are not finite; the features are not finite, eit"):
        evaluate(task, features, "cosine")
