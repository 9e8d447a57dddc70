"""Results of runs: what one leaves in `results.json`, and tables over many of them."""

from __future__ import annotations

import json
import math
import re
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import crossglg
from crossglg import tables
from crossglg.config import BEFORE, DEFAULTS, Config
from crossglg.data.convert import dataset_name, parse_dataset
from crossglg.data.tasks import Task, clips_name, share_name, validation_name
from crossglg.files import MissingError, as_record, expanded, write_file, write_json
from crossglg.one_shot import TEXT_CLASSIFIERS, OneShotResult
from crossglg.statistics import Interval
from crossglg.text.embeddings import TEXT_ENCODERS
from crossglg.training.trained_model import TrainedModel

RESULTS = "results.json"
VERSION = 1  # of `RunResults` in files
AGAIN = "restore it from a copy, or delete it and run again"


@dataclass(frozen=True)
class Accuracy:
    """Top-1 accuracy of one classifier on a one-shot task, in 0…1.

    Args:
        mean: Over the episodes.
        interval: Half width of its 95 % interval over the episodes, Student's t.
        episodes: Of each episode, `(R,)`.
        per_class: Of each novel class over all episodes, `(K,)`.
        confusion: Counts of queries over all episodes, `(K, K)`, a row per true class.
    """

    mean: float
    interval: float
    episodes: list[float]
    per_class: list[float]
    confusion: list[list[int]]


@dataclass(frozen=True)
class StudyDetails:
    """What is known besides of a run that a study made.

    Args:
        protocol_file_sha256: Hash of the benchmark's protocol as its file has it; empty without a file.
        device: What it ran on.
        threads: How many it could use.
        seconds: How long it took, evaluation included.
        texts: Which descriptions it learned from, with their hashes.
        resumed: Whether its training was cut off and continued.
        members: Names of the runs whose models make this ensemble.
        coordinates_sha256: Hash of the clips' coordinates; empty for runs from before it was recorded.
    """

    protocol_file_sha256: str
    device: str
    threads: int
    seconds: float
    texts: list[str] = field(default_factory=list)
    resumed: bool = False
    members: list[str] = field(default_factory=list)
    coordinates_sha256: str = ""


@dataclass(frozen=True)
class RunResults:
    """What a run leaves in `results.json`: its accuracies, and all that is needed to make them again.

    Args:
        task: Name of the one-shot task.
        protocol_sha256: Hash of its classes and exemplars.
        clips_sha256: Hash of the protocol with its clips; empty for runs from before it was recorded.
        base_classes: Classes that the model learned from.
        novel_classes: Classes that it was tested on.
        base_clips: Number of clips of the base classes.
        novel_clips: Number of clips of the novel classes.
        config: All settings; files go by name alone.
        one_shot: Accuracy by name of the classifier.
        crossglg: Version of this package.
        git_sha: Commit of the checkout, or "unknown".
        torch: Version of torch.
        numpy: Version of numpy.
        parameters: Size of the model; none if nothing was trained.
        chosen_epoch: Epoch chosen on validation clips of the base classes, from 0; none if nothing was trained.
        validation_accuracy: Accuracy on these clips, in 0…1; none if there were none.
        raw_coordinates: Accuracy of raw coordinates on the same task; none if it was not measured.
        attention: How well joint importance agrees with the truth of synthetic clips: method → measure → value.
        study: What a study adds; none for other runs.
        version: Of this record.
    """

    task: str
    protocol_sha256: str
    clips_sha256: str
    base_classes: list[str]
    novel_classes: list[str]
    base_clips: int
    novel_clips: int
    config: dict[str, Any]
    one_shot: dict[str, Accuracy]
    crossglg: str
    git_sha: str
    torch: str
    numpy: str
    parameters: int | None = None
    chosen_epoch: int | None = None
    validation_accuracy: float | None = None
    raw_coordinates: Accuracy | None = None
    attention: dict[str, dict[str, float]] = field(default_factory=dict)
    study: StudyDetails | None = None
    version: int = VERSION
    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    @property
    def settings(self) -> dict[str, Any]:
        """All settings: those that came after the run as it was made, by what stood there before, else by default."""
        return {**DEFAULTS, **BEFORE, **self.config}

    def episodes(self) -> dict[str, list[float]]:
        """Accuracy of each episode by classifier, before them that of raw coordinates where it was measured.

        Classifiers that read texts of the novel classes, of a run of a study, are called so.
        """
        raw = {"raw coordinates": self.raw_coordinates} if self.raw_coordinates else {}
        named = {f"{name} (reads texts)" if name in TEXT_CLASSIFIERS else name: a for name, a in self.one_shot.items()}
        return {name: accuracy.episodes for name, accuracy in {**raw, **named}.items()}

    def write(self, folder: str | Path) -> Path:
        """Write `results.json` into a run's folder."""
        return write_json(Path(folder) / RESULTS, asdict(self))


def read_results(folder: str | Path) -> RunResults:
    """The results of a run by its folder.

    Raises:
        MissingError: The run has none.
        InputError: They are damaged, or of another version of this package.
    """
    path = Path(folder) / RESULTS
    if not path.is_file():
        raise MissingError(f"no {RESULTS} in {folder}; give the folder of a finished 'crossglg run'")
    return as_record(RunResults, path.read_bytes(), path, VERSION, AGAIN)


def load_results(folder: str | Path) -> dict[str, RunResults]:
    """Results of every run in the folders below `folder`, by name of the run."""
    return {file.parent.name: read_results(file.parent) for file in sorted(Path(folder).glob(f"*/{RESULTS}"))}


def write_results(
    output: str | Path,
    task: Task,
    trained: TrainedModel,
    results: Sequence[OneShotResult],
    raw_coordinates: OneShotResult | None = None,
) -> Path:
    """Write `results.json` of a model evaluated on a task, with the accuracy of raw coordinates to compare with."""
    raw = None if raw_coordinates is None else Accuracy(**raw_coordinates.to_dict())
    about = {**about_task(task), **about_model(trained), **versions()}
    return RunResults(**about, one_shot=by_classifier(results), raw_coordinates=raw).write(output)


def add_results(output: str | Path, **more: Any) -> Path:
    """Fill in fields of the `RunResults` of a run."""
    return replace(read_results(output), **more).write(output)


def by_classifier(results: Sequence[OneShotResult]) -> dict[str, Accuracy]:
    """The same as records."""
    return {result.classifier: Accuracy(**result.to_dict()) for result in results}


def about_task(task: Task) -> dict[str, Any]:
    """Which protocol a number is of, with hashes of it and of its clips."""
    return {
        "task": task.name,
        "protocol_sha256": task.sha256,
        "clips_sha256": task.clips_sha256,
        "base_classes": list(task.base.class_names),
        "novel_classes": list(task.novel.class_names),
        "base_clips": len(task.base),
        "novel_clips": len(task.novel),
    }


def about_model(trained: TrainedModel) -> dict[str, Any]:
    """Which model a number is of: settings, size, the epoch chosen on base classes."""
    accuracy = trained.details["validation_accuracy"]  # without validation clips None, before that not a number
    return {
        "config": portable(trained.config.to_dict()),
        "parameters": trained.num_parameters,
        "chosen_epoch": trained.details["chosen_epoch"],
        "validation_accuracy": accuracy if accuracy is not None and math.isfinite(accuracy) else None,
    }


def versions() -> dict[str, str]:
    """Versions of what decides a number, and the git sha of a checkout ("unknown" elsewhere)."""
    try:
        git = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=Path(__file__).parent, capture_output=True, text=True, check=False
        )
        sha = git.stdout.strip()
    except OSError:  # git is not installed
        sha = ""
    return {
        "crossglg": crossglg.__version__,
        "git_sha": sha or "unknown",
        "torch": version("torch"),
        "numpy": version("numpy"),
    }


def portable(config: dict[str, Any]) -> dict[str, Any]:
    """A config whose files go by name alone: results are shared, folders of one machine are not."""
    files = {name: Path(config[name]).name for name in _FILES if config.get(name)}
    return {**config, **files}


_FILES = ("dataset", "extra_base", "benchmark", "descriptions", "initial_weights")


def absolute_paths(config: Config) -> Config:
    """The same with every path that exists from here made absolute: notebooks and workers run in another folder."""
    values = config.to_dict()
    for name, mark in _PATHS.items():
        path, found, rest = values[name].partition(mark) if mark else (values[name], "", "")
        shipped = path in TEXT_ENCODERS or (name == "benchmark" and not found)  # a name, even if a folder is called so
        if path and expanded(path).exists() and not shipped:
            values[name] = f"{expanded(path).resolve()}{found}{rest}"
    for name in ("dataset", "extra_base"):
        format_, source, options = parse_dataset(values[name])
        if source and Path(source).exists():
            files = [key for key in ("classes", "layout") if Path(options.get(key, "")).is_file()]
            options |= {key: str(Path(options[key]).resolve()) for key in files}
            query = "&".join(f"{key}={value}" for key, value in options.items())
            values[name] = f"{format_}:{Path(source).resolve()}" + (f"?{query}" if query else "")
    return Config(**values)


# setting → what ends its path
_PATHS = {
    "dataset": "", "extra_base": "", "benchmark": ":", "descriptions": "", "text_encoder": "#", "initial_weights": "",
}  # fmt: skip


def task_name(config: Config) -> str:
    """What a Config's one-shot task is called before its clips are loaded."""
    name = config.benchmark.rpartition(":")[2] if config.benchmark else dataset_name(config.dataset)
    name = validation_name(name, config.validation_split) if config.validation_classes else name
    name = share_name(name, config.base_share) if config.base_share < 1.0 else name
    return clips_name(name, config.base_clips) if config.base_clips else name


def method_name(config: Config) -> str:
    """What was run beside the encoder: objective and source of the texts, if not the usual ones, and guidance."""
    return "-".join([*_unusual(config.to_dict()), config.guidance])


def _unusual(config: Mapping[str, Any]) -> list[str]:
    return [config[name] for name in ("objective", "text_source") if config[name] != DEFAULTS[name]]


def command(config: dict[str, Any]) -> str:
    """The command that makes a run with this config again: only what differs from the defaults."""
    changed = {name: value for name, value in config.items() if value != DEFAULTS.get(name)}
    words = ["crossglg", "run"]
    for name in ("dataset", "benchmark", "encoder"):
        if name in changed:
            words += [f"--{name}", changed.pop(name)]
    for name, value in changed.items():
        words += ["--set", f"{name}={value}"]
    return shlex.join(words)


def write_csv(folder: str | Path) -> Path:
    """`results.csv` of all runs below a folder: one row per run and classifier."""
    of_training = ("guidance", "seed", "epochs")
    rows = [
        {
            "run": name,
            "task": run.task,
            "encoder": _untrained(name, run) or run.config["encoder"],
            **{key: "" if _untrained(name, run) else run.config[key] for key in of_training},
            "classifier": classifier,
            "episodes": len(result.episodes),
            "accuracy": f"{100 * result.mean:.2f}",
            "interval_over_draws": f"{100 * result.interval:.2f}",
            "parameters": run.parameters,
            "protocol_sha256": run.protocol_sha256[:12],
            "git_sha": run.git_sha[:12],
            "torch": run.torch,
            "command": "" if _untrained(name, run) else command(run.config),  # studies alone make those without
        }
        for name, run in load_results(folder).items()
        for classifier, result in run.one_shot.items()
    ]
    header = list(rows[0]) if rows else ["run"]
    return tables.write_csv(Path(folder) / "results.csv", header, [list(row.values()) for row in rows])


def markdown_table(folder: str | Path, classifier: str = "cosine") -> str:
    """A Markdown table of one-shot accuracy: tasks × methods, mean and 95 % interval over seeds and episodes.

    A row averages runs of one protocol that differ in nothing but their seed. Rows that would read alike name the
    settings in which they differ.
    """
    rows: dict[_Row, dict[int, list[float]]] = {}  # → seed → accuracy per episode
    settings: dict[_Row, dict[str, Any]] = {}
    for name, run in load_results(folder).items():
        config = run.settings
        untrained = _untrained(name, run)
        if untrained and classifier in run.one_shot:
            row = _Row(run.task, False, untrained, run.protocol_sha256)
            rows[row] = {0: run.one_shot[classifier].episodes}
            settings[row] = {"episodes": len(rows[row][0])}
        elif classifier in run.one_shot:
            method = ", ".join([config["encoder"], *_unusual(config), METHODS[config["guidance"]]])
            if run.study and run.study.members:
                method = f"{len(run.study.members)} models as one: {method}"
            same = {name: value for name, value in config.items() if name not in NOT_IN_A_ROW}
            row = _Row(run.task, True, method, json.dumps([run.protocol_sha256, same], sort_keys=True))
            rows.setdefault(row, {})[config["seed"]] = run.one_shot[classifier].episodes
            settings[row] = same
        if run.raw_coordinates:
            episodes = run.raw_coordinates.episodes
            row = _Row(run.task, False, "raw coordinates", run.protocol_sha256)
            rows[row] = {0: episodes}
            settings[row] = {"episodes": len(episodes)}
    cells = []
    for row in sorted(rows):
        alike = [settings[other] for other in rows if other[:3] == row[:3]]
        differing = [f"{n}={v}" for n, v in settings[row].items() if any(other.get(n) != v for other in alike)]
        method = f"{row.method} ({', '.join(differing)})" if differing else row.method
        interval = Interval.of_runs(list(rows[row].values()))
        cells.append([row.task, method, len(rows[row]) if row.trained else "–", interval.percent])
    return tables.markdown(["one-shot task", "method", "seeds", "top-1, %"], cells)


def _untrained(name: str, run: RunResults) -> str:
    """What a run of a study compared that learned nothing, which the name of its folder tells; else nothing."""
    if run.study is None or run.parameters is not None or run.study.members:
        return ""
    warped = re.search(r"-(dtw[a-z-]*)-[0-9a-f]{10}$", name)
    return f"raw coordinates, time warping ({warped[1]})" if warped else "raw coordinates"


class _Row(NamedTuple):
    """What the runs of one row have in common, in the order in which rows are sorted: raw coordinates come first."""

    task: str
    trained: bool
    method: str
    settings: str


# A row may hold several seeds; where a run's files lay and on what it ran does not matter (the protocol is compared).
NOT_IN_A_ROW = ("seed", "device", "dataset", "benchmark", "descriptions")
METHODS = {"none": "no text", "g2l": "global→local only", "l2g": "local→global only", "both": "CrossGLG"}


def update_readme(readme: str | Path, name: str, table: str) -> Path:
    """Write a table between the two marks <!-- name --> of a README; raises ValueError if the marks are missing."""
    text, first, last = Path(readme).read_text(encoding="utf-8"), f"<!-- {name} -->", f"<!-- /{name} -->"
    head, start, rest = text.partition(first)
    _, end, tail = rest.partition(last)
    if not (start and end):
        raise ValueError(f"{readme} has no place for the table: add the lines {first} and {last}")
    return write_file(readme, f"{head}{start}\n{table}\n{end}{tail}")
