"""What a reader is: bytes of one source format in, clips in meters with y up out."""

from __future__ import annotations

import inspect
import os
import re
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossglg.data.clips import SkeletonSet
from crossglg.data.reading_options import OptionError, parsed
from crossglg.files import counted
from crossglg.skeletons import Layout

SourcePath = Path | zipfile.Path  # a file in a folder, or a member of a zip

# What the standard library and numpy raise on content that is cut off, garbled or made to do harm.
GARBLED = (
    ValueError, EOFError, OverflowError, RuntimeError, MemoryError, OSError, struct.error, zlib.error,
    zipfile.BadZipFile, SyntaxError, tokenize.TokenError,
)  # fmt: skip


class UnreadableError(ValueError):
    """A file is not of a format: "FILE: reason" in a line. reason: what is wrong with it."""

    def __init__(self, path: SourcePath, reason: str) -> None:
        super().__init__(f"{path.name}: {reason}")
        self.reason = reason


@dataclass(frozen=True)
class Recording:
    """One clip as read. xyz: (M, T, V, C) float32, meters, y up; absent persons and frames without them are zero.

    class_name: "" where the source does not say;  class_from: what of it does, where that may be by mistake;  subject,
    camera: −1 unknown;  notes: what reading it had to decide or repair ("3 of 120 frames without a person dropped"), in
    words. 2-D sources have C = 2, in pixels or shares of the image, x as in the image, y up.
    """

    xyz: NDArray[np.float32]
    layout: Layout
    sample_id: str
    class_name: str = ""
    subject: int = -1
    camera: int = -1
    fps: float = 30.0
    notes: tuple[str, ...] = ()
    class_from: str = ""

    def __post_init__(self) -> None:
        if self.xyz.ndim != 4 or self.xyz.shape[-1] not in (2, 3) or 0 in self.xyz.shape:
            raise ValueError(
                f"{self.sample_id}: a clip is (persons, frames, joints, 2 or 3), none of them 0; got {self.xyz.shape}"
            )
        self.layout.check(self.xyz, self.sample_id)
        if not np.isfinite(self.xyz).all():
            raise ValueError(f"{self.sample_id}: a coordinate is not a finite number; mend or leave out the file")

    def __repr__(self) -> str:
        persons, frames = self.xyz.shape[:2]
        told = "".join(f"; {note}" for note in self.notes)
        size = f"{counted(persons, 'person')}, {counted(frames, 'frame')} at {self.fps:g} per second"
        return f"Recording({self.sample_id!r}: {size}, layout {self.layout.name!r}{told})"

    def only(self, person: int) -> Recording:
        """One person of the clip, counted from 1; raises ValueError if the clip has not so many."""
        if not 1 <= person <= len(self.xyz):
            raise ValueError(f"{self.sample_id} has {len(self.xyz)} person(s), there is no person {person}")
        return replace(self, xyz=self.xyz[person - 1 : person])

    def between(self, start: float, end: float | None = None) -> Recording:
        """The part from one second to another, None: to the end; raises ValueError if that is no part of the clip."""
        length = self.xyz.shape[1] / self.fps
        end = length if end is None else end
        if not (0 <= start < end and start < length):  # nan is none of these
            raise ValueError(f"{self.sample_id} is {length:.2f} s long, there is no part from {start:g} to {end:g} s")
        end = min(end, length)
        part = self.xyz[:, round(start * self.fps) : round(end * self.fps)]
        return replace(self, xyz=part, sample_id=f"{self.sample_id} {start:g}-{end:g}s")

    def to_set(self) -> SkeletonSet:
        """This clip as a SkeletonSet of one."""
        persons, frames = self.xyz.shape[:2]
        return SkeletonSet.build(
            self.xyz.reshape(persons * frames, *self.xyz.shape[2:]), [0, persons * frames], [0],
            [self.class_name or "unnamed"], self.layout, name=self.sample_id, persons=[persons],
            subject=[self.subject], camera=[self.camera], sample_id=[self.sample_id], fps=self.fps,
        )  # fmt: skip


@dataclass(frozen=True)
class Reader:
    """A source format.

    about: the data set or tool, and its paper, in a sentence;  patterns: glob patterns of its files in a folder,
    suffixes in any case;
    read_file: one file → its recordings; raises ValueError, without the file's name, when the content is not of the
    format;  steps: the named preprocessing that reading does, in order;  class_names: label order (empty: names found,
    sorted);  frame_name: where every frame is a file of its own, a regular expression of its name whose first group is
    the clip's; `read_file` is given the first frame and finds the others beside it;  companions: glob patterns of other
    files that are read with them, in their folder or the one above it.
    """

    about: str
    patterns: tuple[str, ...]
    read_file: Callable[..., list[Recording]]
    steps: tuple[str, ...]
    class_names: tuple[str, ...] = ()
    frame_name: str = ""
    companions: tuple[str, ...] = ()

    @property
    def options(self) -> list[str]:
        """What `read` can be told besides the file; the frame rate can be told of every format."""
        known = list(inspect.signature(self.read_file).parameters)[1:]
        return known if "fps" in known else [*known, "fps"]

    def parsed(self, options: Mapping[str, Any], format: str = "the format") -> dict[str, Any]:
        """Options given as texts or numbers, by their kinds; raises ValueError for one that this format lacks."""
        return parsed(options, self.options, format)

    def read(self, path: SourcePath, **options: Any) -> list[Recording]:
        """The recordings of one file.

        Raises OptionError for an option that cannot be, else UnreadableError: here, and nowhere else, an error gets the
        file's name.
        """
        try:
            options = self.parsed(options)
            known = inspect.signature(self.read_file).parameters
            recordings = self.read_file(path, **{name: value for name, value in options.items() if name in known})
            return [replace(recording, fps=options.get("fps", recording.fps)) for recording in recordings]
        except OptionError:
            raise
        except GARBLED as error:
            raise UnreadableError(path, in_a_line(error)) from error
        except Exception as error:  # whatever a reader of somebody else does wrong
            why = (
                f"its reader {self.read_file.__module__}.{self.read_file.__qualname__} is at fault "
                f"({type(error).__name__}: {in_a_line(error)}); it must return a list of Recording, or raise ValueError"
            )
            raise UnreadableError(path, why) from error

    def fitting(self, path: PurePath) -> list[str]:
        """The patterns that a file's name fits, its suffix in any case."""
        return [
            pattern for pattern in self.patterns if _small_suffix(path).match(str(_small_suffix(PurePath(pattern))))
        ]

    def clip_name(self, file: str) -> str | None:
        """The clip that a file is a frame of, "" if it has no name; None where a file is a whole clip, or many."""
        match = re.fullmatch(self.frame_name, file, re.IGNORECASE) if self.frame_name else None
        return match[1] if match else None


def hidden(path: PurePath) -> bool:
    """True if a file or a folder on the way to it starts with a dot, as macOS's "._Take 1.csv" does."""
    return any(part.startswith(".") for part in path.parts)


def _small_suffix(path: PurePath) -> PurePath:
    stem, suffix = os.path.splitext(path)
    return PurePath(stem + suffix.lower())


def in_a_line(error: Exception) -> str:
    """What an error says, without line breaks and not too long; its type if it says nothing."""
    return " ".join(str(error).split())[:1000] or type(error).__name__
