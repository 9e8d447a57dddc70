"""Checks of session 1: skeletons and one-shot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossglg.one_shot import unit_rows
from crossglg.skeletons import Layout, get_layout
from crossglg.workshop.feedback import Exercise, Unsolved

Array = NDArray[np.floating]
Project = Callable[[Array], Array]


def check_center(center: Callable[[Array, Layout], Any]) -> None:
    """center(clip, layout): (T, V, 3) → the same, the middle of the hips of the first frame at the origin."""
    exercise, rng = Exercise("1.1", "center"), np.random.default_rng(1)
    for layout in (get_layout("ntu25"), get_layout("smpl24")):
        clip = rng.normal((0.4, -1.0, 3.0), size=(7, layout.num_joints, 3))
        hips = [layout.index("left hip"), layout.index("right hip")]
        found = exercise.array(exercise.call(center, clip, layout), clip.shape, "(T, V, 3)")
        middle = np.array([(clip[0, hips[0], c] + clip[0, hips[1], c]) / 2 for c in range(3)])
        exercise.same(found, clip - middle, {
            "nothing moved; subtract the middle of the hips.": clip,
            "the hips are at the origin in every frame, so nobody can walk through the room; use those of frame 0.":
                clip - clip[:, hips].mean(1, keepdims=True),
            "that is one hip; the middle is half of left hip + right hip.": clip - clip[0, hips[0]],
            "that is one hip; the middle is half of right hip + left hip.": clip - clip[0, hips[1]],
            "that subtracts the base of the spine, a joint of its own; the middle is half of left hip + right hip.":
                clip - clip[0, layout.index("base of spine")],
            "that subtracts the root of the layout; use the joints named 'left hip' and 'right hip'.":
                clip - clip[0, layout.root_index],
            "that subtracts the mean of all joints; use the hips of frame 0 only.": clip - clip[0].mean(0),
            "that is the mean over all frames; use the hips of frame 0 only.": clip - clip[:, hips].mean((0, 1)),
            "that adds the middle; to bring it to the origin, subtract it.": clip + middle,
            "joints 12 and 16 are the hips of ntu25 only; ask layout.index('left hip').":
                clip - clip[0, [12, 16]].mean(0),
        })  # fmt: skip
    exercise.passed("Where somebody stands in the room no longer matters; where they walk still does.")


def check_retarget(retarget: Callable[[Array, Layout, Layout], Any]) -> None:
    """retarget(clip, source, target): copied by joint name; what the source lacks lies on its parent in the target."""
    exercise, rng = Exercise("1.2", "retarget"), np.random.default_rng(2)
    for source, target in (("ntu25", "smpl24"), ("kinect20", "ntu25"), ("ntu25", "kinect20")):
        old, new = get_layout(source), get_layout(target)
        clip = rng.normal(size=(6, old.num_joints, 3))
        found = exercise.array(
            _retargeted(exercise, retarget, clip, old, new), (6, new.num_joints, 3), "(T, V, 3)",
            f"There is one column for each of the {new.num_joints} joints of the target.",
        )  # fmt: skip
        for j in range(new.num_joints):
            k, name = j, new.joints[j]
            while not old.has(new.joints[k]):
                k = int(new.parents[k])
            right = clip[:, old.index(new.joints[k])]
            if np.allclose(found[:, j], right):
                continue
            if j < old.num_joints and np.allclose(found[:, j], clip[:, j]):
                exercise.fail(f"{name!r} got the joint of the same number; {old.joints[j]!r} of {source}. Go by name.")
            if old.has(name):
                exercise.fail(f"{name!r} of {target} should be {old.joints[old.index(name)]!r} of {source}.")
            exercise.fail(
                f"{source} has no {name!r}: it should lie on its parent {new.joints[new.parents[j]]!r}. Is the parent "
                f"filled in before its children? np.argsort(target.depth) is an order from the root outwards."
            )
    exercise.passed("Names, not numbers: that is how one model reads the clips of many sensors.")


def _retargeted(exercise: Exercise, retarget: Callable[..., Any], clip: Array, old: Layout, new: Layout) -> Any:
    """The learner's result; a joint that was looked up although it is not there gets a hint of its own."""
    try:
        return exercise.call(retarget, clip, old, new)
    except Unsolved as error:
        if "has no joint" in str(error) or "not in tuple" in str(error):
            exercise.fail(
                f"a joint of {new.name} is not in {old.name} under that name. Ask source.has(name) first, and find it "
                f"with source.index(name): this knows that 'base of spine' and 'hip center' are the same."
            )
        raise


def check_nearest_exemplar(nearest_exemplar: Callable[[Array, Array], Any]) -> None:
    """nearest_exemplar(query, exemplar): (Q, D), (K, D) → (Q,) number of the exemplar with the highest cosine."""
    exercise, rng = Exercise("1.3", "nearest_exemplar"), np.random.default_rng(3)
    query = rng.normal(size=(40, 6)) * rng.uniform(0.2, 5, (40, 1))
    exemplar = rng.normal(size=(5, 6)) * np.array([0.2, 1, 2, 4, 8])[:, None]
    result = exercise.call(nearest_exemplar, query, exemplar)
    found = exercise.array(result, (40,), "(Q,)", "Each query gets the number of one exemplar: argmax over exemplars.")
    by_column = [array / np.linalg.norm(array, axis=0) for array in (query, exemplar)]
    cosine = unit_rows(query) @ unit_rows(exemplar).T
    exercise.same(found, cosine.argmax(1), {
        "that is the least similar exemplar; a cosine is high when two vectors point the same way.": cosine.argmin(1),
        "a long exemplar wins by its length; divide exemplars by their norm.": (query @ exemplar.T).argmax(1),
        "the norm is taken over the wrong axis: each row is one clip, np.linalg.norm(z, axis=1, keepdims=True).":
            (by_column[0] @ by_column[1].T).argmax(1),
        "that is the smallest Euclidean distance; here the direction alone counts.":
            ((query[:, None] - exemplar) ** 2).sum(-1).argmin(1),
    })  # fmt: skip
    exercise.passed("This line is the whole classifier.")


def check_accuracy(accuracy: Callable[[Array, NDArray[np.int64], NDArray[np.int64]], Any]) -> None:
    """accuracy(z, label, draw): share of the other clips of the exemplars' classes that get their own class."""
    exercise, rng = Exercise("1.4", "accuracy"), np.random.default_rng(23)  # no two of the mistakes give one number
    for _ in range(3):
        z, label, (draw,) = _clusters(rng, classes=5, clips=6, episodes=1)
        found = exercise.array(exercise.call(accuracy, z, label, draw), (), "one number", "Take the mean over queries.")
        right, everyone, strangers = (_loop_accuracy(z, label, draw, kind) for kind in ("right", "all", "strangers"))
        queries = np.setdiff1d(np.flatnonzero(np.isin(label, label[draw])), draw)
        nearest = (unit_rows(z[queries]) @ unit_rows(z[draw]).T).argmax(1)
        exercise.same(found, right, {
            "the number of the nearest exemplar (0, 1, …) is compared with labels; the class of exemplar k is "
            "label[draw][k].": np.mean(nearest == label[queries]),
            "label[k] is the class of clip k; the class of exemplar k is label[draw][k].":
                np.mean(label[nearest] == label[queries]),
            "the exemplars are among the queries, and each finds itself: that is no test. Leave them out.": everyone,
            "clips of classes without an exemplar are among the queries; nobody can recognize these.": strangers,
            "that is a percentage; return a share between 0 and 1.": 100 * right,
            "that is the share of errors, 1 − accuracy.": 1 - right,
        })  # fmt: skip
    exercise.passed("One exemplar a class, everything else is a question.")


def check_honest_accuracy(honest_accuracy: Callable[..., Any]) -> None:
    """honest_accuracy(z, label, novel, episodes, learn): (R,) accuracies; `learn` sees clips of base classes only."""
    exercise, rng = Exercise("1.5", "honest_accuracy"), np.random.default_rng(5)
    z, label, episodes = _clusters(rng, classes=7, clips=5, episodes=6)
    novel = sorted(set(label[episodes[0]].tolist()))
    turn = rng.normal(size=(z.shape[1], 3))
    seen: list[NDArray[np.int64]] = []

    def learn(rows: Array, classes: NDArray[np.int64]) -> Project:
        exercise.need(len(rows) == len(classes), "learn(z, label) needs one label for each row of z.")
        seen.append(np.asarray(classes))
        return lambda other: np.asarray(other) @ turn

    found = exercise.array(
        exercise.call(honest_accuracy, z, label, np.array(novel), episodes, learn), (len(episodes),), "(R,)",
        "One accuracy for each episode; the mean hides how much the exemplar matters, the best one is a lucky draw.",
    )  # fmt: skip
    exercise.need(seen, "learn was never called; it returns the function that makes features better.")
    leaked = sorted(set(np.concatenate(seen).tolist()) & set(novel))
    exercise.need(
        not leaked,
        f"a leak: learn was shown clips of class {leaked[:1]}, which is novel. Choose with ~np.isin(label, novel).",
    )
    base_clips = len(label) - np.isin(label, novel).sum()
    exercise.need(all(len(classes) == base_clips for classes in seen), "learn should see every base clip.")
    right = [_loop_accuracy(z @ turn, label, draw, "right") for draw in episodes]
    exercise.same(found, right, {
        "the features are not the learned ones: learn returns a function, apply it to z.":
            [_loop_accuracy(z, label, draw, "right") for draw in episodes],
    })  # fmt: skip
    exercise.passed("No clip and no label of a novel class reached what was learned.")


def learn_projection(z: Array, label: NDArray[np.int64]) -> Project:
    """Linear discriminant analysis of features (N, D) with labels (N,): returns the projection, (…, D) → (…, K − 1)."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    return LinearDiscriminantAnalysis(solver="eigen", shrinkage="auto").fit(z, label).transform


def _clusters(
    rng: np.random.Generator, classes: int, clips: int, episodes: int
) -> tuple[Array, NDArray[np.int64], NDArray[np.int64]]:
    """Overlapping clusters in 4-D, labels from 3 on, mixed, and episodes that leave out the last two classes."""
    label = rng.permutation(np.repeat(np.arange(classes), clips)) + 3
    z = rng.normal(size=(classes + 3, 4))[label] + rng.normal(size=(len(label), 4))
    novel = range(3, classes + 1)
    return z, label, np.array([[rng.choice(np.flatnonzero(label == k)) for k in novel] for _ in range(episodes)])


def _loop_accuracy(z: Array, label: NDArray[np.int64], draw: Sequence[int], queries: str) -> float:
    """Accuracy by plain loops. queries: "right", "all" (exemplars too) or "strangers" (unknown classes too)."""
    hits = []
    for i in range(len(z)):
        is_exemplar, is_known = i in list(draw), label[i] in label[list(draw)]
        if (is_exemplar and queries != "all") or (not is_known and queries != "strangers"):
            continue
        cosine = [z[i] @ z[j] / np.linalg.norm(z[i]) / np.linalg.norm(z[j]) for j in draw]
        hits.append(label[draw[int(np.argmax(cosine))]] == label[i])
    return float(np.mean(hits))
