"""One-shot evaluation: features once, then a classifier from one exemplar per novel class, over many exemplar draws."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from crossglg.config import nearest
from crossglg.data.protocols import Task

Array = NDArray[np.floating]


@dataclass(frozen=True)
class Features:
    """Representations of a task's clips. base (N_base, D) with labels;  novel (N_novel, D) with labels."""

    base: Array
    base_label: NDArray[np.int64]
    novel: Array
    novel_label: NDArray[np.int64]

    @classmethod
    def of(cls, task: Task, embed: Callable[[Any], Array]) -> Features:
        """Embed every clip of a task once. embed: SkeletonSet → (N, D)."""
        return cls(embed(task.base), task.base.label, embed(task.novel), task.novel.label)


# exemplars (K, D), queries (Q, D), features (for statistics of the base classes only) → scores (Q, K), higher is better
Classifier = Callable[[Array, Array, Features], Array]


def cosine(exemplar: Array, query: Array, features: Features) -> Array:
    """Cosine similarity to the exemplar: the field's common choice."""
    return unit_rows(query) @ unit_rows(exemplar).T


def euclidean(exemplar: Array, query: Array, features: Features) -> Array:
    """Negative Euclidean distance to the exemplar."""
    return -np.sqrt(np.maximum(((query[:, None] - exemplar[None]) ** 2).sum(-1), 0.0))


def centred_cosine(exemplar: Array, query: Array, features: Features) -> Array:
    """Cosine after subtracting the mean of the base features. Source: SimpleShot (Wang et al. 2019), "CL2N"."""
    mean = features.base.mean(0)
    return unit_rows(query - mean) @ unit_rows(exemplar - mean).T


def whitened_cosine(exemplar: Array, query: Array, features: Features, shrinkage: float = 0.5) -> Array:
    """Cosine after whitening by the covariance within base classes, which says what varies without meaning.

    shrinkage: how far the covariance is drawn toward a sphere of the same size, 0…1.  Source: within-class covariance
    normalisation (Hatch, Kajarekar and Stolcke, Interspeech 2006).
    """
    classes, of_clip = np.unique(features.base_label, return_inverse=True)
    means = np.stack([features.base[of_clip == k].mean(0) for k in range(len(classes))])
    within = np.cov((features.base - means[of_clip]).T)
    size = np.trace(within) / len(within)
    values, vectors = np.linalg.eigh((1.0 - shrinkage) * within + shrinkage * size * np.eye(len(within)))
    whiten = vectors / np.sqrt(np.maximum(values, 1e-12))
    centre = means.mean(0)
    return unit_rows((query - centre) @ whiten) @ unit_rows((exemplar - centre) @ whiten).T


def distribution_calibration(
    exemplar: Array,
    query: Array,
    features: Features,
    neighbours: int = 2,
    spread: float = 0.21,
    samples: int = 200,
    power: float = 0.5,
) -> Array:
    """Logistic regression on features drawn from calibrated Gaussians, one per exemplar.

    Each exemplar's mean is averaged with its `neighbours` nearest base classes' means, its covariance is their mean
    covariance plus `spread`. Source: Yang et al., "Free Lunch for Few-Shot Learning: Distribution Calibration", ICLR
    2021; used by CrossGLG. Differs: Tukey's power keeps the sign, since our features are not all positive; features
    have unit variance over the base clips first; base statistics are taken after the transform, in the same space as
    the exemplars; fewer samples per class.
    """
    from sklearn.linear_model import LogisticRegression

    scale = features.base.std(0) + 1e-6

    def tukey(z: Array) -> Array:
        z = z / scale
        return np.sign(z) * np.abs(z) ** power

    base, exemplar, query = tukey(features.base), tukey(exemplar), tukey(query)
    means = np.stack([base[features.base_label == k].mean(0) for k in np.unique(features.base_label)])
    rng = np.random.default_rng(0)
    drawn = []
    for point in exemplar:
        near = np.argsort(((means - point) ** 2).sum(1))[:neighbours]
        mean = (means[near].sum(0) + point) / (neighbours + 1)
        groups = [base[features.base_label == np.unique(features.base_label)[k]] for k in near]
        covariance = np.mean([_covariance(group) for group in groups], axis=0) + spread
        drawn.append(rng.multivariate_normal(mean, covariance, samples, method="eigh").astype(np.float32))
    x = np.concatenate([exemplar, *drawn])
    y = np.concatenate([np.arange(len(exemplar)), np.repeat(np.arange(len(exemplar)), samples)])
    model = LogisticRegression(max_iter=200, C=1.0).fit(x, y)
    return model.decision_function(query) if len(exemplar) > 2 else model.predict_log_proba(query)


CLASSIFIERS: dict[str, Classifier] = {
    "cosine": cosine,
    "euclidean": euclidean,
    "centred-cosine": centred_cosine,
    "whitened-cosine": whitened_cosine,
    "distribution-calibration": distribution_calibration,
}


@dataclass(frozen=True)
class OneShotResult:
    """accuracy: (R,) top-1 per exemplar draw, in 0…1;  confusion: (K, K) counts, rows true, summed over draws."""

    classifier: str
    accuracy: Array
    confusion: NDArray[np.int64]

    @property
    def mean(self) -> float:
        return float(self.accuracy.mean())

    @property
    def interval(self) -> float:
        """Half width of the 95 % interval of the mean over draws (Student's t; 0 for a single draw)."""
        return half_width(self.accuracy)

    @property
    def per_class(self) -> Array:
        """(K,) accuracy of each novel class over all draws."""
        return np.diag(self.confusion) / np.maximum(self.confusion.sum(1), 1)

    def to_dict(self) -> dict[str, Any]:
        return {
            "mean": self.mean,
            "interval": self.interval,
            "draws": self.accuracy.tolist(),
            "per_class": self.per_class.tolist(),
            "confusion": self.confusion.tolist(),
        }


def evaluate(task: Task, features: Features, classifier: str = "cosine") -> OneShotResult:
    """Top-1 accuracy over all queries for every exemplar draw. Raises ValueError for an unknown classifier."""
    if classifier not in CLASSIFIERS:
        raise ValueError(
            f"unknown classifier {classifier!r}{nearest(classifier, list(CLASSIFIERS))} "
            f"Classifiers: {', '.join(CLASSIFIERS)}"
        )
    scores = CLASSIFIERS[classifier]
    return evaluate_scores(task, lambda e, q: scores(features.novel[e], features.novel[q], features), classifier)


def evaluate_scores(task: Task, scores: Callable[[Any, Any], Array], classifier: str) -> OneShotResult:
    """`evaluate` for methods that compare the clips themselves, without features.

    scores: (exemplars (K,), queries (Q,)), both indices of novel clips → (Q, K), higher is better.
    """
    count = len(task.novel.class_names)
    confusion = np.zeros((count, count), dtype=np.int64)
    accuracy = []
    for number, draw in enumerate(task.draws):
        query = task.queries(number)
        predicted, true = scores(draw, query).argmax(1), task.novel.label[query]
        np.add.at(confusion, (true, predicted), 1)
        accuracy.append(float((predicted == true).mean()))
    return OneShotResult(classifier, np.array(accuracy), confusion)


def half_width(values: Array, level: float = 0.95) -> float:
    """Half width of the t-interval of the mean of `values`; 0 for fewer than two."""
    if len(values) < 2:
        return 0.0
    return float(stats.t.ppf(0.5 + level / 2.0, len(values) - 1) * stats.sem(values))


def _covariance(rows: Array) -> Array:
    """(D, D); zero for a class of one clip, which shows no spread."""
    return np.cov(rows.T) if len(rows) > 1 else np.zeros((rows.shape[1], rows.shape[1]))


def unit_rows(z: Array) -> Array:
    """(…, D) scaled to unit length; rows of zeros stay zero."""
    return z / np.maximum(np.linalg.norm(z, axis=-1, keepdims=True), 1e-12)
