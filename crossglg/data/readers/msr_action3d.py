"""MSR Action3D, the skeleton of one clip as text: a row per joint, 20 rows a frame, x y z in meters and a confidence.

Li, Zhang, Liu, Action recognition based on a bag of 3D points, CVPR Workshops 2010 ("…_skeleton3D.txt", real-world
coordinates of the Kinect). The joints stand in an order of their own. Some clips are known to be noisy; they
are read as they are.
"""

from __future__ import annotations

from crossglg.data.readers.base import Reader, Recording, SourcePath
from crossglg.data.readers.kinect import NOBODY_DROPPED, Clip, name_parts, number_table, numbered, one_clip, one_person
from crossglg.skeletons import get_layout

ACTIONS = (
    "high arm wave", "horizontal arm wave", "hammer", "hand catch", "forward punch", "high throw", "draw x",
    "draw tick", "draw circle", "hand clap", "two hand wave", "side boxing", "bend", "forward kick", "side kick",
    "jogging", "tennis swing", "tennis serve", "golf swing", "pick up and throw",
)  # fmt: skip
# Where each joint of kinect20 stands in the file.
JOINT_ORDER = (6, 3, 2, 19, 0, 7, 9, 11, 1, 8, 10, 12, 4, 13, 15, 17, 5, 14, 16, 18)


def parse(content: bytes) -> Clip:
    """One clip (1, T, 20, 3); raises ValueError if the content is not of the format."""
    rows = number_table(content, columns=4)
    if len(rows) % 20:
        raise ValueError(f"it has {len(rows)} rows, which is not 20 joints a frame")
    return one_person(rows.reshape(-1, 20, 4)[:, JOINT_ORDER, :3])


def read(path: SourcePath) -> list[Recording]:
    """The clip of a file like a01_s01_e01_skeleton3D.txt: action, subject, repetition."""
    parts = name_parts(path, r"(a(\d+)_s(\d+)_e\d+)_skeleton3D\.txt", "a01_s01_e01_skeleton3D.txt")
    name = numbered(ACTIONS, int(parts[2]))
    return one_clip(path, parse, get_layout("kinect20"), parts[1], name, int(parts[3]), fps=15.0)


READER = Reader(
    about="MSR Action3D (Li et al. 2010): 20 actions, 10 subjects, a depth sensor at 15 frames/s, one text per clip",
    patterns=("a*_s*_e*_skeleton3D.txt",),
    read_file=read,
    steps=("confidences left out", "joints in the order of kinect20", NOBODY_DROPPED),
    class_names=ACTIONS,
)
