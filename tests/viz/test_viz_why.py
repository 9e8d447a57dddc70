"""Figures of explanations say what the arrays say."""

from __future__ import annotations

import numpy as np
import pytest

from crossglg.skeletons import get_layout
from crossglg.viz import figures
from crossglg.viz.common import joint_order
from crossglg.viz.layouts import standing
from crossglg.viz.why import decision, faithfulness_curves

LAYOUT = get_layout("ntu25")
V = LAYOUT.num_joints
PARTS = {part: 0.1 * i - 0.2 for i, part in enumerate(LAYOUT.parts)}


@pytest.fixture
def clip() -> np.ndarray:
    """(2, 6, V, 3) two persons, the second there for half of the time."""
    pose = np.concatenate([standing(LAYOUT), np.full((V, 1), 3.0)], axis=1)
    xyz = np.stack([np.tile(pose, (6, 1, 1)), np.tile(pose + np.array([1.5, 0, 0]), (6, 1, 1))])
    xyz[1, 3:] = 0
    return xyz


def test_a_decision_shows_three_clips_and_the_bars_of_its_arrays(clip: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    adds, lost, weight = rng.random((2, V)), rng.normal(size=V), rng.dirichlet(np.ones(V))
    figure = decision([(clip, "q"), (clip[0], "w"), (clip[:1, :1], "r")], LAYOUT, adds, lost, PARTS, weight, "Why?", 3)
    *rows, cosine, frozen, importance = figure.axes
    assert [axes.get_title(loc="left") for axes in rows] == ["q", "w", "r"]
    drawn = [axes.collections for axes in rows]
    assert [len(artists) // 2 for artists in drawn] == [3 + 2, 3, 3], "bones and joints of everybody who is seen"
    strongest = drawn[0][1].get_array()[-1]
    assert strongest == lost.max() and drawn[0][1].get_sizes().argmax() == V - 1
    assert (drawn[1][1].get_clim(), drawn[2][1].get_clim()) == ((0, adds.max()),) * 2, "one scale for the exemplars"
    order = joint_order(LAYOUT)
    widths = [bar.get_width() for bar in cosine.patches]
    np.testing.assert_allclose(widths, np.concatenate([adds[0][order], adds[1][order]]))
    widths = [bar.get_width() for bar in frozen.patches]
    np.testing.assert_allclose(widths, [*PARTS.values(), *lost[order]])
    np.testing.assert_allclose([bar.get_width() for bar in importance.patches], weight[order])
    assert [label.get_text() for label in cosine.get_yticklabels()] == [LAYOUT.joints[j] for j in order]
    assert figures.png(figure).startswith(b"\x89PNG")


def test_a_decision_without_importance_has_no_such_panel(clip: np.ndarray) -> None:
    figure = decision([(clip, "q")] * 3, LAYOUT, np.ones((2, V)), np.zeros(V), PARTS)
    assert len(figure.axes) == 3 + 2


def test_a_decision_refuses_what_does_not_fit(clip: np.ndarray) -> None:
    good = ([(clip, "q")] * 3, LAYOUT, np.ones((2, V)), np.ones(V), PARTS)
    with pytest.raises(ValueError, match=r"three clips .* got 2"):
        decision(good[0][:2], *good[1:])
    with pytest.raises(ValueError, match=r"by_joint of layout 'ntu25' must be \(2, V\) = \(2, 25\)"):
        decision(*good[:2], np.ones((2, V + 1)), *good[3:])
    with pytest.raises(ValueError, match="shows nobody"):
        decision([*good[0][:2], (np.zeros_like(clip), "r")], *good[1:])


def test_curves_have_their_bands_and_areas() -> None:
    band = (np.array([0.9, 0.5, 0.1]), np.array([0.8, 0.4, 0.0]), np.array([1.0, 0.6, 0.2]))
    bands = {"deletion": {"mine": band, "random order": band}, "insertion": {"mine": band}}
    areas = {"deletion": {"mine": 0.25, "random order": 0.5}, "insertion": {"mine": 0.75}}
    figure = faithfulness_curves(bands, [0, 5, 25], areas)
    left, right = figure.axes
    np.testing.assert_allclose(left.lines[0].get_xydata(), [(0, 0.9), (5, 0.5), (25, 0.1)])
    assert [text.get_text() for text in left.get_legend().get_texts()] == ["0.250  mine", "0.500  random order"]
    assert left.lines[1].get_linestyle() == ":" and len(right.lines) == 1
    heights = left.collections[0].get_paths()[0].vertices[:, 1]
    assert {0.0, 0.4, 0.8, 0.2, 0.6, 1.0} <= set(heights.round(6).tolist())
    assert left.get_xlabel() == "joints frozen, highest score first"


def test_curves_of_nothing_are_an_error() -> None:
    with pytest.raises(ValueError, match="at least one direction with one score"):
        faithfulness_curves({"deletion": {}}, [0, 1], {})
    with pytest.raises(ValueError, match=r"deletion of 'mine' must be \(P,\) = \(2,\)"):
        faithfulness_curves({"deletion": {"mine": (np.ones(3),) * 3}}, [0, 1], {"deletion": {"mine": 0.0}})
