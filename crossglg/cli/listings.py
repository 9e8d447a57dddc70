"""What can be chosen: one listing per registry."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from crossglg.cli import app
from crossglg.config import HELP, PRESETS, Config


@app.command("list")
def list_(
    what: Annotated[
        str,
        typer.Argument(help="settings, presets, datasets, sources, protocols, formats, layouts, encoders, …"),
    ],
) -> None:
    """List what can be chosen."""
    listings = {
        "settings": _settings, "presets": _presets,
        "datasets": _datasets, "sources": _sources, "protocols": protocols, "formats": _formats,
        "layouts": _layouts, "steps": _steps,
        "encoders": _encoders, "text-encoders": _text_encoders, "providers": _providers,
        "objectives": _objectives, "classifiers": _classifiers,
    }  # fmt: skip
    if what not in listings:
        raise ValueError(f"cannot list {what!r}; choose one of {', '.join(listings)}")
    echo_table(listings[what]())


def echo_table(rows: dict[str, str]) -> None:
    """Print names and what they are in two columns."""
    width = max(map(len, rows))
    for name, text in rows.items():
        typer.echo(f"{name:<{width}}  {text}")


@app.command()
def layouts(
    output: Annotated[Path, typer.Argument(help="the picture to write: .png, .svg or .pdf")],
    names: Annotated[list[str] | None, typer.Argument(help="layouts or .yaml files; default all registered")] = None,
) -> None:
    """Draw layouts: joints with their numbers and names, left and right."""
    from crossglg.skeletons import LAYOUTS, get_layout
    from crossglg.viz import figures
    from crossglg.viz.layouts import layout_sheet

    typer.echo(f"written to {figures.save(layout_sheet([get_layout(name) for name in names or LAYOUTS]), output)}")


def _settings() -> dict[str, str]:
    defaults = Config().to_dict()
    return {name: f"{text} [{defaults[name]}]" for name, text in HELP.items()}


def _presets() -> dict[str, str]:
    return {name: str(values or "the defaults") for name, values in PRESETS.items()}


def _datasets() -> dict[str, str]:
    from crossglg.data.protocols import DATASETS

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
    from crossglg.data.protocol_files import find_protocol, shipped_protocols

    return {name: find_protocol(name).title for name in shipped_protocols()}


def _steps() -> dict[str, str]:
    from crossglg.data.transforms import STEPS

    return {name: (step.__doc__ or "").splitlines()[0] for name, step in STEPS.items()}


def _formats() -> dict[str, str]:
    from crossglg.data.readers import READERS

    return {name: f"{reader.about} ({', '.join(reader.patterns)})" for name, reader in READERS.items()}


def _layouts() -> dict[str, str]:
    from crossglg.skeletons import LAYOUTS

    return {name: f"{layout.num_joints} joints: {', '.join(layout.joints)}" for name, layout in LAYOUTS.items()}


def _encoders() -> dict[str, str]:
    from crossglg.encoders import ENCODERS, build_encoder
    from crossglg.skeletons import get_layout

    rows = {}
    for name in ENCODERS:
        encoder = build_encoder(name, get_layout("ntu25"))
        head = (encoder.out_features + 1) * 120
        rows[name] = f"{sum(p.numel() for p in encoder.parameters()) + head:,} parameters (NTU-25, 120 classes)"
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

    every = {**CLASSIFIERS, **TEXT_CLASSIFIERS}
    about = {name: (c.score.__doc__ or "").split(". ")[0].splitlines()[0] for name, c in every.items()}
    return {name: f"{'text at inference: ' * (name in TEXT_CLASSIFIERS)}{text}" for name, text in about.items()}


def _objectives() -> dict[str, str]:
    from crossglg.objectives import OBJECTIVES

    return {name: (type(objective).__doc__ or "").splitlines()[0] for name, objective in OBJECTIVES.items()}
