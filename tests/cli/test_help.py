"""Every command is in a group of the help and shows an example that the command line can read."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import typer
from support.command import crossglg

from crossglg.cli import GROUPS, app

COMMANDS: Any = typer.main.get_command(app)


def leaves(group: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Every command with its words, such as `data convert`."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from leaves(command, (*words, name))
        else:
            yield " ".join((*words, name)), command


EVERY = dict(leaves(COMMANDS))


def test_the_help_shows_every_command_in_a_group() -> None:
    shown = crossglg("--help").stdout
    assert {command.rich_help_panel for command in COMMANDS.commands.values()} == set(GROUPS)
    assert [line.rstrip(":") for line in shown.splitlines() if line.rstrip(":") in GROUPS] == list(GROUPS)
    assert {line.split()[0] for line in shown.splitlines() if line.startswith("  ") and line.strip()} >= set(
        COMMANDS.commands
    )


@pytest.mark.parametrize("name", EVERY)
def test_the_help_of_a_command_ends_with_an_example_that_can_be_read(name: str) -> None:
    command = EVERY[name]
    usage = crossglg(*name.split(), "--help").stdout
    example = usage.splitlines()[-1].strip()
    assert example.startswith(f"crossglg {name}") and usage.splitlines()[-2] == "Example:"
    words = shlex.split(example)[1 + len(name.split()) :]
    command.make_context(name, words)  # raises if an option is unknown, or a value is missing or of another type


def test_the_home_folder_is_found_where_no_shell_replaces_it(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    done = crossglg("workshop", "~/mine", cwd=tmp_path)
    assert done.returncode == 0 and (tmp_path / "home" / "mine" / "1_skeletons.ipynb").is_file()


def test_a_warning_is_a_line_without_code() -> None:
    script = "import warnings; from crossglg import cli; cli.app = lambda: warnings.warn('no elbow'); cli.main()"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr == "warning: no elbow\n"


@pytest.mark.parametrize(
    "name", ["list", "protocol list", "protocol show", "layouts", "describe", "workshop", "data fetch"]
)
def test_an_example_that_needs_no_run_works(name: str, tmp_path) -> None:
    (tmp_path / "actions.txt").write_text("wave\n")
    words = shlex.split(EVERY[name].epilog or "")[1:]
    done = crossglg(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
