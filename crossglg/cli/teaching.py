"""Teaching: the workshop's notebooks to work in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from crossglg.cli import SHOW, command


@command(SHOW, "crossglg workshop my_workshop")
def workshop(
    folder: Annotated[Path, typer.Argument(help="where the exercise notebooks are written")] = Path("workshop"),
    overwrite: Annotated[bool, typer.Option("--overwrite", help="also over notebooks that may hold answers")] = False,
) -> None:
    """Write the exercise notebooks of the workshop, made from its solution notebooks."""
    from crossglg.workshop.notebooks import workshop_folder, write_exercises

    for path in write_exercises(folder, overwrite):
        typer.echo(f"jupyter lab {path}")
    typer.echo(f"solutions, instructor's notes and handout: {workshop_folder()}", err=True)
