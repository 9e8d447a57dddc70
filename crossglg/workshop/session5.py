"""Checks of session 5: attention, what it shows and what it does not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossglg.workshop.feedback import Exercise

Array = NDArray[np.floating]

# What the measurements of session 5 allow one to say: claim → (whether, why).
CLAIMS: dict[str, tuple[bool, str]] = {
    "a": (True, "maps of one action are more alike than maps of two, so they do not come from the body alone."),
    "b": (False, "a model that has learned nothing has bright columns as well; only the difference was learned."),
    "c": (False, "freezing these joints did not hurt more than freezing joints at random."),
    "d": (False, "rollout leaves out the topology, the convolutions over time and what heads are worth."),
    "e": (True, "what does not beat chance and motion energy explains no decision, however good it looks."),
}


def check_received(received: Callable[[Array], Any]) -> None:
    """received(attention): (T', heads, V, V) → (V,), how much each joint is looked at."""
    exercise, rng = Exercise("5.1", "received"), np.random.default_rng(51)
    maps = _rows_of_one(rng.random((3, 2, 7, 7)) ** 2)
    found = exercise.array(exercise.call(received, maps), (7,), "(V,)", "One number for each joint that is looked at.")
    right = np.zeros(7)
    for t in range(3):
        for head in range(2):
            for row in range(7):
                right += maps[t, head, row] / (3 * 2 * 7)
    exercise.same(found, right, {
        "every joint gets 1/V: rows are softmaxes. Take the mean over the rows, which are the joints that look.":
            maps.mean((0, 1, 3)),
        "every joint gets 1: that is the sum of a softmax. Take the mean over the rows.": maps.sum(3).mean((0, 1)),
        "that is a sum over the rows; take the mean, so that all joints together get 1.": maps.mean((0, 1)).sum(0),
        "that is a sum over time and heads as well; take the mean.": maps.sum((0, 1, 2)),
        "that is one moment; take the mean over time too.": maps[0].mean((0, 1)),
        "that is one head; take the mean over heads too.": maps[:, 0].mean((0, 1)),
    })  # fmt: skip
    exercise.passed("A bright column in the picture is a large number here.")


def check_rollout(rollout: Callable[[Sequence[Array]], Any]) -> None:
    """rollout(blocks): maps (V, V) of all blocks, the first one first → (V, V), through all of them."""
    exercise, rng = Exercise("5.2", "rollout"), np.random.default_rng(52)
    blocks = [_rows_of_one(rng.random((6, 6)) ** 3) for _ in range(3)]
    result = exercise.call(rollout, [block.copy() for block in blocks])
    found = exercise.array(result, (6, 6), "(V, V)", "From each joint of the input to each joint of the last block.")

    def product(maps: Sequence[Array], last_first: bool = True) -> Array:
        total = np.eye(6)
        for map_ in maps:
            total = map_ @ total if last_first else total @ map_
        return total

    kept = [(block + np.eye(6)) / 2 for block in blocks]
    exercise.same(found, product(kept), {
        "each block keeps half of every joint (the shortcut around it): mix each map with np.eye(V), half and half.":
            product(blocks),
        "the first block comes last in your product; later blocks stand on the left: total = mixed @ total.":
            product(kept, last_first=False),
        "the first block comes last in your product, and the shortcut is missing.": product(blocks, last_first=False),
        "rows add up to 8: halve the sum of map and np.eye(V).": product([2 * block for block in kept]),
        "that is the last block alone; multiply through all of them.": kept[-1],
        "that is the mean of the blocks; what one block mixed, the next one mixes again: multiply.":
            np.mean(kept, axis=0),
        "* multiplies cell by cell; matrices are multiplied by @.": np.prod(kept, axis=0),
    })  # fmt: skip
    exercise.passed("Rows still sum to 1: it says from which joints of the input each joint is made.")


def check_alike(alike: Callable[[Array, Array], Any]) -> None:
    """alike(a, b): correlation of two maps (V, V), the diagonal left out."""
    exercise, rng = Exercise("5.3", "alike"), np.random.default_rng(53)
    for shift in (0.3, 0.9):
        a = rng.random((6, 6)) + 2 * np.eye(6)
        b = shift * a + rng.random((6, 6)) + np.eye(6)
        result = exercise.call(alike, a, b)
        found = exercise.array(result, (), "one number", "np.corrcoef gives 2 × 2; take its entry [0, 1].")
        others, upper = ~np.eye(6, dtype=bool), np.triu(np.ones((6, 6), dtype=bool), 1)

        def correlation(cells: Array, a: Array = a, b: Array = b) -> float:
            return float(np.corrcoef(a[cells], b[cells])[0, 1])

        exercise.same(found, correlation(others), {
            "the diagonal counts too: what joints keep for themselves makes any two maps alike. Leave it out.":
                correlation(np.ones((6, 6), dtype=bool)),
            "half of the map is left out: who looks at whom is not the same both ways. Take all but the diagonal.":
                correlation(upper),
            "the mean is not taken away: two maps of positive numbers are always alike. Use np.corrcoef.":
                float(a[others] @ b[others] / np.linalg.norm(a[others]) / np.linalg.norm(b[others])),
            "that is the mean difference; a correlation is 1 for the same pattern.":
                float(np.abs(a - b)[others].mean()),
        })  # fmt: skip
    exercise.passed("1 is the same pattern, 0 is none. Now there is something to hold a map against.")


def check_what_attention_says(claims: Any) -> None:
    """claims: letter → whether the measurements of the session support the claim."""
    exercise = Exercise("5.4", "claims")
    exercise.claims(claims, CLAIMS)
    exercise.passed("Attention is a good question to a model. The answer has to be measured.")


def _rows_of_one(values: Array) -> Array:
    return values / values.sum(-1, keepdims=True)
