"""Attributes: which statements are true of this clip?

Not in the paper. Classes share attributes, so the answer says something about a class that nobody has seen.
"""

from __future__ import annotations

from typing import ClassVar, cast

import torch
from torch import Tensor
from torch.nn import functional as F

from crossglg.model import CrossGLGOutput
from crossglg.objectives.base import Sizes
from crossglg.objectives.classification import Classification
from crossglg.text.attributes import mirrored_attributes
from crossglg.text.embeddings import TextBank


class Attributes(Classification):
    """Classification, and a linear layer on z must tell which statements (attributes) are true of the clip.

    The layer is kept with the model, for recognition by descriptions.
    """

    reads_texts = True
    predicts_attributes = True
    settings: ClassVar[tuple[str, ...]] = (*Classification.settings, "attribute_weight")

    def __init__(self, sizes: Sizes, label_smoothing: float, attribute_weight: float) -> None:
        super().__init__(sizes, label_smoothing)
        self.weights = {"attribute_loss": attribute_weight}
        self.mirrored: Tensor
        self.register_buffer("mirrored", torch.from_numpy(mirrored_attributes(sizes.layout)), persistent=False)

    def losses(self, out: CrossGLGOutput, label: Tensor, texts: TextBank) -> dict[str, Tensor]:
        own = cast(Tensor, texts.attributes)
        target = torch.cat([own, own[:, self.mirrored]])[label]  # class K + k: the mirror image of k
        loss = attribute_loss(cast(Tensor, out.attributes), target)
        return {**super().losses(out, label, texts), "attribute_loss": loss}


def attribute_loss(logits: Tensor, target: Tensor) -> Tensor:
    """The binary cross-entropy, mean over clips and attributes. logits, target: (N, A), target of 0 and 1."""
    return F.binary_cross_entropy_with_logits(logits.float(), target)
