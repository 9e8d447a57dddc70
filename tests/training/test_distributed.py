"""Two processes learn what one learns; when one is killed the other says so, and the same command continues."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed as dist
from safetensors.torch import load_file, save_file
from support.tiny_training import make_bank, make_base
from torch import Tensor, nn

from crossglg.config import Config
from crossglg.data import synthetic
from crossglg.data.clips import SkeletonSet
from crossglg.data.transforms import DeviceClips
from crossglg.runs import pipeline
from crossglg.training import distributed, trained_model, trainer
from crossglg.training.trained_model import TrainedModel

TESTS = Path(__file__).parent
CONFIG = Config(
    encoder="infogcn-small", frames=8, epochs=2, batch_size=5, warmup_epochs=1, validation_clips=0.5, device="cpu",
    precision="float32", interaction_blocks=1, interaction_width=16, dropout=0.0,
    # AdamW would make steps of rounding errors where a gradient is zero: at biases before a normalisation.
    optimizer="sgd", learning_rate=0.05,
)  # fmt: skip
OTHER_ENCODERS = ("ctrgcn-small", "stgcn++-small", "hdgcn-small", "dstformer-small")
TWO_PERSONS = (1, 21)  # clips


class Stop(Exception):
    """Ends a training in the middle."""


class Doubles(DeviceClips):
    """The real clips in float64, in which rounding is far below 1e-9."""

    def batch(self, *args, **kwargs) -> tuple[Tensor, Tensor]:
        x, mask = super().batch(*args, **kwargs)
        return x.double(), mask


def mixed_clips() -> SkeletonSet:
    """Few clips have a second person: batches have none, one in one process, or some in both."""
    base = make_base()
    persons = np.where(np.isin(np.arange(len(base)), TWO_PERSONS), 2, 1)
    rows = [np.concatenate([base[i][0], base[i][0][::-1] + 1.0][: persons[i]]) for i in range(len(base))]
    offsets = np.cumsum([0, *map(len, rows)])
    return SkeletonSet.build(np.concatenate(rows), offsets, base.label, base.class_names, base.layout, persons=persons)


def fit_in_float64(folder: Path, config: Config = CONFIG, stop_after: int | None = None) -> None:
    """Train on the mixed clips, or stop after an epoch and leave its checkpoint."""

    def after_epoch(record: dict[str, float]) -> None:
        if record["epoch"] == stop_after:
            raise Stop

    clips = mixed_clips()
    bank = make_bank(clips.class_names)
    bank = replace(bank, local=bank.local.double(), key_joint_target=bank.key_joint_target.double())
    with pytest.MonkeyPatch.context() as patch:
        for module in (trainer, trained_model):
            patch.setattr(module, "DeviceClips", Doubles)
        torch.set_default_dtype(torch.float64)
        try:
            trainer.fit(config, clips, bank, folder, after_epoch=after_epoch)
        except Stop:
            pass
        finally:
            torch.set_default_dtype(torch.float32)


# ---------------------------------------------------------------------------------------------------------------------
# What each of two processes does

NORMS = {
    "vectors": (nn.BatchNorm1d, (7, 4)),
    "sequences": (nn.BatchNorm1d, (7, 4, 5)),
    "features": (nn.BatchNorm2d, (7, 4, 3, 5)),
    "all in one process": (nn.BatchNorm2d, (1, 4, 3, 5)),
}


def rows_of(count: int) -> slice:
    """As `own_rows`, but a process may have none."""
    rank, processes = distributed.rank(), distributed.world_size()
    return slice(rank * count // processes, (rank + 1) * count // processes)


def normalise(name: str) -> dict[str, Tensor]:
    """Output, gradients and statistics of this process's rows, normalised twice; alone, by torch's own class."""
    kind, shape = NORMS[name]
    generator = torch.Generator().manual_seed(0)
    x, slope = (torch.randn(shape, dtype=torch.float64, generator=generator) for _ in range(2))
    scale = torch.tensor([0.1, 1.0, 10.0, 3.0], dtype=torch.float64)
    norm = nn.Sequential(kind(4).double())
    norm[0].weight.data, norm[0].bias.data = scale, -scale
    distributed.synchronise(norm)
    rows = rows_of(len(x))
    own = (x * scale.view(-1, *[1] * (x.dim() - 2)) + 5.0)[rows].requires_grad_()
    norm(own.detach() - 1.0)  # the second time, statistics are not the initial ones
    y = norm(own)
    (y * slope[rows]).sum().backward()
    distributed.sum_gradients(norm)
    made = {"output": y, "input gradient": own.grad, "evaluated": norm.eval()(own)}
    made |= {"weight gradient": norm[0].weight.grad, "bias gradient": norm[0].bias.grad, **norm.state_dict()}
    return {key: value.detach().clone() for key, value in made.items()}


@dataclass(frozen=True)
class Made:
    z: Tensor
    pair: tuple[Tensor, Tensor]
    nothing: None = None


def compare_all_pairs() -> dict[str, Tensor]:
    """Gradients of a loss that compares every clip with every other, and the loss."""
    x = torch.randn(5, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    layer = nn.Linear(3, 2, dtype=torch.float64)
    layer.weight.data = torch.arange(6.0, dtype=torch.float64).view(2, 3).sin()
    layer.bias.data.zero_()
    z = layer(x[distributed.own_rows(5)])
    made = distributed.whole(Made(z, (z.exp(), z.sin())), 5)
    assert made.nothing is None
    loss = torch.cdist(made.z, made.pair[0]).sum() + (made.pair[1] @ made.z.T).sum()
    loss.backward()
    distributed.sum_gradients(layer)
    return {"loss": loss.detach(), "weight": layer.weight.grad, "bias": layer.bias.grad}


def work(folder: Path) -> None:
    """Everything that two processes must do together, as one start of two interpreters takes seconds."""
    rank = distributed.rank()
    for name in NORMS:
        save_file(normalise(name), folder / f"{name} {rank}.safetensors")
    save_file(compare_all_pairs(), folder / f"pairs {rank}.safetensors")
    with pytest.raises(ValueError, match="a batch of 1 clips cannot be shared by 2 processes; start fewer"):
        distributed.own_rows(1)
    distributed.check_alike("the same", torch.device("cpu"))
    with pytest.raises(ValueError, match="do not see the same clips, texts, settings and finished epochs"):
        distributed.check_alike(f"of process {rank}", torch.device("cpu"))
    with pytest.raises(RuntimeError, match=f"process {rank} of 2 ends: it was told to.* start the same command again"):
        os.kill(os.getpid(), signal.SIGTERM)
    with pytest.raises(ValueError, match="compile=true is for one process"):
        fit_in_float64(folder / "compiled", replace(CONFIG, compile=True))
    fit_in_float64(folder / "two")
    fit_in_float64(folder / "stopped", stop_after=0)
    dist.barrier()
    if rank == 0:
        shutil.copytree(folder / "stopped", folder / "two, then one")
    fit_in_float64(folder / "stopped")
    fit_in_float64(folder / "one, then two")


WORK = """
import sys, torch
from pathlib import Path
from crossglg.training import distributed
from test_distributed import CONFIG, OTHER_ENCODERS, fit_in_float64, replace, work

folder = Path(sys.argv[1])
with distributed.joined(torch.device("cpu")):
    {what}
"""


def start_two(what: str, folder: Path) -> None:
    """Run `what` in two processes, with the environment that torchrun gives."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    common = {**os.environ, "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    command = [sys.executable, "-c", WORK.format(what=what), str(folder)]
    started = [
        subprocess.Popen(command, cwd=TESTS, env={**common, "RANK": rank}, stderr=subprocess.PIPE, text=True)
        for rank in "01"
    ]
    errors = [process.communicate()[1] for process in started]
    assert [process.returncode for process in started] == [0, 0], errors


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Trainings by one process, by two, and by both in turn, each in its folder."""
    folder = tmp_path_factory.mktemp("distributed")
    fit_in_float64(folder / "one, then two", stop_after=0)
    start_two("work(folder)", folder)
    return folder


@pytest.fixture(scope="module")
def alone(folders: Path) -> Path:
    """The training by one process; which batches have second persons is looked at on the way."""
    masks: list[Tensor] = []
    step = trainer.train_step

    def noting_step(model, optimizer, batch, texts, config):
        masks.append(batch[1])
        return step(model, optimizer, batch, texts, config)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trainer, "train_step", noting_step)
        fit_in_float64(folders / "one")
    pairs = [mask.shape[1] == 2 and mask[:, 1] for mask in masks]
    halves = {(bool(pair[:2].any()), bool(pair[2:].any())) if pair is not False else None for pair in pairs}
    assert halves == {None, (True, False), (False, True), (True, True)}
    return folders / "one"


def assert_equal_but_for_rounding(folder: Path, other: Path) -> None:
    a, b = (load_file(f / "checkpoint.safetensors") for f in (folder, other))
    assert a.keys() == b.keys()
    for name in a:
        torch.testing.assert_close(a[name], b[name], rtol=0.0, atol=1e-9)
    histories = [TrainedModel.load(f).details["history"] for f in (folder, other)]
    for one, two in zip(*histories, strict=True):
        assert one == pytest.approx(two, abs=1e-9)


# ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NORMS)
def test_normalisation_of_two_processes_is_that_of_the_whole_batch(folders: Path, name: str) -> None:
    expected = normalise(name)
    made = [load_file(folders / f"{name} {rank}.safetensors") for rank in (0, 1)]
    for key, value in expected.items():
        if key in ("output", "input gradient", "evaluated"):
            together = torch.cat([part[key] for part in made])
            torch.testing.assert_close(together, value, rtol=1e-10, atol=1e-10)
        else:
            torch.testing.assert_close(made[0][key], value, rtol=1e-10, atol=1e-10)
            assert torch.equal(made[0][key], made[1][key])


def test_a_loss_that_compares_clips_of_both_processes_has_the_gradients_of_one(folders: Path) -> None:
    expected = compare_all_pairs()
    for rank in (0, 1):
        made = load_file(folders / f"pairs {rank}.safetensors")
        for key, value in expected.items():
            torch.testing.assert_close(made[key], value, rtol=1e-12, atol=1e-12)


def test_two_processes_learn_what_one_learns(folders: Path, alone: Path) -> None:
    """Weights, statistics, momentum and losses, over batches of 5 clips of which few show two persons."""
    assert_equal_but_for_rounding(folders / "two", alone)


def test_a_stopped_training_continues_to_the_same_bits(folders: Path) -> None:
    a, b = (load_file(folders / name / "checkpoint.safetensors") for name in ("stopped", "two"))
    assert a.keys() == b.keys()
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_another_number_of_processes_continues_to_the_same_weights(folders: Path, alone: Path) -> None:
    assert_equal_but_for_rounding(folders / "one, then two", alone)
    fit_in_float64(folders / "two, then one")
    assert_equal_but_for_rounding(folders / "two, then one", alone)


@pytest.mark.slow
def test_two_processes_learn_what_one_learns_with_every_encoder(tmp_path: Path) -> None:
    start_two(
        "[fit_in_float64(folder / name, replace(CONFIG, encoder=name, epochs=1)) for name in OTHER_ENCODERS]", tmp_path
    )
    for name in OTHER_ENCODERS:
        fit_in_float64(tmp_path / "one" / name, replace(CONFIG, encoder=name, epochs=1))
        assert_equal_but_for_rounding(tmp_path / name, tmp_path / "one" / name)


def test_each_process_takes_the_gpu_of_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu, gpu, second = (torch.device(name) for name in ("cpu", "cuda", "cuda:1"))
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    assert [distributed.own_device(device) for device in (cpu, gpu, second)] == [cpu, gpu, second]
    monkeypatch.setenv("LOCAL_RANK", "3")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    assert distributed.own_device(cpu) == cpu
    assert distributed.own_device(gpu) == torch.device("cuda:3")
    with pytest.raises(ValueError, match="device='cuda:1' is one GPU for 4 processes; use device=cuda, a GPU for each"):
        distributed.own_device(second)


# ---------------------------------------------------------------------------------------------------------------------
# The command

FATAL = """
import os, signal, sys
from crossglg.training import trainer
from crossglg.cli import main

step, output = trainer.train_step, sys.argv[sys.argv.index("--output") + 1]

def fatal_step(*args):
    if os.environ["RANK"] == "1" and os.path.exists(f"{output}/model/{trainer.CHECKPOINT}"):  # within the second epoch
        os.kill(os.getpid(), signal.SIGKILL)
    return step(*args)

trainer.train_step = fatal_step
main()
"""
SETTINGS = {
    "epochs": 2, "frames": 8, "streams": "joint", "batch_size": 5, "validation_clips": 0.25, "device": "cpu", "dropout": 0.0,
    "interaction_blocks": 1, "optimizer": "sgd", "learning_rate": 1e-4,
}  # fmt: skip


def torchrun(program: list[str], clips: Path, output: Path) -> subprocess.CompletedProcess[str]:
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *program]
    words = ["train", "--dataset", str(clips), "--output", str(output)]
    words += [word for name, value in SETTINGS.items() for word in ("--set", f"{name}={value}")]
    return subprocess.run([*launch, *words], capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_a_killed_process_ends_the_training_clearly_and_the_same_command_continues(tmp_path: Path) -> None:
    clips = synthetic.synthesise(3, clips_per_action=4, actions=synthetic.ACTIONS[::10][:8]).save(tmp_path / "mine.npz")
    alone = pipeline.train(Config(dataset=str(clips), **SETTINGS), tmp_path / "alone")
    (tmp_path / "fatal.py").write_text(FATAL)
    died = torchrun([str(tmp_path / "fatal.py")], clips, tmp_path / "shared")
    assert died.returncode == 1
    assert "start the same command again, it continues after the last finished epoch" in died.stderr
    assert re.search("^failed: process 0 of 2 ends: ", died.stderr, re.M)
    model = tmp_path / "shared" / "model"
    assert sorted(path.name for path in model.iterdir()) == ["checkpoint.safetensors"]

    continued = torchrun(["-m", "crossglg"], clips, tmp_path / "shared")
    assert continued.returncode == 0, continued.stderr
    assert continued.stdout == f"written to {model}\n"
    assert "1/2" in continued.stderr and "0/2" not in continued.stderr  # the first epoch is not trained again
    histories = [TrainedModel.load(folder).details["history"] for folder in (alone, model)]
    for one, two in zip(*histories, strict=True):
        # In float32, rounding grows to some 1e-4 within an epoch; in float64 the tests above are strict.
        assert one["total_loss"] == pytest.approx(two["total_loss"], abs=1e-3)
