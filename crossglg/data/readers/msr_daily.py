"""MSRDailyActivity3D, one clip as text: rows of frame, joint (1 … 20), x, y, z in meters, in kinect20's order.

Wang et al., Mining actionlet ensemble for action recognition with depth cameras, CVPR 2012 ("…_skeleton_proj.txt").
Half of the clips are seated, where the sensor guesses the legs.
"""

from __future__ import annotations

import numpy as np

from crossglg.data.readers.base import Reader, Recording, SourcePath
from crossglg.data.readers.kinect import NOBODY_DROPPED, Clip, name_parts, number_table, numbered, one_clip, one_person
from crossglg.skeletons import get_layout

ACTIONS = (
    "drink", "eat", "read book", "call on cellphone", "write on paper", "use laptop", "use vacuum cleaner",
    "cheer up", "sit still", "toss paper", "play game", "lie down on sofa", "walk", "play guitar", "stand up",
    "sit down",
)  # fmt: skip


def parse(content: bytes) -> Clip:
    """One clip (1, T, 20, 3); raises ValueError if the content is not of the format."""
    rows = number_table(content, columns=5)
    if len(rows) % 20 or not np.array_equal(rows[:, 1], np.tile(np.arange(1, 21), len(rows) // 20)):
        raise ValueError("every frame needs the joints 1 … 20, in this order, in the second column")
    frame = rows[:, 0].reshape(-1, 20)
    if (frame != frame[:, :1]).any() or (np.diff(frame[:, 0]) <= 0).any():
        raise ValueError("the frame numbers of the first column must grow by joint 20, and only there")
    return one_person(rows[:, 2:].reshape(-1, 20, 3))


def read(path: SourcePath) -> list[Recording]:
    """The clip of a file like a01_s01_e01_skeleton_proj.txt: action, subject, repetition (2: seated or standing)."""
    parts = name_parts(path, r"(a(\d+)_s(\d+)_e\d+)_skeleton_proj\.txt", "a01_s01_e01_skeleton_proj.txt")
    name = numbered(ACTIONS, int(parts[2]))
    return one_clip(path, parse, get_layout("kinect20"), parts[1], name, int(parts[3]))


READER = Reader(
    about="MSRDailyActivity3D (Wang et al. 2012): 16 actions, 10 subjects, Kinect v1, one text per clip",
    patterns=("a*_s*_e*_skeleton_proj.txt",),
    read_file=read,
    steps=(NOBODY_DROPPED,),
    class_names=ACTIONS,
)
