"""Sample files of the format trc, written by rule: with the names of Pose2Sim."""

from __future__ import annotations

from pathlib import Path

from support.skeleton_people import standing

from crossglg.skeletons import get_layout

PERSON = standing("kinect20", 12)
NAMES = {
    "hip center": "Hip", "shoulder center": "Neck", "head": "Head", "left foot": "LBigToe", "right foot": "RBigToe",
    **{f"{side.lower()} {joint}": side[0] + joint.title() for side in ("Left", "Right") for joint in (
        "shoulder", "elbow", "wrist", "hip", "knee", "ankle")},
}  # fmt: skip


def written(frames: int = 12) -> bytes:
    layout = get_layout("kinect20")
    names = list(NAMES.values())
    points = PERSON[0, :frames, [layout.index(joint) for joint in NAMES]].swapaxes(0, 1)
    head = ["PathFileType\t4\t(X/Y/Z)\tclip.trc",
            "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\tOrigNumFrames",
            f"60\t60\t{frames}\t{len(names)}\tm\t60\t0\t{frames}",
            "Frame#\tTime\t" + "\t\t\t".join(names) + "\t\t",
            "\t\t" + "\t".join(f"{a}{n + 1}" for n in range(len(names)) for a in "XYZ"), ""]  # fmt: skip
    rows = [f"{t + 1}\t{t / 60:.4f}\t" + "\t".join(f"{c:.5f}" for c in row.ravel()) for t, row in enumerate(points)]
    return "\n".join([*head, *rows, ""]).encode()


def write_sample(folder: Path) -> Path:
    (folder / "clip.trc").write_bytes(written())
    return folder / "clip.trc"
