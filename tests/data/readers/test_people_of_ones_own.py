"""Formats that people's own recordings come in, and small public sets: the person comes back, left is left, fuzzing."""

from __future__ import annotations

import importlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from support.fuzzing import mutations, survives
from support.skeleton_people import standing
from support.source_files import amass, asf_amc, mmpose, msrc12, openpose

from crossglg.data.any_file import clip_files, read_any
from crossglg.data.convert import convert
from crossglg.data.readers import READERS
from crossglg.data.readers import amass as amass_reader
from crossglg.data.readers import asf_amc as asf_reader
from crossglg.data.readers import msrc12 as msrc_reader
from crossglg.data.readers.tracks import people_of
from crossglg.data.survey import describe
from crossglg.skeletons import get_layout, retarget

# format → the layout of the person in its sample, and how exactly the joints come back
METRIC = {
    "azure-kinect": "azure32", "kard": "kinect15", "florence3d": "kinect15", "cad60": "kinect15", "trc": "kinect20",
    "c3d": "kinect20", "mvnx": "kinect20",
}  # fmt: skip
LARGE = [f"{side} {joint}" for side in ("left", "right") for joint in ("shoulder", "elbow", "hip", "knee")]


def sample(name: str) -> object:
    return importlib.import_module(f"support.source_files.{name.replace('-', '_')}")


@pytest.mark.parametrize("name", METRIC)
def test_the_person_comes_back(name: str, tmp_path: Path) -> None:
    clip = READERS[name].read(sample(name).write_sample(tmp_path))[0]
    person = standing(METRIC[name], clip.xyz.shape[1])
    assert clip.layout.name == METRIC[name]
    joints = [clip.layout.index(joint) for joint in LARGE]
    np.testing.assert_allclose(clip.xyz[:, :, joints], person[:, :, joints], atol=2e-3)
    if name not in ("trc", "c3d", "mvnx"):  # these have other points than joints
        np.testing.assert_allclose(clip.xyz, person, atol=2e-3)


@pytest.mark.parametrize(("name", "layout"), [("openpose", "body25"), ("alphapose", "halpe26"), ("mmpose", "coco17")])
def test_two_people_are_followed_whatever_their_order(name: str, layout: str, tmp_path: Path) -> None:
    (clip,) = READERS[name].read(sample(name).write_sample(tmp_path))
    expected = openpose.pixels(layout)[..., :2] * (1, -1)
    assert clip.layout.name == layout
    found, expected = (people[np.argsort(people[:, 0, :, 0].mean(axis=1))] for people in (clip.xyz, expected))
    np.testing.assert_allclose(found, expected, atol=0.02)


def test_frames_of_mmpose_stand_where_their_numbers_say(tmp_path: Path) -> None:
    """In any order, and those that are left out are a gap."""
    reader, content = READERS["mmpose"], json.loads(mmpose.written("coco17"))
    (whole,) = reader.read(mmpose.write_sample(tmp_path))
    frames = content["instance_info"]
    content["instance_info"] = [*frames[6:], *frames[:4]]  # without the fifth and sixth
    (tmp_path / "results_gap.json").write_text(json.dumps(content))
    (found,) = reader.read(tmp_path / "results_gap.json")
    assert found.xyz.shape == whole.xyz.shape
    for people in (found.xyz, whole.xyz):
        people[:] = people[np.argsort(people[:, 0, 0, 0])]
    np.testing.assert_allclose(found.xyz[:, [0, 3, 6, 11]], whole.xyz[:, [0, 3, 6, 11]])
    np.testing.assert_allclose(found.xyz[:, 4], (2 * found.xyz[:, 3] + found.xyz[:, 6]) / 3, rtol=1e-5)
    frames[0]["frame_id"] = 10**9
    (tmp_path / "results_far.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match="frame_id from 2 to 1000000000 are too many for 10 frames"):
        reader.read(tmp_path / "results_far.json")


def test_somebody_who_is_alone_stays_one_person_however_fast_they_are() -> None:
    person = np.concatenate([standing("coco17", 1)[0, 0], np.ones((17, 1))], axis=-1)
    step, apart = np.array([4.0, 0, 0, 0]), np.array([0, 0, 9.0, 0])
    frames = [[person + t % 2 * step] if t != 3 else [] for t in range(6)]
    xyz, score, notes = people_of(frames)
    assert xyz.shape == (1, 6, 17, 3) and not notes
    assert (score[0] > 0).all(axis=1).tolist() == [True, True, True, False, True, True]
    beside = [[*frame, person + apart] for frame in frames]
    assert people_of(beside)[0].shape[0] == 2


def test_frames_of_openpose_are_one_clip_wherever_they_are_read(tmp_path: Path) -> None:
    for action in ("wave", "kick"):
        for clip in ("a", "b"):
            openpose.write_clip(tmp_path / "set" / action / clip, "body25", clip)
    assert len(list(clip_files(tmp_path / "set"))) == 4
    assert read_any(tmp_path / "set" / "wave" / "a")[0].xyz.shape == (2, 12, 25, 2)
    clips = convert(tmp_path / "set", "openpose", tmp_path / "o.npz", 1, progress=False)
    assert clips.class_names == ("kick", "wave") and sorted(clips.sample_id) == ["kick/a", "kick/b", "wave/a", "wave/b"]
    openpose.write_clip(tmp_path / "both", "openpose18", "one")
    openpose.write_clip(tmp_path / "both", "openpose18", "two")
    with pytest.raises(ValueError, match="frames of 2 clips"):
        read_any(tmp_path / "both")
    first = openpose.write_clip(tmp_path / "b", "body25b")
    assert any("layout=" in note for note in read_any(first)[0].notes)
    assert read_any(first, layout="body25b")[0].layout.name == "body25b"
    for gone in (3, 4):
        (tmp_path / "b" / f"clip1_{gone:012d}_keypoints.json").unlink()
    np.testing.assert_allclose(
        read_any(first, layout="body25b")[0].xyz[:, 5], openpose.pixels("body25b")[:, 5, :, :2] * (1, -1), atol=0.02
    )


@pytest.mark.parametrize("packed", [False, True])
def test_frames_of_openpose_without_a_name_are_the_clip_of_their_folder(tmp_path: Path, packed: bool) -> None:
    source = tmp_path / "set"
    for action in ("wave", "kick"):
        for clip in ("a", "b"):
            openpose.write_clip(source / action / clip, "body25", "")
    assert len(list(clip_files(source))) == 4
    assert read_any(source / "wave" / "a")[0].sample_id == "a"
    if packed:
        source = Path(shutil.make_archive(str(source), "zip", source))
    clips = convert(source, "openpose", tmp_path / "o.npz", 1, progress=False)
    assert clips.class_names == ("kick", "wave") and sorted(clips.sample_id) == ["kick/a", "kick/b", "wave/a", "wave/b"]
    assert clips.frames.tolist() == [12] * 4


def test_frames_called_alike_in_the_folders_of_several_clips_have_ids_of_their_own(tmp_path: Path) -> None:
    """A video program calls every clip's frames after the camera; the folder tells the clips apart, also in a table."""
    for action in ("wave", "kick"):
        for clip in ("take_1", "take_2"):
            openpose.write_clip(tmp_path / "set" / action / clip, "body25", "cam")
    ids = [f"{action}/{clip}/cam" for action in ("kick", "wave") for clip in ("take_1", "take_2")]
    clips = convert(tmp_path / "set", "openpose", tmp_path / "o.npz", 1, progress=False)
    assert clips.class_names == ("kick", "wave") and clips.sample_id.tolist() == ids
    assert "doubtful  the classes" not in describe(clips, tmp_path / "o.npz")
    table = tmp_path / "classes.csv"
    table.write_text("file,class\n" + "".join(f"{name.removesuffix('/cam')},{name[0]}\n" for name in ids))
    clips = convert(tmp_path / "set", "openpose", tmp_path / "t.npz", 1, progress=False, classes=table)
    assert clips.class_names == ("k", "w") and clips.sample_id.tolist() == ids
    table.write_text("file,class\nkick/take_1,k\n")
    with pytest.raises(ValueError, match=r"kick/take_2 has no row in classes\.csv; add one, or take the folder out"):
        convert(tmp_path / "set", "openpose", tmp_path / "u.npz", 1, progress=False, classes=table)


def test_labels_and_subjects(tmp_path: Path) -> None:
    expected = {
        "kard": [("high arm wave", 3)], "florence3d": [("wave", 1), ("bow", 4)], "cad60": [("drinking water", 2)],
        "msrc12": [("kick", 6), ("kick", 6)],
    }  # fmt: skip
    for name, labels in expected.items():
        (tmp_path / name).mkdir()
        clips = READERS[name].read(sample(name).write_sample(tmp_path / name))
        assert [(clip.class_name, clip.subject) for clip in clips] == labels


def test_gestures_are_cut_halfway_between_their_tags() -> None:
    clips = msrc_reader.parse(msrc12.written(), msrc12.TAGS_BYTES)
    assert [clip.xyz.shape[1] for clip in clips] == [45, 45]
    np.testing.assert_allclose(clips[1].xyz[0], msrc12.PERSON[0, 45:], atol=1e-3)


def test_bones_of_asf_turn_about_their_own_axes(tmp_path: Path) -> None:
    """The left upper arm goes from hanging to horizontal, to the left; 90° about z, whatever the bone's axis."""
    clip = READERS["asf-amc"].read(asf_amc.write_sample(tmp_path))[0]
    at = {joint: clip.xyz[0, :, clip.layout.index(joint)] for joint in clip.layout.joints}
    arm = at["left elbow"] - at["left shoulder"]
    np.testing.assert_allclose(arm[0], (0, -0.28, 0), atol=1e-4)
    np.testing.assert_allclose(arm[-1], (0.28, 0, 0), atol=1e-4)
    np.testing.assert_allclose(at["right elbow"] - at["right shoulder"], np.tile((0, -0.28, 0), (12, 1)), atol=1e-4)
    assert clip.fps == 120 and at["head"][0, 1] > 1.4


def test_amass_is_posed_on_an_average_body(tmp_path: Path) -> None:
    clip = READERS["amass"].read(amass.write_sample(tmp_path))[0]
    at = {joint: clip.xyz[0, :, clip.layout.index(joint)] for joint in clip.layout.joints}
    assert at["left wrist"][0, 1] == pytest.approx(at["left shoulder"][0, 1], abs=1e-4)  # a T
    assert at["left wrist"][-1, 1] < at["left shoulder"][-1, 1] - 0.4
    assert at["right wrist"][-1, 1] == pytest.approx(at["right shoulder"][-1, 1], abs=1e-4)
    assert (at["left hip"] - at["right hip"])[:, 0].min() > 0 and (at["left foot"] - at["left ankle"])[:, 2].min() > 0
    assert 1.4 < np.ptp(clip.xyz[0, 0, :, 1]) < 1.8 and clip.fps == 60
    assert any("licensed" in note for note in clip.notes)


def test_the_new_layouts_carry_to_the_usual_ones() -> None:
    kinect = standing("kinect20", 4)
    for name in ("azure32", "body25", "halpe26", "kinect15"):
        carried = retarget(standing(name, 4), get_layout(name), get_layout("kinect20"))
        joints = [get_layout("kinect20").index(joint) for joint in LARGE]
        np.testing.assert_allclose(carried[:, :, joints], kinect[:, :, joints], atol=1e-5)


def test_a_bomb_is_not_unpacked() -> None:
    import io
    import zipfile

    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("poses.npy", "w") as member:
        for _ in range(1100):
            member.write(bytes(1 << 20))
    with pytest.raises(ValueError, match="unpacks to more than 1024 MiB"):
        amass_reader.parse(file.getvalue())


@pytest.mark.parametrize(
    ("parse", "valid"),
    [
        (lambda content: asf_reader.parse(asf_amc.VALID, content), asf_amc.skeleton()),
        (lambda content: msrc_reader.parse(msrc12.VALID, content), msrc12.TAGS_BYTES),
    ],
    ids=["asf", "tagstream"],
)
def test_mutated_skeletons_and_tags_end_in_value_errors(parse: Callable[[bytes], object], valid: bytes) -> None:
    @settings(max_examples=60, deadline=None)
    @given(mutations(valid))
    def run(content: bytes) -> None:
        survives(parse, content)

    run()
