"""Members from other packages: a registry holds what crossglg has itself and what installed packages offer.

A package offers an encoder, a reader, an objective or a classifier by an entry point of one of the groups
`crossglg.encoders`, `crossglg.readers`, `crossglg.objectives` and `crossglg.classifiers`. It is loaded when the
registry is first asked for anything.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, MutableMapping
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from types import GenericAlias
from typing import Any, TypeVar

T = TypeVar("T")
OURS = "crossglg"


class Registry(MutableMapping[str, T]):
    """Name → member, those of crossglg first, then those of other packages by package and name.

    A member that cannot be loaded, is of another kind, or has a name that is taken, is left out, and a warning is
    logged that names its package. Who asks for it by name gets the same sentence as a ValueError.
    """

    def __init__(self, kind: str, members: dict[str, T], type_: Any, taken: Collection[str] = ()) -> None:
        """kind: "encoder" for the group `crossglg.encoders`;  type_: of a member, or for classes type[base class];
        taken: names that it cannot have."""
        self.kind = kind
        self.packages = dict.fromkeys(members, OURS)  # name → the package that it is from
        self._ours, self._type, self._taken = members, type_, taken
        self._left_out: dict[str, str] = {}  # name → why

    @cached_property
    def _members(self) -> dict[str, T]:
        members = dict(self._ours)
        for point in sorted(entry_points(group=f"crossglg.{self.kind}s"), key=lambda p: (_package(p), p.name)):
            package = _package(point)
            member, why = self._load(point, members)
            if why:
                self._left_out[point.name] = f"the {self.kind} {point.name!r} of the package {package} {why}"
                logging.getLogger(__name__).warning(self._left_out[point.name])
            else:
                members[point.name] = member
                self.packages[point.name] = package
        return members

    def _load(self, point: EntryPoint, members: dict[str, T]) -> tuple[Any, str]:
        """What an entry point names, and why it cannot be a member, if it cannot."""
        if point.name in members or point.name in self._taken:
            other = self.packages.get(point.name, OURS)
            return None, f"is left out: {other} has one of this name; rename one of the two"
        try:
            member = point.load()
        except Exception as error:  # whatever happens when code of others is imported
            said = " ".join(str(error).split())
            return None, f"cannot be loaded ({type(error).__name__}: {said}); repair or uninstall the package"
        if isinstance(self._type, GenericAlias):
            (base,) = self._type.__args__
            if not (isinstance(member, type) and issubclass(member, base)):
                return None, f"is left out: {point.value} is not a subclass of {base.__name__}"
        elif not isinstance(member, self._type):
            return None, f"is left out: {point.value} is of type {type(member).__name__}, not {self._type.__name__}"
        return member, ""

    def __getitem__(self, name: str) -> T:
        if name not in self._members and name in self._left_out:
            raise ValueError(self._left_out[name])
        return self._members[name]

    def __contains__(self, name: object) -> bool:
        return name in self._members or name in self._left_out

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def __setitem__(self, name: str, member: T) -> None:
        self._members[name] = member

    def __delitem__(self, name: str) -> None:
        del self._members[name]

    def label(self, name: str, text: str) -> str:
        """A line about a member, with the package that it is from unless that is crossglg."""
        package = self.packages.get(name, OURS)
        return text if package == OURS else f"{text} (package {package})"


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist else "unknown"
