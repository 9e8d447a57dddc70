"""Any source format → the documented `.npz`: parsed in parallel, streamed to disk, resumable after a kill.

While it runs, rows go to a part file and one line per source file to an index beside the output. A line is written
after its rows, so what the index says is there; what lies beyond is cut off when the conversion is taken up again.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
import zipfile
from collections import Counter, defaultdict, deque
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path, PurePath, PurePosixPath
from typing import Any

import numpy as np
from joblib.externals.loky import ProcessPoolExecutor
from tqdm.auto import tqdm

from crossglg.data.classes import ClassTable, classify, is_table
from crossglg.data.clips import SkeletonSet
from crossglg.data.readers import READERS, Reader, Recording, SourcePath, UnreadableError, get_reader, hidden
from crossglg.data.reading_options import OptionError, as_dataset
from crossglg.files import cache_folder, expanded, read_json, sha256, write_json
from crossglg.processes import BusyError, end_with, sole_writer
from crossglg.skeletons import Layout

CHUNK = 8  # files that a worker parses at a time
UNNAMED = "unnamed"  # the class of a clip whose source does not say

VERSION = 9  # of what conversion makes: a change of it converts again


@dataclass(frozen=True)
class SourceFile:
    """One file of a source. name: relative to it;  archive: "" or the zip it is in;  size, stamp: tell a change.

    frames_of: the clip whose first frame it is, None where it is a whole clip;  alone: its folder holds no other clip.
    """

    name: str
    root: str
    archive: str
    size: int
    stamp: int
    frames_of: str | None = None
    alone: bool = False

    @property
    def path(self) -> SourcePath:
        if not self.archive:
            return Path(self.root, self.name)
        return zipfile.Path(_archive(self.archive, os.stat(self.archive).st_mtime_ns), self.name)

    @property
    def key(self) -> list[str | int]:
        return [self.name, self.size, self.stamp]


def convert(
    source: str | Path,
    format: str,
    output: str | Path,
    workers: int | None = None,
    skip_corrupt: bool = False,
    progress: bool = True,
    classes: str | Path = "",
    **options: Any,
) -> SkeletonSet:
    """Convert a folder (with all below it), a zip or one file of a registered format; returns the memory-mapped set.

    workers: processes, default one per core this process may use.  skip_corrupt: leave out files that are not of the
    format; they are listed in `<output>.log.json`, with steps, counts and notes.  classes: a csv that says which class
    each file is of; without it, a clip whose file does not say is of the class its folder is called.  options: those
    of the reader's `read`. A conversion that was stopped goes on where it was. Rows never collect in memory.
    Raises FileNotFoundError; ValueError naming a file that is not of the format or of another layout than the first, or
    an output that was not made from this source.
    """
    reader, output = get_reader(format), Path(output)
    if output.suffix != ".npz":
        raise ValueError(f"the output must be a .npz file, got {output}")
    if workers is not None and workers < 1:
        raise ValueError(f"workers must be 1 or more, got {workers}")
    options = reader.parsed(options, f"format {format!r}")
    _check_own(output, str(source))
    table = ClassTable.load(classes) if classes else None
    files = source_files(Path(source), reader, classes)
    header = _made_by(Path(source), files, format, options, classes)
    with (
        sole_writer(output.with_name(f".{output.name}.lock"), output),
        contextlib.closing(_Store(output, header, files, skip_corrupt, table)) as store,
    ):
        waiting = files[len(store.entries) :]
        bar = tqdm(total=len(files), initial=len(store.entries), desc=format, unit="file", disable=not progress)
        with bar, contextlib.closing(_read_all(reader, options, waiting, workers or _cores())) as results:
            for file, result in zip(waiting, results, strict=True):
                why = result if isinstance(result, str) else store.of_another_layout(result)
                if why and not skip_corrupt:
                    if file.name.lower().endswith(".csv") and not file.archive and is_table(Path(file.root, file.name)):
                        raise ValueError(
                            f"{file.name} seems to be a table of classes, not a clip: give it as "
                            f"classes='{Path(file.root, file.name)}', or take it out of the folder"
                        )
                    raise ValueError(f"{file.name}: {why} (to leave such files out and list them: --skip-corrupt)")
                store.add(file, why or result)
                bar.update()
        if not store.clips:
            raise ValueError(f"{source} holds no clip: its {len(files)} file(s) are left out or corrupt")
        clips = store.to_set(reader, dataset_name(str(source)))
        others = _of_other_formats(Path(source), reader, classes)
        tables = [o for o in others if o.lower().endswith(".csv") and is_table(Path(source, o))]
        told: dict[str, Any] = {
            "source": str(source),
            "other_formats": [other for other in others if other not in tables],
            "tables": tables,
        }
        if table:
            told["unused_rows"] = table.unused([clip["row"] for clip in store.clips])
            told["shared_rows"] = store.shared_rows(files)
        write_json(log_path(output), header | told | _log(reader, store, clips))
        clips.save(output)
        store.remove()
    return SkeletonSet.load(output)


def _check_own(output: Path, source: str) -> None:
    """A set that was made from something else is not replaced."""
    if output.is_file():
        log = read_json(log_path(output)) if log_path(output).is_file() else {}
        if Path(log.get("source", "")).resolve() != Path(source).resolve():
            raise ValueError(
                f"{output} is there and was not made from {source}; give another --output, or delete it first"
            )


def stored(dataset: str) -> Path:
    """The `.npz` of FORMAT:PATH?option=value&…, converted once and kept in the cache folder; converted again on change.

    If another process is converting it, this one waits. The options are those of `convert`: the reader's, and classes.
    Raises what `convert` raises.
    """
    format, path, options = parse_dataset(dataset)
    reader = get_reader(format)
    table = options.pop("classes", "")
    if table:
        ClassTable.load(table)  # a wrong one is refused also where the set is in the cache
    files = source_files(Path(path), reader, table)
    reader_options = reader.parsed(options, f"format {format!r}")
    made_by = _made_by(Path(path), files, format, reader_options, table)
    about = [str(Path(path).resolve()), [file.key for file in files], made_by]
    output = cache_folder() / "sets" / f"{dataset_name(dataset)}-{sha256(json.dumps(about))[:16]}.npz"
    while not output.is_file():
        try:
            convert(path, format, output, classes=table, **reader_options)
        except BusyError:
            time.sleep(0.5)
        except ValueError as error:
            typed = ", convert them first: crossglg data convert --skip-corrupt"  # which no other command has
            why = as_dataset(str(error)).replace(" and list them: --skip-corrupt", typed)
            raise ValueError(why) from error
    return output


def _made_by(
    source: Path, files: Sequence[SourceFile], format: str, options: Mapping[str, Any], classes: str | Path
) -> dict[str, Any]:
    """What a conversion follows from besides its source files, with hashes of all that is read beside them."""
    named = [str(value) for value in (*options.values(), classes) if value and Path(str(value)).is_file()]
    folder = source if source.is_dir() else source.parent
    search = folder.rglob if source.is_dir() else folder.glob
    patterns = get_reader(format).companions
    beside = {path for pattern in patterns for path in (*search(pattern), *folder.parent.glob(pattern))}
    zips = {Path(file.archive) for file in files if file.archive}
    stamps = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in sorted(beside | zips)]
    return {
        "version": VERSION,
        "format": format,
        "options": dict(options),
        "files": {name: sha256(Path(name)) for name in named},
        "beside": sha256(json.dumps(stamps)),
    }


def parse_dataset(dataset: str) -> tuple[str, str, dict[str, str]]:
    """FORMAT:PATH?option=value&… → format, path and options."""
    format, _, rest = dataset.partition(":")
    path, _, query = rest.partition("?")
    pairs = [pair.partition("=") for pair in query.split("&") if pair]
    return format, os.path.expanduser(path), {name: os.path.expanduser(value) for name, _, value in pairs}


def dataset_name(dataset: str) -> str:
    """What the set of FORMAT:PATH?… or of a file or folder is called."""
    path = dataset if expanded(dataset).exists() or ":" not in dataset else parse_dataset(dataset)[1]
    return Path(path).resolve().stem


def log_path(output: Path) -> Path:
    """Where `convert` tells what it did."""
    return output.with_name(f"{output.name}.log.json")


def source_files(source: Path, reader: Reader, classes: str | Path = "") -> list[SourceFile]:
    """A reader's files in a folder and below, in a zip, or, if there are none in the folder itself, in its zips.

    Hidden ones and the table of classes are left out. Where every frame is a file, the first of each clip. A single
    file is taken whatever it is called. Sorted by name.
    Raises FileNotFoundError if there is none.
    """
    if source.is_dir():
        folders = {str(PurePosixPath(pattern).parent / "*") for pattern in reader.patterns}
        found = {path for pattern in folders for path in source.rglob(pattern) if not _is_table(path, classes)}
        files = [_file(path, source) for path in found if _is_of(path.relative_to(source), reader) and path.is_file()]
        zips = [path for path in source.rglob("*") if _is_zip(path) and not hidden(path.relative_to(source))]
        files = files or [file for path in zips for file in _members(path, reader)]
    elif not source.is_file():
        raise FileNotFoundError(f"no folder, zip or file {source}")
    elif _is_zip(source):
        files = _members(source, reader)
    else:
        files = [_file(source, source.parent)]
    if not files:
        there = _formats_in(source)
        known = f"; those in it are of the format {' or '.join(there)}" if there else ""
        raise FileNotFoundError(f"{source} holds no file called {' or '.join(reader.patterns)}{known}")
    return _one_per_clip(sorted(files, key=lambda file: (file.name, file.archive)), reader)


def _formats_in(source: Path) -> list[str]:
    """The formats that fit the names of files in a folder and below most closely; none if many do, as for *.json."""
    names = [path.relative_to(source) for path in source.rglob("*.*")] if source.is_dir() else []
    closeness = {
        format: max((len(p) for name in names if not hidden(name) for p in reader.fitting(name)), default=0)
        for format, reader in READERS.items()
    }
    closest = [format for format, length in closeness.items() if length and length == max(closeness.values())]
    return closest if len(closest) <= 3 else []


def _one_per_clip(files: list[SourceFile], reader: Reader) -> list[SourceFile]:
    """The files, of clips with a file per frame only the first frame."""
    if not reader.frame_name:
        return files
    clips: dict[tuple[str, str, str | None], list[SourceFile]] = {}
    for file in files:
        name = PurePosixPath(file.name)
        clips.setdefault((file.archive, str(name.parent), reader.clip_name(name.name)), []).append(file)
    folders = Counter((archive, folder) for archive, folder, _ in clips)
    return [
        replace(frames[0], frames_of=clip, alone=clip is not None and folders[archive, folder] == 1,
                size=sum(f.size for f in frames), stamp=max(f.stamp for f in frames))
        for (archive, folder, clip), frames in clips.items()
    ]  # fmt: skip


def _is_table(path: Path, classes: str | Path) -> bool:
    return bool(classes) and path.resolve() == Path(classes).resolve()


def _of_other_formats(source: Path, reader: Reader, classes: str | Path) -> list[str]:
    """The files in a folder and below that only other readers read, by their paths in it, but the table of classes."""
    if not source.is_dir():
        return []
    others = [other for other in READERS.values() if other is not reader]
    names = sorted(path.relative_to(source) for path in source.rglob("*") if path.suffix and path.is_file())
    beside = [PurePath(pattern).name for pattern in reader.companions]
    return [
        name.as_posix()
        for name in names
        if not hidden(name) and not reader.fitting(name) and not any(name.match(pattern) for pattern in beside)
        and any(other.fitting(name) for other in others) and not _is_table(source / name, classes)
    ]  # fmt: skip


def _file(path: Path, root: Path) -> SourceFile:
    stat = path.stat()
    return SourceFile(path.relative_to(root).as_posix(), str(root), "", stat.st_size, stat.st_mtime_ns)


def _is_of(path: PurePath, reader: Reader) -> bool:
    """True if a file of a folder or a zip, by its path in it, is one that the reader reads."""
    return not hidden(path) and bool(reader.fitting(path))


def _is_zip(path: Path) -> bool:
    return path.suffix.lower() == ".zip" and path.is_file()


def _members(path: Path, reader: Reader) -> list[SourceFile]:
    return [
        SourceFile(info.filename, "", str(path), info.file_size, info.CRC)
        for info in _archive(str(path), path.stat().st_mtime_ns).infolist()
        if not info.is_dir() and _is_of(PurePosixPath(info.filename), reader)
    ]


@lru_cache(maxsize=8)
def _archive(path: str, stamp: int) -> zipfile.ZipFile:
    """A zip, opened once per process while it is the same file."""
    try:
        return zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        raise ValueError(f"{path} is damaged ({error}); copy or download it again") from error


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _read_all(
    reader: Reader, options: dict[str, Any], files: Sequence[SourceFile], workers: int
) -> Generator[list[Recording] | str, None, None]:
    """The recordings of each file, or why it has none, in order; few files are read in this process."""
    chunks = [files[i : i + CHUNK] for i in range(0, len(files), CHUNK)]
    if workers == 1 or len(chunks) < 2:
        for file in files:
            yield from _read_chunk(reader, options, [file])
        return
    # loky's processes, unlike multiprocessing's, do not run the user's script again: it needs no __main__ guard
    pool = ProcessPoolExecutor(min(workers, len(chunks)), initializer=end_with, initargs=(os.getpid(),))
    running: deque[Future[list[list[Recording] | str]]] = deque()
    try:
        for chunk in chunks:
            running.append(pool.submit(_read_chunk, reader, options, chunk))
            if len(running) > 2 * workers:  # no more results than this wait in memory
                yield from running.popleft().result()
        while running:
            yield from running.popleft().result()
    finally:
        for future in running:
            future.cancel()
        pool.shutdown(wait=True)


def _read_chunk(reader: Reader, options: dict[str, Any], files: Sequence[SourceFile]) -> list[list[Recording] | str]:
    results: list[list[Recording] | str] = []
    for file in files:
        try:
            results.append(reader.read(file.path, **options))
        except OptionError:  # every file would be left out
            raise
        except UnreadableError as error:
            results.append(error.reason)
        except (ValueError, OSError) as error:  # also an archive that is gone
            results.append(str(error))
    return results


class _Store:
    """The part file with rows and the index: a header, then a line per source file, which may be continued."""

    def __init__(
        self,
        output: Path,
        header: dict[str, Any],
        files: Sequence[SourceFile],
        skip_corrupt: bool,
        table: ClassTable | None,
    ) -> None:
        self._table = table
        self._paths = [output.with_name(f".{output.name}.{kind}") for kind in ("part", "index")]
        self._rows, self._lines = (path.open("a+b") for path in self._paths)
        self._lines.seek(0)
        lines = [line for line in self._lines if line.endswith(b"\n")]
        self.entries: list[dict[str, Any]] = []
        self.layout: Layout | None = None  # and channels: of the first clip, and so of all
        self.channels = 0
        good = 0
        try:
            begun, *entries = map(json.loads, lines)
        except ValueError:  # nothing yet, or a damaged index: all files are read
            begun, entries = None, []
        if begun == header:
            self.entries = self._kept(entries, files, skip_corrupt)
            good = sum(map(len, lines[: 1 + len(self.entries)]))
        self._lines.truncate(good)
        self._rows.truncate(self.entries[-1]["end"] if self.entries else 0)
        if not good:
            self._write_line(header)
        for entry in self.entries:
            if "layout" in entry:
                name, joints, bones, root, self.channels = entry["layout"]
                self.layout = Layout(name, tuple(joints), tuple(map(tuple, bones)), root)

    def _kept(
        self, entries: list[dict[str, Any]], files: Sequence[SourceFile], skip_corrupt: bool
    ) -> list[dict[str, Any]]:
        """The first entries that hold: of unchanged files, their rows there, errors only where those are skipped."""
        size = self._rows.seek(0, os.SEEK_END)
        good = 0
        for entry, file in zip(entries, files, strict=False):
            if entry["file"] != file.key or entry["end"] > size or ("error" in entry and not skip_corrupt):
                break
            good += 1
        return entries[:good]

    @property
    def clips(self) -> list[dict[str, Any]]:
        return [clip for entry in self.entries for clip in entry.get("clips", [])]

    def shared_rows(self, files: Sequence[SourceFile]) -> dict[str, list[str]]:
        """Rows of the table of classes that stand for several files → those."""
        found: dict[str, dict[str, None]] = {}
        for file, entry in zip(files, self.entries, strict=True):
            for clip in entry.get("clips", []):
                found.setdefault(clip["row"], {})[file.name] = None
        return {row: list(names) for row, names in found.items() if len(names) > 1}

    def add(self, file: SourceFile, result: list[Recording] | str) -> None:
        """Write what a file holds, or why it holds nothing."""
        entry: dict[str, Any] = {"file": file.key}
        if isinstance(result, str):
            entry["error"] = result
        else:
            entry["clips"] = []
            for recording in result:
                if self.layout is None:
                    self.layout, self.channels = recording.layout, recording.xyz.shape[-1]
                    layout = self.layout
                    entry["layout"] = [layout.name, layout.joints, layout.bones, layout.root, self.channels]
                row = self._table.key(file.name, recording.sample_id, file.alone) if self._table else ""
                recording, said_by = classify(recording, file.name, self._table, file.frames_of, file.alone)
                self._rows.write(np.ascontiguousarray(recording.xyz, dtype="<f4").data)
                entry["clips"].append(_about(recording) | {"class_from": said_by, "row": row})
        self._rows.flush()
        self._write_line(entry | {"end": self._rows.tell()})
        self.entries.append(entry)

    def of_another_layout(self, recordings: Sequence[Recording]) -> str:
        """Why a file cannot be in one set with those before, "" if it can."""
        usual = (self.layout, self.channels) if self.layout else None
        for recording in recordings:
            layout, channels = recording.layout, recording.xyz.shape[-1]
            usual = usual or (layout, channels)
            if (layout, channels) != usual:
                return (
                    f"{recording.sample_id} has layout {layout.name!r} in {channels}-D, but the clips "
                    f"before have {usual[0].name!r} in {usual[1]}-D; convert them apart"
                )
        return ""

    def _write_line(self, content: dict[str, Any]) -> None:
        self._lines.write(json.dumps(content).encode() + b"\n")
        self._lines.flush()

    def to_set(self, reader: Reader, name: str) -> SkeletonSet:
        """All clips, their rows memory-mapped from the part file."""
        clips = self.clips
        assert self.layout is not None
        found = {clip["class_name"] for clip in clips}
        class_names = [*reader.class_names, *sorted(found - set(reader.class_names))]
        number = {class_name: k for k, class_name in enumerate(class_names)}
        offsets = np.cumsum([0, *(clip["persons"] * clip["frames"] for clip in clips)])
        shape = (int(offsets[-1]), self.layout.num_joints, self.channels)
        return SkeletonSet.build(
            np.memmap(self._paths[0], dtype="<f4", mode="r", shape=shape),
            offsets,
            [number[clip["class_name"]] for clip in clips],
            class_names,
            self.layout,
            name=name,
            fps=Counter(clip["fps"] for clip in clips).most_common(1)[0][0],
            **{key: [clip[key] for clip in clips] for key in ("persons", "subject", "camera", "sample_id")},
        )

    def close(self) -> None:
        self._rows.close()
        self._lines.close()

    def remove(self) -> None:
        """Delete part file and index: the conversion is done."""
        self.close()
        for path in self._paths:
            path.unlink()


def _about(recording: Recording) -> dict[str, Any]:
    persons, frames = recording.xyz.shape[:2]
    return {
        "sample_id": recording.sample_id,
        "class_name": recording.class_name or UNNAMED,
        "subject": recording.subject,
        "camera": recording.camera,
        "persons": persons,
        "frames": frames,
        "fps": recording.fps,
        "notes": list(recording.notes),
    }


def _overruled(store: _Store) -> list[str]:
    """The folders, two or more, whose clips are of another class by what `Recording.class_from` tells."""
    folders = {
        folder
        for entry in store.entries
        for clip in entry.get("clips", [])
        if clip["class_from"] not in ("table", "source", "folder", "nobody")
        and (folder := PurePosixPath(entry["file"][0]).parent.name.replace("_", " ")) != clip["class_name"]
    } - {""}
    return sorted(folders) if len(folders) > 1 else []


def _numbered(clips: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Classes called like sessions, "Session 1", with the two or more folders, not called so, that they lie in."""
    above = defaultdict(set)
    for clip in clips:
        folders = PurePosixPath(clip["sample_id"]).parent.parts
        if folders and folders[-1].replace("_", " ") != clip["class_name"]:
            folders = folders[:-1]  # the folder of a clip whose frames are files
        if clip["class_from"] == "folder" and len(folders) > 1 and folders[-1][-1].isdecimal():
            above[clip["class_name"]].add(folders[-2])
    return {
        name: sorted(folders)
        for name, folders in sorted(above.items())
        if len(folders) > 1 and not any(folder[-1].isdecimal() for folder in folders)
    }


def _log(reader: Reader, store: _Store, clips: SkeletonSet) -> dict[str, Any]:
    """What was done, for `<output>.log.json`."""
    about = store.clips
    rates = Counter(clip["fps"] for clip in about)
    repeated = [name for name, count in Counter(clip["sample_id"] for clip in about).items() if count > 1]
    return {
        "about": reader.about,
        "steps": list(reader.steps),
        "files": len(store.entries),
        "clips": len(clips),
        "classes_with_clips": len(set(clips.label.tolist())),
        "classes_from": dict(Counter(clip["class_from"] for clip in about)),
        "folders_overruled": _overruled(store),
        "numbered_folders": _numbered(about),
        "frames": int(clips.frames.sum()),
        "fps": {str(rate): count for rate, count in rates.items()},
        "corrupt": {entry["file"][0]: entry["error"] for entry in store.entries if "error" in entry},
        "without_clip": [entry["file"][0] for entry in store.entries if entry.get("clips") == []],
        "repeated_sample_ids": repeated,
        "notes": {clip["sample_id"]: clip["notes"] for clip in about if clip["notes"]},
    }
