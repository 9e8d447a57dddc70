"""What an objective is: which clips make a batch, and what the model's output loses there."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from crossglg.config import Config
from crossglg.encoders.base import SkeletonEncoder
from crossglg.model import CrossGLGOutput
from crossglg.skeletons import Layout
from crossglg.text.embeddings import TextBank


class Objective(ABC):
    """Base class. It has no state: parameters that an objective needs are those of the module it gives to the model.

    classifies: whether the model has a classifier over the base classes.  reads_texts: whether its losses read texts.
    """

    classifies = True
    reads_texts = False

    @abstractmethod
    def losses(self, out: CrossGLGOutput, label: Tensor, texts: TextBank, config: Config) -> dict[str, Tensor]:
        """Name → scalar. label: (N,);  texts: of the base classes."""

    def batches(self, label: Tensor, config: Config, generator: torch.Generator) -> Sequence[Tensor]:
        """Which clips each step of an epoch takes: positions in `label`, the classes (N,) of all training clips."""
        steps = num_steps(label, config)
        return torch.randperm(len(label), generator=generator)[: steps * config.batch_size].chunk(steps)

    def alignment(self, encoder: SkeletonEncoder, layout: Layout, text_width: int) -> nn.Module | None:
        """A module for training only: joint features (N, V, D), representation (N, D_out), local texts (N, V, E) →
        `CrossGLGOutput.alignment`."""
        return None

    def check(self, config: Config) -> None:  # noqa: B027 (most objectives have nothing to check)
        """Raise ValueError for settings that do not go with this objective."""


class Comparison(Objective):
    """Objectives that compare clips with clips: balanced batches, no classifier."""

    classifies = False

    def batches(self, label: Tensor, config: Config, generator: torch.Generator) -> Sequence[Tensor]:
        return balanced(label, config.batch_classes, config.batch_size, num_steps(label, config), generator)

    def check(self, config: Config) -> None:
        if config.guidance in ("l2g", "both"):
            raise ValueError(
                f"objective={config.objective!r} trains no classifier, through which the cross-modal branch of "
                f"guidance={config.guidance!r} teaches; use guidance=none or guidance=g2l"
            )
        if not 2 <= config.batch_classes <= config.batch_size // 2:
            raise ValueError(
                f"batch_classes={config.batch_classes} must lie between 2 and half of batch_size={config.batch_size}, "
                f"so that a batch has classes to compare and two clips of each"
            )


def num_steps(label: Tensor, config: Config) -> int:
    """Steps of an epoch, the same for all objectives."""
    return max(1, len(label) // config.batch_size)


def balanced(label: Tensor, classes: int, size: int, steps: int, generator: torch.Generator) -> list[Tensor]:
    """`steps` batches of `classes` random classes, or all if there are fewer, with size / classes random clips of each.

    A class that has fewer clips gives some of them twice; augmentation makes two of them.
    """
    members = [(label == k).nonzero().squeeze(1) for k in label.unique()]
    classes = min(classes, len(members))

    def drawn(rows: Tensor) -> Tensor:
        order = torch.randperm(len(rows), generator=generator)
        return rows[order.repeat(size // classes // len(rows) + 1)[: size // classes]]

    return [
        torch.cat([drawn(members[k]) for k in torch.randperm(len(members), generator=generator)[:classes]])
        for _ in range(steps)
    ]
