"""The contract of encoders says what an encoder that breaks it does instead."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor, nn

from crossglg.encoders import ENCODERS, build_encoder
from crossglg.encoders.base import SkeletonEncoder, weight_joints
from crossglg.encoders.checks import CHECKS, PARTS, Build, ContractError, check_encoder
from crossglg.encoders.graph import EncodingBlock
from crossglg.encoders.infogcn import InfoGCN
from crossglg.skeletons import Layout, get_layout

SMALL = partial(InfoGCN, widths=(16, 16, 32), strides=(1, 2, 1), importance_after_block=1)


class Deaf(EncodingBlock):
    def forward(self, feat: Tensor, joint_weight: Tensor | None = None) -> Tensor:
        return super().forward(feat, None)


class Hasty(EncodingBlock):
    def forward(self, feat: Tensor, joint_weight: Tensor | None = None) -> Tensor:
        return super().forward(weight_joints(feat, joint_weight), None)


class Head(nn.Module):
    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, pooled: Tensor) -> Tensor:
        return self.function(pooled)


def with_blocks(kind: type[EncodingBlock], encoder: SkeletonEncoder) -> None:
    for block in encoder.blocks:
        block.__class__ = kind


def with_head(make: Callable[[], Callable[[Tensor], Tensor]], encoder: SkeletonEncoder) -> None:
    encoder.head = Head(make())


def forgetful() -> Callable[[Tensor], Tensor]:
    constant = torch.randn(32)  # part of no state dict
    return lambda pooled: pooled + constant


def with_an_unused_parameter(encoder: SkeletonEncoder) -> None:
    encoder.unused = nn.Parameter(torch.zeros(2, 2))


def without(part: str, encoder: SkeletonEncoder) -> None:
    delattr(encoder, part)


def with_blocks_in_a_list(encoder: SkeletonEncoder) -> None:
    blocks = list(encoder.blocks)
    del encoder.blocks
    encoder.blocks = blocks


def with_other_widths(encoder: SkeletonEncoder) -> None:
    encoder.widths = (16, 16, 16)


def broken(flaw: Callable[[SkeletonEncoder], None]) -> Build:
    def build(layout: Layout, in_channels: int, persons: int) -> SkeletonEncoder:
        encoder = SMALL(layout, in_channels, persons)
        flaw(encoder)
        return encoder

    return build


def test_a_sound_encoder_keeps_it() -> None:
    lines = check_encoder(SMALL)
    assert len(lines) == len(CHECKS)
    assert all(line.endswith(".") for line in lines)


@pytest.mark.parametrize(
    ("flaw", "message"),
    [
        *((partial(without, part), rf"^InfoGCN has no {part}; set it in __init__: ") for part in PARTS),
        (with_blocks_in_a_list, r"^blocks of InfoGCN is a list; it must be an nn\.ModuleList"),
        (partial(with_head, lambda: lambda pooled: pooled[:, :8]), r"1 clips of 1 person\(s\) give z \(1, 8\), not"),
        (partial(with_head, lambda: lambda pooled: pooled / 0), r"not finite"),
        (partial(with_head, lambda: torch.zeros_like), r"the same for all clips"),
        (with_other_widths, r"block 3 gives \(B, D, ·, V\) of \(4, 32, 20\), not \(4, 16, 20\)"),
        (with_an_unused_parameter, r"parameter unused has no gradient"),
        (
            partial(with_head, lambda: lambda pooled: pooled + torch.rand(1)),
            r"two evaluations of the same clips differ",
        ),
        (partial(with_head, lambda: lambda pooled: pooled - pooled.mean(0)), r"depends on the other clips"),
        (partial(with_blocks, Deaf), r"block 1 ignores the joint weights"),
        (partial(with_blocks, Hasty), r"block 1: the weight of a joint reaches other joints"),
        (partial(with_head, forgetful), r"a state dict does not restore all"),
    ],
)
def test_an_encoder_that_breaks_it_is_told_how(flaw: Callable[[SkeletonEncoder], None], message: str) -> None:
    with pytest.raises(ContractError, match=message):
        check_encoder(broken(flaw), layouts=("kinect20",))


def test_what_is_no_skeleton_encoder_is_told_so() -> None:
    with pytest.raises(ContractError, match=r"^Linear is no subclass of"):
        check_encoder(lambda layout, in_channels, persons: nn.Linear(3, 4))


def test_what_builds_no_encoder_is_named() -> None:
    with pytest.raises(TypeError, match="takes the class or function that builds an encoder, got 'bones'"):
        check_encoder("bones")
    with pytest.raises(TypeError, match="takes the class or function that builds an encoder, got an encoder, InfoGCN"):
        check_encoder(SMALL(get_layout("kinect20"), 3, 1))


def test_a_constructor_of_other_arguments_is_told_so() -> None:
    with pytest.raises(ContractError, match=r"^Module cannot be built with \(layout, in_channels, persons\): too many"):
        check_encoder(type("Module", (nn.Module,), {"__init__": lambda self: None}))


def test_what_is_registered_and_no_skeleton_encoder_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENCODERS, "plain", lambda layout, in_channels, persons: nn.Linear(3, 4))
    with pytest.raises(ContractError, match=r"^encoder 'plain': Linear is no subclass of"):
        build_encoder("plain", get_layout("kinect20"))
    monkeypatch.setitem(ENCODERS, "plain", lambda layout, width: nn.Linear(3, width))
    with pytest.raises(ContractError, match=r"^encoder 'plain' cannot be built with .*: too many positional arg"):
        build_encoder("plain", get_layout("kinect20"))
    monkeypatch.setitem(ENCODERS, "plain", broken(partial(without, "widths")))
    with pytest.raises(ContractError, match=r"^encoder 'plain': InfoGCN has no widths; set it in __init__: "):
        build_encoder("plain", get_layout("kinect20"))
