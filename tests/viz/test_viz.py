"""Figures say what the arrays say; the player is one safe file (test_browser.py: it plays)."""

from __future__ import annotations

import base64
import html
import json
import math
import re
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure

from crossglg.skeletons import get_layout
from crossglg.viz import figures
from crossglg.viz.player import Panel, player, player_html

LAYOUT = get_layout("ntu25")
V = LAYOUT.num_joints
HEIGHTS = {"head": 1.6, "torso": 1.2, "left arm": 1.0, "right arm": 1.0, "left leg": 0.4, "right leg": 0.4}


@pytest.fixture
def clip() -> np.ndarray:
    """(2, 12, V, 3): two upright persons side by side, their left at −x; the second is absent from frame 6 on."""
    rng = np.random.default_rng(0)
    pose = np.zeros((V, 3))
    for part, joints in LAYOUT.parts.items():
        side = -0.3 if part.startswith("left") else 0.3 if part.startswith("right") else 0.0
        pose[list(joints)] = (side, HEIGHTS[part], 3.0)
    xyz = pose + 0.05 * rng.standard_normal((2, 12, V, 3))
    xyz[1, ..., 0] += 1.5
    xyz[1, 6:] = 0
    return xyz


@pytest.fixture
def importance() -> np.ndarray:
    return np.random.default_rng(1).dirichlet(np.ones(V))


def snapshots(figure: Figure) -> list[PathCollection]:
    return [c for c in figure.axes[0].collections if isinstance(c, PathCollection)]


def tick_texts(axis) -> list[str]:
    return [text.get_text() for text in axis.get_ticklabels()]


# --- figures


def bars_of(axes) -> dict[str, list[float]]:
    """Label → lengths of its bars, old first."""
    labels = tick_texts(axes.yaxis)
    found = {label: [] for label in labels}
    for bar in axes.patches:
        found[labels[round(bar.get_y() + bar.get_height() / 2)]].append(bar.get_width())
    return found


def test_what_if_shows_old_and_new_key_joints_and_nearest_classes(clip):
    target = np.zeros((2, V))
    target[0, [LAYOUT.index("head"), LAYOUT.index("right hand")]] = 0.5
    target[1, LAYOUT.index("left hand")] = 1
    cosine = np.array([[0.5, 0.1, -0.2, 0.0], [0.1, 0.4, -0.3, 0.0]])
    figure = figures.what_if(clip[0, 3], LAYOUT, target, cosine, ["a", "b", "c", "d"], "edited", nearest=1)
    body, bars, classes = figure.axes
    assert bars_of(bars) == {"head": [0.5, 0], "left hand": [0, 1], "right hand": [0.5, 0]}
    assert bars_of(classes) == {"b": [0.1, 0.4], "a": [0.5, 0.1]}, "nearest before or after, the nearest now first"
    (joints,) = [c for c in body.collections if isinstance(c, PathCollection)]
    left = clip[0, 3, LAYOUT.index("left hand"), :2] * (-1, 1)
    assert np.allclose(joints.get_offsets()[-1], left), "the pose shows the new key joints"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["before", "after"]


def test_what_if_nothing_changed_there_is_one_bar_each(clip, importance):
    figure = figures.what_if(clip[0, 3], LAYOUT, [importance] * 2, [[0.5, 0.1]] * 2, ["a", "b"])
    _, classes = figure.axes  # the key joints are on the body already
    assert all(len(lengths) == 1 for lengths in bars_of(classes).values())
    assert not figure.legends and classes.get_xlabel() == "cosine to the nearest classes, unchanged"


def test_what_if_refuses_arrays_that_do_not_fit(clip, importance):
    with pytest.raises(ValueError, match=r"k_gt of layout 'ntu25' must be \(2, V\) = \(2, 25\)"):
        figures.what_if(clip[0, 3], LAYOUT, importance, [[0.5]] * 2, ["a"])
    with pytest.raises(ValueError, match=r"cosines to 2 classes must be \(2, K\)"):
        figures.what_if(clip[0, 3], LAYOUT, [importance] * 2, [[0.5]] * 2, ["a", "b"])


def test_strip_size_and_color_follow_importance(clip, importance):
    figure = figures.skeleton_strip(clip, LAYOUT, importance, frames=4, title="two persons")
    drawn = snapshots(figure)
    assert len(drawn) == 4 + 2  # one person in every snapshot, the other in the first two
    for joints in drawn:
        values = np.asarray(joints.get_array())
        assert np.allclose(np.sort(importance), values)  # the most important joint is drawn last, on top
        assert (np.diff(joints.get_sizes()) > 0).all()
        assert joints.get_clim() == (importance.min(), importance.max())
    assert tick_texts(figure.axes[0].xaxis) == ["frame 0", "frame 4", "frame 7", "frame 11"]
    assert figure.axes[0].get_title(loc="left") == "two persons"
    assert figure.axes[0].get_aspect() == 1


def test_strip_is_upright_seen_from_the_front_and_apart(clip, importance):
    points = []
    for joints in snapshots(figures.skeleton_strip(clip[:1], LAYOUT, importance, frames=5)):
        at = np.empty((V, 2))
        at[np.argsort(importance, kind="stable")] = joints.get_offsets()
        points.append(at)
    for at in points:
        assert at[LAYOUT.index("head"), 1] > at[LAYOUT.index("left foot"), 1]
        assert at[LAYOUT.index("left hand"), 0] > at[LAYOUT.index("right hand"), 0]
    for before, after in pairwise(points):
        assert before[:, 0].max() < after[:, 0].min()


def test_strip_says_what_its_colors_are(clip, importance):
    for words, label in (({}, "joint importance"), ({"label": "share of the lead"}, "share of the lead")):
        figure = figures.skeleton_strip(clip, LAYOUT, importance, **words)
        assert label in [axes.get_ylabel() for axes in figure.axes]


def test_strip_of_uniform_importance_and_single_sequence(clip):
    joints = snapshots(figures.skeleton_strip(clip[0], LAYOUT, np.full(V, 1 / V), frames=2))[0]
    assert np.isfinite(joints.get_sizes()).all()
    assert len(set(joints.get_sizes())) == 1


def test_short_clip_repeats_no_frame(clip):
    figure = figures.skeleton_strip(clip[:, :3], LAYOUT, frames=6)
    assert tick_texts(figure.axes[0].xaxis) == ["frame 0", "frame 1", "frame 2"]


def test_planar_clip_is_drawn(clip):
    assert figures.skeleton_strip(clip[0, ..., :2], LAYOUT)


def test_gallery_has_a_titled_row_per_clip(clip):
    figure = figures.clip_gallery([(clip, "wave"), (0.5 * clip[0, :5], "clap"), (clip[0], "jump")], LAYOUT, frames=3)
    assert tick_texts(figure.axes[0].yaxis) == ["wave", "clap", "jump"]


def test_gallery_shows_importance_on_one_scale_for_all_clips(clip, importance):
    rows = [importance, np.full(V, 1 / V)]
    figure = figures.clip_gallery([(clip[0], "wave"), (clip[0], "clap")], LAYOUT, frames=2, importance=rows)
    drawn = snapshots(figure)
    assert [np.sort(joints.get_array()).tolist() for joints in drawn[::2]] == [np.sort(row).tolist() for row in rows]
    assert {joints.get_clim() for joints in drawn} == {(importance.min(), importance.max())}
    assert figure.axes[1].get_ylabel() == "joint importance"


def test_bars_are_ordered_by_body_part(importance):
    figure = figures.importance_bars({"attention": importance, "text": importance[::-1]}, LAYOUT)
    order = [j for joints in LAYOUT.parts.values() for j in joints]
    axes = figure.axes[0]
    assert tick_texts(axes.yaxis) == [LAYOUT.joints[j] for j in order]
    assert np.allclose([bar.get_width() for bar in axes.containers[0]], importance[order])
    assert np.allclose([bar.get_width() for bar in axes.containers[1]], importance[::-1][order])
    assert any(line.get_linestyle() == "--" and np.allclose(line.get_xdata(), 1 / V) for line in axes.lines)


def test_top_bars_are_the_most_important(importance):
    figure = figures.importance_bars({"attention": importance}, LAYOUT, top=3)
    best = {LAYOUT.joints[j] for j in np.argsort(importance)[-3:]}
    assert set(tick_texts(figure.axes[0].yaxis)) == best


def test_heat_map_columns_are_ordered_by_body_part():
    matrix = np.random.default_rng(2).random((4, V))
    figure = figures.importance_by_class(matrix, list("abcd"), LAYOUT)
    order = [j for joints in LAYOUT.parts.values() for j in joints]
    assert np.allclose(figure.axes[0].images[0].get_array(), matrix[:, order])
    assert tick_texts(figure.axes[0].xaxis) == [LAYOUT.joints[j] for j in order]


@pytest.mark.parametrize("count", [1, 3, 60])
def test_confusion_rows_are_shares(count):
    counts = np.random.default_rng(3).integers(0, 9, (count, count)) + np.eye(count)
    counts[-1] = 0  # a class without clips stays empty
    figure = figures.confusion_matrix(counts, [f"class {k}" for k in range(count)])
    shares = figure.axes[0].images[0].get_array()
    assert np.allclose(shares.sum(axis=1), [1] * (count - 1) + [0])
    assert tick_texts(figure.axes[0].yaxis)[-1] == f"class {count - 1} (0)"


def test_similarity_map_shows_the_matrix():
    matrix = np.eye(4)
    for a, b, cosine in ((0, 1, 0.1), (0, 2, 0.8), (0, 3, -0.3), (1, 2, 0.2), (1, 3, 0.7), (2, 3, -0.2)):
        matrix[a, b] = matrix[b, a] = cosine
    figure = figures.similarity_map(matrix, list("abcd"), "texts")
    names = tick_texts(figure.axes[0].yaxis)
    assert {"".join(names[:2]), "".join(names[2:])} in ({"ac", "bd"}, {"ca", "bd"}, {"ac", "db"}, {"ca", "db"})
    order = ["abcd".index(name) for name in names]
    image = figure.axes[0].images[0]
    shown = np.asarray(image.get_array().filled(np.nan))
    assert np.isnan(np.diag(shown)).all() and image.get_clim() == (-0.8, 0.8)
    assert np.allclose(shown[~np.eye(4, dtype=bool)], matrix[np.ix_(order, order)][~np.eye(4, dtype=bool)])
    assert figure.axes[0].get_title(loc="left") == "texts"


def test_curves_skip_what_is_missing_and_mark_the_chosen_epoch():
    history = [{"epoch": e, "skeleton_loss": 1.0, "total_loss": 2 / (e + 1)} for e in range(4)]
    history[1]["validation_accuracy"] = 0.5
    losses, accuracy = figures.training_curves(history, chosen=1).axes
    assert [text.get_text() for text in losses.get_legend().get_texts()] == ["skeleton", "total"]
    assert np.allclose(losses.lines[-1].get_ydata(), [2, 1, 2 / 3, 0.5])
    assert [text.get_text() for text in accuracy.texts] == ["epoch 2: 50.0 %"]  # as people count
    assert losses.lines[-1].get_xdata().tolist() == [1, 2, 3, 4]
    for unseen in ({}, {"validation_accuracy": math.nan}):  # without validation clips
        assert len(figures.training_curves([{"epoch": 0, "total_loss": 1.0, **unseen}]).axes) == 1


def test_curves_draw_whatever_losses_come_and_the_sum_last():
    record = {"total_loss": 3.0, "brier_loss": 1.0, "clip_text_loss": 2.0}
    (losses,) = figures.training_curves([{"epoch": e, **record} for e in (0, 1)]).axes
    assert [text.get_text() for text in losses.get_legend().get_texts()] == ["brier", "clip-text", "total"]
    assert len({line.get_color() for line in losses.lines}) == 3


def test_accuracy_shows_draws_mean_and_interval():
    episodes = np.array([0.4, 0.5, 0.6])
    axes = figures.accuracy_by_classifier({"nearest": episodes, "single": [0.3]}, chance=0.05).axes[0]
    assert np.allclose(snapshots(axes.figure)[0].get_offsets()[:, 0], episodes)
    texts = [text.get_text() for text in axes.texts]
    assert texts == ["50.0 ± 24.8 %", "30.0 %", "chance 5.0 %"]  # t(2) · 0.1 / √3 = 4.303 · 0.0577
    assert tick_texts(axes.yaxis) == ["nearest", "single"]


def test_dependence_on_the_exemplar_is_a_dot_per_draw_the_widest_class_first():
    accuracy = np.array([[0.5, 0.2, 1.0], [0.7, 0.8, np.nan]])  # no query of the last class in the second draw
    axes = figures.exemplar_sensitivity(accuracy, ["a", "b", "c"]).axes[0]
    assert tick_texts(axes.yaxis) == ["mean of the classes", "b", "a", "c"]
    dots = [joints.get_offsets()[:, 0].tolist() for joints in snapshots(axes.figure)]
    assert np.allclose(dots[0], [1.7 / 3, 0.75])
    assert dots[1:] == [[0.2, 0.8], [0.5, 0.7], [1.0]]
    assert [text.get_text() for text in axes.texts][1] == "20 … 80 %"


def test_feature_map_tells_classes_apart_by_color_shape_and_number():
    points, label = np.arange(168).reshape(84, 2), np.repeat(np.arange(42), 2)
    figure = figures.feature_map(points, label, [f"class {k}" for k in range(42)], exemplars=[0, 5])
    *classes, rings = snapshots(figure)
    looks = {(tuple(c.get_facecolor()[0]), c.get_paths()[0].vertices.tobytes()) for c in classes}
    assert len(looks) == 42
    assert rings.get_offsets().tolist() == [[0, 1], [10, 11]]
    assert [text.get_text() for text in figure.axes[0].texts] == [str(k + 1) for k in range(42)]
    assert [text.get_text() for text in figure.legends[0].get_texts()][-2:] == ["42  class 41", "exemplar"]


def test_accuracy_by_base_classes_goes_through_the_means():
    runs = {"CrossGLG": {40: [0.5, 0.7], 10: [0.4]}, "no text": {10: [0.3]}}
    axes = figures.accuracy_by_base_classes(runs, chance=0.05).axes[0]
    assert axes.lines[0].get_xdata().tolist() == [10, 40]
    assert np.allclose(axes.lines[0].get_ydata(), [0.4, 0.6])
    assert np.allclose(snapshots(axes.figure)[0].get_offsets(), [[10, 0.4], [40, 0.5], [40, 0.7]])
    assert [text.get_text() for text in axes.figure.legends[0].get_texts()] == ["CrossGLG", "no text"]


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: figures.skeleton_strip(np.ones((4, V)), LAYOUT), r"\(M, T, V, C\) or \(T, V, C\).*ntu25"),
        (lambda: figures.skeleton_strip(np.ones((4, 20, 3)), LAYOUT), "V=20 but layout 'ntu25' has 25"),
        (lambda: figures.skeleton_strip(np.ones((4, V, 3)), LAYOUT, np.ones(20)), r"\(V,\) = \(25,\).*\(20,\)"),
        (lambda: figures.skeleton_strip(np.zeros((4, V, 3)), LAYOUT), "shows nobody"),
        (lambda: figures.skeleton_strip(np.full((4, V, 3), np.nan), LAYOUT), "not finite"),
        (lambda: figures.skeleton_strip(np.ones((4, V, 3)), LAYOUT, frames=0), "frames must be at least 1"),
        (lambda: figures.clip_gallery([], LAYOUT), "at least one"),
        (lambda: figures.clip_gallery([(np.ones((4, 3, 3)), "wave")], LAYOUT), "clip 'wave' has V=3"),
        (lambda: figures.importance_bars({"a": np.ones(3)}, LAYOUT), r"importance 'a' of layout 'ntu25'.*\(V,\)"),
        (lambda: figures.importance_bars({}, LAYOUT), "at least one label"),
        (lambda: figures.importance_bars({"a": np.ones(V)}, LAYOUT, top=0), "top must be at least 1"),
        (lambda: figures.importance_by_class(np.ones((2, 3)), ["a", "b"], LAYOUT), r"\(K, V\) = \(2, 25\)"),
        (lambda: figures.confusion_matrix(np.ones((2, 3)), ["a", "b"]), r"\(K, K\) = \(2, 2\)"),
        (lambda: figures.similarity_map(np.ones((2, 2)), ["a"]), r"\(K, K\) = \(1, 1\)"),
        (lambda: figures.training_curves([]), "at least one record"),
        (lambda: figures.training_curves([{"epoch": 1}]), "nothing to draw"),
        (lambda: figures.training_curves([{"epoch": 1, "total_loss": 1}], chosen=3), "epoch 3 is not"),
        (lambda: figures.accuracy_by_classifier({"a": []}, 0.1), "at least one episode"),
        (lambda: figures.accuracy_by_classifier({}, 0.1), "at least one classifier"),
        (lambda: figures.clip_gallery([(np.ones((4, V, 3)), "wave")], LAYOUT, importance=[]), "1 clips and importance"),
        (
            lambda: figures.clip_gallery([(np.ones((4, V, 3)), "wave")], LAYOUT, importance=[[1.0]]),
            r"importance of clip 'wave' must be \(V,\) = \(25,\)",
        ),
        (lambda: figures.exemplar_sensitivity(np.ones((3, 2)), ["a"]), r"\(R, K\) with K = 1 classes; got .*\(3, 2\)"),
        (lambda: figures.exemplar_sensitivity([[np.nan]], ["a"]), "class 'a' has no accuracy in any episode"),
        (lambda: figures.feature_map(np.ones((3, 2)), [0, 1], ["a", "b"]), r"points of 2 clips must be \(N, 2\)"),
        (lambda: figures.feature_map(np.ones((2, 2)), [0, 2], ["a", "b"]), "0 … 2 but there are 2 class names"),
        (lambda: figures.accuracy_by_base_classes({"a": {}}, 0.1), "at least one method with a run"),
        (lambda: figures.method_intervals({}), "at least one benchmark with a method"),
        (lambda: figures.method_intervals({"a": {"m": (0.5, 0.6, 0.7)}}), "'m' on 'a': the mean 0.5 is not within"),
    ],
)
def test_wrong_input_is_named(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_save_gives_the_same_bytes_again(tmp_path, clip, importance, suffix):
    figure = figures.skeleton_strip(clip, LAYOUT, importance, frames=2)
    again = figures.skeleton_strip(clip, LAYOUT, importance, frames=2)
    first = figures.save(figure, tmp_path / "new" / f"a.{suffix}").read_bytes()
    assert figures.save(figure, tmp_path / f"b.{suffix}").read_bytes() == first  # also of a figure saved before
    assert figures.save(again, tmp_path / f"c.{suffix}").read_bytes() == first


def test_save_refuses_an_unknown_suffix(tmp_path, clip):
    with pytest.raises(ValueError, match=r"\.png, \.svg, \.pdf"):
        figures.save(figures.skeleton_strip(clip, LAYOUT), tmp_path / "a.bmp")
    assert not list(tmp_path.iterdir())


def test_figures_show_themselves_in_a_notebook(clip):
    assert figures.skeleton_strip(clip, LAYOUT, frames=1)._repr_png_().startswith(b"\x89PNG")


# --- player


def page_data(page: str) -> dict:
    return json.loads(re.search(r'<script type="application/json" id="clip">(.*?)</script>', page, re.S)[1])


def meters(panel: dict) -> np.ndarray:
    """The clip of a panel as the player reads it."""
    return np.frombuffer(base64.b64decode(panel["xyz"]), "<i2").reshape(panel["shape"]) / 1000 * panel["unit"]


def test_page_holds_the_clip_and_loads_nothing(clip, importance):
    over_time = np.random.default_rng(4).random((5, V))
    page = player_html(Panel(clip, importance, over_time, title="wave", fps=25, span=(1, 11)), LAYOUT)
    namespace = 'xmlns="http://www.w3.org/2000/svg"'  # a name in the pictures it can save, not an address
    assert not re.search(r"https?://|@import|src=|url\(", page.replace(namespace, ""))
    data = page_data(page)
    (panel,) = data["panels"]
    assert panel["shape"] == [2, 12, V, 3]
    assert (panel["fps"], data["frames"], panel["unit"]) == (25, 12, 1)
    assert np.allclose(meters(panel), clip, atol=0.0005001)
    assert np.allclose(panel["importance"]["values"], importance, rtol=1e-3)
    assert np.allclose(np.reshape(panel["over_time"]["values"], (5, V)), over_time, rtol=1e-3)
    assert (panel["over_time"]["steps"], panel["over_time"]["span"]) == (5, [1, 11])
    assert data["bones"] == [list(bone) for bone in LAYOUT.bones]


def test_clips_side_by_side_share_the_time_of_the_first(clip):
    panels = [Panel(clip, fps=30), Panel(clip[0, :10], fps=15), Panel(clip[0, :3], fps=30)]
    assert page_data(player_html(panels, LAYOUT))["frames"] == 20, "10 frames at 15 a second last as 20 at 30"


def test_a_planar_clip_is_seen_as_in_the_image_and_a_vast_one_fits(clip):
    (planar,) = page_data(player_html(Panel(clip[0, ..., :2]), LAYOUT))["panels"]
    assert np.allclose(meters(planar)[0], clip[0] * (-1, 1, 0), atol=0.0005001)
    far = clip[0] + np.array([100, 0, 0])
    (vast,) = page_data(player_html(Panel(far), LAYOUT))["panels"]
    assert np.allclose(meters(vast)[0], far, rtol=0, atol=0.002001)


def test_two_long_clips_stay_below_300_kB(importance):
    rng = np.random.default_rng(4)
    clips = rng.uniform(-2, 2, (2, 300, V, 3)) + np.array([0, 0, 3])
    panels = [Panel(clip, importance, rng.random((64, V)), title="wave") for clip in clips]
    assert len(player_html(panels, LAYOUT).encode()) < 300_000


def test_page_cannot_be_made_to_run_a_text(clip):
    evil = "</script><script>alert(1)</script><!--"
    page = player_html(Panel(clip, title=evil, joint_texts={"head": evil}), LAYOUT)
    assert "<script>alert" not in page
    assert "<!--" not in page
    assert page.count("</script>") == 2
    (panel,) = page_data(page)["panels"]
    assert panel["title"] == evil
    assert panel["texts"] == {"head": evil}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"importance": np.ones(3)}, r"\(V,\) = \(25,\)"),
        ({"over_time": np.ones((3, 20))}, r"\(S, V\) = \(3, 25\); got shape \(3, 20\)"),
        ({"over_time": np.ones(V)}, r"\(S, V\)"),
        ({"over_time": np.ones((3, V)), "span": (4, 13)}, r"span \(4, 13\) must lie within the 12 frames"),
        ({"fps": 0}, "fps must be"),
        ({"joint_texts": {"tail": "wags"}}, "no joint 'tail'"),
    ],
)
def test_player_names_wrong_input(clip, arguments, message):
    with pytest.raises(ValueError, match=message):
        player_html(Panel(clip, **arguments), LAYOUT)


@pytest.mark.parametrize("count", [0, 5])
def test_player_shows_one_to_four_clips(clip, count):
    with pytest.raises(ValueError, match=f"1 to 4 clips side by side, got {count}"):
        player_html([Panel(clip)] * count, LAYOUT)


def test_widget_traits(clip):
    widget = player(Panel(clip, title="wave", joint_texts={"left hand": "waves"}), LAYOUT)
    assert np.allclose(meters(widget.data["panels"][0]), clip, atol=0.0005001)
    assert widget.data["joints"] == list(LAYOUT.joints)
    widget.frame = 11
    widget.hovered_joint = widget.selected_joint = "head"
    with pytest.raises(Exception, match="frame must be 0 … 11"):
        widget.frame = 12
    with pytest.raises(Exception, match="no joint 'tail'"):
        widget.selected_joint = "tail"


def bundle_of(panels):
    bundle, _ = player(panels, LAYOUT)._repr_mimebundle_()
    return bundle


@pytest.mark.parametrize("count", [1, 3])
def test_a_player_leaves_a_page_and_a_picture_for_where_no_kernel_runs(clip, count):
    importance = np.full(V, 1 / V)
    bundle = bundle_of([Panel(clip, importance, title=f"<wave> {k}") for k in range(count)])
    assert bundle["text/plain"].startswith("<wave> 0")
    assert base64.b64decode(bundle["image/png"]).startswith(b"\x89PNG")
    picture, frame = re.fullmatch(
        r"<div [^>]+>(<img [^>]+>)(<iframe .+</iframe>)</div>", bundle["text/html"], re.S
    ).groups()
    assert f"data:image/png;base64,{bundle['image/png']}" in picture and "&lt;wave&gt; 0" in picture
    inside = html.unescape(re.search(r'srcdoc="([^"]+)"', frame)[1])
    assert len(page_data(inside)["panels"]) == count
    assert len(bundle["text/html"]) + len(bundle["image/png"]) < 300_000


def test_of_a_long_clip_only_the_picture_is_left(clip):
    bundle = bundle_of(Panel(np.tile(clip, (1, 200, 1, 1))))
    assert "<iframe" not in bundle["text/html"] and bundle["text/html"].startswith("<img ")
    assert len(bundle["text/html"]) + len(bundle["image/png"]) < 300_000


def test_a_player_in_which_nobody_is_seen_leaves_its_title(clip):
    bundle = bundle_of(Panel(np.zeros_like(clip), title="empty"))
    assert bundle["text/plain"] == "empty" and "image/png" not in bundle


def test_importing_viz_is_light():
    code = (
        "import sys, crossglg.viz, crossglg.viz.player\n"
        "print([m for m in ('torch', 'matplotlib', 'anywidget', 'crossglg.model') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
