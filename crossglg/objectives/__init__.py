"""The training loss: the objective that a run names, what the guidance adds, InfoGCN's bottleneck, class codes.

A new objective is a file and a line here, or an entry point elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import torch
from torch import Tensor, nn

from crossglg.config import HELP, Config
from crossglg.files import InputError, nearest
from crossglg.model import CrossGLGOutput
from crossglg.objectives.attributes import Attributes
from crossglg.objectives.base import LossTerm, Objective, Sizes
from crossglg.objectives.bottleneck import Bottleneck
from crossglg.objectives.classification import Classification
from crossglg.objectives.codes import Codes
from crossglg.objectives.gap import PartTextAlignment
from crossglg.objectives.guidance import Guidance
from crossglg.objectives.metric import MultiSimilarity, Triplet
from crossglg.objectives.protonet import Prototypes
from crossglg.objectives.text_matching import TextMatching
from crossglg.objectives.text_retrieval import TextRetrieval
from crossglg.plugins import Registry
from crossglg.text.embeddings import TextBank

_OBJECTIVES: dict[str, type[Objective]] = {
    "classification": Classification,
    "protonet": Prototypes,
    "triplet": Triplet,
    "multi-similarity": MultiSimilarity,
    "gap": PartTextAlignment,
    "text-retrieval": TextRetrieval,
    "text-matching": TextMatching,
    "attributes": Attributes,
}
OBJECTIVES = Registry("objective", _OBJECTIVES, type[Objective])


class TrainingLoss(nn.Module):
    """The weighted sum of an objective's losses and of the terms beside it.

    Args:
        objective: the objective; it also chooses the batches.
        terms: the parts beside it.
    """

    def __init__(self, objective: Objective, *terms: LossTerm) -> None:
        super().__init__()
        self.objective = objective
        self.terms = nn.ModuleList([objective, *terms])

    def forward(self, out: CrossGLGOutput, label: Tensor, texts: TextBank) -> dict[str, Tensor]:
        """Every loss by its name, without its weight, and their weighted sum as `total_loss`; see `LossTerm.losses`."""
        parts: dict[str, Tensor] = {}
        total = out.z.new_zeros(())
        for term in cast(Iterable[LossTerm], self.terms):
            for name, value in _checked(term, term.losses(out, label, texts)).items():
                parts[name] = value
                total = total + term.weights.get(name, 1.0) * value
        return {**parts, "total_loss": total}


def _checked(term: LossTerm, losses: object) -> dict[str, Tensor]:
    """The losses; raises InputError that names the objective unless each is a name and a scalar."""
    kind = type(losses).__name__
    if isinstance(losses, dict):
        wrong = {name: value for name, value in losses.items() if not isinstance(value, Tensor) or value.dim()}
        if not wrong:
            return losses
        name, value = next(iter(wrong.items()))
        kind = f"{name!r}: " + (f"a tensor {tuple(value.shape)}" if isinstance(value, Tensor) else repr(value))
    raise InputError(
        f"losses of the objective {type(term).__name__} must give a dictionary of names and scalar tensors, as "
        f'{{"loss": error.mean()}}, got {kind}'
    )


def build_loss(config: Config, sizes: Sizes) -> TrainingLoss:
    """The training loss of a run. The caller's random state stays as it is.

    Args:
        config: the settings of the run.
        sizes: of the model that is trained.

    Raises:
        InputError: see `find_objective`.
    """
    kind = find_objective(config)
    seed = 2**32 + config.seed  # not the numbers that the model starts from
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        objective = kind(sizes, **_settings_of(kind, config))
        terms = [part(sizes, **_settings_of(part, config)) for part in (Guidance, Bottleneck, Codes)]
        return TrainingLoss(objective, *terms)


def _settings_of(kind: type[LossTerm], config: Config) -> dict[str, Any]:
    return {name: getattr(config, name) for name in kind.settings}


def find_objective(config: Config) -> type[Objective]:
    """The objective of a run. Raises InputError for an unknown one, or if other settings do not go with it."""
    name = config.objective
    if name not in OBJECTIVES:
        raise InputError(
            f"unknown objective {name!r}{nearest(name, OBJECTIVES)} Objectives: {', '.join(OBJECTIVES)}. One of "
            f"another package is known once that package is installed"
        )
    kind = OBJECTIVES[name]
    for wanted in kind.settings:
        if wanted not in HELP:
            raise InputError(
                f"objective={name!r} names {wanted!r} in its settings, which is no setting{nearest(wanted, HELP)} It "
                f"may name those of 'crossglg list settings'; what is its own goes to its __init__, with a default"
            )
    if not kind.classifies and config.guidance in ("l2g", "both"):
        raise InputError(
            f"objective={name!r} trains no classifier, through which the cross-modal branch of "
            f"guidance={config.guidance!r} teaches; use guidance=none or guidance=g2l"
        )
    for weight in ("class_prior_weight", "code_weight"):
        if not kind.classifies and getattr(config, weight):
            raise InputError(
                f"objective={name!r} has no classifier, {weight}={getattr(config, weight)} wants a vector for each "
                f"class; leave it at 0"
            )
    if kind.predicts_attributes and config.text_source in ("class-name", "constant"):
        raise InputError(
            f"objective={name!r} needs statements about each class, which text_source={config.text_source!r} does not "
            f"have; use text_source=descriptions, shuffled or random"
        )
    if kind.predicts_attributes and config.mirror and config.mirror_class == "same":
        raise InputError(
            f"objective={name!r} tells left from right, which mirror={config.mirror} with mirror_class=same denies; "
            f"use mirror=0, or mirror_class=other or text"
        )
    if "batch_classes" in kind.settings and not 2 <= config.batch_classes <= config.batch_size // 2:
        raise InputError(
            f"batch_classes={config.batch_classes} must lie between 2 and half of batch_size={config.batch_size}, "
            f"so that a batch has classes to compare and two clips of each"
        )
    return kind
