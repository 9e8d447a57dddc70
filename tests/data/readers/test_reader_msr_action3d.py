"""MSR Action3D: the text of a clip is the processed set's clip, in kinect20's order; other tables are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.kinect_sets import assert_same_as_processed
from support.skeleton_people import standing
from support.source_files.msr_action3d import write_sample

from crossglg.data.readers import get_reader
from crossglg.data.readers.msr_action3d import parse


def test_is_the_processed_clip(shared_data: Path) -> None:
    assert_same_as_processed(shared_data, "msr-action3d", "msr_action3d")


def test_joints_and_labels(tmp_path: Path) -> None:
    (recording,) = get_reader("msr-action3d").read(write_sample(tmp_path))
    np.testing.assert_allclose(recording.xyz, standing("kinect20", 4), atol=1e-6)
    assert (recording.class_name, recording.subject, recording.fps) == ("pick up and throw", 9, 15.0)


def test_clip_of_zeros_shows_nobody(tmp_path: Path) -> None:
    file = write_sample(tmp_path)
    file.write_text("0 0 0 0\n" * 60)
    assert get_reader("msr-action3d").read(file) == []


@pytest.mark.parametrize(
    ("bad", "message"),
    [(b"1 2 3\n" * 20, "needs 4 numbers, these have 3"), (b"1 2 3 4\n" * 19, "19 rows"), (b"1 2 3 4\n5 6\n", "table"),
     (b"1 2 3 x\n" * 20, "table"), (b"1 2 1e300 4\n" * 20, "no measurement"), (b"1 2 3000 4\n" * 20, "not meters"),
     ("1 2 ٣ 4\n".encode() * 20, "plain text"), (b" \n\n", "no row")],
)  # fmt: skip
def test_other_tables_are_refused(bad: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse(bad)
