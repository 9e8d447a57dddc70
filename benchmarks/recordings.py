"""Are actions found in long recordings? Clips of real sets are joined; half of their actions are enrolled.

    python benchmarks/recordings.py FOLDER [--sets utd_mhad …] [--model synthetic] [--output FILE]

FOLDER holds sets of the layout kinect20 as .npz. A recording has one clip each of up to eight actions of a set, in
random order. Half of the actions have an exemplar, another clip. `Recognizer.follow` slides its window over it. Told:

- F1 at an overlap of a half, the usual measure of action segmentation (Lea et al., CVPR 2017): a segment that is found
  is right if it and one of the same action that is there cover each other by half of what they cover together.
- Right: of the time of enrolled actions, the share with the right name. Wrong: of the other time, the share that is
  called one of them.

Beside it the same where each window is decided alone, not together with its neighbors. Writes
benchmarks/results/recordings.md.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from crossglg import tables
from crossglg.data.clips import SkeletonSet
from crossglg.recognition.recognizer import UNKNOWN, Recognizer, Timeline, join_in_time
from crossglg.statistics import half_width
from crossglg.training.trained_model import TrainedModel

RESULTS = Path(__file__).parent / "results" / "recordings.md"
SETS = ("utd_mhad", "kard", "hdm05", "nw_ucla", "msrc12", "msr_action3d", "florence3d")
ACTIONS = 8
Segment = tuple[float, float, str]


def made_up(clips: SkeletonSet, rng: np.random.Generator) -> tuple[SkeletonSet, SkeletonSet, list[Segment]]:
    """A recording, the exemplars of every second of its actions, and what happens when, in seconds."""
    actions = rng.permutation(len(clips.class_names))[:ACTIONS]
    pairs = np.array([rng.permutation(np.flatnonzero(clips.label == k))[:2] for k in actions])
    exemplars = clips.subset(pairs[: len(pairs) // 2, 0])
    order = rng.permutation(pairs[:, 1])
    long = join_in_time([clips[int(i)][0] for i in order], clips.layout)
    ends = np.cumsum(clips.frames[order]) / clips.fps
    names = [clips.class_of(int(i)) for i in order]
    truth = list(zip([0.0, *ends[:-1].tolist()], ends.tolist(), names, strict=True))
    recording = SkeletonSet.build(long, [0, len(long)], [0], ["recording"], clips.layout, name="long", fps=clips.fps)
    return recording, exemplars, truth


def f1(found: Sequence[Segment], there: Sequence[Segment], least: float = 0.5) -> float:
    """Segments of unknown actions are left out; one that is there is found once at most."""
    left, right = list(there), 0
    for segment in found:
        shared = [overlap(segment, other) for other in left]
        if shared and max(shared) >= least:
            right += 1
            del left[int(np.argmax(shared))]
    return 2.0 * right / max(1, len(found) + len(there))


def overlap(a: Segment, b: Segment) -> float:
    """What both cover over what they cover together; 0 for different actions."""
    return shared(a, b) / (max(a[1], b[1]) - min(a[0], b[0])) if a[2] == b[2] else 0.0


def shares(found: Sequence[Segment], truth: Sequence[Segment], known: Sequence[str]) -> tuple[float, float]:
    """Of the time of known actions, the share with the right name; of the other time, that with any."""
    named = [segment for segment in found if segment[2] != UNKNOWN]
    right = sum(shared(one, other) for one in named for other in truth if one[2] == other[2])
    wrong = sum(shared(one, other) for one in named for other in truth if other[2] not in known)
    time = [sum(end - start for start, end, name in truth if (name in known) == inside) for inside in (True, False)]
    return right / time[0], wrong / time[1]


def shared(a: Segment, b: Segment) -> float:
    """Seconds."""
    return max(0.0, min(a[1], b[1]) - max(a[0], b[0]))


def alone(timeline: Timeline) -> list[Segment]:
    """The segments if each window is decided for itself."""
    best = timeline.scores.argmax(1)
    known = timeline.scores.max(1) >= timeline.threshold
    names = [timeline.actions[k] if seen else UNKNOWN for k, seen in zip(best, known, strict=True)]
    segments: list[Segment] = []
    for start, end, name in zip(timeline.edges[:-1], timeline.edges[1:], names, strict=True):
        first = segments.pop()[0] if segments and segments[-1][2] == name else float(start)
        segments.append((first, float(end), name))
    return segments


def measured(trained: TrainedModel, clips: SkeletonSet, recordings: int) -> list[object]:
    """A row: F1, right and wrong shares, of single windows and together."""
    values: list[list[float]] = []
    for number in range(recordings):
        recording, exemplars, truth = made_up(clips, np.random.default_rng(number))
        timeline = Recognizer.of(trained, exemplars).follow(recording)
        there = [segment for segment in truth if segment[2] in timeline.actions]
        row: list[float] = []
        for found in (alone(timeline), timeline.segments()):
            names = [segment for segment in found if segment[2] != UNKNOWN]
            row += [f1(names, there), *shares(found, truth, timeline.actions)]
        values.append(row)
    columns = 100 * np.array(values).T
    return [clips.name, *(f"{column.mean():.0f} ± {half_width(column):.0f}" for column in columns)]


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="holds the sets as .npz")
    parser.add_argument("--sets", nargs="+", default=SETS)
    parser.add_argument("--model", default="synthetic", help="the folder of a trained model, or the one that ships")
    parser.add_argument("--recordings", type=int, default=20)
    parser.add_argument("--output", type=Path, default=RESULTS)
    args = parser.parse_args(argv)
    trained = TrainedModel.load(args.model)
    rows = []
    for name in args.sets:
        clips = SkeletonSet.load(args.folder / f"{name}.npz")
        rows.append(measured(trained, trained.in_layout(clips), args.recordings))
        print(*rows[-1], sep=" | ", file=sys.stderr)
    kinds = [f"{kind}: {what}" for kind in ("each window alone", "together") for what in ("F1", "right", "wrong")]
    text = (
        f"{trained.config.encoder}, trained on {trained.details['data']}; {args.recordings} recordings of up to "
        f"{ACTIONS} actions, half of which are enrolled; %, with 95 % intervals over recordings.\n\n"
        + tables.markdown(["set", *kinds], rows)
        + "\n"
    )
    args.output.parent.mkdir(parents=True, exist_ok=True)
    args.output.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
