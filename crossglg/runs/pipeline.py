"""The pipeline: the notebooks in order, run headlessly. The only module that knows Papermill.

Papermill by itself accepts misspelt parameters; here every name and type is checked before the first cell runs.
"""

from __future__ import annotations

import ast
import shlex
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from crossglg.config import BEFORE, HELP, Config
from crossglg.data.tasks import load_task
from crossglg.files import InputError, expanded, project_folder, read_json, write_file, write_json
from crossglg.processes import sole_writer, spin_briefly
from crossglg.runs.folders import finish_notebook
from crossglg.runs.results import RESULTS, absolute_paths, method_name, portable, read_results, task_name, write_csv
from crossglg.text.descriptions import find_descriptions
from crossglg.training import distributed, recipe
from crossglg.training.checkpoint import SAME_RESULT

NOTEBOOKS = (
    "00_tour", "01_describe_actions", "02_train", "03_one_shot_evaluation", "04_joint_attention", "06_your_own_actions",
)  # fmt: skip
ABOUT_TEXTS = ("00_tour", "01_describe_actions")  # need a description of every base class
CONFIG = "config.json"
RUNS = Path("runs")  # where runs are if nobody says where
MAY_DIFFER = (*SAME_RESULT, "episodes")  # settings of a run that goes on
LOCK = ".lock"
OTHER_SETTINGS = "settings"  # the parameter of a notebook that takes all settings which it does not declare


class NotebookError(RuntimeError):
    """A notebook failed while running: says which, where the executed copy lies, and the error itself."""


def run(
    config: Config, output: str | Path | None = None, resume: bool = False, notebooks: tuple[str, ...] = ()
) -> Path:
    """Run the notebooks in order; returns the run's folder with executed notebooks, model, figures and results.json.

    Nothing outside that folder is written.  resume: continue the run in `output`, skipping what is done; without it a
    folder that holds a run is refused.  notebooks: all by default, but for those about texts where there are none and
    training reads none. Raises ValueError for settings that cannot work, or if another process writes
    the folder; NotebookError when a cell fails.
    """
    config = absolute_paths(config)
    output = expanded(output or run_folder(config)).resolve()
    values = {**config.to_dict(), "output": str(output)}
    with sole_writer(output / LOCK, output):
        _start(config, output, resume)
        for name in notebooks or notebooks_of(config):
            execute(name, values, executed_copy(output, name), resume)
    return output


def notebooks_of(config: Config) -> tuple[str, ...]:
    """The notebooks of a run: without those about texts if nobody has described the classes and no training needs it.

    Raises what loading the task raises.
    """
    base = load_task(config).base
    try:
        find_descriptions(base.class_names, base.layout, config.descriptions, base.name)
    except InputError:  # where training needs them, the run was refused before
        return tuple(name for name in NOTEBOOKS if name not in ABOUT_TEXTS)
    return NOTEBOOKS


def notebooks_in(output: Path) -> tuple[str, ...]:
    """The notebooks that a run in this folder has or will have: not those about texts where it went on without them."""
    begun = {name for name in NOTEBOOKS if executed_copy(output, name).is_file()}
    went_on = bool(begun - set(ABOUT_TEXTS))
    return tuple(name for name in NOTEBOOKS if name in begun or name not in ABOUT_TEXTS or not went_on)


def train(config: Config, output: str | Path | None = None, overwrite: bool = False) -> Path:
    """Only the training, without notebooks; processes that are `distributed.joined` share it. Returns model's folder.

    A training in `output` is continued, and `run` with the same settings and resume=True does the rest of the pipeline.
    overwrite: a training there of other settings, clips or texts is replaced; a whole run is not. Raises ValueError for
    settings that cannot work, or if another process writes the folder.
    """
    config = absolute_paths(config)
    output = expanded(output or run_folder(config)).resolve()
    first = distributed.rank() == 0  # of the processes that share this training it alone writes
    with sole_writer(output / LOCK, output) if first else nullcontext():
        if first:
            _start(config, output, resume=True, overwrite=overwrite)
        recipe.prepare(config).train(output / "model", overwrite=overwrite)
    return output / "model"


def saved_config(output: str | Path) -> Config:
    """The settings of the run in a folder; raises FileNotFoundError or ValueError if they cannot be read."""
    if not has_run(output):
        runs = sorted(str(other.parent) for other in RUNS.glob(f"*/{CONFIG}"))
        raise FileNotFoundError(
            f"{output} {'holds no run' if Path(output).is_dir() else 'is not there'}; give the folder of a run: "
            f"{', '.join(runs) or f'there is none in {RUNS}/ yet, crossglg run makes one'}"
        )
    return Config.create(**_saved_settings(Path(output) / CONFIG))


def _saved_settings(path: Path) -> dict[str, Any]:
    settings = read_json(path)
    if not isinstance(settings, dict) or not settings.keys() & HELP.keys():
        raise InputError(f"{path} is damaged: it holds no settings; delete it, and give the whole command again")
    return {**BEFORE, **settings}


def has_run(output: str | Path) -> bool:
    """Whether a run was begun in a folder."""
    return (Path(output) / CONFIG).is_file()


def run_folder(config: Config) -> Path:
    """Where a run is put if nobody says where."""
    return RUNS / run_name(config)


def executed_copy(output: Path, name: str) -> Path:
    """Where a run keeps its copy of a notebook."""
    return output / "notebooks" / f"{name}.ipynb"


def run_name(config: Config) -> str:
    """A folder name that says what was run."""
    return f"{task_name(config)}-{config.encoder}-{method_name(config)}-seed{config.seed}"


def parameters_of(name: str) -> dict[str, Any]:
    """The parameters a notebook declares, with their defaults."""
    from papermill import inspect_notebook

    declared = inspect_notebook(str(notebook_path(name)))
    return {parameter: _literal(entry["default"]) for parameter, entry in declared.items()}


def parameters_for(name: str, values: dict[str, Any]) -> dict[str, Any]:
    """What a notebook is handed of `values`: those that it declares; of other settings, where it takes them, those that
    are not the defaults."""
    declared = parameters_of(name)
    chosen = {key: values[key] for key in declared if key in values}
    if OTHER_SETTINGS in declared:
        others = {key: default for key, default in Config().to_dict().items() if key not in declared}
        chosen[OTHER_SETTINGS] = {key: values[key] for key in others if values.get(key, others[key]) != others[key]}
    return chosen


def notebook_path(name: str) -> Path:
    """Path of a notebook by name; raises ValueError with the valid names."""
    path = project_folder("notebooks") / f"{name}.ipynb"
    if not path.is_file():
        known = sorted(p.stem for p in project_folder("notebooks").glob("*.ipynb"))
        raise ValueError(f"no notebook {name!r}; notebooks: {', '.join(known)}")
    return path


def execute(name: str, values: dict[str, Any], target: Path, resume: bool = False) -> Path:
    """Run one notebook with those of `values` that it takes; with `resume`, skip it if `target` did so already."""
    import papermill
    from nbclient.exceptions import DeadKernelError

    parameters = parameters_for(name, values)
    if resume and _finished(target, parameters):
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    spin_briefly()  # the kernel is handed the variable
    try:
        papermill.execute_notebook(
            notebook_path(name), target, parameters, cwd=str(project_folder("notebooks")), kernel_name="python3",
            progress_bar={"desc": name, "unit": "cell"}, log_output=False,
            extra_arguments=["--IPKernelApp.log_level=ERROR"],  # no word about encryption: nothing leaves here
            shutdown_kernel="immediate",  # after Ctrl-C too: a kernel that is asked to end prints where it was
        )  # fmt: skip
    except papermill.PapermillExecutionError as error:
        raise NotebookError(f"{name} failed in {target}: {error.ename}: {error.evalue}") from error
    except BaseException as error:  # papermill wrote that the notebook has ended without error
        target.unlink(missing_ok=True)
        if isinstance(error, DeadKernelError):
            what = f"the process of {name} ended, perhaps for want of memory; crossglg run --resume goes on"
            raise NotebookError(what) from error
        raise
    finish_notebook(target)
    return target


def publish(output: str | Path, figures: str | Path) -> Path:
    """Copy a run's pictures and results.json (their manifest) to `figures/<run>` and bring `results.csv` up to date.

    Raises FileNotFoundError if there is no run, ValueError if it is not finished, or if another run of this name, with
    other settings or data, is there.
    """
    output, figures = expanded(output).resolve(), Path(figures)
    saved_config(output)
    waiting = [name for name in notebooks_in(output) if not _finished(executed_copy(output, name))]
    if waiting or not (output / RESULTS).is_file():
        again = shlex.join(["crossglg", "run", "--resume", "--output", str(output)])
        raise ValueError(
            f"{output} is not finished ({waiting[0] if waiting else RESULTS} is missing); finish it first: {again}"
        )
    target = figures / output.name
    _check_same_run(output, target)
    for file in [*sorted((output / "figures").glob("*")), output / RESULTS]:  # which says that the others are there
        write_file(target / file.name, file.read_bytes())
    write_csv(figures)
    return target


def _check_same_run(output: Path, target: Path) -> None:
    """A published run is not replaced by another one of its name."""
    if not (target / RESULTS).is_file():
        return
    then, now = ({**r.settings, "clips_sha256": r.clips_sha256} for r in map(read_results, (target, output)))
    changed = [name for name in now if then.get(name) != now[name]]
    if changed:
        raise ValueError(
            f"{target} holds another run, with {changed[0]}={then.get(changed[0])!r}, not {now[changed[0]]!r}; rename "
            f"the folder {output}, give another --figures, or delete {target} first"
        )


def _start(config: Config, output: Path, resume: bool, overwrite: bool = False) -> None:
    """Refuse what would mix two runs, check what can be checked, and write down the config."""
    if overwrite and (output / "notebooks").exists():
        raise ValueError(f"{output} holds a whole run, and --overwrite replaces a training; choose another --output")
    if has_run(output):
        if not resume:
            raise ValueError(f"{output} holds a run already; continue it with --resume or choose another --output")
        before, now = _saved_settings(output / CONFIG), config.to_dict()
        same = portable(before).items() & portable(now).items()  # data may have moved
        changed = [name for name in HELP if name not in {*MAY_DIFFER, *dict(same)}]
        if changed and not overwrite:
            raise ValueError(
                f"{output} was run with {changed[0]}={before.get(changed[0])!r}, not {getattr(config, changed[0])!r}; "
                f"resume with the same settings, choose another --output, or replace it: add --overwrite"
            )
    recipe.check(config)
    write_json(output / CONFIG, config.to_dict())


def _finished(target: Path, parameters: dict[str, Any] | None = None) -> bool:
    """Whether a notebook was executed to its end, with these parameters unless they do not matter."""
    if not target.is_file():
        return False
    import nbformat  # takes seconds to import

    try:
        about = nbformat.read(target, as_version=4).metadata.get("papermill", {})
    except (ValueError, OSError, KeyError):
        return False  # cut off while it was written
    ended = about.get("exception") is None and bool(about.get("end_time"))
    return ended and (parameters is None or about.get("parameters") == parameters)


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
