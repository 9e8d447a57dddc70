"""Evaluate trained models: on their own task or another, one model or several as an ensemble, by every classifier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from crossglg.config import Config, parse_values
from crossglg.data.tasks import Task, load_task
from crossglg.files import InputError
from crossglg.one_shot import CLASSIFIERS, TEXT_CLASSIFIERS, Features, KeyJoints, OneShotResult
from crossglg.one_shot import evaluate as classify
from crossglg.one_shot.representation import Representation
from crossglg.text.descriptions import find_descriptions
from crossglg.training.trained_model import TrainedModel


@dataclass(frozen=True)
class Evaluation:
    """How well novel classes are recognized from one exemplar each.

    Attributes:
        task: what was recognized.
        one_shot: name of the classifier → its result.
        text_at_inference: the same for classifiers that read texts of the novel classes, if they were asked for.
        left_out: classifiers that compare what the model does not have → what that is.
    """

    task: Task
    one_shot: dict[str, OneShotResult]
    text_at_inference: dict[str, OneShotResult] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)


def evaluate(
    models: TrainedModel | Sequence[TrainedModel],
    task: Task | None = None,
    text_at_inference: bool = False,
    descriptions: str = "",
) -> Evaluation:
    """Recognize the novel clips of a task by every classifier.

    Args:
        models: a trained model, or several of the same base classes, whose features stand side by side: an ensemble.
        task: on which; None: the first model's own.
        text_at_inference: also by the classifiers that read texts of the novel classes.
        descriptions: for these, a description file to use before the shipped ones.

    Raises:
        InputError: the models have learned other base classes.
        ValueError: the task's clips do not fit the model, or a novel class has no description.
    """
    members = [models] if isinstance(models, TrainedModel) else list(models)
    for number, member in enumerate(members):
        if member.class_names != members[0].class_names:
            raise InputError(
                f"model {number + 1} has learned other base classes than the first, perhaps those that are novel to "
                f"the other; an ensemble is of models of one task"
            )
    task = task or load_task(members[0].config)
    features = Features.of(task, lambda clips: Representation.joined([member.represent(clips) for member in members]))
    left_out = {name: missing for name, kind in CLASSIFIERS.items() if (missing := kind.missing(features))}
    one_shot = {name: classify(task, features, name) for name in CLASSIFIERS if name not in left_out}
    with_texts = {}
    if text_at_inference:
        novel = task.novel
        described = find_descriptions(novel.class_names, novel.layout, descriptions, novel.name)
        key_joints = KeyJoints.of(described, novel.layout)
        with_texts = {name: classify(task, features, name, key_joints) for name in TEXT_CLASSIFIERS}
    return Evaluation(task, one_shot, with_texts, left_out)


def config_of(
    trained: TrainedModel, dataset: str | None = None, benchmark: str | None = None, episodes: int | None = None
) -> Config:
    """The settings whose task a model is evaluated on: those of its training, or the whole task of what is named.

    Args:
        trained: the model.
        dataset: other clips, as the setting `dataset`.
        benchmark: another protocol, as the setting `benchmark`.
        episodes: another number of episodes.
    """
    named = {"dataset": dataset, "benchmark": benchmark, "episodes": episodes}
    if dataset is not None and benchmark is None:
        named["benchmark"] = ""
    values = parse_values({name: value for name, value in named.items() if value is not None})
    if dataset is not None or benchmark is not None:
        values |= {"validation_classes": 0.0, "base_share": 1.0}
    return replace(trained.config, **values)
