"""The moving picture and the chart of the README.

    python benchmarks/readme_pictures.py RUN/model figures [--action NAME …]

`recognition.gif` shows queries of novel classes beside their nearest exemplar in the first episode, by the cosine, as
the model finds them: right or wrong. `results.svg` shows means of docs/results.md beside the numbers that the
paper reports.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from crossglg.data.protocols import find_protocol
from crossglg.data.tasks import Task, load_task
from crossglg.one_shot.features import unit_rows
from crossglg.training.trained_model import TrainedModel
from crossglg.viz.animation import Recognition, recognition_frames, save_animation
from crossglg.viz.common import FLOOR, SERIES
from crossglg.viz.style import STYLE, save

RESULTS = Path(__file__).parents[1] / "docs" / "results.md"
OURS = {  # name → row and column of the table
    "raw coordinates": ("raw", "cosine"),
    "DTW": ("dtw", "cosine"),
    "baseline": ("baseline", "cosine"),
    "CrossGLG": ("crossglg", "cosine"),
    "yes-or-no statements": ("attributes", "cosine"),
    "DTW of joints, bones, motion": ("dtw-streams", "cosine"),
    "baseline + this DTW": ("baseline", "cosine-and-streams"),
}
PAPER = {"InfoGCN": "baseline (InfoGCN)", "InfoGCN + CrossGLG": "CrossGLG"}


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--action", nargs="+", default=["arm circles", "throw", "kicking something"])
    options = parser.parse_args(words)
    trained = TrainedModel.load(options.model)
    task = load_task(trained.config)
    pictures = []
    for action in options.action:
        pictures += recognition_frames(recognition(trained, task, action), task.novel.layout)
    print(f"written to {save_animation(pictures, options.folder / 'recognition.gif')}")
    print(f"written to {save(results_chart(), options.folder / 'results.svg')}")


def recognition(trained: TrainedModel, task: Task, action: str) -> Recognition:
    """The first query of a novel class, and the exemplar of the first episode that is nearest to it."""
    novel = task.novel
    if action not in novel.class_names:
        raise SystemExit(f"{action!r} is no novel class of {task.name}; these are {', '.join(novel.class_names)}")
    query = next(q for q in task.queries(0) if novel.class_of(q) == action)
    clips = novel.subset([query, *task.episodes[0]])
    z = unit_rows(trained.embed(clips))
    similarity = z[1:] @ z[0]
    nearest = int(task.episodes[0][similarity.argmax()])
    return Recognition(
        query=novel[query], exemplar=novel[nearest], importance=trained.joint_importance(clips)[0],
        found=novel.class_of(nearest), truth=action, similarity=float(similarity.max()),
    )  # fmt: skip


def results_chart() -> Figure:
    """What the paper reports beside what we measure."""
    means = published_means()
    ours = {name: means[row][column] for name, (row, column) in OURS.items()}
    published = find_protocol("ntu120-one-shot").published
    panels = {
        "The paper reports\n(NTU RGB+D 120)": {name: (published[method], 0.0) for method, name in PAPER.items()},
        "We measure (mean of ten data sets,\neach left out of training)": ours,
    }
    with rc_context(STYLE):
        figure = Figure(figsize=(7.6, 2.6), layout="constrained")
        for axes, (title, rows) in zip(figure.subplots(1, 2, width_ratios=(1, 1.6)), panels.items(), strict=True):
            draw_bars(axes, title, rows)
    return figure


def published_means() -> dict[str, dict[str, tuple[float, ...]]]:
    """Row → column → mean and half of the interval, of the first table of the results page; cells with both only."""
    table = re.search(r"<!-- study left_out means -->.*?\n\n(.+?)\n\n", RESULTS.read_text(encoding="utf-8"), re.DOTALL)
    assert table, f"{RESULTS} has no means of the study left_out"
    header, _, *rows = ([cell.strip() for cell in row.strip("|").split("|")] for row in table[1].splitlines())
    return {
        row[0]: {
            name: tuple(map(float, cell.split("±"))) for name, cell in zip(header, row, strict=True) if "±" in cell
        }
        for row in rows
    }


def draw_bars(axes: Axes, title: str, rows: Mapping[str, tuple[float, float]]) -> None:
    means, halves = zip(*rows.values(), strict=True)
    reads_texts = ("CrossGLG", "yes-or-no statements")
    colors = [
        SERIES[1] if name in reads_texts else SERIES[0] if name.startswith("baseline") else FLOOR for name in rows
    ]
    axes.barh(range(len(rows)), means, height=0.6, color=colors, xerr=halves if any(halves) else None)
    for at, (mean, half) in enumerate(rows.values()):
        axes.annotate(f"{mean:.1f} %", (mean + half, at), xytext=(5, 0), textcoords="offset points", va="center")
    axes.set(title=title, xlim=(0, 75), xlabel="top-1, %")
    axes.set_yticks(range(len(rows)), list(rows))
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")


if __name__ == "__main__":
    main()
