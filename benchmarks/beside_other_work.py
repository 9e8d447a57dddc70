"""How fast a training goes beside other work: busy processes on the same cores, by how long threads spin.

    python benchmarks/beside_other_work.py [--busy 0 1 2] [--rounds 3] [--seconds 15]

OpenMP's threads wait for each other many times in a training step. By default they spin meanwhile, which takes time
from the threads they wait for when other processes want the cores. They never spin with OMP_WAIT_POLICY=passive, and
for 3,000 rounds with the GOMP_SPINCOUNT that crossglg sets unless the user has set it. Each measurement is a process
of its own, as the variables count when torch is loaded; the ways to wait take turns. Writes
benchmarks/results/beside-other-work.md.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from crossglg import tables

RESULTS = Path(__file__).parent / "results" / "beside-other-work.md"
# what is compared → variables of OpenMP, and the share of the cores that the training has a thread on
WAYS: dict[str, tuple[dict[str, str], float]] = {
    "spinning": ({}, 1.0),
    "briefly": ({"GOMP_SPINCOUNT": "3000"}, 1.0),
    "passive": ({"OMP_WAIT_POLICY": "passive"}, 1.0),
    "one thread": ({}, 0.0),
}


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def train(seconds: float, batch: int) -> float:
    """Steps per second of CrossGLG's training, after one that does not count."""
    from encoders import Case, prepare

    step = prepare(Case("infogcn-small", "+CrossGLG", "training step", batch, 1.0, 32, "cpu"))
    step()
    start, steps = time.perf_counter(), 0
    while time.perf_counter() < start + seconds:
        step()
        steps += 1
    return steps / (time.perf_counter() - start)


def measured(way: str, busy: int, seconds: float, batch: int) -> float:
    """Steps per second of a training in a process of its own, beside so many processes that only count."""
    variables, share = WAYS[way]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_"))}
    environment["OMP_NUM_THREADS"] = str(max(1, round(share * cores())))
    environment |= variables
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(busy)]
    try:
        command = [sys.executable, __file__, "--measure", "--seconds", str(seconds), "--batch", str(batch)]
        return float(subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True).stdout)
    finally:
        for other in others:
            other.kill()
            other.wait()


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--busy", type=int, nargs="+", default=[0, 1, 2], help="how many busy processes")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each, of which the median is told")
    parser.add_argument("--seconds", type=float, default=15.0, help="of training in a measurement")
    parser.add_argument("--batch", type=int, default=64, help="clips of a step")
    parser.add_argument("--output", type=Path, default=RESULTS)
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.measure:
        print(train(args.seconds, args.batch))
        return
    load = os.getloadavg()[0]
    rates: dict[tuple[int, str], list[float]] = {}
    for _ in range(args.rounds):
        for busy in args.busy:
            for way in WAYS:
                rates.setdefault((busy, way), []).append(measured(way, busy, args.seconds, args.batch))
                print(f"{busy} busy, {way}: {rates[busy, way][-1]:.2f} steps/s", file=sys.stderr)
    words = sys.argv[1:] if argv is None else argv
    rows = []
    for busy in args.busy:
        found = {way: rates[busy, way] for way in WAYS}
        cells = [f"{median(r):.2f} ({min(r):.2f} to {max(r):.2f})" for r in found.values()]
        ratio = median(p / s for p, s in zip(found["briefly"], found["spinning"], strict=True))
        rows.append([busy, *cells, f"{ratio:.2f}"])
    lines = [
        f"`{shlex.join(['python', 'benchmarks/beside_other_work.py', *words])}`",
        "",
        f"CrossGLG with infogcn-small, batches of {args.batch} clips of 32 frames, on {cores()} cores, where the load "
        f"was {load:.1f} before it began. Steps per second: the median of {args.rounds} rounds, and lowest to highest; "
        "the last column is the median of the ratios within the rounds.",
        "",
        tables.markdown(["busy processes", *WAYS, "briefly ÷ spinning"], rows),
    ]
    args.output.parent.mkdir(parents=True, exist_ok=True)
    args.output.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
