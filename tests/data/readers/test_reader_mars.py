"""MARS: a csv in the radar's axes becomes a person who faces the camera, with bones that keep their length."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
from support.kinect_sets import bone_spread, genuine, side_ratio
from support.skeleton_people import standing
from support.source_files.mars import write_sample

from crossglg.data.readers import get_reader


def test_joints_axes_and_subject(tmp_path: Path) -> None:
    (recording,) = get_reader("mars").read(write_sample(tmp_path))
    np.testing.assert_allclose(recording.xyz, standing("ntu25", 4), atol=1e-3)
    assert (recording.subject, recording.class_name, recording.layout.name) == (3, "", "ntu25")


def test_genuine_file_is_a_person_facing_the_camera(shared_data: Path) -> None:
    (recording,) = genuine(shared_data, "mars")
    mean = {joint: recording.xyz[0, :, v].mean(axis=0) for v, joint in enumerate(recording.layout.joints)}
    assert recording.xyz.shape == (1, 399, 25, 3)
    order = ["left foot", "left ankle", "left knee", "left hip", "middle of spine", "shoulder center", "neck", "head"]
    assert all(mean[low][1] < mean[high][1] for low, high in pairwise(order))
    for joint in ("shoulder", "hip", "knee", "ankle"):
        assert mean[f"left {joint}"][0] < mean[f"right {joint}"][0] - 0.05
    assert 1.5 < mean["head"][2] < 2.5, "two meters from the sensor"
    for side in ("left", "right"):
        assert mean[f"{side} foot"][2] < mean[f"{side} ankle"][2] - 0.05, "toes point to the camera"
        assert 0.2 < np.linalg.norm(mean[f"{side} shoulder"] - mean[f"{side} hip"]) < 0.7, "meters"


def test_genuine_bones_keep_their_length_and_are_alike_on_both_sides(shared_data: Path) -> None:
    (recording,) = genuine(shared_data, "mars")
    limbs = [j for j, joint in enumerate(recording.layout.joints) if joint.split()[-1] in ("elbow", "knee", "ankle")]
    spread = dict(zip((child for child, _ in recording.layout.bones), bone_spread(recording), strict=True))
    assert max(spread[j] for j in limbs) < 0.1
    assert np.abs(np.log(side_ratio(recording)[limbs])).max() < 0.12
