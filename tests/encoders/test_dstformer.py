"""DSTformer has the published backbone's number of parameters, and computes what its paper's equations say."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from crossglg.encoders import build_encoder
from crossglg.encoders.base import PersonIndex
from crossglg.encoders.dstformer import DSTformer, DualStreamBlock, SelfAttention
from crossglg.model import JointImportanceModule
from crossglg.skeletons import get_layout

NTU = get_layout("ntu25")


def parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize(
    ("layout", "published", "million"), [("h36m17", 60_421_193, 60.4), ("ntu25", 68_813_897, 68.8)]
)
def test_backbone_and_published_head_have_the_published_number_of_parameters(
    layout: str, published: int, million: float
) -> None:
    width, joints, classes = 512, get_layout(layout).num_joints, 60
    with torch.device("meta"):
        encoder = DSTformer(get_layout(layout), in_channels=3, persons=2)
    attention = (3 * width**2 + 3 * width) + (width**2 + width)
    mlp = (2 * width**2 + 2 * width) + (2 * width**2 + width)
    stream = 2 * (attention + mlp) + 4 * 2 * width  # across joints and over time, with four normalizations
    fusion = 2 * width * 2 + 2
    embedding = (3 * width + width) + joints * width + 243 * width
    representation = 2 * width + (width**2 + width)
    backbone = 5 * (2 * stream + fusion) + embedding + representation
    assert parameters(encoder) == backbone
    regressor = width * 3 + 3  # of the pre-training; the published action model carries but never uses it
    hidden = 2048
    action_head = (joints * width * hidden + hidden) + 2 * hidden + (hidden * classes + classes)
    assert backbone + regressor + action_head == published
    assert round(published / 1e6, 1) == million


@pytest.mark.parametrize(("name", "limit"), [("dstformer", 500_000), ("dstformer-small", 100_000)])
def test_joint_importance_stays_within_the_published_extra(name: str, limit: int) -> None:
    with torch.device("meta"):
        encoder = build_encoder(name, NTU)
        jid = JointImportanceModule(encoder.widths[encoder.importance_after_block - 1])
    assert parameters(jid) < limit


def attend(points: Tensor, layer: SelfAttention) -> Tensor:
    """Attention among the rows of points (P, D), written out head by head and row by row."""
    width, size = points.shape[1], points.shape[1] // layer.heads
    normed = F.layer_norm(points, (width,), layer.norm.weight, layer.norm.bias, 1e-6)
    q, k, v = (normed @ w.T + b for w, b in zip(layer.to_qkv.weight.chunk(3), layer.to_qkv.bias.chunk(3), strict=True))
    out = torch.zeros_like(points)
    for head in range(layer.heads):
        own = slice(head * size, (head + 1) * size)
        for i in range(len(points)):
            score = torch.stack([q[i, own] @ k[j, own] / size**0.5 for j in range(len(points))]).exp()
            out[i, own] = sum(score[j] / score.sum() * v[j, own] for j in range(len(points)))
    return out @ layer.out.weight.T + layer.out.bias


def mlp(x: Tensor, layers: nn.Sequential) -> Tensor:
    norm, enter, _, leave = layers
    normed = (x - x.mean(-1, keepdim=True)) / (x.var(-1, unbiased=False, keepdim=True) + 1e-6).sqrt()
    hidden = (normed * norm.weight + norm.bias) @ enter.weight.T + enter.bias
    return 0.5 * hidden * (1 + torch.erf(hidden / 2**0.5)) @ leave.weight.T + leave.bias


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("last", [False, True])
def test_dual_stream_block_equals_explicit_attention(last: bool, weighted: bool) -> None:
    torch.manual_seed(0)
    batch, width, frames, joints = 2, 8, 3, 4
    block = DualStreamBlock(width, heads=2, mlp_ratio=2, representation=6 if last else 0)
    for parameter in block.parameters():
        parameter.data += 0.3 * torch.randn_like(parameter)
    feat = torch.randn(batch, width, frames, joints)
    weight = torch.rand(batch, joints) * 2 if weighted else None

    def across_joints(rows: Tensor, stream: nn.Module) -> Tensor:
        rows = rows.clone()
        for b in range(batch):
            for t in range(frames):
                scale = 1.0 if weight is None else weight[b, :, None]
                rows[b, t] = rows[b, t] + scale * attend(rows[b, t], stream.spatial)
        return rows + mlp(rows, stream.spatial_mlp)

    def over_time(rows: Tensor, stream: nn.Module) -> Tensor:
        rows = rows.clone()
        for b in range(batch):
            for v in range(joints):
                rows[b, :, v] = rows[b, :, v] + attend(rows[b, :, v], stream.temporal)
        return rows + mlp(rows, stream.temporal_mlp)

    rows = feat.permute(0, 2, 3, 1)
    one = over_time(across_joints(rows, block.joints_first), block.joints_first)
    two = across_joints(over_time(rows, block.time_first), block.time_first)
    votes = (torch.cat([one, two], -1) @ block.fuse.weight.T + block.fuse.bias).exp()
    fused = (votes[..., :1] * one + votes[..., 1:] * two) / votes.sum(-1, keepdim=True)
    if last:
        norm, linear, _ = block.represent
        fused = torch.tanh(F.layer_norm(fused, (width,), norm.weight, norm.bias, 1e-6) @ linear.weight.T + linear.bias)
    torch.testing.assert_close(block(feat, weight), fused.permute(0, 3, 1, 2), atol=1e-5, rtol=1e-5)


def test_both_streams_count_alike_before_training() -> None:
    block = DualStreamBlock(8, heads=2, mlp_ratio=2)
    shares = block.fuse(torch.randn(5, 16)).softmax(-1)
    torch.testing.assert_close(shares, torch.full((5, 2), 0.5))


@pytest.mark.parametrize("patch", [1, 4])
@pytest.mark.parametrize("frames", [1, 6, 8])
def test_a_token_is_its_frames_its_joint_and_its_time(frames: int, patch: int) -> None:
    torch.manual_seed(0)
    encoder = DSTformer(NTU, 3, 1, width=8, depth=2, heads=2, max_frames=9, patch=patch)
    x = torch.randn(2, frames, 25, 3)
    rows = encoder.embed_input(x, PersonIndex.of(torch.ones(2, 1, dtype=torch.bool)))
    tokens = -(-frames // patch)
    assert rows.shape == (2, 8, tokens, 25)
    for token in range(tokens):
        for joint in (0, 7):
            seen = [x[0, min(token * patch + n, frames - 1), joint] for n in range(patch)]
            expected = encoder.joint_embedding.weight @ torch.cat(seen) + encoder.joint_embedding.bias
            expected = expected + encoder.position[joint] + encoder.time[token, 0]
            torch.testing.assert_close(rows[0, :, token, joint], expected, atol=1e-6, rtol=1e-5)


def test_a_clip_that_is_too_long_is_an_error() -> None:
    encoder = DSTformer(NTU, 3, 1, width=8, depth=2, heads=2, max_frames=9, patch=4).eval()
    mask = torch.ones(1, 1, dtype=torch.bool)
    assert encoder(torch.zeros(1, 1, 9, 25, 3), mask).isfinite().all()
    with pytest.raises(ValueError, match=r"10 frames.*at most 9.*max_frames=10"):
        encoder(torch.zeros(1, 1, 10, 25, 3), mask)
