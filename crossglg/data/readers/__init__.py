"""Registry of source formats: a new one is one file here and one line below, and inherits the contract tests."""

from __future__ import annotations

from crossglg.config import nearest
from crossglg.data.readers import bvh, keypoints
from crossglg.data.readers.base import Reader, Recording, SourcePath

__all__ = ["READERS", "Reader", "Recording", "SourcePath", "get_reader"]

READERS: dict[str, Reader] = {
    "bvh": bvh.READER,
    "keypoints": keypoints.READER,
}


def get_reader(name: str) -> Reader:
    """A registered reader; raises ValueError with the valid names."""
    if name not in READERS:
        raise ValueError(f"unknown format {name!r}{nearest(name, list(READERS))} Formats: {', '.join(READERS)}")
    return READERS[name]
