"""Pictures of a run: a gallery for papers, and a board that shows it live."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from crossglg.cli import SHOW, command

Run = Annotated[Path, typer.Argument(help="a run's folder, e.g. runs/mine")]


@command(SHOW, "crossglg figures runs/mine --output pictures", name="figures")
def figures_(
    run: Run,
    output: Annotated[Path, typer.Option(help="folder of the pictures, index.html and manifest.json")],
    format_: Annotated[str, typer.Option("--format", help="svg, pdf, png, joined by commas")] = "svg,pdf,png",
    class_: Annotated[
        list[str] | None, typer.Option("--class", help="a novel class to show as a strip; repeatable; default four")
    ] = None,
    compare: Annotated[
        list[Path] | None,
        typer.Option(help="another run of the same novel classes, its results are enough; repeatable"),
    ] = None,
    classifier: Annotated[str, typer.Option(help="how clips are compared; see 'list classifiers'")] = "cosine",
) -> None:
    """Draw a finished run for a paper: strips, importance, confusion, features, exemplars, curves; with one page."""
    from crossglg.runs.gallery import make_gallery

    formats = [word.strip() for word in format_.split(",")]
    typer.echo(f"written to {make_gallery(run, output, formats, class_ or (), compare or (), classifier)}")


@command(SHOW, "crossglg board runs/mine --watch")
def board(
    run: Run,
    watch: Annotated[
        bool, typer.Option("--watch", help="follow the run until it is over; the page reloads by itself")
    ] = False,
    output: Annotated[
        Path | None, typer.Option(help="the page to write; default board.html in the run's folder")
    ] = None,
) -> None:
    """Write one page that shows a run, also while it trains: curves, results, confusion, joints, the player."""
    from crossglg.runs import board as board_

    path = output or run / board_.BOARD
    board_.write_board(run, path, refresh=board_.SECONDS if watch else 0)
    typer.echo(f"open {path.resolve().as_uri()}")
    if watch:
        board_.watch(run, path)
