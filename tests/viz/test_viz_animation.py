"""The moving picture of a recognition: what its frames show, and the file."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from support.skeleton_people import standing

from crossglg.skeletons import get_layout
from crossglg.viz.animation import Recognition, recognition_frames, save_animation

NTU = get_layout("ntu25")


@pytest.fixture(scope="module")
def shown():
    """Two who stand still, in clips of different length."""
    pose = np.asarray(standing("ntu25", frames=1))
    importance = np.linspace(0, 0.08, NTU.num_joints)
    return Recognition(pose.repeat(9, axis=1), pose.repeat(4, axis=1), importance, "wave", "wave", 0.5)


def pixels(picture):
    return np.asarray(picture.convert("RGB"), dtype=int)


def test_both_clips_are_shown_from_first_to_last_frame(shown):
    query = np.array(shown.query)
    query[:, -1, :, 1] += 0.3  # a jump in the last frame alone
    first, middle, last = recognition_frames(replace(shown, query=query), NTU, frames=3)
    still, _, end = recognition_frames(shown, NTU, frames=3)  # nobody moves
    assert np.array_equal(pixels(first), pixels(middle)) and not np.array_equal(pixels(first), pixels(last))
    assert np.array_equal(pixels(still), pixels(end))


def test_a_wrong_answer_looks_wrong(shown):
    (right,) = recognition_frames(shown, NTU, frames=1)
    (wrong,) = recognition_frames(replace(shown, truth="kick"), NTU, frames=1)
    below = int(0.92 * right.height)
    differing = np.argwhere((pixels(right) != pixels(wrong)).any(axis=-1))
    assert len(differing) and differing[:, 0].min() > 0.88 * right.height, "only the outcome below the clips differs"
    reddish = pixels(wrong)[below:].reshape(-1, 3)
    assert (reddish[:, 0] - reddish[:, 2] > 100).any()


def test_gif_keeps_frames_and_time(shown, tmp_path):
    query = np.array(shown.query) + 0.1 * np.arange(9)[None, :, None, None]
    pictures = recognition_frames(replace(shown, query=query), NTU, frames=4)
    path = save_animation(pictures, tmp_path / "out" / "moving.gif", fps=10)
    with Image.open(path) as opened:
        assert opened.n_frames == 4 and opened.info["duration"] == 100 and opened.info["loop"] == 0
        assert np.abs(pixels(opened) - pixels(pictures[0])).mean() < 3, "few colors are enough"
    again = save_animation(pictures, tmp_path / "again.gif", fps=10)
    assert path.read_bytes() == again.read_bytes()


def test_bad_input_is_named(shown, tmp_path):
    with pytest.raises(ValueError, match=r"importance of layout 'ntu25' must be \(V,\) = \(25,\); got shape \(3,\)"):
        recognition_frames(replace(shown, importance=np.ones(3)), NTU)
    with pytest.raises(ValueError, match="exemplar must be"):
        recognition_frames(replace(shown, exemplar=np.zeros((4, 25))), NTU)
    with pytest.raises(ValueError, match="frames must be at least 1, got 0"):
        recognition_frames(shown, NTU, frames=0)
    with pytest.raises(ValueError, match=r"at least one frame and a name ending in .gif; got 'moving.mp4'"):
        save_animation([Image.new("RGB", (2, 2))], tmp_path / "moving.mp4")
