"""Sample files of the format utkinect, written by rule."""

from __future__ import annotations

from pathlib import Path

from support.skeleton_people import standing

LABELS = "s01_e01\nwalk: 10 16\nsitDown: 20 30 \ncarry:  NaN NaN\ns01_e02\nwalk: 154 192\n"


def content(frames: int = 12) -> bytes:
    """Frames 10, 12, … with the third row standing twice, the second time moved by a centimeter."""
    people = standing("kinect20", frames)[0].reshape(frames, 60)
    rows = [(10 + 2 * t, *people[t]) for t in range(frames)]
    rows.insert(3, (14, *(people[2] + 0.01)))
    return "".join(f"{row[0]}   {'  '.join(f'{v:.6f}' for v in row[1:])}  \n" for row in rows).encode()


def write_sample(folder: Path) -> Path:
    (folder / "joints").mkdir()
    (folder / "actionLabel.txt").write_text(LABELS)
    file = folder / "joints" / "joints_s01_e01.txt"
    file.write_bytes(content())
    return file
