"""Batches equal a plain loop over clips, and every step does what its name says and leaves absent persons at zero."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from crossglg.config import Config
from crossglg.data.clips import SkeletonSet
from crossglg.data.synthetic import ACTIONS, synthesize
from crossglg.data.transforms import (
    STEPS,
    STREAMS,
    DeviceClips,
    Preprocessing,
    add_noise,
    align_first_frame,
    align_view,
    augment,
    bones,
    center,
    center_each_frame,
    freeze_joints,
    mirror,
    motion,
    reduce_posture,
    scale_torso,
)
from crossglg.skeletons import Layout, get_layout

LAYOUT = get_layout("ntu25")
JOINTS = ("shoulder", "hip")
V = LAYOUT.num_joints
# What each clip of `ragged` looks like: persons, frames, and (person, first, past the last) stretches of absence.
CLIPS: list[tuple[int, int, list[tuple[int, int, int]]]] = [
    (1, 7, []),
    (2, 9, []),
    (1, 12, [(0, 0, 3), (0, 10, 12)]),  # zero-padded at both ends
    (2, 10, [(1, 4, 7)]),  # one person leaves and comes back
    (2, 8, [(1, 0, 8)]),  # the second person is never there
    (2, 11, [(0, 0, 4), (1, 0, 2), (1, 8, 11)]),
    (1, 1, []),
    (1, 5, [(0, 0, 5)]),  # nobody at all
    (2, 6, [(0, 0, 6)]),  # the first person is never there
    (1, 14, [(0, 0, 1), (0, 5, 9), (0, 12, 14)]),  # nobody is there for a while
]


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def ragged() -> SkeletonSet:
    rng = np.random.default_rng(0)
    blocks = []
    for persons, frames, absences in CLIPS:
        block = rng.normal((0.0, 1.0, 3.0), size=(persons, frames, V, 3))
        for person, first, end in absences:
            block[person, first:end] = 0
        blocks.append(block.reshape(-1, V, 3))
    return SkeletonSet.build(
        np.concatenate(blocks).astype(np.float32),
        np.cumsum([0, *map(len, blocks)]),
        [0] * len(CLIPS),
        ["any"],
        LAYOUT,
        persons=[persons for persons, _, _ in CLIPS],
    )


def resampled(clip: NDArray[np.floating], frames: int) -> NDArray[np.floating]:
    """The definition, one number at a time: frame i of T lies at (i + 0.5) · L / T − 0.5 of the L valid frames."""
    seen = [t for t in range(clip.shape[1]) if clip[:, t].any()] or list(range(clip.shape[1]))
    length = len(seen)
    out = np.zeros((clip.shape[0], frames, *clip.shape[2:]))
    for person in range(clip.shape[0]):
        for i in range(frames):
            time = min(max((i + 0.5) * length / frames - 0.5, 0), length - 1)
            low = int(time)
            high, share = min(low + 1, length - 1), time - low
            a, b = clip[person, seen[low]], clip[person, seen[high]]
            if share == 0 or not b.any():
                out[person, i] = a if a.any() or share == 0 else b
            else:
                out[person, i] = (1 - share) * a + share * b if a.any() else b
    return out


@pytest.mark.parametrize("frames", [1, 4, 9, 32])
def test_batch_equals_a_slow_loop_over_clips(ragged: SkeletonSet, frames: int) -> None:
    index = [8, 3, 9, 0, 1, 2, 4, 5, 6, 7, 3, 9]
    x, mask = DeviceClips(ragged).batch(torch.tensor(index), frames)
    assert x.shape == (len(index), 2, frames, V, 3) and x.dtype == torch.float32
    for n, i in enumerate(index):
        twin = resampled(ragged[i], frames)
        twin = np.concatenate([twin, np.zeros((2 - len(twin), *twin.shape[1:]))])
        seen = twin.reshape(2, frames, -1).any(-1)
        assert mask[n].tolist() == seen.any(1).tolist()
        np.testing.assert_allclose(x[n].numpy(), twin, atol=1e-5, err_msg=f"clip {i}")


def test_batch_of_one_person_clips_has_one_person(ragged: SkeletonSet) -> None:
    x, mask = DeviceClips(ragged).batch(torch.tensor([0, 2]), 8)
    assert x.shape == (2, 1, 8, V, 3) and mask.all()


def test_resampling_to_the_clips_own_length_changes_nothing(ragged: SkeletonSet) -> None:
    for i in (0, 1, 3, 4, 8):  # no frame is empty at either end
        x, _ = DeviceClips(ragged).batch(torch.tensor([i]), CLIPS[i][1])
        np.testing.assert_array_equal(x[0].numpy(), ragged[i])


def counting(lengths: list[int], padding: int = 0) -> SkeletonSet:
    """Clips whose every coordinate is 1000 · (clip + 1) + frame, between `padding` empty frames at either end."""
    parts = [np.pad(1000.0 * (i + 1) + np.arange(n), padding) for i, n in enumerate(lengths)]
    rows = np.concatenate(parts)[:, None, None] * np.ones((V, 3))
    return SkeletonSet.build(rows, np.cumsum([0, *map(len, parts)]), [0] * len(lengths), ["any"], LAYOUT)


@pytest.mark.parametrize("padding", [0, 5])
def test_crop_is_one_forward_segment_inside_the_clip(padding: int) -> None:
    lengths = [1, 2, 3, 10, 50, 200]
    clips, generator, frames = DeviceClips(counting(lengths, padding)), seeded(0), 16
    index = torch.arange(len(lengths)).repeat(200)
    x, _ = clips.batch(index, frames, crop=0.5, generator=generator)
    assert (x == x[..., :1, :1]).all()
    time = x[:, 0, :, 0, 0] - 1000.0 * (index[:, None] + 1)
    length = torch.tensor(lengths)[index]
    assert (time >= 0).all() and (time <= length[:, None] - 1 + 1e-3).all()
    assert (time.diff(dim=1) >= -1e-3).all()
    # A segment of K frames shows K · (1 − 1/T) of itself between the first and the last sample, unless clamped.
    span = (time[:, -1] - time[:, 0])[index == 5] / (1 - 1 / frames)
    assert span.min() >= 0.5 * 200 - 0.1 and span.min() < 110 and 190 < span.max() <= 200.1
    start = time[index == 5, 0]
    assert start.min() < 10 and start.max() > 70


def test_without_generator_nothing_is_cropped(ragged: SkeletonSet) -> None:
    clips, index = DeviceClips(ragged), torch.arange(len(ragged))
    assert torch.equal(clips.batch(index, 8, crop=0.3)[0], clips.batch(index, 8)[0])
    assert torch.equal(clips.batch(index, 8, crop=1.0, generator=seeded(0))[0], clips.batch(index, 8)[0])


def test_a_seed_repeats_batch_and_augmentation_and_the_next_epoch_differs(ragged: SkeletonSet) -> None:
    clips, index = DeviceClips(ragged), torch.tensor([1, 3])
    steps = Preprocessing(LAYOUT, STREAMS, rotation=0.3, scale_jitter=0.1, shear=0.1, noise=0.1)

    def two_epochs(seed: int) -> list[Tensor]:
        generator = seeded(seed)
        return [steps(clips.batch(index, 8, 0.5, generator)[0], generator) for _ in range(2)]

    (first, second), (again, _), (other, _) = two_epochs(0), two_epochs(0), two_epochs(1)
    assert torch.equal(first, again)
    assert not torch.allclose(first, second) and not torch.allclose(first, other)


# ---- steps


@pytest.fixture
def x(ragged: SkeletonSet) -> Tensor:
    """(7, 2, 16, V, 3) with absences of every kind, but somebody in every clip."""
    index = torch.tensor([i for i in range(len(CLIPS)) if i not in (6, 7)])
    return DeviceClips(ragged).batch(index, 16)[0].double()


def seen(x: Tensor) -> Tensor:
    return (x != 0).any(-1).any(-1)


def lead(clip: Tensor) -> Tensor:
    """(T', V, C) the seen frames of the first person who is seen."""
    person = next(person for person in clip if (person != 0).any())
    return person[seen(person)]


def middle(frames: Tensor, joint: str) -> Tensor:
    return (frames[:, LAYOUT.index(f"left {joint}")] + frames[:, LAYOUT.index(f"right {joint}")]) / 2


def moved(x: Tensor, change: Callable[[Tensor], Tensor]) -> Tensor:
    """`change` applied where a person is seen."""
    return change(x) * seen(x)[..., None, None]


def vertical_turn(angle: float) -> Tensor:
    cos, sin = np.cos(angle), np.sin(angle)
    return torch.tensor([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]], dtype=torch.float64)


def test_center_puts_the_first_seen_persons_hips_at_the_origin(x: Tensor) -> None:
    out = center(x, LAYOUT)
    for before, after in zip(x, out, strict=True):
        torch.testing.assert_close(after, moved(before, lambda c, b=before: c - middle(lead(b), "hip")[0]))
    shifted = moved(x, lambda x: x + torch.tensor([3.0, -1.0, 2.0]))
    torch.testing.assert_close(center(shifted, LAYOUT), out)


def test_align_view_turns_left_to_right_to_plus_x(x: Tensor) -> None:
    out = align_view(x, LAYOUT)
    for clip in out:
        person = lead(clip)
        across = sum(
            (person[:, LAYOUT.index(f"right {j}")] - person[:, LAYOUT.index(f"left {j}")]).mean(0)
            for j in ("shoulder", "hip")
        )
        assert across[0] > 0 and abs(across[2]) < 1e-9
    torch.testing.assert_close(out[..., 1], x[..., 1])  # about the vertical …
    torch.testing.assert_close(torch.cdist(out, out), torch.cdist(x, x), atol=1e-6, rtol=1e-6)  # … and rigid
    for angle in (0.3, 2.0, -3.0):
        torch.testing.assert_close(align_view(x @ vertical_turn(angle).T, LAYOUT), out)


def test_center_each_frame_keeps_the_first_seen_persons_hips_at_the_origin(x: Tensor) -> None:
    out = center_each_frame(x, LAYOUT)
    for before, after in zip(x, out, strict=True):
        person = next(m for m, person in enumerate(before) if (person != 0).any())
        for m, t in np.ndindex(*before.shape[:2]):
            hips = middle(before[person, t : t + 1], "hip")[0]
            expected = before[m, t] - hips if (before[m, t] != 0).any() else before[m, t]
            torch.testing.assert_close(after[m, t], expected)


def test_align_first_frame_looks_at_the_first_seen_frame_alone(x: Tensor) -> None:
    out = align_first_frame(x, LAYOUT)
    for before, after in zip(x, out, strict=True):
        first = lead(after)[:1]
        across = sum(first[0, LAYOUT.index(f"right {j}")] - first[0, LAYOUT.index(f"left {j}")] for j in JOINTS)
        assert across[0] > 0 and abs(across[2]) < 1e-9
        torch.testing.assert_close(torch.cdist(after, after), torch.cdist(before, before), atol=1e-6, rtol=1e-6)
    one_frame = x[:, :, 5:6] if seen(x[:, 0, 5:6]).all() else lead(x[0])[None, None, :1]
    torch.testing.assert_close(align_first_frame(one_frame, LAYOUT), align_view(one_frame, LAYOUT))


@pytest.mark.parametrize("name", STEPS)
def test_every_step_keeps_shape_and_absence_and_takes_two_dimensions(ragged: SkeletonSet, name: str) -> None:
    x, mask = DeviceClips(ragged).batch(torch.arange(len(ragged)), 16)
    for channels in (3, 2):
        flat = x[..., :channels]
        before = flat.clone()
        out = STEPS[name](flat, LAYOUT)
        assert torch.equal(flat, before), "the input is left alone"
        assert out.shape == flat.shape and out.isfinite().all()
        assert (out[~seen(x)] == 0).all() and (out[~mask] == 0).all() and seen(out)[seen(x)].all()


def test_scale_torso_makes_the_first_seen_persons_mean_torso_one(x: Tensor) -> None:
    out = scale_torso(x, LAYOUT)
    for before, after in zip(x, out, strict=True):
        torso = (middle(lead(before), "shoulder") - middle(lead(before), "hip")).norm(dim=-1).mean()
        torch.testing.assert_close(after, before / torso)
    torch.testing.assert_close(scale_torso(x * 2.5, LAYOUT), out)


def test_canonical_coordinates_do_not_depend_on_place_direction_and_size(x: Tensor) -> None:
    def elsewhere(x: Tensor) -> Tensor:
        return (x @ vertical_turn(1.0).T) * 1.7 + torch.tensor([5.0, 0.5, -2.0])

    steps = Preprocessing(LAYOUT)
    torch.testing.assert_close(steps.canonical(moved(x, elsewhere)), steps.canonical(x))


def test_bones_are_joint_minus_parent(x: Tensor) -> None:
    parent = dict(LAYOUT.bones)
    out = bones(x, LAYOUT)
    for joint in range(V):
        expected = x[..., joint, :] - x[..., parent[joint], :] if joint in parent else torch.zeros_like(x[..., 0, :])
        assert torch.equal(out[..., joint, :], expected)


def test_motion_is_next_frame_minus_this_where_both_are_seen(x: Tensor) -> None:
    out, there = motion(x), seen(x)
    assert (there[:, :, :-1] != there[:, :, 1:]).any(), "the data must have someone appear or leave"
    for n, m, t in np.ndindex(*x.shape[:3]):
        known = t + 1 < x.shape[2] and there[n, m, t] and there[n, m, t + 1]
        expected = x[n, m, t + 1] - x[n, m, t] if known else torch.zeros_like(x[n, m, t])
        assert torch.equal(out[n, m, t], expected)


@pytest.mark.parametrize("kept", [0.0, 0.1, 1.0])
def test_reduce_posture_equals_the_loop_over_seen_frames(x: Tensor, kept: float) -> None:
    out = reduce_posture(x, kept)
    for n, m in np.ndindex(*x.shape[:2]):
        seen = [t for t in range(x.shape[2]) if x[n, m, t].any()]
        for t in range(x.shape[2]):
            mean = sum(x[n, m, s] for s in seen) / max(len(seen), 1)
            expected = x[n, m, t] - (1 - kept) * mean if t in seen else torch.zeros_like(x[n, m, t])
            torch.testing.assert_close(out[n, m, t], expected)


@pytest.mark.parametrize("chosen", [(), ("center", "align_view", "scale_torso"), tuple(STEPS)])
def test_absent_stays_exactly_zero_and_finite_through_all_steps(ragged: SkeletonSet, chosen: tuple[str, ...]) -> None:
    x, mask = DeviceClips(ragged).batch(torch.arange(len(ragged)), 16)
    steps = Preprocessing(LAYOUT, STREAMS, chosen, rotation=0.3, scale_jitter=0.1, shear=0.1, noise=0.1)
    out = steps(x, seeded(0))
    assert out.shape == (*x.shape[:4], 9) and out.isfinite().all() and out.abs().max() < 1e3
    assert (out[~seen(x)] == 0).all() and (out[~mask] == 0).all()
    assert seen(out[..., :3])[seen(x)].all(), "nobody who was seen disappears"


def test_streams_are_joined_in_the_order_given(x: Tensor) -> None:
    out = Preprocessing(LAYOUT, ("motion", "joint", "bone"))(x)
    joint = Preprocessing(LAYOUT).canonical(x)
    assert torch.equal(out, torch.cat([motion(joint), joint, bones(joint, LAYOUT)], dim=-1))


# ---- augmentation


def test_mirror_swaps_left_and_right_of_the_chosen_clips(x: Tensor) -> None:
    layout, chosen = LAYOUT, torch.arange(len(x)) % 2 == 0
    seen = mirror(x, chosen, layout)
    for i in range(len(x)):
        for v, joint in enumerate(layout.joints):
            other = layout.index(joint.replace("left", "L").replace("right", "left").replace("L", "right"))
            expected = x[i, :, :, other] * torch.tensor([-1.0, 1.0, 1.0]) if chosen[i] else x[i, :, :, v]
            assert torch.equal(seen[i, :, :, v], expected)
    assert torch.equal(mirror(seen, chosen, layout), x)


def test_augment_is_one_linear_map_per_clip(x: Tensor) -> None:
    out = augment(x, seeded(0), 0.3, 0.1, 0.1)
    maps = []
    for before, after in zip(x, out, strict=True):
        rows, images = before[seen(before)].reshape(-1, 3), after[seen(before)].reshape(-1, 3)
        solution = torch.linalg.lstsq(rows, images).solution
        torch.testing.assert_close(rows @ solution, images, atol=1e-5, rtol=1e-5)
        maps.append(solution)
    gaps = torch.cdist(torch.stack(maps).flatten(1), torch.stack(maps).flatten(1)) + torch.eye(len(maps))
    assert gaps.min() > 1e-3, "every clip has its own map"


@pytest.mark.parametrize("channels", [2, 3])
def test_augment_keeps_to_what_it_is_allowed(channels: int) -> None:
    x = torch.eye(channels).repeat(500, 1, 1, 1, 1)  # rows of the result are columns of the map
    assert torch.equal(augment(x, seeded(0), 0.0, 0.0, 0.0), x)
    turn = augment(x.double(), seeded(0), 0.3, 0.0, 0.0)[:, 0, 0]
    torch.testing.assert_close(turn @ turn.mT, x[:, 0, 0].double(), atol=1e-6, rtol=0)
    assert (torch.linalg.det(turn) > 0).all()
    assert (turn.abs().amax(0) > 0.2).all(), "every pair of axes turns"
    if channels == 2:
        angle = torch.atan2(turn[:, 0, 1], turn[:, 0, 0])
        assert angle.abs().max() <= 0.3 + 1e-6 and angle.max() > 0.28 and angle.min() < -0.28
    scaled = augment(x, seeded(0), 0.0, 0.1, 0.0)[:, 0, 0]
    diagonal = scaled.diagonal(dim1=-2, dim2=-1)
    assert torch.equal(scaled, torch.diag_embed(diagonal))
    assert 0.9 - 1e-6 <= diagonal.min() < 0.91 and 1.09 < diagonal.max() <= 1.1 + 1e-6
    sheared = augment(x, seeded(0), 0.0, 0.0, 0.1)[:, 0, 0]
    assert (sheared.diagonal(dim1=-2, dim2=-1) == 1).all()
    assert 0.09 < (sheared - x[:, 0, 0]).abs().max() <= 0.1 + 1e-6


def test_noise_has_another_size_in_each_clip_and_leaves_absent_ones_alone() -> None:
    x = torch.ones(400, 1, 16, 25, 3)
    x[:, :, 8:] = 0.0
    assert torch.equal(add_noise(x, seeded(0), 0.0), x)
    out = add_noise(x, seeded(0), 0.1)
    assert torch.equal(out, add_noise(x, seeded(0), 0.1)) and not torch.equal(out, add_noise(x, seeded(1), 0.1))
    assert (out[:, :, 8:] == 0).all()
    error = (out - x)[:, :, :8].flatten(1)
    sizes = error.std(1).sort().values
    uniform = 0.1 * (torch.arange(400) + 0.5) / 400
    assert (sizes - uniform).abs().max() < 0.01
    assert (error.mean(1).abs() < 5 * sizes.max() / error.shape[1] ** 0.5).all(), "around what was there"
    axes = (out - x)[:, :, :8].flatten(0, 3).T
    assert torch.corrcoef(axes).fill_diagonal_(0.0).abs().max() < 0.02, "each coordinate by itself"


def test_noise_is_for_training_alone(x: Tensor) -> None:
    steps = Preprocessing.from_settings(Config(noise=0.5, rotation=0.0, scale_jitter=0.0, shear=0.0), LAYOUT)
    still = Preprocessing.from_settings(Config(noise=0.0, rotation=0.0, scale_jitter=0.0, shear=0.0), LAYOUT)
    assert torch.equal(steps(x), still(x))
    torch.testing.assert_close(still(x, seeded(0)), still(x))
    assert (steps(x, seeded(0)) - steps(x)).abs().mean() > 0.05


# ---- other inputs


def test_two_dimensional_skeletons_take_the_same_path(ragged: SkeletonSet) -> None:
    flat = SkeletonSet.build(
        ragged.xyz[..., :2], ragged.offsets, ragged.label, ragged.class_names, LAYOUT, persons=ragged.persons
    )
    x, _ = DeviceClips(flat).batch(torch.tensor([1, 3]), 16)
    out = Preprocessing.from_settings(Config(), LAYOUT)(x, seeded(0))
    assert out.shape == (2, 2, 16, V, 6) and out.isfinite().all()
    canonical = Preprocessing(LAYOUT).canonical(x)
    torch.testing.assert_close(canonical, scale_torso(center(x, LAYOUT), LAYOUT))  # there is no view to align


@pytest.mark.parametrize(
    ("values", "steps"),
    [
        ({}, ("center", "align_view", "scale_torso", "posture:0.1", "stream:joint", "stream:bone", "stream:motion")),
        ({"align_view": False, "streams": "bone"}, ("center", "scale_torso", "posture:0.1", "stream:bone")),
        ({"scale_torso": False, "streams": "joint"}, ("center", "align_view", "posture:0.1", "stream:joint")),
        ({"posture": 1.0, "streams": "joint"}, ("center", "align_view", "scale_torso", "stream:joint")),
    ],
)
def test_preprocessing_does_and_names_what_the_config_says(
    x: Tensor, values: dict[str, Any], steps: tuple[str, ...]
) -> None:
    config = Config(**values)
    preprocessing = Preprocessing.from_settings(config, LAYOUT)
    assert preprocessing.steps == steps
    expected = center(x, LAYOUT)
    expected = align_view(expected, LAYOUT) if config.align_view else expected
    expected = scale_torso(expected, LAYOUT) if config.scale_torso else expected
    expected = reduce_posture(expected, config.posture) if config.posture < 1 else expected
    streams = {"joint": expected, "bone": bones(expected, LAYOUT), "motion": motion(expected)}
    assert torch.equal(preprocessing(x), torch.cat([streams[name] for name in config.streams.split("+")], -1))


@pytest.mark.parametrize(
    ("value", "chosen"),
    [
        ("none", ()),
        ("scale_torso", (scale_torso,)),
        ("align_first_frame+center_each_frame", (align_first_frame, center_each_frame)),
    ],
)
def test_coordinate_steps_replace_the_switches_in_the_order_given(
    x: Tensor, value: str, chosen: tuple[Callable[..., Tensor], ...]
) -> None:
    expected = x
    for step in chosen:
        expected = step(expected, LAYOUT)
    for switch in (True, False):
        config = Config(coordinate_steps=value, align_view=switch, scale_torso=switch, posture=1.0, streams="joint")
        assert torch.equal(Preprocessing.from_settings(config, LAYOUT)(x), expected)


def test_an_unknown_step_is_answered_with_the_known_ones() -> None:
    with pytest.raises(
        ValueError, match=r"unknown step 'centre' in coordinate_steps='centre'; steps: center, center_e"
    ):
        Preprocessing.from_settings(Config(coordinate_steps="centre"), LAYOUT)


def test_a_step_whose_joints_are_not_there_is_answered_with_those_that_work() -> None:
    own = Layout.from_edges("own", ("left hip", "right hip", "tail"), [(0, 1), (1, 2)], "tail")
    with pytest.raises(ValueError, match=r"no joint called left shoulder, .*'align_view' needs; .*_steps=center$"):
        Preprocessing(own)
    with pytest.raises(ValueError, match=r"no joint called left hip, .*'center' needs; .*coordinate_steps=none$"):
        Preprocessing(replace(own, joints=("m0", "m1", "tail")))
    assert Preprocessing(own, coordinate_steps=("center",)).steps == ("center", "stream:joint")


def test_an_unknown_stream_is_answered_with_the_known_ones() -> None:
    with pytest.raises(
        ValueError, match=r"unknown stream 'bones' in streams='joint\+bones'; streams: joint, bone, motion"
    ):
        Preprocessing.from_settings(Config(streams="joint+bones"), LAYOUT)


def test_clips_in_memory_are_shared_not_copied() -> None:
    clips = synthesize(0, 1, ACTIONS[:2])
    assert np.shares_memory(DeviceClips(clips).xyz.numpy(), clips.xyz)
    double = replace(clips, xyz=clips.xyz.astype(np.float64))
    assert DeviceClips(double).xyz.dtype == torch.float32


def test_a_memory_mapped_set_is_copied_without_a_warning(tmp_path: Path) -> None:
    clips = SkeletonSet.load(synthesize(0, 1, ACTIONS[:2]).save(tmp_path / "mapped.npz"))
    assert isinstance(clips.xyz, np.memmap)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        resident = DeviceClips(clips)
    resident.xyz[:] = 0  # writing to the batch source must not reach the file
    assert (np.asarray(clips.xyz) != 0).any()


# ---------------------------------------------------------------------------------------------------------------------
# Freezing joints


def frozen_by_hand(clip: NDArray[Any], moving: NDArray[np.bool_]) -> NDArray[Any]:
    """One clip (M, T, V, C), joint by joint."""
    out = np.zeros_like(clip)
    torso = sorted(LAYOUT.parts["torso"], key=lambda j: LAYOUT.depth[j])
    for person in range(len(clip)):
        frames = [t for t in range(clip.shape[1]) if clip[person, t].any()]
        if not frames:
            continue
        x = clip[person, frames].astype(np.float64)

        def offset(joint: int, to: int, x: NDArray[Any] = x) -> NDArray[Any]:
            bones = [frame[joint] - frame[to] for frame in x]
            mean = sum(bones) / len(bones)
            return mean / np.linalg.norm(mean) * (sum(np.linalg.norm(bone) for bone in bones) / len(bones))

        def place(joint: int, t: int, x: NDArray[Any] = x) -> NDArray[Any]:
            if moving[joint]:
                return x[t, joint]
            if joint != LAYOUT.root_index:
                parent = int(LAYOUT.parents[joint])
                return place(parent, t) + offset(joint, parent)
            by = [j for j in torso if moving[j]]
            return x[t, by[0]] + offset(joint, by[0]) if by else x[:, joint].mean(0)

        for t, frame in enumerate(frames):
            out[person, frame] = [place(joint, t) for joint in range(V)]
    return out


@pytest.mark.parametrize("share", [0.0, 0.3, 0.8, 1.0])
def test_frozen_joints_equal_a_loop(ragged: SkeletonSet, share: float) -> None:
    rng = np.random.default_rng(1)
    for i in range(len(ragged)):
        moving = rng.random(V) < share
        x = torch.from_numpy(ragged[i])[None]
        found = freeze_joints(x, torch.from_numpy(moving)[None], LAYOUT)[0].numpy()
        np.testing.assert_allclose(found, frozen_by_hand(ragged[i], moving), atol=2e-5)
        np.testing.assert_array_equal(found[..., moving, :], ragged[i][..., moving, :])


def test_a_frozen_joint_moves_with_its_parent_only() -> None:
    clip = torch.as_tensor(synthesize(0, 1, ["hand waving"])[0])[None]
    wrist, hand = LAYOUT.index("right wrist"), LAYOUT.index("right hand")
    moving = torch.ones(1, V, dtype=torch.bool)
    moving[0, hand] = False
    bone = (lambda x: x[..., hand, :] - x[..., wrist, :])(freeze_joints(clip, moving, LAYOUT))
    before = clip[..., hand, :] - clip[..., wrist, :]
    assert bone.std(2).max() < 1e-5 < before.std(2).max()
    assert float(bone.norm(dim=-1).mean()) == pytest.approx(float(before.norm(dim=-1).mean()), rel=1e-4)


def test_nothing_moving_is_a_pose_and_a_walk_goes_on_with_any_joint_of_the_torso() -> None:
    clip = torch.as_tensor(synthesize(0, 1, ["hand waving"])[0])[None]
    clip = clip + torch.linspace(0, 2, clip.shape[2])[None, None, :, None, None]  # walking while waving
    nothing = torch.zeros(1, V, dtype=torch.bool)
    assert motion(freeze_joints(clip, nothing, LAYOUT)).abs().max() < 1e-5
    one = nothing.clone()
    one[0, LAYOUT.index("middle of spine")] = True
    walked = freeze_joints(clip, one, LAYOUT)
    assert (walked[:, :, -1] - walked[:, :, 0]).min() > 1.5
    hand = nothing.clone()
    hand[0, LAYOUT.index("right hand")] = True
    stays = motion(freeze_joints(clip, hand, LAYOUT)).abs().amax((0, 1, 2, 4))
    assert (stays > 1e-3).sum() > 1 and stays[LAYOUT.index("right wrist")] < 1e-5, "what hangs on the hand goes with it"
