"""What a model makes of clips: one record that holds everything a one-shot classifier may compare."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

SHAPES = {"z": "(N, D)", "joints": "(N, V, D)", "sequence": "(N, T', D)", "importance": "(N, V)"}


@dataclass(frozen=True)
class Representation:
    """N clips as a model sees them. z: (N, D), always there;  the others are None where there is no such thing.

    joints: (N, V, D) features of each joint, pooled over time;  sequence: (N, T', D) features over time, pooled over
    joints; float16 is enough for both.  importance: (N, V) predicted, rows sum to 1.  Raises ValueError for parts of
    other shapes or lengths.
    """

    z: NDArray[np.floating]
    joints: NDArray[np.floating] | None = None
    sequence: NDArray[np.floating] | None = None
    importance: NDArray[np.floating] | None = None

    def __post_init__(self) -> None:
        for name, part in self.parts().items():
            if part.ndim != SHAPES[name].count(",") + 1 or len(part) != len(self.z):
                raise ValueError(f"{name} must be {SHAPES[name]} with N={len(self.z)} as of z, got {part.shape}")

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
