"""What if the texts were others? Joint importance learned anew in seconds, with everything else of a model kept."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from crossglg import losses
from crossglg.data.clips import SkeletonSet
from crossglg.skeletons import Layout
from crossglg.text.descriptions import Description
from crossglg.text.embeddings import TextBank
from crossglg.text.key_joints import key_joint_target
from crossglg.training.trained_model import TrainedModel


def with_edit(bank: TextBank, edited: Description, layout: Layout) -> TextBank:
    """The bank with the key joints of one class replaced by those of its edited description; joint texts as they were.

    Raises ValueError if the bank has no such class.
    """
    if edited.action not in bank.classes:
        raise ValueError(f"{edited.action!r} is none of the bank's classes: {', '.join(bank.classes)}")
    target = _key_joints(bank).clone()
    target[bank.classes.index(edited.action)] = torch.from_numpy(key_joint_target(edited.key_joints, layout))
    return replace(bank, key_joint_target=target)


def retrain_guidance(
    trained: TrainedModel,
    base: SkeletonSet,
    bank: TextBank,
    steps: int = 300,
    learning_rate: float = 2e-3,
    batch_size: int = 64,
    stem: NDArray[np.float32] | None = None,
) -> TrainedModel:
    """A copy of a model whose joint importance has learned from other texts: `steps` of AdamW on L_calibrate alone.

    bank: the key joints, of exactly `base.class_names`.  stem: `trained.stem_features(base)` where it is at hand, so
    that a second edit costs no second reading of the clips. The same arguments give the same weights.

    Differs from training: only JID's two layers learn, so the stem's features are read once, without augmentation, and
    L_s does not pull at importance. To see what an *edit* does, compare with a copy that learned from the texts as they
    were. The cross-modal branch, which is not part of a saved model, acts on nothing but the encoder; frozen, it has no
    say. Raises ValueError if the model has no joint importance, the texts are not those of the base classes or name no
    key joints.
    """
    trained.require_importance()
    if trained.config.importance_per != "clip":
        raise ValueError(
            f"importance learns from edited texts on features pooled over the clip, and this model has "
            f"importance_per={trained.config.importance_per!r}; train one with importance_per=clip"
        )
    if bank.classes != base.class_names:
        raise ValueError("the text bank's classes are not the base classes, in order; build it from base.class_names")
    copy = replace(trained, model=deepcopy(trained.model))
    importance = copy.model.joint_importance
    assert importance is not None
    device = copy.device
    features = torch.as_tensor(trained.stem_features(base) if stem is None else stem, device=device)
    target = _key_joints(bank).to(device)[torch.as_tensor(base.label, device=device)]
    optimizer = torch.optim.AdamW(importance.parameters(), lr=learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    generator = torch.Generator().manual_seed(trained.config.seed)
    for _ in range(steps):
        index = torch.randint(len(features), (min(batch_size, len(features)),), generator=generator).to(device)
        loss = losses.calibration_loss(
            importance.of_pooled(features[index]), target[index], trained.config.scale_importance
        )
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
    return copy


def _key_joints(bank: TextBank) -> torch.Tensor:
    """(K, V)"""
    if bank.key_joint_target is None:
        raise ValueError("these texts name no key joints for importance to learn; use text_source=descriptions")
    return bank.key_joint_target
