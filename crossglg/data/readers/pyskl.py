"""PYSKL and MMAction2 annotation pickles: key points of images (2-D) and NTU RGB+D's joints (3-D).

A pickle holds a list of annotations, a dict {split, annotations}, or one annotation; an annotation is a dict of
frame_dir (the clip's name), label, total_frames, img_shape, original_shape, keypoint (M, T, V, C) and, in 2-D,
keypoint_score (M, T, V). MMAction2's Kinetics-400 pickle is a mere table of contents, its key points in other files.

Axes. 2-D: pixels of the image, x to the right as in the image and y negated, so that up is up (the subject's left is
+x when facing the camera). 3-D: meters in the camera frame of the Kinect, y up, as the released pickles have them;
clips that PYSKL's PreNormalize3D has turned (z up, x from left to right shoulder) are turned back to y up.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from crossglg.data.readers.base import Reader, Recording, SourcePath
from crossglg.data.readers.common import class_name, label_map, reading, seen_people, tell_left_out
from crossglg.data.readers.pickles import read_pickle
from crossglg.skeletons import Layout, get_layout

LAYOUT_OF = {(17, 2): "coco17", (18, 2): "openpose18", (25, 3): "ntu25"}  # (joints, coordinates) of a key point array
_NTU_NAME = re.compile(r"S\d{3}C(?P<camera>\d{3})P(?P<subject>\d{3})R\d{3}A\d{3}")
_KIND = "a PYSKL annotation pickle"


def read(path: SourcePath) -> list[Recording]:
    """All clips of one pickle, in its order; labels are named by `label_map.txt` beside it (one name a line).

    Everything is held in memory: about twice the pickle for float32 key points, three times for float16.
    """
    with path.open("rb") as file:
        return parse(file, label_map(path))


def parse(content: bytes | IO[bytes], class_names: Sequence[str] = ()) -> list[Recording]:
    """The clips of a pickle that is never unpickled (see `pickles`); raises ValueError.

    Clips in which nobody is seen are left out. A person is absent from a frame where all its scores (in 3-D: all its
    coordinates) are zero.
    """
    with reading(_KIND):
        file = io.BytesIO(content) if isinstance(content, bytes) else content
        annotations = _annotations(read_pickle(file))
        _check_size(annotations, file.tell())
        recordings, empty = [], []
        for annotation in annotations:
            recording = _recording(annotation, class_names)
            if recording is None:
                empty.append(str(annotation["frame_dir"]))
            else:
                recordings.append(recording)
        return tell_left_out(recordings, empty)


def _annotations(content: Any) -> list[dict[str, Any]]:
    if isinstance(content, dict):
        content = content.get("annotations", [content])
    if not isinstance(content, list) or not content or not all(isinstance(entry, dict) for entry in content):
        raise ValueError("it holds no annotations: a list of dicts, {split, annotations}, or one such dict")
    if not any("keypoint" in entry for entry in content):
        if any("frame_inds" in entry for entry in content):
            raise ValueError(
                "it is a table of contents without key points (as MMAction2 ships for Kinetics-400); its key points "
                "are in one file for each clip, which this reader does not know"
            )
        raise ValueError("its annotations have no 'keypoint' array")
    return content


def _check_size(annotations: list[dict[str, Any]], size: int) -> None:
    """A pickle can mention one array a million times in a few bytes each; as clips they would fill the memory."""
    arrays = [entry["keypoint"] for entry in annotations if isinstance(entry.get("keypoint"), np.ndarray)]
    total = sum(array.nbytes for array in arrays)
    if total > size:
        raise ValueError(f"its {total} bytes of key points do not fit into its {size} bytes: arrays are repeated")


def _recording(annotation: dict[str, Any], class_names: Sequence[str]) -> Recording | None:
    """One annotation as a clip, or None if nobody is seen in it."""
    sample_id = annotation.get("frame_dir")
    if not isinstance(sample_id, str) or not sample_id:
        raise ValueError("an annotation has no text 'frame_dir' to name its clip")
    xyz, layout = _keypoint(annotation.get("keypoint"), sample_id)
    if xyz.size == 0:
        return None
    seen = _seen(annotation.get("keypoint_score"), xyz, sample_id)
    frames = annotation.get("total_frames", xyz.shape[1])
    notes = [] if frames == xyz.shape[1] else [f"total_frames differs from the {xyz.shape[1]} frames of the array"]
    if xyz.shape[-1] == 2:
        xyz[..., 1] *= -1
    elif _is_normalized(xyz):
        xyz = xyz[..., [0, 2, 1]] * np.array([1, 1, -1], dtype=np.float32)
        notes.append("was turned by PreNormalize3D (z up); turned back to y up")
    people = seen_people(xyz, seen)
    if people.size == 0:
        return None
    ntu = _NTU_NAME.fullmatch(sample_id)
    return Recording(
        people,
        layout,
        sample_id,
        class_name=_class_name(annotation.get("label"), class_names, sample_id),
        subject=int(ntu["subject"]) if ntu else -1,
        camera=int(ntu["camera"]) if ntu else -1,
        notes=tuple(notes),
    )


def _keypoint(keypoint: Any, sample_id: str) -> tuple[NDArray[np.float32], Layout]:
    if not isinstance(keypoint, np.ndarray) or keypoint.dtype.kind not in "fiu" or keypoint.ndim != 4:
        raise ValueError(f"{sample_id}: 'keypoint' must be an array (persons, frames, joints, coordinates) of numbers")
    if keypoint.shape[2:] not in LAYOUT_OF:
        known = ", ".join(f"{layout} {shape}" for shape, layout in LAYOUT_OF.items())
        raise ValueError(f"{sample_id}: 'keypoint' has (joints, coordinates) = {keypoint.shape[2:]}; known are {known}")
    return keypoint.astype(np.float32), get_layout(LAYOUT_OF[keypoint.shape[2:]])


def _seen(score: Any, xyz: NDArray[np.float32], sample_id: str) -> NDArray[np.bool_]:
    """(M, T) whether a person is seen in a frame."""
    if score is None:
        return (xyz != 0).any(axis=(2, 3))
    if not isinstance(score, np.ndarray) or score.dtype.kind not in "fiu" or score.shape != xyz.shape[:3]:
        raise ValueError(f"{sample_id}: 'keypoint_score' must be an array of numbers of shape {xyz.shape[:3]}")
    return (score != 0).any(axis=2)


def _is_normalized(xyz: NDArray[np.float32]) -> bool:
    """Whether PYSKL's PreNormalize3D was applied: it puts the middle of the first person's spine in the first frame
    to the origin exactly, and turns the line from left to right shoulder there to +x, the spine to about +z."""
    ntu = get_layout("ntu25")
    first = xyz[0, 0].astype(np.float64)
    trunk = first[ntu.index("middle of spine")] - first[ntu.index("base of spine")]
    shoulders = first[ntu.index("right shoulder")] - first[ntu.index("left shoulder")]
    centered = np.abs(first[ntu.index("middle of spine")]).max() < 1e-5
    return bool(centered and shoulders[0] > 100 * np.abs(shoulders[1:]).max() and trunk[2] > abs(trunk[1]))


def _class_name(label: Any, class_names: Sequence[str], sample_id: str) -> str:
    if label is None:
        return ""
    if isinstance(label, str):
        return str(label)
    if not isinstance(label, int | np.integer):
        raise ValueError(f"{sample_id}: 'label' must be one whole number or a name, got a {type(label).__name__}")
    return class_name(int(label), class_names)


READER = Reader(
    about="PYSKL / MMAction2 annotation pickles (Duan et al., ACM MM 2022): COCO-17 and OpenPose-18 2-D, NTU 3-D",
    patterns=("*.pkl", "*.pickle"),
    read_file=read,
    steps=(
        "2-D: y negated (up is up), pixels kept; 3-D: meters kept, clips of PreNormalize3D turned from z up to y up",
        "frames of a person without any score (3-D: without any coordinate) set to zero",
        "persons who are never seen dropped; clips without any person left out",
    ),
    companions=("label_map.txt",),
)
