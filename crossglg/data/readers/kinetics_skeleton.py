"""Kinetics-skeleton: OpenPose's 18 key points of Kinetics-400 videos, one JSON for each clip (ST-GCN, AAAI 2018).

    {"data": [{"frame_index": 1, "skeleton": [{"pose": [x, y, … 18 times], "score": [18 numbers]}, …]}, …],
     "label": "abseiling", "label_index": 0}

x and y are fractions of the image's width and height, y down; here both are centered by 0.5, so from −0.5 to 0.5, and y
is up (x as in the image: the subject's left is +x when facing the camera). A joint of score 0 was not found.

The persons of a frame come in any order. ST-GCN keeps the two of highest summed score in each frame, so that a clip's
"first person" may be somebody else in the next frame; here people are followed (`two_by_track`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossglg.data.readers.base import Reader, Recording, SourcePath
from crossglg.data.readers.common import reading, text_of
from crossglg.skeletons import get_layout

JOINTS, PERSONS = 18, 2
MAX_FRAMES, MAX_DETECTIONS = 20_000, 20  # Kinetics has 300 frames of at most 5 people
# A detection farther than this from where a person was last seen (share of the image, mean over joints), or after a
# longer absence (frames), is somebody else.
MAX_STEP, MAX_ABSENCE = 0.2, 30

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Detections:
    """People found in each frame, in any order. pose: (T, P, 18, 2), y up;  score: (T, P, 18), 0 for not found."""

    pose: Array
    score: Array


def read(path: SourcePath) -> list[Recording]:
    """The clip of one file, two persons followed over time; [] when nobody is seen in it."""
    return parse(path.read_bytes(), path.stem)


def parse(content: bytes, sample_id: str) -> list[Recording]:
    """The clip of one JSON; raises ValueError.

    Joints that were not found are filled in (see `fill_joints`), and the notes say how many.
    """
    with reading("Kinetics-skeleton JSON"):
        clip = json.loads(text_of(content))
        if _is_label_table(clip):
            return []
        if not isinstance(clip, dict) or not isinstance(clip.get("data"), list):
            raise ValueError("it needs a list 'data' of frames")
        people = two_by_track(_detections(clip["data"]))
        kept = np.flatnonzero((people.score > 0).any(axis=(0, 2)))
        if not kept.size:
            return []
        people = replace(people, pose=people.pose[:, kept], score=people.score[:, kept])
        xyz, filled = fill_joints(people)
        joints = int((people.score > 0).any(axis=2).sum()) * JOINTS
        notes = (f"{filled} of {joints} joints not found: interpolated, or put at the neck",) if filled else ()
        label = clip.get("label", "")
        if not isinstance(label, str):
            raise ValueError(f"'label' must be a text, got a {type(label).__name__}")
        return [Recording(xyz, get_layout("openpose18"), sample_id, class_name=label, notes=notes)]


def two_by_track(found: Detections) -> Detections:
    """Follow people: a detection continues the person who was last seen nearest, the nearest pair of a frame first.

    The two persons of highest score summed over the clip are kept, the higher first.
    """
    tracks: list[_Track] = []
    alive: list[_Track] = []
    for t in range(len(found.pose)):
        new = [int(p) for p in np.flatnonzero((found.score[t] > 0).any(axis=1))]
        alive = [track for track in alive if t - track.last <= MAX_ABSENCE]
        distance = _distances(alive, found.pose[t, new], found.score[t, new] > 0)
        left = set(new)
        while distance.size and distance.min() < MAX_STEP:
            i, k = divmod(int(distance.argmin()), distance.shape[1])
            alive[i].see(t, new[k], found)
            left.remove(new[k])
            distance[i], distance[:, k] = np.inf, np.inf
        for p in sorted(left):
            alive.append(_Track())
            alive[-1].see(t, p, found)
            tracks.append(alive[-1])
    best = sorted(tracks, key=lambda track: -track.total)[:PERSONS]
    index = np.full((len(found.pose), len(best)), -1)
    for m, track in enumerate(best):
        index[list(track.detections), m] = list(track.detections.values())
    return _take(found, index)


class _Track:
    """One person: which detection of a frame it is, and where each joint was last found."""

    def __init__(self) -> None:
        self.detections: dict[int, int] = {}  # frame → detection
        self.pose = np.zeros((JOINTS, 2), dtype=np.float32)
        self.found = np.zeros(JOINTS, dtype=bool)
        self.last, self.total = -1, 0.0

    def see(self, frame: int, detection: int, found: Detections) -> None:
        pose, now = found.pose[frame, detection], found.score[frame, detection] > 0
        self.detections[frame], self.last = detection, frame
        self.pose[now] = pose[now]
        self.found |= now
        self.total += float(found.score[frame, detection].sum())


def _distances(tracks: list[_Track], pose: Array, found: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(tracks, detections) mean distance of the joints found both now and before; infinite where there is none."""
    if not tracks or not len(pose):
        return np.empty((0, 0))
    step = np.linalg.norm(np.stack([track.pose for track in tracks])[:, None] - pose, axis=-1)
    both = np.stack([track.found for track in tracks])[:, None] & found
    count = both.sum(axis=-1)
    return np.where(count > 0, (step * both).sum(axis=-1) / np.maximum(count, 1), np.inf)


def fill_joints(people: Detections) -> tuple[Array, int]:
    """(M, T, 18, 2) coordinates, and how many joints of people who are seen had to be filled in.

    A joint that was not found in a frame is interpolated over time between the frames in which it was (held before the
    first and after the last). A joint that never was lies at the neck, or in the middle of that frame's joints for a
    person without a neck. Frames without the person are zero.
    """
    neck = get_layout("openpose18").index("neck")
    out = np.zeros_like(people.pose.transpose(1, 0, 2, 3))
    everywhere = people.score > 0
    missing = 0
    for m in range(len(out)):
        frames = np.flatnonzero(everywhere[:, m].any(axis=1))
        pose, found = people.pose[frames, m].copy(), everywhere[frames, m]
        missing += int((~found).sum())
        for v in np.flatnonzero(found.any(axis=0) & ~found.all(axis=0)):
            for c in range(2):
                pose[:, v, c] = np.interp(frames, frames[found[:, v]], pose[found[:, v], v, c])
        never = ~found.any(axis=0)
        if never.any():
            stand_in = pose[:, ~never].mean(axis=1) if never[neck] else pose[:, neck]
            pose[:, never] = stand_in[:, None]
        out[m, frames] = pose
    return out, missing


def _take(found: Detections, index: NDArray[np.integer]) -> Detections:
    """Detection index[t, m] as person m of frame t; −1: the person is not there."""
    frames = np.arange(len(found.pose))[:, None]
    there = index >= 0
    pose, score = found.pose[frames, index], found.score[frames, index]
    return Detections(np.where(there[..., None, None], pose, 0), np.where(there[..., None], score, 0))


def _is_label_table(content: Any) -> bool:
    """Whether it is the table kinetics_train_label.json, which lies beside the folder of clips."""
    return isinstance(content, dict) and any(isinstance(v, dict) and "label_index" in v for v in content.values())


def _detections(data: list[Any]) -> Detections:
    frames = [_frame(entry) for entry in data]
    length = max((index for index, _ in frames), default=0)
    persons = max((len(people) for _, people in frames), default=0)
    if length > MAX_FRAMES or persons > MAX_DETECTIONS:
        raise ValueError(f"it has frame {length} and {persons} people in one; more than {MAX_FRAMES}, {MAX_DETECTIONS}")
    pose = np.zeros((length, persons, JOINTS, 2), dtype=np.float32)
    score = np.zeros((length, persons, JOINTS), dtype=np.float32)
    for index, people in frames:
        for p, (xy, certainty) in enumerate(people):
            pose[index - 1, p] = (xy - 0.5) * (1, -1)
            score[index - 1, p] = certainty
    return Detections(pose, score)


def _frame(entry: Any) -> tuple[int, list[tuple[NDArray[np.float64], NDArray[np.float64]]]]:
    """Number of a frame, from 1, and (18, 2) coordinates and (18,) scores of each person in it."""
    index = entry.get("frame_index") if isinstance(entry, dict) else None
    people = entry.get("skeleton") if isinstance(entry, dict) else None
    if type(index) is not int or index < 1 or not isinstance(people, list):
        raise ValueError("a frame needs 'frame_index' (from 1) and a list 'skeleton'")
    if not all(isinstance(person, dict) for person in people):
        raise ValueError(f"frame {index}: a person needs 'pose' and 'score'")
    return index, [
        (_numbers(person, "pose", 2 * JOINTS, index).reshape(JOINTS, 2), _numbers(person, "score", JOINTS, index))
        for person in people
    ]


def _numbers(person: dict[str, Any], key: str, count: int, index: int) -> NDArray[np.float64]:
    values = person.get(key)
    if not isinstance(values, list) or len(values) != count or not all(type(v) in (int, float) for v in values):
        raise ValueError(f"frame {index}: {key!r} must be {count} numbers")
    array = np.array(values, dtype=np.float64)
    if not (np.abs(array) < 1e6).all():
        raise ValueError(f"frame {index}: {key!r} has a number that is not a fraction of the image")
    return array


READER = Reader(
    about="Kinetics-skeleton (Yan et al., AAAI 2018): OpenPose key points of Kinetics-400, one JSON for each clip",
    patterns=("*.json",),
    read_file=read,
    steps=(
        "x and y centered by 0.5, y up, in fractions of the image",
        "people followed by distance over time; the two of highest summed score kept",
        "joints that were not found interpolated over time, or put at the neck",
    ),
)
