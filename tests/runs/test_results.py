"""A number in a table can be traced to its run: results.json, csv and README agree, and the command makes it again."""

from __future__ import annotations

import csv
import json
import re
import shlex
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from crossglg import cli
from crossglg.config import PRESETS, Config
from crossglg.data.synthetic import synthesize
from crossglg.data.tasks import split_task
from crossglg.files import InputError, MissingError
from crossglg.one_shot import Features, OneShotResult, evaluate
from crossglg.runs import pipeline
from crossglg.runs.results import (
    VERSION,
    Accuracy,
    RunResults,
    StudyDetails,
    add_results,
    command,
    load_results,
    markdown_table,
    method_name,
    portable,
    read_results,
    update_readme,
    versions,
    write_csv,
    write_results,
)
from crossglg.statistics import Interval
from crossglg.training.trained_model import TrainedModel, build_model

CONFIG = Config(epochs=3, seed=4, guidance="g2l", dataset="my data/clips.npz", device="cpu")
ACTIONS = ("drink water", "clapping", "kicking something", "hand waving")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any, TrainedModel, list[OneShotResult]]:
    """figures/first/results.json of an untrained model on a small task, and what it was made of."""
    folder = tmp_path_factory.mktemp("figures")
    task = split_task(synthesize(0, 3, ACTIONS), ACTIONS[2:], 3, "toy")
    layout = task.base.layout
    model = build_model(CONFIG, layout, persons=1, channels=3, classes=2, text_width=0)
    details = {"chosen_epoch": 2, "validation_accuracy": 0.5}
    trained = TrainedModel(model, CONFIG, layout, 1, 3, task.base.class_names, details)
    results = [evaluate(task, Features.of(task, trained.embed), name) for name in ("cosine", "euclidean")]
    write_results(folder / "first", task, trained, results)
    return folder, task, trained, results


def add_run(
    folder: Path, name: str, accuracy: list[float], task: str = "toy", raw: list[float] | None = None, **config
):
    """Write the results.json of a made-up run with the given accuracies per episode."""
    RunResults(
        task=task,
        protocol_sha256=f"{task}-{len(accuracy)}-episodes",
        clips_sha256="",
        base_classes=["a"],
        novel_classes=["b"],
        base_clips=1,
        novel_clips=2,
        config=replace(Config(), episodes=len(accuracy), **config).to_dict(),
        one_shot={"cosine": measured(accuracy)},
        raw_coordinates=measured(raw) if raw else None,
        **{**versions(), "git_sha": "0123456789abcdef"},
    ).write(folder / name)


def measured(episodes: list[float]) -> Accuracy:
    interval = Interval.of_runs([episodes])
    return Accuracy(interval.mean, interval.half_width, episodes, [interval.mean], [[1]])


def rows(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


def test_another_run_of_the_same_name_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "_finished", lambda *_: True)  # its notebooks are not asked here
    for folder, seed in (("one", 0), ("again", 0), ("other", 5)):
        add_run(tmp_path / folder, "mine", [seed / 10, 0.5], seed=seed)
        (tmp_path / folder / "mine" / pipeline.CONFIG).write_text(json.dumps(Config(seed=seed).to_dict()))
        (tmp_path / folder / "mine" / "figures").mkdir()
    for folder in ("one", "again"):
        pipeline.publish(tmp_path / folder / "mine", tmp_path / "shown")
    message = r"mine holds another run, with seed=0, not 5; rename the folder .*other/mine, give another --figures, or"
    with pytest.raises(ValueError, match=message):
        pipeline.publish(tmp_path / "other" / "mine", tmp_path / "shown")
    assert read_results(tmp_path / "shown" / "mine").config["seed"] == 0
    assert next(csv.DictReader((tmp_path / "shown" / "results.csv").open()))["seed"] == "0"


def test_results_json_holds_what_was_evaluated(written) -> None:
    folder, task, trained, results = written
    ((name, found),) = load_results(folder).items()
    assert name == "first" and found.version == VERSION
    assert found.one_shot == {r.classifier: Accuracy(**r.to_dict()) for r in results}
    assert Config(**found.config) == replace(CONFIG, dataset="clips.npz")  # no folder of this machine
    assert (found.task, found.protocol_sha256, found.clips_sha256) == ("toy", task.sha256, task.clips_sha256)
    assert (found.base_classes, found.novel_classes) == (list(ACTIONS[:2]), list(ACTIONS[2:]))
    assert (found.base_clips, found.novel_clips) == (6, 6)
    assert found.parameters == trained.num_parameters
    assert (found.chosen_epoch, found.validation_accuracy) == (2, 0.5)
    assert versions().items() <= asdict(found).items()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"version": 9},
            "is of version 9, this crossglg reads version 1; restore it from a copy, or delete it and run again",
        ),
        ({"version": None}, "is of version unknown"),
        ({"task": 3}, r"is damaged \(task: Input should be a valid string\); restore it from a copy, or delete it and"),
        ({"one_shot": {"cosine": {"mean": 0.5}}}, r"is damaged \(one_shot\.cosine\.interval: Field required\)"),
        ({"color": "red"}, r"is damaged \(color: Unexpected keyword argument\)"),
        ({"chosen_epoch": True}, r"is damaged \(chosen_epoch: "),
    ],
)
def test_a_damaged_record_is_named_with_what_to_do(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    add_run(tmp_path, "a", [0.5])
    path = tmp_path / "a" / "results.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(InputError, match=re.escape(str(path)) + " " + message) as caught:
        markdown_table(tmp_path)
    assert "\n" not in str(caught.value)
    path.write_text("{")
    with pytest.raises(InputError, match=re.escape(str(path)) + " is not readable JSON"):
        read_results(tmp_path / "a")
    with pytest.raises(MissingError, match=r"no results\.json in .*nowhere; give the folder of a finished"):
        read_results(tmp_path / "nowhere")


def test_a_portable_config_names_files_without_their_folders() -> None:
    config = replace(CONFIG, dataset="/home/me/data", benchmark="/home/me/b.json:to-utd", descriptions="a/b.json")
    expected = replace(config, dataset="data", benchmark="b.json:to-utd", descriptions="b.json")
    assert portable(config.to_dict()) == expected.to_dict()
    assert portable(Config().to_dict()) == Config().to_dict()


def test_results_can_be_added_to(tmp_path: Path) -> None:
    add_run(tmp_path, "a", [0.5])
    add_results(tmp_path / "a", attention={"model": {"auc": 0.7}})
    found = read_results(tmp_path / "a")
    assert found.attention == {"model": {"auc": 0.7}}
    assert found.one_shot["cosine"].episodes == [0.5]


def test_git_sha_is_a_commit_or_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    assert re.fullmatch("[0-9a-f]{40}|unknown", versions()["git_sha"])
    monkeypatch.setenv("PATH", "")
    assert versions()["git_sha"] == "unknown"


def test_csv_has_one_row_per_run_and_classifier(written) -> None:
    folder, task, trained, results = written
    with open(write_csv(folder), newline="", encoding="utf-8") as file:
        found = list(csv.DictReader(file))
    assert [(row["run"], row["classifier"]) for row in found] == [("first", "cosine"), ("first", "euclidean")]
    for row, result in zip(found, results, strict=True):
        assert row["accuracy"] == f"{100 * result.mean:.2f}"
        assert row["interval_over_draws"] == f"{100 * result.interval:.2f}"
        assert (row["episodes"], row["seed"], row["epochs"], row["guidance"]) == ("3", "4", "3", "g2l")
        assert row["parameters"] == str(trained.num_parameters)
        assert task.sha256.startswith(row["protocol_sha256"])
        assert row["command"] == command({**CONFIG.to_dict(), "dataset": "clips.npz"})


def test_csv_of_no_runs_is_a_header(tmp_path: Path) -> None:
    assert write_csv(tmp_path).read_text() == "run\n"


@pytest.mark.parametrize(
    "config",
    [
        Config(),
        CONFIG,
        *(Config.create(preset) for preset in PRESETS),
        Config(
            dataset="a folder/it's; here", benchmark="b c.json:to utd", encoder="infogcn", scale_importance=False,
            learning_rate=1e-05, crop=0.55, align_view=False,
        ),
    ],
)  # fmt: skip
def test_command_makes_the_same_config_again(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command goes through the real command line; only the run itself is stopped."""
    from crossglg.runs import pipeline

    asked: list[Config] = []

    def stop(config: Config, *_: object) -> Path:
        asked.append(config)
        raise RuntimeError("stopped")

    monkeypatch.setattr(pipeline, "run", stop)
    program, *words = shlex.split(command(config.to_dict()))
    CliRunner().invoke(cli.app, words)
    assert program == "crossglg"
    assert asked == [config]


def test_command_says_only_what_differs_from_the_defaults() -> None:
    assert command(Config().to_dict()) == "crossglg run"
    assert command(Config(epochs=5).to_dict()) == "crossglg run --set epochs=5"
    assert "--set color=red" in command({**Config().to_dict(), "color": "red"})  # a result of another version


def test_runs_and_rows_are_named_by_what_makes_the_method(tmp_path: Path) -> None:
    assert method_name(Config()) == "both"
    assert method_name(Config(guidance="none", objective="protonet")) == "protonet-none"
    assert method_name(Config(text_source="shuffled")) == "shuffled-both"
    add_run(tmp_path, "a", [0.5, 0.6], encoder="infogcn", guidance="none", objective="protonet")
    add_run(tmp_path, "b", [0.5, 0.6], encoder="infogcn", guidance="none")
    old = tmp_path / "b" / "results.json"
    content = json.loads(old.read_text())
    del content["config"]["objective"], content["config"]["text_source"]  # from before there were any
    old.write_text(json.dumps(content))
    table = markdown_table(tmp_path)
    assert "infogcn, protonet, no text" in table and "| infogcn, no text" in table


def test_table_rows_are_tasks_by_methods_raw_first_over_seeds(tmp_path: Path) -> None:
    add_run(tmp_path, "z", [0.5, 0.7], seed=0, raw=[0.2, 0.2])
    add_run(tmp_path, "b", [0.6, 0.8], seed=1, raw=[0.2, 0.2])
    add_run(tmp_path, "c", [0.4, 0.4], guidance="none")
    add_run(tmp_path, "d", [0.1, 0.1], task="another", guidance="l2g", encoder="infogcn")
    table = markdown_table(tmp_path)
    assert table.splitlines()[:2] == ["| one-shot task | method | seeds | top-1, % |", "|---|---|---|---|"]
    interval = Interval.of_runs([[0.6, 0.8], [0.5, 0.7]])
    assert interval.mean == pytest.approx(0.65)
    assert rows(table) == [
        ["another", "infogcn, local→global only", "1", "10.0 ± 0.0"],
        ["toy", "raw coordinates", "–", "20.0 ± 0.0"],
        ["toy", "lean-gcn, CrossGLG", "2", f"65.0 ± {100 * interval.half_width:.1f}"],
        ["toy", "lean-gcn, no text", "1", "40.0 ± 0.0"],
    ]
    assert rows(markdown_table(tmp_path, "euclidean")) == [["toy", "raw coordinates", "–", "20.0 ± 0.0"]]


def test_runs_of_a_study_that_learned_nothing_are_called_what_they_are(tmp_path: Path) -> None:
    for name, members in (("toy-raw-0123456789", []), ("toy-dtw-shifted-0123456789", []), ("toy-x2", ["a", "b"])):
        add_run(tmp_path, name, [0.5, 0.7])
        add_results(tmp_path / name, study=StudyDetails("", "cpu", 1, 1.0, members=members))
    assert [row[1:3] for row in rows(markdown_table(tmp_path))] == [
        ["raw coordinates", "–"],
        ["raw coordinates, time warping (dtw-shifted)", "–"],
        ["2 models as one: lean-gcn, CrossGLG", "1"],
    ]
    with open(write_csv(tmp_path), newline="", encoding="utf-8") as file:
        found = [[row[key] for key in ("encoder", "guidance", "seed")] for row in csv.DictReader(file)]
    learned_nothing = [["raw coordinates, time warping (dtw-shifted)", "", ""], ["raw coordinates", "", ""]]
    assert found == [*learned_nothing, ["lean-gcn", "both", "0"]]


def test_table_of_no_runs_is_a_header(tmp_path: Path) -> None:
    assert len(markdown_table(tmp_path).splitlines()) == 2


def test_runs_of_other_settings_or_draws_are_not_averaged_as_seeds(tmp_path: Path) -> None:
    add_run(tmp_path, "a", [0.5, 0.5], raw=[0.2, 0.2])
    add_run(tmp_path, "b", [0.7, 0.7], seed=1, calibration_weight=0.0)
    add_run(tmp_path, "c", [0.9, 0.9, 0.9], raw=[0.3] * 3, seed=2)
    assert [row[1:] for row in rows(markdown_table(tmp_path))] == [
        ["raw coordinates (episodes=2)", "–", "20.0 ± 0.0"],
        ["raw coordinates (episodes=3)", "–", "30.0 ± 0.0"],
        ["lean-gcn, CrossGLG (calibration_weight=0.0, episodes=2)", "1", "70.0 ± 0.0"],
        ["lean-gcn, CrossGLG (calibration_weight=0.5, episodes=2)", "1", "50.0 ± 0.0"],
        ["lean-gcn, CrossGLG (calibration_weight=0.5, episodes=3)", "1", "90.0 ± 0.0"],
    ]


def test_a_run_from_before_a_setting_came_was_made_as_before(tmp_path: Path) -> None:
    add_run(tmp_path, "now", [0.5, 0.5])
    add_run(tmp_path, "before", [0.4, 0.4])
    run = read_results(tmp_path / "before")
    old = {name: value for name, value in run.config.items() if name not in ("posture", "noise")}
    replace(run, config=old).write(tmp_path / "before")
    settings = read_results(tmp_path / "before").settings
    assert (settings["posture"], settings["noise"]) == (1.0, 0.0) != (Config().posture, Config().noise)
    assert {row[1] for row in rows(markdown_table(tmp_path))} == {
        "lean-gcn, CrossGLG (posture=1.0, noise=0.0)",
        "lean-gcn, CrossGLG (posture=0.1, noise=0.1)",
    }


def test_a_seed_that_was_run_twice_counts_once(tmp_path: Path) -> None:
    add_run(tmp_path, "a", [0.5, 0.5])
    add_run(tmp_path, "again elsewhere", [0.5, 0.5], dataset="synthetic", device="cpu")
    assert [row[2] for row in rows(markdown_table(tmp_path))] == ["1"]


def test_readme_keeps_everything_but_the_table(tmp_path: Path) -> None:
    add_run(tmp_path, "a", [0.5, 0.5])
    readme = tmp_path / "README.md"
    readme.write_text("# Title\n<!-- results -->\nold table\n<!-- /results -->\nthe end – ü\n", encoding="utf-8")
    expected = f"# Title\n<!-- results -->\n{markdown_table(tmp_path)}\n<!-- /results -->\nthe end – ü\n"
    for _ in range(2):  # a second time changes nothing
        update_readme(readme, "results", markdown_table(tmp_path))
        assert readme.read_text(encoding="utf-8") == expected


@pytest.mark.parametrize("text", ["# Title\n", "<!-- results -->\n", "<!-- /results -->\n<!-- results -->\n"])
def test_a_readme_without_marks_is_an_error_and_stays(tmp_path: Path, text: str) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(text)
    with pytest.raises(
        ValueError, match="no place for the table: add the lines <!-- results --> and <!-- /results -->"
    ):
        update_readme(readme, "results", "a table")
    assert readme.read_text() == text
