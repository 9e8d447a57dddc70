"""A study's results: one table file, `<study>.jsonl`, with a line for each finished run, in the order of the study.

The first line has the settings that most of these runs have, a run's own line those in which it differs. With the study
the file is all that tables and figures need; what else a run left, its model and its `results.json`, lies in a folder
of its own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import mode
from typing import Any, ClassVar

import numpy as np

from crossglg.config import BEFORE
from crossglg.files import InputError, as_record, write_file
from crossglg.runs.results import RunResults, portable
from crossglg.statistics import Array
from crossglg.studies.spec import Run, Study, deciding

VERSION = 1  # of table files


@dataclass(frozen=True)
class Row:
    """One finished run, as a study's table has it.

    Args:
        name: Of the run, as `Run.name` makes it of the settings.
        task: Name of the one-shot task.
        protocol_file_sha256: Hash of the benchmark's protocol as its file has it; empty without a file.
        clips_sha256: Hash of the protocol with its clips.
        settings: Those that can change a number; in the file only those that differ from the first line.
        queries: How many clips were classified in each episode.
        correct: How many of them correctly, per episode `(R,)`, by name of the classifier.
        texts: Which descriptions the run learned from, with their hashes.
        chosen_epoch: Epoch chosen on validation clips of the base classes, from 0; none if nothing was trained.
        validation_accuracy: Accuracy on these clips, in 0…1; none if there were none.
        seconds: How long the run took.
        device: What it ran on.
        torch: Version of torch.
        git_sha: Commit of the checkout, or "unknown".
        coordinates_sha256: Hash of the clips' coordinates; empty for runs from before it was recorded.
    """

    name: str
    task: str
    protocol_file_sha256: str
    clips_sha256: str
    settings: dict[str, Any]
    queries: int
    correct: dict[str, list[int]]
    texts: list[str]
    chosen_epoch: int | None
    validation_accuracy: float | None
    seconds: float
    device: str
    torch: str
    git_sha: str
    coordinates_sha256: str = ""
    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    @classmethod
    def of(cls, name: str, results: RunResults) -> Row:
        """The row of what a run of a study left."""
        study = results.study
        if study is None:
            raise InputError(f"the results of {name} are not those of a study's run; delete them and run the study")
        first = next(iter(results.one_shot.values()))
        queries = sum(map(sum, first.confusion)) // len(first.episodes)
        return cls(
            name=name,
            task=results.task,
            protocol_file_sha256=study.protocol_file_sha256,
            clips_sha256=results.clips_sha256,
            settings=deciding(results.settings),
            queries=queries,
            correct={c: [round(queries * draw) for draw in found.episodes] for c, found in results.one_shot.items()},
            texts=study.texts,
            chosen_epoch=results.chosen_epoch,
            validation_accuracy=results.validation_accuracy,
            seconds=study.seconds,
            device=study.device,
            torch=results.torch,
            git_sha=results.git_sha,
            coordinates_sha256=study.coordinates_sha256,
        )

    def accuracy(self, classifier: str) -> Array:
        """`(R,)` accuracy per episode, in 0…1."""
        return np.array(self.correct[classifier]) / self.queries

    def check(self, run: Run, where: str) -> None:
        """Raise InputError if it was made with other settings than `run` has. where: what can be deleted then."""
        now = deciding(portable(run.config.to_dict()))
        made = {**BEFORE, **self.settings}
        new = [name for name in now if name not in made]
        if new:
            raise InputError(f"{self.name} was made by a version without the setting {new[0]}; delete {where}")
        changed = [name for name in made if made[name] != now.get(name)]
        if changed:  # a default of the package is another one since
            raise InputError(
                f"{self.name} was made with {changed[0]}={made[changed[0]]!r}, not {now.get(changed[0])!r}; "
                f"set {changed[0]} in the study, or delete {where}"
            )


@dataclass(frozen=True)
class _Usual:
    """The first line of a table file."""

    settings: dict[str, Any]
    version: int = VERSION


def table_file(study: Study, folder: str | Path) -> Path:
    """Where a study's table file lies."""
    return Path(folder) / f"{study.name}.jsonl"


def finished(study: Study, folder: str | Path) -> list[tuple[Run, Row]]:
    """The study's finished runs with their rows, in its order; `folder` has its table file.

    Raises:
        InputError: The file is damaged, or a run was made with other settings.
    """
    path = table_file(study, folder)
    rows = read_rows(path)
    found = [(run, rows[run.name]) for run in study.runs() if run.name in rows]
    for run, row in found:
        row.check(run, f"its line in {path}")
    return found


def read_rows(path: Path) -> dict[str, Row]:
    """The rows of a table file by name of the run; none without a file. Raises InputError naming a damaged line."""
    if not path.is_file():
        return {}
    first, *lines = path.read_bytes().splitlines() or [b""]
    remedy = "restore it from a copy"
    usual = as_record(_Usual, first, f"line 1 of {path}", VERSION, remedy).settings
    remedy += ", or delete the line and run the study again"
    rows = [as_record(Row, line, f"line {n} of {path}", None, remedy) for n, line in enumerate(lines, start=2)]
    return {row.name: replace(row, settings={**usual, **row.settings}) for row in rows}


def write_rows(path: Path, rows: Mapping[str, Row], order: Sequence[str]) -> None:
    """Write a table file, atomically. order: names of runs; rows of others come last, by name."""
    place = {name: number for number, name in enumerate(order)}
    ordered = sorted(rows.values(), key=lambda row: (place.get(row.name, len(place)), row.name))
    values = {name: [row.settings[name] for row in ordered if name in row.settings] for name in ordered[0].settings}
    usual = {name: mode(found) for name, found in values.items() if len(found) == len(ordered)}
    lines = [asdict(_Usual(usual))]
    for row in ordered:
        own = {name: value for name, value in row.settings.items() if name not in usual or usual[name] != value}
        lines.append(asdict(replace(row, settings=own)))
    write_file(path, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))
