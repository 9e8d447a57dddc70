"""Recompute the pinned numbers (`cd tests; python -m support.golden.regenerate`); review the difference like code."""

from __future__ import annotations

import math
from pathlib import Path

import torch

from crossglg.encoders import ENCODERS, build_encoder
from crossglg.files import write_json
from crossglg.skeletons import get_layout

GOLDEN = Path(__file__).with_name("encoders.json")
LAYOUTS = ("ntu25", "kinect20")


def forward_statistics(encoder_name: str, layout_name: str) -> dict[str, float]:
    """Mean and standard deviation of an encoder's output at seed 0, in evaluation, for a fixed wave of two persons."""
    torch.manual_seed(0)
    layout = get_layout(layout_name)
    encoder = build_encoder(encoder_name, layout).eval()
    shape = (2, 2, 8, layout.num_joints, 3)
    x = torch.sin(0.1 * torch.arange(math.prod(shape), dtype=torch.float32)).reshape(shape)
    with torch.inference_mode():
        z = encoder(x, torch.tensor([[True, True], [True, False]]))
        position = torch.linspace(-1.0, 1.0, z.numel()).reshape(z.shape)
        return {"mean": float(z.mean()), "std": float(z.std()), "along_position": float((z * position).mean())}


def main() -> None:
    write_json(GOLDEN, {f"{e}/{layout}": forward_statistics(e, layout) for e in ENCODERS for layout in LAYOUTS})


if __name__ == "__main__":
    main()
