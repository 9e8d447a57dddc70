"""A study runs what is missing and nothing twice, survives kill −9 and failing methods; its table file is enough."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from support.small_study import ACTIONS, SETTINGS, TINY, load, write_sets_left_out
from typer.testing import CliRunner

from crossglg import cli
from crossglg.config import Config
from crossglg.data.clips import SkeletonSet
from crossglg.data.protocols import find_protocol, write_protocol
from crossglg.data.synthetic import synthesize
from crossglg.data.tasks import fold, load_task, make_protocol
from crossglg.encoders import ENCODERS
from crossglg.files import InputError
from crossglg.one_shot import CLASSIFIERS, Features, evaluate
from crossglg.one_shot.baselines.raw import raw_coordinates, raw_poses
from crossglg.runs.results import load_results, read_results, versions
from crossglg.studies import results as study_results
from crossglg.studies import runner
from crossglg.studies.runner import run_study
from crossglg.studies.spec import Study
from crossglg.studies.tables import (
    accuracies,
    accuracy_table,
    difference_table,
    intervals,
    means_table,
    study_figure,
    study_table,
)
from crossglg.text.descriptions import Description, DescriptionFile
from crossglg.training import recipe
from crossglg.training.checkpoint import CHECKPOINT
from crossglg.training.evaluation import evaluate as evaluate_models
from crossglg.training.trained_model import TrainedModel


@pytest.fixture(scope="module", autouse=True)
def tiny_encoder_and_one_core():
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(ENCODERS, "tiny", TINY)
        patch.setattr(runner, "cpu_count", lambda: 1)  # one thread per run, whatever the machine
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as --data names it: eight classes of five clips, and a protocol."""
    folder = tmp_path_factory.mktemp("data")
    clips = str(synthesize(0, 5, ACTIONS).save(folder / "mine.npz"))
    write_protocol(folder / "toy.json", make_protocol(clips, 2, 2, 0, "toy"))
    return folder


def run(parsed: Study, folder: Path, data: Path, **options) -> list[str]:
    """Run in this process; returns what was reported."""
    lines: list[str] = []
    run_study(parsed, folder, data, jobs=1, report=lines.append, **options)
    return lines


@pytest.fixture(scope="module")
def finished(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, Path]:
    folder = tmp_path_factory.mktemp("finished")
    parsed = load(folder)
    run(parsed, folder / "runs", data)
    return parsed, folder / "runs"


def episodes(folder: Path) -> dict[str, dict]:
    """Run → classifier → accuracy per episode, of all runs."""
    return {name: {c: a.episodes for c, a in run.one_shot.items()} for name, run in load_results(folder).items()}


def methods(parsed: Study, folder: Path) -> list[str]:
    """Of the finished runs."""
    return [run.method for run, _ in study_results.finished(parsed, folder)]


# --- running


def test_every_run_leaves_what_was_measured(finished: tuple[Study, Path], data: Path) -> None:
    parsed, folder = finished
    runs = parsed.runs()
    found = load_results(folder)
    assert found.keys() == {r.name for r in runs}
    assert list(study_results.read_rows(folder / "mine.jsonl")) == [r.name for r in runs], "in the study's order"
    for r, row in study_results.finished(parsed, folder):
        record = found[r.name]
        assert row == study_results.Row.of(r.name, record)
        task = load_task(runner._with_data(r.config, data))
        assert (record.protocol_sha256, record.clips_sha256) == (task.sha256, task.clips_sha256)
        assert record.study.protocol_file_sha256 == find_protocol(f"{data / 'toy.json'}:toy").sha256
        assert record.config == {**r.config.to_dict(), "dataset": "mine.npz", "benchmark": "toy.json:toy"}
        assert record.study.threads == 1 and record.study.seconds >= 0 and record.study.device == "cpu"
        assert versions().items() <= asdict(record).items()
        assert str(data) not in (folder / r.name / "results.json").read_text() + (folder / "mine.jsonl").read_text()
        embed, names = raw_coordinates, list(runner.RAW_CLASSIFIERS)
        if r.method != "raw":
            trained = TrainedModel.load(folder / r.name)
            assert record.parameters == trained.num_parameters
            assert not (folder / r.name / "checkpoint.safetensors").exists()
            guided = r.config.guidance == "both"
            embed, names = trained.represent, [n for n in CLASSIFIERS if guided or "importance" not in n]
        assert list(record.one_shot) == list(row.correct) == names
        for name in names:
            expected = evaluate(task, Features.of(task, embed), name)
            np.testing.assert_allclose(record.one_shot[name].episodes, expected.accuracy)
            np.testing.assert_array_equal(row.accuracy(name), record.one_shot[name].episodes)
            assert record.one_shot[name].mean == pytest.approx(expected.mean)


def test_what_a_kill_right_after_the_results_left_is_removed(
    finished: tuple[Study, Path], data: Path, tmp_path: Path
) -> None:
    parsed, folder = finished[0], tmp_path / "runs"
    shutil.copytree(finished[1], folder)
    (folder / "mine.jsonl").unlink()  # it did not come to write its row
    names = (".lock", CHECKPOINT, ".results.json.999999999-1.tmp")
    left = [folder / parsed.runs()[-1].name / name for name in names]
    for path in left:
        path.write_text("")
    assert len(run(parsed, folder, data)) == 1, "nothing is made again"
    assert not [path.name for path in left if path.exists()]


def test_time_warping_is_a_row_of_its_own_once_per_benchmark(
    finished: tuple[Study, Path], data: Path, tmp_path: Path
) -> None:
    shutil.copytree(finished[1], tmp_path / "runs")
    parsed = load(tmp_path, untrained=["raw", "dtw"])
    assert [(r.method, r.seed) for r in parsed.runs()[:3]] == [("raw", None), ("dtw", None), ("base", 0)]
    assert len(run(parsed, tmp_path / "runs", data)) == 2, "the others are finished"
    _, row = study_results.finished(parsed, tmp_path / "runs")[1]
    task = load_task(runner._with_data(parsed.runs()[1].config, data))
    expected = evaluate(task, Features.of(task, raw_poses), "warped-poses").accuracy
    assert list(row.correct) == ["cosine"]
    np.testing.assert_allclose(row.accuracy("cosine"), expected)
    assert "| dtw |" in study_table(parsed, tmp_path / "runs")
    labels = study_figure(parsed, tmp_path / "runs").axes[0].get_yticklabels()
    assert [label.get_text() for label in labels] == ["raw", "dtw", "base", "crossglg"]


def test_the_models_of_all_seeds_are_an_ensemble(finished: tuple[Study, Path], data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    shutil.copytree(finished[1], folder)
    parsed = load(tmp_path, ensembles=True)
    assert parsed.runs()[:5] == finished[0].runs()
    together = parsed.runs()[5:]
    assert [(r.method, r.seed, len(r.members)) for r in together] == [("base ×2", None, 2), ("crossglg ×2", None, 2)]
    lost = folder / together[1].members[1].name
    lost.rename(tmp_path / "lost")
    lines: list[str] = []
    with pytest.raises(RuntimeError, match="1 of 2 runs failed"):
        run_study(parsed, folder, data, jobs=1, report=lines.append)
    assert lines[-1].startswith(f"[2/2] {together[1].name} failed: MissingError: no model of {lost.name} in ")
    (tmp_path / "lost").rename(lost)
    assert len(run(parsed, folder, data)) == 2, "the failed one alone"
    task = load_task(runner._with_data(together[0].config, data))
    for made, row in study_results.finished(parsed, folder)[5:]:
        members = [TrainedModel.load(folder / member.name) for member in made.members]
        assert read_results(folder / made.name).study.members == [member.name for member in made.members]
        cosines = []
        for member in members:
            z = member.embed(task.novel)
            z /= np.linalg.norm(z, axis=1, keepdims=True)
            cosines.append(z @ z.T)
        for number, accuracy in enumerate(row.accuracy("cosine")):
            query = task.queries(number)
            nearest = np.mean(cosines, 0)[np.ix_(query, task.episodes[number])].argmax(1)
            assert accuracy == pytest.approx(np.mean(nearest == task.novel.label[query]))
    table = study_table(parsed, folder)
    assert re.search(r"\| base ×2 \| – \| [\d.]+ ± ", table)
    single, ensembles = table.split("| method minus base ×2 |")
    assert re.search(r"\| crossglg ×2 \| .* \| 1 \| 1 \|", ensembles), "one pair, which is no evidence"
    assert "×2" not in single.partition("| method minus base |")[2]


@pytest.fixture
def sets_left_out(tmp_path: Path) -> Path:
    """A folder of three sets, and a file of two protocols that share a base side: each recognizes a set of its own."""
    write_sets_left_out(tmp_path)
    words = ["protocol", "fold", *(f"{tmp_path / 'all.json'}:to-{n}" for n in "bc"), "--output", "fold.json"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        result = CliRunner().invoke(cli.app, words)
    assert result.exit_code == 0 and "3 base classes of a;" in result.output, result.output
    return tmp_path


def test_benchmarks_that_share_a_base_side_share_a_training(
    sets_left_out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = [load_task(Config(benchmark=f"{sets_left_out / 'fold.json'}:to-{n}-fold")) for n in "bc"]
    assert [task.base.class_names for task in tasks] == [ACTIONS[:3]] * 2, "what either recognizes is left out"
    assert [task.novel.class_names for task in tasks] == [ACTIONS[3:6], ACTIONS[6:]]
    trainings = []
    fit = recipe.fit
    monkeypatch.setattr(recipe, "fit", lambda *args: trainings.append(args) or fit(*args))
    benchmarks = ["DATA/fold.json:to-b-fold", "DATA/fold.json:to-c-fold"]
    settings = {name: value for name, value in SETTINGS.items() if name != "dataset"}
    measured = ["cosine", "joint-motion"]
    parsed = load(tmp_path, benchmarks=benchmarks, settings=settings, seeds=[0], measured=measured)
    groups = runner.by_training({r: runner._with_data(r.config, sets_left_out) for r in parsed.runs()})
    assert [[r.method for r in group] for group in groups] == [["raw"], ["raw"], ["base"] * 2, ["crossglg"] * 2]
    monkeypatch.setattr(runner, "Parallel", InThisProcess)
    run(parsed, tmp_path / "runs", sets_left_out)
    assert len(trainings) == 2, "one for each method"
    shared = methods(parsed, tmp_path / "runs")
    assert shared == ["raw", "raw", "base", "crossglg", "base", "crossglg"]
    for r, row in study_results.finished(parsed, tmp_path / "runs"):
        if r.seed is not None:  # its own folder holds all that it was made of
            assert list(row.correct) == measured
            task = load_task(runner._with_data(r.config, sets_left_out))
            trained = TrainedModel.load(tmp_path / "runs" / r.name)
            assert load_task(trained.config).name == task.name, "evaluated later, it is asked for its own benchmark"
            expected = evaluate(task, Features.of(task, trained.represent), "cosine").accuracy
            np.testing.assert_allclose(row.accuracy("cosine"), expected)


def test_what_cannot_be_folded_or_shared_is_refused(sets_left_out: Path, tmp_path: Path) -> None:
    one, other = (find_protocol(f"{sets_left_out / 'all.json'}:to-{n}") for n in "bc")
    others = [replace(p, base_classes=()) for p in (one, replace(other, base_sets=one.base_sets))]
    assert others[0].base_side != others[1].base_side, "'every other class' is another for each"
    with pytest.raises(ValueError, match="to-b does not name its base_sets and base_classes"):
        fold(others)
    with pytest.raises(ValueError, match="lie in two folders"):
        fold([one, replace(other, path=tmp_path / "elsewhere" / "all.json")])
    words = ["protocol", "fold", f"{one.path}:to-b", f"{other.path}:to-c", "--output", str(tmp_path.parent / "f.json")]
    result = CliRunner().invoke(cli.app, words)
    assert "where the sets are looked for" in str(result.exception) and not (tmp_path.parent / "f.json").exists()


class InThisProcess:
    """joblib's Parallel without its processes, for what is counted in this one."""

    def __init__(self, **options: object) -> None:
        pass

    def __call__(self, tasks):
        return (function(*args, **options) for function, args, options in tasks)


def test_a_finished_run_is_never_made_again(finished: tuple[Study, Path], data: Path) -> None:
    parsed, folder = finished
    before = written(folder)
    assert run(parsed, folder, data) == [f"mine: 5 of 5 runs are finished in {folder / 'mine.jsonl'}"]
    assert written(folder) == before


def test_a_classifier_is_added_to_finished_runs_whose_models_are_there(
    finished: tuple[Study, Path], data: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "runs"
    shutil.copytree(finished[1], folder)
    (folder / "mine.jsonl").unlink()
    before = {r: read_results(folder / r.name) for r in finished[0].runs() if r.method != "raw"}
    for r, record in before.items():
        known = {name: found for name, found in record.one_shot.items() if name == "cosine"}
        replace(record, one_shot=known).write(folder / r.name)
    *kept, last = before
    (folder / last.name / "model.safetensors").unlink()
    parsed = load(tmp_path, measured=["cosine", "joint-importance", "joint-motion"])
    lines = run(parsed, folder, data)
    assert lines[0].startswith("mine: 5 of 5 runs are finished") and len(lines) == 1 + len(kept)
    rows = {r: row for r, row in study_results.finished(parsed, folder) if r.method != "raw"}
    for r in kept:
        importance = ["joint-importance"] if r.config.guidance == "both" else []
        assert list(rows[r].correct) == ["cosine", *importance, "joint-motion"]
        for name in rows[r].correct:
            assert read_results(folder / r.name).one_shot[name].episodes == before[r].one_shot[name].episodes
    assert list(rows[last].correct) == ["cosine"], "without its model nothing can be measured"
    assert len(run(parsed, folder, data)) == 1
    (folder / kept[0].name / "results.json").unlink()  # its row and its model are left
    parsed = load(tmp_path, measured=["cosine", "multi-scale"])
    run(parsed, folder, data)
    rows = {r: row for r, row in study_results.finished(parsed, folder) if r.method != "raw"}
    assert {"cosine", "joint-motion", "multi-scale"} <= set(rows[kept[0]].correct), "what was measured before stays"


def test_texts_of_novel_classes_are_read_where_a_classifier_asks_for_them(
    finished: tuple[Study, Path], data: Path, tmp_path: Path
) -> None:
    folder, names = tmp_path / "runs", ["cosine", "either-side-cosine"]
    shutil.copytree(finished[1], folder)
    parsed = load(tmp_path, measured=names, classifiers=names)
    run(parsed, folder, data)
    for r, row in study_results.finished(parsed, folder):
        if r.method != "raw":
            trained = TrainedModel.load(folder / r.name)
            told = evaluate_models(trained, load_task(trained.config), text_at_inference=True)
            expected = told.text_at_inference["either-side-cosine"].accuracy
            np.testing.assert_allclose(row.accuracy("either-side-cosine"), expected)
    for table in (study_table(parsed, folder), means_table(parsed, folder)):
        assert "With texts of the novel classes: either-side-cosine." in table
    assert "With texts" not in study_table(parsed, folder, ["cosine"])


def test_a_novel_class_without_a_description_is_told_before_anything_is_trained(data: Path, tmp_path: Path) -> None:
    clips = SkeletonSet.load(data / "mine.npz")
    made_up = tuple(f"gribble {k}" for k in range(len(clips.class_names)))
    path = str(replace(clips, class_names=made_up, canonical_names=()).save(tmp_path / "mine.npz"))
    write_protocol(tmp_path / "toy.json", make_protocol(path, 2, 2, 0, "toy"))
    methods = {"base": {"guidance": "none"}}
    parsed = load(tmp_path, methods=methods, seeds=[0], measured=["cosine", "either-side-cosine"])
    with pytest.raises(RuntimeError, match="1 of 2 runs failed"):
        lines: list[str] = []
        run_study(parsed, tmp_path / "runs", tmp_path, jobs=1, report=lines.append)
    (failed,) = (line for line in lines if "gribble" in line)
    assert "has no description" in failed and "name their file in the study's settings: descriptions" in failed
    assert not list((tmp_path / "runs").rglob("*.safetensors"))
    joints = dict.fromkeys(clips.layout.joints, "It moves.")
    told = {name: Description(name, "It moves.", clips.layout.joints[:1], joints, clips.layout) for name in made_up}
    file = DescriptionFile(clips.layout, {}, told).save(tmp_path / "without_statements.json")
    methods = {"attributes": {"guidance": "none", "objective": "attributes"}}
    settings = {**SETTINGS, "descriptions": str(file)}
    parsed = load(tmp_path, methods=methods, seeds=[0], measured=["cosine", "zero-shot-attributes"], settings=settings)
    with pytest.raises(RuntimeError, match="1 of 1 runs failed"):
        run_study(parsed, tmp_path / "runs", tmp_path, jobs=1, report=lines.append)
    assert any("zero-shot-attributes reads statements, and the description of a novel class of toy" in x for x in lines)
    assert not list((tmp_path / "runs").rglob("*.safetensors"))


def written(folder: Path) -> dict[Path, int]:
    """When the results of each run were written, and the table file."""
    return {path: path.stat().st_mtime_ns for path in [*folder.glob("*/results.json"), *folder.glob("*.jsonl")]}


def test_a_run_is_finished_by_its_row_or_by_its_results(
    finished: tuple[Study, Path], data: Path, tmp_path: Path
) -> None:
    parsed, folder = finished
    order, output = [r.name for r in parsed.runs()], tmp_path / "runs"
    rows = study_results.read_rows(folder / "mine.jsonl")
    study_results.write_rows(tmp_path / "mine.jsonl", {name: rows[name] for name in order[3::-1]}, order)
    assert list(study_results.read_rows(tmp_path / "mine.jsonl")) == order[:4]
    shutil.copytree(folder / order[4], output / order[4])  # of a study that was cut off before it wrote the row
    lines = run(parsed, output, data, results=tmp_path)
    assert lines == [f"mine: 5 of 5 runs are finished in {tmp_path / 'mine.jsonl'}"]
    assert (tmp_path / "mine.jsonl").read_bytes() == (folder / "mine.jsonl").read_bytes()
    assert not list(output.glob("*.jsonl"))


def test_a_table_file_says_once_what_is_usual(finished: tuple[Study, Path]) -> None:
    parsed, folder = finished
    usual, *lines = map(json.loads, (folder / "mine.jsonl").read_text().splitlines())
    assert usual["version"] == study_results.VERSION and usual["settings"]["epochs"] == 1
    assert "epochs" in lines[0]["settings"], "raw coordinates were not trained, so theirs is the default"
    assert [line["settings"] for line in lines[1:]] == [
        {"guidance": "none"}, {}, {"guidance": "none", "seed": 1}, {"seed": 1},
    ]  # fmt: skip
    for run_, row in study_results.finished(parsed, folder):
        assert row.settings["seed"] == run_.config.seed and row.settings["guidance"] == run_.config.guidance


@pytest.mark.parametrize(
    ("number", "line", "message"),
    [
        (
            1,
            '{"version": 7, "settings": {}}',
            "line 1 of .* is of version 7, this crossglg reads version 1; restor",
        ),
        (2, "<<<<<<< HEAD", "line 2 of .* is not readable JSON .*; restore it .* delete the line and run the study"),
        (3, '{"name": "a"}', "line 3 of .* is damaged .*Field required.*delete the line and run the study again"),
    ],
)
def test_a_damaged_table_file_is_named(
    finished: tuple[Study, Path], tmp_path: Path, number: int, line: str, message: str
) -> None:
    parsed, folder = finished
    lines = (folder / "mine.jsonl").read_text().splitlines()
    lines[number - 1] = line
    (tmp_path / "mine.jsonl").write_text("\n".join(lines))
    with pytest.raises(InputError, match=message):
        study_table(parsed, tmp_path)


def test_another_study_takes_the_runs_it_shares(finished: tuple[Study, Path], tmp_path: Path) -> None:
    _, folder = finished
    other = load(tmp_path, methods={"plain": {"guidance": "none"}, "g2l": {"guidance": "g2l"}})
    rows = runner._rows_of(other.runs(), folder, {})
    assert [r.method for r in other.runs() if r.name in rows] == ["raw", "plain", "plain"]


def test_a_failing_method_is_recorded_repeated_and_stops_nothing(data: Path, tmp_path: Path) -> None:
    texts = tmp_path / "texts.json"
    broken_first = {"broken": {"descriptions": str(texts)}, "base": {"guidance": "none"}}
    parsed, lines = load(tmp_path, seeds=[0], methods=broken_first), []
    with pytest.raises(RuntimeError, match="1 of 3 runs failed; run the study again"):
        run_study(parsed, tmp_path / "runs", data, jobs=1, report=lines.append)
    assert methods(parsed, tmp_path / "runs") == ["raw", "base"]
    (broken,) = [r for r in parsed.runs() if r.method == "broken"]
    assert any(f"{broken.name} failed: MissingError: no file {texts}" in line for line in lines)
    assert "Traceback" in (tmp_path / "runs" / broken.name / "log.txt").read_text()
    unpaired = study_table(parsed, tmp_path / "runs")  # the reference is the one that failed
    assert "| base |" in unpaired and "less" not in unpaired and "broken" not in unpaired
    assert "| method minus base |" in study_table(parsed, tmp_path / "runs", reference="base")
    texts.write_text(json.dumps({"layout": "ntu25", "provenance": {}, "classes": {}}))
    assert len(run(parsed, tmp_path / "runs", data)) == 2, "the failed run alone"
    assert methods(parsed, tmp_path / "runs") == ["raw", "broken", "base"]


KILLED = """
import os, signal, sys
from pathlib import Path

sys.path.append("..")  # where support is
import test_runner as t
from crossglg.studies import runner

from crossglg.training import trainer

t.ENCODERS["tiny"] = t.TINY
runner.cpu_count = lambda: 1
step, steps = trainer.train_step, []

def fatal_step(*args):
    steps.append(1)
    if len(steps) == 8:  # two steps per epoch: in the second epoch of the second training
        os.kill(os.getpid(), signal.SIGKILL)
    return step(*args)

trainer.train_step = fatal_step
data, folder = map(Path, sys.argv[1:])
runner.run_study(t.two_epochs(folder), folder / "runs", data, jobs=1)
"""


def two_epochs(folder: Path) -> Study:
    return load(folder, settings={**SETTINGS, "epochs": 2}, seeds=[0])


def test_a_killed_study_goes_on_within_the_training_to_the_same_numbers(data: Path, tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    run(two_epochs(tmp_path / "whole"), tmp_path / "whole" / "runs", data)
    command = [sys.executable, "-c", KILLED, str(data), str(tmp_path)]
    died = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    assert died.returncode == -signal.SIGKILL, died.stderr
    parsed, folder = Study.load(tmp_path / "mine.yaml"), tmp_path / "runs"
    assert methods(parsed, folder) == ["raw", "base"]
    before = written(folder)
    assert len(run(parsed, folder, data)) == 2
    assert [path for path in before if written(folder)[path] != before[path]] == [folder / "mine.jsonl"]
    assert [read_results(folder / r.name).study.resumed for r in parsed.runs()] == [False, False, True]
    assert episodes(folder) == episodes(tmp_path / "whole" / "runs")


@pytest.fixture(scope="module")
def by_workers(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, Path]:
    """A study of an encoder that other processes know too, run by two of them."""
    folder = tmp_path_factory.mktemp("workers")
    parsed = load(folder, settings={**SETTINGS, "encoder": "stgcn++-small"}, seeds=[0])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "cpu_count", lambda: 2)
        run_study(parsed, folder / "runs", data, jobs=2, report=str)
    return parsed, folder / "runs"


def test_parallel_workers_find_the_same_numbers(by_workers: tuple[Study, Path], data: Path, tmp_path: Path) -> None:
    parsed, folder = by_workers
    assert [run.study.threads for run in load_results(folder).values()] == [1, 1, 1]
    run(parsed, tmp_path, data)
    assert episodes(folder) == episodes(tmp_path)


@pytest.mark.slow
def test_a_dask_cluster_of_two_workers_finds_the_same_numbers(
    by_workers: tuple[Study, Path], data: Path, tmp_path: Path
) -> None:
    distributed = pytest.importorskip("distributed", reason="the extra 'cluster' is not installed")
    cluster = partial(distributed.LocalCluster, processes=True, dashboard_address=None)
    parsed, folder = by_workers
    one_process = cluster(n_workers=1, threads_per_worker=2)
    with one_process, pytest.raises(ValueError, match="1 workers with up to 2 threads; start workers of one thread"):
        run_study(parsed, tmp_path, data, None, "dask", one_process.scheduler_address)
    lines: list[str] = []
    with cluster(n_workers=2, threads_per_worker=1) as two:
        run_study(parsed, tmp_path, data, None, "dask", two.scheduler_address, lines.append)
    assert len(lines) == 1 + len(parsed.runs())
    assert episodes(tmp_path) == episodes(folder)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"backend": "dusk"}, "unknown backend 'dusk'; did you mean 'dask'"),
        ({"backend": "dask"}, "go together"),
        ({"address": "tcp://localhost:1"}, "go together"),
        ({"data": ""}, "below DATA/; say where they lie with --data"),
        ({"data": "nowhere"}, "no file nowhere/toy.json"),
        ({"jobs": 0}, "jobs=0 must be at least 1"),
    ],
)
def test_what_cannot_run_is_named_before_anything_runs(data: Path, tmp_path: Path, options: dict, message: str) -> None:
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        run_study(load(tmp_path), tmp_path / "runs", **{"data": data, "jobs": 1, "report": str, **options})
    assert not (tmp_path / "runs").exists()


def test_runs_of_other_settings_or_another_protocol_are_not_taken(
    finished: tuple[Study, Path], data: Path, tmp_path: Path
) -> None:
    parsed, folder = finished
    _, row = study_results.finished(parsed, folder)[1]

    def write(**changes: object) -> None:
        study_results.write_rows(tmp_path / "mine.jsonl", {row.name: replace(row, **changes)}, [])

    write(settings={**row.settings, "warmup_epochs": 9})
    with pytest.raises(InputError, match="warmup_epochs=9, not 2; set warmup_epochs in the study, or delete its"):
        study_results.finished(parsed, tmp_path)
    write(settings={name: value for name, value in row.settings.items() if name != "shear"})
    with pytest.raises(InputError, match=r"by a version without the setting shear; delete its line in .*mine\.jsonl"):
        study_results.finished(parsed, tmp_path)
    write(settings={name: value for name, value in row.settings.items() if name != "noise"})
    with pytest.raises(InputError, match=r"was made with noise=0\.0, not 0\.1; set noise in the study"):
        study_results.finished(parsed, tmp_path)
    write(settings={name: value for name, value in row.settings.items() if name != "importance_share"})
    assert len(study_results.finished(parsed, tmp_path)) == 1, "its default does what was done before"
    write(protocol_file_sha256="other")
    assert methods(parsed, tmp_path) == ["base"]
    with pytest.raises(InputError, match=r"another protocol of the same name; delete its line in .*mine\.jsonl, "):
        run(parsed, tmp_path, data)
    result = read_results(folder / row.name)
    replace(result, config={**result.config, "precision": "bfloat16"}).write(tmp_path / "runs" / row.name)
    with pytest.raises(InputError, match=r"precision='bfloat16', not 'float32'; .* or delete .*runs/toy-tiny"):
        run(parsed, tmp_path / "runs", data)
    replace(result, config={**result.config, "precision": "auto"}).write(tmp_path / "runs" / row.name)
    assert runner._rows_of(parsed.runs(), tmp_path / "runs", {})[row.name] == row, "another word for float32"


@pytest.mark.parametrize("left", [0, 1], ids=["nothing is pending", "a run is pending"])
def test_runs_of_other_clips_of_the_same_names_are_not_taken(
    finished: tuple[Study, Path], data: Path, tmp_path: Path, left: int
) -> None:
    parsed, folder = finished
    rows = dict(list(study_results.read_rows(folder / "mine.jsonl").items())[left:])
    study_results.write_rows(tmp_path / "mine.jsonl", rows, [])
    (tmp_path / "toy.json").write_bytes((data / "toy.json").read_bytes())
    clips = SkeletonSet.load(data / "mine.npz")
    replace(clips, xyz=clips.xyz * 1.01).save(tmp_path / "mine.npz")
    with pytest.raises(InputError, match=r"the clips of .*toy are not those that .* was made with; bring them back"):
        run(parsed, tmp_path, tmp_path)
    before = {name: replace(row, coordinates_sha256="") for name, row in rows.items()}  # of an older version
    study_results.write_rows(tmp_path / "mine.jsonl", before, [])
    assert f"{len(rows)} of {len(parsed.runs())}" in run(parsed, tmp_path, tmp_path)[0]


# --- tables and figures


def test_the_table_is_made_of_the_table_file_alone(finished: tuple[Study, Path], tmp_path: Path) -> None:
    parsed, folder = finished
    shutil.copy(folder / "mine.jsonl", tmp_path)
    table = study_table(parsed, tmp_path, ["euclidean"])
    found = accuracies([(r, study_results.Row.of(r.name, read_results(folder / r.name))) for r in parsed.runs()],
                       ["euclidean"])  # fmt: skip
    assert accuracy_table(found) in table and difference_table(found, "base") in table
    own = replace(parsed, classifiers=("euclidean",))
    assert study_table(own, folder) == table
    both = study_table(replace(parsed, classifiers=("cosine", "joint-importance")), folder)
    assert "| crossglg, joint-importance |" in both and "| base, joint-importance |" not in both
    raw_alone = replace(parsed, seeds=(), classifiers=("cosine", "joint-importance"))
    assert "| raw |" in study_table(raw_alone, folder, reference="raw")
    assert "5 of 5 runs" in table and "by euclidean" in table and versions()["git_sha"][:12] in table
    assert difference_table(found, "raw") in study_table(parsed, folder, ["euclidean"], "raw")
    (tmp_path / "mine.jsonl").unlink()
    assert study_table(parsed, tmp_path) == f"mine: no run is finished in {tmp_path}."


def test_encoders_have_tables_of_their_own(finished: tuple[Study, Path], tmp_path: Path) -> None:
    _, folder = finished
    encoders = load(tmp_path, settings={k: v for k, v in SETTINGS.items() if k != "encoder"}, encoders=["tiny"])
    assert encoders.name == "mine", "its table file has the same name"
    table = study_table(encoders, folder)
    assert "### tiny" in table and table.count("| crossglg |") == 2
    labels = study_figure(encoders, folder).axes[0].get_yticklabels()
    assert [label.get_text() for label in labels] == ["raw", "base, tiny", "crossglg, tiny"]


def test_the_figure_has_the_intervals_of_the_table(finished: tuple[Study, Path]) -> None:
    parsed, folder = finished
    (axes,) = study_figure(parsed, folder).axes
    assert axes.get_title(loc="left") == "toy"
    cells = intervals(accuracies(study_results.finished(parsed, folder)))["toy"]
    assert [label.get_text() for label in axes.get_yticklabels()] == list(cells)
    for container, cell in zip(axes.containers, cells.values(), strict=True):
        dot, _, (bar,) = container.lines
        assert dot.get_xdata()[0] == pytest.approx(cell.mean)
        np.testing.assert_allclose(bar.get_segments()[0][:, 0], [cell.low, cell.high])


def test_the_command_prints_the_table_without_the_data_and_draws_it(
    finished: tuple[Study, Path], tmp_path: Path
) -> None:
    parsed, folder = finished
    words = ["study", str(folder.parent / "mine.yaml"), "--results", str(folder)]
    shown = CliRunner().invoke(cli.app, [*words, "--table", "--figure", str(tmp_path / "a.svg")])
    assert study_table(parsed, folder) in shown.output
    assert (tmp_path / "a.svg").is_file()
    refused = CliRunner().invoke(cli.app, words)
    assert isinstance(refused.exception, ValueError) and "--data FOLDER" in str(refused.exception)


def test_an_unknown_classifier_is_refused_before_anything_runs(tmp_path: Path) -> None:
    from crossglg.runs.pipeline import NotebookError, execute

    refusal = r"classifier: unknown 'cosin'; did you mean 'cosine'\?"
    output = tmp_path / "out"
    words = ["study", "tiny", "--classifier", "cosin", "--output", str(output), "--results", str(output)]
    with pytest.raises(ValueError, match=refusal):
        CliRunner().invoke(cli.app, words, catch_exceptions=False)
    with pytest.raises(NotebookError, match=refusal):
        execute("05_ablations", {"classifier": "cosin", "output": str(output)}, tmp_path / "05.ipynb")
    assert not output.exists()


def test_notebook_05_runs_what_is_missing_and_shows_the_table(
    by_workers: tuple[Study, Path], data: Path, tmp_path: Path
) -> None:
    from crossglg.runs.pipeline import execute

    parsed, folder = by_workers
    shutil.copytree(folder, tmp_path / "study")
    shutil.rmtree(tmp_path / "study" / parsed.runs()[0].name)
    (tmp_path / "study" / "mine.jsonl").unlink()
    values = {"study": str(folder.parent / "mine.yaml"), "output": str(tmp_path), "data": str(data)}
    done = execute("05_ablations", values, tmp_path / "05.ipynb").read_text(encoding="utf-8")
    assert "2 of 3 runs are finished" in done
    assert all(json.dumps(line, ensure_ascii=False)[1:-1] in done for line in study_table(parsed, folder).splitlines())
    assert (tmp_path / "figures" / "study.png").is_file()
