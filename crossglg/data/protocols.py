"""Protocol files: which classes teach, which are new and which clips are the exemplars, as data without the clips.

A file is JSON, {name: protocol, …}. Those that come with the package lie in `benchmarks/`, one `<name>.json` each. A
protocol has these entries; those in brackets may be left out:

    base_classes     names, or "others": every class with clips that is not novel
    novel_classes    names; or numbers: the place, from 1, of a class among those with clips in order of their names
    exemplar_draws   one {class: exemplar} per episode; an exemplar is a sample id, or [source, sample id]
    [base_sets], [novel_sets]  names of the `.npz` files beside this one that hold the clips; without them the clips are
                     those of `Config.dataset`
    [dataset]        what those clips are called, whatever file they come from: the source of exemplars given by id
    [layout]         the registered layout that published numbers are for
    [left_out]       sample ids of novel clips that are neither exemplar nor query
    [counts]         of the complete data: base_classes, novel_classes, base_clips, exemplars, queries
    [published]      {"source": where, method: top-1 accuracy in %, …}, shown beside the results of a run
    [title], [source], [notes]  what it is, where it was published, what was decided where sources disagree

A protocol whose classes were never published has empty lists: it can be shown, not run.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from crossglg.files import InputError, expanded, nearest, read_json, sha256, write_json

REQUIRED = ("base_classes", "novel_classes", "exemplar_draws")
OTHERS = "others"
SHIPPED = Path(__file__).parent / "benchmarks"


@dataclass(frozen=True)
class Protocol:
    """A one-shot protocol without its data; the entries are those of the file, `path` is where it was read.

    exemplar_draws: per episode, class → (source, sample id). Without base_classes, every other class is one. Classes by
    place are kept as their numbers, as strings, until `with_classes` names them. Raises ValueError if classes meet or
    an exemplar is missing, left over or left out.
    """

    name: str
    base_classes: tuple[str, ...]
    novel_classes: tuple[str, ...]
    exemplar_draws: tuple[Mapping[str, tuple[str, str]], ...]
    by_place: bool = False
    base_sets: tuple[str, ...] = ()
    novel_sets: tuple[str, ...] = ()
    dataset: str = ""
    layout: str = ""
    left_out: tuple[str, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    published: Mapping[str, Any] = field(default_factory=dict)
    title: str = ""
    source: str = ""
    notes: tuple[str, ...] = ()
    path: Path | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        shared = set(self.base_classes) & set(self.novel_classes)
        if shared:
            raise ValueError(f"{self.name}: {min(shared)!r} is both a base and a novel class")
        if bool(self.base_sets) != bool(self.novel_sets):
            raise ValueError(f"{self.name}: give both base_sets and novel_sets, or neither to use the dataset's clips")
        for draw in self.exemplar_draws:
            odd = set(draw) ^ set(self.novel_classes)
            if odd:
                raise ValueError(
                    f"{self.name}: an episode must have one exemplar per novel class; look at {min(odd)!r}"
                )
            lost = {sample for _, sample in draw.values()} & set(self.left_out)
            if lost:
                raise ValueError(f"{self.name}: the exemplar {min(lost)!r} is among the clips left out")
        if self.novel_classes and not self.exemplar_draws:
            raise ValueError(f"{self.name}: exemplar_draws is empty; give at least one exemplar per novel class")

    @classmethod
    def from_dict(cls, content: Mapping[str, Any], name: str, path: Path | None = None) -> Protocol:
        """Read one entry of a file; raises ValueError naming what is missing or ill-formed."""
        where = f"{path or 'protocol'}: benchmark {name!r}"
        lacking = [key for key in REQUIRED if key not in content]
        if lacking:
            raise ValueError(f"{where} lacks {lacking[0]!r}; it needs {', '.join(REQUIRED)}")
        novel, base = content["novel_classes"], content["base_classes"]
        named: dict[str, Any] = {key: str(content.get(key, "")) for key in ("dataset", "layout", "title", "source")}
        dataset = named["dataset"]
        try:
            episodes = tuple(
                {c: (dataset, e) if isinstance(e, str) else (str(e[0]), str(e[1])) for c, e in draw.items()}
                for draw in content["exemplar_draws"]
            )
            counts = {key: int(count) for key, count in content.get("counts", {}).items()}
            published = {
                key: value if key == "source" else float(value) for key, value in content.get("published", {}).items()
            }
        except (AttributeError, TypeError, ValueError, IndexError) as error:
            raise ValueError(f"{where} is not of the format of crossglg.data.protocols ({error})") from None
        if base != OTHERS and not (_is_list_of(base, str) and bool(base) == bool(novel)):
            raise ValueError(f"{where}: base_classes must be a list of class names, not empty, or {OTHERS!r}")
        if not (_is_list_of(novel, str) or _is_list_of(novel, int)):
            raise ValueError(f"{where}: novel_classes must be a list of class names, or of places counted from 1")
        listed = ("base_sets", "novel_sets", "left_out", "notes")
        texts: dict[str, Any] = {key: tuple(map(str, content.get(key, ()))) for key in listed}
        return cls(
            name,
            () if base == OTHERS else tuple(base),
            tuple(map(str, novel)),
            episodes,
            by_place=bool(novel) and _is_list_of(novel, int),
            counts=counts,
            published=published,
            path=path,
            **texts,
            **named,
        )

    def to_dict(self) -> dict[str, Any]:
        """One entry of a file, as `from_dict` reads it."""
        content: dict[str, Any] = {
            "title": self.title, "source": self.source, "dataset": self.dataset, "layout": self.layout,
            "counts": dict(self.counts), "published": dict(self.published), "notes": list(self.notes),
            "base_sets": list(self.base_sets), "novel_sets": list(self.novel_sets),
            "base_classes": OTHERS if self.novel_classes and not self.base_classes else list(self.base_classes),
            "novel_classes": [int(c) for c in self.novel_classes] if self.by_place else list(self.novel_classes),
            "exemplar_draws": [
                {c: sample if source == self.dataset else [source, sample] for c, (source, sample) in draw.items()}
                for draw in self.exemplar_draws
            ],
            "left_out": list(self.left_out),
        }  # fmt: skip
        return {key: value for key, value in content.items() if value or key in REQUIRED}

    @property
    def base_side(self) -> Any:
        """What the base clips follow from, besides `Config.dataset`: of equal ones a model of one serves the others.

        Without sets or names of base classes a protocol has a base side of its own, as it follows from what is novel.
        """
        if not self.base_sets or not self.base_classes:
            return self.sha256
        return self.path and self.path.parent, self.base_sets, self.base_classes

    @property
    def sha256(self) -> str:
        """The hash that a `Task` of this protocol has when all episodes are used; of the numbers where `by_place`."""
        episodes = [[draw[c] for c in self.novel_classes] for draw in self.exemplar_draws]
        return protocol_sha256(self.name, self.base_classes, self.novel_classes, episodes)

    def with_classes(self, novel_side: Mapping[str, str], base_side: Collection[str]) -> Protocol:
        """The same with every class by name.

        novel_side: own → canonical name of the classes that have clips there;  base_side: names of those that have
        clips here. Both in any order. Raises ValueError if classes are given by place and their number is not the
        published one.
        """
        present, novel = sorted(novel_side), self.novel_classes
        if self.by_place:
            expected = self.counts.get("base_classes", 0) + self.counts.get("novel_classes", 0)
            if expected and len(present) != expected:
                raise ValueError(
                    f"{self.name} counts its classes among {expected} with clips, but the data has {len(present)}; "
                    f"is it the right part of {self.dataset or 'the data set'}?"
                )
            beyond = [c for c in novel if not 1 <= int(c) <= len(present)]
            if beyond:
                raise ValueError(f"{self.name}: there is no class {beyond[0]}; the data has {len(present)} with clips")
            novel = tuple(present[int(c) - 1] for c in novel)
        named = dict(zip(self.novel_classes, novel, strict=True))
        known = {*novel, *(novel_side.get(c, c) for c in novel)}
        return replace(
            self,
            base_classes=self.base_classes or tuple(c for c in sorted(base_side) if c not in known),
            novel_classes=novel,
            exemplar_draws=tuple({named[c]: e for c, e in draw.items()} for draw in self.exemplar_draws),
            by_place=False,
        )

    def describe(self) -> str:
        """All of it for a reader: classes, exemplars of the first episode, counts, notes, hash."""
        clips = f"{', '.join(self.base_sets)} → {', '.join(self.novel_sets)}" if self.base_sets else "--dataset"
        about = {
            "title": self.title,
            "source": self.source,
            "clips": clips + (f", called {self.dataset}" if self.dataset else ""),
            "layout": self.layout,
            "counts": ", ".join(f"{count:,} {key.replace('_', ' ')}" for key, count in self.counts.items()),
            "sha256": self.sha256 + (" (of places; a run's is of the names)" if self.by_place else ""),
        }
        lines = [self.name, *(f"  {key:<8}{text}" for key, text in about.items() if text)]
        if self.exemplar_draws:
            draw = self.exemplar_draws[0]
            width = max(map(len, draw))
            lines.append(f"novel classes ({len(draw)}) and their exemplars, draw 1 of {len(self.exemplar_draws)}")
            lines += [f"  {c:<{width}}  {'/'.join(filter(None, draw[c]))}" for c in self.novel_classes]
            lines.append(f"base classes ({len(self.base_classes) or 'every other'})")
            lines += [f"  {c}" for c in self.base_classes]
        if self.left_out:
            lines += [f"clips left out ({len(self.left_out)})", *(f"  {sample}" for sample in self.left_out)]
        lines += self.published_lines()
        return "\n".join([*lines, *(["notes"] if self.notes else []), *(f"  - {note}" for note in self.notes)])

    def published_lines(self) -> list[str]:
        """The published accuracies as lines of text; none where none are known."""
        accuracies = {method: value for method, value in self.published.items() if method != "source"}
        width = max(map(len, accuracies), default=0)
        lines = [f"  {method:<{width}}  {value:5.1f}" for method, value in accuracies.items()]
        return [f"published ({self.published.get('source', 'source not given')})", *lines] if lines else []


def protocol_sha256(
    name: str, base_classes: Sequence[str], novel_classes: Sequence[str], episodes: Sequence[Sequence[tuple[str, str]]]
) -> str:
    """Hash of classes and exemplars. episodes: per episode, (source, sample id) of each novel class in their order."""
    content = {
        "name": name,
        "base_classes": list(base_classes),
        "novel_classes": list(novel_classes),
        "exemplar_draws": [[f"{source}/{sample}" for source, sample in draw] for draw in episodes],
    }
    return sha256(json.dumps(content))


def shipped_protocols() -> tuple[str, ...]:
    """Names of the protocols that come with the package."""
    return tuple(sorted(path.stem for path in SHIPPED.glob("*.json")))


def find_protocol(benchmark: str) -> Protocol:
    """The protocol that `Config.benchmark` names: a shipped one by name, or FILE:NAME.

    Raises FileNotFoundError, or ValueError with the nearest name.
    """
    file, separator, name = benchmark.rpartition(":")
    if not separator and name not in shipped_protocols() and expanded(name).is_file():
        file, separator, name = name, ":", ""  # a file alone
    if not separator and name not in shipped_protocols():
        raise InputError(
            f"benchmark={benchmark!r} must be FILE:NAME, e.g. data/benchmarks.json:to-utd-mhad, or a shipped protocol"
            f"{nearest(name, shipped_protocols())} Shipped: {', '.join(shipped_protocols())}"
        )
    path = expanded(file) if separator else SHIPPED / f"{name}.json"
    protocols = read_json(path)
    if not isinstance(protocols, dict):
        raise ValueError(f"{path} must be a JSON object with one entry per protocol, {{name: protocol, …}}")
    if not name:
        ways = ", ".join(f"{file}:{one}" for one in protocols)
        raise InputError(f"benchmark={benchmark!r} is a file; say which protocol in it: {ways}")
    if name not in protocols:
        raise InputError(f"{path} has no benchmark {name!r}{nearest(name, protocols)} It has {', '.join(protocols)}")
    if not isinstance(protocols[name], dict):
        raise ValueError(f"{path}: benchmark {name!r} must be a JSON object with {', '.join(REQUIRED)}")
    return Protocol.from_dict(protocols[name], name, path)


def protocols_of(path: Path | None) -> list[Protocol]:
    """All protocols of a file; none without one."""
    return [Protocol.from_dict(content, name, path) for name, content in read_json(path).items()] if path else []


def write_protocol(path: str | Path, *protocols: Protocol) -> Path:
    """Write a file with these protocols; raises ValueError if the file is there already."""
    if Path(path).exists():
        raise ValueError(f"{path} is there already; a protocol is never overwritten, choose another file")
    return write_json(Path(path), {protocol.name: protocol.to_dict() for protocol in protocols})


def _is_list_of(value: Any, kind: type) -> bool:
    return isinstance(value, list) and all(isinstance(item, kind) and not isinstance(item, bool) for item in value)
