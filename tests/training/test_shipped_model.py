"""The small model that ships: it is there under its name, made with today's defaults, and recognizes."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from crossglg.config import Config
from crossglg.data.tasks import load_task
from crossglg.files import MissingError, project_folder
from crossglg.one_shot import Features, evaluate
from crossglg.one_shot.baselines.raw import raw_coordinates
from crossglg.training.trained_model import DESCRIPTION, SHIPPED, WEIGHTS, TrainedModel, shipped_model

ABOUT = (project_folder("models") / "README.md").read_text(encoding="utf-8")
(COMMAND,) = re.findall(r"```sh\n(crossglg train .+?)\n```", ABOUT, re.DOTALL)


@pytest.fixture(scope="module")
def trained() -> TrainedModel:
    try:
        return TrainedModel.load(SHIPPED)
    except ValueError as error:
        pytest.fail(f"the shipped model is of another version ({error}); make it again: {COMMAND}")


def test_it_is_small_and_has_its_card() -> None:
    assert {path.name for path in shipped_model().iterdir()} == {WEIGHTS, DESCRIPTION, "README.md"}
    assert (shipped_model() / WEIGHTS).stat().st_size <= 2e6


def test_it_was_trained_with_the_defaults_of_today(trained: TrainedModel) -> None:
    differ = [name for name, value in Config().to_dict().items() if getattr(trained.config, name) != value]
    assert not differ, f"the shipped model was trained with another {', '.join(differ)}; make it again: {COMMAND}"


def test_its_card_is_that_of_this_training(trained: TrainedModel) -> None:
    card = (shipped_model() / "README.md").read_text(encoding="utf-8")
    assert f"{trained.num_parameters:,}" in card and f"{trained.details['validation_accuracy']:.3f}" in card


def test_it_recognizes_novel_classes_far_better_than_raw_coordinates(trained: TrainedModel) -> None:
    task = load_task(replace(trained.config, episodes=3))
    assert not set(task.novel.class_names) & set(trained.class_names)
    accuracy = evaluate(task, Features.of(task, trained.embed), "cosine").mean
    raw = evaluate(task, Features.of(task, raw_coordinates), "cosine").mean
    assert accuracy > raw + 0.2 and accuracy > 0.7, f"{accuracy:.3f}, raw coordinates {raw:.3f}"


def test_a_folder_of_that_name_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert TrainedModel.load(Path(SHIPPED)).config == Config()
    Path(SHIPPED).mkdir()
    with pytest.raises(MissingError, match=f"no trained model in {SHIPPED}"):
        TrainedModel.load(SHIPPED)
