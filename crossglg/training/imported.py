"""Published weights as a trained model that embeds, recognizes, is explained, or starts another training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

import crossglg
from crossglg.config import Config
from crossglg.encoders.published import classifier_shape, load_published, read_checkpoint
from crossglg.files import sha256
from crossglg.skeletons import Layout
from crossglg.training.trained_model import TrainedModel, build_model


def import_weights(
    file: str | Path,
    config: Config,
    layout: Layout,
    folder: str | Path,
    class_names: Sequence[str] = (),
    persons: int = 2,
    channels: int = 3,
) -> TrainedModel:
    """Read published weights into one of our encoders and save the model.

    Args:
        file: the checkpoint, see `crossglg.encoders.published.read_checkpoint`.
        config: names the encoder and its preprocessing; the preset "published" fits published training.
        layout: of the published training, in its order of joints.
        folder: where the model is saved, in the form of `TrainedModel.save`.
        class_names: of the published classifier, in its order; empty: "class 1", "class 2", …
        persons: M of the published training.
        channels: C of its coordinates, 2 or 3.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it holds other weights, the names that differ are listed; or the names do not fit the classifier.
    """
    tensors = read_checkpoint(file)
    model = build_model(config, layout, persons, channels, 0, text_width=0)
    shape = classifier_shape(model.encoder, tensors)
    classes = shape[0] if shape else 0
    if class_names and len(class_names) != classes:
        raise ValueError(f"{len(class_names)} class names were given, the classifier in {file} has {classes} classes")
    names = tuple(class_names) or tuple(f"class {k + 1}" for k in range(classes))
    if classes:
        model = build_model(config, layout, persons, channels, classes, text_width=0)
    classifier = cast(nn.Linear, model.classifier[1]) if model.classifier is not None else None
    left_out = load_published(model.encoder, tensors, classifier)
    details: dict[str, Any] = {
        "imported_from": Path(file).name,
        "sha256": sha256(Path(file)),
        "left_out": left_out,
        "data": "not known",
        "texts": [],
        "chosen_epoch": None,
        "validation_accuracy": None,
        "history": [],
        "torch": torch.__version__,
        "crossglg": crossglg.__version__,
    }
    trained = TrainedModel(model, config, layout, persons, channels, names, details)
    trained.save(folder)
    return trained
