"""What an objective is: which clips make a batch, and which losses the model's output has there."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from crossglg.model import CrossGLGOutput
from crossglg.skeletons import Layout
from crossglg.text.embeddings import TextBank


@dataclass(frozen=True)
class Sizes:
    """What the modules of an objective are built for.

    Attributes:
        layout: the skeleton.
        joint_features: D of the joint features `(N, V, D)`.
        representation: D of the representation `z`.
        text: E of the texts.
        classes: K, classes of the classifier, or 0 without one.
    """

    layout: Layout
    joint_features: int
    representation: int
    text: int
    classes: int


class LossTerm(nn.Module, ABC):
    """A part of the training loss, with its weights, its constants and the modules that only it needs.

    A subclass whose losses have settings names them in `settings`; `__init__` receives them as keywords.

    Attributes:
        settings: names of the settings of `crossglg.config.Config` that belong to this part.
        weights: name of a loss → its weight; 1 for a loss that is not in it.
    """

    settings: ClassVar[tuple[str, ...]] = ()

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.weights: Mapping[str, float] = {}

    @abstractmethod
    def losses(self, out: CrossGLGOutput, label: Tensor, texts: TextBank) -> dict[str, Tensor]:
        """Name → scalar, without the weight.

        Args:
            out: what the model makes of the N clips of a batch.
            label: `(N,)`. Class K + k is the mirror image of class k, see `described`.
            texts: of the K base classes.
        """


class Objective(LossTerm):
    """Training objectives: the part of the loss that a run names, and how it makes batches.

    Attributes:
        classifies: whether the model has a classifier over the base classes.
        reads_texts: whether its losses read texts.
        predicts_attributes: whether the model predicts the attributes of a clip.
    """

    classifies: ClassVar[bool] = True
    reads_texts: ClassVar[bool] = False
    predicts_attributes: ClassVar[bool] = False

    def batches(self, label: Tensor, batch_size: int, generator: torch.Generator) -> Sequence[Tensor]:
        """Which clips each step of an epoch takes: positions in `label`, the classes `(N,)` of all training clips."""
        steps = num_steps(label, batch_size)
        return torch.randperm(len(label), generator=generator)[: steps * batch_size].chunk(steps)


class Comparison(Objective):
    """Objectives that compare clips with clips: balanced batches, no classifier."""

    classifies = False
    settings = ("batch_classes",)

    def __init__(self, sizes: Sizes, batch_classes: int) -> None:
        super().__init__(sizes)
        self.batch_classes = batch_classes

    def batches(self, label: Tensor, batch_size: int, generator: torch.Generator) -> Sequence[Tensor]:
        return balanced(label, self.batch_classes, batch_size, num_steps(label, batch_size), generator)


def described(label: Tensor, texts: TextBank) -> Tensor:
    """The class whose texts each clip has: a mirror image, of class K + k, has those of class k. (N,) → (N,)."""
    return label % len(texts.classes)


def num_steps(label: Tensor, batch_size: int) -> int:
    """Steps of an epoch, the same for all objectives."""
    return max(1, len(label) // batch_size)


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
