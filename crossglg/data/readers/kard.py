"""KARD, one clip as text: 15 rows a frame (head, neck, right arm, left arm, torso, right leg, left leg), x, y, z in mm.

Gaglio, Lo Re, Morana, Human activity recognition process using 3-D posture data, IEEE THMS 2015; the files called
…_realworld.txt. x is mirrored there (everybody writes and throws with the right arm, at −x): it is negated here.
"""

from __future__ import annotations

from crossglg.data.readers.base import Reader, Recording, SourcePath
from crossglg.data.readers.kinect import NOBODY_DROPPED, Clip, name_parts, number_table, numbered, one_clip, one_person
from crossglg.skeletons import get_layout

ACTIONS = (
    "horizontal arm wave", "high arm wave", "two hand wave", "catch cap", "high throw", "draw x", "draw tick",
    "toss paper", "forward kick", "side kick", "take umbrella", "bend", "hand clap", "walk", "phone call", "drink",
    "sit down", "stand up",
)  # fmt: skip
ORDER = (
    "head", "neck", "right shoulder", "right elbow", "right hand", "left shoulder", "left elbow", "left hand", "torso",
    "right hip", "right knee", "right foot", "left hip", "left knee", "left foot",
)  # fmt: skip


def parse(content: bytes) -> Clip:
    """One clip (1, T, 15, 3); raises ValueError if the content is not of the format."""
    rows = number_table(content.replace(b",", b" "), columns=3)
    if len(rows) % len(ORDER):
        raise ValueError(f"{len(rows)} rows are not 15 for each frame")
    layout = get_layout("kinect15")
    xyz = rows.reshape(-1, len(ORDER), 3)[:, [ORDER.index(joint) for joint in layout.joints]]
    return one_person(xyz * (-0.001, 0.001, 0.001))


def read(path: SourcePath) -> list[Recording]:
    """The clip of a file like a01_s01_e01_realworld.txt: action, subject, repetition."""
    parts = name_parts(path, r"(a(\d+)_s(\d+)_e\d+)_realworld\.txt", "a01_s01_e01_realworld.txt")
    name = numbered(ACTIONS, int(parts[2]))
    return one_clip(path, parse, get_layout("kinect15"), parts[1], name, int(parts[3]))


READER = Reader(
    about="KARD (Gaglio et al. 2015): 18 activities, 10 subjects, Kinect with 15 joints, one text per clip",
    patterns=("a*_s*_e*_realworld.txt",),
    read_file=read,
    steps=("x negated: the files are mirrored", NOBODY_DROPPED),
    class_names=ACTIONS,
)
