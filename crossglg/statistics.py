"""Methods compared on the same benchmarks, seeds and exemplar draws: intervals, paired differences, a test, a table.

Made from the records of runs (`crossglg.studies.study`) alone. What the numbers can show:

- An interval says how far the mean would move with other seeds and other exemplars of the *same* benchmarks; it says
  nothing about other data sets. A bootstrap over S seeds is too narrow by √((S − 1) / S) and more: with five seeds,
  where training rather than the exemplars makes the difference, it is two thirds of Student's interval.
- The test asks whether the sign of the differences could be chance, over pairs of trainings (one per benchmark and
  seed). With n pairs no p-value is below 2 / 2ⁿ: five seeds on one benchmark cannot reach 0.05, three not even 0.2.
  The pairs of a benchmark share clips and exemplars, so the test speaks of these benchmarks with other seeds. It looks
  at one method at a time: of twenty methods that do nothing, one is expected below 0.05.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crossglg.config import nearest

Array = NDArray[np.float64]
Runs = Mapping[int | None, Array]  # seed → (R,) accuracy per exemplar draw; None: a method that knows no seed
Accuracies = dict[str, dict[str, dict[int | None, Array]]]  # benchmark → method → runs
MEAN = "mean"
EXACT = 16  # so many pairs have few enough signs to try them all


@dataclass(frozen=True)
class Interval:
    """A mean and its 95 % interval."""

    mean: float
    low: float
    high: float

    @classmethod
    def of(cls, tables: Sequence[Array]) -> Interval:
        """Mean over benchmarks. tables: one (S seeds, R draws) per benchmark, as `bootstrap_means` takes them."""
        low, high = np.quantile(bootstrap_means(tables), [0.025, 0.975])
        return cls(float(np.mean([np.mean(table) for table in tables])), float(low), float(high))

    @property
    def half_width(self) -> float:
        return (self.high - self.low) / 2.0


def bootstrap_means(tables: Sequence[ArrayLike], samples: int = 2000) -> Array:
    """(samples,) means over benchmarks, each of resampled seeds and then resampled draws.

    tables: one (S, R) per benchmark. A benchmark's draws are the same for every seed, so a resample has the same draws
    for all its seeds. Benchmarks are not resampled: they are not a sample of anything.
    """
    rng = np.random.default_rng(0)
    means = np.empty((len(tables), samples))
    for row, table in zip(means, [np.asarray(table, dtype=float) for table in tables], strict=True):
        seeds, draws = table.shape
        for i in range(samples):
            row[i] = table[rng.integers(seeds, size=seeds)][:, rng.integers(draws, size=draws)].mean()
    return means.mean(0)


def sign_flip_test(differences: Sequence[ArrayLike], samples: int = 20_000) -> float:
    """Two-sided p-value of a mean difference over benchmarks, if the sign of every pair were chance.

    differences: (S,) per benchmark, one number per seed. All signs are tried for up to 16 pairs, else random ones.
    Source: the paired randomisation test of Fisher, "The Design of Experiments", 1935.
    """
    parts = [np.asarray(part, dtype=float) / (len(differences) * np.size(part)) for part in differences]
    share = np.concatenate(parts)  # what each pair adds to the mean
    if len(share) <= EXACT:
        signs = 1 - 2 * (np.arange(2 ** len(share))[:, None] >> np.arange(len(share)) & 1)
    else:
        signs = np.random.default_rng(0).choice([-1, 1], (samples, len(share)))
        signs[0] = 1  # what was observed is one of the possible outcomes, so p is never 0
    as_far = np.abs(signs @ share) >= abs(share.sum()) - 1e-12
    return float(as_far.mean())


def paired(runs: Runs, reference: Runs) -> Array:
    """(S, R) `runs` less `reference`, for the seeds that both have; a method without seeds pairs with every one."""
    seeds = [seed for seed in (reference if None in runs else runs) if seed in reference or None in reference]
    return np.array([_of_seed(runs, seed) - _of_seed(reference, seed) for seed in seeds])


def accuracies(records: Iterable[Mapping[str, Any]], classifiers: Sequence[str] = ("cosine",)) -> Accuracies:
    """Accuracy per exemplar draw: benchmark → method → seed → (R,), in the order of the records.

    records: as of `Study.finished`.  classifiers: by the first a method has its own name, by another it is "method,
    classifier". A run without a classifier is left out there. Raises ValueError for a classifier that no run has, or if
    two runs of a benchmark had not the same clips and exemplars.
    """
    found: Accuracies = {}
    known: dict[str, None] = {}
    clips: dict[str, tuple[str, str]] = {}
    for record in records:
        task, method, sha = record["task"], record["method"], record["clips_sha256"]
        before, other = clips.setdefault(task, (sha, record["name"]))
        if before != sha:
            raise ValueError(
                f"{record['name']} and {other} are both of {task}, but not on the same clips and exemplars; "
                f"keep the runs of one of them in the folder"
            )
        known |= dict.fromkeys(record["one_shot"])
        for classifier in classifiers:
            if classifier in record["one_shot"]:
                name = method if classifier == classifiers[0] else f"{method}, {classifier}"
                draws = np.asarray(record["one_shot"][classifier]["draws"], dtype=float)
                found.setdefault(task, {}).setdefault(name, {})[record["seed"]] = draws
    for classifier in classifiers:
        if known and classifier not in known:
            raise ValueError(
                f"no run has the classifier {classifier!r}{nearest(classifier, list(known))} {', '.join(known)}"
            )
    return found


def intervals(found: Accuracies) -> dict[str, dict[str, Interval]]:
    """Benchmark → method → interval; with several benchmarks also their mean, for methods that have run on all."""
    cells = {task: {m: Interval.of([_table(runs)]) for m, runs in row.items()} for task, row in found.items()}
    complete = [m for m in _methods(found) if all(m in row for row in found.values())]
    if len(found) > 1:
        cells[MEAN] = {m: Interval.of([_table(row[m]) for row in found.values()]) for m in complete}
    return cells


def accuracy_table(found: Accuracies) -> str:
    """Markdown: a row per method, a column per benchmark: mean ± half the 95 % interval; "×S" where seeds are fewer."""
    cells = intervals(found)
    most = max((len(runs) for row in found.values() for runs in row.values()), default=0)

    def written(task: str, method: str) -> str:
        if method not in cells[task]:
            return "–"
        runs = found.get(task, {}).get(method, {None: np.empty(0)})  # the mean over benchmarks has no runs of its own
        fewer = f" (×{len(runs)})" if None not in runs and len(runs) < most else ""
        return f"{100 * cells[task][method].mean:.1f} ± {100 * cells[task][method].half_width:.1f}{fewer}"

    lines = [f"| method | seeds | {' | '.join(cells)} |", "|---" * (len(cells) + 2) + "|"]
    for method in _methods(found):
        counts = [0 if None in row[method] else len(row[method]) for row in found.values() if method in row]
        columns = [str(max(counts) or "–"), *(written(task, method) for task in cells)]
        lines.append(f"| {method} | {' | '.join(columns)} |")
    return "\n".join(lines)


def difference_table(found: Accuracies, reference: str) -> str:
    """Markdown: how many points each method is above `reference` on the same seeds and draws, with a 95 % interval.

    The last columns: how many pairs (benchmark, seed) there are, and `sign_flip_test` of the mean over benchmarks. A
    benchmark where the two methods share no seed is left out of both. Raises ValueError for an unknown reference.
    """
    methods = _methods(found)
    if reference not in methods:
        raise ValueError(f"no finished run of the reference {reference!r}{nearest(reference, methods)}")
    columns = [*found, MEAN] if len(found) > 1 else list(found)
    lines = [f"| method less {reference} | {' | '.join(columns)} | pairs | p |", "|---" * (len(columns) + 3) + "|"]
    for method in methods:
        tables = {task: paired(row.get(method, {}), row.get(reference, {})) for task, row in found.items()}
        tables = {task: table for task, table in tables.items() if len(table)}
        if method == reference or not tables:
            continue
        of = {task: [table] for task, table in tables.items()} | {MEAN: list(tables.values())}
        cells = [_points(of[column]) if column in of else "–" for column in columns]
        pairs = sum(len(table) for table in tables.values())
        p = sign_flip_test([table.mean(1) for table in tables.values()])
        lines.append(f"| {method} | {' | '.join(cells)} | {pairs} | {p:.2g} |")
    return "\n".join(lines)


def _of_seed(runs: Runs, seed: int | None) -> Array:
    return runs[None] if None in runs else runs[seed]


def _points(tables: Sequence[Array]) -> str:
    cell = Interval.of(tables)
    return f"{100 * cell.mean:+.1f} [{100 * cell.low:+.1f}, {100 * cell.high:+.1f}]"


def _methods(found: Accuracies) -> list[str]:
    return list(dict.fromkeys(method for row in found.values() for method in row))


def _table(runs: Runs) -> Array:
    return np.array(list(runs.values()))
