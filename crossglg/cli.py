"""The command line: each command is a thin shell over one function. Exit codes: 0 ok, 1 a run failed, 2 bad input."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crossglg.config import HELP, PRESETS, Config

if TYPE_CHECKING:
    from crossglg.skeletons import Layout

app = typer.Typer(
    help="One-shot recognition of human actions from 3-D skeletons, guided by language (CrossGLG).",
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None,
)  # fmt: skip

Setting = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="any setting; see 'list settings'")
]
Dataset = Annotated[str | None, typer.Option(help=HELP["dataset"])]
Benchmark = Annotated[str | None, typer.Option(help=HELP["benchmark"])]


def build_config(preset: str, settings: list[str] | None, **named: Any) -> Config:
    """A Config from command-line words; raises ValueError for anything unknown or ill-typed."""
    values: dict[str, Any] = {}
    for word in settings or []:
        name, separator, value = word.partition("=")
        if not separator:
            raise ValueError(f"--set {word!r} must be NAME=VALUE, e.g. --set epochs=10")
        values[name] = value
    values.update({name: value for name, value in named.items() if value is not None})
    return Config.create(preset, **values)


@app.command()
def run(
    dataset: Dataset = None,
    benchmark: Benchmark = None,
    encoder: Annotated[str | None, typer.Option(help=HELP["encoder"])] = None,
    preset: Annotated[str, typer.Option(help=f"one of {', '.join(PRESETS)}")] = "embedded",
    settings: Setting = None,
    output: Annotated[Path | None, typer.Option(help="the run's folder; default runs/<what was run>")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="continue the run in --output, with its settings")] = False,
) -> None:
    """Run the whole pipeline: descriptions, training, one-shot evaluation, joint attention."""
    from crossglg import pipeline

    told = settings or dataset or benchmark or encoder or preset != "embedded"
    if resume and output and not told:
        config = pipeline.saved_config(output)
    else:
        config = build_config(preset, settings, dataset=dataset, benchmark=benchmark, encoder=encoder)
    folder = pipeline.run(config, output, resume)
    typer.echo(f"{_summary(json.loads((folder / 'results.json').read_text()))}\nwritten to {folder}")


@app.command()
def evaluate(
    model: Annotated[Path, typer.Argument(help="a trained model's folder, e.g. runs/…/model")],
    dataset: Dataset = None,
    benchmark: Benchmark = None,
    draws: Annotated[int | None, typer.Option(help=HELP["draws"])] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON instead of text")] = False,
) -> None:
    """Evaluate a trained model on its own task, or on another one."""
    from dataclasses import replace

    from crossglg.config import parse_values
    from crossglg.data.protocols import load_task
    from crossglg.one_shot import CLASSIFIERS, Features
    from crossglg.one_shot import evaluate as score
    from crossglg.trained import TrainedModel

    trained = TrainedModel.load(model)
    named: dict[str, Any] = {"dataset": dataset, "benchmark": benchmark, "draws": draws}
    if dataset is not None and benchmark is None:
        named["benchmark"] = ""
    config = replace(trained.config, **parse_values({k: v for k, v in named.items() if v is not None}))
    task = load_task(config)
    features = Features.of(task, trained.embed)
    results = {name: score(task, features, name).to_dict() for name in CLASSIFIERS}
    content = {"task": task.name, "protocol_sha256": task.sha256, "one_shot": results}
    typer.echo(json.dumps(content, indent=1) if as_json else _summary(content))


@app.command("list")
def list_(
    what: Annotated[
        str,
        typer.Argument(help="settings, presets, datasets, layouts, encoders, text-encoders, providers, …"),
    ],
) -> None:
    """List what can be chosen."""
    listings = {
        "settings": _settings, "presets": _presets,
        "datasets": _datasets, "layouts": _layouts, "encoders": _encoders, "text-encoders": _text_encoders,
        "providers": _providers, "classifiers": _classifiers,
    }  # fmt: skip
    if what not in listings:
        raise ValueError(f"cannot list {what!r}; choose one of {', '.join(listings)}")
    rows = listings[what]()
    width = max(map(len, rows))
    for name, text in rows.items():
        typer.echo(f"{name:<{width}}  {text}")


@app.command()
def describe(
    dataset: Annotated[str | None, typer.Option(help="describe the classes of this dataset or .npz file")] = None,
    actions: Annotated[Path | None, typer.Option(help="or: a text file with one action name per line")] = None,
    output: Annotated[Path | None, typer.Option(help="the description file to write (.json)")] = None,
    provider: Annotated[str, typer.Option(help="who is asked; see 'list providers'")] = "openai",
    base_url: Annotated[str, typer.Option(help="another OpenAI-compatible server than the provider's usual one")] = "",
    model: Annotated[str, typer.Option(help="the language model's name; openai: gpt-4o-mini unless given")] = "",
    layout: Annotated[str, typer.Option(help="the skeleton's layout; default the dataset's, else ntu25")] = "",
    temperature: Annotated[float, typer.Option(help="0: the likeliest answer; higher: more varied ones")] = 0.0,
    samples: Annotated[int, typer.Option(help="answers per action, merged; several need a temperature above 0")] = 1,
    concurrency: Annotated[int, typer.Option(min=1, help="questions asked at the same time")] = 4,
    global_prompt: Annotated[str, typer.Option(help="'global', or your own prompt file (.md.j2)")] = "global",
    joints_prompt: Annotated[str, typer.Option(help="'joints', or your own prompt file (.md.j2)")] = "joints",
    price_in: Annotated[float | None, typer.Option(help="price of a million prompt tokens, to tell the cost")] = None,
    price_out: Annotated[float | None, typer.Option(help="price of a million completion tokens")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="print the prompts and their rough size, ask nothing")
    ] = False,
) -> None:
    """Ask a language model for the descriptions of actions. A run that stopped is continued by the same command.

    The key is read from the environment: OPENAI_API_KEY for openai, else the variable that 'list providers' shows.
    """
    from crossglg.text import generate, llm
    from crossglg.text.samples import agreement

    prices = _prices(price_in, price_out)
    names, chosen = _actions(dataset, actions, layout)
    llm.get_provider(provider)
    if dry_run:
        prompts, tokens = generate.preview(names, chosen, global_prompt, joints_prompt)
        typer.echo("\n\n".join(prompts))
        account = llm.Account(prompt_tokens=samples * tokens)
        cost = f", cost without the answers about {account.cost(*prices):.4f}" if prices else ""
        typer.echo(f"\n{samples} × {len(prompts)} prompts, about {account.prompt_tokens} tokens to send{cost}")
        return
    if output is None:
        raise ValueError("--output FILE is needed: the description file to write (or look first with --dry-run)")
    client = llm.Client(model, base_url, temperature, provider=provider)
    try:
        file = generate.describe(names, chosen, client, concurrency, global_prompt, joints_prompt, samples)
    finally:
        typer.echo(client.account.summary(prices))
    file.save(output)
    typer.echo(f"{len(file.classes)} descriptions in {output}")
    if client.temperature_refused:
        typer.echo(f"{client.model} has one temperature only: it was asked without (recorded in the file)")
    if samples > 1:
        typer.echo("agreement of the samples' key joints (mean Jaccard index of all pairs):")
        for score, action in sorted((agreement(d.samples), action) for action, d in file.classes.items()):
            typer.echo(f"  {score:.2f}  {action}")


@app.command("text-report")
def text_report(
    files: Annotated[list[Path] | None, typer.Argument(help="description files; default the shipped ones")] = None,
    encoder: Annotated[str, typer.Option(help=HELP["text_encoder"])] = "minilm",
) -> None:
    """Measure descriptions: how distinct the classes are, how far key joints and texts agree, pairs easily confused."""
    from crossglg.text.descriptions import DescriptionFile, shipped_files
    from crossglg.text.quality import text_report

    typer.echo(text_report([DescriptionFile.load(path) for path in files or shipped_files()], encoder))


@app.command()
def table(
    figures: Annotated[Path, typer.Option(help="folder with the runs' results")] = Path("figures"),
    readme: Annotated[Path | None, typer.Option(help="write the table into this README")] = None,
) -> None:
    """Print the results table of all runs, or write it into a README."""
    from crossglg import report

    if readme:
        report.update_readme(readme, figures)
    typer.echo(report.markdown_table(figures))


def main() -> None:
    """Entry point: errors of input become one line and exit code 2, a failed run exit code 1."""
    try:
        app()
    except (ValueError, FileNotFoundError) as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(2)
    except RuntimeError as error:
        typer.echo(f"failed: {error}", err=True)
        sys.exit(1)


def _summary(content: dict[str, Any]) -> str:
    lines = [f"{content['task']} (protocol {content['protocol_sha256'][:12]}), top-1 over exemplar draws:"]
    for name, result in content["one_shot"].items():
        lines.append(f"  {name:<25} {100 * result['mean']:5.1f} ± {100 * result['interval']:.1f} %")
    return "\n".join(lines)


def _prices(price_in: float | None, price_out: float | None) -> tuple[float, float] | None:
    if price_in is None and price_out is None:
        return None
    if price_in is None or price_out is None or min(price_in, price_out) < 0:
        raise ValueError("give both --price-in and --price-out, per million tokens, neither below 0")
    return price_in, price_out


def _actions(dataset: str | None, actions: Path | None, layout: str) -> tuple[list[str], Layout]:
    """The class names to describe and the layout to describe them for."""
    from crossglg.data.protocols import classes_of
    from crossglg.skeletons import get_layout

    if (dataset is None) == (actions is None):
        raise ValueError("give either --dataset NAME|FILE.npz or --actions FILE")
    if dataset is not None:
        class_names, own = classes_of(dataset)
        return list(class_names), get_layout(layout) if layout else own
    if actions is None or not actions.is_file():
        raise FileNotFoundError(f"no file {actions}; give a text file with one action per line")
    names = [line.strip() for line in actions.read_text(encoding="utf-8").splitlines() if line.strip()]
    if not names:
        raise ValueError(f"{actions} names no action; give one per line")
    return names, get_layout(layout or "ntu25")


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
    }


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
    from crossglg.one_shot import CLASSIFIERS

    return {name: (function.__doc__ or "").split(". ")[0].splitlines()[0] for name, function in CLASSIFIERS.items()}
