"""What a text is worth: a class before and after an edit, and the same classes as two files describe them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from crossglg import tables
from crossglg.files import InputError
from crossglg.skeletons import Layout
from crossglg.text.descriptions import Description
from crossglg.text.embeddings import Embed, local_embeddings
from crossglg.text.key_joints import find_key_joints, key_joint_target
from crossglg.text.quality import class_cosine

GLOBAL = "global"  # the name of the global text among the joints' texts


@dataclass(frozen=True)
class WhatIf:
    """What an edit changes, before and after it.

    key_joint_target: (2, V) k_gt.  others: names of the K − 1 other classes.  neighbors: (2, K − 1) cosine to each of
    them, as of `quality.class_cosine`.  changed: the joints of the layout whose text is another.
    """

    action: str
    key_joint_target: NDArray[np.float32]
    others: tuple[str, ...]
    neighbors: NDArray[np.float32]
    changed: tuple[str, ...]


def texts_of(description: Description) -> dict[str, str]:
    """All texts of a description by name: "global", then one per joint of its layout."""
    return {GLOBAL: description.global_, **{joint: description.joints[joint] for joint in description.layout.joints}}


def edit(description: Description, texts: Mapping[str, str], key_joints: Sequence[str] = ()) -> Description:
    """The description with some texts replaced (names as of `texts_of`) and its samples put aside.

    key_joints: the new ones; if none are given, those that the lexicon finds in a new global text, else the old ones.
    Raises ValueError for a name that is neither "global" nor a joint, and for an empty text.
    """
    unknown = [name for name in texts if name not in (GLOBAL, *description.layout.joints)]
    if unknown:
        raise ValueError(f"{unknown[0]!r} is neither 'global' nor a joint of {description.layout.name}")
    if not key_joints and texts.get(GLOBAL, description.global_) != description.global_:
        key_joints = find_key_joints(texts[GLOBAL], description.layout)
    merged = texts_of(description) | dict(texts)
    return replace(
        description, global_=merged.pop(GLOBAL), joints=merged, samples=(),
        key_joints=tuple(key_joints) or description.key_joints,
    )  # fmt: skip


def what_if(
    edited: Description, classes: Sequence[Description], local: NDArray[np.float32], layout: Layout, embed: Embed
) -> WhatIf:
    """Compare an edited description with the one of the same action among `classes`.

    local: (K, V, E) embedded joint texts of `classes` in `layout`.  embed: their encoder, asked for the new texts only.
    Raises ValueError if `classes` lacks the action or has nothing beside it.
    """
    names = [description.action for description in classes]
    if edited.action not in names or len(names) < 2:
        raise InputError(f"{edited.action!r} must be one of at least two classes; they are: {', '.join(names)}")
    own = names.index(edited.action)
    before, after = classes[own].joint_texts(layout), edited.joint_texts(layout)
    changed = [j for j in range(layout.num_joints) if before[j] != after[j]]
    moved = local.copy()
    if changed:
        moved[own, changed] = embed([after[j] for j in changed])
    target = [key_joint_target(description.key_joints, layout) for description in (classes[own], edited)]
    neighbors = np.stack([np.delete(class_cosine(rows)[own], own) for rows in (local, moved)])
    others = tuple(name for name in names if name != edited.action)
    return WhatIf(edited.action, np.stack(target), others, neighbors, tuple(layout.joints[j] for j in changed))


@dataclass(frozen=True)
class Difference:
    """One class as two files describe it.

    similarity: cosine of the two texts of a joint, averaged over the joints.  gained, lost: key joints that only the
    second, or only the first, names.  nearest: the nearest other class by the texts of each.
    """

    action: str
    similarity: float
    gained: tuple[str, ...]
    lost: tuple[str, ...]
    nearest: tuple[str, str]


def differences(
    first: Sequence[Description], second: Sequence[Description], layout: Layout, encoder: str
) -> list[Difference]:
    """How the second description of each class differs from the first; classes that only one describes are left out.

    Raises ValueError unless they have two classes in common.
    """
    of_action = {description.action: description for description in second}
    pairs = [(description, of_action[description.action]) for description in first if description.action in of_action]
    if len(pairs) < 2:
        raise ValueError(f"the descriptions to compare have {len(pairs)} classes in common; at least two are needed")
    sides = [local_embeddings([pair[side] for pair in pairs], layout, encoder) for side in (0, 1)]
    similarity = np.einsum("kve,kve->kv", *sides).mean(axis=1)
    nearest = []
    for local in sides:
        cosine = class_cosine(local)
        np.fill_diagonal(cosine, -np.inf)
        nearest.append(cosine.argmax(axis=1))
    found = []
    for k, (one, other) in enumerate(pairs):
        old, new = (_in_layout(description, layout) for description in (one, other))
        found.append(
            Difference(
                one.action, float(similarity[k]), tuple(j for j in new if j not in old),
                tuple(j for j in old if j not in new), (pairs[nearest[0][k]][0].action, pairs[nearest[1][k]][0].action),
            )
        )  # fmt: skip
    return found


def difference_table(found: Sequence[Difference]) -> str:
    """Markdown: a row per class, the least similar first, with the mean similarity as the last row."""
    rows = []
    for d in sorted(found, key=lambda d: d.similarity):
        nearest = d.nearest[0] if d.nearest[0] == d.nearest[1] else " → ".join(d.nearest)
        rows.append([d.action, f"{d.similarity:.2f}", ", ".join(d.gained), ", ".join(d.lost), nearest])
    mean = sum(d.similarity for d in found) / len(found)
    joints = sum(bool(d.gained or d.lost) for d in found)
    moved = sum(d.nearest[0] != d.nearest[1] for d in found)
    rows.append([f"**all {len(found)}**", f"{mean:.2f}", f"of {joints} classes", "", f"of {moved} classes"])
    header = ["class", "similarity", "key joints gained", "lost", "nearest class, before → after"]
    return tables.markdown(header, rows)


def _in_layout(description: Description, layout: Layout) -> list[str]:
    return [layout.joints[j] for j in np.flatnonzero(key_joint_target(description.key_joints, layout))]
