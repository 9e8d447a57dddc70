"""What encoders cost: plain or with CrossGLG, forward and training step, on NTU-shaped clips (3 × 64 × 25 × 2).

    python benchmarks/encoders.py [--encoders infogcn …] [--device cpu|cuda] [--clock wall|process] [--threads 1] …

All competitors of a workload take turns, so that ratios hold on a busy machine too; with `--clock process` (one thread)
other programs hardly count. "reference" is InfoGCN as its paper's equations, one by one, where an absent second person
costs as much as a present one (tests/support/reference_infogcn.py). Forward is what inference computes: normalizations
folded,
no text. A training step is all of CrossGLG's, texts included. Where all clips have one person (`single` 1), there is no
place for a second. Writes benchmarks/results/encoders-<device>.json, .md.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from support.reference_infogcn import PlainInfoGCN  # noqa: E402

from crossglg import tables  # noqa: E402
from crossglg.config import Config  # noqa: E402
from crossglg.encoders import ENCODERS  # noqa: E402
from crossglg.encoders.inference import clips_at_once, for_inference  # noqa: E402
from crossglg.files import write_file, write_json  # noqa: E402
from crossglg.model import CrossGLG, CrossGLGOutput  # noqa: E402
from crossglg.objectives import build_loss  # noqa: E402
from crossglg.objectives.base import Sizes  # noqa: E402
from crossglg.skeletons import get_layout  # noqa: E402
from crossglg.text.embeddings import TextBank  # noqa: E402
from crossglg.training.cuda_graph import Batch, RecordedSteps, warm_up  # noqa: E402
from crossglg.training.step import Losses, build_optimizer, train_step, with_persons_listed  # noqa: E402
from crossglg.training.trained_model import build_model  # noqa: E402

CLASSES, TEXT_WIDTH = 100, 384
LAYOUT = get_layout("ntu25")
CLOCKS = {"wall": time.perf_counter, "process": time.process_time}


@dataclass(frozen=True)
class Case:
    """variant: reference, base, +CrossGLG;  work: forward, training step;  single: share of one-person clips."""

    encoder: str
    variant: str
    work: str
    batch: int
    single: float
    frames: int
    device: str
    option: str = ""  # or compile, bf16, graph (recorded as a CUDA graph)


class Reference(nn.Module):
    """The plain InfoGCN behind the calls of CrossGLG that are measured."""

    def __init__(self, model: CrossGLG) -> None:
        super().__init__()
        self.embed, self.classifier = PlainInfoGCN(model.encoder), model.classifier

    def forward(self, x: Tensor, person_mask: Tensor, *texts: object) -> CrossGLGOutput:
        z = self.embed(x, person_mask)
        return CrossGLGOutput(self.classifier(z), z, z, None, None)


def persons(case: Case) -> int:
    return 1 if case.single == 1 else 2


def make_model(case: Case) -> nn.Module:
    config = Config(encoder=case.encoder, streams="joint", guidance="both" if case.variant == "+CrossGLG" else "none")
    learning = case.work == "training step"
    model: nn.Module = build_model(config, LAYOUT, persons(case), 3, CLASSES, TEXT_WIDTH if learning else 0)
    if case.variant == "reference":
        model = Reference(model)
    elif not learning:
        model = for_inference(model)
    return model.train(learning).to(case.device)


def prepare(case: Case) -> Callable[[], Tensor]:
    """The work of a case as a function without arguments; a forward returns z (N, D)."""
    model, generator = make_model(case), torch.Generator().manual_seed(1)
    x = torch.randn(case.batch, persons(case), case.frames, LAYOUT.num_joints, 3, generator=generator).to(case.device)
    mask = torch.ones(x.shape[:2], dtype=torch.bool, device=case.device)
    mask[: round(case.single * case.batch), 1:] = False
    if case.work == "training step":
        label = torch.arange(case.batch, device=case.device) % CLASSES
        local = torch.randn(CLASSES, LAYOUT.num_joints, TEXT_WIDTH, generator=generator)
        target = torch.full((CLASSES, LAYOUT.num_joints), 1 / LAYOUT.num_joints)
        texts = TextBank(tuple(map(str, range(CLASSES))), local, target, local.mean(1)).to(torch.device(case.device))
        config = Config(learning_rate=1e-6, precision="bfloat16" if case.option == "bf16" else "float32")
        losses = Losses(model, build_loss(config, Sizes(LAYOUT, 0, 0, TEXT_WIDTH, CLASSES)), config.precision)
        optimizer = build_optimizer(losses, config)

        def step(batch: Batch) -> dict[str, Tensor]:
            return train_step(losses, optimizer, batch, texts)

        if case.option == "graph":
            recorded = RecordedSteps(step, losses, optimizer)
            return lambda: recorded(with_persons_listed((x, mask, label, None), model))["total_loss"]
        return lambda: step((x, mask, label, None))["total_loss"]
    mode = "reduce-overhead" if case.device == "cuda" else "default"
    embed = torch.compile(model.embed, mode=mode) if case.option == "compile" else model.embed
    sizes = [case.batch]
    if case.device == "cpu" and case.variant != "reference":
        sizes = clips_at_once(mask.sum(1), model.encoder.widths[0] * case.frames * LAYOUT.num_joints)

    def forward() -> Tensor:
        with torch.inference_mode(), torch.autocast(case.device, torch.bfloat16, enabled=case.option == "bf16"):
            return torch.cat([embed(*part) for part in zip(x.split(sizes), mask.split(sizes), strict=True)]).float()

    return recorded_forward(lambda: model.embed(x), x) if case.option == "graph" else forward


@torch.inference_mode()
def recorded_forward(embed: Callable[[], Tensor], x: Tensor) -> Callable[[], Tensor]:
    """A forward of clips in which everybody is there, replayed as a CUDA graph on a new copy of x."""
    source, graph = x.clone(), torch.cuda.CUDAGraph()
    warm_up(embed, torch.cuda.Stream())
    with torch.cuda.graph(graph):
        z = embed()

    def forward(kept: Callable[[], Tensor] = embed) -> Tensor:  # a graph does not keep the weights that it reads
        x.copy_(source)
        graph.replay()
        return z

    return forward


def interleaved(runs: list[Callable[[], Any]], args: argparse.Namespace) -> list[list[float]]:
    """Seconds of every run; all take turns after a first run each. One slower than `args.slowest` is timed once."""

    def now() -> float:
        if args.device == "cuda":
            torch.cuda.synchronize()
        return CLOCKS[args.clock]()

    for run in runs:
        run()
    seconds: list[list[float]] = [[] for _ in runs]
    for _ in range(args.repeats):
        for run, taken in zip(runs, seconds, strict=True):
            if not taken or taken[0] <= args.slowest:
                start = now()
                run()
                taken.append(now() - start)
    return seconds


class ByteCounter(TorchDispatchMode):
    """Adds up what each operation reads and writes; views move nothing."""

    moved = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if not func.is_view:
            tensors = [t for t in tree_leaves((args, kwargs, out)) if isinstance(t, Tensor)]
            self.moved += sum(t.numel() * t.element_size() for t in tensors)
        return out


@cache
def count(case: Case) -> tuple[int, int, int]:
    """Floating-point operations and bytes of a case, operation by operation, and its model's parameters."""
    run = prepare(case)
    with FlopCounterMode(display=False) as flops, ByteCounter() as bytes_:
        run()
    return flops.get_total_flops(), bytes_.moved, sum(p.numel() for p in make_model(case).parameters())


def ceilings(args: argparse.Namespace) -> dict[str, float]:
    """Per second, the best of all repeats: operations of a square product in both precisions, bytes of a copy."""
    size = 128 if args.quick else 8192 if args.device == "cuda" else 2048
    single = torch.randn(size, size, device=args.device)
    half, source = single.bfloat16(), torch.zeros(16 * size * size, device=args.device)
    target = torch.empty_like(source)
    runs = [lambda: single @ single, lambda: half @ half, lambda: target.copy_(source)]
    float32, bf16, copy = map(min, interleaved(runs, args))
    return {"float32": 2 * size**3 / float32, "bf16": 2 * size**3 / bf16, "bytes": 8 * source.numel() / copy}


def peak_memory(case: Case) -> float:
    """MiB at the peak: on a GPU of model and work; on a CPU (Linux) what the work adds, in a process of its own."""
    if case.device == "cuda":
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        prepare(case)()
        return (torch.cuda.max_memory_allocated() - before) / 2**20
    command = [sys.executable, __file__, "--peak", json.dumps(asdict(case))]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def print_peak(case: Case) -> None:
    def kib(field: str) -> int:
        return int(Path("/proc/self/status").read_text().partition(f"{field}:")[2].split()[0])

    torch.set_num_threads(1)
    run = prepare(case)
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak of loading
    before = kib("VmRSS")
    run()
    print((kib("VmHWM") - before) / 2**10)


def workloads(args: argparse.Namespace) -> list[list[Case]]:
    """Cases that are measured together."""

    def cases(work: str, batch: int, single: float = 0.0, options: tuple[str, ...] = ()) -> list[Case]:
        optional = ("base", "+CrossGLG") if work == "training step" else ("base",)
        return [
            Case(encoder, variant, work, batch, single, args.frames, args.device, option)
            for encoder in args.encoders
            for variant in (["reference"] if encoder == "infogcn" else []) + ["base", "+CrossGLG"]
            for option in ("", *(options if variant in optional else ()))
            if option != "compile" or encoder in args.compile
        ]

    small, middle, large = (1, 2, 3) if args.quick else (1, 16, 64)
    graph = ("graph",) if args.device == "cuda" else ()
    ways = ("bf16", *graph) if args.quick else ("compile", "bf16", *graph)
    forward = [cases("forward", small, 0.0, graph), cases("forward", middle, 0.0, ways)]
    forward += [cases("forward", middle, 0.8), cases("forward", large, 0.0, graph)]
    learning = [cases("training step", middle), cases("training step", middle, 0.8, graph)]
    if args.device == "cuda":
        learning += [cases("training step", batch, 1.0, ("bf16", "graph")) for batch in (middle, large)]
    return forward + learning


def expected_seconds(case: Case, rows: list[dict[str, Any]]) -> float:
    """How long a case runs at least, from the encoder's time for one clip; a training step is three forwards."""
    one = (r for r in rows if (r["encoder"], r["variant"], r["batch"]) == (case.encoder, case.variant, 1))
    return case.batch * next((r["ms_per_clip"] for r in one), 0.0) / 1e3 * (3 if case.work == "training step" else 1)


def measure(cases: list[Case], args: argparse.Namespace, ceiling: dict[str, float]) -> list[dict[str, Any]]:
    """One row per case; ratios are to the encoder's base and, for InfoGCN, to the reference, of the same workload."""
    run = {case: prepare(case) for case in cases}
    times = interleaved(list(run.values()), args)
    seconds = {case: median(taken) for case, taken in zip(cases, times, strict=True)}
    rows = []
    for case, taken in zip(cases, times, strict=True):
        base, reference = (replace(case, variant=variant, option="") for variant in ("base", "reference"))
        flops, moved, parameters = count(replace(case, option=""))
        comparable = case.work == "forward" and case.variant != "+CrossGLG" and case != base
        row = asdict(case) | {
            "ms_per_clip": 1e3 * seconds[case] / case.batch,
            "clips_per_s": case.batch / seconds[case],
            "runs": len(taken),
            "x_base": seconds[case] / seconds[base],
            "x_reference": seconds[case] / seconds[reference] if reference in seconds else None,
            "parameters": parameters,
            "gflop_per_clip": flops / case.batch / 1e9,
            "peak_mib": None if args.quick else peak_memory(case),
            "of_flop_ceiling": flops / seconds[case] / ceiling["bf16" if case.option == "bf16" else "float32"],
            # Compiled or in half precision, other bytes move than were counted.
            "of_byte_ceiling": None if case.option in ("compile", "bf16") else moved / seconds[case] / ceiling["bytes"],
            "max_difference_to_base": float((run[case]() - run[base]()).abs().max()) if comparable else None,
        }
        print(*map(text, row.values()), sep=" | ", flush=True)
        rows.append(row)
    return rows


def markdown(result: dict[str, Any]) -> str:
    names = [name for name in result["rows"][0] if name not in ("frames", "device")]
    about = [f"`{result['command']}`", "", json.dumps(result["environment"]), ""]
    table = tables.markdown(names, [[text(row[name]) for name in names] for row in result["rows"]])
    return "\n".join([*about, table]) + "\n"


def text(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else "" if value is None else str(value)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encoders", nargs="+", default=list(ENCODERS), choices=list(ENCODERS), metavar="NAME")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--clock", default="wall", choices=list(CLOCKS), help="process: CPU time, for busy machines")
    parser.add_argument("--threads", type=int, default=1, help="of a CPU; their processor times would add up")
    parser.add_argument("--repeats", type=int, default=5, help="timed runs of each case")
    parser.add_argument("--slowest", type=float, default=30.0, help="a case that takes more seconds is timed once")
    parser.add_argument("--longest", type=float, default=60.0, help="leave out a case that would run for more seconds")
    parser.add_argument("--compile", nargs="+", default=list(ENCODERS), choices=list(ENCODERS), metavar="NAME")
    parser.add_argument("--no-compile", dest="compile", action="store_const", const=[], help="without torch.compile")
    parser.add_argument("--quick", action="store_true", help="tiny shapes, nothing compiled, no memory: does it run?")
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks" / "results")
    parser.add_argument("--peak", help=argparse.SUPPRESS)
    args = parser.parse_args(arguments)
    if args.peak:
        return print_peak(Case(**json.loads(args.peak)))
    if args.threads > 1 and args.clock == "process":
        parser.error("--clock process adds up what all threads take; use --clock wall or --threads 1")
    args.frames = 8 if args.quick else 64
    torch.set_num_threads(args.threads)
    torch.backends.cudnn.allow_tf32 = False  # float32 means float32
    ceiling = ceilings(args)
    machine = torch.cuda.get_device_name() if args.device == "cuda" else platform.machine()
    environment = {
        "machine": machine,
        "torch": torch.__version__,
        "threads": args.threads,
        "clock": args.clock,
        "per_s": ceiling,
    }
    command = " ".join(["python benchmarks/encoders.py", *(sys.argv[1:] if arguments is None else arguments)])
    rows: list[dict[str, Any]] = []
    result = {"command": command, "environment": environment, "rows": rows}
    for cases in workloads(args):
        rows += measure([case for case in cases if expected_seconds(case, rows) <= args.longest], args, ceiling)
        write_json(args.output / f"encoders-{args.device}.json", result)
        write_file(args.output / f"encoders-{args.device}.md", markdown(result))
    return None


if __name__ == "__main__":
    main()
