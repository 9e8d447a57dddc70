"""Training steps recorded as CUDA graphs: the hundreds of small kernels of a step are launched as one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from crossglg.encoders.base import PersonIndex
from crossglg.files import InputError

# x (N, M, T, V, C), the persons as a mask (N, M) or as a list, label (N,), joint_of (N, V) or None.
Batch = tuple[Tensor, Tensor | PersonIndex, Tensor, Tensor | None]


def warm_up(run: Callable[[], object], side: torch.cuda.Stream, times: int = 3) -> None:
    """Call what is to be recorded on another stream: libraries load and choose kernels, which cannot be recorded."""
    current = torch.cuda.current_stream()
    side.wait_stream(current)
    with torch.cuda.stream(side):
        for _ in range(times):
            run()
    current.wait_stream(side)


def tensors_of(batch: Batch) -> list[Tensor]:
    """All that a step reads of a batch."""
    x, persons, label, joint_of = batch
    listed = [persons] if isinstance(persons, Tensor) else [persons.clip, persons.slot, *persons.rows_of_slot]
    return [x, label, *listed, *([] if joint_of is None else [joint_of])]


def like(batch: Batch, tensors: list[Tensor]) -> Batch:
    """A batch of the same kind that reads these tensors, in the order of `tensors_of`."""
    _, persons, _, joint_of = batch
    x, label, *listed = tensors
    place = None if joint_of is None else listed.pop()
    if isinstance(persons, Tensor):
        return x, listed[0], label, place
    clip, slot, *rows = listed
    return x, PersonIndex(clip, slot, persons.num_clips, persons.each, tuple(rows)), label, place


@dataclass(frozen=True)
class Recording:
    """A recorded step: the graph, the tensors that it reads, and the losses that it writes."""

    graph: torch.cuda.CUDAGraph
    tensors: list[Tensor]
    losses: dict[str, Tensor]


class RecordedSteps:
    """step(batch) → losses, recorded at the first batch of its shapes and replayed for every other one of them.

    A fast GPU waits for the processor, which launches one small kernel after the other; a replay launches them all.
    Where clips have one or two persons, batches have many shapes: one for each number of persons. A batch of 128 clips
    with two persons in a fifth of them has about 30, each recorded once. Their graphs share memory and the tensors that
    they read, as only one runs at a time.

    Recording takes a few steps more, which leave no trace. The losses are overwritten by the next replay. The step must
    read and write tensors in place and never ask for a value: `optimizer` is `capturable` or fused, and its learning
    rate a tensor. What cannot be recorded ends in an InputError. Beyond `most` shapes steps are taken one kernel after
    the other.
    """

    def __init__(
        self,
        step: Callable[[Batch], dict[str, Tensor]],
        model: torch.nn.Module,
        optimizer: torch.optim.Optimizer,
        most: int = 100,
    ) -> None:
        self.step, self.model, self.optimizer, self.most = step, model, optimizer, most
        self.recordings: dict[tuple[torch.Size, ...], Recording] = {}
        self.inputs: dict[tuple[int, torch.Size], Tensor] = {}  # place among a batch's tensors, shape → what is read
        self.side: torch.cuda.Stream | None = None  # one for all, as libraries keep memory for each

    def __call__(self, batch: Batch) -> dict[str, Tensor]:
        given = tensors_of(batch)
        shapes = tuple(tensor.shape for tensor in given)
        if shapes not in self.recordings and len(self.recordings) == self.most:
            return self.step(batch)
        with torch.cuda.device(batch[0].device):
            if shapes not in self.recordings:
                try:
                    self.recordings[shapes] = self._record(batch, given)
                except RuntimeError as error:
                    reason = str(error).partition("\n")[0]
                    raise InputError(
                        f"a training step cannot be recorded as a CUDA graph ({reason}); set cuda_graph=false, which "
                        f"is slower with small batches"
                    ) from error
            recording = self.recordings[shapes]
            for kept, new in zip(recording.tensors, given, strict=True):
                kept.copy_(new)
            recording.graph.replay()
        return recording.losses

    def _record(self, batch: Batch, given: list[Tensor]) -> Recording:
        tensors = [
            self.inputs.setdefault((place, tensor.shape), torch.empty_like(tensor)).copy_(tensor)
            for place, tensor in enumerate(given)
        ]
        kept = like(batch, tensors)
        weights = {name: value.clone() for name, value in self.model.state_dict().items()}
        moments = {
            p: {name: value.clone() for name, value in state.items()} for p, state in self.optimizer.state.items()
        }
        random = torch.cuda.get_rng_state()
        self.side = self.side or torch.cuda.Stream()
        warm_up(lambda: self.step(kept), self.side)
        self.model.load_state_dict(weights)
        for p, state in self.optimizer.state.items():
            for name, value in state.items():  # those of a new optimizer start from zero
                value.copy_(moments[p][name] if p in moments else torch.zeros_like(value))
        torch.cuda.set_rng_state(random)
        memory = next((recording.graph.pool() for recording in self.recordings.values()), None)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=memory):
            losses = self.step(kept)
        return Recording(graph, tensors, losses)
