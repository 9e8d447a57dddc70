"""What graph convolutional encoders share: convolutions over time, and the shortcut around a block."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

from crossglg.encoders.base import PointwiseConv


class MultiScaleTemporalConv(nn.Module):
    """Four branches of a quarter of the width: two dilated convolutions, max pooling, and a point-wise one.

    One normalisation of the joined branches computes what one per branch would, in less time: its backward pass reads
    contiguous memory.
    """

    def __init__(self, width: int, stride: int, kernel: int = 5, dilations: tuple[int, ...] = (1, 2)) -> None:
        super().__init__()
        branch = width // (len(dilations) + 2)
        self.reduce = conv_norm(width, branch * (len(dilations) + 1))
        self.dilated = nn.ModuleList(time_conv(branch, branch, kernel, stride, dilation) for dilation in dilations)
        self.pool: nn.Module = nn.MaxPool2d((3, 1), (stride, 1), (1, 0))
        self.pointwise = time_conv(width, branch, stride=stride)
        self.norm: nn.Module = nn.BatchNorm2d(branch * (len(dilations) + 2))

    def forward(self, feat: Tensor) -> Tensor:
        *convolved, pooled = F.relu_(self.reduce(feat)).chunk(len(self.dilated) + 1, dim=1)
        branches = [conv(part) for conv, part in zip(self.dilated, convolved, strict=True)]
        return self.norm(torch.cat([*branches, self.pool(pooled), self.pointwise(feat)], dim=1))

    @torch.no_grad()
    def fold(self) -> None:
        """Merge the normalisation into the branches that are convolutions; afterwards for inference only."""
        *convolved, pooled, pointwise = branch_norms(self.norm, len(self.dilated) + 2)
        self.dilated = nn.ModuleList(map(fuse_conv_bn_eval, self.dilated, convolved))  # type: ignore[arg-type]
        self.pool = nn.Sequential(self.pool, pooled)
        self.pointwise = fuse_conv_bn_eval(self.pointwise, pointwise)
        self.norm = nn.Identity()


def branch_norms(norm: nn.Module, branches: int) -> list[nn.BatchNorm2d]:
    """A normalisation of joined branches as one normalisation for each."""
    names = ("weight", "bias", "running_mean", "running_var")
    norms = []
    for tensors in zip(*(getattr(norm, name).chunk(branches) for name in names), strict=True):
        norms.append(nn.BatchNorm2d(len(tensors[0])).to(tensors[0]).eval())
        norms[-1].load_state_dict(dict(zip(names, tensors, strict=True)), strict=False)
    return norms


def conv_norm(width: int, out: int, kernel: int = 1, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    """Convolution over time followed by batch normalisation."""
    return nn.Sequential(time_conv(width, out, kernel, stride, dilation), nn.BatchNorm2d(out))


def time_conv(width: int, out: int, kernel: int = 1, stride: int = 1, dilation: int = 1) -> nn.Conv2d:
    """Convolution over time (kernel × 1) that keeps T / stride frames."""
    if kernel == 1:
        return PointwiseConv(width, out, 1, (stride, 1))
    padding = (kernel - 1) * dilation // 2
    return nn.Conv2d(width, out, (kernel, 1), (stride, 1), (padding, 0), (dilation, 1))


def shortcut(width: int, out: int, stride: int = 1) -> nn.Module:
    """The features themselves, or projected to `out` features and T / stride frames."""
    return nn.Identity() if width == out and stride == 1 else conv_norm(width, out, stride=stride)
