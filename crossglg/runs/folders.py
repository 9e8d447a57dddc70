"""Runs in the folder `runs`: which one a notebook reads when it is told none, where it writes, what it leaves."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from crossglg.config import Config
from crossglg.files import InputError, MissingError, read_json, write_file
from crossglg.training.trained_model import ABOUT_SHIPPED, DESCRIPTION, shipped_model

WIDGET = "application/vnd.jupyter.widget-view+json"
SHOWN = 5  # other runs that are listed


def runs_folder() -> Path:
    """Where runs are: for a notebook in the project's folder `notebooks` beside that, otherwise here."""
    return Path("../runs" if Path.cwd().name == "notebooks" else "runs")


def run_folder(output: str, name: str) -> Path:
    """The folder to write to: `output` if it is given, otherwise `name` among the runs."""
    return Path(output) if output else runs_folder() / name


def notebook_config(settings: Mapping[str, Any], **parameters: Any) -> Config:
    """The settings of a notebook.

    Args:
        settings: its parameter of that name, for settings that are no parameter of their own.
        parameters: settings that are.

    Raises:
        InputError: One of `settings` is a parameter, too, or no setting; or they are no dictionary.
    """
    if not isinstance(settings, Mapping):
        raise InputError(
            f"settings must be a dictionary, as {{'frames': 64}}, got {settings!r}; papermill takes one by -y: "
            f"papermill -y 'settings: {{frames: 64}}' …"
        )
    if twice := sorted(settings.keys() & parameters.keys()):
        name = twice[0]
        raise InputError(
            f"{name} is a parameter of its own in this notebook; write {name} = {settings[name]!r} there, and take it "
            f"out of settings"
        )
    return Config.create(**settings, **parameters)


def find_run(output: str = "", joint_importance: bool = False) -> Path:
    """The folder of a run with a trained model: `output` if it is given, otherwise the newest, and say which.

    Args:
        output: the run's folder; empty for the newest one.
        joint_importance: only a model that has joint importance will do.

    Raises:
        MissingError: no such run; names those that are there and the command that makes one.
    """
    given = [Path(output)] if output else _newest_first()
    fitting = [run for run in given if _lacks(run, joint_importance) is None]
    if not fitting:
        raise MissingError(_what_is_there(output, joint_importance))
    if not output:
        print(f"Model: {_dated(fitting[0])}.")
        if len(fitting) > 1:
            print(f"It is the newest of {len(fitting)}. To use another, set output at the top, for example to:")
            print(*(f"  {_dated(run)}" for run in fitting[1 : 1 + SHOWN]), sep="\n")
    return fitting[0]


def find_model(output: str = "") -> tuple[Path, Path]:
    """The run of `find_run` and the folder of its model. If no run is trained yet: `notebooks` among the runs, to write
    to, and the shipped model; says so.
    """
    if output or any(map(_trained, _newest_first())):
        run = find_run(output)
        return run, run / "model"
    print(f"Model: {ABOUT_SHIPPED}.", "To train one of your own, run notebook 02_train.", sep="\n")
    return run_folder("", "notebooks"), shipped_model()


def finish_notebook(path: Path) -> None:
    """Let an executed notebook show everywhere what it showed when it ran.

    A widget is dead without its kernel: the page or picture that it left takes its place, and progress bars, which
    leave none, go. Then the notebook is signed, so that Jupyter trusts it and lets the pages play.
    """
    import nbformat  # takes seconds to import, and notebooks import this module
    from nbformat.sign import NotebookNotary

    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        cell.outputs = [o for o in cell.outputs if WIDGET not in o.get("data", {}) or "image/png" in o.data]
        for output in cell.outputs:
            output.get("data", {}).pop(WIDGET, None)
    notebook.metadata.pop("widgets", None)
    write_file(path, nbformat.writes(notebook) + "\n")
    with contextlib.suppress(OSError):  # a home that cannot be written
        NotebookNotary().sign(notebook)


def _newest_first() -> list[Path]:
    """Every run that was begun: trained ones by the time of their training, then the others."""
    folders = [folder for folder in runs_folder().glob("*") if (folder / "config.json").is_file() or _trained(folder)]
    return sorted(folders, key=lambda run: (-_model_file(run).stat().st_mtime if _trained(run) else 0, run.name))


def _model_file(run: Path) -> Path:
    return run / "model" / DESCRIPTION  # written last, so the model is whole where it is there


def _trained(run: Path) -> bool:
    return _model_file(run).is_file()


def _lacks(run: Path, joint_importance: bool) -> str | None:
    """What keeps a run from being used, None if nothing does."""
    if not _trained(run):
        return "no trained model"
    guidance = read_json(_model_file(run))["config"]["guidance"] if joint_importance else "both"
    return None if guidance in ("both", "g2l") else f"guidance={guidance}"


def _dated(run: Path) -> str:
    return f"{run}, trained {datetime.fromtimestamp(_model_file(run).stat().st_mtime):%Y-%m-%d %H:%M}"


def _what_is_there(output: str, joint_importance: bool) -> str:
    needed = "no trained model" + (" with joint importance (guidance both or g2l)" if joint_importance else "")
    lines = [f"{needed} in {output or runs_folder()}."]
    there = {run: _lacks(run, joint_importance) for run in _newest_first()}
    if fitting := [run for run, lacks in there.items() if lacks is None]:
        lines += ["Leave output empty for the newest run, or set it to one of:", *(f"  {_dated(r)}" for r in fitting)]
    elif there:
        lines += ["Runs there:", *(f"  {run}: {lacks}" for run, lacks in there.items())]
    root = shlex.quote(str(runs_folder().resolve().parent))
    lines.append(f"To make one, run notebook 02_train to its end, or in a terminal: cd {root} && crossglg run")
    return "\n".join(lines)
