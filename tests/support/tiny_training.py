"""A training that takes a second: clips, texts, a small InfoGCN, and how weights are compared."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from crossglg.config import Config
from crossglg.data.clips import SkeletonSet
from crossglg.data.synthetic import synthesize
from crossglg.data.tasks import split_task
from crossglg.data.transforms import DeviceClips
from crossglg.encoders import ENCODERS  # noqa: F401 (for processes that register TINY)
from crossglg.encoders.infogcn import InfoGCN
from crossglg.text.attributes import STATEMENTS
from crossglg.text.embeddings import TextBank
from crossglg.training.trainer import epoch_seed

ACTIONS = (
    "drink water", "kicking something", "clapping", "sitting down",
    "hand waving", "jump up", "nod head/bow", "squat down",
)  # fmt: skip
NOVEL = ACTIONS[6:]
CONFIG = Config(
    encoder="tiny", frames=8, epochs=3, batch_size=12, warmup_epochs=1, validation_clips=0.2, device="cpu",
    precision="float32", interaction_blocks=1, interaction_width=16, learning_rate=5e-3,
)  # fmt: skip
TINY = partial(InfoGCN, widths=(16, 16, 32), strides=(2, 1, 2), importance_after_block=1)


def make_clips(seed: int = 0) -> SkeletonSet:
    return synthesize(seed, clips_per_action=6, actions=ACTIONS)


def make_bank(class_names: tuple[str, ...], joints: int = 25) -> TextBank:
    """Random texts, each class its own wherever it stands in the list."""
    generators = [torch.Generator().manual_seed(epoch_seed(0, len(name))) for name in class_names]
    local = torch.stack([torch.randn(joints, 10, generator=g) for g in generators])
    target = torch.stack([torch.rand(joints, generator=g) for g in generators])
    local = torch.nn.functional.normalize(local, dim=-1)
    attributes = torch.stack([torch.rand(len(STATEMENTS) + joints, generator=g) < 0.3 for g in generators]).float()
    return TextBank(class_names, local, target / target.sum(1, keepdim=True), local.mean(1), attributes)


def make_base() -> SkeletonSet:
    return split_task(make_clips(), NOVEL, 2, "tiny").base


def weights(folder: Path) -> dict[str, Tensor]:
    return load_file(folder / "model.safetensors")


def last_weights(folder: Path) -> dict[str, Tensor]:
    """Weights after the last epoch, whichever was chosen, optimizer included."""
    return {name: t for name, t in load_file(folder / "checkpoint.safetensors").items() if not name.startswith("best/")}


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    assert a.keys() == b.keys()
    return all(torch.equal(a[name], b[name]) for name in a)


class Spy(DeviceClips):
    """The real clips, noting which are asked for."""

    asked: list[int]

    def batch(self, index: Tensor, frames: int, crop: float = 1.0, generator: torch.Generator | None = None):
        Spy.asked.extend(index.tolist())
        return super().batch(index, frames, crop, generator)
