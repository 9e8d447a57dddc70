"""InfoGCN once more, plain and unfused: one operation per equation of the paper, loops over heads and branches.

What our encoder is compared with, in value (tests) and in time (benchmarks/encoders.py). As in public implementations
of this family, features are (N·M, D, T, V) and every clip has M bodies: absent ones are zeros, computed like any other.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from crossglg.encoders.infogcn import Bottleneck, InfoGCN, SelfAttentionGraphConv
from crossglg.encoders.temporal import MultiScaleTemporalConv


class PlainInfoGCN(nn.Module):
    """A copy of an InfoGCN, weights included. Same call and same result as the original."""

    def __init__(self, original: InfoGCN) -> None:
        super().__init__()
        self.joint_embedding = copy_linear(original.joint_embedding.weight, original.joint_embedding.bias)
        self.position = nn.Parameter(original.position.detach().clone())
        norms = list(original.input_norm)  # one row of M·V·D features per clip and frame
        self.input_norm = copy_norm(nn.BatchNorm1d, norms, slice(None))
        self.blocks = nn.ModuleList(
            PlainBlock(block.spatial, block.temporal, block.residual) for block in original.blocks
        )
        self.head = copy_head(original.head)
        self.persons = len(norms)

    def forward(self, x: Tensor, person_mask: Tensor) -> Tensor:
        """x: (N, M, T, V, C), person_mask: (N, M) → (N, D_out)."""
        clips, missing = len(x), self.persons - x.shape[1]
        present = torch.cat([person_mask, person_mask.new_zeros(clips, missing)], 1)
        x = torch.cat([x, x.new_zeros(clips, missing, *x.shape[2:])], 1)
        x = torch.where(present[:, :, None, None, None], x, 0.0)
        _, persons, frames, joints, _ = x.shape
        y = self.joint_embedding(x) + self.position  # (N, M, T, V, D)
        y = y.permute(0, 1, 3, 4, 2).reshape(clips, -1, frames)  # (N, M·V·D, T)
        y = self.input_norm(y)
        y = y.view(clips * persons, joints, -1, frames).permute(0, 2, 3, 1).contiguous()  # (N·M, D, T, V)
        for block in self.blocks:
            y = block(y)
        y = y.view(clips, persons, *y.shape[1:]).mean((3, 4))  # (N, M, D)
        weight = present / present.sum(1, keepdim=True)
        return self.head((y * weight[:, :, None]).sum(1))


class PlainBlock(nn.Module):
    """y = ReLU(temporal(spatial(x)) + residual(x))."""

    def __init__(self, spatial: SelfAttentionGraphConv, temporal: MultiScaleTemporalConv, residual: nn.Module) -> None:
        super().__init__()
        self.spatial, self.temporal = PlainGraphConv(spatial), PlainTemporalConv(temporal)
        self.residual = copy_shortcut(residual)
        self.relu = nn.ReLU()

    def forward(self, feat: Tensor) -> Tensor:
        return self.relu(self.temporal(self.spatial(feat)) + self.residual(feat))


class PlainGraphConv(nn.Module):
    """For each head h: A_h = softmax(q_h k_hᵀ / √r) ∘ topology_h;  y = ReLU(norm(Σ_h A_h x W_h) + residual(x))."""

    def __init__(self, original: SelfAttentionGraphConv) -> None:
        super().__init__()
        heads, rank, width = original.heads, original.rank, original.norm.normalized_shape[0]
        self.rank = rank
        self.norm = nn.LayerNorm(width)
        self.norm.load_state_dict(original.norm.state_dict())
        q_weight, k_weight = original.to_qk.weight.view(2, heads, rank, width)
        q_bias, k_bias = original.to_qk.bias.view(2, heads, rank)
        self.to_q = nn.ModuleList(map(copy_linear, q_weight, q_bias))
        self.to_k = nn.ModuleList(map(copy_linear, k_weight, k_bias))
        self.topology = nn.ParameterList(matrix.detach().clone() for matrix in original.topology)
        self.project = nn.ModuleList(
            copy_conv(weight[:, :, None, None], bias)
            for weight, bias in zip(original.weight, original.bias, strict=True)
        )
        self.out_norm = copy_norm(nn.BatchNorm2d, [original.out_norm], slice(None))
        self.residual = copy_shortcut(original.residual)
        self.relu = nn.ReLU()

    def forward(self, feat: Tensor) -> Tensor:
        normed = self.norm(feat.permute(0, 2, 3, 1))  # (B, T, V, D)
        out = torch.zeros(())
        for to_q, to_k, topology, project in zip(self.to_q, self.to_k, self.topology, self.project, strict=True):
            q, k = to_q(normed), to_k(normed)  # (B, T, V, rank)
            score = q @ k.transpose(-1, -2) / self.rank**0.5
            mix = score.softmax(-1) * topology  # (B, T, V, V)
            mixed = torch.einsum("btij,bdtj->bdti", mix, feat)
            out = out.to(feat) + project(mixed)
        return self.relu(self.out_norm(out) + self.residual(feat))


class PlainTemporalConv(nn.Module):
    """The four branches one after the other, each with its own point-wise reduction and norm; side by side; ReLU."""

    def __init__(self, original: MultiScaleTemporalConv) -> None:
        super().__init__()
        reduce, reduce_norm = original.reduce
        branch = len(original.pointwise.weight)
        rows = [slice(part * branch, (part + 1) * branch) for part in range(len(original.dilated) + 2)]

        def reduction(part: int) -> list[nn.Module]:
            conv = copy_conv(reduce.weight[rows[part]], reduce.bias[rows[part]])
            return [conv, copy_norm(nn.BatchNorm2d, [reduce_norm], rows[part]), nn.ReLU()]

        *dilated, pooled, pointwise = (copy_norm(nn.BatchNorm2d, [original.norm], row) for row in rows)
        branches = [
            nn.Sequential(*reduction(part), copy_conv(conv.weight, conv.bias, conv), norm)
            for part, (conv, norm) in enumerate(zip(original.dilated, dilated, strict=True))
        ]
        pool = nn.MaxPool2d(original.pool.kernel_size, original.pool.stride, original.pool.padding)
        branches.append(nn.Sequential(*reduction(len(branches)), pool, pooled))
        conv = original.pointwise
        branches.append(nn.Sequential(copy_conv(conv.weight, conv.bias, conv), pointwise))
        self.branches = nn.ModuleList(branches)
        self.relu = nn.ReLU()

    def forward(self, feat: Tensor) -> Tensor:
        out = torch.cat([branch(feat) for branch in self.branches], dim=1)
        return self.relu(out)


def copy_linear(weight: Tensor, bias: Tensor) -> nn.Linear:
    layer = nn.Linear(weight.shape[1], weight.shape[0])
    layer.load_state_dict({"weight": weight, "bias": bias})
    return layer


def copy_conv(weight: Tensor, bias: Tensor, like: nn.Conv2d | None = None) -> nn.Conv2d:
    """A convolution with these weights; stride, padding and dilation as `like`, else 1, 0 and 1."""
    shape = (like.stride, like.padding, like.dilation) if like else ()
    layer = nn.Conv2d(weight.shape[1], weight.shape[0], tuple(weight.shape[2:]), *shape)
    layer.load_state_dict({"weight": weight, "bias": bias})
    return layer


def copy_norm(kind: type[nn.BatchNorm1d | nn.BatchNorm2d], originals: list[nn.Module], rows: slice) -> nn.Module:
    """A normalization of the features of all originals in one row, or of some `rows` of one."""
    names = ("weight", "bias", "running_mean", "running_var")
    tensors = {name: torch.cat([getattr(original, name)[rows] for original in originals]) for name in names}
    layer = kind(len(tensors["weight"]))
    layer.load_state_dict(tensors, strict=False)
    return layer


def copy_shortcut(original: nn.Module) -> nn.Module:
    """The identity, or a convolution and its normalization."""
    if isinstance(original, nn.Identity):
        return nn.Identity()
    conv, norm = original
    return nn.Sequential(copy_conv(conv.weight, conv.bias, conv), copy_norm(nn.BatchNorm2d, [norm], slice(None)))


def copy_head(original: nn.Module) -> nn.Module:
    """Bottleneck or LayerNorm: already one operation per equation."""
    if isinstance(original, Bottleneck):
        head: nn.Module = Bottleneck(original.mean.in_features, original.noise)
    else:
        head = nn.LayerNorm(original.normalized_shape)
    head.load_state_dict(original.state_dict())
    return head
