"""Deep metric learning, by pytorch-metric-learning: a class's clips lie together, other classes' apart.

Used for one-shot action recognition by SL-DML (Memmesheimer, Theisen and Paulus, ICPR 2020) and Skeleton-DML
(Memmesheimer et al., WACV 2022). Representations are compared by direction alone, as cosine does at recognition.
"""

from __future__ import annotations

from torch import Tensor

from crossglg.model import CrossGLGOutput
from crossglg.objectives.base import Comparison, Sizes
from crossglg.text.embeddings import TextBank


class Triplet(Comparison):
    """Triplet loss with margin 0.2 on each clip's farthest clip of its class and nearest of another in the batch.

    Source: Hermans, Beyer and Leibe, "In Defense of the Triplet Loss for Person Re-Identification", 2017 (batch hard).
    """

    def __init__(self, sizes: Sizes, batch_classes: int) -> None:
        super().__init__(sizes, batch_classes)
        from pytorch_metric_learning import losses, miners, reducers

        self.loss = losses.TripletMarginLoss(margin=0.2, reducer=reducers.MeanReducer())
        self.miner = miners.BatchHardMiner()

    def losses(self, out: CrossGLGOutput, label: Tensor, texts: TextBank) -> dict[str, Tensor]:
        z = out.z.float()
        return {"triplet_loss": self.loss(z, label, self.miner(z, label))}


class MultiSimilarity(Comparison):
    """Multi-similarity loss with its mining of pairs; constants as published (α 2, β 50, λ 0.5, ε 0.1).

    Source: Wang et al., "Multi-Similarity Loss with General Pair Weighting for Deep Metric Learning", CVPR 2019.
    """

    def __init__(self, sizes: Sizes, batch_classes: int) -> None:
        super().__init__(sizes, batch_classes)
        from pytorch_metric_learning import losses, miners

        self.loss = losses.MultiSimilarityLoss(alpha=2, beta=50, base=0.5)
        self.miner = miners.MultiSimilarityMiner(epsilon=0.1)

    def losses(self, out: CrossGLGOutput, label: Tensor, texts: TextBank) -> dict[str, Tensor]:
        z = out.z.float()
        return {"multi_similarity_loss": self.loss(z, label, self.miner(z, label))}
