"""Which class a clip is of where its file does not say: the folder it lies in, or a table of the user's."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from itertools import count, islice
from pathlib import Path, PurePosixPath

from crossglg.data.readers import Recording
from crossglg.data.readers.common import text_of
from crossglg.files import composed

COLUMNS = ("file", "class", "subject", "camera")
SEGMENTS = {"start", "end", "begin", "stop", "start_frame", "end_frame", "start_time", "end_time"}


@dataclass(frozen=True)
class Label:
    """A row of a table of classes; subject, camera: −1 where it does not say."""

    class_name: str
    subject: int = -1
    camera: int = -1


@dataclass(frozen=True)
class ClassTable:
    """The user's table: a csv with the columns file and class, and perhaps subject and camera.

    A file is named by its path in the folder, or by its name, with or without the ending; a clip of a file that holds
    several, by its sample id; a clip whose frames are files, also by the folder that holds no other.
    """

    path: Path
    rows: Mapping[str, Label]

    @classmethod
    def load(cls, path: str | Path) -> ClassTable:
        """Raises FileNotFoundError, or ValueError that says which line is wrong."""
        path = Path(path)
        if not path.is_file():
            raise FileNotFoundError(f"no table of classes {path}; give a csv with the columns file and class")
        try:
            fields = _fields(path.read_bytes())
            if not fields or not {"file", "class"} <= set(fields[0]):
                raise ValueError(f"it needs a header with {', '.join(COLUMNS[:2])}, and rows")
            if cut := sorted(SEGMENTS & set(fields[0])):
                raise ValueError(
                    f"its column {cut[0]!r} says where actions begin or end, but a file is one clip: cut the "
                    f"recordings first, each action to a file of its own, and take the column out"
                )
            subjects, cameras = (_numbers([row.get(column, "").strip() for row in fields]) for column in COLUMNS[2:])
            rows = {
                _key(row["file"]): _label(row, number, subject, camera)
                for number, row, subject, camera in zip(count(2), fields, subjects, cameras, strict=False)
            }
        except (ValueError, csv.Error) as error:
            raise ValueError(f"{path.name} is no table of classes: {error}") from None
        (file, times), *_ = Counter(_key(row["file"]) for row in fields).most_common(1)
        if times > 1:
            raise ValueError(
                f"{path.name}: {file} stands in it twice; name files that are called the same by their paths in the "
                f"folder"
            )
        return cls(path, rows)

    def key(self, file: str, sample_id: str, alone: bool = False) -> str:
        """What the row of a clip is called; raises ValueError if there is none. alone: as of `classify`."""
        name = PurePosixPath(file)
        keys = [file, str(name.with_suffix("")), name.name, name.stem, sample_id]
        keys += [str(name.parent), name.parent.name] if alone else []
        for key in map(composed, keys):
            if key in self.rows:
                return key
        called, what = (name.parent, "folder") if alone and name.parent.name else (file, "file")
        raise ValueError(f"{called} has no row in {self.path.name}; add one, or take the {what} out")

    def of(self, file: str, sample_id: str, alone: bool = False) -> Label:
        """The row of a clip; raises ValueError if there is none."""
        return self.rows[self.key(file, sample_id, alone)]

    def unused(self, keys: Collection[str]) -> list[str]:
        """What the rows without a clip are called. keys: of all clips."""
        return [key for key in self.rows if key not in set(keys)]


def is_table(path: Path) -> bool:
    """True if a csv begins as a table of classes: its header, and a row. Only its first lines are read."""
    try:
        with path.open("rb") as file:
            fields = _fields(b"".join(islice(file, 5)))
    except (ValueError, csv.Error):
        return False
    return bool(fields) and {"file", "class"} <= set(fields[0])


def classify(
    recording: Recording, file: str, table: ClassTable | None, frames_of: str | None = None, alone: bool = False
) -> tuple[Recording, str]:
    """The recording with its class, and what said it: "table", "source" or what in it, "folder" or "nobody".

    file: path below the folder of the whole set;  frames_of: the clip whose frames the files beside it are;  alone: no
    other clip's frames lie there, so that the folder is the clip and the folder above it the class. Where the source
    does not say the class, the sample id has all folders, since files in several may be called the same.
    """
    alone = alone and frames_of is not None
    named, folders = _with_folders(recording, file, alone)
    if table is not None:
        label = table.of(file, recording.sample_id, alone)
        subject = label.subject if label.subject >= 0 else recording.subject
        camera = label.camera if label.camera >= 0 else recording.camera
        return replace(named, class_name=label.class_name, subject=subject, camera=camera), "table"
    if recording.class_name:
        return named, recording.class_from or "source"
    if not folders:
        return named, "nobody"
    return replace(named, class_name=folders[-1].replace("_", " ")), "folder"


def _with_folders(recording: Recording, file: str, alone: bool) -> tuple[Recording, tuple[str, ...]]:
    """The recording with the folders of its file in its id, unless its source says the class, and those above it."""
    folders = PurePosixPath(composed(file)).parent.parts
    name = composed(recording.sample_id)
    if recording.class_name and not recording.class_from:
        return recording, folders
    kept = folders[:-1] if alone and folders and folders[-1] == name else folders
    return replace(recording, sample_id="/".join([*kept, name])), folders[:-1] if alone else folders


def _fields(content: bytes) -> list[dict[str, str]]:
    """The rows of a csv by its columns' names in small letters; raises ValueError or csv.Error."""
    text = re.sub(r"\Asep=.\s*\n", "", text_of(content), flags=re.IGNORECASE)  # Excel's own line
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    table = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    return [{str(k).strip().lower(): (v or "") for k, v in row.items()} for row in table]


def _key(file: str) -> str:
    return str(PurePosixPath(composed(file).strip().replace("\\", "/")))


def _label(row: Mapping[str, str], number: int, subject: int, camera: int) -> Label:
    if not row["file"].strip() or not row["class"].strip():
        raise ValueError(f"row {number} lacks the file or the class")
    return Label(composed(row["class"]).strip(), subject, camera)


def _numbers(cells: list[str]) -> list[int]:
    """A number for each cell, −1 where it is empty: that in P01, P02, …; of names, their place in the alphabet."""
    names = sorted(set(cells) - {""})
    numbered = {name: match for name in names if (match := re.fullmatch(r"(\D*)(\d+)", name, re.ASCII))}
    number = {name: int(match[2]) for name, match in numbered.items()}
    people = {(match[1], number[name]) for name, match in numbered.items()}
    if len(numbered) < len(names) or len(set(number.values())) < len(people):  # A1 and B1 are two people
        number = {name: place for place, name in enumerate(names, start=1)}
    return [number.get(cell, -1) for cell in cells]
