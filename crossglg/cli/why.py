"""Explanations, and whether they can be believed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from crossglg.cli import EXPLAIN, command
from crossglg.cli.runs import Benchmark, Dataset, check_different
from crossglg.files import write_json


@command(EXPLAIN, "crossglg faithfulness runs/mine/model --clips 24")
def faithfulness(
    model: Annotated[list[Path], typer.Argument(help="trained models' folders: one, or several seeds of a task")],
    dataset: Dataset = None,
    benchmark: Benchmark = None,
    clips: Annotated[int, typer.Option(help="novel queries to measure on, drawn at random; 0: all", min=0)] = 120,
    points: Annotated[
        int, typer.Option(help="numbers of joints to try between none and all; 0: every one", min=0)
    ] = 11,
    episode: Annotated[int, typer.Option(help="which episode, 0 the first", min=0)] = 0,
    output: Annotated[Path, typer.Option(help="folder for faithfulness.json and .png")] = Path("runs/faithfulness"),
) -> None:
    """Check joint importance and its rivals: if the joints ranked first are frozen, how soon does recognition fail?"""
    from crossglg.data.synthetic import true_importance
    from crossglg.data.tasks import is_synthetic, load_task
    from crossglg.explain.faithfulness import METRICS, study, table
    from crossglg.runs.results import about_model, about_task, versions
    from crossglg.training.evaluation import carried_over, config_of
    from crossglg.training.trained_model import TrainedModel
    from crossglg.viz import figures
    from crossglg.viz.why import faithfulness_curves

    check_different(model)
    loaded = [TrainedModel.load(folder) for folder in model]
    config = config_of(loaded[0], dataset, benchmark)
    task, synthetic = load_task(config), is_synthetic(config)
    if note := carried_over(task, loaded[0]):
        typer.echo(note, err=True)
    found = study(loaded, task, clips, points, episode, truth=true_importance if synthetic else None)
    about = {"models": [about_model(trained) for trained in loaded], "episode": episode, **versions()}
    write_json(output / "faithfulness.json", {**about_task(task), **about, "faithfulness": found.to_dict()})
    picture = faithfulness_curves(found.bands(), found.counts, found.mean_areas())
    figures.save(picture, output / "faithfulness.png")
    seeds = f"{len(loaded)} models, " if len(loaded) > 1 else ""
    typer.echo(f"{task.name} (protocol {task.sha256[:12]}): {seeds}{found.clips} clips, episode {episode}.")
    for metric in METRICS:
        typer.echo(f"\nArea under the curve of {metric}, with 95 % intervals:\n\n{table(found, metric)}")
    typer.echo(
        "\ndeletion: lower is better, as recognition soon fails without the joints that are ranked first;\n"
        "insertion: higher is better, as it soon works with them alone;\n"
        "less …: the difference to that order, so below 0 is better in deletion, above 0 in insertion"
    )
    typer.echo(f"\nwritten to {output}")
