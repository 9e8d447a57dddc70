"""One-shot protocols as data: which classes teach, which are new, and which clip of each new class is the exemplar.

A `Task` keeps base and novel clips in two separate sets; training is only ever handed the first.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crossglg.config import Config, nearest
from crossglg.data import convert, synthetic
from crossglg.data.clips import SkeletonSet, concatenate
from crossglg.data.readers import READERS
from crossglg.files import read_json, sha256
from crossglg.skeletons import Layout

BENCHMARK_KEYS = ("base_sets", "novel_sets", "base_classes", "novel_classes", "exemplar_draws")

# A dataset the package knows by name: one line here, one file beside this one.
DATASETS: dict[str, Callable[[], tuple[SkeletonSet, Sequence[str]]]] = {
    "synthetic": lambda: (synthetic.load(clips_per_action=36), synthetic.NOVEL_ACTIONS),
}


@dataclass(frozen=True)
class Task:
    """A one-shot task. `base` holds base classes only, `novel` novel classes only.

    draws: (R, K) for each of R exemplar draws the index into `novel` of one exemplar per novel class, classes in the
    order of `novel.class_names`. Raises ValueError if a class is on both sides or a draw does not fit.
    """

    name: str
    base: SkeletonSet
    novel: SkeletonSet
    draws: NDArray[np.int64]
    sha256: str = field(init=False)

    def __post_init__(self) -> None:
        shared = set(self.base.class_names) & set(self.novel.class_names)
        if shared:
            raise ValueError(f"{self.name}: {sorted(shared)[0]!r} is both a base and a novel class")
        if self.draws.ndim != 2 or self.draws.shape[1] != len(self.novel.class_names) or not len(self.draws):
            raise ValueError(
                f"{self.name}: draws must be (draws, {len(self.novel.class_names)} novel classes), "
                f"got {self.draws.shape}"
            )
        if self.draws.min() < 0 or self.draws.max() >= len(self.novel):
            raise ValueError(f"{self.name}: an exemplar lies outside the {len(self.novel)} novel clips")
        if (self.novel.label[self.draws] != np.arange(self.draws.shape[1])).any():
            raise ValueError(f"{self.name}: an exemplar is not of the class it stands for")
        object.__setattr__(self, "sha256", sha256(json.dumps(self.to_dict())))

    def queries(self, draw: int) -> NDArray[np.int64]:
        """Indices into `novel` of every clip that is not an exemplar of this draw."""
        return np.setdiff1d(np.arange(len(self.novel)), self.draws[draw])

    def to_dict(self) -> dict:
        """The protocol without the data: classes and exemplar ids; its JSON is what `sha256` hashes."""
        return {
            "name": self.name,
            "base_classes": list(self.base.class_names),
            "novel_classes": list(self.novel.class_names),
            "exemplar_draws": [
                [f"{self.novel.source[i]}/{self.novel.sample_id[i]}" for i in draw] for draw in self.draws
            ],
        }


def load_task(config: Config) -> Task:
    """The task a Config names: a benchmark file, a registered dataset, or a file or folder of the user's own.

    Raises FileNotFoundError or ValueError for anything missing or inconsistent.
    """
    if config.benchmark:
        return _benchmark_task(config)
    if config.dataset in DATASETS:
        clips, novel_classes = DATASETS[config.dataset]()
        return split_task(clips, novel_classes, config.draws, config.dataset)
    clips = _load(config.dataset)
    return split_task(clips, draw_novel_classes(clips, config.seed), config.draws, clips.name)


def classes_of(dataset: str) -> tuple[tuple[str, ...], Layout]:
    """Class names, as a task of this dataset has them, and layout of a registered dataset, a file or a folder.

    Raises FileNotFoundError or ValueError as `load_task` does.
    """
    clips = _load(dataset)
    return clips.class_names, clips.layout


def split_task(clips: SkeletonSet, novel_classes: Sequence[str], draws: int, name: str) -> Task:
    """Split a set by class and draw exemplars at random (always the same ones for the same set).

    Classes without clips are left out. Raises ValueError if a novel class is unknown or has fewer than two clips.
    """
    novel = _only(clips, novel_classes)
    base = _only(clips, [c for c in clips.class_names if c not in set(novel_classes)])
    counts = np.bincount(novel.label, minlength=len(novel.class_names))
    if counts.min() < 2:
        short = novel.class_names[int(counts.argmin())]
        raise ValueError(f"{name}: novel class {short!r} has {counts.min()} clips; it needs an exemplar and a query")
    rng = np.random.default_rng(0)
    members = [np.flatnonzero(novel.label == k) for k in range(len(novel.class_names))]
    return Task(name, base, novel, np.array([[rng.choice(m) for m in members] for _ in range(draws)]))


def draw_novel_classes(clips: SkeletonSet, seed: int) -> tuple[str, ...]:
    """A quarter of the classes (2 to 20) at random, for a set that brings no protocol of its own."""
    counts = np.bincount(clips.label, minlength=len(clips.class_names))
    usable = [c for c, n in zip(clips.class_names, counts, strict=True) if n >= 2]
    if len(usable) < 4:
        raise ValueError(f"{clips.name} has {len(usable)} classes with two clips or more; one-shot needs at least 4")
    number = min(20, max(2, len(usable) // 4))
    return tuple(sorted(np.random.default_rng(seed).choice(usable, number, replace=False).tolist()))


def _load(dataset: str) -> SkeletonSet:
    """A registered set, FORMAT:PATH of a source (converted once), or the user's own `.npz`.

    The last by canonical name: two names of one action cannot fall on both sides.
    """
    if dataset in DATASETS:
        return DATASETS[dataset]()[0]
    if not Path(dataset).exists():
        if ":" in dataset:
            return replace(SkeletonSet.load(convert.stored(dataset)), name=Path(dataset.partition(":")[2]).stem)
        raise FileNotFoundError(
            f"dataset {dataset!r} is neither registered ({', '.join(DATASETS)}) nor a file or folder, "
            f"nor FORMAT:PATH (formats: {', '.join(READERS)}){nearest(dataset, list(DATASETS))}"
        )
    return SkeletonSet.load(dataset).with_canonical_classes()


def _benchmark_task(config: Config) -> Task:
    path_text, separator, name = config.benchmark.rpartition(":")
    if not separator:
        raise ValueError(f"benchmark={config.benchmark!r} must be FILE:NAME, e.g. data/benchmarks.json:to-utd-mhad")
    path = Path(path_text)
    benchmarks = read_json(path)
    if name not in benchmarks:
        raise ValueError(
            f"{path} has no benchmark {name!r}{nearest(name, list(benchmarks))} It has {', '.join(benchmarks)}"
        )
    spec = benchmarks[name]
    lacking = [key for key in BENCHMARK_KEYS if key not in spec]
    if lacking:
        raise ValueError(f"{path}: benchmark {name!r} lacks {lacking[0]!r}; it needs {', '.join(BENCHMARK_KEYS)}")
    sets = {s: SkeletonSet.load(path.parent / f"{s}.npz") for s in {*spec["base_sets"], *spec["novel_sets"]}}
    base = _only(concatenate([sets[s] for s in spec["base_sets"]], name), spec["base_classes"])
    # One novel set keeps its own class names; a union is labelled by canonical names.
    novel_sets = [sets[s] for s in spec["novel_sets"]]
    novel = novel_sets[0] if len(novel_sets) == 1 else concatenate(novel_sets, name)
    novel = _only(novel, spec["novel_classes"])
    at = {(str(s), str(i)): n for n, (s, i) in enumerate(zip(novel.source, novel.sample_id, strict=True))}
    try:
        draws = [[at[tuple(draw[c])] for c in novel.class_names] for draw in spec["exemplar_draws"][: config.draws]]
    except KeyError as error:
        raise ValueError(f"{config.benchmark}: exemplar {error.args[0]} is not among the novel clips") from None
    return Task(name, base, novel, np.array(draws))


def _only(clips: SkeletonSet, classes: Sequence[str]) -> SkeletonSet:
    """The clips of the named classes, relabelled 0…K−1 in that order; classes without clips are dropped."""
    chosen = clips.subset(clips.where(classes=classes))
    names = [clips.class_names[k] for k in np.unique(chosen.label)]
    names = [c for c in classes if c in names]
    if not names:
        raise ValueError(f"{clips.name} has no clip of the classes {list(classes)[:5]}…")
    position = {clips.class_names.index(c): k for k, c in enumerate(names)}
    label = np.array([position[int(k)] for k in chosen.label])
    return SkeletonSet.build(
        chosen.xyz, chosen.offsets, label, names, chosen.layout, name=clips.name, persons=chosen.persons,
        subject=chosen.subject, camera=chosen.camera, sample_id=chosen.sample_id, source=chosen.source, fps=clips.fps,
    )  # fmt: skip
