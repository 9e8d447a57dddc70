"""The board shows a run at every stage: before, while it trains, after it failed, when it is finished."""

from __future__ import annotations

import re
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from support.offline_page import opened
from support.small_run import begin_run, mark_executed, train_run
from typer.testing import CliRunner

from crossglg import cli
from crossglg.data.tasks import load_task
from crossglg.files import read_json
from crossglg.runs import board, pipeline
from crossglg.runs.results import read_results
from crossglg.text.embeddings import TextBank
from crossglg.training.trainer import fit


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    train_run(folder, begin_run(folder))
    mark_executed(folder)
    return folder


def words(page: str) -> str:
    """The text of a page outside its pictures and its player."""
    return re.sub(r"<[^>]+>", " ", re.sub(r"<(svg|style|iframe)\b.*?</\1>", "", page, flags=re.DOTALL))


def test_a_run_that_has_only_begun_says_so(tmp_path):
    begin_run(tmp_path, epochs=7)
    state = board.write_board(tmp_path)
    assert state.state == "waiting" and not state.over
    page = (tmp_path / "board.html").read_text(encoding="utf-8")
    assert "not started yet" in page and re.search(r"0 +of 7 epochs", words(page))
    assert "<svg" not in page and "<iframe" not in page


def test_a_training_is_followed_epoch_by_epoch(tmp_path):
    config = begin_run(tmp_path, guidance="none")
    mark_executed(tmp_path, "00_tour", "01_describe_actions")
    mark_executed(tmp_path, "02_train", exception=None, end_time=None)
    seen = []

    def look(record):
        state = board.write_board(tmp_path, refresh=5)
        seen.append((state.state, len(state.history), state.history[-1] == record))
        page = (tmp_path / "board.html").read_text(encoding="utf-8")
        assert f"{record['total_loss']:.2f} loss in the last epoch" in " ".join(words(page).split())
        assert '<meta http-equiv="refresh" content="5">' in page and 'id="training-' in page

    train_run(tmp_path, config, after_epoch=look)
    assert seen == [("running", 1, True), ("running", 2, True)]


def test_a_failed_notebook_is_shown_with_its_error(tmp_path):
    config = begin_run(tmp_path)
    mark_executed(tmp_path, "00_tour", "01_describe_actions", "02_train")
    name = "03_one_shot_evaluation"
    values = {**config.to_dict(), "output": str(tmp_path)}
    with pytest.raises(pipeline.NotebookError):
        pipeline.execute(name, values, tmp_path / "notebooks" / f"{name}.ipynb")
    state = board.write_board(tmp_path, refresh=5)
    assert state.state == "failed" and state.over
    assert [step.state for step in state.steps] == ["finished"] * 3 + ["failed"] + ["waiting"] * 2
    page = (tmp_path / "board.html").read_text(encoding="utf-8")
    assert re.search(rf"{name} failed: +MissingError: no trained model", words(page))
    assert 'http-equiv="refresh"' not in page, "there is nothing to wait for"


def test_a_finished_run_shows_its_results(finished):
    state = board.write_board(finished, refresh=5)
    result = read_json(finished / "results.json")["one_shot"]["cosine"]
    page = (finished / "board.html").read_text(encoding="utf-8")
    assert state.state == "finished" and state.chosen is not None
    assert f"{100 * result['mean']:.1f} ± {100 * result['interval']:.1f} %" in words(page)
    assert page.count("<svg") == 3 and page.count("<iframe") == 1 and page.count('<img src="data:image/png') == 1
    assert 'http-equiv="refresh"' not in page
    names = r'xmlns(:xlink)?=("|&#34;)[^"&]+("|&#34;)'  # of SVG, also where the player writes one
    assert not re.search(r'https?://|@import|src="(?!data:)', re.sub(names, "", page))


def test_the_explorer_is_framed_as_it_is(finished):
    page = board.board_html(board.read_run(finished))
    explorer = finished / "figures" / "explorer.html"
    before = explorer.read_bytes()
    explorer.write_text('<p>another page\'s own & "words"</p>', encoding="utf-8")
    try:
        swapped = board.board_html(board.read_run(finished))
    finally:
        explorer.write_bytes(before)
    assert "skeleton-player" in page and "skeleton-player" not in swapped
    assert 'srcdoc="&lt;p&gt;another page&#39;s own &amp; &#34;words&#34;&lt;/p&gt;"' in swapped


def test_names_and_errors_are_text_and_never_run(finished, tmp_path):
    hostile = "<script>alert(1)</script>\"'&"
    begin_run(tmp_path)
    mark_executed(tmp_path, "00_tour")
    state = board.read_run(tmp_path)
    result = replace(read_results(finished), novel_classes=[hostile] * 3)
    failed = board.Step("00_tour", "failed", hostile)
    page = board.board_html(replace(state, results=result, steps=(failed, *state.steps[1:])))
    assert "<script>alert" not in page and "<pre>&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_a_half_written_notebook_counts_as_running(finished, tmp_path):
    begin_run(tmp_path)
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "00_tour.ipynb").write_text('{"cells": [')
    assert board.read_run(tmp_path).steps[0].state == "running"


def test_the_page_that_is_watched_is_no_change_of_the_run(tmp_path):
    begin_run(tmp_path)
    page = tmp_path / "live.html"
    first = board.write_board(tmp_path, page)
    time.sleep(0.02)
    assert board.write_board(tmp_path, page).touched == first.touched
    (tmp_path / "other.html").touch()
    assert board.write_board(tmp_path, page).touched > first.touched


def test_watching_ends_with_the_run(tmp_path):
    begin_run(tmp_path)
    ended = []
    watching = threading.Thread(target=lambda: ended.append(board.watch(tmp_path, seconds=0.05)), daemon=True)
    watching.start()
    while not (tmp_path / "board.html").is_file():
        watching.join(0.05)
    assert watching.is_alive() and "not started yet" in (tmp_path / "board.html").read_text(encoding="utf-8")
    mark_executed(tmp_path)
    watching.join(30)
    assert ended and ended[0].state == "finished"
    assert board.STATES["finished"][1] in (tmp_path / "board.html").read_text(encoding="utf-8")


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no run; give the folder of a run: "):
        board.write_board(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_not_there_is_answered_with_those_that_are(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"runs/mine is not there; .*none in runs/ yet, crossglg run makes one"):
        board.write_board("runs/mine")
    begin_run(tmp_path / "runs" / "one")
    begin_run(tmp_path / "runs" / "two")
    with pytest.raises(
        FileNotFoundError, match=r"runs/mine is not there; give the folder of a run: runs/one, runs/two$"
    ):
        board.write_board("runs/mine")


def test_a_training_without_notebooks_is_told_from_a_run(tmp_path):
    config = begin_run(tmp_path, guidance="none")
    states = []
    task = load_task(config)
    bank = TextBank.without_texts(task.base.class_names, task.base.layout)
    fit(
        config, task.base, bank, tmp_path / "model", after_epoch=lambda _: states.append(board.read_run(tmp_path).state)
    )
    assert states == ["running", "running"]
    state = board.write_board(tmp_path)
    assert state.state == "trained" and state.over and [record["epoch"] for record in state.history] == [0, 1]
    assert state.chosen == read_json(tmp_path / "model" / "model.json")["details"]["chosen_epoch"]
    page = (tmp_path / "board.html").read_text(encoding="utf-8")
    assert f"trained; not evaluated yet: crossglg run --resume --output {tmp_path}" in words(page)
    assert "not started yet" not in page and re.search(r"2 +of 2 epochs", words(page))


def test_command_writes_where_it_is_told(finished, tmp_path):
    done = CliRunner().invoke(cli.app, ["board", str(finished), "--output", str(tmp_path / "b.html"), "--watch"])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "b.html").is_file() and (tmp_path / "b.html").as_uri() in done.output


@pytest.mark.browser
def test_page_shows_curves_and_plays_offline(finished):
    board.write_board(finished)
    with opened(finished / "board.html", 1920, 1080) as page:
        assert page.locator("svg[aria-label=training] path").count() > 10
        assert page.locator("svg[aria-label=confusion]").is_visible()
        assert page.locator("img").evaluate("image => image.complete && image.naturalWidth > 100")
        assert float(page.evaluate("parseFloat(getComputedStyle(document.body).fontSize)")) >= 24
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing sticks out to the side"
        page.locator("iframe").scroll_into_view_if_needed()
        player = page.frame_locator("iframe")
        frame = page.locator("iframe").bounding_box()  # shown larger than the page in it thinks, so the mouse is told
        inner = player.get_by_role("button", name="Play").evaluate("button => button.getBoundingClientRect().toJSON()")
        scale = frame["width"] / player.locator("body").evaluate("() => innerWidth")
        page.mouse.click(frame["x"] + scale * (inner["left"] + 9), frame["y"] + scale * (inner["top"] + 9))
        player.locator('canvas:not([data-frame="0"])').wait_for()


@pytest.mark.browser
def test_open_page_follows_the_run_by_itself(tmp_path):
    begin_run(tmp_path)
    board.write_board(tmp_path, refresh=1)
    with opened(tmp_path / "board.html") as page:
        assert page.inner_text(".state") == "not started yet"
        mark_executed(tmp_path)
        board.write_board(tmp_path, refresh=1)
        page.wait_for_selector("header.finished", timeout=30_000)
