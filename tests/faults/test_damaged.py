"""A damaged file of every kind that we keep: one sentence names it and says what to do, and doing that helps."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.command import crossglg
from support.small_study import TINY
from support.works import STUDY, TRAINING, write_data

from crossglg.encoders import ENCODERS
from crossglg.files import cache_folder

DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "cut": lambda content: content[: len(content) // 2],
    "zeros": lambda content: bytes(len(content)),  # what some file systems leave after a power cut
    "other": lambda content: b'{"a": [1, 2]}\n',
}


@pytest.fixture(scope="module", autouse=True)
def tiny_encoder() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(ENCODERS, "tiny", TINY)
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def trained(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training that is finished."""
    folder = tmp_path_factory.mktemp("trained")
    done = crossglg(*TRAINING.words(data, folder))
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def studied(trained: Path, data: Path) -> Path:
    """A study in the same folder."""
    done = crossglg(*STUDY.words(data, trained))
    assert done.returncode == 0, done.stderr
    return trained


def damaged(file: Path, damage: str) -> None:
    file.write_bytes(DAMAGES[damage](file.read_bytes()))


def named(words: list[object], file: Path) -> None:
    """The command fails with one sentence that names the file."""
    done = crossglg(*words)
    lines = [line for line in done.stderr.splitlines() if file.name in line and ("error" in line or "failed" in line)]
    assert done.returncode and lines and "Traceback" not in done.stderr, f"{words}: {done.stderr[-2000:]}"


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_named_and_a_training_without_it_starts_over(
    trained: Path, data: Path, tmp_path: Path, damage: str
) -> None:
    shutil.copytree(trained / "run", tmp_path / "run")
    file = tmp_path / "run" / "model" / "checkpoint.safetensors"
    damaged(file, damage)
    named(TRAINING.words(data, tmp_path), file)


@pytest.mark.slow
@pytest.mark.parametrize("damage", DAMAGES)
def test_each_file_of_a_run_is_named_and_recovers(trained: Path, data: Path, tmp_path: Path, damage: str) -> None:
    run, words = tmp_path / "run", TRAINING.words(data, tmp_path)
    evaluation = ["evaluate", run / "model"]
    board = ["board", run]
    for name, command in {
        "config.json": words,
        "model/model.json": evaluation,
        "model/model.safetensors": evaluation,
        "model/checkpoint.safetensors": words,
    }.items():
        shutil.rmtree(run, ignore_errors=True)
        shutil.copytree(trained / "run", run)
        damaged(run / name, damage)
        named(command, run / name)
        crossglg(*board)  # says what it can
        (run / name).unlink()  # what the sentence says
        done = crossglg(*words)
        assert done.returncode == 0, f"{name}: {done.stderr[-2000:]}"
        assert TRAINING.result(tmp_path) == TRAINING.result(trained), name


@pytest.mark.slow
@pytest.mark.parametrize("damage", DAMAGES)
def test_each_file_of_a_study_is_named_and_recovers(studied: Path, data: Path, tmp_path: Path, damage: str) -> None:
    words = STUDY.words(data, tmp_path)
    finished = sorted((studied / "runs").iterdir())[-1].name
    for name in ("tiny.jsonl", f"runs/{finished}/results.json"):
        for path in (tmp_path / "runs", tmp_path / "tiny.jsonl"):
            shutil.rmtree(path, ignore_errors=True)
            path.unlink(missing_ok=True)
        shutil.copytree(studied / "runs", tmp_path / "runs")
        if name == "tiny.jsonl":
            shutil.copy(studied / "tiny.jsonl", tmp_path)
        damaged(tmp_path / name, damage)
        if not (name == "tiny.jsonl" and damage == "empty"):
            named(words, tmp_path / name)
        (tmp_path / name).unlink()
        done = crossglg(*words)
        assert done.returncode == 0, f"{name}: {done.stderr[-2000:]}"
        assert STUDY.result(tmp_path).keys() == STUDY.result(studied).keys()


@pytest.mark.slow
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_cache_is_made_anew_or_named(data: Path, tmp_path: Path, damage: str, monkeypatch) -> None:
    monkeypatch.setenv("CROSSGLG_CACHE", str(tmp_path / "cache"))
    words = TRAINING.words(data, tmp_path)
    words[words.index(f"dataset={data / 'mine.npz'}")] = f"dataset=ntu:{data / 'ntu'}"
    words = [word for word in words if word not in ("--benchmark", f"{data / 'toy.json'}:toy")]
    assert crossglg(*words).returncode == 0
    expected = TRAINING.result(tmp_path)
    for file in sorted(path for path in (tmp_path / "cache").rglob("[!.]*") if path.suffix in (".npy", ".npz")):
        shutil.rmtree(tmp_path / "run")
        damaged(file, damage)
        done = crossglg(*words)
        if done.returncode:
            assert file.name in done.stderr.splitlines()[-1], done.stderr[-2000:]
            file.unlink()
            done = crossglg(*words)
        assert done.returncode == 0, f"{file}: {done.stderr[-2000:]}"
        assert TRAINING.result(tmp_path) == expected


@pytest.mark.slow
def test_a_clock_that_was_set_back_changes_nothing(studied: Path, data: Path, tmp_path: Path) -> None:
    shutil.copytree(studied, tmp_path, dirs_exist_ok=True)
    for future in (time.time() + 10 * 365 * 86400, 0):
        for path in [*tmp_path.rglob("*"), *cache_folder().rglob("*"), *data.rglob("*")]:
            os.utime(path, (future, future))
        (tmp_path / "run" / "model" / "model.safetensors").unlink()
        for work in (TRAINING, STUDY):
            done = crossglg(*work.words(data, tmp_path))
            assert done.returncode == 0, done.stderr
            assert work.result(tmp_path) == work.result(studied)
        assert crossglg("board", tmp_path / "run").returncode == 0
