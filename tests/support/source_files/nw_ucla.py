"""Sample files of the format nw-ucla, written by rule."""

from __future__ import annotations

import json
from pathlib import Path

from support.skeleton_people import standing


def content(frames: int = 4) -> bytes:
    skeletons = standing("kinect20", frames)[0].round(5).tolist()
    return json.dumps({"file_name": "a06_s05_e01_v02", "skeletons": skeletons, "label": 6}).encode()


def write_sample(folder: Path) -> Path:
    file = folder / "a06_s05_e01_v02.json"
    file.write_bytes(content())
    return file
