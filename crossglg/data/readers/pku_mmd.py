"""PKU-MMD: continuous recordings with label intervals (Liu et al., 2017), phases I and II.

One text file for each video and view: 150 floats a line, two bodies × 25 joints (order of NTU RGB+D) × xyz, in meters
in the camera frame of the Kinect, y up. A text file of the same name in a folder of labels holds one interval a line,
`action,start,end,confidence`; a clip is the lines start … end − 1. The k-th interval, from 1, is named `<video>_<k>`.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from crossglg.data.readers.base import Reader, Recording, SourcePath
from crossglg.data.readers.common import beside, class_name, reading, seen_people, tell_left_out
from crossglg.skeletons import get_layout

PERSONS, JOINTS = 2, 25
CAMERAS = {"L": 1, "M": 2, "R": 3}
# Where the labels of a skeleton file are looked for: in these folders beside its own folder, then inside it.
LABEL_FOLDERS = (
    "Label_PKU_final", "Label_PKU_final_v2", "Train_Label_PKU_final", "Train_Label_PKU_final_v2", "Label", "labels",
)  # fmt: skip
# The 51 actions in the order of their numbers, from 1. Phase II films 41 of them.
CLASS_NAMES = (
    "bow", "brushing hair", "brushing teeth", "check time (from watch)", "cheer up", "clapping",
    "cross hands in front (say stop)", "drink water", "drop", "eat meal/snack", "falling",
    "giving something to other person", "hand waving", "handshaking", "hopping (one foot jumping)",
    "hugging other person", "jump up", "kicking other person", "kicking something",
    "make a phone call/answer phone", "pat on back of other person", "pickup", "playing with phone/tablet",
    "point finger at the other person", "pointing to something with finger", "punching/slapping other person",
    "pushing other person", "put on a hat/cap", "put something inside pocket", "reading", "rub two hands together",
    "salute", "sitting down", "standing up", "take off a hat/cap", "take off glasses", "take off jacket",
    "take out something from pocket", "taking a selfie", "tear up paper", "throw", "touch back (backache)",
    "touch chest (stomachache/heart pain)", "touch head (headache)", "touch neck (neckache)", "typing on a keyboard",
    "use a fan (with hand or paper)/feeling warm", "wear jacket", "wear on glasses", "wipe face", "writing",
)  # fmt: skip
_INTERVAL = re.compile(r"\s*(\d{1,9})\s*,\s*(\d{1,9})\s*,\s*(\d{1,9})\s*(?:,\s*\d+(?:\.\d*)?\s*)?", re.ASCII)
_VIDEO = re.compile(r"(?:A\d+N(?P<subject>\d+)|\d+)-(?P<camera>[LMR])")  # A01N02-L (phase II), 0002-M (phase I)


def read(path: SourcePath) -> list[Recording]:
    """The labeled clips of one video and view; raises ValueError also when no label file is found."""
    labels = beside(path, *(f"{folder}/{path.name}" for folder in LABEL_FOLDERS))
    if labels is None:
        raise ValueError(
            f"it has no label file: {path.name} was looked for in the folders {', '.join(LABEL_FOLDERS)}, "
            f"beside the folder of the skeletons and inside it; put the labels into one of them"
        )
    return parse(path.read_bytes(), labels.read_bytes(), path.stem)


def parse(content: bytes, labels: bytes, video: str) -> list[Recording]:
    """Cut the clips of one video; raises ValueError.

    video: its name, which tells subject (phase II only) and camera (L, M, R → 1, 2, 3). Intervals that end after the
    recording are cut there; a clip in which nobody is seen is left out.
    """
    with reading("a PKU-MMD recording"):
        xyz = _coordinates(content)
        match = _VIDEO.fullmatch(video)
        subject = int(match["subject"]) if match and match["subject"] else -1
        camera = CAMERAS[match["camera"]] if match else -1
        recordings, empty = [], []
        for k, (action, start, end) in enumerate(_intervals(labels, len(xyz)), 1):
            clip = xyz[start:end].transpose(1, 0, 2, 3)
            people = seen_people(clip, (clip != 0).any(axis=(2, 3)))
            if people.size == 0:
                empty.append(f"{video}_{k}")
                continue
            late = end - len(xyz)
            recordings.append(
                Recording(
                    people,
                    get_layout("ntu25"),
                    f"{video}_{k}",
                    class_name=class_name(action - 1, CLASS_NAMES),
                    subject=subject,
                    camera=camera,
                    notes=(f"its interval ends {late} frames after the recording",) if late > 0 else (),
                )
            )
        return tell_left_out(recordings, empty)


def _coordinates(content: bytes) -> NDArray[np.float32]:
    """(T, 2, 25, 3)."""
    text = content.decode("ascii")
    if not text.strip():
        raise ValueError("it is empty")
    rows = np.loadtxt(io.StringIO(text), dtype=np.float32, comments=None, ndmin=2)
    width = PERSONS * JOINTS * 3
    if rows.shape[1] != width:
        raise ValueError(f"a line must hold {width} numbers (2 bodies × 25 joints × xyz), got {rows.shape[1]}")
    if not np.isfinite(rows).all():
        raise ValueError("a coordinate is not a finite number")
    return rows.reshape(-1, PERSONS, JOINTS, 3)


def _intervals(labels: bytes, frames: int) -> Iterator[tuple[int, int, int]]:
    """(action, start, end) of each line of a label file."""
    lines = [line for line in labels.decode("ascii", errors="replace").splitlines() if line.strip()]
    if not lines:
        raise ValueError("its label file is empty")
    for k, line in enumerate(lines, 1):
        match = _INTERVAL.fullmatch(line)
        if match is None:
            raise ValueError(f"line {k} of its label file is not 'action,start,end,confidence': {line[:60]!r}")
        action, start, end = map(int, match.groups())
        if not 1 <= action <= len(CLASS_NAMES):
            raise ValueError(f"line {k} of its label file has action {action}; there are 1…{len(CLASS_NAMES)}")
        if not start < min(end, frames):
            raise ValueError(f"line {k} of its label file, {start}…{end}, holds no frame of the {frames} recorded")
        yield action, start, end


READER = Reader(
    about="PKU-MMD I and II (Liu et al., 2017): continuous Kinect v2 recordings, cut at their label intervals",
    patterns=("*[Ss]keleton*/*-[LMR].txt",),
    read_file=read,
    steps=(
        "clips cut out at the label intervals",
        "bodies that are never seen in a clip dropped; clips without any body left out",
    ),
    class_names=CLASS_NAMES,
    companions=tuple(f"{folder}/*.txt" for folder in LABEL_FOLDERS),
)
