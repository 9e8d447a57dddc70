"""Kinder-Gator: the csv of a clip is the processed set's clip, which lacks the T-pose; columns go by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.kinect_sets import assert_same_as_processed
from support.skeleton_people import standing
from support.source_files.kinder_gator import content, write_sample

from crossglg.data.readers import get_reader
from crossglg.data.readers.kinder_gator import parse


def test_is_the_processed_clip(shared_data: Path) -> None:
    assert_same_as_processed(shared_data, "kinder-gator", "kinder_gator", starts=(0, 45))


def test_all_actions_of_the_processed_set_are_known(shared_data: Path) -> None:
    from crossglg.data.clips import SkeletonSet
    from crossglg.data.readers.kinder_gator import ACTIONS

    clips = SkeletonSet.load(shared_data / "kinder_gator.npz")
    for sample_id, label in zip(clips.sample_id, clips.label, strict=True):
        words = str(sample_id).split("-", 1)[1].rsplit("-", 1)[0]
        assert ACTIONS[words] == clips.class_names[label]


def test_joints_and_labels(tmp_path: Path) -> None:
    (recording,) = get_reader("kinder-gator").read(write_sample(tmp_path))
    np.testing.assert_allclose(recording.xyz, standing("kinect20", 4), rtol=1e-6)
    assert (recording.class_name, recording.subject) == ("bow", 976)


def test_columns_may_stand_in_another_order() -> None:
    rows = [line.split(",") for line in content().decode().splitlines()]
    turned = "\n".join(",".join(reversed(row)) for row in rows).encode()
    np.testing.assert_array_equal(parse(turned)[0], parse(content())[0])


def test_missing_column_is_named() -> None:
    with pytest.raises(ValueError, match="no Y of the 'left knee'"):
        parse(content().replace(b"KneeLeftY", b"Knee_left_y"))
    with pytest.raises(ValueError, match="no joint 'tail'"):
        parse(content().replace(b"KneeLeftY", b"TailY"))


def test_unknown_action_is_refused(tmp_path: Path) -> None:
    file = write_sample(tmp_path).rename(tmp_path / "POSE-p976_05-Bowl-1466765913475.csv")
    with pytest.raises(ValueError, match=r"Bowl-1466765913475\.csv: the action 'Bowl'"):
        get_reader("kinder-gator").read(file)
