"""One training step recorded as a CUDA graph: its hundreds of small kernels are launched as one."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Batch = tuple[Tensor, Tensor, Tensor, Tensor | None]


def warm_up(run: Callable[[], object], times: int = 3) -> None:
    """Call what is to be recorded on another stream: libraries load and choose kernels, which cannot be recorded."""
    side, current = torch.cuda.Stream(), torch.cuda.current_stream()
    side.wait_stream(current)
    with torch.cuda.stream(side):
        for _ in range(times):
            run()
    current.wait_stream(side)


class RecordedStep:
    """step(batch) → losses, recorded at the first batch and replayed for every batch, all of the same shapes.

    A fast GPU waits for the processor, which launches one small kernel after the other; a replay launches them all.
    Recording takes a few steps more, which leave no trace. The losses are overwritten by the next replay.
    The step must read and write tensors in place and never ask for a value: `optimizer` is `capturable`, and its
    learning rate a tensor.
    """

    def __init__(
        self, step: Callable[[Batch], dict[str, Tensor]], model: torch.nn.Module, optimizer: torch.optim.Optimizer
    ) -> None:
        self.step, self.model, self.optimizer = step, model, optimizer
        self.graph: torch.cuda.CUDAGraph | None = None

    def __call__(self, batch: Batch) -> dict[str, Tensor]:
        """Raises ValueError for a batch of other shapes than the first."""
        with torch.cuda.device(batch[0].device):
            if self.graph is None:
                self.graph = self._record(batch)
            for kept, new in zip(self.batch, batch, strict=True):
                if kept is None or new is None:
                    continue
                if kept.shape != new.shape:
                    raise ValueError(f"the step was recorded with {tuple(kept.shape)}, not {tuple(new.shape)}")
                kept.copy_(new)
            self.graph.replay()
        return self.losses

    def _record(self, batch: Batch) -> torch.cuda.CUDAGraph:
        x, mask, label, joint_of = batch
        self.batch = x.clone(), mask.clone(), label.clone(), None if joint_of is None else joint_of.clone()
        weights = {name: value.clone() for name, value in self.model.state_dict().items()}
        moments = {
            p: {name: value.clone() for name, value in state.items()} for p, state in self.optimizer.state.items()
        }
        random = torch.cuda.get_rng_state()
        warm_up(lambda: self.step(self.batch))
        self.model.load_state_dict(weights)
        for p, state in self.optimizer.state.items():
            for name, value in state.items():  # those of a new optimizer start from zero
                value.copy_(moments[p][name] if p in moments else torch.zeros_like(value))
        torch.cuda.set_rng_state(random)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self.losses = self.step(self.batch)
        return graph
