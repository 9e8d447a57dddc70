"""A set of the size of NTU RGB+D 120: writing, loading, batches and training steps of CrossGLG, with their memory.

    python benchmarks/ntu_size.py [--clips 95001] [--steps 2] [--folder FOLDER] [--device cpu]

95,001 clips is the base side of the one-shot benchmark of NTU RGB+D 120. The set is generated: slices of synthetic
motions, one clip in five with a second person, lengths log-normal between 24 and 300 frames with a median of 70. Its
coordinates mean nothing, its size does. The training is the preset "paper": InfoGCN with CrossGLG, 64 frames, batches
of 128. Times are those of the processor, of one thread, the least of the repeats; what is computed of them is marked.
Writes benchmarks/results/ntu-size-<device>.md.
"""

from __future__ import annotations

import argparse
import os
import platform
import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from ntu_parsing import PeakMemory

from crossglg import tables
from crossglg.config import Config
from crossglg.data.clips import SkeletonSet
from crossglg.data.synthetic import synthesize
from crossglg.skeletons import get_layout
from crossglg.text.embeddings import TextBank
from crossglg.training.trainer import Trainer

RESULTS = Path(__file__).parent / "results"
CLIPS, CLASSES, TWO_PERSONS = 95_001, 100, 0.2
TEXT_WIDTH = 1536  # of the text encoder of the preset
PIECE = 2000  # clips that are generated at a time


def generate(count: int, path: Path) -> SkeletonSet:
    """So many clips, their rows in a file at `path`, so that they need not fit into memory."""
    rng = np.random.default_rng(0)
    motions = synthesize(0, 1).xyz
    frames = np.clip(np.exp(rng.normal(np.log(70), 0.4, count)), 24, 300).astype(np.int64)
    persons = np.where(rng.random(count) < TWO_PERSONS, 2, 1)
    offsets = np.concatenate([[0], np.cumsum(persons * frames)])
    layout = get_layout("ntu25")
    xyz = np.memmap(path, np.float32, "w+", shape=(int(offsets[-1]), layout.num_joints, 3))
    for start in range(0, count, PIECE):
        stop = min(start + PIECE, count)
        rows = np.arange(offsets[start], offsets[stop])
        clip = np.searchsorted(offsets, rows, side="right") - 1
        shift = rng.normal(0.0, 0.3, (stop - start, 1, 3)).astype(np.float32)
        xyz[rows[0] : rows[-1] + 1] = motions[rows % len(motions)] + shift[clip - start]
    label = rng.permutation(count) % CLASSES
    names = [f"class {k}" for k in range(CLASSES)]
    return SkeletonSet.build(xyz, offsets, label, names, layout, name="ntu-size", persons=persons)


def bank(names: tuple[str, ...], joints: int) -> TextBank:
    """Random texts."""
    local = torch.nn.functional.normalize(torch.randn(len(names), joints, TEXT_WIDTH), dim=-1)
    target = torch.rand(len(names), joints)
    return TextBank(names, local, target / target.sum(1, keepdim=True), local.mean(1))


class Measured:
    """Rows of the table: what, how much, and the peak of this process's own memory while it was done."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.rows: list[list[str]] = []

    def time(self, what: str, function: Callable[[], object], repeats: int = 1) -> float:
        """Seconds, the least of the repeats."""
        memory, times = PeakMemory(), []
        memory.start()
        for _ in range(repeats):
            start = self.clock()
            function()
            times.append(self.clock() - start)
        memory.done.set()
        memory.join()
        self.add(what, f"{min(times):.3g} s", f"{memory.anonymous / 1024**2:.1f}")
        return min(times)

    def add(self, what: str, value: str, memory: str = "") -> None:
        self.rows.append([what, value, memory])
        print(" | ".join(self.rows[-1]), file=sys.stderr, flush=True)


def write(count: int, folder: Path, path: Path, measured: Measured) -> int:
    """Write the set, and remove what it was made of. Returns its rows."""
    made = generate(count, folder / "rows")
    measured.time("writing the set", lambda: made.save(path))
    (folder / "rows").unlink()
    return len(made.xyz)


def measure(count: int, steps: int, folder: Path, device: str) -> list[list[str]]:
    measured = Measured(time.process_time if device == "cpu" else time.perf_counter)
    path = folder / "ntu-size.npz"
    rows = write(count, folder, path, measured)
    measured.add("clips, rows of persons and frames", f"{count:,}, {rows:,}")
    measured.add("the set on the disk", f"{path.stat().st_size / 1e9:.2f} GB")
    loaded: list[SkeletonSet] = []
    measured.time("loading it, every coordinate checked", lambda: loaded.append(SkeletonSet.load(path)))
    (clips,) = loaded
    some = np.random.default_rng(1).choice(count, 5000)
    seconds = measured.time("reading 5,000 clips at random", lambda: [clips[i].sum() for i in some], 3)
    measured.add("  clips/s", f"{len(some) / seconds:,.0f}")

    config = Config.create("paper", device=device)
    texts = bank(clips.class_names, clips.layout.num_joints)
    trainers: list[Trainer] = []
    measured.time(
        "starting the training: the set in memory, its hash, the model",
        lambda: trainers.append(Trainer(config, clips, texts, folder / "model")),
    )
    (trainer,) = trainers
    size = config.batch_size
    generator = torch.Generator().manual_seed(0)
    index = torch.as_tensor(trainer.training)
    order = index[torch.randperm(len(index), generator=generator)]
    batches = iter(order.split(size))

    def synchronized(value: object) -> object:
        if device != "cpu":
            torch.cuda.synchronize()
        return value

    preparing = measured.time(
        f"preparing a batch of {size}", lambda: synchronized(trainer.batch(next(batches), generator)), 10
    )
    measured.add("  clips/s", f"{size / preparing:,.0f}")
    batch = trainer.batch(next(batches), generator)
    step = trainer.step()
    trainer.model.train()
    taking = measured.time(f"a training step of {size}", lambda: synchronized(step(batch)), steps)
    measured.add("  share of preparing in a step", f"{preparing / (preparing + taking):.3f}")
    epoch = (preparing + taking) * len(order) / size
    measured.add("computed: an epoch", f"{epoch / 3600:.2f} h")
    measured.add(f"computed: {config.epochs} epochs", f"{epoch * config.epochs / 3600:,.0f} h")
    if device != "cpu":
        measured.add("peak of the GPU's memory", f"{torch.cuda.max_memory_allocated() / 1024**3:.1f} GiB")
    return measured.rows


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=CLIPS)
    parser.add_argument("--steps", type=int, default=2, help="training steps, of which the fastest is told")
    parser.add_argument("--folder", type=Path, help="where the set lies meanwhile; default: a temporary one")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--output", type=Path, default=RESULTS)
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    load = os.getloadavg()[0]
    folder = args.folder or Path(tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    try:
        rows = measure(args.clips, args.steps, folder, args.device)
    finally:
        shutil.rmtree(folder)
    words = shlex.join(["python", "benchmarks/ntu_size.py", *(sys.argv[1:] if argv is None else argv)])
    machine = platform.machine() if args.device == "cpu" else torch.cuda.get_device_name()
    clock = "of the processor, one thread" if args.device == "cpu" else "on the clock"
    lines = [
        f"`{words}`", "", f"{machine}, {os.cpu_count()} cores, torch {torch.__version__}; the load was {load:.1f} "
        f"before it began. Seconds {clock}, the least of the repeats. Memory: the peak of what this process had for "
        "itself (anonymous pages).", "", tables.markdown(["what", "measured", "memory, GiB"], rows),
    ]  # fmt: skip
    args.output.mkdir(parents=True, exist_ok=True)
    (args.output / f"ntu-size-{args.device.partition(':')[0]}.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
