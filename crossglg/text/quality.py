"""How good descriptions are, in numbers: do classes differ, do key joints fit the texts, which classes look alike?"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crossglg import tables
from crossglg.text.descriptions import Description, DescriptionFile
from crossglg.text.embeddings import local_embeddings
from crossglg.text.key_joints import find_key_joints
from crossglg.text.samples import jaccard

# Pairs of actions that are easily taken for each other; reviewed in every file that describes both.
CONFUSABLE: tuple[tuple[str, str], ...] = (
    ("drink water", "eat meal/snack"), ("drink", "eat"), ("sitting down", "standing up (from sitting position)"),
    ("sit down", "stand up"), ("sit to stand", "stand to sit"), ("wear jacket", "take off jacket"),
    ("put on a hat/cap", "take off a hat/cap"), ("put on clothes", "take off clothes"), ("donning", "doffing"),
    ("hand waving", "pointing to something with finger"), ("wave one hand", "point forward"),
    ("wave hand", "wave other hand"), ("draw circle clockwise", "draw circle counter clockwise"),
    ("draw circle", "draw circle counter clockwise"), ("swipe left", "swipe right"), ("reading", "writing"),
    ("playing with phone/tablet", "typing on a keyboard"), ("thumb up", "thumb down"), ("pickup", "drop"),
    ("walking towards each other", "walking apart from each other"), ("brushing teeth", "brushing hair"),
    ("kick a ball", "kick a ball far"), ("forward kick", "side kick"), ("tennis swing", "tennis serve"),
    ("put on bag", "take off bag"), ("read book", "write on paper"), ("walk in place", "run in place"),
    ("pick up with one hand", "pick up with two hands"),
)  # fmt: skip

NEARLY_SAME = 0.95  # cosine above which two sentences say the same thing in other words


@dataclass(frozen=True)
class Distinctness:
    """How far the texts of K classes differ.

    identical, nearly: share of (class, joint) whose sentence another class has too, in the same words or at a cosine
    above NEARLY_SAME.  worst: the joint with most of the latter, and its share.
    mean, nearest: cosine of class texts (see `class_cosine`) over all pairs, and to the nearest class on average.
    closest: the most similar pairs, (cosine, class, class).
    """

    identical: float
    nearly: float
    worst: tuple[str, float]
    mean: float
    nearest: float
    closest: tuple[tuple[float, str, str], ...]


def distinctness(classes: Sequence[Description], encoder: str = "minilm", pairs: int = 5) -> Distinctness:
    """Raises ValueError for fewer than two classes."""
    if len(classes) < 2:
        raise ValueError("distinctness needs at least two classes")
    layout = classes[0].layout
    local = local_embeddings(classes, layout, encoder)
    cosine = np.einsum("kve,lve->vkl", local, local)
    cosine[:, np.arange(len(classes)), np.arange(len(classes))] = -1.0
    nearly = (cosine.max(axis=2) > NEARLY_SAME).mean(axis=1)
    between = class_cosine(local)
    upper = np.triu_indices(len(classes), 1)
    order = np.argsort(-between[upper], kind="stable")[:pairs]
    found = [(float(between[upper][n]), classes[upper[0][n]].action, classes[upper[1][n]].action) for n in order]
    others = np.where(np.eye(len(classes), dtype=bool), -np.inf, between)
    return Distinctness(
        float(np.mean([_share_identical([d.joints[joint] for d in classes]) for joint in layout.joints])),
        float(nearly.mean()),
        (layout.joints[int(nearly.argmax())], float(nearly.max())),
        float(between[upper].mean()),
        float(others.max(axis=1).mean()),
        tuple(found),
    )


def class_cosine(local: NDArray[np.float32]) -> NDArray[np.float32]:
    """(K, V, E) joint texts → (K, K) cosine of the classes: joints side by side, less the mean of all classes."""
    centered = (local - local.mean(axis=0)).reshape(len(local), -1)
    centered /= np.linalg.norm(centered, axis=1, keepdims=True).clip(1e-12)
    return centered @ centered.T


def key_joint_agreement(classes: Sequence[Description]) -> tuple[float, float]:
    """Precision and recall, over all joints of all classes, of the key joints that the lexicon finds in the texts."""
    pairs = [(set(find_key_joints(d.global_, d.layout)), set(d.key_joints)) for d in classes]
    right = sum(len(found & given) for found, given in pairs)
    number_found = sum(len(found) for found, _ in pairs)
    return right / max(number_found, 1), right / max(sum(len(given) for _, given in pairs), 1)


def text_report(files: Sequence[DescriptionFile], encoder: str = "minilm") -> str:
    """The measurements of several files as three Markdown tables: numbers, nearest classes, reviewed pairs."""
    numbers, closest, review = [], [], []
    for file in files:
        name, classes = file.path.stem if file.path else "?", list(file.classes.values())
        distinct = distinctness(classes, encoder)
        numbers.append(_numbers(name, classes, distinct))
        closest.append([name, "; ".join(f"{a} / {b} {cosine:.2f}" for cosine, a, b in distinct.closest)])
        review += _review(name, file, encoder)
    head = [
        "file", "classes", "sentences shared", f"shared in other words (cosine > {NEARLY_SAME})", "most at",
        "cosine of classes: mean", "to the nearest", "lexicon: precision", "recall",
    ]  # fmt: skip
    parts = [
        tables.markdown(head, numbers),
        tables.markdown(["file", "most similar classes, with their cosine"], closest),
        tables.markdown(["file", "classes", "cosine", "Jaccard", "key joints of the first", "of the second"], review),
    ]
    return "\n\n".join(parts)


def _numbers(name: str, classes: Sequence[Description], distinct: Distinctness) -> list[str]:
    precision, recall = key_joint_agreement(classes)
    joint, share = distinct.worst
    return [
        name, str(len(classes)), f"{distinct.identical:.1%}", f"{distinct.nearly:.1%}", f"{joint} {share:.0%}",
        f"{distinct.mean:.3f}", f"{distinct.nearest:.2f}", f"{precision:.2f}", f"{recall:.2f}",
    ]  # fmt: skip


def _review(name: str, file: DescriptionFile, encoder: str) -> list[list[str]]:
    """A row for each confusable pair of this file."""
    actions = list(file.classes)
    cosine = class_cosine(local_embeddings(list(file.classes.values()), file.layout, encoder))
    rows = []
    for pair in CONFUSABLE:
        if all(action in file.classes for action in pair):
            first, second = (file.classes[action].key_joints for action in pair)
            similar = cosine[actions.index(pair[0]), actions.index(pair[1])]
            overlap = f"{jaccard(first, second):.2f}"
            rows.append([name, " / ".join(pair), f"{similar:.2f}", overlap, ", ".join(first), ", ".join(second)])
    return rows


def _share_identical(sentences: Sequence[str]) -> float:
    """Share of sentences that occur more than once, whatever their punctuation and capitals."""
    plain = [" ".join(re.findall(r"\w+", sentence.lower())) for sentence in sentences]
    number = Counter(plain)
    return sum(number[sentence] > 1 for sentence in plain) / len(plain)
