"""Makes the runs of a study: those that are finished are never made again.

A run leaves its model, its log and its `results.json` in a folder of its own, and a line in the study's table file. Of
two studies at work in one folder at the same time, one makes a run, and the other says that it is being made.
"""

from __future__ import annotations

import os
import re
import time
import traceback
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, suppress
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from joblib import Parallel, cpu_count, delayed, parallel_config
from threadpoolctl import threadpool_limits

from crossglg.config import Config
from crossglg.data.clips import SkeletonSet
from crossglg.data.protocols import find_protocol
from crossglg.data.tasks import Task, load_task
from crossglg.files import InputError, MissingError, error_message, expanded, nearest
from crossglg.one_shot import TEXT_CLASSIFIERS, Array, ClassTexts, Features, OneShotResult, evaluate, usable
from crossglg.one_shot.baselines.raw import raw_coordinates, raw_poses
from crossglg.one_shot.representation import Representation
from crossglg.processes import BusyError, end_with, sole_writer, spin_briefly
from crossglg.runs.results import (
    RESULTS,
    RunResults,
    StudyDetails,
    about_model,
    about_task,
    absolute_paths,
    by_classifier,
    portable,
    read_results,
    versions,
)
from crossglg.studies.results import Row, read_rows, table_file, write_rows
from crossglg.studies.spec import RAW, UNTRAINED, WARPED, Run, Study, lacks
from crossglg.training.checkpoint import CHECKPOINT
from crossglg.training.evaluation import class_texts
from crossglg.training.recipe import prepare, refuse_what_knows_novel_classes
from crossglg.training.trained_model import WEIGHTS, TrainedModel, resolve_device

# The other classifiers need the covariance of thousands of coordinates.
RAW_CLASSIFIERS = ("cosine", "euclidean", "centered-cosine")
BACKENDS = ("loky", "dask")


def run_study(
    study: Study,
    output: str | Path,
    data: str | Path = "",
    jobs: int | None = None,
    backend: str = "loky",
    address: str = "",
    report: Callable[[str], object] = print,
    results: str | Path = "",
) -> None:
    """Make all runs that are not finished, and those that failed; measure finished ones by classifiers that they lack.

    Args:
        study: What to run.
        output: Folder of the runs' own folders; studies may share it.
        data: The folder that DATA stands for.
        jobs: Runs at once; default one per core, each with its share of the cores' threads (two threads on a busy core
            are many times slower than one), or one per worker of the cluster.
        backend: "loky", processes on this machine, or "dask", the workers of a cluster: each a process of one thread
            that sees the same files at the same paths.
        address: The cluster's scheduler.
        report: Gets a line for each run.
        results: Folder of the study's table file; default `output`. A run with a line there is finished.

    Raises:
        InputError: Something cannot work; nothing has run.
        RuntimeError: Runs failed, and the others are finished. A run's `log.txt` has its error and all that it printed.
    """
    output, path = expanded(output).resolve(), table_file(study, results or output)
    runs = study.runs()
    configs = {run: absolute_paths(_with_data(run.config, data)) for run in runs}
    protocols = {c.benchmark: find_protocol(c.benchmark).sha256 if c.benchmark else "" for c in configs.values()}
    one_at_a_time = partial(sole_writer, path.with_name(f".{path.name}.lock"), path, wait=True)
    before = read_rows(path)
    rows = {**before, **_rows_of(runs, output, before)}
    for run in runs:
        if run.name in rows:
            where = f"its line in {path}" if run.name in before else str(output / run.name)
            rows[run.name].check(run, where)
            if rows[run.name].protocol_file_sha256 != protocols[configs[run].benchmark]:
                raise InputError(
                    f"{run.name} was made with another protocol of the same name; delete {where}, or choose another "
                    f"--output and --results"
                )
    _refuse_other_clips({run: config for run, config in configs.items() if run.name in rows}, rows)
    order = [run.name for run in runs]
    if rows != before:
        with one_at_a_time():
            write_rows(path, {**read_rows(path), **rows}, order)
    report(f"{study.name}: {sum(run.name in rows for run in runs)} of {len(runs)} runs are finished in {path}")
    groups = _to_make(study, configs, rows, output)
    if not groups:
        return
    made, failed, total = 0, 0, sum(len(waiting) for waiting, _ in groups)
    parent = os.getpid() if backend == "loky" else None  # of workers on this machine
    with _workers(backend, jobs, address) as (parallel, threads):
        for ensembles in (False, True):  # an ensemble needs its members
            tasks = [
                delayed(execute)(waiting, output, threads, protocols, study.measured, model, parent)
                for waiting, model in groups
                if any(run.members for run in waiting) == ensembles
            ]
            for name, row in chain.from_iterable(parallel(tasks)):
                made += 1
                if isinstance(row, str):
                    failed += 1
                else:
                    if name in rows:  # what it was measured by before stays
                        row = replace(row, correct={**rows[name].correct, **row.correct})
                    with one_at_a_time():
                        write_rows(path, {**read_rows(path), name: row}, order)
                report(f"[{made}/{total}] {_line(name, row)}")
    if failed:
        raise RuntimeError(f"{failed} of {total} runs failed; run the study again to repeat them")


def _to_make(
    study: Study, configs: Mapping[Run, Config], rows: Mapping[str, Row], output: Path
) -> list[tuple[dict[Run, Config], Path | None]]:
    """What is to be made: runs of one training each, with the folder of its model if a finished run has left one.

    With such a model finished runs are measured by the classifiers that they lack, too.
    """
    groups = []
    for alike in by_training(configs):
        models = [output / run.name for run in alike if run.name in rows]
        model = next((folder for folder in models if (folder / WEIGHTS).is_file()), None)
        waiting = {
            run: config
            for run, config in alike.items()
            if run.name not in rows or (model and not_measured(run, rows[run.name].correct, study.measured))
        }
        if waiting:
            groups.append((waiting, model))
    return groups


def _refuse_other_clips(configs: Mapping[Run, Config], rows: Mapping[str, Row]) -> None:
    """Raise InputError if a data set has changed since its runs were made, as far as it is here.

    configs: of the finished runs. One run of each benchmark or dataset is looked at.
    """
    known = {run: config for run, config in configs.items() if rows[run.name].coordinates_sha256}
    for run, config in {(c.benchmark, c.dataset): (run, c) for run, c in known.items()}.values():
        try:
            now = load_task(config).coordinates_sha256
        except (OSError, ValueError):  # not here: the table can be made all the same
            continue
        if now != rows[run.name].coordinates_sha256:
            raise InputError(
                f"the clips of {config.benchmark or config.dataset} are not those that {run.name} was made with; bring "
                f"them back, or choose another --output and --results"
            )


def by_training(configs: Mapping[Run, Config]) -> list[dict[Run, Config]]:
    """Runs that differ in nothing but the novel side of their benchmarks belong together: one training serves them."""
    groups: dict[Any, dict[Run, Config]] = {}
    for run, config in configs.items():
        shared: Any = run  # by itself: nothing is trained, or the benchmark is the dataset's own
        if run.seed is not None and config.benchmark:
            shared = (replace(config, benchmark=""), find_protocol(config.benchmark).base_side)
        groups.setdefault(shared, {})[run] = config
    return list(groups.values())


def execute(
    runs: Mapping[Run, Config],
    output: Path,
    threads: int,
    protocols: Mapping[str, str],
    measured: Collection[str] = (),
    model: Path | None = None,
    parent: int | None = None,
) -> list[tuple[str, Row | str]]:
    """Make runs of one training and write their `results.json`. Returns names, each with a row or with what went wrong.

    runs: with the paths of this machine; the first one trains.  threads: how many it may use.  protocols: benchmark →
    hash of its protocol.  measured: the classifiers of trained models; empty: all that they allow.  model: folder of a
    finished run of the same training, so that none of these trains.  parent: the process with which this one ends. A
    training that was cut off is continued.
    """
    if parent:
        end_with(parent)
    trained: TrainedModel | None = None
    done: list[tuple[str, Row | str]] = []
    for run, config in runs.items():
        folder = output / run.name
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with (
                sole_writer(folder / ".lock", folder),
                open(folder / "log.txt", "a", encoding="utf-8") as log,
                redirect_stderr(log),
                _limited_to(threads),
            ):
                try:
                    if model and trained is None:
                        trained = TrainedModel.load(model, resolve_device(config.device))
                    row, trained = _made(run, config, folder, trained, threads, protocols[config.benchmark], measured)
                except Exception:
                    traceback.print_exc()
                    raise
        except Exception as error:  # whatever it is, the other runs go on
            done.append((run.name, f"{type(error).__name__}: {error_message(error)}"))
        else:
            done.append((run.name, row))
    return done


def _made(
    run: Run,
    config: Config,
    folder: Path,
    trained: TrainedModel | None,
    threads: int,
    protocol: str,
    measured: Collection[str],
) -> tuple[Row, TrainedModel | None]:
    """Make one run, unless another study at work in this folder was quicker, and write its `results.json`.

    trained: the model of a run of the same training.  protocol: hash of the benchmark's protocol. Returns the row, and
    the model if there is one.
    """
    if (folder / RESULTS).is_file():
        record = read_results(folder)
        lacking = not_measured(run, record.one_shot, measured)
        if lacking and trained is not None:
            task = load_task(config)
            more = _evaluated(task, trained.represent, lacking, _texts(task, config, lacking))
            record = replace(record, one_shot={**record.one_shot, **by_classifier(more)})
            record.write(folder)
        return Row.of(run.name, record), trained
    start = time.perf_counter()
    about, study, results, trained = _measured(run, config, folder, trained, measured)
    seconds = round(time.perf_counter() - start, 1)
    details = StudyDetails(protocol, _device_name(config), threads, seconds, **study)
    about |= {"config": portable(run.config.to_dict()), **versions()}
    record = RunResults(**about, one_shot=by_classifier(results), study=details)
    record.write(folder)
    _remove_checkpoint(folder)
    return Row.of(run.name, record), trained


def not_measured(run: Run, known: Collection[str], measured: Collection[str]) -> list[str]:
    """The classifiers of a study that a finished training was not measured by and can be. known: those it was."""
    if run.seed is None or run.members:
        return []
    return [name for name in measured if name not in known and not lacks(run.config, name)]


def _rows_of(runs: Sequence[Run], output: Path, known: Mapping[str, Row]) -> dict[str, Row]:
    """Rows of runs that are finished in `output` and not known yet: of another study, or of one that was cut off.

    What a study that was killed right then has left beside the results is removed.
    """
    names = [run.name for run in runs if run.name not in known and (output / run.name / RESULTS).is_file()]
    for name in names:
        with suppress(BusyError), sole_writer(output / name / ".lock", output / name):
            _remove_checkpoint(output / name)
    return {name: Row.of(name, read_results(output / name)) for name in names}


def _remove_checkpoint(folder: Path) -> None:
    """When nothing is left to be continued: it has three times the size of the model, which stays."""
    (folder / CHECKPOINT).unlink(missing_ok=True)


def _measured(
    run: Run, config: Config, folder: Path, trained: TrainedModel | None, measured: Collection[str]
) -> tuple[dict[str, Any], dict[str, Any], list[OneShotResult], TrainedModel | None]:
    """Train if the run trains, and evaluate with the classifiers that are asked for.

    trained: the model of a run of the same training.  measured: classifiers; empty: all that see skeletons alone.
    Returns fields of `RunResults`, fields of `StudyDetails`, the accuracies, and the model if there is one.
    """
    task = load_task(config)
    about = about_task(task)
    texts = None if run.method in UNTRAINED else _texts(task, config, measured)  # missing ones are told before training
    study: dict[str, Any] = {"coordinates_sha256": task.coordinates_sha256}
    if run.method in WARPED:
        warped = evaluate(task, Features.of(task, raw_poses), WARPED[run.method])
        results = [replace(warped, classifier="cosine")]  # by which single poses are compared
    elif run.method == RAW:
        results = _evaluated(task, raw_coordinates, RAW_CLASSIFIERS)
    elif run.members:
        ensemble = [_model(member, folder.parent) for member in run.members]
        study["members"] = [member.name for member in run.members]

        def together(clips: SkeletonSet) -> Representation:
            return Representation.joined([model.represent(clips) for model in ensemble])

        results = _evaluated(task, together, measured, texts)
    else:
        resumed = (folder / CHECKPOINT).is_file()
        if trained is None:
            trained = prepare(config).train(folder)
        else:  # a model is evaluated on the benchmark of its own folder
            refuse_what_knows_novel_classes(config, task)
            replace(trained, config=config, details={**trained.details, "data": task.name}).save(folder)
        about |= about_model(trained)
        study |= {"texts": trained.details["texts"], "resumed": resumed}
        results = _evaluated(task, trained.represent, measured, texts)
    return about, study, results, trained


def _texts(task: Task, config: Config, classifiers: Collection[str]) -> ClassTexts | None:
    """What the descriptions say about the novel classes, where a classifier reads that. Raises InputError."""
    if not any(name in TEXT_CLASSIFIERS for name in classifiers):
        return None
    how = "name their file in the study's settings: descriptions"
    texts = class_texts(task, task.novel.layout, config.descriptions, how)
    reading = [name for name, kind in TEXT_CLASSIFIERS.items() if name in classifiers and kind.statements]
    if reading and texts.attributes is None:
        raise InputError(
            f"{reading[0]} reads statements, and the description of a novel class of {task.name} has none; 'crossglg "
            f"describe --statements' asks a language model for them; {how}"
        )
    return texts


def _evaluated(
    task: Task,
    represent: Callable[[SkeletonSet], Representation | Array],
    classifiers: Collection[str],
    texts: ClassTexts | None = None,
) -> list[OneShotResult]:
    """By those of the classifiers that the features allow; where none are named, by all that read no texts."""
    reading = {name: kind for name, kind in TEXT_CLASSIFIERS.items() if name in classifiers}
    features = Features.of(task, represent, mirrored=any(kind.mirrored for kind in reading.values()))
    names = [name for name in usable(features) if not classifiers or name in classifiers]
    names += [name for name, kind in reading.items() if not kind.missing(features)]
    return [evaluate(task, features, name, texts) for name in names]


def _model(run: Run, folder: Path) -> TrainedModel:
    """The model of a finished run; raises MissingError if it is not beside the others in `folder`."""
    if not (folder / run.name / WEIGHTS).is_file():
        raise MissingError(
            f"no model of {run.name} in {folder}, of which the ensemble is to be made: its run failed, or its line in "
            f"the study's table file has come without the model; delete the line and run the study again"
        )
    return TrainedModel.load(folder / run.name)


@contextmanager
def _workers(backend: str, jobs: int | None, address: str) -> Iterator[tuple[Any, int]]:
    """A joblib.Parallel whose results come as they are ready, and the threads each of its workers may use."""
    if backend not in BACKENDS:
        raise InputError(f"unknown backend {backend!r}{nearest(backend, BACKENDS)} {', '.join(BACKENDS)}")
    if jobs is not None and jobs < 1:
        raise InputError(f"jobs={jobs} must be at least 1")
    if (backend == "dask") != bool(address):
        raise InputError("the backend dask and the address of its scheduler, tcp://HOST:PORT, go together")
    with _on_this_machine(jobs) if backend == "loky" else _on_cluster(jobs, address) as threads:
        yield Parallel(return_as="generator_unordered", batch_size=1), threads


@contextmanager
def _on_this_machine(jobs: int | None) -> Iterator[int]:
    """joblib's work goes to processes here. Yields the threads that each may use."""
    spin_briefly()  # the workers are handed the variable
    jobs = jobs or cpu_count()
    with parallel_config("loky", n_jobs=jobs), warnings.catch_warnings():
        # A worker that has come to hold much memory is replaced between two runs; no run is lost.
        warnings.filterwarnings("ignore", "A worker stopped while some jobs")
        yield max(1, cpu_count() // jobs)


@contextmanager
def _on_cluster(jobs: int | None, address: str) -> Iterator[int]:
    """joblib's work goes to the workers of a Dask cluster. Yields the threads that each may use."""
    if not find_spec("distributed"):
        raise InputError("the backend dask is not installed: pip install distributed")
    from distributed import Client

    try:
        client = Client(address, timeout="20s")
    except (OSError, ValueError) as error:
        raise InputError(f"no Dask scheduler answers at {address!r}: {error}") from None
    with client:
        threads = client.nthreads()
        if not threads or max(threads.values()) > 1:  # trainings in one process would share torch's random numbers
            raise InputError(
                f"the scheduler at {address} has {len(threads)} workers with up to {max(threads.values(), default=0)} "
                f"threads; start workers of one thread each: 'dask worker {address} --nworkers N --nthreads 1'"
            )
        with parallel_config("dask", n_jobs=jobs or len(threads), client=client):
            yield 1


@contextmanager
def _limited_to(threads: int) -> Iterator[None]:
    before = torch.get_num_threads()
    try:
        with threadpool_limits(threads):
            torch.set_num_threads(threads)
            yield
    finally:
        torch.set_num_threads(before)


def _device_name(config: Config) -> str:
    device = resolve_device(config.device)
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def _line(name: str, row: Row | str) -> str:
    if isinstance(row, str):
        return f"{name} failed: {row}"
    by = next(iter(row.correct))
    return f"{name}: {100 * row.accuracy(by).mean():.1f} % by {by}, {row.seconds:.0f} s"


def _with_data(config: Config, data: str | Path) -> Config:
    """DATA/… below the folder `data`; raises InputError if there is none to fill in."""
    values: dict[str, Any] = {name: value for name, value in config.to_dict().items() if isinstance(value, str)}
    filled: dict[str, Any] = {
        name: re.sub(r"(^|[:=])DATA/", lambda m: f"{m[1]}{data}/", value) for name, value in values.items()
    }
    if filled != values and not data:
        raise InputError("the study names files below DATA/; say where they lie with --data FOLDER")
    return replace(config, **filled)
