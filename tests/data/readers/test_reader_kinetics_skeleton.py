"""Kinetics-skeleton: persons followed or chosen frame by frame, missing joints, axes, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.source_files.kinetics_skeleton import ANKLE, NECK, WRIST, clip_of, parse, people, sure, write_sample

from crossglg.data.readers import kinetics_skeleton as kinetics
from crossglg.data.readers.kinetics_skeleton import Detections, fill_joints, two_by_track


def test_coordinates_are_centered_with_y_up() -> None:
    pose = people(1)
    (clip,) = parse(clip_of(pose, sure(pose)))
    np.testing.assert_allclose(clip.xyz[..., 0], pose[..., 0] - 0.5, atol=1e-6)
    np.testing.assert_allclose(clip.xyz[..., 1], 0.5 - pose[..., 1], atol=1e-6)
    assert (clip.sample_id, clip.class_name, clip.layout.name, clip.notes) == ("abc", "hand waving", "openpose18", ())


def test_clips_are_found_in_any_folder_and_the_labels_beside_them_are_none(tmp_path: Path) -> None:
    path = write_sample(tmp_path)
    files = {found for pattern in kinetics.READER.patterns for found in tmp_path.rglob(pattern)}
    assert [found for found in files if kinetics.READER.read(found)] == [path] and len(files) == 2


def shuffled() -> tuple[np.ndarray, Detections]:
    """Three people, listed in another order in every frame, the surest of a frame changing; and the first two alone."""
    pose = people(3, 30)
    rng = np.random.default_rng(0)
    score = np.stack([sure(pose)[0] * (1.0, 0.95, 0.2)[m] * rng.uniform(0.8, 1.0, (30, 1)) for m in range(3)])
    order = np.stack([rng.permutation(3) for _ in range(30)])
    frames = np.arange(30)[:, None]
    swap = lambda array: np.moveaxis(array, 0, 1)[frames, order].astype(np.float32)  # noqa: E731
    return pose.astype(np.float32), Detections(swap(pose), swap(score))


def test_tracking_follows_people_whatever_their_order() -> None:
    pose, found = shuffled()
    chosen = two_by_track(found)
    for m in range(2):
        np.testing.assert_array_equal(chosen.pose[:, m], pose[m])


def test_someone_back_after_a_short_absence_is_the_same_and_far_away_is_not() -> None:
    pose = people(1, 40)
    score = sure(pose)
    score[0, 10:20] = 0
    (clip,) = parse(clip_of(pose, score))
    assert clip.xyz.shape[:2] == (1, 40) and (clip.xyz[0, 10:20] == 0).all()
    pose[0, 20:] += 0.4
    (clip,) = parse(clip_of(pose, score))
    later, first = clip.xyz  # seen 20 and 10 frames
    assert (later[:20] == 0).all() and (later[20:] != 0).any() and (first[20:] == 0).all()


def test_long_absence_makes_somebody_else() -> None:
    pose = people(1, 60)
    score = sure(pose)
    score[0, 10 : 10 + kinetics.MAX_ABSENCE] = 0
    assert parse(clip_of(pose, score))[0].xyz.shape[0] == 2
    score[0, 10 + kinetics.MAX_ABSENCE - 1] = 0.8
    assert parse(clip_of(pose, score))[0].xyz.shape[0] == 1


def test_joint_missing_for_a_while_is_interpolated() -> None:
    pose = np.zeros((5, 1, 18, 2), dtype=np.float32)
    pose[:, 0, :, 0] = np.arange(18)
    pose[:, 0, WRIST] = [[0, 0], [99, 99], [99, 99], [3, 6], [99, 99]]
    score = np.ones((5, 1, 18), dtype=np.float32)
    score[[1, 2, 4], 0, WRIST] = 0
    xyz, filled = fill_joints(Detections(pose, score))
    np.testing.assert_allclose(xyz[0, :, WRIST], [[0, 0], [1, 2], [2, 4], [3, 6], [3, 6]])
    assert filled == 3
    others = [v for v in range(18) if v != WRIST]
    np.testing.assert_array_equal(xyz[0][:, others], pose[:, 0][:, others])


def test_interpolation_goes_by_time_across_frames_without_the_person() -> None:
    pose = np.ones((5, 1, 18, 2), dtype=np.float32)
    pose[:, 0, WRIST, 0] = [0, 9, 9, 9, 4]
    score = np.ones((5, 1, 18), dtype=np.float32)
    score[1:3] = 0  # nobody
    score[3, 0, WRIST] = 0
    xyz, filled = fill_joints(Detections(pose, score))
    assert xyz[0, 3, WRIST, 0] == 3 and filled == 1 and (xyz[0, 1:3] == 0).all()


def test_joint_that_is_never_found_lies_at_the_neck() -> None:
    pose = people(1)
    score = sure(pose)
    score[0, :, ANKLE] = 0
    (clip,) = parse(clip_of(pose, score))
    np.testing.assert_array_equal(clip.xyz[:, :, ANKLE], clip.xyz[:, :, NECK])
    assert clip.notes == ("20 of 360 joints not found: interpolated, or put at the neck",)
    score[0, :, NECK] = 0
    (clip,) = parse(clip_of(pose, score))
    middle = np.delete(clip.xyz, [ANKLE, NECK], axis=2).mean(axis=2)
    for joint in (ANKLE, NECK):
        np.testing.assert_allclose(clip.xyz[:, :, joint], middle, atol=1e-6)


def test_clip_without_anybody_gives_no_recording() -> None:
    nobody = {"data": [{"frame_index": 1, "skeleton": []}], "label": "abseiling"}
    assert parse(nobody) == parse({"data": []}) == []
    pose = people(1)
    assert parse(clip_of(pose, np.zeros(pose.shape[:3]))) == []


PERSON = {"pose": [0.5] * 36, "score": [0.5] * 18}


@pytest.mark.parametrize(
    ("clip", "said"),
    [
        ([], "needs a list 'data'"),
        ({"label": "x"}, "needs a list 'data'"),
        ({"data": [3]}, "a frame needs 'frame_index'"),
        ({"data": [{"frame_index": 0, "skeleton": []}]}, "a frame needs 'frame_index'"),
        ({"data": [{"frame_index": True, "skeleton": []}]}, "a frame needs 'frame_index'"),
        ({"data": [{"frame_index": 1}]}, "a list 'skeleton'"),
        ({"data": [{"frame_index": 10**9, "skeleton": []}]}, "it has frame 1000000000"),
        ({"data": [{"frame_index": 1, "skeleton": [PERSON] * 21}]}, "21 people"),
        ({"data": [{"frame_index": 2, "skeleton": [[]]}]}, "frame 2: a person needs 'pose' and 'score'"),
        ({"data": [{"frame_index": 2, "skeleton": [PERSON | {"pose": [0.5] * 34}]}]}, "frame 2: 'pose' must be 36"),
        ({"data": [{"frame_index": 2, "skeleton": [PERSON | {"score": ["1"] * 18}]}]}, "frame 2: 'score' must be 18"),
        ({"data": [{"frame_index": 2, "skeleton": [PERSON | {"pose": [1e9] * 36}]}]}, "not a fraction"),
        ({"data": [{"frame_index": 2, "skeleton": [PERSON | {"pose": [float("nan")] * 36}]}]}, "not a fraction"),
        ({"data": [{"frame_index": 2, "skeleton": [PERSON]}], "label": 4}, "'label' must be a text"),
    ],
)
def test_wrong_clip_is_refused_with_the_file_named(clip: Any, said: str) -> None:
    with pytest.raises(ValueError, match=rf"^it cannot be read as Kinetics-skeleton JSON: .*{said}"):
        parse(clip)


@pytest.mark.parametrize("content", [b"[" * 100_000, b'{"data": [' * 50_000, b'{"data": ' + b"9" * 10_000 + b"}"])
def test_deep_or_endless_json_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"^it cannot be read as Kinetics-skeleton JSON"):
        kinetics.parse(content, "abc")
