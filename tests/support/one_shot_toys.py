"""A toy one-shot task whose clips are Gaussian clouds: every part of a representation, no model."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from crossglg.data.clips import SkeletonSet
from crossglg.data.tasks import Task
from crossglg.one_shot import Base, Features
from crossglg.one_shot.representation import Representation
from crossglg.skeletons import get_layout

NTU = get_layout("ntu25")
JOINTS, STEPS, FRAMES = 5, 3, 8
MOVING = np.linspace(0.5, 1.5, FRAMES)[:, None]  # the poses of a class go their own way
Array = NDArray[np.floating]


def labeled(class_names: list[str], counts: list[int], name: str) -> SkeletonSet:
    """Clips that only matter for their labels."""
    label = np.repeat(np.arange(len(counts)), counts)
    xyz = np.ones((len(label), NTU.num_joints, 3), dtype=np.float32)
    return SkeletonSet.build(xyz, np.arange(len(label) + 1), label, class_names, NTU, name=name)


def make_task(counts: list[int], episodes: int = 6, seed: int = 0) -> Task:
    rng = np.random.default_rng(seed)
    novel = labeled([f"novel {k}" for k in range(len(counts))], counts, "novel")
    members = [np.flatnonzero(novel.label == k) for k in range(len(counts))]
    table = np.array([[rng.choice(m) for m in members] for _ in range(episodes)])
    return Task("toy", labeled(["base 0", "base 1", "base 2", "base 3"], [9] * 4, "base"), novel, table)


def make_features(task: Task, distance: float, seed: int = 0, width: int = 6) -> Features:
    """Gaussian clouds of unit variance around class centers `distance` from the origin."""
    rng = np.random.default_rng(seed)

    def clouds(label: NDArray[np.int64], classes: int) -> Array:
        centers = rng.standard_normal((classes, width))
        centers *= distance / np.linalg.norm(centers, axis=1, keepdims=True)
        return centers[label] + rng.standard_normal((len(label), width))

    def represent(z: Array) -> Representation:
        """The same clouds at every joint and step, with noise of their own."""
        importance, motion = rng.random((2, len(z), JOINTS)) + 0.1
        return Representation(
            z,
            z[:, None] + 0.3 * rng.standard_normal((len(z), JOINTS, width)),
            z[:, None] + 0.3 * rng.standard_normal((len(z), STEPS, width)),
            importance / importance.sum(1, keepdims=True),
            motion / motion.sum(1, keepdims=True),
            z[:, None] * MOVING + 0.3 * rng.standard_normal((len(z), FRAMES, width)),
            z[:, None] + 0.3 * np.random.default_rng(len(z)).standard_normal((len(z), FRAMES, width)),
        )

    base, novel = clouds(task.base.label, 4), clouds(task.novel.label, len(task.novel.class_names))
    return Features(Base(represent(base), task.base.label), represent(novel))


Few = tuple[Representation, Representation, Base]  # exemplars, queries, base


def few_of(task: Task, distance: float = 2.0) -> Few:
    """The first episode of a task."""
    features = make_features(task, distance)
    return features.novel[task.episodes[0]], features.novel[task.queries(0)], features.base


def only_z(base: Array, task: Task, novel: Array) -> Features:
    return Features(Base(Representation(base), task.base.label), Representation(novel))
