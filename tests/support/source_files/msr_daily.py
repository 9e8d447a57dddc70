"""Sample files of the format msr-daily, written by rule."""

from __future__ import annotations

from pathlib import Path

from support.skeleton_people import standing


def content(frames: int = 4) -> bytes:
    people = standing("kinect20", frames)[0]
    rows = [f"{t + 1} {v + 1} {' '.join(f'{c:.3f}' for c in people[t, v])}\n" for t in range(frames) for v in range(20)]
    return "".join(rows).encode()


def write_sample(folder: Path) -> Path:
    file = folder / "a16_s10_e02_skeleton_proj.txt"
    file.write_bytes(content())
    return file
