"""Training on base classes: `fit` is handed base clips and their texts, and nothing else."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F
from tqdm.auto import tqdm

import crossglg
from crossglg.config import Config
from crossglg.data.clips import SkeletonSet
from crossglg.data.transforms import DeviceClips, Preprocessing, mirror
from crossglg.files import InputError, expanded
from crossglg.model import CrossGLG
from crossglg.one_shot.representation import Representation
from crossglg.one_shot.warping import cosine_and_streams
from crossglg.skeletons import Layout
from crossglg.text.embeddings import TextBank
from crossglg.training import distributed
from crossglg.training.checkpoint import CHECKPOINT, History, Record, fingerprint, load_checkpoint, save_checkpoint
from crossglg.training.cuda_graph import Batch, RecordedSteps
from crossglg.training.step import (
    build_losses,
    build_optimizer,
    recordable,
    set_learning_rate,
    train_step,
    with_persons_listed,
)
from crossglg.training.trained_model import (
    DESCRIPTION,
    SIMILARITY,
    TrainedModel,
    build_model,
    resolve_device,
    similarity_quantiles,
)

ENOUGH_TO_COMPARE = 200  # clips with one another, to know how similar two of a class are


def fit(
    config: Config,
    base: SkeletonSet,
    bank: TextBank,
    folder: str | Path,
    data: str = "",
    texts: tuple[str, ...] = (),
    after_epoch: Callable[[Record], None] | None = None,
    overwrite: bool = False,
) -> TrainedModel:
    """Train on base clips alone, choose the epoch on validation clips, and save the model.

    The caller's random state stays as it is. Processes that are `distributed.joined` all call this, with the same
    arguments; the first one writes.

    Args:
        config: the settings.
        base: the base clips.
        bank: texts of exactly `base.class_names`.
        folder: where checkpoint and model are written. A checkpoint of the same training is continued.
        data: name of the data, for the model card.
        texts: names of the texts, for the model card.
        after_epoch: called with each epoch's record.
        overwrite: replace the checkpoint of another training.

    Raises:
        ValueError: the texts are not those of the base classes, or the loss is not finite.
        InputError: the folder holds a checkpoint of another training.
    """
    device = resolve_device(config.device)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        trainer = Trainer(config, base, bank, expanded(folder))
        trainer.resume(overwrite)
        trainer.train(after_epoch)
        return trainer.finish(data, texts)


class Trainer:
    """One training, which `fit` runs from start to end.

    All randomness of an epoch follows from (seed, epoch), so a training that was killed continues to the same result.

    Attributes:
        model: the model, on its device.
        trained: the same model, as it will read clips after training; validation goes through it.
        losses: the model and the training loss, with the modules that only it needs.
        history: a record of losses and validation accuracy for every finished epoch.
        best: the weights of the epoch that is the best so far.
    """

    def __init__(self, config: Config, base: SkeletonSet, bank: TextBank, folder: Path) -> None:
        if bank.classes != base.class_names:
            raise InputError(
                "the text bank's classes are not the base classes, in order; build it from base.class_names"
            )
        if config.compile and distributed.world_size() > 1:
            raise InputError("compile=true is for one process; leave it out to train with several")
        self.config, self.base, self.folder = config, base, folder
        self.device = resolve_device(config.device)
        self.one_sided = one_sided_classes(config, bank, base.layout)
        self.initial = TrainedModel.load(config.initial_weights) if config.initial_weights else None
        self.persons = persons_of(base, self.initial)
        self.model = self.new_model(bank)
        if self.initial:
            start_from(self.model, self.initial, base)
        self.losses = build_losses(config, self.model, base.layout, bank).to(self.device)
        self.trained = TrainedModel(
            self.model, config, base.layout, self.persons, base.num_channels, base.class_names, details={}
        )
        self.objective = self.losses.loss.objective
        if config.compile:
            self.model.compile()
        self.shared = distributed.share(self.losses, self.device)
        self.optimizer = build_optimizer(self.losses, config)
        self.clips, self.label = DeviceClips(base, self.device), torch.as_tensor(base.label)
        self.training, self.validation_clips = split_validation(base, config.validation_clips, config.seed)
        judged = self.validation_clips
        if not self.objective.classifies:
            exemplars = training_exemplars(base.label, self.training, config.seed)
            judged = np.concatenate([judged, exemplars.flatten()])
        self.validation = base.subset(judged)
        self.prepare = Preprocessing.from_settings(config, base.layout)
        self.texts = bank.to(self.device)
        self.fingerprint = fingerprint(config, base, bank)
        self.history: History = []
        self.best: dict[str, Tensor] = {}

    def new_model(self, bank: TextBank) -> CrossGLG:
        """A model with new weights. Its classifier may have a class of its own for the mirror image of every class."""
        base = self.base
        classes = len(base.class_names) * (2 if self.one_sided.any() else 1)
        return build_model(self.config, base.layout, self.persons, base.num_channels, classes, bank.local.shape[-1])

    def resume(self, overwrite: bool = False) -> None:
        """Continue the checkpoint in the folder, if there is one. overwrite: replace that of another training."""
        path = self.folder / CHECKPOINT
        self.history, self.best = load_checkpoint(
            path, self.losses, self.optimizer, self.config, self.fingerprint, overwrite
        )
        distributed.check_alike(f"{self.fingerprint} {len(self.history)}", self.device)

    def train(self, after_epoch: Callable[[Record], None] | None = None) -> None:
        """Train the epochs that are left; a checkpoint follows each of them."""
        done, total = len(self.history), self.config.epochs
        shown: dict[str, Any] = {"disable": True} if distributed.rank() > 0 else {}  # else as TQDM_DISABLE says
        bar = tqdm(range(done, total), initial=done, total=total, desc="training", unit="epoch", **shown)
        take_step = self.step()
        for epoch in bar:
            record = self.train_epoch(epoch, take_step)
            if len(self.validation_clips):
                record["validation_accuracy"] = self.validate()
            self.history.append(record)
            if chosen_epoch(self.history) == epoch:
                self.best = {name: value.clone() for name, value in self.model.state_dict().items()}
            self.save()
            shown = {"loss": "total_loss", "validation": "validation_accuracy"}
            bar.set_postfix({name: f"{record[key]:.3f}" for name, key in shown.items() if key in record})
            if after_epoch:
                after_epoch(record)

    def step(self) -> Callable[[Batch], dict[str, Tensor]]:
        """A function that takes one step with a batch, on a GPU recorded where that can be."""

        def take(batch: Batch) -> dict[str, Tensor]:
            return train_step(self.shared, self.optimizer, batch, self.texts)

        if not recordable(self.config, self.device):
            return take
        recorded = RecordedSteps(take, self.losses, self.optimizer)
        return lambda batch: recorded(with_persons_listed(batch, self.model))

    def train_epoch(self, epoch: int, take_step: Callable[[Batch], dict[str, Tensor]]) -> Record:
        """One pass over the training clips. Returns the mean of every loss; raises ValueError if they explode."""
        seed = epoch_seed(self.config.seed, epoch)
        generator = torch.Generator().manual_seed(seed)
        torch.manual_seed(seed + distributed.rank())  # dropout and bottleneck noise
        self.model.train()
        batches = self.objective.batches(self.label[self.training], self.config.batch_size, generator)
        sums: dict[str, Tensor] = {}
        for step, rows in enumerate(batches):
            set_learning_rate(self.optimizer, self.config, epoch + step / len(batches))
            batch = self.batch(torch.as_tensor(self.training)[rows], generator)
            for name, value in take_step(batch).items():
                sums[name] = sums.get(name, torch.zeros((), device=self.device)) + value
        record = {name: float(distributed.mean(value)) / len(batches) for name, value in sums.items()}
        if not math.isfinite(record["total_loss"]):
            raise InputError(
                f"the loss of epoch {epoch + 1} is not finite; lower learning_rate={self.config.learning_rate}"
            )
        return {"epoch": epoch, **record}

    def batch(self, index: Tensor, generator: torch.Generator) -> Batch:
        """Augmented clips: x (N, M, T, V, C), person_mask (N, M), label (N,), joint_of (N, V) or None.

        The mirror image of class k may be class K + k; joint_of is as of `CrossGLG.forward`.
        """
        config, layout = self.config, self.base.layout
        x, mask = self.clips.batch(index, config.frames, config.crop, generator)
        label, joint_of = self.label[index], None
        if config.mirror:
            mirrored = torch.rand(len(x), generator=generator) < config.mirror
            x = mirror(x, mirrored, layout)
            label = label + len(self.base.class_names) * (mirrored & self.one_sided[label])
            own, partner = torch.arange(layout.num_joints), torch.as_tensor(layout.mirrored)
            joint_of = torch.where(mirrored[:, None], partner, own).to(self.device)
        return self.prepare(x, generator), mask, label.to(self.device), joint_of

    def validate(self) -> float:
        """Accuracy on the validation clips.

        By the classifier, or without one by the nearest of one training clip per class (cosine), over five choices of
        these.
        """
        scores = torch.from_numpy(self.trained.over(self.validation, logits_or_z))
        label = self.label[self.validation_clips]
        if self.objective.classifies:
            scores = scores[:, : len(self.base.class_names)]
        else:
            queries, exemplars = F.normalize(scores, dim=-1).tensor_split([len(label)])
            scores = queries @ exemplars.unflatten(0, (-1, len(self.base.class_names))).mT  # (episodes, N, K)
        return float((scores.argmax(-1) == label).double().mean())

    def save(self) -> None:
        """Write the checkpoint, from the first process."""
        if distributed.rank() == 0:
            if len(self.history) == 1:  # a model that lies here is of the training that this one replaces
                (self.folder / DESCRIPTION).unlink(missing_ok=True)
            save_checkpoint(
                self.folder / CHECKPOINT, self.losses, self.optimizer, self.best, self.history, self.config,
                self.fingerprint,
            )  # fmt: skip

    def finish(self, data: str = "", texts: tuple[str, ...] = ()) -> TrainedModel:
        """The model of the chosen epoch, saved in the folder with its card. data, texts: names for the card."""
        base, chosen = self.base, chosen_epoch(self.history)
        # Into a model as it is built: the one that was trained may hold synchronized normalizations.
        model = self.new_model(self.texts)
        model.load_state_dict(self.best)
        if self.one_sided.any() and model.classifier is not None:
            model.keep_classes(len(base.class_names))
        details: dict[str, Any] = {
            "data": data or base.name,
            "texts": list(texts),
            "training_clips": len(self.training),
            "validation_clips": len(self.validation_clips),
            "chosen_epoch": chosen,
            "validation_accuracy": self.history[chosen].get("validation_accuracy"),
            "history": self.history,
            "torch": torch.__version__,
            "crossglg": crossglg.__version__,
        }
        if self.initial:
            details["earlier_classes"] = sorted(self.initial.learned)
            details["earlier_classes_known"] = self.initial.past_is_known
        trained = replace(self.trained, model=model.to(self.device), details=details)
        # What recognizing one's own clips needs: when two clips are alike, and how long a clip usually is.
        unseen = self.validation_clips if len(self.validation_clips) else np.arange(len(base))
        some = base.subset(np.random.default_rng(0).permutation(unseen)[:ENOUGH_TO_COMPARE])
        seen = Representation(trained.embed(some), **trained.coordinates(some))
        details[SIMILARITY] = similarity_quantiles(cosine_and_streams(seen, seen), some.label)
        if model.joint_importance is not None:  # what zero-shot recognition compares with
            details["usual_importance"] = trained.joint_importance(base).mean(0).round(6).tolist()
        if model.attributes is not None:
            details["usual_attributes"] = trained.attributes(base).mean(0).round(6).tolist()
        details["seconds"] = np.quantile(base.frames / base.fps, [0.0, 0.5, 1.0]).round(3).tolist()
        if distributed.rank() == 0:
            trained.save(self.folder)
        return trained


def persons_of(base: SkeletonSet, initial: TrainedModel | None) -> int:
    """M of the model: the most persons of a clip, or as many as the initial weights are for if those are more."""
    return max(int(base.persons.max()), initial.persons if initial else 1)


def start_from(model: CrossGLG, initial: TrainedModel, base: SkeletonSet) -> None:
    """Copy the encoder of another model into a new one. Raises ValueError if the two are not of one shape."""
    if initial.layout.joints != base.layout.joints:
        raise InputError(
            f"the initial weights are for layout {initial.layout.name!r}, the base clips have {base.layout.name!r}; "
            f"retarget the clips or start from other weights"
        )
    weights = initial.model.encoder.state_dict()
    new, given = ({n: tuple(t.shape) for n, t in state.items()} for state in (model.encoder.state_dict(), weights))
    differ = [name for name in new.keys() | given.keys() if new.get(name) != given.get(name)]
    if differ:
        name = min(differ)
        raise InputError(
            f"the initial weights are of encoder {initial.config.encoder!r} with streams={initial.config.streams!r} "
            f"and do not fit ({len(differ)} tensors differ: {name} is {given.get(name)}, expected "
            f"{new.get(name)}); set encoder, streams and mode as in their model card"
        )
    model.encoder.load_state_dict(weights)


def logits_or_z(model: CrossGLG, x: Tensor, person_mask: Tensor) -> Tensor:
    """Logits of clips, or the representation z if there is no classifier."""
    out = model(x, person_mask)
    return out.z if out.logits is None else out.logits


def one_sided_classes(config: Config, bank: TextBank, layout: Layout) -> Tensor:
    """(K,) bool: of which classes a mirrored clip is of another class, as `config.mirror_class` has it.

    Raises ValueError if that is for the text to say and there are no key joints.
    """
    count = len(bank.classes)
    if not config.mirror or config.mirror_class == "same":
        return torch.zeros(count, dtype=torch.bool)
    if config.mirror_class == "other":
        return torch.ones(count, dtype=torch.bool)
    if bank.key_joint_target is None:
        raise InputError(
            f"mirror_class=text reads left and right off the key joints, which text_source={config.text_source!r} "
            f"does not have; use mirror_class=same or mirror_class=other"
        )
    other_side = bank.key_joint_target[:, torch.as_tensor(layout.mirrored)]
    return (bank.key_joint_target - other_side).abs().sum(1) > 0.5  # at least a quarter of the weight changes sides


def split_validation(base: SkeletonSet, fraction: float, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Split clip indices into training and validation, the same fraction of every class; a class keeps at least one."""
    rng = np.random.default_rng(seed)
    held: list[int] = []
    for k in range(len(base.class_names)):
        members = rng.permutation(np.flatnonzero(base.label == k))
        held.extend(members[: min(round(fraction * len(members)), len(members) - 1)].tolist())
    validation_clips = np.array(sorted(held), dtype=np.int64)
    return np.setdiff1d(np.arange(len(base)), validation_clips), validation_clips


def training_exemplars(
    label: NDArray[np.int64], training: NDArray[np.int64], seed: int, episodes: int = 5
) -> NDArray[np.int64]:
    """(episodes, K) indices of training clips, a random one of each class: with whom validation clips are compared."""
    rng = np.random.default_rng(seed)
    members = [training[label[training] == k] for k in np.unique(label)]
    return np.stack([rng.choice(rows, episodes) for rows in members], axis=1)


def chosen_epoch(history: History) -> int:
    """The epoch with the best accuracy on validation clips, the latest of equals; without such clips the last."""
    accuracy = [record.get("validation_accuracy", math.nan) for record in history]
    known = [0.0 if math.isnan(value) else value for value in accuracy]  # checkpoints of before have NaN
    return max(range(len(known)), key=lambda epoch: (known[epoch], epoch))


def epoch_seed(seed: int, epoch: int) -> int:
    """A seed of its own for every (seed, epoch)."""
    return int(np.random.SeedSequence([seed, epoch]).generate_state(1)[0])
