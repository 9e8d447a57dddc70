"""UTKinect-Action3D: joints_s01_e01.txt, a row per frame (its number, then 20 × x y z in meters), and actionLabel.txt.

Xia, Chen, Aggarwal, View invariant human action recognition using histograms of 3D joints, CVPR Workshops 2012. A file
is one recording of ten actions; actionLabel.txt, beside it or one folder up, gives the first and last frame number of
each. Only frames in which a person was tracked are in the file, about 15 a second; some stand there twice with slightly
different joints of the same person (of these the first is taken).
"""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from crossglg.data.readers.base import Reader, Recording, SourcePath
from crossglg.data.readers.common import beside
from crossglg.data.readers.kinect import NOBODY_DROPPED, Clip, name_parts, number_table, one_person
from crossglg.skeletons import get_layout

ACTIONS = {
    "walk": "walk", "sitDown": "sit down", "standUp": "stand up", "pickUp": "pick up", "carry": "carry",
    "throw": "throw", "push": "push", "pull": "pull", "waveHands": "wave hands", "clapHands": "clap hands",
}  # fmt: skip
# The authors' frame_indices.mat, which is younger than actionLabel.txt, has other numbers for these and the same for
# the rest. "push: 2556 3622" for one is a slip of the pen: it runs over the throw before it.
CORRECTED = {
    ("s01_e02", "walk"): (154, 270), ("s03_e01", "push"): (3556, 3622), ("s07_e01", "pull"): (3432, 3522),
    ("s07_e02", "pull"): (2530, 2618), ("s09_e01", "push"): (3266, 3300), ("s10_e01", "carry"): (1394, 1676),
    ("s10_e02", "pull"): (1994, 2062),
}  # fmt: skip

LABELS = "actionLabel.txt"
Intervals = dict[str, tuple[int, int]]  # action → first and last frame number


def parse(content: bytes, intervals: Intervals) -> dict[str, Clip]:
    """Action → its clip (1, T, 20, 3), T = 0 where nobody was tracked; raises ValueError for another format."""
    rows = number_table(content, columns=61)
    _, first_of_frame = np.unique(rows[:, 0], return_index=True)
    rows = rows[first_of_frame]
    return {
        action: one_person(rows[(rows[:, 0] >= first) & (rows[:, 0] <= last), 1:].reshape(-1, 20, 3))
        for action, (first, last) in intervals.items()
    }


def parse_labels(content: bytes) -> dict[str, Intervals]:
    """Recording ("s01_e01") → its intervals; an action without numbers ("carry: NaN NaN") is left out."""
    recordings: dict[str, Intervals] = {}
    name = ""
    for line in content.decode("ascii", errors="replace").splitlines():
        if re.fullmatch(r"s\d+_e\d+", line.strip()):
            name = line.strip()
            recordings[name] = {}
        elif match := re.fullmatch(r"(\w+):\s*(\d{1,9}|NaN)\s+(\d{1,9}|NaN)", line.strip()):
            if match[1] not in ACTIONS or not name:
                raise ValueError(
                    f"{LABELS}: {line.strip()!r} is no action of a recording; actions: {', '.join(ACTIONS)}"
                )
            if "NaN" not in match.groups():
                recordings[name][match[1]] = int(match[2]), int(match[3])
        elif line.strip():
            raise ValueError(
                f"{LABELS}: {line.strip()[:80]!r} is neither a recording (s01_e01) nor an interval (walk: 252 390)"
            )
    return recordings


def read(path: SourcePath) -> list[Recording]:
    """A recording's clips, one per interval of actionLabel.txt; raises ValueError without that file."""
    parts = name_parts(path, r"joints_(s(\d+)_e\d+)\.txt", "joints_s01_e01.txt")
    labels = beside(path, LABELS)
    if labels is None:
        raise ValueError(f"{LABELS}, which says when each action is, is neither beside nor above it")
    intervals = parse_labels(labels.read_bytes()).get(parts[1])
    if not intervals:
        raise ValueError(f"{LABELS} has no interval for {parts[1]}")
    corrected = {action: CORRECTED[parts[1], action] for action in intervals if (parts[1], action) in CORRECTED}
    clips = parse(path.read_bytes(), intervals | corrected)
    recordings = []
    for action, (xyz, notes) in clips.items():
        if not xyz.size:
            continue
        if action in corrected:
            first, last = corrected[action]
            notes += (f"frames {first} to {last} as in frame_indices.mat, not {intervals[action]}",)
        sample_id, subject = f"{parts[1]}_{action}", int(parts[2])
        recordings.append(
            Recording(xyz, get_layout("kinect20"), sample_id, ACTIONS[action], subject, fps=15.0, notes=notes)
        )
    empty = [action for action, (xyz, _) in clips.items() if not xyz.size]
    if recordings and empty:
        told = (*recordings[0].notes, f"left out, as nobody is seen: {', '.join(empty)}")
        recordings[0] = replace(recordings[0], notes=told)
    return recordings


READER = Reader(
    about="UTKinect-Action3D (Xia et al. 2012): 10 actions, 10 subjects, Kinect v1, recordings of ten actions",
    patterns=("joints_s*_e*.txt",),
    read_file=read,
    steps=(
        "of rows with one frame number the first kept",
        "cut at the intervals of actionLabel.txt, seven of them corrected",
        NOBODY_DROPPED,
    ),
    class_names=tuple(ACTIONS.values()),
    companions=(LABELS,),
)
