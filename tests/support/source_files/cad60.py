"""Sample files of the format cad60, written by rule."""

from __future__ import annotations

from pathlib import Path

from support.skeleton_people import standing

from crossglg.data.readers.cad60 import ORDER
from crossglg.skeletons import get_layout

PERSON = standing("kinect15", 12)


def written(frames: int = 12) -> bytes:
    layout = get_layout("kinect15")
    mirrored = PERSON[0, :, layout.mirrored] * (-1000, 1000, 1000)  # as the sensor's mirrored picture has it
    lines = []
    for t in range(frames):
        cells: list[str] = [str(t + 1)]
        for j, joint in enumerate(ORDER):
            cells += ["0"] * 9 + ["1"] if j < 11 else []
            cells += [f"{c:.3f}" for c in mirrored[layout.index(joint), t]] + ["1"]
        lines.append(",".join(cells) + ",")
    return "\n".join([*lines, "END", ""]).encode()


def write_sample(folder: Path) -> Path:
    (folder / "data2").mkdir()
    (folder / "data2" / "activityLabel.txt").write_text("0512164529,drinking water,\nEND\n")
    (folder / "data2" / "0512164529.txt").write_bytes(written())
    return folder / "data2" / "0512164529.txt"
