"""Attention among joints as interactive heat maps (plotly): arrays and a `Layout` in, a `Interactive` out.

Rows are the joints that receive, columns the joints they look at, both body part by body part.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from matplotlib import rc_context
from numpy.typing import ArrayLike
from plotly.subplots import make_subplots

from crossglg.skeletons import Layout
from crossglg.viz.common import RAMP, Floats, as_array, joint_order, part_runs
from crossglg.viz.interactive import Interactive, look
from crossglg.viz.style import IMPORTANCE_COLORS, STYLE, Chart, png

CELL, MARGIN = 15, 130  # pixels: of a joint's row or column, and of the joints' names


def attention_map(values: ArrayLike, layout: Layout, title: str = "") -> Interactive:
    """One map, `(V, V)`: pointing at a cell names the two joints and the value."""
    map_ = _ordered(values, layout)
    figure = go.Figure(_heat(map_, _names(layout)))
    _frame(figure, layout, title)
    return Interactive(figure, _picture([[map_]], title))


def attention_heads(blocks: Sequence[ArrayLike], layout: Layout, title: str = "") -> Interactive:
    """All heads of all blocks, small: a row of maps for each block, each `(heads, V, V)` with colors of its own."""
    if not blocks:
        raise ValueError("attention_heads needs one block at least, each (heads, V, V)")
    grid = [[_ordered(head, layout) for head in np.asarray(block)] for block in blocks]
    names, columns = _names(layout), max(map(len, grid))
    titles = [f"block {b}, head {h}" for b in range(1, len(grid) + 1) for h in range(1, columns + 1)]
    figure = make_subplots(
        len(grid), columns, subplot_titles=titles, horizontal_spacing=0.03, vertical_spacing=0.2 / len(grid)
    )
    for b, row in enumerate(grid, 1):
        for h, map_ in enumerate(row, 1):
            figure.add_trace(_heat(map_, names).update(showscale=False), row=b, col=h)
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False, autorange="reversed")
    figure.update_annotations(font_size=10)
    size = min(190, 900 // columns)
    look(figure, title, size * columns + 40, (size + 10) * len(grid) + 60)
    return Interactive(figure, _picture(grid, title))


def text_to_joints(values: ArrayLike, layout: Layout, texts: Mapping[str, str], title: str = "") -> Interactive:
    """From the text of each joint to the joints it looks at, `(V, V)`, with its sentence beside it.

    texts: joint → sentence; of a long one the beginning stands beside the row, and all of it where one points.
    """
    map_ = _ordered(values, layout)
    names = _names(layout)
    rows = [f"<b>{name}</b> {textwrap.shorten(texts.get(name, ''), 60, placeholder=' …')}" for name in names]
    whole = [["<br>".join(textwrap.wrap(texts.get(name, ""), 60))] * len(names) for name in names]
    about = "the text of %{y} looks at %{x}: %{z:.3f}<br>%{text}<extra></extra>"
    figure = go.Figure(_heat(map_, names).update(text=whole, hovertemplate=about))
    _frame(figure, layout, title)
    figure.update_yaxes(ticktext=rows)
    figure.update_layout(margin_l=430, width=430 + CELL * len(names) + 90)
    return Interactive(figure, _picture([[map_]], title))


def _names(layout: Layout) -> list[str]:
    return [layout.joints[j] for j in joint_order(layout)]


def _ordered(values: ArrayLike, layout: Layout) -> Floats:
    size = (layout.num_joints, layout.num_joints)
    order = joint_order(layout)
    return as_array(values, size, "(V, V)", f"attention of layout {layout.name!r}")[np.ix_(order, order)]


def _top(map_: Floats) -> float:
    """The largest value off the diagonal: what a joint gives itself would hide the rest."""
    return float(np.where(np.eye(len(map_), dtype=bool), -np.inf, map_).max())


def _heat(map_: Floats, names: list[str]) -> go.Heatmap:
    scale = [[i / (len(RAMP) - 1), color] for i, color in enumerate(RAMP)]
    return go.Heatmap(
        x=names, y=names, z=map_.round(4), zmin=min(0.0, float(map_.min())), zmax=_top(map_), colorscale=scale,
        hovertemplate="%{y} looks at %{x}: %{z:.3f}<extra></extra>", colorbar={"thickness": 12, "outlinewidth": 0},
    )  # fmt: skip


def _frame(figure: go.Figure, layout: Layout, title: str) -> None:
    """Joints' names at both axes, and lines between body parts."""
    names = _names(layout)
    ticks = {"tickvals": names, "ticktext": names, "ticks": ""}
    figure.update_xaxes(title="looks at", tickangle=-60, **ticks)
    figure.update_yaxes(autorange="reversed", **ticks)
    for _, _, end in part_runs(layout.parts):
        if end < len(names):
            figure.add_hline(end - 0.5, line_color="white", line_width=1.5)
            figure.add_vline(end - 0.5, line_color="white", line_width=1.5)
    size = CELL * len(names)
    look(figure, title, MARGIN + size + 90, size + MARGIN + 60)
    figure.update_layout(margin={"l": MARGIN, "r": 20, "t": 50, "b": MARGIN - 10})


@rc_context(STYLE)
def _picture(grid: list[list[Floats]], title: str) -> bytes:
    """The maps side by side, without names."""
    columns = max(map(len, grid))
    size = 4.0 if len(grid) == columns == 1 else 1.2
    figure = Chart(figsize=(size * columns + 0.4, size * len(grid) + 0.5), layout="constrained")
    figure.suptitle(title, x=0.02, ha="left", size=9)
    for axes_row, row in zip(figure.subplots(len(grid), columns, squeeze=False), grid, strict=True):
        for axes in axes_row:
            axes.set_axis_off()
        for axes, map_ in zip(axes_row, row, strict=False):
            axes.imshow(map_, cmap=IMPORTANCE_COLORS, vmin=min(0.0, float(map_.min())), vmax=_top(map_))
    return png(figure)
