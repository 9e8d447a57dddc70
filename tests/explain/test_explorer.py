"""The explorer shows what the model computes, redraws once per choice, and its page is what is shown."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crossglg.config import Config
from crossglg.data.clips import SkeletonSet
from crossglg.data.synthetic import synthesise
from crossglg.encoders import ENCODERS
from crossglg.encoders.infogcn import InfoGCN
from crossglg.explain.attention import activation
from crossglg.explain.explorer import explore
from crossglg.skeletons import Layout, get_layout
from crossglg.training.trained_model import TrainedModel, build_model

NTU = get_layout("ntu25")


def tiny(*args: Any) -> InfoGCN:
    return InfoGCN(*args, widths=(8, 8, 8), strides=(1, 2, 1), bottleneck=False, importance_after_block=2)


def model(monkeypatch: pytest.MonkeyPatch, layout: Layout = NTU, **settings: Any) -> TrainedModel:
    monkeypatch.setitem(ENCODERS, "tiny", tiny)
    config = Config(frames=16, encoder="tiny", **settings)
    return TrainedModel(build_model(config, layout, 2, 3, 4, text_width=0).eval(), config, layout, 2, 3, ("a",), {})


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> TrainedModel:
    return model(monkeypatch)


@pytest.fixture(scope="module")
def clips() -> SkeletonSet:
    return synthesise(3, clips_per_action=2, actions=["drop", "jump up"])


def shown(explorer: Any) -> list[dict[str, Any]]:
    return explorer.player.data["panels"]


def test_a_panel_shows_importance_activation_and_text_of_the_chosen_clip(
    trained: TrainedModel, clips: SkeletonSet
) -> None:
    explorer = explore(trained, clips, clip=2)
    (panel,) = shown(explorer)
    assert panel["title"] == f"jump up · {clips.sample_id[2]}"
    assert panel["shape"] == list(clips[2].shape)
    assert panel["importance"]["of"] == "joint importance"
    np.testing.assert_allclose(panel["importance"]["values"], trained.joint_importance(clips)[2], rtol=1e-3)
    assert panel["over_time"]["of"] == "activation of block 2", "the one joint importance is read from"
    expected = activation(trained, clips, block=2)[2]
    np.testing.assert_allclose(panel["over_time"]["values"], expected.ravel(), rtol=1e-3)
    assert panel["over_time"]["steps"] == len(expected) == 8
    assert panel["texts"].keys() == set(NTU.joints)


def test_every_choice_is_followed_by_one_redrawing(trained: TrainedModel, clips: SkeletonSet) -> None:
    explorer = explore(trained, {"few": clips, "fewer": clips.subset([3, 1])})
    redrawn: list[Any] = []
    explorer.player.observe(redrawn.append, "data")
    choice = explorer.choices[0]
    choice.action.value = 1
    assert shown(explorer)[0]["title"].startswith("jump up") and len(redrawn) == 1
    choice.block.value = 3
    choice.stream.value = "bone"
    assert shown(explorer)[0]["over_time"]["of"] == "activation of block 3 (bone stream alone)" and len(redrawn) == 3
    choice.data.value = "fewer"
    assert shown(explorer)[0]["title"] == f"drop · {clips.sample_id[1]}" and len(redrawn) == 4
    assert choice.clip.options == ((str(clips.sample_id[1]), 1),)


def test_a_shorter_clip_keeps_the_player_within_its_frames(trained: TrainedModel, clips: SkeletonSet) -> None:
    long, short = np.argsort(-clips.frames)[[0, -1]].tolist()
    explorer = explore(trained, clips.subset([long, short]))
    explorer.player.frame = int(clips.frames[long]) - 1
    choice = explorer.choices[0]
    if choice.action.value == int(clips.label[short]):
        choice.clip.value = 1
    else:
        choice.action.value = int(clips.label[short])
    assert explorer.player.frame == clips.frames[short] - 1 == explorer.player.data["frames"] - 1


def test_two_models_stand_side_by_side_each_with_what_it_has(
    trained: TrainedModel, clips: SkeletonSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = model(monkeypatch, guidance="none", streams="joint")
    explorer = explore({"CrossGLG": trained, "no text": plain}, clips, clip=1)
    first, second = shown(explorer)
    assert first["xyz"] == second["xyz"]
    assert first["importance"]["of"] == "joint importance"
    assert second["importance"]["of"] == "share of activation of block 2 (no text)"
    over_time = activation(plain, clips, block=2)[1].mean(0)
    np.testing.assert_allclose(second["importance"]["values"], over_time / over_time.sum(), rtol=1e-3)
    assert [label for label, _ in explorer.choices[1].stream.options] == ["all"], "this model has one stream"
    explorer.choices[1].model.value = "CrossGLG"
    assert shown(explorer)[1]["importance"] == first["importance"]
    explorer.compare.value = False
    assert len(shown(explorer)) == 1 and explorer.choices[1].layout.display == "none"


def test_query_and_exemplar_stand_side_by_side(trained: TrainedModel, clips: SkeletonSet) -> None:
    titles = [panel["title"] for panel in shown(explore(trained, clips, clip=0, against=-1))]
    assert titles == [f"drop · {clips.sample_id[0]}", f"jump up · {clips.sample_id[3]}"]


def test_without_a_kernel_the_player_is_left_as_it_stands(trained: TrainedModel, clips: SkeletonSet) -> None:
    explorer = explore(trained, clips)
    explorer.choices[0].action.value = 1
    bundle = explorer._repr_mimebundle_()
    assert bundle["text/plain"] == f"jump up · {clips.sample_id[2]}"
    assert bundle.items() >= explorer.player.still().items()


def test_saved_page_holds_what_is_shown(trained: TrainedModel, clips: SkeletonSet, tmp_path: Path) -> None:
    explorer = explore(trained, clips, against=1)
    page = explorer.save(tmp_path / "new" / "explorer.html").read_text(encoding="utf-8")
    held = json.loads(re.search(r'id="clip">(.*?)</script>', page, re.S)[1])  # type: ignore[index]
    assert held == explorer.player.data


def test_clips_of_another_layout_are_carried_over_and_a_class_needs_no_description(
    trained: TrainedModel, clips: SkeletonSet
) -> None:
    other = clips.retargeted(get_layout("kinect20"))
    object.__setattr__(other, "class_names", ("moonwalking", "jump up"))
    (panel,) = shown(explore(trained, other))
    assert panel["shape"][2] == NTU.num_joints and panel["texts"] == {}


def test_what_does_not_fit_is_named(trained: TrainedModel, clips: SkeletonSet, monkeypatch: pytest.MonkeyPatch) -> None:
    other = model(monkeypatch, get_layout("kinect20"))
    with pytest.raises(ValueError, match="model 'b' is of layout 'kinect20', the first one of 'ntu25'"):
        explore({"a": trained, "b": other}, clips)
    with pytest.raises(ValueError, match="a model at least, and a clip at least in every set"):
        explore(trained, {"none": clips.subset([])})
    with pytest.raises(IndexError):
        explore(trained, clips, clip=4)
