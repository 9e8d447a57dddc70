"""Downloads from a loopback server: right, wrong, broken off, refused; and what the registry of data sets promises."""

from __future__ import annotations

import importlib
import shlex
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pytest_httpserver import HTTPServer
from typer.testing import CliRunner
from werkzeug import Request, Response

from crossglg.cli import app
from crossglg.data import sources
from crossglg.data.fetch import fetch
from crossglg.data.readers import READERS
from crossglg.data.sources import SOURCES, convert_command, get_source
from crossglg.files import sha256

CONTENT = np.random.default_rng(0).bytes(400_000)
HASH = sha256(CONTENT)


class FileServer:
    """Serves CONTENT as /set.zip; `breaks` says after how many bytes each of the first answers ends."""

    def __init__(self, server: HTTPServer, ranges: bool = True, breaks: tuple[int, ...] = ()) -> None:
        self.ranges, self.breaks = ranges, list(breaks)
        self.asked: list[str | None] = []
        self.content = CONTENT
        server.expect_request("/set.zip").respond_with_handler(self)
        self.url = server.url_for("/set.zip")

    def __call__(self, request: Request) -> Response:
        wanted = request.headers.get("Range")
        self.asked.append(wanted)
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and self.ranges else 0
        if start >= len(self.content):
            return Response(status=416)
        body = self.content[start:]
        sent = body[: self.breaks.pop(0)] if self.breaks else body
        return Response(iter([sent]), 206 if start else 200, {"Content-Length": str(len(body))})


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*"))


def test_the_right_file_arrives_once(httpserver: HTTPServer, tmp_path: Path) -> None:
    server = FileServer(httpserver)
    file = fetch(server.url, HASH.upper(), tmp_path / "new" / "folder", progress=False)
    assert file == tmp_path / "new" / "folder" / "set.zip" and file.read_bytes() == CONTENT
    assert left_in(file.parent) == ["set.zip"]
    assert fetch(server.url, HASH, file.parent, progress=False) == file
    assert server.asked == [None]  # what is there is not fetched again


def test_another_content_leaves_nothing_behind(httpserver: HTTPServer, tmp_path: Path) -> None:
    server = FileServer(httpserver)
    wanted = "0" * 64
    with pytest.raises(ValueError, match=rf"its sha256 is {HASH} instead of {wanted}; check the hash"):
        fetch(server.url, wanted, tmp_path, progress=False)
    assert left_in(tmp_path) == []


def test_a_file_of_another_content_in_its_place_is_kept(httpserver: HTTPServer, tmp_path: Path) -> None:
    server = FileServer(httpserver)
    (tmp_path / "set.zip").write_bytes(b"mine")
    with pytest.raises(ValueError, match=rf"set\.zip is there already, but .* instead of {HASH}"):
        fetch(server.url, HASH, tmp_path, progress=False)
    assert (tmp_path / "set.zip").read_bytes() == b"mine" and server.asked == []


def test_a_broken_download_goes_on_where_it_ended(httpserver: HTTPServer, tmp_path: Path) -> None:
    server = FileServer(httpserver, breaks=(150_000, 100_000))
    kept = 0
    for _ in range(2):
        with pytest.raises(RuntimeError, match=r"broke off .* bytes are kept, the same command goes on from there"):
            fetch(server.url, HASH, tmp_path, progress=False)
        (part,) = tmp_path.iterdir()
        assert part.suffix == ".part" and CONTENT.startswith(part.read_bytes())
        assert part.stat().st_size > kept
        kept = part.stat().st_size
    assert fetch(server.url, HASH, tmp_path, progress=False).read_bytes() == CONTENT
    assert server.asked[0] is None and server.asked[2] == f"bytes={kept}-"
    assert left_in(tmp_path) == ["set.zip"]


def test_a_server_without_ranges_sends_all_again(httpserver: HTTPServer, tmp_path: Path) -> None:
    server = FileServer(httpserver, ranges=False, breaks=(150_000,))
    with pytest.raises(RuntimeError, match="broke off"):
        fetch(server.url, HASH, tmp_path, progress=False)
    assert fetch(server.url, HASH, tmp_path, progress=False).read_bytes() == CONTENT
    assert server.asked[1] is not None


def test_a_redirect_does_not_lose_what_came_before(httpserver: HTTPServer, tmp_path: Path) -> None:
    server = FileServer(httpserver, breaks=(150_000,))
    moved = Response(status=302, headers={"Location": server.url})
    httpserver.expect_request("/old/set.zip").respond_with_response(moved)
    url = httpserver.url_for("/old/set.zip")
    with pytest.raises(RuntimeError, match="broke off"):
        fetch(url, HASH, tmp_path, progress=False)
    assert fetch(url, HASH, tmp_path, progress=False).read_bytes() == CONTENT
    assert server.asked[1] is not None


@pytest.mark.parametrize("junk", [CONTENT, CONTENT + b"more", b"x" * len(CONTENT)])
def test_a_part_as_long_as_the_file_does_no_harm(httpserver: HTTPServer, tmp_path: Path, junk: bytes) -> None:
    """Killed before the part was renamed, or the part is of a file that the server no longer has."""
    server = FileServer(httpserver)
    (tmp_path / f".set.zip.{HASH[:16]}.part").write_bytes(junk)
    assert fetch(server.url, HASH, tmp_path, progress=False).read_bytes() == CONTENT
    assert left_in(tmp_path) == ["set.zip"] and len(server.asked) == (0 if junk == CONTENT else 2)


def test_a_part_of_another_file_is_found_out_and_deleted(httpserver: HTTPServer, tmp_path: Path) -> None:
    server = FileServer(httpserver)
    (tmp_path / f".set.zip.{HASH[:16]}.part").write_bytes(b"x" * 1000)
    with pytest.raises(ValueError, match=rf"instead of {HASH}"):
        fetch(server.url, HASH, tmp_path, progress=False)
    assert left_in(tmp_path) == []
    assert fetch(server.url, HASH, tmp_path, progress=False).read_bytes() == CONTENT


def test_what_the_server_does_not_give(httpserver: HTTPServer, tmp_path: Path) -> None:
    httpserver.expect_request("/gone.zip").respond_with_data("no", status=404)
    httpserver.expect_request("/ill.zip").respond_with_data("later", status=503)
    with pytest.raises(ValueError, match=r"the server does not give .*/gone\.zip: 404 .*; check the address"):
        fetch(httpserver.url_for("/gone.zip"), HASH, tmp_path, progress=False)
    with pytest.raises(RuntimeError, match=r"ill\.zip broke off \(503 .*\); try again later"):
        fetch(httpserver.url_for("/ill.zip"), HASH, tmp_path, progress=False)
    nobody = "http://127.0.0.1:9/set.zip"
    with pytest.raises(RuntimeError, match=r"the download of http://127\.0\.0\.1:9/set\.zip broke off"):
        fetch(nobody, HASH, tmp_path, progress=False)
    assert left_in(tmp_path) == []


def test_bad_addresses_hashes_and_folders_are_refused(httpserver: HTTPServer, tmp_path: Path) -> None:
    server = FileServer(httpserver)
    for url in (
        "set.zip",
        "ftp://host/set.zip",
        "http://host/",
        "http:///set.zip",
        "file:///etc/passwd",
        "http://h/..",
    ):
        with pytest.raises(ValueError, match="is not the address of a file; give one like"):
            fetch(url, HASH, tmp_path)
    with pytest.raises(ValueError, match="64 hexadecimal digits, got 'abc'"):
        fetch(server.url, "abc", tmp_path)
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(ValueError, match=r"cannot write .*set\.zip: .*; choose another folder"):
        fetch(server.url, HASH, tmp_path / "file" / "below")
    assert server.asked == [] and left_in(tmp_path) == ["file"]


def test_a_full_disk_is_the_disks_fault(httpserver: HTTPServer, tmp_path: Path) -> None:
    resource = pytest.importorskip("resource", reason="limits of processes are those of POSIX")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    server = FileServer(httpserver)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, limits[1]))
    try:
        with pytest.raises(ValueError, match=r"cannot write .*set\.zip: File too large; choose another folder"):
            fetch(server.url, HASH, tmp_path, progress=False)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not (tmp_path / "set.zip").exists()


def run(*arguments: str | Path) -> str:
    result = CliRunner().invoke(app, ["data", "fetch", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_the_command_shows_the_terms_and_asks_for_consent(
    httpserver: HTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    server = FileServer(httpserver)
    with pytest.raises(ValueError, match="the terms of utd-mhad; if you accept them, give --accept-terms"):
        app(["data", "fetch", "utd-mhad", "--url", server.url, "--sha256", HASH])
    assert SOURCES["utd-mhad"].terms in capsys.readouterr().out
    assert server.asked == [] and left_in(tmp_path) == []
    out = run("utd-mhad", "--url", server.url, "--sha256", HASH, "--accept-terms")
    assert (tmp_path / "utd-mhad" / "set.zip").read_bytes() == CONTENT
    assert f"{Path('utd-mhad/set.zip')} has the right hash" in out and convert_command("utd-mhad") in out


def test_a_set_to_be_got_by_hand_says_how() -> None:
    told = "no plain download of ntu is known: get it by hand as described, or give --url and --sha256 of a copy"
    assert run("ntu").splitlines()[-1] == told  # to be told is all that was asked for
    for asked in (["--accept-terms"], ["--sha256", HASH]):
        with pytest.raises(ValueError, match=told):
            run("ntu", *asked)
    with pytest.raises(ValueError, match="--url needs --sha256"):
        run("ntu", "--accept-terms", "--url", "http://host/set.zip")
    with pytest.raises(ValueError, match="unknown data set 'ntuu'; did you mean 'ntu'"):
        run("ntuu")


def test_every_source_has_a_reader_and_every_reader_of_one_dataset_a_source() -> None:
    formats = {source.format for source in SOURCES.values()}
    assert formats <= READERS.keys()
    assert {name for name, reader in READERS.items() if reader.class_names} <= formats
    assert {"bandai-namco", "cmu-bvh"} <= {name for name, source in SOURCES.items() if source.format == "bvh"}


@pytest.mark.parametrize("name", SOURCES)
def test_a_source_is_complete_and_has_no_unverified_link(name: str) -> None:
    source = get_source(name)
    assert all(len(text.split()) >= 3 for text in (source.about, source.paper, source.terms, *source.by_hand))
    assert any(f"folder {name}" in step for step in source.by_hand)
    assert f"\nthen     {convert_command(name)}\n" in run(name)
    assert "://" not in sources.description(name)


@pytest.mark.parametrize("name", SOURCES)
def test_the_command_that_follows_converts_the_files(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = importlib.import_module(f"support.source_files.{SOURCES[name].format.replace('-', '_')}")
    write: Callable[[Path], Path] = module.write_sample
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).mkdir()
    write(tmp_path / name)
    words = shlex.split(convert_command(name))
    result = CliRunner().invoke(app, [*words[1:], "--workers", "1"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert (tmp_path / f"{name}.npz").is_file() and "clips" in result.output


def test_a_fetched_zip_is_converted_where_it_lies(
    httpserver: HTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    clip = importlib.import_module("support.source_files.nw_ucla").write_sample(tmp_path)
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.write(clip, clip.name)
    server = FileServer(httpserver)
    server.content = (tmp_path / "all.zip").read_bytes()
    run("nw-ucla", "--url", server.url, "--sha256", sha256(server.content), "--accept-terms")
    result = CliRunner().invoke(app, shlex.split(convert_command("nw-ucla"))[1:], catch_exceptions=False)
    assert "nw-ucla: 1 clip" in result.output
