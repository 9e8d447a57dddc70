"""Any single file: the right reader is found, the wrong ones say why not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.skeleton_people import standing
from support.source_files.bvh import write_sample as write_bvh
from support.source_files.keypoints import array
from support.source_files.keypoints import write_sample as write_csv

from crossglg.data import any_file
from crossglg.data.any_file import read_any
from crossglg.data.clips import SkeletonSet
from crossglg.data.convert import convert
from crossglg.data.readers import READERS, Reader
from crossglg.data.reading_options import OptionError
from crossglg.skeletons import Layout, get_layout, retarget


def test_bvh_and_csv_are_found_by_their_names(tmp_path: Path) -> None:
    assert [(r.sample_id, r.layout.name) for r in read_any(write_bvh(tmp_path))] == [("someone", "kinect20")]
    assert [(r.sample_id, r.layout.name) for r in read_any(str(write_csv(tmp_path)))] == [("me", "mediapipe33")]


def test_documented_npz_gives_every_clip_with_what_is_known_of_it(tmp_path: Path) -> None:
    two, one = standing("kinect20", frames=5, persons=2), standing("kinect20", frames=7)
    xyz = np.concatenate([two.reshape(-1, 20, 3), one[0]])
    clips = SkeletonSet.build(
        xyz, [0, 10, 17], [1, 0], ["a", "b"], get_layout("kinect20"), persons=[2, 1], subject=[3, 4], fps=25
    )
    first, second = read_any(clips.save(tmp_path / "mine.npz"))
    np.testing.assert_array_equal(first.xyz, two)
    np.testing.assert_array_equal(second.xyz, one)
    assert [(r.class_name, r.subject, r.camera, r.fps) for r in (first, second)] == [("b", 3, -1, 25), ("a", 4, -1, 25)]


def test_clips_are_carried_to_the_layout(tmp_path: Path) -> None:
    file, ntu = write_csv(tmp_path), get_layout("ntu25")
    [as_read], [carried] = read_any(file), read_any(file, "ntu25")
    assert carried.layout == ntu and carried.notes == as_read.notes
    np.testing.assert_array_equal(carried.xyz, retarget(as_read.xyz, as_read.layout, ntu))
    tail = Layout("animal", ("tail", "nose"), ((1, 0),), "tail")
    with pytest.raises(ValueError, match="me: cannot retarget 'mediapipe33' to 'animal'"):
        read_any(file, tail)


def test_refusals_are_listed_by_reader(tmp_path: Path) -> None:
    file = tmp_path / "clip.npy"
    file.write_bytes(array(standing("coco17")))
    with pytest.raises(ValueError, match=r"^clip\.npy cannot be read\. Tried keypoints: 17 joints may be coco17 or"):
        read_any(file)
    (tmp_path / "clip.npz").write_bytes(b"no zip")
    with pytest.raises(ValueError, match=r"^clip\.npz cannot be read\. Tried npz: it is truncated or not a \.npz"):
        read_any(tmp_path / "clip.npz")
    (tmp_path / "landmarks.JSON").write_text('{"landmarks": [[{"x": 0.1, "y": 0.2, "z": 0.3}]]}')
    with pytest.raises(ValueError, match=r"Tried .*'bodies'\. No other JSON is read, .* write its points into a \.csv"):
        read_any(tmp_path / "landmarks.JSON")


def test_a_file_two_readers_accept_needs_the_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    twin = Reader("the same again", ("*.bvh",), READERS["bvh"].read, ("as bvh",))
    monkeypatch.setitem(READERS, "twin", twin)
    file = write_bvh(tmp_path)
    with pytest.raises(ValueError, match=r"someone\.bvh can be read as bvh or as twin; say which by format="):
        read_any(file)
    assert read_any(file, format="twin")[0].sample_id == "someone"


def test_what_cannot_be_tried_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FileNotFoundError, match="no skeleton file"):
        read_any(tmp_path / "nowhere.bvh")
    with pytest.raises(ValueError, match="is a folder; give the files in it instead"):
        read_any(tmp_path)
    file = tmp_path / "clip.odd"
    file.write_bytes(array(standing("kinect20")))
    with pytest.raises(ValueError, match=r"clip\.odd: no format has files named so; .* format= one of npz, .*bvh"):
        read_any(file)
    assert read_any(file, format="keypoints")[0].layout.name == "kinect20"
    with pytest.raises(ValueError, match="unknown format 'bvhh'"):
        read_any(file, format="bvhh")
    monkeypatch.setitem(any_file.READERS, "nobody", Reader("finds nobody", ("*.odd",), lambda path: [], ("none",)))
    with pytest.raises(ValueError, match=r"clip\.odd: nobody is seen in it"):
        read_any(file)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fps": 0}, r"^fps='0' must be a number above 0$"),
        ({"layout": "nix"}, r"^layout='nix': unknown layout 'nix'; known layouts: ntu25"),
        ({"layout": "nix.yaml"}, r"^layout='nix.yaml': no layout file nix.yaml"),
        ({"unit": "inch"}, r"^unit='inch' must be one of m, cm, mm$"),
        (
            {"fpss": 3},
            r"^clip\.npy: no format of such files has an option 'fpss'; did you mean 'fps'\? Options: layout",
        ),
    ],
)
def test_a_wrong_option_is_named_and_not_the_file_blamed(tmp_path: Path, options: dict, message: str) -> None:
    file = tmp_path / "clip.npy"
    file.write_bytes(array(standing("ntu25")))
    with pytest.raises(OptionError, match=message):
        read_any(file, **options)
    if "fpss" not in options:
        with pytest.raises(OptionError, match=message):  # no file is left out for it
            convert(tmp_path, "keypoints", tmp_path / "x.npz", skip_corrupt=True, **options)


NO_SKELETONS = (  # labels, angles, descriptions and a table of contents that lie beside the skeletons
    "dataset-*.json", "cmu_trial_descriptions.csv", "*_angles.txt", "actionLabel.txt", "frame_indices.mat",
    "*_annlist.pkl",
)  # fmt: skip


def test_every_genuine_file_has_exactly_one_reader(shared_data: Path) -> None:
    files = [file for file in sorted((shared_data / "raw").rglob("*.*")) if not any(map(file.match, NO_SKELETONS))]
    assert len(files) >= 20
    assert all(read_any(file) for file in files)
    for pattern in NO_SKELETONS:
        with pytest.raises(ValueError, match=r"cannot be read\. Tried|no format has files named so"):
            read_any(next((shared_data / "raw").rglob(pattern)))
