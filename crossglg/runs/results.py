"""Results of runs: `results.json` with everything needed to make a number again, and tables over many of them."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import crossglg
from crossglg import tables
from crossglg.config import Config
from crossglg.data.convert import dataset_name, parse_dataset
from crossglg.data.tasks import Task, validation_name, share_name
from crossglg.files import read_json, write_atomically, write_json
from crossglg.one_shot import OneShotResult
from crossglg.statistics import Interval
from crossglg.training.trained_model import TrainedModel

RESULTS = "results.json"


def write_results(output: str | Path, task: Task, trained: TrainedModel, results: Sequence[OneShotResult]) -> Path:
    """Write `results.json`: accuracies per episode and class, protocol, its hashes, config, versions, git sha."""
    content = {
        **about_task(task),
        **about_model(trained),
        "one_shot": {result.classifier: result.to_dict() for result in results},
        **versions(),
    }
    return write_json(Path(output) / RESULTS, content)


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
    return {
        "config": portable(trained.config.to_dict()),
        "parameters": trained.num_parameters,
        "chosen_epoch": trained.details["chosen_epoch"],
        "validation_accuracy": trained.details["validation_accuracy"],
    }


def add_results(output: str | Path, **more: Any) -> Path:
    """Add entries to the `results.json` of a run."""
    path = Path(output) / RESULTS
    return write_json(path, {**read_json(path), **more})


def versions() -> dict[str, Any]:
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


_FILES = ("dataset", "benchmark", "descriptions", "initial_weights")


def absolute_paths(config: Config) -> Config:
    """The same with every path that exists from here made absolute: notebooks and workers run in another folder."""
    from crossglg.text.embeddings import TEXT_ENCODERS

    values = config.to_dict()
    for name, mark in _PATHS.items():
        path, found, rest = values[name].partition(mark) if mark else (values[name], "", "")
        shipped = path in TEXT_ENCODERS or (name == "benchmark" and not found)  # a name, even if a folder is called so
        if path and Path(path).exists() and not shipped:
            values[name] = f"{Path(path).resolve()}{found}{rest}"
    format_, source, options = parse_dataset(values["dataset"])
    if source and Path(source).exists():
        if "classes" in options:
            options["classes"] = str(Path(options["classes"]).resolve())
        query = "&".join(f"{name}={value}" for name, value in options.items())
        values["dataset"] = f"{format_}:{Path(source).resolve()}" + (f"?{query}" if query else "")
    return Config(**values)


_PATHS = {
    "dataset": "",
    "benchmark": ":",
    "descriptions": "",
    "text_encoder": "#",
    "initial_weights": "",
}  # settings, what ends the path


def task_name(config: Config) -> str:
    """What a Config's one-shot task is called before its clips are loaded."""
    name = config.benchmark.rpartition(":")[2] if config.benchmark else dataset_name(config.dataset)
    name = validation_name(name, config.validation_split) if config.validation_classes else name
    return share_name(name, config.base_share) if config.base_share < 1.0 else name


def method_name(config: Config) -> str:
    """What was run beside the encoder: objective and source of the texts, if not the usual ones, and guidance."""
    return "-".join([*_unusual(config.to_dict()), config.guidance])


def _unusual(config: Mapping[str, Any]) -> list[str]:
    usual = Config().to_dict()
    values = [(name, config.get(name, usual[name])) for name in ("objective", "text_source")]  # old results lack them
    return [value for name, value in values if value != usual[name]]


def command(config: dict[str, Any]) -> str:
    """The command that makes a run with this config again: only what differs from the defaults."""
    defaults = Config().to_dict()
    changed = {name: value for name, value in config.items() if value != defaults.get(name)}
    words = ["crossglg", "run"]
    for name in ("dataset", "benchmark", "encoder"):
        if name in changed:
            words += [f"--{name}", changed.pop(name)]
    for name, value in changed.items():
        words += ["--set", f"{name}={value}"]
    return shlex.join(words)


def load_results(folder: str | Path) -> list[dict[str, Any]]:
    """Every `results.json` below a folder, by name of the run; `name` is added."""
    files = sorted(Path(folder).glob(f"*/{RESULTS}"))
    return [{"name": file.parent.name, **read_json(file)} for file in files]


def write_csv(folder: str | Path) -> Path:
    """`results.csv` of all runs below a folder: one row per run and classifier."""
    rows = [
        {
            "run": run["name"],
            "task": run["task"],
            "encoder": run["config"]["encoder"],
            "guidance": run["config"]["guidance"],
            "seed": run["config"]["seed"],
            "epochs": run["config"]["epochs"],
            "classifier": classifier,
            "episodes": len(result["episodes"]),
            "accuracy": f"{100 * result['mean']:.2f}",
            "interval_over_draws": f"{100 * result['interval']:.2f}",
            "parameters": run.get("parameters", ""),
            "protocol_sha256": run["protocol_sha256"][:12],
            "git_sha": run["git_sha"][:12],
            "torch": run["torch"],
            "command": command(run["config"]),
        }
        for run in load_results(folder)
        for classifier, result in run["one_shot"].items()
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
    for run in load_results(folder):
        task, sha = run["task"], run["protocol_sha256"]
        config = {**Config().to_dict(), **run["config"]}  # results made before a setting was there have its default
        if classifier in run["one_shot"]:
            method = ", ".join([config["encoder"], *_unusual(config), METHODS[config["guidance"]]])
            same = {name: value for name, value in config.items() if name not in NOT_IN_A_ROW}
            row = _Row(task, True, method, json.dumps([sha, same], sort_keys=True))
            rows.setdefault(row, {})[config["seed"]] = run["one_shot"][classifier]["episodes"]
            settings[row] = same
        if run.get("raw_coordinates"):
            episodes = run["raw_coordinates"]["episodes"]
            row = _Row(task, False, "raw coordinates", sha)
            rows[row] = {0: episodes}
            settings[row] = {"episodes": len(episodes)}
    cells = []
    for row in sorted(rows):
        alike = [settings[other] for other in rows if other[:3] == row[:3]]
        differing = [f"{n}={v}" for n, v in settings[row].items() if any(other.get(n) != v for other in alike)]
        method = f"{row.method} ({', '.join(differing)})" if differing else row.method
        interval = Interval.of_runs(list(rows[row].values()))
        accuracy = f"{100 * interval.mean:.1f} ± {100 * interval.half_width:.1f}"
        cells.append([row.task, method, len(rows[row]) if row.trained else "–", accuracy])
    return tables.markdown(["one-shot task", "method", "seeds", "top-1, %"], cells)


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
    body = f"{head}{start}\n{table}\n{end}{tail}"
    return write_atomically(Path(readme), lambda file: file.write(body.encode()))
