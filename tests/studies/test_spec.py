"""A study's file becomes its runs, named by what decides their numbers; what cannot be a study is named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.small_study import CONTENT, SETTINGS, TINY, load

from crossglg.encoders import ENCODERS
from crossglg.studies.spec import Study


@pytest.fixture(autouse=True)
def tiny_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENCODERS, "tiny", TINY)


def test_a_study_is_benchmarks_by_encoders_by_methods_by_seeds(tmp_path: Path) -> None:
    parsed = load(
        tmp_path, benchmarks=["a.json:x", "DATA/b.json:y"], encoders=["tiny", "infogcn-small"], seeds=[3, 0, 7],
        preset="smoke", settings={"dataset": "c.npz", "epochs": 9},
    )  # fmt: skip
    runs = parsed.runs()
    assert len(runs) == len({r.name for r in runs}) == 2 * (1 + 2 * 3 * 2)
    first = runs[2]  # raw is once per benchmark
    assert [r.method for r in runs[:3]] == ["raw", "raw", "base"]
    c = first.config
    assert (c.benchmark, c.encoder, c.seed, c.guidance, c.frames, c.epochs) == ("a.json:x", "tiny", 3, "none", 16, 9)
    assert [r.seed for r in runs] == [None] * 2 + [3] * 8 + [0] * 8 + [7] * 8
    assert parsed.reference == "base"


def test_a_run_is_named_by_its_settings_alone(tmp_path: Path) -> None:
    runs = load(tmp_path).runs()
    names = [r.name for r in runs]
    assert re.fullmatch(r"toy-tiny-both-seed0-[0-9a-f]{10}", names[2])
    elsewhere = {**SETTINGS, "dataset": "/other/mine.npz", "device": "cuda", "cuda_graph": False, "precision": "auto"}
    moved = load(tmp_path, settings=elsewhere, benchmarks=["x/toy.json:toy"])
    renamed = load(tmp_path, methods={"plain": {"guidance": "none"}, "ours": {"guidance": "both"}})
    for other in (moved, renamed):
        assert [r.name for r in other.runs()] == names
    for change in ({"epochs": 2}, {"precision": "bfloat16"}):
        changed = load(tmp_path, settings={**SETTINGS, **change}).runs()
        assert [a == b.name for a, b in zip(names, changed, strict=True)] == [True] + 4 * [False]


def test_on_validation_classes_classes_all_runs_have_the_same(tmp_path: Path) -> None:
    runs = load(tmp_path, settings={**SETTINGS, "validation_classes": 0.5, "validation_split": 2}).runs()
    assert {(r.config.validation_classes, r.config.validation_split) for r in runs} == {(0.5, 2)}  # raw coordinates too
    assert all(r.name.startswith("toy-validation2-") for r in runs)
    assert not {r.name for r in runs} & {r.name for r in load(tmp_path).runs()}


@pytest.mark.parametrize(
    ("entry", "setting", "less", "whole", "called"),
    [("base_shares", "base_share", 0.5, 1.0, "toy-base50-"), ("base_clips", "base_clips", 5, 0, "toy-clips5-")],
)
def test_every_base_side_is_a_benchmark(
    tmp_path: Path, entry: str, setting: str, less: float, whole: float, called: str
) -> None:
    runs = load(tmp_path, **{entry: [less, whole]}, seeds=[0]).runs()
    assert [(r.method, getattr(r.config, setting)) for r in runs] == [
        ("raw", less), ("raw", whole), ("base", less), ("crossglg", less), ("base", whole), ("crossglg", whole),
    ]  # fmt: skip
    assert sum(r.name.startswith(called) for r in runs) == 3
    assert {r.name for r in runs} >= {r.name for r in load(tmp_path, seeds=[0]).runs()}, "the whole is shared"


def test_a_base_side_is_named_in_words(tmp_path: Path) -> None:
    sides = load(tmp_path, base_clips=[5, 0], base_shares=[0.5, 1.0]).base_sides
    assert [str(side) for side in sides] == [
        "50 % of the base classes, 5 clips of each", "50 % of the base classes",
        "5 clips of each base class", "100 % of the base classes",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"base_shares": [2.0]}, "base_share=2.0 must be at most 1.0"),
        ({"base_shares": [2]}, "base_share=2.0 must be at most 1.0"),
        ({"base_shares": ["all"]}, r"base_shares: \['all'\] must be different values, each a number$"),
        ({"methods": {True: {}}}, "YAML reads the name of a method as True, which is no text: write it in quotes"),
        ({"methods": {"a": {"base_share": 0.5}}}, "method 'a' must not set 'base_share'"),
        ({"base_clips": [-5]}, "base_clips=-5 must be at least 0"),
        ({"methods": {"a": {"base_clips": 5}}}, "method 'a' must not set 'base_clips'"),
        ({"benchmark": ["a"]}, r"unknown entry 'benchmark'; did you mean 'benchmarks'"),
        ({"seeds": [0, 0]}, r"seeds: \[0, 0\] must be different values, each a whole number"),
        ({"seeds": [True]}, "each a whole number"),
        ({"seeds": [-1]}, "seed=-1 must be at least 0"),
        ({"seeds": 3}, "seeds: 3 must be a list"),
        ({"seeds": [3], "ensembles": True}, r"an ensemble is of several seeds, and seeds are \[3\]"),
        ({"ensembles": "yes"}, "ensembles: 'yes' must be true or false"),
        ({"methods": {"a ×2": {}}}, "cannot be called 'a ×2'"),
        ({"methods": {}}, "it needs 'methods'"),
        ({"methods": {"a": {"epoch": 3}}}, r"method 'a': unknown setting 'epoch'; did you mean 'epochs'"),
        ({"methods": {"a": {"epochs": "x"}}}, r"method 'a': epochs='x' is not of the kind int"),
        ({"methods": {"a": 3}}, "method 'a': 3 must be settings"),
        ({"methods": {"a": {}, "b": {"guidance": "both"}}}, "'a' and 'b' have the same settings"),
        ({"methods": {"a": {"seed": 3}}}, "method 'a' must not set 'seed'"),
        ({"methods": {"a": {"episodes": 3}}}, "method 'a' must not set 'episodes'"),
        ({"methods": {"a": {"validation_classes": 0.3}}}, "method 'a' must not set 'validation_classes'"),
        ({"methods": {"raw": {}}}, "cannot be called 'raw'"),
        ({"methods": {"a": {"encoder": "tiny"}}, "encoders": ["tiny"]}, "must not set 'encoder'"),
        ({"settings": {"benchmark": "x"}}, "settings must not set 'benchmark'"),
        ({"methods": {"dtw": {}}}, "cannot be called 'dtw'"),
        ({"methods": {"a": {"objective": "protnet"}}}, "unknown objective 'protnet'; did you mean 'protonet'"),
        ({"methods": {"a": {"objective": "triplet"}}}, "trains no classifier, .*use guidance=none or guidance=g2l"),
        ({"untrained": ["dwt"]}, "untrained: unknown 'dwt'; did you mean 'dtw'"),
        ({"untrained": ["dtw"], "reference": "raw"}, "reference 'raw' is no method"),
        ({"classifiers": ["cosine", "cosine"]}, "classifiers: .* must be different values"),
        ({"classifiers": ["cosin"]}, "classifiers: unknown 'cosin'; did you mean 'cosine'"),
        (
            {"classifiers": ["joint-importance"], "methods": {"a": {"guidance": "none"}}},
            "classifiers: 'joint-importance' compares by joint importance, which no method learns; give a method",
        ),
        (
            {"classifiers": ["zero-shot-attributes"], "measured": ["zero-shot-attributes"]},
            "'zero-shot-attributes' compares by statements, which no method learns; give a method",
        ),
        (
            {"classifiers": ["either-side-cosine"]},
            "classifiers: 'either-side-cosine' is not measured; add it to measured",
        ),
        ({"measured": ["cosin"]}, "measured: unknown 'cosin'; did you mean 'cosine'"),
        ({"measured": ["euclidean"]}, "classifiers: 'cosine' is not measured; add it to measured"),
        ({"reference": "bass"}, "reference 'bass' is no method; did you mean 'base'\\? Methods: base, "),
        ({"encoders": ["infogcm"]}, "unknown encoder 'infogcm'; did you mean 'infogcn'"),
        ({"preset": "papr"}, "unknown preset 'papr'"),
        ({"benchmarks": ["a/t.json:x", "b/t.json:x"]}, "two files have the same name and both have 'x'"),
    ],
)
def test_what_cannot_be_a_study_is_named(tmp_path: Path, changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load(tmp_path, **changes)


def test_what_yaml_would_swallow_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'a' is there twice"):
        load(tmp_path, "methods: {a: {}, a: {guidance: none}}")
    with pytest.raises(ValueError, match=r"yaml, line 1 is not readable YAML: [^\n]+$"):
        load(tmp_path, "methods: {a: [}")
    without_protocol = {**CONTENT, "settings": SETTINGS}
    del without_protocol["benchmarks"]
    with pytest.raises(ValueError, match="every seed would draw other novel classes"):
        load(tmp_path, without_protocol)
    with pytest.raises(FileNotFoundError, match="no study 'guidanse'; did you mean 'guidance'"):
        Study.load("guidanse")


def test_the_studies_that_come_with_the_project() -> None:
    guidance, left_out, synthetic = (Study.load(name) for name in ("guidance", "left_out", "synthetic"))
    assert len(guidance.runs()) == 5 * 4 + 5 * 3 * 5 and len(left_out.runs()) == 10 * 4 + 10 * 6 * 5
    less_decay = Study.load("less_decay")
    assert less_decay.benchmarks == left_out.benchmarks and less_decay.methods.keys() == left_out.methods.keys()
    assert guidance.methods.items() < left_out.methods.items(), "the same question on other benchmarks"
    assert [run.method for run in guidance.runs()[:4]] == ["raw", "dtw", "dtw-movement", "dtw-streams"]
    longer, base_classes, variants = (Study.load(name) for name in ("longer", "base_classes", "variants"))
    assert longer.benchmarks == base_classes.benchmarks == variants.benchmarks == left_out.benchmarks
    assert variants.methods.items() > less_decay.methods.items(), "these they share"
    assert base_classes.methods.items() < less_decay.methods.items(), "with all classes they share their runs"
    either_side = Study.load("either_side")
    assert either_side.benchmarks == left_out.benchmarks and either_side.methods.items() < left_out.methods.items()
    longest = {name: config for name, config in longer.methods.items() if name != "baseline, 12 epochs"}
    assert {c.epochs for c in longest.values()} == {3 * c.epochs for c in left_out.methods.values()}
    assert longer.methods["baseline, 12 epochs"] == left_out.methods["baseline"]
    for study in (guidance, left_out, less_decay, synthetic, longer, base_classes):
        assert {c.guidance for c in study.methods.values()} == {"none", "both"}
        assert {c.objective for c in study.methods.values()} <= {"classification", "text-retrieval", "attributes"}
        assert not any(c.validation_clips for c in study.methods.values()), "no method chooses its epoch"
    for name in ("synthetic", "tiny"):
        assert all(r.config.dataset.startswith("synthetic") for r in Study.load(name).runs())
