"""Registry of skeleton encoders: a new encoder is one file and one line here, or an entry point of another package."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from inspect import signature

from crossglg.encoders.base import SkeletonEncoder
from crossglg.encoders.checks import ContractError, require_arguments, require_parts
from crossglg.encoders.ctrgcn import CTRGCN
from crossglg.encoders.dstformer import DSTformer
from crossglg.encoders.hdgcn import HDGCN
from crossglg.encoders.infogcn import InfoGCN
from crossglg.encoders.leangcn import LeanGCN
from crossglg.encoders.stgcn import STGCNPlusPlus
from crossglg.files import nearest
from crossglg.plugins import Registry
from crossglg.skeletons import Layout, get_layout

_ENCODERS: dict[str, Callable[..., SkeletonEncoder]] = {
    "lean-gcn": LeanGCN,
    "infogcn": InfoGCN,
    "infogcn-small": partial(
        InfoGCN,
        widths=(48, 48, 96, 96, 192, 192),
        strides=(2, 1, 2, 1, 2, 1),
        bottleneck=False,
        importance_after_block=3,
    ),
    "ctrgcn": CTRGCN,
    "ctrgcn-small": partial(
        CTRGCN, widths=(44, 44, 88, 88, 176, 176), strides=(2, 1, 2, 1, 2, 1), importance_after_block=3
    ),
    "stgcn++": STGCNPlusPlus,
    "stgcn++-small": partial(
        STGCNPlusPlus, widths=(48, 48, 96, 96, 192, 192), strides=(2, 1, 2, 1, 2, 1), importance_after_block=3
    ),
    "hdgcn": HDGCN,
    "hdgcn-small": partial(HDGCN, widths=(48, 48, 96, 96, 192), strides=(2, 2, 2, 1, 1), importance_after_block=3),
    "dstformer": DSTformer,
    "dstformer-small": partial(DSTformer, width=64, depth=4, heads=4, patch=4, importance_after_block=2),
}
# name → (layout, in_channels, persons) → encoder; some take options besides
ENCODERS = Registry("encoder", _ENCODERS, Callable)


def build_encoder(
    name: str, layout: Layout | str, in_channels: int = 3, persons: int = 2, **options: int
) -> SkeletonEncoder:
    """Build a registered encoder for a layout, or the one of this name; raises ValueError with the valid names.

    Raises ContractError, which is one, for what is no encoder.  options: what only some encoders take, such as
    InfoGCN's mode; the others refuse it with a ValueError.
    """
    layout = get_layout(layout)
    if name not in ENCODERS:
        raise ValueError(
            f"unknown encoder {name!r}{nearest(name, ENCODERS)} Encoders: {', '.join(ENCODERS)}. One of "
            f"another package is known once that package is installed"
        )
    for option, value in options.items():
        takes = [other for other in ENCODERS if option in signature(ENCODERS[other]).parameters]
        if name not in takes:
            raise ValueError(f"encoder {name!r} takes no {option}={value}; encoders that do: {', '.join(takes)}")
    require_arguments(ENCODERS[name], f"encoder {name!r}", layout, in_channels, persons, **options)
    encoder = ENCODERS[name](layout, in_channels, persons, **options)
    try:
        require_parts(encoder)
    except ContractError as error:
        raise ContractError(f"encoder {name!r}: {error}") from None
    return encoder
