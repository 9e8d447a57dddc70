"""Published weights."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from crossglg.cli import TRAIN, command
from crossglg.cli.runs import Setting, build_config


@command(
    TRAIN,
    "crossglg import-weights infogcn_ntu120.pt --encoder infogcn --layout ntu25 --output models/infogcn",
    name="import-weights",
)
def import_weights(
    file: Annotated[Path, typer.Argument(help="a checkpoint of published code: .pt, .pth or .safetensors")],
    encoder: Annotated[str, typer.Option(help="whose weights they are: infogcn, ctrgcn, hdgcn, stgcn++ or dstformer")],
    output: Annotated[Path, typer.Option(help="folder of the model to write")],
    layout: Annotated[str, typer.Option(help="skeleton of that training, see 'list layouts'")] = "ntu25",
    classes: Annotated[
        Path | None, typer.Option(help="text file with the classifier's class names, one a line, in its order")
    ] = None,
    persons: Annotated[int, typer.Option(help="persons in a clip of that training")] = 2,
    channels: Annotated[int, typer.Option(help="coordinates of a joint in that training, 2 or 3")] = 3,
    settings: Setting = None,
) -> None:
    """Make a model of published weights, to recognize with or to start a training from."""
    from crossglg.skeletons import get_layout
    from crossglg.training import imported

    if output.exists() and any(output.iterdir()):
        raise ValueError(f"{output} is not empty; choose another --output")
    names = (
        [line.strip() for line in classes.read_text(encoding="utf-8").splitlines() if line.strip()] if classes else ()
    )
    config = build_config("published", settings, encoder=encoder)
    trained = imported.import_weights(file, config, get_layout(layout), output, names, persons, channels)
    left_out = trained.details["left_out"]
    typer.echo(f"{trained.num_parameters:,} parameters, {len(trained.class_names)} classes, written to {output}")
    if left_out:
        typer.echo(f"left out: {', '.join(left_out)}")
    train = shlex.join(["crossglg", "train", "--encoder", encoder, "--set", f"initial_weights={output}"])
    typer.echo(f"start a training from them with: {train}")
