"""Raw NTU RGB+D files: time per file beside a plain parser, throughput and peak memory of the conversion.

    python benchmarks/ntu_parsing.py

writes `benchmarks/results/ntu_parsing.json` and prints it. The files are written from synthetic clips, in the format
of the data set. The plain parser goes line by line and converts every number, as the field's public parsers do. What
memory the number of files takes is measured on as many files as NTU RGB+D 120 has, of two frames each.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

NTU120_FILES = 114_480


def plain_parse(content: str) -> dict:
    """Frames of bodies of joints as dictionaries of floats."""
    lines = iter(content.splitlines())
    joint_keys = ("x", "y", "z", "depthX", "depthY", "colorX", "colorY", "qw", "qx", "qy", "qz", "trackingState")
    body_keys = ("id", "clipped", "lc", "ls", "rc", "rs", "restricted", "leanX", "leanY", "trackingState")
    frames = []
    for _ in range(int(next(lines))):
        bodies = []
        for _ in range(int(next(lines))):
            body = dict(zip(body_keys, next(lines).split(), strict=True))
            joints = [
                dict(zip(joint_keys, map(float, next(lines).split()), strict=True)) for _ in range(int(next(lines)))
            ]
            bodies.append({**body, "joints": joints})
        frames.append(bodies)
    tracks: dict[str, list] = {}
    for bodies in frames:
        for body in bodies:
            tracks.setdefault(body["id"], []).append([[j["x"], j["y"], j["z"]] for j in body["joints"]])
    return {name: np.array(track, np.float32) for name, track in tracks.items()}


def interleaved(functions: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Median milliseconds of processor time of each, taken in turns."""
    times: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(repeats):
        for name, function in functions.items():
            start = time.process_time()
            function()
            times[name].append(1000.0 * (time.process_time() - start))
    return {name: round(statistics.median(values), 3) for name, values in times.items()}


def time_parsers(repeats: int) -> dict:
    from support.ntu_files import skeleton_text

    from crossglg.data.readers.ntu import parse

    result = {}
    for persons in (1, 2):
        xyz = np.random.default_rng(persons).normal(3.0, 0.5, (persons, 100, 25, 3))
        content = skeleton_text(xyz)
        for body, plain in zip(parse(content).bodies, plain_parse(content.decode()).values(), strict=True):
            np.testing.assert_array_equal(body.xyz, plain)
        text = content.decode()
        ms = interleaved({"ours": partial(parse, content), "plain": partial(plain_parse, text)}, repeats)
        result[f"{persons} body"] = ms | {
            "ratio": round(ms["plain"] / ms["ours"], 2),
            "kilobytes": len(content) // 1000,
        }
    return result


class PeakMemory(threading.Thread):
    """Largest sum over this process and its children of resident and of anonymous memory, sampled every 20 ms."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.resident = self.anonymous = 0
        self.done = threading.Event()

    def run(self) -> None:
        while not self.done.wait(0.02):
            children = [task.read_text().split() for task in Path("/proc/self/task").glob("*/children")]
            statuses = list(map(_status, ["self", *(pid for pids in children for pid in pids)]))
            self.resident = max(self.resident, sum(status.get("VmRSS", 0) for status in statuses))
            self.anonymous = max(self.anonymous, sum(status.get("RssAnon", 0) for status in statuses))


def _status(pid: str) -> dict[str, int]:
    """Memory of a process in kilobytes; empty when it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return {}
    return {line.split(":")[0]: int(line.split()[1]) for line in lines if line.endswith(" kB")}


def time_conversion(tree: Path, folder: Path, workers: int) -> dict:
    from crossglg.data.convert import convert

    memory = PeakMemory()
    memory.start()
    start, cpu = time.perf_counter(), _processor_seconds()
    clips = convert(tree, "ntu", folder / f"{tree.name}-{workers}.npz", workers=workers, progress=False)
    seconds = time.perf_counter() - start
    memory.done.set()
    memory.join()
    files = len(list(tree.iterdir()))
    return {
        "files": files,
        "clips": len(clips),
        "workers": workers,
        "seconds": round(seconds, 1),
        "processor_seconds": round(_processor_seconds() - cpu, 1),
        "megabytes_read": sum(path.stat().st_size for path in tree.iterdir()) // 1_000_000,
        "megabytes_store": round((folder / f"{tree.name}-{workers}.npz").stat().st_size / 1e6, 1),
        "peak_resident_mb": round(memory.resident / 1024),
        "peak_anonymous_mb": round(memory.anonymous / 1024),
    }


def _processor_seconds() -> float:
    """Of this process and of its children that have ended."""
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in usage)


def write_short_files(folder: Path, count: int) -> Path:
    from support.ntu_files import sample_name, skeleton_text

    content = skeleton_text(np.ones((1, 2, 25, 3)))
    folder.mkdir()
    for n in range(count):
        name = sample_name(200 + n // 14_400, 1 + n // 4800 % 3, 1 + n // 120 % 40, 1, 1 + n % 120)
        (folder / f"{name}.skeleton").write_bytes(content)
    return folder


def main() -> None:
    from support.ntu_files import write_tree

    from crossglg.files import write_json

    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--files", type=int, default=2000)
    options.add_argument("--short-files", type=int, default=NTU120_FILES)
    options.add_argument("--repeats", type=int, default=25)
    given = options.parse_args()
    result = {"machine": f"{platform.machine()}, {os.cpu_count()} cores", "python": platform.python_version()}
    result |= {"milliseconds_per_100_frame_file": time_parsers(given.repeats)}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        tree = write_tree(folder / "synthetic-clips", given.files, 45)
        runs = [time_conversion(tree, folder, workers) for workers in (1, 2)]
        short = time_conversion(write_short_files(folder / "short", given.short_files), folder, 2)
    result |= {
        "conversion": runs,
        "conversion_of_short_files": short,
        "processor_minutes_for_ntu120": round(NTU120_FILES / given.files * runs[0]["processor_seconds"] / 60.0, 1),
    }
    print(write_json(ROOT / "benchmarks" / "results" / "ntu_parsing.json", result).read_text())


if __name__ == "__main__":
    main()
