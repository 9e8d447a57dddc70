"""What several tests of numerical twins need."""

from __future__ import annotations

import torch
from torch import nn


def unsettle(module: nn.Module) -> None:
    """Give every norm statistics and affine parameters that are not the identity, so that no mistake hides in them."""
    generator = torch.Generator().manual_seed(5)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d):
            for tensor in (part.running_mean, part.running_var, part.weight, part.bias):
                tensor.data += 0.3 * torch.rand(tensor.shape, generator=generator)
