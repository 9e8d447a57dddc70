"""Any single file of skeletons that a reader of ours understands: what `enroll` and `recognize` are given."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from crossglg.data.clips import SkeletonSet
from crossglg.data.readers import READERS, Reader, Recording, UnreadableError, get_reader
from crossglg.skeletons import Layout, retarget

DOCUMENTED = "npz"  # the format of crossglg.data.clips, which needs no reader elsewhere


def read_any(
    path: str | Path, layout: Layout | None = None, format: str = "", file_layout: str = ""
) -> list[Recording]:
    """The clips of one file: the documented `.npz`, or whatever a registered reader makes of it.

    format: a name in `READERS` or "npz"; "": every format whose file pattern matches is tried, and exactly one must
    accept.  layout: carry the clips to it by joint name (None: as read).  file_layout: the joints of the file where it
    does not say them, a layout's name or a YAML file; only for formats whose reader has the option `layout`.
    Raises FileNotFoundError, or one ValueError that lists what was tried and why each refused.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"no skeleton file {path}")
    if not path.is_file():
        raise ValueError(f"{path} is a folder; give one file of skeletons")
    found = _read(path, format, file_layout) if format else identify(path, file_layout)[1]
    if not found:
        raise ValueError(f"{path.name}: nobody is seen in it; give a file with at least one person")
    return found if layout is None else [_carried(recording, layout) for recording in found]


def identify(path: Path, file_layout: str = "") -> tuple[str, list[Recording]]:
    """The one format that accepts a file, and its clips; raises ValueError as `read_any` does."""
    accepted: dict[str, list[Recording]] = {}
    refused: dict[str, str] = {}
    for name in matching_formats(path):
        try:
            accepted[name] = _read(path, name, file_layout)
        except UnreadableError as error:
            refused[name] = error.reason
    if len(accepted) == 1:
        return next(iter(accepted.items()))
    if accepted:
        raise ValueError(f"{path.name} can be read as {' or as '.join(accepted)}; say which by format=")
    if refused:
        reasons = "; ".join(f"{name}: {why.rstrip('.')}" for name, why in refused.items())
        raise ValueError(f"{path.name} cannot be read. Tried {reasons}")
    known = ", ".join((DOCUMENTED, *READERS))
    raise ValueError(f"{path.name}: no format has files named so; rename it, or give format= one of {known}")


def matching_formats(path: Path) -> list[str]:
    """The formats whose files are named like this one."""
    readers = [name for name, reader in READERS.items() if any(map(path.match, reader.patterns))]
    return [DOCUMENTED, *readers] if path.suffix == ".npz" else readers


def _read(path: Path, format: str, file_layout: str) -> list[Recording]:
    reader = _NPZ if format == DOCUMENTED else get_reader(format)
    if not file_layout:
        return reader.read(path)
    if "layout" not in reader.options:
        raise UnreadableError(path, f"files of the format {format!r} say what their joints are; leave out the layout")
    return reader.read(path, layout=file_layout)


def _documented(path: Path) -> list[Recording]:
    try:
        clips = SkeletonSet.load(path)
    except ValueError as error:
        raise ValueError(str(error).replace(str(path), "it", 1)) from error  # whoever calls the reader names the file
    return [
        Recording(
            xyz=clips[i].astype("float32"),
            layout=clips.layout,
            sample_id=str(clips.sample_id[i]),
            class_name=clips.class_of(i),
            subject=int(clips.subject[i]),
            camera=int(clips.camera[i]),
            fps=clips.fps,
        )
        for i in range(len(clips))
    ]


_NPZ = Reader("the documented format", ("*.npz",), _documented, ("as the file was made",))


def _carried(recording: Recording, layout: Layout) -> Recording:
    try:
        return replace(recording, xyz=retarget(recording.xyz, recording.layout, layout), layout=layout)
    except ValueError as error:
        raise ValueError(f"{recording.sample_id}: {error}") from None
