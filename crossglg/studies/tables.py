"""What is read from a study's finished runs: accuracies, paired differences, a figure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import product, takewhile
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from crossglg import tables
from crossglg.files import InputError, nearest
from crossglg.one_shot import TEXT_CLASSIFIERS
from crossglg.statistics import Array, Interval, sign_flip_test
from crossglg.studies.results import Row, finished
from crossglg.studies.spec import UNTRAINED, BaseSide, Run, Study
from crossglg.viz import figures

Runs = Mapping[int | None, Array]  # seed → (R,) accuracy per episode; None: a method that knows no seed
Accuracies = dict[str, dict[str, dict[int | None, Array]]]  # benchmark → method → runs
Finished = tuple[Run, Row]
MEAN = "mean"  # the column of the mean over benchmarks


def study_table(study: Study, folder: str | Path, classifiers: Sequence[str] = (), reference: str = "") -> str:
    """Markdown of a study's finished runs: accuracies, paired differences to `reference`, and what they are made of.

    The tables come once per encoder. Ensembles are compared with the reference's ensemble.

    Args:
        study: Whose runs.
        folder: Where its table file lies.
        classifiers: How clips are compared; default the study's.
        reference: The method that the others are compared with; default the study's.

    Raises:
        InputError: No run has the classifier or the reference, or two runs of a benchmark had not the same clips.
    """
    found = finished(study, folder)
    if not found:
        return f"{study.name}: no run is finished in {folder}."
    classifiers = tuple(classifiers) or _evaluated(study.classifiers, found)
    if not classifiers:
        return f"{study.name}: {len(found)} of {len(study.runs())} runs, none by {', '.join(study.classifiers)} yet."
    parts = [
        f"{study.name}: {len(found)} of {len(study.runs())} runs. Top-1 accuracy, %, by {classifiers[0]} where no "
        "other classifier is named, and differences in points, with 95 % intervals over seeds and episodes; p of "
        "a sign-flip test." + _reading_texts(classifiers)
    ]
    against = reference or study.reference
    for encoder in study.encoders:
        ours = _of_encoder(found, encoder)
        if encoder:
            parts.append(f"### {encoder}")
        parts.append(accuracy_table(accuracies(ours, classifiers)))
        # Like with like: an ensemble is one result, not one more for each seed that is in it.
        single = [(run, row) for run, row in ours if not run.members]
        ensembles = [(run, row) for run, row in ours if run.members]
        if reference or _has_method(single, against):  # the study's own may not have run yet
            parts.append(difference_table(accuracies(single, classifiers), against))
        ensemble = f"{against} ×{len(study.seeds)}"
        if _has_method(ensembles, ensemble):
            parts.append(difference_table(accuracies(ensembles, _evaluated(classifiers, ensembles)), ensemble))
    return "\n\n".join([*parts, _provenance(found)])


def means_table(study: Study, folder: str | Path, classifiers: Sequence[str] = (), reference: str = "") -> str:
    """Markdown of the means over a study's benchmarks, a column per classifier: accuracies, paired differences.

    Every encoder and every base side has tables of its own; a method is compared with the reference by
    the same classifier. Ensembles are left out; a method has a dash until it has run on all benchmarks of the table.

    Args and Raises: as `study_table`; default are all classifiers that were measured.
    """
    found = [(run, row) for run, row in finished(study, folder) if not run.members]
    if not found:
        return f"{study.name}: no run is finished in {folder}."
    begun, planned = len({(run.config.benchmark, run.config.dataset) for run, _ in found}), len(study.benchmarks)
    over = f"{begun} of {planned}" if begun < planned else f"{planned}"
    parts = [
        f"{study.name}: {len(found)} of {len(study.runs())} runs, means over {over} benchmarks. Top-1 "
        "accuracy, %, and differences in points, with 95 % intervals over seeds and episodes; a column per classifier."
        + _reading_texts(_evaluated(tuple(classifiers) or study.measured or study.classifiers, found))
    ]
    several = len(study.encoders) > 1 or len(study.base_sides) > 1
    for encoder, side in product(study.encoders, study.base_sides):
        ours = _of_side(_of_encoder(found, encoder), side)
        if several:
            parts.append(f"### {f'{encoder}, ' if encoder else ''}{side}")
        names = _evaluated(tuple(classifiers) or study.measured or study.classifiers, ours)
        parts += _mean_tables({name: accuracies(ours, (name,)) for name in names}, reference or study.reference)
    return "\n\n".join([*parts, _provenance(found)])


def _reading_texts(classifiers: Sequence[str]) -> str:
    """Which of them read texts of the novel classes: their figures are labeled."""
    reading = [name for name in classifiers if name in TEXT_CLASSIFIERS]
    return f" With texts of the novel classes: {', '.join(reading)}." if reading else ""


def _mean_tables(found: Mapping[str, Accuracies], reference: str) -> list[str]:
    """Markdown of accuracies and of differences, a column for each classifier in `found`."""
    methods = list(dict.fromkeys(method for one in found.values() for method in _methods(one)))
    means, differences = [], []
    for method in methods:
        seeds = max(_seeds(row[method]) for one in found.values() for row in one.values() if method in row)
        means.append([method, str(seeds or "–"), *(_percent(one, method) for one in found.values())])
        if method != reference:
            pairs = [_pairs(one, method, reference) for one in found.values()]
            differences.append([method, *(_points(of_all) if of_all else "–" for of_all in pairs)])
    return [
        tables.markdown(["method", "seeds", *found], means),
        tables.markdown([f"method minus {reference}", *found], differences),
    ]


def _percent(found: Accuracies, method: str) -> str:
    """The mean over all benchmarks; a dash where the method has not run on every one."""
    runs = [row[method] for row in found.values() if method in row]
    return Interval.of([_stacked(one) for one in runs]).percent if len(runs) == len(found) else "–"


def _pairs(found: Accuracies, method: str, reference: str) -> list[Array]:
    """`paired` for every benchmark; nothing where there are no pairs on one of them."""
    pairs = [paired(row.get(method, {}), row.get(reference, {})) for row in found.values()]
    return pairs if all(map(len, pairs)) else []


def study_figure(study: Study, folder: str | Path, classifiers: Sequence[str] = ()) -> Figure:
    """The accuracies of `study_table` as dots with their intervals, a panel per benchmark.

    Of a study of several base sides: what each method gains over the reference, a panel per classifier.
    """
    found = finished(study, folder)
    classifiers = tuple(classifiers) or _evaluated(study.classifiers, found) or study.classifiers
    if len(study.base_sides) > 1:
        return _gains(study, found, classifiers)
    if any(study.encoders):
        found = [(replace(run, method=_with_encoder(run)), row) for run, row in found]
    cells = intervals(accuracies(found, classifiers))
    return figures.method_intervals(
        {
            task: {method: (c.mean, c.low, c.high) for method, c in row.items()}
            for task, row in zip(short_names(cells), cells.values(), strict=True)
        }
    )


def _gains(study: Study, rows: Sequence[Finished], classifiers: Sequence[str]) -> Figure:
    gains: dict[str, dict[str, dict[str, tuple[float, float, float]]]] = {}
    for classifier, side in product(classifiers, study.base_sides):
        ours = _of_side(rows, side)
        found = accuracies(ours, _evaluated((classifier,), ours))
        for method in study.methods:
            pairs = _pairs(found, method, study.reference)
            if method != study.reference and pairs:
                cell = Interval.of([100 * table for table in pairs])
                points = gains.setdefault(classifier, {}).setdefault(method, {})
                points[_tick(study, side)] = (cell.mean, cell.low, cell.high)
    what = "base classes" if len(study.base_shares) > 1 else "clips of each base class"
    return figures.gain_by_base_side(gains, study.reference, f"{what} learned from")


def accuracies(rows: Iterable[Finished], classifiers: Sequence[str] = ("cosine",)) -> Accuracies:
    """Accuracy per episode: benchmark → method → seed → (R,), in the order of the runs.

    classifiers: by the first a method has its own name, by another it is "method,
    classifier". A run without a classifier is left out there. Raises InputError for a classifier that no run has, or if
    two runs of a benchmark had not the same clips and exemplars.
    """
    found: Accuracies = {}
    known: dict[str, None] = {}
    clips: dict[str, tuple[str, str]] = {}
    for run, row in rows:
        before, other = clips.setdefault(row.task, (row.clips_sha256, row.name))
        if before != row.clips_sha256:
            raise InputError(
                f"{row.name} and {other} are both of {row.task}, but not on the same clips and exemplars; delete the "
                f"lines of one of them in the study's table file"
            )
        known |= dict.fromkeys(row.correct)
        for classifier in classifiers:
            if classifier in row.correct:
                name = run.method if classifier == classifiers[0] else f"{run.method}, {classifier}"
                found.setdefault(row.task, {}).setdefault(name, {})[run.seed] = row.accuracy(classifier)
    for classifier in classifiers:
        if known and classifier not in known:
            hint = nearest(classifier, known)
            raise InputError(f"no run has the classifier {classifier!r}{hint} They have {', '.join(known)}")
    return found


def paired(runs: Runs, reference: Runs) -> Array:
    """(S, R) `runs` minus `reference`, for the seeds that both have; a method without seeds pairs with every one."""
    seeds = list(reference) if None in runs else list(runs)
    both = [seed for seed in seeds if seed in reference or None in reference]
    return np.array([_of_seed(runs, seed) - _of_seed(reference, seed) for seed in both])


def intervals(found: Accuracies) -> dict[str, dict[str, Interval]]:
    """Benchmark → method → interval; with several benchmarks also their mean, for methods that have run on all."""
    cells = {task: {m: Interval.of([_stacked(runs)]) for m, runs in row.items()} for task, row in found.items()}
    if len(found) > 1:
        complete = [method for method in _methods(found) if all(method in row for row in found.values())]
        cells[MEAN] = {m: Interval.of([_stacked(row[m]) for row in found.values()]) for m in complete}
    return cells


def accuracy_table(found: Accuracies) -> str:
    """Markdown: a row per method, a column per benchmark: mean ± half the 95 % interval; "×S" where seeds are fewer."""
    cells = intervals(found)
    most = max((_seeds(runs) for row in found.values() for runs in row.values()), default=0)
    rows = []
    for method in _methods(found):
        count = max(_seeds(row[method]) for row in found.values() if method in row)
        row = [method, str(count or "–")]
        for task, intervals_of in cells.items():
            if method not in intervals_of:
                row.append("–")
                continue
            text = intervals_of[method].percent
            seeds = _seeds(found[task][method]) if task in found else 0  # the mean has no runs of its own
            row.append(f"{text} (×{seeds})" if 0 < seeds < most else text)
        rows.append(row)
    return tables.markdown(["method", "seeds", *short_names(cells)], rows)


def difference_table(found: Accuracies, reference: str) -> str:
    """Markdown: how many points each method is above `reference` on the same seeds and episodes, with a 95 % interval.

    The last columns: how many pairs (benchmark, seed) there are, and `sign_flip_test` of the mean over benchmarks. A
    benchmark where the two methods share no seed is left out of both. Raises InputError for an unknown reference.
    """
    methods = _methods(found)
    if reference not in methods:
        raise InputError(f"no finished run of the reference {reference!r}{nearest(reference, methods)}")
    columns = [*found, MEAN] if len(found) > 1 else list(found)
    rows = []
    for method in methods:
        differences = {task: paired(row.get(method, {}), row.get(reference, {})) for task, row in found.items()}
        differences = {task: table for task, table in differences.items() if len(table)}
        if method == reference or not differences:
            continue
        every = list(differences.values())
        cells = {task: _points([table]) for task, table in differences.items()} | {MEAN: _points(every)}
        pairs = sum(len(table) for table in every)
        p = sign_flip_test([table.mean(1) for table in every])
        rows.append([method, *(cells.get(column, "–") for column in columns), str(pairs), f"{p:.2g}"])
    return tables.markdown([f"method minus {reference}", *short_names(columns), "pairs", "p"], rows)


def short_names(columns: Iterable[str]) -> list[str]:
    """Names of benchmarks without the words, joined by -, that all of them begin or end with; the mean as it is."""
    names = list(columns)
    words = [name.split("-") for name in names if name != MEAN]
    begin, end = (_in_common(words), _in_common([each[::-1] for each in words]))
    if len(words) < 2 or min(map(len, words)) <= begin + end:
        return names
    return [name if name == MEAN else "-".join(name.split("-")[begin : -end or None]) for name in names]


def _in_common(words: Sequence[Sequence[str]]) -> int:
    """How many words all begin with."""
    return sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, zip(*words, strict=False)))


def _provenance(rows: Sequence[Finished]) -> str:
    """Which methods were made with what, on what, at which commits."""
    methods: dict[str, dict[str, None]] = {}
    commits: dict[str, dict[str, None]] = {}
    for run, row in rows:
        place = f"torch {row.torch} on {row.device}"
        methods.setdefault(place, {})[run.method] = None
        commits.setdefault(place, {})[row.git_sha[:12]] = None
    if len(methods) == 1:
        (place,) = methods
        return f"Made with {place}, commits {', '.join(commits[place])}."
    parts = [f"*{'*, *'.join(methods[place])}* with {place}, commits {', '.join(commits[place])}" for place in methods]
    return f"Made: {'; '.join(parts)}."


def _evaluated(classifiers: Sequence[str], rows: Sequence[Finished]) -> tuple[str, ...]:
    """Those by which a run has been evaluated so far: raw coordinates, which come first, have few."""
    return tuple(name for name in classifiers if any(name in row.correct for _, row in rows))


def _has_method(rows: Sequence[Finished], method: str) -> bool:
    return any(run.method == method for run, _ in rows)


def _of_encoder(rows: Sequence[Finished], encoder: str) -> list[Finished]:
    """The rows that belong to an encoder of the study: all if it names none; what learns nothing belongs to each."""
    return [(r, row) for r, row in rows if not encoder or r.method in UNTRAINED or r.config.encoder == encoder]


def _of_side(rows: Sequence[Finished], side: BaseSide) -> list[Finished]:
    return [(run, row) for run, row in rows if BaseSide.of(run.config) == side]


def _tick(study: Study, side: BaseSide) -> str:
    """What tells a base side from the others of a study, for an axis."""
    share, clips = f"{side.base_share:.0%}".replace("%", " %"), str(side.base_clips or "all")
    if len(study.base_clips) == 1:
        return share
    return clips if len(study.base_shares) == 1 else f"{share}, {clips}"


def _with_encoder(run: Run) -> str:
    return run.method if run.method in UNTRAINED else f"{run.method}, {run.config.encoder}"


def _of_seed(runs: Runs, seed: int | None) -> Array:
    return runs[None] if None in runs else runs[seed]


def _seeds(runs: Runs) -> int:
    """How many seeds a method has run with; 0 for one that knows none."""
    return 0 if None in runs else len(runs)


def _points(differences: Sequence[Array]) -> str:
    cell = Interval.of(differences)
    return f"{100 * cell.mean:+.1f} [{100 * cell.low:+.1f}, {100 * cell.high:+.1f}]"


def _methods(found: Accuracies) -> list[str]:
    return list(dict.fromkeys(method for row in found.values() for method in row))


def _stacked(runs: Runs) -> Array:
    return np.array(list(runs.values()))
