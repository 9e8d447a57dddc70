"""Checks of session 2: prompts and text."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossglg.files import nearest
from crossglg.skeletons import Layout, get_layout
from crossglg.text.descriptions import Description
from crossglg.text.embeddings import embed_texts, local_embeddings
from crossglg.text.prompts import Prompt
from crossglg.text.quality import class_cosine
from crossglg.workshop.feedback import Exercise

SAME, APART = 0.97, 0.8  # cosines of two sentences that an encoder takes for one, and tells apart
LONGEST_PROMPT = 2500  # characters


def check_global_prompt(template: Any) -> None:
    """template: a Jinja template that asks for the global description; may use {{ action }} and {{ joints }}."""
    exercise = Exercise("2.1", "template")
    exercise.written(template)
    exercise.need(isinstance(template, str), "a text was expected, in quotes.")
    for action, name in (("juggling eggs", "ntu25"), ("a curtsy", "coco17")):
        layout = get_layout(name)
        try:
            text = Prompt("mine", 1, template, "").render(action, layout.joints)
        except ValueError as error:
            exercise.fail(f"{error}. Write {{{{ action }}}} and {{{{ joints | join(', ') }}}}.")
        exercise.need(
            action in text, f"the prompt for {action!r} does not name the action; write {{{{ action }}}} in it."
        )
        missing = [joint for joint in layout.joints if joint not in text]
        exercise.need(
            not missing,
            f"the model cannot know that the skeleton has a {(missing or [''])[0]!r}; list them all with "
            f"{{{{ joints | join(', ') }}}}.",
        )
        exercise.need(len(text) <= LONGEST_PROMPT, f"{len(text)} characters: try with half of them.")
    words = re.sub(r"\{\{.*?\}\}|\{%.*?%\}", " ", template).lower()
    exercise.need("json" in words, "a program will read the answer. Ask for JSON only, and show its form.")
    for entry in ("description", "key_joints"):
        exercise.need(f'"{entry}"' in words, f'show the form of the answer: it lacks the entry "{entry}".')
    exercise.need(
        re.search(r"\b(left|right|sides?|(right|left)-handed)\b", words),
        "people wave with either hand; say whose side is meant (an average right-handed person, say).",
    )
    exercise.need(
        re.search(r"\b(copy|exact(ly)?|verbatim|only|from (the|this) list|unchanged|names?)\b", words),
        "'the wrist' is no joint of the list; say that key joints must be copied from it by their exact names.",
    )
    exercise.passed(
        "A model that gets this knows the action, the joints, whose side is meant and the form of the answer."
    )


def check_key_joint_target(key_joint_target: Callable[[Sequence[str], Layout], Any]) -> None:
    """key_joint_target(key_joints, layout): (V,) uniform over those the layout has; over all if it has none."""
    exercise = Exercise("2.2", "key_joint_target")
    for name, names in (
        ("ntu25", ["right hand", "right wrist", "head"]),
        ("kinect20", ["base of spine", "left foot"]),
        ("ntu25", ["left knee", "left knee", "right knee"]),
        ("coco17", ["left wrist", "left hand tip", "left elbow"]),
        ("kinect20", ["left thumb", "right thumb"]),
    ):
        layout = get_layout(name)
        named = [layout.index(joint) for joint in names if layout.has(joint)]
        there = set(named) or set(range(layout.num_joints))
        right = np.array([1 / len(there) if j in there else 0.0 for j in range(layout.num_joints)])
        result = exercise.call(key_joint_target, list(names), layout)
        case = f"With {names} on {name}: "
        found = exercise.array(result, right.shape, "(V,)", "One number for each joint of the layout.")
        exercise.need(len(there) < layout.num_joints or found.any(), (
            f"{case}none of them is on this skeleton, so the text says nothing: weigh all joints alike."))  # fmt: skip
        exercise.need(
            np.array_equal(found > 0, right > 0),
            f"{case}the weight is on {[layout.joints[j] for j in np.flatnonzero(found)]}; it should be on "
            f"{[layout.joints[j] for j in sorted(there)][:6]}. layout.has(joint), layout.index(joint) know synonyms.",
        )
        exercise.need(
            np.isclose(found.sum(), 1), f"{case}it sums to {found.sum():.3g}; a distribution over joints sums to 1."
        )
        exercise.same(found, right, {
            f"{case}a joint that is named twice counts twice; set it, do not add.":
                np.bincount(named, minlength=layout.num_joints) / max(len(named), 1),
        })  # fmt: skip
    exercise.passed("This is k_gt, what joint importance will be calibrated against.")


def check_class_cosine(classes_cosine: Callable[[NDArray[np.floating]], Any]) -> None:
    """class_cosine(local): (K, V, E) joint texts → (K, K) cosine of the classes, less what all classes share."""
    exercise, rng = Exercise("2.3", "class_cosine"), np.random.default_rng(23)
    local = rng.normal(size=(6, 4, 5)) + 3 * rng.normal(size=(4, 5))
    result = exercise.call(classes_cosine, local)
    found = exercise.array(result, (6, 6), "(K, K)", "A row and a column for each class.")
    rows = [(local[k] - local.mean(0)).ravel() for k in range(6)]
    right = [[a @ b / np.linalg.norm(a) / np.linalg.norm(b) for b in rows] for a in rows]
    centered = local - local.mean(0)
    flat, one_mean = local.reshape(6, -1), (local - local.mean()).reshape(6, -1)
    wrong_axis = centered.reshape(6, -1) / np.linalg.norm(centered.reshape(6, -1), axis=0)
    exercise.same(found, right, {
        "all classes look alike: subtract the mean over classes, local.mean(axis=0), before comparing.": _cosine(flat),
        "that subtracts one number; what classes share is a vector for each joint, local.mean(axis=0).":
            _cosine(one_mean),
        "rows are not divided by their length yet, so the diagonal is not 1.":
            centered.reshape(6, -1) @ centered.reshape(6, -1).T,
        "the norm is taken over classes (axis 0); each class is a row, norm over axis 1.": wrong_axis @ wrong_axis.T,
        "joints are averaged away before comparing; keep them apart, side by side (reshape(K, -1)).":
            _cosine(centered.mean(1)),
    })  # fmt: skip
    exercise.passed("Without the shared part, what remains is what makes an action special.")


def check_most_similar(pair: Any, described: Sequence[Description]) -> None:
    """pair: names of the two of the described classes whose joint texts are the most similar."""
    exercise, names = Exercise("2.4", "pair"), [description.action for description in described]
    exercise.written(pair)
    ok = isinstance(pair, (tuple, list)) and len(pair) == 2 and all(isinstance(name, str) for name in pair)
    exercise.need(ok, "two names of actions were expected, like ('reading', 'writing').")
    for name in pair:
        exercise.need(name in names, f"there is no action {name!r}{nearest(name, names)}")
    exercise.need(pair[0] != pair[1], "every action is most similar to itself; leave the diagonal out.")
    layout = described[0].layout
    similarity = class_cosine(local_embeddings(described, layout, "minilm"))
    mine = similarity[names.index(pair[0]), names.index(pair[1])]
    above = int((similarity[np.triu_indices(len(names), k=1)] > mine + 1e-6).sum())
    exercise.need(not above, f"{pair[0]!r} and {pair[1]!r} have {mine:.2f}; {above} pairs are more similar than these.")
    exercise.passed(f"Cosine {mine:.2f}. Which words would tell a person that these are two actions?")


def check_sentences(same: Any, apart: Any) -> None:
    """same: two sentences of different motions that the encoder takes for one;  apart: the two, said better."""
    exercise = Exercise("2.5", "same and apart")
    for pair in (same, apart):
        exercise.written(pair)
        ok = isinstance(pair, (tuple, list)) and len(pair) == 2 and all(isinstance(text, str) for text in pair)
        exercise.need(ok, "two sentences were expected, like ('…', '…').")
        exercise.need(all(len(text.split()) >= 4 for text in pair), "write sentences of four words or more.")
        a, b = (re.findall(r"[a-z]+", text.lower()) for text in pair)
        exercise.need(a != b, "these are the same words twice; describe two different motions.")
    (near, far) = (_similarity(pair) for pair in (same, apart))
    exercise.need(near >= SAME, f"same: cosine {near:.3f}, the encoder tells them apart (find {SAME} or more). Try "
                                "opposites: directions, orders, turns.")  # fmt: skip
    exercise.need(far <= APART, f"apart: cosine {far:.3f}, still too close (find {APART} or less). Say where the "
                                "joint starts and ends and what it comes near.")  # fmt: skip
    exercise.passed(f"{near:.3f} and {far:.3f}. Would two people who read the first two do the same?")


def _similarity(pair: Sequence[str]) -> float:
    a, b = embed_texts(list(pair))
    return float(a @ b)


def _cosine(rows: NDArray[np.floating]) -> NDArray[np.floating]:
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit @ unit.T
