"""The notebook widget of the player; apart from `player.py` because it needs anywidget. Use `player.player(…)`."""

from __future__ import annotations

from typing import Any

import anywidget
import traitlets

from crossglg.viz.common import player_file


class SkeletonPlayer(anywidget.AnyWidget):
    """Traits as of `player.player_data`; `frame` (0 … T − 1) and `hovered_joint` ("" for none) go both ways.

    While the player runs, `frame` follows it five times a second; set `frame` to move a player that is paused.
    """

    _esm = player_file("player.js")
    _css = player_file("player.css")

    title = traitlets.Unicode().tag(sync=True)
    fps = traitlets.Float(30.0).tag(sync=True)
    shape: traitlets.List[Any] = traitlets.List(traitlets.Int()).tag(sync=True)
    # Numbers are checked where they are made; checking each again would take seconds for a long clip.
    xyz: traitlets.List[Any] = traitlets.List().tag(sync=True)
    joints: traitlets.List[Any] = traitlets.List().tag(sync=True)
    bones: traitlets.List[Any] = traitlets.List().tag(sync=True)
    order: traitlets.List[Any] = traitlets.List().tag(sync=True)
    importance: traitlets.List[Any] = traitlets.List().tag(sync=True)
    texts = traitlets.Dict().tag(sync=True)
    ramp: traitlets.List[Any] = traitlets.List().tag(sync=True)
    sides = traitlets.Dict().tag(sync=True)
    frame = traitlets.Int(0).tag(sync=True)
    hovered_joint = traitlets.Unicode("").tag(sync=True)

    @traitlets.validate("frame")
    def _valid_frame(self, proposal: dict[str, Any]) -> int:
        if not 0 <= proposal["value"] < self.shape[1]:
            raise traitlets.TraitError(f"frame must be 0 … {self.shape[1] - 1}, got {proposal['value']}")
        return int(proposal["value"])

    @traitlets.validate("hovered_joint")
    def _valid_joint(self, proposal: dict[str, Any]) -> str:
        if proposal["value"] not in ("", *self.joints):
            raise traitlets.TraitError(f"no joint {proposal['value']!r}; joints are {', '.join(self.joints)}")
        return str(proposal["value"])
