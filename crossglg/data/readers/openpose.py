"""OpenPose's own output: a folder of <clip>_000000000042_keypoints.json, one file for each frame.

    {"version": 1.3, "people": [{"person_id": [-1], "pose_keypoints_2d": [x, y, score, … for each joint]}, …]}

Joints in the order of BODY_25 (OpenPose's default), BODY_25B or COCO (18), by its page "Output format"
(github.com/CMU-Perceptual-Computing-Lab/openpose, doc/02_output.md). 25 joints are BODY_25 unless layout=body25b says
otherwise. Frames are in the order of their numbers; one that is left out is a frame without anybody.
"""

from __future__ import annotations

import os
import re
import zipfile
from functools import lru_cache
from pathlib import Path
from typing import Any

from crossglg.data.readers.base import SourcePath
from crossglg.data.readers.common import folder_of
from crossglg.data.readers.json_points import followed, json_of, numbers
from crossglg.data.readers.points import Points, points_reader
from crossglg.data.readers.tracks import Frame, without_gaps

FRAME = r"(.*?)_?(\d{1,12})_keypoints\.json"


def parse(content: bytes) -> Frame:
    """The people of one frame; raises ValueError."""
    frame = json_of(content)
    people = frame.get("people") if isinstance(frame, dict) else None
    if not isinstance(people, list) or not all(isinstance(person, dict) for person in people):
        raise ValueError("it needs a list 'people'")
    found = [person.get("pose_keypoints_2d") for person in people]
    return [numbers(pose, 3, "pose_keypoints_2d") for pose in found if pose]


def read_points(path: SourcePath) -> Points:
    """The clip whose first frame `path` is; a file that is not called as a frame is a clip of one."""
    match = re.fullmatch(FRAME, path.name, re.IGNORECASE)
    if match is None:
        return points_of([parse(path.read_bytes())])
    if isinstance(path, zipfile.Path):
        archive: Any = path.root
        place, folder = Path(archive.filename), path.at.rpartition("/")[0]
    else:
        place, folder = path.parent, ""
    files = _frames_in(place, place.stat().st_mtime_ns)[folder, match[1]]
    frames = [parse((folder_of(path) / files[t]).read_bytes()) if t in files else [] for t in without_gaps(files)]
    return points_of(frames)


@lru_cache(maxsize=2)
def _frames_in(place: Path, stamp: int) -> dict[tuple[str, str], dict[int, str]]:
    """(folder, clip) → frame number → file name, of a folder or a whole zip; listed once while it is the same."""
    if place.is_dir():
        names = os.listdir(place)
    else:
        with zipfile.ZipFile(place) as archive:
            names = archive.namelist()
    frames: dict[tuple[str, str], dict[int, str]] = {}
    for name in names:
        folder, _, file = name.rpartition("/")
        if match := re.fullmatch(FRAME, file, re.IGNORECASE):
            frames.setdefault((folder, match[1]), {})[int(match[2])] = file
    return frames


def points_of(frames: list[Frame]) -> Points:
    """The people of all frames, followed."""
    return followed(frames, ("body25", "body25b", "openpose18"))


READER = points_reader(
    about="OpenPose: a folder of JSON files, one for each frame, BODY_25, BODY_25B (layout=body25b) or COCO-18",
    patterns=("*_keypoints.json",),
    parse=read_points,
    steps=("people followed over frames by distance; the two of highest score kept",),
    frame_name=FRAME,
)
