"""From settings to a training. Pipeline, studies, commands and notebooks all come through `prepare`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from crossglg.config import Config
from crossglg.data.clips import SkeletonSet
from crossglg.data.tasks import Task, load_task
from crossglg.data.transforms import Preprocessing
from crossglg.files import InputError
from crossglg.objectives import OBJECTIVES, find_objective
from crossglg.objectives.bottleneck import Bottleneck
from crossglg.text.descriptions import Description, find_descriptions
from crossglg.text.embeddings import TextBank, build_name_bank, build_random_bank, build_text_bank, find_encoder
from crossglg.training.evaluation import known_classes
from crossglg.training.trained_model import TrainedModel, build_model, resolve_device
from crossglg.training.trainer import fit, persons_of, start_from

OF_IMPORTANCE = {
    "importance_after_block", "scale_importance", "importance_share", "importance_per", "calibration_weight",
}  # fmt: skip
OF_CROSS_MODAL = {"interaction_blocks", "interaction_width", "cross_modal_weight", "label_smoothing"}


@dataclass(frozen=True)
class Prepared:
    """A training that can start.

    Attributes:
        config: the settings.
        task: the base classes to learn from and the novel classes to recognize afterwards.
        bank: texts of the base classes; without texts where the training reads none.
        sources: the description files these came from, each with its hash.
    """

    config: Config
    task: Task
    bank: TextBank
    sources: tuple[str, ...]

    def train(
        self, folder: str | Path, after_epoch: Callable[[dict[str, float]], None] | None = None, overwrite: bool = False
    ) -> TrainedModel:
        """Train on the base classes alone and save the model in `folder`; see `crossglg.training.trainer.fit`."""
        base = self.task.base
        return fit(self.config, base, self.bank, folder, self.task.name, self.sources, after_epoch, overwrite)


def prepare(config: Config) -> Prepared:
    """Load what a training needs.

    Raises:
        ValueError: a class lacks a description that the training would read, or a setting cannot work.
        FileNotFoundError: the data are not there.
    """
    task = load_task(config)
    refuse_what_knows_novel_classes(config, task)
    classes, layout = task.base.class_names, task.base.layout
    described = descriptions_of(config, task.base)
    if not uses_texts(config):
        bank = TextBank.without_texts(classes, layout)
    elif config.text_source == "class-name":
        bank = build_name_bank(classes, layout, config.text_encoder)
    elif config.text_source == "random":
        bank = build_random_bank(classes, layout, config.seed)
    else:
        bank = build_text_bank(described, layout, config.text_encoder, config.text_source, config.seed)
    return Prepared(config, task, bank, tuple(sorted({d.source for d in described})))


def check(config: Config) -> None:
    """Raise what `prepare` would raise for these settings, and the training for most of them, before anything long."""
    task = load_task(config)
    refuse_what_knows_novel_classes(config, task)
    base = task.base
    descriptions_of(config, base)
    if uses_texts(config):
        find_encoder(config.text_encoder)
    resolve_device(config.device)
    Preprocessing.from_settings(config, base.layout)
    initial = TrainedModel.load(config.initial_weights) if config.initial_weights else None
    model = build_model(config, base.layout, persons_of(base, initial), base.num_channels, 2, text_width=0)
    if initial:
        start_from(model, initial, base)


def refuse_what_knows_novel_classes(config: Config, task: Task) -> None:
    """Raise ValueError if the initial weights, or those they began with, have learned a class that is novel here."""
    if not config.initial_weights:
        return
    known = known_classes(TrainedModel.load(config.initial_weights).learned, task)
    if known:
        raise InputError(
            f"initial_weights={config.initial_weights!r} were trained on {known[0]!r}, which is a novel class of "
            f"{task.name} ({len(known)} such classes): one-shot accuracy would say nothing; start from other weights"
        )


def descriptions_of(config: Config, base: SkeletonSet) -> list[Description]:
    """The descriptions that a training reads: none without texts, and none in a control that does without them."""
    if not uses_texts(config) or config.text_source in ("class-name", "random"):
        return []
    found = find_descriptions(base.class_names, base.layout, config.descriptions, base.name)
    lacking = [one for one in found if one.statements is None]
    if lacking and find_objective(config).predicts_attributes:
        raise InputError(
            f"objective={config.objective!r} reads statements, and the description of {lacking[0].action!r} has none "
            f"({lacking[0].source}); 'crossglg describe --statements' asks a language model for them"
        )
    return found


def without_effect(config: Config) -> set[str]:
    """The settings that nothing in this training reads, as they belong to another objective or guidance."""
    of_objectives = {name for kind in OBJECTIVES.values() for name in kind.settings}
    read = {*find_objective(config).settings, *Bottleneck.settings}
    read |= {"label_smoothing"} if config.code_weight else set()
    read |= OF_IMPORTANCE if config.guidance in ("both", "g2l") else set()
    read |= OF_CROSS_MODAL if config.guidance in ("both", "l2g") else set()
    read |= {"text_source"} if uses_texts(config) else set()
    read |= {"text_encoder"} if uses_texts(config) and config.text_source != "random" else set()
    read |= {"dropout"} if find_objective(config).classifies else set()
    read |= {"mirror_class"} if config.mirror else set()
    of_others = {"text_source", "text_encoder", "dropout", "mirror_class"}
    return (of_objectives | OF_IMPORTANCE | OF_CROSS_MODAL | of_others) - read


def uses_texts(config: Config) -> bool:
    """Whether anything in this training looks at a text."""
    sides_by_text = config.mirror > 0 and config.mirror_class == "text"
    return config.guidance != "none" or find_objective(config).reads_texts or sides_by_text
