"""Distribution calibration, the classifier of the paper."""

from __future__ import annotations

import numpy as np

from crossglg.one_shot.features import Array, Base, class_means
from crossglg.one_shot.representation import Representation


def distribution_calibration(
    exemplar: Representation,
    query: Representation,
    base: Base,
    neighbors: int = 2,
    spread: float = 0.21,
    samples: int = 200,
    power: float = 0.5,
) -> Array:
    """Logistic regression on features drawn from calibrated Gaussians, one per exemplar.

    Each exemplar's mean is averaged with its `neighbors` nearest base classes' means, its covariance is their mean
    covariance plus `spread`. Source: Yang et al., "Free Lunch for Few-Shot Learning: Distribution Calibration", ICLR
    2021; used by CrossGLG. Differs: features have mean 0 and unit variance over the base clips first, without which
    the regression does not converge where a mean is far from 0; so Tukey's power keeps the sign; base statistics are
    taken after the transform, in the same space as the exemplars; fewer samples per class.
    """
    from sklearn.linear_model import LogisticRegression

    center, scale = base.clips.z.mean(0), base.clips.z.std(0) + 1e-6

    def tukey(z: Array) -> Array:
        z = (z - center) / scale
        return np.sign(z) * np.abs(z) ** power

    rows, points = tukey(base.clips.z), tukey(exemplar.z)
    groups = [rows[base.label == k] for k in np.unique(base.label)]
    means = class_means(rows, base.label)
    rng = np.random.default_rng(0)
    drawn = []
    for point in points:
        near = np.argsort(((means - point) ** 2).sum(1))[:neighbors]
        mean = (means[near].sum(0) + point) / (neighbors + 1)
        around = sum(_draw_around_mean(groups[k], samples, rng) for k in near) / np.sqrt(len(near))
        around = around + np.sqrt(spread) * rng.standard_normal((samples, 1))  # the same for all features
        drawn.append((mean + around).astype(np.float32))
    x = np.concatenate([points, *drawn]).astype(np.float32)
    y = np.concatenate([np.arange(len(points)), np.repeat(np.arange(len(points)), samples)])
    middle = x.mean(0)  # the intercept makes up for it, and the fit takes fewer steps
    model = LogisticRegression(max_iter=1000, C=1.0).fit(x - middle, y)
    rows = tukey(query.z) - middle
    scores = model.decision_function(rows)  # of two classes one column, how much the second is ahead
    return scores if scores.ndim == 2 else np.stack([-scores, scores], axis=1)


def _draw_around_mean(rows: Array, samples: int, rng: np.random.Generator) -> Array:
    """(samples, D) from the Gaussian of mean zero and the covariance of the rows, as random sums of the rows.

    No covariance has to be decomposed. Zero for a class of one clip, which shows no spread.
    """
    factors = rng.standard_normal((samples, len(rows))) / np.sqrt(max(1, len(rows) - 1))
    return factors @ (rows - rows.mean(0))
