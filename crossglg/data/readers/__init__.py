"""Registry of source formats: a new one is one file and one line here, or an entry point of another package."""

from __future__ import annotations

from crossglg.config import nearest
from crossglg.data.readers import (
    bvh,
    ctrgcn,
    keypoints,
    kinder_gator,
    kinetics_skeleton,
    mars,
    msr_action3d,
    msr_daily,
    ntu,
    nw_ucla,
    pku_mmd,
    pyskl,
    ui_prmd,
    utd_mhad,
    utkinect,
)
from crossglg.data.readers.base import Reader, Recording, SourcePath, UnreadableError
from crossglg.plugins import Registry

__all__ = ["READERS", "Reader", "Recording", "SourcePath", "UnreadableError", "get_reader"]

_READERS: dict[str, Reader] = {
    "ntu": ntu.READER,
    "pyskl": pyskl.READER,
    "ctrgcn": ctrgcn.READER,
    "pku-mmd": pku_mmd.READER,
    "kinetics-skeleton": kinetics_skeleton.READER,
    "bvh": bvh.READER,
    "keypoints": keypoints.READER,
    "kinder-gator": kinder_gator.READER,
    "mars": mars.READER,
    "msr-action3d": msr_action3d.READER,
    "msr-daily": msr_daily.READER,
    "nw-ucla": nw_ucla.READER,
    "ui-prmd": ui_prmd.READER,
    "utd-mhad": utd_mhad.READER,
    "utkinect": utkinect.READER,
}
READERS = Registry("reader", _READERS, Reader)


def get_reader(name: str) -> Reader:
    """A registered reader; raises ValueError with the valid names."""
    if name not in READERS:
        raise ValueError(f"unknown format {name!r}{nearest(name, list(READERS))} Formats: {', '.join(READERS)}")
    return READERS[name]
