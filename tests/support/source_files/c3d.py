"""Sample files of the format c3d, written by rule: the markers of Plug-in Gait, in millimeters, z up."""

from __future__ import annotations

import io
from pathlib import Path

import c3d
import numpy as np
from support.skeleton_people import standing

from crossglg.skeletons import get_layout

PERSON = standing("kinect20", 12)
BOTH = {"SHO": "shoulder", "ELB": "elbow", "WRA": "wrist", "WRB": "wrist", "FIN": "hand", "ASI": "hip", "PSI": "hip",
        "KNE": "knee", "ANK": "ankle", "TOE": "foot", "FHD": "head", "BHD": "head"}  # fmt: skip
MARKERS = {
    **{side[0].upper() + marker: (joint if joint == "head" else f"{side} {joint}")
       for side in ("left", "right") for marker, joint in BOTH.items()},
    "C7": "shoulder center", "CLAV": "shoulder center", "T10": "spine", "STRN": "spine",
}  # fmt: skip


def written(frames: int = 12) -> bytes:
    layout = get_layout("kinect20")
    xyz = PERSON[0, :, [layout.index(joint) for joint in MARKERS.values()]].swapaxes(0, 1)
    z_up = xyz[..., [0, 2, 1]] * (1000, -1000, 1000)
    writer = c3d.Writer(point_rate=100.0, point_units="mm  ")
    writer.set_point_labels(list(MARKERS))
    for frame in z_up[:frames]:
        points = np.concatenate([frame, np.zeros((len(frame), 2))], axis=1).astype(np.float32)
        writer.add_frames([(points, np.zeros((0, 0)))])
    file = io.BytesIO()
    writer.write(file)
    return file.getvalue()


def write_sample(folder: Path) -> Path:
    (folder / "clip.c3d").write_bytes(written())
    return folder / "clip.c3d"
