"""Recognition by descriptions is the zero-shot classifier of the benchmark, and says what texts cannot tell apart."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from crossglg.config import Config
from crossglg.data.tasks import Task, load_task
from crossglg.files import InputError, project_folder
from crossglg.one_shot import ClassTexts, Features, evaluate
from crossglg.recognition.described import DescribedActions
from crossglg.recognition.recognizer import UNKNOWN
from crossglg.skeletons import get_layout
from crossglg.text.attributes import attribute_names, attributes_of
from crossglg.text.descriptions import Description, find_descriptions
from crossglg.text.key_joints import key_joint_targets
from crossglg.training.trained_model import TrainedModel, build_model

CONFIG = Config(dataset="synthetic-small", frames=8, episodes=2, device="cpu")


@pytest.fixture(scope="module")
def task() -> Task:
    return load_task(CONFIG)


@pytest.fixture(scope="module")
def trained(task: Task) -> TrainedModel:
    """An untrained model of two persons, with what a training records."""
    layout = get_layout("ntu25")
    model = TrainedModel(build_model(CONFIG, layout, 2, 3, 4, 0), CONFIG, layout, 2, 3, tuple("abcd"), {})
    return replace(model, details={"usual_importance": model.joint_importance(task.base).mean(0).tolist()})


@pytest.fixture(scope="module")
def descriptions(task: Task) -> list[Description]:
    return find_descriptions(task.novel.class_names, task.novel.layout)


def test_it_is_the_zero_shot_classifier_of_the_benchmark(
    trained: TrainedModel, task: Task, descriptions: list[Description]
) -> None:
    query = task.novel.subset(task.queries(0))
    results = DescribedActions.of(trained, descriptions, threshold=-1.0).recognize(query)
    features = Features.of(task, trained.represent)
    layout = task.novel.layout
    target = key_joint_targets([one.key_joints for one in descriptions], layout)
    expected = evaluate(task, features, "zero-shot", ClassTexts.of(target, layout.parts))
    right = [result.action.split(" / ")[0] == query.class_of(i) for i, result in enumerate(results)]
    assert np.mean(right) == expected.accuracy[0]


def test_scores_threshold_and_deciding_joints_agree(
    trained: TrainedModel, task: Task, descriptions: list[Description]
) -> None:
    clip = task.novel.subset([5])
    actions = DescribedActions.of(trained, descriptions)
    (scores,), (result,) = actions.scores(clip), actions.recognize(clip)
    assert [s for _, s in result.ranking] == pytest.approx(sorted(scores.tolist(), reverse=True), abs=1e-6)
    assert result.ranking[0][0] == actions.actions[int(scores.argmax())] and result.threshold == 0.0
    assert result.decided_by.sum() == pytest.approx(result.ranking[0][1] - result.ranking[1][1], abs=1e-6)
    assert replace(actions, threshold=float(scores.max()) + 0.01).recognize(clip)[0].action == UNKNOWN
    (kinect,) = actions.recognize(clip.retargeted(get_layout("kinect20")))
    assert kinect.decided_by[trained.layout.index("right hand tip")] == 0.0, "it has no fingers"


def test_actions_whose_texts_name_the_same_joints_are_one(
    trained: TrainedModel, task: Task, descriptions: list[Description]
) -> None:
    first, second = descriptions[:2]
    actions = DescribedActions.of(trained, [first, second, replace(second, action="twin")])
    assert actions.actions == (first.action, f"{second.action} / twin")
    alone = DescribedActions.of(trained, [first, second])
    np.testing.assert_array_equal(actions.scores(task.novel), alone.scores(task.novel))


def test_a_model_without_importance_and_an_empty_file_are_refused(
    trained: TrainedModel, descriptions: list[Description]
) -> None:
    config, layout = replace(CONFIG, guidance="none"), trained.layout
    plain = TrainedModel(build_model(config, layout, 2, 3, 4, 0), config, layout, 2, 3, tuple("abcd"), {})
    with pytest.raises(
        InputError,
        match=r"guidance='none' and objective='classification' cannot recognize by descriptions.*guidance=both or g2l",
    ):
        DescribedActions.of(plain, descriptions)
    with pytest.raises(InputError, match=r"usual_importance.*train it again"):
        DescribedActions.of(replace(trained, details={}), descriptions)
    with pytest.raises(InputError, match="no action is described"):
        DescribedActions.of(trained, [])
    with pytest.raises(TypeError, match="a trained model is expected, got str"):
        DescribedActions.of("synthetic", descriptions)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="threshold must be a similarity from -1 to 1, or None to find one; got 40"):
        DescribedActions.of(trained, descriptions, threshold=40)
    file = project_folder("prompts") / "descriptions" / "utd_mhad.json"
    assert any("wave" in names for names in DescribedActions.of(trained, str(file)).actions)


def test_a_model_of_attributes_recognizes_by_statements_and_tells_which(
    task: Task, descriptions: list[Description]
) -> None:
    config, layout = replace(CONFIG, guidance="none", objective="attributes"), get_layout("ntu25")
    model = TrainedModel(build_model(config, layout, 2, 3, 4, 0), config, layout, 2, 3, tuple("abcd"), {})
    model = replace(model, details={"usual_attributes": model.attributes(task.base).mean(0).tolist()})
    query = task.novel.subset(task.queries(0))
    actions = DescribedActions.of(model, descriptions, threshold=-1.0)
    target = attributes_of(descriptions, layout)
    texts = replace(ClassTexts.of(target[:, -25:], layout.parts), attributes=target)
    expected = evaluate(task, Features.of(task, model.represent), "zero-shot-attributes", texts)
    results = actions.recognize(query)
    right = [result.action.split(" / ")[0] == query.class_of(i) for i, result in enumerate(results)]
    assert np.mean(right) == expected.accuracy[0]
    names, own = attribute_names(layout), model.attributes(query)
    for result, predicted in zip(results, own, strict=True):
        best, second = (actions.target[actions.actions.index(action)] for action, _ in result.ranking[:2])
        unit = [(row - actions.usual) / np.linalg.norm(row - actions.usual) for row in (predicted, best, second)]
        lead = unit[0] * (unit[1] - unit[2])
        told = [f"{names[a]}: {'yes' if predicted[a] > actions.usual[a] else 'no'}" for a in np.argsort(-lead)[:3]]
        assert list(result.statements) == told and (np.sort(lead)[-3:] > 0).all()
        np.testing.assert_allclose(result.decided_by, lead[-25:], atol=1e-6)
    with pytest.raises(InputError, match=f"description of {descriptions[1].action!r} has none; 'crossglg describe --s"):
        DescribedActions.of(model, [descriptions[0], replace(descriptions[1], statements=None)])
