"""One look for every figure, and how a figure becomes a file: the same figure is the same bytes."""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator

from crossglg.files import write_file
from crossglg.viz.common import GRAY, INK, PALE, RAMP

STYLE: Any = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same picture on every machine
    "font.size": 9,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.edgecolor": GRAY,
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
    "pdf.fonttype": 42,  # TrueType, which publishers ask for, instead of Type 3
}
LONGEST = 120  # letters of a line in a figure; a longer one would make everything else small
IMPORTANCE_COLORS = LinearSegmentedColormap.from_list("importance", RAMP)
# No dates and no versions: the same figure is the same file.
METADATA: dict[str, dict[str, None]] = {
    ".png": {"Software": None},
    ".svg": {"Date": None, "Creator": None},
    ".pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


class Chart(Figure):
    """A Figure that a notebook shows by itself, without pyplot or a magic command."""

    def _repr_png_(self) -> bytes:
        return render(self, ".png")


def chart(width: float, height: float) -> tuple[Chart, Axes]:
    """A figure of so many inches, and its axes."""
    figure = Chart(figsize=(width, height), layout="constrained")
    return figure, figure.add_subplot()


def png(figure: Figure) -> bytes:
    """The picture as `save` writes it to a .png, for a widget."""
    return render(figure, ".png")


def save(figure: Figure, path: str | Path) -> Path:
    """Write `figure` as .png, .svg or .pdf, atomically; the same figure gives the same bytes. Returns the path."""
    path = Path(path)
    if path.suffix not in METADATA:
        raise ValueError(f"cannot save a figure as {path.name!r}; give a name ending in {', '.join(METADATA)}")
    return write_file(path, render(figure, path.suffix))


def render(figure: Figure, suffix: str) -> bytes:
    """The file that `save` would write, for a suffix of METADATA."""
    # Drawing moves the layout a little each time: a copy is drawn, so that the second file is the same as the first.
    figure = deepcopy(figure)
    buffer = io.BytesIO()
    with rc_context(STYLE):
        _make_drawable(figure)
        figure.savefig(
            buffer, format=suffix[1:], dpi=150, bbox_inches="tight", pad_inches=0.1, metadata=METADATA[suffix]
        )
    return buffer.getvalue()


def drawable(text: str) -> str:
    """A text without what fonts have no shape for (control and format characters), its lines of bearable length."""
    unseen = {character for character in text if unicodedata.category(character) in ("Cc", "Cf", "Cs")} - {"\n"}
    lines = text.translate({ord(character): " " for character in unseen}).split("\n")
    return "\n".join(line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…" for line in lines)


def _make_drawable(figure: Figure) -> None:
    """Texts come from users: names of classes, descriptions."""
    for axis in figure.findobj(Axis):
        labels = [label.get_text() for label in axis.get_ticklabels()]  # type: ignore[attr-defined]
        if labels != (clean := [drawable(label) for label in labels]):
            axis.set_ticks(axis.get_ticklocs(), labels=clean)  # type: ignore[attr-defined]
    for text in figure.findobj(Text):
        text.set_parse_math(False)  # type: ignore[attr-defined]  # a $ in the name of a class is a $
        text.set_text(drawable(text.get_text()))  # type: ignore[attr-defined]


def name_rows(axes: Axes, names: Sequence[str]) -> None:
    """Rows from top to bottom, each with its name at the left."""
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)


def note_above(axes: Axes, x: float, text: str) -> None:
    axes.annotate(text, (x, 1), xytext=(0, 3), xycoords=("data", "axes fraction"), textcoords="offset points",
                  ha="center", va="bottom", color=GRAY)  # fmt: skip


def color_bar(figure: Figure, axes: Axes, of: ScalarMappable, label: str, ticks: Any = None) -> None:
    bar = figure.colorbar(of, ax=axes, label=label, shrink=0.7, aspect=25, pad=0.02, format=ticks)
    bar.outline.set_visible(False)  # type: ignore[operator]
    bar.ax.tick_params(length=2)
    if ticks is None:
        bar.ax.yaxis.set_major_locator(MaxNLocator(5))
