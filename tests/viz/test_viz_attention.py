"""Maps of attention: rows and columns by body part, hover names both joints, a picture for where no script runs."""

from __future__ import annotations

import base64

import numpy as np
import pytest

from crossglg.skeletons import get_layout
from crossglg.viz.attention import attention_heads, attention_map, text_to_joints
from crossglg.viz.common import joint_order

NTU = get_layout("ntu25")
V = NTU.num_joints
ORDER = joint_order(NTU)


@pytest.fixture
def values() -> np.ndarray:
    return np.random.default_rng(0).dirichlet(np.ones(V), V)


def test_a_map_names_both_joints_where_one_points(values: np.ndarray) -> None:
    shown = attention_map(values, NTU, "block 3, head 1")
    (heat,) = shown.figure.data
    row, column = 4, 11
    i, j = ORDER[row], ORDER[column]
    assert heat.z[row][column] == pytest.approx(values[i, j], abs=1e-4)
    assert (heat.y[row], heat.x[column]) == (NTU.joints[i], NTU.joints[j])
    assert heat.hovertemplate.startswith("%{y} looks at %{x}: %{z")
    assert shown.figure.layout.yaxis.ticktext == tuple(NTU.joints[j] for j in ORDER)
    off_diagonal = values[~np.eye(V, dtype=bool)]
    assert heat.zmax == pytest.approx(off_diagonal.max())
    bundle = shown._repr_mimebundle_()
    assert base64.b64decode(bundle["image/png"]).startswith(b"\x89PNG") and len(bundle["image/png"]) < 100_000
    assert bundle["application/vnd.plotly.v1+json"]["data"][0]["type"] == "heatmap"
    assert bundle["text/plain"] == "block 3, head 1"


def test_all_heads_have_a_map_each(values: np.ndarray) -> None:
    blocks = [np.stack([values, values**2]), np.stack([values.T])]
    figure = attention_heads(blocks, NTU).figure
    assert len(figure.data) == 3
    np.testing.assert_allclose(figure.data[1].z, (values**2)[np.ix_(ORDER, ORDER)], atol=1e-4)
    np.testing.assert_allclose(figure.data[2].z, values.T[np.ix_(ORDER, ORDER)], atol=1e-4)
    assert [a.text for a in figure.layout.annotations] == [
        "block 1, head 1", "block 1, head 2", "block 2, head 1", "block 2, head 2",
    ]  # fmt: skip
    with pytest.raises(ValueError, match="one block at least"):
        attention_heads([], NTU)


def test_the_sentence_of_a_joint_stands_beside_its_row(values: np.ndarray) -> None:
    long = "The head nods " + "again and again " * 10
    figure = text_to_joints(values, NTU, {"head": long}).figure
    place = ORDER.index(NTU.index("head"))
    label = figure.layout.yaxis.ticktext[place]
    assert label.startswith("<b>head</b> The head nods again") and label.endswith("…") and len(label) < 90
    assert figure.data[0].text[place][0].count("again") == 20


def test_a_wrong_shape_is_named(values: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"layout 'ntu25' must be \(V, V\) = \(25, 25\); got .*\(24, 25\)"):
        attention_map(values[1:], NTU)
