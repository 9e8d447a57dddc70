"""Sample files of the format mars, written by rule."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from support.skeleton_people import standing

SDK_NAMES = (
    "SpineBase", "SpineMid", "Neck", "Head", "ShoulderLeft", "ElbowLeft", "WristLeft", "HandLeft", "ShoulderRight",
    "ElbowRight", "WristRight", "HandRight", "HipLeft", "KneeLeft", "AnkleLeft", "FootLeft", "HipRight", "KneeRight",
    "AnkleRight", "FootRight", "SpineShoulder", "HandTipLeft", "ThumbLeft", "HandTipRight", "ThumbRight",
)  # fmt: skip


def content(frames: int = 4) -> bytes:
    x, y, z = np.moveaxis(standing("ntu25", frames)[0], -1, 0)
    header = ",".join(f"{joint}_{axis}" for axis in "XYZ" for joint in SDK_NAMES)
    rows = np.concatenate([-x, z, y], axis=1)  # the radar's x, y, z
    return "\n".join([header, *(",".join(f"{value:.5g}" for value in row) for row in rows)]).encode()


def write_sample(folder: Path) -> Path:
    file = folder / "subject3_kinect_data_test.csv"
    file.write_bytes(content())
    return file
