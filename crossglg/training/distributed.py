"""One training on several GPUs or machines: the processes that `torchrun` starts learn as one.

Every process prepares the whole batch, so that augmentation is drawn as in one process, and the model sees its rows of
it. Batch normalisation takes the statistics of the whole batch; the model's outputs are gathered, so that every process
computes the loss of the whole batch, whatever it compares; gradients are added up. Without dropout and the bottleneck's
noise, any number of processes therefore equals one up to rounding. With them, each process draws for its own rows, and
the trainings are equal in distribution.

torch's DistributedDataParallel sends gradients while others are still computed, which for models of this size gains
little. In return it must be told which parameters a batch leaves out (those of second persons), hides the model behind
a wrapper, and takes a loss for a mean over one process's rows.

In one process, the first of one, every function here leaves things as they are.
"""

from __future__ import annotations

import hashlib
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, is_dataclass, replace
from datetime import timedelta
from typing import Any, TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from crossglg.encoders.base import PersonIndex
from crossglg.encoders.graph import PerPersonBatchNorm

Output = TypeVar("Output")
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


def synchronise(model: nn.Module) -> None:
    """Make the model's batch normalisations take the statistics of all processes in training. Its weights stay."""
    if world_size() > 1:
        for module in model.modules():
            if type(module) in _SYNCHRONISED:
                module.__class__ = _SYNCHRONISED[type(module)]


def own_rows(clips: int) -> slice:
    """This process's part of a batch of so many clips. Raises ValueError if there are fewer clips than processes."""
    count = world_size()
    if clips < count:
        raise ValueError(
            f"a batch of {clips} clips cannot be shared by {count} processes; start fewer, or raise batch_size if "
            f"there are more clips"
        )
    return slice(rank() * clips // count, (rank() + 1) * clips // count)


def whole(own: Output, clips: int) -> Output:
    """What a model made of `own_rows` → of the whole batch, in every process: tensors (n, …) become (clips, …).

    own: a tensor, or a tuple or dataclass of such; anything else stays. Every process computes the same loss from it
    and receives the gradients of its own rows.
    """
    if world_size() == 1:
        return own
    if isinstance(own, Tensor):
        return _Whole.apply(own, clips)
    if isinstance(own, tuple):
        return cast(Output, tuple(whole(part, clips) for part in own))
    if is_dataclass(own) and not isinstance(own, type):
        return replace(own, **{field.name: whole(getattr(own, field.name), clips) for field in fields(own)})
    return own


def sum_gradients(model: nn.Module) -> None:
    """Make every parameter's gradient the sum over processes, in one message. Call it before gradients are clipped."""
    if world_size() > 1:
        gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
        summed = total(torch.cat([grad.flatten() for grad in gradients]))
        for grad, part in zip(gradients, summed.split([grad.numel() for grad in gradients]), strict=True):
            grad.copy_(part.view_as(grad))


def total(value: Tensor) -> Tensor:
    """The sum over processes."""
    if world_size() == 1:
        return value
    value = value.clone()
    dist.all_reduce(value)
    return value


def check_alike(text: str, device: torch.device) -> None:
    """Raise ValueError in every process unless all give the same text, which says what they are about to train."""
    if world_size() == 1:
        return
    number = int.from_bytes(hashlib.sha256(text.encode()).digest()[:6])
    numbers = _gathered(torch.tensor([number], device=device))
    if (numbers != number).any():
        raise ValueError(
            "the processes of this training do not see the same clips, texts, settings and finished epochs; give all "
            "machines the same files and one output folder that all of them see"
        )


def _gathered(row: Tensor) -> Tensor:
    """(D,) of every process → (R, D)."""
    rows = [torch.empty_like(row) for _ in range(world_size())]
    dist.all_gather(rows, row)
    return torch.stack(rows)


class _Whole(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, own: Tensor, clips: int) -> Tensor:
        ctx.mine = own_rows(clips)
        rows = own.new_zeros(clips, *own.shape[1:])
        rows[ctx.mine] = own
        return total(rows)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return grad[ctx.mine], None


class _NormaliseTogether(torch.autograd.Function):
    """Batch normalisation in training by the statistics of all processes' rows, of which some may have none.

    torch's own SyncBatchNorm works on GPUs only, and models that keep it cannot be folded for inference.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, norm: Any) -> Tensor:
        """x: (N, D, …), weight and bias (D,). Returns the shape of x; updates the running statistics of `norm`."""
        ctx.axes = [axis for axis in range(x.dim()) if axis != 1]
        own_count = x.numel() // x.shape[1]
        wide = x.to(weight.dtype)  # statistics are never rounded to bfloat16
        own_mean = wide.sum(ctx.axes) / max(own_count, 1)
        own_spread = (wide - _along(own_mean, x)).square().sum(ctx.axes)
        gathered = _gathered(torch.cat([own_mean, own_spread, own_mean.new_tensor([own_count])]))
        means, spreads, counts = gathered.split([x.shape[1], x.shape[1], 1], dim=1)
        count = counts.sum()
        mean = (counts * means).sum(0) / count
        spread = (spreads + counts * (means - mean).square()).sum(0)
        norm.running_mean.lerp_(mean, norm.momentum)
        norm.running_var.lerp_(spread / (count - 1.0), norm.momentum)
        norm.num_batches_tracked.add_(1)
        ctx.save_for_backward(x, weight, mean, (spread / count + norm.eps).rsqrt(), count)
        return F.batch_norm(x, mean, spread / count, weight, bias, training=False, eps=norm.eps)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor, Tensor, None]:
        x, weight, mean, inverse, count = ctx.saved_tensors
        wide = grad.to(weight.dtype)
        normed = (x.to(weight.dtype) - _along(mean, x)) * _along(inverse, x)
        sums = torch.stack([wide.sum(ctx.axes), (wide * normed).sum(ctx.axes)])  # gradients of bias and weight
        grad_x = None
        if ctx.needs_input_grad[0]:
            by_mean, by_spread = total(sums) / count
            grad_x = wide - _along(by_mean, x) - normed * _along(by_spread, x)
            grad_x = (grad_x * _along(weight * inverse, x)).to(x.dtype)
        return grad_x, sums[1], sums[0], None


def _along(value: Tensor, x: Tensor) -> Tensor:
    """(D,) as it is broadcast over (N, D, …)."""
    return value.view(-1, *[1] * (x.dim() - 2))


class _Synchronised(nn.Module):
    """Put before torch's normalisation among the bases, this replaces it in training."""

    def forward(self, x: Tensor) -> Tensor:
        return _NormaliseTogether.apply(x, self.weight, self.bias, self) if self.training else super().forward(x)


class BatchNorm1d(_Synchronised, nn.BatchNorm1d):
    pass


class BatchNorm2d(_Synchronised, nn.BatchNorm2d):
    pass


class SynchronisedPersonBatchNorm(PerPersonBatchNorm):
    """Processes wait for each other in a normalisation, so all of them do those that one of them needs."""

    def taken(self, bodies: PersonIndex) -> list[int]:
        return total(torch.bincount(bodies.slot, minlength=len(self))).nonzero().flatten().tolist()


_SYNCHRONISED: dict[type, type] = {
    nn.BatchNorm1d: BatchNorm1d, nn.BatchNorm2d: BatchNorm2d, PerPersonBatchNorm: SynchronisedPersonBatchNorm,
}  # fmt: skip
