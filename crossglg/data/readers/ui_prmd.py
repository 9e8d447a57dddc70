"""UI-PRMD, Kinect side: one movement as two texts, 66 numbers a row, …_positions.txt (cm) and …_angles.txt (degrees).

Vakanski et al., A data set of human body movements for physical rehabilitation exercises, Data 2018. Only the waist's
position is absolute: every other three numbers are the joint seen from its parent, in the parent's turned axes, and its
angles turn the axes of what hangs on it. The angles are about x, y and z, and the axes turn about z, then x, then y: in
the genuine deep squat the ankles then stay within 2 cm, and slide by 10 cm and more in any other order.
The file's axes: the subject's left +x, y up, the subject faces +z.
"""

from __future__ import annotations

import numpy as np

from crossglg.data.readers.base import Reader, Recording, SourcePath
from crossglg.data.readers.common import beside
from crossglg.data.readers.kinect import NOBODY_DROPPED, Clip, name_parts, number_table, numbered, one_clip, one_person
from crossglg.skeletons import Layout

ACTIONS = (
    "deep squat", "hurdle step", "inline lunge", "side lunge", "sit to stand", "standing active straight leg raise",
    "standing shoulder abduction", "standing shoulder extension", "standing shoulder internal-external rotation",
    "standing shoulder scaption",
)  # fmt: skip
LAYOUT = Layout.from_edges(
    "uiprmd22",
    (
        "hip center", "spine", "chest", "neck", "head", "head top",
        *(f"{side} {joint}" for side in ("left", "right") for joint in ("collar", "shoulder", "elbow", "wrist")),
        *(f"{side} {joint}" for side in ("left", "right") for joint in ("hip", "knee", "ankle", "foot")),
    ),
    [
        (0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (2, 6), (6, 7), (7, 8), (8, 9), (2, 10), (10, 11), (11, 12), (12, 13),
        (0, 14), (14, 15), (15, 16), (16, 17), (0, 18), (18, 19), (19, 20), (20, 21),
    ],
    root="hip center",
)  # fmt: skip


def parse(positions: bytes, angles: bytes) -> Clip:
    """One clip (1, T, 22, 3) from both files' contents; raises ValueError if they are not of the format."""
    offsets, turns = _rows(positions, "positions"), _rows(angles, "angles")
    if len(offsets) != len(turns):
        raise ValueError(f"{len(offsets)} frames of positions and {len(turns)} of angles do not belong together")
    return one_person(joint_positions(offsets, turns) * (-0.01, 0.01, -0.01))


def joint_positions(offsets: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """(T, 22, 3) positions from offsets (T, 22, 3) in the parents' axes and angles (T, 22, 3) in degrees."""
    from scipy.spatial.transform import Rotation

    turns = Rotation.from_euler("ZXY", angles[..., [2, 0, 1]].reshape(-1, 3), degrees=True)
    axes = turns.as_matrix().reshape(*angles.shape, 3)
    xyz = offsets.copy()
    for child, parent in LAYOUT.bones:  # sorted by child, and here parents come before their children
        xyz[:, child] = xyz[:, parent] + (axes[:, parent] @ offsets[:, child, :, None])[..., 0]
        axes[:, child] = axes[:, parent] @ axes[:, child]
    return xyz


def read(path: SourcePath) -> list[Recording]:
    """The clip of a file like m01_s01_e01_positions.txt: movement, subject, repetition; "_inc" for incorrect ones.

    The angles lie beside it or in the folder Angles beside its own.
    """
    parts = name_parts(path, r"(m(\d+)_s(\d+)_e\d+)_positions(_inc)?\.txt", "m01_s01_e01_positions.txt")
    name = numbered(ACTIONS, int(parts[2]))
    other = path.name.replace("_positions", "_angles")
    angles = beside(path, other, f"Angles/{other}")
    if angles is None:
        raise ValueError(f"{other} is neither beside it nor in ../Angles; the positions need the angles")
    incorrect = ("done incorrectly on purpose",) if parts[4] else ()

    def parse_both(positions: bytes) -> Clip:
        xyz, notes = parse(positions, angles.read_bytes())
        return xyz, notes + incorrect

    return one_clip(path, parse_both, LAYOUT, parts[1] + (parts[4] or ""), name, int(parts[3]))


def _rows(content: bytes, what: str) -> np.ndarray:
    try:
        rows = number_table(content, columns=66, delimiter=",")
    except ValueError as error:
        hint = " (117 are the optical tracker's: give the Kinect files)" if "117" in str(error) else ""
        raise ValueError(f"the {what}: {error}{hint}") from error
    if not np.isfinite(rows).all():
        raise ValueError(f"the {what} are not all numbers")
    return rows.reshape(-1, 22, 3)


READER = Reader(
    about="UI-PRMD, Kinect (Vakanski et al. 2018): 10 rehabilitation movements, 10 subjects, two texts per clip",
    patterns=("m*_s*_e*_positions*.txt",),
    read_file=read,
    steps=("joints placed by forward kinematics", "centimeters to meters", "turned to face the camera", NOBODY_DROPPED),
    class_names=ACTIONS,
    companions=("*_angles*.txt", "Angles/*_angles*.txt"),
)
