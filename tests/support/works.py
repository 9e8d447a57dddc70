"""Commands that take a while, on inputs so small that it is a short one, and what each has made when it is done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml
from support.ntu_files import write_tree
from support.small_study import ACTIONS, CONTENT, SETTINGS, write_sets_left_out

from crossglg.data.protocols import find_protocol, write_protocol
from crossglg.data.synthetic import synthesize
from crossglg.data.tasks import fold, make_protocol
from crossglg.studies.results import read_rows


@dataclass(frozen=True)
class Work:
    """words: the command, of the folders of its inputs and its output;  result: what it has made there, comparable."""

    name: str
    words: Callable[[Path, Path], list[Any]]
    result: Callable[[Path], Any]


def write_data(folder: Path) -> Path:
    """What all of them read."""
    clips = str(synthesize(0, 5, ACTIONS).save(folder / "mine.npz"))
    write_protocol(folder / "toy.json", make_protocol(clips, 2, 2, 0, "toy"))
    left_out = write_sets_left_out(folder)
    write_protocol(folder / "fold.json", *fold([find_protocol(f"{left_out}:to-{name}") for name in "bc"]))
    write_tree(folder / "ntu", 60, 6)
    settings = {name: value for name, value in SETTINGS.items() if name != "dataset"} | {"epochs": 3}
    benchmarks = ["DATA/fold.json:to-b-fold", "DATA/fold.json:to-c-fold"]  # two that share their trainings
    content = {**CONTENT, "settings": settings, "seeds": [0], "benchmarks": benchmarks}
    (folder / "tiny.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    return folder


def _training(data: Path, output: Path) -> list[Any]:
    settings = {**SETTINGS, "dataset": data / "mine.npz", "epochs": 8}
    words = ["train", "--benchmark", f"{data / 'toy.json'}:toy", "--output", output / "run"]
    return words + [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]


def _conversion(data: Path, output: Path) -> list[Any]:
    return ["data", "convert", data / "ntu", "--format", "ntu", "--output", output / "set.npz"]


def _study(data: Path, output: Path) -> list[Any]:
    places = ["--data", data, "--output", output / "runs", "--results", output]
    return ["study", data / "tiny.yaml", *places, "--jobs", 1]


def _rows(output: Path) -> Any:
    return {name: replace(row, seconds=0, git_sha="") for name, row in read_rows(output / "tiny.jsonl").items()}


TRAINING = Work("training", _training, lambda output: (output / "run" / "model" / "model.safetensors").read_bytes())
CONVERSION = Work("conversion", _conversion, lambda output: (output / "set.npz").read_bytes())
STUDY = Work("study", _study, _rows)
