"""The lean encoder computes what its equations say, joint by joint and step by step."""

from __future__ import annotations

import torch
from support.numerics import unsettle
from torch import Tensor

from crossglg.encoders.base import PersonIndex
from crossglg.encoders.leangcn import ClipGraphConv, LeanGCN, Shortcut, TimeConv
from crossglg.skeletons import get_layout

LAYOUT = get_layout("kinect20")


def small(**options: int) -> LeanGCN:
    torch.manual_seed(0)
    encoder = LeanGCN(LAYOUT, 3, 1, widths=(8, 16), strides=(1, 2), heads=2, **options).double().eval()
    unsettle(encoder)
    return encoder


def mixed_by_loops(conv: ClipGraphConv, feat: Tensor) -> Tensor:
    """feat (B, D, T, V) → (B, D_out, T, V)."""
    clips, width, steps, joints = feat.shape
    out = torch.zeros(clips, conv.project.out_features, steps, joints, dtype=feat.dtype)
    for b in range(clips):
        mean = torch.stack([feat[b, :, :, v].mean(1) for v in range(joints)])  # (V, D)
        qk = mean @ conv.to_qk.weight.T + conv.to_qk.bias
        sides = qk.view(joints, 2, conv.heads, conv.rank)
        adjacency = []
        for h in range(conv.heads):
            score = torch.stack(
                [torch.stack([sides[i, 0, h] @ sides[j, 1, h] for j in range(joints)]) for i in range(joints)]
            )
            adjacency.append((score / conv.rank**0.5).softmax(1) * conv.topology[h])
        for t in range(steps):
            for v in range(joints):
                seen = [sum(a[v, j] * feat[b, :, t, j] for j in range(joints)) for a in adjacency]
                row = conv.norm(conv.project(torch.cat(seen))[None])[0]
                shortcut = feat[b, :, t, v]
                if width != conv.project.out_features:
                    shortcut = conv.shortcut.project(shortcut)
                out[b, :, t, v] = (row + shortcut).clamp(min=0)
    return out


def over_time_by_loops(conv: TimeConv, feat: Tensor) -> Tensor:
    clips, width, steps, joints = feat.shape
    times = range(0, steps, conv.stride)
    out = torch.zeros(clips, width, len(times), joints, dtype=feat.dtype)
    nothing = torch.zeros(width, dtype=feat.dtype)
    for b in range(clips):
        for place, t in enumerate(times):
            for v in range(joints):
                near = [feat[b, :, s, v] if 0 <= s < steps else nothing for s in (t - 1, t, t + 1)]
                out[b, :, place, v] = conv.norm(conv.project(torch.cat(near))[None])[0]
    return out


@torch.no_grad()
def test_a_block_equals_its_plain_loops() -> None:
    block = small().blocks[1]
    feat = torch.randn(2, 8, 5, 20, dtype=torch.float64)
    weight = torch.rand(2, 20, dtype=torch.float64)
    mixed = mixed_by_loops(block.spatial, feat)
    torch.testing.assert_close(block.spatial(feat), mixed)
    after = over_time_by_loops(block.temporal, mixed * weight[:, None, None])
    shortcut = torch.stack([block.residual.project(feat[:, :, t].mT).mT for t in (0, 2, 4)], dim=2)
    torch.testing.assert_close(block(feat, weight), (after + shortcut).clamp(min=0))


@torch.no_grad()
def test_a_token_holds_the_frames_of_its_patch_and_the_last_frame_fills_the_last() -> None:
    encoder = small(patch=4)
    norm = encoder.input_norm
    x = torch.randn(2, 6, 20, 3, dtype=torch.float64)
    feat = encoder.embed_input(x, PersonIndex.all(2, 1, x.device))
    assert feat.shape == (2, 8, 2, 20)
    x = (x - norm.running_mean.view(20, 3)) / (norm.running_var.view(20, 3) + norm.eps).sqrt()
    x = x * norm.weight.view(20, 3) + norm.bias.view(20, 3)
    frames = [[0, 1, 2, 3], [4, 5, 5, 5]]
    for step, patch in enumerate(frames):
        for v in range(20):
            token = torch.cat([x[:, t, v] for t in patch], dim=1)
            row = encoder.token_norm(encoder.joint_embedding(token) + encoder.position[v])
            torch.testing.assert_close(feat[:, :, step, v], row)


@torch.no_grad()
def test_attention_is_one_for_a_clip_and_what_its_block_multiplied_with() -> None:
    conv = small().blocks[0].spatial
    feat = torch.randn(3, 8, 4, 20, dtype=torch.float64)
    out, found = conv(feat, return_attention=True)
    torch.testing.assert_close(out, conv(feat))
    attention = found["attention"]
    assert attention.shape == (3, 1, 2, 20, 20)
    torch.testing.assert_close(attention.sum(-1), torch.ones_like(attention[..., 0]))
    torch.testing.assert_close(found["attention × topology"], attention * conv.topology)


def test_a_shortcut_of_equal_width_costs_nothing() -> None:
    assert not list(Shortcut(8, 8, 2).parameters())
    feat = torch.randn(1, 8, 5, 20)
    torch.testing.assert_close(Shortcut(8, 8, 2)(feat), feat[:, :, ::2])
