"""Checks of session 4: attention and its pitfalls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from crossglg.one_shot import unit_rows
from crossglg.skeletons import Layout, get_layout
from crossglg.text.embeddings import TextBank
from crossglg.workshop.feedback import Exercise

Array = NDArray[np.floating]
Embed = Callable[[Array], Array]

# What the measurements of session 4 allow one to say: claim → (whether, why).
CLAIMS: dict[str, tuple[bool, str]] = {
    "a": (False, "the model that was taught with the wrong texts lights up hands as well."),
    "b": (False, "importance is a weight inside the model; what a hidden joint changes is another question."),
    "c": (True, "motion energy needs no learning, so it is the line that importance has to clear."),
    "d": (False, "the truth is known for synthetic motions only; other people and sensors have to be measured."),
    "e": (False, "a body with one frozen joint was in no training clip; the model may react to the oddness."),
    "f": (True, "one seed and one small data set; a claim about texts needs several of both, and intervals."),
}


def check_shuffled(shuffled: Callable[[TextBank, int], Any]) -> None:
    """shuffled(bank, seed): the bank in which each class has the texts and the k_gt of another one class."""
    exercise = Exercise("4.1", "shuffled")
    generator = torch.Generator().manual_seed(41)
    classes = tuple("ABCDEFGH")
    local, target = torch.randn(8, 5, 3, generator=generator), torch.rand(8, 5, generator=generator)
    for seed in range(5):
        bank = TextBank(classes, local.clone(), target.clone(), local.mean(1))
        found = exercise.call(shuffled, bank, seed)
        exercise.need(
            isinstance(found, TextBank), "a TextBank was expected: replace(bank, local=…, key_joint_target=…)."
        )
        exercise.need(torch.equal(bank.local, local), "the bank that was given is changed; make a new one.")
        exercise.need(found.classes == classes, "the class names stay in their order, or nothing would be shuffled.")
        texts = _whose(exercise, found.local, local, "local")
        targets = _whose(exercise, found.key_joint_target, target, "key_joint_target")
        exercise.need(texts == targets, "local and key_joint_target are shuffled differently; use one order for both.")
        own = [classes[k] for k in range(8) if texts[k] == k]
        exercise.need(len(own) < 8, "every class still has its own texts.")
        exercise.need(not own, f"with seed {seed}, class {own[:1]} kept its own texts, which weakens the control: "
                               "move every class along one cycle.")  # fmt: skip
        exercise.need(len(set(texts)) == 8, "some texts are used twice and some not at all.")
    exercise.passed("Same texts, same words, same lengths; only what they belong to is wrong. A fair control.")


def _whose(exercise: Exercise, rows: Any, original: torch.Tensor, name: str) -> list[int]:
    """For each class, whose entry of `original` it has."""
    exercise.array(rows, tuple(original.shape), "(K, V, E)" if original.dim() == 3 else "(K, V)", f"That is {name}.")
    found = [next((k for k in range(len(original)) if torch.equal(row, original[k])), -1) for row in rows]
    exercise.need(-1 not in found, f"{name} holds numbers that no class had; move whole classes, joints stay in place.")
    return found


def check_motion_energy(motion_energy: Callable[[Array, Layout], Any]) -> None:
    """motion_energy(clip, layout): (T, V, 3) → (V,) share of the way that each joint goes relative to the root."""
    exercise, layout = Exercise("4.2", "motion_energy"), get_layout("kinect20")
    clip = np.random.default_rng(42).normal(size=(6, 20, 3)).cumsum(0)
    result = exercise.call(motion_energy, clip, layout)
    found = exercise.array(result, (20,), "(V,)", "Add up over time, keep one number for each joint.")
    way = np.zeros(20)
    for t in range(5):
        for j in range(20):
            here, there = (clip[u, j] - clip[u, layout.root_index] for u in (t, t + 1))
            way[j] += np.sqrt(((there - here) ** 2).sum())
    relative = clip - clip[:, [layout.root_index]]
    absolute = np.linalg.norm(np.diff(clip, axis=0), axis=-1).sum(0)
    reach = np.linalg.norm(relative, axis=-1).sum(0)
    exercise.same(found, way / way.sum(), {
        "the shares should sum to 1: divide by the sum over joints.": way,
        "that is the mean way; divide by the sum over joints to get shares.": way / 5,
        "whoever walks moves every joint: take positions relative to the root, layout.root_index, first.":
            absolute / absolute.sum(),
        "that is how far each joint is from the root, not how far it moves; take np.diff over time.":
            reach / reach.sum(),
        "that is the way from the first to the last frame, in which coming back counts as rest; add up the steps.":
            _shares(np.linalg.norm(relative[-1] - relative[0], axis=-1)),
        "those are squared distances, which a single jump of the sensor rules; take the norm of each step.":
            _shares((np.diff(relative, axis=0) ** 2).sum((0, 2))),
        "the length of a step is the norm over x, y and z, not their sum.":
            _shares(np.abs(np.diff(relative, axis=0)).sum((0, 2))),
    })  # fmt: skip
    exercise.passed("No learning, no text: what importance has to beat.")


def check_auc(auc: Callable[[Array, NDArray[np.bool_]], Any]) -> None:
    """auc(importance, matters): how often a joint that matters is above one that does not; ties count half."""
    exercise, rng = Exercise("4.3", "auc"), np.random.default_rng(43)
    for _ in range(3):
        importance, matters = rng.integers(0, 6, 15) / 10, rng.permutation(np.arange(15) < 4)
        found = exercise.array(exercise.call(auc, importance, matters), (), "one number", "A share of pairs, 0…1.")
        pairs = [(a, b) for a in importance[matters] for b in importance[~matters]]
        above, equal = np.mean([a > b for a, b in pairs]), np.mean([a == b for a, b in pairs])
        exercise.same(found, above + equal / 2, {
            "ties count as lost; where both have the same importance, count a half.": above,
            "ties count as won; where both have the same importance, count a half.": above + equal,
            "that is how often a joint that does not matter is above; turn the comparison round.":
                1 - above - equal / 2,
            "that counts pairs; divide by their number.": (above + equal / 2) * len(pairs),
        })  # fmt: skip
    exercise.passed("0.5 is guessing, 1 is perfect, and no threshold had to be chosen.")


def check_occlusion(occlusion: Callable[[Array, Embed, Layout], Any]) -> None:
    """occlusion(clip, embed, layout): (V,) 1 − cosine of z with and without the movement of each joint."""
    exercise, rng, layout = Exercise("4.4", "occlusion"), np.random.default_rng(44), get_layout("kinect20")
    clip = rng.normal(size=(4, 20, 3)) + 2
    matrix = rng.normal(size=(240, 9))

    def embed(clips: Array) -> Array:
        if np.ndim(clips) != 4 or np.shape(clips)[1:] != (4, 20, 3):
            exercise.fail(f"embed wants clips as (N, T, V, 3), it got {np.shape(clips)}; one clip is clip[None].")
        return np.tanh(np.asarray(clips).reshape(len(clips), -1) @ matrix / 8) + 0.3

    def changes(hide: Callable[[Array, int], None], afresh: bool = True, cosine: bool = True) -> Array:
        rows, hidden = [embed(clip[None])[0]], clip.copy()
        for j in range(20):
            hidden = clip.copy() if afresh else hidden
            hide(hidden, j)
            rows.append(embed(hidden[None])[0])
        z = np.stack(rows)
        return 1 - unit_rows(z[1:]) @ unit_rows(z[0]) if cosine else np.linalg.norm(z[1:] - z[0], axis=1)

    def freeze(x: Array, j: int) -> None:
        for t in range(4):
            x[t, j] = clip[0, j] - clip[0, layout.root_index] + clip[t, layout.root_index]

    def zero(x: Array, j: int) -> None:
        x[:, j] = 0

    def nail(x: Array, j: int) -> None:
        x[:, j] = clip[0, j]

    result = exercise.call(occlusion, clip, embed, layout)
    found = exercise.array(result, (20,), "(V,)", "One number for each joint.")
    right = changes(freeze)
    exercise.same(found, right, {
        "that is how alike the two are; how much changes is 1 − cosine.": 1 - right,
        "joints stay hidden when the next one is: begin with a fresh copy of the clip for each joint.":
            changes(freeze, afresh=False),
        "a joint at (0, 0, 0) is thrown far away, which is no way of hiding it; freeze it where frame 0 has it.":
            changes(zero),
        "the joint stays behind when the person walks; keep its place relative to the root of every frame.":
            changes(nail),
        "that is a distance; what counts for one-shot recognition is 1 − cosine.": changes(freeze, cosine=False),
    })  # fmt: skip
    exercise.passed("It asks the model itself what it would miss.")


def check_claims(claims: Any) -> None:
    """claims: letter → whether the measurements of the session support the claim."""
    exercise = Exercise("4.5", "claims")
    exercise.claims(claims, CLAIMS)
    exercise.passed("Attention is not explanation; a control, a baseline and a second method make it evidence.")


def _shares(values: Array) -> Array:
    return values / values.sum()
