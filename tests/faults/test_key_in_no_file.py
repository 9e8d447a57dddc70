"""Generation fails in every way that a server has, some repeating the API key: no file has it, nothing prints it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from support.chat_server import KEY, Server, is_global, refused, said
from support.command import crossglg
from werkzeug import Response

Rule = Callable[[dict[str, Any]], Response | None]
AGAIN = {"retry-after-ms": "1"}
FAILURES: dict[str, Rule] = {
    "key refused": lambda body: refused(401, f"Incorrect API key provided: {KEY}"),
    "no access": lambda body: refused(403, f"{KEY} may not use this model"),
    "no such model": lambda body: refused(404, f"no model for {KEY}"),
    "form refused": lambda body: refused(400, f"response_format? asked Bearer {KEY}"),
    "busy": lambda body: refused(429, f"rate limit of {KEY}", **AGAIN),
    "out of order": lambda body: refused(500, f"crash with authorization: Bearer {KEY}", **AGAIN),
    "web page": lambda body: Response(f"<html>log in with {KEY}</html>", content_type="text/html"),
    "no completion": lambda body: Response(json.dumps({"key": KEY}), content_type="application/json"),
    "refusal": lambda body: said(None, refusal="I will not describe that."),
    "not an answer": lambda body: said("no braces at all"),
    "cut off": lambda body: said('{"description": "The right', "length"),
    "filtered": lambda body: said("", "content_filter"),
    "half of them": lambda body: None if is_global(body) else refused(500, f"Bearer {KEY}", **AGAIN),
}


@pytest.fixture(scope="module")
def http() -> Iterator[HTTPServer]:
    with HTTPServer(threaded=True) as server:
        yield server


@pytest.fixture
def words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    (tmp_path / "actions.txt").write_text("wave\nkick\n")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("CROSSGLG_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("crossglg.text.llm._pause", lambda error, number: 0.0)
    output = tmp_path / "texts.json"
    return ["describe", "--actions", tmp_path / "actions.txt", "--output", output, "--layout", "kinect20"]


def no_key(folder: Path, *printed: str) -> None:
    for text in printed:
        assert KEY not in text and KEY[8:] not in text, "the key was printed"
    for path in folder.rglob("*"):
        assert path.is_dir() or KEY[8:].encode() not in path.read_bytes(), f"{path} holds the key"


@pytest.mark.parametrize("failure", FAILURES)
def test_the_key_is_in_no_file(failure: str, words: list[object], http: HTTPServer, tmp_path: Path) -> None:
    http.clear()
    server = Server(http.url_for("/v1"), [FAILURES[failure]])
    http.expect_request("/v1/chat/completions", method="POST").respond_with_handler(server)
    done = crossglg(*words, "--model", "tiny", "--base-url", server.url)
    assert done.returncode in (1, 2), done.stderr
    assert server.keys == {f"Bearer {KEY}"}, "the server did get it"
    no_key(tmp_path, done.stdout, done.stderr)


def test_an_address_with_a_key_that_nobody_answers_is_shown_without_it(words: list[object], tmp_path: Path) -> None:
    done = crossglg(*words, "--model", "tiny", "--base-url", f"http://user:{KEY}@127.0.0.1:9/v1")
    assert done.returncode in (1, 2)
    no_key(tmp_path, done.stdout, done.stderr)
