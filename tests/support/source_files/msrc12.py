"""Sample files of the format msrc12, written by rule."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from support.skeleton_people import standing

PERSON = standing("kinect20", 90)
TAGS = "XQPCTick;Tag\n" + "".join(f"{int(second * 1e6 * 49.875)};G12 Kick\n" for second in (1.0, 2.0))
TAGS_BYTES = TAGS.encode()


def written(frames: int = 90) -> bytes:
    rows = np.concatenate([PERSON[0, :frames], np.ones((frames, 20, 1))], axis=-1).reshape(frames, -1)
    lines = [f"{int(t * 1e6 / 30)} " + " ".join(f"{c:.4f}" for c in row) for t, row in enumerate(rows)]
    return "\n".join([*lines, ""]).encode()


VALID = written(40)


def write_sample(folder: Path) -> Path:
    (folder / "P1_1_12A_p06.tagstream").write_text(TAGS)
    (folder / "P1_1_12A_p06.csv").write_bytes(written())
    return folder / "P1_1_12A_p06.csv"
