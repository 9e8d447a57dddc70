"""Download one file: continued where it broke off, checked by its hash, never truncated under its final name.

What has come so far is in a hidden part file beside the final one, named after the hash it should get. The next attempt
asks the server for the rest (a Range request); a server that sends the whole file instead starts the part file anew.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from pooch import HTTPDownloader

from crossglg.files import sha256 as hash_of

CHUNK = 1 << 16  # bytes written at a time, the most that is lost when a download breaks off


def fetch(url: str, sha256: str, folder: str | Path, progress: bool = True) -> Path:
    """Download `url` into `folder` and return the file, named as in the address; done at once if it is there already.

    sha256: 64 hexadecimal digits.
    Raises ValueError for a bad address or hash, a file that the server does not give or that has another hash (it is
    deleted), a file of another content in its place, or a folder that cannot be written; RuntimeError if the download
    broke off (the same call goes on from there).
    """
    name, sha256 = _file_name(url), sha256.lower()
    if not re.fullmatch("[0-9a-f]{64}", sha256):
        raise ValueError(f"a sha256 is 64 hexadecimal digits, got {sha256!r}; 'sha256sum FILE' prints that of a file")
    target = Path(folder) / name
    part = target.with_name(f".{name}.{sha256[:16]}.part")
    try:
        if target.exists():
            return _checked(target, sha256, f"{target} is there already, but")
        target.parent.mkdir(parents=True, exist_ok=True)
        _download(url, part, sha256, progress)
        try:
            _checked(part, sha256, f"{url} was downloaded, but")
        except ValueError:
            part.unlink()
            raise
        os.replace(part, target)
    except OSError as error:
        raise ValueError(f"cannot write {target}: {error.strerror or error}; choose another folder") from error
    return target


def _file_name(url: str) -> str:
    """The last part of an address; raises ValueError for what is no address of a file."""
    parts = urlsplit(url)
    name = Path(unquote(parts.path)).name
    if parts.scheme not in ("http", "https") or not parts.hostname or name in ("", "..") or "\0" in name:
        raise ValueError(f"{url!r} is not the address of a file; give one like https://HOST/FOLDER/FILE.zip")
    return name


def _checked(path: Path, sha256: str, what: str) -> Path:
    found = hash_of(path)
    if found != sha256:
        raise ValueError(
            f"{what} its sha256 is {found} instead of {sha256}; check the hash and where the file comes from"
        )
    return path


def _download(url: str, part: Path, sha256: str, progress: bool) -> None:
    """Complete `part`; raises OSError if it cannot be written, else as `fetch` does. An empty part file is removed."""
    if part.exists() and hash_of(part) == sha256:
        return
    try:
        with open(part, "ab") as file:
            _request(url, file, progress)
    except OSError as error:
        if error.errno is not None:  # of the disk; those of the network have none
            raise
        response = getattr(error, "response", None)
        status = None if response is None else response.status_code
        if status == 416:  # the part is as long as the whole file, and another
            part.unlink()
            _download(url, part, sha256, progress)
            return
        kept = part.stat().st_size
        if status is not None and status < 500:
            raise ValueError(f"the server does not give {url}: {error}; check the address") from error
        again = f"{kept:,} bytes are kept, the same command goes on from there" if kept else "try again later"
        raise RuntimeError(f"the download of {url} broke off ({error}); {again}") from error
    finally:
        if part.exists() and not part.stat().st_size:
            part.unlink()


def _request(url: str, file: Any, progress: bool) -> None:
    """Append what is missing to an open part file, or all of it after emptying the file if the server sends all."""

    def restart_if_whole(response: Any, **_: object) -> None:
        if response.status_code == 200:
            file.truncate(0)

    headers = {"Accept-Encoding": "identity"}  # the bytes as they are stored: those are what is counted and hashed
    if file.tell():
        headers["Range"] = f"bytes={file.tell()}-"
    hooks = {"response": restart_if_whole}
    HTTPDownloader(progressbar=progress, chunk_size=CHUNK, headers=headers, hooks=hooks)(url, file, None)
