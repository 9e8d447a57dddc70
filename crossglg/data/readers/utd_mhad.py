"""UTD-MHAD, the skeleton of one clip as a MATLAB file of version 5: `d_skel`, (20 joints, 3, frames), metres.

Chen, Jafari, Kehtarnavaz, UTD-MHAD: a multimodal dataset for human action recognition, ICIP 2015. Kinect v1 axes; the
joints of the trunk stand from the head downwards, otherwise in the sensor's order.
"""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np

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
LARGEST = 1 << 26  # bytes unpacked; the longest clip of the set has 60 thousand


def parse(content: bytes) -> Clip:
    """One clip (1, T, 20, 3); raises ValueError if the content is not of the format."""
    from scipy.io import loadmat

    unpacked = _unpacked(content)
    try:
        skeleton = loadmat(io.BytesIO(unpacked), variable_names=["d_skel"], verify_compressed_data_integrity=False)
    except Exception as error:  # what scipy raises on a damaged file is not a family
        raise ValueError(f"it is a damaged MATLAB file ({type(error).__name__}: {error})") from error
    xyz = skeleton.get("d_skel")
    if not isinstance(xyz, np.ndarray) or xyz.dtype.kind not in "fiu" or xyz.ndim != 3 or xyz.shape[:2] != (20, 3):
        raise ValueError("it needs the variable d_skel, numbers of shape (20, 3, frames)")
    return one_person(xyz.transpose(2, 0, 1)[:, JOINT_ORDER].astype(np.float64))


def read(path: SourcePath) -> list[Recording]:
    """The clip of a file like a01_s01_t01_skeleton.mat: action, subject, trial."""
    parts = name_parts(path, r"(a(\d+)_s(\d+)_t\d+)_skeleton\.mat", "a1_s1_t1_skeleton.mat")
    name = numbered(ACTIONS, int(parts[2]), path)
    return one_clip(path, parse, get_layout("kinect20"), parts[1], name, int(parts[3]))


def _unpacked(content: bytes) -> bytes:
    """The file with its compressed variables unpacked here, where a limit holds. Format: MAT-File, level 5."""
    if len(content) < 128 or content[124:128] != b"\x00\x01IM":
        raise ValueError("it is not a MATLAB file of version 5 (little-endian); save it again with the option -v7")
    unpacked, at = bytearray(content[:128]), 128
    while at + 8 <= len(content):
        kind, size = struct.unpack_from("<II", content, at)
        element, at = content[at : at + 8 + size], at + 8 + size
        if kind == 15:  # miCOMPRESSED
            stream = zlib.decompressobj()
            try:
                element = stream.decompress(element[8:], LARGEST)
            except zlib.error as error:
                raise ValueError(f"it is a damaged MATLAB file ({error})") from error
        unpacked += element
        if len(unpacked) >= LARGEST:
            raise ValueError(f"it unpacks to more than {LARGEST >> 20} MiB: it is no clip")
    return bytes(unpacked)


READER = Reader(
    about="UTD-MHAD (Chen et al. 2015): 27 actions, 8 subjects, Kinect v1, one MATLAB file per clip",
    patterns=("a*_s*_t*_skeleton.mat",),
    read=read,
    steps=("joints in the order of kinect20", NOBODY_DROPPED),
    class_names=ACTIONS,
)
