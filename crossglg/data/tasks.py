"""One-shot tasks: a protocol (classes that teach, classes that are new, exemplars) together with its clips.

A `Task` keeps base and novel clips in two separate sets; training is only ever handed the first. Protocols without
clips are those of `crossglg.data.protocols`.
"""

from __future__ import annotations

import hashlib
import json
import shlex
import warnings
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossglg.config import Config, DataSettings
from crossglg.data import convert, synthetic
from crossglg.data.clips import SkeletonSet, canonical_names, concatenate
from crossglg.data.protocols import Protocol, find_protocol, protocol_sha256, protocols_of, shipped_protocols
from crossglg.data.readers import READERS
from crossglg.data.reading_options import as_command_line, as_dataset
from crossglg.files import InputError, MissingError, counted, data_folder, expanded, nearest, sha256
from crossglg.skeletons import Layout

# A dataset the package knows by name: one line here, one file beside this one.
DATASETS: dict[str, Callable[[], tuple[SkeletonSet, Sequence[str]]]] = {
    "synthetic": lambda: (synthetic.load(clips_per_action=36), synthetic.NOVEL_ACTIONS),
    "synthetic-small": lambda: (synthetic.load(clips_per_action=6), synthetic.NOVEL_ACTIONS),
}


@dataclass(frozen=True)
class Task:
    """A one-shot task.

    Attributes:
        name: what it is called.
        base: clips of base classes only; training is handed nothing else.
        novel: clips of novel classes only.
        episodes: for each of R episodes the index into `novel` of one exemplar per novel class, `(R, K)`, classes in
            the order of `novel.class_names`.
        sha256: of name, classes and exemplars.
        clips_sha256: of these and of which clips are there on either side, so that it also tells whether two runs had
            the same queries.

    Raises:
        ValueError: a class is on both sides, or an episode does not fit.
    """

    name: str
    base: SkeletonSet
    novel: SkeletonSet
    episodes: NDArray[np.int64]
    sha256: str = field(init=False)
    clips_sha256: str = field(init=False)

    def __post_init__(self) -> None:
        shared = set(self.base.class_names) & set(self.novel.class_names)
        if shared:
            raise ValueError(f"{self.name}: {sorted(shared)[0]!r} is both a base and a novel class")
        if self.episodes.ndim != 2 or self.episodes.shape[1] != len(self.novel.class_names) or not len(self.episodes):
            raise ValueError(
                f"{self.name}: episodes must be (episodes, {len(self.novel.class_names)} novel classes), "
                f"got {self.episodes.shape}"
            )
        if self.episodes.min() < 0 or self.episodes.max() >= len(self.novel):
            raise ValueError(f"{self.name}: an exemplar lies outside the {len(self.novel)} novel clips")
        if (self.novel.label[self.episodes] != np.arange(self.episodes.shape[1])).any():
            raise ValueError(f"{self.name}: an exemplar is not of the class it stands for")
        exemplars = [[_clip_id(self.novel, i) for i in draw] for draw in self.episodes]
        digest = protocol_sha256(self.name, self.base.class_names, self.novel.class_names, exemplars)
        clips = [sorted("/".join(_clip_id(side, i)) for i in range(len(side))) for side in (self.base, self.novel)]
        object.__setattr__(self, "sha256", digest)
        object.__setattr__(self, "clips_sha256", sha256(json.dumps([digest, *clips])))

    def __repr__(self) -> str:
        base, novel, episodes = len(self.base.class_names), len(self.novel.class_names), len(self.episodes)
        return f"Task({self.name!r}: {base} base and {novel} novel classes, {counted(episodes, 'episode')})"

    @cached_property
    def coordinates_sha256(self) -> str:
        """Hash of what the clips of both sides look like, whatever they are called."""
        digest = hashlib.sha256()
        for side in (self.base, self.novel):
            for array in (side.xyz, side.offsets, side.label):
                digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()

    def queries(self, draw: int) -> NDArray[np.int64]:
        """Indices into `novel` of every clip that is not an exemplar of this episode."""
        return np.setdiff1d(np.arange(len(self.novel)), self.episodes[draw])

    def protocol(self, dataset: str = "") -> Protocol:
        """The protocol without the clips. dataset: their source, where exemplars are to be found by sample id alone."""
        names = self.novel.class_names
        return Protocol(
            self.name,
            self.base.class_names,
            names,
            tuple({c: _clip_id(self.novel, i) for c, i in zip(names, draw, strict=True)} for draw in self.episodes),
            dataset=dataset,
            layout=self.base.layout.name,
            counts={
                "base_classes": len(self.base.class_names),
                "novel_classes": len(names),
                "base_clips": len(self.base),
                "exemplars": len(names),
                "queries": len(self.queries(0)),
            },
        )


def load_task(config: Config) -> Task:
    """Load the one-shot task that a Config names.

    It is that of `config.benchmark` where there is one, else that of `config.dataset`: a registered dataset, a file or
    folder of clips, or FORMAT:PATH of source files. A dataset whose one-shot protocol comes with the package, such as
    ntu120, has that one unless another is named.

    Args:
        config: `dataset`, `benchmark` and `episodes` choose the task. Above 0, `validation_classes` makes a task of the
            base classes alone; below 1, `base_share` leaves out base classes; above 0, `base_clips` leaves out clips;
            `extra_base` adds clips of another data set to the base side.

    Returns:
        The task: base clips, novel clips, and the exemplars of each episode.

    Raises:
        FileNotFoundError: a dataset, protocol or file is not there.
        ValueError: a file is damaged, or clips and protocol do not fit together.
        TypeError: what is given is no Config.
    """
    if not isinstance(config, Config):
        given = "load_task(trained.config)"
        if isinstance(config, str | Path):
            given = f"load_task(Config(dataset={str(config)!r}))"
        elif isinstance(config, SkeletonSet):
            given = "load_task(Config(dataset=FILE)), after clips.save(FILE)"
        raise TypeError(f"load_task takes a Config, got {type(config).__name__}; write {given}")
    task = real = _real_task(config)
    if config.validation_classes:
        task = validation_task(task, config.validation_classes, config.validation_split)
    task = with_fewer_base_classes(task, config.base_share) if config.base_share < 1.0 else task
    task = with_fewer_base_clips(task, config.base_clips) if config.base_clips else task
    if not config.extra_base:
        return task
    if config.extra_base == config.dataset and not config.benchmark:
        raise InputError(f"extra_base={config.extra_base!r} is the dataset itself; name another one, or none")
    return with_extra_base(task, config.extra_base, {*real.novel.class_names, *_novel_names(config.benchmark)})


def is_synthetic(config: DataSettings) -> bool:
    """Whether the clips are the built-in synthetic ones, of which the joints that matter are known."""
    return config.dataset in DATASETS and not config.benchmark


def validation_task(task: Task, fraction: float, split: int = 0) -> Task:
    """A task made of the base classes of another: `fraction` of them become validation classes, the others stay base.

    Its novel classes are gone, so that what is chosen on it has not seen them. split: another number, another random
    choice of classes and exemplars, whatever the seed of a run. As many episodes as the task has. Raises ValueError if
    fewer than two classes are left on either side.
    """
    novel = round(fraction * len(task.base.class_names))
    classes = draw_novel_classes(task.base, split, novel)
    return split_task(task.base, classes, len(task.episodes), validation_name(task.name, split), split)


def with_fewer_base_classes(task: Task, share: float) -> Task:
    """The task with a random `share` of its base classes, at least two, and all of its novel side.

    The choice depends on nothing but the classes, and a smaller share is part of a larger one.
    """
    names = task.base.class_names
    kept = np.random.default_rng(0).permutation(len(names))[: max(2, round(share * len(names)))]
    base = _only(task.base, [names[k] for k in sorted(kept)])
    return replace(task, name=share_name(task.name, share), base=base)


def with_fewer_base_clips(task: Task, count: int) -> Task:
    """The task with at most `count` random clips of each base class, and all of its novel side.

    The choice depends on nothing but the clips, and fewer clips are part of more.
    """
    rng = np.random.default_rng(0)
    members = [np.flatnonzero(task.base.label == k) for k in range(len(task.base.class_names))]
    kept = np.concatenate([rng.permutation(clips)[:count] for clips in members])
    return replace(task, name=clips_name(task.name, count), base=task.base.subset(np.sort(kept)))


def with_extra_base(task: Task, dataset: str, novel: Collection[str] = ()) -> Task:
    """The task with the clips of another data set on its base side, too, but those of classes that are novel.

    novel: names of classes that are novel besides those of the task. Own and canonical names are compared, capitals
    aside, and NTU RGB+D's names with those of the recorded sets; base classes of one canonical name become one. The
    hashes stay: it is the same task, learned with more. Raises InputError if no clip is added.
    """
    extra = synthetic.with_canonical_names(_load(dataset)) if dataset in DATASETS else _load(dataset)
    novel = synthetic.also_called((*task.novel.class_names, *novel))
    names = zip(extra.class_names, extra.canonical_names or extra.class_names, strict=True)
    kept = [own for own, canonical in names if not synthetic.also_called((own, canonical)) & novel]
    clips = extra.subset(extra.where(classes=kept))
    if not len(clips):
        raise InputError(f"extra_base={dataset!r} has no clip of a class that is not novel; leave it out")
    base = concatenate([task.base, clips], task.base.name)
    widened = replace(task, base=_only(base, _classes_with_clips(base)))
    for of_the_task in ("sha256", "clips_sha256"):
        object.__setattr__(widened, of_the_task, getattr(task, of_the_task))
    return widened


def _novel_names(benchmark: str) -> set[str]:
    """Own and canonical names of the novel classes of a protocol and of those in its file that share its base side."""
    if not benchmark:
        return set()
    protocol, names = find_protocol(benchmark), set[str]()
    for other in protocols_of(protocol.path):
        if other.base_side == protocol.base_side:
            sets = [other.path.parent / f"{name}.npz" for name in other.novel_sets if other.path]
            canonical = {own: name for file in sets for own, name in canonical_names(file).items()}
            names |= {*other.novel_classes, *(canonical.get(own, own) for own in other.novel_classes)}
    return names


def validation_name(task: str, split: int) -> str:
    """What the validation task of a task is called."""
    return f"{task}-validation{split}"


def share_name(task: str, share: float) -> str:
    """What a task is called that has this share of its base classes."""
    return f"{task}-base{100 * share:g}"


def clips_name(task: str, count: int) -> str:
    """What a task is called that has at most so many clips of each base class."""
    return f"{task}-clips{count}"


def _real_task(config: Config) -> Task:
    if config.benchmark:
        return _benchmark_task(config)
    if (official := f"{config.dataset}-one-shot") in shipped_protocols():
        return _benchmark_task(replace(config, benchmark=official))
    if config.dataset in DATASETS:
        clips, novel_classes = DATASETS[config.dataset]()
        return split_task(clips, novel_classes, config.episodes, config.dataset)
    clips = _load(config.dataset)
    if lacking := missing_for_a_run(clips):
        of_source = ":" in config.dataset and not expanded(config.dataset).exists()
        raise ValueError((as_dataset if of_source else as_command_line)(lacking))
    return split_task(clips, draw_novel_classes(clips, config.seed), config.episodes, clips.name)


def classes_of(dataset: str) -> tuple[tuple[str, ...], Layout]:
    """Class names, as a task of this dataset has them, and layout of a registered dataset, a file or a folder.

    Raises FileNotFoundError or ValueError as `load_task` does.
    """
    clips = _load(dataset)
    return clips.class_names, clips.layout


def make_protocol(dataset: str, novel: int | Sequence[str], episodes: int, seed: int, name: str) -> Protocol:
    """A new protocol on a dataset: `novel` classes by name, or so many at random, and random exemplars from `seed`.

    Where sample ids are unique, it does not depend on the name of the data's file. Raises ValueError as `split_task`,
    where two clips of one source share their id, and where fewer than two classes are left on either side.
    """
    clips = _load(dataset)
    if not len(clips):
        raise ValueError(f"{clips.name} holds no clip; give a data set with clips of at least 4 classes")
    (((source, sample_id), count),) = Counter(zip(clips.source, clips.sample_id, strict=True)).most_common(1)
    if count > 1:
        raise ValueError(f"{count} clips of {source} are called {str(sample_id)!r}; give every clip an id of its own")
    if not isinstance(novel, int):
        if twice := [name for name, times in Counter(novel).items() if times > 1]:
            raise ValueError(f"the novel class {twice[0]!r} is named twice; name each once")
        if numbers := [name for name in novel if name.isdecimal() and name not in clips.class_names]:
            raise ValueError(
                f"{clips.name} has no class {numbers[0]!r}; give a number of novel classes alone, or names alone"
            )
    classes = draw_novel_classes(clips, seed, novel) if isinstance(novel, int) else novel
    unique = len(set(clips.sample_id.tolist())) == len(clips)  # else several sources use the same ids
    if unique:
        clips = replace(clips, source=np.full(len(clips), clips.name))
    task = split_task(clips, classes, episodes, name, seed)
    _check_ways(task)
    return task.protocol(clips.name if unique else "")


def fold(protocols: Sequence[Protocol]) -> list[Protocol]:
    """The same novel sides with one base side, so that one training serves all: sets left out together.

    The base side has the sets and classes that all protocols have in theirs. So it knows no novel class of any of them,
    and it is smaller than each was. Names get "-fold". Raises ValueError if a protocol does not name its sets and base
    classes, if their files lie in several folders, or if nothing is left to learn from.
    """
    first, *others = protocols
    for protocol in protocols:
        if not protocol.base_sets or not protocol.base_classes:
            raise ValueError(f"{protocol.name} does not name its base_sets and base_classes, which a fold is made of")
        if protocol.path and first.path and protocol.path.parent != first.path.parent:
            raise ValueError(
                f"{protocol.path} and {first.path} lie in two folders; a fold needs the sets of both in one"
            )
    sets = [s for s in first.base_sets if all(s in other.base_sets for other in others)]
    if not sets:
        raise ValueError(f"no set is a base set of all of {', '.join(p.name for p in protocols)}")
    base, _ = _clips_of_sets(replace(first, base_sets=tuple(sets)))
    present = set(_classes_with_clips(base))
    classes = [c for c in first.base_classes if c in present and all(c in other.base_classes for other in others)]
    if len(classes) < 2:
        raise ValueError(f"{len(classes)} base classes are common to {', '.join(p.name for p in protocols)}")
    common: dict[str, Any] = {"base_sets": tuple(sets), "base_classes": tuple(classes), "counts": {}, "published": {}}
    return [replace(protocol, name=f"{protocol.name}-fold", **common) for protocol in protocols]


def split_task(clips: SkeletonSet, novel_classes: Sequence[str], episodes: int, name: str, seed: int = 0) -> Task:
    """Split a set by class and draw exemplars at random (always the same ones for the same set and seed).

    Classes without clips are left out. Raises ValueError if a novel class is unknown or has fewer than two clips.
    """
    novel = _only(clips, novel_classes)
    base = _only(clips, [c for c in clips.class_names if c not in set(novel_classes)])
    counts = np.bincount(novel.label, minlength=len(novel.class_names))
    if counts.min() < 2:
        short = novel.class_names[int(counts.argmin())]
        raise ValueError(
            f"{name}: novel class {short!r} has {counted(counts.min(), 'clip')}; it needs an exemplar and a query"
        )
    rng = np.random.default_rng(seed)
    members = [np.flatnonzero(novel.label == k) for k in range(len(novel.class_names))]
    return Task(name, base, novel, np.array([[rng.choice(m) for m in members] for _ in range(episodes)]))


def missing_for_a_run(clips: SkeletonSet) -> str:
    """What a set lacks to be split into base and novel classes, in a sentence that says what to do; "" for nothing."""
    counts = np.bincount(clips.label, minlength=len(clips.class_names))
    usable = int((counts >= 2).sum())
    if usable >= 4:
        return ""
    what = f"{clips.name} has {counted(usable, 'class', 'classes')} with two clips or more; one-shot needs at least 4"
    if clips.class_names == (convert.UNNAMED,):
        return (
            f"{what}. No clip says its class: put the clips of each class into a folder called as the class, or write "
            f"a table with the columns file and class and convert the files with classes='FILE.csv'"
        )
    return f"{what}. Add clips or classes"


def draw_novel_classes(clips: SkeletonSet, seed: int, number: int | None = None) -> tuple[str, ...]:
    """`number` classes at random, else a quarter of them (2 to 20), for a set that brings no protocol of its own."""
    counts = np.bincount(clips.label, minlength=len(clips.class_names))
    usable = [c for c, n in zip(clips.class_names, counts, strict=True) if n >= 2]
    if lacking := missing_for_a_run(clips):
        raise ValueError(lacking)
    number = min(20, max(2, len(usable) // 4)) if number is None else number
    if not 2 <= number <= len(usable) - 2:
        raise ValueError(f"{number} novel classes of {len(usable)} usable ones in {clips.name}: leave 2 on either side")
    return tuple(sorted(np.random.default_rng(seed).choice(usable, number, replace=False).tolist()))


def _load(dataset: str) -> SkeletonSet:
    """A registered set, one in the data folder, FORMAT:PATH of a source (converted once), or the user's own `.npz`.

    The last by canonical name: two names of one action cannot fall on both sides.
    """
    if not dataset.strip():
        raise InputError("dataset is empty: give a registered dataset, a file or folder, or FORMAT:PATH")
    if dataset in DATASETS:
        return DATASETS[dataset]()[0]
    if f"{dataset}-one-shot" in shipped_protocols():
        return _converted(dataset)
    if not expanded(dataset).exists():
        if ":" in dataset:
            return replace(SkeletonSet.load(convert.stored(dataset)), name=convert.dataset_name(dataset))
        where = "" if expanded(dataset).is_absolute() else f" in {Path.cwd()}"
        raise MissingError(
            f"dataset {dataset!r} is neither registered ({', '.join(DATASETS)}) nor a file or folder{where}, "
            f"nor FORMAT:PATH (formats: {', '.join(READERS)}){nearest(dataset, DATASETS)}"
        )
    return SkeletonSet.load(dataset).with_canonical_classes()


def _converted(dataset: str) -> SkeletonSet:
    """A known data set that the user has converted into the data folder."""
    path = data_folder() / f"{dataset}.npz"
    if not path.exists():
        raise MissingError(
            f"{dataset} cannot be shipped and is looked for in {path}: 'crossglg list sources' and 'crossglg data "
            f"fetch NAME' say how to get it, 'crossglg data convert FOLDER --format FORMAT --output "
            f"{shlex.quote(str(path))}' puts it there"
        )
    return SkeletonSet.load(path)


def _benchmark_task(config: Config) -> Task:
    protocol = find_protocol(config.benchmark)
    if not protocol.novel_classes:
        raise ValueError(f"{protocol.name} cannot be run, its classes are not public: {' '.join(protocol.notes)}")
    base, novel = _clips_of_sets(protocol) if protocol.base_sets else _clips_of_dataset(protocol, config.dataset)
    canonical = dict(zip(novel.class_names, novel.canonical_names or novel.class_names, strict=True))
    on_novel_side = {name: canonical[name] for name in _classes_with_clips(novel)}
    protocol = protocol.with_classes(on_novel_side, _classes_with_clips(base))
    _check_classes(protocol, base, protocol.base_classes, "base")
    _check_classes(protocol, novel, protocol.novel_classes, "novel")
    if alike := {canonical[name] for name in protocol.novel_classes} & set(protocol.base_classes):
        raise ValueError(
            f"{protocol.name}: the base class {min(alike)!r} is the same action as a novel class of another name; "
            f"leave it out of base_classes"
        )
    base, novel = _only(base, protocol.base_classes), _only(novel, protocol.novel_classes)
    if protocol.left_out:
        novel = novel.subset(np.flatnonzero(~np.isin(novel.sample_id, protocol.left_out)))
    task = Task(protocol.name, base, novel, _exemplars(protocol, novel, config.episodes))
    _check_ways(task)
    _warn_of_other_data(protocol, task)
    if novel.layout.joints == base.layout.joints:
        return task
    return replace(task, novel=novel.retargeted(base.layout))  # what learns from one side reads the other, too


def _clips_of_sets(protocol: Protocol) -> tuple[SkeletonSet, SkeletonSet]:
    """The sets beside the protocol's file. One novel set keeps its own class names; a union has canonical names."""
    folder = protocol.path.parent if protocol.path else Path()
    sets = {s: SkeletonSet.load(folder / f"{s}.npz") for s in {*protocol.base_sets, *protocol.novel_sets}}
    base = concatenate([sets[s] for s in protocol.base_sets], protocol.name)
    novel = [sets[s] for s in protocol.novel_sets]
    return base, novel[0] if len(novel) == 1 else concatenate(novel, protocol.name)


def _clips_of_dataset(protocol: Protocol, dataset: str) -> tuple[SkeletonSet, SkeletonSet]:
    """The dataset for both sides, named as the protocol calls it: exemplars and hash do not depend on a file's name."""
    clips = _load(dataset)
    if protocol.dataset:
        clips = replace(clips, source=np.full(len(clips), protocol.dataset))
    return clips, clips


def _classes_with_clips(clips: SkeletonSet) -> list[str]:
    return [clips.class_names[k] for k in np.unique(clips.label)]


def _check_classes(protocol: Protocol, clips: SkeletonSet, classes: Sequence[str], side: str) -> None:
    present = set(_classes_with_clips(clips))
    missing = [c for c in classes if c not in present]
    if missing:
        found = len(clips.where(classes=[c for c in classes if c in present]))
        made_on = f", {protocol.dataset}," if protocol.dataset else ""
        clips_of_side = "base_clips" if side == "base" else "novel_clips"
        raise ValueError(
            f"{protocol.name}: {clips.name} has no clip of {missing[0]!r} and lacks {len(missing)} of the "
            f"{len(classes)} {side} classes; {_of_expected(protocol, found, clips_of_side)} expected clips are there. "
            f"Give the protocol's data{made_on} with --dataset, classes named as in 'crossglg protocol show'"
        )


def _of_expected(protocol: Protocol, found: int, key: str) -> str:
    """Clips found, of how many where the protocol has a count; in words."""
    counts = {"novel_clips": protocol.counts.get("exemplars", 0) + protocol.counts.get("queries", 0), **protocol.counts}
    return f"{found:,} of {counts[key]:,}" if counts.get(key) else f"{found:,}"


def _exemplars(protocol: Protocol, novel: SkeletonSet, episodes: int) -> NDArray[np.int64]:
    """(R, K) index into `novel` of the exemplars of the first `episodes` episodes."""
    at: dict[tuple[str, str], list[int]] = {}
    for i in range(len(novel)):
        at.setdefault(_clip_id(novel, i), []).append(i)
    wanted = [[draw[c] for c in novel.class_names] for draw in protocol.exemplar_draws[:episodes]]
    every = {exemplar for draw in wanted for exemplar in draw}
    missing = sorted(every - set(at))
    if missing:
        raise ValueError(
            f"{protocol.name}: exemplar {missing[0]} is not among the novel clips: {len(every) - len(missing)} of "
            f"{len(every)} exemplars and {_of_expected(protocol, len(novel), 'novel_clips')} novel clips are there"
        )
    twice = sorted(exemplar for exemplar in every if len(at[exemplar]) > 1)
    if twice:
        raise ValueError(f"{protocol.name}: exemplar {twice[0]} is {len(at[twice[0]])} clips; make sample ids unique")
    return np.array([[at[exemplar][0] for exemplar in draw] for draw in wanted])


def _warn_of_other_data(protocol: Protocol, task: Task) -> None:
    """Numbers compare with published ones only on the published clips, in the published layout."""
    there = {"base_clips": len(task.base), "queries": len(task.queries(0))}
    other = [
        f"{there[key]:,} {key.replace('_', ' ')} of {protocol.counts[key]:,} in the protocol"
        for key in there
        if protocol.counts.get(key, there[key]) != there[key]
    ]
    if protocol.layout not in ("", task.novel.layout.name):
        other.append(f"layout {task.novel.layout.name} instead of {protocol.layout}")
    if other:
        warnings.warn(f"{task.name}: {', '.join(other)}; results do not compare with published ones", stacklevel=4)


def _clip_id(clips: SkeletonSet, i: int) -> tuple[str, str]:
    return str(clips.source[i]), str(clips.sample_id[i])


def _check_ways(task: Task) -> None:
    """Raise ValueError unless there are two classes on either side: of one, nothing can be told apart."""
    for side, names in (("novel", task.novel.class_names), ("base", task.base.class_names)):
        if len(names) < 2:
            raise ValueError(
                f"{task.name} has one {side} class, {names[0]!r}; it needs 2 or more on either side: name "
                f"{'more novel classes' if side == 'novel' else 'fewer novel classes, or add clips of other classes'}"
            )


def _only(clips: SkeletonSet, classes: Sequence[str]) -> SkeletonSet:
    """The clips of the named classes, relabeled 0…K−1 in that order; classes without clips are dropped."""
    chosen = clips.subset(clips.where(classes=classes))
    names = [clips.class_names[k] for k in np.unique(chosen.label)]
    names = [c for c in classes if c in names]
    if not names:
        raise ValueError(f"{clips.name} has no clip of the classes {list(classes)[:5]}…")
    position = {clips.class_names.index(c): k for k, c in enumerate(names)}
    label = np.array([position[int(k)] for k in chosen.label])
    return replace(chosen, label=label, class_names=tuple(names), canonical_names=())
