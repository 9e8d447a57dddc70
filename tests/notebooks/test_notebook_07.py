"""Notebook 07: an encoder that is one file and one line keeps the contract and is trained with texts."""

from __future__ import annotations

from pathlib import Path

import nbformat

from crossglg.data.synthetic import ACTIONS, synthesize
from crossglg.encoders.checks import CHECKS
from crossglg.files import read_json
from crossglg.runs import pipeline


def test_an_encoder_of_ones_own_is_written_checked_and_trained(tmp_path: Path) -> None:
    clips = synthesize(seed=3, clips_per_action=6, actions=ACTIONS[:8]).save(tmp_path / "few.npz")
    values = {"output": str(tmp_path), "train_on": str(clips)}
    done = pipeline.execute("07_your_own_encoder", values, tmp_path / "07.ipynb")
    cells = nbformat.read(done, 4).cells
    printed = "".join(o.text for cell in cells if cell.cell_type == "code" for o in cell.outputs if o.get("text"))
    assert printed.count("✓") == len(CHECKS)
    (written,) = [cell.source for cell in cells if cell.source.startswith("%%writefile")]
    assert (tmp_path / "own_encoder" / "joint_mlp.py").read_text() == written.partition("\n")[2] + "\n"
    model = read_json(tmp_path / "own_encoder" / "model" / "model.json")
    assert model["config"]["encoder"] == "joint-mlp"
    assert {"calibration_loss", "cross_modal_loss"} <= model["details"]["history"][-1].keys()
