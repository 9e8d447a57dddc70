"""Running the pipeline, evaluating a model, the table of results."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crossglg.cli import SHOW, TRAIN, command, interrupted
from crossglg.config import HELP, PRESETS, Config
from crossglg.files import MissingError

if TYPE_CHECKING:
    from crossglg.one_shot import OneShotResult
    from crossglg.runs.results import Accuracy

Setting = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="any setting; see 'crossglg list settings'")
]
Dataset = Annotated[str | None, typer.Option(help=HELP["dataset"])]
Benchmark = Annotated[str | None, typer.Option(help=HELP["benchmark"])]
Encoder = Annotated[str | None, typer.Option(help=HELP["encoder"])]
Preset = Annotated[str, typer.Option(help=f"one of {', '.join(PRESETS)}")]
Output = Annotated[Path | None, typer.Option(help="the run's folder; default runs/<what was run>")]


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


def check_different(models: list[Path]) -> None:
    """Raise ValueError for a model that is given twice: it would count as two."""
    for number, folder in enumerate(models):
        if folder.resolve() in {other.resolve() for other in models[:number]}:
            raise ValueError(f"the model {folder} is given twice; give each model once")


def _names(settings: list[str] | None) -> set[str]:
    """What --set was typed for."""
    return {word.partition("=")[0] for word in settings or []}


def _tell_without_effect(config: Config, settings: list[str] | None) -> None:
    """Say which of the settings that were typed nothing reads: a control that was none would be believed."""
    from crossglg.training.recipe import without_effect

    for name in sorted(without_effect(config) & _names(settings)):
        typer.echo(
            f"note: {name} has no effect with objective={config.objective}, guidance={config.guidance}, "
            f"mirror={config.mirror:g}",
            err=True,
        )


@command(TRAIN, "crossglg run --preset smoke --dataset synthetic-small --output runs/mine")
def run(
    dataset: Dataset = None,
    benchmark: Benchmark = None,
    encoder: Encoder = None,
    preset: Preset = "default",
    settings: Setting = None,
    output: Output = None,
    resume: Annotated[bool, typer.Option("--resume", help="continue the run in --output, with its settings")] = False,
) -> None:
    """Run the whole pipeline: descriptions, training, one-shot evaluation, joint attention."""
    from crossglg.runs import pipeline
    from crossglg.runs.results import absolute_paths, read_results

    named = {"dataset": dataset, "benchmark": benchmark, "encoder": encoder}
    config = build_config(preset, settings, **named)
    typed = {*PRESETS[preset], *_names(settings), *(name for name, value in named.items() if value is not None)}
    folder = output or pipeline.run_folder(config)
    if resume:
        stored, asked = pipeline.saved_config(folder), absolute_paths(config)
        changed = sorted(name for name in typed if getattr(stored, name) != getattr(asked, name))
        if changed:
            raise ValueError(
                f"{folder} was run with {changed[0]}={getattr(stored, changed[0])!r}, not "
                f"{getattr(asked, changed[0])!r}; --resume takes the stored settings: leave --set, --dataset, "
                f"--benchmark, --encoder and --preset out, or choose another --output"
            )
        config = stored
    _tell_without_effect(config, settings)
    try:
        pipeline.run(config, folder, resume)
    except KeyboardInterrupt:
        again = shlex.join(["crossglg", "run", "--resume", "--output", str(folder)])
        interrupted(again if pipeline.has_run(folder) else "")
    made = read_results(folder)
    typer.echo(_summary(vars(made), made.one_shot))
    typer.echo(f"written to {folder}")


@command(TRAIN, "crossglg train --dataset mine.npz --set epochs=30 --output runs/mine")
def train(
    dataset: Dataset = None,
    benchmark: Benchmark = None,
    encoder: Encoder = None,
    preset: Preset = "default",
    settings: Setting = None,
    output: Output = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="replace a training of other settings, clips or texts in --output")
    ] = False,
) -> None:
    """Train, without evaluation; repeat it to continue. Two GPUs: torchrun --nproc-per-node 2 -m crossglg train …"""
    from crossglg.runs import pipeline
    from crossglg.training import distributed
    from crossglg.training.trained_model import resolve_device

    config = build_config(preset, settings, dataset=dataset, benchmark=benchmark, encoder=encoder)
    _tell_without_effect(config, settings)
    with distributed.joined(resolve_device(config.device)):
        folder = pipeline.train(config, output, overwrite)
        if distributed.rank() == 0:
            typer.echo(f"written to {folder}")


@command(TRAIN, "crossglg evaluate runs/mine/model")
def evaluate(
    model: Annotated[
        list[Path], typer.Argument(help="a trained model's folder (or synthetic, which ships); several: an ensemble")
    ],
    dataset: Dataset = None,
    benchmark: Benchmark = None,
    episodes: Annotated[int | None, typer.Option(help=HELP["episodes"])] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON instead of text")] = False,
    text_at_inference: Annotated[
        bool, typer.Option("--text-at-inference", help="also classify with what texts say about the novel classes")
    ] = False,
    descriptions: Annotated[
        str,
        typer.Option(help="with --text-at-inference: description file; default: what the model learned from"),
    ] = "",
) -> None:
    """Evaluate a trained model on its own task, or on another one; several of the same base classes as an ensemble."""
    from crossglg.data.tasks import load_task
    from crossglg.runs.results import about_task
    from crossglg.training.evaluation import config_of
    from crossglg.training.evaluation import evaluate as evaluate_models
    from crossglg.training.trained_model import TrainedModel

    if descriptions and not text_at_inference:
        raise ValueError(f"--descriptions {descriptions} is read with --text-at-inference alone; give both, or neither")
    check_different(model)
    members = [TrainedModel.load(folder) for folder in model]
    task = load_task(config_of(members[0], dataset, benchmark, episodes))
    found = evaluate_models(members, task, text_at_inference, descriptions)
    if found.note:
        typer.echo(found.note, err=True)
    for name, missing in found.left_out.items():
        lacking = "the descriptions have" if missing == "statements" else "this model has"
        typer.echo(f"without {name}: {lacking} no {missing}", err=True)
    about = about_task(task)
    if not as_json:
        typer.echo(_summary(about, found.one_shot, found.text_at_inference))
        return
    content = {name: about[name] for name in ("task", "protocol_sha256", "clips_sha256")}
    content["one_shot"] = {name: result.to_dict() for name, result in found.one_shot.items()}
    if text_at_inference:
        content["text_at_inference"] = {name: r.to_dict() for name, r in found.text_at_inference.items()}
    typer.echo(json.dumps(content, indent=1))


@command(TRAIN, "crossglg export runs/mine/model mine.onnx")
def export(
    model: Annotated[Path, typer.Argument(help="a trained model's folder, e.g. runs/…/model")],
    output: Annotated[Path, typer.Argument(help="the file to write: .onnx, or .pt2 for torch.export")],
    persons: Annotated[int, typer.Option(help="persons in every clip")] = 1,
    clips: Annotated[int, typer.Option(help="clips in every batch")] = 1,
) -> None:
    """Write a trained model as one file for other programs: raw clips in, representation and joint importance out."""
    from crossglg.training.export import export as write
    from crossglg.training.trained_model import TrainedModel

    typer.echo(f"written to {write(TrainedModel.load(model), output, persons, clips)}")


@command(SHOW, "crossglg publish runs/mine --figures figures")
def publish(
    run: Annotated[Path, typer.Argument(help="a finished run's folder, e.g. runs/mine")],
    figures: Annotated[Path, typer.Option(help="folder of published runs, with their results.csv")] = Path("figures"),
) -> None:
    """Copy a finished run's pictures and results into a folder of published runs, and its rows into results.csv."""
    from crossglg.runs import pipeline

    typer.echo(f"written to {pipeline.publish(run, figures)}")


@command(SHOW, "crossglg table --figures figures")
def table(
    figures: Annotated[Path, typer.Option(help="folder of published runs")] = Path("figures"),
    readme: Annotated[Path | None, typer.Option(help="write the table between its marks in this page")] = None,
) -> None:
    """Print the results table of all published runs, or write it into a page."""
    from crossglg.runs import results

    if not figures.is_dir():
        raise MissingError(f"no folder {figures}; 'crossglg publish RUN --figures {figures}' makes it")
    written = results.markdown_table(figures)
    if readme:
        results.update_readme(readme, "results", written)
    typer.echo(written)


def _summary(
    about: Mapping[str, Any],
    one_shot: Mapping[str, Accuracy | OneShotResult],
    text_at_inference: Mapping[str, Accuracy | OneShotResult] | None = None,
) -> str:
    """Accuracies on a task, with the published ones of the same protocol below them. about: as of `about_task`."""
    from crossglg.data.protocols import find_protocol, shipped_protocols

    task, ways = about["task"], len(about["novel_classes"])
    lines = [f"{task} (protocol {about['protocol_sha256'][:12]}, clips {about['clips_sha256'][:12]})"]
    lines += [f"top-1 over episodes; {ways} novel classes, guessing gets {100 / ways:.0f} %:"]
    lines += [_line(name, result) for name, result in one_shot.items()]
    if text_at_inference:
        lines.append("with texts of the novel classes at inference:")
        lines += [_line(name, result) for name, result in text_at_inference.items()]
    if task in shipped_protocols():
        lines += find_protocol(task).published_lines()
    return "\n".join(lines)


def _line(name: str, result: Accuracy | OneShotResult) -> str:
    return f"  {name:<25} {100 * result.mean:5.1f} ± {100 * result.interval:.1f} %"
