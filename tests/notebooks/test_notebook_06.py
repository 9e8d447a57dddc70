"""Notebook 06 goes on with what it can read of a reader's own files, and names what is wrong with the others."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from crossglg.data import synthetic
from crossglg.data.clips import SkeletonSet
from crossglg.runs import pipeline
from crossglg.training.trained_model import shipped_model


@pytest.fixture
def clips() -> SkeletonSet:
    return synthetic.synthesize(seed=3, clips_per_action=1, actions=synthetic.ACTIONS[:3])


@pytest.fixture
def values(clips: SkeletonSet, tmp_path: Path) -> dict[str, str]:
    """Its parameters, for files of two actions and a query; beside them a file of 5 frames."""
    shutil.copytree(shipped_model(), tmp_path / "run" / "model")
    first, second, query = (str(clips.subset([i]).save(tmp_path / f"{i}.npz")) for i in range(3))
    np.save(tmp_path / "short.npy", clips[0][0, :5])
    examples = f"first={first};second={second}"
    return {"output": str(tmp_path / "run"), "examples": examples, "queries": query, "recording": query}


def test_queries_that_cannot_be_recognized_are_left_out(values: dict[str, str], tmp_path: Path) -> None:
    some = f"{tmp_path / 'short.npy'};{tmp_path / 'none.csv'};{values['queries']}"
    pipeline.execute("06_your_own_actions", values | {"queries": some}, tmp_path / "copy.ipynb")
    shown = (tmp_path / "copy.ipynb").read_text(encoding="utf-8")
    assert "short has 5 frames" in shown and "no skeleton file" in shown


def test_what_leaves_nothing_to_show_is_named(values: dict[str, str], clips: SkeletonSet, tmp_path: Path) -> None:
    with pytest.raises(pipeline.NotebookError, match="no file of queries can be recognized; what is wrong with each"):
        pipeline.execute(
            "06_your_own_actions", values | {"queries": str(tmp_path / "short.npy")}, tmp_path / "copy.ipynb"
        )
    several = str(clips.save(tmp_path / "several.npz"))
    with pytest.raises(pipeline.NotebookError, match="holds 3 clips; recording takes a file with a single, long one"):
        pipeline.execute("06_your_own_actions", values | {"recording": several}, tmp_path / "copy.ipynb")
