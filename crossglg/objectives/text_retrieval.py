"""Text retrieval: the clip and its joints are to find their own texts among those of all base classes.

Not in the paper, whose cross-modal branch is asked with the text of the right class only and so can answer without
looking at the skeleton. Here the skeleton comes first and the text is the answer. Training only.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from crossglg.model import CrossGLGOutput
from crossglg.objectives.base import Sizes, described
from crossglg.objectives.classification import Classification
from crossglg.text.embeddings import TextBank

TEMPERATURE = 0.1


class TextRetrieval(Classification):
    """Classification, and each clip must find the text of its class among all, each asked joint its own text."""

    reads_texts = True
    settings: ClassVar[tuple[str, ...]] = (
        *Classification.settings, "clip_text_weight", "joint_text_weight", "asked_joints",
    )  # fmt: skip

    def __init__(
        self, sizes: Sizes, label_smoothing: float, clip_text_weight: float, joint_text_weight: float, asked_joints: str
    ) -> None:
        super().__init__(sizes, label_smoothing)
        self.asks_all = asked_joints == "all"
        self.weights = {"clip_text_loss": clip_text_weight, "joint_text_loss": joint_text_weight}
        self.projection = TextProjection(sizes.representation, sizes.joint_features, sizes.text)

    def losses(self, out: CrossGLGOutput, label: Tensor, texts: TextBank) -> dict[str, Tensor]:
        clip, joints = self.projection(out.z, out.joint_features)
        own = described(label, texts)
        asked = None if self.asks_all else texts.key_joint_target
        return {
            **super().losses(out, label, texts),
            "clip_text_loss": clip_text_loss(clip, own, class_texts(texts), self.label_smoothing),
            "joint_text_loss": joint_text_loss(joints, own, texts.local, asked),
        }


class TextProjection(nn.Module):
    """The representation and the features of every joint, each brought into the space of the texts."""

    def __init__(self, representation: int, joint_features: int, text: int) -> None:
        super().__init__()
        self.clip, self.joint = nn.Linear(representation, text), nn.Linear(joint_features, text)

    def forward(self, z: Tensor, joint_features: Tensor) -> tuple[Tensor, Tensor]:
        """z: (N, D_out);  joint_features: (N, V, D). Returns unit rows (N, E) of the clip and (N, V, E) of joints."""
        return F.normalize(self.clip(z).float(), dim=-1), F.normalize(self.joint(joint_features).float(), dim=-1)


def class_texts(texts: TextBank) -> Tensor:
    """(K, E) unit rows: what name, global text and joint texts of a class say in which the classes differ."""
    return distinct(distinct(texts.global_) + distinct(texts.local.mean(1)))


def distinct(rows: Tensor) -> Tensor:
    """(K, …, E) without what all K have in common, of unit length. What is the same for all becomes zero."""
    rest = rows - rows.mean(0)
    return rest / rest.norm(dim=-1, keepdim=True).clamp(min=1e-6)


def clip_text_loss(clip: Tensor, label: Tensor, text: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """−log softmax(clip · text / τ)[label], mean over clips: which class's text is it?

    clip: (N, E) unit rows;  text: (K, E) unit rows;  label: (N,);  τ = 0.1.
    """
    return F.cross_entropy(clip @ text.T / TEMPERATURE, label, label_smoothing=label_smoothing)


def joint_text_loss(joints: Tensor, label: Tensor, local: Tensor, asked: Tensor | None) -> Tensor:
    """−Σ_v asked[v] · log softmax(joint_v · text_v / τ)[label], mean over clips: what does each joint do?

    joints: (N, V, E) unit rows;  local: (K, V, E), the texts of all base classes;  asked: (K, V), rows sum to 1, such
    as k_gt; None: every joint counts the same.  Of a joint's texts, only what tells classes apart is compared.
    """
    logits = torch.einsum("nve,kve->nvk", joints, distinct(local)) / TEMPERATURE
    wrong = F.cross_entropy(logits.flatten(0, 1), label.repeat_interleave(joints.shape[1]), reduction="none")
    wrong = wrong.view(joints.shape[:2])
    return (wrong.mean(1) if asked is None else (wrong * asked[label]).sum(1)).mean()
