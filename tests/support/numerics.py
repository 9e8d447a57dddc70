"""What several tests of numerical twins need."""

from __future__ import annotations

import math
import zlib

import numpy as np
import torch
from torch import Tensor, nn


def unsettle(module: nn.Module) -> None:
    """Give every norm statistics and affine parameters that are not the identity, so that no mistake hides in them."""
    generator = torch.Generator().manual_seed(5)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d):
            for tensor in (part.running_mean, part.running_var, part.weight, part.bias):
                tensor.data += 0.3 * torch.rand(tensor.shape, generator=generator)


@torch.no_grad()
def fill_by_rule(module: nn.Module) -> None:
    """Give every weight a value that follows from its name and shape alone, whatever a new module starts with."""
    for name, tensor in module.state_dict().items():
        if tensor.is_floating_point():
            tensor.copy_(by_rule(name, tuple(tensor.shape)))


def by_rule(name: str, shape: tuple[int, ...], low: float | None = None, high: float | None = None) -> Tensor:
    """Values in [low, high) from a generator seeded by the name; without bounds, those that fit what the name says."""
    u = np.random.Generator(np.random.PCG64(zlib.crc32(name.encode()))).random(math.prod(shape))
    if low is None or high is None:
        low, high = _bounds(name, shape)
    return torch.from_numpy((low + (high - low) * u).reshape(shape).astype(np.float32))


def _bounds(name: str, shape: tuple[int, ...]) -> tuple[float, float]:
    if name.endswith("running_mean"):
        return -0.2, 0.2
    if name.endswith("running_var"):
        return 0.5, 1.5
    if len(shape) > 1:
        bound = (3.0 / math.prod(shape[1:])) ** 0.5
        return -bound, bound
    return (0.8, 1.2) if name.endswith("weight") else (-0.1, 0.1)
