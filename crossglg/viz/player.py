"""The interactive player: a page of its own (`player_html`) or a notebook widget (`player`), both run `player.js`."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from crossglg.skeletons import Layout
from crossglg.viz.common import RAMP, SIDES, as_array, as_clip, joint_order, player_file

if TYPE_CHECKING:
    from crossglg.viz.widget import SkeletonPlayer

# The policy makes the browser itself refuse every request; the empty icon keeps it from asking for one.
PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>{title}</title>
<style>body {{ margin: 1rem auto; max-width: 940px; padding: 0 1rem }}
{css}</style>
</head>
<body>
<main id="player"></main>
<script type="application/json" id="clip">{data}</script>
<script type="module">
{script}
const data = JSON.parse(document.getElementById("clip").textContent);
const set = (key, value) => {{ data[key] = value; }};
const model = {{ get: (key) => data[key], set, save_changes() {{}}, on() {{}}, off() {{}} }};
player.render({{ model, el: document.getElementById("player") }});
</script>
</body>
</html>
"""


def player_html(
    clip: ArrayLike,
    layout: Layout,
    importance: ArrayLike | None = None,
    title: str = "",
    fps: float = 30.0,
    joint_texts: Mapping[str, str] | None = None,
) -> str:
    """One self-contained HTML page that plays a clip; it loads nothing.

    clip: (M, T, V, C) or (T, V, C) metres, y up, kept to the millimetre; importance: (V,) or, one row per frame,
    (T, V); joint_texts: joint name → text shown while the joint is pointed at.
    """
    # Inside <script> only "<" could end the element; as an escape it is the same JSON.
    data = json.dumps(
        player_data(clip, layout, importance, title, fps, joint_texts), separators=(",", ":"), ensure_ascii=False
    ).replace("<", "\\u003c")
    script = player_file("player.js").replace("export default", "const player =", 1)
    heading = html.escape(title or "Skeleton player")
    return PAGE.format(title=heading, css=player_file("player.css"), data=data, script=script)


def player(
    clip: ArrayLike,
    layout: Layout,
    importance: ArrayLike | None = None,
    title: str = "",
    fps: float = 30.0,
    joint_texts: Mapping[str, str] | None = None,
) -> SkeletonPlayer:
    """The same player as a notebook widget, with `frame` and `hovered_joint` in step with the kernel.

    Arguments as of `player_html`.
    """
    from crossglg.viz.widget import SkeletonPlayer  # anywidget loads when a widget is wanted

    return SkeletonPlayer(**player_data(clip, layout, importance, title, fps, joint_texts))


def player_data(
    clip: ArrayLike,
    layout: Layout,
    importance: ArrayLike | None,
    title: str,
    fps: float,
    joint_texts: Mapping[str, str] | None,
) -> dict[str, Any]:
    """What `player.js` reads, as plain JSON values; also the widget's traits.

    xyz: M·T·V·3 millimetres, flat; importance: V or T·V numbers, flat, or empty; order: joints by body part.
    Raises ValueError on wrong shapes, a frame rate that is not positive, or a text for a joint the layout lacks.
    """
    xyz = as_clip(clip, layout)
    _, frames, joints, axes = xyz.shape
    if not 0 < fps < np.inf:
        raise ValueError(f"fps must be a positive number of frames per second, got {fps}")
    if axes == 2:  # an image shows the person as the viewer sees them; the player looks from the front at metres
        xyz = np.pad(xyz * (-1, 1), ((0, 0), (0, 0), (0, 0), (0, 1)))
    weight: list[float] = []
    if importance is not None:
        per_frame = np.ndim(importance) == 2
        shape, names = ((frames, joints), "(T, V)") if per_frame else ((joints,), "(V,)")
        values = as_array(importance, shape, names, f"importance of layout {layout.name!r}")
        weight = [float(f"{value:.4g}") for value in values.ravel()]
    return {
        "title": title,
        "fps": float(fps),
        "shape": list(xyz.shape),
        "xyz": np.rint(1000 * xyz).astype(int).ravel().tolist(),
        "joints": list(layout.joints),
        "bones": [list(bone) for bone in layout.bones],
        "order": joint_order(layout),
        "importance": weight,
        "texts": {layout.joints[layout.index(joint)]: text for joint, text in (joint_texts or {}).items()},
        "ramp": list(RAMP),
        "sides": {side: colour for side, colour in SIDES.items() if side},
        "frame": 0,
        "hovered_joint": "",
    }
