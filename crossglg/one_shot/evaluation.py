"""Accuracy of a classifier over many episodes of one exemplar per novel class."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossglg.data.tasks import Task
from crossglg.files import InputError, nearest
from crossglg.one_shot.classifiers import CLASSIFIERS, TEXT_CLASSIFIERS
from crossglg.one_shot.features import Array, Features
from crossglg.one_shot.representation import Representation
from crossglg.one_shot.text_at_inference import ClassTexts
from crossglg.statistics import half_width


@dataclass(frozen=True)
class OneShotResult:
    """How well one classifier recognized the queries.

    Attributes:
        classifier: its name.
        accuracy: top-1 of each episode, in 0…1, `(R,)`.
        confusion: counts summed over episodes, `(K, K)`, rows true, columns recognized.
    """

    classifier: str
    accuracy: Array
    confusion: NDArray[np.int64]

    def __repr__(self) -> str:
        return f"{self.classifier}: {100 * self.mean:.1f} ± {100 * self.interval:.1f} %"

    @property
    def mean(self) -> float:
        return float(self.accuracy.mean())

    @property
    def interval(self) -> float:
        """Half width of the 95 % interval of the mean over episodes (Student's t; 0 for a single episode)."""
        return half_width(self.accuracy)

    @property
    def per_class(self) -> Array:
        """(K,) accuracy of each novel class over all episodes."""
        return np.diag(self.confusion) / np.maximum(self.confusion.sum(1), 1)

    def to_dict(self) -> dict[str, Any]:
        return {
            "mean": self.mean,
            "interval": self.interval,
            "episodes": self.accuracy.tolist(),
            "per_class": self.per_class.tolist(),
            "confusion": self.confusion.tolist(),
        }


def evaluate(
    task: Task, features: Features, classifier: str = "cosine", texts: ClassTexts | None = None
) -> OneShotResult:
    """Classify all queries of a task from one exemplar per class, for every episode of exemplars.

    Args:
        task: K novel classes and R episodes of an exemplar of each.
        features: base and novel clips as a model represents them: `Features.of(task, trained.represent)`.
        classifier: a name in `CLASSIFIERS` or `TEXT_CLASSIFIERS`.
        texts: what texts say about the novel classes, for classifiers of text at inference; no other sees it.

    Returns:
        Top-1 accuracy of each episode, `(R,)` in 0…1, and the confusion of classes, `(K, K)` counts.

    Raises:
        ValueError: the classifier is unknown, needs what the features lack, or needs texts that are not given.
        InputError: the classifier fails, or its scores are not finite or of another shape.
    """
    return _accuracy(task, _scorer(task, features, classifier, texts), classifier)


def _accuracy(task: Task, score: Callable[[int, NDArray[np.int64]], Array], classifier: str) -> OneShotResult:
    """Accuracy and confusion of scores. score: (number of an episode, indices of its queries) → (Q, K)."""
    count = len(task.novel.class_names)
    confusion = np.zeros((count, count), dtype=np.int64)
    accuracy = []
    for number in range(len(task.episodes)):
        query = task.queries(number)
        predicted, true = score(number, query).argmax(1), task.novel.label[query]
        np.add.at(confusion, (true, predicted), 1)
        accuracy.append(float((predicted == true).mean()))
    return OneShotResult(classifier, np.array(accuracy), confusion)


def _scorer(
    task: Task, features: Features, name: str, texts: ClassTexts | None
) -> Callable[[int, NDArray[np.int64]], Array]:
    """(number of an episode, indices of its queries) → (Q, K) scores. What episodes share is computed once."""
    known = {**CLASSIFIERS, **TEXT_CLASSIFIERS}
    if name not in known:
        raise ValueError(f"unknown classifier {name!r}{nearest(name, known)} Classifiers: {', '.join(known)}")
    classifier, novel, base = known[name], features.novel, features.base
    if missing := classifier.missing(features, texts):
        where = _WHERE_FROM.get(missing, "a trained model makes them (TrainedModel.represent)")
        raise ValueError(f"{name} compares {missing}, which these features have not: {where}")
    if name in TEXT_CLASSIFIERS and texts is None:
        raise ValueError(f"{name} is text at inference: it needs the texts of the novel classes")

    def score(exemplars: NDArray[np.int64], query: NDArray[np.int64] | slice) -> Array:
        given: list[Any] = [novel[exemplars], novel[query], base]
        if texts is not None and name in TEXT_CLASSIFIERS:
            mirrored = None if features.mirrored is None else features.mirrored[exemplars]
            given.append(texts.of_exemplars(task.novel.label[exemplars], mirrored))
        try:
            scores = classifier.score(*given)
        except Exception as error:  # whatever happens in code of others
            raise InputError(f"classifier {name!r} failed: {type(error).__name__}: {error}") from error
        _check_scores(scores, name, given[0], given[1])
        return scores

    if not classifier.alone:
        return lambda number, query: score(task.episodes[number], query)
    every = np.unique(task.episodes)  # the exemplars of all episodes
    scores = score(every, slice(None))  # (N, E)
    return lambda number, query: scores[np.ix_(query, np.searchsorted(every, task.episodes[number]))]


def _check_scores(scores: Any, name: str, exemplars: Representation, queries: Representation) -> None:
    """Raise InputError unless these are (Q, K) finite numbers."""
    if not isinstance(scores, np.ndarray) or scores.dtype.kind not in "fiub":
        kind = f"an array of {scores.dtype}" if isinstance(scores, np.ndarray) else f"a {type(scores).__name__}"
        raise InputError(f"classifier {name!r} gives {kind}; its scores must be a numpy array of numbers")
    expected = (len(queries), len(exemplars))
    if scores.shape != expected:
        raise InputError(
            f"classifier {name!r} gives scores of shape {scores.shape}; they must be (queries, exemplars) = {expected}"
        )
    if not np.isfinite(scores).all():
        given = np.isfinite(queries.z).all() and np.isfinite(exemplars.z).all()
        why = "they must be finite, also where features are zero" if given else "the features are not finite, either"
        raise InputError(f"classifier {name!r} gives scores that are not finite; {why}")


_WHERE_FROM = {
    "mirrored": "an evaluation with texts makes them (crossglg evaluate --text-at-inference)",
    "importance": "a model with guidance both or g2l predicts it (TrainedModel.represent)",
    "attributes": "a model with objective=attributes predicts them (TrainedModel.represent)",
    "statements": "every description of a novel class must have them (crossglg describe --statements)",
}
