"""Intervals and the sign-flip test against plain loops, against scipy and against what theory says."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from scipy import stats

from crossglg.statistics import Interval, bootstrap_bands, bootstrap_means, half_width, sign_flip_test

RNG = np.random.default_rng(5)


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
    episodes = RNG.normal(0.5, 0.1, 40)
    by_draw, by_seed = np.tile(episodes, (5, 1)), np.tile(RNG.normal(0.5, 0.1, (40, 1)), (1, 5))
    # If every seed had resampled episodes of its own, these five seeds would look like 200 independent episodes.
    for table, values in ((by_draw, episodes), (by_seed, by_seed[:, 0])):
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


@pytest.mark.parametrize("pairs", [4, 9])
def test_sign_flips_are_those_of_scipy_where_all_are_tried(pairs: int) -> None:
    differences = RNG.normal(0.3, 0.5, pairs)
    by_scipy = stats.permutation_test((differences,), np.mean, permutation_type="samples", n_resamples=2**pairs)
    assert sign_flip_test([differences]) == pytest.approx(by_scipy.pvalue)


def test_half_width_is_students_t() -> None:
    values = np.array([0.4, 0.5, 0.7, 0.45])
    deviation = math.sqrt(sum((v - 0.5125) ** 2 for v in values) / 3)
    assert half_width(values) == pytest.approx(3.182446 * deviation / 2, rel=1e-6)
    low, high = stats.t.interval(0.9, 3, loc=values.mean(), scale=stats.sem(values))
    assert half_width(values, 0.9) == pytest.approx((high - low) / 2)
    assert half_width(values[:1]) == 0.0


def test_interval_of_one_seed_is_students_t_over_draws() -> None:
    episodes = [0.4, 0.5, 0.7, 0.45]
    found = Interval.of_runs([episodes])
    assert (found.mean, found.half_width) == pytest.approx((0.5125, half_width(episodes)))
    assert found.low < 0.5125 < found.high
    assert Interval.of_runs([[0.4]]) == Interval(0.4, 0.4, 0.4)


def test_interval_of_several_seeds_is_a_bootstrap_over_seeds_and_draws() -> None:
    rng = np.random.default_rng(0)
    accuracy = 0.5 + 0.05 * rng.standard_normal((5, 1)) + 0.03 * rng.standard_normal((1, 8))
    found = Interval.of_runs(accuracy.tolist())
    assert found.mean == pytest.approx(accuracy.mean())
    # Seeds and episodes add up here, so the variance of the bootstrapped mean is the sum of both.
    deviation = np.sqrt(accuracy.mean(1).var() / 5 + accuracy.mean(0).var() / 8)
    assert found.half_width == pytest.approx(1.96 * deviation, rel=0.15)
    assert Interval.of_runs(accuracy.tolist()) == found
    assert Interval.of_runs([[0.3, 0.3], [0.3, 0.3]]).half_width == pytest.approx(0.0)


def test_bands_are_those_of_the_bootstrap_of_each_number() -> None:
    """Of models and clips; two ways to draw agree but for chance."""
    values = np.random.default_rng(3).normal(0.5, 0.3, (3, 30, 2)) + np.array([-0.1, 0.0, 0.2])[:, None, None]
    mean, low, high = bootstrap_bands(values)
    np.testing.assert_allclose(mean, values.mean((0, 1)))
    for q in range(2):
        expected = Interval.of([values[..., q]])
        assert low[q] == pytest.approx(expected.low, abs=0.02) and high[q] == pytest.approx(expected.high, abs=0.02)
