"""What graph convolutional encoders share: convolutions over time, and the shortcut around a block."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class MultiScaleTemporalConv(nn.Module):
    """Four branches of a quarter of the width: two dilated convolutions, max pooling, and a point-wise one.

    One normalization of the joined branches computes what one per branch would, in less time: its backward pass reads
    contiguous memory.  rectify: end with a ReLU, as the published module of InfoGCN does and those of its successors
    do not.
    """

    def __init__(self, width: int, stride: int, rectify: bool = False) -> None:
        super().__init__()
        self.rectify = rectify
        branch = width // 4
        self.reduce = conv_norm(width, 3 * branch)
        self.dilated = nn.ModuleList(time_conv(branch, branch, 5, stride, dilation) for dilation in (1, 2))
        self.pool = nn.MaxPool2d((3, 1), (stride, 1), (1, 0))
        self.pointwise = time_conv(width, branch, stride=stride)
        self.norm = nn.BatchNorm2d(4 * branch)

    def forward(self, feat: Tensor) -> Tensor:
        *convolved, pooled = F.relu_(self.reduce(feat)).chunk(3, dim=1)
        branches = [conv(part) for conv, part in zip(self.dilated, convolved, strict=True)]
        joined = self.norm(torch.cat([*branches, self.pool(pooled), self.pointwise(feat)], dim=1))
        return F.relu_(joined) if self.rectify else joined

    def start_as_published(self) -> MultiScaleTemporalConv:
        """Initial weights of CTR-GCN and HD-GCN: Kaiming normal by the outputs of a branch, norms N(1, 0.02)."""
        branch = self.pointwise.out_channels
        for conv in (self.reduce[0], *self.dilated, self.pointwise):
            kaiming(conv, branch * conv.kernel_size[0])
        norms: tuple[Any, ...] = (self.reduce[1], self.norm)
        for norm in norms:
            nn.init.normal_(norm.weight, 1.0, 0.02)
        return self


def conv_norm(width: int, out: int, stride: int = 1) -> nn.Sequential:
    """Point-wise convolution followed by batch normalization."""
    return nn.Sequential(time_conv(width, out, stride=stride), nn.BatchNorm2d(out))


def time_conv(width: int, out: int, kernel: int = 1, stride: int = 1, dilation: int = 1) -> nn.Conv2d:
    """Convolution over time (kernel × 1) that keeps T / stride frames."""
    padding = (kernel - 1) * dilation // 2
    return nn.Conv2d(width, out, (kernel, 1), (stride, 1), (padding, 0), (dilation, 1))


def shortcut(width: int, out: int, stride: int = 1) -> nn.Module:
    """The features themselves, or projected to `out` features and T / stride frames."""
    return nn.Identity() if width == out and stride == 1 else conv_norm(width, out, stride=stride)


def kaiming_shortcut(width: int, out: int, stride: int = 1) -> nn.Module:
    """`shortcut` with the initial weights of InfoGCN, CTR-GCN and HD-GCN."""
    way = shortcut(width, out, stride)
    if isinstance(way, nn.Sequential):
        kaiming(way[0], out)
    return way


def kaiming(conv: Any, fan_out: int) -> None:
    """Weights N(0, √(2 / fan_out)), bias 0. He et al., ICCV 2015, in the backward direction."""
    nn.init.normal_(conv.weight, std=(2.0 / fan_out) ** 0.5)
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)
