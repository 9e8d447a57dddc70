"""Explanations add up to the decision, and equal what plain loops over joints find."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch
from support.tiny_models import tiny_encoders, untrained  # noqa: F401 (a fixture)

from crossglg.data.clips import SkeletonSet, concatenate
from crossglg.data.synthetic import synthesize
from crossglg.data.transforms import freeze_joints
from crossglg.explain.attribution import (
    embed_by_joint,
    explain,
    integrated_gradients,
    margins,
    occlusion,
    winner_and_rival,
)
from crossglg.one_shot import unit_rows
from crossglg.training.trained_model import TrainedModel

ACTIONS = ("drink water", "kicking something", "clapping")
FRAMES = 12


@pytest.fixture(scope="module")
def clips() -> SkeletonSet:
    """Nine clips of FRAMES frames, the first with a second person: resampling to FRAMES changes nothing."""
    source = synthesize(0, clips_per_action=3, actions=ACTIONS)
    cut = [source[i][:, :FRAMES] for i in range(len(source))]
    cut[0] = np.concatenate([cut[0], cut[1] + 1.0])
    rows = [clip.reshape(-1, *clip.shape[2:]) for clip in cut]
    return SkeletonSet.build(
        np.concatenate(rows), np.cumsum([0, *map(len, rows)]), source.label, source.class_names, source.layout,
        persons=[len(clip) for clip in cut],
    )  # fmt: skip


@pytest.fixture(scope="module", params=["tiny", "tiny-bottleneck"])
def trained(request: pytest.FixtureRequest, clips: SkeletonSet) -> TrainedModel:
    return untrained(clips, encoder=request.param, frames=FRAMES, coordinate_steps="none")


@pytest.fixture(scope="module")
def exemplars(clips: SkeletonSet) -> SkeletonSet:
    return clips.subset([2, 5, 8])


def frozen(clips: SkeletonSet, joints: list[int]) -> SkeletonSet:
    """Every clip by itself with its joints frozen before anything reads it."""
    moving = torch.ones(1, clips.layout.num_joints, dtype=torch.bool)
    moving[0, joints] = False
    parts = []
    for i in range(len(clips)):
        clip = freeze_joints(torch.as_tensor(clips[i])[None], moving, clips.layout)[0].numpy()
        rows = clip.reshape(-1, *clip.shape[2:])
        parts.append(SkeletonSet.build(rows, [0, len(rows)], [0], ["x"], clips.layout, persons=[len(clip)]))
    return concatenate(parts, "frozen")


def towards(trained: TrainedModel, clips: SkeletonSet, exemplars: SkeletonSet) -> np.ndarray:
    z = unit_rows(trained.embed(exemplars))
    pairs = winner_and_rival(trained.embed(clips), z, exemplars.label)
    return z[pairs[:, 0]] - z[pairs[:, 1]]


def test_frozen_joints_are_those_of_a_clip_that_was_frozen_before(trained: TrainedModel, clips: SkeletonSet) -> None:
    moving = np.ones((len(clips), clips.layout.num_joints), dtype=bool)
    np.testing.assert_array_equal(trained.embed(clips, moving), trained.embed(clips))
    moving[:, [3, 9]] = False
    expected = trained.embed(frozen(clips, [3, 9]))
    np.testing.assert_allclose(trained.embed(clips, moving), expected, atol=1e-5)
    assert np.abs(expected - trained.embed(clips)).max() > 1e-3
    moving[1:] = True  # each clip has joints of its own
    np.testing.assert_allclose(
        trained.embed(clips, moving), np.concatenate([expected[:1], trained.embed(clips)[1:]]), atol=1e-5
    )


def test_the_parts_of_the_joints_are_the_representation(trained: TrainedModel, clips: SkeletonSet) -> None:
    parts = embed_by_joint(trained, clips)
    assert parts.shape[1] == clips.layout.num_joints + 1
    np.testing.assert_allclose(parts.sum(1), trained.embed(clips), atol=1e-5)


def test_occlusion_is_the_margin_lost_joint_by_joint(
    trained: TrainedModel, clips: SkeletonSet, exemplars: SkeletonSet
) -> None:
    direction = towards(trained, clips, exemplars)
    whole = [float(a @ b) for a, b in zip(unit_rows(trained.embed(clips)), direction, strict=True)]
    assert min(whole) > 0, "the winner is ahead of its rival"
    groups = [(4,), (10, 11), (0, 1, 20)]
    found = occlusion(trained, clips, direction, groups)
    for g, joints in enumerate(groups):
        z = unit_rows(trained.embed(frozen(clips, list(joints))))
        lost = [before - float(a @ b) for before, a, b in zip(whole, z, direction, strict=True)]
        np.testing.assert_allclose(found[:, g], lost, atol=1e-5)
    single = occlusion(trained, clips, direction)
    assert single.shape == (len(clips), clips.layout.num_joints)
    np.testing.assert_allclose(single[:, 4], found[:, 0], atol=1e-6)


def test_integrated_gradients_add_up_to_the_margin_gained(
    trained: TrainedModel, clips: SkeletonSet, exemplars: SkeletonSet
) -> None:
    some = clips.subset([0, 4])
    direction = towards(trained, some, exemplars)
    still = np.zeros((2, clips.layout.num_joints), dtype=bool)
    gained = margins(trained.embed(some), direction) - margins(trained.embed(some, still), direction)
    found = integrated_gradients(trained, some, direction, steps=64)
    np.testing.assert_allclose(found.sum(1), gained, atol=0.02 * np.abs(found).sum(1).max())


def test_one_gradient_is_the_slope_half_way(
    trained: TrainedModel, clips: SkeletonSet, exemplars: SkeletonSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Against small moves of one joint along its way, in double precision."""
    some = clips.subset([0, 4])
    direction = towards(trained, some, exemplars).astype(np.float64)
    batches = TrainedModel.batches
    precise = replace(trained, model=deepcopy(trained.model).double())
    monkeypatch.setattr(TrainedModel, "batches", lambda self, c: ((i, x.double(), m) for i, x, m in batches(self, c)))
    found = integrated_gradients(precise, some, direction, steps=1)
    _, x, mask = next(precise.batches(some))
    start = freeze_joints(x, torch.zeros(2, clips.layout.num_joints, dtype=torch.bool), trained.layout)
    for joint in np.abs(found).sum(0).argsort()[-5:]:
        way = torch.zeros_like(x)
        way[..., joint, :] = (x - start)[..., joint, :]
        moved = []
        for step in (1e-5, -1e-5):
            with torch.no_grad():
                z = precise.model.embed(precise.preprocessing.channels((start + x) / 2 + step * way), mask)
            moved.append(margins(z.numpy(), direction))
        np.testing.assert_allclose(found[:, joint], (moved[0] - moved[1]) / 2e-5, atol=1e-3 * np.abs(found).max())


def test_the_rival_is_the_nearest_of_another_class() -> None:
    stands_for = unit_rows(np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [-1.0, 0.0]]))
    pairs = winner_and_rival(np.array([[2.0, 0.1], [0.1, 2.0]]), stands_for, np.array([0, 0, 1, 2]))
    np.testing.assert_array_equal(pairs, [[0, 2], [2, 1]])
    with pytest.raises(ValueError, match="exemplars of two classes at least"):
        winner_and_rival(np.ones((1, 2)), stands_for, np.zeros(4, dtype=np.int64))


def test_an_explanation_is_of_the_decision(trained: TrainedModel, clips: SkeletonSet, exemplars: SkeletonSet) -> None:
    for i in (0, 3, 7):
        query = clips.subset([i])
        found = explain(trained, query, exemplars)
        cosine = (unit_rows(trained.embed(query)) @ unit_rows(trained.embed(exemplars)).T)[0]
        first, second = np.argsort(-cosine)[:2]
        assert found.actions == (exemplars.class_of(first), exemplars.class_of(second))
        assert found.exemplars == (first, second)
        np.testing.assert_allclose(found.similarity, cosine[[first, second]], atol=1e-5)
        np.testing.assert_allclose(found.by_joint.sum(1), found.similarity, atol=1e-6)
        assert found.margin == pytest.approx(float(cosine[first] - cosine[second]), abs=1e-5)
        np.testing.assert_allclose(found.importance, trained.joint_importance(query)[0])
    direction = towards(trained, query, exemplars)
    np.testing.assert_allclose(found.occlusion, occlusion(trained, query, direction)[0], atol=1e-6)
    arm = clips.layout.parts["left arm"]
    assert found.by_part["left arm"] == pytest.approx(occlusion(trained, query, direction, [arm])[0, 0], abs=1e-6)


def test_the_rival_can_be_chosen(trained: TrainedModel, clips: SkeletonSet, exemplars: SkeletonSet) -> None:
    query = clips.subset([0])
    runner_up = explain(trained, query, exemplars)
    (other,) = set(ACTIONS) - set(runner_up.actions)
    found = explain(trained, query, exemplars, rival=other)
    assert found.actions == (runner_up.actions[0], other) and found.margin > runner_up.margin
    for rival in (runner_up.actions[0], "waving"):
        with pytest.raises(ValueError, match=rf"{rival}"):
            explain(trained, query, exemplars, rival=rival)
    with pytest.raises(ValueError, match="of one clip, got 9"):
        explain(trained, clips, exemplars)


def test_a_model_without_importance_is_explained_too(clips: SkeletonSet, exemplars: SkeletonSet) -> None:
    plain = untrained(clips, guidance="none", frames=FRAMES)
    assert explain(plain, clips.subset([1]), exemplars).importance is None
