"""One-shot protocols: list the shipped ones, show one, make a new one, give several one base side."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from crossglg.cli import DATA, app, command
from crossglg.cli.listings import echo_table, protocols
from crossglg.config import HELP

protocol_app = typer.Typer(
    help="One-shot protocols: list, show, make, fold.", no_args_is_help=True, rich_markup_mode=None
)
app.add_typer(protocol_app, name="protocol", rich_help_panel=DATA)


@command(DATA, "crossglg protocol list", name="list", of=protocol_app)
def list_() -> None:
    """List the protocols that come with the package."""
    echo_table(protocols())


@command(DATA, "crossglg protocol show ntu120-one-shot", of=protocol_app)
def show(benchmark: Annotated[str, typer.Argument(metavar="NAME|FILE:NAME", help=HELP["benchmark"])]) -> None:
    """Show a protocol: classes, exemplars, counts, notes and hash."""
    from crossglg.data.protocols import find_protocol

    typer.echo(find_protocol(benchmark).describe())


@command(DATA, "crossglg protocol make --dataset mine.npz --novel 10 --output mine.json", of=protocol_app)
def make(
    dataset: Annotated[str, typer.Option(help=HELP["dataset"])],
    novel: Annotated[list[str], typer.Option(help="how many novel classes, at random; or a class name, repeated")],
    output: Annotated[Path, typer.Option(help="the JSON file to write; it must not be there yet")],
    episodes: Annotated[int, typer.Option(help="episodes")] = 20,
    seed: Annotated[int, typer.Option(help=HELP["seed"])] = 0,
) -> None:
    """Make a protocol on a data set: its novel classes, and random exemplars."""
    from crossglg.data.protocols import write_protocol
    from crossglg.data.tasks import make_protocol

    if episodes < 1:
        raise ValueError(f"--episodes {episodes} must be at least 1")
    if seed < 0:
        raise ValueError(f"--seed {seed} must be at least 0")
    classes = int(novel[0]) if len(novel) == 1 and novel[0].isdecimal() else novel
    protocol = make_protocol(dataset, classes, episodes, seed, output.stem)
    again = shlex.join(["--dataset", dataset, "--benchmark", f"{output}:{protocol.name}"])
    write_protocol(output, protocol)
    typer.echo(
        f"{protocol.name} (protocol {protocol.sha256[:12]}): {len(protocol.base_classes)} base and "
        f"{len(protocol.novel_classes)} novel classes, {episodes} episodes\n"
        f"run it with {again}"
    )


@command(
    DATA, "crossglg protocol fold data/all.json:to-mine data/all.json:to-yours --output data/fold.json", of=protocol_app
)
def fold(
    benchmarks: Annotated[list[str], typer.Argument(metavar="FILE:NAME...", help="protocols that name their sets")],
    output: Annotated[Path, typer.Option(help="the JSON file to write, in the folder of the sets")],
) -> None:
    """Leave out the novel classes of several protocols together, so that a study trains once for all of them."""
    from crossglg.data import tasks
    from crossglg.data.protocols import find_protocol, write_protocol

    protocols = [find_protocol(name) for name in benchmarks]
    folded = tasks.fold(protocols)
    beside = protocols[0].path
    if beside and output.parent.resolve() != beside.parent.resolve():
        raise ValueError(f"--output {output} must lie in {beside.parent}, where the sets are looked for")
    write_protocol(output, *folded)
    first = folded[0]
    typer.echo(f"{len(first.base_classes)} base classes of {', '.join(first.base_sets)}; written to {output}:")
    typer.echo("\n".join(f"  {protocol.name}: {len(protocol.novel_classes)} novel classes" for protocol in folded))
