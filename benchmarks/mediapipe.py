"""How well does a model recognize what a camera sees? Recorded Kinect clips, made to look like MediaPipe's landmarks.

    python benchmarks/mediapipe.py FOLDER [--sets utd_mhad kard nw_ucla] [--model synthetic] [--output FILE]

FOLDER holds sets of the layout kinect20 as .npz. Writes benchmarks/results/mediapipe.md. What is simulated, each step
on top of the one before:

- The joints: those that Kinect and MediaPipe share become the 33 landmarks. The landmarks of the face lie where the
  Kinect has the head, those of a hand where it has the hand, heels on ankles. Spine, shoulder center and hip center are
  lost; `skeletons.retarget` puts them between others.
- The origin: MediaPipe's world landmarks have the middle of the hips at the origin in every frame, so nobody walks,
  jumps or sits down any more.
- The noise (`Noise`): every landmark trembles, and is off by an error that drifts slowly, in depth more than in the
  picture; frames are dropped, and for a moment nobody is found. `recognition.camera.to_clip` bridges these as it does
  for a real camera.

How large the noise is, is our choice. MediaPipe's documentation gives no error for each axis; its model card names
metric depth as out of scope, and users report that landmarks tremble (google-ai-edge/mediapipe#4507) and that the depth
of joints at rest follows moving arms (#3566). We measured one thing: a photograph that only moves sideways, in
tests/notebooks/test_camera_browser.py, gives landmarks that vary by 1.5, 1.9 and 3.9 cm in x, y and z (standard
deviation, 15 frames, the lite model). So there is a row with twice the noise. What is not simulated: joints that are
hidden and guessed, limbs that are confused, feet outside of the picture, a camera that looks up or down.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crossglg import tables
from crossglg.data.clips import SkeletonSet
from crossglg.one_shot.baselines.raw import raw_poses
from crossglg.one_shot.classifiers import CLASSIFIERS
from crossglg.one_shot.representation import Representation
from crossglg.one_shot.warping import cosine_and_streams
from crossglg.recognition.camera import LAYOUT, to_clip
from crossglg.recognition.recognizer import compared, equal_error_threshold, rival_similarity
from crossglg.skeletons import get_layout, retarget
from crossglg.statistics import half_width
from crossglg.training.trained_model import SIMILARITY, TrainedModel

RESULTS = Path(__file__).parent / "results" / "mediapipe.md"
KINECT = get_layout("kinect20")
HIPS = [LAYOUT.index("left hip"), LAYOUT.index("right hip")]
FINGERS = ("index", "pinky", "thumb")
METHODS = {  # column → what is compared, and how
    "coordinates": ("coordinates", "cosine"),
    "time warping": ("coordinates", "warped-poses"),
    "features": ("model", "cosine"),
}
RECOGNIZER = "features and streams"  # how `Recognizer` compares
Array = NDArray[np.floating]


@dataclass(frozen=True)
class Noise:
    """Standard deviations along x, y (in the picture) and z (depth), meters, and what is lost.

    tremble: anew in every frame, what is left behind MediaPipe's own smoothing;  drift: of an error that stays about
    `seconds`, as of a depth that was guessed wrong;  dropped: share of the frames that are lost one by one, as a slow
    computer loses them;  gone: share of the clips in which nobody is found for a moment of up to `moment` seconds,
    less than what `to_clip` refuses.
    """

    tremble: tuple[float, float, float] = (0.005, 0.005, 0.015)
    drift: tuple[float, float, float] = (0.02, 0.02, 0.05)
    seconds: float = 1.0
    dropped: float = 0.1
    gone: float = 0.3
    moment: float = 0.4

    def errors(self, frames: int, fps: float, rng: np.random.Generator) -> Array:
        """(T, 33, 3), meters."""
        keep = np.exp(-1.0 / (self.seconds * fps))
        drift = rng.standard_normal((frames, LAYOUT.num_joints, 3))
        drift[1:] *= np.sqrt(1.0 - keep**2)
        for t in range(1, frames):
            drift[t] += keep * drift[t - 1]
        return drift * self.drift + rng.standard_normal(drift.shape) * self.tremble

    def lost(self, frames: int, fps: float, rng: np.random.Generator) -> NDArray[np.bool_]:
        """(T,); the first and the last frame are there."""
        lost = rng.random(frames) < self.dropped
        if rng.random() < self.gone:
            length = int(rng.uniform(0.0, self.moment) * fps)
            start = rng.integers(1, max(2, frames - length - 1))
            lost[start : start + length] = True
        lost[[0, -1]] = False
        return lost


@dataclass(frozen=True)
class Condition:
    """What is simulated. camera: anything at all;  noise: times `Noise`;  exemplars: also for these."""

    name: str
    camera: bool = True
    centered: bool = True
    noise: float = 1.0
    exemplars: bool = True


CONDITIONS = (
    Condition("as the Kinect saw them", camera=False),
    Condition("MediaPipe's joints", centered=False, noise=0.0),
    Condition("… and the hips at the origin", noise=0.0),
    Condition("… and the noise: as by a camera"),
    Condition("… and twice the noise", noise=2.0),
    Condition("exemplars of the Kinect, queries of a camera", exemplars=False),
)


def by_camera(clips: SkeletonSet, condition: Condition, seed: int = 0) -> SkeletonSet:
    """Clips of one person each as a camera would have sent them, in the layout mediapipe33."""
    body = landmarks(clips)
    rng, noise, found = np.random.default_rng(seed), Noise(), []
    for i, (start, end) in enumerate(zip(clips.offsets[:-1], clips.offsets[1:], strict=True)):
        points = body[start:end]
        if condition.noise:
            points = points + condition.noise * noise.errors(len(points), clips.fps, rng)
        if condition.centered:
            points = points - points[:, HIPS].mean(1, keepdims=True)
        if condition.noise:
            points[noise.lost(len(points), clips.fps, rng)] = np.nan
        times = np.arange(len(points)) / clips.fps
        found.append(to_clip(times, points * (-1.0, -1.0, 1.0), str(clips.sample_id[i])))  # MediaPipe: y is down
    ends = np.cumsum([0, *(int(clip.frames[0]) for clip in found)])
    return SkeletonSet.build(
        np.concatenate([clip.xyz for clip in found]), ends, clips.label, clips.class_names, LAYOUT, name=clips.name,
        fps=clips.fps,
    )  # fmt: skip


def landmarks(clips: SkeletonSet) -> Array:
    """(R, 33, 3): the joints that both have, by name; the face lies where the head is, fingers where the hand is."""
    body = retarget(clips.xyz.astype(np.float64), clips.layout, LAYOUT)
    for side in ("left", "right"):
        hand = clips.xyz[:, [clips.layout.index(f"{side} hand")]]
        body[:, [LAYOUT.index(f"{side} {finger}") for finger in FINGERS]] = hand
    return body


def measured(trained: TrainedModel, clips: SkeletonSet, episodes: int) -> list[list[object]]:
    """A row for each condition: one-shot accuracies, then what the threshold for unknown actions does."""
    draws = [draw(clips.label, np.random.default_rng(number)) for number in range(episodes)]
    drawn = np.unique(draws)
    rows: list[list[object]] = []
    kinect = represented(trained, clips)
    for condition in CONDITIONS:
        queries = represented(trained, by_camera(clips, condition)) if condition.camera else kinect
        exemplars = {name: part[drawn] for name, part in (queries if condition.exemplars else kinect).items()}
        cells: list[object] = [clips.name, condition.name]
        for features, classifier in METHODS.values():
            scores = CLASSIFIERS[classifier].score(exemplars[features], queries[features], None)
            cells.append(percent([accuracy(scores[:, np.searchsorted(drawn, d)], clips.label, d) for d in draws]))
        similarity = cosine_and_streams(exemplars["model"], queries["model"])
        among = cosine_and_streams(exemplars["model"], exemplars["model"])
        accuracies, rates = [], []
        for row in draws:
            columns = np.searchsorted(drawn, row)
            accuracies.append(accuracy(similarity[:, columns], clips.label, row))
            own = among[np.ix_(columns, columns)]
            rates.append(refusals(trained, similarity[:, columns], own, clips.label, row))
        cells.append(percent(accuracies))
        rows.append(cells + [percent(column) for column in zip(*rates, strict=True)])
        print(*rows[-1], sep=" | ", file=sys.stderr)
    return rows


def represented(trained: TrainedModel, clips: SkeletonSet) -> dict[str, Representation]:
    """What is compared: of the model in its layout, and prepared coordinates in the Kinect's."""
    return {
        "model": compared(trained, clips.retargeted(trained.layout)),
        "coordinates": raw_poses(clips.retargeted(KINECT)),
    }


def draw(label: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """One clip of each class, in the order of the classes."""
    return np.array([rng.choice(np.flatnonzero(label == k)) for k in range(label.max() + 1)])


def accuracy(scores: Array, label: NDArray[np.int64], exemplars: NDArray[np.int64]) -> float:
    """Of the clips that are no exemplars. scores: (N, K)."""
    queries = np.setdiff1d(np.arange(len(label)), exemplars)
    return float((scores[queries].argmax(1) == label[queries]).mean())


def refusals(
    trained: TrainedModel, similarity: Array, among: Array, label: NDArray[np.int64], exemplars: NDArray[np.int64]
) -> tuple[float, float, float]:
    """Half of the classes are enrolled, every second one. The share of clips of these that `Recognizer` refuses, the
    share of the others that it takes for one of these, and both where a threshold chosen by the clips makes them equal.

    similarity: (N, K) to the exemplars;  among: (K, K) of these.
    """
    enrolled = np.arange(0, len(exemplars), 2)
    limit = max(
        equal_error_threshold(trained.details[SIMILARITY], len(enrolled)),
        rival_similarity(among[np.ix_(enrolled, enrolled)], enrolled),
    )
    best = similarity[:, enrolled].max(1)
    known, query = np.isin(label, enrolled), ~np.isin(np.arange(len(label)), exemplars)
    own, other = np.sort(best[known & query]), np.sort(best[~known & query])
    refused, accepted = np.searchsorted(own, own) / len(own), 1.0 - np.searchsorted(other, own) / len(other)
    return float((own < limit).mean()), float((other >= limit).mean()), float(np.maximum(refused, accepted).min())


def percent(values: Sequence[float]) -> str:
    return f"{100 * np.mean(values):.1f} ± {100 * half_width(np.array(values)):.1f}"


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="holds the sets as .npz")
    parser.add_argument("--sets", nargs="+", default=["utd_mhad", "kard", "nw_ucla"])
    parser.add_argument("--model", default="synthetic", help="the folder of a trained model, or the one that ships")
    parser.add_argument("--episodes", type=int, default=20)
    parser.add_argument("--output", type=Path, default=RESULTS)
    args = parser.parse_args(argv)
    trained = TrainedModel.load(args.model)
    rows = [
        row
        for name in args.sets
        for row in measured(trained, SkeletonSet.load(args.folder / f"{name}.npz"), args.episodes)
    ]
    lines = [
        f"{trained.config.encoder}, trained on {trained.details['data']}; {args.episodes} episodes of one "
        "exemplar for each class, all other clips of the set are queries; %, with 95 % intervals over episodes. "
        "Of the last three columns: every second class is enrolled; what the threshold refuses of these and accepts of "
        "the others, and both at the threshold that makes them equal.",
        "",
        tables.markdown(
            ["set", "clips", *METHODS, RECOGNIZER, "known refused", "unknown accepted", "both, at best"], rows
        ),
    ]
    args.output.parent.mkdir(parents=True, exist_ok=True)
    args.output.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
