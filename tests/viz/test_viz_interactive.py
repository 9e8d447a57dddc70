"""Interactive charts hold the numbers they are given, and the picture of the same for where no script runs."""

from __future__ import annotations

import base64

import numpy as np
import pytest

from crossglg.viz import figures, interactive
from crossglg.viz.style import png


def test_curves_hold_every_loss_and_the_accuracy_of_every_epoch() -> None:
    history = [{"epoch": e, "brier_loss": 1.0 / (e + 1), "total_loss": 2.0} for e in range(4)]
    history[2]["validation_accuracy"] = 0.5
    shown = interactive.curves(history, chosen=2)
    traces = {trace.name: list(trace.y) for trace in shown.figure.data}
    assert traces["brier"] == [record["brier_loss"] for record in history]
    assert list(shown.figure.data[0].x) == [1, 2, 3, 4]
    assert traces["total"] == [record["total_loss"] for record in history]
    assert traces["validation accuracy"] == [None, None, 0.5, None]
    assert {shape.x0 for shape in shown.figure.layout.shapes} == {3}
    assert shown.picture == png(figures.training_curves(history, 2))


def test_confusion_says_in_words_what_was_taken_for_what() -> None:
    counts = np.array([[3, 1], [0, 0]])
    shown = interactive.confusion(counts, ["wave", "kick"])
    (heat,) = shown.figure.data
    assert np.allclose(heat.z, [[0.75, 0.25], [0.0, 0.0]])
    assert np.allclose(heat.customdata[0][1], [1, 4]) and heat.hovertemplate.startswith("<b>%{y}</b> taken for")
    assert (heat.y[0], heat.x[1]) == ("wave", "kick")
    bundle = shown._repr_mimebundle_()
    assert base64.b64decode(bundle["image/png"]) == png(figures.confusion_matrix(counts, ["wave", "kick"]))
    with pytest.raises(ValueError, match=r"\(K, K\)"):
        interactive.confusion(counts, ["wave"])
