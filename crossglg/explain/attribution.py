"""Why was a clip taken for this class and not for another? What the joints add to the similarity, and what the decision
loses without them.

The decision is that of `one_shot.cosine`: the nearest exemplar wins. Its margin is the cosine to the winner's exemplar
less that to a rival's. Three answers, none of which needs the true class:

- `Decision.by_joint` splits the two cosines into what the query's joints add; the sum is exact (how, and with which
  heads: `represent_by_joint`). It does not say what would happen without a joint: the final features of every
  joint hold what it took from the others in the encoder.
- `occlusion` asks just that, of the input: a joint is frozen (`data.transforms.freeze_joints`), the clip is read again.
- `integrated_gradients` follows the margin from the frozen clip to the real one, a gradient at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from crossglg.data.clips import SkeletonSet
from crossglg.data.transforms import freeze_joints
from crossglg.model import CrossGLG
from crossglg.one_shot import unit_rows
from crossglg.training.trained_model import TrainedModel

Array = NDArray[np.floating]


@dataclass(frozen=True)
class Decision:
    """Why a query was taken for what it was, beside a rival; rows are (winner, rival).

    actions: their classes;  exemplars: index of the exemplar that stood for each;  similarity: (2,) cosines.
    by_joint: (2, V + 1) what each joint of the query adds to the two cosines, and last what no joint adds (biases).
    occlusion: (V,) margin lost when a joint is frozen;  by_part: the same for a body part at once.
    importance: (V,) k_out, None where the model has none.
    """

    actions: tuple[str, str]
    exemplars: tuple[int, int]
    similarity: Array
    by_joint: Array
    occlusion: Array
    by_part: dict[str, float]
    importance: Array | None

    @property
    def margin(self) -> float:
        return float(self.similarity[0] - self.similarity[1])


def embed_by_joint(trained: TrainedModel, clips: SkeletonSet) -> NDArray[np.float32]:
    """(N, V + 1, D): what each joint adds to z, and last what none adds, as of `represent_by_joint`."""
    return trained.over(clips, lambda model, x, mask: represent_by_joint(model, model.joint_features(x, mask)[0]))


def represent_by_joint(model: CrossGLG, joint_features: Tensor) -> Tensor:
    """(N, V, D) → (N, V + 1, D_out): what each joint adds to z, and last what no joint adds; together they are z.

    The pooling is a mean over joints, so with a linear head each joint has its exact share. Other heads are taken as
    the linear map they are near this clip (the derivative); a layer normalization as the one that divides by this
    clip's own deviation. The sum stays exact, and the last row is the rest, such as biases; but without a joint the
    head would be another map, so a share is not what would be lost.
    """
    head, share = model.encoder.head, joint_features / joint_features.shape[1]
    pooled = share.sum(1)  # (N, D)
    if isinstance(head, nn.LayerNorm):
        deviation = (pooled.var(-1, keepdim=True, correction=0) + head.eps).sqrt()[:, None]
        parts = (share - share.mean(-1, keepdim=True)) / deviation * head.weight
    else:
        parts = torch.stack([torch.func.jvp(head, (pooled,), (joint,))[1] for joint in share.unbind(1)], 1)
    return torch.cat([parts, (head(pooled) - parts.sum(1))[:, None]], 1)


def explain(trained: TrainedModel, query: SkeletonSet, exemplars: SkeletonSet, rival: str = "") -> Decision:
    """Explain the decision about one clip. rival: the class to set against the winner; empty: the runner-up.

    Raises ValueError for more clips than one, exemplars of fewer than two classes, and a rival that is not one of them
    or has won.
    """
    if len(query) != 1:
        raise ValueError(f"an explanation is of one clip, got {len(query)}; explain them one by one")
    stands_for = unit_rows(trained.embed(exemplars))
    parts = embed_by_joint(trained, query)  # (1, V + 1, D)
    z = parts.sum(1)
    (pair,) = winner_and_rival(z, stands_for, exemplars.label)
    if rival:
        of_rival = exemplars.where(classes=[rival])
        if not len(of_rival) or rival == exemplars.class_of(pair[0]):
            raise ValueError(f"the rival {rival!r} must have an exemplar and not be the class that has won")
        pair[1] = of_rival[(stands_for[of_rival] @ z[0]).argmax()]
    by_joint = stands_for[pair] @ parts[0].T / np.linalg.norm(z)
    layout, towards = trained.layout, (stands_for[pair[0]] - stands_for[pair[1]])[None]
    named = [(part, joints) for part, joints in layout.parts.items() if joints]
    groups = [(j,) for j in range(layout.num_joints)] + [joints for _, joints in named]
    lost = occlusion(trained, query, towards, groups)[0]
    return Decision(
        (exemplars.class_of(pair[0]), exemplars.class_of(pair[1])), (int(pair[0]), int(pair[1])), by_joint.sum(1),
        by_joint, lost[: layout.num_joints],
        {part: float(value) for (part, _), value in zip(named, lost[layout.num_joints :], strict=True)},
        trained.joint_importance(query)[0] if trained.model.joint_importance is not None else None,
    )  # fmt: skip


def winner_and_rival(z: Array, stands_for: Array, label: NDArray[np.int64]) -> NDArray[np.int64]:
    """(N, 2) for each z (N, D) the nearest exemplar, and the nearest of another class.

    stands_for: (E, D) unit rows of the exemplars;  label: (E,). Raises ValueError if they are all of one class.
    """
    if len(set(label.tolist())) < 2:
        raise ValueError("a decision needs exemplars of two classes at least; there is one class")
    cosine = unit_rows(z) @ stands_for.T
    winner = cosine.argmax(1)
    rival = np.where(label == label[winner][:, None], -np.inf, cosine).argmax(1)
    return np.stack([winner, rival], 1)


def occlusion(
    trained: TrainedModel, clips: SkeletonSet, towards: Array, groups: Sequence[Sequence[int]] | None = None
) -> Array:
    """(N, G) margin lost when a group of joints is frozen in the input; None: each joint by itself.

    towards: (N, D) unit row of the winner's exemplar less that of the rival's; the margin is its product with unit z.
    """
    joints = trained.layout.num_joints
    groups = groups if groups is not None else [(j,) for j in range(joints)]
    moving = np.ones((len(groups), joints), dtype=bool)
    for row, group in zip(moving, groups, strict=True):
        row[list(group)] = False
    rows = []
    for piece in np.split(np.arange(len(clips)), range(32, len(clips), 32)):  # the copies of a few clips fit in memory
        copies = clips.subset(np.repeat(piece, len(groups)))
        z = trained.embed(copies, np.tile(moving, (len(piece), 1))).reshape(len(piece), len(groups), -1)
        rows.append(margins(z, towards[piece][:, None]))
    return margins(trained.embed(clips), towards)[:, None] - np.concatenate(rows)


def margins(z: Array, towards: Array) -> Array:
    """Margin of each z, (…, D) → (…,); towards: (…, D) as of `occlusion`."""
    return (unit_rows(z) * towards).sum(-1)


def integrated_gradients(trained: TrainedModel, clips: SkeletonSet, towards: Array, steps: int = 16) -> Array:
    """(N, V) share of each joint in the margin gained from the frozen clip, in which nothing moves, to the real one.

    The margin's gradient by the coordinates, averaged over `steps` points on the straight way between the two, times
    the way, summed over persons, frames and coordinates. For many steps a row sums to the margin gained.
    towards: as of `occlusion`.  Source: Sundararajan, Taly and Yan, "Axiomatic Attribution for Deep Networks", 2017.
    """
    model, prepare = trained.model.eval(), trained.preprocessing
    rows = []
    for index, x, mask in trained.batches(clips):
        direction = torch.as_tensor(towards[index.numpy()], dtype=x.dtype, device=x.device)
        still = freeze_joints(x, torch.zeros(len(x), x.shape[3], dtype=torch.bool, device=x.device), trained.layout)
        total = torch.zeros_like(x)
        for step in range(steps):
            point = torch.lerp(still, x, (step + 0.5) / steps).requires_grad_()
            z = model.embed(prepare.channels(point), mask)
            margin = (torch.nn.functional.normalize(z, dim=-1) * direction).sum()
            total += torch.autograd.grad(margin, point)[0]
        rows.append((total / steps * (x - still)).sum((1, 2, 4)).cpu().numpy())
    return np.concatenate(rows)
