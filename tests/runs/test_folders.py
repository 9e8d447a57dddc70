"""Which run a notebook takes when it is told none, what it says, and what an executed notebook keeps."""

from __future__ import annotations

import json
import os
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbformat.sign import NotebookNotary
from nbformat.v4 import new_code_cell, new_notebook, new_output
from tqdm.notebook import tqdm

from crossglg.config import Config
from crossglg.files import InputError, MissingError
from crossglg.runs.folders import WIDGET, find_model, find_run, finish_notebook, notebook_config, run_folder
from crossglg.runs.pipeline import notebook_path
from crossglg.skeletons import get_layout
from crossglg.training.trained_model import TrainedModel, build_model, shipped_model
from crossglg.viz.player import Panel, player

LAYOUT = get_layout("ntu25")
HOUR = 3600


@pytest.fixture(autouse=True)
def notebooks_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a notebook of this project sees it."""
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path / "notebooks")


def add_run(name: str, hour: int, guidance: str = "both") -> Path:
    """A run with an untrained model, saved at that hour of 1970."""
    config = Config(encoder="infogcn-small", guidance=guidance)
    model = build_model(config, LAYOUT, 1, 3, 2, text_width=0)
    folder = Path("../runs", name)
    TrainedModel(model, config, LAYOUT, 1, 3, ("a", "b"), {}).save(folder / "model")
    os.utime(folder / "model" / "model.json", (hour * HOUR, hour * HOUR))
    return folder


def test_the_newest_run_with_a_model_is_taken_and_named(capsys: pytest.CaptureFixture[str]) -> None:
    older = add_run("older", hour=500)
    assert find_run() == older
    assert capsys.readouterr().out.startswith("Model: ../runs/older, trained 1970-01-2")
    newest, oldest = add_run("newest", hour=900), add_run("oldest", hour=100)
    Path("../runs/begun").mkdir()
    Path("../runs/begun/config.json").write_text("{}")
    assert find_run() == newest
    first, second, *others = capsys.readouterr().out.splitlines()
    assert first.startswith("Model: ../runs/newest, trained 1970-02-0")
    assert second.startswith("It is the newest of 3. To use another, set output")
    assert [line.split(",")[0].strip() for line in others] == [str(older), str(oldest)]


def test_a_run_that_is_named_is_taken_without_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    add_run("newest", hour=900)
    assert find_run(str(add_run("older", hour=500))) == Path("../runs/older")
    assert capsys.readouterr().out == ""


def test_where_joint_importance_is_needed_only_a_model_that_has_it_will_do() -> None:
    guided = add_run("guided", hour=500, guidance="g2l")
    plain = add_run("plain", hour=900, guidance="none")
    assert find_run() == plain and find_run(joint_importance=True) == guided
    with pytest.raises(
        MissingError, match=r"with joint importance .* in \.\./runs/plain\.\n.*\n  \.\./runs/guided, tr"
    ):
        find_run(str(plain), joint_importance=True)


def test_without_a_run_it_says_what_is_there_and_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(MissingError) as nothing:
        find_run()
    command = f"cd {tmp_path} && crossglg run"
    assert str(nothing.value).splitlines()[0] == "no trained model in ../runs."
    assert command in str(nothing.value) and "Runs there" not in str(nothing.value)
    add_run("plain", hour=900, guidance="none")
    (tmp_path / "runs" / "begun").mkdir()
    (tmp_path / "runs" / "begun" / "config.json").write_text("{}")
    with pytest.raises(MissingError) as unfit:
        find_run(joint_importance=True)
    assert "../runs/begun: no trained model" in str(unfit.value) and "../runs/plain: guidance=none" in str(unfit.value)
    assert command in str(unfit.value)


def test_until_a_run_is_trained_the_shipped_model_stands_in_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert find_model() == (Path("../runs/notebooks"), shipped_model())
    assert "the small one that ships with crossglg, a demonstration" in capsys.readouterr().out
    with pytest.raises(MissingError, match=r"no trained model in \.\./runs/mine"):
        find_model("../runs/mine")
    mine = add_run("mine", hour=500)
    assert find_model() == find_model(str(mine)) == (mine, mine / "model")
    assert "ships" not in capsys.readouterr().out


def test_what_a_notebook_writes_goes_beside_the_notebooks_folder_or_where_it_is_told(tmp_path: Path) -> None:
    assert run_folder("", "mine") == Path("../runs/mine") and run_folder("here", "mine") == Path("here")
    os.chdir(tmp_path)
    assert run_folder("", "mine") == Path("runs/mine")


def test_a_setting_that_is_a_parameter_of_the_notebook_is_named() -> None:
    assert notebook_config({"frames": 32}, epochs=3) == Config.create(frames=32, epochs=3)
    with pytest.raises(InputError, match=r"^epochs is a parameter of its own in this notebook; write epochs = 5 there"):
        notebook_config({"frames": 32, "epochs": 5}, epochs=3)
    with pytest.raises(
        InputError, match=r"settings must be a dictionary, .*, got '\{frames: 64\}'; papermill .* by -y"
    ):
        notebook_config("{frames: 64}")  # type: ignore[arg-type]
    for name in ("00_tour", "01_describe_actions", "02_train"):
        assert "notebook_config(" in notebook_path(name).read_text(encoding="utf-8")


def test_an_error_of_input_is_one_sentence_in_a_notebook(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        TrainedModel.load(tmp_path)
    assert caught.value._render_traceback_() == [f"✗ {caught.value}"]
    add_run("mine", hour=1)
    with pytest.raises(
        FileNotFoundError, match=r"no trained model in \.\./runs/mine; did you mean \.\./runs/mine/model"
    ):
        TrainedModel.load("../runs/mine")


def test_a_finished_notebook_keeps_what_shows_without_a_kernel_and_is_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))
    clip = np.random.default_rng(0).normal(size=(8, LAYOUT.num_joints, 3))
    shown, _ = player(Panel(clip, title="wave"), LAYOUT)._repr_mimebundle_()
    bar = tqdm(range(2), display=False).container._repr_mimebundle_()
    assert WIDGET in shown and WIDGET in bar
    cell = new_code_cell("…", execution_count=1, outputs=[
        new_output("stream", name="stdout", text="done"), new_output("display_data", data=bar),
        new_output("execute_result", data=shown, execution_count=1),
    ])  # fmt: skip
    path = tmp_path / "executed.ipynb"
    nbformat.write(
        new_notebook(cells=[cell], metadata={"widgets": {"state": {}}, "papermill": {"end_time": "x"}}), path
    )
    finish_notebook(path)
    kept = nbformat.read(path, 4)
    assert [output.output_type for output in kept.cells[0].outputs] == ["stream", "execute_result"], "no progress bar"
    assert set(kept.cells[0].outputs[1].data) == {"text/plain", "text/html", "image/png"}
    assert set(kept.metadata) == {"papermill"}
    assert NotebookNotary().check_signature(kept)
    assert "executed" not in json.dumps(kept), "no path of this machine"
