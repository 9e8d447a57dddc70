"""What readers of key points in JSON share: the content, lists of numbers, people followed over frames."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossglg.data.readers.common import reading, text_of
from crossglg.data.readers.points import Points
from crossglg.data.readers.tracks import Frame, people_of

LARGEST = 1e7  # no coordinate in pixels or millimeters is larger


def json_of(content: bytes) -> Any:
    """The content of a JSON file; raises ValueError."""
    with reading("JSON"):
        return json.loads(text_of(content))


def numbers(values: Any, width: int, what: str) -> NDArray[np.float64]:
    """(V, width) of a flat list of V × width numbers, or of a list of V lists; raises ValueError."""
    try:
        array = np.array(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{what} must be a list of numbers") from None
    if (
        array.ndim not in (1, 2)
        or array.size % width
        or not array.size
        or (array.ndim == 2 and array.shape[1] != width)
    ):
        raise ValueError(f"{what} must be {width} numbers for each joint, these are {array.shape}")
    if not (np.abs(array) < LARGEST).all():
        raise ValueError(f"{what} has a number that is no coordinate")
    return array.reshape(-1, width)


def followed(frames: Sequence[Frame], layouts: tuple[str, ...]) -> Points:
    """The points of the people in the frames, all with the same number of joints; raises ValueError."""
    counts = {len(person) for frame in frames for person in frame}
    if len(counts) > 1:
        raise ValueError(f"people have {' and '.join(map(str, sorted(counts)))} joints; give files of one model")
    xyz, score, notes = people_of(frames)
    return Points(xyz, score, layouts=layouts, notes=tuple(notes))
