"""Files are replaced whole or not at all, and errors name the file."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import IO

import pytest

from crossglg.files import cache_folder, error_message, project_folder, read_json, sha256, write_atomically, write_json


def test_atomic_write_makes_folders_and_leaves_no_temporary_file(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "file.bin"
    assert write_atomically(path, lambda file: file.write(b"new")) == path
    assert path.read_bytes() == b"new"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("before", [None, b"old"])
def test_a_writer_that_raises_leaves_everything_as_it_was(tmp_path: Path, before: bytes | None) -> None:
    path = tmp_path / "file.bin"
    if before is not None:
        path.write_bytes(before)

    def interrupted(file: IO[bytes]) -> None:
        file.write(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, interrupted)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == ({"file.bin": before} if before else {})


def test_the_old_file_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "file.bin"
    path.write_bytes(b"old")
    seen = []

    def write(file: IO[bytes]) -> None:
        file.write(b"new")
        file.flush()
        seen.append(path.read_bytes())

    with open(path, "rb") as reader:
        write_atomically(path, write)
        assert reader.read() == b"old", "who has the old file open keeps it whole"
    assert seen == [b"old"] and path.read_bytes() == b"new"


def test_json_round_trip_keeps_letters_readable(tmp_path: Path) -> None:
    value = {"name": "Übung ½", "numbers": [1, 2.5, None, True]}
    path = write_json(tmp_path / "a.json", value)
    assert read_json(path) == value
    assert "Übung ½" in path.read_text(encoding="utf-8")


def test_a_value_json_cannot_hold_keeps_the_old_file(tmp_path: Path) -> None:
    path = write_json(tmp_path / "a.json", [1])
    with pytest.raises(TypeError):
        write_json(path, {1, 2})
    assert read_json(path) == [1] and list(tmp_path.iterdir()) == [path]


def test_read_json_names_the_file_and_the_line(tmp_path: Path) -> None:
    path = tmp_path / "broken.json"
    with pytest.raises(FileNotFoundError, match=re.escape(str(path))):
        read_json(path)
    path.write_text('{"a": 1,\n "b": }', encoding="utf-8")
    with pytest.raises(ValueError, match=re.escape(str(path)) + ".*line 2"):
        read_json(path)
    path.write_bytes(b'"\xff"')
    with pytest.raises(ValueError, match=re.escape(str(path))):
        read_json(path)


def test_sha256_of_bytes_text_and_file_agree(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("Übung", encoding="utf-8")
    expected = hashlib.sha256("Übung".encode()).hexdigest()
    assert sha256("Übung") == sha256("Übung".encode()) == sha256(path) == expected


def test_cache_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CROSSGLG_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("CROSSGLG_CACHE")
    assert cache_folder() == Path.home() / ".cache" / "crossglg"


def test_project_folders_are_found_and_missing_ones_named() -> None:
    assert (project_folder("prompts") / "joints.md.j2").is_file()
    assert (project_folder("studies") / "guidance.yaml").is_file()
    with pytest.raises(FileNotFoundError, match="'recipes' is neither in nor beside"):
        project_folder("recipes")


def test_a_forbidden_place_is_told_with_a_way_on() -> None:
    error = PermissionError(13, "Permission denied", "/data/.mine.npz.lock")
    assert error_message(error) == (
        "/data/.mine.npz.lock cannot be read or written (Permission denied); change that, or choose another place"
    )


def test_a_place_of_the_wrong_kind_is_told_without_numbers(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for what, said in (
        (lambda: (tmp_path / "file").mkdir(), "file is a file, and a folder is needed"),
        (lambda: (tmp_path / "file" / "x").mkdir(), "x lies below a file"),
        (lambda: (tmp_path / "nix" / "x").read_text(), "x is not there"),
        (lambda: tmp_path.read_text(), "is a folder, and a file is needed"),
    ):
        with pytest.raises(OSError) as caught:
            what()
        assert said in error_message(caught.value) and "Errno" not in error_message(caught.value)
