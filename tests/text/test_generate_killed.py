"""Generation killed again and again, from a server that often fails: nothing is lost, asked twice or half written."""

from __future__ import annotations

import json
import multiprocessing
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from support.chat_server import KEY, Server, is_global, question, refused, said
from support.command import run_as_process
from support.killing import kills
from werkzeug import Response

from crossglg.skeletons import get_layout
from crossglg.text.descriptions import DescriptionFile

LAYOUT = get_layout("kinect20")
THREADS = 4
FORKS = "forkserver"  # processes are forked from one that has imported what the command needs

pytestmark = pytest.mark.skipif(FORKS not in multiprocessing.get_all_start_methods(), reason="needs processes of Unix")


class FailingServer(Server):
    """Fails in 30 % of the answers, seeded; `good` counts the valid answers to each question."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.rules = [self.answer]
        self.random = random.Random(0)
        self.good: Counter[str] = Counter()
        self.number = threading.Condition()

    def answer(self, body: dict[str, Any]) -> Response:
        with self.number:
            self.number.notify_all()
            chance = self.random.random()
            whole = json.dumps(self.description(body))
            if chance < 0.1:
                return refused(500, f"out of memory ({KEY})", **{"retry-after-ms": "2"})
            if chance < 0.3:
                return said(whole[: len(whole) // 2], "length") if chance < 0.2 else said("I'd rather not.")
            self.good[question(body)] += 1
            return said(whole)

    @staticmethod
    def description(body: dict[str, Any]) -> dict[str, Any]:
        if is_global(body):
            return {"description": "The right hand waves.", "key_joints": ["right hand"]}
        return {"joints": {joint: f"The {joint} moves." for joint in LAYOUT.joints}}

    def wait_for(self, number: int, process: BaseProcess) -> None:
        """Until so many requests have come since the start, or the process is done."""
        with self.number:
            while len(self.bodies) < number and process.is_alive():
                self.number.wait(0.05)


@pytest.fixture
def failing() -> Iterator[FailingServer]:
    with HTTPServer(threaded=True) as http:
        server = FailingServer(http.url_for("/v1"))
        http.expect_request("/v1/chat/completions", method="POST").respond_with_handler(server)
        yield server


def start(folder: Path, url: str) -> BaseProcess:
    """`crossglg describe` in a process of its own; what it prints goes to the folder."""
    words = ["describe", "--actions", folder / "actions.txt", "--output", folder / "texts.json", "--model", "tiny"]
    words += ["--base-url", url, "--layout", LAYOUT.name, "--concurrency", THREADS]
    environment = {"CROSSGLG_CACHE": str(folder / "cache"), "OPENAI_API_KEY": KEY}
    context = multiprocessing.get_context(FORKS)
    context.set_forkserver_preload(
        ["support.command", "crossglg.data.tasks", "crossglg.text.generate", "openai.resources"]
    )
    process = context.Process(target=run_as_process, args=(list(map(str, words)), environment, folder / "printed.txt"))
    process.start()
    return process


def stored_questions(folder: Path) -> set[str]:
    """The questions whose usable answers are in the store; every file there must be whole."""
    files = [path for path in (folder / "cache" / "llm").glob("*.json") if not path.name.endswith(".unusable.json")]
    entries = [json.loads(path.read_text()) for path in files]
    return {entry["messages"][0]["content"] for entry in entries if entry["answer"].endswith("}")}


def asked(bodies: list[dict[str, Any]]) -> set[str]:
    return {question(body) for body in bodies}


@pytest.mark.parametrize("number", [kills(8), pytest.param(20, marks=pytest.mark.slow)])
def test_killed_many_times_it_ends_with_all_and_asks_nothing_twice(
    tmp_path: Path, failing: FailingServer, number: int
) -> None:
    actions = [f"action {i}" for i in range(6 * number)]  # enough to be at work at the last kill
    (tmp_path / "actions.txt").write_text("\n".join(actions))
    moments = random.Random(1)
    for _ in range(number):
        known, before = stored_questions(tmp_path), len(failing.bodies)
        process = start(tmp_path, failing.url)
        failing.wait_for(before + moments.randint(1, 20), process)
        time.sleep(moments.uniform(0, 0.02))
        assert process.is_alive(), "it must still be at work when it is killed"
        process.kill()
        process.join()
        time.sleep(0.01)  # for requests on their way
        assert not known & asked(failing.bodies[before:]), "asked again although the answer was stored"
        assert not (tmp_path / "texts.json").exists()
    for _ in range(10):  # an answer that stayed wrong after its repair fails its action; the next run asks it anew
        known, before = stored_questions(tmp_path), len(failing.bodies)
        process = start(tmp_path, failing.url)
        process.join(timeout=60)
        assert not known & asked(failing.bodies[before:]), "asked again although the answer was stored"
        if process.exitcode == 0:
            break

    file = DescriptionFile.load(tmp_path / "texts.json")
    assert list(file.classes) == actions
    assert len(failing.good) == 2 * len(actions)
    repeated = sum(failing.good.values()) - len(failing.good)
    assert repeated <= number * THREADS, "only answers on their way when the process was killed may be asked for again"
    assert f"{len(actions)} descriptions in".encode() in (tmp_path / "printed.txt").read_bytes()
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or KEY[8:].encode() not in path.read_bytes(), f"{path} holds the key"
