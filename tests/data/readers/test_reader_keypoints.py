"""Key points of one's own: arrays and tables of both shapes, layouts, gaps, units, axes, bad files."""

from __future__ import annotations

import io
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from numpy.typing import NDArray
from support.fuzzing import mutations, survives
from support.skeleton_people import standing
from support.source_files.keypoints import COCO, KINECT, PEOPLE, VALID_CSV, VALID_NPY, Y_DOWN, array, long, read, wide

from crossglg.data.readers import keypoints
from crossglg.skeletons import LAYOUTS, get_layout


def close(recording: keypoints.Recording, expected: NDArray) -> None:
    np.testing.assert_allclose(recording.xyz, expected, atol=1e-4)


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_comes_back_from_array_and_tables(tmp_path: Path, name: str) -> None:
    layout, people = get_layout(name), PEOPLE[name]
    for content in (array(people), array(people[0])):
        close(read(tmp_path, content, layout=name), people)
    for content in (wide(people[0], layout.joints), long(people, layout.joints, first=100)):
        recording = read(tmp_path, content)
        assert recording.layout.name == name
        close(recording, people)


def test_mediapipe_world_landmarks_are_turned_and_keep_their_sides(tmp_path: Path) -> None:
    recording = read(tmp_path, array(PEOPLE["mediapipe33"][0] * Y_DOWN))
    assert recording.layout.name == "mediapipe33"
    assert "y was down: turned" in recording.notes
    close(recording, PEOPLE["mediapipe33"])


def test_z_up_is_turned_unless_told_otherwise(tmp_path: Path) -> None:
    z_up = PEOPLE["kinect20"][..., [0, 2, 1]] * (1, -1, 1)
    recording = read(tmp_path, array(z_up))
    assert "z was up: turned" in recording.notes
    close(recording, PEOPLE["kinect20"])
    close(read(tmp_path, array(z_up), up="y"), z_up)
    with pytest.raises(ValueError, match=r"clip\.npy: up='sky' must be one of y, -y"):
        read(tmp_path, array(z_up), up="sky")


@pytest.mark.parametrize(("unit", "factor"), [("m", 1), ("cm", 100), ("mm", 1000)])
def test_unit_is_found_by_the_torso(tmp_path: Path, unit: str, factor: int) -> None:
    recording = read(tmp_path, array(PEOPLE["kinect20"] * factor))
    assert recording.notes[0].startswith(f"unit {unit}, by the torso of 0.")
    close(recording, PEOPLE["kinect20"])


def test_unknown_unit_makes_the_torso_half_a_metre_and_a_given_one_is_taken(tmp_path: Path) -> None:
    recording = read(tmp_path, array(PEOPLE["kinect20"] * 9))
    assert recording.notes[0].startswith("unit unknown")
    shoulders, hips = (
        recording.xyz[0][:, [KINECT.index(f"{side} {joint}") for side in ("left", "right")]].mean(1)
        for joint in ("shoulder", "hip")
    )
    assert np.median(np.linalg.norm(shoulders - hips, axis=-1)) == pytest.approx(0.5, abs=1e-3)
    close(read(tmp_path, array(PEOPLE["kinect20"] * 9), unit="cm"), PEOPLE["kinect20"] * 0.09)


def test_pixels_stay_pixels_with_y_up_and_a_score_channel_is_known(tmp_path: Path) -> None:
    pixels = PEOPLE["coco17"][0, ..., :2] * (200, -200) + (640, 360)
    for channels in (pixels, np.concatenate([pixels, np.full((40, 17, 1), 0.9)], axis=-1)):
        recording = read(tmp_path, array(channels), layout="coco17")
        assert recording.xyz.shape == (1, 40, 17, 2)
        np.testing.assert_allclose(recording.xyz[0], pixels * (1, -1), atol=1e-3)


def test_seventeen_joints_are_ambiguous_and_odd_counts_unknown(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"17 joints may be coco17 or h36m17; say which, as layout='coco17'"):
        read(tmp_path, array(PEOPLE["coco17"]))
    with pytest.raises(ValueError, match=r"clip\.npy: no layout has 19 joints \(ntu25 25.*give layout= a YAML"):
        read(tmp_path, array(PEOPLE["kinect20"][:, :, :19]))
    with pytest.raises(ValueError, match=r"has V=20 but layout 'ntu25' has 25 joints"):
        read(tmp_path, array(PEOPLE["kinect20"]), layout="ntu25")
    assert any("BODY_25" in note for note in read(tmp_path, array(PEOPLE["ntu25"])).notes)


def test_layout_of_ones_own_lies_beside_the_file_or_is_given(tmp_path: Path) -> None:
    joints = ["left shoulder", "right shoulder", "left hip", "right hip", "head"]
    yaml = f"joints: {joints}\nroot: head\nbones: {[[j, 'head'] for j in joints[:4]]}\n"
    person = PEOPLE["kinect20"][:, :, [KINECT.index(joint) for joint in joints]]
    (tmp_path / "mine.yaml").write_text(yaml)
    for content in (array(person), wide(person[0], joints)):
        for recording in (
            read(tmp_path, content, layout=str(tmp_path / "mine.yaml")),
            read(tmp_path, content, name="mine.npy"),
        ):
            assert recording.layout.joints == tuple(joints)
            close(recording, person)


def test_columns_in_any_order_and_others_beside_them(tmp_path: Path) -> None:
    names = [*reversed(COCO.joints), "left ring finger"]
    xyz = np.concatenate([PEOPLE["coco17"][0, :, ::-1], np.ones((40, 1, 3))], axis=1)
    recording = read(tmp_path, wide(xyz, names))
    close(recording, PEOPLE["coco17"])
    assert any("LEFT_RING_FINGER" in note for note in recording.notes)


def test_short_gaps_are_interpolated_and_noted(tmp_path: Path) -> None:
    xyz = PEOPLE["coco17"][0].astype(np.float64)
    xyz[:, 9] = np.linspace([0, 1, 2], [1, 2, 3], 40)
    gappy = xyz.copy()
    gappy[10:25, 9] = np.nan  # 15 frames, the most
    for content in (wide(gappy, COCO.joints), long(gappy[None], COCO.joints)):
        recording = read(tmp_path, content)
        close(recording, xyz[None])
        assert any("15 of 680 points missing: interpolated" in note for note in recording.notes)
    score = np.where(np.isnan(gappy[..., 0]), 0.1, 0.9)
    close(read(tmp_path, wide(np.nan_to_num(gappy), COCO.joints, score)), xyz[None])
    held = xyz.copy()
    held[:3, 9] = np.nan
    assert read(tmp_path, wide(held, COCO.joints)).xyz[0, 0, 9] == pytest.approx(xyz[3, 9], abs=1e-4)


def test_long_gaps_and_missing_joints_are_refused_by_name(tmp_path: Path) -> None:
    xyz = PEOPLE["coco17"][0].copy()
    xyz[10:26, 9] = np.nan
    with pytest.raises(ValueError, match="'left wrist' is missing for 16 frames from frame 10 on, more than the 15"):
        read(tmp_path, wide(xyz, COCO.joints))
    xyz[:, 9] = np.nan
    with pytest.raises(ValueError, match="'left wrist' of person 0 is missing in all frames"):
        read(tmp_path, wide(xyz, COCO.joints))
    score = np.ones(xyz.shape[:2])
    score[:, 9] = 0
    with pytest.raises(ValueError, match="give visible=0"):
        read(tmp_path, wide(PEOPLE["coco17"][0], COCO.joints, score))
    close(read(tmp_path, wide(PEOPLE["coco17"][0], COCO.joints, score), visible=0), PEOPLE["coco17"])


def test_a_person_comes_late_and_one_never(tmp_path: Path) -> None:
    two = standing("coco17", frames=40, persons=2)
    two[1, :30] = np.nan
    recording = read(tmp_path, long(two, COCO.joints))
    close(recording, np.nan_to_num(two))
    recording = read(tmp_path, array(np.concatenate([PEOPLE["kinect20"], np.zeros((1, 40, 20, 3))])))
    close(recording, PEOPLE["kinect20"])
    assert any("1 of 2 persons never seen" in note for note in recording.notes)


def test_three_frames_are_noted_and_nobody_is_refused(tmp_path: Path) -> None:
    assert "only 3 frames: a pose, not a motion" in read(tmp_path, VALID_NPY).notes
    for nothing in (np.zeros((9, 20, 3)), np.full((9, 20, 3), np.nan)):
        with pytest.raises(ValueError, match=r"clip\.npy: nobody is seen"):
            read(tmp_path, array(nothing))


def test_joints_nobody_knows_are_listed(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"joints \(HORN, TAIL\) are not those of a registered layout; give layout="):
        read(tmp_path, wide(np.ones((9, 2, 3)), ("horn", "tail")))
    with pytest.raises(ValueError, match="not those of layout 'kinect20': hip center, spine"):
        read(tmp_path, VALID_CSV, layout="kinect20")


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"frame,joint,x,y\n0,nose,1,2\n999999999999,nose,1,2\n", "frames are missing after frame 0"),
        (b"frame,joint,x,y\n0,nose,1,2\n0,nose,1,2\n", "a joint stands twice in a frame"),
        (b"frame,joint,x,y\n" + b"".join(b"%d,j%d,1,2\n" % (t, t) for t in range(400)), "is the column 'joint' right"),
        (b"frame,joint,x,y\nzero,nose,1,2\n", "'frame' must hold whole numbers"),
        (b"frame,nose_x,nose_y\n0,1,2\n0,1,2\n", "a frame stands twice"),
        (b"nose_x,nose_y\n1,inf\n", "infinite"),
        (b"nose_x,nose_y\n1,two\n", "a cell is not a number"),
        (b"nose_x,nose_y\n1\n", "row 2 has another number of columns"),
        (b"nose_x,nose_x\n1,2\n", "names a column twice"),
        (b"a,b\n1,2\n", "the header is of no known shape"),
        (array(np.array([[["a"]]])), "instead of numbers"),
        (array(np.zeros((4, 5))), "must be (T, V, C) or (M, T, V, C)"),
        (array(np.zeros((4, 20, 5))), "must be (T, V, C) or (M, T, V, C)"),
        (array(np.zeros((99, 4, 20, 3))), "up to 20 persons"),
        (VALID_NPY[:-1], "is not what the file holds"),
        (VALID_NPY.replace(b"{", b"["), "its header is damaged"),
        (VALID_NPY.replace(b"(3, 20, 3), }" + b" " * 8, b"(999999999, 20, 3), }"), "is not what the file holds"),
    ],
)  # fmt: skip
def test_bad_files_are_refused_clearly_and_quickly(tmp_path: Path, content: bytes, error: str) -> None:
    start = time.perf_counter()
    with pytest.raises(ValueError, match=r"^clip\.(npy|csv): ") as refusal:
        read(tmp_path, content)
    assert error in str(refusal.value)
    assert time.perf_counter() - start < 2


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    file = io.BytesIO()
    np.save(file, np.array([[[{}, {}]]], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="it holds 'O' instead of numbers"):
        read(tmp_path, file.getvalue())


def _read_bytes(content: bytes) -> None:
    """Everything that reading a file does, but for the file."""
    keypoints._recording(keypoints.parse(content), "clip", None, "", "", 30.0, keypoints.VISIBLE)


VALID = {"npy": VALID_NPY, "wide": VALID_CSV, "long": long(PEOPLE["coco17"][:, :3], COCO.joints)}


@pytest.mark.parametrize("kind", VALID)
def test_mutated_files_end_in_value_errors(kind: str) -> None:
    _fuzz(VALID[kind], 150)


@pytest.mark.slow
@pytest.mark.parametrize("kind", VALID)
def test_ten_thousand_mutated_files(kind: str) -> None:
    _fuzz(VALID[kind], 10_000)


def _fuzz(valid: bytes, examples: int) -> None:
    @settings(max_examples=examples, deadline=None)
    @given(mutations(valid))
    def run(content: bytes) -> None:
        survives(_read_bytes, content)

    run()
