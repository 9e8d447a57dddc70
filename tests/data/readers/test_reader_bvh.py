"""BVH: forward kinematics against a plain loop and by hand, joint names of many makers, units, axes, bad files."""

from __future__ import annotations

import math
import re
import time
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from support.skeleton_people import head_height
from support.source_files.bvh import BIOVISION, KINECT, PERSON, VALID, written

from crossglg.data.readers import bvh


def read_content(folder: Path, content: bytes, name: str = "clip.bvh", **options: str) -> bvh.Recording:
    (folder / name).write_bytes(content)
    [recording] = bvh.READER.read(folder / name, **options)
    return recording


TWO_BONES = b"""HIERARCHY
ROOT Upper
{
  OFFSET 7 7 7
  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
  JOINT Lower
  {
    OFFSET 0 10 0
    CHANNELS 3 Xrotation Yrotation Zrotation
    End Site
    {
      OFFSET 0 5 0
    }
  }
}
MOTION
Frames: 2
Frame Time: 0.04
1 2 3 0 0 0 0 0 0
1 2 3 90 0 0 90 0 0
"""


def test_two_bones_by_hand() -> None:
    motion = bvh.parse(TWO_BONES)
    assert motion.layout.joints == ("Upper", "Lower", "Lower end") and motion.fps == pytest.approx(25)
    at = bvh.forward_kinematics(motion)
    np.testing.assert_allclose(at[0], [(1, 2, 3), (1, 12, 3), (1, 17, 3)], atol=1e-12)
    # 90° about z lays the upper bone along −x; 90° about the lower bone's own x then turns its y to z.
    np.testing.assert_allclose(at[1], [(1, 2, 3), (-9, 2, 3), (-9, 2, 8)], atol=1e-12)


def test_equals_the_plain_loop_over_frames_and_joints() -> None:
    motion = bvh.parse(_random_file(np.random.default_rng(1)))
    np.testing.assert_allclose(bvh.forward_kinematics(motion), _loop(motion), atol=1e-6)


@pytest.mark.parametrize(
    "file", ["bandai_bvh/dataset-1_bow_active_001.bvh", "bandai_bvh/dataset-2_wave-right-hand_active_001.bvh",
             "cmu_bvh_iclone/002_01.bvh"],
)  # fmt: skip
class TestGenuine:
    def test_equals_the_plain_loop(self, shared_data: Path, file: str) -> None:
        motion = bvh.parse((shared_data / "raw" / file).read_bytes())
        motion = bvh.Motion(motion.layout, motion.offsets, motion.channels, motion.values[:3], motion.fps)
        np.testing.assert_allclose(bvh.forward_kinematics(motion), _loop(motion), atol=1e-6)

    def test_limbs_keep_their_length(self, shared_data: Path, file: str) -> None:
        [recording] = bvh.READER.read(shared_data / "raw" / file)
        for side in ("left", "right"):
            for a, b in (("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle")):
                ends = [recording.xyz[0, :, KINECT.index(f"{side} {joint}")] for joint in (a, b)]
                length = np.linalg.norm(ends[0] - ends[1], axis=-1)
                assert np.ptp(length) < 1e-3 and 0.15 < length.mean() < 0.6

    def test_stands_on_the_floor_with_the_left_at_the_left(self, shared_data: Path, file: str) -> None:
        [recording] = bvh.READER.read(shared_data / "raw" / file)
        at = {joint: recording.xyz[0, :, KINECT.index(joint)] for joint in KINECT.joints}
        assert recording.xyz[..., 1].min() == pytest.approx(0, abs=0.1)
        assert head_height(recording.xyz, KINECT) > 0.3
        for side in ("left", "right"):  # toes show where forward is; the left is up × forward
            forward = at[f"{side} foot"] - at[f"{side} ankle"]
            left = np.cross([0, 1, 0], forward)
            assert np.median(((at["left hip"] - at["right hip"]) * left).sum(-1)) > 0
            assert np.median(((at["left shoulder"] - at["right shoulder"]) * left).sum(-1)) > 0

    def test_says_class_subject_and_rate(self, shared_data: Path, file: str) -> None:
        [recording] = bvh.READER.read(shared_data / "raw" / file)
        expected = {"1": ("bow", -1, 30), "2": ("wave right hand", -1, 30), "0": ("walk", 2, 60)}[
            Path(file).name.removeprefix("dataset-")[0]
        ]
        assert (recording.class_name, recording.subject, round(recording.fps)) == expected
        assert recording.notes[0].startswith("unit cm")


def test_the_waving_hand_is_the_right_one(shared_data: Path) -> None:
    [recording] = bvh.READER.read(shared_data / "raw/bandai_bvh/dataset-2_wave-right-hand_active_001.bvh")
    height = recording.xyz[0, :, :, 1]
    assert height[:, KINECT.index("right hand")].max() > height[:, KINECT.index("head")].max()
    assert height[:, KINECT.index("left hand")].max() < height[:, KINECT.index("left shoulder")].max()


@pytest.mark.parametrize("unit", bvh.UNITS)
def test_unit_is_found_by_the_leg(tmp_path: Path, unit: str) -> None:
    recording = read_content(tmp_path, written(PERSON / 100 / bvh.UNITS[unit]))
    assert recording.notes[0].startswith(f"unit {unit}, by the leg")
    np.testing.assert_allclose(recording.xyz[0], PERSON / 100, atol=2e-3)


def test_unknown_unit_makes_the_leg_08_m_and_a_given_one_is_taken(tmp_path: Path) -> None:
    recording = read_content(tmp_path, written(PERSON * 37))
    assert recording.notes[0].startswith("unit unknown")
    leg = recording.xyz[0][:, [KINECT.index(f"left {joint}") for joint in ("hip", "knee", "ankle")]]
    assert np.median(np.linalg.norm(np.diff(leg, axis=1), axis=-1).sum(1)) == pytest.approx(0.8, abs=0.05)
    assert read_content(tmp_path, written(PERSON), unit="mm").xyz == pytest.approx(PERSON[None] / 1000, abs=1e-5)
    with pytest.raises(ValueError, match=r"^unit='feet' must be one of m, cm"):
        read_content(tmp_path, VALID, unit="feet")


def test_z_up_is_turned_and_keeps_the_sides(tmp_path: Path) -> None:
    z_up = PERSON[..., [0, 2, 1]] * (1, -1, 1)
    recording = read_content(tmp_path, written(z_up))
    assert "z was up: turned" in recording.notes
    np.testing.assert_allclose(recording.xyz[0], PERSON / 100, atol=1e-5)
    np.testing.assert_allclose(read_content(tmp_path, written(z_up), up="y").xyz[0], z_up / 100, atol=1e-5)


def test_crawling_in_a_y_up_file_is_not_turned(tmp_path: Path) -> None:
    lying = PERSON.copy()[..., [0, 2, 1]] * (1, -1, 1)
    content = written(np.concatenate([PERSON[:1], *[lying] * 3]))  # the rest pose is that of the first frame
    assert not any("turned" in note for note in read_content(tmp_path, content).notes)


@pytest.mark.parametrize(
    "names",
    [
        "Hips Spine Neck Head LeftArm LeftForeArm LeftHand LeftHandMiddle1 LeftUpLeg LeftLeg LeftFoot LeftToeBase",
        "mixamorig:Hips mixamorig:Spine mixamorig:Neck mixamorig:Head mixamorig:LeftArm mixamorig:LeftForeArm "
        "mixamorig:LeftHand mixamorig:LeftHandMiddle1 mixamorig:LeftUpLeg mixamorig:LeftLeg mixamorig:LeftFoot "
        "mixamorig:LeftToeBase",
        "CC_Base_Hip CC_Base_Waist CC_Base_NeckTwist01 CC_Base_Head CC_Base_L_Upperarm CC_Base_L_Forearm "
        "CC_Base_L_Hand CC_Base_L_Mid1 CC_Base_L_Thigh CC_Base_L_Calf CC_Base_L_Foot CC_Base_L_ToeBase",
        "Hips Spine Neck Head UpperArm_L LowerArm_L Hand_L Hand_L_End UpperLeg_L LowerLeg_L Foot_L Toes_L",
        "Hips Spine Neck Head LeftArm LeftForeArm LeftHand LeftInHandMiddle LeftUpLeg LeftLeg LeftFoot LeftFoot_End",
        "Hips Spine1 Neck Head LeftArm LeftForeArm LeftHand LeftFinger3Proximal LeftThigh LeftShin LeftFoot LeftToe",
        "Bip01_Pelvis Bip01_Spine Bip01_Neck Bip01_Head Bip01_L_UpperArm Bip01_L_Forearm Bip01_L_Hand Bip01_L_Finger2 "
        "Bip01_L_Thigh Bip01_L_Calf Bip01_L_Foot Bip01_L_Toe0",
        "pelvis spine_01 neck_01 head upperarm_l lowerarm_l hand_l middle_01_l thigh_l calf_l foot_l ball_l",
        "hip abdomen neck head lShldr lForeArm lHand lMid1 lThigh lShin lFoot lToe",
        "Hips LowerBack Neck Head LeftArm LeftForeArm LeftHand LeftFingerBase LeftUpLeg LeftLeg LeftFoot LeftToeBase",
        "J_Bip_C_Hips J_Bip_C_Spine J_Bip_C_Neck J_Bip_C_Head J_Bip_L_UpperArm J_Bip_L_LowerArm J_Bip_L_Hand "
        "J_Bip_L_Middle1 J_Bip_L_UpperLeg J_Bip_L_LowerLeg J_Bip_L_Foot J_Bip_L_ToeBase",
        "Pelvis Spine1 Neck Head L_Shoulder L_Elbow L_Wrist L_Hand L_Hip L_Knee L_Ankle L_Foot",
        " ".join(name for name in BIOVISION.values() if "Right" not in name),
        "Hip Ab Neck Head LUArm LFArm LHand LHandEnd LThigh LShin LFoot LToe",
        "hip abdomenLower neck head lShldrBend lForearmBend lHand lMid1 lThighBend lShin lFoot lToe",
        "Hips_JNT Spine_JNT Neck_JNT Head_JNT LeftArm_JNT LeftForeArm_JNT LeftHand_JNT LeftMiddle1_JNT LeftUpLeg_JNT "
        "LeftLeg_JNT LeftFoot_JNT LeftToeBase_JNT",
    ],
    ids=[
        "motionbuilder",
        "mixamo",
        "iclone",
        "bandai",
        "neuron",
        "rokoko",
        "biped",
        "unreal",
        "daz",
        "cmu",
        "vrm",
        "smpl",
        "bvh",
        "optitrack",
        "daz-8",
        "jnt",
    ],
)
def test_names_of_many_makers(names: str) -> None:
    middle, left = names.split()[:4], names.split()[4:]
    swap = {"Left": "Right", "_L": "_R", "_l": "_r", "L_": "R_"}
    right = [next((n.replace(a, b, 1) for a, b in swap.items() if a in n), "r" + n[1:]) for n in left]
    joints = [*middle, *left, *right]
    alone = bvh.Layout("file", tuple(joints), tuple((j, 0) for j in range(1, len(joints))), joints[0])
    joints.append("Prop")
    layout = bvh.Layout("file", tuple(joints), tuple((j, 0) for j in range(1, len(joints))), joints[0])
    order = ("shoulder", "elbow", "wrist", "hand", "hip", "knee", "ankle", "foot")
    expected = ["hip center", "spine", "shoulder center", "head"]
    expected += [f"{side} {joint}" for side in ("left", "right") for joint in order]
    assert bvh.named(layout).joints == (*expected, "file: Prop")
    assert bvh.named(alone).joints == tuple(expected)  # all joints share a prefix
    assert {how for how, _ in bvh.retarget_plan(bvh.named(layout), KINECT).values()} == {"copy"}


def test_a_prefix_that_all_joints_share_is_no_part_of_their_names(tmp_path: Path) -> None:
    content = re.sub(rb"(ROOT|JOINT) ", rb"\g<0>Ann_1.", VALID)
    np.testing.assert_array_equal(read_content(tmp_path, content).xyz, read_content(tmp_path, VALID).xyz)


def test_clavicles_and_twist_bones_are_not_limbs() -> None:
    names = (
        "Hips Neck Head LeftShoulder LeftArm LeftArmTwist LeftForeArm LeftHand LHipJoint LeftUpLeg LeftLeg LeftFoot "
        "RightShoulder RightArm RightForeArm RightHand RHipJoint RightUpLeg RightLeg RightFoot"
    )
    joints = names.split()
    layout = bvh.Layout("file", tuple(joints), tuple((j, 0) for j in range(1, 20)), "Hips")
    ours = dict(zip(joints, bvh.named(layout).joints, strict=True))
    assert (ours["LeftArm"], ours["LeftUpLeg"]) == ("left shoulder", "left hip")
    assert ours["LeftShoulder"].startswith("file:") and ours["LHipJoint"].startswith("file:")
    plan = bvh.retarget_plan(bvh.named(layout), KINECT)
    assert plan["left hand"] == ("middle", ("left wrist",))
    assert plan["spine"] == ("middle", ("hip center", "shoulder center"))


def test_unmatched_essentials_are_listed(tmp_path: Path) -> None:
    content = VALID.replace(b"LeftElbow", b"Bone012").replace(b"JOINT Head", b"JOINT Bone013")
    with pytest.raises(
        ValueError, match=r"clip\.bvh: no joint has a conventional name of head, left elbow; rename"
    ) as e:
        read_content(tmp_path, content)
    assert "Bone012" in str(e.value)


def test_other_target_layouts_and_missing_hands_are_noted(tmp_path: Path) -> None:
    recording = read_content(tmp_path, VALID, layout="ntu25")
    assert recording.layout.name == "ntu25" and recording.xyz.shape == (1, 3, 25, 3)
    assert any("5 of 25 joints are not in the file: neck, left hand tip" in note for note in recording.notes)
    assert "only 3 frames: a pose, not a motion" in recording.notes


def test_end_site_without_length_is_no_joint() -> None:
    assert bvh.parse(TWO_BONES.replace(b"OFFSET 0 5 0", b"OFFSET 0 0 0")).layout.joints == ("Upper", "Lower")


def test_class_of_cmu_needs_the_descriptions(tmp_path: Path) -> None:
    assert read_content(tmp_path, VALID, "02_01.bvh").class_name == ""
    (tmp_path / "cmu_trial_descriptions.csv").write_text('"Subject","Trial #","Motion"\n2,1,"walk, then stop",120\n')
    recording = read_content(tmp_path, VALID, "02_01.bvh")
    assert (recording.class_name, recording.subject) == ("walk, then stop", 2)


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        (b"Frames: 3", b"Frames: 999999999", "too many to read at once"),
        (b"Frames: 3", b"Frames: 1000000000000", "must be followed by 'Frames"),
        (b"Frames: 3", b"Frames: 4", "need 480 numbers, it has 360"),
        (b"Frames: 3", b"Frames: 0", "are no motion"),
        (b"Frame Time: 0.0", b"Frame Time: -0.0", "are no motion"),
        (b"CHANNELS 6", b"CHANNELS 7", "has '7' channels"),
        (b"Zrotation", b"Wrotation", "unknown channel 'Wrotation'"),
        (b"OFFSET ", b"OFFSET nan ", "is not a finite number"),
        (b"JOINT Head", b"JOINT Neck", "two joints are called 'Neck'"),
        (b"JOINT Spine", b"ROOT Spine", "one person with one ROOT"),
        (b"MOTION", b"MOVEMENT", "has no line MOTION"),
    ],
)
def test_bad_files_are_refused_clearly(tmp_path: Path, old: bytes, new: bytes, error: str) -> None:
    assert old in VALID
    with pytest.raises(ValueError, match=r"clip\.bvh") as refusal:
        read_content(tmp_path, VALID.replace(old, new, 1))
    assert error in str(refusal.value)


@pytest.mark.parametrize(
    "header",
    [
        "ROOT a\n{ " + " ".join(f"JOINT j{i} {{ OFFSET 0 1 0 CHANNELS 1 Xrotation" for i in range(100_000)),
        "ROOT a\n{ CHANNELS 1 Xrotation " + " ".join(f"JOINT j{i} {{ }}" for i in range(100_000)) + "}",
    ],
    ids=["nested", "beside"],
)
def test_a_hundred_thousand_joints_end_quickly(header: str) -> None:
    start = time.perf_counter()
    with pytest.raises(ValueError, match="more than 2000 joints"):
        bvh.parse(f"HIERARCHY {header} MOTION\nFrames: 1\nFrame Time: 0.1\n1\n".encode())
    assert time.perf_counter() - start < 2


def _random_file(rng: np.random.Generator, joints: int = 12, frames: int = 5) -> bytes:
    """A random tree with every kind of joint: 0, 3 or 6 channels in random order, offsets, end sites."""
    lines, widths = ["HIERARCHY"], []

    def joint(j: int) -> None:
        rotations = rng.permutation(["Xrotation", "Yrotation", "Zrotation"]).tolist()
        positions = rng.permutation(["Xposition", "Yposition", "Zposition"]).tolist()
        channels = [[], rotations, rotations, positions + rotations][int(rng.integers(4)) if j else 3]
        widths.append(len(channels))
        lines.append(f"{'JOINT' if j else 'ROOT'} j{j} {{ OFFSET {' '.join(map(str, rng.normal(size=3)))}")
        lines.append(f"CHANNELS {len(channels)} {' '.join(channels)}")
        children = [k for k in range(1, joints) if parent[k] == j]
        for child in children:
            joint(child)
        if not children:
            lines.append(f"End Site {{ OFFSET {' '.join(map(str, rng.normal(size=3)))} }}")
        lines.append("}")

    parent = [-1, *(int(rng.integers(k)) for k in range(1, joints))]
    joint(0)
    rows = rng.normal(scale=90, size=(frames, sum(widths)))
    lines += ["MOTION", f"Frames: {frames}", "Frame Time: 0.01", *(" ".join(map(str, row)) for row in rows)]
    return "\n".join(lines).encode()


def _loop(motion: bvh.Motion) -> NDArray[np.float64]:
    """The textbook's 4 × 4 matrices, one frame and one joint at a time."""
    out = np.zeros((len(motion.values), motion.layout.num_joints, 3))
    for t, row in enumerate(motion.values):
        numbers = iter(row)
        world: list[NDArray[np.float64]] = []
        for j, channels in enumerate(motion.channels):
            local = np.eye(4)
            local[:3, 3] = motion.offsets[j]
            for channel in channels:
                value = next(numbers)
                axis = "XYZ".index(channel[0])
                if channel.endswith("position"):
                    local[axis, 3] = value
                    continue
                c, s = math.cos(math.radians(value)), math.sin(math.radians(value))
                turn = np.eye(4)
                turn[:3, :3] = {
                    0: [[1, 0, 0], [0, c, -s], [0, s, c]],
                    1: [[c, 0, s], [0, 1, 0], [-s, 0, c]],
                    2: [[c, -s, 0], [s, c, 0], [0, 0, 1]],
                }[axis]
                local = local @ turn
            world.append(world[motion.layout.parents[j]] @ local if j else local)
            out[t, j] = world[j][:3, 3]
    return out


def test_what_tools_write_beside_the_standard_is_read_with_a_note() -> None:
    plain = bvh.parse(VALID)
    text = VALID.decode()
    more = text.replace("Frames: 3", "Frames: 2")
    commas = re.sub(r"(?<=\d)\.(?=\d)", ",", text)
    for content, note in (
        (text.encode("utf-16"), ()),
        (more.encode(), ("says 2 frames, has 3: all read",)),
        (commas.encode(), ("decimal commas read as points",)),
    ):
        motion = bvh.parse(content)
        np.testing.assert_array_equal(motion.values, plain.values)
        np.testing.assert_array_equal(motion.offsets, plain.offsets)
        assert motion.notes == note
    with pytest.raises(ValueError, match="numbers, it has"):
        bvh.parse(text.rpartition(" ")[0].encode())
