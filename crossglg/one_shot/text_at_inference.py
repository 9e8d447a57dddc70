"""Text at inference: what a text says about a novel class takes part in the comparison. Not the paper's setting.

Everything else in this package recognizes from skeletons alone. These classifiers are in a registry of their own, need
what texts say about the novel classes, which only an evaluation can hand them, and are labeled wherever a number is
shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crossglg.one_shot.combined import multi_scale
from crossglg.one_shot.features import Array, Base, part, unit_rows
from crossglg.one_shot.joints import whitened_joints
from crossglg.one_shot.representation import Representation


@dataclass(frozen=True)
class ClassTexts:
    """What the texts of K classes say.

    mask: (K, V) bool, the key joints;  parts: the joints of each body part;  either_side: (K,) bool, whether an action
    stays the same if left and right are swapped.  mirrored: of K exemplars, the mirror images, or None.  attributes:
    (K, A) of 0 and 1, or None.
    """

    mask: NDArray[np.bool_]
    parts: tuple[tuple[int, ...], ...]
    either_side: NDArray[np.bool_]
    mirrored: Representation | None = None
    attributes: NDArray[np.floating] | None = None

    @classmethod
    def of(cls, target: Array, parts: Mapping[str, Sequence[int]], either_side: ArrayLike = False) -> ClassTexts:
        """target: (K, V), k_gt of each text;  parts: the layout's body parts;  either_side: (K,), or one for all."""
        sides = np.broadcast_to(np.asarray(either_side, dtype=bool), len(target))
        return cls(target > 0, tuple(tuple(joints) for joints in parts.values() if joints), sides)

    def of_exemplars(self, label: ArrayLike, mirrored: Representation | None = None) -> ClassTexts:
        """What they say about exemplars of these classes. mirrored: the mirror images of the exemplars."""
        rows = np.asarray(label)
        attributes = None if self.attributes is None else self.attributes[rows]
        return ClassTexts(self.mask[rows], self.parts, self.either_side[rows], mirrored, attributes)

    @property
    def target(self) -> NDArray[np.floating]:
        """(K, V) k_gt: uniform over the key joints of each class, rows sum to 1."""
        return self.mask / self.mask.sum(1, keepdims=True)

    @property
    def part_mask(self) -> NDArray[np.bool_]:
        """(K, P): the parts with a key joint."""
        return np.stack([self.mask[:, list(joints)].any(1) for joints in self.parts], axis=1)


def text_voting(exemplar: Representation, query: Representation, base: Base, texts: ClassTexts) -> Array:
    """Multi-scale matching plus the cosines of the key joints and key parts that a text names for the class.

    texts: of the exemplars.  Source: the training-free cache of SkelHCC (arXiv 2606.03610).
    Differs: no similarity of skeleton and text, since our representations were not trained to resemble texts; joints
    and parts are averaged over those that a mask keeps, so that a class with a long list is not preferred.
    """
    own, theirs = whitened_joints(query, base), whitened_joints(exemplar, base)
    votes = masked_cosine(own, theirs, texts.mask)
    own, theirs = (np.stack([j[:, list(p)].mean(1) for p in texts.parts], 1) for j in (own, theirs))  # (…, P, D)
    part_votes = masked_cosine(own, theirs, texts.part_mask)
    return multi_scale(exemplar, query, base) + (votes + part_votes) / 2.0


def zero_shot(exemplar: Representation, query: Representation, base: Base, texts: ClassTexts) -> Array:
    """No exemplar is looked at: the predicted importance of joints against the key joints that each text names.

    texts: of the exemplars.  Source: ours; importance is predicted by CrossGLG's JID.
    """
    usual = part(base.clips, "importance").mean(0)
    return text_similarity(part(query, "importance"), texts.target, usual)


def zero_shot_attributes(exemplar: Representation, query: Representation, base: Base, texts: ClassTexts) -> Array:
    """No exemplar is looked at: the attributes predicted for the clip against those that each text says.

    texts: of the exemplars, with attributes.  Source: ours; `objective=attributes` learns to predict them.
    """
    usual = part(base.clips, "attributes").mean(0)
    return text_similarity(part(query, "attributes"), cast(Array, texts.attributes), usual)


def either_side(score: Callable[..., Array], name: str) -> Callable[..., Array]:
    """`score`, with the mirror image of an exemplar as one more exemplar where the text says that sides do not matter.

    A class then counts by the better of the two. Who drinks with the left hand drinks; who swipes to the left does not
    swipe to the right. No clip can tell the two cases apart: somebody has to say it.  Source: ours.
    """

    def by_either_side(exemplar: Representation, query: Representation, base: Base, texts: ClassTexts) -> Array:
        also = np.flatnonzero(texts.either_side)
        if texts.mirrored is None or not len(also):
            return score(exemplar, query, base)
        scores = score(exemplar.and_then(texts.mirrored[also]), query, base)
        own, mirrored = np.split(scores, [len(exemplar)], axis=1)
        own[:, also] = np.maximum(own[:, also], mirrored)
        return own

    by_either_side.__doc__ = f"As {name}; an exemplar also comes mirrored where the text says that sides do not matter."
    return by_either_side


def text_similarity(predicted: Array, target: Array, usual: Array) -> Array:
    """(N, V) importance or (N, A) attributes, (K, …) as texts have them, (…,) mean predicted on base clips → (N, K).

    The cosine of how both differ from the usual: the hands are important in most actions and tell few of them apart.
    """
    return unit_rows(predicted - usual) @ unit_rows(target - usual).T


def masked_cosine(own: Array, theirs: Array, mask: NDArray[np.bool_]) -> Array:
    """(Q, V, D), (K, V, D), (K, V) → (Q, K): mean cosine of the joints, or parts, in the mask of the exemplar."""
    kept = unit_rows(theirs) * mask[..., None]
    return np.tensordot(unit_rows(own), kept, ((1, 2), (1, 2))) / np.maximum(mask.sum(1), 1)
