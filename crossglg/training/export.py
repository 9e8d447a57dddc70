"""A trained model as one file for other programs: ONNX, or PyTorch's own exported program.

The file takes raw clips: preprocessing (center, align, scale, streams) is inside, so nobody has to repeat it. Only
frames are not resampled to the model's number; the page "Train" of the guide shows how (docs/guide/train.md).
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import torch
from torch import Tensor, nn

import crossglg
from crossglg.data.transforms import Preprocessing
from crossglg.encoders.inference import for_inference
from crossglg.files import write_file
from crossglg.training.trained_model import TrainedModel, check_model

SUFFIXES = {".onnx": "ONNX", ".pt2": "torch.export"}
ABOUT = "crossglg.json"  # the extra file of a .pt2 that says what `about` says


class Inference(nn.Module):
    """What is exported: x (N, M, T, V, C) in meters, everybody present → z (N, D) and k_out (N, V) if there is one."""

    def __init__(self, trained: TrainedModel) -> None:
        super().__init__()
        self.model = for_inference(trained.model)
        self.prepare = Preprocessing.from_settings(trained.config, trained.layout)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        joints, importance = self.model.joint_features(self.prepare(x), None)
        z = self.model.represent(joints)
        return (z,) if importance is None else (z, importance)


def export(trained: TrainedModel, path: str | Path, persons: int = 1, clips: int = 1) -> Path:
    """Write `path` (.onnx or .pt2) for batches of exactly `clips` clips of `persons` persons and the model's T frames.

    Input "x" is as `DeviceClips.batch` makes it. Outputs "z" and, with guidance, "joint_importance". The file says what
    they are: in ONNX in its metadata, in .pt2 in the extra file `ABOUT`. Raises ValueError for another ending, too many
    persons, or when the packages for ONNX are missing.
    """
    check_model(trained)
    path = Path(path)
    if path.suffix not in SUFFIXES:
        raise ValueError(f"cannot export to {path.name!r}; give a name ending in {' or '.join(SUFFIXES)}")
    if not 1 <= persons <= trained.persons or clips < 1:
        raise ValueError(f"persons={persons}, clips={clips}: this model takes 1 to {trained.persons} persons a clip")
    inference = Inference(trained).eval().cpu()
    x = example(trained, persons, clips)
    with torch.inference_mode():
        program = torch.export.export(inference, (x,))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / path.name
        if path.suffix == ".pt2":
            torch.export.save(program, file, extra_files={ABOUT: json.dumps(about(trained))})
        else:
            _to_onnx(program, x, file, ["z", "joint_importance"][: len(inference(x))], about(trained))
        content = file.read_bytes()
    return write_file(path, content)


def about(trained: TrainedModel) -> dict[str, str]:
    """What somebody must know who has nothing but the exported file."""
    return {
        "made_by": f"crossglg {crossglg.__version__}",
        "x": f"clips, persons, {trained.config.frames} frames, {trained.layout.num_joints} joints, {trained.channels} "
        f"coordinates; meters, y up, who faces the sensor faces -z and has the left side at -x. Frame i stands for the "
        f"middle of the i-th of {trained.config.frames} equal parts of the clip; frames without anybody are left out "
        f"before. Centering, turning and scaling are done in the model",
        "joints": json.dumps(trained.layout.joints),
        "z": "clips, D; clips are compared by the cosine of their rows",
        "joint_importance": "clips, joints; there with guidance alone",
        "base_classes": json.dumps(trained.class_names),
    }


def example(trained: TrainedModel, persons: int = 1, clips: int = 1) -> Tensor:
    """Clips of the right shape, (N, M, T, V, C), for tracing and for trying an exported file."""
    shape = (clips, persons, trained.config.frames, trained.layout.num_joints, trained.channels)
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def _to_onnx(
    program: torch.export.ExportedProgram, x: Tensor, file: Path, outputs: list[str], said: dict[str, str]
) -> None:
    try:
        import onnx
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ValueError(f"ONNX needs more packages: pip install onnx onnxscript onnxruntime ({error})") from error
    torch.onnx.export(
        program,
        (x,),
        str(file),
        dynamo=True,
        external_data=False,
        input_names=["x"],
        output_names=outputs,
        verbose=False,
    )
    model = onnx.load(file)
    onnx.helper.set_model_props(model, said)
    onnx.save(model, file)
