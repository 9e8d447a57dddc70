"""What the figures and the player share: the colors, the order of joints and the checks of what comes in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.resources import files

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crossglg.skeletons import Layout

Floats = NDArray[np.float64]

INK, GRAY, FLOOR, PALE = "#222222", "#8a8a8a", "#c4c4c4", "#e6e6e6"
# ColorBrewer's YlGnBu without its lightest end, which would vanish on white: the important joint is the dark one, also
# in gray print and for the color-blind.
RAMP = (
    "#e9f7b1", "#c8e9b4", "#8cd2ba", "#53bdc1", "#2da2c2", "#1f7bb6", "#2352a3", "#21308b", "#081d58",
)  # fmt: skip
# Okabe and Ito's colors that read well as lines on white.
SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
SIDES = {"left": "#0072b2", "right": "#d55e00", "": "#555555"}


def as_clip(clip: ArrayLike, layout: Layout, what: str = "clip") -> Floats:
    """(M, T, V, C) or (T, V, C) → (M, T, V, C) float; raises ValueError naming the axes and the layout."""
    xyz = np.asarray(clip, dtype=np.float64)
    if xyz.ndim == 3:
        xyz = xyz[None]
    if xyz.ndim != 4 or xyz.shape[-1] not in (2, 3) or 0 in xyz.shape:
        raise ValueError(
            f"{what} must be (M, T, V, C) or (T, V, C) with V = {layout.num_joints} joints of layout {layout.name!r} "
            f"and C = 2 or 3; got shape {np.shape(clip)}"
        )
    layout.check(xyz, what)
    return _finite(xyz, what)


def as_array(values: ArrayLike, shape: tuple[int, ...], axes: str, what: str) -> Floats:
    """`values` as float of exactly `shape`; `axes` names the shape in the error, e.g. "(V,)"."""
    array = np.asarray(values, dtype=np.float64)
    if array.shape != shape:
        raise ValueError(f"{what} must be {axes} = {shape}; got shape {array.shape}")
    return _finite(array, what)


def per_joint(values: ArrayLike, layout: Layout, what: str = "importance") -> Floats:
    """`values` as float, (V,): one for each joint of the layout."""
    return as_array(values, (layout.num_joints,), "(V,)", f"{what} of layout {layout.name!r}")


def joint_order(layout: Layout) -> list[int]:
    """Joint indices body part by body part."""
    return [j for joints in layout.parts.values() for j in joints]


def part_runs(parts: Mapping[str, Sequence[int]]) -> Iterator[tuple[str, int, int]]:
    """(part, start, stop) of each body part along an axis ordered by body part, empty ones left out."""
    start = 0
    for part, joints in parts.items():
        if joints:
            yield part, start, start + len(joints)
            start += len(joints)


def side_of_joints(layout: Layout) -> list[str]:
    """(V,) "left", "right" or "" for each joint, from the person's own point of view."""
    return [next((word for word in joint.split() if word in ("left", "right")), "") for joint in layout.joints]


def value_range(values: Iterable[ArrayLike]) -> tuple[float, float]:
    """Smallest and largest of all values, a little apart where they are all the same."""
    arrays = [np.asarray(v, dtype=np.float64) for v in values]
    low, high = min(float(a.min()) for a in arrays), max(float(a.max()) for a in arrays)
    return (low, high) if high > low else (low - 0.5 * abs(low) - 1e-6, high + 0.5 * abs(high) + 1e-6)


def _finite(array: Floats, what: str) -> Floats:
    if not np.isfinite(array).all():
        raise ValueError(f"{what} has values that are not finite; interpolate gaps or set absent persons to zero")
    return array


def player_file(name: str) -> str:
    """A file of the player that lies beside this module: player.js, drawing.js or player.css."""
    return (files("crossglg.viz") / name).read_text(encoding="utf-8")


def player_script() -> str:
    """The player as one module: what it draws with, then the player itself."""
    return player_file("drawing.js") + player_file("player.js")
