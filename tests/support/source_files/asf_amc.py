"""Sample files of the format asf-amc, written by rule: a body that stands, and lifts its left arm sideways."""

from __future__ import annotations

from pathlib import Path

import numpy as np

UNIT = 0.0254 / 0.45  # meters
BONES = {  # parent, (3,) meters, dof
    "lowerback": ("root", (0, 0.15, 0), "rx ry rz"), "upperback": ("lowerback", (0, 0.15, 0), ""),
    "thorax": ("upperback", (0, 0.1, 0), ""), "lowerneck": ("thorax", (0, 0.1, 0), ""),
    "upperneck": ("lowerneck", (0, 0.08, 0), ""), "head": ("upperneck", (0, 0.1, 0), ""),
    **{f"{s}{name}": (parent.replace("?", s), (sign * x, y, z), dof)
       for s, sign in (("l", 1), ("r", -1)) for name, (parent, (x, y, z), dof) in {
        "hipjoint": ("root", (0.1, -0.05, 0), ""), "femur": ("?hipjoint", (0, -0.4, 0), "rx ry rz"),
        "tibia": ("?femur", (0, -0.4, 0), "rx"), "foot": ("?tibia", (0, -0.05, 0.12), ""),
        "clavicle": ("thorax", (0.18, 0.05, 0), ""), "humerus": ("?clavicle", (0, -0.28, 0), "rx ry rz"),
        "radius": ("?humerus", (0, -0.25, 0), "rx"), "wrist": ("?radius", (0, -0.03, 0), ""),
        "hand": ("?wrist", (0, -0.07, 0), "")}.items()},
}  # fmt: skip


def skeleton() -> bytes:
    lines = [":version 1.10", ":units", "  mass 1.0", "  length 0.45", "  angle deg", ":root"]
    lines += ["  order TX TY TZ RX RY RZ", "  axis XYZ", "  position 0 0 0", "  orientation 0 0 0", ":bonedata"]
    for number, (name, (_, offset, dof)) in enumerate(BONES.items(), 1):
        length = float(np.linalg.norm(offset))
        direction = " ".join(f"{c / length:.6f}" for c in offset)
        lines += [
            "  begin",
            f"    id {number}",
            f"    name {name}",
            f"    direction {direction}",
            f"    length {length / UNIT:.6f}",
            "    axis 0 0 20 XYZ",
            *([f"    dof {dof}"] if dof else []),
            "  end",
        ]
    lines += [":hierarchy", "  begin"]
    parents = dict.fromkeys(parent for parent, _, _ in BONES.values())
    lines += ["    " + " ".join([p, *(n for n, (parent, _, _) in BONES.items() if parent == p)]) for p in parents]
    return "\n".join([*lines, "  end", ""]).encode()


def written(frames: int = 12) -> bytes:
    lines = ["#!OML:ASF", ":FULLY-SPECIFIED", ":DEGREES"]
    for t in range(frames):
        lines += [str(t + 1), f"root 0 {0.9 / UNIT:.4f} 0 0 0 0", f"lhumerus 0 0 {90 * t / (frames - 1):.3f}",
                  "rfemur 0 0 0"]  # fmt: skip
    return "\n".join([*lines, ""]).encode()


VALID = written(3)


def write_sample(folder: Path) -> Path:
    (folder / "01.asf").write_bytes(skeleton())
    (folder / "01_02.amc").write_bytes(written())
    return folder / "01_02.amc"
