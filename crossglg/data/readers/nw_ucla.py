"""Northwestern-UCLA Multiview Action3D, the JSON of one clip: {"file_name", "skeletons": frames × 20 × 3, "label"}.

Wang et al., Cross-view action modeling, learning and recognition, CVPR 2014. Meters and Kinect axes as they are.
"""

from __future__ import annotations

import json

import numpy as np

from crossglg.data.readers.base import Reader, Recording, SourcePath
from crossglg.data.readers.kinect import NOBODY_DROPPED, Clip, name_parts, one_clip, one_person
from crossglg.skeletons import get_layout

ACTIONS = {  # the set has no 7 and no 10
    1: "pick up with one hand", 2: "pick up with two hands", 3: "drop trash", 4: "walk around", 5: "sit down",
    6: "stand up", 8: "donning", 9: "doffing", 11: "throw", 12: "carry",
}  # fmt: skip


def parse(content: bytes) -> Clip:
    """One clip (1, T, 20, 3); raises ValueError if the content is not of the format."""
    try:
        xyz = np.array(json.loads(content)["skeletons"], dtype=np.float64)
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise ValueError('it is not JSON with "skeletons", a list of frames of 20 joints (x, y, z)') from error
    if xyz.ndim != 3 or xyz.shape[1:] != (20, 3):
        raise ValueError(f'"skeletons" must be (frames, 20, 3), these are {xyz.shape}')
    return one_person(xyz)


def read(path: SourcePath) -> list[Recording]:
    """The clip of a file like a01_s01_e00_v01.json: action, subject, repetition, view."""
    parts = name_parts(path, r"(a(\d+)_s(\d+)_e\d+_v(\d+))\.json", "a01_s01_e00_v01.json")
    action, subject, view = map(int, parts.group(2, 3, 4))
    if action not in ACTIONS:
        raise ValueError(f"the name says action {action}; the set has {', '.join(map(str, ACTIONS))}")
    return one_clip(path, parse, get_layout("kinect20"), parts[1], ACTIONS[action], subject, view)


READER = Reader(
    about="Northwestern-UCLA (Wang et al. 2014): 10 actions, 10 subjects, three Kinect v1 views, one JSON per clip",
    patterns=("a*_s*_e*_v*.json",),
    read_file=read,
    steps=(NOBODY_DROPPED,),
    class_names=tuple(ACTIONS.values()),
)
