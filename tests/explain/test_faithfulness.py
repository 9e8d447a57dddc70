"""Curves and areas equal plain loops; ties fall at random; the command writes what it prints."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.tiny_models import tiny_encoders, untrained  # noqa: F401 (a fixture)
from typer.testing import CliRunner

from crossglg import cli
from crossglg.data.synthetic import synthesize, true_importance
from crossglg.data.tasks import Task, load_task, split_task
from crossglg.explain.faithfulness import (
    DIRECTIONS,
    METRICS,
    RANDOM,
    TRUTH,
    Faithfulness,
    measure,
    own_margin,
    ranks,
    rival_scores,
    study,
    table,
    together,
)
from crossglg.one_shot import unit_rows
from crossglg.training.trained_model import TrainedModel

ACTIONS = ("drink water", "kicking something", "clapping", "jump up")


@pytest.fixture(scope="module")
def task() -> Task:
    return split_task(synthesize(0, clips_per_action=3, actions=ACTIONS), ACTIONS[:3], episodes=2, name="few")


@pytest.fixture(scope="module")
def trained(task: Task) -> TrainedModel:
    return untrained(task.novel)


def test_curves_equal_a_loop_over_clips_and_joints(trained: TrainedModel, task: Task) -> None:
    exemplars, queries = task.novel.subset(task.episodes[0]), task.novel.subset(task.queries(0))
    score = np.random.default_rng(0).random((len(queries), 25))
    found = measure(trained, queries, exemplars, {"any": score}, points=4)
    assert found.counts.tolist() == [0, 3, 11, 25] and found.methods == ["any"] and found.clips == 6
    stands_for = unit_rows(trained.embed(exemplars))
    for i in range(len(queries)):
        order = sorted(range(25), key=lambda j: -score[i, j])
        for direction in DIRECTIONS:
            for p, count in enumerate(found.counts):
                moving = np.array([[(j in order[:count]) == (direction == "insertion") for j in range(25)]])
                cosine = (unit_rows(trained.embed(queries.subset([i]), moving)) @ stands_for.T)[0]
                own = int(queries.label[i])
                margin = cosine[own] - max(c for k, c in enumerate(cosine) if k != own)
                curves = {metric: found.curves[direction][metric]["any"][0, i, p] for metric in METRICS}
                assert curves["margin"] == pytest.approx(margin, abs=1e-5)
                assert abs(margin) < 1e-5 or curves["accuracy"] == (margin > 0)
    ends = [found.curves[d]["margin"]["any"][0] for d in DIRECTIONS]
    np.testing.assert_array_equal(ends[0][:, 0], ends[1][:, -1])
    np.testing.assert_array_equal(ends[0][:, -1], ends[1][:, 0])


def test_all_numbers_of_joints_can_be_tried(trained: TrainedModel, task: Task) -> None:
    few = task.novel.subset(task.queries(0)[:1])
    found = measure(trained, few, task.novel.subset(task.episodes[0]), {"any": np.arange(25.0)[None]})
    assert found.counts.tolist() == list(range(26))


def test_the_first_place_has_the_highest_score_and_ties_fall_at_random() -> None:
    scores = np.random.default_rng(1).random((50, 7))
    for row, places in zip(scores, ranks(scores), strict=True):
        assert [sorted(row, reverse=True)[p] for p in places] == row.tolist()
    tied = np.tile([0.5, 0.5, 0.0, 1.0], (400, 1))
    places = ranks(tied, seed=3)
    assert (places[:, 3] == 0).all() and (places[:, 2] == 3).all()
    assert 0.4 < (places[:, 0] == 1).mean() < 0.6
    np.testing.assert_array_equal(places, ranks(tied, seed=3))
    assert (places != ranks(tied, seed=4)).any()


def test_margin_to_the_own_class_with_several_exemplars() -> None:
    cosine = np.array([[0.9, 0.2, 0.5], [0.1, 0.3, 0.2], [0.4, 0.4, 0.4]])
    right, margin = own_margin(cosine, np.array([0, 1, 0]), np.array([0, 0, 1]))
    np.testing.assert_allclose(margin, [0.4, -0.1, 0.0])
    np.testing.assert_array_equal(right, [1, 0, 0])


def made_up(falls: dict[str, list[float]], clips: int = 40, models: int = 1) -> Faithfulness:
    """Every clip of a method has the same curve, 0.1 up and down by turns."""
    shift = 0.1 * np.resize([1, -1], clips)[None, :, None]
    curves = {name: np.tile(values, (models, clips, 1)) + shift for name, values in falls.items()}
    return Faithfulness(np.array([0, 1, 4]), {d: {m: dict(curves) for m in METRICS} for d in DIRECTIONS})


def test_areas_are_those_of_trapezoids_and_differences_are_paired() -> None:
    found = made_up({RANDOM: [1.0, 0.9, 0.1], "good": [1.0, 0.5, 0.1]})
    area = 0.25 * (1.0 + 0.5) / 2 + 0.75 * (0.5 + 0.1) / 2
    np.testing.assert_allclose(found.areas("deletion", "accuracy", "good").mean(), area)
    row = found.summary()["good"]["deletion"]
    assert row["area"].mean == pytest.approx(area) and row["area"].low < area < row["area"].high
    difference = row[f"less {RANDOM}"]
    assert difference.mean == pytest.approx(-0.4 * 0.5)
    assert difference.half_width < 1e-9 < row["area"].half_width, "what all clips share is no doubt about a difference"
    mean, low, high = found.bands()["insertion"]["good"]
    np.testing.assert_allclose(mean, [1.0, 0.5, 0.1])
    assert (low < mean).all() and (mean < high).all()
    assert "| good | 0.412 ± " in table(found) and "| -0.200 [-0.200, -0.200] |" in table(found)
    against = made_up({RANDOM: [1.0, 0.9, 0.1], "motion energy": [1.0, 0.6, 0.1], "good": [1.0, 0.5, 0.1]}).summary()
    assert against["good"]["insertion"]["less motion energy"].mean == pytest.approx(-0.1 * 0.5)
    content = json.loads(json.dumps(found.to_dict()))
    assert content["accuracy"]["good"]["deletion"]["area"]["mean"] == pytest.approx(area)
    assert content["margin"][RANDOM]["insertion"]["curve"] == [1.0, 0.9, 0.1] and content["clips"] == 40
    assert np.mean(content["accuracy"]["good"]["insertion"]["clips"]) == pytest.approx(area, abs=1e-4)


def test_models_are_taken_together_only_if_they_fit() -> None:
    one, other = made_up({RANDOM: [1.0, 0.5, 0.0]}), made_up({RANDOM: [0.8, 0.3, 0.0]})
    both = together([one, other])
    assert both.curves["deletion"]["margin"][RANDOM].shape == (2, 40, 3)
    assert both.bands()["deletion"][RANDOM][0] == pytest.approx([0.9, 0.4, 0.0])
    with pytest.raises(ValueError, match="same methods, joints and points"):
        together([one, made_up({"good": [1.0, 0.5, 0.0]})])


def test_a_study_has_every_rival_and_the_truth(trained: TrainedModel, task: Task) -> None:
    found = study([trained, trained], task, clips=4, points=3, truth=true_importance)
    assert found.clips == 4
    ranked = ["joint importance", "attention", "attention rollout", RANDOM, "motion energy"]
    names = [*ranked, "integrated gradients", "occlusion", TRUTH]
    assert found.methods == names
    np.testing.assert_array_equal(*found.curves["deletion"]["margin"]["occlusion"])
    plain = untrained(task.novel, guidance="none")
    exemplars = task.novel.subset(task.episodes[0])
    assert list(rival_scores(plain, task.novel.subset([0]), exemplars)) == names[1:-1]


def test_what_does_not_fit_is_an_error(trained: TrainedModel, task: Task) -> None:
    exemplars, queries = task.novel.subset(task.episodes[0]), task.novel.subset(task.queries(0))
    with pytest.raises(ValueError, match=r"'short' is \(6, 24\); it must be \(clips, joints\) = \(6, 25\)"):
        measure(trained, queries, exemplars, {"short": np.ones((6, 24))})
    with pytest.raises(ValueError, match="the same class_names"):
        measure(trained, task.base, exemplars, {})
    with pytest.raises(ValueError, match="episodes 0 to 1, not 2"):
        study([trained], task, episode=2)


def test_clips_of_another_layout_are_carried_to_the_models(trained: TrainedModel, task: Task) -> None:
    other = replace(task, novel=task.novel.retargeted("kinect20"), base=task.base.retargeted("kinect20"))
    carried = replace(task, novel=other.novel.retargeted(trained.layout))
    found, expected = (study([trained], some, clips=4, points=3, truth=true_importance) for some in (other, carried))
    assert found.methods == expected.methods
    for method in found.methods:
        np.testing.assert_array_equal(
            found.areas("deletion", "margin", method), expected.areas("deletion", "margin", method)
        )


def test_the_command_writes_numbers_and_picture(trained: TrainedModel, tmp_path: Path) -> None:
    clips = synthesize(0, clips_per_action=4, actions=("nod head/bow", "throw", *ACTIONS, "salute", "cheer up"))
    data = clips.retargeted("kinect20").save(tmp_path / "mine.npz")
    folder = trained.save(tmp_path / "model")
    words = ["faithfulness", str(folder), "--dataset", str(data), "--clips", "2", "--points", "3"]
    done = CliRunner().invoke(cli.app, [*words, "--output", str(tmp_path / "found")], catch_exceptions=False)
    assert done.exit_code == 0 and "is in layout 'kinect20'; its clips were carried to the model's" in done.stderr
    assert "deletion: lower is better" in done.stdout and "insertion: higher is better" in done.stdout
    content = json.loads((tmp_path / "found" / "faithfulness.json").read_text())
    area = content["faithfulness"]["accuracy"]["occlusion"]["deletion"]["area"]["mean"]
    assert f"| occlusion | {area:.3f} ± " in done.output
    assert TRUTH not in content["faithfulness"]["accuracy"], "nobody knows it for clips of one's own"
    config = trained.config.__class__.create(dataset=str(data))
    assert content["clips_sha256"] == load_task(config).clips_sha256
    assert (tmp_path / "found" / "faithfulness.png").read_bytes().startswith(b"\x89PNG")
