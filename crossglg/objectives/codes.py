"""Class codes: the clip and each joint are to find the code of their class, a fixed random vector. Training only.

Not in the paper. Text retrieval with random vectors in place of texts, as a term beside any objective that classifies.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from crossglg.model import CrossGLGOutput
from crossglg.objectives.base import LossTerm, Sizes
from crossglg.objectives.text_retrieval import TextProjection, clip_text_loss, joint_text_loss
from crossglg.text.embeddings import TextBank

WIDTH = 384  # of a code; that of the default texts, with which the random vectors of docs/notes/guidance.md were tried


class Codes(LossTerm):
    """The losses of text retrieval with a random unit vector for each class, and one for each joint of each class.

    Reads no text. Nothing is there with weight 0.
    """

    settings = ("code_weight", "label_smoothing")

    def __init__(self, sizes: Sizes, code_weight: float, label_smoothing: float) -> None:
        super().__init__(sizes)
        self.label_smoothing = label_smoothing
        self.weights = {"clip_code_loss": code_weight, "joint_code_loss": code_weight}
        self.projection: TextProjection | None = None
        self.clip_codes: Tensor | None
        self.joint_codes: Tensor | None
        clip = joint = None
        if code_weight:
            self.projection = TextProjection(sizes.representation, sizes.joint_features, WIDTH)
            clip = F.normalize(torch.randn(sizes.classes, WIDTH), dim=-1)
            joint = F.normalize(torch.randn(sizes.classes, sizes.layout.num_joints, WIDTH), dim=-1)
        self.register_buffer("clip_codes", clip)
        self.register_buffer("joint_codes", joint)

    def losses(self, out: CrossGLGOutput, label: Tensor, texts: TextBank) -> dict[str, Tensor]:
        if self.projection is None or self.clip_codes is None or self.joint_codes is None:
            return {}
        clip, joints = self.projection(out.z, out.joint_features)
        return {
            "clip_code_loss": clip_text_loss(clip, label, self.clip_codes, self.label_smoothing),
            "joint_code_loss": joint_text_loss(joints, label, self.joint_codes, None),
        }
