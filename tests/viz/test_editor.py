"""The text editor calls back with what was written, redraws once per edit, and tells what is wrong."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from matplotlib.figure import Figure

from crossglg.viz.editor import TextEditor

TEXTS = {
    "wave": {"global": "The hand waves.", "hand": "The hand swings.", "head": "The head is still."},
    "nod": {"global": "The head nods.", "hand": "The hand hangs.", "head": "The head bows."},
}


@pytest.fixture
def shown() -> list[Any]:
    return []


@pytest.fixture
def editor(shown: list[Any]) -> TextEditor:
    def show(*what: Any) -> Figure:
        shown.append(what)
        if not what[1]["global"].strip():
            raise ValueError("no <global> text")
        return Figure(figsize=(1, 1))

    def find(action: str, text: str) -> list[str]:
        return [joint for joint in TEXTS[action] if joint in text]

    return TextEditor(TEXTS, {"wave": ("hand",), "nod": ("head",)}, find, show)


def test_the_first_action_is_shown_as_it_is(editor: TextEditor, shown: list[Any]) -> None:
    assert shown == [("wave", TEXTS["wave"], ("hand",))]
    assert editor.box.value == "The hand waves." and bytes(editor.picture.value).startswith(b"\x89PNG")
    assert not editor.box.continuous_update


def test_a_new_global_text_brings_its_key_joints_in_one_redrawing(editor: TextEditor, shown: list[Any]) -> None:
    editor.box.value = "The head turns."
    assert shown[1:] == [("wave", {**TEXTS["wave"], "global": "The head turns."}, ("head",))]
    editor.box.value = "Nothing that is known."  # names no joint: the key joints stay
    assert shown[-1][2] == ("head",) and len(shown) == 3


def test_a_joints_text_and_chosen_key_joints(editor: TextEditor, shown: list[Any]) -> None:
    editor.which.value = "head"
    assert editor.box.value == "The head is still." and len(shown) == 1, "turning the page is no edit"
    editor.box.value = "The head shakes."
    editor.key_joints.value = ("hand", "head")
    edited = {**TEXTS["wave"], "head": "The head shakes."}
    assert shown[1:] == [("wave", edited, ("hand",)), ("wave", edited, ("hand", "head"))]


def test_another_action_and_the_button_start_afresh(editor: TextEditor, shown: list[Any]) -> None:
    editor.which.value = "head"
    editor.box.value = "The head shakes."
    editor.reset.click()
    assert shown[-1] == ("wave", TEXTS["wave"], ("hand",))
    editor.action.value = "nod"
    assert shown[-1] == ("nod", TEXTS["nod"], ("head",)) and editor.box.value == "The head nods."
    assert TEXTS["wave"]["head"] == "The head is still."


def test_without_a_kernel_the_text_and_the_picture_are_left(editor: TextEditor) -> None:
    editor.box.value = "The <head> turns."
    bundle = editor._repr_mimebundle_()
    assert bundle["text/plain"] == "Text editor: wave. The <head> turns."
    assert bundle["text/html"].startswith("<p><b>wave</b>: The &lt;head&gt; turns.</p><img ")
    assert base64.b64decode(bundle["image/png"]).startswith(b"\x89PNG")


def test_an_error_is_a_message_until_it_is_mended(editor: TextEditor) -> None:
    before = editor.picture.value
    editor.box.value = " "
    assert "no &lt;global&gt; text" in editor.message.value and editor.picture.value == before
    editor.box.value = "The hand."
    assert editor.message.value == ""
