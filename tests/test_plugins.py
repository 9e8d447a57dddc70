"""Members from other packages: the registries hold them, and one that is broken breaks nothing else.

The example package is tests/support/example_plugin. Its installation from a wheel is a slow test.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from support import example_plugin
from support.example_plugin import crossglg_example as example
from support.numerics import unsettle
from support.plugins import install

from crossglg.data.readers import UnreadableError
from crossglg.encoders.checks import CHECKS, check_encoder
from crossglg.encoders.inference import for_inference
from crossglg.explain.attribution import represent_by_joint
from crossglg.model import CrossGLG
from crossglg.objectives.base import Objective, Sizes
from crossglg.plugins import Registry
from crossglg.skeletons import get_layout

ROOT = Path(__file__).parents[1]
PLUGIN = Path(example_plugin.__path__[0])
OWN = {"infogcn": dict}  # what crossglg has itself, in these tests


def registry(**options: object) -> Registry:
    return Registry("encoder", OWN, Callable, **options)  # type: ignore[arg-type]


def test_a_package_adds_a_member_that_is_loaded_when_first_asked_for(tmp_path: Path, monkeypatch) -> None:
    install(tmp_path, monkeypatch, "fast-graphs", {"encoders fast": "fast_graphs:fast"}, "fast_graphs", "fast = list")
    encoders = registry()
    assert "fast_graphs" not in sys.modules
    assert list(encoders) == ["infogcn", "fast"] and "fast_graphs" in sys.modules
    assert encoders["fast"] is list and len(encoders) == 2
    assert encoders.label("fast", "a list") == "a list (package fast-graphs)"
    assert encoders.label("infogcn", "a dict") == "a dict"
    assert "fast" not in Registry("reader", OWN, Callable), "another group"


@pytest.mark.parametrize(
    ("value", "source", "why"),
    [
        ("broken:fast", "import a_module_that_is_not_there", "cannot be loaded .*No module named 'a_module"),
        ("broken:slow", "fast = list", "cannot be loaded .*no attribute 'slow'"),
        ("broken:fast", "1 / 0", r"cannot be loaded \(ZeroDivisionError: .*; repair or uninstall the package"),
        ("broken:fast", "fast = 3", "is left out: broken:fast is of type int, not Callable"),
    ],
)
def test_a_broken_package_is_named_and_breaks_no_other(tmp_path, monkeypatch, caplog, value, source, why) -> None:
    install(tmp_path, monkeypatch, "broken-graphs", {"encoders fast": value}, "broken", source)
    install(tmp_path, monkeypatch, "whole-graphs", {"encoders sound": "whole:sound"}, "whole", "sound = list")
    encoders = registry()
    assert list(encoders) == ["infogcn", "sound"]
    sentence = f"^the encoder 'fast' of the package broken-graphs {why}"
    assert len(caplog.messages) == 1 and re.search(sentence, caplog.messages[0])
    with pytest.raises(ValueError, match=sentence):
        encoders["fast"]


def test_a_name_that_is_taken_is_refused_with_both_packages(tmp_path, monkeypatch, caplog) -> None:
    points = {"encoders infogcn": "some:a", "encoders fast": "some:a", "encoders text": "some:a"}
    install(tmp_path, monkeypatch, "first-graphs", points, "some", "a = list")
    install(tmp_path, monkeypatch, "second-graphs", {"encoders fast": "other:b"}, "other", "b = set")
    encoders = registry(taken=["text"])
    assert encoders["infogcn"] is dict and encoders["fast"] is list
    assert [message.partition(";")[0] for message in caplog.messages] == [
        "the encoder 'infogcn' of the package first-graphs is left out: crossglg has one of this name",
        "the encoder 'text' of the package first-graphs is left out: crossglg has one of this name",
        "the encoder 'fast' of the package second-graphs is left out: first-graphs has one of this name",
    ]


def test_a_member_can_be_set_for_a_while() -> None:
    encoders = registry()
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(encoders, "mine", list)
        patch.setitem(encoders, "infogcn", set)
        assert encoders["mine"] is list and encoders["infogcn"] is set
    assert dict(encoders) == OWN == {"infogcn": dict}


# --- the example package


def test_an_encoder_with_a_linear_head_keeps_the_contract_and_is_explained() -> None:
    assert len(check_encoder(example.Bones)) == len(CHECKS)
    torch.manual_seed(0)
    model = CrossGLG(example.Bones(get_layout("ntu25"), 3, 2), num_classes=4).eval()
    unsettle(model)
    x, mask = torch.randn(2, 2, 8, 25, 3), torch.tensor([[True, True], [True, False]])
    z = model.embed(x, mask)
    torch.testing.assert_close(for_inference(model).embed(x, mask), z, atol=1e-5, rtol=1e-5)
    feat = model.joint_features(x, mask)[0]  # (N, V, D)
    head = model.encoder.head
    by_joint = represent_by_joint(model, feat)
    torch.testing.assert_close(by_joint[:, :-1], feat @ head.weight.T / 25, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(by_joint[:, -1], head.bias.expand(2, -1), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(by_joint.sum(1), z, atol=1e-5, rtol=1e-5)


def test_the_example_reader_gets_the_files_name_from_crossglg(tmp_path: Path) -> None:
    file = write_walker(tmp_path / "me.walker")
    (clip,) = example.READER.read(file)
    assert (clip.sample_id, clip.class_name, clip.xyz.shape) == ("me", "walk", (1, 4, 20, 3))
    file.write_text("walk\n1,2,3\n")
    with pytest.raises(UnreadableError, match=r"^me\.walker: every line after the first needs 60 numbers"):
        example.READER.read(file)


def test_the_example_objective_is_least_for_the_truth() -> None:
    brier, label = example.Brier(Sizes(get_layout("ntu25"), 4, 4, 0, 3)), torch.tensor([0, 1, 2])
    sure, wrong = (
        brier.losses(type("Out", (), {"logits": 50 * torch.eye(3)[rows]})(), label, None)["brier_loss"]
        for rows in ([0, 1, 2], [1, 2, 0])
    )
    assert isinstance(brier, Objective) and sure < 1e-6 and wrong == pytest.approx(2.0)


def write_walker(path: Path) -> Path:
    frames = np.random.default_rng(0).normal(size=(4, 60)).round(4)
    path.write_text("walk\n" + "\n".join(",".join(map(str, frame)) for frame in frames) + "\n")
    return path


@pytest.mark.slow
def test_both_wheels_installed_outside_the_checkout_work_together(tmp_path: Path) -> None:
    """A new environment that borrows this one's packages (torch is not downloaded), but not its crossglg."""
    for source in (ROOT, PLUGIN):
        build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "wheels")]
        subprocess.run(build, cwd=source, check=True, capture_output=True)
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {"CROSSGLG_CACHE": str(tmp_path / "cache")}

    def run(*command: object) -> str:
        done = subprocess.run(list(map(str, command)), cwd=tmp_path, env=kept, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    wheels = sorted((tmp_path / "wheels").glob("*.whl"))
    run(python, "-m", "pip", "install", "--no-deps", "--no-index", *wheels)
    (site / "borrowed.pth").write_text("\n".join(path for path in sys.path if path.endswith("-packages")) + "\n")
    crossglg = tmp_path / "venv" / "bin" / "crossglg"
    where = run(python, "-c", "import crossglg, crossglg_example as e; print(crossglg.__file__, e.__file__)")
    assert where.count(str(site)) == 2

    assert "Usage: crossglg" in run(crossglg, "--help")
    members = {"encoders": "bones", "formats": "walker", "classifiers": "manhattan", "objectives": "brier"}
    for what, name in members.items():
        (line,) = [line for line in run(crossglg, "list", what).splitlines() if line.startswith(f"{name} ")]
        assert line.endswith("(package crossglg-example)")
    run(crossglg, "run", "--preset", "smoke", "--dataset", "synthetic-small", "--output", tmp_path / "runs")
    own = ("--encoder", "bones", "--set", "objective=brier", "--set", "epochs=1", "--output", tmp_path / "own")
    trained = run(crossglg, "train", "--preset", "smoke", "--dataset", "synthetic-small", *own)
    model = trained.rpartition("written to ")[2].strip()
    results = json.loads(run(crossglg, "evaluate", model, "--json"))
    assert 0 < results["one_shot"]["manhattan"]["mean"] <= 1
    clips = tmp_path / "clips.npz"
    run(crossglg, "data", "convert", write_walker(tmp_path / "me.walker"), "--format", "walker", "--output", clips)
    assert "1 clips" in run(crossglg, "data", "info", clips)
