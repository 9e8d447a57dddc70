"""Files: atomic writes, hashes, where the project's own texts and the user's cache live; what is wrong with input."""

from __future__ import annotations

import difflib
import errno
import hashlib
import json
import os
import re
import threading
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from pydantic import TypeAdapter

Record = TypeVar("Record")


class InputError(ValueError):
    """Input that cannot work, in one sentence with the way on. A notebook shows the sentence alone, no traceback."""

    def _render_traceback_(self) -> list[str]:
        return [f"✗ {self}"]


class MissingError(InputError, FileNotFoundError):
    """A file or folder that is not there."""


class WriteError(OSError):
    """A file that cannot be written, in one sentence with the way on."""

    def __init__(self, path: Path, error: OSError) -> None:
        cached = path.absolute().is_relative_to(cache_folder().absolute())
        elsewhere = "set the environment variable CROSSGLG_CACHE to a folder that can be written"
        if is_full(error):
            way = f"make room{f', or {elsewhere},' if cached else ''} and give the same command again"
            super().__init__(f"no room is left on the disk for {path}; {way}")
        elif cached:
            super().__init__(f"cannot write in the cache folder {path.parent} ({error.strerror or error}); {elsewhere}")
        else:
            super().__init__(f"cannot write {path} ({error.strerror or error}); choose a folder that can be written")
        self.errno = error.errno


def expanded(path: str | Path) -> Path:
    """A path with "~" for the home folder, which no shell replaces in --dataset=~/x.npz, in FORMAT:~/x or in Python."""
    return Path(os.path.expanduser(path))


def is_full(error: Exception) -> bool:
    """Whether a disk, or a user's share of it, has no room left."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


_PLACES: dict[type[OSError], str] = {
    FileNotFoundError: "is not there; give a file or folder that is",
    FileExistsError: "is a file, and a folder is needed; give another place",
    NotADirectoryError: "lies below a file as if that were a folder; give another place",
    IsADirectoryError: "is a folder, and a file is needed; give a file",
}


def error_message(error: Exception) -> str:
    """What a command says of an error: its own words; of a full disk or a forbidden place what is to be done."""
    if is_full(error) and not isinstance(error, WriteError):
        return "no room is left on the disk; make room and give the same command again"
    if isinstance(error, PermissionError) and error.filename and not isinstance(error, WriteError):
        return f"{error.filename} cannot be read or written ({error.strerror}); change that, or choose another place"
    if isinstance(error, OSError) and error.filename and type(error) in _PLACES:
        return f"{error.filename} {_PLACES[type(error)]}"
    return str(error)


def nearest(name: str, names: Iterable[str]) -> str:
    """The end of a sentence about an unknown `name`: a full stop, or a question about the nearest of `names`.

    Initials count as near: lr, learning_rate.
    """
    names = list(names)
    close = difflib.get_close_matches(name, names, n=1)
    close += [one for one in names if len(name) > 1 and "".join(re.findall(r"(?<![^\W_])\w", one)) == name.lower()]
    return f"; did you mean {close[0]!r}?" if close else "."


def composed(name: str) -> str:
    """A name as people type it: macOS keeps the "ü" of a file's name as two characters, which look the same."""
    return unicodedata.normalize("NFC", name)


def counted(number: int, one: str, many: str = "") -> str:
    """ "1 clip", "3 clips". many: the plural, where it is not `one` with an s."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def some_of(names: Sequence[str], most: int = 5) -> str:
    """The first names of a list, and how many more there are."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def write_atomically(path: Path, write: Callable[[IO[bytes]], object]) -> Path:
    """Call `write(file)` on a temporary neighbor, then move it to `path`: readers see the old or new file whole.

    Raises WriteError where that is impossible.
    """
    path = expanded(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(temporary, "wb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise WriteError(path, error) from error
    return path


def write_file(path: str | Path, content: str | bytes) -> Path:
    """Write a text, or bytes, atomically."""
    return write_atomically(
        Path(path), lambda file: file.write(content.encode() if isinstance(content, str) else content)
    )


def write_json(path: Path, value: Any) -> Path:
    """Write `value` as readable JSON, lists of numbers on one line, atomically."""
    text = json.dumps(value, indent=1, ensure_ascii=False) + "\n"
    text = re.sub(r"\[\n\s*([-+.\deE,\s]+?)\n\s*\]", lambda match: f"[{' '.join(match[1].split())}]", text)
    return write_file(path, text)


def read_json(path: Path) -> Any:
    """Read JSON; raises FileNotFoundError or ValueError naming the file and the line."""
    path = Path(path)
    if not path.is_file():
        raise MissingError(f"no file {path}")
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not readable JSON ({error}); give a JSON file, or mend this one") from error


def as_record(kind: type[Record], text: bytes, where: object, version: int | None, remedy: str) -> Record:
    """JSON as the dataclass `kind`, strictly; raises InputError saying `where` it lies and the `remedy`.

    version: what its field `version` must be; None if it has no such field.
    """
    try:
        content = json.loads(text)
    except ValueError as error:
        raise InputError(f"{where} is not readable JSON ({error}); {remedy}") from None
    found = content.get("version") if isinstance(content, dict) else None
    if version is not None and found != version:
        raise InputError(f"{where} is of version {found or 'unknown'}, this crossglg reads version {version}; {remedy}")
    from pydantic import ValidationError

    try:
        record: Record = _adapter(kind).validate_json(text, strict=True)  # type: ignore[arg-type]  # classes hash
        return record
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "record"
        raise InputError(f"{where} is damaged ({field}: {first['msg']}); {remedy}") from None


@cache
def _adapter(kind: type[Any]) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter  # loads when a record is read

    return TypeAdapter(kind)


def sha256(content: bytes | str | Path) -> str:
    """Hex digest of bytes, of a text, or of the file at a Path."""
    if isinstance(content, Path):
        with open(content, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    return hashlib.sha256(content.encode() if isinstance(content, str) else content).hexdigest()


def project_folder(name: str) -> Path:
    """The folder `prompts`, `notebooks`, `studies` or `models`: in a wheel, else beside the package in a checkout."""
    package = Path(__file__).parent
    for folder in (package / "shipped" / name, package.parent / name):
        if folder.is_dir():
            return folder
    raise FileNotFoundError(f"the folder {name!r} is neither in nor beside {package}; reinstall crossglg")


def cache_folder() -> Path:
    """Where derived files are kept: $CROSSGLG_CACHE, else ~/.cache/crossglg."""
    return Path(os.environ.get("CROSSGLG_CACHE") or Path.home() / ".cache" / "crossglg")


def data_folder() -> Path:
    """Where known data sets lie once they are converted: $CROSSGLG_DATA, else `data` in the cache folder."""
    return Path(os.environ.get("CROSSGLG_DATA") or cache_folder() / "data").absolute()
