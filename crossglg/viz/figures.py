"""Figures with matplotlib: every function returns a `Figure` and writes nothing; `save` writes one.

Here: skeletons, joint importance, matrices; those of `crossglg.viz.results` and `save` can be had from here, too.
No pyplot state is touched. Skeletons are drawn as the sensor saw them: x to the left (2-D as in their image), so the
left hand of a person facing the sensor is on the right of the picture, as it is for someone standing in front of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter
from numpy.typing import ArrayLike
from scipy.cluster.hierarchy import leaves_list, linkage

from crossglg.skeletons import Layout
from crossglg.viz.common import (
    FLOOR,
    GRAY,
    INK,
    PALE,
    SERIES,
    SIDES,
    Floats,
    as_array,
    as_clip,
    joint_order,
    part_runs,
    per_joint,
    side_of_joints,
    value_range,
)
from crossglg.viz.results import (
    accuracy_by_base_classes,
    accuracy_by_classifier,
    exemplar_sensitivity,
    feature_map,
    gain_by_base_side,
    method_intervals,
    timeline,
    training_curves,
)
from crossglg.viz.style import IMPORTANCE_COLORS, STYLE, Chart, chart, color_bar, name_rows, note_above, png, save

__all__ = [
    "accuracy_by_base_classes", "accuracy_by_classifier", "clip_gallery", "confusion_matrix", "exemplar_sensitivity",
    "feature_map", "gain_by_base_side", "importance_bars", "importance_by_class", "method_intervals", "png", "save",
    "similarity_map", "skeleton_strip", "timeline", "training_curves", "what_if",
]  # fmt: skip

SIGNED_COLORS = LinearSegmentedColormap.from_list("signed", ["#b2182b", "#f7f7f7", "#2166ac"])
COUNT_COLORS = LinearSegmentedColormap.from_list("counts", ["#ffffff", "#9ecae1", "#3182bd", "#08306b"])
GAP = 0.25  # meters between two snapshots
JOINT_AREA = (6.0, 110.0)  # points², the least and the most important joint
FULL_INCHES, MAX_INCHES = 3.0, 13.0  # height of the only row of a sheet, width of any
BEFORE_AFTER = ((FLOOR, "before"), (SERIES[0], "after"))


@rc_context(STYLE)
def skeleton_strip(
    clip: ArrayLike,
    layout: Layout,
    importance: ArrayLike | None = None,
    frames: int = 6,
    title: str = "",
    label: str = "joint importance",
) -> Figure:
    """Snapshots of one clip over time; size and color of a joint are its importance.

    clip: (M, T, V, C) or (T, V, C) meters, y up; importance: (V,), or None to color the sides of the body instead;
    label: what the importance is, beside its colors.
    """
    xyz = as_clip(clip, layout)
    weights = None if importance is None else [per_joint(importance, layout)]
    times = _spread(xyz.shape[1], frames)
    figure, axes, (step, _) = _sheet([xyz], [times], [layout], weights, FULL_INCHES, label)
    axes.set_xticks([k * step for k in range(len(times))], [f"frame {t}" for t in times])
    axes.set_xlabel("as the sensor sees it: the left side of a person facing it is on the right", color=GRAY)
    axes.set_title(title)
    return figure


@rc_context(STYLE)
def clip_gallery(
    clips: Sequence[tuple[ArrayLike, str]],
    layout: Layout | Sequence[Layout],
    frames: int = 6,
    importance: Sequence[ArrayLike] | None = None,
) -> Figure:
    """Contact sheet: a row of snapshots per (clip, title), from each clip's first to its last frame, one scale for all.

    Each clip: (M, T, V, C) or (T, V, C) meters, y up;  layout: one for all clips, or one for each;  importance: (V,)
    for each clip, shown by size and color of the joints on one scale for all, instead of the sides of the body.
    """
    if not clips:
        raise ValueError("clip_gallery needs at least one (clip, title)")
    layouts = [layout] * len(clips) if isinstance(layout, Layout) else list(layout)
    if len(layouts) != len(clips):
        raise ValueError(f"clip_gallery has {len(clips)} clips and {len(layouts)} layouts; give one layout for each")
    rows = [as_clip(clip, of, f"clip {title!r}") for (clip, title), of in zip(clips, layouts, strict=True)]
    times = [_spread(xyz.shape[1], frames) for xyz in rows]
    weights = None
    if importance is not None:
        if len(importance) != len(clips):
            raise ValueError(f"clip_gallery has {len(clips)} clips and importance for {len(importance)}; give one each")
        weights = [
            as_array(values, (of.num_joints,), "(V,)", f"importance of clip {title!r}")
            for values, of, (_, title) in zip(importance, layouts, clips, strict=True)
        ]
    figure, axes, (step, height) = _sheet(rows, times, layouts, weights, row_inches=1.35 if weights is None else 1.9)
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
    rows = np.stack([per_joint(values, layout, f"importance {key!r}") for key, values in importance.items()])
    chosen = set(np.argsort(-rows.max(axis=0), kind="stable")[: count if top is None else top].tolist())
    if not chosen:
        raise ValueError(f"top must be at least 1, got {top}")
    parts = {part: [j for j in joints if j in chosen] for part, joints in layout.parts.items()}
    order = [j for joints in parts.values() for j in joints]
    figure, axes = chart(7.0, 1.0 + len(order) * (0.12 + 0.11 * len(rows)))
    thickness = 0.8 / len(rows)
    for i, (label, values) in enumerate(zip(importance, rows, strict=True)):
        at = np.arange(len(order)) + (i - 0.5 * (len(rows) - 1)) * thickness
        axes.barh(at, values[order], height=0.9 * thickness, color=SERIES[i % len(SERIES)], label=label)
    axes.axvline(1 / count, color=INK, linestyle="--", linewidth=1)
    note_above(axes, 1 / count, f"uniform 1/{count}")
    for part, start, stop in part_runs(parts):
        if start:
            axes.axhline(start - 0.5, color=PALE, linewidth=1, zorder=0)
        axes.annotate(part, (1.01, 0.5 * (start + stop - 1)), xycoords=("axes fraction", "data"), color=GRAY,
                      va="center", annotation_clip=False)  # fmt: skip
    name_rows(axes, [layout.joints[j] for j in order])
    axes.set_xlabel("joint importance")
    axes.grid(axis="x")
    figure.legend(loc="outside upper left", ncols=4)
    return figure


@rc_context(STYLE)
def importance_by_class(
    importance: ArrayLike,
    class_names: Sequence[str],
    layout: Layout,
    yes_no: bool = False,
    what: str = "joint importance",
) -> Figure:
    """Heat map (K, V): a row per class, joints ordered and separated by body part.

    yes_no: only whether a joint has any importance, as for the key joints of texts.  what: the color bar's name.
    """
    shape = (len(class_names), layout.num_joints)
    matrix = as_array(importance, shape, "(K, V)", f"importance for {len(class_names)} classes, layout {layout.name!r}")
    order = joint_order(layout)
    figure, axes = chart(2.8 + 0.26 * shape[1], 1.9 + 0.22 * shape[0])
    colors = COUNT_COLORS if yes_no else IMPORTANCE_COLORS
    shown = (matrix > 0) * 0.8 if yes_no else matrix
    low, high = (0.0, 1.0) if yes_no else (None, None)
    image = axes.imshow(shown[:, order], cmap=colors, aspect="auto", interpolation="nearest", vmin=low, vmax=high)
    for part, start, stop in part_runs(layout.parts):
        if start:
            axes.axvline(start - 0.5, color="white", linewidth=4)
        axes.annotate(part.replace(" ", "\n"), (0.5 * (start + stop - 1), 1), xytext=(0, 4), ha="center", va="bottom",
                      xycoords=("data", "axes fraction"), textcoords="offset points", color=GRAY)  # fmt: skip
    _label_cells(axes, [layout.joints[j] for j in order], class_names)
    if yes_no:
        axes.set_xlabel("filled: a key joint of the text", color=GRAY)
    else:
        color_bar(figure, axes, image, what)
    return figure


@rc_context(STYLE)
def confusion_matrix(counts: ArrayLike, class_names: Sequence[str]) -> Figure:
    """(K, K) counts, row = true class; shown in per cent of each row, with the row's number of clips in its label."""
    count = len(class_names)
    matrix = as_array(counts, (count, count), "(K, K)", f"confusion counts for {count} classes")
    total = matrix.sum(axis=1)
    share = np.divide(matrix, total[:, None], out=np.zeros_like(matrix), where=total[:, None] > 0)
    figure, axes, inches = _square(count)
    image = axes.imshow(share, cmap=COUNT_COLORS, vmin=0, vmax=1, interpolation="nearest")
    size = min(8.0, 24 * inches)
    for i, j in zip(*np.nonzero(share >= 0.01), strict=True):
        axes.text(j, i, f"{100 * share[i, j]:.0f}", ha="center", va="center", fontsize=size,
                  color="white" if share[i, j] > 0.5 else INK)  # fmt: skip
    _label_cells(axes, class_names, [f"{_short(name)} ({n:g})" for name, n in zip(class_names, total, strict=True)])
    axes.set_xticks(np.arange(0.5, count - 1), minor=True)
    axes.set_yticks(np.arange(0.5, count - 1), minor=True)
    axes.tick_params(which="minor", length=0)
    axes.grid(which="minor", linewidth=0.4)
    axes.set_xlabel("recognized as")
    axes.set_ylabel("true class (clips)")
    color_bar(figure, axes, image, "share of the true class", PercentFormatter(1, decimals=0, symbol=" %"))
    return figure


@rc_context(STYLE)
def similarity_map(similarity: ArrayLike, names: Sequence[str], title: str = "") -> Figure:
    """(K, K) similarities between named things, e.g. cosines of class texts; things that are alike side by side.

    What is on the diagonal, each thing with itself, is left out.
    """
    shape = (len(names), len(names))
    matrix = as_array(similarity, shape, "(K, K)", f"similarity of {len(names)} names")
    order = _alike_together(matrix)
    apart = np.where(np.eye(len(names), dtype=bool), np.nan, matrix)[np.ix_(order, order)]
    most = float(np.nanmax(np.abs(apart))) if len(names) > 1 else 1.0
    figure, axes, _ = _square(len(names))
    image = axes.imshow(apart, cmap=SIGNED_COLORS, vmin=-most, vmax=most, interpolation="nearest")
    sorted_names = [names[k] for k in order]
    _label_cells(axes, sorted_names, sorted_names)
    axes.set_title(title)
    color_bar(figure, axes, image, "similarity")
    return figure


@rc_context(STYLE)
def what_if(
    pose: ArrayLike,
    layout: Layout,
    key_joint_target: ArrayLike,
    neighbors: ArrayLike,
    class_names: Sequence[str],
    title: str = "",
    nearest: int = 5,
) -> Figure:
    """What an edited text changes: the new key joints on a pose, k_gt per joint and the nearest classes, old and new.

    pose: (V, C) meters, y up;  key_joint_target: (2, V) before and after;  neighbors: (2, K) cosines to `class_names`,
    of which those are shown that are among the `nearest` before or after. Joints without weight in both are left out;
    k_gt is drawn only where it changes, as it is the same for all key joints.
    """
    weight = as_array(key_joint_target, (2, layout.num_joints), "(2, V)", f"k_gt of layout {layout.name!r}")
    cosine = as_array(neighbors, (2, len(class_names)), "(2, K)", f"cosines to {len(class_names)} classes")
    points = as_clip(np.asarray(pose)[None], layout, "pose")[0, 0, :, :2] * (-1, 1)
    joints = [j for j in joint_order(layout) if weight[:, j].any()]
    close = sorted({int(k) for row in cosine for k in np.argsort(-row, kind="stable")[:nearest]},
                   key=lambda k: -cosine[1, k])  # fmt: skip
    same = [bool(np.allclose(*rows)) for rows in (weight, cosine)]
    figure = Chart(
        figsize=(12.0 if not same[0] else 8.0, max(3.2, 1.2 + 0.26 * max(len(joints), len(close)))),
        layout="constrained",
    )
    body, *rest = figure.subplots(1, 2 if same[0] else 3, width_ratios=(1, 2) if same[0] else (1, 2, 2))
    _draw_pose(body, points, layout, weight[1], faint=False)
    body.set_aspect("equal", "datalim")
    body.autoscale_view()
    body.set_axis_off()
    body.set_title(title)
    classes = rest[-1]
    if not same[0]:
        _before_and_after(rest[0], [layout.joints[j] for j in joints], weight[:, joints], same[0])
        rest[0].set_xlabel("target importance (k_gt)")
    _before_and_after(classes, [class_names[k] for k in close], cosine[:, close], same[1])
    classes.set_xlabel("cosine to the nearest classes" + (", unchanged" if same[1] else ""))
    if not all(same):
        handles = [Line2D([], [], color=color, linewidth=5, label=label) for color, label in BEFORE_AFTER]
        figure.legend(handles=handles, loc="outside upper right", ncols=2)
    return figure


def _alike_together(similarity: Floats) -> list[int]:
    """An order of K things in which neighbors are alike: the leaves of their hierarchical clustering."""
    if len(similarity) < 3:
        return list(range(len(similarity)))
    distance = similarity.max() - 0.5 * (similarity + similarity.T)
    upper = distance[np.triu_indices(len(distance), 1)]
    return leaves_list(linkage(upper, "average", optimal_ordering=True)).tolist()


def _spread(total: int, frames: int) -> list[int]:
    """Frame indices from the first to the last, evenly spread, none twice."""
    if frames < 1:
        raise ValueError(f"frames must be at least 1, got {frames}")
    return sorted({round(t) for t in np.linspace(0, total - 1, frames).tolist()})


def _sheet(
    clips: Sequence[Floats],
    times: Sequence[Sequence[int]],
    layouts: Sequence[Layout],
    weights: Sequence[Floats] | None,
    row_inches: float,
    label: str = "joint importance",
) -> tuple[Figure, Axes, tuple[float, float]]:
    """One Axes in meters with a row of snapshots per clip; returns it with the (step, height) between snapshots.

    One scale and one step for all: the height of the tallest clip, and as wide as no two neighbors need to touch.
    """
    shots = [[visible(xyz, t) for t in at] for xyz, at in zip(clips, times, strict=True)]
    boxes = [_box(row) for row in shots]
    step = max(_step(row) for row in shots)
    width, height = np.max([high - low for low, high in boxes], axis=0) + GAP
    columns = max(map(len, times))
    width += (columns - 1) * step
    inches = min(row_inches / height, (MAX_INCHES - 1.5) / width)
    figure = Chart(figsize=(width * inches + 1.5, len(clips) * height * inches + 0.8), layout="compressed")
    axes = figure.add_subplot()
    scale = None if weights is None else Normalize(*value_range(weights))
    for row, (low, high) in enumerate(boxes):
        for column, persons in enumerate(shots[row]):
            placed = persons - (0.5 * (low[0] + high[0]), low[1]) + (column * step, -row * height)
            for person, points in enumerate(placed):
                weight = None if weights is None else weights[row]
                _draw_pose(axes, points, layouts[row], weight, person > 0, scale, min(1, row_inches / FULL_INCHES))
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
    if scale is None:
        handles = [Line2D([], [], color=SIDES[side], label=f"{side} side") for side in ("left", "right")]
        axes.legend(handles=handles, loc="lower right", bbox_to_anchor=(1, 1), ncols=2)
    else:
        color_bar(figure, axes, ScalarMappable(scale, IMPORTANCE_COLORS), label)
    return figure, axes, (float(step), float(height))


def visible(xyz: Floats, t: int) -> Floats:
    """(M', V, 2) the persons seen in frame t, as the sensor saw them; 2-D clips are as in their image already."""
    return xyz[xyz[:, t].any(axis=(1, 2)), t, :, :2] * (-1 if xyz.shape[-1] == 3 else 1, 1)


def _box(shots: Sequence[Floats]) -> tuple[Floats, Floats]:
    """Lowest and highest (x, y) of all snapshots of a clip."""
    points = np.concatenate([shot.reshape(-1, 2) for shot in shots])
    if not points.size:
        raise ValueError("clip shows nobody: every person of (M, T, V, C) is all zero in every frame drawn")
    return points.min(axis=0), points.max(axis=0)


def _step(shots: Sequence[Floats]) -> float:
    """Meters from one snapshot to the next so that none touches its neighbor."""
    drawn = [shot[..., 0] for shot in shots if shot.size]
    overlaps = [float(a.max() - b.min()) for a, b in pairwise(drawn)]
    return max([0.2, *overlaps]) + GAP


def _draw_pose(
    axes: Axes,
    points: Floats,
    layout: Layout,
    weight: Floats | None,
    faint: bool,
    scale: Normalize | None = None,
    size: float = 1.0,
) -> None:
    """One skeleton at points (V, 2); `faint` sets a second person apart. scale: of the weights, else their own."""
    sides = side_of_joints(layout)
    colors = [SIDES[sides[child]] if weight is None else GRAY for child, _ in layout.bones]
    bones = [points[list(bone)] for bone in layout.bones]
    axes.add_collection(LineCollection(bones, colors=colors, linewidths=1.8, alpha=0.5 if faint else 1, zorder=1))
    if weight is None:
        return
    scale = scale or Normalize(*value_range([weight]))
    order = np.argsort(weight, kind="stable")  # the important joints on top
    area = size * (JOINT_AREA[0] + (JOINT_AREA[1] - JOINT_AREA[0]) * np.asarray(scale(weight[order])))
    axes.scatter(points[order, 0], points[order, 1], s=area, c=weight[order], cmap=IMPORTANCE_COLORS, norm=scale,
                 edgecolors=INK, linewidths=0.4, zorder=2)  # fmt: skip


def _before_and_after(axes: Axes, labels: Sequence[str], values: Floats, same: bool) -> None:
    """Horizontal bars of values (2, n), old above new; the new alone where nothing changed."""
    at = np.arange(len(labels))
    if same:
        axes.barh(at, values[1], height=0.6, color=BEFORE_AFTER[1][0])
    else:
        for row, shift, (color, _) in zip(values, (-0.2, 0.2), BEFORE_AFTER, strict=True):
            axes.barh(at + shift, row, height=0.36, color=color)
    axes.axvline(0, color=GRAY, linewidth=0.8)
    name_rows(axes, labels)
    axes.grid(axis="x")


def _short(name: str, most: int = 30) -> str:
    """A label that does not eat the picture."""
    return name if len(name) <= most else name[: most - 1].rstrip() + "…"


def _square(count: int) -> tuple[Figure, Axes, float]:
    """Figure and Axes for a (K, K) matrix and the inches of a cell: large cells for few classes, 60 still readable."""
    inches = float(np.clip(9.0 / max(count, 1), 0.19, 0.42))
    return *chart(count * inches + 3.4, count * inches + 2.2), inches


def _label_cells(axes: Axes, columns: Sequence[str], rows: Sequence[str]) -> None:
    size = 9 if max(len(columns), len(rows)) <= 30 else 7.5
    axes.set_xticks(range(len(columns)), [_short(name) for name in columns], rotation=90, fontsize=size)
    axes.set_yticks(range(len(rows)), [_short(name) for name in rows], fontsize=size)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
