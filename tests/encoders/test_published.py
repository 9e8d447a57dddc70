"""Published weights go through `published.py` into our encoders, which then compute what the published code computes.

What that code computes on weights made by a rule (`numerics.by_rule`) is pinned in golden/published.json; beside a
checkout of this project with the files of the published models' outputs, everything in them is compared.
"""

from __future__ import annotations

import json
import math
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from support.golden.regenerate import GOLDEN
from support.numerics import by_rule
from torch import Tensor, nn
from typer.testing import CliRunner

from crossglg.cli import app
from crossglg.config import Config
from crossglg.data.clips import SkeletonSet
from crossglg.data.synthetic import ACTIONS, synthesize
from crossglg.data.tasks import load_task, split_task
from crossglg.encoders import build_encoder
from crossglg.encoders.base import PersonIndex, SkeletonEncoder
from crossglg.encoders.dstformer import DSTformer
from crossglg.encoders.inference import for_inference
from crossglg.encoders.infogcn import InfoGCN, relative_positions
from crossglg.encoders.published import CLASSIFIERS, WeightsError, load_published, published_names, read_checkpoint
from crossglg.files import read_json
from crossglg.recognition.recognizer import Recognizer
from crossglg.skeletons import get_layout
from crossglg.training import recipe
from crossglg.training.evaluation import already_learned, known_classes
from crossglg.training.trained_model import TrainedModel
from crossglg.training.trainer import fit

NTU = get_layout("ntu25")
PINNED = GOLDEN.with_name("published.json")
SHARED = Path(__file__).parents[3] / "shared" / "golden"
FILES = {"infogcn": "infogcn", "ctrgcn": "ctrgcn", "hdgcn": "hdgcn", "stgcn++": "stgcnpp", "dstformer": "dstformer128"}
each_encoder = pytest.mark.parametrize("name", FILES)


def new(name: str) -> tuple[SkeletonEncoder, nn.Linear | None]:
    torch.manual_seed(0)
    if name == "dstformer":  # 42 million parameters compute nothing else
        return DSTformer(get_layout("h36m17"), 3, 1, width=128, representation=512), None
    encoder = build_encoder(name, NTU)
    return encoder, nn.Linear(encoder.out_features, 120) if type(encoder) in CLASSIFIERS else None


def weights_of(encoder: SkeletonEncoder, classifier: nn.Linear | None) -> dict[str, Tensor]:
    """Rule-made tensors of the published names and shapes."""
    names = published_names(encoder, classifier)
    return {n: by_rule(n, (sum(map(len, parts)), *parts[0].shape[1:])) for n, parts in names.items()}


def loaded(name: str) -> tuple[SkeletonEncoder, nn.Linear | None]:
    encoder, classifier = new(name)
    assert load_published(encoder, weights_of(encoder, classifier), classifier) == ()
    return encoder.eval(), classifier


def clips(name: str) -> tuple[Tensor, Tensor]:
    if name == "dstformer":
        return by_rule("input17", (2, 24, 17, 3), -1.0, 1.0)[:, None], torch.ones(2, 1, dtype=torch.bool)
    return by_rule("input", (2, 3, 64, 25, 2), -1.0, 1.0).permute(0, 4, 2, 3, 1), torch.ones(2, 2, dtype=torch.bool)


@torch.no_grad()
def outputs(name: str, encoder: SkeletonEncoder, classifier: nn.Linear | None) -> dict[str, Tensor]:
    """What a golden file holds, by its names there."""
    x, mask = clips(name)
    bodies = PersonIndex.of(mask)
    feat = encoder.input(x, bodies)
    found: dict[str, Tensor] = {}
    for i in range(len(encoder.blocks)):
        feat = encoder.run_blocks(feat, i, i + 1)
        found[f"block{i + 1}"] = feat.mean(2)  # (B, D, V)
    if name == "dstformer":
        return {"representation": feat.permute(0, 2, 3, 1)[:, ::6]}
    found["z"] = encoder.head(bodies.mean(feat.mean((2, 3))))
    if classifier is not None:
        found["logits"] = classifier(found["z"])
    return found


def sample(values: Tensor) -> list[float]:
    """A few numbers of an output, spread over it."""
    flat = values.flatten()
    return [float(f"{v:.6g}") for v in flat[:: max(1, len(flat) // 8)][:8].tolist()]


def assert_close(ours: Tensor, theirs: Any, what: str) -> None:
    theirs = torch.as_tensor(theirs)
    scale = float(theirs.abs().max())
    assert float((ours - theirs).abs().max()) < 1e-4 * scale, what


def shared(name: str) -> Any:
    path = SHARED / f"{FILES[name]}.npz"
    if not path.is_file():
        pytest.skip(f"no outputs of the published code beside this checkout ({path.name}); the pinned ones are tested")
    return np.load(path)


@each_encoder
def test_outputs_are_the_pinned_ones(name: str) -> None:
    pinned = read_json(PINNED)[name]
    encoder, classifier = loaded(name)
    for form in (encoder, for_inference(encoder)):
        computed = outputs(name, form, classifier)
        for key, numbers in pinned.items():
            ours = torch.tensor(sample(computed[key]))
            theirs = torch.tensor(numbers)
            assert float((ours - theirs).abs().max()) < 1e-4 * float(computed[key].abs().max()), key


@each_encoder
def test_outputs_and_names_are_those_of_the_published_code(name: str) -> None:
    golden = shared(name)
    encoder, classifier = loaded(name)
    shapes = {
        n: tuple(map(int, s.split(",")))
        for n, s in zip(golden["names"].tolist(), golden["shapes"].tolist(), strict=False)
    }
    ours = {n: tuple(t.shape) for n, t in weights_of(encoder, classifier).items()}
    apart = ("head.", "cls_head.")  # the regressor of a pre-training; a classifier that is another module there
    assert {n: s for n, s in ours.items() if not n.startswith(apart)} == {
        n: s for n, s in shapes.items() if not n.startswith(apart)
    }
    kept = [key for key in golden.files if key not in ("names", "shapes", "initial_topology")]
    pinned = read_json(PINNED)[name]
    for form in (encoder, for_inference(encoder)):
        computed = outputs(name, form, classifier)
        for key in kept:
            assert_close(computed[key], golden[key], f"{name} {key}")
    for key in kept:
        np.testing.assert_allclose(pinned[key], sample(torch.from_numpy(golden[key])), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["ctrgcn", "hdgcn", "stgcn++"])
def test_a_new_encoder_starts_with_the_published_topology(name: str) -> None:
    topology = shared(name)["initial_topology"]
    encoder, classifier = new(name)
    names = published_names(encoder, classifier)
    starts = [parts[0] for n, parts in names.items() if n.endswith((".PA", "gcn.A"))]
    assert len(starts) == 10
    for start in starts:
        np.testing.assert_array_equal(start.detach().numpy(), topology)


def test_the_first_mode_is_the_published_one() -> None:
    path = SHARED / "infogcn_mode1.npz"
    if not path.is_file():
        pytest.skip("no outputs of the published code beside this checkout; a loop over bones is in test_encoders")
    golden = np.load(path)
    np.testing.assert_array_equal(relative_positions(NTU, 1).numpy(), golden["relative"])
    encoder, classifier = InfoGCN(NTU, 3, 2, mode=1), nn.Linear(256, 120)
    load_published(encoder, weights_of(encoder, classifier), classifier)
    computed = outputs("infogcn", encoder.eval(), classifier)
    for key in ("z", "logits"):
        assert_close(computed[key], golden[key], key)


def root(of: float) -> float:
    return math.sqrt(2.0 / of)


# Published name → standard deviation of a new tensor; 64 features in, 128 out, branches of 32 where blocks widen.
DEVIATIONS = {
    "infogcn": {
        "pos_embedding": 1.0, "l4.agcn.conv_d.0.weight": root(128 * 64 * 3), "l4.agcn.attn.to_qk.weight": 1.0,
        "l4.agcn.down.0.weight": root(128), "l4.residual.conv.weight": root(128),
        "fc.weight": math.sqrt(2.0) / math.sqrt(256), "fc_mu.weight": math.sqrt(2.0) / math.sqrt(256),
        "decoder.weight": root(120),
    },
    "ctrgcn": {
        "l5.gcn1.convs.1.conv1.weight": root(8), "l5.gcn1.convs.1.conv3.weight": root(128),
        "l5.gcn1.convs.1.conv4.weight": root(128), "l5.gcn1.down.0.weight": root(128),
        "l5.tcn1.branches.0.0.weight": root(32), "l5.tcn1.branches.1.3.conv.weight": root(32 * 5),
        "l5.tcn1.branches.3.0.weight": root(32), "l5.residual.conv.weight": root(128), "fc.weight": root(120),
    },
    "hdgcn": {
        "l5.gcn1.conv_down.2.0.weight": root(32), "l5.gcn1.conv.2.1.0.weight": root(32),
        "l5.gcn1.conv.2.3.conv.0.weight": root(32), "l5.gcn1.aha.edge_conv.conv.0.weight": root(32),
        "l5.gcn1.aha.conv_down.0.weight": root(32), "l5.tcn1.branches.0.0.weight": root(32),
        "l5.tcn1.branches.1.3.conv.weight": root(32 * 5), "l5.residual.conv.weight": root(128), "fc.weight": root(120),
    },
    "stgcn++": {"cls_head.fc_cls.weight": 0.01},
    "dstformer": {
        "joints_embed.weight": 0.02, "blocks_st.1.attn_s.qkv.weight": 0.02, "blocks_ts.1.mlp_t.fc2.weight": 0.02,
        "pre_logits.fc.weight": 0.02, "pos_embed": 0.02,
    },
}  # fmt: skip


@each_encoder
def test_a_new_encoder_starts_with_the_published_deviations(name: str) -> None:
    encoder, classifier = new(name)
    if classifier is not None:
        encoder.start_classifier(classifier)
    names = published_names(encoder, classifier)
    for key, deviation in DEVIATIONS[name].items():
        found = torch.cat([part.detach().flatten() for part in names[key]])
        assert float(found.std()) == pytest.approx(deviation, rel=0.12), key
    ends = [key for key in names if key.endswith(("agcn.bn.weight", "gcn1.bn.weight"))]
    assert len(ends) == {"infogcn": 9, "ctrgcn": 10, "hdgcn": 10}.get(name, 0)
    assert all((part == 1e-6).all() for key in ends for part in names[key])


@each_encoder
def test_names_that_differ_are_listed(name: str) -> None:
    encoder, classifier = new(name)
    weights = weights_of(encoder, classifier)
    missing, misshapen = list(weights)[1], list(weights)[2]
    state = {key: value.clone() for key, value in encoder.state_dict().items()}
    broken = {**weights, misshapen: torch.zeros(7, 7), "what.is.this": torch.zeros(1)}
    del broken[missing]
    with pytest.raises(WeightsError) as error:
        load_published(encoder, broken, classifier)
    for part in (
        f"missing: {missing}; unknown: what.is.this",
        f"of another shape: {misshapen} is (7, 7), expected",
        "3 names",
    ):
        assert part in str(error.value)
    assert all(torch.equal(value, state[key]) for key, value in encoder.state_dict().items()), "nothing was copied"


def test_every_weight_of_an_encoder_is_written_once() -> None:
    """No part of a parameter is left as it was, none is the place of two names but HD-GCN's second registration."""
    for name in FILES:
        encoder, classifier = new(name)
        with torch.no_grad():
            for tensor in encoder.state_dict().values():
                tensor.zero_()
            for key, parts in published_names(encoder, classifier).items():
                for part in parts if ".gcn1.conv_d." not in key else ():
                    part += 1
        for key, tensor in encoder.state_dict().items():
            assert key.endswith("num_batches_tracked") or (tensor == 1).all(), f"{name}: {key}"


def test_a_checkpoint_is_found_in_its_wrappers(tmp_path: Path) -> None:
    weights = {"pos": torch.ones(2), "fc.weight": torch.zeros(1, 2)}
    for i, content in enumerate(
        (
            weights,
            {"state_dict": {f"module.{n}": t for n, t in weights.items()}, "epoch": 3},
            {"model_pos": {f"module.backbone.{n}": t for n, t in weights.items()}, "lr": 0.1},
            {"meta": {"config": "a text"}, "model": {f"backbone.{n}": t for n, t in weights.items()}},
        )
    ):
        torch.save(content, tmp_path / f"{i}.pt")
        found = read_checkpoint(tmp_path / f"{i}.pt")
        assert found.keys() == weights.keys() and all(map(torch.equal, found.values(), weights.values()))
    save_file(weights, tmp_path / "weights.safetensors")
    assert read_checkpoint(tmp_path / "weights.safetensors").keys() == weights.keys()


class Payload:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.target),)

    def __init__(self, target: Path) -> None:
        self.target = target


def test_what_is_no_checkpoint_is_refused_and_runs_nothing(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    for name, content in {
        "evil": {"state_dict": {"a": Payload(ran)}},
        "list": [1],
        "empty": {},
        "numbers": {"a": 1},
    }.items():
        torch.save(content, tmp_path / f"{name}.pt")
    (tmp_path / "garbage.pt").write_bytes(b"hello")
    (tmp_path / "cut.pt").write_bytes((tmp_path / "evil.pt").read_bytes()[:50])
    (tmp_path / "garbage.safetensors").write_bytes(b"hello")
    for path in sorted(tmp_path.iterdir()):
        with pytest.raises(WeightsError, match=r"torch\.save\(model\.state_dict\(\), FILE\)|no safetensors file"):
            read_checkpoint(path)
    assert not ran.exists()
    with pytest.raises(WeightsError, match="is a folder; give the file of the weights"):
        read_checkpoint(tmp_path)
    with pytest.raises(FileNotFoundError, match="no file"):
        read_checkpoint(tmp_path / "none.pt")


def test_an_encoder_without_published_weights_says_so() -> None:
    class Other(SkeletonEncoder):
        def embed_input(self, x: Tensor, bodies: PersonIndex) -> Tensor:
            return x

    with pytest.raises(WeightsError, match="no published weights are known for Other; known: InfoGCN, CTRGCN"):
        published_names(Other())


def imported(folder: Path, name: str = "ctrgcn", *options: str) -> Path:
    """Weights of a published model, as a model that `crossglg import-weights` wrote."""
    encoder, classifier = new(name)
    torch.save({"state_dict": {f"module.{n}": t for n, t in weights_of(encoder, classifier).items()}}, folder / "w.pt")
    command = ["import-weights", str(folder / "w.pt"), "--encoder", name, "--output", str(folder / "model"), *options]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    assert "120 classes" in result.output and "initial_weights=" in result.output
    return folder / "model"


def test_imported_weights_embed_as_published_code_with_zeros_for_absent_persons(tmp_path: Path) -> None:
    model = TrainedModel.load(imported(tmp_path)).model.eval()
    encoder, _ = loaded("ctrgcn")
    x, _ = clips("ctrgcn")
    with torch.no_grad():
        alone = model.embed(x[:, :1], torch.ones(2, 1, dtype=torch.bool))
        absent = model.embed(torch.stack([x[:, 0], torch.full_like(x[:, 1], torch.nan)], 1),
                             torch.tensor([[True, False]] * 2))  # fmt: skip
        both = torch.ones(2, 2, dtype=torch.bool)
        expected = encoder(torch.stack([x[:, 0], torch.zeros_like(x[:, 1])], 1), both)
        assert_close(model.embed(x, both), encoder(x, both), "two persons")
    assert_close(alone, expected, "one person")
    assert_close(absent, expected, "an absent person")


def test_imported_weights_recognize_and_their_card_says_what_is_not_known(tmp_path: Path) -> None:
    names = tmp_path / "names.txt"
    names.write_text("\n".join(f"action {k}" for k in range(120)))
    folder = imported(tmp_path, "ctrgcn", "--classes", str(names), "--set", "frames=16")
    trained = TrainedModel.load(folder)
    assert trained.class_names[:2] == ("action 0", "action 1") and trained.config.frames == 16
    novel = load_task(Config.create("smoke", dataset="synthetic-small")).novel
    exemplars = novel.subset([int(np.flatnonzero(novel.label == k)[0]) for k in range(3)])
    found = Recognizer.of(trained, exemplars).recognize(exemplars)
    assert [recognition.ranking[0][0] for recognition in found] == [exemplars.class_of(i) for i in range(3)]
    card = (folder / "README.md").read_text()
    assert "What it was trained on is not in the file" in card and "w.pt" in card
    names.write_text("only one")
    command = ["import-weights", str(tmp_path / "w.pt"), "--encoder", "ctrgcn", "--output", str(tmp_path / "other")]
    result = CliRunner().invoke(app, [*command, "--classes", str(names)])
    assert "1 class names were given, the classifier in" in str(result.exception)
    result = CliRunner().invoke(app, [*command[:-1], str(folder)])
    assert "is not empty; choose another --output" in str(result.exception)


STARTED = {"epochs": 1, "batch_size": 16, "device": "cpu", "guidance": "none", "streams": "joint", "encoder": "ctrgcn",
           "frames": 8, "learning_rate": 1e-12, "weight_decay": 0.0}  # fmt: skip


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Settings of a training on few clips."""
    clips = synthesize(seed=3, clips_per_action=4, actions=ACTIONS[:8])
    return {**STARTED, "dataset": str(clips.save(tmp_path_factory.mktemp("data") / "few.npz"))}


def test_a_training_starts_from_imported_weights_and_goes_on_only_with_the_same(
    started: dict[str, Any], tmp_path: Path
) -> None:
    folder = imported(tmp_path)
    config = Config.create("smoke", **started, initial_weights=str(folder))
    recipe.check(config)
    prepared = recipe.prepare(config)
    trained = prepared.train(tmp_path / "run")
    assert trained.persons == 2
    before = TrainedModel.load(folder).model.encoder.state_dict()
    for name, value in trained.model.encoder.named_parameters():  # at this learning rate nothing moves
        torch.testing.assert_close(value, before[name], atol=1e-5, rtol=1e-4)
    state = torch.load(tmp_path / "w.pt")["state_dict"]
    torch.save({"state_dict": {n: t + 0.1 for n, t in state.items()}}, tmp_path / "w.pt")
    again = ["import-weights", str(tmp_path / "w.pt"), "--encoder", "ctrgcn", "--output", str(tmp_path / "other")]
    assert CliRunner().invoke(app, again).exit_code == 0
    other = Config.create("smoke", **started, initial_weights=str(tmp_path / "other"))
    with pytest.raises(ValueError, match="belongs to a training with other"):
        recipe.prepare(other).train(tmp_path / "run")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"encoder": "infogcn"}, "the initial weights are of encoder 'ctrgcn'"),
        ({"streams": "joint+bone"}, "with streams='joint' and do not fit"),
        ({"initial_weights": "nowhere"}, "no trained model in nowhere"),
    ],
)
def test_initial_weights_that_do_not_fit_are_refused(
    started: dict[str, Any], changed: dict[str, Any], message: str, tmp_path: Path
) -> None:
    config = Config.create("smoke", **{**started, "initial_weights": str(imported(tmp_path)), **changed})
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        recipe.check(config)
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        recipe.prepare(config).train(tmp_path / "run")


def test_initial_weights_of_another_layout_are_refused(started: dict[str, Any], tmp_path: Path) -> None:
    base = recipe.load_task(Config.create("smoke", **started)).base.retargeted(get_layout("kinect20"))
    config = Config.create("smoke", **started, initial_weights=str(imported(tmp_path)))
    with pytest.raises(ValueError, match="are for layout 'ntu25', the base clips have 'kinect20'"):
        fit(config, base, recipe.TextBank.without_texts(base.class_names, base.layout), tmp_path / "run")


def test_initial_weights_that_know_a_novel_class_are_refused(started: dict[str, Any], tmp_path: Path) -> None:
    novel = load_task(Config.create("smoke", **started)).novel.class_names
    (tmp_path / "names.txt").write_text("\n".join([novel[0], *(f"action {k}" for k in range(119))]))
    folder = imported(tmp_path, "ctrgcn", "--classes", str(tmp_path / "names.txt"))
    config = Config.create("smoke", **started, initial_weights=str(folder))
    for function in (recipe.check, recipe.prepare):
        with pytest.raises(ValueError, match=f"were trained on '{novel[0]}', which is a novel class of"):
            function(config)


def test_what_initial_weights_have_learned_is_handed_on(started: dict[str, Any], tmp_path: Path) -> None:
    """A model that began with weights that know "drink" knows it, too, and "drink water" is another name of it."""
    (tmp_path / "names.txt").write_text("\n".join(["drink", *(f"action {k}" for k in range(119))]))
    folder = imported(tmp_path, "ctrgcn", "--classes", str(tmp_path / "names.txt"))
    first = Config.create("smoke", **started, initial_weights=str(folder))
    clips = SkeletonSet.load(started["dataset"])
    task = split_task(clips, clips.class_names[-2:], 1, "t")
    nothing = recipe.TextBank.without_texts(task.base.class_names, clips.layout)
    trained = TrainedModel.load(fit(first, task.base, nothing, tmp_path / "second").save(tmp_path / "copy"))
    assert trained.learned >= {"drink", "action 7", *task.base.class_names} and not trained.past_is_known
    assert "What its initial weights have learned is not known" in (tmp_path / "copy" / "README.md").read_text()
    renamed = replace(task.base, class_names=tuple(f"base {k}" for k in range(6)))
    water = replace(task, base=renamed, novel=replace(task.novel, class_names=("drink water", "x")))
    config = Config.create("smoke", **started, initial_weights=str(tmp_path / "copy"))
    with pytest.raises(ValueError, match="were trained on 'drink water', which is a novel class"):
        recipe.refuse_what_knows_novel_classes(config, water)
    assert "1 of the 2 novel classes" in already_learned(water, trained)
    recipe.refuse_what_knows_novel_classes(config, task)


def test_one_action_is_known_by_two_names_and_two_actions_are_not_one() -> None:
    synthetic = load_task(Config(dataset="synthetic-small"))
    assert not known_classes(synthetic.base.class_names, synthetic), "though some look alike"
    for learned, novel, known in (
        ("drink water", "drink", True), ("drink", "Drink water", True), ("Wave", "wave", True),
        ("throw up cap/hat", "throw", False), ("throw up cap/hat", "toss a coin", False), ("clap", "wave", False),
    ):  # fmt: skip
        base, other = (
            replace(clips, class_names=tuple(f"{side} {k}" for k in range(len(clips.class_names))), canonical_names=())
            for side, clips in (("base", synthetic.base), ("novel", synthetic.novel))
        )
        task = replace(synthetic, base=base, novel=replace(other, class_names=(novel, *other.class_names[1:])))
        assert (known_classes([learned], task) == [novel]) == known


def regenerate() -> None:
    """Write published.json from the outputs beside the checkout: `cd tests; python -m encoders.test_published`."""
    pinned = {}
    for name in FILES:
        computed = outputs(name, *loaded(name))
        golden = shared(name)
        keys = [key for key in golden.files if key not in ("names", "shapes", "initial_topology")]
        pinned[name] = {key: sample(torch.from_numpy(golden[key])) for key in keys}
        for key in keys:
            assert_close(computed[key], golden[key], key)
    PINNED.write_text(json.dumps(pinned, indent=1) + "\n")


if __name__ == "__main__":
    regenerate()
