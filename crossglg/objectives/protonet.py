"""Prototypical networks: Snell, Swersky and Zemel, "Prototypical Networks for Few-shot Learning", NeurIPS 2017."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from crossglg.model import CrossGLGOutput
from crossglg.objectives.base import Comparison
from crossglg.text.embeddings import TextBank


class Prototypes(Comparison):
    """One-shot episodes: in each batch the first clip of a class is its prototype; its other clips must find it."""

    def losses(self, out: CrossGLGOutput, label: Tensor, texts: TextBank) -> dict[str, Tensor]:
        return {"prototype_loss": prototype_loss(out.z.float(), label)}


def prototype_loss(z: Tensor, label: Tensor) -> Tensor:
    """−log softmax over the batch's classes of −‖z − prototype‖², mean over the queries. z (N, D), label (N,).

    Paper: Snell et al., Eq. 2, with one support clip per class, so that the prototype is its representation.
    """
    classes, of_clip = label.unique(return_inverse=True)
    place = torch.arange(len(label), device=label.device)
    first = torch.full_like(classes, len(label)).scatter_reduce(0, of_clip, place, "amin")
    query = torch.ones_like(label, dtype=torch.bool)
    query[first] = False
    distance = (z[query][:, None] - z[first][None]).square().sum(-1)
    return F.cross_entropy(-distance, of_clip[query])
