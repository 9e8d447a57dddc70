"""Training is repeatable, survives kill −9, sees base clips only, and saves what inference needs and nothing else."""

from __future__ import annotations

import json
import math
import shutil
import signal
import subprocess
import sys
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from support.tiny_training import (
    ACTIONS,
    CONFIG,
    NOVEL,
    TINY,
    Spy,
    last_weights,
    make_bank,
    make_base,
    make_clips,
    same,
    weights,
)
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from crossglg.config import Config
from crossglg.data.clips import SkeletonSet
from crossglg.data.tasks import split_task
from crossglg.encoders import ENCODERS
from crossglg.encoders.base import PersonIndex
from crossglg.encoders.infogcn import InfoGCN
from crossglg.files import InputError
from crossglg.objectives import OBJECTIVES
from crossglg.one_shot import CLASSIFIERS
from crossglg.skeletons import get_layout
from crossglg.text.embeddings import TextBank
from crossglg.training import trainer
from crossglg.training.card import model_card
from crossglg.training.checkpoint import fingerprint
from crossglg.training.cuda_graph import Batch, like, tensors_of
from crossglg.training.step import (
    build_losses,
    build_optimizer,
    recordable,
    set_learning_rate,
    train_step,
    with_persons_listed,
)
from crossglg.training.trained_model import SIMILARITY, TrainedModel, build_model, resolve_device, shipped_model
from crossglg.training.trainer import chosen_epoch, fit, split_validation


@pytest.fixture(autouse=True)
def tiny_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    """A real InfoGCN, published head and its noise included, small enough to train in a second."""
    monkeypatch.setitem(ENCODERS, "tiny", TINY)


@pytest.fixture(scope="module")
def base() -> SkeletonSet:
    return make_base()


@pytest.fixture(scope="module")
def bank(base: SkeletonSet) -> TextBank:
    return make_bank(base.class_names)


@pytest.fixture(scope="module")
def finished(base: SkeletonSet, bank: TextBank, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an uninterrupted training with CONFIG."""
    folder = tmp_path_factory.mktemp("finished")
    ENCODERS["tiny"] = TINY  # a module fixture comes before `tiny_encoder`
    fit(CONFIG, base, bank, folder, data="tiny data", texts=("tiny texts",))
    return folder


# ---------------------------------------------------------------------------------------------------------------------
# Learning


def test_losses_go_down(base: SkeletonSet, bank: TextBank, tmp_path: Path) -> None:
    """Also that of joint importance, which in so few steps learns the joints that matter in every class alike."""
    hand = torch.zeros(25)
    hand[[11, 23, 24]] = 1 / 3
    bank = replace(bank, key_joint_target=hand.repeat(len(bank.classes), 1))
    records: list[dict[str, float]] = []
    config = replace(CONFIG, epochs=12, batch_size=8, posture=1.0)  # with less of it, so few steps teach too little
    trained = fit(config, base, bank, tmp_path, after_epoch=records.append)
    assert [record["epoch"] for record in records] == list(range(12))
    assert records == trained.details["history"]
    for name in ("skeleton_loss", "calibration_loss", "cross_modal_loss", "total_loss"):
        assert records[-1][name] < 0.98 * records[0][name], name
    last = records[-1]
    total = last["skeleton_loss"] + 0.5 * last["calibration_loss"] + 0.2 * last["cross_modal_loss"]
    assert last["total_loss"] == pytest.approx(total, rel=1e-5)


def test_a_seed_repeats_bitwise_and_another_differs(
    finished: Path, base: SkeletonSet, bank: TextBank, tmp_path
) -> None:
    torch.rand(7)  # the state of the global generator must not matter
    fit(CONFIG, base, bank, tmp_path / "again")
    assert same(weights(tmp_path / "again"), weights(finished))
    assert same(last_weights(tmp_path / "again"), last_weights(finished))
    fit(replace(CONFIG, seed=1), base, bank, tmp_path / "other")
    assert not same(weights(tmp_path / "other"), weights(finished))


def test_sgd_trains_too(base: SkeletonSet, bank: TextBank, tmp_path: Path) -> None:
    trained = fit(replace(CONFIG, optimizer="sgd", learning_rate=0.05, epochs=6), base, bank, tmp_path)
    losses = [record["total_loss"] for record in trained.details["history"]]
    assert losses[-1] < losses[0]


def test_bfloat16_trains_and_never_rounds_coordinates(base, bank, tmp_path: Path, monkeypatch) -> None:
    seen: list[Tensor] = []
    embed_input = InfoGCN.embed_input
    monkeypatch.setattr(InfoGCN, "embed_input", lambda self, x, bodies: seen.append(x) or embed_input(self, x, bodies))
    trained = fit(replace(CONFIG, precision="bfloat16"), base, bank, tmp_path)
    assert all(t.dtype in (torch.float32, torch.int64) for t in weights(tmp_path).values())
    rounded = trained.embed(base)
    # A rotation computed in bfloat16 is as good as float32 in type, so values are looked at, not types alone.
    assert all((x != x.bfloat16().float()).float().mean() > 0.5 for x in seen)
    trained.config = replace(trained.config, precision="float32")
    exact = trained.embed(base)
    assert not np.array_equal(rounded, exact)
    cosine = (rounded * exact).sum(1) / np.linalg.norm(rounded, axis=1) / np.linalg.norm(exact, axis=1)
    assert cosine.min() > 0.99


@pytest.mark.slow
def test_compiled_training_and_inference_equal_eager_ones(base, bank, tmp_path: Path, monkeypatch) -> None:
    """Half of the clips get a second person, so that the number of bodies varies; one step, then the same weights."""
    config = replace(CONFIG, epochs=1, warmup_epochs=0, batch_size=1000, learning_rate=1e-3, dropout=0.0)
    monkeypatch.setitem(ENCODERS, "tiny", partial(TINY, bottleneck=False))  # its noise is drawn differently
    persons = [1 + i % 2 for i in range(len(base))]
    rows = [np.tile(base[i][0], (count, 1, 1)) for i, count in enumerate(persons)]
    offsets = np.cumsum([0, *map(len, rows)])
    mixed = SkeletonSet.build(np.concatenate(rows), offsets, base.label, base.class_names, base.layout, persons=persons)
    eager = fit(config, mixed, bank, tmp_path / "eager")
    compiled = fit(replace(config, compile=True), mixed, bank, tmp_path / "compiled")
    assert eager.details["history"][0]["total_loss"] == pytest.approx(
        compiled.details["history"][0]["total_loss"], abs=1e-4
    )
    compiled.model.load_state_dict(eager.model.state_dict())
    assert compiled.config.compile
    for count in (5, len(mixed)):
        some = mixed.subset(np.arange(count))
        np.testing.assert_allclose(compiled.embed(some), eager.embed(some), atol=1e-4)
        np.testing.assert_allclose(compiled.joint_importance(some), eager.joint_importance(some), atol=1e-4)


def test_a_batch_larger_than_the_set_is_one_step(base: SkeletonSet, bank: TextBank, tmp_path: Path) -> None:
    config = replace(CONFIG, batch_size=500, epochs=1, validation_clips=0.0)
    trained = fit(config, base, bank, tmp_path)
    assert (trained.details["training_clips"], trained.details["validation_clips"]) == (36, 0)
    assert trained.details["chosen_epoch"] == 0
    np.testing.assert_allclose(trained.details["usual_importance"], trained.joint_importance(base).mean(0), atol=1e-6)
    assert trained.details["validation_accuracy"] is None
    json.loads((tmp_path / "model.json").read_text(), parse_constant=pytest.fail)  # NaN is no JSON
    seen = trained.represent(base)
    similarity = CLASSIFIERS["cosine-and-streams"].score(seen, seen, None)
    pairs = [(similarity[j, i], base.label[i] == base.label[j]) for i in range(36) for j in range(36) if i != j]
    for kind, found in trained.details[SIMILARITY].items():
        of_kind = [value for value, same_class in pairs if same_class == (kind == "same")]
        np.testing.assert_allclose(found, np.quantile(of_kind, np.linspace(0, 1, 101)), atol=1e-4)


def test_a_loss_that_is_not_finite_is_an_error(base: SkeletonSet, bank: TextBank, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"loss of epoch [123] is not finite; lower learning_rate=1e\+30"):
        fit(replace(CONFIG, learning_rate=1e30), base, bank, tmp_path)
    assert not (tmp_path / "model.safetensors").exists()


def test_two_dimensional_clips_in_another_layout_train(tmp_path: Path) -> None:
    clips = make_base().retargeted(get_layout("kinect20"))
    flat = replace(clips, xyz=clips.xyz[..., :2])
    trained = fit(replace(CONFIG, epochs=1), flat, make_bank(flat.class_names, joints=20), tmp_path)
    assert trained.embed(flat).shape == (36, 32)
    assert np.array_equal(TrainedModel.load(tmp_path).embed(flat), trained.embed(flat))
    with pytest.raises(ValueError, match="has 3 coordinates, the model was trained on 2"):
        trained.embed(clips)


def test_steps_are_recorded_on_a_gpu_where_shapes_say_all() -> None:
    gpu, cpu = torch.device("cuda"), torch.device("cpu")
    assert recordable(CONFIG, gpu) and recordable(replace(CONFIG, optimizer="sgd"), gpu)
    assert not recordable(CONFIG, cpu)
    comparing = {"objective": "protonet", "guidance": "none", "batch_classes": 2}
    for other in ({"compile": True}, {"cuda_graph": False}, comparing):
        assert not recordable(replace(CONFIG, **other), gpu)


class AsksForNothing(TorchDispatchMode):
    """Fails where a value of a tensor is asked for, or a shape follows from values: no CUDA graph could record that."""

    ASKING = ("_local_scalar_dense", "nonzero", "masked_select", "_unique2", "unique_dim", "bincount", "equal")

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        name = function.overloadpacket.__name__
        by_mask = name in ("index", "index_put", "index_put_") and any(
            one is not None and one.dtype == torch.bool for one in args[1]
        )
        assert name not in self.ASKING and not by_mask, f"{name} asks for a value"
        return function(*args, **(kwargs or {}))


def mixed_batch(clips: int, generator: torch.Generator, mirrored: bool = False) -> Batch:
    """Clips of none to two persons, at random, as a mask says."""
    layout = make_base().layout
    mask = torch.rand(clips, 2, generator=generator) < 0.5
    x = torch.randn(clips, 2, 8, layout.num_joints, 3, generator=generator) * mask[:, :, None, None, None]
    order = torch.as_tensor(layout.mirrored).expand(clips, -1) if mirrored else None
    return x, mask, torch.randint(3, (clips,), generator=generator), order


@pytest.mark.parametrize(
    ("encoder", "objective", "optimizer"),
    [
        *(("tiny", name, "adamw") for name, one in OBJECTIVES.items() if one.classifies),
        ("tiny", "classification", "sgd"),
        ("lean-gcn", "classification", "adamw"),
        ("ctrgcn-small", "classification", "adamw"),
    ],
)
def test_a_step_with_persons_listed_is_the_same_and_asks_for_no_value(
    encoder: str, objective: str, optimizer: str, base: SkeletonSet, bank: TextBank
) -> None:
    config = replace(
        CONFIG, encoder=encoder, streams="joint", objective=objective, optimizer=optimizer, dropout=0.0,
        class_prior_weight=0.1, marginal_weight=0.1,
    )  # fmt: skip
    batches = [mixed_batch(8, torch.Generator().manual_seed(seed), mirrored=seed == 1) for seed in range(3)]
    found = []
    for listed in (False, True):
        torch.manual_seed(0)
        model = build_model(config, base.layout, 2, 3, len(bank.classes), bank.local.shape[-1]).train()
        losses = build_losses(config, model, base.layout, bank)
        steps = build_optimizer(losses, config)
        values = []
        for batch in batches:
            batch = with_persons_listed(batch, model) if listed else batch
            with AsksForNothing() if listed else nullcontext():
                parts = train_step(losses, steps, batch, bank)
            values.append(float(parts["total_loss"]))
        found.append(values)
    assert len(set(found[0])) == 3
    assert found[1] == found[0]


def test_what_asks_for_a_value_is_noticed() -> None:
    with AsksForNothing():
        for ask in (lambda x: x[x > 0], lambda x: x.nonzero(), lambda x: float(x.sum()), lambda x: x.unique()):
            with pytest.raises(AssertionError, match="asks for a value"):
                ask(torch.ones(3))


def test_sgd_is_that_of_the_formula_from_its_first_step() -> None:
    """Nesterov momentum as PyTorch defines it, on weights of which one gets its first gradient late."""
    config = replace(CONFIG, optimizer="sgd", weight_decay=0.0, learning_rate=0.1)
    module = torch.nn.ParameterList([torch.nn.Parameter(torch.ones(2)), torch.nn.Parameter(torch.ones(2))])
    optimizer = build_optimizer(module, config)
    expected, momentum = [1.0, 1.0], [0.0, 0.0]
    for step in range(4):
        for i, p in enumerate(module):
            p.grad = None if i == 1 and step < 2 else torch.full((2,), 1.0 + step)
            if p.grad is not None:
                momentum[i] = 0.9 * momentum[i] + 1.0 + step
                expected[i] -= 0.1 * (1.0 + step + 0.9 * momentum[i])
        optimizer.step()
    assert [p.tolist() for p in module] == [pytest.approx([value] * 2) for value in expected]


def test_batches_are_taken_apart_and_put_together_again(base: SkeletonSet) -> None:
    """What a recorded step keeps of a batch."""
    model = build_model(CONFIG, base.layout, 2, base.num_channels, 3, 10)
    for mirrored in (False, True):
        x, mask, label, order = batch = mixed_batch(6, torch.Generator().manual_seed(2), mirrored)
        for one in (batch, with_persons_listed(batch, model)):
            again = like(one, [tensor.clone() for tensor in tensors_of(one)])
            assert torch.equal(again[0], x) and torch.equal(again[2], label)
            assert (again[3] is None) == (order is None) and (order is None or torch.equal(again[3], order))
            index = PersonIndex.in_clips(x, again[1])
            assert torch.equal(index.clip, PersonIndex.of(mask).clip) and index.num_clips == 6
            assert [rows.tolist() for rows in index.rows_of_slot] == [
                [row for row, taken in enumerate(index.slot.tolist()) if taken == slot] for slot in range(2)
            ]


# ---------------------------------------------------------------------------------------------------------------------
# Interruption

KILLED = """
import os, signal, sys
import torch
from crossglg.training import trainer
from support import tiny_training as t

torch.set_num_threads({threads})
t.ENCODERS["tiny"] = t.TINY
steps = []
step = trainer.train_step

def fatal_step(*args):
    steps.append(1)
    if len(steps) == 4:  # the second of the two steps of the second epoch
        os.kill(os.getpid(), signal.SIGKILL)
    return step(*args)

trainer.train_step = fatal_step
base = t.make_base()
trainer.fit(t.CONFIG, base, t.make_bank(base.class_names), sys.argv[1])
"""


def test_a_training_killed_within_an_epoch_continues_to_the_same_bits(
    finished: Path, base: SkeletonSet, bank: TextBank, tmp_path: Path
) -> None:
    script = KILLED.format(threads=torch.get_num_threads())
    died = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert died.returncode == -signal.SIGKILL, died.stderr
    assert (tmp_path / "checkpoint.safetensors").exists()
    assert not (tmp_path / "model.safetensors").exists()
    seen: list[dict[str, float]] = []
    fit(CONFIG, base, bank, tmp_path, after_epoch=seen.append)
    assert [record["epoch"] for record in seen] == [1, 2]  # the first epoch is not trained again
    assert same(weights(tmp_path), weights(finished))
    assert same(last_weights(tmp_path), last_weights(finished))
    histories = [TrainedModel.load(folder).details["history"] for folder in (tmp_path, finished)]
    assert histories[0] == histories[1]


def copy_checkpoint(finished: Path, folder: Path) -> Path:
    path = folder / "checkpoint.safetensors"
    path.write_bytes((finished / path.name).read_bytes())
    return path


def test_a_finished_training_is_not_trained_again(finished: Path, base: SkeletonSet, bank: TextBank, tmp_path) -> None:
    copy_checkpoint(finished, tmp_path)
    seen: list[dict[str, float]] = []
    fit(CONFIG, base, bank, tmp_path, after_epoch=seen.append)
    assert seen == []
    assert same(weights(tmp_path), weights(finished))


def test_a_checkpoint_knows_its_clips_and_texts_wherever_they_lie(
    finished: Path, base: SkeletonSet, bank: TextBank, tmp_path: Path
) -> None:
    copy_checkpoint(finished, tmp_path)
    seen: list[dict[str, float]] = []
    moved = replace(CONFIG, dataset="../elsewhere", benchmark="../elsewhere/benchmarks.json:its", descriptions="d.json")
    fit(moved, base, bank, tmp_path, after_epoch=seen.append)
    assert seen == []


@pytest.mark.parametrize("kept", [0, 7, 0.5, 0.999])
def test_a_damaged_checkpoint_is_named(
    finished: Path, base: SkeletonSet, bank: TextBank, tmp_path, kept: float
) -> None:
    path = copy_checkpoint(finished, tmp_path)
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content) if 0 < kept < 1 else kept)])
    with pytest.raises(ValueError, match=r"checkpoint\.safetensors is damaged .*delete it"):
        fit(CONFIG, base, bank, tmp_path)


def test_weights_in_place_of_a_checkpoint_are_named(
    finished: Path, base: SkeletonSet, bank: TextBank, tmp_path
) -> None:
    (tmp_path / "checkpoint.safetensors").write_bytes((finished / "model.safetensors").read_bytes())
    with pytest.raises(ValueError, match=r"checkpoint\.safetensors belongs to a training with other settings"):
        fit(CONFIG, base, bank, tmp_path)


def test_a_setting_that_came_later_refuses_no_checkpoint(base: SkeletonSet, bank: TextBank, monkeypatch) -> None:
    now = fingerprint(CONFIG, base, bank)
    assert now != fingerprint(replace(CONFIG, matching_weight=CONFIG.matching_weight + 1), base, bank)

    before = {name: value for name, value in CONFIG.to_dict().items() if name != "matching_weight"}
    monkeypatch.setattr(type(CONFIG), "to_dict", lambda self: before)
    assert fingerprint(CONFIG, base, bank) == now


@pytest.mark.parametrize("change", ["learning_rate", "clips", "labels", "texts", "targets"])
def test_a_checkpoint_of_another_training_is_refused(finished: Path, base, bank, tmp_path: Path, change: str) -> None:
    path = copy_checkpoint(finished, tmp_path)
    before = path.read_bytes()
    config = replace(CONFIG, learning_rate=1e-3) if change == "learning_rate" else CONFIG
    if change == "clips":
        base = replace(base, xyz=base.xyz[::-1].copy())
    if change == "labels":
        base = replace(base, label=base.label[::-1].copy())
    if change == "texts":
        bank = replace(bank, local=bank.local.flip(1))
    if change == "targets":
        bank = replace(bank, key_joint_target=bank.key_joint_target.flip(1))
    said = r"settings \(learning_rate: \S+ → 0.001\)" if change == "learning_rate" else "clips or texts"
    with pytest.raises(InputError, match=f"belongs to a training with other {said}; replace it with overwrite=True"):
        fit(config, base, bank, tmp_path)
    assert path.read_bytes() == before


def test_another_training_is_overwritten_on_demand_and_then_continued(
    finished: Path, base: SkeletonSet, bank: TextBank, tmp_path: Path
) -> None:
    other = replace(CONFIG, learning_rate=1e-3)
    there, fresh = tmp_path / "there", tmp_path / "fresh"
    there.mkdir()
    copy_checkpoint(finished, there)
    trained = fit(other, base, bank, there, overwrite=True)
    fit(other, base, bank, fresh)
    assert same(weights(there), weights(fresh)), "nothing of the old training is left"
    epochs: list[dict[str, float]] = []
    again = fit(other, base, bank, there, after_epoch=epochs.append, overwrite=True)
    assert not epochs and again.details["history"] == trained.details["history"], "the same training is continued"


# ---------------------------------------------------------------------------------------------------------------------
# What training may see


def test_nothing_of_the_novel_classes_reaches_the_weights(finished: Path, tmp_path: Path) -> None:
    """The same task with other novel motions, labels, names and texts gives the same bits."""
    clips = make_clips()
    rng = np.random.default_rng(0)
    xyz, label = clips.xyz.copy(), clips.label.copy()
    for i in np.flatnonzero(label >= 6):
        xyz[clips.offsets[i] : clips.offsets[i + 1]] = rng.standard_normal((clips.frames[i], 25, 3))
    label[36:] = rng.permutation(label[36:])
    rubbish = (*ACTIONS[:6], "rubbish", "more rubbish")
    task = split_task(replace(clips, xyz=xyz, label=label, class_names=rubbish), rubbish[6:], 2, "tiny")
    assert not np.array_equal(task.novel.xyz, split_task(clips, NOVEL, 2, "tiny").novel.xyz)
    texts = make_bank(rubbish)
    base_rows = [rubbish.index(name) for name in task.base.class_names]
    bank = TextBank(
        task.base.class_names, texts.local[base_rows], texts.key_joint_target[base_rows], texts.global_[base_rows]
    )
    trained = fit(CONFIG, task.base, bank, tmp_path)
    assert same(weights(tmp_path), weights(finished))
    assert trained.class_names == ACTIONS[:6]


def test_texts_of_a_novel_class_are_refused(base: SkeletonSet, tmp_path: Path) -> None:
    for names in (ACTIONS, base.class_names[::-1], (*base.class_names[:-1], NOVEL[0]), base.class_names[:-1]):
        with pytest.raises(ValueError, match="classes are not the base classes, in order"):
            fit(CONFIG, base, make_bank(names), tmp_path)
    assert not list(tmp_path.iterdir())


def test_only_training_clips_are_trained_on(base: SkeletonSet, bank: TextBank, tmp_path, monkeypatch) -> None:
    Spy.asked = []
    labels: list[int] = []
    texts_fit: list[bool] = []
    step = trainer.train_step

    def noting_step(losses, optimizer, batch, texts):
        labels.extend(batch[2].tolist())
        texts_fit.append(
            torch.equal(texts.local, bank.local) and torch.equal(texts.key_joint_target, bank.key_joint_target)
        )
        return step(losses, optimizer, batch, texts)

    monkeypatch.setattr(trainer, "DeviceClips", Spy)
    monkeypatch.setattr(trainer, "train_step", noting_step)
    training, validation_clips = split_validation(base, CONFIG.validation_clips, CONFIG.seed)
    training_run = trainer.Trainer(replace(CONFIG, batch_size=10), base, bank, tmp_path)
    training_run.train()
    assert set(Spy.asked) == set(training.tolist())  # 3 epochs of 30 clips, all are met
    assert len(Spy.asked) == 3 * len(training)
    assert not set(Spy.asked) & set(validation_clips.tolist())
    assert np.array_equal(training_run.validation.xyz, base.subset(validation_clips).xyz)
    assert labels == base.label[Spy.asked].tolist()
    assert all(texts_fit)
    assert not set(bank.classes) & set(NOVEL)


def test_validation_clips_do_not_move_the_weights(finished: Path, base: SkeletonSet, bank: TextBank, tmp_path) -> None:
    _, validation_clips = split_validation(base, CONFIG.validation_clips, CONFIG.seed)
    xyz = base.xyz.copy()
    for i in validation_clips:
        rows = slice(base.offsets[i], base.offsets[i + 1])
        xyz[rows] = np.random.default_rng(i).standard_normal(xyz[rows].shape)
    fit(CONFIG, replace(base, xyz=xyz), bank, tmp_path)
    assert same(last_weights(tmp_path), last_weights(finished))


@pytest.mark.parametrize("fraction", [0.0, 0.1, 0.34, 0.9])
def test_split_validation_takes_the_same_share_of_every_class(base: SkeletonSet, fraction: float) -> None:
    training, validation_clips = split_validation(base, fraction, seed=3)
    assert sorted([*training, *validation_clips]) == list(range(len(base)))
    assert np.bincount(base.label[validation_clips], minlength=6).tolist() == [min(round(6 * fraction), 5)] * 6
    assert np.array_equal(split_validation(base, fraction, seed=3)[1], validation_clips)
    if fraction in (0.1, 0.34):
        assert not np.array_equal(split_validation(base, fraction, seed=4)[1], validation_clips)


def test_split_validation_never_empties_a_class(base: SkeletonSet) -> None:
    few = base.subset([0, 6, 7, 12])  # one clip, two clips, one clip
    training, _ = split_validation(few, 0.9, seed=0)
    assert set(few.label[training]) == {0, 1, 2}


@pytest.mark.parametrize(
    ("accuracy", "chosen"),
    [([0.1, 0.5, 0.3], 1), ([0.5, 0.5, 0.4], 1), ([0.0, 0.0], 1), ([math.nan] * 3, 2), ([0.7], 0)],
)
def test_chosen_epoch_is_the_best_and_the_latest_of_equals(accuracy: list[float], chosen: int) -> None:
    assert chosen_epoch([{"validation_accuracy": value} for value in accuracy]) == chosen
    assert chosen_epoch([{"epoch": 0}, {"epoch": 1}]) == 1


@pytest.mark.parametrize("choice", [0, 1, 2])
def test_the_saved_weights_are_those_of_the_chosen_epoch(base, bank, tmp_path: Path, monkeypatch, choice: int) -> None:
    """Every epoch's weights are caught from its checkpoint; the saved ones are those of the epoch that was chosen."""
    caught: list[dict[str, Tensor]] = []
    monkeypatch.setattr(trainer, "chosen_epoch", lambda history: min(len(history) - 1, choice))
    trained = fit(CONFIG, base, bank, tmp_path, after_epoch=lambda _: caught.append(last_weights(tmp_path)))
    saved = weights(tmp_path)
    after = [{name: weights[f"losses/model.{name}"] for name in saved} for weights in caught]
    matching = [e for e in range(3) if same(saved, after[e])]
    assert matching == [choice]
    assert trained.details["validation_accuracy"] == trained.details["history"][choice]["validation_accuracy"]


# ---------------------------------------------------------------------------------------------------------------------
# Optimizer


def learning_rates(config: Config, epochs: list[float]) -> list[float]:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))])
    rates = []
    for epoch in epochs:
        set_learning_rate(optimizer, config, epoch)
        rates.append(optimizer.param_groups[0]["lr"])
    return rates


def test_learning_rate_warms_up_linearly_then_follows_a_cosine_to_zero() -> None:
    config = replace(CONFIG, epochs=12, warmup_epochs=2, learning_rate=1.0)
    warm = learning_rates(config, [0.0, 0.5, 1.0, 1.5])
    assert warm == pytest.approx([0.005, 0.255, 0.505, 0.755])
    assert learning_rates(config, [2.0, 4.5, 7.0, 9.5, 12.0]) == pytest.approx(
        [1.0, 0.5 + 0.5**1.5, 0.5, 0.5 - 0.5**1.5, 0.0], abs=1e-12
    )
    assert learning_rates(replace(config, epochs=1), [0.0, 0.5]) == pytest.approx([1.0, 0.5])
    assert learning_rates(replace(config, warmup_epochs=0), [0.0]) == [1.0]


def test_learning_rate_never_exceeds_its_peak() -> None:
    assert max(learning_rates(replace(CONFIG, epochs=12, warmup_epochs=2), np.linspace(0, 12, 5000).tolist())) <= 5e-3


@pytest.mark.parametrize(("name", "kind"), [("adamw", torch.optim.AdamW), ("sgd", torch.optim.SGD)])
def test_weight_decay_spares_biases_norms_topologies_and_positions(name: str, kind: type) -> None:
    config = replace(CONFIG, optimizer=name, weight_decay=0.1)
    model = build_model(config, get_layout("ntu25"), 2, 3, 6, text_width=10)
    optimizer = build_optimizer(model, config)
    assert type(optimizer) is kind
    if name == "sgd":
        assert optimizer.defaults["nesterov"] and optimizer.defaults["momentum"] == 0.9
    decay = {id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}
    names = {name: decay[id(p)] for name, p in model.named_parameters()}
    assert len(names) == len(decay) == len(list(model.parameters()))
    norms = {f"{n}.weight" for n, m in model.named_modules() if "Norm" in type(m).__name__}
    for parameter, amount in names.items():
        spared = parameter.endswith(("bias", "topology", "position", "place")) or parameter in norms
        assert amount == (0.0 if spared else 0.1), parameter
    assert {"encoder.blocks.0.spatial.topology", "encoder.position", "cross_modal.place"} <= names.keys()


def test_the_bottleneck_and_a_mode_train_and_come_back_with_the_model(
    base: SkeletonSet, bank: TextBank, tmp_path
) -> None:
    config = replace(CONFIG, epochs=2, mode=2, marginal_weight=1e-4, class_prior_weight=0.1)
    record = fit(config, base, bank, tmp_path).details["history"][-1]
    parts = ("skeleton_loss", "calibration_loss", "cross_modal_loss", "marginal_prior_loss", "class_prior_loss")
    total = sum(weight * record[name] for weight, name in zip((1.0, 0.5, 0.2, 1e-4, 0.1), parts, strict=True))
    assert record["total_loss"] == pytest.approx(total, rel=1e-4)
    (prior,) = (t for name, t in last_weights(tmp_path).items() if name.endswith("prior_mean"))
    torch.testing.assert_close(prior @ prior.T, 9 * torch.eye(len(prior)), atol=1e-4, rtol=0)  # orthogonal, length 3
    saved, model = weights(tmp_path), TrainedModel.load(tmp_path).model
    assert torch.equal(model.encoder.relative, saved["encoder.relative"])


def test_nothing_of_the_bottleneck_is_there_by_default(finished: Path) -> None:
    history = json.loads((finished / "model.json").read_text())["details"]["history"]
    assert not history[0].keys() & {"marginal_prior_loss", "class_prior_loss"}
    assert not weights(finished).keys() & {"encoder.relative"}


# ---------------------------------------------------------------------------------------------------------------------
# Saving and loading


@pytest.mark.parametrize("guidance", ["none", "g2l", "l2g", "both"])
def test_every_guidance_trains_saves_and_loads(base: SkeletonSet, bank: TextBank, tmp_path, guidance: str) -> None:
    trained = fit(replace(CONFIG, guidance=guidance, epochs=2), base, bank, tmp_path)
    recorded = trained.details["history"][-1].keys()
    assert ("calibration_loss" in recorded) == (guidance in ("g2l", "both"))
    assert ("cross_modal_loss" in recorded) == (guidance in ("l2g", "both"))
    assert not [name for name in weights(tmp_path) if name.startswith("cross_modal")]
    loaded = TrainedModel.load(tmp_path)
    assert loaded.model.cross_modal is None
    assert loaded.num_parameters == trained.num_parameters == sum(p.numel() for p in loaded.model.parameters())
    assert np.array_equal(loaded.embed(base), trained.embed(base))
    assert np.isfinite(loaded.embed(base)).all()
    if guidance in ("g2l", "both"):
        assert np.array_equal(loaded.joint_importance(base), trained.joint_importance(base))
        np.testing.assert_allclose(loaded.joint_importance(base).sum(1), 1.0, rtol=1e-5)
    else:
        with pytest.raises(ValueError, match=f"guidance='{guidance}' has no joint importance"):
            loaded.joint_importance(base)
    assert (loaded.config, loaded.layout, loaded.class_names) == (trained.config, trained.layout, trained.class_names)
    assert json.loads(json.dumps(trained.details)) == loaded.details


@pytest.mark.parametrize(
    "given", [np.zeros((2, 8, 25, 3)), [1, 2], "clips.npz", None], ids=["array", "list", "path", "none"]
)
def test_what_is_no_skeleton_set_is_named(finished: Path, given) -> None:
    with pytest.raises(TypeError, match=f"a model takes a SkeletonSet, got {type(given).__name__}; read one with"):
        TrainedModel.load(finished).embed(given)


def test_embedding_does_not_depend_on_the_other_clips(finished: Path, base: SkeletonSet) -> None:
    trained = TrainedModel.load(finished)
    together = trained.embed(base)
    np.testing.assert_allclose(trained.embed(base.subset([5, 30])), together[[5, 30]], atol=1e-5)
    assert np.linalg.norm(together[5] - together[30]) > 1e-3


def copied(finished: Path, folder: Path) -> Path:
    for name in ("model.safetensors", "model.json"):
        (folder / name).write_bytes((finished / name).read_bytes())
    return folder


def test_a_model_is_found_in_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(shipped_model(), tmp_path / "mine")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert TrainedModel.load("~/mine").config == TrainedModel.load(tmp_path / "mine").config


def test_loading_from_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no trained model in"):
        TrainedModel.load(tmp_path / "nowhere")


def test_a_training_that_was_stopped_is_called_unfinished(finished: Path, tmp_path: Path) -> None:
    copy_checkpoint(finished, tmp_path)
    with pytest.raises(FileNotFoundError, match="its training was not finished: give the same command again"):
        TrainedModel.load(tmp_path)


@pytest.mark.parametrize("kept", [0.0, 0.5, 0.999])
def test_truncated_weights_are_named(finished: Path, tmp_path: Path, kept: float) -> None:
    path = copied(finished, tmp_path) / "model.safetensors"
    path.write_bytes(path.read_bytes()[: int(kept * path.stat().st_size)])
    with pytest.raises(ValueError, match=r"model\.safetensors is damaged or of another model"):
        TrainedModel.load(tmp_path)


def test_missing_weights_are_named(finished: Path, tmp_path: Path) -> None:
    (copied(finished, tmp_path) / "model.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match=r"has no model\.safetensors; copy it there"):
        TrainedModel.load(tmp_path)


@pytest.mark.parametrize("damage", ["cut", "empty", "unknown setting", "another model"])
def test_a_damaged_description_is_named(finished: Path, tmp_path: Path, damage: str) -> None:
    path = copied(finished, tmp_path) / "model.json"
    content = json.loads(path.read_text())
    if damage == "unknown setting":
        content["config"]["color"] = "red"
    if damage == "another model":
        content["config"]["guidance"] = "none"
    text = {"cut": path.read_text()[:200], "empty": "{}"}.get(damage, json.dumps(content))
    path.write_text(text)
    with pytest.raises(ValueError, match=r"model\.(json|safetensors) is"):
        TrainedModel.load(tmp_path)


def test_a_model_of_before_says_that_it_must_be_trained_again(finished: Path, tmp_path: Path) -> None:
    path = copied(finished, tmp_path) / "model.json"
    content = json.loads(path.read_text())
    content["details"]["crossglg"] = "0.1.0"
    content["config"] |= {"a_setting_of_before": 1}
    del content["config"]["absent_persons"]
    path.write_text(json.dumps(content))
    sentence = (
        r"was made by crossglg 0\.1\.0, whose InfoGCN computed something else; "
        r"train it again with the same settings, in a new folder: crossglg train --output"
    )
    with pytest.raises(InputError, match=sentence):
        TrainedModel.load(tmp_path)


def test_a_model_without_a_setting_of_today_is_read_as_it_was_made_or_refused(finished: Path, tmp_path: Path) -> None:
    path = copied(finished, tmp_path) / "model.json"
    content = json.loads(path.read_text())
    del content["config"]["posture"]
    path.write_text(json.dumps(content))
    assert TrainedModel.load(tmp_path).config.posture == 1.0 != Config().posture
    del content["config"]["shear"]
    path.write_text(json.dumps(content))
    sentence = r"trained before there was the setting shear; train it again, in a new folder: crossglg train --output"
    with pytest.raises(InputError, match=sentence):
        TrainedModel.load(tmp_path)


def test_a_model_of_a_later_version_is_read(finished: Path, tmp_path: Path) -> None:
    path = copied(finished, tmp_path) / "model.json"
    content = json.loads(path.read_text())
    content["details"]["crossglg"] = "0.10.0rc1"
    path.write_text(json.dumps(content))
    assert TrainedModel.load(tmp_path).details["crossglg"] == "0.10.0rc1"


def test_clips_that_do_not_fit_the_model_are_named(finished: Path, base: SkeletonSet) -> None:
    trained = TrainedModel.load(finished)
    with pytest.raises(ValueError, match=r"layout 'kinect20' \(20 joints\), the model was trained on 'ntu25'"):
        trained.embed(base.retargeted(get_layout("kinect20")))
    with pytest.raises(ValueError, match="has 2 coordinates, the model was trained on 3"):
        trained.embed(replace(base, xyz=base.xyz[..., :2]))
    pair = base.subset([0])
    pair = replace(pair, xyz=np.concatenate([pair.xyz, pair.xyz]), offsets=2 * pair.offsets, persons=np.array([2]))
    with pytest.raises(ValueError, match="clips of 2 persons, the model knows 1"):
        trained.embed(pair)


def test_model_card_says_what_was_trained_on_what(finished: Path) -> None:
    trained = TrainedModel.load(finished)
    card = (finished / "README.md").read_text(encoding="utf-8")
    assert card == model_card(trained)
    chosen = trained.details["chosen_epoch"]
    for words in (
        "tiny data, 30 base clips of 6 classes, 6 more for validation",
        "texts: tiny texts",
        f"parameters at inference: {trained.num_parameters:,}",
        f"chosen epoch: {chosen + 1} of 3, accuracy on validation clips {trained.details['validation_accuracy']:.3f}",
        "seed 0; torch",
        f"Base classes: {', '.join(ACTIONS[:6])}",
        '"guidance": "both"',
    ):
        assert words in card, words
    assert not [name for name in NOVEL if name in card]
    nothing = {"validation_clips": 0, "validation_accuracy": None, "chosen_epoch": 2}
    card = model_card(replace(trained, details=trained.details | nothing))
    assert "30 base clips of 6 classes, no clips for validation" in card and "nan" not in card
    assert "chosen epoch: 3 of 3, the last one, as there were no validation clips" in card


@pytest.mark.parametrize(("device", "message"), [("tpuu", "is no device"), ("cuda:99", "CUDA devices")])
def test_a_device_that_is_not_there_is_named(device: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        resolve_device(device)
    with pytest.raises(ValueError, match=message):
        TrainedModel.load("synthetic", device)
