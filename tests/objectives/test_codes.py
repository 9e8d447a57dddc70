"""Class codes: the losses against plain loops, codes that stay as they are, what is refused."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from support.tiny_training import CONFIG, TINY, last_weights, make_bank, make_base
from torch import Tensor

from crossglg.config import Config
from crossglg.encoders import ENCODERS
from crossglg.files import InputError
from crossglg.model import CrossGLGOutput
from crossglg.objectives import build_loss, find_objective
from crossglg.objectives.base import Sizes
from crossglg.objectives.codes import Codes
from crossglg.skeletons import get_layout
from crossglg.training.trainer import fit

LAYOUT = get_layout("kinect20")
N, K, D, OUT = 3, 4, 5, 6
SIZES = Sizes(LAYOUT, D, OUT, 10, K)
BANK = make_bank(tuple("abcd"), LAYOUT.num_joints)


def output(seed: int = 0) -> CrossGLGOutput:
    generator = torch.Generator().manual_seed(seed)
    z, joints = torch.randn(N, OUT, generator=generator), torch.randn(N, LAYOUT.num_joints, D, generator=generator)
    return CrossGLGOutput(torch.zeros(N, K), z, joints, None, None)


def log_softmax_of_cosines(vector: Tensor, codes: list[Tensor], wanted: int) -> float:
    cosines = [(vector @ code / vector.norm() / code.norm()).item() for code in codes]
    return cosines[wanted] / 0.1 - math.log(sum(math.exp(cosine / 0.1) for cosine in cosines))


def test_the_losses_equal_the_loops() -> None:
    torch.manual_seed(0)
    codes, out, label = Codes(SIZES, 2.0, 0.0), output(), [3, 0, 3]
    assert codes.projection is not None and codes.clip_codes is not None and codes.joint_codes is not None
    found = codes.losses(out, torch.tensor(label), BANK)
    centered = codes.joint_codes - codes.joint_codes.mean(0)
    clip = joint = 0.0
    for n, k in enumerate(label):
        clip -= log_softmax_of_cosines(codes.projection.clip(out.z[n]), list(codes.clip_codes), k) / N
        for v in range(LAYOUT.num_joints):
            vector = codes.projection.joint(out.joint_features[n, v])
            joint -= log_softmax_of_cosines(vector, list(centered[:, v]), k) / N / LAYOUT.num_joints
    assert found["clip_code_loss"].item() == pytest.approx(clip, rel=1e-4)
    assert found["joint_code_loss"].item() == pytest.approx(joint, rel=1e-4)
    assert codes.weights == {"clip_code_loss": 2.0, "joint_code_loss": 2.0}


def test_codes_are_unit_vectors_and_read_no_text() -> None:
    codes = Codes(SIZES, 1.0, 0.1)
    assert codes.clip_codes is not None and codes.joint_codes is not None
    for code in (codes.clip_codes, codes.joint_codes):
        torch.testing.assert_close(code.norm(dim=-1), torch.ones(code.shape[:-1]))
    other = make_bank(("aaaaa", "bbbbbb", "c", "ddd"), LAYOUT.num_joints)
    label = torch.tensor([0, 1, 2])
    assert codes.losses(output(), label, BANK) == codes.losses(output(), label, other)


def test_nothing_is_there_without_a_weight() -> None:
    plain = build_loss(Config(guidance="none"), SIZES)
    assert not [name for name in plain.state_dict() if "code" in name or "projection" in name]
    assert plain(output(), torch.tensor([0, 1, 2]), BANK).keys() == {"skeleton_loss", "total_loss"}


def test_codes_are_learned_and_stay_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENCODERS, "tiny", TINY)
    base = make_base()
    config = replace(CONFIG, guidance="none", code_weight=1.0, epochs=8)
    history = fit(config, base, make_bank(base.class_names), tmp_path / "whole").details["history"]
    assert history[-1]["joint_code_loss"] < 0.9 * history[0]["joint_code_loss"]
    sizes = Sizes(base.layout, 32, 32, 10, len(base.class_names))
    at_start = build_loss(config, sizes).state_dict()
    (saved,) = (t for name, t in last_weights(tmp_path / "whole").items() if name.endswith("joint_codes"))
    (drawn,) = (t for name, t in at_start.items() if name.endswith("joint_codes"))
    assert saved.shape == (len(base.class_names), base.layout.num_joints, 384)
    torch.testing.assert_close(saved, drawn)


def test_an_objective_without_classes_is_refused() -> None:
    with pytest.raises(InputError, match=r"objective='protonet' has no classifier, code_weight=1\.0 wants a vector"):
        find_objective(Config(objective="protonet", guidance="g2l", code_weight=1.0))
