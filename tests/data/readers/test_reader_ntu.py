"""NTU .skeleton files: exact content back, the named steps against plain loops, damaged files refused by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.ntu_files import FIRST_ID, ghost, sample_name, second_body, skeleton_text, write_skeleton_file
from support.source_files.ntu import LAYOUT, NAME, PERSON

from crossglg.data import synthetic
from crossglg.data.readers.ntu import CLASS_NAMES, READER, by_motion, known_missing, motion, parse, too_wide, two_actors
from crossglg.data.synthetic.actions import ACTION_TABLE
from crossglg.files import project_folder, read_json


def plain_parse(content: bytes) -> tuple[int, dict[str, list[tuple[int, list[list[float]]]]]]:
    """Line by line, every number converted, as the field's parsers do: kept frames, and id → (frame, joints)."""
    lines = iter(content.decode().splitlines())
    bodies: dict[str, list[tuple[int, list[list[float]]]]] = {}
    kept = 0
    for _ in range(int(next(lines))):
        count = int(next(lines))
        for _ in range(count):
            body_id = next(lines).split()[0]
            joints = [[float(v) for v in next(lines).split()][:3] for _ in range(int(next(lines)))]
            bodies.setdefault(body_id, []).append((kept, joints))
        kept += count > 0
    return kept, bodies


# ---- parsing


def quirky() -> tuple[np.ndarray, list[int]]:
    """Three bodies: one who is always there, one who comes and goes, a ghost; two frames without anyone."""
    xyz = np.concatenate([PERSON, second_body(PERSON[0], 30), ghost(PERSON[0])])
    xyz[:, 10:12] = 0.0
    return xyz, [FIRST_ID + 5, FIRST_ID + 4, FIRST_ID + 6]


def test_parse_equals_a_plain_parser() -> None:
    content = skeleton_text(*quirky())
    frames, bodies = plain_parse(content)
    capture = parse(content)
    assert (capture.frames, capture.empty) == (frames, 2) == (28, 2)
    assert [body.id for body in capture.bodies] == list(bodies)
    for body in capture.bodies:
        assert body.frame.tolist() == [frame for frame, _ in bodies[body.id]]
        np.testing.assert_array_equal(body.xyz, np.array([xyz for _, xyz in bodies[body.id]], np.float32))


def test_neighboring_ids_beyond_float64_stay_apart() -> None:
    ids = [FIRST_ID, FIRST_ID + 1]
    assert float(ids[0]) == float(ids[1])
    capture = parse(skeleton_text(np.concatenate([PERSON, PERSON + 0.5]), ids))
    assert [body.id for body in capture.bodies] == list(map(str, ids))


def test_line_ends_do_not_matter() -> None:
    content = skeleton_text(PERSON)
    unix = parse(content.replace(b"\r\n", b"\n").strip())
    np.testing.assert_array_equal(unix.bodies[0].xyz, parse(content).bodies[0].xyz)


def test_nobody_is_no_error() -> None:
    assert parse(b"0\r\n").bodies == () and parse(b"2\n0\n0\n").empty == 2


CONTENT = skeleton_text(PERSON[:, :3])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "ends where the number of frames should be"),
        (b"frames 3", "'frames' where the number of frames should be"),
        (b"-3", "'-3' where the number of frames"),
        (b"1000000000\n1\n", "where the number of frames"),
        (b"999999999\n1\n", "cut off in frame 1 of 999999999"),
        (b"1\n1_0\n", "'1_0' where the number of bodies in frame 1"),
        (b"1\n99999999\n", "cut off in frame 1"),
        (CONTENT[:-5000], "cut off in frame"),
        (CONTENT + b"1 2 3", "goes on after its 3 frames"),
        (CONTENT.replace(b"\r\n25\r\n", b"\r\n20\r\n", 1), "has '20' where a body has its 25"),
        (CONTENT.replace(b" 2\r\n", b"\r\n", 1), "where a body has its 25"),
        (CONTENT.replace(b"25\r\n", b"25\r\nx", 1), "a coordinate that is no number"),
        (skeleton_text(np.concatenate([PERSON, PERSON]), [7, 7]), "frame 1 has body 7 twice"),
    ],
)  # fmt: skip
def test_damaged_content_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse(content)


@pytest.mark.parametrize("value", [b"nan", b"-inf", b"1e39"])
def test_a_coordinate_must_be_finite(value: bytes, tmp_path: Path) -> None:
    first = f"{PERSON[0, 0, 3, 1]:.7g}".encode()  # the head's height
    path = tmp_path / f"{NAME}.skeleton"
    path.write_bytes(CONTENT.replace(first, value, 1))
    with pytest.raises(ValueError, match=rf"{NAME}.skeleton: body {FIRST_ID} has a coordinate that is not finite"):
        READER.read(path)


def test_unused_numbers_may_be_anything() -> None:
    """Projections outside the picture are written as -Inf or -1.#IND; they are not read."""
    last = CONTENT.replace(b"-0.2059419", b"-1.#IND")
    np.testing.assert_array_equal(parse(last).bodies[0].xyz, parse(CONTENT).bodies[0].xyz)


# ---- the named steps


def tracked(*bodies: np.ndarray):
    """PersonIndex of (T, 25, 3), zero where not seen, as parse gives them."""
    frames = max(len(b) for b in bodies)
    padded = np.stack([np.pad(b, ((0, frames - len(b)), (0, 0), (0, 0))) for b in bodies])
    return parse(skeleton_text(padded)).bodies


def test_motion_is_the_sum_of_variances() -> None:
    total = 0.0
    for axis in range(3):
        values = [float(joint[axis]) for frame in PERSON[0] for joint in frame]
        mean = sum(values) / len(values)
        total += sum((v - mean) ** 2 for v in values) / len(values)
    assert motion(PERSON[0]) == pytest.approx(total, rel=1e-9)


def test_too_wide_frames() -> None:
    xyz = PERSON[0, :3].copy()
    xyz[1, :, 0] *= 10.0
    widths = [max(j[0] for j in f) - min(j[0] for j in f) for f in xyz]
    heights = [max(j[1] for j in f) - min(j[1] for j in f) for f in xyz]
    assert too_wide(xyz).tolist() == [w > 0.8 * h for w, h in zip(widths, heights, strict=True)] == [False, True, False]


def test_short_and_flat_bodies_are_dropped_and_told() -> None:
    lying = PERSON[0][:, :, [1, 0, 2]]  # wider than high
    notes: list[str] = []
    kept = by_motion(tracked(PERSON[0], PERSON[0, :11] + 1.0, lying), notes)
    assert [body.id for body in kept] == [str(FIRST_ID)]
    assert len(notes) == 2 and "11 frames only" in notes[0] and "no person's shape in 100%" in notes[1]
    assert len(by_motion(tracked(PERSON[0], PERSON[0, :12] + 1.0), [])) == 2


def test_a_lone_body_is_kept_whatever_it_is() -> None:
    notes: list[str] = []
    assert len(by_motion(tracked(PERSON[0, :4, :, [1, 0, 2]].transpose(1, 2, 0)), notes)) == 1 and not notes
    assert len(by_motion(tracked(PERSON[0, :4], PERSON[0, :7]), notes)) == 1
    lying = PERSON[0][:, :, [1, 0, 2]]
    assert len(by_motion(tracked(lying, lying + 1.0), [])) == 1  # the last one left is not dropped


def test_the_larger_motion_comes_first() -> None:
    calm = np.repeat(PERSON[0, :1], 30, axis=0)
    ids = [body.id for body in by_motion(tracked(calm, PERSON[0] * 1.05, PERSON[0]), [])]
    assert ids == [str(FIRST_ID + 1), str(FIRST_ID + 2), str(FIRST_ID)]


def test_wide_frames_do_not_count_as_motion() -> None:
    """A body that jumps to the side in a few wide frames moves less than it seems."""
    jumping = PERSON[0] * 0.97
    jumping[:6, :, 0] *= 30.0
    assert motion(jumping) > 2 * motion(PERSON[0])
    assert by_motion(tracked(jumping, PERSON[0]), [])[0].id == str(FIRST_ID + 1)


def test_who_comes_back_under_another_id_continues_the_actor() -> None:
    early, late = PERSON[0].copy(), PERSON[0] * 0.9
    early[15:], late[:15] = 0.0, 0.0
    notes: list[str] = []
    bodies = sorted(tracked(early, late, PERSON[0] * 0.8 + 0.7, PERSON[0] * 0.5 + 1.5), key=lambda body: body.id)
    xyz = two_actors(bodies, 30, notes)
    np.testing.assert_allclose(xyz[0], early + late, atol=1e-6)
    np.testing.assert_allclose(xyz[1], PERSON[0] * 0.8 + 0.7, atol=1e-6)
    assert notes == [
        f"body {FIRST_ID + 1} continues actor 1",
        f"body {FIRST_ID + 3} dropped: two others are seen at the same time",
    ]


# ---- whole files


def test_round_trip_of_synthetic_motions(tmp_path: Path) -> None:
    clips = synthetic.synthesize(1, 1, synthetic.ACTIONS[:3])
    for i in range(len(clips)):
        number = ACTION_TABLE[clips.class_of(i)].number
        path = write_skeleton_file(tmp_path / f"{sample_name(1, 2, 40 + i, 1, number)}.skeleton", clips[i])
        [clip] = READER.read(path)
        np.testing.assert_allclose(clip.xyz, clips[i], atol=1e-6)
        assert (clip.class_name, clip.subject, clip.camera) == (clips.class_of(i), 40 + i, 2)
        assert clip.sample_id == path.stem and clip.notes == () and clip.layout.name == "ntu25"


def test_two_people_and_their_quirks(tmp_path: Path) -> None:
    xyz, ids = quirky()
    [clip] = READER.read(write_skeleton_file(tmp_path / f"{NAME}.skeleton", xyz, ids))
    seen = np.r_[0:10, 12:30]
    assert clip.xyz.shape == (2, 28, 25, 3)
    order = [0, 1] if np.allclose(clip.xyz[0], xyz[0, seen], atol=1e-5) else [1, 0]
    np.testing.assert_allclose(clip.xyz, xyz[order][:, seen], atol=1e-5)
    absent = ~(xyz[1, seen] != 0).any((1, 2))
    assert absent.sum() == 12 and (clip.xyz[order.index(1), absent] == 0).all()
    assert clip.notes[0] == "2 frames without a body dropped" and "8 frames only" in clip.notes[1]


@pytest.mark.parametrize(("second_body", "persons"), [("zeros", 1), ("copy", 2)])
def test_missing_second_body(second_body: str, persons: int, tmp_path: Path) -> None:
    [clip] = READER.read(write_skeleton_file(tmp_path / f"{NAME}.skeleton", PERSON), second_body=second_body)
    assert len(clip.xyz) == persons
    np.testing.assert_array_equal(clip.xyz[0], clip.xyz[-1])
    with pytest.raises(ValueError, match="second_body='mirror' must be one of zeros, copy"):
        READER.read(tmp_path / f"{NAME}.skeleton", second_body="mirror")


def test_left_and_right_and_front_are_as_in_the_other_sets(tmp_path: Path) -> None:
    """Kinect v2's frame is right-handed like ours: whoever looks at the sensor has the left side at −x, toes to −z."""
    [clip] = READER.read(write_skeleton_file(tmp_path / f"{NAME}.skeleton", PERSON))
    for xyz in (clip.xyz[0], synthetic.synthesize(0, 1, ["hand waving"])[0][0]):
        joint = {name: xyz[:, LAYOUT.index(name)].mean(0) for name in LAYOUT.joints}
        across = joint["right hip"] - joint["left hip"]
        toes = joint["left foot"] + joint["right foot"] - joint["left ankle"] - joint["right ankle"]
        assert np.cross([0.0, 1.0, 0.0], across) @ toes > 0, "mirrored: right x up must point backwards"
        assert joint["head"][1] > joint["left foot"][1] and joint["base of spine"][2] > 1.0


def test_files_without_a_clip(tmp_path: Path) -> None:
    listed = tmp_path / "S001C002P005R002A008.skeleton"
    assert READER.read(write_skeleton_file(listed, PERSON)) == []
    empty = tmp_path / f"{NAME}.skeleton"
    empty.write_bytes(b"3\n0\n0\n0\n")
    assert READER.read(empty) == []
    assert READER.read(write_skeleton_file(empty, PERSON * 0.0, seen=np.ones((1, 30), bool))) == []


def test_names(tmp_path: Path) -> None:
    [own] = READER.read(write_skeleton_file(tmp_path / "my wave.skeleton", PERSON))
    assert (own.class_name, own.subject, own.camera, own.sample_id) == ("", -1, -1, "my wave")
    with pytest.raises(ValueError, match=r"S001C001P001R001A121.skeleton: action 121"):
        READER.read(write_skeleton_file(tmp_path / "S001C001P001R001A121.skeleton", PERSON))


# ---- lists


def test_class_names_are_those_of_the_descriptions() -> None:
    described = read_json(project_folder("prompts") / "descriptions" / "ntu120.json")["classes"]
    assert tuple(described) == CLASS_NAMES and len(CLASS_NAMES) == 120
    assert [CLASS_NAMES[i] for i in (0, 54, 60)] == ["drink water", "hugging other person", "put on headphone"]


def test_missing_samples_give_the_published_counts() -> None:
    """535 of NTU-120, 302 of them in NTU-60; what is left of each one-shot set is what the field counts."""
    missing = known_missing()
    assert len(missing) == 535 and sum(int(name[1:4]) <= 17 for name in missing) == 302
    actions = np.array([int(name[-3:]) for name in missing])
    novel = actions % 6 == 1
    per_class = {True: 948, False: 960}  # raw files of a class of NTU-60, of the others
    for last, usable in ((24, 18_817), (48, 37_739), (72, 56_721), (96, 75_831), (120, 95_001)):
        raw = sum(per_class[a <= 60] for a in range(1, last + 1) if a % 6 != 1)
        assert raw - (~novel & (actions <= last)).sum() == usable
    assert 10 * 948 + 10 * 960 - novel.sum() == 18_944
