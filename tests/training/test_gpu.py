"""On a GPU everything is as on a CPU; steps recorded as a CUDA graph are the steps taken one by one."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from support.tiny_training import CONFIG, TINY, make_bank, make_base

from crossglg.config import Config
from crossglg.data.clips import SkeletonSet
from crossglg.encoders import ENCODERS
from crossglg.encoders.inference import for_inference
from crossglg.objectives import OBJECTIVES
from crossglg.skeletons import get_layout
from crossglg.text.embeddings import TextBank
from crossglg.training.cuda_graph import RecordedSteps
from crossglg.training.step import (
    build_losses,
    build_optimizer,
    recordable,
    set_learning_rate,
    train_step,
    with_persons_listed,
)
from crossglg.training.trained_model import TrainedModel, build_model
from crossglg.training.trainer import fit

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no GPU")

GPU = torch.device("cuda")
ON_GPU = replace(CONFIG, device="cuda", dropout=0.0)


@pytest.fixture(autouse=True)
def exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """Float32 means float32, and the small encoder draws no noise, which a CPU would draw differently."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    monkeypatch.setitem(ENCODERS, "tiny", partial(TINY, bottleneck=False))


@pytest.fixture(scope="module")
def base() -> SkeletonSet:
    clips = make_base()
    assert set(clips.persons.tolist()) == {1}
    return clips


@pytest.fixture(scope="module")
def bank(base: SkeletonSet) -> TextBank:
    return make_bank(base.class_names)


@pytest.mark.parametrize("name", [name for name in ENCODERS if name != "tiny"])
def test_every_encoder_embeds_as_on_a_cpu(name: str) -> None:
    model = for_inference(build_model(Config(encoder=name, streams="joint"), get_layout("ntu25"), 2, 3, 5, 0))
    x, mask = torch.randn(3, 2, 16, 25, 3), torch.tensor([[True, True], [True, False], [True, True]])
    with torch.inference_mode():
        expected = model.embed(x, mask)
        found = model.to(GPU).embed(x.to(GPU), mask.to(GPU)).cpu()
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def losses_of_training(
    config: Config, bank: TextBank, recorded: bool, mirrored: bool = False, persons: int = 1, most: int = 100
) -> tuple[list[float], dict[str, torch.Tensor], int]:
    """Losses of six steps at two learning rates, the weights after them, and how many shapes were recorded.

    Of two persons the second one is there in none to three of eight clips.
    """
    layout = get_layout("ntu25")
    torch.manual_seed(0)
    model = build_model(config, layout, persons, 3, len(bank.classes), bank.local.shape[-1]).to(GPU).train()
    losses = build_losses(config, model, layout, bank).to(GPU)
    optimizer, texts = build_optimizer(losses, config), bank.to(GPU)

    def step(batch):
        return train_step(losses, optimizer, batch, texts)

    recordings = RecordedSteps(step, losses, optimizer, most)
    take = recordings if recorded else step
    generator = torch.Generator().manual_seed(3)
    found = []
    for i in range(6):
        set_learning_rate(optimizer, config, 0.5 + i // 3)
        mask = torch.ones(8, persons, dtype=torch.bool)
        mask[i % 4 :, 1:] = False
        x = torch.randn(8, persons, 8, 25, 3, generator=generator) * mask[:, :, None, None, None]
        label = torch.randint(len(bank.classes), (8,), generator=generator).to(GPU)
        order = torch.as_tensor(layout.mirrored).expand(8, -1).to(GPU) if mirrored else None
        batch = with_persons_listed((x.to(GPU), mask.to(GPU), label, order), model)
        found.append(float(take(batch)["total_loss"]))
    return found, {name: value.cpu() for name, value in model.state_dict().items()}, len(recordings.recordings)


@pytest.mark.parametrize("persons", [1, 2])
@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
@pytest.mark.parametrize("objective", [name for name, one in OBJECTIVES.items() if one.classifies])
def test_recorded_steps_are_the_steps_taken_one_by_one(
    objective: str, optimizer: str, mirrored: bool, persons: int, bank: TextBank
) -> None:
    config = replace(ON_GPU, streams="joint", objective=objective, guidance="both", optimizer=optimizer)
    losses, weights, _ = losses_of_training(config, bank, False, mirrored, persons)
    again, replayed, recorded = losses_of_training(config, bank, True, mirrored, persons)
    assert recorded == (4 if persons == 2 else 1)
    assert len(set(losses)) == 6
    assert again == pytest.approx(losses, rel=1e-3)  # every step's loss shows the steps before it
    # Weights without a gradient, those before a normalization, are moved by AdamW's rounding; these are not.
    for name, value in weights.items():
        if name.endswith(("num_batches_tracked", "running_var")):
            torch.testing.assert_close(replayed[name], value, atol=1e-3, rtol=1e-2, msg=name)


def test_every_replay_draws_its_own_dropout_and_a_seed_repeats_it(bank: TextBank) -> None:
    config = replace(ON_GPU, streams="joint", dropout=0.5, learning_rate=0.0, weight_decay=0.0)
    model = build_model(config, get_layout("ntu25"), 1, 3, len(bank.classes), 10).to(GPU).train()
    losses = build_losses(config, model, get_layout("ntu25"), bank).to(GPU)
    optimizer, texts = build_optimizer(losses, config), bank.to(GPU)
    take = RecordedSteps(lambda batch: train_step(losses, optimizer, batch, texts), losses, optimizer)
    x, label = torch.randn(8, 1, 8, 25, 3, device=GPU), torch.arange(8, device=GPU) % len(bank.classes)
    batch = (x, torch.ones(8, 1, dtype=torch.bool, device=GPU), label, None)
    found = []
    for _ in range(3):  # the first time, the step is recorded
        torch.manual_seed(5)
        found.append([float(take(batch)["total_loss"]) for _ in range(3)])
    assert len(set(found[1])) == 3
    assert found[2] == pytest.approx(found[1], rel=1e-5)


@pytest.mark.parametrize("encoder", [name for name in ENCODERS if name != "tiny"])
def test_every_encoder_is_recorded_with_one_or_two_persons(encoder: str, bank: TextBank) -> None:
    config = replace(ON_GPU, encoder=encoder, streams="joint", guidance="both", learning_rate=1e-4)
    losses, _, _ = losses_of_training(config, bank, False, persons=2)
    again, _, recorded = losses_of_training(config, bank, True, persons=2)
    assert recorded == 4
    assert again == pytest.approx(losses, rel=1e-2)


def test_beyond_so_many_shapes_steps_are_taken_one_by_one(bank: TextBank) -> None:
    config = replace(ON_GPU, streams="joint")
    losses, _, _ = losses_of_training(config, bank, False, persons=2)
    again, _, recorded = losses_of_training(config, bank, True, persons=2, most=2)
    assert recorded == 2
    assert again == pytest.approx(losses, rel=1e-3)


def test_a_training_is_the_same_recorded_or_not_and_nearly_that_of_a_cpu(
    base: SkeletonSet, bank: TextBank, tmp_path: Path
) -> None:
    assert recordable(ON_GPU, GPU)
    recorded = fit(ON_GPU, base, bank, tmp_path / "recorded")
    one_by_one = fit(replace(ON_GPU, cuda_graph=False), base, bank, tmp_path / "one by one")
    on_cpu = fit(replace(ON_GPU, device="cpu"), base, bank, tmp_path / "cpu")
    for other, tolerance in ((one_by_one, 1e-3), (on_cpu, 1e-2)):
        for ours, theirs in zip(recorded.details["history"], other.details["history"], strict=True):
            assert ours["total_loss"] == pytest.approx(theirs["total_loss"], rel=tolerance)
    there = TrainedModel.load(tmp_path / "recorded")
    np.testing.assert_allclose(there.embed(base), recorded.embed(base), atol=1e-4)


def test_a_training_that_was_cut_off_goes_on_recorded_to_the_same_end(
    base: SkeletonSet, bank: TextBank, tmp_path: Path
) -> None:
    class Cut(Exception):
        pass

    def cut(record: dict[str, float]) -> None:
        if record["epoch"] == 1:
            raise Cut

    whole = fit(ON_GPU, base, bank, tmp_path / "whole")
    with pytest.raises(Cut):
        fit(ON_GPU, base, bank, tmp_path / "cut", after_epoch=cut)
    again = fit(ON_GPU, base, bank, tmp_path / "cut")
    assert len(again.details["history"]) == ON_GPU.epochs
    for ours, theirs in zip(again.details["history"], whole.details["history"], strict=True):
        assert ours["total_loss"] == pytest.approx(theirs["total_loss"], rel=1e-3)


def test_bfloat16_learns_too(base: SkeletonSet, bank: TextBank, tmp_path: Path) -> None:
    exact = fit(ON_GPU, base, bank, tmp_path / "float32")
    half = fit(replace(ON_GPU, precision="bfloat16"), base, bank, tmp_path / "bfloat16")
    last = [trained.details["history"][-1]["total_loss"] for trained in (exact, half)]
    assert last[1] == pytest.approx(last[0], rel=0.05)


@pytest.mark.parametrize("persons_with_zeros", [False, True])
def test_a_training_with_one_or_two_persons_is_the_same_recorded_or_not(
    persons_with_zeros: bool, base: SkeletonSet, bank: TextBank, tmp_path: Path
) -> None:
    persons = [1 + i % 2 for i in range(len(base))]
    rows = [np.tile(base[i][0], (count, 1, 1)) for i, count in enumerate(persons)]
    offsets = np.cumsum([0, *map(len, rows)])
    mixed = SkeletonSet.build(np.concatenate(rows), offsets, base.label, base.class_names, base.layout, persons=persons)
    config = replace(ON_GPU, absent_persons="zeros") if persons_with_zeros else ON_GPU
    recorded = fit(config, mixed, bank, tmp_path / "recorded")
    one_by_one = fit(replace(config, cuda_graph=False), mixed, bank, tmp_path / "one by one")
    for ours, theirs in zip(recorded.details["history"], one_by_one.details["history"], strict=True):
        assert ours["total_loss"] == pytest.approx(theirs["total_loss"], rel=1e-3)
