"""NW-UCLA: the JSON of a clip is the processed set's clip; damaged JSON is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from support.kinect_sets import assert_same_as_processed
from support.skeleton_people import standing
from support.source_files.nw_ucla import write_sample

from crossglg.data.readers import get_reader
from crossglg.data.readers.nw_ucla import parse


def test_is_the_processed_clip(shared_data: Path) -> None:
    assert_same_as_processed(shared_data, "nw-ucla", "nw_ucla")


def test_labels_in_the_file_are_those_of_the_name(shared_data: Path) -> None:
    reader = get_reader("nw-ucla")
    for file in (shared_data / "raw/nw_ucla_json").glob("*.json"):
        label = json.loads(file.read_text())["label"]
        assert reader.class_names[label - 1] == reader.read(file)[0].class_name


def test_name_gives_class_subject_and_view(tmp_path: Path) -> None:
    (recording,) = get_reader("nw-ucla").read(write_sample(tmp_path))
    assert (recording.class_name, recording.subject, recording.camera) == ("stand up", 5, 2)
    np.testing.assert_allclose(recording.xyz, standing("kinect20", 4), atol=1e-5)


@pytest.mark.parametrize("name", ["a07_s05_e01_v02.json", "clip.json", "a06_s05_e01_v02.json.bak"])
def test_name_of_another_set_is_refused(tmp_path: Path, name: str) -> None:
    file = write_sample(tmp_path).rename(tmp_path / name)
    with pytest.raises(ValueError, match=name):
        get_reader("nw-ucla").read(file)


@pytest.mark.parametrize(
    "bad",
    [b"[" * 100_000, b'{"skeletons": []}', b'{"skeletons": [[[1, 2, 3]]]}', b'{"skeletons": [[["a"]]]}', b"[1]", b"{}",
     b'{"skeletons": ' + b"[" * 40 + b"1" + b"]" * 40 + b"}", b'{"skeletons": {"a": 1}}', b'{"skeletons": 1e999}'],
)  # fmt: skip
def test_json_of_something_else_is_refused(bad: bytes) -> None:
    with pytest.raises(ValueError, match="skeletons"):
        parse(bad)


def test_frames_without_a_person_are_dropped_and_told() -> None:
    xyz = standing("kinect20", 5)[0].astype(float)
    xyz[1] = 0
    xyz[3, 7, 2] = np.nan
    clip, notes = parse(json.dumps({"skeletons": xyz.tolist()}).encode())
    np.testing.assert_allclose(clip[0], xyz[[0, 2, 4]], rtol=1e-6)
    assert notes == ("2 of 5 frames without a person dropped",)


def test_millimeters_are_refused() -> None:
    with pytest.raises(ValueError, match="not meters"):
        parse(json.dumps({"skeletons": (1000 * standing("kinect20", 2)[0]).tolist()}).encode())
