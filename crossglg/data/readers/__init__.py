"""Registry of source formats: a new one is one file and one line here, or an entry point of another package."""

from __future__ import annotations

from crossglg.data.readers import (
    alphapose,
    amass,
    asf_amc,
    azure_kinect,
    bvh,
    c3d_file,
    cad60,
    ctrgcn,
    florence3d,
    kard,
    keypoints,
    kinder_gator,
    kinetics_skeleton,
    mars,
    mmpose,
    msr_action3d,
    msr_daily,
    msrc12,
    mvnx,
    ntu,
    nw_ucla,
    openpose,
    pku_mmd,
    pyskl,
    trc,
    ui_prmd,
    utd_mhad,
    utkinect,
)
from crossglg.data.readers.base import Reader, Recording, SourcePath, UnreadableError, hidden
from crossglg.files import nearest
from crossglg.plugins import Registry

__all__ = ["READERS", "Reader", "Recording", "SourcePath", "UnreadableError", "get_reader", "hidden"]

_READERS: dict[str, Reader] = {
    "ntu": ntu.READER,
    "pyskl": pyskl.READER,
    "ctrgcn": ctrgcn.READER,
    "pku-mmd": pku_mmd.READER,
    "kinetics-skeleton": kinetics_skeleton.READER,
    "bvh": bvh.READER,
    "keypoints": keypoints.READER,
    "openpose": openpose.READER,
    "alphapose": alphapose.READER,
    "mmpose": mmpose.READER,
    "azure-kinect": azure_kinect.READER,
    "mvnx": mvnx.READER,
    "trc": trc.READER,
    "c3d": c3d_file.READER,
    "asf-amc": asf_amc.READER,
    "amass": amass.READER,
    "cad60": cad60.READER,
    "florence3d": florence3d.READER,
    "kard": kard.READER,
    "kinder-gator": kinder_gator.READER,
    "mars": mars.READER,
    "msr-action3d": msr_action3d.READER,
    "msr-daily": msr_daily.READER,
    "msrc12": msrc12.READER,
    "nw-ucla": nw_ucla.READER,
    "ui-prmd": ui_prmd.READER,
    "utd-mhad": utd_mhad.READER,
    "utkinect": utkinect.READER,
}
READERS = Registry("reader", _READERS, Reader)


def get_reader(name: str) -> Reader:
    """A registered reader; raises ValueError with the valid names."""
    if name == "npz" and name not in READERS:
        raise ValueError("'npz' is the project's own format: no conversion is needed, give the file or folder as it is")
    if name not in READERS:
        raise ValueError(f"unknown format {name!r}{nearest(name, READERS)} Formats: {', '.join(READERS)}")
    return READERS[name]
