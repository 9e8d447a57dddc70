"""Joints out of what marker-based and markerless motion capture calls its points: for TRC and C3D."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from crossglg.data.readers.points import words
from crossglg.files import some_of
from crossglg.skeletons import Layout, get_layout

# Our joint → the points in whose middle it lies, the first choice that the file has in full. {S} is L or R.
# First the joint names of Pose2Sim and OpenSim, then the markers of the Plug-in Gait model.
_SIDED = {
    "shoulder": (("{S}Shoulder",), ("{S}SHO",)),
    "elbow": (("{S}Elbow",), ("{S}ELB", "{S}ELBM"), ("{S}ELB",)),
    "wrist": (("{S}Wrist",), ("{S}WRA", "{S}WRB")),
    "hand": (("{S}Hand",), ("{S}FIN",), ("{S}Wrist",), ("{S}WRA", "{S}WRB")),
    "hip": (("{S}Hip",), ("{S}ASI", "{S}PSI"), ("{S}ASI",)),
    "knee": (("{S}Knee",), ("{S}KNE", "{S}KNEM"), ("{S}KNE",)),
    "ankle": (("{S}Ankle",), ("{S}ANK", "{S}ANKM"), ("{S}ANK",)),
    "foot": (("{S}BigToe",), ("{S}Foot",), ("{S}TOE",), ("{S}Ankle",), ("{S}ANK",)),
}
_MIDDLE = {
    "hip center": (("Hip",), ("MidHip",), ("Pelvis",), ("LHip", "RHip"), ("LASI", "RASI", "LPSI", "RPSI")),
    "spine": (("Spine",), ("T10", "STRN"), ("Hip", "Neck"), ("LHip", "RHip", "LShoulder", "RShoulder")),
    "shoulder center": (("Neck",), ("C7", "CLAV"), ("LShoulder", "RShoulder"), ("LSHO", "RSHO")),
    "head": (("Head",), ("LFHD", "RFHD", "LBHD", "RBHD"), ("LFHD", "RFHD"), ("LEar", "REar"), ("Nose",)),
}


def joints_of(xyz: NDArray[np.float64], names: list[str]) -> tuple[NDArray[np.float64], Layout]:
    """(1, T, 20, 3) joints of kinect20 from (T, points, 3); raises ValueError that names what is missing.

    A joint is NaN where one of its points was not seen. Points of several subjects raise ValueError, too.
    """
    place: dict[tuple[str, ...], int] = {}
    subjects: dict[tuple[str, ...], set[str]] = {}
    for p, name in enumerate(names):
        subject, _, point = name.rpartition(":")  # "subject:LASI"
        place[words(point)] = p
        subjects.setdefault(words(point), set()).add(subject)
    zero = (xyz == 0).all(axis=-1)
    xyz = np.where((zero & ~zero.all(axis=0))[..., None], np.nan, xyz)  # so a point is written that was not seen
    layout = get_layout("kinect20")
    out = np.empty((len(xyz), layout.num_joints, 3))
    for v, joint in enumerate(layout.joints):
        side, _, rest = joint.partition(" ")
        choices = _MIDDLE.get(joint) or _SIDED[rest]
        filled = [[words(point.replace("{S}", side[0].upper())) for point in choice] for choice in choices]
        found = next((choice for choice in filled if all(point in place for point in choice)), None)
        if found is None:
            raise ValueError(
                f"no point of it gives the {joint}; joints called as by Pose2Sim (RHip, RKnee, …) and the markers of "
                f"Plug-in Gait (RASI, RKNE, …) are known, it has {', '.join(names)[:300]}"
            )
        if several := [sorted(subjects[point]) for point in found if len(subjects[point]) > 1]:
            raise ValueError(f"the points are of several subjects ({some_of(several[0])}); export each to its own file")
        out[:, v] = xyz[:, [place[point] for point in found]].mean(axis=1)
    return out[None], layout
