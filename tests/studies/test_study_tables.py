"""The tables of a study say what its records say, and what is missing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.small_study import TINY, load

from crossglg.config import Config
from crossglg.encoders import ENCODERS
from crossglg.runs.results import portable
from crossglg.statistics import Interval, sign_flip_test
from crossglg.studies.results import Row, read_rows, table_file, write_rows
from crossglg.studies.spec import Run, Study, deciding
from crossglg.studies.tables import (
    accuracies,
    accuracy_table,
    difference_table,
    intervals,
    means_table,
    paired,
    short_names,
    study_figure,
    study_table,
)  # fmt: skip

RNG = np.random.default_rng(5)


def record(task: str, method: str, seed: int | None, episodes: Any, clips: str = "", **more: Any) -> tuple[Run, Row]:
    correct = {name: np.rint(1000 * np.array(values)).astype(int).tolist()
               for name, values in {"cosine": episodes, **more}.items()}  # fmt: skip
    row = Row(
        name=f"{task}-{method}-{seed}", task=task, protocol_file_sha256="", clips_sha256=clips or task, settings={},
        queries=1000, correct=correct, texts=[], chosen_epoch=None, validation_accuracy=None, seconds=1.0, device="cpu",
        torch="2", git_sha="unknown",
    )  # fmt: skip
    return Run(method, Config(seed=seed or 0)), row


def test_pairs_are_of_one_seed_and_a_method_without_seeds_pairs_with_all() -> None:
    one = {0: np.array([0.5, 0.6]), 1: np.array([0.7, 0.9]), 3: np.array([1.0, 1.0])}
    other = {1: np.array([0.6, 0.6]), 0: np.array([0.5, 0.5]), 2: np.array([0.0, 0.0])}
    raw = {None: np.array([0.1, 0.2])}
    np.testing.assert_allclose(paired(one, other), [[0.0, 0.1], [0.1, 0.3]])
    np.testing.assert_allclose(paired(other, raw), [[0.5, 0.4], [0.4, 0.3], [-0.1, -0.2]])
    np.testing.assert_allclose(paired(raw, other), -paired(other, raw))
    np.testing.assert_allclose(paired(raw, raw), [[0.0, 0.0]])
    assert len(paired({7: np.ones(2)}, other)) == 0


@pytest.fixture
def records() -> list[tuple[Run, Row]]:
    """Two benchmarks; "both" lacks a seed on the second, "late" the second altogether."""
    made = [record("first", "raw", None, [0.2, 0.3]), record("second", "raw", None, [0.1, 0.1, 0.4])]
    made += [record("first", m, s, RNG.random(2)) for m in ("base", "both") for s in (0, 1)]
    made += [record("second", "base", s, RNG.random(3), euclidean=[0.5] * 3) for s in (0, 1)]
    return [*made, record("second", "both", 1, RNG.random(3)), record("first", "late", 0, [0.5, 0.5])]


def cells_of(table: str) -> dict[str, list[str]]:
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    return {row[0]: row[1:] for row in [lines[0], *lines[2:]]}


def test_accuracy_table_has_every_interval_and_says_what_is_missing(records: list[tuple[Run, Row]]) -> None:
    found = accuracies(records)
    rows = cells_of(accuracy_table(found))
    assert list(rows) == ["method", "raw", "base", "both", "late"]
    assert rows["method"] == ["seeds", "first", "second", "mean"]
    assert [row[0] for row in rows.values()] == ["seeds", "–", "2", "2", "1"]

    def cell(*tables: list[Any]) -> str:
        found = Interval.of([np.array(table) for table in tables])
        return f"{100 * found.mean:.1f} ± {100 * found.half_width:.1f}"

    first, second = ({m: [*runs.values()] for m, runs in found[task].items()} for task in found)
    assert rows["base"][1:] == [cell(first["base"]), cell(second["base"]), cell(first["base"], second["base"])]
    assert rows["raw"][1] == cell([[0.2, 0.3]])
    assert rows["both"][2] == f"{cell(second['both'])} (×1)"
    assert rows["late"][1:] == [f"{cell(first['late'])} (×1)", "–", "–"]
    assert intervals(found)["second"]["raw"].mean == pytest.approx(0.2)


def test_difference_table_pairs_seeds_and_draws(records: list[tuple[Run, Row]]) -> None:
    found = accuracies(records)
    rows = cells_of(difference_table(found, "base"))
    assert rows["method minus base"] == ["first", "second", "mean", "pairs", "p"]
    assert list(rows)[1:] == ["raw", "both", "late"]
    tables = [paired(found[task]["both"], found[task]["base"]) for task in found]
    assert [len(table) for table in tables] == [2, 1]
    for cell, interval in zip(rows["both"], [*(Interval.of([t]) for t in tables), Interval.of(tables)], strict=False):
        assert cell == f"{100 * interval.mean:+.1f} [{100 * interval.low:+.1f}, {100 * interval.high:+.1f}]"
    assert rows["both"][3:] == ["3", f"{sign_flip_test([t.mean(1) for t in tables]):.2g}"]
    assert rows["late"][1] == "–" and rows["late"][0] == rows["late"][2] and rows["late"][3] == "1"
    with pytest.raises(ValueError, match="reference 'bsae'; did you mean 'base'"):
        difference_table(found, "bsae")


@pytest.fixture
def shares(tmp_path: Path) -> tuple[Study, dict[tuple[float, str, str], list[np.ndarray]]]:
    """A study of two shares and two benchmarks with its table file, and (share, method, classifier) → (S, R) of each.

    The guided method lacks a seed on the first benchmark of the smaller share and joint-motion on the second.
    """
    study = load(
        tmp_path, settings={"epochs": 1}, benchmarks=["DATA/a.json:a", "DATA/b.json:b"], base_shares=[0.5, 1.0],
        seeds=[0, 1], classifiers=["cosine", "joint-motion"],
    )  # fmt: skip
    rows, tables = {}, {}
    for run in study.runs():
        share, benchmark = run.config.base_share, run.config.benchmark[-1]
        if (share, benchmark, run.method, run.seed) == (0.5, "a", "crossglg", 1):
            continue
        draws = {"cosine": RNG.random(3)}
        if run.method != "raw" and (share, benchmark, run.method) != (0.5, "b", "crossglg"):
            draws["joint-motion"] = RNG.random(3)
        _, row = record(f"{benchmark}-{share}", run.method, run.seed, draws.pop("cosine"), **draws)
        rows[run.name] = replace(row, name=run.name, settings=deciding(portable(run.config.to_dict())))
        for classifier in row.correct:
            tables.setdefault((share, run.method, classifier), {}).setdefault(benchmark, []).append(
                row.accuracy(classifier)
            )
    write_rows(table_file(study, tmp_path), rows, [run.name for run in study.runs()])
    return study, {key: [np.array(found[b]) for b in sorted(found)] for key, found in tables.items()}


def test_means_have_a_column_per_classifier_and_tables_per_share(shares: tuple, tmp_path: Path) -> None:
    study, tables = shares
    text = means_table(study, tmp_path)
    assert text.startswith("mine: 19 of 20 runs, means over 2 benchmarks.") and text.endswith("cpu, commits unknown.")
    for share, part in zip((0.5, 1.0), text.split("### ")[1:], strict=True):
        assert part.startswith(f"{share:.0%}".replace("%", " % of the base classes"))
        means, differences = (cells_of(table) for table in part.split("\n\n")[1:3])
        assert list(means) == ["method", "raw", "base", "crossglg"]
        assert means["method"] == ["seeds", "cosine", "joint-motion"] and means["raw"][2] == "–"
        assert means["base"][1:] == [Interval.of(tables[share, "base", c]).percent for c in ("cosine", "joint-motion")]
        base, guided = tables[share, "base", "cosine"], tables[share, "crossglg", "cosine"]
        pairs = [own - other[: len(own)] for own, other in zip(guided, base, strict=True)]
        cell = Interval.of(pairs)
        assert differences["crossglg"][0] == (f"{100 * cell.mean:+.1f} [{100 * cell.low:+.1f}, {100 * cell.high:+.1f}]")
        assert (means["crossglg"][2] == "–") == (differences["crossglg"][1] == "–") == (share == 0.5)
    rows = {name: row for name, row in read_rows(table_file(study, tmp_path)).items() if row.task.startswith("a")}
    write_rows(table_file(study, tmp_path / "a"), rows, list(rows))
    assert means_table(study, tmp_path / "a").startswith("mine: 9 of 20 runs, means over 1 of 2 benchmarks.")
    assert "joint-motion" not in means_table(study, tmp_path, ["cosine"])
    assert "| base |" in means_table(study, tmp_path, reference="raw").split("minus raw")[1]


def test_the_figure_of_shares_has_a_panel_per_classifier_and_its_gains(shares: tuple, tmp_path: Path) -> None:
    study, tables = shares
    cosine, joints = study_figure(study, tmp_path).axes
    assert [axes.get_title(loc="left") for axes in (cosine, joints)] == ["cosine", "joint-motion"]
    line = cosine.containers[0].lines[0]
    gains = [
        100 * np.mean([np.mean(own - other[: len(own)]) for own, other in zip(
            tables[share, "crossglg", "cosine"], tables[share, "base", "cosine"], strict=True)])
        for share in (0.5, 1.0)
    ]  # fmt: skip
    np.testing.assert_allclose(line.get_ydata(), gains)
    assert joints.containers[0].lines[0].get_xdata().tolist() == [1.0], "by it, one share alone is complete"
    assert [label.get_text() for label in joints.get_xticklabels()] == ["50 %", "100 %"]


@pytest.mark.parametrize(
    ("columns", "short"),
    [
        (["wide-to-kard-fold", "wide-to-nw-ucla-fold", "mean"], ["kard", "nw-ucla", "mean"]),
        (["kinect-union-1", "to-kard", "mean"], ["kinect-union-1", "to-kard", "mean"]),
        (["to-kard", "to-kard-fold"], ["to-kard", "to-kard-fold"]),  # nothing would be left of the first
        (["wide-to-kard-fold"], ["wide-to-kard-fold"]),
    ],
)
def test_benchmarks_are_named_by_what_tells_them_apart(columns: list[str], short: list[str]) -> None:
    assert short_names(columns) == short


def test_one_benchmark_has_no_column_of_means(records: list[tuple[Run, Row]]) -> None:
    found = accuracies([(run, row) for run, row in records if row.task == "first"])
    assert cells_of(accuracy_table(found))["method"] == ["seeds", "first"]
    assert cells_of(difference_table(found, "raw"))["method minus raw"] == ["first", "pairs", "p"]


def test_a_method_is_there_by_every_classifier_that_it_has(records: list[tuple[Run, Row]]) -> None:
    found = accuracies(records, ["cosine", "euclidean"])
    assert list(found["first"]) == ["raw", "base", "both", "late"]
    assert list(found["second"]) == ["raw", "base", "base, euclidean", "both"]
    np.testing.assert_array_equal(found["second"]["base, euclidean"][1], [0.5] * 3)
    assert cells_of(difference_table(found, "base"))["base, euclidean"][0] == "–"


def test_runs_without_the_classifier_are_left_out_and_an_unknown_one_is_named(records: list[tuple[Run, Row]]) -> None:
    assert {m: list(runs) for m, runs in accuracies(records, ["euclidean"])["second"].items()} == {"base": [0, 1]}
    with pytest.raises(ValueError, match=r"'cosin'; did you mean 'cosine'\? They have cosine, euclidean"):
        accuracies(records, ["cosine", "cosin"])


def test_runs_on_other_clips_are_not_compared(records: list[tuple[Run, Row]]) -> None:
    with pytest.raises(ValueError, match=r"first-both-9 and first-raw-None are both of first.*same clips"):
        accuracies([*records, record("first", "both", 9, [0.1, 0.2], clips="other")])


def test_a_table_before_the_first_run_by_its_classifier_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ENCODERS, "tiny", TINY)
    study = load(tmp_path, classifiers=["joint-importance"])
    run = study.runs()[0]
    settings = deciding(portable(run.config.to_dict()))
    row = replace(record("toy", "raw", None, [0.2, 0.3])[1], name=run.name, settings=settings)
    write_rows(table_file(study, tmp_path), {run.name: row}, [run.name])
    assert study_table(study, tmp_path) == "mine: 1 of 5 runs, none by joint-importance yet."
    with pytest.raises(ValueError, match="no run has the classifier 'joint-importance'"):
        study_figure(study, tmp_path)
