"""Figures of a training and of its results: curves, accuracies, features, a recording over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from textwrap import fill
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator, PercentFormatter
from numpy.typing import ArrayLike

from crossglg.statistics import half_width
from crossglg.viz.common import FLOOR, GRAY, INK, SERIES, Floats, as_array, value_range
from crossglg.viz.style import IMPORTANCE_COLORS, STYLE, Chart, chart, color_bar, name_rows, note_above

# Seven shapes and six colors: no two of 42 classes look the same.
MARKERS = "osD^vPX"
TOTAL = "total_loss"


@rc_context(STYLE)
def training_curves(history: Sequence[Mapping[str, float]], chosen: int | None = None) -> Figure:
    """Losses above, validation accuracy below, over epochs.

    history: one record per epoch with "epoch", any number of losses, "…_loss", their sum "total_loss", and
    "validation_accuracy" (0…1); what a record lacks or has as not a number is skipped. chosen: the epoch to mark.
    Records count epochs from 0, pictures from 1.
    """
    if not history or any("epoch" not in record for record in history):
        raise ValueError('training_curves needs at least one record, and "epoch" in every record')
    names = dict.fromkeys(key for record in history for key in record if key.endswith("_loss"))
    losses = sorted(names, key=lambda key: key == TOTAL)  # the sum comes last
    validated = any(np.isfinite(record.get("validation_accuracy", np.nan)) for record in history)
    panels = [name for name, there in (("loss", losses), ("accuracy", validated)) if there]
    if not panels:
        raise ValueError("history has nothing to draw: give losses, named …_loss, or validation_accuracy")
    if chosen is not None and chosen not in [record["epoch"] for record in history]:
        raise ValueError(f"chosen epoch {chosen} is not in the history")
    figure = Chart(figsize=(7.0, 0.6 + 2.3 * len(panels)), layout="constrained")
    grid = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    for axes, panel in zip(grid, panels, strict=True):
        axes.grid(axis="y")
        if chosen is not None:
            axes.axvline(chosen + 1, color=GRAY, linestyle="--", linewidth=1)
        if panel == "loss":
            _draw_losses(axes, history, losses)
        else:
            _draw_accuracy(axes, history, chosen)
    grid[0].set_xlim(*value_range([[record["epoch"] + 1 for record in history]]))
    grid[-1].set_xlabel("epoch")
    grid[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


@rc_context(STYLE)
def accuracy_by_classifier(accuracies: Mapping[str, ArrayLike], chance: float, dot: str = "episode") -> Figure:
    """{name: (episodes,) accuracies 0…1}: a dot per episode, the mean with its 95 % interval (Student's t), best first.

    chance: accuracy of guessing;  dot: what a dot is, e.g. "seed". A single episode has a mean but no interval.
    """
    if not accuracies:
        raise ValueError("accuracy_by_classifier needs at least one classifier")
    rows: dict[str, Floats] = {}
    for name, values in accuracies.items():
        rows[name] = as_array(values, (np.size(values),), "(episodes,)", f"accuracies of {name!r}")
        if not rows[name].size:
            raise ValueError(f"accuracies of {name!r} are empty: (episodes,) needs at least one episode")
    rows = dict(sorted(rows.items(), key=lambda row: -row[1].mean()))
    figure, axes = chart(7.0, 1.1 + 0.29 * len(rows))
    for i, (_, episodes) in enumerate(rows.items()):
        mean, half = float(episodes.mean()), half_width(episodes)
        # Spread by rank, not by chance: the same numbers always give the same picture.
        jitter = np.resize([0.0, 0.14, -0.14], episodes.size)[np.argsort(np.argsort(episodes, kind="stable"))]
        axes.scatter(episodes, i + jitter, s=16, color=SERIES[0], alpha=0.35, linewidths=0)
        axes.errorbar(mean, i, xerr=half, fmt="D", color=INK, markersize=5, capsize=4, linewidth=1.6)
        spread = f" ± {100 * half:.1f}" if half else ""
        axes.annotate(f"{100 * mean:.1f}{spread} %", (1.01, i), xycoords=("axes fraction", "data"), va="center")
    axes.axvline(chance, color=GRAY, linestyle="--", linewidth=1)
    note_above(axes, chance, f"chance {100 * chance:.1f} %")
    name_rows(axes, list(rows))
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
    axes.set_xlabel(f"accuracy: a dot per {dot}, mean ± 95 % interval")
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
        axes.set_title(fill(benchmark, 20))
        name_rows(axes, methods)
        axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
        axes.xaxis.set_major_locator(MaxNLocator(4))
        axes.grid(axis="x")
    return figure


@rc_context(STYLE)
def accuracy_by_base_classes(accuracies: Mapping[str, Mapping[int, ArrayLike]], chance: float) -> Figure:
    """{method: {number of base classes: (runs,) accuracies 0…1}}: a dot per run, lines through the means.

    chance: accuracy of guessing.
    """
    if not any(accuracies.values()):
        raise ValueError("accuracy_by_base_classes needs at least one method with a run")
    figure, axes = chart(7.0, 4.0)
    for i, (method, points) in enumerate(accuracies.items()):
        counts = sorted(points)
        runs = [
            as_array(points[n], (np.size(points[n]),), "(runs,)", f"{method!r} at {n} base classes") for n in counts
        ]
        look: Any = {"color": SERIES[i % len(SERIES)], "marker": MARKERS[i % len(MARKERS)]}
        axes.plot(counts, [values.mean() for values in runs], label=method, linewidth=1.6, markersize=4, **look)
        axes.scatter(np.repeat(counts, [len(values) for values in runs]), np.concatenate(runs), s=44, alpha=0.4,
                     linewidths=0, **look)  # fmt: skip
    axes.axhline(chance, color=GRAY, linestyle="--", linewidth=1)
    axes.annotate(f"chance {100 * chance:.1f} %", (1, chance), xytext=(0, 3), xycoords=("axes fraction", "data"),
                  textcoords="offset points", ha="right", color=GRAY)  # fmt: skip
    axes.set_ylim(bottom=0)
    axes.set_xticks(sorted({count for points in accuracies.values() for count in points}))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
    axes.set_xlabel("base classes in training; a pale dot per run, lines through the means")
    axes.set_ylabel("accuracy")
    axes.grid(axis="y")
    figure.legend(loc="outside upper left", ncols=3)
    return figure


@rc_context(STYLE)
def gain_by_base_side(
    gains: Mapping[str, Mapping[str, Mapping[str, tuple[float, float, float]]]], reference: str, sides: str
) -> Figure:
    """{classifier: {method: {base side: (mean, low, high)}}}: a panel per classifier, a line per method.

    Means and intervals are differences to `reference` in points; zero is the reference. sides: what the base sides are,
    below the axis, where they are in the order in which they are first named.
    """
    if not any(gains.values()):
        raise ValueError("gain_by_base_side needs at least one classifier with a method")
    named = [side for methods in gains.values() for points in methods.values() for side in points]
    ticks = list(dict.fromkeys(named))
    figure = Chart(figsize=(1.0 + 2.6 * len(gains), 3.2), layout="constrained")
    panels = figure.subplots(1, len(gains), sharey=True, squeeze=False)[0]
    for axes, (classifier, methods) in zip(panels, gains.items(), strict=True):
        axes.axhline(0.0, color=GRAY, linewidth=1)
        for i, (method, points) in enumerate(methods.items()):
            at = [ticks.index(side) + 0.08 * (i - (len(methods) - 1) / 2) for side in points]
            mean, low, high = np.array(list(points.values())).T
            look: Any = {"color": SERIES[i % len(SERIES)], "marker": MARKERS[i % len(MARKERS)]}
            length = [mean - low, high - mean]
            axes.errorbar(at, mean, yerr=length, label=method, linewidth=1.4, markersize=5, capsize=3, **look)
        axes.set_title(classifier)
        axes.set_xticks(range(len(ticks)), ticks)
        axes.grid(axis="y")
    panels[0].set_ylabel(f"points above {reference}")
    figure.supxlabel(sides)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=len(SERIES))
    return figure


@rc_context(STYLE)
def exemplar_sensitivity(accuracy: ArrayLike, class_names: Sequence[str]) -> Figure:
    """How much each class depends on which clip is its exemplar: a dot per episode, the mean, from lowest to highest.

    accuracy: (R, K) in 0…1 per episode and class; not a number where a class has no query. The first row is the
    mean of the classes; the classes follow, those first that depend most on the episode.
    """
    matrix = np.asarray(accuracy, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[1] != len(class_names) or not matrix.size or np.isinf(matrix).any():
        raise ValueError(f"accuracy must be (R, K) with K = {len(class_names)} classes; got shape {matrix.shape}")
    unseen = np.flatnonzero(np.isnan(matrix).all(axis=0))
    if len(unseen):
        raise ValueError(f"class {class_names[unseen[0]]!r} has no accuracy in any episode; leave it out")
    spread = np.nanmax(matrix, axis=0) - np.nanmin(matrix, axis=0)
    order = np.argsort(-spread, kind="stable")
    rows = [np.nanmean(matrix, axis=1), *matrix[:, order].T]
    figure, axes = chart(7.5, 1.1 + 0.26 * len(rows))
    for i, values in enumerate(rows):
        values = values[np.isfinite(values)]
        color = SERIES[0] if i else INK
        low, high = float(values.min()), float(values.max())
        axes.plot([low, high], [i, i], color=FLOOR, linewidth=4, solid_capstyle="round", zorder=1)
        axes.scatter(values, np.full(len(values), i), s=18, color=color, alpha=0.45, linewidths=0, zorder=2)
        axes.plot(values.mean(), i, "|", color=color, markersize=11, markeredgewidth=2, zorder=3)
        axes.annotate(f"{100 * low:.0f} … {100 * high:.0f} %", (1.01, i), xycoords=("axes fraction", "data"),
                      va="center", color=INK if i == 0 else GRAY)  # fmt: skip
    axes.axhline(0.5, color=GRAY, linewidth=0.8)
    name_rows(axes, ["mean of the classes", *(class_names[k] for k in order)])
    axes.set_xlim(-0.02, 1.02)
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
    axes.set_xlabel(f"accuracy: a dot for each of {len(matrix)} episodes, a line at their mean")
    axes.grid(axis="x")
    return figure


@rc_context(STYLE)
def feature_map(
    points: ArrayLike, label: ArrayLike, class_names: Sequence[str], exemplars: ArrayLike | None = None
) -> Figure:
    """Clips as points of a plane, (N, 2), e.g. by t-SNE; color, shape and number say the class.

    label: (N,) index into `class_names`;  exemplars: indices of the clips to ring. A class's number stands at the clip
    in its middle: numbers tell classes apart where colors cannot.
    """
    count = max(np.size(label), 1)
    xy = as_array(points, (count, 2), "(N, 2)", f"points of {count} clips")
    of = as_array(label, (count,), "(N,)", "label").astype(int)
    if of.min() < 0 or of.max() >= len(class_names):
        raise ValueError(f"label has {of.min()} … {of.max()} but there are {len(class_names)} class names")
    figure, axes = chart(9.5, 6.5)
    for k in np.unique(of).tolist():
        own = xy[of == k]
        look: Any = {"color": SERIES[k % len(SERIES)], "marker": MARKERS[k % len(MARKERS)]}
        axes.scatter(own[:, 0], own[:, 1], s=22, alpha=0.75, linewidths=0, label=f"{k + 1}  {class_names[k]}", **look)
        middle = own[np.linalg.norm(own - np.median(own, axis=0), axis=1).argmin()]
        axes.annotate(str(k + 1), middle, ha="center", va="center", fontsize=11, fontweight="bold", zorder=4,
                      path_effects=[withStroke(linewidth=3, foreground="white")])  # fmt: skip
    if exemplars is not None:
        ringed = xy[np.asarray(exemplars, dtype=int)]
        axes.scatter(ringed[:, 0], ringed[:, 1], s=90, facecolors="none", edgecolors=INK, linewidths=1.4, zorder=3,
                     label="exemplar")  # fmt: skip
    axes.set_aspect("equal", "datalim")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    columns = -(-len(axes.get_legend_handles_labels()[1]) // 32)
    figure.legend(loc="outside right upper", ncols=columns, fontsize=8.5, handletextpad=0.3)
    return figure


@rc_context(STYLE)
def timeline(
    edges: ArrayLike,
    scores: ArrayLike,
    actions: Sequence[str],
    threshold: float | None = None,
    truth: Sequence[tuple[float, float, str]] = (),
) -> Figure:
    """A long recording window by window: similarity to every action, and a bar where an action was recognized.

    edges: (W + 1,) seconds between the windows;  scores: (W, K);  threshold: windows whose best score is below stay
    unmarked.  truth: (start, end, action) in seconds, drawn as boxes; other actions are named above.
    """
    count = max(np.size(edges) - 1, 1)
    edges = as_array(edges, (count + 1,), "(W + 1,)", "edges")
    matrix = as_array(scores, (count, len(actions)), "(W, K)", f"scores of {count} windows")
    figure, axes = chart(9.0, 1.4 + 0.32 * len(actions))
    mesh = axes.pcolormesh(edges, np.arange(len(actions) + 1), matrix.T, cmap=IMPORTANCE_COLORS)
    best = matrix.argmax(1)
    for w in np.flatnonzero(matrix.max(1) >= (-np.inf if threshold is None else threshold)):
        axes.plot(edges[w : w + 2], [best[w] + 0.5] * 2, color=SERIES[1], linewidth=4, solid_capstyle="butt")
    axes.set_yticks(np.arange(len(actions)) + 0.5, list(actions))
    axes.set_ylim(len(actions), 0)
    axes.tick_params(axis="y", length=0)
    for start, end, action in truth:
        if action in actions:
            box = Rectangle(
                (start, list(actions).index(action)), end - start, 1, fill=False, edgecolor=INK, linewidth=2
            )
            axes.add_patch(box)
        else:
            axes.annotate(action, (0.5 * (start + end), 0), xytext=(0, 3), textcoords="offset points", ha="center")
    axes.set_xlabel("seconds; bar: recognized" + ("; box: what is shown" if truth else ""))
    color_bar(figure, axes, mesh, "similarity")
    return figure


def _draw_losses(axes: Axes, history: Sequence[Mapping[str, float]], keys: Sequence[str]) -> None:
    for key, color in zip(keys, cycle(SERIES), strict=False):
        epochs, values = _series(history, key)
        style: dict[str, Any] = {"linewidth": 1.6, "color": color}
        if key == TOTAL:
            style = {"linewidth": 2.2, "color": INK, "linestyle": ":"}
        axes.plot(epochs, values, label=key.removesuffix("_loss").replace("_", "-"), **style)
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
        if chosen is not None and epoch == chosen + 1:
            axes.plot(epoch, value, "o", color=INK, markersize=7)
            late = epoch > 0.5 * (epochs[0] + epochs[-1])
            axes.annotate(f"epoch {epoch}: {100 * value:.1f} %", (epoch, value), xytext=(-8 if late else 8, -8),
                          ha="right" if late else "left", va="top", textcoords="offset points",
                        path_effects=[withStroke(linewidth=3, foreground="white")])  # fmt: skip
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
    axes.set_ylabel("validation accuracy")


def _series(history: Sequence[Mapping[str, float]], key: str) -> tuple[list[float], list[float]]:
    present = [record for record in history if key in record]
    return [record["epoch"] + 1 for record in present], [record[key] for record in present]
