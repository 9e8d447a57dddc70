"""What the guidance of CrossGLG adds to the loss, where the model has its modules."""

from __future__ import annotations

from torch import Tensor

from crossglg import losses
from crossglg.model import CrossGLGOutput
from crossglg.objectives.base import LossTerm, Sizes, described
from crossglg.text.embeddings import TextBank


class Guidance(LossTerm):
    """L_calibrate of the joint importance and L_c of the cross-modal branch. Paper: CrossGLG, with weights 0.5 and 0.2.

    Without key joints in the texts there is no L_calibrate.
    """

    settings = ("calibration_weight", "cross_modal_weight", "scale_importance", "label_smoothing")

    def __init__(
        self,
        sizes: Sizes,
        calibration_weight: float,
        cross_modal_weight: float,
        scale_importance: bool,
        label_smoothing: float,
    ) -> None:
        super().__init__(sizes)
        self.weights = {"calibration_loss": calibration_weight, "cross_modal_loss": cross_modal_weight}
        self.scaled, self.label_smoothing = scale_importance, label_smoothing

    def losses(self, out: CrossGLGOutput, label: Tensor, texts: TextBank) -> dict[str, Tensor]:
        parts = {}
        if out.joint_importance is not None and texts.key_joint_target is not None:
            target = texts.key_joint_target[described(label, texts)]
            parts["calibration_loss"] = losses.calibration_loss(out.joint_importance, target, self.scaled)
        if out.cross_modal_logits is not None:
            logits = out.cross_modal_logits
            parts["cross_modal_loss"] = losses.cross_modal_loss(logits, label, self.label_smoothing)
        return parts
