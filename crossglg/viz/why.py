"""Figures of explanations: one decision, and whether an importance is faithful. Arrays in, a `Figure` out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import ArrayLike

from crossglg.skeletons import Layout
from crossglg.viz.common import (
    FLOOR,
    GRAY,
    INK,
    PALE,
    SERIES,
    Floats,
    as_array,
    as_clip,
    joint_order,
    part_runs,
    per_joint,
)
from crossglg.viz.figures import GAP, visible
from crossglg.viz.style import IMPORTANCE_COLORS, STYLE, Chart

SIDE_BY_SIDE = (("winner", SERIES[0]), ("rival", SERIES[1]))
REFERENCES = {"random order": ":", "truth": "--"}  # scores that no method stands for are drawn in gray
JOINT_AREA = (3.0, 60.0)  # points²
LEGEND: Any = {"loc": "lower left", "bbox_to_anchor": (-0.05, 1), "ncols": 2, "handlelength": 1, "columnspacing": 1}


@rc_context(STYLE)
def decision(
    clips: Sequence[tuple[ArrayLike, str]],
    layout: Layout,
    by_joint: ArrayLike,
    occlusion: ArrayLike,
    by_part: Mapping[str, float],
    importance: ArrayLike | None = None,
    title: str = "",
    frames: int = 5,
) -> Figure:
    """Why a clip was taken for the winner and not for the rival: the clips on the left, joint by joint on the right.

    clips: (clip, title) of the query, the winner's exemplar and the rival's, each clip (M, T, V, C) or (T, V, C).
    by_joint: (2, V) what each joint adds to the cosine with the winner and with the rival;  occlusion: (V,) what the
    margin loses without a joint, by_part: without a body part;  importance: (V,) k_out. On the query, size and color
    of a joint are what is lost without it, on the exemplars what it adds to their cosine, one scale for both.
    """
    if len(clips) != 3:
        raise ValueError(f"a decision shows three clips (query, winner, rival), got {len(clips)}")
    adds = as_array(by_joint, (2, layout.num_joints), "(2, V)", f"by_joint of layout {layout.name!r}")
    lost = per_joint(occlusion, layout, "occlusion")
    order = joint_order(layout)
    figure = Chart(figsize=(13.0, 1.4 + 0.24 * len(order)), layout="constrained")
    halves: Any = figure.subfigures(1, 2, width_ratios=(1.0, 1.3))
    left, right = halves
    left.suptitle(title, x=0.02, ha="left", weight="bold", size=11)
    left.supxlabel("the darker, the more is lost without it (query) or added by it (exemplars)", color=GRAY, size=9)
    rows = [_snapshots(as_clip(clip, layout, f"clip {name!r}"), frames) for clip, name in clips]
    step = GAP + max(float(np.ptp(shot[..., 0])) for shots in rows for shot in shots)
    height = max(float(np.ptp(shot[..., 1])) for shots in rows for shot in shots)
    tops = (lost.max(), adds.max(), adds.max())
    for axes, (_, name), shots, weight, top in zip(left.subplots(3, 1), clips, rows, (lost, *adds), tops, strict=True):
        _draw_row(axes, shots, layout, np.clip(weight, 0, None), max(float(top), 1e-9), step)
        axes.set_xlim(-0.5 * step, (frames - 0.5) * step)
        axes.set_ylim(-0.05, height + 0.1)
        axes.set_title(name, fontsize=9, weight="normal")
    bars = right.subplots(1, 2 if importance is None else 3, sharey=True)
    at = np.arange(len(order))
    for row, shift, (name, color) in zip(adds, (-0.2, 0.2), SIDE_BY_SIDE, strict=True):
        bars[0].barh(at + shift, row[order], height=0.38, color=color, label=name)
    bars[0].legend(**LEGEND)
    bars[0].set_xlabel("adds to the cosine")
    _draw_lost(bars[1], layout, lost[order], by_part)
    if importance is not None:
        weight = per_joint(importance, layout)
        bars[2].barh(at, weight[order], height=0.6, color=SERIES[2])
        bars[2].axvline(1 / len(order), color=INK, linestyle="--", linewidth=1)
        bars[2].set_xlabel(f"joint importance; uniform 1/{len(order)}")
    for axes in bars:
        axes.axvline(0, color=GRAY, linewidth=0.8)
        axes.grid(axis="x")
        axes.tick_params(axis="y", length=0)
        axes.xaxis.set_major_locator(MaxNLocator(3))
    _name_parts(bars[-1], layout)
    bars[0].set_yticks(at, [layout.joints[j] for j in order])
    bars[0].set_ylim(len(order) - 0.5, -0.5)
    return figure


@rc_context(STYLE)
def faithfulness_curves(
    bands: Mapping[str, Mapping[str, tuple[ArrayLike, ArrayLike, ArrayLike]]],
    counts: ArrayLike,
    areas: Mapping[str, Mapping[str, float]],
) -> Figure:
    """A panel per direction (deletion, insertion), a line with its interval per score, its area in the legend.

    bands: direction → score → (mean, low, high), each (P,);  counts: (P,) joints frozen, or let move;  areas: direction
    → score → area under the curve.
    """
    if not any(bands.values()):
        raise ValueError("faithfulness_curves needs at least one direction with one score")
    x = as_array(counts, (np.size(counts),), "(P,)", "counts")
    scores = [score for score in dict.fromkeys(s for row in bands.values() for s in row) if score not in REFERENCES]
    colors = dict(zip(scores, np.resize(SERIES, len(scores)).tolist(), strict=True))
    figure = Chart(figsize=(5.6 * len(bands), 4.4), layout="constrained")
    grid = figure.subplots(1, len(bands), sharey=True, squeeze=False)[0]
    for axes, (direction, row) in zip(grid, bands.items(), strict=True):
        for score, band in row.items():
            mean, low, high = (as_array(v, x.shape, "(P,)", f"{direction} of {score!r}") for v in band)
            color, style = colors.get(score, GRAY), REFERENCES.get(score, "-")
            if score not in REFERENCES:  # their bands would lie over the others
                axes.fill_between(x, low, high, color=color, alpha=0.12, linewidth=0)
            name = f"{areas[direction][score]:.3f}  {score}"
            axes.plot(x, mean, color=color, linestyle=style, linewidth=1.8, label=name)
        axes.set_title(f"{direction}: {'lower' if direction == 'deletion' else 'higher'} is more faithful")
        axes.set_xlabel(f"joints {'frozen' if direction == 'deletion' else 'that move'}, highest score first")
        axes.grid(axis="y")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend(title="area under the curve", alignment="left", fontsize=8, title_fontsize=8)
    grid[0].set_ylabel("one-shot accuracy")
    grid[0].yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
    return figure


def _draw_lost(axes: Axes, layout: Layout, lost: Floats, by_part: Mapping[str, float]) -> None:
    """Margin lost without each joint, in the order of the body parts, before that of the whole part."""
    for part, start, stop in part_runs(layout.parts):
        axes.barh(0.5 * (start + stop - 1), by_part[part], height=stop - start - 0.1, color=PALE)
    axes.barh(np.arange(len(lost)), lost, height=0.6, color=SERIES[3])
    handles = [Line2D([], [], color=c, linewidth=5, label=n) for n, c in (("joint", SERIES[3]), ("body part", PALE))]
    axes.legend(handles=handles, **LEGEND)
    axes.set_xlabel("margin lost when frozen\n(below 0: it speaks for the rival)")


def _name_parts(axes: Axes, layout: Layout) -> None:
    for part, start, stop in part_runs(layout.parts):
        axes.annotate(part, (1.02, 0.5 * (start + stop - 1)), xycoords=("axes fraction", "data"), color=GRAY,
                      rotation=90, va="center", annotation_clip=False)  # fmt: skip


def _snapshots(xyz: Floats, frames: int) -> list[Floats]:
    """`frames` moments of a clip (M, T, V, C), evenly spread: who is seen, (M', V, 2), feet on 0, centered on 0."""
    times = np.linspace(0, xyz.shape[1] - 1, frames).round().astype(int)
    shots = [shot for t in times if (shot := visible(xyz, t)).size]
    if not shots:
        raise ValueError("a clip shows nobody: every person of (M, T, V, C) is all zero in every frame drawn")
    floor = min(float(shot[..., 1].min()) for shot in shots)
    return [shot - (0.5 * (shot[..., 0].min() + shot[..., 0].max()), floor) for shot in shots]


def _draw_row(axes: Axes, shots: Sequence[Floats], layout: Layout, weight: Floats, top: float, step: float) -> None:
    """Snapshots of one clip side by side, each on a floor of its own; the important joints on top."""
    order = np.argsort(weight, kind="stable")
    area = JOINT_AREA[0] + (JOINT_AREA[1] - JOINT_AREA[0]) * weight[order] / top
    for column, shot in enumerate(shots):
        axes.plot(step * (column + np.array([-0.4, 0.4])), [0, 0], color=FLOOR, linewidth=1, zorder=0)
        for points in shot + np.array([column * step, 0]):
            bones = [points[list(bone)] for bone in layout.bones]
            axes.add_collection(LineCollection(bones, colors=GRAY, linewidths=1.4, zorder=1))
            axes.scatter(points[order, 0], points[order, 1], s=area, c=weight[order], cmap=IMPORTANCE_COLORS,
                         vmin=0, vmax=top, edgecolors=INK, linewidths=0.3, zorder=2)  # fmt: skip
    axes.set_aspect("equal")
    axes.set_axis_off()
