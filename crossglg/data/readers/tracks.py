"""People who are found in every frame anew, in any order, followed over the frames of a clip."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

MAX_FRAMES, MAX_DETECTIONS, MAX_TRACKS = 100_000, 50, 500
# Somebody else is who stands farther than this from where a person was last seen (share of the whole picture, mean over
# joints), or comes after a longer absence (frames).
MAX_STEP, MAX_ABSENCE = 0.2, 30

Frame = Sequence[NDArray[np.float64]]  # of each person (V, 2 or 3), and a last channel of scores


def without_gaps(numbers: Collection[int]) -> range:
    """All frames from the first to the last of these; raises ValueError if they are too many."""
    first, last = min(numbers), max(numbers)
    if last - first >= MAX_FRAMES:
        raise ValueError(f"frames {first} to {last} are more than {MAX_FRAMES}")
    return range(first, last + 1)


def people_of(frames: Sequence[Frame], persons: int = 2) -> tuple[NDArray[np.float64], NDArray[np.float64], list[str]]:
    """The people of highest score over the clip: (M, T, V, C) coordinates, NaN where absent, (M, T, V) scores, notes.

    Detections continue the persons from whom they are the least far in all (`scipy.optimize.linear_sum_assignment`).
    Where no frame has two of them, all are of one person.
    """
    if len(frames) > MAX_FRAMES or max(map(len, frames), default=0) > MAX_DETECTIONS:
        raise ValueError(f"more than {MAX_FRAMES} frames, or {MAX_DETECTIONS} people in one, are no clip")
    found = [[person for person in frame if (person[:, -1] > 0).any()] for frame in frames]
    everybody = [person for frame in found for person in frame]
    if not everybody:
        raise ValueError("nobody is found in any frame")
    every = np.concatenate(everybody)
    reach = MAX_STEP * float(np.ptp(every[every[:, -1] > 0, :-1], axis=0).max())
    tracks: list[_Track] = []
    alone = max(map(len, found)) == 1  # however far they move between two frames
    for t, frame in enumerate(found):
        if alone and tracks and frame:
            tracks[0].see(t, frame[0])
        else:
            _follow(t, frame, tracks, reach)
    best = sorted(tracks, key=lambda track: -track.total)[:persons]
    values = np.full((len(best), len(frames), *everybody[0].shape), np.nan)
    values[..., -1] = 0.0
    for m, track in enumerate(best):
        for t, person in track.seen.items():
            values[m, t] = person
    notes = (
        [f"{len(tracks)} people were followed; the {persons} of highest score kept"] if len(tracks) > persons else []
    )
    return values[..., :-1], values[..., -1], notes


class _Track:
    """One person: where they are in each frame, and where each joint was last found."""

    def __init__(self, frame: int, person: NDArray[np.float64]) -> None:
        self.pose = person
        self.seen: dict[int, NDArray[np.float64]] = {}
        self.total = 0.0
        self.see(frame, person)

    def see(self, frame: int, person: NDArray[np.float64]) -> None:
        self.pose = np.where(person[:, -1:] > 0, person, self.pose)
        self.seen[frame], self.last = person, frame
        self.total += float(person[:, -1].sum())


def _follow(t: int, frame: Frame, tracks: list[_Track], reach: float) -> None:
    from scipy.optimize import linear_sum_assignment  # takes a while to load, and most formats do without

    alive = [track for track in tracks if t - track.last <= MAX_ABSENCE]
    distance = np.array([[_distance(track.pose, person) for person in frame] for track in alive]).reshape(
        len(alive), len(frame)
    )
    pairs = zip(*linear_sum_assignment(np.minimum(distance, 2.0 * reach)), strict=True)  # farther ones are all as bad
    seen = {int(k): alive[i] for i, k in pairs if distance[i, k] <= reach}
    for k, person in enumerate(frame):
        if k in seen:
            seen[k].see(t, person)
        else:
            tracks.append(_Track(t, person))
    if len(tracks) > MAX_TRACKS:
        raise ValueError(f"more than {MAX_TRACKS} different people are no clip")


def _distance(pose: NDArray[np.float64], person: NDArray[np.float64]) -> float:
    both = (pose[:, -1] > 0) & (person[:, -1] > 0)
    return float(np.linalg.norm(pose[both, :-1] - person[both, :-1], axis=-1).mean()) if both.any() else np.inf
