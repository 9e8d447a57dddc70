"""Results of runs: `results.json` with everything needed to make a number again, and tables over many of them."""

from __future__ import annotations

import csv
import io
import subprocess
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

import crossglg
from crossglg.data.protocols import Task
from crossglg.files import read_json, write_atomically, write_json
from crossglg.one_shot import OneShotResult, half_width
from crossglg.trained import TrainedModel

RESULTS = "results.json"
TABLE_START, TABLE_END = "<!-- results -->", "<!-- /results -->"


def write_results(output: str | Path, task: Task, trained: TrainedModel, results: Sequence[OneShotResult]) -> Path:
    """Write `results.json`: accuracies per draw and class, protocol and its hash, config, versions, git sha."""
    content = {
        "task": task.name,
        "protocol_sha256": task.sha256,
        "base_classes": list(task.base.class_names),
        "novel_classes": list(task.novel.class_names),
        "base_clips": len(task.base),
        "novel_clips": len(task.novel),
        "config": trained.config.to_dict(),
        "parameters": trained.num_parameters,
        "chosen_epoch": trained.details["chosen_epoch"],
        "held_out_accuracy": trained.details["held_out_accuracy"],
        "one_shot": {result.classifier: result.to_dict() for result in results},
        **versions(),
    }
    return write_json(Path(output) / RESULTS, content)


def add_results(output: str | Path, **more: Any) -> Path:
    """Add entries to the `results.json` of a run."""
    path = Path(output) / RESULTS
    return write_json(path, {**read_json(path), **more})


def versions() -> dict[str, Any]:
    """Versions of what decides a number, and the git sha of a checkout ("unknown" elsewhere)."""
    git = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=Path(__file__).parent, capture_output=True, text=True, check=False
    )
    return {
        "crossglg": crossglg.__version__,
        "git_sha": git.stdout.strip() or "unknown",
        "torch": version("torch"),
        "numpy": version("numpy"),
    }


def command(config: dict[str, Any]) -> str:
    """The command that makes a run with this config again: only what differs from the defaults."""
    from crossglg.config import Config

    defaults = Config().to_dict()
    changed = {name: value for name, value in config.items() if value != defaults[name]}
    words = [f"--{name} {changed.pop(name)}" for name in ("dataset", "benchmark", "encoder") if name in changed]
    words += [f"--set {name}={value}" for name, value in changed.items()]
    return " ".join(["crossglg run", *words])


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
            "draws": len(result["draws"]),
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
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]) if rows else ["run"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return write_atomically(Path(folder) / "results.csv", lambda file: file.write(text.getvalue().encode()))


def accuracy_interval(runs: Sequence[Sequence[float]], samples: int = 2000) -> tuple[float, float]:
    """Mean of accuracies (seeds × draws) and the half width of its 95 % interval, by bootstrap over seeds and draws.

    The draws are the same for every seed, so both are resampled on their own. One seed alone: the t-interval over draws.
    """
    accuracy = np.asarray(runs, dtype=float)
    if len(accuracy) == 1:
        return float(accuracy.mean()), half_width(accuracy[0])
    rng = np.random.default_rng(0)
    seeds, draws = accuracy.shape
    means = [
        accuracy[rng.integers(seeds, size=seeds)][:, rng.integers(draws, size=draws)].mean() for _ in range(samples)
    ]
    low, high = np.quantile(means, [0.025, 0.975])
    return float(accuracy.mean()), float(high - low) / 2.0


def markdown_table(folder: str | Path, classifier: str = "cosine") -> str:
    """A Markdown table of one-shot accuracy: tasks × methods, mean and 95 % interval over seeds and draws."""
    groups: dict[tuple[str, str], list[list[float]]] = {}
    seeds: dict[tuple[str, str], int] = {}
    for run in load_results(folder):
        key = (run["task"], f"{run['config']['encoder']}, {_METHOD[run['config']['guidance']]}")
        if classifier in run["one_shot"]:
            groups.setdefault(key, []).append(run["one_shot"][classifier]["draws"])
            seeds[key] = seeds.get(key, 0) + 1
        raw = run.get("raw_coordinates")
        if raw:
            groups[(run["task"], "raw coordinates")] = [raw["draws"]]
            seeds[(run["task"], "raw coordinates")] = 1
    lines = ["| one-shot task | method | seeds | top-1, % |", "|---|---|---|---|"]
    for (task, method), runs in sorted(groups.items(), key=lambda item: (item[0][0], "raw" not in item[0][1], item[0][1])):
        mean, interval = accuracy_interval(runs)
        count = "–" if method == "raw coordinates" else str(seeds[(task, method)])
        lines.append(f"| {task} | {method} | {count} | {100 * mean:.1f} ± {100 * interval:.1f} |")
    return "\n".join(lines)


_METHOD = {"none": "no text", "g2l": "global→local only", "l2g": "local→global only", "both": "CrossGLG"}


def update_readme(readme: str | Path, folder: str | Path) -> Path:
    """Write the table between the two marks of a README; raises ValueError if the marks are missing."""
    text = Path(readme).read_text(encoding="utf-8")
    head, start, rest = text.partition(TABLE_START)
    _, end, tail = rest.partition(TABLE_END)
    if not (start and end):
        raise ValueError(f"{readme} has no place for the table: add the lines {TABLE_START} and {TABLE_END}")
    body = f"{head}{start}\n{markdown_table(folder)}\n{end}{tail}"
    return write_atomically(Path(readme), lambda file: file.write(body.encode()))
