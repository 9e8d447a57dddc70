"""Sample files of the format mvnx, written by rule."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from support.skeleton_people import standing

from crossglg.data.readers.mvnx import _SEGMENTS
from crossglg.skeletons import get_layout

PERSON = standing("kinect20", 12)
SEGMENTS = (
    "Pelvis", "L5", "L3", "T12", "T8", "Neck", "Head", "RightShoulder", "RightUpperArm", "RightForeArm", "RightHand",
    "LeftShoulder", "LeftUpperArm", "LeftForeArm", "LeftHand", "RightUpperLeg", "RightLowerLeg", "RightFoot",
    "RightToe", "LeftUpperLeg", "LeftLowerLeg", "LeftFoot", "LeftToe",
)  # fmt: skip


def written(frames: int = 12) -> bytes:
    layout = get_layout("kinect20")
    joints = [layout.index(_SEGMENTS.get(segment, "spine")) for segment in SEGMENTS]
    z_up = PERSON[0][:, joints][..., [0, 2, 1]] * (1, -1, 1)
    segments = "".join(f'<segment id="{n + 1}" label="{name}"/>' for n, name in enumerate(SEGMENTS))
    rows = ['<frame type="tpose"><position>' + " ".join(["0"] * 69) + "</position></frame>"]
    for t, frame in enumerate(z_up[:frames]):
        numbers = " ".join(f"{c:.5f}" for c in np.ravel(frame))
        rows.append(f'<frame time="{t}" index="{t}" type="normal"><position>{numbers}</position></frame>')
    return (
        '<?xml version="1.0" encoding="UTF-8"?><mvnx version="4" xmlns="http://www.xsens.com/mvn/mvnx">'
        f'<subject label="me" frameRate="60" segmentCount="23"><segments>{segments}</segments>'
        f'<frames segmentCount="23">{"".join(rows)}</frames></subject></mvnx>'
    ).encode()


def write_sample(folder: Path) -> Path:
    (folder / "clip.mvnx").write_bytes(written())
    return folder / "clip.mvnx"
