"""A study of a tiny encoder on a few clips: two methods, two seeds, seconds a run."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import yaml

from crossglg.data.protocols import Protocol, write_protocol
from crossglg.data.synthetic import synthesize
from crossglg.encoders.infogcn import InfoGCN
from crossglg.studies.spec import Study

ACTIONS = (
    "drink water", "kicking something", "clapping", "sitting down",
    "hand waving", "jump up", "nod head/bow", "squat down",
)  # fmt: skip
SETTINGS = {
    "dataset": "DATA/mine.npz", "encoder": "tiny", "streams": "joint", "frames": 8, "epochs": 1, "batch_size": 12,
    "interaction_blocks": 1, "interaction_width": 16, "device": "cpu", "episodes": 2,
}  # fmt: skip
CONTENT = {
    "settings": SETTINGS,
    "benchmarks": ["DATA/toy.json:toy"],
    "seeds": [0, 1],
    "methods": {"base": {"guidance": "none"}, "crossglg": {}},
}
TINY = partial(InfoGCN, widths=(8, 8, 16), strides=(2, 1, 2), importance_after_block=1)


def load(folder: Path, content: dict[str, Any] | str = CONTENT, **changes: object) -> Study:
    """The study of a file with this content, with some entries changed."""
    path = folder / "mine.yaml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump({**content, **changes}, sort_keys=False))
    return Study.load(path)


def write_sets_left_out(folder: Path) -> Path:
    """Three sets, and a file of two protocols, to-b and to-c: each recognizes a set that the other learns from."""
    parts = {"a": ACTIONS[:4], "b": ACTIONS[3:6], "c": ACTIONS[6:]}
    sets = {name: synthesize(0, 4, actions) for name, actions in parts.items()}
    for name, clips in sets.items():
        clips.save(folder / f"{name}.npz")
    protocols = []
    for novel, other in (("b", "c"), ("c", "b")):
        clips = sets[novel]
        draw = {c: (str(clips.source[k * 4]), str(clips.sample_id[k * 4])) for k, c in enumerate(clips.class_names)}
        base = tuple(c for c in (*parts["a"], *parts[other]) if c not in parts[novel])
        protocols.append(
            Protocol(
                f"to-{novel}", base, clips.class_names, (draw,), base_sets=("a", other), novel_sets=(novel,),
                path=folder / "all.json",
            )
        )  # fmt: skip
    return write_protocol(folder / "all.json", *protocols)
