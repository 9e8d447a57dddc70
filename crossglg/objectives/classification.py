"""A classifier over the base classes: the skeleton side of CrossGLG."""

from __future__ import annotations

from typing import ClassVar, cast

from torch import Tensor

from crossglg import losses
from crossglg.model import CrossGLGOutput
from crossglg.objectives.base import Objective, Sizes
from crossglg.text.embeddings import TextBank


class Classification(Objective):
    """The cross-entropy of a classifier over the base classes, L_s."""

    settings: ClassVar[tuple[str, ...]] = ("label_smoothing",)

    def __init__(self, sizes: Sizes, label_smoothing: float) -> None:
        super().__init__(sizes)
        self.label_smoothing = label_smoothing

    def losses(self, out: CrossGLGOutput, label: Tensor, texts: TextBank) -> dict[str, Tensor]:
        return {"skeleton_loss": losses.skeleton_loss(cast(Tensor, out.logits), label, self.label_smoothing)}
