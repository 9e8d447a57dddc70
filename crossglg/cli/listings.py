"""What can be chosen: one listing per registry."""

from __future__ import annotations

import re
from itertools import takewhile
from pathlib import Path
from typing import Annotated

import typer

from crossglg.cli import DATA, SHOW, command
from crossglg.config import GROUPS, HELP, PRESET_HELP, PRESETS, Config
from crossglg.files import project_folder


def echo_table(rows: dict[str, str]) -> None:
    """Print names and what they are in two columns."""
    width = max(map(len, rows))
    for name, text in rows.items():
        typer.echo(f"{name:<{width}}  {text}")


@command(DATA, "crossglg layouts layouts.png ntu25 kinect20")
def layouts(
    output: Annotated[Path, typer.Argument(help="the picture to write: .png, .svg or .pdf")],
    names: Annotated[list[str] | None, typer.Argument(help="layouts or .yaml files; default all registered")] = None,
) -> None:
    """Draw layouts: joints with their numbers and names, left and right."""
    from crossglg.skeletons import LAYOUTS, get_layout
    from crossglg.viz import figures
    from crossglg.viz.layouts import layout_sheet

    typer.echo(f"written to {figures.save(layout_sheet([get_layout(name) for name in names or LAYOUTS]), output)}")


def _first_sentence(documented: object) -> str:
    """Of the docstring, "" without one: a plug-in may have none."""
    return (documented.__doc__ or "").strip().partition("\n")[0].partition(". ")[0]


def _settings() -> dict[str, str]:
    defaults = Config().to_dict()
    rows: dict[str, str] = {}
    for group, names in GROUPS.items():
        rows |= {f"{group}:": ""} | {f"  {name}": f"{HELP[name]} [{defaults[name]}]" for name in names}
    return rows


def _presets() -> dict[str, str]:
    changed = {name: " ".join(f"{setting}={value}" for setting, value in PRESETS[name].items()) for name in PRESETS}
    return {name: f"{about}: {changed[name]}" if changed[name] else about for name, about in PRESET_HELP.items()}


def _datasets() -> dict[str, str]:
    from crossglg.data.tasks import DATASETS

    return {
        **dict.fromkeys(DATASETS, "registered"),
        "FILE.npz or FOLDER": "the format described in crossglg.data.clips",
        "FORMAT:PATH": "source files of a known format (list formats), converted once",
    }


def _sources() -> dict[str, str]:
    from crossglg.data.sources import SOURCES

    return {name: source.about for name, source in SOURCES.items()}


def protocols() -> dict[str, str]:
    """The protocols that come with the package, with their titles."""
    from crossglg.data.protocols import find_protocol, shipped_protocols

    return {name: find_protocol(name).title for name in shipped_protocols()}


def _steps() -> dict[str, str]:
    from crossglg.data.transforms import STEPS

    return {name: _first_sentence(step) for name, step in STEPS.items()}


def _formats() -> dict[str, str]:
    from crossglg.data.readers import READERS

    return {
        name: READERS.label(name, f"{reader.about} ({', '.join(reader.patterns)})") for name, reader in READERS.items()
    }


def _layouts() -> dict[str, str]:
    from crossglg.skeletons import LAYOUTS

    return {name: f"{layout.num_joints} joints: {', '.join(layout.joints)}" for name, layout in LAYOUTS.items()}


def _encoders() -> dict[str, str]:
    from crossglg.encoders import ENCODERS, build_encoder
    from crossglg.skeletons import get_layout

    rows = {}
    for name in ENCODERS:
        try:
            encoder = build_encoder(name, get_layout("ntu25"))
            count = sum(p.numel() for p in encoder.parameters()) + (encoder.out_features + 1) * 120
            about = f"{count:,} parameters (NTU-25, 120 classes)"
        except Exception as error:  # of a plug-in; the others are listed all the same
            about = f"cannot be built for NTU-25 ({type(error).__name__}: {error})"
        rows[name] = ENCODERS.label(name, about)
    return rows


def _text_encoders() -> dict[str, str]:
    from crossglg.text.embeddings import TEXT_ENCODERS

    return {name: (build.__doc__ or "by transformers").split(":")[0] for name, build in TEXT_ENCODERS.items()}


def _providers() -> dict[str, str]:
    from crossglg.text.llm import PROVIDERS

    return {
        name: f"{provider.base_url or 'https://api.openai.com/v1'}, key in {provider.key_variable}"
        for name, provider in PROVIDERS.items()
    }


def _classifiers() -> dict[str, str]:
    from crossglg.one_shot import CLASSIFIERS, TEXT_CLASSIFIERS

    rows = {name: CLASSIFIERS.label(name, _first_sentence(c.score)) for name, c in CLASSIFIERS.items()}
    return rows | {name: f"text at inference: {_first_sentence(c.score)}" for name, c in TEXT_CLASSIFIERS.items()}


def _objectives() -> dict[str, str]:
    from crossglg.objectives import OBJECTIVES

    return {name: OBJECTIVES.label(name, _first_sentence(one)) for name, one in OBJECTIVES.items()}


def _statements() -> dict[str, str]:
    from crossglg.text.attributes import STATEMENTS

    return dict.fromkeys(STATEMENTS, "")


def _studies() -> dict[str, str]:
    """Each study with the first sentence of the comment that its file begins with."""
    rows = {}
    for path in sorted(project_folder("studies").glob("*.yaml")):
        lines = takewhile(lambda line: line.startswith("#"), path.read_text(encoding="utf-8").splitlines())
        comment = " ".join(line.removeprefix("#").strip() for line in lines)
        rows[path.stem] = re.split(r"(?<=[.?]) ", comment)[0]
    return rows


# what can be listed → its listing, and what that is
LISTINGS = {
    "settings": (_settings, "everything that can be set with --set, with its default"),
    "presets": (_presets, "settings that go together, for --preset"),
    "datasets": (_datasets, "what --dataset can be"),
    "sources": (_sources, "public data sets, for 'crossglg data fetch'"),
    "protocols": (protocols, "one-shot protocols that come with the package, for --benchmark"),
    "formats": (_formats, "source formats, for 'crossglg data convert'"),
    "layouts": (_layouts, "which joints a skeleton has"),
    "steps": (_steps, "what can be done to coordinates, for --set coordinate_steps=…"),
    "encoders": (_encoders, "skeleton encoders, for --encoder"),
    "text-encoders": (_text_encoders, "for --set text_encoder=…"),
    "providers": (_providers, "language models, for 'crossglg describe'"),
    "statements": (_statements, "what a description may say in yes and no, for its 'statements'"),
    "objectives": (_objectives, "what a training can learn to do, for --set objective=…"),
    "classifiers": (_classifiers, "how clips are compared one-shot"),
    "studies": (_studies, "comparisons that come with the package, for 'crossglg study'"),
}


@command(SHOW, "crossglg list settings", name="list")
def list_(
    what: Annotated[str | None, typer.Argument(help=f"one of {', '.join(LISTINGS)}; none: what these are")] = None,
) -> None:
    """List what can be chosen."""
    if what is None:
        echo_table({f"crossglg list {name}": about for name, (_, about) in LISTINGS.items()})
        return
    if what not in LISTINGS:
        raise ValueError(f"cannot list {what!r}; choose one of {', '.join(LISTINGS)}")
    echo_table(LISTINGS[what][0]())
