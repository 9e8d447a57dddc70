"""Damaged files of every kind that is read: they are read, or refused with one sentence that names the file.

`CROSSGLG_MUTATIONS=10000 python -m pytest -n 0 -m slow tests/faults/test_mutated_files.py` tries so many of each.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from safetensors.torch import save_file
from support.fuzzing import mutations
from torch import nn

from crossglg.config import Config
from crossglg.data.clips import SkeletonSet
from crossglg.data.readers import READERS
from crossglg.data.synthetic import synthesize
from crossglg.encoders import ENCODERS
from crossglg.encoders.published import published_names
from crossglg.encoders.stgcn import STGCNPlusPlus
from crossglg.skeletons import get_layout
from crossglg.training.imported import import_weights
from crossglg.training.trained_model import TrainedModel

NUMBER = int(os.environ.get("CROSSGLG_MUTATIONS", "2000"))
LAYOUT = get_layout("ntu25")
NARROW = partial(STGCNPlusPlus, widths=(12, 12), strides=(1, 2), importance_after_block=1)
FORMATS = [name for name in READERS if READERS.packages[name] == "crossglg"]
CHECKPOINTS = [".pt", ".pth", ".safetensors"]


@pytest.fixture(autouse=True)
def narrow_encoder() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(ENCODERS, "narrow", NARROW)
        yield


def read_or_refused(read: Callable[[Path], object], file: Path, number: int) -> None:
    """Give `read` so many mutations of a file."""
    refused = 0

    @given(mutations(file.read_bytes()))
    @settings(max_examples=number, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    def run(content: bytes) -> None:
        nonlocal refused
        file.write_bytes(content)
        try:
            read(file)
        except ValueError as error:
            refused += 1
            assert file.stem in str(error), f"no file is named: {error}"
            assert len(str(error).splitlines()) == 1 and len(str(error)) < 3_000, f"no sentence: {error}"

    run()
    assert refused, "no mutation was refused: is what was changed read at all?"
    print(f"{file.name}: {number} mutations, {refused} refused")


def sample(format: str, folder: Path) -> Path:
    module = importlib.import_module(f"support.source_files.{format.replace('-', '_')}")
    return module.write_sample(folder)


def checkpoint(kind: str, folder: Path) -> Path:
    """Weights of a narrow ST-GCN++ under the names of the published code. kind: .pth is the form of before torch 1.6"""
    encoder = NARROW(LAYOUT, 3, 2)
    names = published_names(encoder, nn.Linear(encoder.out_features, 6))
    weights = {name: torch.cat(parts).detach().clone() for name, parts in names.items()}
    file = folder / f"weights{kind}"
    if kind == ".safetensors":
        save_file(weights, file)
    else:
        torch.save({"state_dict": weights}, file, _use_new_zipfile_serialization=kind == ".pt")
    return file


def imported(file: Path) -> TrainedModel:
    config = Config.create("published", encoder="narrow")
    return import_weights(file, config, LAYOUT, file.parent / "model")


def stored_set(folder: Path) -> Path:
    return synthesize(0, 1, ("clapping", "sitting down")).save(folder / "set.npz")


@pytest.mark.parametrize("format", FORMATS)
def test_some_damaged_files_of_each_format(format: str, tmp_path: Path) -> None:
    read_or_refused(READERS[format].read, sample(format, tmp_path), 40)


def test_some_damaged_weights_and_sets(tmp_path: Path) -> None:
    read_or_refused(imported, checkpoint(".pt", tmp_path), 10)
    read_or_refused(SkeletonSet.load, stored_set(tmp_path), 10)


@pytest.mark.slow
@pytest.mark.parametrize("format", FORMATS)
def test_damaged_files_of_every_reader(format: str, tmp_path: Path) -> None:
    read_or_refused(READERS[format].read, sample(format, tmp_path), NUMBER)


@pytest.mark.slow
@pytest.mark.parametrize("kind", CHECKPOINTS)
def test_damaged_published_weights(kind: str, tmp_path: Path) -> None:
    read_or_refused(imported, checkpoint(kind, tmp_path), NUMBER)


@pytest.mark.slow
def test_damaged_sets(tmp_path: Path) -> None:
    read_or_refused(SkeletonSet.load, stored_set(tmp_path), NUMBER)
