"""A command that is killed again and again at random moments, in processes forked from one that has imported it all."""

from __future__ import annotations

import multiprocessing
import os
import random
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path

import psutil
from support import small_study
from support.command import run_as_process

from crossglg.encoders import ENCODERS

FORKS = "forkserver"
AVAILABLE = FORKS in multiprocessing.get_all_start_methods()
IMPORTED = [
    "support.killing", "openai.resources", "crossglg.data.convert", "crossglg.studies.runner",
    "crossglg.studies.tables", "crossglg.text.generate", "crossglg.training.recipe", "torch._dynamo",
]  # fmt: skip
GONE = 10.0  # seconds in which the workers of a killed process must have ended


def kills(usual: int) -> int:
    """How often a test kills: `usual`, or what the environment variable CROSSGLG_KILLS says."""
    return int(os.environ.get("CROSSGLG_KILLS", usual))


def start(words: list[object], environment: dict[str, str], printed: Path) -> BaseProcess:
    """`crossglg WORDS` in a process, and a session, of its own."""
    context = multiprocessing.get_context(FORKS)
    context.set_forkserver_preload(IMPORTED)
    process = context.Process(target=_run, args=(list(map(str, words)), environment, printed))
    process.start()
    return process


def _run(words: list[str], environment: dict[str, str], printed: Path) -> None:
    os.setsid()
    ENCODERS["tiny"] = small_study.TINY
    code = 0
    try:
        run_as_process(words, environment, printed)
    except SystemExit as end:
        code = int(end.code or 0)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # a process of multiprocessing would wait minutes for joblib's idle workers


@dataclass
class Command:
    """`crossglg WORDS`. environment: variables that are added; what it prints goes to `printed`."""

    words: list[object]
    printed: Path
    environment: dict[str, str] = field(default_factory=dict)

    def run(self) -> float:
        """To its end. Returns seconds."""
        begin = time.monotonic()
        process = self.start()
        process.join()
        assert process.exitcode == 0, self.printed.read_text()
        return time.monotonic() - begin

    def start(self) -> BaseProcess:
        return start(self.words, self.environment, self.printed)

    def kill(
        self, number: int, longest: float, nothing_broken: Callable[[], object], finished: Callable[[], object]
    ) -> None:
        """Kill it at so many moments, up to `longest` seconds after its start, then let it finish.

        nothing_broken: called after each kill.  finished: called whenever the command has come to its end; if it is to
        be killed further, it must begin anew.
        """
        moments, killed, ended = random.Random(0), 0, 0
        while killed < number:
            process = self.start()
            process.join(moments.uniform(0, longest))
            process.kill()
            process.join()
            if process.exitcode == 0:
                ended += 1
                finished()
                continue
            assert process.exitcode == -9, self.printed.read_text()
            killed += 1
            session = partial(_session, process.pid)
            until = time.monotonic() + GONE
            while session() and time.monotonic() < until:
                time.sleep(0.05)
            assert not session(), "its workers go on without it"
            nothing_broken()
            print(f"{self.words[0]}: killed {killed} times, came to its end {ended} times", flush=True)
        self.run()
        finished()


def _session(leader: int) -> list[int]:
    """Processes of a session that are alive."""
    members = []
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) == leader and process.status() != psutil.STATUS_ZOMBIE:
                members.append(process.pid)
        except (ProcessLookupError, psutil.NoSuchProcess):
            continue
    return members
