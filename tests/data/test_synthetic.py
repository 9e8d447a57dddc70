"""The synthetic dataset is valid, repeatable, physically plausible, learnable in principle and not too easy."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from crossglg.data.clips import SkeletonSet
from crossglg.data.synthetic import (
    ACTIONS,
    NOVEL_ACTIONS,
    is_left_handed,
    load,
    performances,
    synthesize,
    true_importance,
)
from crossglg.data.synthetic.actions import ACTION_TABLE, GROUPS, LANDMARKS, Target
from crossglg.skeletons import get_layout

LAYOUT = get_layout("ntu25")

# A1…A49 and A61…A105 of NTU RGB+D 120, the actions of one person, as spelled by its authors.
OFFICIAL = {
    1: """drink water|eat meal/snack|brushing teeth|brushing hair|drop|pickup|throw|sitting down|standing up (from
    sitting position)|clapping|reading|writing|tear up paper|wear jacket|take off jacket|wear a shoe|take off a
    shoe|wear on glasses|take off glasses|put on a hat/cap|take off a hat/cap|cheer up|hand waving|kicking
    something|reach into pocket|hopping (one foot jumping)|jump up|make a phone call/answer phone|playing with
    phone/tablet|typing on a keyboard|pointing to something with finger|taking a selfie|check time (from watch)|rub
    two hands together|nod head/bow|shake head|wipe face|salute|put the palms together|cross hands in front (say
    stop)|sneeze/cough|staggering|falling|touch head (headache)|touch chest (stomachache/heart pain)|touch back
    (backache)|touch neck (neckache)|nausea or vomiting condition|use a fan (with hand or paper)/feeling warm""",
    61: """put on headphone|take off headphone|shoot at the basket|bounce ball|tennis bat swing|juggling table
    tennis balls|hush (quite)|flick hair|thumb up|thumb down|make ok sign|make victory sign|staple book|counting
    money|cutting nails|cutting paper (using scissors)|snapping fingers|open bottle|sniff (smell)|squat down|toss a
    coin|fold paper|ball up paper|play magic cube|apply cream on face|apply cream on hand back|put on bag|take off
    bag|put something into a bag|take something out of a bag|open a box|move heavy objects|shake fist|throw up
    cap/hat|hands up (both hands)|cross arms|arm circles|arm swings|running on the spot|butt kicks (kick
    backward)|cross toe touch|side kick|yawn|stretch oneself|blow nose""",
}


@pytest.fixture(scope="module")
def small() -> SkeletonSet:
    return synthesize(seed=3, clips_per_action=4)


def ideal(name: str, count: int = 30) -> tuple[list[NDArray[np.float32]], NDArray[np.int64]]:
    """Clips (T, V, 3) of an action as performed, before the sensor, ground at y = 0; and their subjects."""
    batch = performances._perform(ACTION_TABLE[name], 0, count, observed=False)
    return np.split(batch.rows, np.cumsum(batch.frames)[:-1]), batch.subject


def test_every_name_and_number_is_official() -> None:
    official = {
        first + i: " ".join(name.split()) for first, text in OFFICIAL.items() for i, name in enumerate(text.split("|"))
    }
    assert len(ACTIONS) >= 64
    assert [official[a.number] for a in ACTION_TABLE.values()] == list(ACTIONS)
    assert len(set(NOVEL_ACTIONS)) == 20
    assert set(NOVEL_ACTIONS) < set(ACTIONS)


def test_the_table_names_only_what_exists() -> None:
    for action in ACTION_TABLE.values():
        assert set(action.matters) <= set(GROUPS)
        assert list(action.keys) == sorted(action.keys) and all(0 < phase < 1 for phase in action.keys)
        used = [value for p in (*action.keys.values(), action.start, action.end) for value in p.values()]
        assert {t.landmark for t in used if isinstance(t, Target)} <= {*LANDMARKS, "shoulder"}
    assert all(LAYOUT.has(joint) for joints in GROUPS.values() for joint in joints)


def test_the_set_is_valid_and_looks_like_ntu(small: SkeletonSet) -> None:
    assert small.layout == LAYOUT and small.xyz.dtype == np.float32 and small.name == "synthetic"
    assert small.class_names == ACTIONS and len(small) == 4 * len(ACTIONS)
    assert small.frames.min() >= 40 and small.frames.max() <= 120
    assert len(set(small.sample_id)) == len(small)
    for i in (0, 50, len(small) - 1):
        number = ACTION_TABLE[small.class_of(i)].number
        assert small.sample_id[i][:4].startswith("S0")
        assert small.sample_id[i][4:].startswith(f"C{small.camera[i]:03d}P{small.subject[i]:03d}R")
        assert small.sample_id[i].endswith(f"A{number:03d}")
    assert set(small.camera) == {1, 2, 3} and len(set(small.subject)) >= 40
    head, hips, depth = (small.xyz[:, LAYOUT.index(j), axis] for j, axis in (("head", 1), ("pelvis", 1), ("pelvis", 2)))
    assert np.mean(head > hips) > 0.97, "y points up"
    assert depth.min() > 1 and depth.max() < 5, "the person stands in front of the camera"


def test_the_seed_decides_everything(small: SkeletonSet) -> None:
    again, other = synthesize(3, 4), synthesize(4, 4)
    assert np.array_equal(small.xyz, again.xyz) and list(small.sample_id) == list(again.sample_id)
    assert not np.array_equal(small.frames, other.frames)
    waving = synthesize(3, 4, ["hand waving"])
    assert np.array_equal(waving.xyz, small.subset(small.where(classes=["hand waving"])).xyz)


def test_wrong_requests_are_refused() -> None:
    with pytest.raises(ValueError, match="no synthetic action 'flying'"):
        synthesize(0, 1, ["flying"])
    with pytest.raises(ValueError, match="at least 1"):
        synthesize(0, 0)


@pytest.mark.parametrize(
    "name", ["drink water", "falling", "cross toe touch", "running on the spot", "touch back (backache)"]
)
def test_bones_keep_their_length_and_nothing_sinks_into_the_ground(name: str) -> None:
    for xyz in ideal(name)[0]:
        lengths = np.linalg.norm(xyz - xyz[:, LAYOUT.parents], axis=-1)
        spread = np.ptp(lengths, axis=0)
        shrugs = [LAYOUT.index(f"{side} shoulder") for side in ("left", "right")]
        spread[shrugs] = 0  # shoulders may be shrugged
        assert spread.max() < 1e-4
        assert xyz[..., 1].min() > -0.05


def test_movement_is_continuous() -> None:
    for name in ACTIONS:
        for xyz in ideal(name, 3)[0]:
            assert np.abs(np.diff(xyz, axis=0)).max() < 0.5, f"{name}: a joint jumps within 1/30 s"


def test_feet_stand_on_the_ground() -> None:
    ankles = [LAYOUT.index(f"{side} ankle") for side in ("left", "right")]
    feet = [LAYOUT.index(f"{side} foot") for side in ("left", "right")]
    still = 0
    for xyz in ideal("clapping")[0]:
        assert (xyz[:, feet, 1].min(axis=1) < 0.06).all(), "one foot at least carries the person"
        assert xyz[:, feet, 1].min() > 0
        still += np.ptp(xyz[:, ankles], axis=0).max() < 0.02
    assert still >= 15, "most do not step about"


def test_sitting_down_lowers_the_hips_and_a_jump_leaves_the_ground() -> None:
    sitting, jumping = ideal("sitting down", 8)[0], ideal("jump up", 8)[0]
    pelvis, foot = LAYOUT.index("pelvis"), LAYOUT.index("left foot")
    assert all(xyz[0, pelvis, 1] - xyz[-1, pelvis, 1] > 0.2 for xyz in sitting)
    assert np.mean([xyz[:, foot, 1].max() > 0.1 for xyz in jumping]) == 1


def test_right_is_plus_x_and_forward_is_minus_z() -> None:
    clips, subjects = ideal("pointing to something with finger")
    for xyz, left in zip(clips, is_left_handed(subjects), strict=True):
        right_of_left = xyz[:, LAYOUT.index("right shoulder"), 0] - xyz[:, LAYOUT.index("left shoulder"), 0]
        assert right_of_left.min() > 0.1
        side = "left" if left else "right"
        pointing = xyz[:, LAYOUT.index(f"{side} hand"), 2] - xyz[:, LAYOUT.index(f"{side} shoulder"), 2]
        assert pointing.min() < -0.3


def test_left_handed_people_wave_with_the_left_hand() -> None:
    clips, subjects = ideal("hand waving", 48)
    wrists = [LAYOUT.index(f"{side} wrist") for side in ("left", "right")]
    travel = np.array([np.abs(np.diff(xyz[:, wrists], axis=0)).sum(axis=(0, 2)) for xyz in clips])
    left = is_left_handed(subjects)
    assert 0.1 <= left.mean() <= 0.2
    assert np.mean((travel[:, 0] > travel[:, 1]) == left) > 0.95


def test_true_importance_is_a_distribution_and_follows_the_hand(small: SkeletonSet) -> None:
    importance = true_importance(small)
    assert importance.shape == (len(small), LAYOUT.num_joints)
    assert np.allclose(importance.sum(axis=1), 1) and (importance >= 0).all()
    rows = small.where(classes=["hand waving"])
    for i in rows:
        side = "left" if is_left_handed(small.subject[i]) else "right"
        assert importance[i, LAYOUT.index(f"{side} wrist")] > 0
        assert importance[i][list(LAYOUT.parts[f"{side} arm"])].sum() == pytest.approx(1)
    carried = small.retargeted(get_layout("kinect20"))
    assert np.allclose(true_importance(carried).sum(axis=1), 1)


def test_true_importance_refuses_other_data(small: SkeletonSet) -> None:
    with pytest.raises(ValueError, match="not a synthetic action"):
        true_importance(replace(small, class_names=tuple(f"class {k}" for k in range(len(ACTIONS)))))
    with pytest.raises(ValueError, match="subjects"):
        true_importance(replace(small, subject=small.subject - 100))


@pytest.mark.parametrize(
    "name", ["hand waving", "clapping", "kicking something", "jump up", "throw", "typing on a keyboard"]
)
def test_what_matters_moves_more_than_the_rest(name: str) -> None:
    clips, subjects = ideal(name)
    one = SkeletonSet.build(
        np.concatenate(clips), np.cumsum([0, *map(len, clips)]), [0] * len(clips), [name], LAYOUT, subject=subjects
    )
    inside = true_importance(one) > 0
    speed = np.array([np.linalg.norm(np.diff(xyz, axis=0), axis=-1).mean(axis=0) for xyz in clips])
    ratio = np.array([s[m].mean() / s[~m].mean() for s, m in zip(speed, inside, strict=True)])
    assert np.median(ratio) > 1.2 and np.mean(ratio > 1) > 0.8


def test_the_cache_is_used_and_a_damaged_one_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSSGLG_CACHE", str(tmp_path))
    fresh = synthesize(5, 1)
    made = load(5, 1)
    (file,) = (tmp_path / "synthetic").glob("*.npz")
    whole = file.read_bytes()
    read = load(5, 1)
    for s in (made, read):
        assert np.array_equal(s.xyz, fresh.xyz) and isinstance(s.xyz, np.memmap)
        assert s.name == "synthetic" and s.class_names == fresh.class_names
        assert list(s.sample_id) == list(fresh.sample_id) and s.fps == fresh.fps
    for damaged in (b"", b"not a zip file", whole[: len(whole) // 2], whole[:-40]):
        file.unlink()  # a new file: the old one is still mapped by the sets above
        file.write_bytes(damaged)
        assert np.array_equal(load(5, 1).xyz, fresh.xyz)
        assert file.stat().st_size == len(whole)


def test_an_unwritable_cache_does_no_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("CROSSGLG_CACHE", str(tmp_path / "file"))
    assert len(load(5, 1)) == len(ACTIONS)


def test_one_shot_nearest_neighbor_is_neither_hopeless_nor_easy() -> None:
    clips = synthesize(0, 25, NOVEL_ACTIONS)
    features = np.stack([aligned(clips[i][0]) for i in range(len(clips))])
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    rng, accuracy = np.random.default_rng(0), []
    for _ in range(10):
        exemplars = np.array([rng.choice(np.flatnonzero(clips.label == k)) for k in range(len(NOVEL_ACTIONS))])
        nearest = (features @ features[exemplars].T).argmax(axis=1)
        accuracy.append(np.delete(nearest == clips.label, exemplars).mean())
    assert 0.30 < np.mean(accuracy) < 0.55


def aligned(xyz: NDArray[np.floating], frames: int = 32) -> NDArray[np.floating]:
    """Flat (frames · V · 3): resampled, centered on the middle of the spine, facing the camera, in torso lengths."""
    time = np.linspace(0, len(xyz) - 1, frames)
    before = np.minimum(time.astype(int), len(xyz) - 2)
    part = (time - before)[:, None, None]
    xyz = xyz[before] * (1 - part) + xyz[before + 1] * part
    xyz = xyz - xyz[:, LAYOUT.index("spine"), None]
    sides = [xyz[:, LAYOUT.index(f"right {j}")] - xyz[:, LAYOUT.index(f"left {j}")] for j in ("shoulder", "hip")]
    across = np.mean(sides, axis=(0, 1))
    c, s = across[[0, 2]] / np.hypot(across[0], across[2])
    xyz = xyz @ np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]])
    torso = np.linalg.norm(xyz[:, LAYOUT.index("shoulder center")] - xyz[:, LAYOUT.index("pelvis")], axis=-1).mean()
    return (xyz / torso).ravel()
