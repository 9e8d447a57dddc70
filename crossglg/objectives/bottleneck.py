"""InfoGCN's information bottleneck: Chi et al., "InfoGCN: Representation Learning for Human Skeleton-based Action
Recognition", CVPR 2022. Off by default; from memory of the paper.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from crossglg import losses
from crossglg.model import CrossGLGOutput
from crossglg.objectives.base import LossTerm, Sizes
from crossglg.text.embeddings import TextBank


class Bottleneck(LossTerm):
    """The marginal and the class-conditional term, where their weights are above 0.

    The mean that the second one wants for each class is fixed: orthogonal rows of length 3.
    """

    settings = ("marginal_weight", "class_prior_weight")

    def __init__(self, sizes: Sizes, marginal_weight: float, class_prior_weight: float) -> None:
        super().__init__(sizes)
        self.weights = {"marginal_prior_loss": marginal_weight, "class_prior_loss": class_prior_weight}
        self.prior_mean: Tensor | None
        mean = torch.empty(sizes.classes, sizes.representation)
        self.register_buffer("prior_mean", nn.init.orthogonal_(mean, gain=3.0) if class_prior_weight else None)

    def losses(self, out: CrossGLGOutput, label: Tensor, texts: TextBank) -> dict[str, Tensor]:
        parts = {}
        if self.weights["marginal_prior_loss"]:
            parts["marginal_prior_loss"] = losses.marginal_prior_loss(out.z)
        if self.prior_mean is not None:
            parts["class_prior_loss"] = losses.class_prior_loss(out.z, label, self.prior_mean)
        return parts
