"""Every layout drawn as a standing person, joints numbered and named."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure
from numpy.typing import NDArray

from crossglg.skeletons import SYNONYMS, Layout
from crossglg.viz.common import GRAY, INK, SIDES, side_of_joints
from crossglg.viz.style import STYLE, Chart

# Where a joint is on a standing person seen from the front, in units of the torso; the right side mirrors the left.
_CENTER = {
    "hip center": (0.0, 0.0), "spine1": (0.0, 0.25), "spine": (0.0, 0.5), "spine3": (0.0, 0.75),
    "spine chest": (0.0, 0.75), "head top": (0.0, 1.7), "shoulder center": (0.0, 1.0), "neck": (0.0, 1.15),
    "nose": (0.0, 1.38), "head": (0.0, 1.55),
}  # fmt: skip
_LEFT = {
    "collar": (0.16, 0.95), "clavicle": (0.12, 0.98), "small toe": (0.42, -1.82), "shoulder": (0.36, 0.95),
    "elbow": (0.52, 0.45), "wrist": (0.62, 0.0),
    "hand": (0.65, -0.14), "hand tip": (0.68, -0.32), "index": (0.68, -0.32), "pinky": (0.78, -0.28),
    "thumb": (0.55, -0.24), "hip": (0.2, -0.05), "knee": (0.23, -0.85), "ankle": (0.25, -1.65),
    "heel": (0.22, -1.78), "foot": (0.36, -1.8), "foot index": (0.36, -1.8), "eye inner": (0.05, 1.48),
    "eye": (0.1, 1.48), "eye outer": (0.15, 1.48), "ear": (0.24, 1.4), "mouth": (0.08, 1.27),
}  # fmt: skip

COLUMNS = 4  # layouts in a row


def standing(layout: Layout) -> NDArray[np.float64]:
    """(V, 2) a standing person seen from the front, as in a mirror turned round: their left is at the right.

    A joint whose name is not known here is put a little below its parent.
    """
    points = np.full((layout.num_joints, 2), np.nan)
    for j in np.argsort(layout.depth, kind="stable"):
        name = SYNONYMS.get(layout.joints[j], layout.joints[j])
        side, _, rest = name.partition(" ")
        if name in _CENTER:
            points[j] = _CENTER[name]
        elif side in ("left", "right") and rest in _LEFT:
            points[j] = np.array(_LEFT[rest]) * ((1.0, 1.0) if side == "left" else (-1.0, 1.0))
        else:
            parent = layout.parents[j]
            points[j] = (0.0, 0.0) if parent == j else points[parent] + (0.06, -0.1)
    return points


@rc_context(STYLE)
def layout_sheet(layouts: Iterable[Layout]) -> Figure:
    """Up to four layouts in a row: bones, numbered joints (blue left, orange right), names below."""
    layouts = list(layouts)
    if not layouts:
        raise ValueError("layout_sheet needs at least one layout")
    columns = min(len(layouts), COLUMNS)
    rows = -(-len(layouts) // columns)
    figure = Chart(figsize=(3.6 * columns, 8.4 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).flatten()
    for axes in grid[len(layouts) :]:
        axes.set_visible(False)
    for axes, layout in zip(grid, layouts, strict=False):
        points = standing(layout)
        for child, parent in layout.bones:
            axes.plot(*points[[child, parent]].T, color=GRAY, linewidth=1.5, zorder=1)
        for j, side in enumerate(side_of_joints(layout)):
            axes.scatter(*points[j], s=95, color=SIDES[side], zorder=2)
            axes.annotate(str(j), points[j], ha="center", va="center", fontsize=6.5, color="white", zorder=3)
        axes.set(title=layout.name, aspect="equal", xlim=(-1.0, 1.0), ylim=(-2.0, 1.75))
        axes.text(0.0, 1.0, f"root: {layout.root}", transform=axes.transAxes, va="top", fontsize=8.5, color=GRAY)
        axes.axis("off")
        half = -(-layout.num_joints // 2)
        for column, start in enumerate((0, half)):
            names = [f"{j} {layout.joints[j]}" for j in range(start, min(start + half, layout.num_joints))]
            axes.text(
                0.55 * column, -0.02, "\n".join(names), transform=axes.transAxes, va="top", fontsize=8.5, color=INK
            )
    return figure
