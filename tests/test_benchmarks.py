"""The benchmark runs, and what it writes down is what it says."""

from __future__ import annotations

import importlib
import json
import sys
from argparse import Namespace
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Imported by a name under which competitors, in their processes, find it too."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("encoders")


def test_every_case_is_measured_and_written(benchmark: ModuleType, tmp_path: Path) -> None:
    benchmark.main(["--quick", "--encoders", "infogcn", "--repeats", "2", "--output", str(tmp_path)])
    result = json.loads((tmp_path / "encoders-cpu.json").read_text())
    rows = {(r["variant"], r["work"], r["batch"], r["single"], r["option"]): r for r in result["rows"]}
    assert len(rows) == len(result["rows"]) == 6 * 3 + 1
    for (variant, work, *_, option), row in rows.items():
        assert row["runs"] == 2
        assert row["ms_per_clip"] > 0
        assert row["x_base"] == pytest.approx(1.0) if (variant, option) == ("base", "") else row["x_base"] > 0
        assert row["x_reference"] > 0
        if variant == "reference" and work == "forward":
            assert row["max_difference_to_base"] < 1e-4
        if option == "bf16":
            assert 0 < row["max_difference_to_base"] < 0.1
    base, guided, plain = (rows[v, "forward", 2, 0.0, ""] for v in ("base", "+CrossGLG", "reference"))
    assert guided["parameters"] > base["parameters"]
    assert guided["gflop_per_clip"] > base["gflop_per_clip"] == pytest.approx(plain["gflop_per_clip"], rel=1e-3)
    alone = rows["base", "forward", 2, 0.8, ""]  # both clips of two
    assert alone["gflop_per_clip"] == pytest.approx(base["gflop_per_clip"] / 2, rel=1e-2)
    step = rows["base", "training step", 2, 0.0, ""]
    assert step["gflop_per_clip"] == pytest.approx(3 * base["gflop_per_clip"], rel=0.1)
    table = (tmp_path / "encoders-cpu.md").read_text().splitlines()
    assert sum(line.startswith("| infogcn |") for line in table) == len(rows)


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory of a process is read from /proc")
def test_peak_memory_is_that_of_the_features(benchmark: ModuleType) -> None:
    case = benchmark.Case("infogcn-small", "base", "training step", 8, 0.0, 64, "cpu")
    args = Namespace(repeats=1, slowest=60.0, device="cpu", clock="process")
    one_activation = 8 * 2 * 32 * 25 * 48 * 4 / 2**20  # (B, T', V, D) of the first blocks
    assert 10 * one_activation < benchmark.take_turns([case], args)[case][0].peak_mib < 300 * one_activation
