"""Description files: for each class what an LLM (or a person) wrote about the motion, and where that came from.

`prompts/descriptions/<name>.json`:

    {"layout": "ntu25",
     "provenance": {"author": …, "model": …, "date": …, "prompts": {"global": sha256, "joints": sha256}, …},
     "classes": {"drink water": {"global": "…", "key_joints": ["right hand", …], "joints": {"head": "…", …}}, …}}

A layout that crossglg does not know by name stands there whole: {"name": …, "joints": […], "bones": [[…, …], …],
"root": …}.

Where a model was asked several times, a class also has "samples": [{"global": …, "key_joints": …, "joints": …}, …]; its
own three entries are then the merged ones (`crossglg.text.samples`).

A class may also have "either_side": true, if it stays the same action with left and right swapped, directions included,
or false. Where it is not said, nothing is mirrored. And "statements": those of `attributes.STATEMENTS` that are true.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crossglg.files import InputError, expanded, nearest, project_folder, read_json, sha256, write_json
from crossglg.skeletons import LAYOUTS, Layout, get_layout, retarget_plan
from crossglg.text.attributes import STATEMENTS

TOP = ("layout", "provenance", "classes")
OF_A_CLASS = ("global", "key_joints", "joints", "samples", "either_side", "statements")


@dataclass(frozen=True)
class Description:
    """What was written about one class.

    Attributes:
        action: its name.
        global_: the text about the whole motion.
        key_joints: the joints that matter, names of `layout`.
        joints: a text for each joint of `layout`.
        layout: the skeleton that the texts are about.
        source: file and hash.
        samples: the several answers that this description was merged from, or none.
        either_side: whether it stays the same action if left and right are swapped; None: not said.
        statements: those of `attributes.STATEMENTS` that are true of it; None: not said.

    Raises:
        InputError: a text is missing, a key joint is not in the layout, or a statement is unknown.
    """

    action: str
    global_: str
    key_joints: tuple[str, ...]
    joints: Mapping[str, str]
    layout: Layout
    source: str = ""
    samples: tuple[Description, ...] = ()
    either_side: bool | None = None
    statements: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        missing = [joint for joint in self.layout.joints if not self.joints.get(joint, "").strip()]
        if missing:
            raise InputError(
                f"description of {self.action!r} has no text for joint {missing[0]!r} of {self.layout.name}"
            )
        if not self.global_.strip():
            raise InputError(f"description of {self.action!r} has no global text")
        unknown = [joint for joint in self.key_joints if joint not in self.layout.joints]
        if unknown or not self.key_joints:
            what = f"key joint {unknown[0]!r} is not in" if unknown else "no key joints of"
            raise InputError(
                f"description of {self.action!r}: {what} {self.layout.name} ({', '.join(self.layout.joints)})"
            )
        strange = [statement for statement in self.statements or () if statement not in STATEMENTS]
        if strange:
            raise InputError(
                f"description of {self.action!r}: {strange[0]!r} is none of the statements"
                f"{nearest(strange[0], STATEMENTS)} 'crossglg list statements' lists them"
            )

    def joint_texts(self, layout: Layout) -> tuple[str, ...]:
        """One text per joint of any layout: by joint name, from the nearest joint where the sensor differs."""
        if layout.joints == self.layout.joints:
            return tuple(self.joints[joint] for joint in layout.joints)
        plan = retarget_plan(self.layout, layout)

        def text(joint: str) -> str:
            how, names = plan[joint]
            return text(names[0]) if how == "parent" else " ".join(self.joints[name] for name in names)

        return tuple(text(joint) for joint in layout.joints)


@dataclass(frozen=True)
class DescriptionFile:
    """One file of descriptions with its provenance."""

    layout: Layout
    provenance: Mapping[str, Any]
    classes: Mapping[str, Description]
    path: Path | None = field(default=None, compare=False)

    @classmethod
    def load(cls, path: str | Path) -> DescriptionFile:
        """Raises FileNotFoundError, or ValueError naming the class and the entry or joint that is wrong."""
        path = expanded(path)
        content = read_json(path)
        kinds = {"layout": (str, dict), "classes": (dict,)}
        if not isinstance(content, dict) or not all(isinstance(content.get(k), kind) for k, kind in kinds.items()):
            raise InputError(f"{path} is no description file: it needs layout and classes")
        try:
            _check_names("the file", content, TOP)
            named = content["layout"]
            layout = get_layout(named) if isinstance(named, str) else Layout.from_dict(named, path.stem, "its layout")
        except ValueError as error:
            raise InputError(f"{path}: {error}") from None
        source = f"{path.name}:{sha256(path)[:12]}"
        classes = {}
        for action, entry in content["classes"].items():
            try:
                classes[action] = _read(action, entry, layout, source)
            except KeyError as error:
                raise InputError(f"{path}: the description of {action!r} lacks {error.args[0]!r}") from None
            except ValueError as error:
                raise InputError(f"{path}: {error}") from None
            except (TypeError, AttributeError) as error:
                raise InputError(f"{path}: the description of {action!r} has another form ({error})") from None
        return cls(layout, content.get("provenance", {}), classes, path)

    def save(self, path: str | Path) -> Path:
        """Write atomically, in the documented form."""
        classes = {action: _written(description) for action, description in self.classes.items()}
        known = LAYOUTS.get(self.layout.name) == self.layout
        layout = self.layout.name if known else self.layout.to_dict()
        return write_json(Path(path), {"layout": layout, "provenance": dict(self.provenance), "classes": classes})


def _check_names(where: str, entries: Mapping[str, Any], known: Sequence[str]) -> None:
    """A misspelt entry would be left out without a word."""
    strange = [name for name in entries if name not in known]
    if strange:
        hint = nearest(strange[0], known)
        raise InputError(f"unknown entry {strange[0]!r} in {where}{hint} Known: {', '.join(known)}")


def _read(action: str, entry: Mapping[str, Any], layout: Layout, source: str) -> Description:
    _check_names(f"the description of {action!r}", dict(entry.items()), OF_A_CLASS)
    if isinstance(entry.get("joints"), dict):
        _check_names(f"the joints of {action!r}", entry["joints"], layout.joints)
    samples = tuple(_read(action, sample, layout, source) for sample in entry.get("samples", ()))
    sides = entry.get("either_side")
    if sides not in (None, True, False):
        raise InputError(f"either_side of {action!r} is {sides!r}; write true or false, or leave it out")
    said = entry.get("statements")
    if said is not None and not isinstance(said, list):
        raise InputError(f'statements of {action!r} is {said!r}; write a list, as ["the trunk turns"]')
    statements = None if said is None else tuple(said)
    if not isinstance(entry["key_joints"], list):
        raise InputError(f'key_joints of {action!r} is {entry["key_joints"]!r}; write a list, as ["right hand"]')
    named = {joint.casefold(): joint for joint in layout.joints}
    key_joints = tuple(named.get(str(j).replace("_", " ").casefold(), str(j)) for j in entry["key_joints"])
    return Description(action, entry["global"], key_joints, entry["joints"], layout, source, samples, sides, statements)


def _written(description: Description) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "global": description.global_,
        "key_joints": list(description.key_joints),
        "joints": dict(description.joints),
    }
    if description.either_side is not None:
        entry["either_side"] = description.either_side
    if description.statements is not None:
        entry["statements"] = list(description.statements)
    return entry | ({"samples": [_written(s) for s in description.samples]} if description.samples else {})


def shipped_files() -> list[Path]:
    """The description files that come with the project."""
    return sorted((project_folder("prompts") / "descriptions").glob("*.json"))


def find_descriptions(
    actions: Sequence[str],
    layout: Layout | str,
    own_file: str | Path = "",
    dataset: str = "",
    how: str = "set descriptions=FILE, or train without texts: set guidance=none",
) -> list[Description]:
    """The description of each action: from `own_file` first, then from the shipped files.

    Args:
        actions: names of classes.
        layout: the skeleton, or its name.
        own_file: a description file.
        dataset: of the shipped files the one of this name comes first, then those of the same layout.
        how: what to do with descriptions that are written then, for the error.

    Raises:
        InputError: nobody described an action (the first is named), or the texts are about joints that are none of
            the layout's.
        TypeError: one name in place of a list.
    """
    if isinstance(actions, str):
        raise TypeError(f"find_descriptions takes a list of classes; give [{actions!r}]")
    layout = get_layout(layout)
    files = [DescriptionFile.load(path) for path in shipped_files()]
    files.sort(key=lambda file: (file.path.stem != dataset if file.path else True, file.layout.joints != layout.joints))
    if own_file:
        files.insert(0, DescriptionFile.load(own_file))
        called = {" ".join(action.split()).casefold(): action for action in actions}
        for name in files[0].classes.keys() - set(actions):
            right = called.get(" ".join(name.split()).casefold())
            if right and right not in files[0].classes:
                raise InputError(f"{own_file} describes {name!r}, but the class is called {right!r}; write it so")
    found: dict[str, Description] = {}
    for file in reversed(files):
        found.update(file.classes)
    missing = [action for action in actions if action not in found]
    if missing:
        raise InputError(
            f"class {missing[0]!r} has no description ({len(missing)} of {len(actions)} lack one)"
            f"{nearest(missing[0], found)} Write them with 'crossglg describe' and {how}"
        )
    described = [found[action] for action in actions]
    for one in {one.layout: one for one in described}.values():
        try:
            one.joint_texts(layout)
        except ValueError:
            raise InputError(
                f"the texts of {one.action!r} ({one.source}) are about joints of {one.layout.name!r}, and none of them "
                f"stands for {layout.root!r} of {layout.name!r}: give the joints their English names, as in 'crossglg "
                f"list layouts', or write texts about these joints with 'crossglg describe' and {how}"
            ) from None
    return described


def undescribed(actions: Sequence[str]) -> list[str]:
    """Those of the actions that no shipped file describes."""
    known = {action for path in shipped_files() for action in DescriptionFile.load(path).classes}
    return [action for action in actions if action not in known]
