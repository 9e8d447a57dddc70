"""Text at inference: what a text says about a novel class takes part in the comparison. Not the paper's setting.

Everything else in this package recognises from skeletons alone. These classifiers are in a registry of their own, need
key joints of the novel classes that only an evaluation can hand them, and are labelled wherever a number is shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crossglg.one_shot.combined import multi_scale
from crossglg.one_shot.features import Array, Base, part, unit_rows
from crossglg.one_shot.joints import whitened_joints
from crossglg.one_shot.representation import Representation


@dataclass(frozen=True)
class KeyJoints:
    """What the texts of K classes call important. mask: (K, V) bool;  parts: the joints of each body part."""

    mask: NDArray[np.bool_]
    parts: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, target: Array, parts: Mapping[str, Sequence[int]]) -> KeyJoints:
        """target: (K, V), k_gt of each text;  parts: the layout's body parts."""
        return cls(target > 0, tuple(tuple(joints) for joints in parts.values() if joints))

    def __getitem__(self, rows: ArrayLike) -> KeyJoints:
        return replace(self, mask=self.mask[np.asarray(rows)])

    @property
    def target(self) -> NDArray[np.floating]:
        """(K, V) k_gt: uniform over the key joints of each class, rows sum to 1."""
        return self.mask / self.mask.sum(1, keepdims=True)

    @property
    def part_mask(self) -> NDArray[np.bool_]:
        """(K, P): the parts with a key joint."""
        return np.stack([self.mask[:, list(joints)].any(1) for joints in self.parts], axis=1)


def text_voting(exemplar: Representation, query: Representation, base: Base, key_joints: KeyJoints) -> Array:
    """Multi-scale matching plus the cosines of the key joints and key parts that a text names for the class.

    key_joints: of the classes of the exemplars.  Source: the training-free cache of SkelHCC (arXiv 2606.03610).
    Differs: no similarity of skeleton and text, since our representations were not trained to resemble texts; joints
    and parts are averaged over those that a mask keeps, so that a class with a long list is not preferred.
    """
    own, theirs = whitened_joints(query, base), whitened_joints(exemplar, base)
    votes = masked_cosine(own, theirs, key_joints.mask)
    own, theirs = (np.stack([j[:, list(p)].mean(1) for p in key_joints.parts], 1) for j in (own, theirs))  # (…, P, D)
    part_votes = masked_cosine(own, theirs, key_joints.part_mask)
    return multi_scale(exemplar, query, base) + (votes + part_votes) / 2.0


def zero_shot(exemplar: Representation, query: Representation, base: Base, key_joints: KeyJoints) -> Array:
    """No exemplar is looked at: the predicted importance of joints against the key joints that each text names.

    key_joints: of the classes of the exemplars.  Source: ours; importance is predicted by CrossGLG's JID.
    """
    usual = part(base.clips, "importance").mean(0)
    return text_similarity(part(query, "importance"), key_joints.target, usual)


def text_similarity(importance: Array, target: Array, usual: Array) -> Array:
    """(N, V) predicted, (K, V) named by texts, (V,) mean predicted on base clips → (N, K).

    The cosine of how both differ from the usual: the hands are important in most actions and tell few of them apart.
    """
    return unit_rows(importance - usual) @ unit_rows(target - usual).T


def masked_cosine(own: Array, theirs: Array, mask: NDArray[np.bool_]) -> Array:
    """(Q, V, D), (K, V, D), (K, V) → (Q, K): mean cosine of the joints, or parts, in the mask of the exemplar."""
    kept = unit_rows(theirs) * mask[..., None]
    return np.tensordot(unit_rows(own), kept, ((1, 2), (1, 2))) / np.maximum(mask.sum(1), 1)
