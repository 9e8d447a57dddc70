"""The `.npz` that the CTR-GCN family trains on: x_train, y_train, x_test, y_test of NTU RGB+D (or PKU-MMD).

x: (N, T, 2·25·3), body-major: 25 joints × xyz of the first person, then of the second, zero-padded to the longest clip;
y: (N, K) one-hot. Used by CTR-GCN, InfoGCN, HD-GCN, SkeletonX and others. Coordinates are meters from the middle of the
first person's spine in the first frame, y up, as the Kinect saw them.

InfoGCN's `…_aligned.npz` has every body turned on its own by R⁻¹, R = [v2 v3 v1] of its first frame: v1 up the spine,
v2 from right to left hip, v3 = v2 × v1. So there x points to the subject's left, y ahead, z up, and since
det R = v2 · (v3 × v1) = −1 everything is a mirror image. Read as (−x, z, −y) it is y up, left at −x, facing −z, and
no mirror image any more. How two persons stood to each other is lost in such a file.
"""

from __future__ import annotations

import io
import tokenize
import zipfile
from collections.abc import Iterator, Sequence
from typing import IO

import numpy as np
from numpy.typing import NDArray

from crossglg.data.readers.base import Reader, Recording, SourcePath
from crossglg.data.readers.common import class_name, label_map, reading, seen_people, tell_left_out
from crossglg.skeletons import get_layout

PERSONS, JOINTS = 2, 25
SPLITS = ("train", "test")
MAX_FRAMES = 10_000  # a padded clip; NTU's files have 300
MAX_RATIO = 200  # of a compressed array; skeletons padded with zeros compress some ten times
_KIND = "a CTR-GCN .npz"


def read(path: SourcePath) -> list[Recording]:
    """All clips of both splits, named train-000000… and test-000000…; classes named by `label_map.txt` beside the file.

    Clips are read one by one, so memory holds what is left of them without their padding: about 4 GB for NTU-120.
    """
    with path.open("rb") as file:
        return parse(file, label_map(path), aligned=path.stem.endswith("_aligned"))


def parse(content: bytes | IO[bytes], class_names: Sequence[str] = (), aligned: bool = False) -> list[Recording]:
    """The clips of an `.npz` without pickled arrays; raises ValueError.

    aligned: the axes are those of InfoGCN's aligned files. Zero frames at the end are cut off; a second person who is
    an exact copy of the first is kept (NTU-120 files fill the missing one so).
    """
    with reading(_KIND):
        recordings: list[Recording] = []
        empty: list[str] = []
        with zipfile.ZipFile(io.BytesIO(content) if isinstance(content, bytes) else content) as archive:
            for split in SPLITS:
                labels = _labels(archive, split)
                for i, clip in enumerate(_clips(archive, split, len(labels))):
                    sample_id = f"{split}-{i:06d}"
                    people = _people(clip, aligned)
                    if people.size == 0:
                        empty.append(sample_id)
                        continue
                    label = class_name(int(labels[i]), class_names)
                    recordings.append(Recording(people, get_layout("ntu25"), sample_id, label))
        return tell_left_out(recordings, empty)


def _labels(archive: zipfile.ZipFile, split: str) -> NDArray[np.int64]:
    with _member(archive, f"y_{split}") as file:
        shape, dtype = _header(file, f"y_{split}")
        if len(shape) != 2 or shape[1] == 0:
            raise ValueError(f"y_{split} must be one-hot, (clips, classes), got shape {shape}")
        content = file.read(shape[0] * shape[1] * dtype.itemsize)
    one_hot = np.frombuffer(content, dtype)
    if one_hot.size != shape[0] * shape[1]:
        raise ValueError(f"y_{split} is cut off")
    one_hot = one_hot.reshape(shape)
    if not ((one_hot != 0).sum(axis=1) == 1).all():
        raise ValueError(f"y_{split} must be one-hot: one entry of each row 1, the others 0")
    return one_hot.argmax(axis=1)


def _clips(archive: zipfile.ZipFile, split: str, count: int) -> Iterator[NDArray[np.float32]]:
    """Each clip of a split as it is stored, (T, 2·25·3), one at a time."""
    with _member(archive, f"x_{split}") as file:
        shape, dtype = _header(file, f"x_{split}")
        if len(shape) != 3 or shape[2] != PERSONS * JOINTS * 3 or not 0 < shape[1] <= MAX_FRAMES:
            raise ValueError(f"x_{split} must be (clips, frames, {PERSONS * JOINTS * 3}), got shape {shape}")
        if shape[0] != count:
            raise ValueError(f"x_{split} has {shape[0]} clips but y_{split} has {count} labels")
        size = shape[1] * shape[2] * dtype.itemsize
        for _ in range(count):
            content = file.read(size)
            if len(content) != size:
                raise ValueError(f"x_{split} is cut off")
            yield np.frombuffer(content, dtype).reshape(shape[1:]).astype(np.float32)


def _member(archive: zipfile.ZipFile, key: str) -> IO[bytes]:
    if f"{key}.npy" not in archive.namelist():
        raise ValueError(f"it lacks the array {key!r}; it needs x_train, y_train, x_test and y_test")
    info = archive.getinfo(f"{key}.npy")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{key} is compressed in a way that numpy does not use")
    if info.file_size > MAX_RATIO * info.compress_size + 4096:
        raise ValueError(f"{key} would grow from {info.compress_size} to {info.file_size} bytes, which no skeletons do")
    return archive.open(info)


def _header(file: IO[bytes], key: str) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and type that an array declares, C order, without reading it."""
    version = np.lib.format.read_magic(file)
    read_header = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(version)
    if read_header is None:
        raise ValueError(f"{key} is of the unknown .npy version {version}")
    try:
        shape, fortran, dtype = read_header(file)
    except (SyntaxError, TypeError, tokenize.TokenError) as error:
        raise ValueError(f"the header of {key} is damaged") from error
    if (fortran and len(shape) > 1) or dtype.kind not in "fiu" or any(n < 0 for n in shape):
        raise ValueError(f"{key} must be an array of numbers in C order, got {dtype}")
    return shape, dtype


def _people(clip: NDArray[np.float32], aligned: bool) -> NDArray[np.float32]:
    """(T, 2·25·3) as stored → (M, T', 25, 3), y up, without the padding and without absent persons."""
    filled = np.flatnonzero(np.any(clip != 0, axis=1))
    clip = clip[: filled[-1] + 1 if filled.size else 0]
    xyz = clip.reshape(-1, PERSONS, JOINTS, 3).transpose(1, 0, 2, 3)
    if aligned:
        xyz = xyz[..., [0, 2, 1]] * np.array([-1, 1, -1], dtype=np.float32)
    return seen_people(xyz, (xyz != 0).any(axis=(2, 3)))


READER = Reader(
    about="Training arrays of the CTR-GCN family (Chen et al., ICCV 2021), also InfoGCN's …_aligned.npz",
    patterns=("NTU*.npz", "PKU*.npz", "*_aligned.npz"),
    read_file=read,
    steps=(
        "as the file was made: centered on the first person's spine in the first frame, two persons",
        "zero frames at the end cut off; persons who are never seen dropped; clips without any person left out",
        "…_aligned.npz: turned from z up to y up, its mirror image undone",
    ),
    companions=("label_map.txt",),
)
