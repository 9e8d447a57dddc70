"""What a model makes of clips fits together, and is evaluated on the command line with and without texts."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from crossglg import cli
from crossglg.config import Config
from crossglg.data.synthetic import synthesize
from crossglg.data.tasks import load_task
from crossglg.encoders import ENCODERS
from crossglg.encoders.infogcn import InfoGCN
from crossglg.one_shot import CLASSIFIERS, TEXT_CLASSIFIERS, ClassTexts, Features, evaluate
from crossglg.one_shot.representation import Representation, motion_energy
from crossglg.skeletons import get_layout
from crossglg.text.descriptions import DescriptionFile, find_descriptions, shipped_files
from crossglg.text.key_joints import key_joint_targets
from crossglg.training import trained_model
from crossglg.training.evaluation import evaluate as evaluate_models
from crossglg.training.trained_model import TrainedModel, build_model

CONFIG = Config(dataset="synthetic-small", encoder="tiny", streams="joint", frames=8, episodes=2, device="cpu")


@pytest.fixture(scope="module", autouse=True)
def tiny_encoder():
    with pytest.MonkeyPatch.context() as patch:
        tiny = partial(InfoGCN, widths=(8, 8, 16), strides=(2, 1, 2), importance_after_block=1, bottleneck=False)
        patch.setitem(ENCODERS, "tiny", tiny)
        yield


def untrained(config: Config = CONFIG) -> TrainedModel:
    layout = get_layout("ntu25")
    return TrainedModel(build_model(config, layout, 2, 3, 4, 0), config, layout, 2, 3, tuple("abcd"), {})


def test_a_set_that_is_asked_several_questions_is_brought_to_the_device_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []

    class Counting(trained_model.DeviceClips):
        def __init__(self, *args: Any) -> None:
            made.append(len(args[0]))
            super().__init__(*args)

    monkeypatch.setattr(trained_model, "DeviceClips", Counting)
    trained = untrained()
    first, second = (synthesize(seed, 2, ["clapping"]) for seed in (0, 1))
    z = [trained.embed(clips) for clips in (first, first, second, first)]
    trained.represent(first)
    assert made == [2, 2, 2] and np.array_equal(z[0], z[3]) and not np.array_equal(z[0], z[2])


def test_parts_of_a_representation_are_of_the_same_clips() -> None:
    trained = untrained()
    clips = synthesize(0, 9, ["clapping", "kicking something"])  # more than a batch
    found = trained.represent(clips)
    shapes = {name: part.shape for name, part in found.parts().items()}
    per_joint = {"importance": (18, 25), "motion": (18, 25), "poses": (18, 8, 150), "bones": (18, 8, 150)}
    assert shapes == {"z": (18, 16), "joints": (18, 25, 16), "sequence": (18, 2, 16), **per_joint}
    np.testing.assert_allclose(found.z, trained.embed(clips), atol=1e-6)
    np.testing.assert_allclose(found.importance, trained.joint_importance(clips), atol=1e-7)
    np.testing.assert_array_equal(found.motion, motion_energy(clips))
    joints, bones = (found.parts()[name].astype(float).reshape(18, 8, 2, 25, 3) for name in ("poses", "bones"))
    parent = [trained.layout.parents[joint] for joint in range(25)]
    np.testing.assert_allclose(bones, joints - joints[:, :, :, parent], atol=4e-3)
    np.testing.assert_allclose(found.sequence.mean(1, dtype=float), found.joints.mean(1, dtype=float), atol=2e-3)
    with torch.inference_mode():
        z = trained.model.represent(torch.from_numpy(found.joints.astype(np.float32)))
    np.testing.assert_allclose(z.numpy(), found.z, atol=0.02)
    assert found.joints.dtype == found.sequence.dtype == np.float16
    last = trained.represent(clips.subset([17]))
    np.testing.assert_allclose(last.sequence[0], found.sequence[17], atol=2e-3)


def test_without_guidance_there_is_no_importance() -> None:
    assert untrained(replace(CONFIG, guidance="none")).represent(synthesize(0, 1, ["clapping"])).importance is None


def test_cosines_of_an_ensemble_are_the_means_of_its_members() -> None:
    clips = synthesize(0, 3, ["clapping", "kicking something"])
    one, other, plain = (
        untrained(replace(CONFIG, **changes)).represent(clips) for changes in ({}, {"seed": 1}, {"guidance": "none"})
    )
    both = Representation.joined([one, other])

    def cosines(rows: np.ndarray) -> np.ndarray:
        rows = rows.astype(float)
        rows = rows / np.linalg.norm(rows, axis=-1, keepdims=True)
        return np.einsum("n...d,m...d->nm...", rows, rows)

    for part in ("z", "joints", "sequence"):
        members = [cosines(getattr(member, part)) for member in (one, other)]
        np.testing.assert_allclose(cosines(getattr(both, part)), np.mean(members, axis=0), atol=2e-3)
    np.testing.assert_allclose(both.importance, (one.importance + other.importance) / 2)
    np.testing.assert_array_equal(both.motion, one.motion)
    assert Representation.joined([one, plain]).importance is None
    assert Representation.joined([one]) is one


def evaluated(*arguments: str) -> tuple[dict[str, Any], str]:
    result = CliRunner().invoke(cli.app, ["evaluate", *arguments, "--json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout), result.stderr


def test_texts_of_novel_classes_are_used_where_they_are_asked_for(tmp_path: Path) -> None:
    folder = untrained(replace(CONFIG, objective="attributes")).save(tmp_path / "model")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    plain, _ = evaluated(str(folder))
    told, _ = evaluated(str(folder), "--text-at-inference")
    assert "text_at_inference" not in plain and list(plain["one_shot"]) == list(CLASSIFIERS)
    assert told["one_shot"] == plain["one_shot"] and list(told["text_at_inference"]) == list(TEXT_CLASSIFIERS)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    shown = CliRunner().invoke(cli.app, ["evaluate", str(folder), "--text-at-inference"]).output
    assert shown.index("with texts of the novel classes at inference:") < shown.index("text-voting")
    file = DescriptionFile.load(next(path for path in shipped_files() if path.stem == "ntu120"))
    silent = {action: replace(one, statements=None) for action, one in file.classes.items()}
    own = str(replace(file, classes=silent).save(tmp_path / "own.json"))
    of_its_training = untrained(replace(CONFIG, descriptions=own)).save(tmp_path / "described")
    assert "the descriptions have no statements" in evaluated(str(of_its_training), "--text-at-inference")[1]
    gone = untrained(replace(CONFIG, descriptions=str(tmp_path / "gone.json")))
    task = load_task(CONFIG)
    undescribed = [f"made-up {name}" for name in task.novel.class_names]
    with pytest.raises(ValueError, match=r"'made-up .* has no description .* and give them with --descriptions FILE$"):
        evaluate_models(gone, replace(task, novel=replace(task.novel, class_names=undescribed)), True)
    told, errors = evaluated(str(folder), "--text-at-inference", "--descriptions", own)
    assert "without zero-shot-attributes: the descriptions have no statements" in errors
    assert list(told["text_at_inference"]) == [name for name in TEXT_CLASSIFIERS if name != "zero-shot-attributes"]


def test_an_ensemble_of_no_model_is_refused() -> None:
    with pytest.raises(ValueError, match="evaluate takes a trained model, or a list of one or more; the list is empty"):
        evaluate_models([])


def test_several_models_are_evaluated_as_one(tmp_path: Path) -> None:
    folders = [str(untrained(replace(CONFIG, seed=seed)).save(tmp_path / f"model{seed}")) for seed in (0, 1)]
    alone = [evaluated(folder)[0]["one_shot"]["cosine"] for folder in folders]
    twin = shutil.copytree(folders[0], tmp_path / "twin")
    twice = evaluated(folders[0], str(twin))[0]["one_shot"]["cosine"]["episodes"]
    both = evaluated(*folders)[0]["one_shot"]["cosine"]
    np.testing.assert_allclose(twice, alone[0]["episodes"], atol=1e-9)
    assert both["confusion"] not in (alone[0]["confusion"], alone[1]["confusion"])
    stranger = replace(untrained(), class_names=tuple("abce")).save(tmp_path / "stranger")
    result = CliRunner().invoke(cli.app, ["evaluate", folders[0], str(stranger)])
    assert result.exit_code != 0 and "has learned other base classes" in str(result.exception)


def test_a_model_without_importance_is_evaluated_without_it(tmp_path: Path) -> None:
    folder = untrained(replace(CONFIG, guidance="none", validation_classes=0.3)).save(tmp_path / "model")
    content, errors = evaluated(str(folder))
    assert "without joint-importance: this model has no importance" in errors
    assert list(content["one_shot"]) == [name for name, one in CLASSIFIERS.items() if "importance" not in one.needs]
    told, errors = evaluated(str(folder), "--text-at-inference")
    assert list(told["text_at_inference"]) == [name for name in TEXT_CLASSIFIERS if not name.startswith("zero-shot")]
    assert "without zero-shot: this model has no" in errors
    real = load_task(CONFIG)
    assert content["protocol_sha256"] == load_task(replace(CONFIG, validation_classes=0.3)).sha256 != real.sha256
    named, _ = evaluated(str(folder), "--dataset", "synthetic-small")
    assert named["protocol_sha256"] == real.sha256, "a data set that is named is the real one"


def test_clips_of_another_layout_are_carried_to_that_of_the_model(tmp_path: Path) -> None:
    layout, task = get_layout("kinect20"), load_task(CONFIG)
    model = TrainedModel(build_model(CONFIG, layout, 2, 3, 4, 0), CONFIG, layout, 2, 3, tuple("abcd"), {})
    content, errors = evaluated(str(model.save(tmp_path / "model")), "--text-at-inference")
    assert "is in layout 'ntu25'; its clips were carried to the model's, 'kinect20'" in errors
    carried = Features.of(task, lambda clips: model.represent(clips.retargeted(layout)))
    for name in ("cosine", "multi-scale"):
        assert content["one_shot"][name]["episodes"] == evaluate(task, carried, name).accuracy.tolist()
    described = find_descriptions(task.novel.class_names, layout, "", task.novel.name)
    told = evaluate(
        task,
        carried,
        "text-voting",
        ClassTexts.of(key_joint_targets([one.key_joints for one in described], layout), layout.parts),
    )
    assert content["text_at_inference"]["text-voting"]["episodes"] == told.accuracy.tolist()
    other = untrained().save(tmp_path / "other")
    result = CliRunner().invoke(cli.app, ["evaluate", str(tmp_path / "model"), str(other)])
    assert "model 2 is for layout 'ntu25', the first for 'kinect20'" in str(result.exception)
