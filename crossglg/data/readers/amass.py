"""AMASS and other SMPL parameters, one .npz for a clip: poses (T, ≥ 66) as axis-angle, trans (T, 3), mocap_framerate.

Where the joints of a body lie is part of the SMPL model, which may not be passed on; so the turns are put on bones of
average length (Drillis and Contini's shares of a height of 1.70 m): the posture is the file's, the proportions are not.
The first 22 joints are SMPL's body; the hands of 24 lie beyond the wrists. Rest pose: a T, left at +x, facing +z; the
world of AMASS has z up.
"""

from __future__ import annotations

import io
import zipfile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossglg.data.readers.common import reading
from crossglg.data.readers.points import Points, of_bytes, points_reader
from crossglg.skeletons import get_layout

LARGEST = 1 << 30  # bytes that a file may unpack to
_BONES = {  # from the parent, meters; left at +x
    "left hip": (0.09, -0.09, 0), "left knee": (0.01, -0.41, 0), "left ankle": (0, -0.42, -0.02),
    "left foot": (0.02, -0.06, 0.13), "spine1": (0, 0.11, -0.02), "spine2": (0, 0.13, 0.01), "spine3": (0, 0.06, 0.01),
    "neck": (0, 0.21, -0.03), "head": (0, 0.09, 0.04), "left collar": (0.07, 0.12, -0.02),
    "left shoulder": (0.11, 0.03, -0.01), "left elbow": (0.29, 0, 0), "left wrist": (0.25, 0, 0),
    "left hand": (0.09, 0, 0),
}  # fmt: skip
LAYOUT = get_layout("smpl24")


def parse(content: bytes) -> Points:
    """The points of a file; raises ValueError."""
    with reading("the .npz of AMASS"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(info.file_size for info in archive.infolist()) > LARGEST:
                raise ValueError(f"it unpacks to more than {LARGEST >> 20} MiB")
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            if "poses" not in file.files:
                raise ValueError("it has no array 'poses'")
            poses = _array(file["poses"])
            trans = _array(file["trans"]) if "trans" in file.files else np.zeros((len(poses), 3))
            names = [n for n in ("mocap_framerate", "mocap_frame_rate", "fps") if n in file.files]
            rate = float(file[names[0]]) if names else 30.0
    if poses.ndim != 2 or poses.shape[1] < 66 or poses.shape[1] % 3 or trans.shape != (len(poses), 3) or not len(poses):
        raise ValueError(f"poses must be (T, 66 or more) and trans (T, 3), these are {poses.shape} and {trans.shape}")
    if not 1 <= rate <= 10_000:
        raise ValueError(f"mocap_framerate {rate:g} is no frame rate")
    xyz = _joints(poses[:, :66].reshape(-1, 22, 3)) + trans[:, None]
    return Points(xyz[None], joints=LAYOUT.joints, layouts=("smpl24",), unit="m", up="z", fps=rate,
                  notes=("bones of average length: the body's shape needs the licensed SMPL model",))  # fmt: skip


def _array(values: NDArray[Any]) -> NDArray[np.float64]:
    if values.dtype.kind not in "fiu" or not (np.abs(values) < 1e6).all():
        raise ValueError("an array holds something else than finite numbers")
    return values.astype(np.float64)


def _joints(turns: NDArray[np.float64]) -> NDArray[np.float64]:
    """(T, 24, 3) places of the joints, the pelvis at 0, from the turns (T, 22, 3) of the first 22."""
    from scipy.spatial.transform import Rotation

    local = Rotation.from_rotvec(turns.reshape(-1, 3)).as_matrix().reshape(*turns.shape[:2], 3, 3)
    xyz = np.zeros((len(turns), LAYOUT.num_joints, 3))
    world = [local[:, 0]] * LAYOUT.num_joints
    for child, parent in LAYOUT.bones:  # sorted by child, and here parents come before their children
        joint = LAYOUT.joints[child].replace("right", "left")
        mirror = -1.0 if "right" in LAYOUT.joints[child] else 1.0
        offset = np.array(_BONES[joint]) * (mirror, 1, 1)
        xyz[:, child] = xyz[:, parent] + world[parent] @ offset
        world[child] = world[parent] @ local[:, child] if child < turns.shape[1] else world[parent]
    return xyz


READER = points_reader(
    about="AMASS and SMPL parameters (.npz with poses and trans): the posture on bones of average length",
    patterns=("*.npz",),
    parse=of_bytes(parse),
    steps=("forward kinematics on an average body, since the SMPL model is licensed",),
)
