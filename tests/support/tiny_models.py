"""Models small enough to read a clip in a millisecond, untrained: what they think does not matter, that they do."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest
import torch

from crossglg.config import Config
from crossglg.data.clips import SkeletonSet
from crossglg.encoders import ENCODERS
from crossglg.encoders.infogcn import InfoGCN
from crossglg.training.trained_model import TrainedModel, build_model

TINY = partial(InfoGCN, widths=(16, 16, 32), strides=(2, 1, 2), importance_after_block=1)
HEADS = {"tiny": partial(TINY, bottleneck=False), "tiny-bottleneck": TINY}


def register(patch: pytest.MonkeyPatch) -> None:
    for name, encoder in HEADS.items():
        patch.setitem(ENCODERS, name, encoder)


@pytest.fixture(scope="module", autouse=True)
def tiny_encoders() -> Iterator[None]:
    """For modules that import this: their models are built, and loaded, by name."""
    with pytest.MonkeyPatch.context() as patch:
        register(patch)
        yield


def untrained(clips: SkeletonSet, **settings: object) -> TrainedModel:
    """A model of these clips' layout whose normalizations have seen them, and whose parameters are no zeros or ones."""
    config = Config.create(**{"encoder": "tiny", "frames": 8, "device": "cpu", "precision": "float32", **settings})
    model = build_model(config, clips.layout, int(clips.persons.max()), clips.num_channels, 3, text_width=0)
    generator = torch.Generator().manual_seed(7)
    for parameter in model.parameters():
        parameter.data += 0.2 * torch.randn(parameter.shape, generator=generator)
    trained = TrainedModel(
        model, config, clips.layout, int(clips.persons.max()), clips.num_channels, ("a", "b", "c"),
        {"chosen_epoch": 0, "validation_accuracy": 0.0},
    )  # fmt: skip
    with torch.no_grad():
        model.train()
        for _, x, mask in trained.batches(clips):
            model(trained.preprocessing.channels(x), mask)
    model.eval()
    return trained
