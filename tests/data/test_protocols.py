"""Shipped protocols are the published ones, name by name and clip by clip; a file of one's own is read or explained."""

from __future__ import annotations

import json
import re
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from crossglg import cli
from crossglg.config import Config
from crossglg.data.clips import SkeletonSet
from crossglg.data.protocols import Protocol, find_protocol, shipped_protocols, write_protocol
from crossglg.data.tasks import load_task, make_protocol
from crossglg.files import project_folder, read_json
from crossglg.runs.pipeline import run_name
from crossglg.skeletons import LAYOUTS, get_layout

NTU_NAMES = list(read_json(project_folder("prompts") / "descriptions" / "ntu120.json")["classes"])
NOVEL = [6 * i + 1 for i in range(20)]  # A1, A7, … A115
BASE = [a for a in range(1, 121) if a not in NOVEL]
VALIDATION = [6 * i + 2 for i in range(20)]  # A2, A8, … A116
NOVEL_60, BASE_60 = NOVEL[:10], BASE[:50]
# name: base and novel action numbers, base clips, queries: all clips less those on the authors' list of missing
# skeletons. Published by others too, but for the validation split and the sets of 10 and 30 base classes.
NTU: dict[str, tuple[list[int], list[int], int, int]] = {
    "ntu120-one-shot": (BASE, NOVEL, 95_001, 18_924),
    "ntu120-one-shot-20": (BASE[:20], NOVEL, 18_817, 18_924),
    "ntu120-one-shot-40": (BASE[:40], NOVEL, 37_739, 18_924),
    "ntu120-one-shot-60": (BASE[:60], NOVEL, 56_721, 18_924),
    "ntu120-one-shot-80": (BASE[:80], NOVEL, 75_831, 18_924),
    "ntu120-one-shot-clean": (BASE, NOVEL, 95_001, 18_884),
    "ntu120-one-shot-validation": ([a for a in BASE if a not in VALIDATION], VALIDATION, 76_013, 18_968),
    "ntu60-one-shot": (BASE_60, NOVEL_60, 47_180, 9_388),
    "ntu60-one-shot-10": (BASE_60[:10], NOVEL_60, 9_391, 9_388),
    "ntu60-one-shot-20": (BASE_60[:20], NOVEL_60, 18_817, 9_388),
    "ntu60-one-shot-30": (BASE_60[:30], NOVEL_60, 28_277, 9_388),
    "ntu60-one-shot-40": (BASE_60[:40], NOVEL_60, 37_739, 9_388),
}
PKU_NAMES = list(read_json(project_folder("prompts") / "descriptions" / "pku_mmd.json")["classes"])
PKU_NOVEL = [5, 10, 13, 16, 19, 21, 26, 30, 35, 40]
PKU_EXEMPLARS = [
    "A10N01-L_5", "A02N01-L_1", "A09N01-L_2", "A01N01-L_3", "A04N01-L_5",
    "A10N01-L_3", "A05N01-L_1", "A06N01-L_7", "A14N01-L_5", "A02N01-L_2",
]  # fmt: skip


def ntu_clip(action: int, camera: int = 3, performer: int = 8) -> str:
    return f"S{1 if action <= 60 else 18:03}C{camera:03}P{performer:03}R001A{action:03}"


def clips_of(label: list[int], names: list[str], ids: list[str], name: str, layout: str = "ntu25") -> SkeletonSet:
    """One-frame clips; clip i is filled with i + 1."""
    xyz = np.arange(1.0, len(label) + 1)[:, None, None] * np.ones((get_layout(layout).num_joints, 3))
    return SkeletonSet.build(
        xyz, range(len(label) + 1), label, names, get_layout(layout), name=name, sample_id=ids,
        source=[f"{name}.skeleton"] * len(label),
    )  # fmt: skip


def mini_ntu(name: str = "my_ntu") -> SkeletonSet:
    """Of each of the 120 actions the exemplar performance by three cameras, and one clip of another performer."""
    takes = [(camera, 8) for camera in (1, 2, 3)] + [(3, 1)]
    rows = [(action, ntu_clip(action, *take)) for action in range(1, 121) for take in takes]
    return clips_of([action - 1 for action, _ in rows], NTU_NAMES, [sample for _, sample in rows], name)


def mini_pku(present: list[str] = PKU_NAMES[:20] + PKU_NAMES[30:]) -> SkeletonSet:
    """The named classes with two clips each, of which the exemplars have the published ids."""
    ids = [f"B{k:02}N02-M_{n}" for k in range(len(present)) for n in (1, 2)]
    for place, exemplar in zip(PKU_NOVEL, PKU_EXEMPLARS, strict=True):
        ids[2 * (place - 1)] = exemplar
    label = [PKU_NAMES.index(name) for name in present for _ in (1, 2)]  # the set names all 51, as phase I has them
    return clips_of(label, PKU_NAMES, ids, "my_pku")


def published(action_numbers: list[int]) -> tuple[str, ...]:
    return tuple(NTU_NAMES[action - 1] for action in action_numbers)


# ---- the shipped protocols


def test_every_shipped_protocol_is_checked_here() -> None:
    assert set(shipped_protocols()) == {*NTU, "pku-mmd-one-shot", "kinetics-skeleton-one-shot"}


@pytest.mark.parametrize("name", shipped_protocols())
class TestShipped:
    def test_says_what_it_is_and_survives_writing(self, name: str, tmp_path: Path) -> None:
        protocol = find_protocol(name)
        assert protocol.title and protocol.source and protocol.notes and protocol.dataset
        assert protocol.layout in LAYOUTS
        assert find_protocol(f"{write_protocol(tmp_path / 'copy.json', protocol)}:{name}") == protocol

    def test_classes_and_clips_never_meet(self, name: str) -> None:
        protocol = find_protocol(name)
        assert not set(protocol.base_classes) & set(protocol.novel_classes)
        assert len(set(protocol.novel_classes)) == len(protocol.novel_classes)
        for draw in protocol.exemplar_draws:
            exemplars = {sample for _, sample in draw.values()}
            assert len(exemplars) == len(protocol.novel_classes) and not exemplars & set(protocol.left_out)

    def test_is_shown_with_classes_exemplars_notes_and_hash(self, name: str) -> None:
        protocol = find_protocol(name)
        shown = CliRunner().invoke(cli.app, ["protocol", "show", name]).output
        for text in (protocol.title, protocol.source, protocol.sha256, *protocol.base_classes, *protocol.notes):
            assert text in shown
        for draw in protocol.exemplar_draws[:1]:
            assert all(re.search(f"{re.escape(c)} .*{sample}", shown) for c, (_, sample) in draw.items())


@pytest.mark.parametrize("name", NTU)
class TestNTU:
    def test_content_is_the_published_one(self, name: str) -> None:
        base, novel, base_clips, queries = NTU[name]
        protocol = find_protocol(name)
        assert protocol.base_classes == published(base) and protocol.novel_classes == published(novel)
        exemplars = {NTU_NAMES[a - 1]: (protocol.dataset, ntu_clip(a)) for a in novel}
        assert protocol.exemplar_draws == (exemplars,)
        assert protocol.counts == {
            "base_classes": len(base), "novel_classes": len(novel), "base_clips": base_clips,
            "exemplars": len(novel), "queries": queries,
        }  # fmt: skip

    def test_runs_on_data_with_the_right_sample_ids(self, name: str, tmp_path: Path) -> None:
        base, novel, base_clips, _ = NTU[name]
        path = str(mini_ntu().save(tmp_path / "my_ntu.npz"))
        with pytest.warns(UserWarning, match=f"{name}: {4 * len(base)} base clips of {base_clips:,} in the protocol"):
            task = load_task(Config(dataset=path, benchmark=name))
        assert task.name == name and task.episodes.shape == (1, len(novel))
        assert task.base.class_names == published(base) and task.novel.class_names == published(novel)
        assert task.novel.sample_id[task.episodes[0]].tolist() == [ntu_clip(a) for a in novel]
        cameras = () if name.endswith("clean") else (1, 2)
        others = {ntu_clip(a, 3, 1) for a in novel} | {ntu_clip(a, camera) for a in novel for camera in cameras}
        assert set(task.novel.sample_id[task.queries(0)]) == others
        assert set(task.base.sample_id) == {ntu_clip(a, *take) for a in base for take in ((1,), (2,), (3,), (3, 1))}
        assert task.sha256 == find_protocol(name).sha256


@pytest.mark.filterwarnings("ignore:ntu120-one-shot")
def test_a_data_set_in_the_data_folder_goes_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSSGLG_DATA", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=rf"ntu120 .* {tmp_path}/ntu120.npz: .*crossglg data convert"):
        load_task(Config(dataset="ntu120"))
    mini_ntu().save(tmp_path / "ntu120.npz")
    task = load_task(Config.create("paper", dataset="ntu120"))
    assert task.name == "ntu120-one-shot" and task.sha256 == find_protocol("ntu120-one-shot").sha256


def test_published_accuracies_are_the_paper_s() -> None:
    """InfoGCN without and with CrossGLG by number of base classes: the paper's two main tables."""
    ntu120, ntu60 = (20, 40, 60, 80, 100), (10, 20, 30, 40, 50)
    for data, classes, plain, guided in (
        ("ntu120", ntu120, (37.0, 53.9, 58.8, 55.7, 56.1), (45.3, 56.8, 62.1, 61.6, 62.6)),
        ("ntu60", ntu60, (51.1, 62.1, 65.7, 72.1, 72.3), (57.9, 67.1, 70.9, 73.4, 75.6)),
    ):
        for number, *accuracies in zip(classes, plain, guided, strict=True):
            name = f"{data}-one-shot" + (f"-{number}" if number < classes[-1] else "")
            protocol = find_protocol(name)
            assert len(protocol.base_classes) == number
            assert [protocol.published[m] for m in ("InfoGCN", "InfoGCN + CrossGLG")] == accuracies
            shown = protocol.describe()
            assert all(f"{value:.1f}" in shown for key, value in protocol.published.items() if key != "source")


def test_counts_of_variants_agree_with_each_other() -> None:
    counts = {name: find_protocol(name).counts for name in NTU}
    assert counts["ntu120-one-shot"]["base_clips"] + 20 + 18_924 == 113_945  # all usable samples
    assert counts["ntu60-one-shot"]["base_clips"] + 10 + 9_388 == 56_578
    clean = find_protocol("ntu120-one-shot-clean")
    assert set(clean.left_out) == {ntu_clip(a, camera) for a in NOVEL for camera in (1, 2)}
    assert counts["ntu120-one-shot"]["queries"] - len(clean.left_out) == counts["ntu120-one-shot-clean"]["queries"]
    validation = find_protocol("ntu120-one-shot-validation")
    assert not set(published(NOVEL)) & {*validation.base_classes, *validation.novel_classes}
    clips = counts["ntu120-one-shot-validation"]
    assert clips["base_clips"] + clips["exemplars"] + clips["queries"] == counts["ntu120-one-shot"]["base_clips"]


def test_pku_mmd_takes_the_class_names_from_the_data(tmp_path: Path) -> None:
    present = PKU_NAMES[:20] + PKU_NAMES[30:]  # any 41 of the 51 names
    path = str(mini_pku(present).save(tmp_path / "my_pku.npz"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # the counts are not published: there is nothing to compare with
        task = load_task(Config(dataset=path, benchmark="pku-mmd-one-shot"))
    assert task.novel.class_names == tuple(present[place - 1] for place in PKU_NOVEL)
    assert sorted(task.base.class_names + task.novel.class_names) == present and len(task.base.class_names) == 31
    assert task.novel.sample_id[task.episodes[0]].tolist() == PKU_EXEMPLARS


def test_pku_mmd_refuses_another_part_of_the_data(tmp_path: Path) -> None:
    for number in (40, 51):
        path = str(mini_pku(PKU_NAMES[:number]).save(tmp_path / f"{number}.npz"))
        with pytest.raises(ValueError, match=f"counts its classes among 41 with clips, but the data has {number}"):
            load_task(Config(dataset=path, benchmark="pku-mmd-one-shot"))
    moved = mini_pku()
    moved.sample_id[[8, 10]] = moved.sample_id[[10, 8]]  # an exemplar now belongs to the class after the fifth
    path = str(moved.save(tmp_path / "moved.npz"))
    with pytest.raises(ValueError, match=r"exemplar \('pku-mmd', 'A10N01-L_5'\) is not among the novel clips: 9 of 10"):
        load_task(Config(dataset=path, benchmark="pku-mmd-one-shot"))


def test_kinetics_is_not_invented() -> None:
    with pytest.raises(ValueError, match=r"kinetics-skeleton-one-shot cannot be run, .*were not found in any public"):
        load_task(Config(benchmark="kinetics-skeleton-one-shot"))


# ---- data that is not all there


def test_missing_exemplars_and_classes_are_counted(tmp_path: Path) -> None:
    ntu = mini_ntu()
    gone = [ntu_clip(13), ntu_clip(67)]
    path = str(ntu.subset(np.flatnonzero(~np.isin(ntu.sample_id, gone))).save(tmp_path / "a.npz"))
    with pytest.raises(
        ValueError,
        match=r"exemplar \('ntu120', 'S001C003P008R001A013'\) is not among the novel clips: 18 of 20 exemplars and 78 "
        r"of 18,944 novel clips are there",
    ):
        load_task(Config(dataset=path, benchmark="ntu120-one-shot"))
    path = str(ntu.subset(np.flatnonzero(ntu.label < 100)).save(tmp_path / "b.npz"))
    with pytest.raises(
        ValueError, match=r"no clip of 'cross toe touch' and lacks 17 of the 100 base classes; 332 of 95,001 expected"
    ):
        load_task(Config(dataset=path, benchmark="ntu120-one-shot"))
    with pytest.raises(
        ValueError, match=r"own has no clip of 'eat meal/snack' and lacks 50 of the 50 .* with --dataset"
    ):
        load_task(Config(dataset=own_set(tmp_path), benchmark="ntu60-one-shot"))


def test_an_exemplar_that_is_two_clips_is_refused(tmp_path: Path) -> None:
    ntu = mini_ntu()
    ntu.sample_id[ntu.sample_id == ntu_clip(7, camera=1)] = ntu_clip(7)
    path = str(ntu.save(tmp_path / "twice.npz"))
    with pytest.raises(ValueError, match=r"'S001C003P008R001A007'\) is 2 clips; make sample ids unique"):
        load_task(Config(dataset=path, benchmark="ntu60-one-shot"))


@pytest.mark.filterwarnings("ignore:ntu120-one-shot")
def test_hash_of_clips_tells_queries_apart_and_neither_depends_on_the_file(tmp_path: Path) -> None:
    def task(name: str, clips: SkeletonSet):
        return load_task(Config(dataset=str(clips.save(tmp_path / f"{name}.npz")), benchmark="ntu120-one-shot"))

    ntu = mini_ntu()
    first, renamed = task("first", ntu), task("renamed", mini_ntu("other"))
    assert (renamed.sha256, renamed.clips_sha256) == (first.sha256, first.clips_sha256)
    shuffled = task("shuffled", ntu.subset(np.random.default_rng(0).permutation(len(ntu))))
    assert (shuffled.sha256, shuffled.clips_sha256) == (first.sha256, first.clips_sha256)
    for gone in (ntu_clip(1, 3, 1), ntu_clip(2, 3, 1)):  # a query, and a base clip
        fewer = task("fewer", ntu.subset(np.flatnonzero(ntu.sample_id != gone)))
        assert fewer.sha256 == first.sha256 and fewer.clips_sha256 != first.clips_sha256


def test_another_layout_is_warned_of(tmp_path: Path) -> None:
    kinect = mini_ntu().retargeted(get_layout("kinect20"))
    with pytest.warns(UserWarning, match="layout kinect20 instead of ntu25"):
        load_task(Config(dataset=str(kinect.save(tmp_path / "k.npz")), benchmark="ntu60-one-shot"))


# ---- files of one's own


SPEC: dict[str, Any] = {
    "base_classes": ["a", "b"],
    "novel_classes": ["c", "d"],
    "exemplar_draws": [{"c": "1", "d": ["other", "2"]}],
}


def test_an_exemplar_is_an_id_of_the_dataset_or_source_and_id() -> None:
    protocol = Protocol.from_dict({**SPEC, "dataset": "mine"}, "x")
    assert protocol.exemplar_draws == ({"c": ("mine", "1"), "d": ("other", "2")},)
    assert protocol.to_dict()["exemplar_draws"] == SPEC["exemplar_draws"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"base_classes": ["a", "c"]}, "x: 'c' is both a base and a novel class"),
        ({"exemplar_draws": [{"c": "1"}]}, "x: an episode must have one exemplar per novel class; look at 'd'"),
        ({"exemplar_draws": [{"c": "1", "d": "2", "e": "3"}]}, "one exemplar per novel class; look at 'e'"),
        ({"exemplar_draws": []}, "x: exemplar_draws is empty"),
        ({"left_out": ["1"]}, "x: the exemplar '1' is among the clips left out"),
        ({"base_sets": ["s"]}, "x: give both base_sets and novel_sets, or neither"),
        ({"base_classes": "all"}, "'x': base_classes must be a list of class names, not empty, or 'others'"),
        ({"base_classes": []}, "base_classes must be a list of class names, not empty"),
        ({"novel_classes": ["c", 2]}, "'x': novel_classes must be a list of class names, or of places"),
        ({"exemplar_draws": [["1", "2"]]}, "'x' is not of the format"),
        ({"exemplar_draws": [{"c": 1, "d": "2"}]}, "'x' is not of the format"),
        ({"exemplar_draws": 3}, "'x' is not of the format"),
        ({"counts": [1]}, "'x' is not of the format"),
        ({"published": "60"}, "'x' is not of the format"),
        ({"published": {"baseline": "much"}}, "'x' is not of the format"),
    ],
)
def test_what_cannot_be_right_is_explained(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    path = tmp_path / "own.json"
    path.write_text(json.dumps({"x": {**SPEC, **changes}}))
    with pytest.raises(ValueError, match=message):
        find_protocol(f"{path}:x")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1], "must be a JSON object with one entry per protocol"),
        ({"x": [1]}, "benchmark 'x' must be a JSON object with base_classes"),
        ({"x": {"base_classes": []}}, "benchmark 'x' lacks 'novel_classes'; it needs base_classes, novel_classes"),
    ],
)
def test_a_file_that_holds_no_protocol_is_explained(tmp_path: Path, content: Any, message: str) -> None:
    path = tmp_path / "own.json"
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=message):
        find_protocol(f"{path}:x")


def test_a_misspelt_shipped_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(ValueError, match="did you mean 'ntu120-one-shot'"):
        find_protocol("ntu120-oneshot")


# ---- a new protocol


def own_set(folder: Path, name: str = "own", **columns: Any) -> str:
    label = [k for k in range(8) for _ in range(5)]
    ids = columns.get("ids") or [f"clip{i}" for i in range(40)]
    return str(clips_of(label, [f"class {k}" for k in range(8)], ids, name).save(folder / f"{name}.npz"))


def test_a_made_protocol_is_run_with_its_data_whatever_the_file_is_called(tmp_path: Path) -> None:
    data, output = own_set(tmp_path), tmp_path / "my files" / "fresh.json"
    words = ["protocol", "make", "--dataset", data, "--novel", "3", "--episodes", "4", "--seed", "1"]
    outcome = CliRunner().invoke(cli.app, [*words, "--output", str(output)])
    assert outcome.exit_code == 0 and f"--dataset {data} --benchmark '{output}:fresh'" in outcome.output
    protocol = find_protocol(f"{output}:fresh")
    assert len(protocol.novel_classes) == 3 and len(protocol.exemplar_draws) == 4
    task = load_task(Config(dataset=data, benchmark=f"{output}:fresh"))
    assert task.sha256 == protocol.sha256 and protocol.sha256[:12] in outcome.output
    assert load_task(Config(dataset=own_set(tmp_path, "moved"), benchmark=f"{output}:fresh")).sha256 == task.sha256
    assert len(load_task(Config(dataset=data, benchmark=f"{output}:fresh", episodes=2)).episodes) == 2
    with pytest.raises(ValueError, match=r"is a file; say which protocol in it: .*/fresh\.json:fresh$"):
        find_protocol(str(output))
    with pytest.raises(ValueError, match=r"synthetic has no clip of 'class .' .* Give the protocol's data, own, with"):
        load_task(Config(benchmark=f"{output}:fresh"))
    assert protocol == make_protocol(data, 3, 4, 1, "fresh") != make_protocol(data, 3, 4, 2, "fresh")
    again = CliRunner().invoke(cli.app, [*words, "--output", str(output)])
    assert isinstance(again.exception, ValueError) and "is there already" in str(again.exception)


def test_a_protocol_needs_two_classes_on_either_side(tmp_path: Path) -> None:
    data = own_set(tmp_path)
    with pytest.raises(ValueError, match="one has one novel class, 'class 6'; it needs 2 or more on either side"):
        make_protocol(data, ["class 6"], 2, 0, "one")
    most = [f"class {k}" for k in range(1, 8)]
    with pytest.raises(ValueError, match=r"seven has one base class, 'class 0'; .*: name fewer novel classes, or add"):
        make_protocol(data, most, 2, 0, "seven")
    written = make_protocol(data, ["class 6", "class 1"], 2, 0, "own")
    draws = [{"class 6": draw["class 6"]} for draw in written.exemplar_draws]
    by_hand = replace(written, novel_classes=("class 6",), exemplar_draws=tuple(draws))
    write_protocol(tmp_path / "hand.json", by_hand)
    with pytest.raises(ValueError, match="own has one novel class"):
        load_task(Config(dataset=data, benchmark=f"{tmp_path}/hand.json:own"))


def test_no_protocol_is_made_of_no_clips(tmp_path: Path) -> None:
    data = str(SkeletonSet.load(own_set(tmp_path)).subset([]).save(tmp_path / "none.npz"))
    with pytest.raises(ValueError, match="none holds no clip; give a data set with clips"):
        make_protocol(data, 2, 2, 0, "none")


def test_novel_classes_are_chosen_by_name_or_number(tmp_path: Path) -> None:
    data = own_set(tmp_path)
    named = make_protocol(data, ["class 6", "class 1"], 2, 0, "named")
    assert named.novel_classes == ("class 6", "class 1") and len(named.base_classes) == 6
    with pytest.raises(ValueError, match="own has no class 'class 9'"):
        make_protocol(data, ["class 9"], 2, 0, "named")
    with pytest.raises(ValueError, match=r"^the novel class 'class 6' is named twice; name each once"):
        make_protocol(data, ["class 6", "class 1", "class 6"], 2, 0, "named")
    with pytest.raises(ValueError, match="own has no class '2'; give a number of novel classes alone, or names alone"):
        make_protocol(data, ["2", "class 6"], 2, 0, "named")
    words = ["protocol", "make", "--dataset", data, "--novel", "3", "--seed", "-1", "--output", "x.json"]
    assert str(CliRunner().invoke(cli.app, words).exception) == "--seed -1 must be at least 0"
    for number in (0, 1, 7, 20):
        with pytest.raises(ValueError, match=f"{number} novel classes of 8 usable ones in own: leave 2 on either side"):
            make_protocol(data, number, 2, 0, "number")


def test_equal_ids_of_several_files_are_told_apart_by_source(tmp_path: Path) -> None:
    for name in ("one", "two"):
        own_set(tmp_path / "sets", name)
    protocol = make_protocol(str(tmp_path / "sets"), 3, 2, 0, "both")
    write_protocol(tmp_path / "both.json", protocol)
    task = load_task(Config(dataset=str(tmp_path / "sets"), benchmark=f"{tmp_path / 'both.json'}:both"))
    assert protocol.dataset == "" and task.sha256 == protocol.sha256 and len(task.novel) == 30


def test_protocols_are_listed() -> None:
    for words in (["protocol", "list"], ["list", "protocols"]):
        listed = CliRunner().invoke(cli.app, words).output
        assert [line.split()[0] for line in listed.splitlines()] == list(shipped_protocols())


def test_a_shipped_name_is_no_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from crossglg.runs.results import absolute_paths

    monkeypatch.chdir(tmp_path)
    (tmp_path / "ntu120-one-shot").mkdir()  # a folder that happens to be called so
    config = Config(benchmark="ntu120-one-shot")
    assert absolute_paths(config) == config and run_name(config).startswith("ntu120-one-shot-lean-gcn")
