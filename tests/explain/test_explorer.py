"""The explorer shows what the model computes, redraws once per choice, and its page is what is shown."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crossglg.config import Config
from crossglg.data.clips import SkeletonSet
from crossglg.data.synthetic import synthesize
from crossglg.encoders import ENCODERS
from crossglg.encoders.infogcn import InfoGCN
from crossglg.explain.attention import activation, block_attention, received, text_attention
from crossglg.explain.explorer import clip_names, explore, outcome
from crossglg.skeletons import Layout, get_layout
from crossglg.text.descriptions import find_descriptions
from crossglg.text.embeddings import local_embeddings
from crossglg.text.key_joints import key_joint_target
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
    return synthesize(3, clips_per_action=2, actions=["drop", "jump up"])


def title_of(clips: SkeletonSet, i: int) -> str:
    """Of an NTU name, SsssCcccPpppRrrrAaaa."""
    name = clips.sample_id[i]
    return f"{clips.class_of(i)} · person {int(name[9:12])}, camera {int(name[5:8])}, take {int(name[13:16])}"


def shown(explorer: Any) -> list[dict[str, Any]]:
    return explorer.player.data["panels"]


def test_a_panel_shows_importance_activation_and_text_of_the_chosen_clip(
    trained: TrainedModel, clips: SkeletonSet
) -> None:
    explorer = explore(trained, clips, clip=2)
    (panel,) = shown(explorer)
    assert panel["title"] == title_of(clips, 2)
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
    assert shown(explorer)[0]["title"] == title_of(clips, 1) and len(redrawn) == 4
    assert choice.clip.options == ((title_of(clips, 1).removeprefix("drop · "), 1),)


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
    explorer.compare.value = "nothing"
    assert len(shown(explorer)) == 1 and explorer.choices[1].layout.display == "none"


def test_the_outcome_is_that_of_the_nearest_exemplar(trained: TrainedModel, clips: SkeletonSet) -> None:
    """Every clip but an exemplar itself, against a loop; the exemplars come beside the clip."""
    exemplars = clips.subset([0, 2])
    z, stands_for = trained.embed(clips), trained.embed(exemplars)
    for query in (1, 3):
        cosine = [float(z[query] @ e / np.linalg.norm(z[query]) / np.linalg.norm(e)) for e in stands_for]
        best = int(np.argmax(cosine))
        explorer = explore(trained, clips, clip=query, exemplars=exemplars)
        found = explorer.outcome
        assert found.exemplars == (best, 1 - best)
        assert found.similarity == pytest.approx((cosine[best], cosine[1 - best]), abs=1e-5)
        assert found.predicted == ("drop", "jump up")[best]
        assert found.right == (clips.class_of(query) == found.predicted)
        first, nearest, runner_up = shown(explorer)
        assert first["verdict"] == ("right" if found.right else "wrong")
        assert first["subtitle"] == f"taken for {found.predicted!r}, cosine {cosine[best]:.2f}"
        assert nearest["subtitle"] == f"nearest exemplar, cosine {cosine[best]:.2f}"
        assert runner_up["subtitle"] == f"runner-up, cosine {cosine[1 - best]:.2f}"
        assert nearest["shape"][1] == exemplars[best].shape[1]
        assert first["attention"] and not nearest["attention"], "a page of the explorer stays small"
        explorer.compare.value = "nearest exemplar"
        assert [panel["subtitle"] for panel in shown(explorer)] == [first["subtitle"], nearest["subtitle"]]


def test_a_clip_is_not_compared_with_itself(trained: TrainedModel, clips: SkeletonSet) -> None:
    found = outcome(trained, clips.subset([0]), clips.subset([0, 2]))
    assert found.exemplars == (1,) and found.right is None and str(found).endswith("its class has no exemplar")
    assert outcome(trained, clips.subset([0]), clips.subset([0])) is None
    namesake = replace(clips.subset([0, 2]), sample_id=np.array([str(clips.sample_id[1]), "other"]))
    found = outcome(trained, clips.subset([1]), namesake)
    assert sorted(found.exemplars) == [0, 1], "another clip with the same id is compared"
    alone = explore(trained, clips.subset([0]))
    alone.compare.value = "nearest and runner-up"
    assert len(shown(alone)) == 1 and shown(alone)[0]["subtitle"] == ""


def test_what_the_text_asks_for_stands_beside_what_the_model_does(trained: TrainedModel, clips: SkeletonSet) -> None:
    (panel,) = shown(explore(trained, clips))
    (described,) = find_descriptions(["drop"], NTU)
    expected = key_joint_target(described.key_joints, NTU)
    assert expected.max() > 0
    np.testing.assert_allclose(panel["target"]["values"], expected, rtol=1e-3)


def maps_of(panel: dict[str, Any], block: int) -> np.ndarray:
    """(S, heads, V, V) as the player reads it."""
    data = panel["attention"]["blocks"][block]
    values = np.frombuffer(base64.b64decode(data["values"]), np.int8).astype(float)
    return values.reshape(data["steps"], data["heads"], NTU.num_joints, NTU.num_joints) * data["most"] / 127


def test_attention_is_that_of_the_model_and_can_be_chosen(trained: TrainedModel, clips: SkeletonSet) -> None:
    explorer = explore(trained, clips, clip=2)
    choice = explorer.choices[0]
    assert choice.attention.options == ("attention", "attention × topology")
    found = block_attention(trained, clips.subset([2]))
    for name in choice.attention.options:
        choice.attention.value = name
        (panel,) = shown(explorer)
        assert panel["attention"]["of"] == name and len(panel["attention"]["blocks"]) == 3
        expected = found[2][name][0]  # the third block has 8 steps, the first 16
        np.testing.assert_allclose(maps_of(panel, 2), expected, atol=0.005 * np.abs(expected).max())
        halved = found[0][name][0].reshape(8, 2, 3, NTU.num_joints, NTU.num_joints).mean(1)
        np.testing.assert_allclose(maps_of(panel, 0), halved, atol=0.005 * np.abs(halved).max())
    choice.map.value = "attention received"
    choice.block.value = 3
    (panel,) = shown(explorer)
    assert panel["over_time"]["of"] == "attention received in block 3"
    expected = received(found[2]["attention"])[0]
    np.testing.assert_allclose(panel["over_time"]["values"], expected.ravel(), rtol=1e-3)


def test_importance_per_frame_is_a_map_over_time(clips: SkeletonSet, monkeypatch: pytest.MonkeyPatch) -> None:
    timed = model(monkeypatch, importance_per="frame")
    explorer = explore(timed, clips)
    explorer.choices[0].map.value = "joint importance"
    (panel,) = shown(explorer)
    expected = timed.importance_over_time(clips)[0]
    assert panel["over_time"]["of"] == "joint importance per frame"
    assert panel["over_time"]["steps"] == len(expected) == 8
    np.testing.assert_allclose(panel["over_time"]["values"], expected.ravel(), rtol=1e-3)


def test_texts_look_at_joints_where_the_branch_was_kept(clips: SkeletonSet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENCODERS, "tiny", tiny)
    (described,) = find_descriptions(["drop"], NTU)
    local = local_embeddings([described], NTU, "minilm")
    config = Config(frames=16, encoder="tiny", keep_text_branch=True)
    with_texts = TrainedModel(build_model(config, NTU, 2, 3, 4, local.shape[-1]).eval(), config, NTU, 2, 3, ("a",), {})
    explorer = explore(with_texts, clips)
    assert explorer.choices[0].attention.options[2:] == ("text → joint", "text → text")
    explorer.choices[0].attention.value = "text → joint"
    (panel,) = shown(explorer)
    assert panel["attention"]["rows"] == "text" and len(panel["attention"]["blocks"]) == 2
    expected = text_attention(with_texts, clips.subset([0]), local)[1]["text → joint"]
    np.testing.assert_allclose(maps_of(panel, 1), expected, atol=0.005 * expected.max())


def test_clips_have_names_that_people_can_read(clips: SkeletonSet) -> None:
    ids = np.array(["S001C003P018R002A097", "S002C003P018R002A097", "mine", "S001C001P001R001A001"])
    named = replace(clips, sample_id=ids, label=np.array([0, 0, 1, 1]))
    twice = "person 18, camera 3, take 2, setup "
    assert clip_names(named) == [twice + "1", twice + "2", "mine", "person 1, camera 1, take 1"]


def test_query_and_exemplar_stand_side_by_side(trained: TrainedModel, clips: SkeletonSet) -> None:
    titles = [panel["title"] for panel in shown(explore(trained, clips, clip=0, against=-1))]
    assert titles == [title_of(clips, 0), title_of(clips, 3)]


def test_without_a_kernel_the_player_is_left_as_it_stands(trained: TrainedModel, clips: SkeletonSet) -> None:
    explorer = explore(trained, clips)
    explorer.choices[0].action.value = 1
    bundle = explorer._repr_mimebundle_()
    assert bundle["text/plain"] == title_of(clips, 2)
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
    with pytest.raises(TypeError, match=r"a trained model is expected, got str; read one with TrainedModel\.load"):
        explore("synthetic", clips)
    with pytest.raises(TypeError, match="takes a SkeletonSet, got ndarray"):
        explore(trained, clips[0])
    with pytest.raises(IndexError, match="has no clip"):
        explore(trained, clips, clip=4)
    with pytest.raises(TypeError, match="clip must be a number counted from 0, got 'wave'"):
        explore(trained, clips, clip="wave")  # type: ignore[arg-type]
