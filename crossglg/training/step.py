"""One training step: the losses of a batch, the optimizer, its learning rate, and whether the step is recorded."""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor, nn

from crossglg.config import Config, TrainingSettings
from crossglg.encoders.base import PersonIndex
from crossglg.model import CrossGLG
from crossglg.objectives import TrainingLoss, build_loss, find_objective
from crossglg.objectives.base import Sizes, described
from crossglg.skeletons import Layout
from crossglg.text.embeddings import TextBank
from crossglg.training import distributed
from crossglg.training.cuda_graph import Batch
from crossglg.training.trained_model import autocast


class Losses(nn.Module):
    """Model and training loss as one module, whose gradients processes can share.

    Args:
        model: the model.
        loss: the training loss.
        precision: "bfloat16" runs the model, not the loss, in bfloat16.
    """

    def __init__(self, model: CrossGLG, loss: TrainingLoss, precision: str = "float32") -> None:
        super().__init__()
        self.model, self.loss, self.precision = model, loss, precision

    def forward(self, batch: Batch, texts: TextBank) -> dict[str, Tensor]:
        """The losses of a batch and their weighted sum, `total_loss`; of several processes each takes its rows.

        batch: x `(N, M, T, V, C)`, person_mask `(N, M)`, label `(N,)`, joint_of `(N, V)` or None as of
        `CrossGLG.forward`. A label beyond the K classes of `texts` is the mirror image of class label − K.
        """
        x, person_mask, label, joint_of = batch
        rows = distributed.own_rows(len(x))
        x, label = x[rows], label[rows]
        person_mask = person_mask[rows] if isinstance(person_mask, Tensor) else person_mask  # a list: one process
        joint_of = None if joint_of is None else joint_of[rows]
        with autocast(self.precision, x.device):
            out = self.model(x, person_mask, texts.local[described(label, texts)], joint_of)
        return self.loss(out, label, texts)


def build_losses(config: Config, model: CrossGLG, layout: Layout, bank: TextBank) -> Losses:
    """The model with the training loss of a run."""
    encoder = model.encoder
    classes = 0 if model.classifier is None else cast(nn.Linear, model.classifier[1]).out_features
    sizes = Sizes(layout, encoder.widths[-1], encoder.out_features, bank.local.shape[-1], classes)
    return Losses(model, build_loss(config, sizes), config.precision)


def train_step(losses: nn.Module, optimizer: torch.optim.Optimizer, batch: Batch, texts: TextBank) -> dict[str, Tensor]:
    """One step of the optimizer. losses: a `Losses`, maybe shared by processes. Returns the losses before the step."""
    parts = losses(batch, texts)
    optimizer.zero_grad(set_to_none=True)
    parts["total_loss"].backward()
    torch.nn.utils.clip_grad_norm_(losses.parameters(), 5.0)
    optimizer.step()
    return {name: value.detach() for name, value in parts.items()}


def recordable(config: Config, device: torch.device) -> bool:
    """Whether training steps can be recorded: on one GPU, if batches of equal shapes run the same operations.

    Objectives that pick pairs of clips do not.
    """
    alone = distributed.world_size() == 1 and not config.compile
    return config.cuda_graph and device.type == "cuda" and alone and find_objective(config).classifies


def with_persons_listed(batch: Batch, model: CrossGLG) -> Batch:
    """The batch with its persons as a list instead of a mask, where the model skips absent ones.

    Whom a mask names is a question to the GPU, which a recorded step must not ask.
    """
    x, persons, label, joint_of = batch
    if isinstance(persons, Tensor) and persons.shape[1] > 1 and not model.persons_with_zeros:
        persons = PersonIndex.of(persons)
    return x, persons, label, joint_of


def build_optimizer(model: nn.Module, config: TrainingSettings) -> torch.optim.Optimizer:
    """AdamW or SGD; weight decay on weight matrices only, not on biases, norms, positions and topologies."""
    decayed: list[torch.nn.Parameter] = []
    plain: list[torch.nn.Parameter] = []
    for name, parameter in model.named_parameters():
        is_matrix = parameter.dim() >= 2 and name.endswith("weight")
        (decayed if is_matrix else plain).append(parameter)
    groups = [{"params": decayed, "weight_decay": config.weight_decay}, {"params": plain, "weight_decay": 0.0}]
    device = next(model.parameters()).device
    on_gpu = device.type == "cuda"  # where steps are recorded, so that the learning rate must lie there
    rate = torch.tensor(config.learning_rate, device=device) if on_gpu else config.learning_rate
    if config.optimizer == "adamw":
        return torch.optim.AdamW(groups, lr=rate, fused=True, capturable=on_gpu)
    optimizer = torch.optim.SGD(groups, lr=rate, momentum=0.9, nesterov=True, fused=True)
    for parameter in [*decayed, *plain]:  # a momentum of zero is none; fused steps want all of them or none
        optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
    return optimizer


def set_learning_rate(optimizer: torch.optim.Optimizer, config: TrainingSettings, epoch: float) -> None:
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
