"""Conversion: the same set whatever the number of processes, kills and archives; nothing lost, nothing twice."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.ntu_files import sample_name, skeleton_text, write_skeleton_file, write_tree
from support.skeleton_people import standing
from typer.testing import CliRunner

from crossglg.cli import app
from crossglg.config import Config
from crossglg.data import convert as module
from crossglg.data.clips import SkeletonSet
from crossglg.data.convert import convert, log_path, source_files, stored
from crossglg.data.protocols import write_protocol
from crossglg.data.readers import READERS, Reader, Recording
from crossglg.data.readers.ntu import CLASS_NAMES, read
from crossglg.data.survey import describe, doubts
from crossglg.data.tasks import classes_of, load_task, make_protocol
from crossglg.files import read_json
from crossglg.skeletons import get_layout

FILES = 36


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tree(tmp_path_factory.mktemp("ntu") / "nturgb+d_skeletons", FILES, 6)


@pytest.fixture(scope="module")
def expected(tree: Path) -> list[Recording]:
    return [recording for path in sorted(tree.glob("*.skeleton")) for recording in read(path)]


def same(clips: SkeletonSet, expected: list[Recording]) -> None:
    assert clips.sample_id.tolist() == [recording.sample_id for recording in expected]
    for i, recording in enumerate(expected):
        np.testing.assert_array_equal(clips[i], recording.xyz)
        about = (clips.class_of(i), clips.subject[i], clips.camera[i])
        assert about == (recording.class_name, recording.subject, recording.camera)


def left_behind(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# ---- what comes out


def test_a_folder_becomes_a_mapped_set(tree: Path, expected: list[Recording], tmp_path: Path) -> None:
    clips = convert(tree, "ntu", tmp_path / "ntu.npz", workers=1, progress=False)
    same(clips, expected)
    assert isinstance(clips.xyz, np.memmap) and clips.xyz.dtype == np.float32
    assert clips.class_names == CLASS_NAMES and clips.layout.name == "ntu25"
    assert set(clips.source.tolist()) == {"nturgb+d_skeletons"}
    assert left_behind(tmp_path) == ["ntu.npz", "ntu.npz.log.json"]
    log = read_json(log_path(tmp_path / "ntu.npz"))
    assert (log["format"], log["files"], log["clips"]) == ("ntu", FILES, len(expected))
    assert log["steps"] == list(READERS["ntu"].steps) and log["frames"] == clips.frames.sum()
    assert log["notes"] == {r.sample_id: list(r.notes) for r in expected if r.notes}
    assert {2, 1} == set(clips.persons.tolist()) and log["classes_with_clips"] == 6


def test_processes_zip_and_folder_of_zips_give_the_same(tree: Path, expected: list[Recording], tmp_path: Path) -> None:
    (tmp_path / "zips").mkdir()
    with zipfile.ZipFile(tmp_path / "zips" / "ntu.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in tree.iterdir():
            archive.write(path, f"nturgb+d_skeletons/{path.name}")
        archive.writestr("readme.txt", "not a clip")
    same(convert(tree, "ntu", tmp_path / "two.npz", workers=2, progress=False), expected)
    same(convert(tmp_path / "zips" / "ntu.zip", "ntu", tmp_path / "zip.npz", workers=1, progress=False), expected)
    same(convert(tmp_path / "zips", "ntu", tmp_path / "zips.npz", workers=1, progress=False), expected)


def test_zips_in_capitals_and_what_is_hidden_in_them(tree: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "A.ZIP", "w") as archive:
        archive.write(next(tree.glob("*.skeleton")), "S.SKELETON")
        archive.writestr("__MACOSX/._S.SKELETON", b"resources")
    (tmp_path / "._A.ZIP").write_bytes(b"resources")
    for source in (tmp_path, tmp_path / "A.ZIP"):
        assert [file.name for file in source_files(source, READERS["ntu"])] == ["S.SKELETON"]


def test_options_reach_the_reader_and_the_log(tree: Path, tmp_path: Path) -> None:
    clips = convert(tree, "ntu", tmp_path / "copy.npz", workers=1, progress=False, second_body="copy")
    assert (clips.persons == 2).all()
    assert read_json(log_path(tmp_path / "copy.npz"))["options"] == {"second_body": "copy"}
    with pytest.raises(ValueError, match="format 'ntu' has no option 'third_body'; its options: second_body, fps"):
        convert(tree, "ntu", tmp_path / "x.npz", third_body="zeros")


# ---- what goes wrong


def test_corrupt_files_are_named_then_skipped_when_asked(tree: Path, expected: list[Recording], tmp_path: Path) -> None:
    broken = tmp_path / "tree"
    shutil.copytree(tree, broken)
    names = sorted(path.name for path in broken.iterdir())
    (broken / names[10]).write_bytes((broken / names[10]).read_bytes()[:5000])
    (broken / names[20]).write_text("1\n0\n")  # nobody
    with pytest.raises(ValueError, match=rf"{names[10]}: is cut off in frame .* --skip-corrupt"):
        convert(broken, "ntu", tmp_path / "ntu.npz", workers=1, progress=False)
    assert not (tmp_path / "ntu.npz").exists()
    clips = convert(broken, "ntu", tmp_path / "ntu.npz", workers=1, skip_corrupt=True, progress=False)
    same(clips, [r for r in expected if f"{r.sample_id}.skeleton" not in (names[10], names[20])])
    log = read_json(log_path(tmp_path / "ntu.npz"))
    assert list(log["corrupt"]) == [names[10]] and log["without_clip"] == [names[20]]


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        (lambda path: read(path)[0], "TypeError: 'Recording' object is not iterable"),
        (lambda path: {}[path.suffix], "KeyError: '.skeleton'"),
        (lambda path: [path], "AttributeError: 'PosixPath' object has no attribute 'fps'"),
    ],
)
def test_a_reader_that_is_at_fault_is_named_with_the_file(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: Callable[[Path], Any], why: str
) -> None:
    bad, *_, good = sorted(tree.iterdir())

    def theirs(path: Path) -> list[Recording]:
        return broken(path) if path.name == bad.name else read(path)

    monkeypatch.setitem(READERS, "theirs", Reader("not ours", ("*.skeleton",), theirs, ()))
    fault = re.escape(f"{bad.name}: its reader {__name__}.{theirs.__qualname__} is at fault ({why}); it must return")
    with pytest.raises(ValueError, match=fault):
        convert(tree, "theirs", tmp_path / "o.npz", 1, progress=False)
    clips = convert(tree, "theirs", tmp_path / "o.npz", 1, skip_corrupt=True, progress=False)
    assert good.stem in clips.sample_id and bad.stem not in clips.sample_id


def test_a_bad_file_is_named_once_by_its_path_in_the_folder(tree: Path, tmp_path: Path) -> None:
    for person in ("ann", "bob"):
        (tmp_path / "tree" / person).mkdir(parents=True)
        shutil.copy(min(tree.iterdir()), tmp_path / "tree" / person / "a.skeleton")
    (tmp_path / "tree" / "bob" / "a.skeleton").write_text("no numbers")
    with pytest.raises(ValueError, match=r"^bob/a\.skeleton: (?!.*a\.skeleton).* \(to leave"):
        convert(tmp_path / "tree", "ntu", tmp_path / "o.npz", 1, progress=False)
    convert(tmp_path / "tree", "ntu", tmp_path / "o.npz", 1, skip_corrupt=True, progress=False)
    [(name, why)] = read_json(log_path(tmp_path / "o.npz"))["corrupt"].items()
    assert name == "bob/a.skeleton" and "a.skeleton" not in why


def test_a_damaged_zip_member_is_named(tmp_path: Path) -> None:
    path = tmp_path / "ntu.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("S001C001P001R001A001.skeleton", skeleton_text(np.ones((1, 20, 25, 3))))
    content = bytearray(path.read_bytes())
    content[100:110] = b"x" * 10
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"S001C001P001R001A001.skeleton: "):
        convert(path, "ntu", tmp_path / "ntu.npz", progress=False)
    path.write_bytes(content[:-30])
    with pytest.raises(ValueError, match=r"ntu.zip is damaged"):
        convert(path, "ntu", tmp_path / "ntu.npz", progress=False)


def test_bad_requests_are_answered(tree: Path, tmp_path: Path) -> None:
    for call, message in (
        (lambda: convert(tree, "ntv", tmp_path / "x.npz"), "unknown format 'ntv'"),
        (lambda: convert(tree, "ntu", tmp_path / "x.txt"), "must be a .npz file"),
        (lambda: convert(tree, "ntu", tmp_path / "x.npz", workers=0), "workers must be 1 or more"),
        (lambda: convert(tmp_path, "ntu", tmp_path / "x.npz"), r"holds no file called \*.skeleton"),
        (lambda: convert(tmp_path / "gone", "ntu", tmp_path / "x.npz"), "no folder, zip or file"),
    ):
        with pytest.raises((ValueError, FileNotFoundError), match=message):
            call()
    for name, format in (("take 1.bvh", "bvh"), ("a.json", ""), ("a_000000000001_keypoints.json", "openpose")):
        (tmp_path / "other" / "wave").mkdir(parents=True, exist_ok=True)
        (tmp_path / "other" / "wave" / name).touch()
        with pytest.raises(FileNotFoundError, match=r"holds no file called \*\.skeleton") as refusal:
            convert(tmp_path / "other", "ntu", tmp_path / "x.npz")
        assert str(refusal.value).endswith(f"; those in it are of the format {format}" if format else "*.skeleton")
        (tmp_path / "other" / "wave" / name).unlink()
    (tmp_path / "S001C001P001R001A001.skeleton").write_text("0\n")
    with pytest.raises(ValueError, match="holds no clip"):
        convert(tmp_path, "ntu", tmp_path / "x.npz", progress=False)


def test_the_projects_own_format_needs_no_conversion(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'npz' is the project's own format: no conversion is needed, give the file"):
        convert(tmp_path, "npz", tmp_path / "x.npz")


def test_clips_of_two_layouts_are_kept_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_layout(path: Path) -> list[Recording]:
        layout = get_layout(path.read_text())
        return [Recording(np.ones((1, 2, layout.num_joints, 3), np.float32), layout, path.stem)]

    monkeypatch.setitem(READERS, "named", Reader("a test", ("*.txt",), read_layout, ("read",)))
    for name, layout in (("a", "ntu25"), ("b", "ntu25"), ("c", "kinect20")):
        (tmp_path / f"{name}.txt").write_text(layout)
    with pytest.raises(ValueError, match=r"c.txt: c has layout 'kinect20' in 3-D, but the clips before have 'ntu25'"):
        convert(tmp_path, "named", tmp_path / "x.npz", progress=False)
    assert len(convert(tmp_path, "named", tmp_path / "y.npz", skip_corrupt=True, progress=False)) == 2
    assert list(read_json(log_path(tmp_path / "y.npz"))["corrupt"]) == ["c.txt"]
    (tmp_path / "c.txt").unlink()
    clips = convert(tmp_path, "named", tmp_path / "x.npz", progress=False)
    assert clips.class_names == ("unnamed",) and len(clips) == 2


# ---- resuming


def test_a_stopped_conversion_goes_on_where_it_was(
    tree: Path, expected: list[Recording], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "ntu.npz"
    files = source_files(tree, READERS["ntu"])

    def stop_after(count: int) -> None:
        """Stop a conversion after `count` more files, leaving half-written tails."""
        chunks = iter([replace(file) for file in files])

        def limited(reader: Reader, options: dict, chunk: list) -> list:
            nonlocal count
            count -= 1
            if count < 0:
                raise KeyboardInterrupt
            next(chunks)
            return [read(chunk[0].path)]

        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(module, "_read_chunk", limited)
            convert(tree, "ntu", output, workers=1, progress=False)

    part, index = tmp_path / ".ntu.npz.part", tmp_path / ".ntu.npz.index"
    stop_after(10)
    assert len(index.read_bytes().splitlines()) == 1 + 10
    with part.open("ab") as rows, index.open("ab") as lines:  # killed within a file: rows without their line
        rows.write(b"\x01" * 777)
        lines.write(b'{"file": ["S0')
    stop_after(5)
    assert len(index.read_bytes().splitlines()) == 1 + 15
    kept = index.read_bytes()
    with part.open("r+b") as rows:  # rows lost after a power cut: the lines that promise them are not believed
        rows.truncate(json.loads(kept.splitlines()[12])["end"])
    seen: list[str] = []
    read_chunk = module._read_chunk
    monkeypatch.setattr(
        module, "_read_chunk", lambda f, o, chunk: seen.extend(file.name for file in chunk) or read_chunk(f, o, chunk)
    )
    same(convert(tree, "ntu", output, workers=1, progress=False), expected)
    assert seen == [file.name for file in files[12:]]
    assert left_behind(tmp_path) == ["ntu.npz", "ntu.npz.log.json"]


def test_changed_files_and_options_are_converted_again(tree: Path, tmp_path: Path) -> None:
    copied = tmp_path / "tree"
    shutil.copytree(tree, copied)
    names = sorted(path.name for path in copied.iterdir())
    good = (copied / names[12]).read_bytes()
    (copied / names[12]).write_bytes(good[:100])
    for _ in range(2):
        with pytest.raises(ValueError, match=names[12]):
            convert(copied, "ntu", tmp_path / "ntu.npz", workers=1, progress=False)
    index = tmp_path / ".ntu.npz.index"
    assert len(index.read_bytes().splitlines()) == 1 + 12
    write_skeleton_file(copied / names[3], np.full((1, 15, 25, 3), 0.5))  # differs from what was converted
    (copied / names[12]).write_bytes(good)
    clips = convert(copied, "ntu", tmp_path / "ntu.npz", workers=1, progress=False)
    assert clips.frames[3] == 15 and len(clips) == FILES
    (copied / names[12]).write_bytes(good[:100])
    with pytest.raises(ValueError, match=names[12]):
        convert(copied, "ntu", tmp_path / "ntu.npz", workers=1, progress=False)
    with pytest.raises(ValueError, match=names[12]):
        convert(copied, "ntu", tmp_path / "ntu.npz", workers=1, progress=False, second_body="copy")
    assert json.loads(index.read_bytes().splitlines()[0])["options"] == {"second_body": "copy"}


SCRIPT = """
import sys, time
from crossglg.data import convert as module
from crossglg.data.convert import convert
read_chunk = module._read_chunk
module._read_chunk = lambda *given: time.sleep(0.02) or read_chunk(*given)  # time to be killed in
if __name__ == "__main__":
    convert(sys.argv[1], "ntu", sys.argv[2], workers=int(sys.argv[3]), progress=False)
"""


def test_killed_conversion_is_completed(tree: Path, expected: list[Recording], tmp_path: Path) -> None:
    """A real process, killed without a chance to clean up, several times."""
    script = tmp_path / "run.py"
    script.write_text(SCRIPT)
    output = tmp_path / "out" / "ntu.npz"
    index = output.with_name(".ntu.npz.index")
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    for lines in (3, 9):
        process = subprocess.Popen([sys.executable, str(script), str(tree), str(output), "1"], env=environment)
        while process.poll() is None and (not index.is_file() or len(index.read_bytes().splitlines()) < lines):
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert lines <= len(index.read_bytes().splitlines()) < FILES and not output.exists()
    same(convert(tree, "ntu", output, workers=1, progress=False), expected)
    assert left_behind(output.parent) == ["ntu.npz", "ntu.npz.log.json"]


UNGUARDED = """
import sys
from pathlib import Path
from crossglg.data.convert import convert
from crossglg.data.readers import READERS, Reader
from crossglg.data.readers.ntu import read
READERS["theirs"] = Reader("not ours", ("*.skeleton",), lambda path: read(path), ())
print("begins")
for format in ("ntu", "theirs"):
    print(len(convert(sys.argv[1], format, Path(sys.argv[2], f"{format}.npz"), workers=2, progress=False)))
"""


@pytest.mark.parametrize("piped", [False, True])
def test_a_script_needs_no_main_guard(tree: Path, tmp_path: Path, piped: bool) -> None:
    """Workers neither run the script a second time nor need its file, and know the readers that it registers."""
    (tmp_path / "run.py").write_text(UNGUARDED)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, "-" if piped else str(tmp_path / "run.py"), str(tree), str(tmp_path)],
        input=UNGUARDED if piped else "", env=environment, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.stdout.split() == ["begins", str(FILES), str(FILES)], done.stderr[-2000:]


def test_two_processes_do_not_write_the_same_store(tree: Path, tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    script, output = tmp_path / "run.py", tmp_path / "out" / "ntu.npz"
    script.write_text(SCRIPT.replace("0.02", "60"))
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    process = subprocess.Popen([sys.executable, str(script), str(tree), str(output), "1"], env=environment)
    while process.poll() is None and not output.with_name(".ntu.npz.index").is_file():
        time.sleep(0.01)
    with pytest.raises(ValueError, match=rf"ntu\.npz is being written by process {process.pid} since 20"):
        convert(tree, "ntu", output, progress=False)
    process.kill()
    process.wait()
    assert len(convert(tree, "ntu", output, workers=1, progress=False)) == FILES, "a dead process holds no lock"
    assert left_behind(output.parent) == ["ntu.npz", "ntu.npz.log.json"]


# ---- as a dataset


def test_a_source_is_a_dataset(tree: Path, tmp_path: Path) -> None:
    copied = tmp_path / "tree"
    shutil.copytree(tree, copied)
    dataset = f"ntu:{copied}"
    path = stored(dataset)
    before = path.stat().st_mtime_ns
    task = load_task(Config(dataset=dataset, episodes=2))
    assert path.stat().st_mtime_ns == before, "converted a second time"
    assert len(task.base) + len(task.novel) == FILES and task.name == "tree"
    assert len(task.base.class_names) == 4 and len(task.novel.class_names) == 2  # classes without clips are dropped
    assert classes_of(dataset)[0] == CLASS_NAMES
    write_skeleton_file(copied / f"{sample_name(2, 1, 1, 1, 1)}.skeleton", np.ones((1, 20, 25, 3)))
    assert stored(dataset) != path
    with pytest.raises(ValueError, match="unknown format 'nut'"):
        load_task(Config(dataset=f"nut:{copied}"))
    with pytest.raises(FileNotFoundError, match="gone"):
        load_task(Config(dataset="ntu:gone"))


def test_commands(tree: Path, tmp_path: Path) -> None:
    runner = CliRunner()
    output = tmp_path / "ntu.npz"
    told_to = ["--format", "ntu", "--output", str(output), "--workers", "1"]
    done = runner.invoke(app, ["data", "convert", str(tree), *told_to])
    assert done.exit_code == 0, done.output
    told = runner.invoke(app, ["data", "info", str(output)])
    assert told.exit_code == 0, told.output
    for text in (
        f"{FILES} clips",
        "6 of 120 have clips",
        "ntu25 (25 joints, 3-D)",
        f"{FILES} files, format ntu",
        "step 7",
    ):
        assert text in told.output
    again = runner.invoke(app, ["data", "info", f"ntu:{tree}"])
    assert again.exit_code == 0 and "step 7" in again.output


@pytest.mark.slow
def test_raw_files_to_evaluation_by_one_command(tmp_path: Path) -> None:
    """`crossglg run --dataset ntu:TREE`, from relative paths: store, training, evaluation."""
    write_tree(tmp_path / "tree", 240, 12)
    command = [
        sys.executable,
        "-m",
        "crossglg.cli",
        "run",
        "--dataset",
        "ntu:tree",
        "--preset",
        "smoke",
        "--output",
        "run",
    ]
    code = "import sys; from crossglg.cli import main; sys.argv = ['crossglg', *sys.argv[1:]]; main()"
    command[1:3] = ["-c", code]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    results = read_json(tmp_path / "run" / "results.json")
    assert results["one_shot"]["cosine"]["mean"] > 0.0 and results["task"] == "tree"


def test_clips_of_several_people_have_ids_of_their_own(tmp_path: Path) -> None:
    for person in ("ann", "bob"):
        for action in ("wave", "kick", "sit", "bow"):
            for take in range(2):
                file = tmp_path / "set" / person / action / f"take{take}.npy"
                file.parent.mkdir(parents=True, exist_ok=True)
                np.save(file, standing("ntu25", 10)[0] + take)
    clips = convert(tmp_path / "set", "keypoints", tmp_path / "set.npz", 1, progress=False)
    assert clips.sample_id[0] == "ann/bow/take0" and clips.class_names == ("bow", "kick", "sit", "wave")
    assert len(set(clips.sample_id.tolist())) == len(clips) == 16
    protocol = make_protocol(str(tmp_path / "set.npz"), 2, 3, 0, "mine")
    write_protocol(tmp_path / "p.json", protocol)
    assert len(load_task(Config(dataset=str(tmp_path / "set.npz"), benchmark=f"{tmp_path}/p.json:mine")).episodes) == 3

    alike = replace(clips, sample_id=np.array(["take"] * 16))
    assert any(
        "1 sample ids are of several clips, which no protocol can name: take" in doubt for doubt in doubts(alike)
    )
    alike.save(tmp_path / "alike.npz")
    with pytest.raises(ValueError, match="16 clips of set are called 'take'; give every clip an id of its own"):
        make_protocol(str(tmp_path / "alike.npz"), 2, 3, 0, "mine")


@pytest.mark.parametrize("given", ["beside", "as an option"])
def test_a_changed_layout_file_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("CROSSGLG_CACHE", str(tmp_path / "cache"))
    joints = ["left hip", "right hip", "left shoulder", "right shoulder", "head"]
    place = np.array([[-0.1, 1, 0], [0.1, 1, 0], [-0.2, 1.5, 0], [0.2, 1.5, 0], [0, 1.7, 0]])
    (tmp_path / "set").mkdir()
    np.save(tmp_path / "set" / "clip.npy", place + np.linspace(0, 0.1, 20)[:, None, None])
    layout = tmp_path / ("set/clip.yaml" if given == "beside" else "my.yaml")
    dataset = f"keypoints:{tmp_path / 'set'}" + ("" if given == "beside" else f"?layout={layout}")

    def joints_of(names: list[str]) -> tuple[str, ...]:
        bones = [["head", name] for name in names if name != "head"]
        layout.write_text(json.dumps({"joints": names, "bones": bones, "root": "head"}))
        return SkeletonSet.load(stored(dataset)).layout.joints

    assert joints_of(joints) == tuple(joints)
    swapped = [joints[1], joints[0], joints[3], joints[2], joints[4]]
    assert joints_of(swapped) == tuple(swapped)


def test_a_damaged_index_begins_the_conversion_anew(tree: Path, expected: list[Recording], tmp_path: Path) -> None:
    (tmp_path / ".out.npz.index").write_bytes(b'{"version": 4\n')
    (tmp_path / ".out.npz.part").write_bytes(b"12345678")
    same(convert(tree, "ntu", tmp_path / "out.npz", 1, progress=False), expected)
    assert left_behind(tmp_path) == ["out.npz", "out.npz.log.json"]


def test_files_of_other_formats_and_rows_without_a_file_are_told(tmp_path: Path) -> None:
    for action in ("wave", "bow"):
        (tmp_path / "set" / action).mkdir(parents=True)
        np.save(tmp_path / "set" / action / "clip.npy", standing("ntu25", 10)[0])
    (tmp_path / "set" / "bow" / "other.BVH").write_bytes(b"HIERARCHY")
    (tmp_path / "set" / "notes.md").write_bytes(b"mine")
    (tmp_path / "table.csv").write_text("file,class,subject\nwave/clip.npy,hello,P01\nbow/clip,bow,7\nzzz.npy,bye,\n")
    clips = convert(
        tmp_path / "set", "keypoints", tmp_path / "o.npz", 1, classes=tmp_path / "table.csv", progress=False
    )
    assert clips.class_names == ("bow", "hello") and clips.subject.tolist() == [7, 1]
    log = read_json(log_path(tmp_path / "o.npz"))
    assert log["other_formats"] == ["bow/other.BVH"] and log["unused_rows"] == ["zzz.npy"]
    told = describe(clips, tmp_path / "o.npz")
    assert "1 file of other formats not read: bow/other.BVH" in told
    assert "1 row of the table without a file: zzz.npy" in told
    assert log["shared_rows"] == {} and "stands for" not in told


def test_a_row_of_the_table_that_stands_for_several_files_is_doubted(tmp_path: Path) -> None:
    for day in ("monday", "tuesday"):
        (tmp_path / "set" / day).mkdir(parents=True)
        np.save(tmp_path / "set" / day / "1.npy", standing("ntu25", 10)[0])
        np.save(tmp_path / "set" / day / "2.npy", standing("ntu25", 10)[0])
    (tmp_path / "table.csv").write_text("file,class\n1.npy,wave\nmonday/2.npy,bow\ntuesday/2,bow\n")
    clips = convert(
        tmp_path / "set", "keypoints", tmp_path / "o.npz", 1, classes=tmp_path / "table.csv", progress=False
    )
    assert [clips.class_of(i) for i in range(4)] == ["wave", "bow"] * 2
    doubts = [line for line in describe(clips, tmp_path / "o.npz").splitlines() if "stands for" in line]
    (doubt,) = doubts
    assert "row 1.npy of the table of classes stands for 2 files, monday/1.npy, tuesday/1.npy: if they" in doubt


def test_clips_far_from_the_body_are_doubted() -> None:
    clip = standing("ntu25", 10)[0]
    clip[3, 4, 0] = 1e5
    clips = SkeletonSet.build(clip, [0, 10], [0], ["wave"], get_layout("ntu25"))
    assert doubts(clips) == ["1 clip has joints 20 times as far away as the body reaches: 0"]


def test_a_set_of_another_source_is_not_replaced(tree: Path, tmp_path: Path) -> None:
    output = tmp_path / "o.npz"
    convert(tree, "ntu", output, 1, progress=False)
    convert(tree, "ntu", output, 1, progress=False, second_body="copy")
    before = output.read_bytes()
    other = shutil.copytree(tree, tmp_path / "other")
    with pytest.raises(ValueError, match=r"o\.npz is there and was not made from .*other; give another --output"):
        convert(other, "ntu", output, 1, progress=False)
    log_path(output).unlink()
    with pytest.raises(ValueError, match="is there and was not made from"):
        convert(tree, "ntu", output, 1, progress=False)
    assert output.read_bytes() == before
