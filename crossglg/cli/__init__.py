"""The command line: each command is a thin shell over one function. Exit codes: 0 ok, 1 a run failed, 2 bad input.

A command names its group in `crossglg --help` and an example: `@command(TRAIN, "crossglg run --preset smoke")`.
One file per group of commands; importing it here is the one line a new file needs.
"""

from __future__ import annotations

import logging
import os
import shlex
import sys
import warnings
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

import crossglg
from crossglg.files import error_message, expanded
from crossglg.processes import spin_briefly

spin_briefly()  # here, as it counts for what is loaded after it

CONTINUES = {"train", "study", "describe", "convert", "fetch"}  # commands that go on where they were stopped


# the groups of commands, in the order of the help
TRAIN, DATA, TEXTS, EXPLAIN, OWN = "Train and evaluate", "Data", "Texts", "Explain", "Your own actions"
STUDIES, SHOW = "Studies", "Show and teach"
GROUPS = (TRAIN, DATA, TEXTS, EXPLAIN, OWN, STUDIES, SHOW)


class _Command(TyperCommand):
    """A command whose help ends with an example, on one line, so that it can be copied."""

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        formatter.write(f"\nExample:\n  {self.epilog}\n")


class _Commands(TyperGroup):
    def format_commands(self, ctx: Any, formatter: Any) -> None:
        for group in GROUPS:
            members = {n: c for n, c in self.commands.items() if getattr(c, "rich_help_panel", None) == group}
            with formatter.section(group):
                formatter.write_dl([(name, member.get_short_help_str(limit=200)) for name, member in members.items()])

    def invoke(self, context: Any) -> Any:
        try:
            return super().invoke(context)
        except KeyboardInterrupt:
            program = "torchrun … -m crossglg" if "RANK" in os.environ else "crossglg"
            interrupted(f"{program} {shlex.join(sys.argv[1:])}" if CONTINUES & set(sys.argv[1:3]) else "")


app = typer.Typer(
    help="One-shot recognition of human actions from 3-D skeletons, guided by language (CrossGLG).", cls=_Commands,
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None,
)  # fmt: skip


def command(
    group: str, example: str, name: str | None = None, of: typer.Typer = app
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a command: its group in the help, and an example. of: the app that it belongs to.

    It gets paths with "~" as the home folder, which no shell replaces in --output=~/x.
    """

    def register(function: Callable[..., None]) -> Callable[..., None]:
        @wraps(function)
        def run(*args: Any, **values: Any) -> None:
            function(*map(_at_home, args), **{name: _at_home(value) for name, value in values.items()})

        of.command(name, cls=_Command, rich_help_panel=group, epilog=example)(run)
        return function

    return register


def _at_home(value: Any) -> Any:
    if isinstance(value, list):
        return [_at_home(one) for one in value]
    return expanded(value) if isinstance(value, Path) else value


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(crossglg.__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="print the version")
    ] = False,
) -> None:
    """Options before the command."""


def interrupted(command: str) -> NoReturn:
    """End after Ctrl-C with one sentence. command: what continues, "" if there is nothing to continue."""
    logging.getLogger("asyncio").disabled = True  # a kernel's tasks report that they were ended
    if os.environ.get("RANK", "0") == "0":  # the first of the processes that torchrun started
        typer.echo(f"\ninterrupted; continue with: {command}" if command else "\ninterrupted", err=True)
    raise typer.Exit(130) from None


_WITH_CODE = warnings.formatwarning


def _in_a_line(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None = None
) -> str:
    """A warning for the user without the line of code that it comes from; others as usual."""
    if category is UserWarning:
        return f"warning: {message}\n"
    return _WITH_CODE(message, category, filename, lineno, line)


def main() -> None:
    """Entry point: errors of input become one line and exit code 2, a failed run exit code 1."""
    warnings.formatwarning = _in_a_line
    try:
        app()
    except (ValueError, OSError) as error:  # also a folder that cannot be written, a full disk
        typer.echo(f"error: {error_message(error)}", err=True)
        sys.exit(2)
    except RuntimeError as error:
        typer.echo(f"failed: {error}", err=True)
        sys.exit(1)


from crossglg.cli import runs, weights, own, camera, data, listings, texts, protocol, studies, teaching, why, pictures  # noqa: E402, F401, I001 (order of the help; commands register themselves)
