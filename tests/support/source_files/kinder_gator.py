"""Sample files of the format kinder-gator, written by rule."""

from __future__ import annotations

from pathlib import Path

from support.skeleton_people import standing

SDK_NAMES = (
    "HipCenter", "Spine", "ShoulderCenter", "Head", "ShoulderLeft", "ElbowLeft", "WristLeft", "HandLeft",
    "ShoulderRight", "ElbowRight", "WristRight", "HandRight", "HipLeft", "KneeLeft", "AnkleLeft", "FootLeft",
    "HipRight", "KneeRight", "AnkleRight", "FootRight",
)  # fmt: skip


def content(frames: int = 4) -> bytes:
    header = ",".join(["Timestamp", *(joint + axis for joint in SDK_NAMES for axis in "XYZ"), "User-ID", "Action", ""])
    rows = standing("kinect20", frames)[0].reshape(frames, 60)
    lines = [
        f"{39507209.6444 + 32 * t},{','.join(f'{value:.7g}' for value in row)},976,Bow," for t, row in enumerate(rows)
    ]
    return ("\r\n".join([header, *lines]) + "\r\n").encode()


def write_sample(folder: Path) -> Path:
    file = folder / "POSE-p976_05-Bow-1466765913475.csv"
    file.write_bytes(content())
    return file
