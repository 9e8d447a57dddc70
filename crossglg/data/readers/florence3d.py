"""Florence 3D Actions: one text of all clips, a row a frame: video, actor, category, then 15 joints, x, y, z.

Seidenari et al., Recognizing actions from depth cameras as weakly aligned multi-part bag-of-poses, CVPR Workshops 2013;
Florence_dataset_WorldCoordinates.txt, whose readme lists the joints: head, neck, spine, left arm, right arm, left leg,
right leg. What it calls wrists and ankles are NITE's hands and feet. No frame rate is given: 10 a second is a guess
from how fast people move.
"""

from __future__ import annotations

import numpy as np

from crossglg.data.readers.base import Reader, Recording, SourcePath
from crossglg.data.readers.common import class_name
from crossglg.data.readers.kinect import number_table
from crossglg.data.readers.points import Points, recording

ACTIONS = (
    "wave", "drink from a bottle", "answer phone", "clap", "tight lace", "sit down", "stand up", "read watch", "bow",
)  # fmt: skip


def read(path: SourcePath) -> list[Recording]:
    """All clips of the file."""
    return parse(path.read_bytes())


def parse(content: bytes) -> list[Recording]:
    """All clips; raises ValueError if the content is not of the format."""
    rows = number_table(content.replace(b",", b" "), columns=48)
    who = rows[:, :3]
    if not np.isfinite(rows).all() or (who != who.astype(np.int64)).any() or (who < 1).any():
        raise ValueError("a row must begin with the numbers of video, actor and category, from 1")
    clips = []
    for video in np.unique(who[:, 0]):
        own = rows[who[:, 0] == video]
        _, actor, category = own[0, :3].astype(int)
        points = Points(
            own[None, :, 3:].reshape(1, -1, 15, 3), layouts=("kinect15",), fps=10.0,
            class_name=class_name(category - 1, ACTIONS), subject=int(actor),
        )  # fmt: skip
        clips.append(recording(points, f"video{int(video):03d}"))
    return clips


READER = Reader(
    about="Florence 3D Actions (Seidenari et al. 2013): 9 actions, 10 subjects, Kinect with 15 joints, one text of all",
    patterns=("*WorldCoordinates*.txt",),
    read_file=read,
    steps=("cut into clips by the number of the video", "scaled to meters by the torso", "10 frames a second assumed"),
    class_names=ACTIONS,
)
