"""The benchmark runs, and what it writes down is what it says."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from crossglg.data.clips import SkeletonSet
from crossglg.data.synthetic import synthesize
from crossglg.encoders import ENCODERS
from crossglg.encoders.infogcn import InfoGCN
from crossglg.skeletons import get_layout

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "encoders.py"


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    tiny = partial(InfoGCN, widths=(8, 16), strides=(2, 1), bottleneck=False, importance_after_block=1)
    monkeypatch.setitem(ENCODERS, "infogcn", tiny)
    monkeypatch.setattr(sys, "path", list(sys.path))
    spec = importlib.util.spec_from_file_location("encoder_benchmark", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "encoder_benchmark", module)
    spec.loader.exec_module(module)
    return module


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


def test_processor_time_is_that_of_one_thread(benchmark: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        benchmark.main(["--quick", "--threads", "2", "--clock", "process"])
    assert "--clock wall" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory of a process is read from /proc")
def test_peak_memory_is_that_of_the_features(benchmark: ModuleType) -> None:
    case = benchmark.Case("infogcn-small", "base", "training step", 8, 0.0, 64, "cpu")
    one_activation = 8 * 2 * 32 * 25 * 48 * 4 / 2**20  # (B, T', V, D) of the first blocks
    assert 10 * one_activation < benchmark.peak_memory(case) < 300 * one_activation


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "getloadavg"), reason="the load of the machine is told on Unix only")
def test_training_beside_other_work_is_measured_and_written(tmp_path: Path) -> None:
    script, output = SCRIPT.with_name("beside_other_work.py"), tmp_path / "beside.md"
    words = ["--busy", "1", "--rounds", "1", "--seconds", "0.1", "--batch", "2", "--output", str(output)]
    subprocess.run([sys.executable, str(script), *words], check=True, capture_output=True)
    command, *_, row = output.read_text(encoding="utf-8").splitlines()
    assert command.startswith("`python benchmarks/beside_other_work.py --busy 1")
    busy, *rates, ratio = [float(cell.split()[0]) for cell in row.strip("|").split("|")]
    assert busy == 1 and len(rates) == 4 and min(rates) > 0
    assert ratio > 0


def test_the_readme_s_chart_shows_the_means_of_the_results_page() -> None:
    spec = importlib.util.spec_from_file_location("readme_pictures", SCRIPT.with_name("readme_pictures.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    paper, ours = module.results_chart().axes
    assert [bar.get_width() for bar in paper.patches] == [56.1, 62.6], "of the shipped protocol"
    named = dict(zip([label.get_text() for label in ours.get_yticklabels()], ours.patches, strict=True))
    page = (SCRIPT.parents[1] / "docs" / "results.md").read_text(encoding="utf-8")
    table = page.partition("<!-- study left_out means -->")[2].partition("| method minus")[0]
    for name, (method, classifier) in module.OURS.items():
        rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines() if line.startswith("|")]
        (cell,) = (row[rows[0].index(classifier)] for row in rows if row[0] == method)
        assert cell.startswith(f"{named[name].get_width():.1f} ± ")


@pytest.fixture(scope="module")
def camera_benchmark() -> ModuleType:
    spec = importlib.util.spec_from_file_location("camera_benchmark", SCRIPT.with_name("mediapipe.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where its dataclasses look up their types
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def kinect_clips() -> SkeletonSet:
    actions = ("hand waving", "kicking something", "clapping", "squat down")
    return replace(synthesize(0, 3, actions).retargeted(get_layout("kinect20")), name="kinect")


def test_what_a_camera_sees_keeps_the_joints_it_shares_with_a_kinect(
    camera_benchmark: ModuleType, kinect_clips: SkeletonSet
) -> None:
    _, joints, centered, noisy, *_ = camera_benchmark.CONDITIONS
    back = camera_benchmark.by_camera(kinect_clips, joints).retargeted(kinect_clips.layout)
    kept = [j for j, name in enumerate(kinect_clips.layout.joints) if name not in ("hip center", "spine")]
    kept.remove(kinect_clips.layout.index("shoulder center"))
    np.testing.assert_allclose(back.xyz[:, kept], kinect_clips.xyz[:, kept], atol=1e-5)
    seen = camera_benchmark.by_camera(kinect_clips, centered)
    assert np.abs(seen.xyz[:, camera_benchmark.HIPS].mean(1)).max() < 1e-5
    errors = (camera_benchmark.by_camera(kinect_clips, noisy).xyz - seen.xyz).std((0, 1))
    assert 0.01 < errors[0] < 0.04 and 0.01 < errors[1] < 0.04 and 0.03 < errors[2] < 0.08, "meters, most in depth"


def test_a_camera_is_compared_with_a_kinect_and_the_table_written(
    camera_benchmark: ModuleType, kinect_clips: SkeletonSet, tmp_path: Path
) -> None:
    kinect_clips.save(tmp_path / "mine.npz")
    camera_benchmark.main([str(tmp_path), "--sets", "mine", "--episodes", "2", "--output", str(tmp_path / "table.md")])
    rows = [line.strip("|").split("|") for line in (tmp_path / "table.md").read_text().splitlines() if "± " in line]
    assert [row[1].strip() for row in rows] == [condition.name for condition in camera_benchmark.CONDITIONS]
    values = np.array([[float(cell.split("±")[0]) for cell in row[2:]] for row in rows])
    assert values.shape == (6, 7) and (values >= 0).all() and (values <= 100).all()
    assert (values[0, :4] > 50).all(), "four actions that differ"


def test_the_time_of_a_decision_is_measured_for_every_encoder_and_number_of_exemplars(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("live_benchmark", SCRIPT.with_name("live.py"))
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.ACTIONS = (2, 3)
    window_of = module.window_of
    module.window_of = lambda clips, frames: window_of(clips, min(frames, 2 * module.FRAMES))  # a short recording
    module.main(["--rounds", "1", "--output", str(tmp_path / "table.md")])
    rows = [line.strip("| ").split(" | ") for line in (tmp_path / "table.md").read_text().splitlines() if "| " in line]
    assert [tuple(row[:2]) for row in rows[1:] if "---" not in row[0]] == [
        (encoder, str(actions)) for encoder in module.ENCODERS for actions in module.ACTIONS
    ]
    assert all(float(cell) > 0 for row in rows[2:] for cell in row[2:])


@pytest.fixture(scope="module")
def recordings_benchmark() -> ModuleType:
    spec = importlib.util.spec_from_file_location("recordings_benchmark", SCRIPT.with_name("recordings.py"))
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_segment_is_right_if_half_of_it_and_of_the_truth_is_shared(recordings_benchmark: ModuleType) -> None:
    there = [(0.0, 4.0, "wave"), (4.0, 6.0, "jump"), (6.0, 8.0, "wave")]
    found = [(0.5, 4.5, "wave"), (4.5, 5.5, "jump"), (5.5, 6.5, "jump"), (7.5, 8.0, "wave")]
    assert recordings_benchmark.f1(found, there) == pytest.approx(2 * 2 / (4 + 3))
    assert recordings_benchmark.f1([(0.0, 4.0, "wave"), (0.0, 4.0, "wave")], there[:1]) == pytest.approx(2 / 3)
    named = [(0.5, 4.5, "wave"), (4.5, 5.0, "wave"), (5.0, 7.5, "unknown"), (7.5, 8.0, "wave")]
    right, wrong = recordings_benchmark.shares(named, there, ["wave"])
    assert right == pytest.approx((3.5 + 0.5) / 6.0) and wrong == pytest.approx((0.5 + 0.5) / 2.0)


def test_windows_together_name_more_than_alone(
    recordings_benchmark: ModuleType, kinect_clips: SkeletonSet, tmp_path: Path
) -> None:
    kinect_clips.save(tmp_path / "mine.npz")
    words = [str(tmp_path), "--sets", "mine", "--recordings", "3", "--output", str(tmp_path / "table.md")]
    recordings_benchmark.main(words)
    (row,) = [line for line in (tmp_path / "table.md").read_text().splitlines() if line.startswith("| mine")]
    cells = (float(cell.split("±")[0]) for cell in row.strip("|").split("|")[1:])
    alone, right_alone, wrong_alone, together, right, wrong = cells
    assert 0 < right_alone <= right <= 100 and wrong_alone <= wrong <= 100 and min(alone, together) > 0
