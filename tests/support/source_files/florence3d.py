"""Sample files of the format florence3d, written by rule."""

from __future__ import annotations

from pathlib import Path

from support.skeleton_people import standing

PERSON = standing("kinect15", 12)


def written(frames: int = 12) -> bytes:
    order = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]  # kinect15's own
    lines = [
        f"{video} {actor} {category} " + " ".join(f"{c:.3f}" for c in 1000 * frame[order].ravel())
        for video, actor, category in ((1, 1, 1), (2, 4, 9)) for frame in PERSON[0, :frames]
    ]  # fmt: skip
    return "\n".join(lines).encode()


def write_sample(folder: Path) -> Path:
    (folder / "Florence_dataset_WorldCoordinates.txt").write_bytes(written())
    return folder / "Florence_dataset_WorldCoordinates.txt"
