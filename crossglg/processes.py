"""Processes beside each other: one of them writes a folder, and none wastes the cores that others could use."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # Windows, where nothing is locked
    fcntl = None  # type: ignore[assignment]


class BusyError(ValueError):
    """Another process writes the same."""


def spin_briefly() -> None:
    """Let OpenMP's waiting threads sleep soon, in what this process starts and in libraries that it has yet to load.

    By default they spin for long, which on cores that other processes also use takes time from the threads they wait
    for. Never spinning halves the speed on free cores; 3,000 rounds lie between (`benchmarks/beside_other_work.py`).
    A user's own GOMP_SPINCOUNT or OMP_WAIT_POLICY stays.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "3000")


def end_with(parent: int) -> None:
    """Let this process, a worker, end within a second of its parent: one that is killed cannot end its workers.

    parent: the process that started this one, or this one itself, where nothing is to be done.
    """
    watch = "end with the parent"
    if os.getpid() == parent or any(thread.name == watch for thread in threading.enumerate()):
        return

    def wait() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=wait, name=watch, daemon=True).start()


@contextmanager
def sole_writer(lock: Path, what: Path, wait: bool = False) -> Iterator[None]:
    """Let no other process enter this block with the same lock file; the system frees the lock when a process dies.

    A folder that is made for the lock file goes with it if nothing else has come into it. What a killed process had
    begun to write of `what` (see `files.write_atomically`) is removed.

    Args:
        lock: the lock file, which is there as long as the block runs.
        what: what the block writes, to be named to whoever comes second.
        wait: wait for another process that is in the block.

    Raises:
        BusyError: another process is in the block, and `wait` is False.
    """
    new_folders = [folder for folder in lock.parents if not folder.exists()]
    lock.parent.mkdir(parents=True, exist_ok=True)
    with _held(lock, what, wait) as file:
        file.truncate(0)
        file.write(f"process {os.getpid()} since {datetime.now():%Y-%m-%d %H:%M:%S}")
        file.flush()
        unfinished = what.rglob(".*.tmp") if what.is_dir() else what.parent.glob(f".{what.name}.*.tmp")
        for path in list(unfinished):
            if not _is_written(path):
                path.unlink(missing_ok=True)
        try:
            yield
        finally:
            with suppress(OSError):  # a folder is not empty, or a system keeps files that are open
                lock.unlink()  # while it is locked, so that who has it open too sees that it is gone
                for folder in new_folders:
                    folder.rmdir()


def _is_written(temporary: Path) -> bool:
    """Whether the process that writes a temporary file lives: another file of the same folder may be in its hands."""
    process = re.search(r"\.(\d+)-\d+\.tmp$", temporary.name)  # as `files.write_atomically` calls it
    if process is None or fcntl is None:  # on Windows, asking like this would end the process
        return False
    try:
        os.kill(int(process[1]), 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # it lives, and is another user's
        return True
    return True


def _held(lock: Path, what: Path, wait: bool) -> IO[str]:
    """Open and lock the file that is at this path when the lock is ours, not one that its last owner has removed."""
    while True:
        file = lock.open("a+", encoding="utf-8")
        try:
            if fcntl:
                fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError as error:
            with file:
                file.seek(0)
                owner = file.read() or "another process"
            raise BusyError(f"{what} is being written by {owner}; wait for it or stop it") from error
        except OSError:  # a file system without locks: the run goes on as if it were alone
            return file
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file.fileno()), lock.stat()):
                return file
        file.close()
