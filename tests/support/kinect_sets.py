"""What the tests of the Kinect readers share: a clip of the processed sets, and texts of numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crossglg.data.clips import SkeletonSet
from crossglg.data.readers import Recording, get_reader

ROUNDING = 1.01 / 1024  # meters: the processed sets are rounded


def genuine(shared_data: Path, reader: str) -> list[Recording]:
    """Every recording of the reader's genuine files."""
    files = sorted(file for pattern in get_reader(reader).patterns for file in (shared_data / "raw").rglob(pattern))
    return [recording for file in files for recording in get_reader(reader).read(file)]


def assert_same_as_processed(shared_data: Path, reader: str, processed: str, starts: ArrayLike = 0) -> None:
    """Each recording is the processed set's clip of the same sample_id: frames, joints, axes, units, class, subject.

    starts: how many of each recording's first frames the processed set has cut off.
    """
    clips = SkeletonSet.load(shared_data / f"{processed}.npz")
    recordings = genuine(shared_data, reader)
    for recording, start in zip(recordings, np.broadcast_to(starts, len(recordings)), strict=True):
        (i,) = np.flatnonzero(clips.sample_id == recording.sample_id)
        assert recording.xyz[:, start:].shape == clips[i].shape
        np.testing.assert_allclose(recording.xyz[:, start:], clips[i], atol=ROUNDING)
        assert recording.layout == clips.layout
        assert recording.class_name == clips.class_names[clips.label[i]]
        assert recording.subject == clips.subject[i]
        assert recording.fps == clips.fps
    assert get_reader(reader).class_names == clips.class_names


def bone_spread(recording: Recording) -> NDArray[np.floating]:
    """(bones,) standard deviation over time of each bone's length, relative to its mean."""
    xyz = recording.xyz[0]
    length = np.stack([np.linalg.norm(xyz[:, a] - xyz[:, b], axis=1) for a, b in recording.layout.bones])
    return length.std(axis=1) / length.mean(axis=1)


def side_ratio(recording: Recording) -> NDArray[np.floating]:
    """(V,) how much longer the bone of each joint is than that of its mirrored joint, 1 for the same."""
    xyz, layout = recording.xyz[0], recording.layout
    length = np.linalg.norm(xyz - xyz[:, layout.parents], axis=-1).mean(axis=0)
    length[layout.root_index] = 1.0
    return length / length[layout.mirrored]


def text_of(rows: ArrayLike, delimiter: str = " ") -> str:
    """A text table of numbers, a line per row."""
    return "".join(delimiter.join(f"{number:.6f}" for number in row) + "\n" for row in np.asarray(rows))
