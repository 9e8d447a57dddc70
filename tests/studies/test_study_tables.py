"""The tables of a study say what its records say, and what is missing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from crossglg.config import Config
from crossglg.statistics import Interval, sign_flip_test
from crossglg.studies.results import Row
from crossglg.studies.spec import Run
from crossglg.studies.tables import accuracies, accuracy_table, difference_table, intervals, paired

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
    assert rows["method less base"] == ["first", "second", "mean", "pairs", "p"]
    assert list(rows)[1:] == ["raw", "both", "late"]
    tables = [paired(found[task]["both"], found[task]["base"]) for task in found]
    assert [len(table) for table in tables] == [2, 1]
    for cell, interval in zip(rows["both"], [*(Interval.of([t]) for t in tables), Interval.of(tables)], strict=False):
        assert cell == f"{100 * interval.mean:+.1f} [{100 * interval.low:+.1f}, {100 * interval.high:+.1f}]"
    assert rows["both"][3:] == ["3", f"{sign_flip_test([t.mean(1) for t in tables]):.2g}"]
    assert rows["late"][1] == "–" and rows["late"][0] == rows["late"][2] and rows["late"][3] == "1"
    with pytest.raises(ValueError, match="reference 'bsae'; did you mean 'base'"):
        difference_table(found, "bsae")


def test_one_benchmark_has_no_column_of_means(records: list[tuple[Run, Row]]) -> None:
    found = accuracies([(run, row) for run, row in records if row.task == "first"])
    assert cells_of(accuracy_table(found))["method"] == ["seeds", "first"]
    assert cells_of(difference_table(found, "raw"))["method less raw"] == ["first", "pairs", "p"]


def test_a_method_is_there_by_every_classifier_that_it_has(records: list[tuple[Run, Row]]) -> None:
    found = accuracies(records, ["cosine", "euclidean"])
    assert list(found["first"]) == ["raw", "base", "both", "late"]
    assert list(found["second"]) == ["raw", "base", "base, euclidean", "both"]
    np.testing.assert_array_equal(found["second"]["base, euclidean"][1], [0.5] * 3)
    assert cells_of(difference_table(found, "base"))["base, euclidean"][0] == "–"


def test_runs_without_the_classifier_are_left_out_and_an_unknown_one_is_named(records: list[tuple[Run, Row]]) -> None:
    assert {m: list(runs) for m, runs in accuracies(records, ["euclidean"])["second"].items()} == {"base": [0, 1]}
    with pytest.raises(ValueError, match="'cosin'; did you mean 'cosine'"):
        accuracies(records, ["cosine", "cosin"])


def test_runs_on_other_clips_are_not_compared(records: list[tuple[Run, Row]]) -> None:
    with pytest.raises(ValueError, match=r"first-both-9 and first-raw-None are both of first.*same clips"):
        accuracies([*records, record("first", "both", 9, [0.1, 0.2], clips="other")])
