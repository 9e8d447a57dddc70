"""PKU-MMD: clips cut from continuous recordings, their names, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from support.fuzzing import mutations, survives
from support.skeleton_people import standing
from support.source_files.pku_mmd import LABELS, lines, recording, write_sample

from crossglg.data.readers import pku_mmd
from crossglg.files import project_folder


def parse(content: bytes | None = None, labels: bytes = LABELS, video: str = "A03N02-R") -> list:
    return pku_mmd.parse(lines(recording()) if content is None else content, labels, video)


def test_clips_are_the_labeled_lines() -> None:
    drink, shake = parse()
    xyz = np.round(recording(), 6)
    np.testing.assert_allclose(drink.xyz, xyz[:1, 5:25], atol=1e-6)
    np.testing.assert_allclose(shake.xyz, xyz[:, 30:50], atol=1e-6)
    assert (drink.sample_id, drink.class_name) == ("A03N02-R_1", "drink water")
    assert (shake.sample_id, shake.class_name) == ("A03N02-R_2", "handshaking")
    assert {(clip.subject, clip.camera) for clip in (drink, shake)} == {(2, 3)}


@pytest.mark.parametrize(
    ("video", "subject", "camera"),
    [("A26N13-L", 13, 1), ("0364-M", -1, 2), ("0002-R", -1, 3), ("mine", -1, -1)],
)
def test_subject_and_camera_are_read_from_the_name(video: str, subject: int, camera: int) -> None:
    assert {(clip.subject, clip.camera) for clip in parse(video=video)} == {(subject, camera)}


def test_class_names_are_those_of_the_descriptions_in_the_official_order() -> None:
    described = json.loads((project_folder("prompts") / "descriptions" / "pku_mmd.json").read_text(encoding="utf-8"))
    assert tuple(described["classes"]) == pku_mmd.CLASS_NAMES
    assert len(pku_mmd.CLASS_NAMES) == 51 and tuple(sorted(pku_mmd.CLASS_NAMES)) == pku_mmd.CLASS_NAMES
    first, last = parse(labels=b"1,0,9,1\n51,9,20,1\n")
    assert (first.class_name, last.class_name) == ("bow", "writing")


def test_labels_are_found_under_every_known_folder_name(tmp_path: Path) -> None:
    path = write_sample(tmp_path)
    source = tmp_path / "Label_PKU_final"
    for name in pku_mmd.LABEL_FOLDERS:
        for place in (tmp_path, path.parent):
            source = source.rename(place / name)
            assert len(pku_mmd.READER.read(path)) == 2, name
    (source / path.name).unlink()
    with pytest.raises(ValueError, match=r"A03N02-R\.txt: it has no label file: .*Label_PKU_final.*put the labels"):
        pku_mmd.READER.read(path)


def test_labels_are_no_recordings_of_their_own(tmp_path: Path) -> None:
    path = write_sample(tmp_path)
    assert [found for pattern in pku_mmd.READER.patterns for found in tmp_path.rglob(pattern)] == [path]


def test_interval_past_the_end_is_cut_and_noted() -> None:
    (clip,) = parse(labels=b"8,50,64,2\n")
    assert clip.xyz.shape[1] == 10 and clip.notes == ("its interval ends 4 frames after the recording",)


def test_clip_without_anybody_is_left_out_and_told() -> None:
    xyz = recording()
    xyz[:, :30] = 0
    (clip,) = parse(lines(xyz))
    assert clip.sample_id == "A03N02-R_2" and "A03N02-R_1" in clip.notes[0]


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (b"", "label file is empty"),
        (b"8,5,25,2\nend\n", "line 2 of its label file is not 'action,start,end,confidence': 'end'"),
        (b"8 5 25\n", "line 1 of its label file is not"),
        (b"52,5,25,2\n", "action 52; there are 1…51"),
        (b"0,5,25,2\n", "action 0"),
        (b"8,25,25,2\n", "25…25, holds no frame of the 60 recorded"),
        (b"8,60,70,2\n", "60…70, holds no frame"),
        (b"8,-5,25,2\n", "is not 'action"),
        ("٨,5,25,2\n".encode(), "is not 'action"),
    ],
)
def test_wrong_labels_are_refused_with_the_file_named(labels: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=rf"^it cannot be read as a PKU-MMD recording: .*{said}"):
        parse(labels=labels)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"1 2 3\n", r"150 numbers \(2 bodies × 25 joints × xyz\), got 3"),
        (lines(recording()) + b"1 2\n", "number of columns changed"),
        (lines(recording()).replace(b"0.000000", b"nan", 1), "not a finite number"),
        (lines(recording()).replace(b"0.000000", b"1e400", 1), "not a finite number"),
    ],
)
def test_wrong_recording_is_refused_with_the_file_named(content: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=rf"^it cannot be read as a PKU-MMD recording: .*{said}"):
        parse(content)


@given(mutations(b"8,0,2,2\n14,1,4,1\n"))
@settings(max_examples=150, deadline=None)
def test_mutated_labels_raise_only_value_errors(labels: bytes) -> None:
    survives(lambda changed: pku_mmd.parse(lines(standing("ntu25", 4)), changed, "A01N01-L"), labels)
