"""The command `crossglg` in this process: a process of its own would import torch again, which takes seconds."""

from __future__ import annotations

import os
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

from crossglg.cli import main


class Done(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


def crossglg(*words: object, cwd: Path | str = ".") -> Done:
    """What the command leaves with these words, started in the folder `cwd`."""
    out, err, code = StringIO(), StringIO(), 0
    argv = ["crossglg", *map(str, words)]
    with patch.object(sys, "argv", argv), chdir(cwd), redirect_stdout(out), redirect_stderr(err):
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
    return Done(code, out.getvalue(), err.getvalue())


def run_as_process(words: list[str], environment: dict[str, str], printed: Path) -> None:
    """What a process of its own does: the command with this environment; what it prints is added to a file."""
    os.environ |= environment
    with open(printed, "ab") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    sys.argv = ["crossglg", *words]
    main()
