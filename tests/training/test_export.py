"""An exported model computes what the model computes, preprocessing included."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from crossglg.config import Config
from crossglg.data.synthetic import synthesize
from crossglg.data.transforms import DeviceClips
from crossglg.encoders import ENCODERS
from crossglg.encoders.infogcn import InfoGCN
from crossglg.skeletons import get_layout
from crossglg.training.export import ABOUT, Inference, about, example, export
from crossglg.training.trained_model import TrainedModel, build_model


def tiny(*args: object) -> InfoGCN:
    return InfoGCN(*args, widths=(16, 16), strides=(2, 1), bottleneck=False, importance_after_block=1)  # type: ignore[arg-type]


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> TrainedModel:
    monkeypatch.setitem(ENCODERS, "tiny", tiny)
    config = Config(frames=16, encoder="tiny", guidance=getattr(request, "param", "both"))
    layout = get_layout("ntu25")
    return TrainedModel(
        build_model(config, layout, 2, 3, 4, text_width=0).eval(), config, layout, 2, 3, tuple("abcd"), {}
    )


@pytest.mark.parametrize("trained", ["both", pytest.param("none", marks=pytest.mark.slow)], indirect=True)
def test_exported_program_gives_the_models_features_of_raw_clips(trained: TrainedModel, tmp_path: Path) -> None:
    clips = synthesize(3, clips_per_action=2, actions=["drop", "jump up"])
    said = {ABOUT: ""}
    program = torch.export.load(export(trained, tmp_path / "model.pt2", clips=4), extra_files=said).module()
    assert json.loads(said[ABOUT]) == about(trained)
    assert json.loads(about(trained)["joints"]) == list(trained.layout.joints) and "16 frames" in about(trained)["x"]
    x, _ = DeviceClips(clips).batch(torch.arange(4), 16)
    out = program(x)
    np.testing.assert_allclose(out[0].detach().numpy(), trained.embed(clips), atol=1e-5)
    if trained.config.guidance == "both":
        np.testing.assert_allclose(out[1].detach().numpy(), trained.joint_importance(clips), atol=1e-6)
    assert len(out) == (2 if trained.config.guidance == "both" else 1)


@pytest.mark.slow
@pytest.mark.parametrize("persons", [1, 2])
def test_onnx_runtime_agrees(trained: TrainedModel, tmp_path: Path, persons: int) -> None:
    runtime = pytest.importorskip("onnxruntime", reason="needs pip install 'crossglg[export]'")
    file = export(trained, tmp_path / "model.onnx", persons=persons, clips=3)
    session = runtime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    assert [o.name for o in session.get_outputs()] == ["z", "joint_importance"]
    x = example(trained, persons, 3) + 2.0  # not the clips it was traced with
    assert session.get_modelmeta().custom_metadata_map == about(trained)
    z, importance = session.run(None, {"x": x.numpy()})
    expected = Inference(trained).eval()(x)
    np.testing.assert_allclose(z, expected[0].detach().numpy(), atol=1e-4)
    np.testing.assert_allclose(importance, expected[1].detach().numpy(), atol=1e-4)


def test_what_cannot_be_exported_is_refused(trained: TrainedModel, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"cannot export to 'model.txt'; give a name ending in .onnx or .pt2"):
        export(trained, tmp_path / "model.txt")
    with pytest.raises(ValueError, match="persons=3, clips=1: this model takes 1 to 2 persons"):
        export(trained, tmp_path / "model.onnx", persons=3)
    with pytest.raises(TypeError, match=r"expected, got str; read one with TrainedModel\.load\('synthetic'\)"):
        export("synthetic", tmp_path / "model.pt2")  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())
