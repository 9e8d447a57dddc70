"""Interactive charts (plotly) of a training and of its results: pointing at them names what is there.

Each has the picture of `crossglg.viz.figures` for where no script runs.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike
from plotly.subplots import make_subplots

from crossglg.viz import figures
from crossglg.viz.common import SERIES, as_array
from crossglg.viz.style import png

INK = "#808080"


@dataclass(frozen=True)
class Interactive:
    """What a notebook shows: the plotly figure, or its picture where no script runs.

    Attributes:
        figure: the plotly figure, to change or save (`figure.write_html`).
        picture: PNG of the same values.
    """

    figure: go.Figure
    picture: bytes

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        return {
            "application/vnd.plotly.v1+json": json.loads(self.figure.to_json()),
            "image/png": base64.b64encode(self.picture).decode(),
            "text/plain": self.figure.layout.title.text or "a picture",
        }


def curves(history: Sequence[Mapping[str, float]], chosen: int | None = None) -> Interactive:
    """`figures.training_curves`: losses above, validation accuracy below; pointing at an epoch names all values."""
    picture = png(figures.training_curves(history, chosen))
    names = [name for name in dict.fromkeys(key for record in history for key in record) if name.endswith("_loss")]
    figure = make_subplots(2, 1, shared_xaxes=True, vertical_spacing=0.06)
    epochs = [record["epoch"] + 1 for record in history]
    for name, color in zip(names, cycle(SERIES), strict=False):
        values, label = [record.get(name) for record in history], name.removesuffix("_loss").replace("_", "-")
        figure.add_trace(go.Scatter(x=epochs, y=values, name=label, line={"color": color}), row=1, col=1)
    accuracy = [record.get("validation_accuracy") for record in history]
    figure.add_trace(go.Scatter(x=epochs, y=accuracy, name="validation accuracy", line={"color": INK}), row=2, col=1)
    if chosen is not None:
        figure.add_vline(chosen + 1, line_dash="dash", line_color=INK)
    figure.update_yaxes(title="loss", row=1, col=1)
    figure.update_yaxes(title="accuracy", tickformat=".0%", row=2, col=1)
    figure.update_xaxes(title="epoch", row=2, col=1)
    figure.update_layout(hovermode="x unified")
    look(figure, "Training", 760, 460)
    return Interactive(figure, picture)


def confusion(counts: ArrayLike, class_names: Sequence[str]) -> Interactive:
    """`figures.confusion_matrix`, `(K, K)` counts with a row per true class; pointing at a cell says it in words."""
    picture = png(figures.confusion_matrix(counts, class_names))
    count = len(class_names)
    matrix = as_array(counts, (count, count), "(K, K)", f"confusion counts for {count} classes")
    total = np.maximum(matrix.sum(1, keepdims=True), 1.0)
    words = "<b>%{y}</b> taken for <b>%{x}</b><br>%{customdata[0]:.0f} of %{customdata[1]:.0f} clips, %{z:.0%}"
    data = np.stack([matrix, np.broadcast_to(total, matrix.shape)], axis=-1)
    heat = go.Heatmap(
        x=list(class_names), y=list(class_names), z=(matrix / total).round(4), zmin=0.0, zmax=1.0, colorscale="Blues",
        customdata=data, hovertemplate=f"{words}<extra></extra>",
        colorbar={"thickness": 12, "outlinewidth": 0, "tickformat": ".0%"},
    )  # fmt: skip
    figure = go.Figure(heat)
    figure.update_yaxes(autorange="reversed", title="true class")
    figure.update_xaxes(tickangle=-60, title="recognized as")
    look(figure, "Confusion", 300 + 18 * count, 260 + 18 * count)
    return Interactive(figure, picture)


def look(figure: go.Figure, title: str, width: int, height: int) -> None:
    """Title, size in pixels, and words that can be read on white and on black."""
    figure.update_layout(
        title={"text": title, "font_size": 14, "x": 0.01}, width=width, height=height,
        margin={"l": 20, "r": 20, "t": 60, "b": 20}, paper_bgcolor="rgba(0,0,0,0)", plot_bgcolor="rgba(0,0,0,0)",
        font={"family": "DejaVu Sans, sans-serif", "size": 11, "color": INK},
    )  # fmt: skip
