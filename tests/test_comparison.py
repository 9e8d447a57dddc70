"""Intervals and tests against plain loops; tables say what the records say, and what is missing."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

from crossglg.statistics import (
    Interval,
    accuracies,
    accuracy_table,
    bootstrap_means,
    difference_table,
    intervals,
    paired,
    sign_flip_test,
)

RNG = np.random.default_rng(5)


def record(task: str, method: str, seed: int | None, draws: Any, clips: str = "", **more: Any) -> dict[str, Any]:
    one_shot = {name: {"draws": list(values)} for name, values in {"cosine": draws, **more}.items()}
    name = f"{task}-{method}-{seed}"
    return {
        "task": task, "method": method, "seed": seed, "clips_sha256": clips or task, "name": name, "one_shot": one_shot
    }  # fmt: skip


def bootstrap_loop(tables: list[np.ndarray], samples: int) -> list[float]:
    """The textbook: benchmark by benchmark, seed by seed, draw by draw."""
    rng, sums = np.random.default_rng(0), [0.0] * samples
    for table in tables:
        for i in range(samples):
            chosen_seeds = rng.integers(len(table), size=len(table))
            chosen_draws = rng.integers(len(table[0]), size=len(table[0]))
            total = sum(float(table[s][d]) for s in chosen_seeds for d in chosen_draws)
            sums[i] += total / (len(table) * len(table[0])) / len(tables)
    return sums


def sign_flip_loop(differences: list[np.ndarray]) -> float:
    """The textbook: every way to choose the signs."""
    flat = [(value, len(part)) for part in differences for value in part]
    observed = abs(np.mean([part.mean() for part in differences]))
    outcomes = []
    for signs in product([-1, 1], repeat=len(flat)):
        mean = sum(s * v / n for s, (v, n) in zip(signs, flat, strict=True)) / len(differences)
        outcomes.append(abs(mean) >= observed - 1e-12)
    return sum(outcomes) / len(outcomes)


def test_bootstrap_is_the_plain_loop() -> None:
    tables = [RNG.random((3, 4)), RNG.random((2, 5))]
    np.testing.assert_allclose(bootstrap_means(tables, 50), bootstrap_loop(tables, 50))


def test_bootstrap_sees_seeds_and_draws_and_shares_the_draws_among_seeds() -> None:
    draws = RNG.normal(0.5, 0.1, 40)
    by_draw, by_seed = np.tile(draws, (5, 1)), np.tile(RNG.normal(0.5, 0.1, (40, 1)), (1, 5))
    # If every seed had resampled draws of its own, these five seeds would look like 200 independent draws.
    for table, values in ((by_draw, draws), (by_seed, by_seed[:, 0])):
        assert np.std(bootstrap_means([table])) == pytest.approx(np.std(values) / np.sqrt(40), rel=0.1)
    assert np.ptp(bootstrap_means([np.full((3, 4), 0.5)])) == 0


def test_the_mean_over_benchmarks_is_that_of_its_parts() -> None:
    tables = [np.full((2, 3), 0.2), np.full((4, 1), 0.6)]  # each counts once, however many seeds it has
    assert Interval.of(tables) == Interval(pytest.approx(0.4), pytest.approx(0.4), pytest.approx(0.4))
    wide = [RNG.random((5, 20)) for _ in range(4)]
    each = np.mean([Interval.of([table]).half_width for table in wide])
    assert Interval.of(wide).half_width == pytest.approx(each / 2, rel=0.15)  # independent: √4 narrower


@pytest.mark.parametrize("shape", [(3,), (5,), (2, 3), (4, 1, 3)])
def test_sign_flips_are_the_plain_loop(shape: tuple[int, ...]) -> None:
    differences = [RNG.normal(0.3, 0.5, size) for size in shape]
    assert sign_flip_test(differences) == pytest.approx(sign_flip_loop(differences))


def test_the_smallest_p_value_is_what_the_docstring_says() -> None:
    for pairs in (3, 5, 10):
        assert sign_flip_test([RNG.random(pairs) + 0.1]) == 2 / 2**pairs
    assert sign_flip_test([np.array([0.1, -0.1])]) == 1


def test_many_pairs_are_sampled_to_about_the_same_p_value() -> None:
    differences = RNG.normal(0.15, 0.5, 20)
    signs = 1 - 2 * (np.arange(2**20)[:, None] >> np.arange(20) & 1)
    exact = np.mean(np.abs(signs @ differences) >= abs(differences.sum()) - 1e-12)
    assert 0.01 < exact < 0.9
    assert sign_flip_test([differences]) == pytest.approx(exact, abs=0.02)
    assert sign_flip_test([np.ones(25)]) == 1 / 20_000  # never 0


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
def records() -> list[dict[str, Any]]:
    """Two benchmarks; "both" lacks a seed on the second, "late" the second altogether."""
    made = [record("first", "raw", None, [0.2, 0.3]), record("second", "raw", None, [0.1, 0.1, 0.4])]
    made += [record("first", m, s, RNG.random(2)) for m in ("base", "both") for s in (0, 1)]
    made += [record("second", "base", s, RNG.random(3), euclidean=[0.5] * 3) for s in (0, 1)]
    return [*made, record("second", "both", 1, RNG.random(3)), record("first", "late", 0, [0.5, 0.5])]


def cells_of(table: str) -> dict[str, list[str]]:
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    return {row[0]: row[1:] for row in [lines[0], *lines[2:]]}


def test_accuracy_table_has_every_interval_and_says_what_is_missing(records: list[dict[str, Any]]) -> None:
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


def test_difference_table_pairs_seeds_and_draws(records: list[dict[str, Any]]) -> None:
    found = accuracies(records)
    rows = cells_of(difference_table(found, "base"))
    assert rows["method less base"] == ["first", "second", "mean", "pairs", "p"]
    assert list(rows)[1:] == ["raw", "both", "late"]
    tables = [paired(found[task]["both"], found[task]["base"]) for task in found]
    assert [len(table) for table in tables] == [2, 1]
    for cell, interval in zip(rows["both"], [*(Interval.of([t]) for t in tables), Interval.of(tables)], strict=False):
        assert cell == f"{100 * interval.mean:+.1f} [{100 * interval.low:+.1f}, {100 * interval.high:+.1f}]"
    assert rows["both"][3:] == ["3", f"{sign_flip_loop([t.mean(1) for t in tables]):.2g}"]
    assert rows["late"][1] == "–" and rows["late"][0] == rows["late"][2] and rows["late"][3] == "1"
    with pytest.raises(ValueError, match="reference 'bsae'; did you mean 'base'"):
        difference_table(found, "bsae")


def test_one_benchmark_has_no_column_of_means(records: list[dict[str, Any]]) -> None:
    found = accuracies([r for r in records if r["task"] == "first"])
    assert cells_of(accuracy_table(found))["method"] == ["seeds", "first"]
    assert cells_of(difference_table(found, "raw"))["method less raw"] == ["first", "pairs", "p"]


def test_a_method_is_there_by_every_classifier_that_it_has(records: list[dict[str, Any]]) -> None:
    found = accuracies(records, ["cosine", "euclidean"])
    assert list(found["first"]) == ["raw", "base", "both", "late"]
    assert list(found["second"]) == ["raw", "base", "base, euclidean", "both"]
    np.testing.assert_array_equal(found["second"]["base, euclidean"][1], [0.5] * 3)
    assert cells_of(difference_table(found, "base"))["base, euclidean"][0] == "–"


def test_runs_without_the_classifier_are_left_out_and_an_unknown_one_is_named(records: list[dict[str, Any]]) -> None:
    assert {m: list(runs) for m, runs in accuracies(records, ["euclidean"])["second"].items()} == {"base": [0, 1]}
    with pytest.raises(ValueError, match="'cosin'; did you mean 'cosine'"):
        accuracies(records, ["cosine", "cosin"])


def test_runs_on_other_clips_are_not_compared(records: list[dict[str, Any]]) -> None:
    with pytest.raises(ValueError, match=r"first-both-9 and first-raw-None are both of first.*same clips"):
        accuracies([*records, record("first", "both", 9, [0.1, 0.2], clips="other")])
