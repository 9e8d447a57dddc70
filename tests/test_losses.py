"""Each loss equals its equation written as plain loops."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from crossglg.config import Config
from crossglg.losses import calibration_loss, class_prior_loss, cross_modal_loss, marginal_prior_loss, skeleton_loss


def distributions(rows: int, joints: int, seed: int) -> Tensor:
    return torch.randn(rows, joints, generator=torch.Generator().manual_seed(seed)).softmax(-1)


@pytest.mark.parametrize("loss", [skeleton_loss, cross_modal_loss])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropies_equal_the_loop(loss, smoothing: float) -> None:
    logits = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    label = [0, 3, 1, 1, 2]
    expected = 0.0
    for row, true in zip(logits.tolist(), label, strict=True):
        log_sum = math.log(sum(math.exp(value) for value in row))
        for k, value in enumerate(row):
            share = (1.0 - smoothing) * (k == true) + smoothing / 4
            expected -= share * (value - log_sum) / 5
    assert loss(logits, torch.tensor(label), smoothing).item() == pytest.approx(expected, rel=1e-5)


def test_bottleneck_terms_equal_the_loops() -> None:
    generator = torch.Generator().manual_seed(0)
    z, prior = torch.randn(5, 3, generator=generator), torch.randn(4, 3, generator=generator)
    label = [2, 0, 2, 2, 0]  # classes 1 and 3 are not in the batch
    squares = [(sum(row[d] for row in z.tolist()) / 5) ** 2 for d in range(3)]
    assert marginal_prior_loss(z).item() == pytest.approx(math.sqrt(sum(squares)), rel=1e-5)
    total = 0.0
    for c in (0, 2):
        rows = [row for row, true in zip(z.tolist(), label, strict=True) if true == c]
        for d in range(3):
            total += (sum(row[d] for row in rows) / len(rows) - prior[c, d].item()) ** 2 / (2 * 3)
    assert class_prior_loss(z, torch.tensor(label), prior).item() == pytest.approx(total, rel=1e-5)


def test_calibration_loss_equals_the_loop() -> None:
    k_out, k_gt = distributions(3, 6, 0), distributions(3, 6, 1)
    total = 0.0
    for out_row, gt_row in zip(k_out.tolist(), k_gt.tolist(), strict=True):
        for out, gt in zip(out_row, gt_row, strict=True):
            total += (out - gt) ** 2
    assert calibration_loss(k_out, k_gt, scaled=False).item() == pytest.approx(total / 18, rel=1e-5)
    assert calibration_loss(k_out, k_gt, scaled=True).item() == pytest.approx(36 * total / 18, rel=1e-5)


def test_scaled_calibration_loss_compares_multiples_of_uniform_importance() -> None:
    k_out, k_gt = distributions(3, 6, 0), distributions(3, 6, 1)
    expected = ((6 * k_out - 6 * k_gt) ** 2).mean()
    torch.testing.assert_close(calibration_loss(k_out, k_gt), expected)


def test_calibration_loss_pulls_each_joint_toward_its_target() -> None:
    k_out = torch.tensor([[0.7, 0.2, 0.1]], requires_grad=True)
    calibration_loss(k_out, torch.tensor([[0.2, 0.2, 0.6]])).backward()
    assert k_out.grad is not None
    assert k_out.grad.sign().tolist() == [[1.0, 0.0, -1.0]]  # descent lowers what is too high


def test_calibration_loss_is_zero_only_at_the_target() -> None:
    k_gt = distributions(2, 5, 3)
    assert calibration_loss(k_gt, k_gt).item() == 0.0
    assert calibration_loss(k_gt.flip(1), k_gt).item() > 0.0


def test_default_weights_are_the_papers() -> None:
    assert (Config().calibration_weight, Config().cross_modal_weight) == (0.5, 0.2)
