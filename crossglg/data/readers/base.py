"""What a reader is: bytes of one source format in, clips in metres with y up out."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crossglg.data.clips import SkeletonSet
from crossglg.skeletons import Layout

SourcePath = Path | zipfile.Path  # a file in a folder, or a member of a zip


@dataclass(frozen=True)
class Recording:
    """One clip as read. xyz: (M, T, V, C) float32, metres, y up; absent persons and frames without them are zero.

    class_name: "" where the source does not say;  subject, camera: −1 unknown;  notes: what reading it had to decide
    or repair ("3 of 120 frames without a person dropped"), in words. 2-D sources have C = 2, in pixels or shares of the
    image, x as in the image, y up.
    """

    xyz: NDArray[np.float32]
    layout: Layout
    sample_id: str
    class_name: str = ""
    subject: int = -1
    camera: int = -1
    fps: float = 30.0
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.xyz.ndim != 4 or self.xyz.shape[-1] not in (2, 3) or 0 in self.xyz.shape:
            raise ValueError(
                f"{self.sample_id}: a clip is (persons, frames, joints, 2 or 3), none of them 0; got {self.xyz.shape}"
            )
        self.layout.check(self.xyz, self.sample_id)
        if not np.isfinite(self.xyz).all():
            raise ValueError(f"{self.sample_id}: a coordinate is not a finite number; mend or leave out the file")

    def only(self, person: int) -> Recording:
        """One person of the clip, counted from 1; raises ValueError if the clip has not so many."""
        if not 1 <= person <= len(self.xyz):
            raise ValueError(f"{self.sample_id} has {len(self.xyz)} person(s), there is no person {person}")
        return replace(self, xyz=self.xyz[person - 1 : person])

    def to_set(self) -> SkeletonSet:
        """This clip as a SkeletonSet of one."""
        persons, frames = self.xyz.shape[:2]
        return SkeletonSet.build(
            self.xyz.reshape(persons * frames, *self.xyz.shape[2:]), [0, persons * frames], [0],
            [self.class_name or "unnamed"], self.layout, name=self.sample_id, persons=[persons],
            subject=[self.subject], camera=[self.camera], sample_id=[self.sample_id], fps=self.fps,
        )  # fmt: skip


@dataclass(frozen=True)
class Reader:
    """A source format.

    about: the data set or tool, and its paper, in a sentence;  patterns: glob patterns of its files in a folder;
    read: one file → its recordings; raises ValueError naming the file when the content is not of the format;
    steps: the named preprocessing that reading does, in order;  class_names: label order (empty: names found, sorted).
    """

    about: str
    patterns: tuple[str, ...]
    read: Callable[[SourcePath], list[Recording]]
    steps: tuple[str, ...]
    class_names: tuple[str, ...] = ()
