"""What a model looks at: its attention, its activation per joint and time; how well joint importance agrees with a
ground truth.

All arrays of attention have a row for the joint that receives and a column for the joint that gives. They say how a
block mixes joints. They do not say which joints decide: compare with `attribution.occlusion` and `faithfulness`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from inspect import signature

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from crossglg.data.clips import SkeletonSet
from crossglg.files import nearest
from crossglg.model import CrossGLG
from crossglg.training.trained_model import TrainedModel, check_model

Array = NDArray[np.floating]
OVER_TIME = "over time"  # what the names of attention among time steps begin with


def gives_attention(trained: TrainedModel) -> bool:
    """Whether the blocks of the model's encoder say what they look at."""
    check_model(trained)
    blocks = trained.model.encoder.blocks
    return all("return_attention" in signature(block.forward).parameters for block in blocks)


def block_attention(trained: TrainedModel, clips: SkeletonSet) -> list[dict[str, Array]]:
    """What every block of the encoder looks at, mean over the present persons.

    Returns:
        For each block, name → `(N, T', heads, V, V)`; T' is 1 where it is the same at all times. The first name is the
        one the encoder is known for:

        - InfoGCN: "attention", rows sum to 1; "attention × topology", what joints are mixed by.
        - CTR-GCN: "refined topology", a head per subset of the graph, mean over channels.
        - ST-GCN++: "learned topology", a head per subset, the same for all clips.
        - HD-GCN: "levels", a head per level of the hierarchy, weighted; "similar joints", rows sum to 1.
        - DSTformer: "across joints, …" of either stream, rows sum to 1; and "over time, …", `(N, V, heads, T', T')`.

    Raises:
        ValueError: the encoder's blocks take no `return_attention`.
    """
    if not gives_attention(trained):
        raise ValueError(
            f"the blocks of encoder {trained.config.encoder!r} take no return_attention, so nobody knows what they "
            f"look at; let them return (feat, attention) as crossglg.encoders.base describes it"
        )
    names: list[list[str]] = []

    def look(model: CrossGLG, x: Tensor, mask: Tensor) -> list[Tensor]:
        asked: list[dict[str, Tensor]] = []
        _, _, bodies = model.block_features(x, mask, attention=asked)
        names[:] = [list(found) for found in asked]
        return [bodies.mean(values.float()) for found in asked for values in found.values()]

    columns = iter(trained.columns(clips, look))
    return [{name: next(columns) for name in block} for block in names]


def joint_attention(trained: TrainedModel, clips: SkeletonSet, name: str = "") -> list[Array]:
    """One kind of attention among joints, for each block `(N, T', heads, V, V)`.

    name: as of `block_attention`; empty: the first. Raises ValueError for a name that the encoder does not have.
    """
    found = block_attention(trained, clips)
    names = attention_names(found)
    if name and name not in names:
        raise ValueError(f"{trained.config.encoder} has no {name!r}{nearest(name, names)} It has: {', '.join(names)}")
    return [block[name or names[0]] for block in found]


def attention_names(found: Sequence[dict[str, Array]]) -> list[str]:
    """The kinds of attention among joints in what `block_attention` found."""
    return [name for name in found[0] if not name.startswith(OVER_TIME)]


def text_attention(trained: TrainedModel, clips: SkeletonSet, local_text: Array) -> list[dict[str, Array]]:
    """What the texts of the joints look at in training.

    Args:
        trained: loaded with `TrainedModel.load(folder, text_branch=True)`.
        clips: N clips.
        local_text: `(N, V, E)`, the joint texts of each clip's class, as `text.embeddings.local_embeddings` makes them.

    Returns:
        For each interaction block "text → joint" and "text → text", `(N, heads, V, V)`: a row for the text of each
        joint, a column for the joint, or the text, that it looks at; rows sum to 1.

    Raises:
        ValueError: the model was loaded without its text branch, or the texts are of another shape.
    """
    if trained.model.cross_modal is None:
        raise ValueError(
            "the model has no text branch; train with keep_text_branch=true and load it with "
            "TrainedModel.load(folder, text_branch=True)"
        )
    branch = trained.model.cross_modal.eval()
    shape = (len(clips), trained.layout.num_joints, branch.project_text.in_features)
    if local_text.shape != shape:
        raise ValueError(f"local_text is {local_text.shape}; it must be (clips, joints, width of texts) = {shape}")
    joints = trained.over(clips, lambda model, x, mask: model.joint_features(x, mask)[0])
    asked: list[dict[str, Tensor]] = []
    skeleton, text = (torch.as_tensor(part, device=trained.device).float() for part in (joints, local_text))
    with torch.inference_mode():
        branch(skeleton, text, attention=asked)
    return [{name: values.float().cpu().numpy() for name, values in found.items()} for found in asked]


def rollout(blocks: Sequence[Array]) -> Array:
    """How much of each joint reaches each joint through all blocks: `(N, V, V)`, rows sum to 1.

    blocks: for each block `(N, T', heads, V, V)`. Mean over time and heads without signs, half of it the joint itself
    (the residual connection), multiplied block after block. Convolutions over time and channels are left out.
    Source: Abnar and Zuidema, "Quantifying Attention Flow in Transformers", ACL 2020.
    """
    joints = blocks[0].shape[-1]
    total = np.eye(joints)
    for values in blocks:
        mean = np.abs(values).mean((1, 2))  # (N, V, V)
        share = mean / np.maximum(mean.sum(-1, keepdims=True), 1e-12)
        mixed = 0.5 * (share + np.eye(joints))
        total = mixed / mixed.sum(-1, keepdims=True) @ total
    return total


def received(values: Array) -> Array:
    """How much attention each joint gets: `(N, T', heads, V, V)` → `(N, T', V)`, mean over heads and over the joints
    that look, without signs."""
    return np.abs(values).mean((2, 3))


def attention_scores(trained: TrainedModel, clips: SkeletonSet, at_once: int = 16) -> dict[str, Array]:
    """Joints ranked by attention, name → `(N, V)`: what each gets, mean over blocks and time; and by `rollout`."""
    found: dict[str, list[Array]] = {"attention": [], "attention rollout": []}
    for start in range(0, len(clips), at_once):  # the maps of a few clips fit in memory
        blocks = joint_attention(trained, clips.subset(range(start, min(start + at_once, len(clips)))))
        found["attention"].append(np.mean([received(values).mean(1) for values in blocks], axis=0))
        found["attention rollout"].append(rollout(blocks).mean(1))
    return {name: np.concatenate(rows) for name, rows in found.items()}


@dataclass(frozen=True)
class Agreement:
    """auc: probability that a joint that matters ranks above one that does not;  rank_correlation: Spearman's ρ with
    the true importance. Means over clips; 0.5 and 0 are chance."""

    auc: float
    rank_correlation: float

    def to_dict(self) -> dict[str, float]:
        return asdict(self)


def agreement(importance: Array, truth: Array) -> Agreement:
    """Compare predicted with true importance, both (N, V) with non-negative entries; ties count half.

    A joint matters if its true importance is above uniform, 1/V. Clips whose truth is constant say nothing and are left
    out. Raises ValueError if the shapes differ, or if no clip says anything.
    """
    from scipy.stats import rankdata  # takes a second to import

    if importance.shape != truth.shape:
        raise ValueError(f"importance is {importance.shape} but truth is {truth.shape}; both must be (N, V)")
    joints = truth.shape[1]
    matters = truth > 1.0 / joints
    keep = matters.any(1) & ~matters.all(1)
    if not keep.any():
        raise ValueError("no clip has joints that matter more than others; there is nothing to compare with")
    matters, truth = matters[keep], truth[keep]
    rank, true_rank = (rankdata(values, axis=1) for values in (importance[keep], truth))
    positive = matters.sum(1)
    auc = ((rank * matters).sum(1) - positive * (positive + 1) / 2) / (positive * (joints - positive))
    return Agreement(float(auc.mean()), float(_correlation(rank, true_rank).mean()))


def uniform_importance(clips: SkeletonSet) -> Array:
    """(N, V), every joint 1/V: what a model without joint importance uses."""
    return np.full((len(clips), clips.layout.num_joints), 1.0 / clips.layout.num_joints)


def activation(trained: TrainedModel, clips: SkeletonSet, block: int = 0, stream: str = "") -> Array:
    """(N, T', V), how strongly a block answers: root mean square of its D features at each joint and time step, mean
    over the present persons.

    block: 1 is the first, 0 the last one; the T' steps share out the clip's frames in which somebody is seen (see
    `attended_frames`). Blocks behind joint importance are weighted by it.  stream: one of the model's streams ("joint",
    "bone", "motion"), the others being set to zero; "" gives it all of them. Raises ValueError for any other.
    """
    streams, last = trained.config.streams.split("+"), len(trained.model.encoder.blocks)
    if not 0 <= block <= last:
        raise ValueError(f"block={block}: {trained.config.encoder} has the blocks 1 to {last} (0: the last one)")
    if stream and stream not in streams:
        raise ValueError(
            f"stream={stream!r} is none of the model's{nearest(stream, streams)} Streams: {', '.join(streams)}"
        )
    kept = torch.tensor([not stream or name == stream for name in streams]).repeat_interleave(trained.channels)

    def strength(model: CrossGLG, x: Tensor, mask: Tensor) -> Tensor:
        feat, _, bodies = model.block_features(x * kept.to(x), mask, block or last)
        return bodies.mean(feat.float().square().mean(1).sqrt())  # (B, D, T', V) → (N, T', V)

    return trained.over(clips, strength)


def attended_frames(clips: SkeletonSet, i: int) -> tuple[int, int]:
    """First frame, and the one after the last, of what a model gets of clip i: the frames in which somebody is seen."""
    seen = np.flatnonzero(np.any(clips[i] != 0, axis=(0, 2, 3)))
    return (int(seen[0]), int(seen[-1]) + 1) if len(seen) else (0, int(clips.frames[i]))


def mean_by_class(importance: Array, clips: SkeletonSet) -> Array:
    """(K, V): mean importance of each class, in the order of `clips.class_names`."""
    return np.stack([importance[clips.label == k].mean(0) for k in range(len(clips.class_names))])


def _correlation(a: Array, b: Array) -> Array:
    a, b = a - a.mean(1, keepdims=True), b - b.mean(1, keepdims=True)
    norm = np.sqrt((a**2).sum(1) * (b**2).sum(1))
    return np.where(norm > 0, (a * b).sum(1) / np.maximum(norm, 1e-12), 0.0)
