"""The camera of notebook 06: its files for rooms without network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from crossglg.cli import app

camera = typer.Typer(help="The camera of notebook 06.", no_args_is_help=True)
app.add_typer(camera, name="camera")


@camera.callback()
def _camera() -> None:
    """The camera of notebook 06."""


@camera.command()
def fetch(
    folder: Annotated[Path, typer.Argument(help="where the files are kept")],
    address: Annotated[str, typer.Option(help="another address of the same files; default: the public one")] = "",
) -> None:
    """Download MediaPipe Pose (26 MB), so that the camera works without network: Camera(…, assets=FOLDER)."""
    from crossglg.recognition.camera import ADDRESS, fetch_assets

    typer.echo(f"complete: {fetch_assets(folder, address or ADDRESS)}")
