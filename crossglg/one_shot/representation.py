"""What a model makes of clips: one record that holds everything a one-shot classifier may compare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crossglg.data.clips import SkeletonSet

SHAPES = {
    "z": "(N, D)", "joints": "(N, V, D)", "sequence": "(N, T', D)", "importance": "(N, V)", "motion": "(N, V)",
    "poses": "(N, T, F)", "bones": "(N, T, F)", "attributes": "(N, A)",
}  # fmt: skip


@dataclass(frozen=True)
class Representation:
    """N clips as a model sees them. All but `z` are None where there is no such thing.

    Attributes:
        z: the features that stand for a clip, `(N, D)`.
        joints: features of each joint, pooled over time, `(N, V, D)`; float16 is enough.
        sequence: features over time, pooled over joints, `(N, T', D)`; float16 is enough.
        importance: predicted, `(N, V)`, rows sum to 1.
        motion: `(N, V)` as of `motion_energy`. Nothing is learned in this and the next two.
        poses: the prepared coordinates of each frame, `(N, T, F)`.
        bones: of each frame, each joint minus its parent, `(N, T, F)`.
        attributes: how probable each one is, `(N, A)`.

    Raises:
        ValueError: a part has another shape, or another number of clips.
    """

    z: NDArray[np.floating]
    joints: NDArray[np.floating] | None = None
    sequence: NDArray[np.floating] | None = None
    importance: NDArray[np.floating] | None = None
    motion: NDArray[np.floating] | None = None
    poses: NDArray[np.floating] | None = None
    bones: NDArray[np.floating] | None = None
    attributes: NDArray[np.floating] | None = None

    def __post_init__(self) -> None:
        for name, part in self.parts().items():
            if part.ndim != SHAPES[name].count(",") + 1 or len(part) != len(self.z):
                raise ValueError(f"{name} must be {SHAPES[name]} with N={len(self.z)} as of z, got {part.shape}")

    @classmethod
    def joined(cls, members: Sequence[Representation]) -> Representation:
        """What several models make of the same clips, as one: an ensemble.

        Features stand side by side, each scaled to unit length, so that a cosine is the mean of the members' cosines;
        importance, motion and attributes are means; poses and bones are those of the first. A part that a member lacks
        is left out. One member stays as it is.
        """
        if len(members) == 1:
            return members[0]
        rows = [member.parts() for member in members]
        shared = [name for name in SHAPES if all(name in parts for parts in rows)]

        def join(name: str) -> NDArray[np.floating]:
            parts = [parts[name] for parts in rows]
            if name in ("importance", "motion", "attributes"):
                return np.mean(parts, axis=0)
            if name in ("poses", "bones"):
                return parts[0]
            return np.concatenate([unit_rows(part.astype(np.float32)).astype(part.dtype) for part in parts], axis=-1)

        return cls(**{name: join(name) for name in shared})

    def and_then(self, others: Representation) -> Representation:
        """These clips, then the others; parts that one of them lacks are left out."""
        own, theirs = self.parts(), others.parts()
        return Representation(**{name: np.concatenate([own[name], theirs[name]]) for name in own if name in theirs})

    def __len__(self) -> int:
        return len(self.z)

    def __getitem__(self, rows: ArrayLike | slice) -> Representation:
        """The clips of these rows."""
        index = rows if isinstance(rows, slice) else np.asarray(rows)
        return replace(self, **{name: part[index] for name, part in self.parts().items()})

    def parts(self) -> dict[str, NDArray[np.floating]]:
        """The arrays that are there, by name."""
        values = {spec.name: getattr(self, spec.name) for spec in fields(self)}
        return {name: value for name, value in values.items() if value is not None}


def unit_rows(z: NDArray[np.floating]) -> NDArray[np.floating]:
    """(…, D) scaled to unit length; rows of zeros stay zero."""
    return z / np.maximum(np.linalg.norm(z, axis=-1, keepdims=True), 1e-12)


def motion_energy(clips: SkeletonSet) -> NDArray[np.float64]:
    """(N, V), each joint's share of the clip's movement: mean distance per frame relative to the skeleton's root."""
    energy = np.empty((len(clips), clips.layout.num_joints))
    for i in range(len(clips)):
        clip = np.asarray(clips[i], dtype=np.float64)
        relative = clip - clip[:, :, [clips.layout.root_index]]
        seen = np.any(clip != 0, axis=(2, 3))  # (M, T)
        speed = np.linalg.norm(np.diff(relative, axis=1), axis=-1)  # (M, T − 1, V)
        speed *= (seen[:, 1:] & seen[:, :-1])[..., None]  # coming into view is no movement
        energy[i] = speed.mean((0, 1)) if speed.size else 0.0
    total = energy.sum(1, keepdims=True)
    return np.where(total > 0, energy / np.maximum(total, 1e-12), 1.0 / clips.layout.num_joints)
