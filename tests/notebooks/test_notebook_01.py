"""Notebook 01 asks a language model (here: a server on this machine), compares, and lets no key out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
from pytest_httpserver import HTTPServer
from support.chat_server import KEY, LAYOUT, Server, refused

from crossglg.config import Config
from crossglg.data import synthetic
from crossglg.data.clips import SkeletonSet
from crossglg.runs import pipeline
from crossglg.text.descriptions import DescriptionFile


def files_with(secret: str, folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    few = synthetic.synthesize(seed=3, clips_per_action=4, actions=synthetic.ACTIONS[:8])
    return few.retargeted(LAYOUT).save(tmp_path_factory.mktemp("data") / "mine.npz")


def test_generating_leaves_descriptions_a_comparison_and_no_key(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("CROSSGLG_CACHE", str(tmp_path / "cache"))
    output = tmp_path / "run"
    with HTTPServer(threaded=True) as http:
        server = Server(http.url_for("/v1"))
        http.expect_request("/v1/chat/completions", method="POST").respond_with_handler(server)
        values = {**Config.create(dataset=str(clips)).to_dict(), "output": str(output)}
        asking = {"generate": True, "model": "tiny", "base_url": server.url}
        target = output / "notebooks" / "01_describe_actions.ipynb"
        pipeline.execute("01_describe_actions", values | asking, target)
    assert server.keys == {f"Bearer {KEY}"}, "the key was used"
    written = DescriptionFile.load(output / "descriptions.json")
    assert len(server.bodies) == 2 * len(written.classes) > 0
    cells = nbformat.read(target, 4).cells
    shown = " ".join(str(cell.get("outputs", "")) for cell in cells)
    assert f"{len(server.bodies)} answers asked for" in shown
    assert f"**all {len(written.classes)}**" in shown, "the comparison with the shipped descriptions"
    assert {path.name for path in (output / "figures").iterdir()} >= {
        "one_action_by_its_texts.png", "what_if_the_text_were_another.png",
    }  # fmt: skip
    (tmp_path / "proof").write_text(f"key={KEY}")
    assert files_with(KEY, tmp_path) == [tmp_path / "proof"], "neither in the run's folder nor in the cache"


def test_classes_that_nobody_has_described_are_described_here(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("CROSSGLG_CACHE", str(tmp_path / "cache"))
    known = SkeletonSet.load(clips)
    own = replace(known, class_names=tuple(f"my {name}" for name in known.class_names), canonical_names=())
    values = {"dataset": str(own.save(tmp_path / "own.npz")), "output": str(tmp_path / "run")}
    copy = tmp_path / "run" / "copy.ipynb"
    with pytest.raises(pipeline.NotebookError, match=r"no description .* set generate = True") as failed:
        pipeline.execute("01_describe_actions", values, copy)
    assert "crossglg describe" in str(failed.value)
    assert "generate = True would ask" in copy.read_text(), "the prompts come first"
    with HTTPServer(threaded=True) as http:
        server = Server(http.url_for("/v1"))
        http.expect_request("/v1/chat/completions", method="POST").respond_with_handler(server)
        asking = {"generate": True, "model": "tiny", "base_url": server.url}
        pipeline.execute("01_describe_actions", values | asking, copy)
        with pytest.raises(pipeline.NotebookError, match=r"'my hop' has no description .* set generate = True"):
            pipeline.execute("01_describe_actions", values | asking | {"action": "my hop"}, tmp_path / "hop.ipynb")
    assert "described in descriptions.json:" in copy.read_text()
    assert "only one set of descriptions here" in copy.read_text()


def test_a_refused_key_is_in_no_notebook_either(clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server's refusal repeats the key; the traceback is kept in the executed notebook."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("CROSSGLG_CACHE", str(tmp_path / "cache"))
    with HTTPServer(threaded=True) as http:
        server = Server(http.url_for("/v1"), [lambda body: refused(401, f"Incorrect API key provided: {KEY}")])
        http.expect_request("/v1/chat/completions", method="POST").respond_with_handler(server)
        values = {"dataset": str(clips), "generate": True, "model": "tiny", "base_url": server.url}
        with pytest.raises(pipeline.NotebookError, match="answered 401") as failed:
            pipeline.execute(
                "01_describe_actions", values | {"output": str(tmp_path / "run")}, tmp_path / "run" / "copy.ipynb"
            )
    assert "answered 401" in (tmp_path / "run" / "copy.ipynb").read_text()
    assert KEY not in str(failed.value) and files_with(KEY, tmp_path) == []
