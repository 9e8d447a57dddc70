"""Studies: benchmarks × encoders × methods × seeds, one JSON per run; what is finished is never made again.

A study is a YAML file; all but `methods` may be left out:

    preset: embedded                # the settings it starts from
    settings: {epochs: 15}          # of every run, on top of the preset
    benchmarks: [DATA/benchmarks.json:to-utd-mhad, ntu120-one-shot]  # DATA: the folder given with --data
    base_shares: [0.5, 1.0]         # fractions of the base classes, each a benchmark of its own
    encoders: [infogcn-small]
    seeds: [0, 1, 2, 3, 4]
    methods:                        # name → settings in which it differs
      base: {guidance: none}
      crossglg: {}
    ensembles: true                 # besides, the models of all seeds of a method as one: "base ×5"
    untrained: [raw, dtw]           # rows that learn nothing: raw coordinates and time warping; else raw alone
    reference: base                 # whom the others are compared with; else the first method
    classifiers: [cosine]           # by which the table compares them; all others are in the JSONs too

A run's JSON is named by its settings, so studies that share a folder share their runs, and renaming a method makes
nothing again. Two studies at work in one folder at the same time may make the same run twice; nothing else happens.
"""

from __future__ import annotations

import json
import re
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass, replace
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from joblib import Parallel, cpu_count, delayed, parallel_config
from matplotlib.figure import Figure
from threadpoolctl import threadpool_limits

from crossglg.config import Config, nearest
from crossglg.data.protocols import find_protocol
from crossglg.data.tasks import DATASETS, Task, load_task
from crossglg.encoders import ENCODERS
from crossglg.files import project_folder, read_json, sha256, write_json
from crossglg.objectives import find_objective
from crossglg.one_shot import CLASSIFIERS, Features, OneShotResult, evaluate, evaluate_scores, usable
from crossglg.one_shot.baselines.dtw import FRAME_COSTS, dtw_distances
from crossglg.one_shot.baselines.raw import raw_coordinates
from crossglg.one_shot.representation import Representation
from crossglg.processes import wait_passively
from crossglg.runs.results import about_model, about_task, absolute_paths, method_name, portable, task_name, versions
from crossglg.statistics import accuracies, accuracy_table, difference_table, intervals
from crossglg.training.recipe import prepare
from crossglg.training.trained_model import WEIGHTS, TrainedModel, resolve_device
from crossglg.training.trainer import CHECKPOINT
from crossglg.viz import figures

RAW, DTW = UNTRAINED = ("raw", "dtw")  # methods that learn nothing: once per benchmark, whatever the seeds
# The other classifiers need the covariance of thousands of coordinates.
RAW_CLASSIFIERS = ("cosine", "euclidean", "centred-cosine")
HOW = ("device", "cuda_graph")  # settings that change no result beyond rounding
COMMON = ("dataset", "draws", "device", "pseudo_novel", "pseudo_split")  # settings that all methods share
BACKENDS = ("loky", "dask")
Record = dict[str, Any]


@dataclass(frozen=True)
class Run:
    """One run of a study. method: its name there, or one of `UNTRAINED`.  config: paths as the study has them.

    members: the runs whose models make this one, which trains nothing itself; its config is that of the first.
    """

    method: str
    config: Config
    members: tuple[Run, ...] = ()

    @property
    def seed(self) -> int | None:
        """None for what learns nothing, or is of several seeds."""
        return None if self.method in UNTRAINED or self.members else self.config.seed

    @property
    def name(self) -> str:
        """Stable on every machine: from the settings that are not the defaults, without folders and device."""
        kind = {RAW: True, DTW: DTW}.get(self.method, False)
        about: list[Any] = [m.name for m in self.members] or [kind, *sorted(self._settings().items())]
        hash_ = sha256(json.dumps(about))[:10]
        c = self.config
        which = f"x{len(self.members)}" if self.members else f"seed{c.seed}"
        what = self.method if kind else f"{c.encoder}-{method_name(c)}-{which}"
        return re.sub(r"[^\w.+-]+", "_", f"{task_name(self.config)}-{what}-{hash_}")

    def read(self, folder: Path) -> Record | None:
        """What the run's JSON holds, or None; its `name`, `method` and `seed` are those of this study.

        Raises ValueError if it was made with other settings.
        """
        path = folder / f"{self.name}.json"
        if not path.is_file():
            return None
        record = read_json(path)
        if "error" in record:
            return record
        before, now = _what(record["config"]), _what(portable(self.config.to_dict()))
        changed = [name for name in before if before[name] != now.get(name)]
        if changed:  # a default of the package is another one since
            raise ValueError(
                f"{path} was made with {changed[0]}={before[changed[0]]!r}, not {now.get(changed[0])!r}; "
                f"set {changed[0]} in the study, or move the file away"
            )
        return {**record, "name": self.name, "method": self.method, "seed": self.seed}

    def _settings(self) -> dict[str, Any]:
        defaults = _what(Config().to_dict())
        values = _what(portable(self.config.to_dict())).items()
        return {name: value for name, value in values if value != defaults[name]}


@dataclass(frozen=True)
class Study:
    """A parsed study. methods: name → Config; seed, benchmark and encoder come from the lists (encoder "": its own)."""

    name: str
    methods: Mapping[str, Config]
    benchmarks: tuple[str, ...]
    encoders: tuple[str, ...]
    seeds: tuple[int, ...]
    reference: str
    untrained: tuple[str, ...] = (RAW,)
    classifiers: tuple[str, ...] = ("cosine",)
    base_shares: tuple[float, ...] = (1.0,)
    ensembles: bool = False

    @classmethod
    def load(cls, file: str | Path) -> Study:
        """Read a study: a file, or one that comes with the project by its name.

        Raises FileNotFoundError, or ValueError naming what is unknown (with the nearest name), twice there or wrong.
        """
        path = _study_path(str(file))
        try:
            content = yaml.load(path.read_text(encoding="utf-8"), _StrictLoader)
            return cls._parse(path.stem, content)
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise ValueError(f"{path} is not readable YAML: {error}") from None
        except ValueError as error:
            raise ValueError(f"study {path}: {error}") from None

    @classmethod
    def _parse(cls, name: str, content: Any) -> Study:
        kinds = {"preset": str, "settings": dict, "methods": dict, "reference": str, "ensembles": bool}
        lists = ("benchmarks", "base_shares", "encoders", "seeds", "untrained", "classifiers")
        kinds |= dict.fromkeys(lists, list)
        if not isinstance(content, dict) or not content.get("methods"):
            raise ValueError("it needs 'methods', each a name with the settings in which it differs")
        for key, value in content.items():
            if key not in kinds:
                raise ValueError(f"unknown entry {key!r}{nearest(str(key), list(kinds))} Entries: {', '.join(kinds)}")
            if not isinstance(value, kinds[key]) or (not value and value is not False):
                raise ValueError(f"{key}: {value!r} must be a {kinds[key].__name__} that is not empty")
        preset, settings = content.get("preset", "embedded"), content.get("settings", {})
        _refuse(settings, ("seed", "benchmark"), "settings", "list them under seeds and benchmarks")
        common = Config.create(preset, **settings)
        methods = {
            _method_name(key): _method_config(key, values or {}, preset, settings, "encoders" in content)
            for key, values in content["methods"].items()
        }
        for i, (one, config) in enumerate(methods.items()):
            for other in list(methods)[:i]:
                if methods[other] == config:
                    raise ValueError(f"methods {other!r} and {one!r} have the same settings; leave one out")
        benchmarks = _distinct("benchmarks", content.get("benchmarks", [common.benchmark]), str)
        if "" in benchmarks and common.dataset not in DATASETS:
            raise ValueError(
                f"dataset={common.dataset!r} has no protocol of its own, so every seed would draw other novel classes; "
                f"make one with 'crossglg protocol make' and name it under benchmarks"
            )
        seeds = _distinct("seeds", content.get("seeds", [common.seed]), int)
        untrained = _distinct("untrained", content.get("untrained", [RAW]), str)
        for one in untrained:
            if one not in UNTRAINED:
                raise ValueError(f"untrained: unknown {one!r}{nearest(one, list(UNTRAINED))} {', '.join(UNTRAINED)}")
        reference = content.get("reference", next(iter(methods)))
        if reference not in (*methods, *untrained):
            raise ValueError(f"the reference {reference!r} is no method{nearest(reference, list(methods))}")
        encoders = _distinct("encoders", content.get("encoders", [""]), str)
        classifiers = _distinct("classifiers", content.get("classifiers", ["cosine"]), str)
        for one in classifiers:
            if one not in CLASSIFIERS:
                raise ValueError(
                    f"classifiers: unknown {one!r}{nearest(one, list(CLASSIFIERS))} {', '.join(CLASSIFIERS)}"
                )
        shares = _distinct("base_shares", content.get("base_shares", [common.base_share]), float)
        ensembles = content.get("ensembles", False)
        if ensembles and len(seeds) < 2:
            raise ValueError(f"ensembles: an ensemble is of several seeds, and seeds are {list(seeds)}")
        study = cls(name, methods, benchmarks, encoders, seeds, reference, untrained, classifiers, shares, ensembles)
        names: set[str] = set()
        for run in study.runs():
            if run.config.encoder not in ENCODERS:
                raise ValueError(f"unknown encoder {run.config.encoder!r}{nearest(run.config.encoder, list(ENCODERS))}")
            find_objective(run.config)
            if run.name in names:
                raise ValueError(f"benchmarks: two files have the same name and both have {task_name(run.config)!r}")
            names.add(run.name)
        return study

    def runs(self) -> list[Run]:
        """Every run, seed by seed, so that an unfinished study has about as many of every method; ensembles last."""
        common = next(iter(self.methods.values()))
        plain: dict[str, Any] = {name: getattr(common, name) for name in COMMON}
        tasks: list[dict[str, Any]] = [
            {"benchmark": name, "base_share": share} for name in self.benchmarks for share in self.base_shares
        ]
        found = [Run(one, Config(**plain, **task)) for task in tasks for one in self.untrained]
        for seed, task, encoder in product(self.seeds, tasks, self.encoders):
            for method, config in self.methods.items():
                axes: dict[str, Any] = {**task, "seed": seed, "encoder": encoder or config.encoder}
                found.append(Run(method, replace(config, **axes)))
        if self.ensembles:
            of_all_seeds: dict[Config, list[Run]] = {}
            for run in found:
                if run.method not in UNTRAINED:
                    of_all_seeds.setdefault(replace(run.config, seed=self.seeds[0]), []).append(run)
            for config, members in of_all_seeds.items():
                found.append(Run(f"{members[0].method} ×{len(members)}", config, tuple(members)))
        return found

    def finished(self, folder: str | Path) -> list[Record]:
        """The JSONs of the study's finished runs, in its order, each with `name`, `method` and `seed` (or None)."""
        read = [run.read(Path(folder)) for run in self.runs()]
        return [record for record in read if record and "error" not in record]


def run_study(
    study: Study,
    folder: str | Path,
    data: str | Path = "",
    jobs: int | None = None,
    backend: str = "loky",
    address: str = "",
    report: Callable[[str], object] = print,
) -> None:
    """Make all runs that have no JSON in `folder` yet, and those that failed; `report` gets a line for each.

    data: the folder that DATA stands for.  jobs: runs at once; default one per core, each with its share of the
    cores' threads (two threads on a busy core are many times slower than one).  backend: "loky", processes here, or
    "dask", the workers of the cluster whose scheduler is at `address`: each a process of one thread that sees the same
    files at the same paths.  Raises ValueError before anything runs for what cannot work, RuntimeError at the end if
    runs failed; what they raised stands in their JSON, all they printed in models/<run>/log.txt.
    """
    folder = Path(folder).resolve()
    runs = study.runs()
    configs = {run: absolute_paths(_with_data(run.config, data)) for run in runs}
    protocols = {config.benchmark: _protocol_hash(config.benchmark) for config in configs.values()}
    pending = []
    for run in runs:
        record = run.read(folder)
        if record is None or "error" in record:
            pending.append(run)
        elif record["protocol_file_sha256"] != protocols[configs[run].benchmark]:
            raise ValueError(
                f"{folder / run.name}.json was made with another protocol of the same name; choose another --output"
            )
    report(f"{study.name}: {len(runs) - len(pending)} of {len(runs)} runs are finished in {folder}")
    if not pending:
        return
    failed = 0
    number = 0
    with _workers(backend, jobs, address) as (parallel, threads):
        for ensembles in (False, True):  # when their members are there
            now = [run for run in pending if bool(run.members) == ensembles]
            tasks = (delayed(execute)(r, configs[r], folder, threads, protocols[configs[r].benchmark]) for r in now)
            for record in parallel(tasks):
                number, failed = number + 1, failed + ("error" in record)
                report(f"[{number}/{len(pending)}] {_line(record)}")
    if failed:
        raise RuntimeError(f"{failed} of {len(pending)} runs failed; run the study again to repeat them")


def execute(run: Run, config: Config, folder: Path, threads: int, protocol: str) -> Record:
    """Make one run and write its JSON, with the error if it failed. Returns what was written, with the run's name.

    config: that of the run with the paths of this machine.  threads: how many it may use.  protocol: hash of the
    benchmark's protocol. A training that was cut off is continued.
    """
    models = folder / "models" / run.name
    models.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    with open(models / "log.txt", "a", encoding="utf-8") as log, redirect_stderr(log), _limited_to(threads):
        try:
            record = _measured(run, config, models)
        except Exception as error:  # whatever it is, the other runs go on
            traceback.print_exc()
            record = {"error": f"{type(error).__name__}: {error}"}
    about = {
        "config": portable(run.config.to_dict()),
        "protocol_file_sha256": protocol,
        "seconds": round(time.perf_counter() - start, 1),
        "threads": threads,
        **versions(),
    }
    write_json(folder / f"{run.name}.json", {**record, **about})
    return {**record, **about, "name": run.name}


def study_table(study: Study, folder: str | Path, classifiers: Sequence[str] = (), reference: str = "") -> str:
    """Markdown of a study's finished runs: accuracies, paired differences to `reference`, and what they are made of.

    Those tables once per encoder; ensembles are compared with the reference's ensemble.  classifiers, reference: the
    study's own if empty. Raises ValueError as `crossglg.statistics` does.
    """
    records = study.finished(folder)
    if not records:
        return f"{study.name}: no run is finished in {folder}."
    classifiers = tuple(classifiers) or _there(study.classifiers, records)
    lines = [
        f"{study.name}: {len(records)} of {len(study.runs())} runs. Top-1 accuracy, %, by {classifiers[0]} where no "
        "other classifier is named, and differences in points, with 95 % intervals over seeds and exemplar draws; p of "
        "a sign-flip test."
    ]
    for encoder in study.encoders:
        ours = [r for r in records if not encoder or r["method"] in UNTRAINED or r["config"]["encoder"] == encoder]
        lines += ["", f"### {encoder}"] if encoder else []
        lines += ["", accuracy_table(accuracies(ours, classifiers))]
        # Like with like: an ensemble is one result, not one more for each seed that is in it.
        single, ensembles = ([r for r in ours if ("members" in r) == together] for together in (False, True))
        against = reference or study.reference
        if reference or any(r["method"] == against for r in single):  # it may not have run yet
            lines += ["", difference_table(accuracies(single, classifiers), against)]
        together = f"{against} ×{len(study.seeds)}"
        if any(r["method"] == together for r in ensembles):
            lines += ["", difference_table(accuracies(ensembles, _there(classifiers, ensembles)), together)]
    return "\n".join([*lines, "", _made(records)])


def study_figure(study: Study, folder: str | Path, classifiers: Sequence[str] = ()) -> Figure:
    """The accuracies of `study_table` as dots with their intervals, a panel per benchmark."""
    records = study.finished(folder)
    if any(study.encoders):
        named = {
            r["name"]: r["method"] if r["method"] in UNTRAINED else f"{r['method']}, {r['config']['encoder']}"
            for r in records
        }
        records = [{**r, "method": named[r["name"]]} for r in records]
    cells = intervals(accuracies(records, tuple(classifiers) or _there(study.classifiers, records)))
    return figures.method_intervals(
        {t: {m: (c.mean, c.low, c.high) for m, c in row.items()} for t, row in cells.items()}
    )


def _made(records: Sequence[Record]) -> str:
    """Which methods were made with what, on what, at which commits."""
    places: dict[str, tuple[dict[str, None], dict[str, None]]] = {}
    for r in records:
        methods, commits = places.setdefault(f"torch {r['torch']} on {r['device']}", ({}, {}))
        methods[r["method"]] = commits[r["git_sha"][:12]] = None
    told = (
        f"{', '.join(methods)} with {place} at {', '.join(commits)}" for place, (methods, commits) in places.items()
    )
    return f"Made: {'; '.join(told)}."


def _there(classifiers: Sequence[str], records: Sequence[Record]) -> tuple[str, ...]:
    """Those by which a run has been evaluated so far: raw coordinates, which come first, have few."""
    return tuple(name for name in classifiers if any(name in record["one_shot"] for record in records))


def _measured(run: Run, config: Config, models: Path) -> Record:
    """Train if the run trains, and evaluate with every classifier that sees skeletons alone."""
    task = load_task(config)
    about: Record = {}
    if run.method == DTW:
        found = [_warped(task, cost) for cost in FRAME_COSTS]
    elif run.method == RAW:
        features = Features.of(task, raw_coordinates)
        found = [evaluate(task, features, name) for name in RAW_CLASSIFIERS]
    elif run.members:
        together = [_model(member, models.parent) for member in run.members]
        features = Features.of(task, lambda clips: Representation.joined([one.represent(clips) for one in together]))
        about = {"members": [member.name for member in run.members]}
        found = [evaluate(task, features, name) for name in usable(features)]
    else:
        trained, about = _trained(config, models)
        features = Features.of(task, trained.represent)
        found = [evaluate(task, features, name) for name in usable(features)]
    results = {result.classifier: result.to_dict() for result in found}
    for result in results.values():
        del result["confusion"]  # K² numbers per classifier
    return {**about_task(task), **about, "device": _device_name(config), "one_shot": results}


def _warped(task: Task, cost: str) -> OneShotResult:
    """Nearest exemplar by dynamic time warping, under the name of the classifier that compares single poses so."""
    distance = dtw_distances(task.novel, cost)
    return evaluate_scores(task, lambda number, query: -distance[np.ix_(query, task.draws[number])], cost)


def _trained(config: Config, models: Path) -> tuple[TrainedModel, Record]:
    resumed = (models / CHECKPOINT).is_file()
    prepared = prepare(config)
    trained = prepared.train(models)
    (models / CHECKPOINT).unlink()  # three times the size of the model, which stays
    return trained, {**about_model(trained), "texts": list(prepared.sources), "resumed": resumed}


def _model(run: Run, folder: Path) -> TrainedModel:
    """The model of a finished run; raises FileNotFoundError if it is not beside the others in `folder`."""
    if not (folder / run.name / WEIGHTS).is_file():
        raise FileNotFoundError(
            f"no model of {run.name} in {folder}, of which the ensemble is to be made: its run failed, or its JSON has "
            f"come without the model; move the JSON away and run the study again"
        )
    return TrainedModel.load(folder / run.name)


@contextmanager
def _workers(backend: str, jobs: int | None, address: str) -> Iterator[tuple[Any, int]]:
    """A joblib.Parallel whose results come as they are ready, and the threads each of its workers may use."""
    if backend not in BACKENDS:
        raise ValueError(f"unknown backend {backend!r}{nearest(backend, list(BACKENDS))} {', '.join(BACKENDS)}")
    if jobs is not None and jobs < 1:
        raise ValueError(f"jobs={jobs} must be at least 1")
    if (backend == "dask") != bool(address):
        raise ValueError("the backend dask and the address of its scheduler, tcp://HOST:PORT, go together")
    options: dict[str, Any] = {"return_as": "generator_unordered", "batch_size": 1}
    if backend == "loky":
        wait_passively()  # the workers are handed the variable
        jobs = jobs or cpu_count()
        with parallel_config("loky", n_jobs=jobs), warnings.catch_warnings():
            # A worker that has come to hold much memory is replaced between two runs; no run is lost.
            warnings.filterwarnings("ignore", "A worker stopped while some jobs")
            yield Parallel(**options), max(1, cpu_count() // jobs)
        return
    if not find_spec("distributed"):
        raise ValueError("the backend dask is not installed: pip install 'crossglg[cluster]'")
    from distributed import Client

    try:
        client = Client(address, timeout="20s")
    except (OSError, ValueError) as error:
        raise ValueError(f"no Dask scheduler answers at {address!r}: {error}") from None
    with client:
        threads = client.nthreads()
        if not threads or max(threads.values()) > 1:  # trainings in one process would share torch's random numbers
            raise ValueError(
                f"the scheduler at {address} has {len(threads)} workers with up to {max(threads.values(), default=0)} "
                f"threads; start workers of one thread each: 'dask worker {address} --nworkers N --nthreads 1'"
            )
        with parallel_config("dask", n_jobs=jobs or len(threads), client=client):
            yield Parallel(**options), 1


@contextmanager
def _limited_to(threads: int) -> Iterator[None]:
    before = torch.get_num_threads()
    try:
        with threadpool_limits(threads):
            torch.set_num_threads(threads)
            yield
    finally:
        torch.set_num_threads(before)


def _what(settings: Record) -> Record:
    """The settings that can change a result by more than rounding. Older runs have "auto" for float32."""
    kept = {name: value for name, value in settings.items() if name not in HOW}
    return {**kept, "precision": "float32"} if kept["precision"] == "auto" else kept


def _device_name(config: Config) -> str:
    device = resolve_device(config)
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def _line(record: Record) -> str:
    if "error" in record:
        return f"{record['name']} failed: {record['error']}"
    return f"{record['name']}: {100 * record['one_shot']['cosine']['mean']:.1f} % by cosine, {record['seconds']:.0f} s"


def _protocol_hash(benchmark: str) -> str:
    return find_protocol(benchmark).sha256 if benchmark else ""


def _with_data(config: Config, data: str | Path) -> Config:
    """DATA/… below the folder `data`; raises ValueError if there is none to fill in."""
    values: dict[str, Any] = {name: value for name, value in config.to_dict().items() if isinstance(value, str)}
    filled: dict[str, Any] = {
        name: re.sub(r"(^|:)DATA/", lambda m: f"{m[1]}{data}/", value) for name, value in values.items()
    }
    if filled != values and not data:
        raise ValueError("the study names files below DATA/; say where they lie with --data FOLDER")
    return replace(config, **filled)


def _study_path(file: str) -> Path:
    shipped = {path.stem: path for path in sorted(project_folder("studies").glob("*.yaml"))}
    path = shipped.get(file, Path(file))
    if not path.is_file():
        raise FileNotFoundError(
            f"no study {file!r}{nearest(file, list(shipped))} Give a .yaml, or {', '.join(shipped)}"
        )
    return path


def _method_name(name: Any) -> str:
    if not isinstance(name, str) or name in UNTRAINED or "|" in name or "×" in name:
        raise ValueError(f"a method cannot be called {name!r}: give it a name, without | or ×, that is not raw or dtw")
    return name


def _method_config(name: str, values: Any, preset: str, settings: Mapping[str, Any], encoders: bool) -> Config:
    """The settings of one method; raises ValueError naming it."""
    if not isinstance(values, dict):
        raise ValueError(f"method {name!r}: {values!r} must be settings, NAME: VALUE")
    refused = ("seed", "benchmark", "base_share", *COMMON)
    _refuse(values, refused, f"method {name!r}", "methods are compared on the same ones")
    _refuse(values, ("encoder",) if encoders else (), f"method {name!r}", "they are listed under encoders")
    try:
        return Config.create(preset, **{**settings, **values})
    except ValueError as error:
        raise ValueError(f"method {name!r}: {error}") from None


def _refuse(values: Mapping[str, Any], names: tuple[str, ...], where: str, why: str) -> None:
    for name in names:
        if name in values:
            raise ValueError(f"{where} must not set {name!r}: {why}")


def _distinct(key: str, values: list[Any], kind: type) -> tuple[Any, ...]:
    if any(type(value) is not kind for value in values) or len(set(values)) < len(values):
        raise ValueError(f"{key}: {values!r} must be different values, each a {kind.__name__}")
    return tuple(values)


class _StrictLoader(yaml.SafeLoader):
    """YAML that refuses a key that is there twice, of which PyYAML silently takes the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value]
        twice = [key for key in keys if keys.count(key) > 1]
        if twice:
            raise ValueError(f"{twice[0]!r} is there twice")
        return super().construct_mapping(node, deep)
