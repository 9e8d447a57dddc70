"""The checkpoint of a training: model and loss, best weights so far, optimizer, history in one safetensors file."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from crossglg.config import BEFORE, Config
from crossglg.data.clips import SkeletonSet
from crossglg.files import InputError, expanded, sha256, write_file
from crossglg.text.embeddings import TextBank
from crossglg.training.trained_model import WEIGHTS

CHECKPOINT = "checkpoint.safetensors"
SAME_RESULT = ("device", "cuda_graph", "keep_text_branch")  # settings that change no result beyond rounding
# Settings that may change before a training goes on: where files lie, and what changes no number of it.
MAY_CHANGE = (
    "dataset", "extra_base", "benchmark", "descriptions", "text_encoder", "initial_weights", "episodes", *SAME_RESULT,
)  # fmt: skip
Record = dict[str, float]  # of an epoch
History = list[Record]


def fingerprint(config: Config, base: SkeletonSet, bank: TextBank) -> str:
    """What a checkpoint must share with a run to be continued by it: settings, clips, texts; not where those lie.

    A setting with the value that it had before it existed does not count, so that older checkpoints go on.
    """
    settings = {
        name: value
        for name, value in config.to_dict().items()
        if name not in MAY_CHANGE and not (name in BEFORE and value == BEFORE[name])
    }
    digest = hashlib.sha256(json.dumps([settings, base.class_names, base.layout.joints]).encode())
    texts = (bank.local, bank.key_joint_target, bank.global_, bank.attributes)
    for array in (base.xyz, base.offsets, base.persons, base.label, *texts):
        if array is not None:
            digest.update(np.ascontiguousarray(array).data)
    if config.initial_weights:
        digest.update(sha256(expanded(config.initial_weights) / WEIGHTS).encode())
    return digest.hexdigest()


def _difference(metadata: dict[str, str], config: Config) -> str:
    """What the training of a checkpoint has that that of a config has not, in words."""
    if "config" not in metadata:
        return "other settings, clips or texts"
    before, now = {**BEFORE, **json.loads(metadata["config"])}, config.to_dict()
    changed = [
        f"{name}: {repr(before[name]) if name in before else 'not set'} → {value!r}"
        for name, value in now.items()
        if before.get(name) != value and name not in SAME_RESULT
    ]
    return f"other settings ({', '.join(changed)})" if changed else "other clips or texts"


def save_checkpoint(
    path: Path,
    losses: nn.Module,
    optimizer: torch.optim.Optimizer,
    best: dict[str, Tensor],
    history: History,
    config: Config,
    fingerprint: str,
) -> None:
    """losses: the `crossglg.training.step.Losses` that is trained."""
    tensors = {f"losses/{name}": value for name, value in losses.state_dict().items()}
    tensors |= {f"best/{name}": value for name, value in best.items()}
    for i, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{i}/{name}": value for name, value in state.items()}
    tensors = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
    metadata = {
        "history": json.dumps(history), "fingerprint": fingerprint, "config": json.dumps(config.to_dict()),
    }  # fmt: skip
    write_file(path, save(tensors, metadata))


def load_checkpoint(
    path: Path, losses: nn.Module, optimizer: torch.optim.Optimizer, config: Config, fingerprint: str, overwrite: bool
) -> tuple[History, dict[str, Tensor]]:
    """Continue a checkpoint in place if there is one. Returns its history and best weights.

    Both are empty without one, or where one of other settings is to be overwritten.
    """
    if not os.path.exists(path):
        return [], {}
    device = next(losses.parameters()).device
    groups: dict[str, dict[str, Tensor]] = {"losses": {}, "best": {}, "optimizer": {}}
    try:
        with safe_open(path, framework="pt", device=str(device)) as file:
            metadata = file.metadata() or {}
            if metadata.get("fingerprint") != fingerprint:
                if overwrite:
                    return [], {}
                raise InputError(
                    f"{path} belongs to a training with {_difference(metadata, config)}; replace it with "
                    f"overwrite=True or, in the same crossglg train command, --overwrite, or choose another folder"
                )
            for name in file.keys():  # noqa: SIM118 (a safetensors file, not a dict)
                group, _, rest = name.partition("/")
                groups[group][rest] = file.get_tensor(name)
    except SafetensorError as error:
        raise ValueError(f"{path} is damaged ({error}); delete it to start this training over") from error
    losses.load_state_dict(groups["losses"])
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in groups["optimizer"].items():
        i, _, key = name.partition("/")
        state.setdefault(int(i), {})[key] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    return json.loads(metadata["history"]), groups["best"]
