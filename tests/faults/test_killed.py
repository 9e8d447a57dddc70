"""Kill −9 at random moments of a training, a conversion and a study: what they make is what they make undisturbed.

`CROSSGLG_KILLS=50 python -m pytest -n 0 -m slow tests/faults/test_killed.py` kills each of them 50 times. (For the
generation of descriptions see `tests/text/test_generate_killed.py`.)
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from safetensors import safe_open
from support.killing import AVAILABLE, Command, kills
from support.ntu_files import write_tree
from support.small_study import ACTIONS, CONTENT, SETTINGS, write_sets_left_out

from crossglg.data.clips import SkeletonSet
from crossglg.data.protocols import find_protocol, write_protocol
from crossglg.data.synthetic import synthesise
from crossglg.data.tasks import fold, make_protocol
from crossglg.runs.results import read_results
from crossglg.studies.results import read_rows

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not AVAILABLE, reason="needs processes of Unix")]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight classes of five clips with a protocol, and sets of which two protocols leave out one each."""
    folder = tmp_path_factory.mktemp("data")
    left_out = write_sets_left_out(folder)
    write_protocol(folder / "fold.json", *fold([find_protocol(f"{left_out}:to-{name}") for name in "bc"]))
    clips = str(synthesise(0, 5, ACTIONS).save(folder / "mine.npz"))
    write_protocol(folder / "toy.json", make_protocol(clips, 2, 2, 0, "toy"))
    return folder


def whole_files(folder: Path) -> None:
    """All weights, JSON and sets below a folder are whole; what a killed process left unfinished has names of its own."""
    for path in folder.rglob("*"):
        if path.name.startswith("."):
            continue
        if path.suffix == ".safetensors":
            with safe_open(path, "pt") as file:
                assert file.keys()
        elif path.suffix == ".json":
            json.loads(path.read_text())
        elif path.suffix == ".npz":
            SkeletonSet.load(path)
        elif path.suffix == ".jsonl":
            assert [json.loads(line) for line in path.read_text().splitlines()]


def no_leftovers(folder: Path) -> None:
    """Nothing is there but what an undisturbed command leaves."""
    assert not [path for path in folder.rglob("*") if path.name.startswith(".")]


def training(data: Path, output: Path) -> Command:
    settings = {**SETTINGS, "dataset": data / "mine.npz", "epochs": 8}
    words = ["train", "--benchmark", f"{data / 'toy.json'}:toy", "--output", output]
    words += [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
    return Command(words, output.with_suffix(".printed"))


def test_a_killed_training_ends_with_the_same_bytes(data: Path, tmp_path: Path) -> None:
    undisturbed = training(data, tmp_path / "undisturbed")
    undisturbed.run()
    shutil.rmtree(tmp_path / "undisturbed")
    seconds = undisturbed.run()  # texts are embedded by now
    expected = {name: (tmp_path / "undisturbed" / "model" / name).read_bytes() for name in ("model.safetensors",)}

    def finished() -> None:
        for name, content in expected.items():
            assert (tmp_path / "run" / "model" / name).read_bytes() == content
        no_leftovers(tmp_path / "run")
        shutil.rmtree(tmp_path / "run")

    command = training(data, tmp_path / "run")
    command.kill(kills(4), seconds, lambda: whole_files(tmp_path / "run"), finished)


def test_a_killed_conversion_leaves_no_set_or_a_whole_one(tmp_path: Path) -> None:
    source = write_tree(tmp_path / "source", 60, 6)

    def command(output: Path) -> Command:
        words = ["data", "convert", source, "--format", "ntu", "--output", output, "--workers", 2]
        return Command(words, tmp_path / "printed.txt")

    seconds = command(tmp_path / "undisturbed" / "set.npz").run()
    expected = (tmp_path / "undisturbed" / "set.npz").read_bytes()
    folder = tmp_path / "run"

    def nothing_broken() -> None:
        assert not (folder / "set.npz").exists() or (folder / "set.npz").read_bytes() == expected

    def finished() -> None:
        assert (folder / "set.npz").read_bytes() == expected
        no_leftovers(folder)
        shutil.rmtree(folder)

    command(folder / "set.npz").kill(kills(4), seconds, nothing_broken, finished)


def study(data: Path, folder: Path, jobs: int) -> Command:
    """Two methods on two benchmarks that share their trainings."""
    settings = {name: value for name, value in SETTINGS.items() if name != "dataset"}
    benchmarks = ["DATA/fold.json:to-b-fold", "DATA/fold.json:to-c-fold"]
    content = {**CONTENT, "settings": {**settings, "epochs": 3}, "seeds": [0], "benchmarks": benchmarks}
    (data / "tiny.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    words = ["study", data / "tiny.yaml", "--data", data, "--output", folder / "runs", "--results", folder]
    return Command([*words, "--jobs", jobs], folder.with_suffix(".printed"))


def test_a_killed_study_makes_every_run_once(data: Path, tmp_path: Path) -> None:
    study(data, tmp_path / "undisturbed", 1).run()
    shutil.rmtree(tmp_path / "undisturbed")
    seconds = study(data, tmp_path / "undisturbed", 1).run()
    expected = rows(tmp_path / "undisturbed")
    folder, before = tmp_path / "run", {}

    def nothing_broken() -> None:
        """Runs that were finished before are as they were."""
        whole_files(folder)
        now = {path: path.read_bytes() for path in folder.rglob("results.json")}
        assert {path: now.get(path) for path in before} == before, "made again"
        before.update(now)

    def finished() -> None:
        nothing_broken()
        assert rows(folder) == expected
        assert not list(folder.rglob("checkpoint.safetensors"))
        shutil.rmtree(folder)
        before.clear()

    study(data, folder, 1).kill(kills(4), seconds, nothing_broken, finished)


def rows(folder: Path) -> dict[str, object]:
    """Of the study's table file, without what differs from run to run."""
    found = read_rows(folder / "tiny.jsonl")
    assert {name: len(read_results(folder / "runs" / name).one_shot) for name in found} == {
        name: len(row.correct) for name, row in found.items()
    }
    return {name: replace(row, seconds=0) for name, row in found.items()}


def test_the_workers_of_a_killed_study_end_with_it(data: Path, tmp_path: Path) -> None:
    command = study(data, tmp_path / "run", 2)
    command.kill(2, 15, lambda: None, lambda: None)
