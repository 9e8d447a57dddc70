"""Recognizing one's own actions is the benchmark's evaluation, and answers clearly where it cannot answer."""

from __future__ import annotations

import csv
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any
from unicodedata import normalize

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from crossglg.config import Config
from crossglg.data.any_file import read_any, read_array
from crossglg.data.clips import SkeletonSet, concatenate
from crossglg.data.synthetic import synthesize
from crossglg.data.tasks import Task, split_task
from crossglg.data.transforms import DeviceClips, Preprocessing
from crossglg.one_shot import CLASSIFIERS, Features, evaluate
from crossglg.one_shot.representation import Representation
from crossglg.recognition.recognizer import (
    UNKNOWN,
    Recognizer,
    Timeline,
    enroll,
    equal_error_threshold,
    forget,
    join_in_time,
    rival_similarity,
    sample_files,
)
from crossglg.skeletons import Layout, get_layout
from crossglg.training.trained_model import SIMILARITY, TrainedModel, build_model, similarity_quantiles

NTU, KINECT = get_layout("ntu25"), get_layout("kinect20")
ACTIONS = ("hand waving", "jump up", "kicking something", "drop", "clapping", "cheer up")


@pytest.fixture(scope="module")
def task() -> Task:
    return split_task(synthesize(0, clips_per_action=5, actions=ACTIONS), ACTIONS[:4], episodes=2, name="own")


@pytest.fixture(scope="module")
def trained(task: Task) -> TrainedModel:
    """An untrained model of one person: what it thinks does not matter here, that it always thinks the same does."""
    config = Config(frames=16)
    model = build_model(config, NTU, 1, 3, 2, text_width=0).eval()
    with torch.no_grad():  # statistics of real input instead of none
        model.train()
        x, mask = DeviceClips(task.base).batch(torch.arange(len(task.base)), 16)
        model(Preprocessing.from_settings(config, NTU)(x), mask)
        model.eval()
    return TrainedModel(model, config, NTU, 1, 3, ACTIONS[4:], {"seconds": [1.0, 2.0, 6.0]})


@pytest.fixture(scope="module")
def recognizer(trained: TrainedModel, task: Task) -> Recognizer:
    return Recognizer.of(trained, task.novel.subset(task.episodes[0]), threshold=-1.0)


def test_accuracy_is_the_benchmarks(recognizer: Recognizer, task: Task, trained: TrainedModel) -> None:
    query = task.novel.subset(task.queries(0))
    right = [r.action == query.class_of(i) for i, r in enumerate(recognizer.recognize(query))]
    expected = evaluate(task, Features.of(task, trained.represent), "cosine-and-streams").accuracy[0]
    assert np.mean(right) == pytest.approx(expected)
    assert 0.2 < expected < 1.0  # neither chance nor perfect, or the comparison would say little


def test_several_clips_of_an_action_count_by_the_most_similar(trained: TrainedModel, task: Task) -> None:
    exemplars = task.novel.subset([0, 1, *task.episodes[0][1:]])
    single = [Recognizer.of(trained, exemplars.subset([i, 2, 3, 4]), -1.0).scores(task.novel) for i in (0, 1)]
    np.testing.assert_allclose(
        Recognizer.of(trained, exemplars, -1.0).scores(task.novel), np.maximum(*single), atol=1e-6
    )


def test_a_class_nobody_enrolled_is_no_candidate(trained: TrainedModel, task: Task) -> None:
    part = Recognizer.of(trained, task.novel.subset(task.episodes[0][[0, 2]]))
    assert part.exemplars.class_names == (task.novel.class_names[0], task.novel.class_names[2])
    assert part.scores(task.novel).shape == (len(task.novel), 2)


def test_a_threshold_that_is_no_number_is_refused(recognizer: Recognizer) -> None:
    with pytest.raises(TypeError, match="threshold must be a similarity from -1 to 1, or None to find one; got 'high'"):
        Recognizer.of(recognizer.trained, recognizer.exemplars, threshold="high")  # type: ignore[arg-type]
    for percent in (80, float("nan")):
        with pytest.raises(ValueError, match=f"threshold must be a similarity from -1 to 1, .* got {percent}"):
            Recognizer.of(recognizer.trained, recognizer.exemplars, threshold=percent)


def test_ranking_and_threshold(recognizer: Recognizer, task: Task) -> None:
    query = task.novel.subset([7])
    scores = recognizer.scores(query)[0]
    result = recognizer.recognize(query)[0]
    assert [s for _, s in result.ranking] == pytest.approx(sorted(scores.tolist(), reverse=True), abs=1e-5)
    assert result.ranking[0][0] == task.novel.class_names[int(scores.argmax())] == result.action
    strict = replace(recognizer, threshold=float(scores.max()) + 0.01)
    assert strict.recognize(query)[0].action == UNKNOWN


def test_deciding_joints_are_those_whose_absence_costs_the_lead(recognizer: Recognizer, task: Task) -> None:
    """Plain loop: leave one joint's features and coordinates out of clip and exemplars; what is left of the lead?"""
    model, query = recognizer.trained.model, task.novel.subset([9])
    seen = [recognizer.trained.coordinates(clips) for clips in (recognizer.exemplars, query)]
    poses, bones = ([clips[name].reshape(-1, 16, 25, 3) for clips in seen] for name in ("poses", "bones"))

    def joints_of(clips: SkeletonSet) -> torch.Tensor:
        x, mask = DeviceClips(clips).batch(torch.arange(len(clips)), 16)
        with torch.inference_mode():
            return model.joint_features(Preprocessing.from_settings(Config(frames=16), NTU)(x), mask)[0]

    own, theirs = joints_of(query), joints_of(recognizer.exemplars)

    def scores(kept: list[int]) -> torch.Tensor:
        whole = [j for j in kept if NTU.parents[j] in kept]  # a bone ends in two joints
        with torch.inference_mode():
            rows = [model.represent(joints[:, kept]).numpy() for joints in (theirs, own)]
        exemplars, clip = (
            Representation(z, poses=p[:, :, kept].reshape(len(z), 16, -1), bones=b[:, :, whole].reshape(len(z), 16, -1))
            for z, p, b in zip(rows, poses, bones, strict=True)
        )
        return torch.from_numpy(CLASSIFIERS["cosine-and-streams"].score(exemplars, clip, None)[0])

    every = list(range(25))
    first, second = scores(every).argsort(descending=True)[:2]
    for joint in (0, 7, 11, 24):
        rest = scores([j for j in every if j != joint])
        expected = (scores(every)[first] - scores(every)[second]) - (rest[first] - rest[second])
        assert recognizer.recognize(query)[0].decided_by[joint] == pytest.approx(float(expected), abs=1e-5)


def test_joints_that_the_recording_lacks_decide_nothing(recognizer: Recognizer, task: Task) -> None:
    """Fingers of a Kinect of the first kind lie on the hand: what they decide is the hand's."""
    query = task.novel.subset([9]).retargeted(KINECT)
    found = recognizer.recognize(query)[0].decided_by
    carried = recognizer.recognize(query.retargeted(NTU))[0].decided_by
    for side in ("left", "right"):
        hand, *fingers = (NTU.index(f"{side} {joint}") for joint in ("hand", "hand tip", "thumb"))
        assert not found[fingers].any() and carried[fingers].any()
        assert found[hand] == pytest.approx(carried[[hand, *fingers]].sum(), abs=1e-6)
    assert found.sum() == pytest.approx(carried.sum(), abs=1e-6)


def test_of_several_clips_of_an_action_the_nearest_is_the_one_without_joints(trained: TrainedModel, task: Task) -> None:
    """A second clip of the best and of the second action that lie far away change nothing."""
    query, near = task.novel.subset([9]), task.novel.subset(task.episodes[0])
    alone = Recognizer.of(trained, near, -1.0)
    first, second = (near.class_names.index(name) for name, _ in alone.recognize(query)[0].ranking[:2])
    similarity = Recognizer.of(trained, task.novel, -1.0)._similarity(trained.represent(query))[0]
    own = np.flatnonzero(task.novel.label == first)
    far = [int(rows[similarity[rows].argmin()]) for rows in (own, np.flatnonzero(task.novel.label == second))]
    more = task.novel.subset([*task.episodes[0], *far])
    expected, found = (Recognizer.of(trained, clips, -1.0).recognize(query)[0] for clips in (near, more))
    np.testing.assert_allclose(found.decided_by, expected.decided_by, atol=1e-6)


def test_threshold_is_where_both_errors_are_equally_frequent() -> None:
    rng = np.random.default_rng(0)
    label = np.repeat(np.arange(30), 12)
    z = rng.standard_normal((30, 16))[label] + 0.9 * rng.standard_normal((360, 16))
    unit = z / np.linalg.norm(z, axis=1, keepdims=True)
    quantiles = similarity_quantiles(unit @ unit.T, label)
    pairs = [(unit[i] @ unit[j], label[i] == label[j]) for i in range(360) for j in range(i)]
    same = np.array([c for c, s in pairs if s])
    other = np.array([c for c, s in pairs if not s])
    assert quantiles["same"][50] == pytest.approx(np.median(same), abs=1e-3)
    assert quantiles["different"][90] == pytest.approx(np.quantile(other, 0.9), abs=1e-3)
    thresholds = [equal_error_threshold(quantiles, k) for k in (1, 5, 20)]
    assert thresholds == sorted(thresholds)  # the more actions, the easier one of them is hit by chance
    for threshold, k in zip(thresholds, (1, 5, 20), strict=True):
        refused = (same < threshold).mean()
        accepted = np.mean([rng.choice(other, k).max() >= threshold for _ in range(4000)])
        assert refused == pytest.approx(accepted, abs=0.03)


def test_exemplars_of_other_actions_stand_for_the_unknown() -> None:
    rng = np.random.default_rng(1)
    similarity, label = rng.uniform(-1.0, 1.0, (9, 9)), np.array([0, 0, 1, 2, 3, 4, 5, 6, 6])
    nearest = [max(similarity[i, j] for j in range(9) if label[j] != label[i]) for i in range(9)]
    assert rival_similarity(similarity, label) == pytest.approx(np.quantile(nearest, 0.75))
    assert rival_similarity(similarity[:2, :2], label[:2]) == -1.0


def test_calibrated_threshold_is_the_higher_of_both(trained: TrainedModel, task: Task) -> None:
    exemplars = task.novel.subset(task.episodes[0])
    seen = trained.represent(exemplars)
    rivals = rival_similarity(CLASSIFIERS["cosine-and-streams"].score(seen, seen, None), np.arange(4))
    assert Recognizer.of(trained, exemplars).threshold == pytest.approx(rivals, abs=1e-6)
    strict = {"same": np.linspace(0.99, 1.0, 101).tolist(), "different": np.linspace(0.9, 1.0, 101).tolist()}
    calibrated = replace(trained, details={SIMILARITY: strict})
    expected = equal_error_threshold(strict, 4)
    assert Recognizer.of(calibrated, exemplars).threshold == pytest.approx(max(expected, rivals))


def test_without_a_record_nothing_is_unknown() -> None:
    assert equal_error_threshold({}, 5) == -1.0
    assert similarity_quantiles(np.eye(3), np.arange(3)) == {}


def test_following_a_recording_finds_each_action_where_it_happens(recognizer: Recognizer, task: Task) -> None:
    clips = [recognizer.exemplars.subset([k]) for k in (0, 2, 1)]
    joined = np.concatenate([c.xyz for c in clips])
    recording = SkeletonSet.build(joined, [0, len(joined)], [0], ["long"], NTU, name="long", fps=30.0)
    size = int(clips[0].frames[0])
    timeline = recognizer.follow(recording, window=size / 30.0, step=1 / 30.0)
    assert len(timeline.scores) == len(joined) - size + 1
    # The first window is the exemplar itself.
    assert timeline.labels[0] == recognizer.exemplars.class_names[0]
    assert timeline.scores[0].max() == pytest.approx(1.0, abs=1e-5)
    assert timeline.start[1] == pytest.approx(1 / 30.0)
    coarse = recognizer.follow(recording, window=size / 30.0, step=0.9)
    assert coarse.end[-1] == pytest.approx(len(joined) / 30.0), "the last window ends with the recording"
    assert (np.diff(coarse.start) > 0).all()
    last = clips[-1]
    assert (
        recognizer.follow(recording, window=int(last.frames[0]) / 30.0, step=1 / 30.0).labels[-1] == last.class_names[1]
    )
    one_by_one = recognizer.scores(
        SkeletonSet.build(joined[9 : 9 + size], [0, size], [0], ["part"], NTU, name="part")
    )  # fmt: skip
    np.testing.assert_allclose(timeline.scores[9], one_by_one[0], atol=1e-5)


def test_neighboring_windows_of_one_action_are_decided_by_the_best_of_them() -> None:
    scores = np.array([[0.3, 0.1], [0.9, 0.2], [0.2, 0.1], [0.1, 0.4], [0.2, 0.3], [0.4, 0.0], [0.1, 0.5]])
    start = np.arange(7.0)
    labels = Timeline(start, start + 2.0, scores, ("wave", "jump"), 0.5).labels
    assert labels == ["wave"] * 3 + [UNKNOWN] * 3 + ["jump"]


def test_while_nobody_is_there_nothing_is_done(recognizer: Recognizer, task: Task, tmp_path: Path) -> None:
    clip = task.novel[0][0]
    away = np.zeros((4 * len(clip), *clip.shape[1:]), clip.dtype)
    xyz = np.concatenate([clip, away, clip])
    recording = SkeletonSet.build(xyz, [0, len(xyz)], [0], ["x"], NTU, name="x", sample_id=["away"])
    seconds = len(clip) / 30.0
    timeline = recognizer.follow(recording, seconds, 0.1)
    middle = (timeline.start + timeline.end) / 2.0
    alone = (middle > seconds + 1e-6) & (middle < 5.0 * seconds - 1e-6)
    assert recognizer.threshold == -1.0  # whatever somebody does is known
    assert [label == UNKNOWN for label in timeline.labels] == alone.tolist()
    assert timeline.labels[0] == timeline.labels[-1] == task.novel.class_of(0)
    recording.xyz[7:] = 0.0
    for ask in (recognizer.recognize, recognizer.scores, lambda clips: enroll("x", clips, tmp_path / "x.npz")):
        with pytest.raises(ValueError, match=rf"away: somebody is seen in 7 of {len(xyz)} frames; an action needs 8"):
            ask(recording)


def test_timeline_joins_neighboring_windows_and_is_written(tmp_path: Path) -> None:
    scores = np.array([[0.9, 0.1], [0.8, 0.2], [0.2, 0.3], [0.7, 0.1]])
    start = np.array([0.0, 1.0, 2.0, 3.0])
    timeline = Timeline(start, start + 2.0, scores, ("wave", "jump"), 0.5)
    assert timeline.labels == ["wave", "wave", UNKNOWN, "wave"]
    assert timeline.segments() == [(0.0, 2.5, "wave"), (2.5, 3.5, UNKNOWN), (3.5, 5.0, "wave")]
    rows = list(csv.reader(timeline.to_csv(tmp_path / "t.csv").open()))
    assert rows[0] == ["start_s", "end_s", "action", "wave", "jump"]
    assert rows[4] == ["3.000", "5.000", "wave", "0.7000", "0.1000"]


def test_enrolled_clips_are_kept_and_added_to(tmp_path: Path, task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "mine.npz"
    enroll("my wave", task.novel.subset([0]), file)
    enroll("my jump", task.novel.subset([5]).retargeted(KINECT), file)
    kept = enroll("my wave", task.novel.subset([1]), file)
    again = SkeletonSet.load(file)
    assert again.class_names == kept.class_names == ("my jump", "my wave")
    assert sorted(again.class_of(i) for i in range(3)) == ["my jump", "my wave", "my wave"]
    assert again.layout.joints == NTU.joints  # carried to the layout of the first
    monkeypatch.setenv("HOME", str(tmp_path))
    assert enroll("my wave", task.novel.subset([2]), "~/mine.npz").class_names == kept.class_names
    assert len(SkeletonSet.load(file)) == 4 and forget("my jump", "~/mine.npz").class_names == ("my wave",)
    np.testing.assert_array_equal(again[0], task.novel[0])


def test_clips_of_another_rate_are_carried_to_that_of_the_file(tmp_path: Path, task: Task) -> None:
    slow, fast = task.novel.subset([0]), replace(task.novel.subset([5]), fps=60.0)
    enroll("my wave", slow, tmp_path / "mine.npz")
    kept = enroll("my jump", fast, tmp_path / "mine.npz")
    seconds = kept.frames[kept.label == 0] / kept.fps
    assert kept.fps == 30.0 and seconds == pytest.approx(fast.frames / 60.0, abs=1 / 30)
    np.testing.assert_allclose(kept[int(np.flatnonzero(kept.label == 0)[0])][0], fast[0][0][::2])


def test_a_name_is_kept_once_in_one_spelling(tmp_path: Path, task: Task) -> None:
    enroll("my wave", task.novel.subset([0]), tmp_path / "mine.npz")
    assert enroll("  my  wave ", task.novel.subset([1]), tmp_path / "mine.npz").class_names == ("my wave",)
    with pytest.raises(ValueError, match="'My Wave' is enrolled as 'my wave'; give the same name"):
        enroll("My Wave", task.novel.subset([2]), tmp_path / "mine.npz")
    assert len(SkeletonSet.load(tmp_path / "mine.npz")) == 2


def test_an_action_is_one_however_its_letters_are_composed(tmp_path: Path, task: Task) -> None:
    for form, clip in (("NFC", 0), ("NFD", 5)):
        kept = enroll(normalize(form, "Übung"), task.novel.subset([clip]), tmp_path / "mine.npz")
    assert kept.class_names == (normalize("NFC", "Übung"),) and len(kept) == 2
    assert forget(normalize("NFD", "Übung"), tmp_path / "mine.npz") is None


def test_a_clip_that_is_too_short_at_the_rate_of_the_file_is_not_kept(tmp_path: Path, task: Task) -> None:
    enroll("my wave", task.novel.subset([0]), tmp_path / "mine.npz")
    short = replace(cut(task.novel, 12), fps=120.0)
    with pytest.raises(ValueError, match="my clip has 3 frames, at 30 per second; an action needs 8 or more"):
        enroll("my jump", short, tmp_path / "mine.npz")
    assert SkeletonSet.load(tmp_path / "mine.npz").class_names == ("my wave",)


def test_several_processes_enroll_at_once_and_none_is_lost(tmp_path: Path, task: Task) -> None:
    def add(i: int) -> None:
        enroll(f"action {i}", task.novel.subset([i]), tmp_path / "mine.npz")

    with ThreadPoolExecutor(8) as pool:  # the lock is of the open file, so threads stand for processes
        list(pool.map(add, range(8)))
    assert SkeletonSet.load(tmp_path / "mine.npz").class_names == tuple(f"action {i}" for i in range(8))
    assert [path.name for path in tmp_path.iterdir()] == ["mine.npz"]


def test_a_clip_is_of_one_action(tmp_path: Path, task: Task) -> None:
    enroll("wave", task.novel.subset([0]), tmp_path / "mine.npz")
    assert len(enroll("wave", task.novel.subset([0]), tmp_path / "mine.npz")) == 1  # again, it counts once
    clip = replace(task.novel.subset([0]), sample_id=np.array(["copy"]))
    with pytest.raises(ValueError, match="copy is enrolled as 'wave' already, not as 'hello', too; give another clip"):
        enroll("hello", clip, tmp_path / "mine.npz")
    assert SkeletonSet.load(tmp_path / "mine.npz").class_names == ("wave",)


def test_an_action_is_forgotten_with_all_its_clips(tmp_path: Path, task: Task) -> None:
    file = tmp_path / "mine.npz"
    for name, clip in (("wave", 0), ("jump", 5), ("wave", 1)):
        enroll(name, task.novel.subset([clip]), file)
    with pytest.raises(ValueError, match=r"mine.npz has no action 'wav'; did you mean 'wave'\? It has .*wave"):
        forget("wav", file)
    left = forget(" wave", file)
    assert left is not None and left.class_names == SkeletonSet.load(file).class_names == ("jump",) and len(left) == 1
    np.testing.assert_array_equal(left[0], task.novel[5])
    assert forget("jump", file) is None and not file.exists()


def test_an_action_of_more_persons_than_the_model_knows_is_named(
    trained: TrainedModel, task: Task, tmp_path: Path
) -> None:
    clip = cut(task.novel, 40)
    pair = replace(clip, persons=np.array([2]), class_names=("dance",))
    both = concatenate([task.novel.subset([0]), pair], "mine")
    with pytest.raises(ValueError, match=r"action 'dance' is enrolled with 2 persons, .* actions --forget dance and"):
        Recognizer.of(trained, both)
    file = both.save(tmp_path / "my own.npz")
    with pytest.raises(ValueError, match=f"with crossglg actions --forget dance --actions '{file}' and enroll"):
        Recognizer.of(trained, file)


def test_an_action_of_either_side_is_found_when_the_other_hand_does_it(
    tmp_path: Path, trained: TrainedModel, task: Task
) -> None:
    first, second = task.novel.subset([0]), task.novel.subset([5])
    other_hand = first.mirrored()
    found = []
    for name, either_side in (("one.npz", False), ("both.npz", True)):
        enroll("my wave", first, tmp_path / name, either_side)
        found.append(Recognizer.of(trained, enroll("my jump", second, tmp_path / name), 0.0).scores(other_hand)[0])
    assert found[0][1] < 0.999 and found[1][1] == pytest.approx(1.0, abs=1e-5), "actions come in the order of names"
    assert found[0][0] == pytest.approx(found[1][0]), "the other action is not mirrored"
    kept = SkeletonSet.load(tmp_path / "both.npz")
    assert [str(name) for name in kept.sample_id[kept.label == 1]] == [
        str(first.sample_id[0]), f"{first.sample_id[0]} (mirrored)"
    ]  # fmt: skip


def test_a_clip_of_another_layout_is_carried_over(recognizer: Recognizer, task: Task) -> None:
    same = recognizer.scores(task.novel.subset([3]))
    other = recognizer.scores(task.novel.subset([3]).retargeted(KINECT))
    assert np.abs(same - other).max() < 0.5 and recognizer.recognize(task.novel.subset([3]).retargeted(KINECT))


def test_clips_of_a_skeleton_without_hips_are_joined_by_its_root() -> None:
    hand = Layout.from_edges("hand", ["thumb", "wrist"], [(1, 0)], "wrist")
    clips = np.random.default_rng(0).normal(size=(2, 3, 2, 3))
    joined = join_in_time(list(clips), hand)
    np.testing.assert_array_equal(joined[:3], clips[0])
    np.testing.assert_allclose(joined[3, 1], clips[0, -1, 1])
    np.testing.assert_allclose(joined[3:], clips[1] + clips[0, -1, 1] - clips[1, 0, 1])


def cut(clips: SkeletonSet, frames: int) -> SkeletonSet:
    xyz = np.resize(clips[0][0], (frames, 25, 3))
    return SkeletonSet.build(xyz, [0, frames], [0], ["x"], NTU, name="x", sample_id=["my clip"])


def test_recordings_that_cannot_be_one_action_are_refused(
    recognizer: Recognizer, task: Task, tmp_path: Path, trained: TrainedModel
) -> None:
    with pytest.raises(ValueError, match=r"my clip has 3 frames, at 30 per second; an action needs 8 or more"):
        recognizer.recognize(cut(task.novel, 3))
    with pytest.raises(ValueError, match="my clip has 3 frames"):
        enroll("wave", cut(task.novel, 3), tmp_path / "mine.npz")
    with pytest.raises(ValueError, match=r"my clip lasts 600 s, .* learned from 6 s; follow it .*--stream"):
        recognizer.recognize(cut(task.novel, 18000))
    with pytest.raises(ValueError, match=r"a window of 900.00 s .* recording's 600: choose another with --window"):
        recognizer.follow(cut(task.novel, 600), window=900.0)
    for wrong in ({"window": -2.0}, {"window": "2"}, {"step": -1.0}, {"step": float("nan")}):
        with pytest.raises(ValueError, match=r"(window|step) must be seconds, or 0 for the usual one; got"):
            recognizer.follow(cut(task.novel, 600), **wrong)
    with pytest.raises(ValueError, match="one recording, got 4 clips"):
        recognizer.follow(task.novel.subset([0, 1, 2, 3]))
    with pytest.raises(ValueError, match="an action needs a name other than 'unknown'"):
        enroll("unknown", task.novel.subset([0]), tmp_path / "mine.npz")
    pair = replace(cut(task.novel, 40), persons=np.array([2]))
    with pytest.raises(ValueError, match="2 persons, the model knows 1"):
        recognizer.recognize(pair)
    stick = SkeletonSet.build(np.ones((20, 17, 2)), [0, 20], [0], ["x"], get_layout("coco17"), name="flat")
    with pytest.raises(ValueError, match="flat has 2 coordinates, the model was trained on 3"):
        recognizer.recognize(stick)
    assert not (tmp_path / "mine.npz").exists()


def test_a_ten_minute_recording_is_followed(recognizer: Recognizer, task: Task) -> None:
    timeline = recognizer.follow(cut(task.novel, 18000), window=2.0, step=2.0)
    assert timeline.scores.shape == (300, 4) and timeline.end[-1] == pytest.approx(600.0)


def test_sample_files_are_read_like_the_readers_own(trained: TrainedModel, task: Task, tmp_path: Path) -> None:
    files = sample_files(task, tmp_path, actions=3)
    examples = dict(word.split("=") for word in files["examples"].split(";"))
    assert list(examples) == list(task.novel.class_names[:3])
    queries = files["queries"].split(";")
    assert len(queries) == 4  # one more than was enrolled
    for file in (*examples.values(), *queries):
        assert len(SkeletonSet.load(file)) == 1
    long = SkeletonSet.load(files["recording"])[0][0]
    hips = long[:, [NTU.index("left hip"), NTU.index("right hip")]].mean(1)
    step = np.linalg.norm(np.diff(hips, axis=0), axis=1)
    usual = max(np.linalg.norm(np.diff(task.novel[i][0][:, 0], axis=0), axis=1).max() for i in range(len(task.novel)))
    assert len(long) > 60 and step.max() < usual + 0.1  # nobody jumps from one clip to the next


def test_sample_files_leave_out_clips_too_short_for_an_action(task: Task, tmp_path: Path) -> None:
    def shortened(short: NDArray[np.bool_]) -> Task:
        novel = task.novel
        parts = [novel[i][:, : 3 if short[i] else 20] for i in range(len(novel))]
        offsets = np.cumsum([0, *(part.shape[0] * part.shape[1] for part in parts)])
        xyz = np.concatenate([part.reshape(-1, *part.shape[2:]) for part in parts])
        return replace(task, novel=replace(novel, xyz=xyz, offsets=offsets))

    first_of_second = np.arange(len(task.novel)) == np.flatnonzero(task.novel.label == 1)[0]
    files = sample_files(shortened((task.novel.label == 0) | first_of_second), tmp_path, actions=2)
    examples = dict(word.split("=") for word in files["examples"].split(";"))
    assert tuple(examples) == task.novel.class_names[1:3] and len(files["queries"].split(";")) == 3
    for file in (*examples.values(), *files["queries"].split(";")):
        assert SkeletonSet.load(file).frames.tolist() == [20]
    assert files["left_out"].startswith("left out 6 clips of fewer than 8 frames: ")
    with pytest.raises(ValueError, match="no novel clip of own has the 8 frames that an action needs; give files of"):
        sample_files(shortened(task.novel.label >= 0), tmp_path)


def test_a_recording_and_a_file_are_taken_as_they_are(trained: TrainedModel, task: Task, tmp_path: Path) -> None:
    file, kept = task.novel.subset([0]).save(tmp_path / "clip.npz"), tmp_path / "kept.npz"
    (recording,) = read_any(file)
    enrolled = enroll("wave", recording, kept)
    assert enrolled.class_names == ("wave",) and len(enrolled) == 1
    recognizer = Recognizer.of(trained, kept, threshold=-1.0)
    (found,) = recognizer.recognize(recording)
    assert found.action == "wave" and recognizer.scores(recording).shape == (1, 1)
    with pytest.raises(TypeError, match=r"takes a SkeletonSet, got list; read one with SkeletonSet\.load"):
        enroll("wave", read_any(file), kept)
    with pytest.raises(TypeError, match=r"model is expected, got str; read one with TrainedModel\.load\('a'\)"):
        Recognizer.of("a", kept)
    with pytest.raises(TypeError, match="takes a SkeletonSet, got list"):
        Recognizer.of(trained, [recording])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="an action is given by its name, got int: 3"):
        enroll(3, recording, kept)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"is a folder; give the \.npz file that keeps your actions"):
        enroll("wave", recording, tmp_path)


def test_arrays_are_enrolled_and_recognized(trained: TrainedModel, task: Task, tmp_path: Path) -> None:
    xyz, kept = task.novel[0][0], tmp_path / "kept.npz"
    enroll("wave", read_array(xyz, "ntu25"), kept)
    enroll("jump", read_array(task.novel[7][0], "ntu25"), kept)
    seen = xyz.copy()
    seen[5:9, NTU.index("head")] = np.nan
    (found,) = Recognizer.of(trained, kept, threshold=-1.0).recognize(read_array(seen, "ntu25", name="seen"))
    assert (found.clip, found.action) == ("seen", "wave")


def test_a_set_without_clips_is_named(trained: TrainedModel, task: Task) -> None:
    with pytest.raises(ValueError, match="holds no clip"):
        trained.embed(task.novel.subset([]))
    with pytest.raises(ValueError, match="there is no clip to enroll as 'wave'"):
        enroll("wave", task.novel.subset([]), "none.npz")


def test_actions_are_kept_in_a_npz(task: Task, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"actions are kept in a \.npz file, got .*wave\.csv; give .*wave\.npz"):
        enroll("wave", task.novel.subset([0]), tmp_path / "wave.csv")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("moving", [np.ones((2, 25), bool), np.ones((3, 20), bool), np.ones((3, 25)), 3])
def test_a_mask_of_moving_joints_is_of_clips_and_joints(trained: TrainedModel, task: Task, moving: Any) -> None:
    with pytest.raises(ValueError, match=r"moving must be a mask, \(clips, joints\) = \(3, 25\) of bool, .* got \("):
        trained.embed(task.novel.subset(range(3)), moving)


def test_reasons_are_told_in_the_joints_of_the_model(recognizer: Recognizer, task: Task) -> None:
    (found,) = recognizer.recognize(task.novel.subset([9]))
    assert found.reasons(np.array(NTU.joints)) == found.reasons(NTU.joints)  # type: ignore[arg-type]
    for joints, got in ((get_layout("coco17").joints, "17"), (NTU, r"Layout\("), ("a" * 25, "'aaa")):
        with pytest.raises(
            ValueError, match=rf"the 25 names of the model's layout, as model\.layout\.joints; got {got}"
        ):
            found.reasons(joints)  # type: ignore[arg-type]


def test_coordinates_beyond_half_precision_stay_finite(trained: TrainedModel, task: Task) -> None:
    clips = task.novel.subset([0, 1])
    clips.xyz[:, NTU.index("right hand"), 0] = 1e9
    seen = trained.represent(clips)
    assert all(np.isfinite(array).all() for array in (seen.joints, seen.sequence, trained.coordinates(clips)["poses"]))


def test_another_thread_that_asks_meanwhile_changes_no_answer(trained: TrainedModel, task: Task) -> None:
    mine, theirs = task.novel.subset([0]), task.novel.subset([9])

    class Shared(TrainedModel):
        def __setattr__(self, name: str, value: object) -> None:
            super().__setattr__(name, value)
            if name == "_resident" and isinstance(value, tuple) and value[0] is mine:
                self.embed(theirs)  # as the other thread does at the worst moment

    np.testing.assert_array_equal(Shared(**vars(trained)).embed(mine), trained.embed(mine))
