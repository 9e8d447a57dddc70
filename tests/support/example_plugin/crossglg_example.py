"""A package that adds one member of each kind to crossglg; its entry points are in pyproject.toml.

A larger package has its readers in a module of their own: those of crossglg work without loading torch.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from scipy.spatial.distance import cdist
from torch import Tensor, nn
from torch.nn import functional as F

from crossglg.data.readers import Reader, Recording, SourcePath
from crossglg.encoders.base import PersonIndex, SkeletonEncoder, weight_joints
from crossglg.model import CrossGLGOutput
from crossglg.objectives.base import Objective
from crossglg.one_shot import Array, Base, Classifier
from crossglg.one_shot.representation import Representation
from crossglg.skeletons import Layout, get_layout


class Bones(SkeletonEncoder):
    """Every joint takes the mean over itself and its neighbors along the bones, block after block."""

    def __init__(self, layout: Layout, in_channels: int, persons: int, width: int = 24, depth: int = 3) -> None:
        super().__init__()
        self.embedding = nn.Linear(in_channels, width)
        self.blocks = nn.ModuleList(Block(layout, width) for _ in range(depth))
        self.head = nn.Linear(width, 16)
        self.widths, self.out_features, self.importance_after_block = (width,) * depth, 16, 1

    def embed_input(self, x: Tensor, bodies: PersonIndex) -> Tensor:
        return self.embedding(x).permute(0, 3, 1, 2)


class Block(nn.Module):
    def __init__(self, layout: Layout, width: int) -> None:
        super().__init__()
        neighbors = torch.eye(layout.num_joints)
        for child, parent in layout.bones:
            neighbors[child, parent] = neighbors[parent, child] = 1.0
        self.register_buffer("mean", neighbors / neighbors.sum(1, keepdim=True))
        self.each_joint = nn.Conv2d(width, width, 1)
        self.over_time = nn.Conv2d(width, width, (3, 1), padding=(1, 0))

    def forward(self, feat: Tensor, joint_weight: Tensor | None = None) -> Tensor:
        mixed = self.each_joint(feat @ self.mean.T)  # (B, D, T, V)
        return feat + F.gelu(self.over_time(weight_joints(mixed, joint_weight)))


def read(path: SourcePath) -> list[Recording]:
    """The clip of a text whose first line is the class, and each further one the 60 coordinates of a frame."""
    class_name, _, rows = path.read_text(encoding="utf-8").partition("\n")
    frames = [[float(number) for number in row.split(",")] for row in rows.splitlines()]
    if not frames or {len(frame) for frame in frames} != {60}:
        raise ValueError("every line after the first needs 60 numbers, x, y and z of 20 joints")
    xyz = np.array(frames, np.float32).reshape(1, -1, 20, 3)
    return [Recording(xyz, get_layout("kinect20"), path.stem, class_name.strip())]


READER = Reader(
    about="A made-up text of one clip: the class, then a line of coordinates for each frame",
    patterns=("*.walker",),
    read_file=read,
    steps=("as the file has it",),
)


def manhattan(exemplar: Representation, query: Representation, base: Base) -> Array:
    """Negative sum of absolute differences to the exemplar."""
    return -cdist(query.z, exemplar.z, "cityblock")


MANHATTAN = Classifier(manhattan)


class Brier(Objective):
    """The squared difference between the probabilities of the classes and the truth."""

    def losses(self, out: CrossGLGOutput, label: Tensor, texts: Any) -> dict[str, Tensor]:
        assert out.logits is not None
        probability = out.logits.softmax(1)
        return {"brier_loss": (probability - F.one_hot(label, probability.shape[1])).square().sum(1).mean()}
