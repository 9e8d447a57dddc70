"""Several answers to one question: how they are merged into one description, and how far they agree.

Key joints and statements are voted on. Joint texts are all kept; `embeddings.local_embeddings` averages them. Where one
text has to be shown, it is that of the sample whose key joints are nearest to the vote.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import combinations

from crossglg.text.attributes import STATEMENTS
from crossglg.text.descriptions import Description


def merge_samples(samples: Sequence[Description]) -> Description:
    """One description of a class from several; a single one is returned as it is. Raises ValueError for none."""
    if not samples:
        raise ValueError("no samples to merge")
    if len(samples) == 1:
        return samples[0]
    voted = vote(samples)
    nearest = max(samples, key=lambda sample: jaccard(sample.key_joints, voted))  # the first of equals
    return replace(nearest, key_joints=voted, statements=_true_for_most(samples), samples=tuple(samples))


def vote(samples: Sequence[Description]) -> tuple[str, ...]:
    """Joints that more than half of the samples call key, in layout order.

    A tie (exactly half) is a no: fewer key joints are better. If no joint has a majority, those with most votes.
    """
    votes = {joint: sum(joint in sample.key_joints for sample in samples) for joint in samples[0].layout.joints}
    majority = tuple(joint for joint, number in votes.items() if 2 * number > len(samples))
    return majority or tuple(joint for joint, number in votes.items() if number == max(votes.values()))


def _true_for_most(samples: Sequence[Description]) -> tuple[str, ...] | None:
    """Statements that more than half of the samples call true; None where a sample was not asked."""
    said = [sample.statements for sample in samples if sample.statements is not None]
    if len(said) < len(samples):
        return None
    return tuple(one for one in STATEMENTS if 2 * sum(one in true for true in said) > len(samples))


def agreement(samples: Sequence[Description]) -> float:
    """Mean Jaccard index of the key joints over all pairs of samples: 1 if all agree (or there is only one)."""
    pairs = [jaccard(a.key_joints, b.key_joints) for a, b in combinations(samples, 2)]
    return sum(pairs) / len(pairs) if pairs else 1.0


def jaccard(a: Collection[str], b: Collection[str]) -> float:
    """Size of the intersection over size of the union; 1 for two empty sets."""
    both, either = set(a) & set(b), set(a) | set(b)
    return len(both) / len(either) if either else 1.0
