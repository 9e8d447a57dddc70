"""What every encoder must keep, as checks on a few random clips: `check_encoder(build)` before it is registered.

The tests run the same checks over ENCODERS. build: (layout, in_channels, persons) → encoder, as a registry entry.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from inspect import signature

import torch
from torch import Tensor, nn

from crossglg.encoders.base import PersonIndex, SkeletonEncoder
from crossglg.skeletons import Layout, get_layout

Build = Callable[[Layout, int, int], SkeletonEncoder]


class ContractError(ValueError):
    """An encoder does not keep the contract: says what it does instead."""


def check_encoder(build: Build, layouts: tuple[str, ...] = ("ntu25", "kinect20")) -> list[str]:
    """Run every check with every layout; returns what holds, a line each. Raises ContractError where one does not."""
    if isinstance(build, nn.Module) or not callable(build):
        given = f"an encoder, {type(build).__name__}" if isinstance(build, nn.Module) else repr(build)
        raise TypeError(f"check_encoder takes the class or function that builds an encoder, got {given}")
    with torch.random.fork_rng(devices=[]):  # the caller's random state stays as it is
        for name in layouts:
            for check in CHECKS:
                check(build, get_layout(name))
    return [(check.__doc__ or "").partition("\n")[0] for check in CHECKS]


# What the rest of the package reads of an encoder: name → its type, and what it is.
PARTS: dict[str, tuple[type, str]] = {
    "blocks": (nn.ModuleList, "an nn.ModuleList of modules called as block(feat, joint_weight)"),
    "widths": (Sequence, "a tuple with the number of features after each block"),
    "head": (nn.Module, "a module from pooled features (N, D) to z (N, D_out), such as an nn.Linear"),
    "out_features": (int, "the width D_out of z, an int"),
    "importance_after_block": (int, "the recommended number of blocks before joint importance, an int"),
}


def has_what_the_package_reads(build: Build, layout: Layout) -> None:
    """A SkeletonEncoder with blocks, widths, a head, out_features and importance_after_block."""
    require_arguments(build, getattr(build, "__name__", "it"), layout, 3, 2)
    require_parts(build(layout, 3, 2))


def require_arguments(build: Callable[..., object], what: str, *args: object, **options: object) -> None:
    """Raise ContractError unless it takes a layout, in_channels and persons, and the options."""
    try:
        signature(build).bind(*args, **options)
    except TypeError as error:
        raise ContractError(
            f"{what} cannot be built with (layout, in_channels, persons): {error}; give its constructor these three, "
            f"and defaults for what else it takes"
        ) from None


def require_parts(encoder: object) -> None:
    """Raise ContractError unless it has what the rest of the package reads."""
    kind = type(encoder).__name__
    _require(isinstance(encoder, SkeletonEncoder), f"{kind} is no subclass of crossglg.encoders.base.SkeletonEncoder")
    for name, (expected, what) in PARTS.items():
        value = getattr(encoder, name, None)
        _require(value is not None, f"{kind} has no {name}; set it in __init__: {what}")
        _require(isinstance(value, expected), f"{name} of {kind} is a {type(value).__name__}; it must be {what}")


@torch.no_grad()
def has_one_finite_row_per_clip(build: Build, layout: Layout) -> None:
    """One finite row per clip, for any number of clips, of one person or two."""
    for count, persons in ((1, 1), (1, 2), (3, 1), (5, 2)):
        encoder = _new(build, layout, persons).eval()
        z = encoder(*random_clips(layout, count, persons))
        given = f"{count} clips of {persons} person(s) give z {tuple(z.shape)}"
        _require(z.shape == (count, encoder.out_features), f"{given}, not ({count}, {encoder.out_features})")
        _require(bool(z.isfinite().all()), f"{given} that is not finite")
        _require(count == 1 or float(z.std(0).max()) > 1e-3, f"{given}, the same for all clips")


@torch.no_grad()
def has_the_widths_it_announces(build: Build, layout: Layout) -> None:
    """Blocks keep the joints and have the announced widths."""
    encoder = _new(build, layout).eval()
    blocks, split = len(encoder.blocks), encoder.importance_after_block
    _require(len(encoder.widths) == blocks, f"{blocks} blocks but {len(encoder.widths)} widths")
    _require(1 <= split < blocks, f"importance_after_block={split} does not lie between 1 and {blocks - 1}")
    x, mask = random_clips(layout, 2)
    feat = encoder.input(x, PersonIndex.of(mask))
    for i, width in enumerate(encoder.widths):
        feat = encoder.run_blocks(feat, i, i + 1)
        shape = (*feat.shape[:2], feat.shape[3])
        expected = (4, width, layout.num_joints)
        _require(shape == expected, f"block {i + 1} gives (B, D, ·, V) of {shape}, not {expected}")


def sends_a_gradient_to_every_parameter(build: Build, layout: Layout) -> None:
    """The gradient reaches every parameter and is finite."""
    encoder = _new(build, layout).train()
    z = encoder(*random_clips(layout, 3))
    (z * torch.randn(z.shape, generator=torch.Generator().manual_seed(2))).sum().backward()
    for name, parameter in encoder.named_parameters():
        gradient = parameter.grad
        _require(gradient is not None, f"parameter {name} has no gradient: it is not used")
        assert gradient is not None
        _require(bool(gradient.isfinite().all()), f"the gradient of {name} is not finite")
        # A bias before a normalization has a gradient of zero by construction.
        _require(parameter.dim() <= 1 or bool(gradient.any()), f"the gradient of {name} is zero")


@torch.no_grad()
def repeats_itself_whatever_the_batch(build: Build, layout: Layout) -> None:
    """In evaluation z repeats itself and does not depend on the other clips of the batch."""
    encoder = _in_float64(build, layout)
    x, mask = random_clips(layout, 3, dtype=torch.float64)
    together = encoder(x, mask)
    _require(torch.equal(together, encoder(x, mask)), "two evaluations of the same clips differ")
    alone = torch.cat([encoder(x[i : i + 1], mask[i : i + 1]) for i in range(3)])
    _require_close(together, alone, "z of a clip depends on the other clips in the batch")


@torch.no_grad()
def sees_present_persons_only(build: Build, layout: Layout) -> None:
    """An absent person changes nothing, alone or beside clips of two; a present one counts."""
    x, mask = random_clips(layout, 3, dtype=torch.float64)
    x[1, 1], mask[1, 1] = torch.nan, False  # must not even be looked at
    encoder = _in_float64(build, layout)
    z = encoder(x, mask)
    _require_close(z[1:2], encoder(x[1:2, :1], mask[1:2, :1]), "an absent second person changes z")
    both = torch.tensor([0, 2])
    _require_close(z[both], encoder(x[both], mask[both]), "clips of one person change z of clips of two")
    first = encoder(x[:1, :1], mask[:1, :1])
    _require(float((z[:1] - first).abs().max()) > 1e-4, "a present second person changes nothing")


@torch.no_grad()
def weights_joints_after_mixing_them(build: Build, layout: Layout) -> None:
    """Joint weights follow each block's spatial interaction; weights of one change nothing."""
    encoder = _new(build, layout).eval()
    x, mask = random_clips(layout, 2, 1)
    feat = encoder.input(x, PersonIndex.of(mask))
    joint, others = 7, [j for j in range(layout.num_joints) if j != 7]
    ones = torch.ones(2, layout.num_joints)
    zero = ones.clone()
    zero[:, joint] = 0.0
    for i in range(len(encoder.blocks)):
        plain, one, without = (encoder.run_blocks(feat, i, i + 1, weight) for weight in (None, ones, zero))
        _require_close(one, plain, f"block {i + 1}: weights of one change the features")
        message = f"block {i + 1}: the weight of a joint reaches other joints; multiply after the joints are mixed"
        _require_close(without[..., others], plain[..., others], message)
        moved = float((plain[..., joint] - without[..., joint]).abs().max())
        _require(moved > 1e-3, f"block {i + 1} ignores the joint weights")
        feat = plain


@torch.no_grad()
def comes_back_from_its_state_dict(build: Build, layout: Layout) -> None:
    """Its state dict restores all of it, running statistics included."""
    first = _new(build, layout).train()
    first(*random_clips(layout, 3))  # moves running statistics
    second = _new(build, layout, seed=99).eval()
    x, mask = random_clips(layout, 2, seed=7)
    expected = first.eval()(x, mask)
    second.load_state_dict(first.state_dict())
    _require(torch.equal(second(x, mask), expected), "a state dict does not restore all; register constants as buffers")


@torch.no_grad()
def can_be_exported(build: Build, layout: Layout) -> None:
    """`torch.export` gives the same z."""
    encoder = _new(build, layout).eval()
    x, mask = random_clips(layout, 2)
    exported = torch.export.export(encoder, (x,)).module()
    _require_close(exported(x), encoder(x, mask), "the exported encoder gives another z")


CHECKS: tuple[Callable[[Build, Layout], None], ...] = (
    has_what_the_package_reads,
    has_one_finite_row_per_clip,
    has_the_widths_it_announces,
    sends_a_gradient_to_every_parameter,
    repeats_itself_whatever_the_batch,
    sees_present_persons_only,
    weights_joints_after_mixing_them,
    comes_back_from_its_state_dict,
    can_be_exported,
)


def random_clips(
    layout: Layout, count: int, persons: int = 2, frames: int = 8, seed: int = 1, dtype: torch.dtype = torch.float32
) -> tuple[Tensor, Tensor]:
    """x (N, M, T, V, 3) and a mask by which everybody is there."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(count, persons, frames, layout.num_joints, 3, generator=generator).to(dtype)
    return x, torch.ones(count, persons, dtype=torch.bool)


def _new(build: Build, layout: Layout, persons: int = 2, seed: int = 0) -> SkeletonEncoder:
    torch.manual_seed(seed)
    encoder = build(layout, 3, persons)
    for parameter in encoder.parameters():
        if parameter.dim() <= 1:  # a gate that starts at zero hides what it gates, and lets no gradient through
            parameter.data += 0.1
    return encoder


def _in_float64(build: Build, layout: Layout) -> SkeletonEncoder:
    """For what must be equal: in float32, rounding may decide which joints are the nearest in features."""
    return _new(build, layout).eval().double()


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ContractError(otherwise)


def _require_close(a: Tensor, b: Tensor, otherwise: str) -> None:
    scale = max(1.0, float(b.abs().max()))
    _require(torch.allclose(a / scale, b / scale, atol=1e-5, rtol=1e-5), otherwise)
