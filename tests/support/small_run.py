"""A run's folder as `crossglg run` leaves it, in seconds: a real training on few clips, with real results."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import torch
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook

from crossglg.config import Config
from crossglg.data.synthetic import ACTIONS, synthesize
from crossglg.data.tasks import load_task
from crossglg.files import write_json
from crossglg.one_shot import Features, evaluate
from crossglg.one_shot.baselines.raw import raw_coordinates
from crossglg.runs.pipeline import CONFIG, NOTEBOOKS, notebook_path, parameters_for
from crossglg.runs.results import write_results
from crossglg.text.embeddings import TextBank
from crossglg.training.trainer import fit
from crossglg.viz.figures import importance_by_class, save
from crossglg.viz.player import Panel, player_html


def write_parameterized(name: str, values: dict[str, Any], target: Path) -> Path:
    """Write a copy of a notebook with its parameters filled in, not executed: for Run All by hand, or for nbval."""
    notebook = parameterize_notebook(load_notebook_node(str(notebook_path(name))), parameters_for(name, values))
    target.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, target)
    return target


def begin_run(folder: Path, **settings) -> Config:
    """Write the clips and the settings of a run that has not done anything yet."""
    clips = synthesize(seed=3, clips_per_action=6, actions=ACTIONS[::5][:12]).save(folder / "clips.npz")
    small = {"frames": 8, "epochs": 2, "episodes": 3, "streams": "joint", "batch_size": 16, "device": "cpu"}
    config = Config.create(dataset=str(clips), **{**small, **settings})
    write_json(folder / CONFIG, config.to_dict())
    return config


def train_run(folder: Path, config: Config, after_epoch: Callable | None = None) -> None:
    """Train with random texts, evaluate, and write model, results and the pictures that the notebooks leave."""
    task = load_task(config)
    base, novel = task.base, task.novel
    generator = torch.Generator().manual_seed(0)
    shape = (len(base.class_names), base.layout.num_joints)
    local = torch.nn.functional.normalize(torch.randn((*shape, 10), generator=generator), dim=-1)
    target = torch.rand(shape, generator=generator)
    bank = TextBank(base.class_names, local, target / target.sum(1, keepdim=True), local.mean(1))
    trained = fit(config, base, bank, folder / "model", after_epoch=after_epoch)
    features = Features.of(task, trained.embed)
    results = [evaluate(task, features, name) for name in ("cosine", "euclidean")]
    write_results(folder, task, trained, results, evaluate(task, Features.of(task, raw_coordinates), "cosine"))
    if trained.model.joint_importance is None:
        return
    importance = trained.joint_importance(novel)
    by_class = np.stack([importance[novel.label == k].mean(0) for k in range(len(novel.class_names))])
    save(importance_by_class(by_class, novel.class_names, novel.layout), folder / "figures" / "importance_by_class.png")
    panel = Panel(novel[0], importance[0], title=novel.class_of(0), fps=novel.fps)
    (folder / "figures" / "explorer.html").write_text(player_html(panel, novel.layout), encoding="utf-8")


def mark_executed(folder: Path, *names: str, **about) -> None:
    """Leave copies of notebooks as Papermill does. about: its metadata; default those of a finished one."""
    for name in names or NOTEBOOKS:
        path = write_parameterized(name, {"output": str(folder)}, folder / "notebooks" / f"{name}.ipynb")
        notebook = nbformat.read(path, as_version=4)
        notebook.metadata["papermill"] = about or {"exception": None, "end_time": "2026-01-01T00:00:00"}
        nbformat.write(notebook, path)
