"""What several readers share: errors of garbled content, names of numbered classes, clips in which nobody is seen."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import cast

import numpy as np
from numpy.typing import NDArray

from crossglg.data.readers.base import GARBLED, Recording, SourcePath, in_a_line


@contextlib.contextmanager
def reading(kind: str, what: str = "it") -> Iterator[None]:
    """Turn whatever reading garbled content raises into one ValueError sentence that says what it should be.

    Numbers that become infinite are no warnings here: Recording refuses them.
    """
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            yield
    except GARBLED as error:
        raise ValueError(f"{what} cannot be read as {kind}: {in_a_line(error)}") from error


def text_of(content: bytes) -> str:
    """A file's text, in UTF-8 or, by its first two bytes, in UTF-16; raises ValueError."""
    try:
        text = content.decode("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"it is no text in UTF-8 ({error.reason} at byte {error.start}); save it as UTF-8") from None
    if "\0" in text:
        raise ValueError("it holds NUL bytes, as UTF-16 without its mark does; save it as UTF-8")
    return text


def folder_of(path: SourcePath) -> SourcePath:
    """The folder a file lies in; for a file at the top of a zip that zip, whose folder is the one it lies in."""
    return cast(SourcePath, path.parent)


def beside(path: SourcePath, *names: str) -> SourcePath | None:
    """The first that exists of files with these names, suffix in any case, in the file's folder or the one above it."""
    named = [PurePosixPath(name) for name in names]
    spelled = [name.with_suffix(case(name.suffix)) for name in named for case in (str, str.lower, str.upper)]
    candidates = (above / str(name) for above in (folder_of(path), folder_of(folder_of(path))) for name in spelled)
    return next((candidate for candidate in candidates if candidate.exists()), None)


def label_map(path: SourcePath) -> tuple[str, ...]:
    """Class names for the numbered labels of `path`: the lines of `label_map.txt` beside it; () without that file."""
    file = folder_of(path) / "label_map.txt"
    if not file.is_file():
        return ()
    with reading("class names, one a line", file.name):
        return tuple(line.strip() for line in file.read_text(encoding="utf-8").splitlines() if line.strip())


def class_name(label: int, names: Sequence[str]) -> str:
    """The name of class number `label` (from 0), or the number as text where no names are known."""
    if not names:
        return str(label)
    if not 0 <= label < len(names):
        raise ValueError(f"label {label} is outside the {len(names)} class names; mend the label map")
    return names[label]


def seen_people(xyz: NDArray[np.float32], seen: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Set frames in which a person is not seen to zero and drop persons who never are.

    xyz: (M, T, V, C);  seen: (M, T). Returns (M', T, V, C), M' = 0 where nobody is ever seen.
    """
    return np.where(seen[:, :, None, None], xyz, np.float32(0))[seen.any(axis=1)]


def tell_left_out(recordings: list[Recording], empty: Sequence[str]) -> list[Recording]:
    """Add to the first recording's notes which clips of the same file were left out because nobody is seen in them."""
    if not recordings or not empty:
        return recordings
    some = ", ".join(empty[:5]) + (", …" if len(empty) > 5 else "")
    note = f"{len(empty)} clips of the same file left out because nobody is seen in them: {some}"
    return [replace(recordings[0], notes=(*recordings[0].notes, note)), *recordings[1:]]
