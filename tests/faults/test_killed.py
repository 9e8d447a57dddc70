"""Kill −9 at random moments of a training, a conversion and a study: what they make is what they make undisturbed.

`CROSSGLG_KILLS=50 python -m pytest -n 0 -s -m slow tests/faults/test_killed.py` kills each of them 50 times. (For the
generation of descriptions see `tests/text/test_generate_killed.py`.)
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from safetensors import safe_open
from support.killing import AVAILABLE, Command, kills
from support.works import CONVERSION, STUDY, TRAINING, Work, write_data

from crossglg.data.clips import SkeletonSet

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not AVAILABLE, reason="needs processes of Unix")]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("data"))


def whole(folder: Path) -> None:
    """All that carries its name is whole; what a killed process left unfinished has a name with a dot in front."""
    for path in folder.rglob("[!.]*"):
        if path.suffix == ".safetensors":
            with safe_open(path, "pt") as file:
                assert file.keys()
        elif path.suffix == ".npz":
            SkeletonSet.load(path)
        elif path.suffix in (".json", ".jsonl"):
            lines = path.read_text().splitlines() if path.suffix == ".jsonl" else [path.read_text()]
            assert [json.loads(line) for line in lines]


def leftovers(folder: Path) -> list[Path]:
    """Unfinished files and checkpoints that nobody needs any more."""
    unneeded = folder.rglob("runs/*/checkpoint.safetensors")
    return [*folder.rglob(".*"), *unneeded]


def killed(work: Work, data: Path, folder: Path, number: int, *more: object) -> None:
    """Kill the work so many times, over the whole of the time that it takes undisturbed. more: words of the command."""
    (folder / "undisturbed").mkdir()
    Command([*work.words(data, folder / "undisturbed"), *more], folder / "printed.txt").run()  # texts are embedded now
    shutil.rmtree(folder / "undisturbed")
    (folder / "undisturbed").mkdir()
    seconds = Command([*work.words(data, folder / "undisturbed"), *more], folder / "printed.txt").run()
    expected = work.result(folder / "undisturbed")
    runs: dict[Path, bytes] = {}  # finished before

    def nothing_broken() -> None:
        whole(folder / "run")
        now = {path: path.read_bytes() for path in (folder / "run").rglob("results.json")}
        assert {path: now.get(path) for path in runs} == runs, "a finished run was made again"
        runs.update(now)

    def finished() -> None:
        nothing_broken()
        assert work.result(folder / "run") == expected
        assert not leftovers(folder / "run")
        shutil.rmtree(folder / "run")
        runs.clear()

    command = Command([*work.words(data, folder / "run"), *more], folder / "printed.txt")
    command.kill(number, seconds, nothing_broken, finished)


def test_a_killed_training_ends_with_the_same_bytes(data: Path, tmp_path: Path) -> None:
    killed(TRAINING, data, tmp_path, kills(4))


def test_a_killed_conversion_leaves_no_set_or_a_whole_one(data: Path, tmp_path: Path) -> None:
    killed(CONVERSION, data, tmp_path, kills(4), "--workers", 2)


def test_a_killed_study_makes_every_run_once(data: Path, tmp_path: Path) -> None:
    killed(STUDY, data, tmp_path, kills(4))


def test_the_workers_of_a_killed_study_end_with_it(data: Path, tmp_path: Path) -> None:
    shutil.copytree(data, tmp_path / "data")  # of an encoder that workers know too
    study = tmp_path / "data" / "tiny.yaml"
    study.write_text(study.read_text().replace("encoder: tiny", "encoder: stgcn++-small"))
    killed(STUDY, tmp_path / "data", tmp_path, 2, "--jobs", 2)
