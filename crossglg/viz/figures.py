"""Figures with matplotlib: every function returns a `Figure` and writes nothing; `save` writes one.

No pyplot state is touched. Skeletons are drawn as the sensor saw them: x to the left (2-D as in their image), so the
left hand of a person facing the sensor is on the right of the picture, as it is for someone standing in front of them.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator, PercentFormatter
from numpy.typing import ArrayLike
from scipy.special import stdtrit

from crossglg.files import write_atomically
from crossglg.skeletons import Layout
from crossglg.viz.common import (
    FLOOR,
    GREY,
    INK,
    PALE,
    RAMP,
    SERIES,
    SIDES,
    Floats,
    as_array,
    as_clip,
    joint_order,
    seen,
    side_of_joints,
    value_range,
)

STYLE: Any = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same picture on every machine
    "font.size": 9,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": PALE,
    "grid.linewidth": 0.8,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "svg.hashsalt": "crossglg",
}
IMPORTANCE_COLOURS = LinearSegmentedColormap.from_list("importance", RAMP)
COUNT_COLOURS = LinearSegmentedColormap.from_list("counts", ["#ffffff", "#9ecae1", "#3182bd", "#08306b"])
GAP = 0.25  # metres between two snapshots
JOINT_AREA = (6.0, 110.0)  # points², the least and the most important joint
MAX_INCHES = 13.0
# No dates and no versions: the same figure is the same file.
METADATA: dict[str, dict[str, None]] = {
    ".png": {"Software": None},
    ".svg": {"Date": None, "Creator": None},
    ".pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}
BEFORE_AFTER = ((FLOOR, "before"), (SERIES[0], "after"))
LOSSES = {
    "skeleton_loss": SERIES[0],
    "calibration_loss": SERIES[1],
    "cross_modal_loss": SERIES[2],
    "alignment_loss": SERIES[3],
    **dict.fromkeys(("prototype_loss", "triplet_loss", "multi_similarity_loss"), SERIES[0]),  # in place of the first
    "total_loss": INK,
}


class Chart(Figure):
    """A Figure that a notebook shows by itself, without pyplot or a magic command."""

    def _repr_png_(self) -> bytes:
        return _render(self, ".png")


def png(figure: Figure) -> bytes:
    """The picture as `save` writes it to a .png, for a widget."""
    return _render(figure, ".png")


def save(figure: Figure, path: str | Path) -> Path:
    """Write `figure` as .png, .svg or .pdf, atomically; the same figure gives the same bytes. Returns the path."""
    path = Path(path)
    if path.suffix not in METADATA:
        raise ValueError(f"cannot save a figure as {path.name!r}; give a name ending in {', '.join(METADATA)}")
    content = _render(figure, path.suffix)
    return write_atomically(path, lambda file: file.write(content))


@rc_context(STYLE)
def skeleton_strip(
    clip: ArrayLike, layout: Layout, importance: ArrayLike | None = None, frames: int = 6, title: str = ""
) -> Figure:
    """Snapshots of one clip over time; size and colour of a joint are its importance.

    clip: (M, T, V, C) or (T, V, C) metres, y up; importance: (V,), or None to colour the sides of the body instead.
    """
    xyz = as_clip(clip, layout)
    weight = None
    if importance is not None:
        weight = as_array(importance, (layout.num_joints,), "(V,)", f"importance of layout {layout.name!r}")
    times = _spread(xyz.shape[1], frames)
    figure, axes, (step, _) = _sheet([xyz], [times], [layout], weight, row_inches=3.0)
    axes.set_xticks([k * step for k in range(len(times))], [f"frame {t}" for t in times])
    axes.set_xlabel("as the sensor sees it: the left side of a person facing it is on the right", color=GREY)
    axes.set_title(title)
    return figure


@rc_context(STYLE)
def clip_gallery(clips: Sequence[tuple[ArrayLike, str]], layout: Layout | Sequence[Layout], frames: int = 6) -> Figure:
    """Contact sheet: a row of snapshots per (clip, title), from each clip's first to its last frame, one scale for all.

    Each clip: (M, T, V, C) or (T, V, C) metres, y up;  layout: one for all clips, or one for each.
    """
    if not clips:
        raise ValueError("clip_gallery needs at least one (clip, title)")
    layouts = [layout] * len(clips) if isinstance(layout, Layout) else list(layout)
    if len(layouts) != len(clips):
        raise ValueError(f"clip_gallery has {len(clips)} clips and {len(layouts)} layouts; give one layout for each")
    rows = [as_clip(clip, of, f"clip {title!r}") for (clip, title), of in zip(clips, layouts, strict=True)]
    times = [_spread(xyz.shape[1], frames) for xyz in rows]
    figure, axes, (step, height) = _sheet(rows, times, layouts, None, row_inches=1.35)
    axes.set_yticks([(0.45 - r) * height for r in range(len(rows))], [title for _, title in clips])
    last = max(map(len, times)) - 1
    axes.set_xticks([0, last * step][: last + 1], ["start", "end"][: last + 1])
    return figure


@rc_context(STYLE)
def importance_bars(importance: Mapping[str, ArrayLike], layout: Layout, top: int | None = None) -> Figure:
    """Grouped horizontal bars {label: (V,)} per joint, ordered by body part; dashed at the uniform weight 1/V.

    top: show only the joints with the highest weight under any label, still ordered by body part.
    """
    if not importance:
        raise ValueError("importance_bars needs at least one label")
    count = layout.num_joints
    rows = np.stack([as_array(values, (count,), "(V,)", f"importance {key!r} of layout {layout.name!r}")
                     for key, values in importance.items()])  # fmt: skip
    chosen = set(np.argsort(-rows.max(axis=0), kind="stable")[: count if top is None else top].tolist())
    if not chosen:
        raise ValueError(f"top must be at least 1, got {top}")
    parts = {part: [j for j in joints if j in chosen] for part, joints in layout.parts.items()}
    order = [j for joints in parts.values() for j in joints]
    figure = Chart(figsize=(7.0, 1.0 + len(order) * (0.12 + 0.11 * len(rows))), layout="constrained")
    axes = figure.add_subplot()
    thickness = 0.8 / len(rows)
    for i, (label, values) in enumerate(zip(importance, rows, strict=True)):
        at = np.arange(len(order)) + (i - 0.5 * (len(rows) - 1)) * thickness
        axes.barh(at, values[order], height=0.9 * thickness, color=SERIES[i % len(SERIES)], label=label)
    axes.axvline(1 / count, color=INK, linestyle="--", linewidth=1)
    _note_above(axes, 1 / count, f"uniform 1/{count}")
    for part, start, stop in _runs(parts):
        if start:
            axes.axhline(start - 0.5, color=PALE, linewidth=1, zorder=0)
        axes.annotate(part, (1.01, 0.5 * (start + stop - 1)), xycoords=("axes fraction", "data"), color=GREY,
                      va="center", annotation_clip=False)  # fmt: skip
    axes.set_yticks(np.arange(len(order)), [layout.joints[j] for j in order])
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(order) - 0.5, -0.5)
    axes.set_xlabel("joint importance")
    axes.grid(axis="x")
    figure.legend(loc="outside upper left", ncols=4)
    return figure


@rc_context(STYLE)
def importance_by_class(importance: ArrayLike, class_names: Sequence[str], layout: Layout) -> Figure:
    """Heat map (K, V): a row per class, joints ordered and separated by body part."""
    shape = (len(class_names), layout.num_joints)
    matrix = as_array(importance, shape, "(K, V)", f"importance for {len(class_names)} classes, layout {layout.name!r}")
    order = joint_order(layout)
    figure = Chart(figsize=(2.8 + 0.26 * shape[1], 1.9 + 0.22 * shape[0]), layout="constrained")
    axes = figure.add_subplot()
    image = axes.imshow(matrix[:, order], cmap=IMPORTANCE_COLOURS, aspect="auto", interpolation="nearest")
    for part, start, stop in _runs(layout.parts):
        if start:
            axes.axvline(start - 0.5, color="white", linewidth=4)
        axes.annotate(part.replace(" ", "\n"), (0.5 * (start + stop - 1), 1), xytext=(0, 4), ha="center", va="bottom",
                      xycoords=("data", "axes fraction"), textcoords="offset points", color=GREY)  # fmt: skip
    _label_cells(axes, [layout.joints[j] for j in order], class_names)
    _colour_bar(figure, axes, image, "joint importance")
    return figure


@rc_context(STYLE)
def confusion_matrix(counts: ArrayLike, class_names: Sequence[str]) -> Figure:
    """(K, K) counts, row = true class; shown in per cent of each row, with the row's number of clips in its label."""
    count = len(class_names)
    matrix = as_array(counts, (count, count), "(K, K)", f"confusion counts for {count} classes")
    total = matrix.sum(axis=1)
    share = np.divide(matrix, total[:, None], out=np.zeros_like(matrix), where=total[:, None] > 0)
    figure, axes, inches = _square(count)
    image = axes.imshow(share, cmap=COUNT_COLOURS, vmin=0, vmax=1, interpolation="nearest")
    size = min(8.0, 24 * inches)
    for i, j in zip(*np.nonzero(share >= 0.01), strict=True):
        axes.text(j, i, f"{100 * share[i, j]:.0f}", ha="center", va="center", fontsize=size,
                  color="white" if share[i, j] > 0.5 else INK)  # fmt: skip
    _label_cells(axes, class_names, [f"{name} ({n:g})" for name, n in zip(class_names, total, strict=True)])
    axes.set_xticks(np.arange(0.5, count - 1), minor=True)
    axes.set_yticks(np.arange(0.5, count - 1), minor=True)
    axes.tick_params(which="minor", length=0)
    axes.grid(which="minor", linewidth=0.4)
    axes.set_xlabel("recognised as")
    axes.set_ylabel("true class (clips)")
    _colour_bar(figure, axes, image, "share of the true class", PercentFormatter(1, decimals=0, symbol=" %"))
    return figure


@rc_context(STYLE)
def similarity_map(similarity: ArrayLike, names: Sequence[str], title: str = "") -> Figure:
    """(K, K) similarities between named things, e.g. cosines of class texts."""
    shape = (len(names), len(names))
    matrix = as_array(similarity, shape, "(K, K)", f"similarity of {len(names)} names")
    figure, axes, _ = _square(len(names))
    image = axes.imshow(matrix, cmap=IMPORTANCE_COLOURS, interpolation="nearest")
    _label_cells(axes, names, names)
    axes.set_title(title)
    _colour_bar(figure, axes, image, "similarity")
    return figure


@rc_context(STYLE)
def what_if(
    pose: ArrayLike,
    layout: Layout,
    key_joint_target: ArrayLike,
    neighbours: ArrayLike,
    class_names: Sequence[str],
    title: str = "",
    nearest: int = 5,
) -> Figure:
    """What an edited text changes: the new key joints on a pose, k_gt per joint and the nearest classes, old and new.

    pose: (V, C) metres, y up;  key_joint_target: (2, V) before and after;  neighbours: (2, K) cosines to `class_names`,
    of which those are shown that are among the `nearest` before or after. Joints without weight in both are left out.
    """
    weight = as_array(key_joint_target, (2, layout.num_joints), "(2, V)", f"k_gt of layout {layout.name!r}")
    cosine = as_array(neighbours, (2, len(class_names)), "(2, K)", f"cosines to {len(class_names)} classes")
    points = as_clip(np.asarray(pose)[None], layout, "pose")[0, 0, :, :2] * (-1, 1)
    joints = [j for j in joint_order(layout) if weight[:, j].any()]
    close = sorted({int(k) for row in cosine for k in np.argsort(-row, kind="stable")[:nearest]},
                   key=lambda k: -cosine[1, k])  # fmt: skip
    same = [bool(np.allclose(*rows)) for rows in (weight, cosine)]
    figure = Chart(figsize=(12.0, max(3.2, 1.2 + 0.26 * max(len(joints), len(close)))), layout="constrained")
    body, bars, classes = figure.subplots(1, 3, width_ratios=(1, 2, 2))
    _draw_pose(body, points, layout, weight[1], faint=False)
    body.set_aspect("equal", "datalim")
    body.autoscale_view()
    body.set_axis_off()
    body.set_title(title)
    _before_and_after(bars, [layout.joints[j] for j in joints], weight[:, joints], same[0])
    bars.set_xlabel("k_gt" + (", unchanged" if same[0] else ""))
    _before_and_after(classes, [class_names[k] for k in close], cosine[:, close], same[1])
    classes.set_xlabel("cosine to the nearest classes" + (", unchanged" if same[1] else ""))
    if not all(same):
        handles = [Line2D([], [], color=colour, linewidth=5, label=label) for colour, label in BEFORE_AFTER]
        figure.legend(handles=handles, loc="outside upper right", ncols=2)
    return figure


@rc_context(STYLE)
def training_curves(history: Sequence[Mapping[str, float]], chosen: int | None = None) -> Figure:
    """Losses above, validation accuracy below, over epochs.

    history: one record per epoch with "epoch" and any of `LOSSES` and "validation_accuracy" (0…1); what a record lacks
    is skipped. chosen: the epoch to mark.
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
    _note_above(axes, chance, f"chance {100 * chance:.1f} %")
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
    _colour_bar(figure, axes, mesh, "similarity")
    return figure


def _render(figure: Figure, suffix: str) -> bytes:
    # Drawing moves the layout a little each time: a copy is drawn, so that the second file is the same as the first.
    figure = deepcopy(figure)
    buffer = io.BytesIO()
    with rc_context(STYLE):
        figure.savefig(
            buffer, format=suffix[1:], dpi=150, bbox_inches="tight", pad_inches=0.1, metadata=METADATA[suffix]
        )
    return buffer.getvalue()


def _spread(total: int, frames: int) -> list[int]:
    """Frame indices from the first to the last, evenly spread, none twice."""
    if frames < 1:
        raise ValueError(f"frames must be at least 1, got {frames}")
    return sorted({round(t) for t in np.linspace(0, total - 1, frames).tolist()})


def _sheet(
    clips: Sequence[Floats],
    times: Sequence[Sequence[int]],
    layouts: Sequence[Layout],
    weight: Floats | None,
    row_inches: float,
) -> tuple[Figure, Axes, tuple[float, float]]:
    """One Axes in metres with a row of snapshots per clip; returns it with the (step, height) between snapshots.

    One scale and one step for all: the height of the tallest clip, and as wide as no two neighbours need to touch.
    """
    # 2-D clips are as in their image already.
    flips = [(-1 if xyz.shape[-1] == 3 else 1, 1) for xyz in clips]
    shots = [[_visible(xyz, t)[..., :2] * flip for t in at] for xyz, at, flip in zip(clips, times, flips, strict=True)]
    boxes = [_box(row) for row in shots]
    step = max(_step(row) for row in shots)
    width, height = np.max([high - low for low, high in boxes], axis=0) + GAP
    columns = max(map(len, times))
    width += (columns - 1) * step
    inches = min(row_inches / height, (MAX_INCHES - 1.5) / width)
    figure = Chart(figsize=(width * inches + 1.5, len(clips) * height * inches + 0.8), layout="compressed")
    axes = figure.add_subplot()
    for row, (low, high) in enumerate(boxes):
        for column, persons in enumerate(shots[row]):
            placed = persons - (0.5 * (low[0] + high[0]), low[1]) + (column * step, -row * height)
            for person, points in enumerate(placed):
                _draw_pose(axes, points, layouts[row], weight, faint=person > 0)
            if placed.size:  # a floor of its own says which persons belong to one moment
                floor = placed[..., 0].min() - 0.06, placed[..., 0].max() + 0.06
                axes.plot(floor, (-row * height,) * 2, color=FLOOR, linewidth=1, zorder=0)
    margin = 0.5 * (width - (columns - 1) * step)
    axes.set_xlim(-margin, (columns - 1) * step + margin)
    axes.set_ylim(-(len(clips) - 1) * height - 0.5 * GAP, height - 0.5 * GAP)
    axes.set_aspect("equal")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    axes.set_yticks([])
    if weight is None:
        handles = [Line2D([], [], color=SIDES[side], label=f"{side} side") for side in ("left", "right")]
        axes.legend(handles=handles, loc="lower right", bbox_to_anchor=(1, 1), ncols=2)
    else:
        scale = Normalize(*value_range([weight]))
        _colour_bar(figure, axes, ScalarMappable(scale, IMPORTANCE_COLOURS), "joint importance")
    return figure, axes, (float(step), float(height))


def _visible(xyz: Floats, t: int) -> Floats:
    """(M', V, C) the persons seen in frame t."""
    return np.asarray(xyz[seen(xyz)[:, t], t])


def _box(shots: Sequence[Floats]) -> tuple[Floats, Floats]:
    """Lowest and highest (x, y) of all snapshots of a clip."""
    points = np.concatenate([shot.reshape(-1, 2) for shot in shots])
    if not points.size:
        raise ValueError("clip shows nobody: every person of (M, T, V, C) is all zero in every frame drawn")
    return points.min(axis=0), points.max(axis=0)


def _step(shots: Sequence[Floats]) -> float:
    """Metres from one snapshot to the next so that none touches its neighbour."""
    drawn = [shot[..., 0] for shot in shots if shot.size]
    overlaps = [float(a.max() - b.min()) for a, b in pairwise(drawn)]
    return max([0.2, *overlaps]) + GAP


def _draw_pose(axes: Axes, points: Floats, layout: Layout, weight: Floats | None, faint: bool) -> None:
    """One skeleton at points (V, 2); `faint` sets a second person apart."""
    sides = side_of_joints(layout)
    colours = [SIDES[sides[child]] if weight is None else GREY for child, _ in layout.bones]
    bones = [points[list(bone)] for bone in layout.bones]
    axes.add_collection(LineCollection(bones, colors=colours, linewidths=1.8, alpha=0.5 if faint else 1, zorder=1))
    if weight is None:
        return
    scale = Normalize(*value_range([weight]))
    order = np.argsort(weight, kind="stable")  # the important joints on top
    area = JOINT_AREA[0] + (JOINT_AREA[1] - JOINT_AREA[0]) * np.asarray(scale(weight[order]))
    axes.scatter(points[order, 0], points[order, 1], s=area, c=weight[order], cmap=IMPORTANCE_COLOURS, norm=scale,
                 edgecolors=INK, linewidths=0.4, zorder=2)  # fmt: skip


def _before_and_after(axes: Axes, labels: Sequence[str], values: Floats, same: bool) -> None:
    """Horizontal bars of values (2, n), old above new; the new alone where nothing changed."""
    at = np.arange(len(labels))
    if same:
        axes.barh(at, values[1], height=0.6, color=BEFORE_AFTER[1][0])
    else:
        for row, shift, (colour, _) in zip(values, (-0.2, 0.2), BEFORE_AFTER, strict=True):
            axes.barh(at + shift, row, height=0.36, color=colour)
    axes.axvline(0, color=GREY, linewidth=0.8)
    axes.set_yticks(at, labels)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.grid(axis="x")


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


def _runs(parts: Mapping[str, Sequence[int]]) -> Iterator[tuple[str, int, int]]:
    """(part, start, stop) of each body part along an axis ordered by body part, empty ones left out."""
    start = 0
    for part, joints in parts.items():
        if joints:
            yield part, start, start + len(joints)
            start += len(joints)


def _square(count: int) -> tuple[Figure, Axes, float]:
    """Figure and Axes for a (K, K) matrix and the inches of a cell: large cells for few classes, 60 still readable."""
    inches = float(np.clip(9.0 / max(count, 1), 0.19, 0.42))
    figure = Chart(figsize=(count * inches + 3.4, count * inches + 2.2), layout="constrained")
    return figure, figure.add_subplot(), inches


def _note_above(axes: Axes, x: float, text: str) -> None:
    axes.annotate(text, (x, 1), xytext=(0, 3), xycoords=("data", "axes fraction"), textcoords="offset points",
                  ha="center", va="bottom", color=GREY)  # fmt: skip


def _label_cells(axes: Axes, columns: Sequence[str], rows: Sequence[str]) -> None:
    size = 9 if max(len(columns), len(rows)) <= 30 else 7.5
    axes.set_xticks(range(len(columns)), list(columns), rotation=90, fontsize=size)
    axes.set_yticks(range(len(rows)), list(rows), fontsize=size)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _colour_bar(figure: Figure, axes: Axes, of: ScalarMappable, label: str, ticks: Any = None) -> None:
    bar = figure.colorbar(of, ax=axes, label=label, shrink=0.7, aspect=25, pad=0.02, format=ticks)
    bar.outline.set_visible(False)  # type: ignore[operator]
    bar.ax.tick_params(length=2)
    if ticks is None:
        bar.ax.yaxis.set_major_locator(MaxNLocator(5))
