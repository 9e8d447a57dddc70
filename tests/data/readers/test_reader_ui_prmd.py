"""UI-PRMD: offsets and angles become a person by forward kinematics; the genuine squat stands on its feet."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from support.fuzzing import mutations, survives
from support.kinect_sets import bone_spread, genuine, side_ratio
from support.source_files.ui_prmd import contents, person, write_sample

from crossglg.data.readers import get_reader
from crossglg.data.readers.ui_prmd import LAYOUT, joint_positions, parse
from crossglg.skeletons import get_layout, retarget_plan


def test_unturned_offsets_add_up(tmp_path: Path) -> None:
    (recording,) = get_reader("ui-prmd").read(write_sample(tmp_path))
    np.testing.assert_allclose(recording.xyz[0], person(), atol=1e-5)
    assert (recording.sample_id, recording.class_name, recording.subject) == ("m01_s10_e02", "deep squat", 10)
    assert recording.layout == LAYOUT and recording.notes == ()


def test_forward_kinematics_is_the_plain_loop() -> None:
    rng = np.random.default_rng(0)
    offsets, angles = rng.normal(size=(3, 22, 3)), rng.uniform(-180, 180, size=(3, 22, 3))
    expected = np.empty_like(offsets)
    for t in range(3):
        axes = {}
        for v in range(22):
            a, b, c = np.radians(angles[t, v])
            about_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
            about_y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
            about_z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
            own = about_z @ about_x @ about_y
            parent = LAYOUT.parents[v]
            expected[t, v] = offsets[t, v] if v == 0 else expected[t, parent] + axes[parent] @ offsets[t, v]
            axes[v] = own if v == 0 else axes[parent] @ own
    np.testing.assert_allclose(joint_positions(offsets, angles), expected, atol=1e-12)


def test_genuine_squat_stands_on_its_feet(shared_data: Path) -> None:
    """Wrong conventions of the angles let the ankles slide by 10 cm and more."""
    (recording,) = genuine(shared_data, "ui-prmd")
    xyz = {joint: recording.xyz[0, :, v] for v, joint in enumerate(LAYOUT.joints)}
    assert recording.xyz.shape == (1, 73, 22, 3)
    assert np.ptp(xyz["hip center"][:, 1]) > 0.5, "half a meter down and up again"
    for side in ("left", "right"):
        assert xyz[f"{side} ankle"].std(axis=0).mean() < 0.025
        assert (xyz[f"{side} foot"][:, 2] < xyz[f"{side} ankle"][:, 2]).mean() > 0.9, "toes point to the camera"
        assert (xyz[f"{side} wrist"][:, 1] > xyz["head top"][:, 1]).mean() > 0.9, "arms are overhead"
        assert (xyz[f"{side} knee"][:, 1] > xyz[f"{side} ankle"][:, 1]).all()
    for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle"):
        assert (xyz[f"left {joint}"][:, 0] < xyz[f"right {joint}"][:, 0] - 0.05).all()
    assert 1.3 < (xyz["head top"] - xyz["left foot"])[0, 1] < 2.0, "meters, standing at first"


def test_genuine_bones_keep_their_length_and_are_alike_on_both_sides(shared_data: Path) -> None:
    (recording,) = genuine(shared_data, "ui-prmd")
    spread = dict(zip((child for child, _ in LAYOUT.bones), bone_spread(recording), strict=True))
    long = [j for j, joint in enumerate(LAYOUT.joints) if joint.split()[-1] in ("elbow", "wrist", "knee", "ankle")]
    assert max(spread[j] for j in long) < 0.1
    assert np.abs(np.log(side_ratio(recording)[long])).max() < 0.1


def test_every_joint_of_the_other_kinects_is_found() -> None:
    assert all(how != "parent" for how, _ in retarget_plan(LAYOUT, get_layout("kinect20")).values())


def test_angles_may_lie_beside(tmp_path: Path) -> None:
    file = write_sample(tmp_path)
    one = get_reader("ui-prmd").read(file)
    (tmp_path / "Angles" / "m01_s10_e02_angles.txt").rename(file.with_name("m01_s10_e02_angles.txt"))
    np.testing.assert_array_equal(get_reader("ui-prmd").read(file)[0].xyz, one[0].xyz)
    file.with_name("m01_s10_e02_angles.txt").rename(file.with_name("m01_s10_e02_angles.TXT"))
    np.testing.assert_array_equal(get_reader("ui-prmd").read(file)[0].xyz, one[0].xyz)
    file.with_name("m01_s10_e02_angles.TXT").unlink()
    with pytest.raises(ValueError, match=r"m01_s10_e02_positions\.txt: m01_s10_e02_angles\.txt is neither"):
        get_reader("ui-prmd").read(file)


def test_incorrect_movement_is_told(tmp_path: Path) -> None:
    for content, what in zip(contents(), ("positions", "angles"), strict=True):
        (tmp_path / f"m10_s01_e03_{what}_inc.txt").write_bytes(content)
    (recording,) = get_reader("ui-prmd").read(tmp_path / "m10_s01_e03_positions_inc.txt")
    assert recording.sample_id == "m10_s01_e03_inc"
    assert recording.notes == ("done incorrectly on purpose",)


def test_other_tables_are_refused() -> None:
    positions, angles = contents()
    with pytest.raises(ValueError, match="4 frames of positions and 3 of angles"):
        parse(positions, b"\n".join(angles.splitlines()[:3]))
    with pytest.raises(ValueError, match="117 are the optical tracker's"):
        parse(b",".join([b"1"] * 117), angles)
    with pytest.raises(ValueError, match="the angles are not all numbers"):
        parse(positions, angles.replace(b"0.000000", b"nan", 1))


POSITIONS, ANGLES = contents(2)


@given(mutations(ANGLES))
@settings(max_examples=150, deadline=None)
def test_mutated_angles_raise_value_errors(angles: bytes) -> None:
    survives(lambda changed: parse(POSITIONS, changed), angles)
