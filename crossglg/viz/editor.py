"""A notebook widget to change a class's texts and key joints and see at once what follows; it knows plain strings."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import ipywidgets as widgets
from matplotlib.figure import Figure

from crossglg.viz.page import mime_bundle
from crossglg.viz.style import png

Texts = dict[str, str]


class TextEditor(widgets.VBox):
    """Choose an action and one of its texts, change it or the key joints, and the picture below follows.

    texts: action → {"global": …, joint: …}; every name but "global" can be a key joint.  key_joints: action → names.
    find: the key joints that (action, its new global text) name.  show: draws (action, its texts, its key joints).
    An edit counts when the text box is left, not with every keystroke, and is forgotten with another action. A
    ValueError of `show` becomes a message.
    """

    def __init__(
        self,
        texts: Mapping[str, Mapping[str, str]],
        key_joints: Mapping[str, Sequence[str]],
        find: Callable[[str, str], Sequence[str]],
        show: Callable[[str, Texts, tuple[str, ...]], Figure],
    ) -> None:
        self.texts, self.given, self.find, self.show = texts, key_joints, find, show
        self.edited: Texts = {}
        self.filling = False
        self.action = widgets.Dropdown(options=list(texts), description="action")
        self.which = widgets.Dropdown(description="text of")
        self.box = widgets.Textarea(continuous_update=False, rows=5, layout=widgets.Layout(width="98%"))
        self.key_joints = widgets.SelectMultiple(description="key joints", rows=10)
        self.reset = widgets.Button(description="Reset", tooltip="take back the edits of this action")
        self.message, self.picture = widgets.HTML(), widgets.Image(format="png")
        self.action.observe(self._fill, "value")
        self.which.observe(self._turn, "value")
        self.box.observe(self._write, "value")
        self.key_joints.observe(self._redraw, "value")
        self.reset.on_click(self._fill)
        self._fill()
        wrap = widgets.Layout(flex_flow="row wrap")  # in a narrow window what does not fit goes to the next line
        row = widgets.HBox([self.action, self.which, self.reset], layout=wrap)
        left = widgets.VBox([row, self.box, self.message], layout=widgets.Layout(flex="1 1 420px", min_width="0"))
        super().__init__([widgets.HBox([left, self.key_joints], layout=wrap), self.picture])

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        bundle: dict[str, Any] = super()._repr_mimebundle_(**kwargs)
        if not self.picture.value:  # nothing could be drawn
            return bundle
        action, text = self.action.value, self.edited["global"]
        still = mime_bundle(f"Text editor: {action}. {text}", self.picture.value)
        written = f"<p><b>{html.escape(action)}</b>: {html.escape(text)}</p>"
        return bundle | still | {"text/html": written + still["text/html"]}

    @contextmanager
    def _silently(self) -> Iterator[None]:
        """What the program itself puts into the widgets is no edit."""
        self.filling = True
        try:
            yield
        finally:
            self.filling = False

    def _fill(self, _: object = None) -> None:
        self.edited = dict(self.texts[self.action.value])
        with self._silently():
            self.which.options, self.which.value = list(self.edited), "global"
            self.box.value = self.edited[self.which.value]
            self.key_joints.options = [name for name in self.edited if name != "global"]
            self.key_joints.value = tuple(self.given[self.action.value])
        self._redraw()

    def _turn(self, _: object) -> None:
        if not self.filling:
            with self._silently():
                self.box.value = self.edited[self.which.value]

    def _write(self, change: Mapping[str, str]) -> None:
        if self.filling:
            return
        self.edited[self.which.value] = change["new"]
        if self.which.value == "global" and (found := self.find(self.action.value, change["new"])):
            with self._silently():
                self.key_joints.value = tuple(found)
        self._redraw()

    def _redraw(self, _: object = None) -> None:
        if self.filling:
            return
        try:
            self.picture.value = png(self.show(self.action.value, dict(self.edited), tuple(self.key_joints.value)))
            self.message.value = ""
        except ValueError as error:
            self.message.value = f"<b>{html.escape(str(error))}</b>"
