"""Any single file: the right reader is found, the wrong ones say why not."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.skeleton_people import standing
from support.source_files.bvh import write_sample as write_bvh
from support.source_files.keypoints import array
from support.source_files.keypoints import write_sample as write_csv

from crossglg.data import any_file
from crossglg.data.any_file import read_any, read_array
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
    for name, advice in (
        ("a.tsv", "is read with format=keypoints"), ("a.XLSX", r"save the sheet as \.csv"), ("b.mat", "numpy.save"),
    ):  # fmt: skip
        (tmp_path / name).touch()
        with pytest.raises(ValueError, match=rf"^{name}: no format has files named so; .*{advice}"):
            read_any(tmp_path / name)
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


def test_an_array_is_read_as_a_file_of_it(tmp_path: Path) -> None:
    xyz = standing("mediapipe33", frames=30)[0] * (1000.0, -1000.0, -1000.0)  # mm, y down
    xyz[4, 3], xyz[10] = np.nan, np.nan
    np.save(tmp_path / "me.npy", xyz)
    [of_file], of_array = read_any(tmp_path / "me.npy", fps=25), read_array(xyz, name="me", class_name="wave", fps=25)
    np.testing.assert_array_equal(of_array.xyz, of_file.xyz)
    assert (of_array.layout, of_array.notes) == (of_file.layout, of_file.notes)
    assert of_array.to_set().class_names == ("wave",) and of_array.fps == 25
    frames = deque(torch.as_tensor(frame) for frame in xyz)
    np.testing.assert_array_equal(read_array(frames, "mediapipe33").xyz, of_file.xyz)
    masked = np.ma.masked_array(np.nan_to_num(xyz, nan=7.0), np.isnan(xyz))
    np.testing.assert_array_equal(read_array(masked).xyz, of_file.xyz)
    assert repr(of_array).startswith("Recording('me': 1 person, 30 frames at 25 per second, layout 'mediapipe33'; ")
    assert all(note in repr(of_array) for note in of_array.notes)
    with pytest.raises(ValueError, match=r"clip: it is empty: \(0, 25, 3\)"):
        read_array(np.zeros((0, 25, 3)))
    assert read_array(standing("body25", persons=2), get_layout("body25"), up="y", unit="m").xyz.shape[0] == 2


@pytest.mark.parametrize(
    ("given", "options", "message"),
    [
        ((frame for frame in np.ones((9, 25, 3))), {}, r"^clip: an array of numbers is expected, .* got generator"),
        ([np.ones((25, 3)), np.ones((20, 3))], {}, r"^clip: .* \(T, V, C\), NaN where a joint is missing; got list"),
        ("wave.csv", {}, r"^clip: .* got str .* A file is read by read_any$"),
        (np.ones((25, 3)), {}, r"^clip: an array must be \(T, V, C\) or \(M, T, V, C\) .* got \(25, 3\)$"),
        (np.ones((25, 9, 3)), {"layout": "ntu25"}, r"^clip: the array has V=9 but layout 'ntu25' has 25 joints$"),
        (np.ones((9, 17, 3)), {}, r"^clip: 17 joints may be coco17 or h36m17; say which"),
        (np.zeros((9, 25, 3)), {}, "^clip: nobody is seen"),
        (np.full((9, 25, 3), np.inf), {}, "^clip: nobody is seen"),
        (torch.ones(9, 25, 3, requires_grad=True), {}, r"^clip: .* got Tensor .* tensor\.detach\(\)"),
        (np.ones((9, 25, 3)), {"fpss": 3}, "^an array has no option 'fpss'; its options: layout, unit"),
        (np.ones((9, 25, 3)), {"fps": None}, "^fps='None' must be a number$"),
        (np.ones((9, 25, 3)), {"up": "w"}, "^up='w' must be one of y, -y"),
    ],
)
def test_what_is_no_clip_is_told_with_a_way_out(given: Any, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_array(given, **options)
    with pytest.raises(TypeError, match="read_any reads a file, got ndarray; read_array takes an array"):
        read_any(np.ones((9, 25, 3)))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"a layout is given by its name, a \.yaml file or a Layout, got ndarray"):
        read_array(np.ones((9, 25, 3)), np.ones((25, 3)))  # type: ignore[arg-type]


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
