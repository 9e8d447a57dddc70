"""Two processes on one cache at once, and a package that nobody may write to."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.killing import AVAILABLE, Command
from support.small_disk import can_mount
from support.works import TRAINING, write_data

import crossglg

CHECKOUT = Path(crossglg.__file__).parents[1]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("data"))


@pytest.mark.slow
@pytest.mark.skipif(not AVAILABLE, reason="needs processes of Unix")
def test_three_trainings_at_once_fill_one_cache(data: Path, tmp_path: Path) -> None:
    """They convert the same source and embed the same texts; each gets all of it, and the cache has it once."""
    environment = {"CROSSGLG_CACHE": str(tmp_path / "cache")}
    dataset = {f"dataset={data / 'mine.npz'}": f"dataset=ntu:{data / 'ntu'}"}
    commands = []
    for number in range(3):
        words = [dataset.get(word, word) for word in TRAINING.words(data, tmp_path / str(number))]
        (tmp_path / str(number)).mkdir()
        words = [word for word in words if word not in ("--benchmark", f"{data / 'toy.json'}:toy")]
        commands.append(Command(words, tmp_path / str(number) / "printed.txt", environment))
    for process in [command.start() for command in commands]:
        process.join()
        assert process.exitcode == 0, [command.printed.read_text()[-1000:] for command in commands]
    results = {TRAINING.result(tmp_path / str(number)) for number in range(3)}
    assert len(results) == 1
    assert len(list((tmp_path / "cache" / "sets").glob("*.npz"))) == 1
    assert not list((tmp_path / "cache").rglob(".*.tmp"))


@pytest.mark.slow
def test_a_package_that_cannot_be_written_trains_and_describes(data: Path, tmp_path: Path) -> None:
    """The checkout is bound read-only, as a system's package is for its users; even root cannot write there."""
    if not can_mount(tmp_path):
        pytest.skip("only root on Linux can bind a folder read-only")
    package = tmp_path / "package"
    package.mkdir()
    for name in ("crossglg", "prompts", "models", "notebooks", "studies"):
        shutil.copytree(CHECKOUT / name, package / name, ignore=shutil.ignore_patterns("__pycache__"))
    for options in (["--bind", str(package), str(package)], ["-o", "remount,bind,ro", str(package)]):
        subprocess.run(["mount", *options], check=True)
    try:
        with pytest.raises(OSError):
            (package / "crossglg" / "written").touch()
        environment = {**os.environ, "PYTHONPATH": str(package), "CROSSGLG_CACHE": str(tmp_path / "cache")}
        (tmp_path / "work").mkdir()
        words = [str(word).replace("encoder=tiny", "encoder=stgcn++-small") for word in TRAINING.words(data, tmp_path)]
        for command in (
            [*words, "--set", "epochs=1"],
            ["list", "settings"],
            ["board", str(tmp_path / "run")],
            ["protocol", "list"],
        ):
            done = subprocess.run(
                [sys.executable, "-m", "crossglg", *command], cwd=tmp_path / "work", env=environment,
                capture_output=True, text=True, check=False,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr[-2000:]
        assert not list((tmp_path / "work").iterdir())
    finally:
        subprocess.run(["umount", str(package)], check=True)
