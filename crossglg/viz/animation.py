"""A moving picture of one-shot recognition: query, nearest exemplar, and how important each joint is."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import ArrayLike
from PIL import Image

from crossglg.files import write_file
from crossglg.skeletons import Layout
from crossglg.viz.common import FLOOR, GRAY, INK, Floats, as_clip, per_joint, value_range
from crossglg.viz.figures import _box, _draw_pose, visible
from crossglg.viz.style import IMPORTANCE_COLORS, STYLE

INCHES, DPI = (7.6, 3.3), 100
JOINTS = 6  # with a bar, the most important ones
COLORS = 64  # of the palette: more cannot be seen and make the file larger
RIGHT, WRONG = "#00664b", "#a33c00"


@dataclass(frozen=True)
class Recognition:
    """One query that was recognized, or not.

    Attributes:
        query: `(M, T, V, C)` or `(T, V, C)` meters, y up.
        exemplar: The nearest exemplar, in the same form; it may have another number of frames.
        importance: `(V,)` of the joints in the query.
        found: The class of the exemplar.
        truth: The class of the query.
        similarity: Of the two.
    """

    query: ArrayLike
    exemplar: ArrayLike
    importance: ArrayLike
    found: str
    truth: str
    similarity: float


@rc_context(STYLE)
def recognition_frames(shown: Recognition, layout: Layout, frames: int = 40) -> list[Image.Image]:
    """The frames of one recognition: both clips from first to last frame, beside the most important joints."""
    if frames < 1:
        raise ValueError(f"frames must be at least 1, got {frames}")
    importance = per_joint(shown.importance, layout)
    figure = Figure(figsize=INCHES, dpi=DPI)
    stages = figure.subplots(1, 3, width_ratios=(1, 1, 0.75), gridspec_kw={
        "left": 0.01, "right": 0.97, "top": 0.87, "bottom": 0.14, "wspace": 0.62,
    })  # fmt: skip
    scale = Normalize(*value_range([importance]))
    _bars(stages[2], importance, layout, scale)
    right = shown.found == shown.truth
    outcome = f"✓ {shown.found}" if right else f"✗ {shown.found} (it is: {shown.truth})"
    figure.text(0.35, 0.03, outcome, ha="center", fontsize=12, fontweight="bold", color=RIGHT if right else WRONG)
    clips = [as_clip(shown.query, layout, "query"), as_clip(shown.exemplar, layout, "exemplar")]
    titles = ("query: which action?", f"nearest exemplar ({shown.similarity:.2f})")
    pictures = []
    for moment in range(frames):
        for axes, xyz, title, weight in zip(stages[:2], clips, titles, (importance, None), strict=True):
            axes.clear()
            _pose(axes, xyz, round(moment * (xyz.shape[1] - 1) / max(1, frames - 1)), layout, weight, scale)
            axes.set_title(title, loc="center", fontsize=11)
        pictures.append(_photograph(figure))
    return pictures


def save_animation(pictures: Sequence[Image.Image], path: str | Path, fps: float = 15) -> Path:
    """Write frames as an endless .gif, atomically; returns the path. All frames share one palette."""
    path = Path(path)
    if path.suffix != ".gif" or not pictures:
        raise ValueError(f"save_animation needs at least one frame and a name ending in .gif; got {path.name!r}")
    palette = _side_by_side(pictures[:: max(1, len(pictures) // 8)]).quantize(COLORS, Image.Quantize.MAXCOVERAGE)
    first, *others = [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures]
    buffer = io.BytesIO()
    first.save(buffer, "GIF", save_all=True, append_images=others, duration=round(1000 / fps), loop=0, optimize=False)
    return write_file(path, buffer.getvalue())


def _pose(axes: Axes, xyz: Floats, t: int, layout: Layout, weight: Floats | None, scale: Normalize) -> None:
    """One moment, on axes that hold the whole clip."""
    low, high = _box([visible(xyz, moment) for moment in range(xyz.shape[1])])
    for person, points in enumerate(visible(xyz, t)):
        _draw_pose(axes, points, layout, weight, person > 0, scale)
    axes.axhline(low[1], color=FLOOR, linewidth=1, zorder=0)
    half = max(0.5 * (high[0] - low[0]), 0.45 * (high[1] - low[1])) + 0.1
    middle = 0.5 * (low[0] + high[0])
    axes.set(xlim=(middle - half, middle + half), ylim=(low[1] - 0.05, high[1] + 0.1), aspect="equal")
    axes.set_axis_off()


def _bars(axes: Axes, importance: Floats, layout: Layout, scale: Normalize) -> None:
    order = np.argsort(-importance, kind="stable")[:JOINTS]
    at = np.arange(len(order))
    axes.barh(at, importance[order], color=IMPORTANCE_COLORS(scale(importance[order])), edgecolor=INK, linewidth=0.4)
    axes.set_yticks(at, [layout.joints[j] for j in order])
    axes.set_ylim(JOINTS - 0.4, -0.6)
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.set_title("joint importance", loc="center", fontsize=11)
    axes.set_xlabel("from the skeleton alone", color=GRAY)


def _photograph(figure: Figure) -> Image.Image:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI)
    return Image.open(buffer).convert("RGB")


def _side_by_side(pictures: Sequence[Image.Image]) -> Image.Image:
    width, height = pictures[0].size
    sheet = Image.new("RGB", (width, height * len(pictures)))
    for row, picture in enumerate(pictures):
        sheet.paste(picture, (0, row * height))
    return sheet
