"""Each objective is its paper's equation, takes the batches it needs, trains every parameter, sees base clips only."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from support import tiny_training as t
from torch import Tensor

from crossglg.config import Config
from crossglg.data.clips import SkeletonSet
from crossglg.data.tasks import split_task
from crossglg.encoders import ENCODERS
from crossglg.model import CrossGLGOutput
from crossglg.objectives import OBJECTIVES, build_loss, find_objective
from crossglg.objectives.base import Sizes, balanced
from crossglg.objectives.gap import PartProjection, PartTextAlignment, alignment_loss
from crossglg.objectives.protonet import prototype_loss
from crossglg.skeletons import LAYOUTS, get_layout
from crossglg.text.embeddings import TextBank
from crossglg.training import trainer
from crossglg.training.step import build_losses, build_optimizer, train_step
from crossglg.training.trained_model import TrainedModel, build_model
from crossglg.training.trainer import fit, split_validation, training_exemplars

# The losses of each objective with their weights, without those of the guidance; a new objective need not be here.
OWN_LOSSES = {
    "classification": {"skeleton_loss": 1.0},
    "protonet": {"prototype_loss": 1.0},
    "triplet": {"triplet_loss": 1.0},
    "multi-similarity": {"multi_similarity_loss": 1.0},
    "gap": {"skeleton_loss": 1.0, "alignment_loss": 0.8},
    "text-retrieval": {"skeleton_loss": 1.0, "clip_text_loss": 1.0, "joint_text_loss": 1.0},
    "text-matching": {"skeleton_loss": 1.0, "matching_loss": 1.0},
    "attributes": {"skeleton_loss": 1.0, "attribute_loss": 1.0},
}
COMPARISONS = [name for name, objective in OBJECTIVES.items() if not objective.classifies]
CONFIG = replace(t.CONFIG, guidance="none", batch_classes=6, epochs=2)


@pytest.fixture(autouse=True)
def tiny_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENCODERS, "tiny", t.TINY)


@pytest.fixture(scope="module")
def base() -> SkeletonSet:
    return t.make_base()


@pytest.fixture(scope="module")
def bank(base: SkeletonSet) -> TextBank:
    return t.make_bank(base.class_names)


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def loss_of(name: str, z: Tensor, label: Tensor) -> float:
    """The loss of an objective that has but one."""
    out = CrossGLGOutput(logits=None, z=z, joint_features=z, joint_importance=None, cross_modal_logits=None)
    nothing = TextBank((), torch.empty(0), None, torch.empty(0))
    loss = build_loss(replace(CONFIG, objective=name), Sizes(get_layout("ntu25"), 4, 4, 4, 0))
    (value,) = loss.objective.losses(out, label, nothing).values()
    return value.item()


# ---------------------------------------------------------------------------------------------------------------------
# Equations


LABELS = torch.tensor([4, 1, 4, 7, 1, 7, 4, 1, 7])


def test_prototype_loss_equals_the_loop() -> None:
    z = random(9, 3).tolist()
    prototype = {4: z[0], 1: z[1], 7: z[3]}
    losses = []
    for i, true in enumerate(LABELS.tolist()):
        if i in (0, 1, 3):
            continue
        score = {k: -sum((a - b) ** 2 for a, b in zip(z[i], p, strict=True)) for k, p in prototype.items()}
        losses.append(math.log(sum(map(math.exp, score.values()))) - score[true])
    assert prototype_loss(torch.tensor(z), LABELS).item() == pytest.approx(sum(losses) / 6, rel=1e-5)
    assert loss_of("protonet", torch.tensor(z), LABELS) == pytest.approx(sum(losses) / 6, rel=1e-5)


def unit(z: Tensor) -> list[list[float]]:
    return [[value / math.sqrt(sum(v * v for v in row)) for value in row] for row in z.tolist()]


def test_triplet_loss_equals_the_loop_over_the_hardest() -> None:
    z, label, total = unit(random(9, 3)), LABELS.tolist(), 0.0
    for i in range(9):
        distance = [math.dist(z[i], z[j]) for j in range(9)]
        farthest = max(distance[j] for j in range(9) if label[j] == label[i] and j != i)
        nearest = min(distance[j] for j in range(9) if label[j] != label[i])
        total += max(0.0, farthest - nearest + 0.2)
    assert loss_of("triplet", random(9, 3), LABELS) == pytest.approx(total / 9, rel=1e-4)


def test_multi_similarity_loss_equals_the_loop_over_mined_pairs() -> None:
    z, label, total = unit(random(9, 3)), LABELS.tolist(), 0.0
    for i in range(9):
        cosine = [sum(a * b for a, b in zip(z[i], z[j], strict=True)) for j in range(9)]
        positive = [cosine[j] for j in range(9) if label[j] == label[i] and j != i]
        negative = [cosine[j] for j in range(9) if label[j] != label[i]]
        mined_positive = [s for s in positive if s - 0.1 < max(negative)]
        mined_negative = [s for s in negative if s + 0.1 > min(positive)]
        total += math.log(1.0 + sum(math.exp(-2.0 * (s - 0.5)) for s in mined_positive)) / 2.0
        total += math.log(1.0 + sum(math.exp(50.0 * (s - 0.5)) for s in mined_negative)) / 50.0
    assert loss_of("multi-similarity", random(9, 3), LABELS) == pytest.approx(total / 9, rel=1e-4)


def test_alignment_loss_equals_the_loop() -> None:
    skeleton, text = random(5, 3, 4), random(5, 3, 4, seed=1)
    label, total = [0, 1, 0, 2, 0], 0.0
    for s in range(3):
        logits = [[sum(skeleton[i, s] * text[j, s]).item() for j in range(5)] for i in range(5)]
        for direction in (logits, [list(column) for column in zip(*logits, strict=True)]):
            for i, row in enumerate(direction):
                log_sum = math.log(sum(map(math.exp, row)))
                same = [j for j in range(5) if label[j] == label[i]]
                share = 1.0 / len(same)
                total += sum(share * (math.log(share) - (row[j] - log_sum)) for j in same)
    found = alignment_loss(skeleton, text, torch.tensor(label)).item()
    assert found == pytest.approx(total / (2 * 5 * 3), rel=1e-5)


def test_comparisons_are_lower_for_classes_that_lie_apart() -> None:
    apart = torch.eye(8)[LABELS] * 10.0 + 0.01 * random(9, 8)
    for name in COMPARISONS:
        assert loss_of(name, apart, LABELS) < 0.2 * loss_of(name, random(9, 8), LABELS), name


def test_alignment_is_zero_where_every_part_finds_its_text() -> None:
    label = torch.tensor([0, 1, 0, 2])
    text = torch.eye(3)[label][:, None]
    assert alignment_loss(100.0 * text, text, label).item() == pytest.approx(0.0, abs=1e-5)
    assert alignment_loss(100.0 * text, text.roll(1, 0), label).item() > 10.0


def test_a_mirrored_clip_may_find_the_text_that_its_class_has_too(bank: TextBank) -> None:
    """The image of class k in the mirror is class K + k of 2 K, with the text of class k."""
    count, layout = len(bank.classes), get_layout("ntu25")
    objective = PartTextAlignment(Sizes(layout, 8, 8, bank.local.shape[-1], 2 * count), 0.1, 1.0)
    out = CrossGLGOutput(random(4, 2 * count), random(4, 8), random(4, layout.num_joints, 8), None, None)
    losses = [
        objective.losses(out, torch.tensor(label), bank)["alignment_loss"].item()
        for label in ([0, 1, 0, 1], [0, 1, count, count + 1])
    ]
    assert losses[0] == losses[1]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_body_parts_are_the_means_of_their_joints(layout: str) -> None:
    body = get_layout(layout)
    head = PartProjection(6, 4, body)
    joints, local = random(2, body.num_joints, 6), random(2, body.num_joints, 4, seed=1)
    skeleton, text = head(joints, local)
    groups = [list(range(body.num_joints)), *(list(part) for part in body.parts.values() if part)]
    assert skeleton.shape == text.shape == (2, len(groups), 4)
    for s, group in enumerate(groups):
        projected = head.project[s](joints[:, group].mean(1))
        torch.testing.assert_close(skeleton[:, s], 10.0 * projected / projected.norm(dim=-1, keepdim=True))
        mean = local[:, group].mean(1)
        torch.testing.assert_close(text[:, s], mean / mean.norm(dim=-1, keepdim=True))
    head.log_scale.data.fill_(9.0)
    assert head(joints, local)[0].norm(dim=-1).max().item() == pytest.approx(100.0, rel=1e-4)


# ---------------------------------------------------------------------------------------------------------------------
# Batches


def test_balanced_batches_have_as_many_clips_of_each_class() -> None:
    label = torch.tensor([0] * 9 + [3] * 5 + [5] * 1 + [6] * 4)
    generator = torch.Generator().manual_seed(0)
    batches = balanced(label, classes=3, size=12, steps=20, generator=generator)
    assert len(batches) == 20
    met = set()
    for rows in batches:
        counts = Counter(label[rows].tolist())
        assert len(counts) == 3 and set(counts.values()) == {4}
        assert all(len(set(rows[label[rows] == k].tolist())) == min(4, (label == k).sum()) for k in counts)
        met |= set(rows.tolist())
    assert met == set(range(19))
    again = balanced(label, 3, 12, 20, torch.Generator().manual_seed(0))
    assert all(torch.equal(a, b) for a, b in zip(batches, again, strict=True))
    assert not torch.equal(batches[0], balanced(label, 3, 12, 1, torch.Generator().manual_seed(1))[0])
    (few,) = balanced(label, classes=16, size=64, steps=1, generator=generator)
    assert Counter(label[few].tolist()) == {0: 16, 3: 16, 5: 16, 6: 16}, "the batch stays as large with fewer classes"


@pytest.mark.parametrize("name", OBJECTIVES)
def test_an_epoch_has_as_many_steps_and_clips_whatever_the_objective(name: str) -> None:
    label = torch.arange(100) % 10
    config = replace(CONFIG, objective=name, batch_size=20, batch_classes=5)
    objective = build_loss(config, Sizes(get_layout("ntu25"), 4, 4, 4, 10)).objective
    batches = objective.batches(label, config.batch_size, torch.Generator().manual_seed(0))
    assert [len(rows) for rows in batches] == [20] * 5
    if OBJECTIVES[name].classifies:
        assert sorted(torch.cat(list(batches)).tolist()) == list(range(100))


# ---------------------------------------------------------------------------------------------------------------------
# Training


@pytest.mark.parametrize("guidance", ["none", "g2l", "l2g", "both"])
@pytest.mark.parametrize("name", OBJECTIVES)
def test_every_parameter_learns_or_the_guidance_is_refused(base, bank, name: str, guidance: str) -> None:
    config = replace(CONFIG, objective=name, guidance=guidance)
    if name in COMPARISONS and guidance in ("l2g", "both"):
        with pytest.raises(ValueError, match=rf"'{name}' trains no classifier, .*guidance='{guidance}'.*guidance=none"):
            build_model(config, base.layout, 1, 3, 6, text_width=10)
        return
    model = build_model(config, base.layout, 1, 3, 6, text_width=10)
    assert (model.classifier is None) == (name in COMPARISONS)
    label = torch.arange(12) % 6
    x = random(12, 1, 8, 25, 9)
    batch = (x, torch.ones(12, 1, dtype=torch.bool), label, None)
    losses = build_losses(config, model, base.layout, bank)
    found = train_step(losses, build_optimizer(losses, config), batch, bank)
    assert all(p.grad is not None for p in losses.parameters())
    total = found.pop("total_loss").item()
    weights = {"calibration_loss": 0.5} if guidance in ("g2l", "both") else {}
    weights |= {"cross_modal_loss": 0.2} if guidance in ("l2g", "both") else {}
    assert weights.keys() < found.keys()
    weights = OWN_LOSSES.get(name, dict.fromkeys(found, 1.0)) | weights
    assert found.keys() == weights.keys()
    assert total == pytest.approx(sum(weights[key] * value.item() for key, value in found.items()), rel=1e-5)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_every_objective_learns_saves_and_loads(base, bank, tmp_path: Path, monkeypatch, name: str) -> None:
    """That it repeats itself is seen below, where it is trained twice."""
    monkeypatch.setitem(ENCODERS, "tiny", t.partial(t.TINY, bottleneck=False))  # its noise hides two seconds' learning
    config = replace(CONFIG, objective=name, epochs=10, batch_size=12)
    trained = fit(config, base, bank, tmp_path / "a")
    losses = [record["total_loss"] for record in trained.details["history"]]
    assert np.mean(losses[-3:]) < 0.95 * np.mean(losses[:3])
    weights = load_file(tmp_path / "a" / "model.safetensors")
    assert not [key for key in weights if key.startswith("cross_modal")]
    assert any(key.startswith("classifier") for key in weights) == OBJECTIVES[name].classifies
    loaded = TrainedModel.load(tmp_path / "a")
    assert np.array_equal(loaded.embed(base), trained.embed(base))
    assert loaded.num_parameters == trained.num_parameters == sum(p.numel() for p in loaded.model.parameters())
    assert f'"objective": "{name}"' in (tmp_path / "a" / "README.md").read_text()


@pytest.mark.parametrize("name", OBJECTIVES)
def test_nothing_of_the_novel_classes_or_validation_clips_reaches_the_weights(tmp_path: Path, name: str) -> None:
    """Other novel motions and labels and other validation clips give the same bits after the last epoch."""
    clips, config, rng = t.make_clips(), replace(CONFIG, objective=name), np.random.default_rng(0)
    bank = t.make_bank(t.ACTIONS[:6])
    fit(config, split_task(clips, t.NOVEL, 2, "tiny").base, bank, tmp_path / "a")
    base = split_task(clips, t.NOVEL, 2, "tiny").base
    _, validation_clips = split_validation(base, config.validation_clips, config.seed)
    rubbish = [
        *np.flatnonzero(clips.label >= 6),
        *validation_clips,
    ]  # base classes come first, their clips keep their places
    assert np.array_equal(base.xyz[: base.offsets[1]], clips.xyz[: clips.offsets[1]])
    xyz = clips.xyz.copy()
    for i in rubbish:
        xyz[clips.offsets[i] : clips.offsets[i + 1]] = rng.standard_normal((clips.frames[i], 25, 3))
    fit(config, split_task(replace(clips, xyz=xyz), t.NOVEL, 2, "tiny").base, bank, tmp_path / "b")
    assert t.same(t.last_weights(tmp_path / "a"), t.last_weights(tmp_path / "b"))


@pytest.mark.parametrize("name", COMPARISONS)
def test_the_epoch_is_chosen_by_one_shot_accuracy_of_validation_clips(base, bank, tmp_path, monkeypatch, name) -> None:
    monkeypatch.setattr(trainer, "DeviceClips", t.Spy)
    t.Spy.asked = []
    trained = fit(replace(CONFIG, objective=name), base, bank, tmp_path)
    training, validation_clips = split_validation(base, CONFIG.validation_clips, CONFIG.seed)
    assert set(t.Spy.asked) <= set(training.tolist())
    exemplars = training_exemplars(base.label, training, CONFIG.seed)
    z, right = trained.embed(base), []
    for draw in exemplars:
        for query in validation_clips:
            cosine = [z[query] @ z[e] / np.linalg.norm(z[query]) / np.linalg.norm(z[e]) for e in draw]
            right.append(int(np.argmax(cosine)) == base.label[query])
    assert trained.details["validation_accuracy"] == pytest.approx(np.mean(right))


def test_training_exemplars_are_training_clips_one_of_each_class(base: SkeletonSet) -> None:
    training, _ = split_validation(base, 0.2, 0)
    exemplars = training_exemplars(base.label, training, seed=0)
    assert exemplars.shape == (5, 6) and set(exemplars.flat) <= set(training)
    assert (base.label[exemplars] == np.arange(6)).all()
    assert len({tuple(draw) for draw in exemplars}) > 1
    assert not np.array_equal(exemplars, training_exemplars(base.label, training, seed=1))


def test_a_killed_training_of_an_objective_with_parameters_of_its_own_goes_on(base, bank, tmp_path: Path) -> None:
    config = replace(CONFIG, objective="gap", epochs=3)

    def stop(record: dict[str, float]) -> None:
        if record["epoch"] == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(config, base, bank, tmp_path / "cut", after_epoch=stop)
    seen: list[float] = []
    fit(config, base, bank, tmp_path / "cut", after_epoch=lambda record: seen.append(record["epoch"]))
    fit(config, base, bank, tmp_path / "whole")
    assert seen == [2]
    assert any("projection" in key for key in t.last_weights(tmp_path / "whole"))
    assert t.same(t.last_weights(tmp_path / "cut"), t.last_weights(tmp_path / "whole"))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"objective": "protnet"},
            "unknown objective 'protnet'; did you mean 'protonet'.* Objectives: classification.* package is",
        ),
        (
            {"objective": "triplet", "guidance": "none", "batch_size": 31},
            "batch_classes=16 must lie between 2 and half of .*=31",
        ),
        ({"objective": "triplet", "guidance": "none", "batch_classes": 1}, "batch_classes=1 must lie between 2 and"),
    ],
)
def test_what_cannot_be_an_objective_is_named(values: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        find_objective(Config.create(**values))


def test_a_setting_that_there_is_not_is_told_with_its_objective(monkeypatch: pytest.MonkeyPatch) -> None:
    class Brier(OBJECTIVES["classification"]):
        settings = ("brier_weight",)

    monkeypatch.setitem(OBJECTIVES, "brier", Brier)
    with pytest.raises(ValueError, match="objective='brier' names 'brier_weight' in its settings, which is no setting"):
        find_objective(replace(CONFIG, objective="brier"))


@pytest.mark.parametrize(
    ("losses", "got"),
    [
        (torch.ones(4), "got Tensor"),
        ({"mine": torch.ones(4)}, r"got 'mine': a tensor \(4,\)"),
        ({"mine": 1.0}, "got 'mine': 1.0"),
    ],
)
def test_losses_that_are_no_scalars_by_name_are_told_with_their_objective(
    monkeypatch, losses: object, got: str
) -> None:
    class Brier(OBJECTIVES["classification"]):
        def losses(self, out, label, texts):
            return losses

    monkeypatch.setitem(OBJECTIVES, "brier", Brier)
    z = random(4, 4)
    out = CrossGLGOutput(logits=z, z=z, joint_features=z, joint_importance=None, cross_modal_logits=None)
    loss = build_loss(replace(CONFIG, objective="brier"), Sizes(get_layout("ntu25"), 4, 4, 4, 4))
    told = "losses of the objective Brier must give a dictionary of names and scalar tensors, .*, "
    with pytest.raises(ValueError, match=told + got):
        loss(out, LABELS[:4], TextBank((), torch.empty(0), None, torch.empty(0)))
