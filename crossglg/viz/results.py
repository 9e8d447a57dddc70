"""Figures of a training and of its results: curves, accuracies over draws and runs, features, a recording over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator, PercentFormatter
from numpy.typing import ArrayLike
from scipy.special import stdtrit

from crossglg.viz.common import GREY, INK, SERIES, Floats, as_array, value_range
from crossglg.viz.style import IMPORTANCE_COLOURS, STYLE, Chart, colour_bar, note_above

LOSSES = {
    "skeleton_loss": SERIES[0],
    "calibration_loss": SERIES[1],
    "cross_modal_loss": SERIES[2],
    "total_loss": INK,
}


@rc_context(STYLE)
def training_curves(history: Sequence[Mapping[str, float]], chosen: int | None = None) -> Figure:
    """Losses above, validation accuracy below, over epochs.

    history: one record per epoch with "epoch" and any of "skeleton_loss", "calibration_loss", "cross_modal_loss",
    "total_loss", "validation_accuracy" (0…1); what a record lacks is skipped. chosen: the epoch to mark.
    """
    if not history or any("epoch" not in record for record in history):
        raise ValueError('training_curves needs at least one record, and "epoch" in every record')
    losses = [key for key in LOSSES if any(key in record for record in history)]
    panels = (["loss"] if losses else []) + ["accuracy"] * any("validation_accuracy" in record for record in history)
    if not panels:
        raise ValueError(f"history has nothing to draw: give any of {', '.join(LOSSES)}, validation_accuracy")
    if chosen is not None and chosen not in [record["epoch"] for record in history]:
        raise ValueError(f"chosen epoch {chosen} is not in the history")
    figure = Chart(figsize=(7.0, 0.6 + 2.3 * len(panels)), layout="constrained")
    grid = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    for axes, panel in zip(grid, panels, strict=True):
        axes.grid(axis="y")
        if chosen is not None:
            axes.axvline(chosen, color=GREY, linestyle="--", linewidth=1)
        if panel == "loss":
            _draw_losses(axes, history, losses)
        else:
            _draw_accuracy(axes, history, chosen)
    grid[0].set_xlim(*value_range([[record["epoch"] for record in history]]))
    grid[-1].set_xlabel("epoch")
    grid[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


@rc_context(STYLE)
def accuracy_by_classifier(accuracies: Mapping[str, ArrayLike], chance: float) -> Figure:
    """{name: (draws,) accuracies 0…1}: every exemplar draw as a dot, the mean with its 95 % interval (Student's t).

    chance: accuracy of guessing. A single draw has a mean but no interval.
    """
    if not accuracies:
        raise ValueError("accuracy_by_classifier needs at least one classifier")
    figure = Chart(figsize=(7.0, 1.2 + 0.55 * len(accuracies)), layout="constrained")
    axes = figure.add_subplot()
    for i, (name, values) in enumerate(accuracies.items()):
        draws = as_array(values, (np.size(values),), "(draws,)", f"accuracies of {name!r}")
        if not draws.size:
            raise ValueError(f"accuracies of {name!r} are empty: (draws,) needs at least one draw")
        mean, half = _interval(draws)
        # Spread by rank, not by chance: the same numbers always give the same picture.
        jitter = np.resize([0.0, 0.14, -0.14], draws.size)[np.argsort(np.argsort(draws, kind="stable"))]
        axes.scatter(draws, i + jitter, s=16, color=SERIES[0], alpha=0.35, linewidths=0)
        axes.errorbar(mean, i, xerr=half, fmt="D", color=INK, markersize=5, capsize=4, linewidth=1.6)
        spread = f" ± {100 * half:.1f}" if half else ""
        axes.annotate(f"{100 * mean:.1f}{spread} %", (1.01, i), xycoords=("axes fraction", "data"), va="center")
    axes.axvline(chance, color=GREY, linestyle="--", linewidth=1)
    note_above(axes, chance, f"chance {100 * chance:.1f} %")
    axes.set_yticks(range(len(accuracies)), list(accuracies))
    axes.set_ylim(len(accuracies) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.set_xlim(left=0)
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
    axes.set_xlabel("accuracy: a dot per exemplar draw, mean ± 95 % interval")
    axes.grid(axis="x")
    return figure


@rc_context(STYLE)
def method_intervals(accuracies: Mapping[str, Mapping[str, tuple[float, float, float]]]) -> Figure:
    """{benchmark: {method: (mean, low, high) in 0…1}}: a panel per benchmark, a dot with its interval per method.

    A method may be missing on a benchmark. Methods come in the order in which they are first named.
    """
    methods = list(dict.fromkeys(method for row in accuracies.values() for method in row))
    if not methods:
        raise ValueError("method_intervals needs at least one benchmark with a method")
    size = (1.5 + 2.2 * len(accuracies), 1.1 + 0.3 * len(methods))
    figure = Chart(figsize=size, layout="constrained")
    panels = figure.subplots(1, len(accuracies), sharey=True, squeeze=False)[0]
    for axes, (benchmark, row) in zip(panels, accuracies.items(), strict=True):
        for method, values in row.items():
            mean, low, high = as_array(values, (3,), "(mean, low, high)", f"{method!r} on {benchmark!r}")
            if not low <= mean <= high:
                raise ValueError(f"{method!r} on {benchmark!r}: the mean {mean} is not within {low} to {high}")
            i, error = methods.index(method), [[mean - low], [high - mean]]
            axes.errorbar(mean, i, xerr=error, fmt="o", color=SERIES[0], markersize=5, capsize=3, linewidth=1.4)
        axes.set_title(benchmark)
        axes.set_yticks(range(len(methods)), methods)
        axes.set_ylim(len(methods) - 0.5, -0.5)
        axes.tick_params(axis="y", length=0)
        axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
        axes.xaxis.set_major_locator(MaxNLocator(4))
        axes.grid(axis="x")
    return figure


@rc_context(STYLE)
def timeline(edges: ArrayLike, scores: ArrayLike, actions: Sequence[str], threshold: float | None = None) -> Figure:
    """A long recording window by window: similarity to every action, and a bar where an action was recognised.

    edges: (W + 1,) seconds between the windows;  scores: (W, K);  threshold: windows whose best score is below stay
    unmarked.
    """
    count = max(np.size(edges) - 1, 1)
    edges = as_array(edges, (count + 1,), "(W + 1,)", "edges")
    matrix = as_array(scores, (count, len(actions)), "(W, K)", f"scores of {count} windows")
    figure = Chart(figsize=(9.0, 1.4 + 0.32 * len(actions)), layout="constrained")
    axes = figure.add_subplot()
    mesh = axes.pcolormesh(edges, np.arange(len(actions) + 1), matrix.T, cmap=IMPORTANCE_COLOURS)
    best = matrix.argmax(1)
    for w in np.flatnonzero(matrix.max(1) >= (-np.inf if threshold is None else threshold)):
        axes.plot(edges[w : w + 2], [best[w] + 0.5] * 2, color=SERIES[1], linewidth=4, solid_capstyle="butt")
    axes.set_yticks(np.arange(len(actions)) + 0.5, list(actions))
    axes.set_ylim(len(actions), 0)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("seconds; the bar marks the action recognised in a window")
    colour_bar(figure, axes, mesh, "similarity")
    return figure


def _draw_losses(axes: Axes, history: Sequence[Mapping[str, float]], keys: Sequence[str]) -> None:
    for key in keys:
        epochs, values = _series(history, key)
        style = {"linewidth": 2.2, "linestyle": ":"} if key == "total_loss" else {"linewidth": 1.6}
        axes.plot(epochs, values, color=LOSSES[key], label=key.removesuffix("_loss").replace("_", "-"), **style)
    axes.set_ylabel("loss")
    axes.legend(ncols=4, loc="lower left", bbox_to_anchor=(0, 1))
    low, high = value_range([_series(history, key)[1] for key in keys])
    if low > 0 and high > 20 * low:  # on a linear axis the small losses would lie on the floor
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 3)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_locator(NullLocator())


def _draw_accuracy(axes: Axes, history: Sequence[Mapping[str, float]], chosen: int | None) -> None:
    epochs, values = _series(history, "validation_accuracy")
    axes.plot(epochs, values, color=SERIES[0], linewidth=1.6, marker="o", markersize=3)
    for epoch, value in zip(epochs, values, strict=True):
        if epoch == chosen:
            axes.plot(epoch, value, "o", color=INK, markersize=7)
            late = epoch > 0.5 * (epochs[0] + epochs[-1])
            axes.annotate(f"epoch {chosen}: {100 * value:.1f} %", (epoch, value), xytext=(-8 if late else 8, -8),
                          ha="right" if late else "left", va="top", textcoords="offset points")  # fmt: skip
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
    axes.set_ylabel("validation accuracy")


def _series(history: Sequence[Mapping[str, float]], key: str) -> tuple[list[float], list[float]]:
    present = [record for record in history if key in record]
    return [record["epoch"] for record in present], [record[key] for record in present]


def _interval(draws: Floats) -> tuple[float, float]:
    """Mean and half width of its 95 % interval; 0 for a single draw."""
    if draws.size < 2:
        return float(draws.mean()), 0.0
    return float(draws.mean()), float(stdtrit(draws.size - 1, 0.975) * draws.std(ddof=1) / np.sqrt(draws.size))
