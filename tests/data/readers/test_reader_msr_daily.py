"""MSRDailyActivity3D: the text of a clip is the processed set's clip; rows out of order are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.kinect_sets import assert_same_as_processed
from support.skeleton_people import standing
from support.source_files.msr_daily import content, write_sample

from crossglg.data.readers import get_reader
from crossglg.data.readers.msr_daily import parse


def test_is_the_processed_clip(shared_data: Path) -> None:
    assert_same_as_processed(shared_data, "msr-daily", "msr_daily_activity3d")


def test_joints_and_labels(tmp_path: Path) -> None:
    (recording,) = get_reader("msr-daily").read(write_sample(tmp_path))
    np.testing.assert_allclose(recording.xyz, standing("kinect20", 4), atol=6e-4)
    assert (recording.class_name, recording.subject) == ("sit down", 10)


def test_last_frame_without_numbers_is_dropped_and_told() -> None:
    lines = content().splitlines()
    lines[60:] = [b"4 %d 0.000   NaN   NaN" % joint for joint in range(1, 21)]
    clip, notes = parse(b"\n".join(lines))
    assert clip.shape == (1, 3, 20, 3)
    assert notes == ("1 of 4 frames without a person dropped",)


def test_rows_out_of_order_are_refused() -> None:
    lines = content().splitlines()
    for bad, message in (
        (lines[:-1], "joints 1 … 20"),
        ([lines[1], lines[0], *lines[2:]], "joints 1 … 20"),
        (lines[:20] * 2, "must grow"),
        (lines[20:40] + lines[:20], "must grow"),
        (lines[:10] + lines[30:40], "must grow"),
    ):
        with pytest.raises(ValueError, match=message):
            parse(b"\n".join(bad))
