"""Two processes learn what one learns; when one is killed the other says so, and the same command continues."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from support.tiny_training import make_bank, make_base
from torch import Tensor, nn

from crossglg.config import Config
from crossglg.data import synthetic
from crossglg.data.clips import SkeletonSet
from crossglg.data.transforms import DeviceClips
from crossglg.encoders.base import PersonIndex
from crossglg.encoders.graph import PerPersonBatchNorm
from crossglg.training import distributed, trained_model, trainer
from crossglg.training.trained_model import TrainedModel

TESTS = Path(__file__).parent
CONFIG = Config(
    encoder="dstformer-small",  # without batch normalization
    frames=8, epochs=2, batch_size=6, warmup_epochs=1, validation_clips=0.5, device="cpu", interaction_blocks=1,
    interaction_width=16, dropout=0.0, optimizer="sgd", learning_rate=0.05,
)  # fmt: skip


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
    persons = np.where(np.isin(np.arange(len(base)), (1, 21)), 2, 1)
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


def work(folder: Path) -> None:
    """Everything that two processes must do together, as one start of two interpreters takes seconds."""
    rank = distributed.rank()
    with pytest.raises(ValueError, match="a batch of 1 clips cannot be shared by 2 processes; start fewer"):
        distributed.own_rows(1)
    distributed.check_alike("the same", torch.device("cpu"))
    with pytest.raises(ValueError, match="do not see the same clips, texts, settings and finished epochs"):
        distributed.check_alike(f"of process {rank}", torch.device("cpu"))
    with pytest.raises(RuntimeError, match=f"process {rank} of 2 ends: it was told to.* start the same command again"):
        os.kill(os.getpid(), signal.SIGTERM)
    with pytest.raises(ValueError, match="compile=true is for one process"):
        fit_in_float64(folder / "compiled", replace(CONFIG, compile=True))
    assert distributed.mean(torch.tensor(float(rank))) == 0.5
    norm = PerPersonBatchNorm(4, persons=2)
    norm.__class__ = distributed._SharedPersonBatchNorm  # what `share` does on GPUs
    bodies = PersonIndex.of(torch.tensor([[True, rank == 1], [True, False]]))
    assert norm.taken(bodies) == [0, 1]  # the second person is there in one process
    assert bodies.at(1).tolist() == ([1] if rank else []), "a process without such persons has no rows, and no error"
    fit_in_float64(folder / "two")
    fit_in_float64(folder / "one, then two")
    fit_in_float64(folder / "norms", replace(CONFIG, encoder="infogcn-small", epochs=1))


WORK = """
import sys, torch
from pathlib import Path
from crossglg.training import distributed
from test_distributed import work

with distributed.joined(torch.device("cpu")):
    work(Path(sys.argv[1]))
"""


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Trainings by one process, by two, and by both in turn, each in its folder."""
    folder = tmp_path_factory.mktemp("distributed")
    fit_in_float64(folder / "one")
    fit_in_float64(folder / "one, then two", stop_after=0)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    common = {**os.environ, "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    command = [sys.executable, "-c", WORK, str(folder)]
    started = [
        subprocess.Popen(command, cwd=TESTS, env={**common, "RANK": rank}, stderr=subprocess.PIPE, text=True)
        for rank in "01"
    ]
    errors = [process.communicate()[1] for process in started]
    assert [process.returncode for process in started] == [0, 0], errors
    return folder


@pytest.mark.parametrize("name", ["two", "one, then two"])
def test_two_processes_learn_what_one_learns(folders: Path, name: str) -> None:
    """Weights, momentum and losses, over batches of which few show two persons."""
    one, two = (load_file(folders / folder / "checkpoint.safetensors") for folder in ("one", name))
    assert one.keys() == two.keys()
    for tensor in one:
        torch.testing.assert_close(two[tensor], one[tensor], rtol=0.0, atol=1e-9)
    histories = [TrainedModel.load(folders / folder).details["history"] for folder in ("one", name)]
    for alone, shared in zip(*histories, strict=True):
        assert shared == pytest.approx(alone, abs=1e-6)  # cross-entropies are float32


def test_an_encoder_with_batch_normalization_learns_in_two_processes(folders: Path) -> None:
    trained = TrainedModel.load(folders / "norms")
    assert trained.embed(mixed_clips()).shape == (36, trained.model.encoder.out_features)
    assert not any(isinstance(module, nn.SyncBatchNorm) for module in trained.model.modules())


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
    "epochs": 2, "frames": 8, "streams": "joint", "batch_size": 5, "validation_clips": 0.25, "device": "cpu",
    "dropout": 0.0, "interaction_blocks": 1, "optimizer": "sgd", "learning_rate": 1e-4,
}  # fmt: skip


def torchrun(program: list[str], clips: Path, output: Path) -> subprocess.CompletedProcess[str]:
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *program]
    words = ["train", "--dataset", str(clips), "--output", str(output)]
    words += [word for name, value in SETTINGS.items() for word in ("--set", f"{name}={value}")]
    return subprocess.run([*launch, *words], capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_a_killed_process_ends_the_training_clearly_and_the_same_command_continues(tmp_path: Path) -> None:
    clips = synthetic.synthesize(3, clips_per_action=4, actions=synthetic.ACTIONS[::10][:8]).save(tmp_path / "mine.npz")
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
    assert [record["epoch"] for record in TrainedModel.load(model).details["history"]] == [0, 1]
