"""Everything that makes inference on a CPU fast, apart from the encoders, which read like their papers.

`for_inference` makes a copy of a model with equal outputs: normalizations become part of the convolutions before them,
and 1 × 1 convolutions are cut up as the CPU likes them. `clips_at_once` says how many clips fit into its caches.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from itertools import pairwise
from typing import Any, TypeVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

from crossglg.encoders.base import PersonIndex
from crossglg.encoders.graph import PerPersonBatchNorm
from crossglg.encoders.infogcn import SelfAttentionGraphConv
from crossglg.encoders.temporal import MultiScaleTemporalConv

Module = TypeVar("Module", bound=nn.Module)
FEATURES_AT_ONCE = 1 << 19  # 2 MiB, which several heads or branches of a block multiply


def for_inference(module: Module) -> Module:
    """A copy with equal outputs (to rounding) that computes them faster. It cannot be trained.

    Args:
        module: a model, an encoder or a part of one.
    """
    copy: Any = deepcopy(module).eval()
    for name, part in list(copy.named_modules()):
        if isinstance(part, nn.Sequential):
            for i, (conv, norm) in enumerate(pairwise(part)):
                if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                    part[i], part[i + 1] = fuse_conv_bn_eval(conv, norm), nn.Identity()
        if type(part) in FOLDED:
            folded = FOLDED[type(part)](part)
            if not name:
                return cast(Module, folded)
            parent, _, child = name.rpartition(".")
            setattr(copy.get_submodule(parent), child, folded)
    for part in copy.modules():
        if type(part) is nn.Conv2d and part.kernel_size == (1, 1) and part.groups == 1:
            part.__class__ = PointwiseConv
    return copy


def clips_at_once(persons: Tensor, features: int) -> list[int]:
    """How many clips to take one after the other, so that what one operation writes is in the caches for the next.

    Blocks of memory above 32 MiB go back to the system as well, and getting them anew can take longer than what is
    computed in them.

    Args:
        persons: (N,), how many persons each clip has.
        features: numbers that one person has in a block: width × frames × joints.

    Returns:
        Sizes of the parts, which add up to N. A clip is never cut.
    """
    persons = persons.clamp(min=1)
    part = (persons.cumsum(0) - persons) // max(1, FEATURES_AT_ONCE // features)  # by the first person of the clip
    return part.unique_consecutive(return_counts=True)[1].tolist()


def infers_on_cpu(feat: Tensor) -> bool:
    """Whether operations run on a CPU one by one and without gradients, so that how they are cut up matters."""
    return feat.device.type == "cpu" and not torch.is_grad_enabled() and not torch.compiler.is_compiling()


def pointwise(feat: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Convolve (B, D, T, V) with weight (D_out, D, 1, 1). Returns (B, D_out, T, V).

    Rows of features are taken as 16 large images or little more: on one thread PyTorch leaves 1 × 1 convolutions of
    fewer to an older routine, and oneDNN takes a fifth longer for many images of 25 joints.
    """
    if not infers_on_cpu(feat) or not feat.is_contiguous(memory_format=torch.channels_last):
        return F.conv2d(feat, weight, bias)
    rows = feat.permute(0, 2, 3, 1)  # (B, T, V, D)
    frames = rows.flatten(0, 1)
    images = next((n for n in range(16, len(frames)) if len(frames) % n == 0), len(frames))
    out = F.conv2d(frames.view(images, 1, -1, rows.shape[-1]).permute(0, 3, 1, 2), weight, bias).permute(0, 2, 3, 1)
    return out.view(*rows.shape[:3], -1).permute(0, 3, 1, 2)


class PointwiseConv(nn.Conv2d):
    """A 1 × 1 convolution, perhaps with a stride over time, by `pointwise`."""

    def forward(self, feat: Tensor) -> Tensor:
        if not infers_on_cpu(feat):
            return super().forward(feat)
        if self.stride[0] > 1:
            feat = feat[:, :, :: self.stride[0]].contiguous(memory_format=torch.channels_last)
        return pointwise(feat, self.weight, self.bias)


class FoldedPersonNorm(nn.Module):
    """The normalizations of all slots as one product and sum."""

    def __init__(self, norms: PerPersonBatchNorm) -> None:
        super().__init__()
        names = ("weight", "bias", "running_mean", "running_var")
        weight, bias, mean, variance = (torch.stack([getattr(norm, name) for norm in norms]) for name in names)
        eps = cast(nn.BatchNorm1d, norms[0]).eps
        self.scale = nn.Parameter(weight / (variance + eps).sqrt(), requires_grad=False)  # (M, V·D)
        self.shift = nn.Parameter(bias - mean * self.scale, requires_grad=False)

    def forward(self, x: Tensor, bodies: PersonIndex) -> Tensor:
        if bodies.slots() > len(self.scale):
            raise ValueError(
                f"a clip has {bodies.slots()} persons, this encoder was built for {len(self.scale)}; build it for "
                f"{bodies.slots()}"
            )
        scale, shift = (row[bodies.slot].view_as(x[:, :1]) for row in (self.scale, self.shift))
        return torch.addcmul(shift, x, scale)


class FoldedSelfAttentionGraphConv(SelfAttentionGraphConv):
    pointwise = staticmethod(pointwise)  # type: ignore[assignment]


@torch.no_grad()
def _fold_graph_conv(part: SelfAttentionGraphConv) -> SelfAttentionGraphConv:
    norm: Any = part.out_norm
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    shift = (part.bias.sum(0) - norm.running_mean) * scale + norm.bias
    # (D_out, heads·D), as one product needs it, lies in memory like that.
    part.weight.data = (part.weight * scale[:, None]).transpose(0, 1).contiguous().transpose(0, 1)
    part.bias.copy_(shift / part.heads)
    part.out_norm = nn.Identity()  # type: ignore[assignment]
    part.__class__ = FoldedSelfAttentionGraphConv
    return part


@torch.no_grad()
def _fold_temporal(part: Any) -> MultiScaleTemporalConv:
    """Merge the normalization of the joined branches into the branches that are convolutions."""
    *convolved, pooled, last = branch_norms(part.norm, len(part.dilated) + 2)
    part.dilated = nn.ModuleList(map(fuse_conv_bn_eval, part.dilated, convolved))  # type: ignore[arg-type]
    part.pool = nn.Sequential(part.pool, pooled)
    part.pointwise = fuse_conv_bn_eval(part.pointwise, last)
    part.norm = nn.Identity()
    return part


def branch_norms(norm: nn.Module, branches: int) -> list[nn.BatchNorm2d]:
    """A normalization of joined branches as one normalization for each."""
    names = ("weight", "bias", "running_mean", "running_var")
    norms = []
    for tensors in zip(*(getattr(norm, name).chunk(branches) for name in names), strict=True):
        norms.append(nn.BatchNorm2d(len(tensors[0])).to(tensors[0]).eval())
        norms[-1].load_state_dict(dict(zip(names, tensors, strict=True)), strict=False)
    return norms


FOLDED: dict[type[nn.Module], Callable[[Any], nn.Module]] = {
    PerPersonBatchNorm: FoldedPersonNorm,
    SelfAttentionGraphConv: _fold_graph_conv,
    MultiScaleTemporalConv: _fold_temporal,
}
