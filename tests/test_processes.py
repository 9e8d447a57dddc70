"""One process writes a folder at a time; waiting threads sleep."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from crossglg.processes import sole_writer

pytest.importorskip("fcntl")

HOLD = """
import sys
from pathlib import Path
from crossglg.processes import sole_writer
with sole_writer(Path(sys.argv[1]), Path("mine")):
    print("held", flush=True)
    sys.stdin.read()
"""
WORKER = """
import os
from joblib import delayed
from crossglg.studies.runner import _workers
if __name__ == "__main__":
    with _workers("loky", 1, "") as (parallel, threads):
        print(*parallel([delayed(os.environ.get)("GOMP_SPINCOUNT")]))
"""


def holder(lock: Path) -> subprocess.Popen[str]:
    """Another process that holds the lock until its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    return process


def test_a_second_process_is_told_who_writes_and_since_when(tmp_path: Path) -> None:
    lock = tmp_path / "new" / "folder" / ".lock"
    process = holder(lock)
    with (
        pytest.raises(ValueError, match=rf"^mine is being written by process {process.pid} since 20\d\d-\d\d-\d\d "),
        sole_writer(lock, Path("mine")),
    ):
        pass
    assert lock.is_file(), "the first one still has it"
    process.communicate()
    assert not list(tmp_path.iterdir()), "folders that nothing came into are gone"
    with sole_writer(lock, Path("mine")):
        (lock.parent / "file").touch()
    assert [path.name for path in lock.parent.iterdir()] == ["file"]


def test_a_killed_process_holds_no_lock(tmp_path: Path) -> None:
    process = holder(tmp_path / ".lock")
    process.kill()
    process.communicate()
    assert (tmp_path / ".lock").is_file()
    with sole_writer(tmp_path / ".lock", Path("mine")):
        assert f"process {os.getpid()} " in (tmp_path / ".lock").read_text()
    assert not list(tmp_path.iterdir())


def test_the_lock_is_free_after_an_error(tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(KeyError), sole_writer(tmp_path / ".lock", Path("mine")):
            raise KeyError
    assert not list(tmp_path.iterdir())


def test_only_one_of_many_at_the_same_instant_is_let_in(tmp_path: Path) -> None:
    """Each appends while it is inside; an owner removes the lock file while others are about to open it."""
    code = """
import sys, time
from pathlib import Path
from crossglg.processes import sole_writer
folder, inside = Path(sys.argv[1]), Path(sys.argv[1]) / "inside"
for _ in range(300):
    try:
        with sole_writer(folder / ".lock", folder):
            inside.mkdir()  # fails if somebody is there
            inside.rmdir()
    except ValueError:
        pass
"""
    command = [sys.executable, "-c", code, str(tmp_path)]
    many = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    assert [process.communicate()[1] for process in many] == [""] * 4


OWN = [({}, "3000"), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "active"}, "None")]
COMMAND = "import os, crossglg.cli; print(os.environ.get('GOMP_SPINCOUNT'))"


@pytest.mark.parametrize(
    ("code", "own", "spins"),
    [
        *(pytest.param(COMMAND, *case, id=f"command-{case[1]}") for case in OWN),
        # Two processes that import torch; they go by the user's own as the command does.
        *(
            pytest.param(WORKER, *case, id=f"study's worker-{case[1]}", marks=pytest.mark.slow if case[0] else ())
            for case in OWN
        ),
    ],
)
def test_threads_spin_briefly_unless_the_user_says_otherwise(
    code: str, own: dict[str, str], spins: str, tmp_path: Path
) -> None:
    script = tmp_path / "script.py"
    script.write_text(code)
    names = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
    environment = {name: value for name, value in os.environ.items() if name not in names} | own
    environment["PYTHONPATH"] = str(Path(__file__).parents[1])
    done = subprocess.run([sys.executable, str(script)], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [spins]


def test_what_a_living_process_is_writing_stays_and_what_a_dead_one_left_goes(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    living, left = (tmp_path / f".page.html.{process}-1.tmp" for process in (os.getppid(), dead.pid))
    odd = tmp_path / ".odd.tmp"
    for path in (living, left, odd):
        path.touch()
    with sole_writer(tmp_path / ".lock", tmp_path):
        assert living.is_file() and not left.is_file() and not odd.is_file()


def test_who_waits_comes_in_when_the_other_has_gone(tmp_path: Path) -> None:
    process = holder(tmp_path / ".lock")
    threading.Timer(0.5, process.communicate).start()
    with sole_writer(tmp_path / ".lock", Path("mine"), wait=True):
        assert process.wait(10) == 0
