"""What each preprocessing step does to the one-shot accuracy of raw coordinates: no learning, no other cause."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from crossglg import tables
from crossglg.data.clips import SkeletonSet
from crossglg.data.tasks import Task
from crossglg.data.transforms import Preprocessing
from crossglg.one_shot import Array, Features, OneShotResult, evaluate
from crossglg.one_shot.baselines.raw import raw_coordinates


@dataclass(frozen=True)
class Variant:
    """One way to prepare clips: steps and streams of `Preprocessing`, and T."""

    steps: tuple[str, ...] = ("center", "align_view", "scale_torso")
    streams: tuple[str, ...] = ("joint",)
    frames: int = 32


# Each differs from the first, which is what the package does with raw coordinates, in one thing.
VARIANTS: dict[str, Variant] = {
    "default": Variant(),
    "not centered": Variant(steps=("align_view", "scale_torso")),
    "centered in every frame": Variant(steps=("center_each_frame", "align_view", "scale_torso")),
    "not aligned": Variant(steps=("center", "scale_torso")),
    "aligned by the first frame": Variant(steps=("center", "align_first_frame", "scale_torso")),
    "not scaled": Variant(steps=("center", "align_view")),
    "no step at all": Variant(steps=()),
    "8 frames": Variant(frames=8),
    "16 frames": Variant(frames=16),
    "64 frames": Variant(frames=64),
    "bones": Variant(streams=("bone",)),
    "velocity": Variant(streams=("motion",)),
    "joints and velocity": Variant(streams=("joint", "motion")),
}


def preprocessing_study(
    tasks: Sequence[Task], classifier: str = "cosine", variants: Mapping[str, Variant] = VARIANTS
) -> dict[str, dict[str, OneShotResult]]:
    """Raw-coordinate accuracy of every variant on every task: variant → name of the task → result.

    Raises ValueError for an unknown classifier.
    """
    results: dict[str, dict[str, OneShotResult]] = {}
    for name, variant in variants.items():
        embed = partial(_prepared, variant=variant)
        results[name] = {task.name: evaluate(task, Features.of(task, embed), classifier) for task in tasks}
    return results


def preprocessing_table(results: Mapping[str, Mapping[str, OneShotResult]]) -> str:
    """Markdown: a row per variant with mean and 95 % interval over episodes, and how far the mean over tasks moved.

    The difference is to the first variant.
    """
    tasks = list(next(iter(results.values())))
    means = {name: 100 * float(np.mean([r.mean for r in row.values()])) for name, row in results.items()}
    first = next(iter(means.values()))
    rows = []
    for name, row in results.items():
        cells = [f"{100 * row[task].mean:.1f} ± {100 * row[task].interval:.1f}" for task in tasks]
        rows.append([name, *cells, f"{means[name]:.1f}", f"{means[name] - first:+.1f}"])
    return tables.markdown(["preparation", *tasks, "mean", "difference"], rows)


def _prepared(clips: SkeletonSet, variant: Variant) -> Array:
    return raw_coordinates(clips, variant.frames, Preprocessing(clips.layout, variant.streams, variant.steps))
