"""The three losses of CrossGLG, as functions (prediction, target) → scalar.

Two more are InfoGCN's information bottleneck (CVPR 2022), off by default. Both are from memory of that paper.
Losses of other objectives are in `crossglg.objectives`.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def skeleton_loss(logits: Tensor, label: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """L_s = −log softmax(W z)[label], mean over clips. logits (N, K), label (N,).

    Paper: CrossGLG, dual branch, skeleton side. Differs from the paper: label smoothing is an option.
    """
    return F.cross_entropy(logits.float(), label, label_smoothing=label_smoothing)


def cross_modal_loss(logits: Tensor, label: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """L_c: the cross-entropy of the cross-modal branch through the same classifier. Shapes as `skeleton_loss`."""
    return F.cross_entropy(logits.float(), label, label_smoothing=label_smoothing)


def calibration_loss(joint_importance: Tensor, key_joint_target: Tensor, scaled: bool = True) -> Tensor:
    """L_calibrate = mean over clips and joints of (k_out − k_gt)². Both (N, V), rows sum to 1.

    scaled: compare V·k instead of k, the multiples of uniform importance that also weight the features. Without it the
    loss is V² times smaller, about 0.01, and its gradient disappears beside L_s.
    Paper: CrossGLG, JID. Differs from the paper: the scaling is inferred; `scale_importance=false` is the plain MSE.
    """
    joints = joint_importance.shape[-1]
    return F.mse_loss(joint_importance, key_joint_target) * (joints**2 if scaled else 1.0)


def marginal_prior_loss(z: Tensor) -> Tensor:
    """L_marginal = ‖mean over clips of z‖₂: representations are centered, as their prior is. z: (N, D).

    Paper: InfoGCN, §3, maximum mean discrepancy with a linear kernel; its weight there is 1e-4 (from memory).
    """
    return z.float().mean(0).norm()


def class_prior_loss(z: Tensor, label: Tensor, prior_mean: Tensor) -> Tensor:
    """L_class = mean over classes c of the batch and over features of (mean of z with label c − prior_mean[c])².

    z: (N, D);  label: (N,);  prior_mean: (K, D), fixed.
    Paper: InfoGCN, §3, class-conditional discrepancy; its weight there is 0.1 (from memory).
    """
    z = z.float()
    count = torch.zeros(len(prior_mean), dtype=z.dtype, device=z.device).index_add(0, label, torch.ones_like(z[:, 0]))
    total = torch.zeros(len(prior_mean), z.shape[1], dtype=z.dtype, device=z.device).index_add(0, label, z)
    distance = (total / count.clamp(min=1).unsqueeze(1) - prior_mean.to(z.dtype)).square().mean(1)
    present = (count > 0).to(z.dtype)
    return (distance * present).sum() / present.sum()
