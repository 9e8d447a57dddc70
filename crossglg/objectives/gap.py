"""Part-text alignment: Xiang et al., "Generative Action Description Prompts for Skeleton-based Action Recognition",
ICCV 2023 (GAP). Training only; written from the paper.
"""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from crossglg.model import CrossGLGOutput
from crossglg.objectives.base import Sizes, described
from crossglg.objectives.classification import Classification
from crossglg.skeletons import Layout
from crossglg.text.embeddings import TextBank


class PartTextAlignment(Classification):
    """Classification, and each body part must find its own text among those of the batch (GAP)."""

    reads_texts = True
    settings: ClassVar[tuple[str, ...]] = (*Classification.settings, "alignment_weight")

    def __init__(self, sizes: Sizes, label_smoothing: float, alignment_weight: float) -> None:
        super().__init__(sizes, label_smoothing)
        self.weights = {"alignment_loss": alignment_weight}
        self.projection = PartProjection(sizes.joint_features, sizes.text, sizes.layout)

    def losses(self, out: CrossGLGOutput, label: Tensor, texts: TextBank) -> dict[str, Tensor]:
        right = described(label, texts)  # the mirror image of a class has the same text, in the order of its joints
        skeleton, text = self.projection(out.joint_features, texts.local[right])
        return {**super().losses(out, label, texts), "alignment_loss": alignment_loss(skeleton, text, right)}


class PartProjection(nn.Module):
    """Whole body and body parts, as the mean of their joints, brought into the space of the texts.

    Differs from the paper: a part's text is the mean of our joint texts, and the text encoder is frozen. Inferred: a
    projection for each part; a learned temperature that starts at 0.1.
    """

    def __init__(self, width: int, text_width: int, layout: Layout) -> None:
        super().__init__()
        groups = [range(layout.num_joints), *(joints for joints in layout.parts.values() if joints)]
        pool = torch.zeros(len(groups), layout.num_joints)
        for row, joints in zip(pool, groups, strict=True):
            row[list(joints)] = 1.0 / len(joints)
        self.pool: Tensor
        self.register_buffer("pool", pool, persistent=False)  # (S, V), rows sum to 1
        self.project = nn.ModuleList(nn.Linear(width, text_width) for _ in groups)
        self.log_scale = nn.Parameter(torch.tensor(math.log(10.0)))

    def forward(self, joint_features: Tensor, local_text: Tensor) -> tuple[Tensor, Tensor]:
        """(N, V, D), (N, V, E) → skeleton, rows of length 1 / temperature, and text, unit rows: (N, S, E) each."""
        parts = self.pool @ joint_features  # (N, S, D)
        projected = torch.stack([project(parts[:, s]) for s, project in enumerate(self.project)], 1)
        scale = self.log_scale.clamp(max=math.log(100.0)).exp()
        return F.normalize(projected.float(), dim=-1) * scale, F.normalize((self.pool @ local_text).float(), dim=-1)


def alignment_loss(skeleton: Tensor, text: Tensor, label: Tensor) -> Tensor:
    """KL(target ‖ softmax) of skeleton → texts of the batch and text → skeletons, mean of both, over clips and parts.

    skeleton, text: (N, S, E), their products are the logits;  label: (N,). The target is uniform over the clips of the
    same class. Paper: GAP, multi-part contrastive loss.
    """
    same = (label[:, None] == label).float()
    target = (same / same.sum(1, keepdim=True))[None]  # (1, N, N), for either direction: `same` is symmetric
    logits = torch.einsum("nse,mse->snm", skeleton, text)  # (S, N, N)
    both = torch.stack([logits, logits.mT]).log_softmax(-1)
    return F.kl_div(both, target.expand_as(both), reduction="sum") / both[..., 0].numel()
