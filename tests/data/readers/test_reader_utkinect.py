"""UTKinect: a recording is cut at the label file's intervals, and what of them the authors corrected is corrected."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from support.fuzzing import mutations, survives
from support.kinect_sets import bone_spread, genuine, side_ratio
from support.skeleton_people import standing
from support.source_files.utkinect import LABELS, write_sample

from crossglg.data.readers import get_reader
from crossglg.data.readers.utkinect import ACTIONS, CORRECTED, parse_labels


def test_clips_are_the_intervals(tmp_path: Path) -> None:
    walk, sit = get_reader("utkinect").read(write_sample(tmp_path))
    people = standing("kinect20", 12)
    np.testing.assert_allclose(walk.xyz, people[:, :4], atol=1e-6)  # frames 10 12 14 16, the first of the two 14
    np.testing.assert_allclose(sit.xyz, people[:, 5:11], atol=1e-6)  # frames 20 … 30
    assert (walk.sample_id, walk.class_name, walk.subject, walk.fps) == ("s01_e01_walk", "walk", 1, 15.0)
    assert (sit.sample_id, sit.class_name) == ("s01_e01_sitDown", "sit down")


def test_corrected_interval_is_told(tmp_path: Path) -> None:
    file = write_sample(tmp_path)
    file = file.rename(file.with_name("joints_s01_e02.txt"))
    rows = np.loadtxt(file)
    rows[:, 0] = 150 + 10 * np.arange(len(rows))  # 150 … 270
    np.savetxt(file, rows)
    (walk,) = get_reader("utkinect").read(file)
    assert walk.xyz.shape[1] == 12, "160 … 270, where the label file stops at 192"
    assert walk.notes == ("frames 154 to 270 as in frame_indices.mat, not (154, 192)",)


def test_labels_lie_beside_or_above(tmp_path: Path) -> None:
    file = write_sample(tmp_path)
    above = get_reader("utkinect").read(file)
    (tmp_path / "actionLabel.txt").rename(file.with_name("actionLabel.txt"))
    assert [clip.sample_id for clip in get_reader("utkinect").read(file)] == [clip.sample_id for clip in above]
    file.with_name("actionLabel.txt").unlink()
    with pytest.raises(ValueError, match=r"joints_s01_e01\.txt: actionLabel\.txt"):
        get_reader("utkinect").read(file)


def test_interval_in_which_nobody_is_seen_is_left_out_and_told(tmp_path: Path) -> None:
    file = write_sample(tmp_path)
    (tmp_path / "actionLabel.txt").write_text("s01_e01\nwalk: 900 950\nsitDown: 20 30\n")
    (sit,) = get_reader("utkinect").read(file)
    assert sit.class_name == "sit down"
    assert sit.notes == ("left out, as nobody is seen: walk",)


def test_recording_without_intervals_is_named(tmp_path: Path) -> None:
    file = write_sample(tmp_path)
    (tmp_path / "actionLabel.txt").write_text("s02_e01\nwalk: 10 20\n")
    with pytest.raises(ValueError, match=r"joints_s01_e01\.txt: .* no interval for s01_e01"):
        get_reader("utkinect").read(file)


@pytest.mark.parametrize("bad", ["walk: 1 2\n", "s01_e01\nfly: 1 2\n", "s01_e01\nwalk 1 2\n", "s01_e01\nwalk: 1\n"])
def test_other_label_files_are_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="walk"):
        parse_labels(bad.encode())


def test_genuine_labels_and_corrections(shared_data: Path) -> None:
    """The corrections are the differences between the authors' two files, no more and no less."""
    from scipy.io import loadmat

    folder = shared_data / "raw" / "utkinect_txt"
    labels = parse_labels((folder / "actionLabel.txt").read_bytes())
    assert len(labels) == 20 and sum(map(len, labels.values())) == 199, "10 subjects twice 10 actions, one missing"
    indices = loadmat(folder / "frame_indices.mat")["frame_indices"]
    different = {}
    for name, intervals in labels.items():
        rows = indices[int(name[1:3]) - 1, int(name[5:7]) - 1]
        for action, row in zip(ACTIONS, rows.astype(float).tolist(), strict=True):
            if np.isfinite(row).all() and intervals[action] != tuple(map(int, row)):
                different[name, action] = tuple(map(int, row))
    assert different == CORRECTED


def test_genuine_recording_is_ten_clips_of_a_person(shared_data: Path) -> None:
    clips = genuine(shared_data, "utkinect")
    assert [clip.class_name for clip in clips] == list(get_reader("utkinect").class_names)
    wave = next(clip for clip in clips if clip.class_name == "wave hands")
    mean = {joint: wave.xyz[0, :, v].mean(axis=0) for v, joint in enumerate(wave.layout.joints)}
    order = ["left foot", "left ankle", "left knee", "left hip", "spine", "shoulder center", "head"]
    assert all(mean[low][1] < mean[high][1] for low, high in pairwise(order))
    for joint in ("shoulder", "elbow", "hip", "knee", "ankle"):
        assert mean[f"left {joint}"][0] < mean[f"right {joint}"][0] - 0.05
    limbs = [j for j, joint in enumerate(wave.layout.joints) if joint.split()[-1] in ("elbow", "knee", "ankle")]
    spread = dict(zip((child for child, _ in wave.layout.bones), bone_spread(wave), strict=True))
    assert max(spread[j] for j in limbs) < 0.15
    assert np.abs(np.log(side_ratio(wave)[limbs])).max() < 0.15


@given(mutations(LABELS.encode()))
@settings(max_examples=150, deadline=None)
def test_mutated_labels_end_in_value_errors(content: bytes) -> None:
    survives(parse_labels, content)
