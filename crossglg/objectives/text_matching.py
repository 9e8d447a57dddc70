"""Text matching: does this text describe this clip?

Not in the paper, whose cross-modal branch is asked with the text of the right class only and so can answer without
looking at the skeleton. Training only.
"""

from __future__ import annotations

from typing import ClassVar, cast

import torch
from torch import Tensor
from torch.nn import functional as F

from crossglg.model import CrossGLGOutput, CrossModalInteraction
from crossglg.objectives.base import Sizes, described
from crossglg.objectives.classification import Classification
from crossglg.objectives.text_retrieval import distinct
from crossglg.text.embeddings import TextBank

CANDIDATES = 4  # texts that a clip is read with: the right one and those it is most easily mistaken for


class TextMatching(Classification):
    """Classification, and the cross-modal branch must tell which of several classes' texts fits the clip.

    The classes are the right one and those that the classifier takes the clip for most. The paper's interaction blocks
    read the clip with the joint texts of each; a score of each reading is to tell which text fits. `guidance=g2l` with
    it is CrossGLG with matching in the place of its cross-modal branch.
    """

    reads_texts = True
    settings: ClassVar[tuple[str, ...]] = (
        *Classification.settings, "matching_weight", "interaction_blocks", "interaction_width",
    )  # fmt: skip

    def __init__(
        self,
        sizes: Sizes,
        label_smoothing: float,
        matching_weight: float,
        interaction_blocks: int,
        interaction_width: int,
    ) -> None:
        super().__init__(sizes, label_smoothing)
        self.weights = {"matching_loss": matching_weight}
        self.score = CrossModalInteraction(
            sizes.joint_features, 1, sizes.text, sizes.layout.num_joints, interaction_blocks, interaction_width
        )

    def losses(self, out: CrossGLGOutput, label: Tensor, texts: TextBank) -> dict[str, Tensor]:
        right = described(label, texts)
        classes = candidates(cast(Tensor, out.logits), right, len(texts.classes))
        joints = out.joint_features.repeat_interleave(classes.shape[1], 0)
        # Only what tells classes apart is read: most of an embedding says "this is about an elbow".
        scores = self.score(joints, distinct(texts.local)[classes.flatten()]).view(classes.shape)
        return {**super().losses(out, label, texts), "matching_loss": matching_loss(scores)}


def candidates(logits: Tensor, right: Tensor, classes: int) -> Tensor:
    """The classes whose texts each clip is read with, the right one first, then those of the highest logits.

    logits: (N, K) or, with classes of mirror images, (N, 2K);  right: (N,), below K;  classes: K. Returns (N, C).
    """
    scores = logits.detach().unflatten(1, (-1, classes)).amax(1)
    wrong = scores.scatter(1, right[:, None], -torch.inf).topk(min(CANDIDATES, classes) - 1, dim=1).indices
    return torch.cat([right[:, None], wrong], 1)


def matching_loss(scores: Tensor) -> Tensor:
    """−log softmax(scores)[0], mean over clips. scores: (N, C), of the right text first."""
    return F.cross_entropy(scores.float(), scores.new_zeros(len(scores), dtype=torch.long))
