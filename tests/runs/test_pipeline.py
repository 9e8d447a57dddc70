"""The pipeline for real: the README's run command on a small preset, resuming, strict parameters, nbval."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient
from nbformat.sign import NotebookNotary
from support import small_run
from support.command import crossglg
from typer.testing import CliRunner

from crossglg import __version__, cli
from crossglg.cli.listings import LISTINGS
from crossglg.config import Config
from crossglg.data import synthetic
from crossglg.one_shot import CLASSIFIERS
from crossglg.processes import sole_writer
from crossglg.runs import pipeline, results
from crossglg.studies import runner
from crossglg.text.attributes import STATEMENTS
from crossglg.training.trained_model import TrainedModel

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
(RUN_LINES,) = re.findall(r"<!-- run -->\n```sh\n(.+?)\n```", README, re.DOTALL)
RUN_LINE = RUN_LINES.splitlines()[-1]
SMALL = {"epochs": 2, "frames": 12, "episodes": 3, "streams": "joint", "interaction_blocks": 1}


@pytest.fixture(scope="module")
def own_clips(tmp_path_factory):
    """A set of our own, as a user would bring it: 12 classes that have descriptions, 6 clips each."""
    path = tmp_path_factory.mktemp("data") / "mine.npz"
    return synthetic.synthesize(seed=3, clips_per_action=6, actions=synthetic.ACTIONS[::5][:12]).save(path)


@pytest.fixture(scope="module")
def finished_run(own_clips, tmp_path_factory):
    """The run part of the README's first command, on fewer clips and epochs."""
    folder = tmp_path_factory.mktemp("work")
    program, *words = RUN_LINE.split()
    assert program == "crossglg"
    done = crossglg(*words, "--dataset", own_clips, "--output", folder / "mine", *sets(SMALL), cwd=folder)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder / "mine"


def sets(values):
    return [word for name, value in values.items() for word in ("--set", f"{name}={value}")]


@pytest.mark.slow
def test_readme_run_command_word_for_word(tmp_path):
    done = subprocess.run(RUN_LINE, shell=True, cwd=tmp_path, check=False)
    assert done.returncode == 0
    assert (tmp_path / "runs" / pipeline.run_name(Config()) / "results.json").is_file()


def test_readme_names_the_folder_of_the_default_run():
    assert f"runs/{pipeline.run_name(Config())}/" in README


def test_run_leaves_notebooks_model_pictures_and_results(finished_run):
    assert sorted(p.stem for p in (finished_run / "notebooks").glob("*.ipynb")) == list(pipeline.NOTEBOOKS)
    names = {p.name for p in (finished_run / "figures").iterdir()}
    assert {
        "base_clips.png",
        "training_curves.png",
        "confusion_matrix.png",
        "joint_importance.png",
        "explorer.html",
    } <= names
    results = json.loads((finished_run / "results.json").read_text())
    assert results["config"]["epochs"] == 2
    assert {"git_sha", "torch", "numpy", "crossglg", "protocol_sha256"} <= results.keys()
    assert all(len(r["episodes"]) == 3 and 0 <= r["mean"] <= 1 for r in results["one_shot"].values())
    assert set(results["base_classes"]).isdisjoint(results["novel_classes"])


def test_run_leaves_notebooks_that_show_and_are_trusted_without_a_kernel(finished_run):
    for name, fallback in (("00_tour", "<iframe"), ("01_describe_actions", "<img"), ("04_joint_attention", "<iframe")):
        notebook = nbformat.read(finished_run / "notebooks" / f"{name}.ipynb", 4)
        shown = [o.data for cell in notebook.cells for o in cell.get("outputs", []) if "data" in o]
        assert not any("widget" in kind for data in shown for kind in data)
        assert any(fallback in data.get("text/html", "") for data in shown), name
        assert NotebookNotary().check_signature(notebook)


def test_a_notebook_that_is_told_no_run_takes_the_newest(finished_run, tmp_path):
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "mine").symlink_to(finished_run)
    (tmp_path / "notebooks").mkdir()
    notebook = nbformat.read(pipeline.notebook_path("04_joint_attention"), 4)
    del notebook.cells[3:]  # what it episodes of the run is not asked here
    NotebookClient(notebook, resources={"metadata": {"path": str(tmp_path / "notebooks")}}).execute()
    assert "Model: ../runs/mine, trained 20" in str(notebook.cells[2].outputs)


def test_other_settings_in_a_trained_folder_are_one_sentence(finished_run, tmp_path):
    values = {**pipeline.saved_config(finished_run).to_dict(), "epochs": 3, "output": str(finished_run)}
    with pytest.raises(pipeline.NotebookError, match=r"other settings \(epochs: 2 → 3\).*overwrite=True"):
        pipeline.execute("02_train", values, tmp_path / "02.ipynb")
    outputs = [o for cell in nbformat.read(tmp_path / "02.ipynb", 4).cells for o in cell.get("outputs", [])]
    (error,) = [o for o in outputs if o.output_type == "error"]
    assert len(error.traceback) == 1 and error.traceback[0].startswith("✗ ")


def test_train_replaces_another_training_if_asked_and_never_a_run(own_clips, tmp_path):
    folder = tmp_path / "mine"
    small = {**SMALL, "guidance": "none", "encoder": "lean-gcn"}
    words = ["train", "--dataset", str(own_clips), "--output", str(folder), *sets(small)]
    assert CliRunner().invoke(cli.app, words).exit_code == 0
    other = [*words, "--set", "epochs=1"]
    refused = CliRunner().invoke(cli.app, other)
    assert "epochs=2, not 1" in str(refused.exception) and "--overwrite" in str(refused.exception)
    moved = shutil.copy(own_clips, tmp_path / own_clips.name)
    again = ["train", "--dataset", str(moved), *words[3:], "--set", "episodes=3"]
    goes_on = CliRunner().invoke(cli.app, again)
    assert goes_on.exit_code == 0, goes_on.exception
    assert CliRunner().invoke(cli.app, [*other, "--overwrite"]).exit_code == 0
    assert TrainedModel.load(folder / "model").config.epochs == pipeline.saved_config(folder).epochs == 1
    (folder / "notebooks").mkdir()
    refused = CliRunner().invoke(cli.app, [*words, "--overwrite"])
    assert "holds a whole run" in str(refused.exception) and pipeline.saved_config(folder).epochs == 1


def test_run_writes_nothing_outside_its_folder(finished_run):
    assert list(finished_run.parent.iterdir()) == [finished_run]


def test_publish_collects_results_and_pictures(finished_run, tmp_path):
    done = crossglg("publish", finished_run, "--figures", tmp_path / "shown")
    assert done.returncode == 0, done.stderr
    rows = (tmp_path / "shown" / "results.csv").read_text().splitlines()
    assert len(rows) == 1 + len(CLASSIFIERS), "one row per classifier"
    published = {path.name for path in (tmp_path / "shown" / "mine").iterdir()}
    assert published == {"results.json", *(path.name for path in (finished_run / "figures").iterdir())}


def test_only_a_finished_run_is_published(finished_run, tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere is not there; give the folder of a run"):
        pipeline.publish(tmp_path / "nowhere", tmp_path / "figures")
    unfinished = shutil.copytree(finished_run, tmp_path / "unfinished")
    (unfinished / "notebooks" / "04_joint_attention.ipynb").unlink()
    with pytest.raises(ValueError, match=r"04_joint_attention is missing.*crossglg run --resume --output .*unfinished"):
        pipeline.publish(unfinished, tmp_path / "figures")
    assert not (tmp_path / "figures").exists()


def test_no_novel_class_is_named_by_the_trained_model(finished_run):
    results = json.loads((finished_run / "results.json").read_text())
    model = json.loads((finished_run / "model" / "model.json").read_text())
    assert model["class_names"] == results["base_classes"]
    words = (finished_run / "model" / "model.json").read_text() + (finished_run / "model" / "README.md").read_text()
    assert not [name for name in results["novel_classes"] if f'"{name}"' in words]


def test_evaluate_command_repeats_the_run(finished_run):
    done = crossglg("evaluate", finished_run / "model", "--json")
    assert done.returncode == 0, done.stderr[-2000:]
    again, before = json.loads(done.stdout), json.loads((finished_run / "results.json").read_text())
    assert again["protocol_sha256"] == before["protocol_sha256"]
    assert np.allclose(again["one_shot"]["cosine"]["episodes"], before["one_shot"]["cosine"]["episodes"])


def test_a_finished_run_is_not_overwritten_but_resumed(finished_run, own_clips):
    words = ("run", "--dataset", own_clips, "--output", finished_run, *sets(SMALL))
    refused = crossglg(*words, cwd=finished_run.parent)
    assert refused.returncode == 2
    assert "--resume" in refused.stderr
    before = (finished_run / "notebooks" / "02_train.ipynb").stat().st_mtime_ns
    resumed = crossglg("run", "--resume", "--output", finished_run, cwd=finished_run.parent)  # settings: the run's own
    assert resumed.returncode == 0, resumed.stderr[-2000:]
    assert (finished_run / "notebooks" / "02_train.ipynb").stat().st_mtime_ns == before, "done notebooks are skipped"
    for typed in (("--set", "epochs=3"), ("--encoder", "infogcn"), ("--preset", "smoke"), ("--dataset", "synthetic")):
        other = CliRunner().invoke(cli.app, ["run", "--resume", "--output", str(finished_run), *typed])
        assert re.search(
            r"mine was run with \w+=.*; --resume takes the stored settings: leave --set", str(other.exception)
        )
    assert "was run with dataset=" in str(other.exception)
    same = ("run", "--resume", "--output", str(finished_run), "--set", "epochs=2", "--dataset", str(own_clips))
    assert CliRunner().invoke(cli.app, same).exit_code == 0


def test_nbval_fails_on_a_changed_number(tmp_path, own_clips):
    """The stored output of the tour is that of the built-in dataset; for these clips it is another."""
    tour = write_parameterized("00_tour", tmp_path, own_clips)
    cells = nbformat.read(tour, 4)
    (checked,) = [n for n, cell in enumerate(cells.cells) if "NBVAL_CHECK_OUTPUT" in cell.source]
    del cells.cells[checked + 1 :]
    nbformat.write(cells, tour)
    wrong = nbval(tour)
    assert wrong.returncode == 1 and "1 failed" in wrong.stdout, wrong.stdout[-3000:]


@pytest.mark.slow
def test_nbval_passes_on_the_notebooks(tmp_path, own_clips):
    notebooks = [write_parameterized(name, tmp_path, own_clips) for name in pipeline.NOTEBOOKS]
    tour = nbformat.read(notebooks[0], 4)
    for cell in tour.cells:
        cell.source = cell.source.replace("# NBVAL_CHECK_OUTPUT\n", "")
    nbformat.write(tour, notebooks[0])
    done = nbval(*notebooks)
    assert done.returncode == 0, done.stdout[-3000:]


def write_parameterized(name, folder, clips):
    values = {**Config.create(dataset=str(clips), **SMALL).to_dict(), "output": str(folder / "run")}
    return small_run.write_parameterized(name, values, folder / f"{name}.ipynb")


def test_tour_passes_nbval_as_it_is_committed():
    done = nbval(ROOT / "notebooks" / "00_tour.ipynb")
    assert done.returncode == 0, done.stdout[-3000:]


def nbval(*paths):
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--nbval-lax",
        "--nbval-cell-timeout=300",
        "-p",
        "no:cacheprovider",
        "-q",
    ]
    return subprocess.run(
        [*command, "--rootdir", paths[0].parent, "-c", os.devnull, *paths], capture_output=True, text=True, check=False
    )


@pytest.mark.skipif(os.name == "nt", reason="signals and locks of Unix")
@pytest.mark.parametrize("whom", ["command", pytest.param("terminal", marks=pytest.mark.slow)])
def test_ctrl_c_ends_with_the_command_that_continues(whom, own_clips, tmp_path):
    config = Config.create(dataset=str(own_clips), **SMALL)
    words = [sys.executable, "-m", "crossglg", "run", "--dataset", own_clips, "--output", "r", *sets(SMALL)]
    process = subprocess.Popen(
        [*map(str, words)], cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    copy = pipeline.executed_copy(tmp_path / "r", "00_tour")
    while process.poll() is None and not (copy.is_file() and '"running"' in copy.read_text()):
        time.sleep(0.05)  # until a cell is at work in the kernel
    (kernel,) = processes("--ppid", process.pid)
    second = crossglg("run", "--resume", "--output", "r", cwd=tmp_path)
    assert second.returncode == 2
    assert re.search(rf"r is being written by process {process.pid} since 20\d\d-", second.stderr)
    (os.kill if whom == "command" else os.killpg)(process.pid, signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert told.endswith("\ninterrupted; continue with: crossglg run --resume --output r\n")
    assert "Traceback" not in told and "never retrieved" not in told
    assert not processes("-p", kernel), "the kernel is ended too"
    # That an interrupted notebook is executed again is seen once; that the folder is free, each time.
    pipeline.run(config, tmp_path / "r", resume=True, notebooks=("00_tour",) if whom == "command" else ())
    assert all(cell.execution_count for cell in nbformat.read(copy, 4).cells if cell.cell_type == "code")


def test_a_notebook_whose_kernel_died_is_not_finished(tmp_path, monkeypatch):
    cells = [nbformat.v4.new_code_cell(f"import os; os.{end}") for end in ("getpid()", "_exit(1)", "getpid()")]
    notebook = nbformat.v4.new_notebook(cells=cells)
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, tmp_path / "dies.ipynb")
    monkeypatch.setattr(pipeline, "notebook_path", lambda name: tmp_path / f"{name}.ipynb")
    with pytest.raises(RuntimeError, match=r"the process of dies ended, perhaps .*; crossglg run --resume"):
        pipeline.execute("dies", {}, tmp_path / "copy.ipynb")
    assert not pipeline._finished(tmp_path / "copy.ipynb")


@pytest.mark.skipif(os.name == "nt", reason="signals of Unix")
def test_ctrl_c_names_the_same_command_where_that_continues(own_clips, tmp_path):
    words = ["train", "--dataset", str(own_clips), "--output", "my run", *sets({**SMALL, "epochs": 1000})]
    command = [sys.executable, "-m", "crossglg", *words]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True)
    while process.poll() is None and not (tmp_path / "my run" / "model" / "checkpoint.safetensors").is_file():
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in told
    assert told.endswith(f"\ninterrupted; continue with: crossglg {shlex.join(words)}\n")
    assert not (tmp_path / "my run" / pipeline.LOCK).exists()


def processes(*which):
    """The ids of the processes that `ps` finds."""
    command = ["ps", "-o", "pid=", *map(str, which)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()


def test_run_and_train_share_one_lock(own_clips, tmp_path):
    config = Config.create(dataset=str(own_clips), **SMALL)
    with sole_writer(tmp_path / pipeline.LOCK, tmp_path):
        for start in (pipeline.run, pipeline.train):
            with pytest.raises(ValueError, match=rf"is being written by process {os.getpid()} since"):
                start(config, tmp_path)
    assert not list(tmp_path.iterdir()), "nothing was begun"


@pytest.mark.parametrize("own", [None, "7"])
def test_threads_of_a_kernel_spin_briefly_unless_the_user_says_otherwise(own, tmp_path, monkeypatch):
    monkeypatch.setenv("GOMP_SPINCOUNT", own or "")
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    if own is None:
        monkeypatch.delenv("GOMP_SPINCOUNT")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("%env GOMP_SPINCOUNT")])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, tmp_path / "ask.ipynb")
    monkeypatch.setattr(pipeline, "notebook_path", lambda name: tmp_path / f"{name}.ipynb")
    answered = nbformat.read(pipeline.execute("ask", {}, tmp_path / "answered.ipynb"), 4)
    assert answered.cells[-1].outputs[0]["data"]["text/plain"] == repr(own or "3000")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "--set", "epoch=3"], "did you mean 'epochs'"),
        (["run", "--set", "epochs=three"], "is not of the kind int"),
        (["run", "--set", "epochs"], "NAME=VALUE"),
        (["run", "--preset", "papre"], "presets: default"),
        (["run", "--dataset", "nowhere.npz"], "neither registered"),
        (["run", "--encoder", "infogcm"], "did you mean 'infogcn'"),
        (["run", "--set", "text_encoder=none"], "unknown text encoder"),
        (["run", "--set", "device=tpu0"], "is no device"),
        (["run", "--set", "guidance=text"], "is not one of both, g2l, l2g, none"),
        (["run", "--benchmark", "nowhere.json:a"], "no file nowhere.json"),
        (["run", "--set", "descriptions=nowhere.json"], "no file nowhere.json"),
        (["run", "--resume"], "synthetic-lean-gcn-both-seed0 is not there; give the folder of a run"),
        (["run", "--resume", "--output", "runs/a", "--set", "epochs=2"], "a is not there; give the folder of a run"),
        (["run", "--nonsense"], "No such option"),
        (["list", "everything"], "choose one of"),
        (["evaluate", "nowhere"], "no trained model"),
        (["evaluate", "synthetic", "synthetic"], "the model synthetic is given twice; give each model once"),
        (["faithfulness", "synthetic", "synthetic"], "the model synthetic is given twice; give each model once"),
        (["faithfulness", "synthetic", "--clips", "-1"], "Invalid value for '--clips'"),
        (["data", "info", ""], "the data set is empty: give a .npz file"),
        (["table", "--figures", "nowhere"], "no folder nowhere; 'crossglg publish RUN --figures nowhere' makes it"),
        (
            ["evaluate", "synthetic", "--descriptions", "a.json"],
            "a.json is read with --text-at-inference",
        ),
    ],
)
def test_bad_input_exits_2_and_says_how_to_mend_it(words, message, tmp_path):
    done = crossglg(*words, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "runs").exists(), "nothing was started"


def test_class_without_description_is_named_before_anything_runs(tmp_path):
    clips = synthetic.synthesize(seed=3, clips_per_action=4, actions=synthetic.ACTIONS[:8])
    object.__setattr__(clips, "class_names", ("moonwalking", *clips.class_names[1:]))
    path = clips.save(tmp_path / "odd.npz")
    for seed in range(20):  # a seed that makes it a base class
        config = Config.create(dataset=str(path), seed=seed)
        if "moonwalking" not in pipeline_novel_classes(config):
            break
    with pytest.raises(ValueError, match=r"'moonwalking' has no description.*crossglg describe"):
        pipeline.run(config, tmp_path / "run")


def test_a_text_encoder_that_is_a_folder_is_found_from_the_notebooks_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("own", "minilm"):
        (tmp_path / name).mkdir()

    def made_absolute(encoder):
        return results.absolute_paths(Config.create(text_encoder=encoder)).text_encoder

    assert made_absolute("own#cls") == f"{tmp_path / 'own'}#cls"
    assert made_absolute("minilm") == "minilm", "a registered name wins"
    assert made_absolute("microsoft/deberta-v2-xlarge") == "microsoft/deberta-v2-xlarge"


def test_files_that_a_dataset_names_are_made_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "clips").mkdir()
    for name in ("my.yaml", "table.csv"):
        (tmp_path / name).touch()
    config = Config.create(dataset="keypoints:clips?layout=my.yaml&classes=table.csv&fps=30")
    made = f"keypoints:{tmp_path}/clips?layout={tmp_path}/my.yaml&classes={tmp_path}/table.csv&fps=30"
    assert results.absolute_paths(config).dataset == made
    named = Config.create(dataset="keypoints:clips?layout=ntu25")
    assert results.absolute_paths(named).dataset == f"keypoints:{tmp_path}/clips?layout=ntu25"
    study = Config.create(dataset="keypoints:DATA/clips?layout=DATA/my.yaml")
    assert runner._with_data(study, "/data").dataset == "keypoints:/data/clips?layout=/data/my.yaml"


def pipeline_novel_classes(config):
    from crossglg.data.tasks import load_task

    return load_task(config).novel.class_names


def test_a_failing_cell_is_reported_with_its_notebook(tmp_path):
    values = {**Config.create(**SMALL).to_dict(), "output": str(tmp_path)}
    with pytest.raises(pipeline.NotebookError, match=r"03_one_shot_evaluation failed .*no trained model"):
        pipeline.execute("03_one_shot_evaluation", values, tmp_path / "copy.ipynb")


def test_list_prints_every_kind():
    for what in (
        "settings",
        "presets",
        "datasets",
        "layouts",
        "encoders",
        "text-encoders",
        "objectives",
        "classifiers",
        "studies",
    ):
        done = crossglg("list", what)
        assert done.returncode == 0, done.stderr
        assert len(done.stdout.splitlines()) >= 1
    assert "1,572,227 parameters" in crossglg("list", "encoders").stdout
    assert [line.strip() for line in crossglg("list", "statements").stdout.splitlines()] == list(STATEMENTS)


def test_list_without_a_word_and_its_help_name_every_kind():
    without, usage = crossglg("list"), crossglg("list", "--help").stdout
    assert without.returncode == 0, without.stderr
    assert len(without.stdout.splitlines()) == len(LISTINGS)
    for name in LISTINGS:
        assert f"crossglg list {name} " in without.stdout and re.search(rf"\b{name}\b", usage)


def test_list_studies_says_what_each_asks():
    rows = dict(line.split(maxsplit=1) for line in crossglg("list", "studies").stdout.splitlines())
    assert set(rows) == {path.stem for path in (ROOT / "studies").glob("*.yaml")}
    assert rows["left_out"] == "Does language help on data sets that nobody learned from?"


def test_version_is_printed():
    done = crossglg("--version")
    assert (done.returncode, done.stdout.strip()) == (0, __version__)
