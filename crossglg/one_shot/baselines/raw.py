"""Raw coordinates: no learning at all, the line every learned feature must clear."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from crossglg.data.clips import SkeletonSet
from crossglg.data.transforms import DeviceClips, Preprocessing
from crossglg.one_shot.representation import Representation
from crossglg.skeletons import Layout


def raw_coordinates(clips: SkeletonSet, frames: int = 32, prepare: Preprocessing | None = None) -> NDArray[np.float32]:
    """(N, M·T·V·C): resampled, prepared coordinates, flattened. prepare: default centre, align_view, scale_torso;
    nothing without hips or shoulders."""
    return prepared_clips(clips, frames, prepare).flatten(1).numpy()


def raw_poses(clips: SkeletonSet) -> Representation:
    """The same as a representation with a pose for each frame, for classifiers that warp time."""
    x = prepared_clips(clips)
    return Representation(x.flatten(1).numpy(), poses=x.transpose(1, 2).flatten(2).numpy())


def prepared_clips(clips: SkeletonSet, frames: int = 32, prepare: Preprocessing | None = None) -> Tensor:
    """(N, M, T, V, C) of `raw_coordinates`."""
    x, _ = DeviceClips(clips).batch(torch.arange(len(clips)), frames)
    return (prepare or _usual(clips.layout))(x)


def _usual(layout: Layout) -> Preprocessing:
    """The default steps; none for a skeleton without the joints that they measure, such as a hand."""
    measured = all(layout.has(f"{side} {joint}") for side in ("left", "right") for joint in ("hip", "shoulder"))
    return Preprocessing(layout) if measured else Preprocessing(layout, coordinate_steps=())
