"""Notebook 08 runs on a trained model and leaves its pictures."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
import torch

from crossglg.config import Config
from crossglg.data import synthetic
from crossglg.data.tasks import load_task
from crossglg.runs import pipeline
from crossglg.training.trained_model import TrainedModel, build_model


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """A run's folder with an untrained model of a few clips."""
    clips = synthetic.synthesize(seed=3, clips_per_action=4, actions=synthetic.ACTIONS[:8])
    config = Config.create(dataset=str(clips.save(tmp_path / "mine.npz")), frames=8, streams="joint", device="cpu")
    base = load_task(config).base
    model = build_model(config, base.layout, 1, 3, len(base.class_names), text_width=0)
    generator = torch.Generator().manual_seed(0)
    for parameter in model.parameters():  # new layers are the same for all joints
        parameter.data += 0.1 * torch.randn(parameter.shape, generator=generator)
    TrainedModel(model.eval(), config, base.layout, 1, 3, base.class_names, {}).save(tmp_path / "run" / "model")
    return tmp_path / "run"


def test_the_notebook_explains_checks_and_edits(output: Path) -> None:
    target = output / "notebooks" / "08_why.ipynb"
    values = {"output": str(output), "queries": 3, "points": 3, "steps": 5}
    pipeline.execute("08_why", values, target)
    names = {path.name for path in (output / "figures").iterdir()}
    assert names == {"why.png", "faithfulness.png", "what_if_importance.png"}
    shown = " ".join(str(cell.get("outputs", "")) for cell in nbformat.read(target, 4).cells)
    for words in (
        "The margin is ",
        "| joint importance | ",
        "right hand → head, left elbow",
        "moved most: ",
        "Text editor: ",
    ):
        assert words in shown, words
