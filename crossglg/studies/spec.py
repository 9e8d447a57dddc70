"""What a study is: benchmarks × encoders × methods × seeds, read from a YAML file.

All entries but `methods` may be left out:

    preset: default                 # the settings it starts from
    settings: {epochs: 15}          # of every run, on top of the preset
    benchmarks: [DATA/benchmarks.json:to-utd-mhad, ntu120-one-shot]  # DATA: the folder given with --data
    base_shares: [0.5, 1.0]         # fractions of the base classes, each a benchmark of its own
    base_clips: [5, 20, 0]          # clips of each base class, likewise; 0: all
    encoders: [lean-gcn]
    seeds: [0, 1, 2, 3, 4]
    methods:                        # name → settings in which it differs
      base: {guidance: none}
      crossglg: {}
    ensembles: true                 # besides, the models of all seeds of a method as one: "base ×5"
    untrained: [raw, dtw-streams]   # rows that learn nothing: raw coordinates, time warping; else raw alone
    reference: base                 # whom the others are compared with; else the first method
    classifiers: [cosine]           # by which the table compares them
    measured: [cosine, joint-motion] # what is measured; else all that read no texts at recognition

A run is named by its settings, so studies that share a folder share their runs, and renaming a method makes nothing
again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from itertools import combinations, product
from pathlib import Path
from typing import Any

import yaml

from crossglg.config import DEFAULTS, Config
from crossglg.data.tasks import DATASETS
from crossglg.encoders import ENCODERS
from crossglg.files import InputError, MissingError, nearest, project_folder, sha256
from crossglg.objectives import find_objective
from crossglg.one_shot import CLASSIFIERS, TEXT_CLASSIFIERS
from crossglg.runs.results import method_name, portable, task_name
from crossglg.training.checkpoint import SAME_RESULT

RAW = "raw"  # raw coordinates
# Dynamic time warping → its classifier.
WARPED = {
    "dtw": "warped-poses", "dtw-movement": "warped-movement", "dtw-shifted": "shifted-movement",
    "dtw-streams": "shifted-streams",
}  # fmt: skip
UNTRAINED = (RAW, *WARPED)  # methods that learn nothing: one run per benchmark, whatever the seeds
# What not every model predicts → what it is called, and which do.
_PREDICTED = {
    "importance": ("joint importance", "guidance: g2l or guidance: both"),
    "attributes": ("statements", "objective: attributes"),
}
# Settings that all methods have in common.
SHARED = ("dataset", "episodes", "device", "validation_classes", "validation_split")

# The entries of a study's file, and what each must be; below, in words.
ENTRIES: dict[str, type] = {
    "preset": str,
    "settings": dict,
    "methods": dict,
    "reference": str,
    "ensembles": bool,
    "benchmarks": list,
    "base_shares": list,
    "base_clips": list,
    "encoders": list,
    "seeds": list,
    "untrained": list,
    "classifiers": list,
    "measured": list,
}
WORDS: dict[type, str] = {
    str: "a word",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list that is not empty",
    dict: "entries NAME: VALUE",
}


@dataclass(frozen=True)
class Run:
    """One run of a study.

    Args:
        method: Its name in the study, or one of `UNTRAINED`.
        config: Its settings, with paths as the study has them.
        members: The runs whose models make this ensemble, which trains nothing itself; `config` is that of the first.
    """

    method: str
    config: Config
    members: tuple[Run, ...] = ()

    @property
    def seed(self) -> int | None:
        """None for what learns nothing, or is of several seeds."""
        return None if self.method in UNTRAINED or self.members else self.config.seed

    @cached_property
    def name(self) -> str:
        """Stable on every machine: from the settings that are not the defaults, without folders and device."""
        c = self.config
        if self.method in UNTRAINED:
            what = self.method
        elif self.members:
            what = f"{c.encoder}-{method_name(c)}-x{len(self.members)}"
        else:
            what = f"{c.encoder}-{method_name(c)}-seed{c.seed}"
        hash_ = sha256(json.dumps(self._identity()))[:10]
        return re.sub(r"[^\w.+-]+", "_", f"{task_name(c)}-{what}-{hash_}")

    def _identity(self) -> list[Any]:
        """What the hash in the name is made of. Runs on disk go by it: it must not change."""
        if self.members:
            return [member.name for member in self.members]
        defaults = deciding(DEFAULTS)
        values = deciding(portable(self.config.to_dict()))
        changed = sorted((name, value) for name, value in values.items() if value != defaults[name])
        if self.method == RAW:
            return [True, *changed]
        if self.method in WARPED:
            return [self.method, *changed]
        return [False, *changed]


@dataclass(frozen=True)
class BaseSide:
    """How much of a benchmark's base side is learned from: settings of a run."""

    base_share: float
    base_clips: int

    @classmethod
    def of(cls, config: Config) -> BaseSide:
        """That of a run."""
        return cls(config.base_share, config.base_clips)

    def __str__(self) -> str:
        classes = f"{self.base_share:.0%} of the base classes".replace("%", " %")
        if self.base_clips and self.base_share == 1.0:
            return f"{self.base_clips} clips of each base class"
        return f"{classes}, {self.base_clips} clips of each" if self.base_clips else classes


@dataclass(frozen=True)
class Study:
    """A parsed study; the module's docstring says what each entry means.

    A benchmark "" is the dataset's own, an encoder "" that of the method's settings; nothing measured is all that a
    model allows. Seed, benchmark, base side and encoder of a method come from the lists.
    """

    name: str
    methods: Mapping[str, Config]
    benchmarks: tuple[str, ...]
    encoders: tuple[str, ...]
    seeds: tuple[int, ...]
    reference: str
    untrained: tuple[str, ...] = (RAW,)
    classifiers: tuple[str, ...] = ("cosine",)
    base_shares: tuple[float, ...] = (1.0,)
    base_clips: tuple[int, ...] = (0,)
    measured: tuple[str, ...] = ()
    ensembles: bool = False

    @classmethod
    def load(cls, file: str | Path) -> Study:
        """Read a study: a file, or one that comes with the project by its name.

        Raises:
            MissingError: There is no such file, and no such study in the project.
            InputError: An entry is unknown, wrong or there twice; the message names it.
        """
        path = _study_path(str(file))
        try:
            content = yaml.load(path.read_text(encoding="utf-8"), _StrictLoader)
            return _parse(path.stem, content)
        except yaml.MarkedYAMLError as error:
            where = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
            raise InputError(f"{path}{where} is not readable YAML: {error.problem}") from None
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise InputError(f"{path} is not readable YAML: {error}") from None
        except ValueError as error:
            raise InputError(f"study {path}: {error}") from None

    @property
    def base_sides(self) -> list[BaseSide]:
        """What is learned from, each a benchmark of its own."""
        return [BaseSide(share, clips) for share in self.base_shares for clips in self.base_clips]

    def runs(self) -> list[Run]:
        """Every run, seed by seed, so that an unfinished study has about as many of every method; ensembles last."""
        common = next(iter(self.methods.values()))
        shared: dict[str, Any] = {name: getattr(common, name) for name in SHARED}
        tasks: list[dict[str, Any]] = [
            {"benchmark": name, **asdict(side)} for name in self.benchmarks for side in self.base_sides
        ]
        untrained = [Run(method, Config(**shared, **task)) for task in tasks for method in self.untrained]
        trained = []
        for seed, task, encoder in product(self.seeds, tasks, self.encoders):
            for method, config in self.methods.items():
                axes: dict[str, Any] = {**task, "seed": seed, "encoder": encoder or config.encoder}
                trained.append(Run(method, replace(config, **axes)))
        return [*untrained, *trained, *(self._ensembles(trained) if self.ensembles else [])]

    def _ensembles(self, trained: list[Run]) -> list[Run]:
        """One run for all that differ in nothing but their seed."""
        members: dict[Config, list[Run]] = {}
        for run in trained:
            members.setdefault(replace(run.config, seed=self.seeds[0]), []).append(run)
        return [Run(f"{runs[0].method} ×{len(runs)}", config, tuple(runs)) for config, runs in members.items()]


def _parse(name: str, content: Any) -> Study:
    """The study that a file's content describes; raises InputError naming what is wrong."""
    _check_entries(content)
    preset, settings = content.get("preset", "default"), content.get("settings", {})
    _refuse(settings, ("seed", "benchmark"), "settings", "list them under seeds and benchmarks")
    common = Config.create(preset, **settings)
    methods = {
        _method_name(key): _method_config(key, values or {}, preset, settings, "encoders" in content)
        for key, values in content["methods"].items()
    }
    study = Study(
        name=name,
        methods=methods,
        benchmarks=_distinct(content, "benchmarks", [common.benchmark], str),
        encoders=_distinct(content, "encoders", [""], str),
        seeds=_distinct(content, "seeds", [common.seed], int),
        reference=content.get("reference", next(iter(methods))),
        untrained=_distinct(content, "untrained", [RAW], str),
        classifiers=_distinct(content, "classifiers", ["cosine"], str),
        base_shares=_distinct(content, "base_shares", [common.base_share], float),
        base_clips=_distinct(content, "base_clips", [common.base_clips], int),
        measured=_distinct(content, "measured", [], str),
        ensembles=content.get("ensembles", False),
    )
    _check(study, common)
    return study


def _check_entries(content: Any) -> None:
    """Raise InputError for an entry that is unknown, missing, empty or of the wrong kind."""
    if not isinstance(content, dict) or not content.get("methods"):
        raise InputError("it needs 'methods', each a name with the settings in which it differs")
    for key, value in content.items():
        if key not in ENTRIES:
            raise InputError(f"unknown entry {key!r}{nearest(str(key), ENTRIES)} Entries: {', '.join(ENTRIES)}")
        if not isinstance(value, ENTRIES[key]) or (not value and value is not False):
            raise InputError(f"{key}: {value!r} must be {WORDS[ENTRIES[key]]}")


def _check(study: Study, common: Config) -> None:
    """Raise InputError for what cannot go together, or a name that nobody knows."""
    for first, second in combinations(study.methods, 2):
        if study.methods[first] == study.methods[second]:
            raise InputError(f"methods {first!r} and {second!r} have the same settings; leave one out")
    if "" in study.benchmarks and common.dataset not in DATASETS:
        raise InputError(
            f"dataset={common.dataset!r} has no protocol of its own, so every seed would draw other novel classes; "
            f"make one with 'crossglg protocol make' and name it under benchmarks"
        )
    _check_known("untrained", study.untrained, UNTRAINED)
    _check_known("classifiers", study.classifiers, [*CLASSIFIERS, *TEXT_CLASSIFIERS])
    _check_known("measured", study.measured, [*CLASSIFIERS, *TEXT_CLASSIFIERS])
    for name in study.classifiers:
        if name not in (study.measured or CLASSIFIERS):
            raise InputError(f"classifiers: {name!r} is not measured; add it to measured")
        missing = [lacks(config, name) for config in study.methods.values()]
        if all(missing):
            what, how = _PREDICTED[missing[0]]
            raise InputError(
                f"classifiers: {name!r} compares by {what}, which no method learns; give a method {how}, or take "
                f"{name!r} out"
            )
    methods = [*study.methods, *study.untrained]
    if study.reference not in methods:
        hint = nearest(study.reference, methods)
        raise InputError(f"the reference {study.reference!r} is no method{hint} Methods: {', '.join(methods)}")
    if study.ensembles and len(study.seeds) < 2:
        raise InputError(f"ensembles: an ensemble is of several seeds, and seeds are {list(study.seeds)}")
    names: set[str] = set()
    for run in study.runs():
        encoder = run.config.encoder
        if encoder not in ENCODERS:
            raise InputError(f"unknown encoder {encoder!r}{nearest(encoder, ENCODERS)}")
        find_objective(run.config)
        if run.name in names:
            raise InputError(f"benchmarks: two files have the same name and both have {task_name(run.config)!r}")
        names.add(run.name)


def _check_known(key: str, names: Collection[str], known: Collection[str]) -> None:
    for name in names:
        if name not in known:
            raise InputError(f"{key}: unknown {name!r}{nearest(name, known)} {', '.join(known)}")


def check_classifiers(names: Collection[str]) -> None:
    """Raises InputError for a name that no classifier has, before hours of runs that would be compared by it."""
    _check_known("classifier", names, [*CLASSIFIERS, *TEXT_CLASSIFIERS])


def lacks(config: Config, classifier: str) -> str:
    """What the classifier compares and a model of these settings does not predict; or nothing."""
    there = {
        "importance": config.guidance in ("g2l", "both"),
        "attributes": find_objective(config).predicts_attributes,
    }
    needs = {**CLASSIFIERS, **TEXT_CLASSIFIERS}[classifier].needs
    return next((name for name in needs if not there.get(name, True)), "")


def deciding(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that can change a result by more than rounding. Older runs have "auto" for float32."""
    kept = {name: value for name, value in settings.items() if name not in SAME_RESULT}
    if kept["precision"] == "auto":
        kept["precision"] = "float32"
    return kept


def _study_path(file: str) -> Path:
    shipped = {path.stem: path for path in sorted(project_folder("studies").glob("*.yaml"))}
    path = shipped.get(file, Path(file))
    if not path.is_file():
        raise MissingError(f"no study {file!r}{nearest(file, shipped)} Give a .yaml, or {', '.join(shipped)}")
    return path


def _method_name(name: Any) -> str:
    if not isinstance(name, str):
        raise InputError(f"YAML reads the name of a method as {name!r}, which is no text: write it in quotes")
    if name in UNTRAINED or "|" in name or "×" in name:
        raise InputError(f"a method cannot be called {name!r}: give it a name, without | or ×, that is not raw or dtw")
    return name


def _method_config(name: str, values: Any, preset: str, settings: Mapping[str, Any], encoders: bool) -> Config:
    """The settings of one method; raises InputError naming it. encoders: whether the study lists encoders."""
    where = f"method {name!r}"
    if not isinstance(values, dict):
        raise InputError(f"{where}: {values!r} must be settings, NAME: VALUE")
    _refuse(
        values,
        ("seed", "benchmark", "base_share", "base_clips", *SHARED),
        where,
        "methods are compared on the same ones",
    )
    if encoders:
        _refuse(values, ("encoder",), where, "they are listed under encoders")
    try:
        return Config.create(preset, **{**settings, **values})
    except ValueError as error:
        raise InputError(f"{where}: {error}") from None


def _refuse(values: Mapping[str, Any], names: tuple[str, ...], where: str, why: str) -> None:
    for name in names:
        if name in values:
            raise InputError(f"{where} must not set {name!r}: {why}")


def _distinct(content: Mapping[str, Any], key: str, default: list[Any], kind: type) -> tuple[Any, ...]:
    """The list under a key, or the default; raises InputError for one of another kind, or twice there."""
    values = content.get(key, default)
    if kind is float:
        values = [float(value) if type(value) is int else value for value in values]
    if any(type(value) is not kind for value in values) or len(set(values)) < len(values):
        raise InputError(f"{key}: {values!r} must be different values, each {WORDS[kind]}")
    return tuple(values)


class _StrictLoader(yaml.SafeLoader):
    """YAML that refuses a key that is there twice, of which PyYAML silently takes the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value]
        twice = [key for key in keys if keys.count(key) > 1]
        if twice:
            raise InputError(f"{twice[0]!r} is there twice")
        return super().construct_mapping(node, deep)
