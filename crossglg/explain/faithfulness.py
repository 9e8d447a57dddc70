"""Is an importance faithful? Freeze the joints it ranks first and see how soon the decision falls; the same backwards.

Deletion: from the whole clip, the k joints of highest score are frozen in the input. A score that finds the joints the
model relies on lets the curve fall early: a *low* area is good. Insertion: from the clip in which nothing moves, the k
joints of highest score are let move: a *high* area is good. The exemplars stay whole. Joints are frozen to the clip's
own mean pose (`data.transforms.freeze_joints`), which still shows a posture: the curves end above chance, and what they
measure is motion.  Source: Petsiuk, Das and Saenko, "RISE", BMVC 2018, on joints instead of pixels.

Intervals resample clips, and seeds where several models were measured. They say nothing about other exemplars.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossglg import tables
from crossglg.data.clips import SkeletonSet
from crossglg.data.tasks import Task
from crossglg.explain.attention import attention_scores, gives_attention
from crossglg.explain.attribution import integrated_gradients, occlusion, winner_and_rival
from crossglg.one_shot import unit_rows
from crossglg.one_shot.representation import motion_energy
from crossglg.statistics import Interval, bootstrap_bands
from crossglg.training.trained_model import TrainedModel

Array = NDArray[np.floating]
DIRECTIONS, METRICS = ("deletion", "insertion"), ("accuracy", "margin")
RANDOM, TRUTH, ENERGY = "random order", "truth", "motion energy"  # `viz.why` knows the first two
REFERENCES = (RANDOM, ENERGY)  # what importance must beat to mean anything, and to be worth learning


@dataclass(frozen=True)
class Faithfulness:
    """Curves of S models on the same N clips. counts: (P,) joints frozen or let move, from 0 to V.

    curves: direction → metric → method → (S, N, P). "accuracy" is 1 where the clip's own exemplar is the nearest;
    "margin" is the cosine to its own exemplar less that to the nearest other.
    """

    counts: NDArray[np.int64]
    curves: dict[str, dict[str, dict[str, Array]]]

    @property
    def methods(self) -> list[str]:
        return list(self.curves["deletion"]["accuracy"])

    @property
    def clips(self) -> int:
        return self.curves["deletion"]["accuracy"][self.methods[0]].shape[1]

    def areas(self, direction: str, metric: str, method: str) -> Array:
        """(S, N) area under each clip's curve over the share of joints, 0…1; trapezoids."""
        return np.trapezoid(self.curves[direction][metric][method], self.counts / self.counts[-1], axis=-1)

    def summary(self, metric: str = "accuracy") -> dict[str, dict[str, dict[str, Interval]]]:
        """method → direction → "area", and its difference to each of REFERENCES, clip by clip, as "less …"."""
        references = [name for name in REFERENCES if name in self.methods]
        found: dict[str, dict[str, dict[str, Interval]]] = {}
        for method in self.methods:
            found[method] = {}
            for direction in DIRECTIONS:
                area = self.areas(direction, metric, method)
                less = [area - self.areas(direction, metric, reference) for reference in references]
                triples = np.transpose(bootstrap_bands(np.stack([area, *less], -1))).tolist()
                names = ("area", *(f"less {reference}" for reference in references))
                found[method][direction] = {n: Interval(*triple) for n, triple in zip(names, triples, strict=True)}
        return found

    def bands(self) -> dict[str, dict[str, tuple[Array, Array, Array]]]:
        """direction → method → (mean, low, high) accuracy, (P,) each: the curve and its 95 % interval."""
        return {d: {m: bootstrap_bands(values) for m, values in self.curves[d]["accuracy"].items()} for d in DIRECTIONS}

    def mean_areas(self) -> dict[str, dict[str, float]]:
        """direction → method → mean area under the curves of accuracy."""
        return {d: {m: float(self.areas(d, "accuracy", m).mean()) for m in self.methods} for d in DIRECTIONS}

    def to_dict(self) -> dict[str, Any]:
        """Mean curves, areas with differences and intervals, and the area of every clip, as plain numbers."""
        return {
            "clips": self.clips,
            "joints": self.counts.tolist(),
            **{
                metric: {
                    method: {
                        direction: {
                            "curve": self.curves[direction][metric][method].mean((0, 1)).round(5).tolist(),
                            **{name: vars(interval) for name, interval in found.items()},
                            "clips": self.areas(direction, metric, method).round(5).tolist(),
                        }
                        for direction, found in row.items()
                    }
                    for method, row in self.summary(metric).items()
                }
                for metric in METRICS
            },
        }


def measure(
    trained: TrainedModel,
    queries: SkeletonSet,
    exemplars: SkeletonSet,
    scores: Mapping[str, Array],
    points: int = 0,
    seed: int = 0,
) -> Faithfulness:
    """Deletion and insertion curves of every score.

    queries: N clips of the exemplars' classes;  exemplars: one clip of each class, or several;  scores: name → (N, V),
    the highest first; ties fall at random by `seed`.  points: how many numbers of joints to try, close together where
    they are few; 0: all from 0 to V.
    Raises ValueError if the classes differ or a score has another shape.
    """
    joints = trained.layout.num_joints
    if queries.class_names != exemplars.class_names:
        raise ValueError("queries and exemplars must have the same class_names; take both from one set")
    for name, values in scores.items():
        if values.shape != (len(queries), joints):
            raise ValueError(
                f"the score {name!r} is {values.shape}; it must be (clips, joints) = {(len(queries), joints)}"
            )
    share = np.linspace(0, 1, points) ** 2 if points else np.linspace(0, 1, joints + 1)
    counts = np.unique((joints * share).round().astype(np.int64))
    stands_for = unit_rows(trained.embed(exemplars))
    known: dict[bytes, tuple[Array, Array]] = {}  # both ends are the same for every score

    def judged(moving: NDArray[np.bool_]) -> tuple[Array, Array]:
        if (key := moving.tobytes()) not in known:
            cosine = unit_rows(trained.embed(queries, moving)) @ stands_for.T
            known[key] = own_margin(cosine, queries.label, exemplars.label)
        return known[key]

    curves: dict[str, dict[str, dict[str, Array]]] = {d: {metric: {} for metric in METRICS} for d in DIRECTIONS}
    for name, values in scores.items():
        rank = ranks(values, seed)
        for direction in DIRECTIONS:
            found = [judged(rank < k if direction == "insertion" else rank >= k) for k in counts]
            for metric, columns in zip(METRICS, zip(*found, strict=True), strict=True):
                curves[direction][metric][name] = np.stack(columns, -1)[None]
    return Faithfulness(counts, curves)


def study(
    models: Sequence[TrainedModel],
    task: Task,
    clips: int = 120,
    points: int = 11,
    episode: int = 0,
    seed: int = 0,
    truth: Callable[[SkeletonSet], Array] | None = None,
) -> Faithfulness:
    """Measure models on the same novel queries of a task, with the exemplars of one episode.

    Clips of another layout are carried to the models'.
    clips: how many queries, drawn by `seed`; 0: all.  truth: a score that needs no model, such as what the synthesizer
    knows (`data.synthetic.true_importance`).  points: as of `measure`.
    """
    if not 0 <= episode < len(task.episodes):
        raise ValueError(f"{task.name} has the episodes 0 to {len(task.episodes) - 1}, not {episode}")
    rows = task.queries(episode)
    if 0 < clips < len(rows):
        rows = np.sort(np.random.default_rng(seed).choice(rows, clips, replace=False))
    queries, exemplars = task.novel.subset(rows), task.novel.subset(task.episodes[episode])
    found = []
    for trained in models:
        own, stand = trained.in_layout(queries), trained.in_layout(exemplars)
        scores = rival_scores(trained, own, stand, seed)
        if truth is not None:
            scores[TRUTH] = truth(own)
        found.append(measure(trained, own, stand, scores, points, seed))
    return together(found)


def together(found: Sequence[Faithfulness]) -> Faithfulness:
    """Several models on the same clips as one; raises ValueError unless they have the same methods and counts."""
    first = found[0]
    if any(f.methods != first.methods or not np.array_equal(f.counts, first.counts) for f in found):
        raise ValueError("models can only be taken together with the same methods, joints and points")
    curves = {
        d: {m: {name: np.concatenate([f.curves[d][m][name] for f in found]) for name in first.methods} for m in METRICS}
        for d in DIRECTIONS
    }
    return Faithfulness(first.counts, curves)


def rival_scores(
    trained: TrainedModel, queries: SkeletonSet, exemplars: SkeletonSet, seed: int = 0
) -> dict[str, Array]:
    """What joints can be ranked by, name → (N, V): the model's importance if it has one, the attention of its encoder
    if that tells it, and what they are compared with.

    Gradients and occlusion explain each clip's own decision, the class it is taken for against the runner-up; neither
    is told the true class.
    """
    stands_for = unit_rows(trained.embed(exemplars))
    pairs = winner_and_rival(trained.embed(queries), stands_for, exemplars.label)
    towards = stands_for[pairs[:, 0]] - stands_for[pairs[:, 1]]
    shape = (len(queries), trained.layout.num_joints)
    guided = trained.model.joint_importance is not None
    return {
        **({"joint importance": trained.joint_importance(queries)} if guided else {}),
        **(attention_scores(trained, queries) if gives_attention(trained) else {}),
        RANDOM: np.random.default_rng(seed).random(shape),
        ENERGY: motion_energy(queries),
        "integrated gradients": integrated_gradients(trained, queries, towards),
        "occlusion": occlusion(trained, queries, towards),
    }


def ranks(scores: Array, seed: int = 0) -> NDArray[np.int64]:
    """(N, V) → (N, V) place of each joint, 0 the highest score; ties fall at random."""
    chance = np.random.default_rng([seed, 1]).random(scores.shape)
    return np.lexsort((chance, -scores), axis=-1).argsort(-1)


def own_margin(cosine: Array, label: NDArray[np.int64], exemplar_label: NDArray[np.int64]) -> tuple[Array, Array]:
    """(N, E) cosines → (N,) whether the clip's own class is the nearest, and (N,) by how much."""
    own = label[:, None] == exemplar_label
    margin = np.where(own, cosine, -np.inf).max(1) - np.where(own, -np.inf, cosine).max(1)
    return (margin > 0).astype(float), margin


def table(found: Faithfulness, metric: str = "accuracy") -> str:
    """Markdown: a row per score with the areas of both curves and their differences to REFERENCES."""
    summary = found.summary(metric)
    less = [name for name in summary[found.methods[0]]["deletion"] if name != "area"]
    rows = []
    for method, row in summary.items():
        cells = [method]
        for direction in DIRECTIONS:
            area = row[direction]["area"]
            cells.append(f"{area.mean:.3f} ± {area.half_width:.3f}")
            for name in less:
                d = row[direction][name]
                itself = name == f"less {method}"
                cells.append("" if itself else f"{d.mean:+.3f} [{d.low:+.3f}, {d.high:+.3f}]")
        rows.append(cells)
    return tables.markdown(["joints ranked by", "deletion ↓", *less, "insertion ↑", *less], rows)
