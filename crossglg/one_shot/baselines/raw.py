"""Raw coordinates: no learning at all, the line every learned feature must clear."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from crossglg.data.clips import SkeletonSet
from crossglg.data.transforms import DeviceClips, Preprocessing, bones, possible_steps
from crossglg.one_shot.representation import Representation

AT_ONCE = 256  # clips: all of NTU RGB+D at once would take gigabytes


def raw_coordinates(clips: SkeletonSet, frames: int = 32, prepare: Preprocessing | None = None) -> NDArray[np.float32]:
    """(N, M·T·V·C): resampled, prepared coordinates, flattened.

    prepare: default center, align_view and scale_torso, as far as the layout has their joints.
    """
    return prepared_clips(clips, frames, prepare).flatten(1).numpy()


def raw_poses(clips: SkeletonSet) -> Representation:
    """The same as a representation with joints and bones of each frame, for classifiers that warp time."""
    x = prepared_clips(clips)
    poses, vectors = (part.transpose(1, 2).flatten(2).numpy() for part in (x, bones(x, clips.layout)))
    return Representation(x.flatten(1).numpy(), poses=poses, bones=vectors)


def prepared_clips(clips: SkeletonSet, frames: int = 32, prepare: Preprocessing | None = None) -> Tensor:
    """(N, M, T, V, C) of `raw_coordinates`."""
    usual = possible_steps(clips.layout, Preprocessing.coordinate_steps)
    prepare = prepare or Preprocessing(clips.layout, coordinate_steps=usual)
    on_device, persons = DeviceClips(clips), int(clips.persons.max())
    batches = []
    for index in torch.arange(len(clips)).split(AT_ONCE):
        x, _ = on_device.batch(index, frames)
        batches.append(F.pad(prepare(x), (0, 0) * 3 + (0, persons - x.shape[1])))
    return torch.cat(batches)
