"""A disk that is full at one write or another: one sentence says so, and with room the same command goes on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer
from support.chat_server import KEY, Server, question
from support.command import Done, crossglg
from support.small_disk import can_mount, make_room, small_disk
from support.small_study import TINY
from support.works import CONVERSION, STUDY, TRAINING, Work, write_data

from crossglg.encoders import ENCODERS

STEPS = 6  # sizes of the disk


@pytest.fixture(autouse=True)
def tiny_encoder() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(ENCODERS, "tiny", TINY)
        yield


@pytest.fixture(scope="module", autouse=True)
def mounting(tmp_path_factory: pytest.TempPathFactory) -> None:
    if not can_mount(tmp_path_factory.mktemp("mounting")):
        pytest.skip("only root on Linux can mount a small disk")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("data"))


def says_so(done: Done) -> None:
    """In one sentence: of a command as its error, of a study beside the runs that failed."""
    lines = [line for line in done.stderr.splitlines() if "no room is left on the disk" in line]
    assert done.returncode and lines, done.stderr[-2000:]
    assert all(line.endswith("make room and give the same command again") for line in lines)
    assert "Traceback" not in done.stderr


def test_a_set_that_does_not_fit_is_told_and_written_when_there_is_room(data: Path, tmp_path: Path) -> None:
    full_then_whole(CONVERSION, data, tmp_path, [8])


@pytest.mark.slow
@pytest.mark.parametrize("work", [CONVERSION, TRAINING, STUDY], ids=lambda work: work.name)
def test_it_goes_on_wherever_the_disk_was_full(work: Work, data: Path, tmp_path: Path) -> None:
    full_then_whole(work, data, tmp_path, None)


def full_then_whole(work: Work, data: Path, tmp_path: Path, sizes: list[int] | None) -> None:
    """sizes: of the disk, in kilobytes; None: as many as `STEPS`, up to what the work leaves."""
    folder = tmp_path / "undisturbed"
    folder.mkdir()
    done = crossglg(*work.words(data, folder))
    assert done.returncode == 0, done.stderr
    expected = work.result(folder)
    needed = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) // 1024
    for size in sizes or [max(4, needed * step // STEPS) for step in range(STEPS)]:
        with small_disk(tmp_path / "disk", size):
            says_so(crossglg(*work.words(data, tmp_path / "disk")))
            make_room(tmp_path / "disk")
            done = crossglg(*work.words(data, tmp_path / "disk"))
            assert done.returncode == 0, done.stderr
            assert work.result(tmp_path / "disk") == expected
            assert not list((tmp_path / "disk").rglob(".*"))


@pytest.mark.slow
def test_paid_answers_that_were_stored_are_not_asked_for_again(tmp_path: Path, monkeypatch) -> None:
    actions = [f"action {k}" for k in range(30)]
    (tmp_path / "actions.txt").write_text("\n".join(actions))
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("CROSSGLG_CACHE", str(tmp_path / "disk"))
    with HTTPServer(threaded=True) as http, small_disk(tmp_path / "disk", 100):
        server = Server(http.url_for("/v1"))
        http.expect_request("/v1/chat/completions", method="POST").respond_with_handler(server)
        words = ["describe", "--actions", tmp_path / "actions.txt", "--output", tmp_path / "texts.json"]
        words += ["--model", "tiny", "--base-url", server.url, "--layout", "kinect20", "--concurrency", 1]
        done = crossglg(*words)
        last = done.stderr.strip().splitlines()[-1]
        assert done.returncode == 2 and last.startswith("error: no room is left on the disk"), done.stderr[-2000:]
        assert "CROSSGLG_CACHE" in last and not (tmp_path / "texts.json").exists()
        first = [question(body) for body in server.bodies]
        assert 2 < len(first) < 60, "it stops asking when an answer cannot be kept"
        make_room(tmp_path / "disk")
        assert crossglg(*words).returncode == 0
        again = [question(body) for body in server.bodies[len(first) :]]
        assert set(first) & set(again) <= {first[-1]}, "only the answer that could not be kept"
        for path in tmp_path.rglob("*"):
            assert path.is_dir() or KEY.encode() not in path.read_bytes()
