"""Training on base classes: `fit` is handed base clips and their texts, and nothing else.

All randomness of an epoch follows from (seed, epoch), so a run that was killed continues to the same result.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor
from torch.nn import functional as F
from tqdm.auto import tqdm

import crossglg
from crossglg import losses
from crossglg.config import Config
from crossglg.data.clips import SkeletonSet
from crossglg.data.transforms import DeviceClips, Preprocessing, mirror
from crossglg.files import InputError, sha256, write_atomically
from crossglg.model import CrossGLG
from crossglg.objectives import find_objective
from crossglg.skeletons import Layout
from crossglg.text.embeddings import TextBank
from crossglg.training import distributed
from crossglg.training.cuda_graph import Batch, RecordedStep
from crossglg.training.trained_model import (
    WEIGHTS,
    TrainedModel,
    autocast,
    build_model,
    model_card,
    resolve_device,
    similarity_quantiles,
)

CHECKPOINT = "checkpoint.safetensors"
SAME_RESULT = ("device", "cuda_graph")
# May change before a training goes on.
WHERE = ("dataset", "benchmark", "descriptions", "text_encoder", "initial_weights", *SAME_RESULT)
History = list[dict[str, float]]


def fit(
    config: Config,
    base: SkeletonSet,
    bank: TextBank,
    folder: str | Path,
    data: str = "",
    texts: tuple[str, ...] = (),
    after_epoch: Callable[[dict[str, float]], None] | None = None,
    overwrite: bool = False,
) -> TrainedModel:
    """Train on the base clips; the epoch is chosen on held-out base clips; the model is saved in `folder`.

    The caller's random state stays as it is.

    It is chosen by the classifier's accuracy, or without a classifier by that of the nearest of one training clip per
    class (cosine), over five choices of these.
    bank: texts of exactly `base.class_names`.  data, texts: names for the model card.  after_epoch: called with each
    epoch's record. A checkpoint of the same settings in `folder` is continued; one of other settings is an error, or
    with `overwrite` replaced.
    Processes that are `distributed.joined` all call this, with the same arguments; the first one writes.
    Raises ValueError when the texts are not those of the base classes, or when the loss is not finite; InputError for a
    checkpoint of other settings.
    """
    if bank.classes != base.class_names:
        raise ValueError("the text bank's classes are not the base classes, in order; build it from base.class_names")
    device = resolve_device(config)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        return _fit(config, base, bank, Path(folder), data, texts, after_epoch, device, overwrite)


def _fit(
    config: Config,
    base: SkeletonSet,
    bank: TextBank,
    folder: Path,
    data: str,
    texts: tuple[str, ...],
    after_epoch: Callable[[dict[str, float]], None] | None,
    device: torch.device,
    overwrite: bool,
) -> TrainedModel:
    objective = find_objective(config)
    persons = int(base.persons.max())
    initial = TrainedModel.load(config.initial_weights) if config.initial_weights else None
    if initial:
        persons = max(persons, initial.persons)
    width = bank.local.shape[-1]
    num_classes = len(base.class_names)
    one_sided = one_sided_classes(config, bank, base.layout)
    # The mirror image of class k is class num_classes + k.
    outputs = 2 * num_classes if one_sided.any() else num_classes
    model = build_model(config, base.layout, persons, base.num_channels, outputs, width)
    if initial:
        start_from(model, initial, base)
    model = model.to(device)
    if config.compile and distributed.world_size() > 1:
        raise ValueError("compile=true is for one process; leave it out to train with several")
    if config.compile:
        model.compile()
    distributed.synchronise(model)
    optimizer = build_optimizer(model, config)
    training, held_out = hold_out(base, config.held_out, config.seed)
    clips = DeviceClips(base, device)
    prepare = Preprocessing.from_config(config, base.layout)
    label = torch.as_tensor(base.label)
    texts_there = bank.to(device)
    own, partner = torch.arange(base.layout.num_joints), torch.as_tensor(base.layout.mirrored)
    exemplars = torch.as_tensor(training_exemplars(base.label, training, config.seed))

    def step_with(batch: Batch) -> dict[str, Tensor]:
        return train_step(model, optimizer, batch, texts_there, config)

    take_step = RecordedStep(step_with, model, optimizer) if recordable(config, device, persons) else step_with

    def epoch_of_training(epoch: int) -> dict[str, float]:
        generator = torch.Generator().manual_seed(epoch_seed(config.seed, epoch))
        torch.manual_seed(epoch_seed(config.seed, epoch) + distributed.rank())  # dropout and bottleneck noise
        model.train()
        batches = objective.batches(label[training], config, generator)
        sums: dict[str, Tensor] = {}
        for step, rows in enumerate(batches):
            index = torch.as_tensor(training)[rows]
            set_learning_rate(optimizer, config, epoch + step / len(batches))
            x, mask = clips.batch(index, config.frames, config.crop, generator)
            classes, joint_of = label[index], None
            if config.mirror:
                mirrored = torch.rand(len(x), generator=generator) < config.mirror
                x = mirror(x, mirrored, base.layout)
                classes = classes + num_classes * (mirrored & one_sided[classes])
                joint_of = torch.where(mirrored[:, None], partner, own).to(device)
            batch = (prepare(x, generator), mask, classes.to(device), joint_of)
            for name, value in take_step(batch).items():
                sums[name] = sums.get(name, torch.zeros((), device=device)) + value
        record = {name: float(value) / len(batches) for name, value in sums.items()}
        if not math.isfinite(record["total_loss"]):
            raise ValueError(f"the loss of epoch {epoch} is not finite; lower learning_rate={config.learning_rate}")
        return {"epoch": epoch, **record}

    def output_of(clips_at: Tensor) -> Tensor:
        """Logits of clips as they are, without augmentation; z if there is no classifier."""
        rows = []
        for index in clips_at.split(256):
            with torch.inference_mode():
                x, mask = clips.batch(index, config.frames)
                x = prepare(x)  # coordinates stay float32 whatever the precision
                with autocast(config, device):
                    out = model(x, mask)
                rows.append((out.z if out.logits is None else out.logits[:, :num_classes]).float().cpu())
        return torch.cat(rows)

    def held_out_accuracy() -> float:
        if not len(held_out):
            return float("nan")
        model.eval()
        scores = output_of(torch.as_tensor(held_out))
        if not objective.classifies:
            exemplar = output_of(exemplars.flatten()).unflatten(0, exemplars.shape)
            scores = F.normalize(scores, dim=-1) @ F.normalize(exemplar, dim=-1).mT  # (draws, N, K)
        return float((scores.argmax(-1) == label[held_out]).double().mean())

    fingerprint = _fingerprint(config, base, bank)
    history, best = _resume(folder / CHECKPOINT, model, optimizer, config, fingerprint, device, overwrite)
    distributed.check_alike(f"{fingerprint} {len(history)}", device)
    bar = tqdm(
        range(len(history), config.epochs), initial=len(history), total=config.epochs, desc="training", unit="epoch",
        disable=distributed.rank() > 0,
    )  # fmt: skip
    for epoch in bar:
        record = epoch_of_training(epoch)
        record["validation_accuracy"] = held_out_accuracy()
        history.append(record)
        if chosen_epoch(history) == epoch:
            best = {name: value.clone() for name, value in model.state_dict().items()}
        if distributed.rank() == 0:
            _save_checkpoint(folder / CHECKPOINT, model, optimizer, best, history, config, fingerprint)
        bar.set_postfix(loss=f"{record['total_loss']:.3f}", held_out=f"{record['validation_accuracy']:.3f}")
        if after_epoch:
            after_epoch(record)

    model.load_state_dict(best)
    if model.classifier is not None and outputs > num_classes:
        model.keep_classes(num_classes)
    chosen = chosen_epoch(history)
    details: dict[str, Any] = {
        "data": data or base.name,
        "texts": list(texts),
        "training_clips": len(training),
        "held_out_clips": len(held_out),
        "chosen_epoch": chosen,
        "held_out_accuracy": history[chosen]["validation_accuracy"],
        "history": history,
        "torch": torch.__version__,
        "crossglg": crossglg.__version__,
    }
    trained = TrainedModel(model, config, base.layout, persons, base.num_channels, base.class_names, details)
    # What recognising one's own clips needs: when two clips are alike, and how long a clip usually is.
    unseen = base.subset(held_out) if len(held_out) else base
    details["similarity"] = similarity_quantiles(trained.embed(unseen), unseen.label)
    details["seconds"] = np.quantile(base.frames / base.fps, [0.0, 0.5, 1.0]).round(3).tolist()
    if distributed.rank() == 0:
        trained.save(folder)
        write_atomically(folder / "README.md", lambda file: file.write(model_card(trained).encode()))
    return trained


def start_from(model: CrossGLG, initial: TrainedModel, base: SkeletonSet) -> None:
    """Copy the encoder of another model into a new one. Raises ValueError if the two are not of one shape."""
    if initial.layout.joints != base.layout.joints:
        raise ValueError(
            f"the initial weights are for layout {initial.layout.name!r}, the base clips have {base.layout.name!r}; "
            f"retarget the clips or start from other weights"
        )
    ours, theirs = model.encoder.state_dict(), initial.model.encoder.state_dict()
    differ = [name for name in ours.keys() | theirs.keys() if _shape_in(ours, name) != _shape_in(theirs, name)]
    if differ:
        name = min(differ)
        raise ValueError(
            f"the initial weights are of encoder {initial.config.encoder!r} with streams={initial.config.streams!r} "
            f"and do not fit ({len(differ)} tensors differ: {name} is {_shape_in(theirs, name)}, expected "
            f"{_shape_in(ours, name)}); set encoder, streams and mode as in their model card"
        )
    model.encoder.load_state_dict(theirs)


def _shape_in(state: dict[str, Tensor], name: str) -> tuple[int, ...] | None:
    return tuple(state[name].shape) if name in state else None


def train_step(
    model: CrossGLG,
    optimizer: torch.optim.Optimizer,
    batch: Batch,
    texts: TextBank,
    config: Config,
) -> dict[str, Tensor]:
    """One step of L = L_s + 0.5 · L_calibrate + 0.2 · L_c, another objective in the place of L_s. Returns the losses.

    batch: x (N, M, T, V, C), person_mask (N, M), label (N,), joint_of (N, V) or None as of `CrossGLG.forward`. A label
    beyond the K classes of `texts` is the mirror image of class label − K and has its texts.
    texts: of the base classes; without key-joint targets there is no L_calibrate.
    """
    x, person_mask, label, joint_of = batch
    described = label % len(texts.classes)
    weights = {
        "calibration_loss": config.calibration_weight,
        "cross_modal_loss": config.cross_modal_weight,
        "alignment_loss": config.alignment_weight,
        "clip_text_loss": config.clip_text_weight,
        "joint_text_loss": config.joint_text_weight,
        "marginal_prior_loss": config.marginal_weight,
        "class_prior_loss": config.class_prior_weight,
    }
    with autocast(config, x.device):
        mine = distributed.own_rows(len(label))
        order = None if joint_of is None else joint_of[mine]
        own = model(x[mine], person_mask[mine], texts.local[described[mine]], order)
    out = distributed.whole(own, len(label))
    parts = find_objective(config).losses(out, label, texts, config)
    if out.joint_importance is not None and texts.key_joint_target is not None:
        parts["calibration_loss"] = losses.calibration_loss(
            out.joint_importance, texts.key_joint_target[described], config.scale_importance
        )
    if out.cross_modal_logits is not None:
        parts["cross_modal_loss"] = losses.cross_modal_loss(out.cross_modal_logits, label, config.label_smoothing)
    if config.marginal_weight:
        parts["marginal_prior_loss"] = losses.marginal_prior_loss(out.z)
    if model.prior_mean is not None:
        parts["class_prior_loss"] = losses.class_prior_loss(out.z, label, model.prior_mean)
    total = losses.total_loss(parts, weights)
    optimizer.zero_grad(set_to_none=True)
    total.backward()
    distributed.sum_gradients(model)
    torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
    optimizer.step()
    return {name: value.detach() for name, value in (parts | {"total_loss": total}).items()}


def recordable(config: Config, device: torch.device, persons: int) -> bool:
    """Whether all training steps are the same operations on the same shapes, on a GPU.

    They are not where clips have up to two persons, as absent ones are skipped, or where an objective picks pairs. The
    momentum of SGD reads the learning rate on the processor.
    """
    alone = distributed.world_size() == 1 and not config.compile
    same = persons == 1 and find_objective(config).classifies and config.optimizer == "adamw"
    return config.cuda_graph and device.type == "cuda" and alone and same


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
        raise ValueError(
            f"mirror_class=text reads left and right off the key joints, which text_source={config.text_source!r} "
            f"does not have; use mirror_class=same or mirror_class=other"
        )
    other_side = bank.key_joint_target[:, torch.as_tensor(layout.mirrored)]
    return (bank.key_joint_target - other_side).abs().sum(1) > 0.5  # at least a quarter of the weight changes sides


def hold_out(base: SkeletonSet, fraction: float, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Split clip indices into training and held-out, the same fraction of every class; a class keeps at least one."""
    rng = np.random.default_rng(seed)
    held: list[int] = []
    for k in range(len(base.class_names)):
        members = rng.permutation(np.flatnonzero(base.label == k))
        held.extend(members[: min(round(fraction * len(members)), len(members) - 1)].tolist())
    held_out = np.array(sorted(held), dtype=np.int64)
    return np.setdiff1d(np.arange(len(base)), held_out), held_out


def training_exemplars(
    label: NDArray[np.int64], training: NDArray[np.int64], seed: int, draws: int = 5
) -> NDArray[np.int64]:
    """(draws, K) indices of training clips, a random one of each class: with whom held-out clips are compared."""
    rng = np.random.default_rng(seed)
    members = [training[label[training] == k] for k in np.unique(label)]
    return np.stack([rng.choice(rows, draws) for rows in members], axis=1)


def chosen_epoch(history: History) -> int:
    """The epoch with the best accuracy on held-out base clips, the latest of equals; without such clips the last."""
    accuracy = [record["validation_accuracy"] for record in history]
    return max(range(len(accuracy)), key=lambda e: (accuracy[e] if accuracy[e] == accuracy[e] else 0.0, e))


def build_optimizer(model: CrossGLG, config: Config) -> torch.optim.Optimizer:
    """AdamW or SGD; weight decay on weight matrices only, not on biases, norms, positions and topologies."""
    decayed: list[torch.nn.Parameter] = []
    plain: list[torch.nn.Parameter] = []
    for name, parameter in model.named_parameters():
        is_matrix = parameter.dim() >= 2 and name.endswith("weight")
        (decayed if is_matrix else plain).append(parameter)
    groups = [{"params": decayed, "weight_decay": config.weight_decay}, {"params": plain, "weight_decay": 0.0}]
    if config.optimizer == "sgd":  # not fused: that stumbles over late first gradients
        return torch.optim.SGD(groups, lr=config.learning_rate, momentum=0.9, nesterov=True)
    device = next(model.parameters()).device
    on_gpu = device.type == "cuda"  # where steps are recorded, so that the learning rate must lie there
    rate = torch.tensor(config.learning_rate, device=device) if on_gpu else config.learning_rate
    return torch.optim.AdamW(groups, lr=rate, fused=True, capturable=on_gpu)


def set_learning_rate(optimizer: torch.optim.Optimizer, config: Config, epoch: float) -> None:
    """Linear warm-up, then a cosine to zero; `epoch` counts with its fraction."""
    warmup = min(config.warmup_epochs, config.epochs - 1)
    if epoch < warmup:
        factor = min(1.0, (epoch + 1e-2) / warmup)
    else:
        factor = 0.5 * (1.0 + math.cos(math.pi * (epoch - warmup) / (config.epochs - warmup)))
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(config.learning_rate * factor)
        else:
            group["lr"] = config.learning_rate * factor


def epoch_seed(seed: int, epoch: int) -> int:
    """A seed of its own for every (seed, epoch)."""
    return int(np.random.SeedSequence([seed, epoch]).generate_state(1)[0])


def _fingerprint(config: Config, base: SkeletonSet, bank: TextBank) -> str:
    """What a checkpoint must share with a run to be continued by it: settings, clips, texts; not where those lie."""
    settings = {name: value for name, value in config.to_dict().items() if name not in WHERE}
    digest = hashlib.sha256(json.dumps([settings, base.class_names, base.layout.joints]).encode())
    texts = (bank.local, bank.key_joint_target, bank.global_)
    for array in (base.xyz, base.offsets, base.persons, base.label, *texts):
        if array is not None:
            digest.update(np.ascontiguousarray(array).data)
    if config.initial_weights:
        digest.update(sha256(Path(config.initial_weights) / WEIGHTS).encode())
    return digest.hexdigest()


def _difference(metadata: dict[str, str], config: Config) -> str:
    """What the training of a checkpoint has that that of a config has not, in words."""
    if "config" not in metadata:
        return "other settings, clips or texts"
    before, now = json.loads(metadata["config"]), config.to_dict()
    changed = [
        f"{name}: {before.get(name)!r} → {value!r}"
        for name, value in now.items()
        if before.get(name) != value and name not in SAME_RESULT
    ]
    return f"other settings ({', '.join(changed)})" if changed else "other clips or texts"


def _save_checkpoint(
    path: Path,
    model: CrossGLG,
    optimizer: torch.optim.Optimizer,
    best: dict[str, Tensor],
    history: History,
    config: Config,
    fingerprint: str,
) -> None:
    tensors = {f"model/{name}": value for name, value in model.state_dict().items()}
    tensors |= {f"best/{name}": value for name, value in best.items()}
    for i, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{i}/{name}": value for name, value in state.items()}
    tensors = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
    metadata = {
        "history": json.dumps(history), "fingerprint": fingerprint, "config": json.dumps(config.to_dict()),
    }  # fmt: skip
    write_atomically(path, lambda file: file.write(save(tensors, metadata)))


def _resume(
    path: Path,
    model: CrossGLG,
    optimizer: torch.optim.Optimizer,
    config: Config,
    fingerprint: str,
    device: torch.device,
    overwrite: bool,
) -> tuple[History, dict[str, Tensor]]:
    """Continue a checkpoint in place if there is one. Returns its history and best weights.

    Both are empty without one, or where one of other settings is to be overwritten.
    """
    if not os.path.exists(path):
        return [], {}
    groups: dict[str, dict[str, Tensor]] = {"model": {}, "best": {}, "optimizer": {}}
    try:
        with safe_open(path, framework="pt", device=str(device)) as file:
            metadata = file.metadata() or {}
            if metadata.get("fingerprint") != fingerprint:
                if overwrite:
                    return [], {}
                raise InputError(
                    f"{path} belongs to a training with {_difference(metadata, config)}; replace it with "
                    f"overwrite=True, or choose another folder"
                )
            for name in file.keys():  # noqa: SIM118 (a safetensors file, not a dict)
                group, _, rest = name.partition("/")
                groups[group][rest] = file.get_tensor(name)
    except SafetensorError as error:
        raise ValueError(f"{path} is damaged ({error}); delete it to start this training over") from error
    model.load_state_dict(groups["model"])
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in groups["optimizer"].items():
        i, _, key = name.partition("/")
        state.setdefault(int(i), {})[key] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    return json.loads(metadata["history"]), groups["best"]
