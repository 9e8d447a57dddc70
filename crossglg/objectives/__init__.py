"""What training asks of the representation. A new one is a file and a line here, or an entry point elsewhere."""

from __future__ import annotations

from crossglg.config import Config, nearest
from crossglg.objectives.base import Objective
from crossglg.objectives.classification import Classification
from crossglg.objectives.gap import PartTextAlignment
from crossglg.objectives.metric import MultiSimilarity, Triplet
from crossglg.objectives.protonet import Prototypes
from crossglg.objectives.texts import TextRetrieval
from crossglg.plugins import Registry

_OBJECTIVES: dict[str, Objective] = {
    "classification": Classification(),
    "protonet": Prototypes(),
    "triplet": Triplet(),
    "multi-similarity": MultiSimilarity(),
    "gap": PartTextAlignment(),
    "texts": TextRetrieval(),
}
OBJECTIVES = Registry("objective", _OBJECTIVES, Objective)


def find_objective(config: Config) -> Objective:
    """The objective that a Config names. Raises ValueError if there is none, or if other settings do not go with it."""
    name = config.objective
    if name not in OBJECTIVES:
        raise ValueError(
            f"unknown objective {name!r}{nearest(name, list(OBJECTIVES))} Objectives: {', '.join(OBJECTIVES)}"
        )
    OBJECTIVES[name].check(config)
    return OBJECTIVES[name]
