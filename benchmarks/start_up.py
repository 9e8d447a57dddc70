"""How long crossglg takes to start: the help, the import, the recognition of one clip, the notebook that is the tour.

    python benchmarks/start_up.py [--rounds 5] [--before FOLDER] [--packages] [--notebook]

Each measurement is a process of its own, after one that does not count, so that files are in the system's memory.
Processor time tells what there is to do, whatever else the machine does; the least time on the clock is how long it
takes when that is little. --before measures another checkout beside this one, by turns. --packages lists what the
installed packages take on the disk. Writes benchmarks/results/start-up.md.
"""

from __future__ import annotations

import argparse
import os
import resource
import shlex
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from importlib import metadata
from pathlib import Path

from crossglg import tables

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "start-up.md"
FEWEST = 20  # megabytes of a package that is listed
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]


def commands(folder: Path, notebook: bool) -> dict[str, list[str]]:
    """What is measured → the words after `python`."""
    from support.ntu_files import write_skeleton_file
    from support.skeleton_people import standing

    clip = write_skeleton_file(folder / "S001C001P001R001A023.skeleton", standing("ntu25", frames=60))
    own = ["--actions", str(folder / "actions.npz")]
    enroll = [sys.executable, "-m", "crossglg", "enroll", "wave", str(clip), *own]
    subprocess.run(enroll, check=True, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    found = {
        "`import crossglg`": ["-c", "import crossglg"],
        "`crossglg --help`": ["-m", "crossglg", "--help"],
        "`import torch`": ["-c", "import torch"],
        "`crossglg recognize` of one clip": ["-m", "crossglg", "recognize", str(clip), *own],
    }
    if notebook:
        code = f"from crossglg.runs.pipeline import execute; from pathlib import Path; execute('00_tour', {{'output': \
{str(folder / 'run')!r}}}, Path({str(folder / 'tour.ipynb')!r}))"
        found["notebook 00, executed"] = ["-c", code]
    return found


def measure(words: list[str], checkout: Path) -> tuple[float, float]:
    """Seconds on the clock, and of the processor, that `python WORDS` takes with the package of a checkout."""
    environment = {**os.environ, "PYTHONPATH": str(checkout), "OMP_NUM_THREADS": "1"}
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(
        [sys.executable, *words], check=True, cwd=checkout, env=environment, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def start_table(rounds: int, checkouts: dict[str, Path], notebook: bool) -> str:
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        for what, words in commands(Path(temporary), notebook).items():
            found: dict[str, list[tuple[float, float]]] = defaultdict(list)
            for number in range(rounds + 1):
                for name, checkout in checkouts.items():
                    times = measure(words, checkout)
                    if number:  # the first one loads files
                        found[name].append(times)
            row = [what]
            for times in found.values():
                clock, processor = zip(*times, strict=True)
                row += [f"{min(processor):.2f}", f"{min(clock):.2f}"]
            rows.append(row)
            print(row, file=sys.stderr)
    columns = [f"{name}{kind}" for name in checkouts for kind in ("processor, s", "clock, s")]
    return tables.markdown(["what", *columns], rows)


def package_table() -> str:
    """Megabytes of the installed packages, the largest first."""
    sizes: dict[str, float] = {}
    for package in metadata.distributions():
        files = [Path(str(file.locate())) for file in package.files or []]
        sizes[package.metadata["Name"]] = sum(file.stat().st_size for file in files if file.is_file()) / 1e6
    large = {name: size for name, size in sorted(sizes.items(), key=lambda item: -item[1]) if size >= FEWEST}
    others = sum(sizes.values()) - sum(large.values())
    rows = [[name, f"{size:.0f}"] for name, size in large.items()]
    rows += [[f"{len(sizes) - len(large)} others", f"{others:.0f}"], ["all", f"{sum(sizes.values()):.0f}"]]
    return tables.markdown(["package", "MB"], rows)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each, of which the least is told")
    parser.add_argument("--before", type=Path, help="another checkout, measured beside this one")
    parser.add_argument("--packages", action="store_true", help="also list the sizes of the installed packages")
    parser.add_argument("--notebook", action="store_true", help="also execute notebook 00")
    parser.add_argument("--output", type=Path, default=RESULTS)
    args = parser.parse_args(argv)
    load = os.getloadavg()[0]
    checkouts = {"before: ": args.before} if args.before else {}
    checkouts["now: " if args.before else ""] = ROOT
    words = ["BEFORE" if args.before and word == str(args.before) else word for word in argv or sys.argv[1:]]
    lines = [
        f"`{shlex.join(['python', 'benchmarks/start_up.py', *words])}`",
        "",
        f"Python {sys.version.split()[0]}, torch {metadata.version('torch')}, {os.cpu_count()} cores, one thread a "
        f"process; the load was {load:.1f} before it began. The least of {args.rounds} processes each, after one that "
        "does not count.",
        "",
        start_table(args.rounds, checkouts, args.notebook),
    ]
    if args.packages:
        lines += ["", "Installed packages, on the disk:", "", package_table()]
    args.output.parent.mkdir(parents=True, exist_ok=True)
    args.output.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
