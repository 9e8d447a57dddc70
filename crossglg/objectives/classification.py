"""Telling the base classes apart: what CrossGLG does."""

from __future__ import annotations

from typing import cast

from torch import Tensor

from crossglg import losses
from crossglg.config import Config
from crossglg.model import CrossGLGOutput
from crossglg.objectives.base import Objective
from crossglg.text.embeddings import TextBank


class Classification(Objective):
    """The cross-entropy of a classifier over the base classes, L_s."""

    def losses(self, out: CrossGLGOutput, label: Tensor, texts: TextBank, config: Config) -> dict[str, Tensor]:
        logits = cast(Tensor, out.logits)
        return {"skeleton_loss": losses.skeleton_loss(logits, label, config.label_smoothing)}
