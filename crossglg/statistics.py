"""Intervals of accuracies, and a test of paired differences. Everything that reports a number takes them from here.

What the numbers can show:

- An interval says how far the mean would move with other seeds and other exemplars of the *same* benchmarks; it says
  nothing about other data sets. A bootstrap over S seeds is too narrow by √((S − 1) / S) and more: with five seeds,
  where training rather than the exemplars makes the difference, it is two thirds of Student's interval.
- The test asks whether the sign of the differences could be chance, over pairs of trainings (one per benchmark and
  seed). With n pairs no p-value is below 2 / 2ⁿ: five seeds on one benchmark cannot reach 0.05, three not even 0.2.
  The pairs of a benchmark share clips and exemplars, so the test speaks of these benchmarks with other seeds. It looks
  at one method at a time: of twenty methods that do nothing, one is expected below 0.05.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

Array = NDArray[np.floating]
Indices = NDArray[np.int64]
ENDS = (0.025, 0.975)  # of a 95 % interval
EXACT = 16  # so many pairs have few enough signs to try them all


@dataclass(frozen=True)
class Interval:
    """A mean and its 95 % interval."""

    mean: float
    low: float
    high: float

    @classmethod
    def of(cls, tables: Sequence[Array]) -> Interval:
        """Mean over benchmarks. tables: one (S seeds, R episodes) per benchmark, as `bootstrap_means` takes them."""
        low, high = np.quantile(bootstrap_means(tables), ENDS)
        return cls(float(np.mean([np.mean(table) for table in tables])), float(low), float(high))

    @classmethod
    def of_runs(cls, runs: ArrayLike) -> Interval:
        """Mean accuracy of one method on one benchmark. runs: (S seeds, R episodes).

        Of several seeds by bootstrap over seeds and episodes, of one seed by Student's t over its episodes.
        """
        table = np.asarray(runs, dtype=float)
        if len(table) > 1:
            return cls.of([table])
        mean, half = float(table.mean()), half_width(table[0])
        return cls(mean, mean - half, mean + half)

    @property
    def half_width(self) -> float:
        """Half the length of the interval: what stands after ±."""
        return (self.high - self.low) / 2.0

    @property
    def percent(self) -> str:
        """For tables of accuracies: mean ± half width in per cent."""
        return f"{100 * self.mean:.1f} ± {100 * self.half_width:.1f}"


def half_width(values: ArrayLike, level: float = 0.95) -> float:
    """Half width of the t-interval of the mean of `values`; 0 for fewer than two."""
    sample = np.asarray(values, dtype=float)
    if sample.size < 2:
        return 0.0
    standard_error = sample.std(ddof=1) / np.sqrt(sample.size)
    return float(stdtrit(sample.size - 1, 0.5 + level / 2.0) * standard_error)


def bootstrap_means(tables: Sequence[ArrayLike], samples: int = 2000) -> Array:
    """(samples,) means over benchmarks, each of resampled seeds and then resampled episodes.

    tables: one (S, R) per benchmark. A benchmark's episodes are the same for every seed, so a resample has the same
    episodes for all its seeds. Benchmarks are not resampled: they are not a sample of anything.
    """
    # `scipy.stats.bootstrap` resamples one axis, or several samples that have nothing to do with each other; here the
    # seeds and the episodes of one table are resampled together.
    arrays = [np.asarray(table, dtype=float) for table in tables]
    resamples = _resamples(tuple(array.shape for array in arrays), samples)
    means = [
        array[seeds[:, :, None], episodes[:, None, :]].mean((1, 2))
        for array, (seeds, episodes) in zip(arrays, resamples, strict=True)
    ]
    return np.asarray(np.mean(means, axis=0))


@lru_cache(maxsize=16)  # the tables of a study have few shapes, and drawing takes far longer than the means
def _resamples(shapes: tuple[tuple[int, ...], ...], samples: int) -> list[tuple[Indices, Indices]]:
    """Which seeds, (samples, S), and which episodes, (samples, R), are taken of each table; the same at every call."""
    rng = np.random.default_rng(0)
    found = []
    for seeds, episodes in shapes:
        chosen = [(rng.integers(seeds, size=seeds), rng.integers(episodes, size=episodes)) for _ in range(samples)]
        found.append((np.array([one for one, _ in chosen]), np.array([one for _, one in chosen])))
    return found


def bootstrap_bands(values: Array, samples: int = 2000) -> tuple[Array, Array, Array]:
    """(S, N, Q) → mean, low, high (Q,): the mean over models and clips, and its 95 % interval over resampled ones.

    The bootstrap of `bootstrap_means` with clips for episodes, for Q numbers with the same resamples. It counts how
    often each clip is drawn, which makes thousands of clips and hundreds of numbers quick. The counts take other
    random numbers than `bootstrap_means`, and either change would move published intervals in their last digit.
    """
    models, clips, _ = values.shape
    rng = np.random.default_rng(0)
    of_clips = rng.multinomial(clips, np.full(clips, 1 / clips), samples) / clips
    of_models = rng.multinomial(models, np.full(models, 1 / models), samples) / models
    means = np.einsum("bs,bsq->bq", of_models, np.einsum("bn,snq->bsq", of_clips, values, optimize=True))
    low, high = np.quantile(means, ENDS, axis=0)
    return values.mean((0, 1)), low, high


def sign_flip_test(differences: Sequence[ArrayLike], samples: int = 20_000) -> float:
    """Two-sided p-value of a mean difference over benchmarks, if the sign of every pair were chance.

    differences: (S,) per benchmark, one number per seed. All signs are tried for up to 16 pairs, else random ones.
    Source: the paired randomization test of Fisher, "The Design of Experiments", 1935.
    """
    # `scipy.stats.permutation_test` gives the same p where all signs are tried (a test compares the two). With random
    # signs it doubles the smaller tail, which would change the published p-values of 25 pairs.
    parts = [np.asarray(part, dtype=float) / (len(differences) * np.size(part)) for part in differences]
    share = np.concatenate(parts)  # what each pair adds to the mean
    if len(share) <= EXACT:
        signs = 1 - 2 * (np.arange(2 ** len(share))[:, None] >> np.arange(len(share)) & 1)
    else:
        signs = np.random.default_rng(0).choice([-1, 1], (samples, len(share)))
        signs[0] = 1  # what was observed is one of the possible outcomes, so p is never 0
    as_far = np.abs(signs @ share) >= abs(share.sum()) - 1e-12
    return float(as_far.mean())
