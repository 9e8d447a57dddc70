"""The pictures of a run: all there, of the run's numbers, the same bytes again, and a page that needs no network."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.collections import PathCollection
from support.offline_page import opened
from support.small_run import begin_run, train_run
from typer.testing import CliRunner

from crossglg import cli
from crossglg.config import Config
from crossglg.data.tasks import load_task
from crossglg.files import read_json, sha256, write_json
from crossglg.one_shot import Features, evaluate
from crossglg.runs.gallery import accuracy_by_episode, compare_runs, make_gallery, plane, typical_clips
from crossglg.runs.results import read_results
from crossglg.training.trained_model import TrainedModel

NAMES = {
    "skeleton_strips", "importance_by_class", "accuracy_by_classifier", "confusion_matrix", "exemplar_sensitivity",
    "feature_map", "training_curves",
}  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "small"
    folder.mkdir()
    train_run(folder, begin_run(folder))
    return folder


@pytest.fixture(scope="module")
def gallery(run: Path) -> Path:
    return make_gallery(run, run.parent / "pictures", ["svg", "png"]).parent


@pytest.fixture(scope="module")
def task(run: Path):
    return load_task(Config(**read_json(run / "config.json")))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def other_run(folder: Path, of: Path, **changes) -> Path:
    """The results.json of `of` with other entries, as a run of its own; settings go into its config."""
    results = read_json(of / "results.json")
    settings = {name: value for name, value in changes.items() if name in results["config"]}
    results.update({name: value for name, value in changes.items() if name not in settings})
    results["config"].update(settings)
    return write_json(folder / "results.json", results).parent


def test_every_picture_is_there_and_the_manifest_says_what_of(run, gallery):
    manifest = json.loads((gallery / "manifest.json").read_text())
    files = {f"{name}.{suffix}" for name in NAMES for suffix in ("svg", "png")}
    assert set(contents(gallery)) == files | {"index.html", "manifest.json"}
    assert manifest["files"] == {name: sha256(gallery / name) for name in manifest["files"]}
    assert set(manifest["files"]) == files
    assert manifest["command"] == "crossglg figures small --output pictures --format svg,png --classifier cosine"
    assert manifest["run"]["config"]["epochs"] == 2 and manifest["run_command"].startswith("crossglg run --dataset")
    assert {"git_sha", "torch", "numpy", "matplotlib", "scikit-learn"} <= manifest["drawn_with"].keys()
    assert str(run.parent) not in (gallery / "manifest.json").read_text(), "no folder of this machine"


def test_the_same_run_gives_the_same_bytes_also_with_its_model_in_the_folder_itself(run, gallery, tmp_path):
    """As the runs of a study have it."""
    shutil.copytree(run / "model", tmp_path / "small")
    shutil.copy(run / "results.json", tmp_path / "small")
    again = make_gallery(tmp_path / "small", tmp_path / gallery.name, ["svg", "png"]).parent
    assert contents(again) == contents(gallery)


@pytest.mark.slow
def test_another_process_gives_the_same_bytes_in_every_format(run, tmp_path):
    for number in ("1", "2"):
        command = [sys.executable, "-c", "from crossglg.cli import main; main()", "figures", str(run)]
        # As many threads: with others, features differ in rounding, and the map of features with them.
        environment = {**os.environ, "PYTHONHASHSEED": number, "OMP_NUM_THREADS": "2"}
        subprocess.run([*command, "--output", str(tmp_path / number / "a")], env=environment, check=True)
    first = contents(tmp_path / "1" / "a")
    assert first == contents(tmp_path / "2" / "a")
    assert len(first) == 3 * len(NAMES) + 2


def test_page_has_every_picture_and_loads_nothing(gallery):
    page = (gallery / "index.html").read_text(encoding="utf-8")
    assert "default-src 'none'; script-src 'none'" in page and "<script" not in page
    assert not re.search(r"https?://|@import|src=", re.sub(r'xmlns(:xlink)?="[^"]+"', "", page))
    assert set(re.findall(r'<figure id="(\w+)">', page)) == NAMES
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids)), "two figures share no id"
    assert set(re.findall(r'(?:href="|url\()#([^")]+)', page)) <= set(ids)


def test_accuracy_by_episode_adds_up_to_the_evaluation(run, task):
    features = Features.of(task, TrainedModel.load(run / "model").embed)
    by_episode, result = accuracy_by_episode(task, features, "cosine"), evaluate(task, features, "cosine")
    assert by_episode.shape == (len(task.episodes), len(task.novel.class_names))
    assert np.allclose(by_episode.mean(0), result.per_class) and np.allclose(by_episode.mean(1), result.accuracy)


def test_a_typical_clip_is_of_its_class_and_nearest_to_the_mean(task):
    count, joints = len(task.novel), task.novel.layout.num_joints
    importance = np.full((count, joints), 1 / joints)
    one = np.flatnonzero(task.novel.label == 1)
    importance[one] = np.eye(joints)[0] * np.linspace(0.5, 1, len(one))[:, None]
    (clip,) = typical_clips(importance, task, count=1)
    middle = importance[one, 0].mean()
    assert clip in one and abs(importance[clip, 0] - middle) == np.abs(importance[one, 0] - middle).min()
    (chosen,) = typical_clips(importance, task, [task.novel.class_names[0]])
    assert task.novel.label[chosen] == 0


def test_the_plane_keeps_groups_together_and_repeats():
    groups = np.repeat(np.eye(3, 8), 20, axis=0) + 0.05 * np.random.default_rng(0).standard_normal((60, 8))
    points = plane(groups)
    assert np.array_equal(points, plane(groups))
    distance = np.linalg.norm(points[:, None] - points[None], axis=-1) + 1e9 * np.eye(60)
    assert np.array_equal(distance.argmin(1) // 20, np.arange(60) // 20)


def test_compared_runs_are_named_by_what_differs(run, tmp_path):
    others = [other_run(tmp_path / name, run, **{name: 3}) for name in ("seed", "epochs")]
    (picture,) = compare_runs([(folder.name, read_results(folder)) for folder in (run, *others)], "cosine")
    assert picture.name == "accuracy_by_run"
    axes = picture.figure.axes[0]
    rows = [text.get_text() for text in axes.get_yticklabels()]
    assert rows == ["lean-gcn, CrossGLG, epochs=2", "lean-gcn, CrossGLG, epochs=3"]
    assert [len(dots.get_offsets()) for dots in axes.collections if isinstance(dots, PathCollection)] == [2, 1]
    assert axes.get_xlabel() == "accuracy: a dot per run, mean ± 95 % interval"


def test_runs_with_fewer_base_classes_make_a_curve(run, tmp_path):
    fewer = other_run(tmp_path / "fewer", run, base_classes=["clapping"])
    (picture,) = compare_runs([("all", read_results(run)), ("fewer", read_results(fewer))], "cosine")
    assert picture.name == "accuracy_by_base_classes"
    (line,) = [line for line in picture.figure.axes[0].lines if line.get_label() == "lean-gcn, CrossGLG"]
    assert line.get_xdata().tolist() == [1, len(read_results(run).base_classes)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"formats": ["svg", "gif"]}, "format 'gif' is not one of svg, pdf, png"),
        ({"classifier": "cosinus"}, r"no results of 'cosinus'; did you mean 'cosine'\?"),
        ({"classes": ["moonwalk"]}, "'moonwalk' is no novel class"),
        ({"compare": ["nowhere"]}, r"no results\.json in .*nowhere"),
    ],
)
def test_wrong_input_is_named(run, tmp_path, arguments, message):
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        make_gallery(run, tmp_path / "a", **arguments)
    assert not list(tmp_path.iterdir())


def test_a_run_on_other_classes_is_not_compared(run, tmp_path):
    other = other_run(tmp_path / "other", run, novel_classes=["yawn", "hush"])
    with pytest.raises(ValueError, match="other cannot be compared with small: it has other novel classes"):
        compare_runs([("small", read_results(run)), ("other", read_results(other))], "cosine")


def test_other_data_than_then_is_refused(run, tmp_path):
    other = other_run(tmp_path / "other", run, clips_sha256="0" * 64)
    (other / "model").symlink_to(run / "model")
    with pytest.raises(ValueError, match=r"has other classes, clips or exemplars than when 'other' was made"):
        make_gallery(other, tmp_path / "a")


def test_command_draws_a_model_without_importance_and_compares_it(run, tmp_path):
    train_run(tmp_path, begin_run(tmp_path, guidance="none"))
    words = ["--format", "svg", "--compare", str(run), "--compare", str(tmp_path)]
    done = CliRunner().invoke(cli.app, ["figures", str(tmp_path), "--output", str(tmp_path / "a"), *words])
    assert done.exit_code == 0, done.output
    page = (tmp_path / "a" / "index.html").read_text(encoding="utf-8")
    assert "share of the movement" in page and "importance that the model predicts" not in page
    assert 'id="accuracy_by_run"' in page
    compared = json.loads((tmp_path / "a" / "manifest.json").read_text())["compared_with"]
    assert [r["name"] for r in compared] == ["small"], "the run itself is not compared with itself"


@pytest.mark.browser
def test_page_shows_every_picture_offline(gallery):
    with opened(gallery / "index.html") as page:
        assert page.locator("figure > svg").count() == len(NAMES)
        assert page.locator("#training_curves path").count() > 10
        for name in NAMES:
            box = page.locator(f"#{name} > svg").bounding_box()
            assert box["width"] > 400 and box["height"] > 100
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing sticks out to the side"
        link = page.locator("#feature_map figcaption a").first.get_attribute("href")
        assert (gallery / link).is_file()
