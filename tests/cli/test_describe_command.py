"""`crossglg describe`, `list providers` and `text-report`: what they accept, print, write and refuse."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pytest_httpserver import HTTPServer
from support.chat_server import KEY, LAYOUT, Server, refused, said
from typer.testing import CliRunner

from crossglg.cli import app
from crossglg.data.clips import SkeletonSet
from crossglg.files import write_json
from crossglg.text.descriptions import DescriptionFile, shipped_files


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Server]:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("CROSSGLG_CACHE", str(tmp_path / "cache"))
    with HTTPServer(threaded=True) as http:
        server = Server(http.url_for("/v1"))
        http.expect_request("/v1/chat/completions", method="POST").respond_with_handler(server)
        yield server


@pytest.fixture
def actions(tmp_path: Path) -> Path:
    path = tmp_path / "actions.txt"
    path.write_text("wave\n\n nod \n")
    return path


def crossglg(*words: object) -> tuple[str, BaseException | None]:
    """What a command prints, and what it raises."""
    result = CliRunner().invoke(app, list(map(str, words)))
    return result.stdout, None if isinstance(result.exception, SystemExit) else result.exception


def describe(server: Server, *words: object) -> tuple[str, BaseException | None]:
    return crossglg("describe", "--base-url", server.url, "--model", "tiny", "--layout", LAYOUT.name, *words)


def test_actions_are_described_and_accounted_for(server: Server, actions: Path, tmp_path: Path) -> None:
    output = tmp_path / "texts.json"
    printed, error = describe(server, "--actions", actions, "--output", output)
    assert error is None and list(DescriptionFile.load(output).classes) == ["wave", "nod"]
    assert printed.splitlines() == [
        "4 answers asked for, 0 taken from the store; 28 prompt + 12 completion tokens", f"2 descriptions in {output}",
    ]  # fmt: skip
    printed, _ = describe(server, "--actions", actions, "--output", output, "--price-in", 1, "--price-out", 2)
    assert "0 answers asked for, 4 taken from the store; 0 prompt + 0 completion tokens, cost 0.0000" in printed


def test_samples_are_merged_and_their_agreement_printed(server: Server, actions: Path, tmp_path: Path) -> None:
    output = tmp_path / "texts.json"
    printed, error = describe(
        server, "--actions", actions, "--output", output, "--samples", 2, "--temperature", 0.7, "--concurrency", 2
    )
    assert error is None and printed.splitlines()[-2:] == ["  1.00  nod", "  1.00  wave"]
    assert len(DescriptionFile.load(output).classes["nod"].samples) == 2 and len(server.bodies) == 8


def test_classes_and_layout_come_from_a_set_of_clips(server: Server, tmp_path: Path) -> None:
    clips = SkeletonSet.build(np.ones((4, 20, 3)), [0, 2, 4], [0, 1], ["wave", "nod"], LAYOUT)
    path, output = clips.save(tmp_path / "clips.npz"), tmp_path / "texts.json"
    words: list[Any] = ["--base-url", server.url, "--model", "tiny", "--dataset", path, "--output", output]
    _, error = crossglg("describe", *words)
    assert error is None
    assert DescriptionFile.load(output).layout == LAYOUT and set(DescriptionFile.load(output).classes) == {
        "wave",
        "nod",
    }


def test_own_prompts_are_used(server: Server, actions: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.md.j2"
    own.write_text('---\nid: own\nversion: 1\n---\nBriefly {{ action }}: {"joints"}')
    _, error = describe(server, "--actions", actions, "--output", tmp_path / "texts.json", "--joints-prompt", own)
    asked = [body["messages"][0]["content"] for body in server.bodies]
    assert error is None and sorted(text for text in asked if text.startswith("Briefly")) == [
        'Briefly nod: {"joints"}', 'Briefly wave: {"joints"}',
    ]  # fmt: skip
    printed, _ = describe(server, "--actions", actions, "--dry-run", "--joints-prompt", own)
    assert 'Briefly wave: {"joints"}' in printed


def test_dry_run_asks_nothing_and_needs_no_key(server: Server, actions: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    words = ["--actions", actions, "--dry-run", "--samples", 3, "--price-in", 1, "--price-out", 1]
    printed, error = crossglg("describe", *words)
    assert error is None and server.bodies == [] and '"wave"' in printed
    tokens = int(printed.partition("3 × 4 prompts, about ")[2].split()[0])
    assert tokens > 1000 and f"cost without the answers about {tokens / 1e6:.4f}" in printed


def test_where_actions_fail_the_others_are_written_and_only_those_are_asked_again(
    server: Server, actions: Path, tmp_path: Path
) -> None:
    output = tmp_path / "texts.json"
    server.rules = [lambda body: said("{" * 9000) if '"nod"' in str(body) else None]
    printed, error = describe(server, "--actions", actions, "--output", output)
    assert printed.splitlines() == [
        "4 answers asked for, 0 taken from the store; 28 prompt + 12 completion tokens; 2 answers could not be used",
        f"1 descriptions in {output}",
    ]
    assert isinstance(error, RuntimeError) and "1 of 2 actions failed:\n  'nod': no usable answer" in str(error)
    assert list(DescriptionFile.load(output).classes) == ["wave"]

    server.rules, server.bodies = [], []
    printed, error = describe(server, "--actions", actions, "--output", output)
    assert error is None and printed.startswith("2 answers asked for, 2 taken from the store")
    assert list(DescriptionFile.load(output).classes) == ["wave", "nod"]


def test_where_all_actions_fail_nothing_is_written(server: Server, actions: Path, tmp_path: Path) -> None:
    server.rules = [lambda body: refused(400, "no")]
    printed, error = describe(server, "--actions", actions, "--output", tmp_path / "texts.json")
    assert "2 of 2 actions failed" in str(error) and printed.startswith("0 answers asked for")
    assert not (tmp_path / "texts.json").exists()


def test_the_time_to_wait_is_an_option(server: Server, actions: Path, tmp_path: Path) -> None:
    released = threading.Event()
    server.rules = [lambda body: said("late") if released.wait(9) else None]
    try:
        _, error = describe(server, "--actions", actions, "--output", tmp_path / "texts.json", "--timeout", 1)
    finally:
        released.set()
    assert "'wave', 'nod': " in str(error) and "gave no answer within 1 seconds" in str(error)


@pytest.mark.parametrize("output", ["actions.txt/texts.json", "folder"])
def test_an_output_that_cannot_be_written_is_refused_before_anything_is_asked(
    server: Server, actions: Path, tmp_path: Path, output: str
) -> None:
    (tmp_path / "folder").mkdir()
    _, error = describe(server, "--actions", actions, "--output", tmp_path / output)
    assert isinstance(error, OSError) and f"--output {tmp_path / output} cannot be written" in str(error)
    assert server.bodies == []


def test_a_refused_temperature_is_told(server: Server, actions: Path, tmp_path: Path) -> None:
    server.rules = [lambda body: refused(400, "no temperature here") if "temperature" in body else None]
    printed, error = describe(server, "--actions", actions, "--output", tmp_path / "texts.json")
    assert error is None and "tiny has one temperature only: it was asked without" in printed


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "give either --dataset"),
        (["--actions", "a", "--dataset", "b"], "give either --dataset"),
        (["--actions", "absent.txt"], "no file absent.txt"),
        (["--dataset", "syntetic"], "did you mean 'synthetic'"),
        (["--actions", "{actions}"], "--output FILE is needed"),
        (["--actions", "{actions}", "--provider", "olama"], "did you mean 'ollama'"),
        (["--actions", "{actions}", "--output", "x", "--provider", "vllm"], "give the model"),
        (["--actions", "{actions}", "--price-in", "1"], "give both --price-in and --price-out"),
        (["--actions", "{actions}", "--layout", "ntu26"], "unknown layout 'ntu26'"),
        (["--actions", "{actions}", "--output", "x", "--samples", "2"], "several need a temperature above 0"),
        (["--actions", "{actions}", "--output", "x", "--global-prompt", "absent.md.j2"], "no prompt absent.md.j2"),
    ],
)
def test_bad_input_says_what_to_give(server: Server, actions: Path, words: list[str], message: str) -> None:
    _, error = crossglg("describe", *[word.format(actions=actions) for word in words])
    assert isinstance(error, (ValueError, FileNotFoundError)) and message in str(error)
    actions.write_text("Öffnen", encoding="utf-16")
    assert "is no text in UTF-8" in str(crossglg("describe", "--actions", actions, "--output", "x")[1])
    assert server.bodies == []


def test_an_empty_list_of_actions_is_an_error(actions: Path) -> None:
    actions.write_text("\n \n")
    _, error = crossglg("describe", "--actions", actions, "--dry-run")
    assert "names no action" in str(error)


def test_providers_are_listed_with_their_key_variable() -> None:
    printed, _ = crossglg("list", "providers")
    assert "ollama    http://localhost:11434/v1, key in OLLAMA_API_KEY" in printed


def test_report_measures_the_given_files(tmp_path: Path) -> None:
    file = DescriptionFile.load(next(path for path in shipped_files() if path.stem == "nw_ucla"))
    few = {action: file.classes[action] for action in ("sit down", "stand up")}
    path = DescriptionFile(file.layout, file.provenance, few).save(tmp_path / "few.json")
    printed, error = crossglg("text-report", path)
    assert (
        error is None and "| few | 2 | 0.0% |" in printed and "| few | sit down / stand up | -1.00 | 1.00 |" in printed
    )
    _, error = crossglg("text-report", write_json(tmp_path / "wrong.json", []))
    assert "is no description file" in str(error)


def test_a_list_of_actions_may_have_comments_and_repeats(actions: Path) -> None:
    actions.write_bytes("\ufeff# mine\nwave\nnod\nwave\n".encode())
    output, error = crossglg("describe", "--actions", actions, "--dry-run")
    assert error is None and "mine" not in output and "1 × 4 prompts" in output
