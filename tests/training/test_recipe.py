"""One recipe: whichever way a training starts, the trainer is handed the same clips, texts and model."""

import ast
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
import torch
import yaml
from support.tiny_training import CONFIG, TINY, make_bank, make_base, same, weights
from typer.testing import CliRunner

from crossglg.cli import app
from crossglg.config import Config
from crossglg.data.clips import SkeletonSet
from crossglg.encoders import ENCODERS
from crossglg.objectives import OBJECTIVES
from crossglg.runs import pipeline
from crossglg.studies.runner import execute
from crossglg.studies.spec import Study
from crossglg.text.descriptions import find_descriptions
from crossglg.text.embeddings import TextBank, build_name_bank, build_random_bank, build_text_bank
from crossglg.training import recipe
from crossglg.training.trained_model import TrainedModel, build_model
from crossglg.training.trainer import fit

SETTINGS = {
    "preset": "smoke", "dataset": "synthetic-small", "epochs": 1, "seed": 3, "guidance": "both", "device": "cpu",
}  # fmt: skip
CONTROLS = ("descriptions", "shuffled", "class-name", "constant", "random")


class CaughtError(Exception):
    """Ends a route at the moment it hands everything to the trainer."""


@pytest.fixture
def handed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What each route hands to the trainer."""
    calls: list[tuple[Any, ...]] = []

    def catch(config: Config, base: SkeletonSet, bank: TextBank, folder: Path, data: str, texts: Any, *_: Any) -> None:
        calls.append((config, base, bank, data, texts))
        raise CaughtError

    monkeypatch.setattr(recipe, "fit", catch)
    return calls


def by_pipeline(config: Config, folder: Path) -> None:
    with pytest.raises(CaughtError):
        pipeline.train(config, folder / "run")


def by_command(config: Config, folder: Path) -> None:
    told = [word for name, value in config.to_dict().items() for word in ("--set", f"{name}={value}")]
    result = CliRunner().invoke(app, ["train", *told, "--output", str(folder / "run")])
    assert isinstance(result.exception, CaughtError), result.output


def by_study(config: Config, folder: Path) -> None:
    settings = {name: value for name, value in config.to_dict().items() if name not in ("seed", "benchmark")}
    content = {"settings": settings, "seeds": [config.seed], "methods": {"only": {}}, "untrained": ["raw"]}
    (folder / "study.yaml").write_text(yaml.safe_dump(content))
    study = Study.load(folder / "study.yaml")
    (run,) = (one for one in study.runs() if one.method == "only")
    ((_, problem),) = execute({run: run.config}, folder, 1, {"": ""})
    assert "CaughtError" in problem


def by_notebook(config: Config, folder: Path) -> None:
    cells = nbformat.read(pipeline.notebook_path("02_train"), as_version=4).cells
    namespace: dict[str, Any] = {}
    with pytest.raises(CaughtError):
        for cell in cells:
            if cell.cell_type == "code":
                exec(cell.source, namespace)
                if "parameters" in cell.metadata.get("tags", []):
                    namespace |= pipeline.parameters_for("02_train", {**config.to_dict(), "output": str(folder)})


ROUTES = (by_pipeline, by_command, by_study, by_notebook)


@pytest.mark.parametrize("source", CONTROLS)
def test_every_route_hands_over_the_same(handed: list[tuple[Any, ...]], source: str, tmp_path: Path) -> None:
    config = Config.create(**SETTINGS, text_source=source)
    for route in ROUTES:
        (folder := tmp_path / route.__name__).mkdir()
        route(config, folder)
    assert len(handed) == len(ROUTES)
    base = recipe.load_task(config).base
    described = find_descriptions(base.class_names, base.layout, dataset=base.name)
    if source == "class-name":
        expected = build_name_bank(base.class_names, base.layout)
    elif source == "random":
        expected = build_random_bank(base.class_names, base.layout, seed=3)
    else:
        expected = build_text_bank(described, base.layout, source=source, seed=3)
    for told, clips, bank, data, texts in handed:
        assert told == config and data == "synthetic-small" and clips.class_names == base.class_names
        np.testing.assert_array_equal(clips.xyz, base.xyz)
        for name in ("local", "key_joint_target", "global_"):
            ours, theirs = getattr(bank, name), getattr(expected, name)
            assert (ours is None) == (theirs is None)
            assert ours is None or torch.equal(ours, theirs), name
        assert bool(texts) == (source not in ("class-name", "random"))
    models = [build_model(told, base.layout, 1, 3, 8, bank.local.shape[-1]) for told, _, bank, _, _ in handed]
    for other in models[1:]:
        assert all(map(torch.equal, models[0].state_dict().values(), other.state_dict().values()))


def test_controls_differ_from_the_descriptions() -> None:
    banks = {s: recipe.prepare(Config.create(**SETTINGS, text_source=s)).bank for s in CONTROLS}
    for source in CONTROLS[1:]:
        assert not torch.equal(banks[source].local, banks["descriptions"].local), source


def undescribed(tmp_path: Path) -> str:
    """A set whose classes nobody has described."""
    clips = recipe.load_task(Config.create(**SETTINGS)).base
    names = tuple(f"made-up action {k}" for k in range(len(clips.class_names)))
    return str(replace(clips, class_names=names, name="own").save(tmp_path / "own.npz"))


@pytest.mark.parametrize(
    "settings",
    [{"guidance": "none"}, {"guidance": "g2l", "objective": "protonet", "text_source": "class-name"}],
)
def test_a_training_that_reads_no_description_asks_for_none(settings: dict[str, Any], tmp_path: Path) -> None:
    config = Config.create(**{**SETTINGS, "dataset": undescribed(tmp_path), "batch_classes": 2, **settings})
    recipe.check(config)
    prepared = recipe.prepare(config)
    assert prepared.sources == ()
    trained = prepared.train(tmp_path / "model")
    assert trained.details["texts"] == [] and TrainedModel.load(tmp_path / "model").class_names == trained.class_names


@pytest.mark.parametrize(
    "settings",
    [{"guidance": "g2l"}, {"guidance": "none", "objective": "text-retrieval"}, {"guidance": "none", "objective": "gap"},
     {"guidance": "none", "mirror": 0.5, "mirror_class": "text"}],
)  # fmt: skip
def test_a_training_that_reads_descriptions_names_the_class_without_one(
    settings: dict[str, Any], tmp_path: Path
) -> None:
    config = Config.create(**{**SETTINGS, "dataset": undescribed(tmp_path), **settings})
    for function in (recipe.check, recipe.prepare):
        with pytest.raises(ValueError, match="class 'made-up action 0' has no description"):
            function(config)


def test_a_training_by_class_names_has_no_key_joints(tmp_path: Path) -> None:
    config = Config.create(**SETTINGS, text_source="class-name")
    told = [w for name, value in config.to_dict().items() for w in ("--set", f"{name}={value}")]
    result = CliRunner().invoke(app, ["train", *told, "--output", str(tmp_path / "run")])
    assert result.exit_code == 0, result.output
    record = json.loads((tmp_path / "run" / "model" / "model.json").read_text())["details"]["history"][-1]
    assert "cross_modal_loss" in record and "calibration_loss" not in record


def test_the_callers_random_state_is_left_alone(tmp_path: Path) -> None:
    prepared = recipe.prepare(Config.create(**SETTINGS, base_share=0.1))
    base = prepared.task.base
    torch.manual_seed(5)
    before = torch.get_rng_state()
    build_model(prepared.config, base.layout, 1, 3, 4, 16)
    prepared.train(tmp_path / "model")
    TrainedModel.load(tmp_path / "model")
    assert torch.equal(torch.get_rng_state(), before)


def test_nothing_outside_the_recipe_makes_a_text_bank() -> None:
    """So that no second recipe grows: notebooks show a bank (01), the package builds one in `prepare` alone."""
    package = Path(recipe.__file__).parents[1]
    callers = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("build_text_bank", "build_name_bank", "fit")
    }
    assert callers == {"training/recipe.py"}


OTHERS = {
    "attribute_weight": 50.0, "matching_weight": 50.0, "clip_text_weight": 50.0, "joint_text_weight": 50.0,
    "asked_joints": "all", "alignment_weight": 50.0, "batch_classes": 3, "calibration_weight": 50.0,
    "scale_importance": False, "importance_share": 0.1, "importance_per": "phase", "importance_after_block": 2,
    "cross_modal_weight": 50.0, "interaction_blocks": 2, "interaction_width": 8, "text_source": "random",
    "mirror_class": "other", "label_smoothing": 0.5, "text_encoder": "nowhere", "dropout": 0.9,
}  # fmt: skip


@pytest.mark.parametrize(("objective", "guidance"), [
    ("classification", "none"), ("attributes", "none"), ("text-retrieval", "l2g"), ("protonet", "g2l"),
])  # fmt: skip
def test_settings_without_effect_change_nothing(objective: str, guidance: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setitem(ENCODERS, "tiny", TINY)
    base = make_base()
    config = replace(CONFIG, objective=objective, guidance=guidance, epochs=1, batch_classes=2)
    unread = recipe.without_effect(config)
    assert unread <= OTHERS.keys()
    changed = replace(config, **{name: OTHERS[name] for name in unread})
    for one, folder in ((config, "plain"), (changed, "changed")):
        fit(one, base, make_bank(base.class_names), tmp_path / folder)
    assert same(weights(tmp_path / "plain"), weights(tmp_path / "changed"))


@pytest.mark.parametrize("name", sorted(OTHERS))
def test_every_setting_has_an_effect_somewhere(name: str) -> None:
    used = [{"objective": objective, "guidance": "both", "mirror": 0.5} for objective in OBJECTIVES]
    read = [one for one in used if OBJECTIVES[one["objective"]].classifies]
    read += [{"objective": "protonet", "guidance": "g2l"}]
    assert any(name not in recipe.without_effect(Config(**{**one, "mirror_class": "other"})) for one in read)


def test_a_typed_setting_without_effect_is_told(handed: list[tuple[Any, ...]], tmp_path: Path) -> None:
    words = ["train", "--dataset", "synthetic-small", "--preset", "smoke", "--set", "guidance=none"]
    words += ["--set", "text_source=shuffled", "--output", str(tmp_path / "run")]
    told = CliRunner().invoke(app, words)
    assert isinstance(told.exception, CaughtError)
    assert told.stderr == "note: text_source has no effect with objective=classification, guidance=none, mirror=0\n"
