"""Notebooks: those stored with pictures, and those of the workshop to work in."""

from __future__ import annotations

import shlex
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
        typer.echo(shlex.join(["jupyter", "lab", str(path)]))
    typer.echo(f"solutions, instructor's notes and handout: {workshop_folder()}", err=True)


@command(SHOW, "crossglg notebooks --refresh")
def notebooks(
    refresh: Annotated[bool, typer.Option("--refresh", help="execute them and store what they show")] = False,
) -> None:
    """Check that notebooks stored with pictures show what their code makes, or make these pictures again."""
    from crossglg.runs import stored

    if refresh:
        for path in stored.refresh():
            typer.echo(f"written to {path}")
    elif names := stored.outdated():
        raise ValueError(
            f"{', '.join(names)}: the code has changed since the pictures; run: crossglg notebooks --refresh"
        )
    else:
        typer.echo(f"up to date: {', '.join(stored.STORED)}")
