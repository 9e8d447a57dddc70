"""The board: one page that shows a run on a projector, while it trains, after it failed, or when it is finished.

It reads what lies in the run's folder and nothing else: neither data nor model are loaded, so it can follow a training
on the same machine. A static page needs no server; while it is watched it is written again whenever the run has moved.
"""

from __future__ import annotations

import base64
import json
import shlex
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from markupsafe import Markup
from matplotlib.figure import Figure
from safetensors import SafetensorError, safe_open

from crossglg.config import Config
from crossglg.files import read_json, write_file
from crossglg.runs.pipeline import executed_copy, notebooks_in, run_name, saved_config
from crossglg.runs.results import METHODS, RESULTS, RunResults, read_results, task_name
from crossglg.viz import figures
from crossglg.viz.page import framed, inline_svg, page

BOARD = "board.html"
CLASSIFIER = "cosine"
HALF = (5.6, 3.4)  # inches of a figure that is shown on half of the page
SECONDS = 5  # between two looks at a run that is watched, and between two reloads of its page
# state → how it is marked in the list of notebooks, what it is called
STATES = {"waiting": ("○", "not started yet"), "running": ("◐", "in progress"), "failed": ("✗", "failed"),
          "trained": ("◐", "trained; not evaluated yet"), "finished": ("●", "finished")}  # fmt: skip


@dataclass(frozen=True)
class Step:
    """One notebook of a run. state: a key of STATES;  error: of a failed one."""

    name: str
    state: str
    error: str = ""


@dataclass(frozen=True)
class RunState:
    """What is known of a run. history: a record per epoch so far;  chosen: the epoch, when training is done.

    results: None before the evaluation;  touched: when a file of the run was written last, seconds since 1970.
    Epochs count from 0, as in a run's files; pictures and cards count from 1.
    """

    folder: Path
    config: Config
    steps: tuple[Step, ...]
    history: list[dict[str, float]]
    chosen: int | None
    results: RunResults | None
    touched: float

    @property
    def state(self) -> str:
        """A key of STATES. That a run was killed cannot be seen: it is "running", `touched` its last sign of life."""
        states = {step.state for step in self.steps}
        if states == {"waiting"} and self.history:  # by 'crossglg train', which runs no notebook
            return "running" if self.chosen is None else "trained"
        return "failed" if "failed" in states else states.pop() if len(states) == 1 else "running"

    @property
    def over(self) -> bool:
        return self.state in ("failed", "trained", "finished")


def read_run(folder: str | Path, board: str | Path = BOARD) -> RunState:
    """Look at a run's folder, whatever stage it is in; a notebook that is being written counts as running.

    board: the page that is written of it, which is no part of it.
    Raises FileNotFoundError if no run was ever started there.
    """
    folder = Path(folder)
    config = saved_config(folder)
    touched = _touched(folder, Path(board))  # first, so that nothing that comes while we read is missed
    model = folder / "model" / "model.json"
    details = read_json(model).get("details", {}) if model.is_file() else {}
    history = details.get("history") or _checkpoint_history(folder / "model" / "checkpoint.safetensors")
    return RunState(
        folder,
        config,
        tuple(_step(name, executed_copy(folder, name)) for name in notebooks_in(folder)),
        # without validation clips the validation accuracy is not a number
        [{name: value for name, value in record.items() if np.isfinite(value)} for record in history],
        details.get("chosen_epoch"),
        read_results(folder) if (folder / RESULTS).is_file() else None,
        touched,
    )


def write_board(run: str | Path, path: str | Path | None = None, refresh: int = 0) -> RunState:
    """Write the page of a run (default board.html in its folder), atomically; returns what it shows.

    refresh: seconds after which the page reloads itself while the run is not over; 0: never.
    """
    path = Path(path or Path(run) / BOARD)
    state = read_run(run, path)
    write_file(path, board_html(state, refresh))
    return state


def watch(run: str | Path, path: str | Path | None = None, seconds: float = SECONDS) -> RunState:
    """Write the page again whenever a file of the run has changed, until the run is finished or has failed."""
    while True:
        state = write_board(run, path, max(1, round(seconds)))
        if state.over:
            return state
        while _touched(state.folder, Path(path or BOARD)) == state.touched:
            time.sleep(seconds)


def board_html(state: RunState, refresh: int = 0) -> str:
    """The page of a run, self-contained; what the run does not have yet is left out."""
    results, pictures = state.results, state.folder / "figures"
    curves: dict[str, Markup] = {}  # title → what is shown
    sections: dict[str, Markup] = {}
    if state.history:
        curves["Training"] = _svg(figures.training_curves(state.history, state.chosen), "training", HALF)
    if results:
        bars = figures.accuracy_by_classifier(results.episodes(), 1 / len(results.novel_classes))
        curves["One-shot accuracy"] = _svg(bars, "accuracy", (HALF[0], bars.get_figheight()))
    explorer = pictures / "explorer.html"
    if explorer.is_file():
        document = explorer.read_text(encoding="utf-8")
        sections["Motion and joint importance"] = framed(document, "interactive player")
    importance = pictures / "importance_by_class.png"
    if importance.is_file():
        image = Markup('<img src="data:image/png;base64,{}" alt="joint importance by class">')
        data = base64.b64encode(importance.read_bytes()).decode()
        what = "Joint importance" if state.config.guidance in ("g2l", "both") else "Share of the movement of each joint"
        sections[f"{what}, classes never seen in training"] = image.format(data)
    if results:
        counts = np.array(results.one_shot[CLASSIFIER].confusion)
        sections["Confusion, per cent"] = _svg(figures.confusion_matrix(counts, results.novel_classes), "confusion")
    config = state.config
    return page(
        "board.html",
        run_name(config),
        0 if state.over else refresh,
        scripts=True,
        state=state,
        states=STATES,
        heading=f"{task_name(config)}: {config.encoder}, {METHODS[config.guidance]}, seed {config.seed}",
        called=_called(state),
        when=datetime.fromtimestamp(state.touched).strftime("%Y-%m-%d %H:%M:%S"),
        numbers=_numbers(state),
        curves=curves,
        sections=sections,
    )


def _called(state: RunState) -> str:
    """What a run's state is called, with the command that is next where that is not plain."""
    called = STATES[state.state][1]
    if state.state != "trained":
        return called
    return f"{called}: {shlex.join(['crossglg', 'run', '--resume', '--output', str(state.folder)])}"


def _numbers(state: RunState) -> dict[str, str]:
    """What is worth the largest letters: what it is → the number."""
    numbers = {f"of {state.config.epochs} epochs": str(len(state.history))}
    if state.history:
        numbers["loss in the last epoch"] = f"{state.history[-1]['total_loss']:.2f}"
        record = state.history[-1 if state.chosen is None else state.chosen]
        if "validation_accuracy" in record:
            numbers["accuracy on validation clips"] = f"{100 * record['validation_accuracy']:.0f} %"
    if state.results:
        result, count = state.results.one_shot[CLASSIFIER], len(state.results.novel_classes)
        about = f"one-shot, {CLASSIFIER}, {count} novel classes, chance {100 / count:.0f} %"
        numbers[about] = f"{100 * result.mean:.1f} ± {100 * result.interval:.1f} %"
    return numbers


def _svg(figure: Figure, name: str, inches: tuple[float, float] | None = None) -> Markup:
    """inches: other than the figure's own; small ones make large letters, for it is shown as large as it can be."""
    if inches:
        figure.set_size_inches(*inches)
    return inline_svg(figure, name, name)


def _step(name: str, path: Path) -> Step:
    """A notebook by its executed copy, which Papermill writes after every cell."""
    if not path.is_file():
        return Step(name, "waiting")
    import nbformat  # takes seconds to import

    try:
        notebook = nbformat.read(path, as_version=4)
    except (ValueError, OSError, KeyError):
        return Step(name, "running")  # it is being written at this moment
    about = notebook.metadata.get("papermill", {})
    if about.get("exception"):
        outputs = [out for cell in notebook.cells for out in cell.get("outputs", []) if out.output_type == "error"]
        return Step(name, "failed", "\n".join(f"{out.ename}: {out.evalue}" for out in outputs) or "no message")
    return Step(name, "finished" if about.get("end_time") else "running")


def _checkpoint_history(path: Path) -> list[dict[str, float]]:
    """The epochs so far of a training that goes on; its checkpoint's weights are not read."""
    try:
        with safe_open(path, framework="numpy") as file:
            history: list[dict[str, float]] = json.loads(file.metadata()["history"])
            return history
    except (OSError, SafetensorError, TypeError, KeyError, ValueError):  # none, or none that training could continue
        return []


def _touched(folder: Path, board: Path) -> float:
    """When a file of the run was written last; the board itself and temporary files do not count."""
    boards = {(folder / BOARD).resolve(), board.resolve()}
    files = [path for path in folder.rglob("*") if path.resolve() not in boards and not path.name.startswith(".")]
    return max(path.stat().st_mtime for path in files if path.is_file())
