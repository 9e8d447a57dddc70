"""Evaluate trained models: on their own task or another, one model or several as an ensemble, by every classifier."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from crossglg.config import Config, parse_values
from crossglg.data.clips import SkeletonSet
from crossglg.data.readers.ntu import CLASS_NAMES
from crossglg.data.synthetic import also_called
from crossglg.data.tasks import Task, load_task
from crossglg.files import InputError, counted, expanded, some_of
from crossglg.one_shot import CLASSIFIERS, TEXT_CLASSIFIERS, ClassTexts, Features, OneShotResult
from crossglg.one_shot import evaluate as classify
from crossglg.one_shot.representation import Representation
from crossglg.skeletons import Layout
from crossglg.text.attributes import attributes_of
from crossglg.text.descriptions import find_descriptions
from crossglg.text.key_joints import key_joint_targets
from crossglg.training.trained_model import TrainedModel, check_model

FEW_EPISODES = 5  # Student's t makes the intervals of fewer very wide


@dataclass(frozen=True)
class Evaluation:
    """How well novel classes are recognized from one exemplar each.

    Attributes:
        task: what was recognized.
        one_shot: name of the classifier → its result.
        text_at_inference: the same for classifiers that read texts of the novel classes, if they were asked for.
        left_out: classifiers that compare what the model does not have → what that is.
        note: that the clips are of another layout and were carried to the model's, that the model has learned novel
            classes, or that the episodes are too few for an interval; or nothing.
    """

    task: Task
    one_shot: dict[str, OneShotResult]
    text_at_inference: dict[str, OneShotResult] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    note: str = ""

    def __repr__(self) -> str:
        results = {**self.one_shot, **self.text_at_inference}.values()
        return "\n".join([f"Evaluation of {self.task!r}", *map(repr, results), *filter(None, [self.note])])


def evaluate(
    models: TrainedModel | Sequence[TrainedModel],
    task: Task | None = None,
    text_at_inference: bool = False,
    descriptions: str = "",
) -> Evaluation:
    """Recognize the novel clips of a task by every classifier. Clips of another layout are carried to the model's.

    Args:
        models: a trained model, or several of the same base classes, whose features stand side by side: an ensemble.
        task: on which; None: the first model's own.
        text_at_inference: also by the classifiers that read texts of the novel classes.
        descriptions: for these, a description file to use before the shipped ones; "" for the one that the first model
            learned from, if it is still there.

    Raises:
        InputError: the models have learned other base classes or are of several layouts.
        ValueError: the clips have other coordinates or more persons than the model knows, or a novel class has no
            description.
        TypeError: what is given is no model, or no task.
    """
    members = list(models) if isinstance(models, Sequence) and not isinstance(models, str) else [models]
    if not members:
        raise ValueError("evaluate takes a trained model, or a list of one or more; the list is empty")
    for member in members:
        check_model(member)
    if task is not None and not isinstance(task, Task):
        raise TypeError(
            f"evaluate takes a Task, got {type(task).__name__}; load one with load_task(Config(dataset=FILE)), or "
            f"leave it out for the model's own"
        )
    for number, member in enumerate(members):
        if member.class_names != members[0].class_names:
            raise InputError(
                f"model {number + 1} has learned other base classes than the first, perhaps those that are novel to "
                f"the other; an ensemble is of models of one task"
            )
        if member.layout.joints != members[0].layout.joints:
            raise InputError(
                f"model {number + 1} is for layout {member.layout.name!r}, the first for {members[0].layout.name!r}; "
                f"an ensemble compares joint by joint, so its models are of one layout"
            )
    task = task or load_task(members[0].config)
    layout = members[0].layout
    notes = carried_over(task, members[0]), already_learned(task, members[0]), few_episodes(task)
    note = "\n".join(filter(None, notes))

    def represent(clips: SkeletonSet) -> Representation:
        return Representation.joined([member.represent(member.in_layout(clips)) for member in members])

    texts = None
    if text_at_inference:
        own = members[0].config.descriptions
        if not descriptions and own and expanded(own).is_file():
            descriptions = own
        texts = class_texts(task, layout, descriptions, "give them with --descriptions FILE")
    features = Features.of(task, represent, mirrored=text_at_inference)
    wanted = {**CLASSIFIERS, **(TEXT_CLASSIFIERS if text_at_inference else {})}
    left_out = {name: missing for name, kind in wanted.items() if (missing := kind.missing(features, texts))}
    results = {name: classify(task, features, name, texts) for name in wanted if name not in left_out}
    one_shot = {name: result for name, result in results.items() if name in CLASSIFIERS}
    with_texts = {name: result for name, result in results.items() if name not in CLASSIFIERS}
    return Evaluation(task, one_shot, with_texts, left_out, note)


def class_texts(task: Task, layout: Layout, descriptions: str, how: str) -> ClassTexts:
    """What descriptions say about the novel classes, for classifiers that read texts.

    layout: of the exemplars;  descriptions: a file to use before the shipped ones, or "";  how: to give one, for the
    error. Raises InputError for a class that nobody described.
    """
    told = find_descriptions(task.novel.class_names, layout, descriptions, task.novel.name, how)
    target = key_joint_targets([one.key_joints for one in told], layout)
    texts = ClassTexts.of(target, layout.parts, [one.either_side is True for one in told])
    return replace(texts, attributes=attributes_of(told, layout))


def carried_over(task: Task, trained: TrainedModel) -> str:
    """That the clips of a task are of another layout and are carried to the model's, in a sentence; or nothing."""
    layout, of_clips = trained.layout, task.novel.layout
    if of_clips.joints == layout.joints:
        return ""
    return f"{task.name} is in layout {of_clips.name!r}; its clips were carried to the model's, {layout.name!r}"


def already_learned(task: Task, trained: TrainedModel) -> str:
    """That the model has learned classes that are novel in this task, in a sentence; or nothing."""
    known = known_classes(trained.learned, task)
    if not known:
        return ""
    return (
        f"{len(known)} of the {len(task.novel.class_names)} novel classes of {task.name} are base classes of the model "
        f"({some_of(known)}): it has learned them, so this is no one-shot accuracy; train a model without these "
        f"classes"
    )


def known_classes(learned: Collection[str], task: Task) -> list[str]:
    """The novel classes of a task that are among the learned ones, by their names or as the recorded sets call them.

    Two names of NTU RGB+D are two actions, even where the recorded sets have one name for both, as they look alike.
    """
    of_ntu = {name.casefold() for name in CLASS_NAMES}
    names = {name.casefold() for name in learned}
    recorded, every = also_called(names - of_ntu), also_called(names)

    def is_known(name: str) -> bool:
        return name in names or bool(also_called([name]) & recorded if name in of_ntu else name in every)

    return [name for name in task.novel.class_names if is_known(name.casefold())]


def few_episodes(task: Task) -> str:
    """That the episodes of a task are too few for an interval, in a sentence; or nothing."""
    number = len(task.episodes)
    if number >= FEW_EPISODES:
        return ""
    says = "one says nothing of the interval" if number == 1 else "the interval of so few is wide"
    return f"{counted(number, 'episode')}: {says}; 20 are usual"


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
        values |= {"validation_classes": 0.0, "base_share": 1.0, "base_clips": 0, "extra_base": ""}
    return replace(trained.config, **values)
