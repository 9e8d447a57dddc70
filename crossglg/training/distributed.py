"""One training on several GPUs or machines: the processes that `torchrun` starts, by torch's DistributedDataParallel.

Every process prepares the whole batch, so that augmentation is drawn as in one process, and takes its rows of it. The
loss is that of its own rows; gradients are averaged. On GPUs batch normalization takes the statistics of all rows, on
CPUs, where torch has no such thing, those of the process's own. An encoder without batch normalization therefore learns
what one process learns, if the objective does not compare clips with clips; others learn something equally good.

In one process, the first of one, every function here leaves things as they are.
"""

from __future__ import annotations

import hashlib
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from crossglg.encoders.base import PersonIndex
from crossglg.encoders.graph import PerPersonBatchNorm

TIMEOUT = timedelta(minutes=10)  # how long to wait for a process that is silent but not known to be dead


def rank() -> int:
    """The number of this process, 0 the first, which alone writes files."""
    return dist.get_rank() if dist.is_available() and dist.is_initialized() else 0


def world_size() -> int:
    """How many processes train together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def own_device(device: torch.device) -> torch.device:
    """The GPU of this process, where `device` leaves open which. Raises ValueError if several would share one."""
    if device.type != "cuda" or "LOCAL_RANK" not in os.environ:
        return device
    if device.index is None:
        return torch.device("cuda", int(os.environ["LOCAL_RANK"]))
    if (count := int(os.environ.get("LOCAL_WORLD_SIZE", 1))) > 1:
        raise ValueError(f"device={str(device)!r} is one GPU for {count} processes; use device=cuda, a GPU for each")
    return device


@contextmanager
def joined(device: torch.device) -> Iterator[None]:
    """Connect the processes that torchrun started, over NCCL on GPUs and gloo on CPUs; nothing if it started one.

    Raises RuntimeError in every process that is left when another one ends or cannot be reached any more.
    """
    if int(os.environ.get("WORLD_SIZE", 1)) == 1:
        yield
        return
    if device.type == "cuda":
        torch.cuda.set_device(device)
    before = signal.signal(signal.SIGTERM, _told_to_end)
    try:
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=TIMEOUT)
        yield
        dist.destroy_process_group()  # only if all went well: it may wait for processes that are no more
    except RuntimeError as error:
        if not isinstance(error, dist.DistError) and "gloo" not in str(error):
            raise
        reason = str(error).splitlines()[0].partition(". ")[0]
        raise RuntimeError(_lost(f"another one ended or cannot be reached ({reason})")) from error
    finally:
        signal.signal(signal.SIGTERM, before)


def _told_to_end(*_: object) -> None:
    """torchrun tells the other processes of a machine to end as soon as one has died."""
    raise RuntimeError(_lost("it was told to, most likely because another one ended"))


def _lost(why: str) -> str:
    return (
        f"process {os.environ['RANK']} of {os.environ['WORLD_SIZE']} ends: {why}; start the same command again, it "
        f"continues after the last finished epoch"
    )


def share(module: nn.Module, device: torch.device) -> nn.Module:
    """What computes the losses → the same, whose gradients are averaged over processes.

    The module keeps its parameters; only on GPUs some of its normalizations are exchanged for synchronized ones.
    """
    if world_size() == 1:
        return module
    if device.type == "cuda":
        nn.SyncBatchNorm.convert_sync_batchnorm(module)
        for part in module.modules():
            if type(part) is PerPersonBatchNorm:
                part.__class__ = _SharedPersonBatchNorm
    # A batch without second persons leaves parameters out.
    return DistributedDataParallel(module, find_unused_parameters=True)


class _SharedPersonBatchNorm(PerPersonBatchNorm):
    """Processes wait for each other in a normalization, so all of them do those that one of them needs."""

    def taken(self, bodies: PersonIndex) -> list[int]:
        counts = torch.bincount(bodies.slot, minlength=len(self))
        dist.all_reduce(counts)
        return counts.nonzero().flatten().tolist()


def own_rows(clips: int) -> slice:
    """This process's part of a batch of so many clips. Raises ValueError if there are fewer clips than processes."""
    count = world_size()
    if clips < count:
        raise ValueError(
            f"a batch of {clips} clips cannot be shared by {count} processes; start fewer, or raise batch_size if "
            f"there are more clips"
        )
    return slice(rank() * clips // count, (rank() + 1) * clips // count)


def mean(value: Tensor) -> Tensor:
    """The mean over processes."""
    if world_size() == 1:
        return value
    value = value.clone()
    dist.all_reduce(value)
    return value / world_size()


def check_alike(text: str, device: torch.device) -> None:
    """Raise ValueError in every process unless all give the same text, which says what they are about to train."""
    if world_size() == 1:
        return
    number = torch.tensor([int.from_bytes(hashlib.sha256(text.encode()).digest()[:6])], device=device)
    numbers = [torch.empty_like(number) for _ in range(world_size())]
    dist.all_gather(numbers, number)
    if any(other != number for other in numbers):
        raise ValueError(
            "the processes of this training do not see the same clips, texts, settings and finished epochs; give all "
            "machines the same files and one output folder that all of them see"
        )
