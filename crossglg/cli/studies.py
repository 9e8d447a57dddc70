"""Studies: what a choice does to the numbers, on any benchmark."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from crossglg.cli import STUDIES, command
from crossglg.config import HELP, Config


@command(STUDIES, "crossglg preprocessing-study --benchmark mine.json:mine --dataset mine.npz")
def preprocessing_study(
    benchmark: Annotated[list[str], typer.Option(metavar="NAME|FILE:NAME", help="a one-shot protocol; repeatable")],
    dataset: Annotated[str, typer.Option(help=HELP["dataset"])] = Config().dataset,
    classifier: Annotated[str, typer.Option(help="how clips are compared; see 'list classifiers'")] = "cosine",
    episodes: Annotated[int, typer.Option(help=HELP["episodes"])] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON instead of a table")] = False,
) -> None:
    """Measure what each preprocessing step does to the one-shot accuracy of raw coordinates."""
    from crossglg.data.tasks import load_task
    from crossglg.studies.preprocessing import preprocessing_study, preprocessing_table

    tasks = [load_task(Config(dataset=dataset, benchmark=name, episodes=episodes)) for name in benchmark]
    results = preprocessing_study(tasks, classifier)
    hashes = {task.name: {"protocol_sha256": task.sha256, "clips_sha256": task.clips_sha256} for task in tasks}
    if as_json:
        accuracy = {
            name: {
                task: {"mean": r.mean, "interval": r.interval, "episodes": r.accuracy.tolist()}
                for task, r in row.items()
            }
            for name, row in results.items()
        }
        typer.echo(json.dumps({"classifier": classifier, "tasks": hashes, "accuracy": accuracy}, indent=1))
        return
    typer.echo(f"Top-1 accuracy of raw coordinates, %, by {classifier}; mean and 95 % interval over episodes.\n")
    typer.echo(preprocessing_table(results))
    protocols = (f"{n} {h['protocol_sha256'][:12]} (clips {h['clips_sha256'][:12]})" for n, h in hashes.items())
    typer.echo(f"\nProtocols: {', '.join(protocols)}")


@command(STUDIES, "crossglg study synthetic --jobs 2")
def study(
    file: Annotated[str, typer.Argument(help="a study's .yaml, or one of 'list studies'")],
    data: Annotated[Path | None, typer.Option(help="the folder that DATA stands for in the study")] = None,
    output: Annotated[Path, typer.Option(help="folder of the runs' models; studies may share it")] = Path("runs/study"),
    results: Annotated[Path, typer.Option(help="folder of the study's table file")] = Path("studies/results"),
    jobs: Annotated[int | None, typer.Option(help="runs at once; default one per core or Dask worker")] = None,
    backend: Annotated[str, typer.Option(help="loky: processes on this machine; dask: a cluster's workers")] = "loky",
    address: Annotated[str, typer.Option(help="the Dask scheduler, tcp://HOST:PORT")] = "",
    table: Annotated[bool, typer.Option("--table", help="run nothing; only print the table")] = False,
    classifier: Annotated[
        list[str] | None, typer.Option(help="how clips are compared, repeatable; default the study's")
    ] = None,
    reference: Annotated[str, typer.Option(help="the method to compare the others with; default the study's")] = "",
    means: Annotated[bool, typer.Option("--means", help="only the means over the benchmarks, by classifier")] = False,
    figure: Annotated[Path | None, typer.Option(help="also draw the table: .png, .svg or .pdf")] = None,
    readme: Annotated[Path | None, typer.Option(help="also write the table between its marks in this page")] = None,
) -> None:
    """Make all runs of a study that are not finished yet, and print the table: accuracies, paired differences."""
    from crossglg.runs.results import update_readme
    from crossglg.studies.runner import run_study
    from crossglg.studies.spec import Study, check_classifiers
    from crossglg.studies.tables import means_table, study_figure, study_table
    from crossglg.viz import figures

    parsed = Study.load(file)
    check_classifiers(classifier or ())
    if not table:
        run_study(parsed, output, data or "", jobs, backend, address, lambda line: typer.echo(line, err=True), results)
    written = (means_table if means else study_table)(parsed, results, classifier or (), reference)
    typer.echo(written)
    if figure:
        typer.echo(f"\nwritten to {figures.save(study_figure(parsed, results, classifier or ()), figure)}", err=True)
    if readme:
        update_readme(readme, f"study {parsed.name}{' means' if means else ''}", written)
