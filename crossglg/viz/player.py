"""The interactive player: a page of its own (`player_html`) or a notebook widget (`player`), both run `player.js`."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from crossglg.skeletons import Layout
from crossglg.viz.common import RAMP, SIDES, Floats, as_array, as_clip, joint_order, part_runs, per_joint

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from crossglg.viz.widget import SkeletonPlayer

MOST = 4  # panels side by side

JOINTS, ATTENTION = VIEWS = ("joints and time", "attention")
START = {
    "frame": 0, "hovered_joint": "", "selected_joint": "", "view": JOINTS, "sorted": False, "block": 1, "head": 0,
    "direction": "from",
}  # fmt: skip


@dataclass(frozen=True)
class Maps:
    """What joints look at, block by block.

    blocks: for each block `(S, heads, V, V)`, row i is what joint i receives; the S steps share out the panel's `span`.
    name: what it is.  rows: "joint", or "text" where row i is the text of joint i.
    """

    blocks: Sequence[ArrayLike]
    name: str = "attention"
    rows: str = "joint"


@dataclass(frozen=True)
class Panel:
    """One clip of the player and what is known of its joints.

    clip: (M, T, V, C) or (T, V, C) meters, y up, kept to the millimeter.  importance: (V,), size and color of the
    joints and their bars.  over_time: (S, V), the heat map; its S steps share out the frames `span` (first, one after
    the last; all if None).  importance_name, over_time_name: what the two are; panels in which a name is the same share
    a scale.  joint_texts: joint name → text shown while the joint is lit.  target: (V,) k_gt, which importance was to
    become, a mark on its bars.  attention: what the second view shows, of the first panel.  subtitle: a line below the
    title;  verdict: "right" or "wrong", its color.
    """

    clip: ArrayLike
    importance: ArrayLike | None = None
    over_time: ArrayLike | None = None
    title: str = ""
    fps: float = 30.0
    span: tuple[int, int] | None = None
    importance_name: str = "joint importance"
    over_time_name: str = "importance over time"
    joint_texts: Mapping[str, str] = field(default_factory=dict)
    target: ArrayLike | None = None
    target_name: str = "k_gt, what the text asks for"
    attention: Maps | None = None
    subtitle: str = ""
    verdict: str = ""


def player_html(panels: Panel | Sequence[Panel], layout: Layout) -> str:
    """One self-contained HTML page that plays one clip, or up to four side by side and in step; it loads nothing."""
    return player_page(player_data(panels, layout))


def player_page(data: Mapping[str, Any]) -> str:
    """`player_html` of what `player_data` makes."""
    from crossglg.viz.page import page  # which loads matplotlib

    return page("player.html", heading(data), scripts=True, data=data, start=START)


def heading(data: Mapping[str, Any]) -> str:
    """The titles of the clips shown."""
    return " – ".join(panel["title"] for panel in data["panels"] if panel["title"]) or "Skeleton player"


def filmstrip(data: Mapping[str, Any]) -> Figure:
    """The clips of `player_data` as a picture: a row of snapshots each, joint importance where all have the same."""
    from crossglg.viz.figures import clip_gallery, skeleton_strip  # matplotlib loads when a picture is wanted

    panels, joints = data["panels"], data["joints"]
    children = {child for child, _ in data["bones"]}
    root = next(name for j, name in enumerate(joints) if j not in children)
    layout = Layout("player", tuple(joints), tuple(map(tuple, data["bones"])), root)
    clips = [np.frombuffer(base64.b64decode(p["xyz"]), "<i2").reshape(p["shape"]) * p["unit"] / 1000 for p in panels]
    names = {panel["importance"] and panel["importance"]["of"] for panel in panels}
    values = [panel["importance"]["values"] for panel in panels] if len(names) == 1 and None not in names else None
    if len(panels) == 1:
        label = next(iter(names)) or ""
        return skeleton_strip(clips[0], layout, values and values[0], title=panels[0]["title"], label=label)
    marks = {"right": "✓ ", "wrong": "✗ "}
    titles = [f"{p['title']}\n{marks.get(p['verdict'], '')}{p['subtitle']}".strip() for p in panels]
    return clip_gallery(list(zip(clips, titles, strict=True)), layout, importance=values)


def player(panels: Panel | Sequence[Panel], layout: Layout) -> SkeletonPlayer:
    """The same player as a notebook widget; the kernel can read and set its frame, hovered and selected joint."""
    from crossglg.viz.widget import SkeletonPlayer  # anywidget loads when a widget is wanted

    return SkeletonPlayer(data=player_data(panels, layout), **START)


def player_data(panels: Panel | Sequence[Panel], layout: Layout) -> dict[str, Any]:
    """What `player.js` reads, as plain JSON values; also the widget's trait `data`.

    frames: of the longest clip, counted at the frame rate of the first;  order: joints by body part.
    Raises ValueError on wrong shapes, a frame rate that is not positive, a text for a joint the layout lacks, or if
    there are no panels or too many.
    """
    panels = [panels] if isinstance(panels, Panel) else list(panels)
    if not 1 <= len(panels) <= MOST:
        raise ValueError(f"the player shows 1 to {MOST} clips side by side, got {len(panels)}")
    shown = [_panel_data(panel, layout) for panel in panels]
    first = shown[0]["fps"]
    return {
        "panels": shown,
        "frames": max(math.ceil(panel["shape"][1] * first / panel["fps"] - 1e-6) for panel in shown),
        "joints": list(layout.joints),
        "bones": [list(bone) for bone in layout.bones],
        "order": joint_order(layout),
        "parts": [[part, start] for part, start, _ in part_runs(layout.parts)],
        "ramp": list(RAMP),
        "sides": {side: color for side, color in SIDES.items() if side},
    }


def _panel_data(panel: Panel, layout: Layout) -> dict[str, Any]:
    """xyz: M·T·V·3 little-endian int16 in `unit` millimeters, base64;  importance, over_time: what they are, values."""
    xyz = as_clip(panel.clip, layout)
    if not 0 < panel.fps < np.inf:
        raise ValueError(f"fps must be a positive number of frames per second, got {panel.fps}")
    if xyz.shape[-1] == 2:  # an image shows the person as the viewer sees them; the player looks from the front
        xyz = np.pad(xyz * (-1, 1), ((0, 0), (0, 0), (0, 0), (0, 1)))
    unit = max(1, math.ceil(1000 * np.abs(xyz).max() / 32767))  # a millimeter, unless the space is wider than 65 m
    over_time = None
    first, end = panel.span or (0, xyz.shape[1])
    if not 0 <= first < end <= xyz.shape[1]:
        raise ValueError(f"span {panel.span} must lie within the {xyz.shape[1]} frames of the clip")
    if panel.over_time is not None:
        shape = (max(1, len(np.atleast_1d(panel.over_time))), layout.num_joints)
        values = as_array(panel.over_time, shape, "(S, V)", f"values over time of layout {layout.name!r}")
        name, steps = panel.over_time_name, len(values)
        over_time = {"of": name, "values": _rounded(values), "steps": steps, "span": [first, end]}
    return {
        "title": panel.title,
        "fps": float(panel.fps),
        "shape": list(xyz.shape),
        "unit": unit,
        "xyz": base64.b64encode(np.rint(1000 * xyz / unit).astype("<i2").tobytes()).decode(),
        "importance": _bars(panel.importance, panel.importance_name, layout, "importance"),
        "over_time": over_time,
        "target": _bars(panel.target, panel.target_name, layout, "target"),
        "attention": panel.attention and _maps_data(panel.attention, layout, (first, end)),
        "subtitle": panel.subtitle,
        "verdict": panel.verdict,
        "texts": {layout.joints[layout.index(joint)]: text for joint, text in panel.joint_texts.items()},
    }


def _bars(values: ArrayLike | None, name: str, layout: Layout, what: str) -> dict[str, Any] | None:
    return None if values is None else {"of": name, "values": _rounded(per_joint(values, layout, what))}


def _maps_data(maps: Maps, layout: Layout, span: tuple[int, int]) -> dict[str, Any]:
    """blocks: steps, heads, and S·heads·V·V int8 in shares of ± `most`, base64; fine enough for colors and arcs."""
    if maps.rows not in ("joint", "text"):
        raise ValueError(f"rows={maps.rows!r} of the attention must be 'joint' or 'text'")
    blocks = []
    for number, block in enumerate(maps.blocks, 1):
        shape = (*np.shape(block)[:2], layout.num_joints, layout.num_joints)
        values = as_array(block, shape, "(S, heads, V, V)", f"attention of block {number}")
        if values.ndim != 4 or 0 in values.shape:
            raise ValueError(f"attention of block {number} must be (S, heads, V, V); got shape {values.shape}")
        most = max(float(np.abs(values).max()), 1e-12)
        packed = base64.b64encode(np.rint(values / most * 127).astype(np.int8).tobytes()).decode()
        blocks.append({"steps": shape[0], "heads": shape[1], "most": float(f"{most:.4g}"), "values": packed})
    if not blocks:
        raise ValueError("attention has no blocks; give an array for each, or leave attention out")
    return {"of": maps.name, "rows": maps.rows, "span": list(span), "blocks": blocks}


def _rounded(values: Floats) -> list[float]:
    return [float(f"{value:.4g}") for value in values.ravel()]
