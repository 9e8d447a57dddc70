"""Mirrored clips in training: which classes get one of their own, and that nothing of it stays in the model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from support.tiny_training import TINY

from crossglg.config import Config
from crossglg.data.clips import SkeletonSet
from crossglg.data.synthetic import synthesize
from crossglg.encoders import ENCODERS
from crossglg.text.descriptions import find_descriptions
from crossglg.text.embeddings import TextBank, build_text_bank
from crossglg.training.trained_model import TrainedModel
from crossglg.training.trainer import fit, one_sided_classes

CONFIG = Config(
    encoder="tiny",
    frames=8,
    epochs=1,
    batch_size=8,
    mirror=0.5,
    device="cpu",
    streams="joint",
    warmup_epochs=0,
)
SIDED = {"drink water": True, "kicking something": True, "clapping": False, "sitting down": False}


@pytest.fixture(autouse=True)
def tiny_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENCODERS, "tiny", TINY)


@pytest.fixture(scope="module")
def base() -> SkeletonSet:
    return synthesize(0, clips_per_action=6, actions=tuple(SIDED))


@pytest.fixture(scope="module")
def bank(base: SkeletonSet) -> TextBank:
    return build_text_bank(find_descriptions(base.class_names, base.layout), base.layout)


def test_key_joints_tell_which_actions_have_a_side(base: SkeletonSet, bank: TextBank) -> None:
    def sided(**settings: object) -> list[bool]:
        return one_sided_classes(replace(CONFIG, **settings), bank, base.layout).tolist()

    assert sided(mirror_class="text") == [SIDED[name] for name in base.class_names]
    assert sided(mirror_class="other") == [True] * 4
    assert sided(mirror_class="same") == sided(mirror_class="other", mirror=0.0) == [False] * 4
    with pytest.raises(ValueError, match="mirror_class=text reads left and right off the key joints"):
        one_sided_classes(replace(CONFIG, mirror_class="text"), replace(bank, key_joint_target=None), base.layout)


@pytest.mark.parametrize("objective", ["classification", "text-retrieval", "gap", "triplet"])
@pytest.mark.parametrize("mirror_class", ["same", "text"])
def test_the_trained_model_knows_the_base_classes_alone(
    base: SkeletonSet, bank: TextBank, objective: str, mirror_class: str, tmp_path: Path
) -> None:
    guidance = "g2l" if objective == "triplet" else "both"
    config = replace(CONFIG, objective=objective, mirror_class=mirror_class, guidance=guidance, batch_classes=4)
    trained = fit(config, base, bank, tmp_path)
    loaded = TrainedModel.load(tmp_path)
    assert loaded.class_names == base.class_names
    assert (loaded.embed(base) == trained.embed(base)).all()
    if trained.model.classifier is not None:
        assert trained.model.classifier[1].out_features == 4
