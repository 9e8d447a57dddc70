"""MARS, the Kinect v2 side of a radar data set: a csv, a row per frame, 25 joints, axes one after another.

An, Ogras, MARS: mmWave-based assistive rehabilitation system for smart healthcare, ACM TECS 2021. The axes are the
radar's: x to the subject's left, y away from the sensor, z up. Four subjects do ten rehabilitation movements; a csv is
many of them in a row and does not say which one a frame belongs to, so a recording has no class.
"""

from __future__ import annotations

import re

from crossglg.data.readers.base import Reader, Recording, SourcePath
from crossglg.data.readers.kinect import NOBODY_DROPPED, Clip, one_clip, one_person, sdk_table
from crossglg.skeletons import get_layout


def parse(content: bytes) -> Clip:
    """One clip (1, T, 25, 3); raises ValueError if the content is not of the format."""
    xyz = sdk_table(content, get_layout("ntu25"))
    return one_person(xyz[..., [0, 2, 1]] * (-1.0, 1.0, 1.0))


def read(path: SourcePath) -> list[Recording]:
    """The whole csv as one clip; a subject in the name (subject3_…) is read from it."""
    subject = re.search(r"subject(\d{1,9})", path.name)
    number = int(subject[1]) if subject else -1
    return one_clip(path, parse, get_layout("ntu25"), path.name.removesuffix(".csv"), "", number, fps=10.0)


READER = Reader(
    about="MARS (An & Ogras 2021): 10 unlabeled rehabilitation movements, 4 subjects, Kinect v2 at the radar's 10 Hz",
    patterns=("*kinect_data*.csv",),
    read_file=read,
    steps=("turned from the radar's axes (z up) to the camera's (y up, subject's left −x)", NOBODY_DROPPED),
)
