"""Any single file of skeletons that a reader of ours understands, or an array: what is enrolled and recognized."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from crossglg.data.clips import SkeletonSet
from crossglg.data.readers import READERS, Reader, Recording, UnreadableError, get_reader, hidden, keypoints, points
from crossglg.data.reading_options import OptionError
from crossglg.files import expanded, nearest
from crossglg.skeletons import Layout, get_layout, retarget

DOCUMENTED = "npz"  # the format of crossglg.data.clips, which needs no reader elsewhere
_OTHER_JSON = (
    ". No other JSON is read, MediaPipe's neither: write its points into a .csv or .npy file, as the page 'Your data' "
    "of the guide says (docs/guide/your-data.md)"
)

_TABLE, _SHEET = "a table of key points is read with format=keypoints", "save the sheet as .csv and give that"
_ARRAY = "write its array (frames, joints, coordinates) with numpy.save to a .npy file and give that"
_ADVICE = {
    **dict.fromkeys((".txt", ".tsv", ".dat"), _TABLE),
    **dict.fromkeys((".xlsx", ".xls", ".ods"), _SHEET),
    **dict.fromkeys((".mat", ".h5", ".hdf5", ".parquet", ".pt", ".pth"), _ARRAY),
}


def read_any(path: str | Path, to: Layout | str | None = None, format: str = "", **options: Any) -> list[Recording]:
    """The clips of one file: the documented `.npz`, or whatever a registered reader makes of it.

    Args:
        path: the file, or a folder that holds one clip, frame by frame.
        to: carry the clips to this layout, or the one of this name, by joint name. None: as read.
        format: a name in `READERS` or "npz"; "": every format whose file pattern matches is tried.
        options: those of `crossglg.data.reading_options.OPTIONS` that the format has: layout, unit, fps, ….

    Returns:
        A recording for each clip: recognize and enroll them one by one. `to_set()` of it is a `SkeletonSet`.

    Raises:
        FileNotFoundError: there is no such file.
        TypeError: this is no path.
        OptionError: an option cannot be.
        ValueError: the file cannot be read; the message lists what was tried and why each refused.
    """
    if not isinstance(path, str | Path):
        raise TypeError(f"read_any reads a file, got {type(path).__name__}; read_array takes an array (T, V, C)")
    path = expanded(path)
    if not path.exists():
        raise FileNotFoundError(f"no skeleton file {path}")
    file = _first_frame(path) if path.is_dir() else path
    found = _read(file, format, options) if format else identify(file, options)[1]
    if not found:
        raise ValueError(f"{path.name}: nobody is seen in it; give a file with at least one person")
    return found if to is None else [_carried(recording, get_layout(to)) for recording in found]


def read_array(
    xyz: ArrayLike, layout: Layout | str = "", name: str = "clip", class_name: str = "", **options: Any
) -> Recording:
    """One clip from an array; the same is done to it as to a file: gaps are filled, y is up, lengths are in meters.

    Args:
        xyz: `(T, V, C)` or `(M, T, V, C)`, lists and tensors too. C is x, y, z, or these and a visibility; for clips of
            an image x, y, or these and a score. NaN, or masked, where a joint or a whole person is missing.
        layout: of the V joints, or its name; "": the one that has so many.
        name: of the clip.
        class_name: of its action, for a set to learn from.
        options: unit, up, fps and others of `crossglg.data.reading_options.OPTIONS`. Without `up` and `unit` the
            posture and size tell: give them where people lie, or for each window of a stream.

    Returns:
        The clip, `(M, T, V, 2 or 3)`. Its `notes` say what was decided and mended.

    Raises:
        OptionError: an option cannot be.
        ValueError: this is no clip, nobody is seen in it, or it is not clear what the joints are.
    """
    options = READERS["keypoints"].parsed(options, "an array")
    try:
        values = np.ma.filled(np.asanyarray(xyz, dtype=np.float64), np.nan)
    except (ValueError, TypeError, RuntimeError) as error:  # of a tensor that requires gradients
        raise ValueError(
            f"{name}: an array of numbers is expected, (T, V, C), NaN where a joint is missing; got "
            f"{type(xyz).__name__} ({error}). A file is read by read_any"
        ) from error
    try:
        given = None if isinstance(layout, str) and not layout else get_layout(layout)
        clip = points.recording(keypoints.of_array(values), name, given, **options)
    except OptionError:
        raise
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
    return replace(clip, class_name=class_name)


def identify(path: Path, options: Mapping[str, Any] | None = None) -> tuple[str, list[Recording]]:
    """The format that accepts a file, and its clips; raises ValueError as `read_any` does.

    Of several formats, the one whose pattern fits the file's name most closely: that of a data set before *.csv.
    """
    accepted: dict[str, list[Recording]] = {}
    refused: dict[str, str] = {}
    wrong: OptionError | None = None
    formats, options = matching_formats(path), options or {}
    _check_options(path, formats, options)
    for name in formats:
        try:
            accepted[name] = _read(path, name, options)
        except OptionError as error:  # another format may know it
            wrong = error
        except UnreadableError as error:
            refused[name] = error.reason
    closeness = {name: _closeness(path, name) for name in accepted}
    closest = [name for name in accepted if closeness[name] == max(closeness.values())]
    if len(closest) == 1:
        return closest[0], accepted[closest[0]]
    if accepted:
        raise ValueError(f"{path.name} can be read as {' or as '.join(closest)}; say which by format=")
    if wrong:
        raise wrong
    if refused:
        reasons = "; ".join(f"{name}: {why.rstrip('.')}" for name, why in refused.items())
        advice = _OTHER_JSON if path.suffix.lower() == ".json" else ""
        raise ValueError(f"{path.name} cannot be read. Tried {reasons}{advice}")
    if way := _ADVICE.get(path.suffix.lower()):
        raise ValueError(f"{path.name}: no format has files named so; {way}")
    known = ", ".join((DOCUMENTED, *READERS))
    raise ValueError(f"{path.name}: no format has files named so; rename it, or give format= one of {known}")


def matching_formats(path: Path) -> list[str]:
    """The formats whose files are named like this one."""
    readers = [name for name, reader in READERS.items() if reader.fitting(path)]
    return [DOCUMENTED, *readers] if _NPZ.fitting(path) else readers


def clip_files(path: Path) -> Iterator[Path]:
    """The file itself, or all of a folder and below but hidden ones; of a clip with a file per frame only the first."""
    if path.is_file():
        yield path
        return
    clips = set()
    for file in sorted(file for file in path.rglob("*") if file.is_file() and not hidden(file.relative_to(path))):
        clip = next((clip for reader in READERS.values() if (clip := reader.clip_name(file.name)) is not None), None)
        if clip is None or (file.parent, clip) not in clips:
            yield file
        clips.add((file.parent, clip))


def _check_options(path: Path, formats: list[str], options: Mapping[str, Any]) -> None:
    known = dict.fromkeys(option for name in formats for option in _reader(name).options)
    strange = [option for option in options if option not in known]
    if formats and strange:
        raise OptionError(
            f"{path.name}: no format of such files has an option {strange[0]!r}{nearest(strange[0], known)} Options: "
            f"{', '.join(known)}"
        )


def _reader(format: str) -> Reader:
    return _NPZ if format == DOCUMENTED else get_reader(format)


def _closeness(path: Path, format: str) -> int:
    """How many characters of the file's name a format asks for."""
    return max((len(pattern.replace("*", "")) for pattern in _reader(format).fitting(path)), default=0)


def _first_frame(folder: Path) -> Path:
    """The first file of the only clip in a folder that holds it frame by frame; raises ValueError for other folders."""
    seen = [file for file in folder.iterdir() if not file.name.startswith(".")]
    clips = {
        (name, clip)
        for name, reader in READERS.items()
        for file in seen
        if (clip := reader.clip_name(file.name)) is not None
    }
    if len(clips) != 1:
        what = f" with frames of {len(clips)} clips" if clips else ""
        raise ValueError(f"{folder} is a folder{what}; give the files in it instead: {shlex.quote(str(folder))}/*")
    [(name, clip)] = clips
    return min(file for file in seen if READERS[name].clip_name(file.name) == clip)


def _read(path: Path, format: str, options: Mapping[str, Any]) -> list[Recording]:
    return _reader(format).read(path, **options)


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
