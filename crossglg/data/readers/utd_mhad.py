"""UTD-MHAD, the skeleton of one clip as a MATLAB file of version 5: `d_skel`, (20 joints, 3, frames), meters.

Chen, Jafari, Kehtarnavaz, UTD-MHAD: a multimodal dataset for human action recognition, ICIP 2015. Kinect v1 axes; the
joints of the trunk stand from the head downwards, otherwise in the sensor's order.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from crossglg.data.readers.base import Reader, Recording, SourcePath
from crossglg.data.readers.kinect import NOBODY_DROPPED, Clip, name_parts, numbered, one_clip, one_person
from crossglg.skeletons import get_layout

ACTIONS = (
    "swipe left", "swipe right", "wave", "clap", "throw", "arm cross", "basketball shoot", "draw x",
    "draw circle clockwise", "draw circle counter clockwise", "draw triangle", "bowling", "boxing", "baseball swing",
    "tennis swing", "arm curl", "tennis serve", "push", "knock on door", "catch", "pick up and throw", "jog in place",
    "walk in place", "sit to stand", "stand to sit", "forward lunge", "squat",
)  # fmt: skip
JOINT_ORDER = (3, 2, 1, 0, *range(4, 20))  # where each joint of kinect20 stands in the file
LARGEST = 1 << 24  # bytes unpacked; a clip of two minutes has two million
# Kinds of elements in the format "MAT-file level 5", and how the kinds that hold numbers are stored.
MATRIX, COMPRESSED = 14, 15
NUMBERS = {1: "<i1", 2: "<u1", 3: "<i2", 4: "<u2", 5: "<i4", 6: "<u4", 7: "<f4", 9: "<f8", 12: "<i8", 13: "<u8"}


def parse(content: bytes) -> Clip:
    """One clip (1, T, 20, 3); raises ValueError if the content is not of the format.

    The little of the format that d_skel needs is read here. scipy's loadmat (1.17 too) ends the whole process with a
    segmentation fault on some damaged files, also with `variable_names` and however small the file, and a process of
    its own for each of the set's 861 clips would take minutes.
    """
    if len(content) < 128 or content[124:128] != b"\x00\x01IM":
        raise ValueError("it is not a MATLAB file of version 5 (little-endian); save it again with the option -v7")
    for kind, variable in _elements(content[128:]):
        if kind == COMPRESSED:
            kind, variable = next(_elements(_unpacked(variable)), (0, b""))
        parts = list(_elements(variable)) if kind == MATRIX else []
        if len(parts) > 2 and parts[2][1] == b"d_skel":
            xyz = _numbers(parts).transpose(2, 0, 1)[:, JOINT_ORDER]
            return one_person(xyz.astype(np.float64))
    raise ValueError("it has no variable d_skel")


def read(path: SourcePath) -> list[Recording]:
    """The clip of a file like a01_s01_t01_skeleton.mat: action, subject, trial."""
    parts = name_parts(path, r"(a(\d+)_s(\d+)_t\d+)_skeleton\.mat", "a1_s1_t1_skeleton.mat")
    name = numbered(ACTIONS, int(parts[2]))
    return one_clip(path, parse, get_layout("kinect20"), parts[1], name, int(parts[3]))


def _elements(content: bytes) -> Iterator[tuple[int, bytes]]:
    """(kind, data) one after another; raises ValueError if the last is cut off."""
    at = 0
    while at + 8 <= len(content):
        kind, size = struct.unpack_from("<II", content, at)
        start = at + 8
        if kind >> 16:  # up to four bytes stand in the second half of the tag, their number in its first half
            kind, size, start = kind & 0xFFFF, min(kind >> 16, 4), at + 4
        if start + size > len(content):
            raise ValueError("it is a damaged MATLAB file: an element is longer than the file")
        yield kind, content[start : start + size]
        at = start + size + (0 if kind == COMPRESSED else -(start + size) % 8)


def _unpacked(packed: bytes) -> bytes:
    stream = zlib.decompressobj()
    try:
        content = stream.decompress(packed, LARGEST)
    except zlib.error as error:
        raise ValueError(f"it is a damaged MATLAB file ({error})") from error
    if stream.unconsumed_tail:
        raise ValueError(f"it unpacks to more than {LARGEST >> 20} MiB: it is no clip")
    return content


def _numbers(parts: Sequence[tuple[int, bytes]]) -> NDArray[np.number]:
    """(20, 3, T) from the parts of a matrix: flags, shape, name, numbers."""
    kind, data = parts[3] if len(parts) == 4 else (0, b"")  # five parts: complex numbers
    shape = np.frombuffer(parts[1][1][: len(parts[1][1]) // 4 * 4], "<i4").tolist()
    is_array_of_numbers = 6 <= (parts[0][1] or b"\0")[0] <= 15 and kind in NUMBERS
    if not is_array_of_numbers or len(shape) != 3 or shape[:2] != [20, 3]:
        raise ValueError(f"d_skel must be numbers of shape (20, 3, frames), this one is of shape {tuple(shape)[:9]}")
    stored = np.dtype(NUMBERS[kind])
    if len(data) != 60 * shape[2] * stored.itemsize:
        raise ValueError(f"d_skel of shape {tuple(shape)} has {len(data)} bytes: the file is damaged")
    return np.frombuffer(data, stored).reshape(shape, order="F")


READER = Reader(
    about="UTD-MHAD (Chen et al. 2015): 27 actions, 8 subjects, Kinect v1, one MATLAB file per clip",
    patterns=("a*_s*_t*_skeleton.mat",),
    read_file=read,
    steps=("joints in the order of kinect20", NOBODY_DROPPED),
    class_names=ACTIONS,
)
