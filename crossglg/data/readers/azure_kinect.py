"""Azure Kinect body tracking as JSON, by the sample offline_processor of microsoft/Azure-Kinect-Samples.

    {"joint_names": [...], "bone_list": [...], "frames": [{"frame_id": 0, "timestamp_usec": …, "num_bodies": 1,
     "bodies": [{"body_id": 1, "joint_positions": [[x, y, z] × 32], "joint_orientations": …}]}, …]}

Millimeters in the depth camera's axes: x to the right of the picture, y down, z away from the camera.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from crossglg.data.readers.json_points import json_of, numbers
from crossglg.data.readers.points import MAX_PERSONS, Points, of_bytes, points_reader
from crossglg.skeletons import get_layout

JOINTS = get_layout("azure32").num_joints


def parse(content: bytes) -> Points:
    """The points of a file, a person for each body_id; raises ValueError."""
    recording = json_of(content)
    frames = recording.get("frames") if isinstance(recording, dict) else None
    if not isinstance(frames, list) or not all(
        isinstance(f, dict) and isinstance(f.get("bodies"), list) for f in frames
    ):
        raise ValueError("each frame needs a list 'bodies'")
    bodies = [(t, body) for t, frame in enumerate(frames) for body in frame["bodies"]]
    if not all(isinstance(body, dict) and "joint_positions" in body for _, body in bodies):
        raise ValueError("a body needs 'joint_positions'")
    ids = list(dict.fromkeys(str(body.get("body_id")) for _, body in bodies))
    if len(ids) > MAX_PERSONS:
        raise ValueError(f"{len(ids)} bodies are no clip; up to {MAX_PERSONS} persons")
    xyz = np.full((len(ids), len(frames), JOINTS, 3), np.nan)
    for t, body in bodies:
        points = numbers(body["joint_positions"], 3, "joint_positions")
        if len(points) != JOINTS:
            raise ValueError(f"a body has {len(points)} joints instead of {JOINTS}")
        xyz[ids.index(str(body.get("body_id"))), t] = points
    return Points(xyz, layouts=("azure32",), unit="mm", up="-y", fps=_rate(frames))


def _rate(frames: list[dict[str, Any]]) -> float:
    """Frames per second by the time stamps, 30 without them."""
    times = [f.get("timestamp_usec") for f in frames]
    if len(times) < 2 or not all(type(time) is int and 0 <= time < 2**62 for time in times):
        return 30.0
    step = float(np.median(np.diff(np.array(times, dtype=np.float64))))
    return round(1e6 / step, 2) if 1e3 < step < 1e7 else 30.0


READER = points_reader(
    about="Azure Kinect body tracking: the JSON of Microsoft's sample offline_processor, 32 joints",
    patterns=("*.json",),
    parse=of_bytes(parse),
)
