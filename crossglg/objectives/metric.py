"""Deep metric learning, by pytorch-metric-learning: a class's clips lie together, other classes' apart.

Used for one-shot action recognition by SL-DML (Memmesheimer, Theisen and Paulus, ICPR 2020) and Skeleton-DML
(Memmesheimer et al., WACV 2022). Representations are compared by direction alone, as cosine does at recognition.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from torch import Tensor

from crossglg.config import Config
from crossglg.model import CrossGLGOutput
from crossglg.objectives.base import Comparison
from crossglg.text.embeddings import TextBank

if TYPE_CHECKING:
    from pytorch_metric_learning.losses import BaseMetricLossFunction
    from pytorch_metric_learning.miners import BaseMiner


class Triplet(Comparison):
    """Triplet loss with margin 0.2 on each clip's farthest clip of its class and nearest of another in the batch.

    Source: Hermans, Beyer and Leibe, "In Defense of the Triplet Loss for Person Re-Identification", 2017 (batch hard).
    """

    def losses(self, out: CrossGLGOutput, label: Tensor, texts: TextBank, config: Config) -> dict[str, Tensor]:
        loss, miner = _triplet()
        z = out.z.float()
        return {"triplet_loss": loss(z, label, miner(z, label))}


class MultiSimilarity(Comparison):
    """Multi-similarity loss with its mining of pairs; constants as published (α 2, β 50, λ 0.5, ε 0.1).

    Source: Wang et al., "Multi-Similarity Loss with General Pair Weighting for Deep Metric Learning", CVPR 2019.
    """

    def losses(self, out: CrossGLGOutput, label: Tensor, texts: TextBank, config: Config) -> dict[str, Tensor]:
        loss, miner = _multi_similarity()
        z = out.z.float()
        return {"multi_similarity_loss": loss(z, label, miner(z, label))}


@cache
def _triplet() -> tuple[BaseMetricLossFunction, BaseMiner]:
    from pytorch_metric_learning import losses, miners, reducers

    return losses.TripletMarginLoss(margin=0.2, reducer=reducers.MeanReducer()), miners.BatchHardMiner()


@cache
def _multi_similarity() -> tuple[BaseMetricLossFunction, BaseMiner]:
    from pytorch_metric_learning import losses, miners

    return losses.MultiSimilarityLoss(alpha=2, beta=50, base=0.5), miners.MultiSimilarityMiner(epsilon=0.1)
