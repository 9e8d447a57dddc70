"""The notebook widget of the player; apart from `player.py` because it needs anywidget. Use `player.player(…)`."""

from __future__ import annotations

from typing import Any

import anywidget
import traitlets

from crossglg.viz.common import player_file, player_script
from crossglg.viz.page import mime_bundle
from crossglg.viz.player import JOINTS, VIEWS, filmstrip, heading, player_page
from crossglg.viz.style import png


class SkeletonPlayer(anywidget.AnyWidget):
    """data: as `player.player_data` makes it; new data is shown at once.  frame (0 … frames − 1), hovered_joint,
    selected_joint ("" for none) go both ways, and so do view (one of `player.VIEWS`), sorted (joints by importance),
    and of attention block (1 is the first), head (0: the mean of all) and direction ("from" or "to" the joint).

    While the player runs, `frame` follows it five times a second; set `frame` to move a player that is paused.
    """

    _esm = player_script()
    _css = player_file("player.css")

    # Numbers are checked where they are made; checking each again would take seconds for a long clip.
    data = traitlets.Dict().tag(sync=True)
    frame = traitlets.Int(0).tag(sync=True)
    hovered_joint = traitlets.Unicode("").tag(sync=True)
    selected_joint = traitlets.Unicode("").tag(sync=True)
    view = traitlets.Enum(VIEWS, JOINTS).tag(sync=True)
    sorted = traitlets.Bool(False).tag(sync=True)
    block = traitlets.Int(1, min=1).tag(sync=True)
    head = traitlets.Int(0, min=0).tag(sync=True)
    direction = traitlets.Enum(("from", "to"), "from").tag(sync=True)

    def still(self) -> dict[str, str]:
        """What is shown, for where no kernel runs: MIME type → content."""
        height = 880  # pixels, as in a narrow notebook
        try:
            picture = png(filmstrip(self.data))
        except ValueError:  # nobody is seen
            return {"text/plain": heading(self.data)}
        return mime_bundle(heading(self.data), picture, player_page(self.data), height)

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        data, metadata = super()._repr_mimebundle_(**kwargs) or ({}, {})
        return data | self.still(), metadata

    @traitlets.validate("frame")
    def _valid_frame(self, proposal: dict[str, Any]) -> int:
        if not 0 <= proposal["value"] < self.data["frames"]:
            raise traitlets.TraitError(f"frame must be 0 … {self.data['frames'] - 1}, got {proposal['value']}")
        return int(proposal["value"])

    @traitlets.validate("hovered_joint", "selected_joint")
    def _valid_joint(self, proposal: dict[str, Any]) -> str:
        if proposal["value"] not in ("", *self.data["joints"]):
            raise traitlets.TraitError(f"no joint {proposal['value']!r}; joints are {', '.join(self.data['joints'])}")
        return str(proposal["value"])
