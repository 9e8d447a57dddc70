"""Class names and texts that are HTML, scripts, formulas, right to left or 10 kB long, in the pages that we write."""

from __future__ import annotations

from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest
from support.offline_page import opened
from support.small_run import begin_run, mark_executed, train_run

from crossglg.data.clips import SkeletonSet
from crossglg.data.synthetic import synthesize
from crossglg.runs.board import write_board
from crossglg.runs.gallery import make_gallery
from crossglg.viz.player import Panel, player_html

NAMES = (
    "<script>document.title='ran'</script>",
    "</script><script>document.title='ran'</script>",
    "</title></textarea><img src=x onerror=\"document.title='ran'\">",
    "<!-- <svg onload=\"document.title='ran'\"> --!>",
    "]]> '\"` &lt;b&gt; &amp; </text></svg>",
    "{{ 7 * 7 }} {% raw %} ${7*7} \\u003cscript\\u003e",
    "cost $5 or $\\frac{1}{$",
    "\u202etegrof\u202c \u2066\u05d0\u05d1\u2069 \u0645\u0631\u062d\u0628\u0627 \ufeff\u200b",
    "javascript:document.title='ran'",
    "line\nbreak\ttab\x07 bell",
    "x" * 10_000,
    "<b>" * 2_500,
)


class Structure(HTMLParser):
    """The elements of a page, and of the pages in its frames; those of a picture are looked at, not listed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, ...]] = []
        self.scripts: list[str] = []
        self.inside: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = dict(attributes)
        assert not [name for name in values if name.startswith("on")], f"<{tag}> runs something"
        assert not (values.get("href") or "").lower().startswith("javascript"), values
        if "svg" in self.inside:
            assert tag not in ("script", "iframe", "foreignobject", "img"), f"<{tag}> in a picture"
        else:
            self.elements.append((tag, *sorted(values)))
        if tag not in ("meta", "link", "img", "br", "input"):
            self.inside.append(tag)
        if "srcdoc" in values:
            inner = Structure(values["srcdoc"] or "")
            self.elements += inner.elements
            self.scripts += inner.scripts

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attributes)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self.inside:
            while self.inside.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        if self.inside[-1:] == ["script"] and "application/json" not in (self.get_starttag_text() or ""):
            self.scripts.append(data)


def called(clips: SkeletonSet, names: tuple[str, ...]) -> SkeletonSet:
    return replace(clips, class_names=names, canonical_names=())


def pages(folder: Path, names: tuple[str, ...]) -> list[Path]:
    """The board and the gallery of a run whose classes are called so."""
    folder.mkdir()
    config = begin_run(folder)
    called(SkeletonSet.load(folder / "clips.npz"), names).save(folder / "clips.npz")
    train_run(folder, config)
    mark_executed(folder)
    write_board(folder)
    make_gallery(folder, folder / "gallery")
    return [folder / "board.html", *(folder / "gallery").glob("*.html")]


def player(names: tuple[str, ...]) -> str:
    clips = synthesize(0, 1, ("clapping", "hand waving"))
    texts = dict(zip(clips.layout.joints, names, strict=False))
    panels = [
        Panel(clips[i], title=names[i], subtitle=names[i + 1], verdict=names[i + 2], joint_texts=texts) for i in (0, 1)
    ]
    return player_html(panels, clips.layout)


def test_a_player_shows_hostile_texts_and_runs_only_its_own_script() -> None:
    plain, hostile = Structure(player(tuple(f"class {k}" for k in range(12)))), Structure(player(NAMES))
    assert hostile.elements == plain.elements
    assert hostile.scripts == plain.scripts and plain.scripts


@pytest.mark.slow
def test_board_and_gallery_of_hostile_classes_are_those_of_plain_ones(tmp_path: Path) -> None:
    plain = pages(tmp_path / "plain", tuple(f"class {k}" for k in range(12)))
    hostile = pages(tmp_path / "hostile", NAMES)
    assert [path.name for path in plain] == [path.name for path in hostile] and len(plain) == 2
    for one, other in zip(plain, hostile, strict=True):
        expected, found = (Structure(path.read_text(encoding="utf-8")) for path in (one, other))
        assert found.elements == expected.elements, one.name
        assert found.scripts == expected.scripts, one.name


def check_that_names_run_nothing(path: Path, shown: str = "") -> None:
    """In a browser: no message on the console, no request, and the title that we gave, which the names would change."""
    page_text = path.read_text(encoding="utf-8")
    title = unescape(page_text.split("<title>")[1].split("</title>")[0]) if "<title>" in page_text else ""
    with opened(path) as page:
        page.wait_for_timeout(500)
        assert page.title().strip() == title.strip() != "ran"
        assert shown in page.inner_text("body")
        assert "ran" not in [frame.title() for frame in page.frames[1:]]


@pytest.mark.browser
def test_a_player_of_hostile_texts_runs_nothing_in_a_browser(tmp_path: Path) -> None:
    (tmp_path / "player.html").write_text(player(NAMES), encoding="utf-8")
    check_that_names_run_nothing(tmp_path / "player.html", shown=NAMES[0])


@pytest.mark.slow
@pytest.mark.browser
def test_board_and_gallery_of_hostile_classes_run_nothing_in_a_browser(tmp_path: Path) -> None:
    for path in pages(tmp_path / "run", NAMES):
        check_that_names_run_nothing(path)
