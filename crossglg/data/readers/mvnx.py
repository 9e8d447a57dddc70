"""Xsens MVNX: XML of Xsens MVN and Analyze, where each segment begins and how it is turned, in every frame.

<mvnx><subject frameRate="60"><segments><segment id="1" label="Pelvis"/>…</segments><frames><frame type="normal">
<position>23 × 3 numbers</position>…, as the MVN user manual describes it. The segments' origins are the joints: the
right upper arm begins at the right shoulder. Meters, z up. Frames of other types (npose, tpose) are calibration.
"""

from __future__ import annotations

import io
import xml.etree.ElementTree as ET

import numpy as np

from crossglg.data.readers.points import Points, of_bytes, points_reader

_SEGMENTS = {
    "Pelvis": "hip center", "T12": "spine", "Neck": "shoulder center", "Head": "head",
    **{f"{side}{segment}": f"{side.lower()} {joint}" for side in ("Left", "Right") for segment, joint in {
        "UpperArm": "shoulder", "ForeArm": "elbow", "Hand": "wrist", "UpperLeg": "hip", "LowerLeg": "knee",
        "Foot": "ankle", "Toe": "foot"}.items()},
}  # fmt: skip
MAX_FRAMES = 500_000


def parse(content: bytes) -> Points:
    """The points of a file; raises ValueError."""
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise ValueError("it declares entities, which no MVNX needs; it is not read")
    labels: list[str] = []
    rows: list[list[float]] = []
    rate, kind = 60.0, ""
    try:
        for event, element in ET.iterparse(io.BytesIO(content), events=("start", "end")):
            name = element.tag.rpartition("}")[2]
            if event == "start" and name == "subject":
                rate = float(element.get("frameRate", "60"))
            elif event == "start" and name == "segment":
                labels.append(element.get("label", ""))
            elif event == "start" and name == "frame":
                kind = element.get("type", "normal")
            elif event == "end" and name == "position" and kind == "normal":
                rows.append([float(number) for number in (element.text or "").split()])
            elif event == "end" and name == "frame":
                element.clear()
    except (ET.ParseError, LookupError) as error:
        raise ValueError(f"it is no XML ({error})") from None
    lacking = [segment for segment in _SEGMENTS if segment not in labels]
    if not labels or lacking:
        raise ValueError(f"it is no MVNX of a whole body: it has no segment {lacking[0]}")
    if not rows or len(rows) > MAX_FRAMES or {len(row) for row in rows} != {3 * len(labels)}:
        raise ValueError(f"every normal frame needs a position of {3 * len(labels)} numbers")
    if not 1 <= rate <= 10_000:
        raise ValueError(f"frameRate {rate:g} is no frame rate")
    xyz = np.array(rows).reshape(1, len(rows), len(labels), 3)
    origins = {joint: xyz[:, :, labels.index(segment)] for segment, joint in _SEGMENTS.items()}
    for side in ("left", "right"):  # the hand's middle lies beyond the wrist as far as a third of the forearm
        wrist = origins[f"{side} wrist"]
        origins[f"{side} hand"] = wrist + 0.3 * (wrist - origins[f"{side} elbow"])
    joints = tuple(origins)
    points = np.stack([origins[joint] for joint in joints], axis=2)
    return Points(points, joints=joints, layouts=("kinect20",), unit="m", up="z", fps=rate)


READER = points_reader(
    about="Xsens MVNX motion capture: the origins of the 23 segments as joints of kinect20",
    patterns=("*.mvnx",),
    parse=of_bytes(parse),
    steps=("frames of calibration left out", "hands put beyond the wrists"),
)
