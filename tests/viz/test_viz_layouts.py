"""Layouts are drawn as a standing person with every joint in its place."""

from __future__ import annotations

import numpy as np
import pytest

from crossglg.skeletons import LAYOUTS, Layout, get_layout
from crossglg.viz.layouts import layout_sheet, standing


@pytest.fixture(params=LAYOUTS.values(), ids=list(LAYOUTS))
def layout(request: pytest.FixtureRequest) -> Layout:
    return request.param


def test_a_registered_layout_stands_upright_and_is_symmetric(layout: Layout) -> None:
    points = standing(layout)
    assert np.isfinite(points).all()
    assert len(np.unique(points.round(6), axis=0)) == layout.num_joints  # no joint hides another
    np.testing.assert_allclose(points[layout.mirrored], points * [-1, 1])
    left = [layout.joints[j].startswith("left") for j in range(layout.num_joints)]
    assert (points[left, 0] > 0).all()  # seen from the front
    height = {
        name: points[layout.index(name), 1]
        for name in (
            "left foot" if layout.name == "kinect15" else "left ankle",
            "left knee",
            "left hip",
            "left shoulder",
        )
    }
    assert list(height.values()) == sorted(height.values())
    head = [points[j, 1] for j in layout.parts["head"]]
    assert min(head) > height["left shoulder"]


def test_an_unknown_joint_hangs_on_its_parent() -> None:
    robot = Layout.from_edges("robot", ("hip center", "gripper"), [(0, 1)], "hip center")
    points = standing(robot)
    assert 0 < np.linalg.norm(points[1] - points[0]) < 0.5


def test_the_sheet_names_every_joint_and_draws_every_bone(layout: Layout) -> None:
    axes = layout_sheet([layout, get_layout("kinect20")]).axes
    assert [a.get_title("left") for a in axes] == [layout.name, "kinect20"]
    assert f"root: {layout.root}" in [text.get_text() for text in axes[0].texts]
    assert len(axes[0].lines) == len(layout.bones)
    words = "\n".join(text.get_text() for text in axes[0].texts)
    assert all(f"{j} {name}" in words for j, name in enumerate(layout.joints))


def test_an_empty_sheet_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one layout"):
        layout_sheet([])
