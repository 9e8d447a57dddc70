"""MSRC-12: continuous recordings of one gesture each as text, a row a frame: time (µs), then x, y, z, w of 20 joints.

Fothergill et al., Instructing people for training gestural interactive systems, CHI 2012. <name>.tagstream beside
<name>.csv says when a gesture was done: "XQPCTick;Tag", a tick being 1/49.875 µs. Each is one clip: cut halfway to its
neighbors, at most 1.5 s before and 1 s after. Kinect v1 axes and meters; rows of zeros are frames without a person.
"""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np

from crossglg.data.readers.base import Reader, Recording, SourcePath
from crossglg.data.readers.common import beside, text_of
from crossglg.data.readers.kinect import NOBODY_DROPPED, number_table, numbered, one_person
from crossglg.skeletons import get_layout

ACTIONS = (
    "lift outstretched arms", "duck", "push right", "put on goggles", "wind it up", "shoot a pistol", "bow", "throw",
    "had enough", "change weapon", "beat both", "kick",
)  # fmt: skip
BEFORE, AFTER = 1.5e6, 1.0e6  # µs
TICKS = 49.875  # in a µs


def parse(content: bytes, tags: bytes, name: str = "", subject: int = -1) -> list[Recording]:
    """A clip for each tag; raises ValueError if the contents are not of the format."""
    rows = number_table(content, columns=81)
    time = rows[:, 0]
    points = rows[:, 1:].reshape(-1, 20, 4)[..., :3]
    moments = _moments(tags)
    middle = [(a + b) / 2 for (a, _), (b, _) in pairwise(moments)]
    starts, ends = [-np.inf, *middle], [*middle, np.inf]
    clips = []
    for i, (moment, action) in enumerate(moments):
        own = (time >= max(starts[i], moment - BEFORE)) & (time < min(ends[i], moment + AFTER))
        xyz, notes = one_person(points[own])
        if xyz.size:
            clips.append(
                Recording(
                    xyz, get_layout("kinect20"), f"{name}_{i:02d}", numbered(ACTIONS, action), subject, notes=notes
                )
            )
    return clips


def _moments(tags: bytes) -> list[tuple[float, int]]:
    """Time (µs) and number of the gesture of each line "tick;G1 …", in order."""
    found = []
    for line in text_of(tags).splitlines()[1:]:
        match = re.match(r"\s*(\d{1,18})\s*;\D*(\d{1,2})", line, re.ASCII)
        if match is None and line.strip():
            raise ValueError(f"a line of the tagstream must be tick;gesture, got {line[:60]!r}")
        if match:
            found.append((int(match[1]) / TICKS, int(match[2])))
    return sorted(found)


def read(path: SourcePath) -> list[Recording]:
    """The clips of a file like P1_1_1A_p06.csv, subject 6, with its tagstream beside it."""
    tags = beside(path, f"{path.stem}.tagstream")
    if tags is None:
        raise ValueError(f"{path.stem}.tagstream is not beside it; it says when each gesture is done")
    subject = re.search(r"_p(\d{1,4})", path.stem, re.ASCII)
    return parse(path.read_bytes(), tags.read_bytes(), path.stem, int(subject[1]) if subject else -1)


READER = Reader(
    about="MSRC-12 (Fothergill et al. 2012): 12 gestures, 30 subjects, Kinect v1, a csv with its tagstream",
    patterns=("P*_*_p*.csv",),
    read_file=read,
    steps=("cut at the tags, halfway to the next, at most 1.5 s before and 1 s after", NOBODY_DROPPED),
    class_names=ACTIONS,
    companions=("*.tagstream",),
)
