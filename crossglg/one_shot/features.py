"""What classifiers are handed: exemplars, queries, and statistics of the base clips."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossglg.data.clips import SkeletonSet
from crossglg.data.tasks import Task
from crossglg.one_shot.representation import Representation
from crossglg.one_shot.representation import unit_rows as unit_rows

Array = NDArray[np.floating]


@dataclass(frozen=True)
class Base:
    """The base clips, all that a classifier may know besides exemplars and queries.

    Attributes:
        clips: their representations.
        label: their classes, `(N,)`.
    """

    clips: Representation
    label: NDArray[np.int64]

    @cached_property
    def whitening(self) -> Whitening:
        """Of the pooled features z."""
        return Whitening.of(self.clips.z, self.label)

    @cached_property
    def joint_mean(self) -> Array:
        """(V, D) mean features of each joint."""
        return np.mean(part(self.clips, "joints"), axis=0, dtype=np.float32)

    @cached_property
    def joint_whitening(self) -> tuple[Whitening, ...]:
        """Of the features of each joint."""
        joints = part(self.clips, "joints")
        return tuple(Whitening.of(joints[:, v].astype(np.float32), self.label) for v in range(joints.shape[1]))

    @cached_property
    def sequence_mean(self) -> Array:
        """(T', D) mean features at each time step."""
        return np.mean(part(self.clips, "sequence"), axis=0, dtype=np.float32)


@dataclass(frozen=True)
class Features:
    """Representations of a task's clips.

    Attributes:
        base: the base clips with their labels.
        novel: the N novel clips, in the order of `task.novel`.
        mirrored: their mirror images, for classifiers that may take them as exemplars, or None.
    """

    base: Base
    novel: Representation
    mirrored: Representation | None = None

    @classmethod
    def of(cls, task: Task, embed: Callable[[Any], Representation | Array], mirrored: bool = False) -> Features:
        """Represent every clip of a task once, if `mirrored` the mirror images of the novel ones, too.

        embed: SkeletonSet → Representation, or its z (N, D) alone.
        """

        def represent(clips: SkeletonSet) -> Representation:
            found = embed(clips)
            return found if isinstance(found, Representation) else Representation(found)

        base = Base(represent(task.base), task.base.label)
        return cls(base, represent(task.novel), represent(task.novel.mirrored()) if mirrored else None)


@dataclass(frozen=True)
class Whitening:
    """Takes away what varies within classes. center: (D,) mean of the class means;  matrix: (D, D)."""

    center: Array
    matrix: Array

    @classmethod
    def of(cls, rows: Array, label: NDArray[np.int64], shrinkage: float = 0.5) -> Whitening:
        """From the covariance within classes, drawn toward a sphere of the same size by `shrinkage`, 0…1.

        rows: (N, D).  Source: within-class covariance normalization (Hatch, Kajarekar and Stolcke, Interspeech 2006).
        """
        _, of_clip = np.unique(label, return_inverse=True)
        means = class_means(rows, label)
        within = np.cov((rows - means[of_clip]).T)
        size = np.trace(within) / len(within)
        values, vectors = np.linalg.eigh((1.0 - shrinkage) * within + shrinkage * size * np.eye(len(within)))
        return cls(means.mean(0), vectors / np.sqrt(np.maximum(values, 1e-12)))

    def __call__(self, rows: Array) -> Array:
        """(…, D) → (…, D)."""
        return (rows - self.center) @ self.matrix


def part(clips: Representation, name: str) -> Array:
    """An array of a representation; raises ValueError if it is not there."""
    found = clips.parts().get(name)
    if found is None:
        raise ValueError(f"the classifier compares {name}, which this representation has not")
    return found


def class_means(rows: Array, label: NDArray[np.int64]) -> Array:
    """(K, …) mean of the rows of each class that has any."""
    return np.stack([rows[label == k].mean(0) for k in np.unique(label)])
