"""Agreement with the truth is what scikit-learn and SciPy compute clip by clip; baselines are what they say."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from crossglg.config import Config
from crossglg.data.clips import SkeletonSet
from crossglg.data.synthetic import synthesize, true_importance
from crossglg.data.transforms import DeviceClips, Preprocessing
from crossglg.encoders.base import PersonIndex
from crossglg.explain.attention import activation, agreement, attended_frames, mean_by_class, uniform_importance
from crossglg.one_shot.representation import motion_energy
from crossglg.skeletons import get_layout
from crossglg.training.trained_model import TrainedModel, build_model

NTU = get_layout("ntu25")
V = NTU.num_joints


def one_clip(xyz: np.ndarray) -> SkeletonSet:
    """xyz: (M, T, V, 3)."""
    rows = xyz.reshape(-1, V, 3)
    return SkeletonSet.build(rows, [0, len(rows)], [0], ["move"], NTU, persons=[len(xyz)])


@pytest.fixture(scope="module")
def standing() -> np.ndarray:
    """(1, 6, V, 3): one still person."""
    return np.repeat(1.0 + np.random.default_rng(1).standard_normal((1, 1, V, 3)), 6, axis=1)


def uniform_over(joints: np.ndarray) -> np.ndarray:
    """(N, V) bool → truth with equal shares."""
    return joints / joints.sum(1, keepdims=True)


@pytest.mark.parametrize("ties", [False, True])
def test_agreement_equals_scikit_learn_and_scipy_clip_by_clip(ties: bool) -> None:
    rng = np.random.default_rng(0)
    importance = rng.dirichlet(np.ones(V), 40)
    importance = np.round(importance, 2) if ties else importance
    truth = uniform_over(rng.random((40, V)) < rng.uniform(0.1, 0.7, (40, 1)))
    found = agreement(importance, truth)
    auc = [roc_auc_score(t > 1 / V, k) for k, t in zip(importance, truth, strict=True)]
    rho = [spearmanr(k, t).statistic for k, t in zip(importance, truth, strict=True)]
    assert found.auc == pytest.approx(np.mean(auc))
    assert found.rank_correlation == pytest.approx(np.mean(rho))
    assert found.to_dict() == {"auc": found.auc, "rank_correlation": found.rank_correlation}


def test_graded_truth_keeps_its_order() -> None:
    rng = np.random.default_rng(2)
    truth, importance = rng.dirichlet(np.ones(V), 9), rng.dirichlet(np.ones(V), 9)
    rho = [spearmanr(k, t).statistic for k, t in zip(importance, truth, strict=True)]
    assert agreement(importance, truth).rank_correlation == pytest.approx(np.mean(rho))
    assert agreement(truth**2, truth).rank_correlation == pytest.approx(1.0)


def test_uniform_importance_is_chance_and_truth_is_perfect() -> None:
    clips = synthesize(0, 3, ["drink water", "kicking something", "clapping"])
    truth, uniform = true_importance(clips), uniform_importance(clips)
    np.testing.assert_allclose(uniform.sum(1), 1.0)
    assert agreement(uniform, truth).auc == 0.5
    assert agreement(uniform, truth).rank_correlation == 0.0
    assert agreement(truth, truth).auc == 1.0
    assert agreement(truth, truth).rank_correlation == pytest.approx(1.0)
    assert agreement(-truth, truth).auc == 0.0
    assert agreement(motion_energy(clips), truth).auc > 0.6  # what moves tends to matter


def test_clips_whose_truth_is_constant_are_left_out() -> None:
    truth = uniform_over(np.arange(V)[None] < [[4], [V]])
    importance = np.stack([truth[0], np.random.default_rng(0).random(V)])
    assert agreement(importance, truth) == agreement(importance[:1], truth[:1])


def test_different_shapes_are_an_error() -> None:
    with pytest.raises(ValueError, match=r"\(2, 25\) but truth is \(3, 25\)"):
        agreement(np.ones((2, V)), np.ones((3, V)))


def test_motion_energy_is_each_joints_share_of_the_movement(standing: np.ndarray) -> None:
    clip = standing.copy()
    clip[0, :, 4] += np.arange(6)[:, None] * [1.0, 0, 0]
    clip[0, :, 5] += np.arange(6)[:, None] * [0, 3.0, 0]
    expected = np.zeros(V)
    expected[[4, 5]] = 0.25, 0.75
    np.testing.assert_allclose(motion_energy(one_clip(clip)), [expected], atol=1e-12)
    walking = clip + np.arange(6)[:, None, None] * np.array([0.3, 0, 0.4])
    np.testing.assert_allclose(motion_energy(one_clip(walking)), [expected], atol=1e-12)


def test_motion_energy_rows_sum_to_one() -> None:
    energy = motion_energy(synthesize(0, 2, ["drink water", "kicking something"]))
    np.testing.assert_allclose(energy.sum(1), 1.0)
    assert (energy >= 0).all()
    assert energy.std(1).min() > 1e-3


def test_a_still_clip_is_uniform(standing: np.ndarray) -> None:
    for clip in (standing, standing[:, :1], np.zeros_like(standing)):
        np.testing.assert_array_equal(motion_energy(one_clip(clip)), np.full((1, V), 1 / V))


def test_a_person_who_comes_into_view_does_not_move(standing: np.ndarray) -> None:
    moving = standing.copy()
    moving[0, :, 4] += np.arange(6)[:, None]
    late = standing + 1.0
    late[0, :3] = 0
    both = np.concatenate([moving, late])
    np.testing.assert_allclose(motion_energy(one_clip(both)), motion_energy(one_clip(moving)), atol=1e-12)


def test_mean_by_class_averages_the_clips_of_each_class() -> None:
    clips = synthesize(0, 3, ["drink water", "clapping"])
    importance = np.random.default_rng(0).dirichlet(np.ones(V), 6)
    np.testing.assert_allclose(mean_by_class(importance, clips), [importance[:3].mean(0), importance[3:].mean(0)])


@pytest.fixture(scope="module")
def trained() -> TrainedModel:
    config = Config(frames=16, streams="joint+motion")
    return TrainedModel(build_model(config, NTU, 2, 3, 4, text_width=0).eval(), config, NTU, 2, 3, ("a",), {})


@pytest.fixture(scope="module")
def few() -> SkeletonSet:
    """A clip of one person and one of two."""
    one = synthesize(0, 1, ["drop"])[0]
    rows = np.concatenate([one, one, one + 1.0]).reshape(-1, V, 3)
    return SkeletonSet.build(rows, [0, len(rows) // 3, len(rows)], [0, 0], ["drop"], NTU, persons=[1, 2])


@pytest.mark.parametrize("block", [1, 3, 0])
def test_activation_is_the_size_of_what_a_block_gives(trained: TrainedModel, few: SkeletonSet, block: int) -> None:
    """Person by person, from the blocks themselves; with importance from block 4 on (`importance_after_block` is 3)."""
    model, last = trained.model, len(trained.model.encoder.blocks)
    x, mask = DeviceClips(few).batch(torch.arange(2), 16)
    x = Preprocessing.from_settings(trained.config, NTU)(x)
    with torch.inference_mode():
        bodies = PersonIndex.of(mask)
        feat = model.encoder.input(x, bodies)
        for number in range(1, (block or last) + 1):
            weight = None
            if number > model.importance_after_block:
                weight = V * torch.as_tensor(trained.joint_importance(few))[bodies.clip]
            feat = model.encoder.blocks[number - 1](feat, weight)
    size = np.sqrt((feat.numpy() ** 2).mean(1))  # (3, T', V)
    expected = np.stack([size[0], (size[1] + size[2]) / 2])
    np.testing.assert_allclose(activation(trained, few, block), expected, rtol=1e-4, atol=1e-6)


def test_activation_of_one_stream_does_not_see_the_other(trained: TrainedModel, standing: np.ndarray) -> None:
    """Two poses held still differ for the stream of joints only; a moving one differs for that of motion too."""
    rng = np.random.default_rng(5)
    other = np.repeat(1.0 + rng.standard_normal((1, 1, V, 3)), 6, axis=1)
    moving = other + 0.1 * rng.standard_normal(other.shape)
    joint, motion = (
        [activation(trained, one_clip(clip), 2, stream) for clip in (standing, other, moving)]
        for stream in ("joint", "motion")
    )
    assert not np.allclose(joint[0], joint[1])
    np.testing.assert_allclose(motion[0], motion[1], rtol=1e-5)
    assert not np.allclose(motion[1], motion[2])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"block": 7}, r"block=7: lean-gcn has the blocks 1 to 3 \(0: the last one\)"),
        ({"block": -1}, "block=-1"),
        ({"stream": "bone"}, "stream='bone' is none of the model's.*Streams: joint, motion"),
    ],
)
def test_activation_names_what_the_model_lacks(
    trained: TrainedModel, few: SkeletonSet, arguments: dict, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        activation(trained, few, **arguments)


def test_attended_frames_are_those_in_which_somebody_is_seen(standing: np.ndarray) -> None:
    clip = standing.copy()
    clip[:, [0, 1, 3, 5]] = 0
    assert attended_frames(one_clip(clip), 0) == (2, 5)
    assert attended_frames(one_clip(0 * clip), 0) == (0, 6)


def test_agreement_with_a_truth_that_says_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no clip has joints that matter more than others"):
        agreement(np.full((3, 4), 0.25), np.full((3, 4), 0.25))
