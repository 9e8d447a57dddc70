"""MMPose's predictions (RTMPose and others), one JSON for a clip.

    {"meta_info": …, "instance_info": [{"frame_id": 1, "instances": [{"keypoints": [[x, y], …],
                                                                    "keypoint_scores": [s, …]}, …]}, …]}

as demo/topdown_demo_with_mmdet.py of open-mmlab/mmpose writes it, or the list of frames alone, as the inferencer does.
17 joints are COCO's, 26 Halpe's (RTMPose body8-halpe26), 133 begin with COCO's; 17 joints in 3-D are Human3.6M's.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossglg.data.readers.json_points import followed, json_of, numbers
from crossglg.data.readers.points import Points, of_bytes, points_reader
from crossglg.data.readers.tracks import Frame


def parse(content: bytes) -> Points:
    """The points of a file; raises ValueError."""
    entries = json_of(content)
    entries = entries.get("instance_info") if isinstance(entries, dict) else entries
    if not isinstance(entries, list) or not entries or not all(isinstance(entry, dict) for entry in entries):
        raise ValueError("it needs a list of frames, alone or as 'instance_info'")
    frames: list[Frame] = []
    for entry in _in_order(entries):
        people = entry.get("instances")
        if not isinstance(people, list) or not all(isinstance(person, dict) for person in people):
            raise ValueError("a frame needs a list 'instances'")
        frames.append([_person(person) for person in people])
    width = {person.shape[1] for frame in frames for person in frame}
    if len(width) > 1:
        raise ValueError("some people are in 2-D and some in 3-D")
    return followed(frames, ("h36m17",) if width == {4} else ("coco17", "halpe26"))


def _in_order(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The frames by their `frame_id`, with nobody in those that are left out, where all have a number of their own."""
    found = {entry["frame_id"]: entry for entry in entries if type(entry.get("frame_id")) is int}
    if len(found) < len(entries):
        return entries
    first, last = min(found), max(found)
    if last - first >= 4 * len(found) + 1_000:
        raise ValueError(f"frame_id from {first} to {last} are too many for {len(found)} frames; cut the file")
    return [found.get(number, {"instances": []}) for number in range(first, last + 1)]


def _person(person: dict[str, Any]) -> NDArray[np.float64]:
    points = person.get("keypoints")
    width = len(points[0]) if isinstance(points, list) and points and isinstance(points[0], list) else 0
    if width not in (2, 3):
        raise ValueError("'keypoints' must be a list of [x, y] or [x, y, z]")
    xyz = numbers(points, width, "keypoints")
    score = numbers(person.get("keypoint_scores", [1.0] * len(xyz)), 1, "keypoint_scores")
    if len(score) != len(xyz):
        raise ValueError(f"{len(xyz)} keypoints have {len(score)} scores")
    return np.concatenate([xyz, score], axis=1)[: 17 if len(xyz) == 133 else None]


READER = points_reader(
    about="MMPose and RTMPose: one JSON of predictions for each clip, COCO-17, Halpe-26 or Human3.6M in 3-D",
    patterns=("*.json",),
    parse=of_bytes(parse),
    steps=("people followed over frames by distance; the two of highest score kept",),
)
