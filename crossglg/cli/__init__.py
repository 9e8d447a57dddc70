"""The command line: each command is a thin shell over one function. Exit codes: 0 ok, 1 a run failed, 2 bad input.

One file per group of commands; importing it here is the one line a new group needs.
"""

from __future__ import annotations

import sys

import typer

app = typer.Typer(
    help="One-shot recognition of human actions from 3-D skeletons, guided by language (CrossGLG).",
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None,
)  # fmt: skip


def main() -> None:
    """Entry point: errors of input become one line and exit code 2, a failed run exit code 1."""
    try:
        app()
    except (ValueError, OSError) as error:  # also a folder that cannot be written, a full disk
        typer.echo(f"error: {error}", err=True)
        sys.exit(2)
    except RuntimeError as error:
        typer.echo(f"failed: {error}", err=True)
        sys.exit(1)


from crossglg.cli import runs, weights, own, data, listings, texts, protocol, studies, teaching, why, pictures  # noqa: E402, F401, I001 (order of the help; commands register themselves)
