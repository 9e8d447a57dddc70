"""Key points of one's own: arrays and tables of both shapes, layouts, gaps, units, axes, bad files."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from numpy.typing import NDArray
from support.fuzzing import mutations, survives
from support.skeleton_people import standing
from support.source_files.keypoints import COCO, KINECT, PEOPLE, VALID_CSV, VALID_NPY, Y_DOWN, array, long, read, wide

from crossglg.data.readers import Recording, keypoints
from crossglg.data.readers.points import Points
from crossglg.data.readers.points import recording as recorded
from crossglg.data.readers.points import recording as recording_of
from crossglg.skeletons import LAYOUTS, get_layout


def close(recording: Recording, expected: NDArray) -> None:
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
    with pytest.raises(ValueError, match=r"^up='sky' must be one of y, -y"):
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
    kinect, image = PEOPLE["ntu25"], 200 * PEOPLE["ntu25"][..., :2]
    assert any("taken as ntu25; if they are body25" in note for note in read(tmp_path, array(kinect)).notes)
    found = read(tmp_path, array(image))
    assert found.layout.name == "body25" and any("if they are ntu25" in note for note in found.notes)


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


def test_a_layout_of_one_arm_keeps_the_side_that_all_names_share(tmp_path: Path) -> None:
    arm = [f"left {joint}" for joint in ("shoulder", "elbow", "wrist", "hand")]
    yaml = f"joints: {arm}\nroot: left shoulder\nbones: {[list(bone) for bone in pairwise(arm)]}\n"
    (tmp_path / "arm.yaml").write_text(yaml)
    person = PEOPLE["kinect20"][:, :, [KINECT.index(joint) for joint in arm]]
    clip = read(tmp_path, wide(person[0], arm), layout=str(tmp_path / "arm.yaml"), unit="m", up="y")
    assert clip.layout.joints == tuple(arm)
    np.testing.assert_allclose(clip.xyz, person, atol=1e-4)


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


@pytest.mark.parametrize("gap", ["n/a", "NA", "NaN", "null", " - ", ""])
def test_words_for_a_gap_are_one(tmp_path: Path, gap: str) -> None:
    xyz = PEOPLE["coco17"][0].astype(np.float64)
    xyz[10:13, 9] = np.nan
    filled = read(tmp_path, wide(xyz, COCO.joints))
    header, *rows = wide(xyz, COCO.joints).decode().splitlines()
    rows = [",".join(cell or gap for cell in row.split(",")) for row in rows]
    clip = read(tmp_path, "\n".join([header, *rows]).encode())
    np.testing.assert_array_equal(clip.xyz, filled.xyz)
    assert clip.notes == filled.notes and any("3 of 680 points missing" in note for note in clip.notes)


def test_long_gaps_and_joints_never_seen_are_filled_from_the_neighbor(tmp_path: Path) -> None:
    xyz = PEOPLE["coco17"][0].astype(np.float64)
    xyz[:, 9] = xyz[:, 7] + np.linspace([0.1, 0, 0], [0.5, 0, 0], 40)
    gappy = xyz.copy()
    gappy[10:26, 9] = np.nan  # 16 frames: the wrist follows the elbow at a distance that changes as before and after
    recording = read(tmp_path, wide(gappy, COCO.joints))
    close(recording, xyz[None])
    assert any("more than 15 frames: put at the nearest joint: left wrist in 16 frames" in n for n in recording.notes)
    close(read(tmp_path, wide(xyz, COCO.joints), max_gap=0), xyz[None])
    gappy[:, 9] = np.nan
    assert read(tmp_path, wide(gappy, COCO.joints)).xyz[0, :, 9] == pytest.approx(xyz[:, 7], abs=1e-4)
    gappy[:, 3] = np.nan  # an ear: at the eye
    assert read(tmp_path, wide(gappy, COCO.joints)).xyz[0, :, 3] == pytest.approx(xyz[:, 1], abs=1e-4)
    score = np.ones(xyz.shape[:2])
    score[:, 9] = 0
    assert read(tmp_path, wide(xyz, COCO.joints, score)).xyz[0, :, 9] == pytest.approx(xyz[:, 7], abs=1e-4)
    close(read(tmp_path, wide(xyz, COCO.joints, score), visible=0), xyz[None])


def test_a_person_who_is_away_for_long_is_absent_then(tmp_path: Path) -> None:
    xyz = PEOPLE["coco17"].astype(np.float64)
    for away, filled in ((slice(10, 25), True), (slice(10, 26), False)):
        gappy = xyz.copy()
        gappy[:, away] = np.nan
        recording = read(tmp_path, wide(gappy[0], COCO.joints))
        assert recording.xyz[0, away].any() == filled
        assert any("16 frames without the person" in note for note in recording.notes) != filled
        np.testing.assert_allclose(recording.xyz[0, 26:], xyz[0, 26:], atol=1e-4)


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
        (b"frame,joint,x,y\n0,nose,1,2\n999999999999,nose,1,2\n", "are the columns 'frame' and 'joint' right"),
        (b"frame,joint,x,y\n0,nose,1,2\n0,nose,1,2\n", "a joint stands twice in a frame"),
        (b"frame,joint,x,y\n" + b"".join(b"%d,j%d,1,2\n" % (t, t) for t in range(400)), "and 'joint' right"),
        (b"frame,joint,x,y\nzero,nose,1,2\n", "'frame' must hold whole numbers"),
        (b"frame,nose_x,nose_y\n0,1,2\n0,1,2\n", "a frame stands twice"),
        (b"Person,nose_x,nose_y\n1,1,2\n2,1,2\n", "the column 'Person' says several people; give each a file"),
        (b"nose_x,nose_y\n1,5,2,5\n", "(4) than the 2 of the header; take out titles above the header; where commas"),
        (b"", "the file is empty; copy or save it again"),
        (b"words", "neither a .npy array nor a table with a header and rows"),
        (b"nose_x,nose_y\n1,inf\n", "row 2, column 'nose_y': 'inf' is no finite number"),
        (b"nose_x,nose_y\n1,2\n\n1,two\n", "row 4, column 'nose_y': 'two' is no finite number"),
        (b"frame,joint,x,y\n0,nose,1,2\n1,nose,one,2\n", "row 3, column 'x': 'one' is no finite number"),
        (b"1,2,3,4\n" * 17 + b"1,2,3,x\n", "are numbered here"),
        (b",".join([b"1"] * 66) + b"\n" + b",".join([b"x"] * 66), "row 2, column '0': 'x' is no finite number"),
        (b"nose_x,nose_y\n1\n", "row 2 has another number of columns"),
        (b"nose_x,nose_x\n1,2\n", "the header names the column 'nose_x' twice"),
        (b"nose_x nose_y\n1 2\n", "its cells are separated by none of , ; | and tab (row 1: 'nose_x nose_y'); if that"),
        ("nose_x,nose_y\n1,2\n".encode("utf-16-le"), "it holds NUL bytes, as UTF-16 without its mark does; save it as"),
        (b"nose_x,nose_y\nm,m\n1,2\n", "row 2, column 'nose_x': 'm' is no finite number; row 2 holds no number: take"),
        (b"# me\nframe,nose_x,nose_y\n,px,px\n0,1,2\n", "row 3 holds no number: take out a second header"),
        (b"nose_x,nose_y\n\"1,234\",5\n", "row 2, column 'nose_x': '1,234' is no finite number"),
        (b"nose_x,nose_y,nose_z,neck_x,neck_y\n1,2,3,4,5\n", "other joints have z, but column(s) neck_z are missing"),
        (b"ElbowLeftX,ElbowLeftY,HeadX,HeadY,HeadZ\n1,2,3,4,5\n", "column(s) ElbowLeftZ are missing; add them"),
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
    recorded(keypoints.parse(content), "clip")


def test_tables_as_mediapipe_users_have_them(tmp_path: Path) -> None:
    """The same clip with names and v, x1,y1,z1,v1 and a class, columns that are only numbered, and without a header."""
    person = PEOPLE["mediapipe33"][0] * Y_DOWN
    rows = np.concatenate([person, np.full((40, 33, 1), 0.9)], axis=-1).reshape(40, -1)
    body = "\n".join(",".join(f"{cell:.5f}" for cell in row) for row in rows)
    classed = "\n".join("wave," + line for line in body.splitlines())
    names = ",".join(f"{name}_{end}" for name in get_layout("mediapipe33").joints for end in "xyzv").replace(" ", "_")
    lettered = ",".join(f"{letter}{n}" for n in range(1, 34) for letter in "xyzv")
    semicolons = body.replace(",", ";").replace(".", ",")
    for header, lines, name in (
        (names, body, ""), ("class," + lettered, classed, "wave"), (",".join(map(str, range(132))), body, ""),
        ("", body, ""), (names.replace(",", ";"), semicolons, ""),
        (names.replace(",", " | "), body.replace(",", " | "), ""),
    ):  # fmt: skip
        text = f"{header}\n{lines}\n" if header else lines
        for encoding in ("utf-8", "utf-16"):
            clip = read(tmp_path, text.encode(encoding))
            close(clip, PEOPLE["mediapipe33"])
            assert clip.layout.name == "mediapipe33" and clip.class_name == name
    low = rows.reshape(40, 33, 4).copy()
    low[3:6, 15] = (9, 9, 9, 0.1)
    lines = "\n".join(",".join(f"{cell:.5f}" for cell in row) for row in low.reshape(40, -1))
    assert np.abs(read(tmp_path, f"{names}\n{lines}".encode()).xyz).max() < 5, "v is a score"
    with pytest.raises(ValueError, match="131 are numbered here"):
        read(tmp_path, "\n".join(line.rpartition(",")[0] for line in body.splitlines()).encode())


@pytest.mark.parametrize("shape", [wide, lambda xyz, joints: long(xyz[None], joints)], ids=["wide", "long"])
def test_a_column_of_times_tells_the_frame_rate(tmp_path: Path, shape: Callable[..., bytes]) -> None:
    header, *rows = shape(PEOPLE["coco17"][0], COCO.joints).decode().splitlines()

    def timed(name: str, clock: Callable[[int], object], **options: object) -> Recording:
        lines = [f"{clock(int(row.partition(',')[0]))},{row}" for row in rows]
        return read(tmp_path, "\n".join([f"{name},{header}", *lines]).encode(), **options)

    for name, clock, fps in (
        ("time", lambda t: 5 + t / 60, 60), ("Timestamp", lambda t: round(t * 1000 / 60), 60),
        ("t", lambda t: 1.7e9 + t / 12.5 + (t > 20), 12.5),
        ("Timestamp", lambda t: round(t * 1e6 / 15), 15), ("time", lambda t: 17 * 10**17 + t * 10**9 // 60, 60),
        ("Time (Seconds)", lambda t: t / 120, 120), ("time_ns", lambda t: t * 10**9 // 48, 48),
        ("t [µs]", lambda t: t * 400_000, 2.5),
        ("timestamp", lambda t: f"2024-05-01T10:00:{t // 25:02d}.{t % 25 * 4:02d}", 25),
        ("time", lambda t: f"9:59:{30 + t // 25:02d}.{t % 25 * 4:02d}", 25),
        ("timestamp", lambda t: f"2024-05-01 10:00:{t // 25:02d}.{t % 25 * 40:03d}Z", 25),
    ):  # fmt: skip
        clip = timed(name, clock)
        assert clip.fps == fps and f"{fps} frames per second, by the column '{name.lower()}'" in clip.notes
        assert not any("left out" in note or "taken" in note for note in clip.notes)
        given = timed(name, clock, fps=25)
        assert given.fps == 25 and not any("frames per second" in note for note in given.notes)
    uneven = "the column 'time' is too uneven to tell the frame rate"
    unknown = "the column 'time' says 'noon', which is no known form of a time: give fps="
    for clock, note in ((lambda t: t**3, uneven), (lambda t: "noon", unknown), (lambda t: 0, uneven)):
        clip = timed("time", clock)
        assert clip.fps == 30 and note in clip.notes
        assert "30 frames per second taken; fps= gives another" in clip.notes


def test_times_of_an_unknown_unit_ask_for_the_frame_rate(tmp_path: Path) -> None:
    header, *rows = long(PEOPLE["coco17"], COCO.joints).decode().splitlines()

    def notes(rows: list[str]) -> tuple[str, ...]:
        lines = [f"{int(row.partition(',')[0]) * 333_333},{row}" for row in rows]
        return read(tmp_path, "\n".join([f"timestamp,{header}", *lines]).encode()).notes

    assert "the unit of the column 'timestamp' is unknown, with steps of 333333: give fps=" in notes(rows)
    assert not any("column" in note for note in notes([row for row in rows if row.startswith("0,")]))


def test_the_frame_rate_that_no_file_says_is_told_unless_given(tmp_path: Path) -> None:
    assert "30 frames per second taken; fps= gives another" in read(tmp_path, VALID_NPY).notes
    given = read(tmp_path, VALID_NPY, fps=60)
    assert given.fps == 60 and not any("frames per second" in note for note in given.notes)


def test_shares_of_the_image_are_squeezed_without_the_aspect(tmp_path: Path) -> None:
    person = PEOPLE["mediapipe33"][0] * Y_DOWN - (0, 0, 3)
    shares = (person * (9 / 16, 1, 9 / 16)) / 2.5 + (0.5, 0.5, 0)
    squeezed, right = (read(tmp_path, array(shares), **options) for options in ({}, {"aspect": 16 / 9}))
    assert any("the body is squeezed unless it is square; give its width" in note for note in squeezed.notes)
    assert any("multiplied by the aspect" in note for note in right.notes)
    width = [np.ptp(clip.xyz[0, 0, :, 0]) / np.ptp(clip.xyz[0, 0, :, 1]) for clip in (squeezed, right)]
    expected = np.ptp(person[0, :, 0]) / np.ptp(person[0, :, 1])
    assert width[1] == pytest.approx(expected, rel=1e-3) and width[0] == pytest.approx(expected * 9 / 16, rel=1e-3)


def test_columns_as_the_kinects_software_calls_them(tmp_path: Path) -> None:
    names = {"base of spine": "SpineBase", "middle of spine": "SpineMid", "shoulder center": "SpineShoulder"}
    header = []
    for joint in get_layout("ntu25").joints:
        side, _, rest = joint.partition(" ")
        name = rest.title().replace(" ", "") + side.title() if side in ("left", "right") else joint.title()
        header += [names.get(joint, name) + axis for axis in "XYZ"]
    lines = ["\n" + ",".join(f"{c:.5f}" for c in frame.ravel()) for frame in PEOPLE["ntu25"][0]]
    clip = read(tmp_path, (",".join(header) + "".join(lines)).encode())
    assert clip.layout.name == "ntu25"
    close(clip, PEOPLE["ntu25"])


@pytest.mark.parametrize("form", ["K4ABT_JOINT_{}_x", "{}.Position.X", "{} x"])
def test_columns_as_the_azure_kinects_software_calls_them(tmp_path: Path, form: str) -> None:
    header = []
    for joint in get_layout("azure32").joints:
        words = sorted(joint.upper().split(), key=lambda word: word in ("LEFT", "RIGHT"))
        column = form.format("_".join(words).replace("HAND_TIP", "HANDTIP").replace("NAVEL", "NAVAL"))
        header += [column[:-1] + axis for axis in ("xyz" if column.endswith("x") else "XYZ")]
    lines = ["\n" + ",".join(f"{c:.5f}" for c in frame.ravel()) for frame in PEOPLE["azure32"][0]]
    clip = read(tmp_path, (",".join(header) + "".join(lines)).encode())
    assert clip.layout.name == "azure32"
    close(clip, PEOPLE["azure32"])


@pytest.mark.parametrize("valid", [VALID_NPY, long(PEOPLE["coco17"][:, :3], COCO.joints)], ids=["npy", "long"])
def test_mutated_files_of_other_kinds_end_in_value_errors(valid: bytes) -> None:
    @settings(max_examples=150, deadline=None)
    @given(mutations(valid))
    def run(content: bytes) -> None:
        survives(_read_bytes, content)

    run()


def test_a_column_with_the_class_is_read_in_both_shapes() -> None:
    joints = ["left hip", "right hip", "left shoulder", "right shoulder", "head"]
    long = [f"{t},{joint},{v},{t},1,wave" for t in range(3) for v, joint in enumerate(joints)]
    wide = ["wave," + ",".join(["1"] * 15)] * 3
    header = "class," + ",".join(f"{joint}_{axis}" for joint in joints for axis in "xyz")
    for table in (["frame,joint,x,y,z,class", *long], [header, *wide]):
        points = keypoints.parse("\n".join(table).encode())
        assert points.class_name == "wave" and points.notes == ()
    mixed = keypoints.parse("\n".join([header, wide[0].replace("wave", "kick"), *wide]).encode())
    told = "the column 'class' says 2 classes (kick, wave) and is not used: cut the file between them"
    assert mixed.class_name == "" and mixed.notes == (told,)


def test_a_joint_at_zero_or_far_from_the_body_is_missing() -> None:
    layout = get_layout("ntu25")
    hand, people = layout.index("right hand"), standing("ntu25", 40)
    left_at_zero, minus_one, far = people.copy(), people.copy(), people.copy()
    centered = people - people[:, :, [layout.index("base of spine")]]
    left_at_zero[0, 5:9, hand] = 0
    minus_one[0, 5:9, hand] = -1
    far[0, 7, hand, 1] = 1e9
    missing = "4 of 1000 points missing"
    for xyz, note in ((left_at_zero, missing), (minus_one, missing), (far, "1 points more than 20 times as far away")):
        found = recording_of(Points(xyz.astype(float), joints=layout.joints), "clip", layout)
        assert any(note in said for said in found.notes), found.notes
        np.testing.assert_allclose(found.xyz, people, atol=0.3)  # at zero the hand would be 3 m away
    found = recording_of(Points(centered.astype(float), joints=layout.joints), "clip", layout)
    np.testing.assert_allclose(found.xyz, centered, atol=1e-6, err_msg="a joint that is the origin stays there")
    assert not any("missing" in note for note in found.notes)


def test_frames_of_zeros_are_frames_without_the_person() -> None:
    """A joint that is missing beside them is not drawn toward the origin, and a short gap of them is filled."""
    layout, people = get_layout("ntu25"), standing("ntu25", 60)
    wrist = layout.index("left wrist")
    zeros = np.concatenate([people, np.add(people, [1.0, 0.0, 0.0])]).astype(float)
    nan = zeros.copy()
    for xyz, value in ((zeros, 0.0), (nan, np.nan)):
        xyz[0, 20:25] = xyz[1, :30] = value
        xyz[0, 25:30, wrist] = xyz[1, 30:35, wrist] = np.nan
    found, same = (recording_of(Points(xyz, joints=layout.joints), "clip", layout).xyz for xyz in (zeros, nan))
    np.testing.assert_allclose(found, same)
    np.testing.assert_allclose(found[0], people[0], atol=0.3)  # the camera is 3 m away
    assert not found[1, :30].any() and np.abs(found[1, 30:, wrist] - people[0, 30:, wrist] - [1, 0, 0]).max() < 0.3
    zeros[1, :50] = 0.0  # most of the time
    zeros[1, 55, wrist] = 300.0
    notes = recording_of(Points(zeros, joints=layout.joints), "clip", layout).notes
    assert any("1 points more than 20 times as far away" in note for note in notes)


@pytest.mark.parametrize("share", [0.6, 1.0])
def test_a_joint_that_is_mostly_zero_is_the_origin_only_near_the_body(share: float) -> None:
    layout, people = get_layout("ntu25"), standing("ntu25", 40)
    wrist = layout.index("left wrist")
    lost = people.astype(float)
    lost[0, : round(40 * share), wrist] = 0.0
    found = recording_of(Points(lost, joints=layout.joints), "clip", layout)
    assert np.abs(found.xyz[0, :, wrist] - people[0, :, wrist]).max() < 0.6, "at the nearest joint, not at the camera"
    assert any("left wrist in" in note for note in found.notes)
    around = people - people[:, :, [wrist]]
    found = recording_of(Points(around.astype(float), joints=layout.joints), "clip", layout)
    assert not found.xyz[0, :, wrist].any() and not any("missing" in note for note in found.notes)


@pytest.mark.parametrize("column", ["person", "body_id", "trackingId"])
def test_columns_that_number_people_are_known(column: str) -> None:
    joints = [("head", 0, 1.7, 0), ("hip", 0, 1, 0), ("left hand", 0.5, 1, 0), ("right hand", -0.5, 1, 0)]
    rows = [f"{t},{who},{name},{x + 3 * who},{y},{z}" for t in range(12) for who in (0, 1) for name, x, y, z in joints]
    points = keypoints.parse("\n".join([f"frame,{column},joint,x,y,z", *rows]).encode())
    assert points.xyz.shape == (2, 12, 4, 3) and points.xyz[1, 0, 0, 0] - points.xyz[0, 0, 0, 0] == 3
    wide = [f"{t},{who},0,1,2,1,1,2" for t in range(12) for who in (0, 1)]
    with pytest.raises(ValueError, match=f"the column '{column}' says several people"):
        keypoints.parse("\n".join([f"frame,{column},head_x,head_y,head_z,hip_x,hip_y,hip_z", *wide]).encode())


@pytest.mark.parametrize("axes", ["xyz", "yx"])
@pytest.mark.parametrize("order", ["by joint", "by axis", "by name", "backward"])
def test_numbered_columns_are_taken_by_their_numbers(axes: str, order: str) -> None:
    people = standing("mediapipe33", 12)[0]
    column = {f"{axis}{v}": people[:, v, "xyz".index(axis)] for v in range(33) for axis in axes}
    orders = {
        "by joint": list(column), "by axis": sorted(column, key=lambda name: name[0]), "by name": sorted(column),
        "backward": list(column)[::-1],
    }  # fmt: skip
    rows = np.stack([column[name] for name in orders[order]], axis=1)
    table = [",".join(orders[order]), *(",".join(map(str, row)) for row in rows.tolist())]
    points = keypoints.parse("\n".join(table).encode())
    np.testing.assert_allclose(points.xyz[0], people[..., : len(axes)], rtol=1e-6)


def named(joints: dict[str, np.ndarray]) -> Points:
    return Points(np.stack(list(joints.values()), axis=1)[None].astype(float), joints=tuple(joints))


@pytest.mark.parametrize("word", ["rotation", "Velocity", "acc"])
def test_rotations_and_velocities_are_no_positions(word: str) -> None:
    layout, people = get_layout("kinect20"), standing("kinect20", 12)
    moving = {f"{joint} {word}": people[0, :, v] * 50 for v, joint in enumerate(layout.joints)}
    with pytest.raises(ValueError, match="are no positions of joints"):
        recording_of(named(moving), "clip", None)
    still = {f"{joint} position": people[0, :, v] for v, joint in enumerate(layout.joints)}
    found = recording_of(named({**still, **moving}), "clip", None)
    np.testing.assert_allclose(found.xyz, people, atol=1e-5)
    assert found.layout == layout and any("joints left out: hip center" in note for note in found.notes)


def test_a_joint_is_found_by_its_own_name_before_another() -> None:
    layout, people = get_layout("kinect20"), standing("kinect20", 12)
    joints = {joint: people[0, :, v] for v, joint in enumerate(layout.joints)}
    for other in ({"pelvis": people[0, :, 0] - 1.0}, {"torso": people[0, :, 1] - 1.0}):
        for order in ({**joints, **other}, {**other, **joints}):
            np.testing.assert_allclose(recording_of(named(order), "clip", None).xyz, people, atol=1e-5)


@pytest.mark.parametrize("name", ["landmark_{v}_{a}", "{v}_{a}", "{a}_{v}", "{a}[{v}]", "kp{v}.{a}"])
@pytest.mark.parametrize("first", [0, 1])
def test_numbered_landmarks_are_those_of_a_layout(name: str, first: int) -> None:
    people = standing("mediapipe33", 12)
    header = [name.format(v=v + first, a=axis) for v in range(33) for axis in "xyz"]
    rows = [",".join(map(str, row)) for row in people.reshape(12, -1).tolist()]
    points = keypoints.parse("\n".join([",".join(header), *rows]).encode())
    found = recording_of(points, "clip", None)
    assert found.layout.name == "mediapipe33"
    np.testing.assert_allclose(found.xyz, people, atol=1e-5)


def test_tables_of_deeplabcut_are_read() -> None:
    people = 300.0 + 100.0 * standing("coco17", 12)[0, ..., :2]
    names = [name for name in COCO.joints for _ in range(3)]
    rows = [f"{t}," + ",".join(f"{x},{y},{0.01 if t == 3 else 0.9}" for x, y in people[t]) for t in range(12)]
    header = ["scorer" + ",net" * 51, ",".join(["bodyparts", *names]), "coords" + ",x,y,likelihood" * 17]
    points = keypoints.parse("\n".join([*header, *rows]).encode())
    assert points.joints == COCO.joints and points.score is not None and points.score[0, 3].max() == 0.01
    np.testing.assert_allclose(points.xyz[0], people)


def test_a_first_row_with_gaps_is_no_header() -> None:
    people = standing("ntu25", 12)
    rows = [",".join(map(str, row)) for row in people.reshape(12, -1).tolist()]
    cells = rows[0].split(",")
    for gap in ("nan", ""):
        points = keypoints.parse("\n".join([",".join([gap] * 3 + cells[3:]), *rows[1:]]).encode())
        assert points.xyz.shape == (1, 12, 25, 3) and np.isnan(points.xyz[0, 0, 0]).all()
        np.testing.assert_allclose(points.xyz[0, 1:], people[0, 1:])


def test_joint_ids_may_begin_at_one() -> None:
    people = standing("ntu25", 12)[0]
    rows = [f"{t},{v + 1},{','.join(map(str, people[t, v]))}" for t in range(12) for v in range(25)]
    points = keypoints.parse("\n".join(["frame,joint_id,x,y,z", *rows]).encode())
    assert points.joints == ()
    np.testing.assert_allclose(points.xyz[0], people)


@pytest.mark.parametrize("scores", [(0.3, 0.9), (0.2, 1.17), (0, 2)])
def test_scores_of_several_detectors_are_scores(scores: tuple[float, float]) -> None:
    """From 0 to 1, a little above 1, and COCO's flags."""
    pixels = 400.0 + 100.0 * standing("coco17", 12)[..., :2]
    score = np.resize(scores, pixels.shape[:-1])
    points = keypoints.of_array(np.concatenate([pixels, score[..., None]], axis=-1))
    assert points.xyz.shape[-1] == 2 and points.score is not None
    np.testing.assert_array_equal(points.score, score)


def test_shares_of_an_image_with_a_score_are_no_depth() -> None:
    shares = 0.5 + 0.2 * standing("coco17", 12)[..., :2]
    score = np.full((*shares.shape[:-1], 1), 0.9)
    points = keypoints.of_array(np.concatenate([shares, score], axis=-1))
    found = recording_of(points, "clip", get_layout("coco17"))
    assert found.xyz.shape == (1, 12, 17, 2) and any("shares of an image and a score" in note for note in found.notes)
    assert recording_of(points, "clip", get_layout("h36m17")).xyz.shape == (1, 12, 17, 3)
    in_meters = keypoints.of_array(standing("coco17", 12))
    assert recording_of(in_meters, "clip", get_layout("coco17")).xyz.shape == (1, 12, 17, 3)


def test_a_column_too_many_makes_no_other_skeleton() -> None:
    people = standing("mediapipe33", 12)[0].reshape(12, -1)
    counted = np.column_stack([np.arange(12), people])
    points = keypoints.parse("\n".join(",".join(map(str, row)) for row in counted.tolist()).encode())
    np.testing.assert_allclose(points.xyz[0].reshape(12, -1), people, rtol=1e-6)
    labelled = np.column_stack([people, np.full(12, 3)])
    with pytest.raises(ValueError, match="25 joints × 4, but the fourth of each is no score"):
        keypoints.parse("\n".join(",".join(map(str, row)) for row in labelled.tolist()).encode())


def test_an_array_of_many_persons_says_so() -> None:
    people = np.repeat(standing("ntu25", 20), 10, axis=0)
    said = "taken as 10 persons in 20 frames; if these are clips, give each its own file"
    assert said in recording_of(keypoints.of_array(people), "clip", get_layout("ntu25")).notes
    assert not any("if these are clips" in note for note in keypoints.of_array(people[:2]).notes)


def test_numbers_of_frames_are_no_times_and_likelihood_is_a_score() -> None:
    header = "time,head_x,head_y,head_likelihood,hip_x,hip_y,hip_likelihood"
    for step in (1, 2):
        rows = [f"{step * t},1,2,0.9,1,3,{0.01 if t == 4 else 0.8}" for t in range(12)]
        points = keypoints.parse("\n".join([header, *rows]).encode())
        assert points.fps == 0 and any("the unit of the column 'time' is unknown" in note for note in points.notes)
        assert points.score is not None and points.score[0, 4].tolist() == [0.9, 0.01]


@pytest.mark.parametrize("around", ["camera", "base of spine"])
def test_joints_that_are_zero_in_every_frame_are_missing(around: str) -> None:
    """A tracker at a desk writes zeros for the legs, which cannot all be the origin."""
    layout, people = get_layout("ntu25"), standing("ntu25", 40)
    legs = [j for part in ("left leg", "right leg") for j in layout.parts[part]]
    if around != "camera":
        people = people - people[:, :, [layout.index(around)]]
    seen = [v for v in range(layout.num_joints) if v not in legs]
    expected = people.copy()
    people[:, :, legs] = 0
    found = recording_of(Points(people.astype(float), joints=layout.joints), "clip", layout)
    np.testing.assert_allclose(found.xyz[:, :, seen], expected[:, :, seen], atol=1e-5)
    assert any("left hip in 40 frames" in note for note in found.notes), found.notes


def test_a_unit_that_cannot_be_right_is_doubted() -> None:
    layout = get_layout("ntu25")
    points = Points(1000.0 * standing("ntu25", 10), joints=layout.joints, unit="m")
    assert any("unit m, as the file says: a torso of" in note for note in recording_of(points, "clip", layout).notes)


@pytest.mark.parametrize(("form", "unit"), [("_{} (mm)", "mm"), (".{} [cm]", "cm"), ("_{}[m]", "m"), ("_{}(px)", "")])
def test_a_unit_behind_the_axes_is_read(tmp_path: Path, form: str, unit: str) -> None:
    scaled = PEOPLE["coco17"][0] * {"mm": 1000, "cm": 100}.get(unit, 1)
    header, _, rows = wide(scaled, COCO.joints).decode().partition("\n")
    found = read(tmp_path, f"{re.sub('_([xyz])', lambda axis: form.format(axis[1]), header)}\n{rows}".encode())
    close(found, PEOPLE["coco17"])
    assert any(f"unit {unit}, as the file says" in note for note in found.notes) == bool(unit), found.notes


def test_tables_as_excel_and_numpy_write_them(tmp_path: Path) -> None:
    table = wide(PEOPLE["coco17"][0], COCO.joints).decode()
    semicolons = table.replace(",", ";").replace(".", ",")
    quoted = re.sub(r"-?\d+,\d+", r'"\g<0>"', semicolons).replace(";", ",")
    for before, text in (("sep=;\r\n", semicolons), ("SEP=,\n", table), ("# by me, today\n\n# x\n", table),
                         ("# me\n# ", table), ("", quoted), ("", re.sub(r"(\d)\r?\n", r"\1,\n", table))):  # fmt: skip
        close(read(tmp_path, f"{before}{text}".encode()), PEOPLE["coco17"])
    with pytest.raises(ValueError, match=r"row 5, column 'NOSE_x': 'x.*' is no finite number"):
        read(tmp_path, f"sep=,\n# me\n{table}".replace("\n1,", "\n1,x", 1).encode())


def test_frames_of_a_gap_are_0_or_more(tmp_path: Path) -> None:
    for frames, error in ((-3, "max_gap='-3' must be 0 or more"), ("1.5", "max_gap='1.5' must be a whole number")):
        with pytest.raises(ValueError, match=error):
            read(tmp_path, VALID_CSV, max_gap=frames)
    assert read(tmp_path, VALID_CSV, max_gap=0)


def test_what_tells_unit_and_axis_is_never_guessed(tmp_path: Path) -> None:
    joints = [joint.replace("left", "links").replace("right", "rechts") for joint in KINECT.joints]
    bones = [[joints[a], joints[b]] for a, b in KINECT.bones]
    (tmp_path / "de.yaml").write_text(f"joints: {joints}\nroot: {joints[2]}\nbones: {bones}\n")
    z_up = PEOPLE["kinect20"][..., [0, 2, 1]] * (1, -1, 1)

    def told(**options: str) -> Recording:
        return read(tmp_path, array(z_up), layout=str(tmp_path / "de.yaml"), **options)

    for said, unsaid in (({}, "up and unit"), ({"unit": "m"}, "up"), ({"up": "z"}, "unit")):
        with pytest.raises(ValueError, match=rf"npy: {unsaid} cannot be told: .*'de' has no joint called left hip, ri"):
            told(**said)
    recording = told(unit="m", up="z")
    close(recording, PEOPLE["kinect20"])
    assert recording.notes[:2] == ("unit m, as given", "z was up: turned")


@pytest.mark.parametrize("column", ["landmark_id", "joint", "JointType"])
def test_joints_may_be_numbered_in_the_long_shape(column: str) -> None:
    people = standing("mediapipe33", 12)
    lines = [f"{t},{v},{','.join(map(str, p))}" for t, frame in enumerate(people[0]) for v, p in enumerate(frame)]
    points = keypoints.parse("\n".join([f"frame,{column},x,y,z", *lines]).encode())
    assert points.joints == ()
    np.testing.assert_allclose(points.xyz, people, atol=1e-5)


def test_an_empty_array_is_called_empty() -> None:
    file = io.BytesIO()
    np.save(file, np.zeros((0, 20, 3)))
    with pytest.raises(ValueError, match=r"it is empty: \(0, 20, 3\)"):
        keypoints.parse(file.getvalue())


def test_holes_in_time_are_told_and_rows_out_of_order_refused() -> None:
    people = standing("kinect20", 40)[0]
    header = "time," + ",".join(f"{joint}_{axis}" for joint in KINECT.joints for axis in "xyz")

    def table(time: NDArray[np.float64]) -> bytes:
        rows = [",".join(map(str, [t, *person.ravel()])) for t, person in zip(time, people, strict=True)]
        return "\n".join([header, *rows]).encode()

    time = np.arange(40) / 30
    assert keypoints.parse(table(time)).notes == ()
    (note,) = keypoints.parse(table(time + 20.0 * (time > 0.6))).notes
    assert note == "the column 'time' has a gap of 601 frames, which is closed up; cut the file there"
    swapped = time.copy()
    swapped[[10, 11]] = swapped[[11, 10]]
    with pytest.raises(
        ValueError, match=r"the column 'time' goes back 1 time: .*; if the rows are only out of order, sort"
    ):
        keypoints.parse(table(swapped))
    with pytest.raises(
        ValueError, match="'time' goes back 3 times: where it starts again, cut the file into one for each"
    ):
        keypoints.parse(table(np.tile(time[:10], 4)))


def test_a_row_of_empty_cells_is_a_frame_in_which_nobody_was_found(tmp_path: Path) -> None:
    header, *lines = (line.partition(b",")[2] for line in wide(PEOPLE["coco17"][0], COCO.joints).splitlines())
    nothing = re.sub(rb"[^,]", b"", lines[0])
    whole = read(tmp_path, b"\n".join([header, *lines])).xyz
    table = [nothing, header, *lines[:10], nothing, nothing, nothing, b"", *lines[13:], nothing, nothing]
    found = read(tmp_path, b"\n".join(table))
    np.testing.assert_allclose(np.delete(found.xyz, [10, 11, 12], 1), np.delete(whole, [10, 11, 12], 1))
    assert "51 of 680 points missing: interpolated over time" in found.notes
    numbered = wide(PEOPLE["coco17"][0], COCO.joints).replace(b"\n13,", b"\n," + nothing + b"\n13,")
    assert read(tmp_path, numbered).xyz.shape == whole.shape, "a row without its number is no frame"
