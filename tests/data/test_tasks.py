"""Base and novel classes never meet, exemplars are never queries, and a task is the same for everyone."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crossglg.config import Config
from crossglg.data.clips import SkeletonSet
from crossglg.data.convert import parse_dataset
from crossglg.data.protocols import write_protocol
from crossglg.data.synthetic import ACTIONS, NOVEL_ACTIONS, synthesize
from crossglg.data.synthetic.names import CANONICAL
from crossglg.data.tasks import (
    Task,
    draw_novel_classes,
    is_synthetic,
    load_task,
    split_task,
    validation_task,
    with_extra_base,
)
from crossglg.files import InputError
from crossglg.one_shot import Features
from crossglg.one_shot.baselines.raw import raw_coordinates
from crossglg.runs.results import absolute_paths, task_name
from crossglg.skeletons import get_layout

# The README beside the real data: base classes, base clips (to within 150 where it says ≈), novel ways, queries.
REAL = {
    "kinect-union-1": (66, (3200, 150), 20, (1000, 200)),
    "kinect-union-2": (66, (3200, 150), 20, (1000, 200)),
    "kinect-union-3": (66, (3200, 150), 20, (1000, 200)),
    "to-utd-mhad": (59, (2294, 0), 27, (834, 0)),
    "to-kinder-gator": (43, (2453, 0), 58, (1101, 0)),
}


def clips_of(counts: dict[str, int], name: str = "mine", **columns: Any) -> SkeletonSet:
    """One-frame clips, `counts[c]` of class c, interleaved; clip i is filled with i + 1."""
    label = np.concatenate([np.full(n, k) for k, n in enumerate(counts.values())]).astype(np.int64)
    np.random.default_rng(0).shuffle(label)
    xyz = np.broadcast_to(np.arange(1.0, len(label) + 1)[:, None, None], (len(label), 20, 3))
    return SkeletonSet.build(
        xyz, range(len(label) + 1), label, list(counts), get_layout("kinect20"), name=name, **columns
    )


def task_of(**changes: Any) -> Task:
    values: dict[str, Any] = {
        "name": "t",
        "base": clips_of({"a": 2, "b": 2}),
        "novel": SkeletonSet.build(np.ones((4, 20, 3)), range(5), [0, 1, 0, 1], ["c", "d"], get_layout("kinect20")),
        "episodes": np.array([[0, 1], [2, 1]]),
    }
    return Task(**{**values, **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"base": clips_of({"d": 2, "b": 2})}, "t: 'd' is both a base and a novel class"),
        ({"episodes": np.array([[0, 1], [0, 2]])}, "t: an exemplar is not of the class it stands for"),
        ({"episodes": np.array([[1, 0]])}, "t: an exemplar is not of the class"),
        ({"episodes": np.array([[0, 4]])}, "t: an exemplar lies outside the 4 novel clips"),
        ({"episodes": np.array([0, 1])}, r"t: episodes must be \(episodes, 2 novel classes\), got \(2,\)"),
        ({"episodes": np.array([[0, 1, 2]])}, r"got \(1, 3\)"),
        ({"episodes": np.zeros((0, 2), dtype=int)}, r"got \(0, 2\)"),
    ],
)
def test_a_task_that_would_leak_or_does_not_fit_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        task_of(**changes)


def test_what_is_no_config_is_told_how_to_become_one() -> None:
    with pytest.raises(TypeError, match=r"takes a Config, got str; write load_task\(Config\(dataset='my.npz'\)\)"):
        load_task("my.npz")
    with pytest.raises(TypeError, match=r"got SkeletonSet; write load_task\(Config\(dataset=FILE\)\), after clips"):
        load_task(task_of().base)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"takes a Config, got int; write load_task\(trained.config\)"):
        load_task(3)


def test_queries_are_every_novel_clip_but_the_exemplars() -> None:
    task = task_of()
    assert task.queries(0).tolist() == [2, 3]
    assert task.queries(1).tolist() == [0, 3]


def test_hash_follows_classes_and_exemplars_and_nothing_else() -> None:
    task, novel = task_of(), task_of().novel
    assert task.sha256 == task_of().sha256
    assert task.sha256 == task_of(novel=replace(novel, xyz=novel.xyz + 1)).sha256
    others = [
        task_of(episodes=np.array([[0, 1], [2, 3]])),
        task_of(episodes=np.array([[0, 1]])),
        task_of(base=clips_of({"a": 2, "x": 2})),
        task_of(novel=replace(novel, sample_id=np.array(["z", "1", "2", "3"]))),
    ]
    assert len({task.sha256, *(other.sha256 for other in others)}) == 5
    assert task.protocol().exemplar_draws[1] == {"c": ("skeletons", "2"), "d": ("skeletons", "1")}
    assert task.protocol().sha256 == task.sha256


def test_split_task_divides_by_class_and_keeps_each_clip() -> None:
    clips = clips_of({"a": 5, "b": 3, "c": 4, "d": 2, "empty": 0})
    task = split_task(clips, ["d", "b"], 6, "split")
    assert task.base.class_names == ("a", "c") and task.novel.class_names == ("d", "b")
    assert task.episodes.shape == (6, 2)
    found = {}
    for side in (task.base, task.novel):
        for i in range(len(side)):
            found[int(side[i].flat[0]) - 1] = side.class_of(i)
    assert found == {i: clips.class_of(i) for i in range(len(clips))}
    for draw in range(6):
        queries = task.queries(draw)
        assert not set(queries) & set(task.episodes[draw]) and len(queries) == 3
        assert task.novel.label[task.episodes[draw]].tolist() == [0, 1]


def test_split_task_is_the_same_every_time_and_more_draws_extend_it() -> None:
    clips = clips_of({"a": 5, "b": 30, "c": 40})
    first, again = (split_task(clips, ["b", "c"], 4, "split") for _ in range(2))
    np.testing.assert_array_equal(first.episodes, again.episodes)
    assert first.sha256 == again.sha256
    assert len({tuple(draw) for draw in first.episodes}) > 1
    np.testing.assert_array_equal(split_task(clips, ["b", "c"], 9, "split").episodes[:4], first.episodes)


def test_split_task_needs_an_exemplar_and_a_query_of_known_classes() -> None:
    clips = clips_of({"a": 5, "b": 1, "c": 4, "none": 0})
    with pytest.raises(ValueError, match="split: novel class 'b' has 1 clip; it needs an exemplar and a query"):
        split_task(clips, ["b", "c"], 2, "split")
    with pytest.raises(ValueError, match="mine has no class 'jump'; its classes are a, b, c, none"):
        split_task(clips, ["jump"], 2, "split")
    with pytest.raises(ValueError, match=r"mine has no clip of the classes \['none'\]"):
        split_task(clips, ["none"], 2, "split")


def test_synthetic_task_teaches_and_asks_disjoint_classes() -> None:
    task = load_task(Config(episodes=3))
    assert len(NOVEL_ACTIONS) == 20 and task.novel.class_names == NOVEL_ACTIONS
    assert sorted(task.base.class_names + task.novel.class_names) == sorted(ACTIONS)
    assert not set(task.base.sample_id) & set(task.novel.sample_id)
    for draw in range(3):
        assert not set(task.queries(draw)) & set(task.episodes[draw])
    assert task.name == "synthetic" and task.sha256 == load_task(Config(episodes=3)).sha256


def test_the_joints_that_matter_are_known_of_the_built_in_clips_alone() -> None:
    assert is_synthetic(Config()) and is_synthetic(Config(dataset="synthetic-small"))
    assert not is_synthetic(Config(dataset="synthetic-but-mine.npz"))
    assert not is_synthetic(Config(benchmark="mine.json:a"))


# ---- a user's own data


def test_own_file_is_split_by_class_and_by_the_seed(tmp_path: Path) -> None:
    path = str(clips_of({f"class {k:02}": 3 for k in range(12)}).save(tmp_path / "own.npz"))
    task = load_task(Config(dataset=path, episodes=2))
    assert task.name == "own" and len(task.novel.class_names) == 3 and len(task.base.class_names) == 9
    assert load_task(Config(dataset=path, episodes=2)).sha256 == task.sha256
    assert len({load_task(Config(dataset=path, episodes=2, seed=seed)).novel.class_names for seed in range(5)}) > 1
    assert load_task(Config(dataset=str(tmp_path), episodes=2)).novel.class_names == task.novel.class_names


def test_own_clips_are_found_in_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    path = clips_of({f"class {k}": 3 for k in range(8)}).save(tmp_path / "own.npz")
    task = load_task(Config(dataset="~/own.npz", episodes=2))
    assert task.sha256 == load_task(Config(dataset=str(path), episodes=2)).sha256
    assert absolute_paths(Config(dataset="~/own.npz")).dataset == str(path)
    write_protocol(tmp_path / "mine.json", task.protocol())
    named = Config(dataset="~/own.npz", benchmark="~/mine.json:own", episodes=2)
    assert load_task(named).sha256 == task.sha256
    assert parse_dataset("keypoints:~/clips?classes=~/a.csv&up=-y") == (
        "keypoints", f"{tmp_path}/clips", {"classes": f"{tmp_path}/a.csv", "up": "-y"}
    )  # fmt: skip


@pytest.mark.parametrize(("classes", "novel"), [(4, 2), (8, 2), (12, 3), (200, 20)])
def test_a_quarter_of_the_classes_is_novel_within_2_and_20(classes: int, novel: int) -> None:
    names = draw_novel_classes(clips_of({f"class {k}": 2 for k in range(classes)}), seed=0)
    assert len(set(names)) == novel


def test_classes_of_one_clip_are_never_novel_and_too_few_classes_are_refused() -> None:
    counts = {"a": 2, "b": 2, "c": 2, "d": 2} | {f"once {k}": 1 for k in range(30)}
    assert set(draw_novel_classes(clips_of(counts), seed=0)) <= set("abcd")
    with pytest.raises(ValueError, match="mine has 3 classes with two clips or more; one-shot needs at least 4"):
        draw_novel_classes(clips_of({**counts, "d": 1}), seed=0)


def test_unknown_dataset_is_answered_with_the_registered_and_the_nearest() -> None:
    with pytest.raises(
        FileNotFoundError, match=r"'syntetic' is neither registered \(synthetic.*did you mean 'synthetic'"
    ):
        load_task(Config(dataset="syntetic"))
    with pytest.raises(InputError, match="dataset is empty: give a registered dataset"):
        load_task(Config(dataset=""))


# ---- validation classes


def test_a_validation_classes_task_is_cut_out_of_the_base_clips() -> None:
    real = load_task(Config(dataset="synthetic-small", episodes=3))
    task = validation_task(real, 0.3, split=1)
    assert sorted(task.base.class_names + task.novel.class_names) == sorted(real.base.class_names)
    assert len(task.novel.class_names) == round(0.3 * len(real.base.class_names)) and task.episodes.shape[0] == 3
    assert not set(task.novel.sample_id) & set(real.novel.sample_id)
    ids = [str(name) for side in (task.base, task.novel) for name in side.sample_id]
    assert sorted(ids) == sorted(real.base.sample_id.tolist())
    assert not set(task.base.class_names + task.novel.class_names) & set(real.novel.class_names)
    assert task.name == "synthetic-small-validation1" and task.sha256 == validation_task(real, 0.3, 1).sha256


def test_a_config_asks_for_a_validation_classes_task_that_no_training_seed_changes() -> None:
    real = load_task(Config(dataset="synthetic-small", episodes=2))
    task = load_task(Config(dataset="synthetic-small", episodes=2, validation_classes=0.25, validation_split=3))
    assert task.sha256 == validation_task(real, 0.25, 3).sha256
    other_seed = Config(dataset="synthetic-small", episodes=2, validation_classes=0.25, validation_split=3, seed=5)
    assert load_task(other_seed).sha256 == task.sha256 and task_name(other_seed) == task.name
    other = load_task(Config(dataset="synthetic-small", episodes=2, validation_classes=0.25, validation_split=4))
    assert set(other.novel.class_names) != set(task.novel.class_names)


def test_a_validation_classes_task_needs_two_classes_on_either_side() -> None:
    real = load_task(Config(dataset="synthetic-small", episodes=1))
    with pytest.raises(ValueError, match=r"1 novel classes of 67 usable ones in .*: leave 2 on either side"):
        validation_task(real, 0.02)
    with pytest.raises(ValueError, match="67 novel classes of 67 usable ones"):
        validation_task(real, 1.0)


# ---- fewer base classes


def test_a_smaller_share_of_the_base_classes_is_part_of_a_larger_one() -> None:
    real = load_task(Config(dataset="synthetic-small", episodes=2))
    tasks = {
        share: load_task(Config(dataset="synthetic-small", episodes=2, base_share=share)) for share in (0.2, 0.5, 1.0)
    }
    few, half, whole = (task.base.class_names for task in tasks.values())
    assert (len(few), len(half)) == (round(0.2 * len(whole)), round(0.5 * len(whole)))
    assert set(few) < set(half) < set(whole) and whole == real.base.class_names
    assert tasks[1.0].clips_sha256 == real.clips_sha256 != tasks[0.5].clips_sha256
    for share, task in tasks.items():
        assert task.novel.class_names == real.novel.class_names
        np.testing.assert_array_equal(task.episodes, real.episodes)
        for name in task.base.class_names[:3]:
            ours, theirs = (t.base.sample_id[t.base.where(classes=[name])] for t in (task, real))
            np.testing.assert_array_equal(ours, theirs)
        config = Config(dataset="synthetic-small", episodes=2, base_share=share, seed=4)
        assert load_task(config).sha256 == task.sha256 and task_name(config) == task.name
    assert tasks[0.2].name == "synthetic-small-base20"


def test_fewer_base_clips_are_part_of_more() -> None:
    real = load_task(Config(dataset="synthetic-small", episodes=2))
    tasks = {n: load_task(Config(dataset="synthetic-small", episodes=2, base_clips=n)) for n in (1, 4, 100)}
    kept = {
        n: {tuple(map(str, pair)) for pair in zip(t.base.source, t.base.sample_id, strict=True)}
        for n, t in tasks.items()
    }
    assert kept[1] < kept[4] < kept[100] and len(kept[100]) == len(real.base)
    for count, task in tasks.items():
        assert task.base.class_names == real.base.class_names and task.novel.class_names == real.novel.class_names
        assert (np.bincount(task.base.label) == np.minimum(np.bincount(real.base.label), count)).all()
        np.testing.assert_array_equal(task.episodes, real.episodes)
        config = Config(dataset="synthetic-small", episodes=2, base_clips=count, seed=4)
        assert load_task(config).clips_sha256 == task.clips_sha256 and task_name(config) == task.name
    assert tasks[4].name == "synthetic-small-clips4" and tasks[4].clips_sha256 != real.clips_sha256


# ---- benchmark files


@pytest.fixture
def benchmark_file(tmp_path: Path) -> Path:
    """Two sets whose classes share canonical names, and two protocols on them."""
    ours = clips_of({"wave": 3, "kick": 3}, "ours", canonical_names=["wave hand", "kick"])
    theirs = clips_of({"hello": 3, "box": 3, "sit": 3}, "theirs", canonical_names=["wave hand", "box", "sit"])
    for clips in (ours, theirs):
        clips.save(tmp_path / f"{clips.name}.npz")

    def exemplar(clips: SkeletonSet, name: str, n: int) -> list[str]:
        return [clips.name, clips.sample_id[clips.where(classes=[name])[n]]]

    both = [
        {"wave hand": exemplar(ours, "wave", 0), "sit": exemplar(theirs, "sit", 0)},
        {"sit": exemplar(theirs, "sit", 1), "wave hand": exemplar(theirs, "hello", 1)},
    ]
    benchmarks = {
        "union-1": {
            "base_sets": ["ours", "theirs"], "novel_sets": ["ours", "theirs"], "base_classes": ["box", "kick"],
            "novel_classes": ["sit", "wave hand"], "exemplar_draws": both,
        },
        "to-ours": {
            "base_sets": ["theirs"], "novel_sets": ["ours"], "base_classes": ["box", "sit"],
            "novel_classes": ["kick", "wave"],
            "exemplar_draws": [{"wave": exemplar(ours, "wave", 2), "kick": exemplar(ours, "kick", 1)}],
        },
    }  # fmt: skip
    path = tmp_path / "benchmarks.json"
    path.write_text(json.dumps(benchmarks))
    return path


def test_benchmark_of_a_union_uses_canonical_names(benchmark_file: Path) -> None:
    task = load_task(Config(benchmark=f"{benchmark_file}:union-1"))
    assert task.base.class_names == ("box", "kick") and task.novel.class_names == ("sit", "wave hand")
    assert (len(task.base), len(task.novel), task.episodes.shape) == (6, 9, (2, 2))
    assert task.novel.source[task.episodes].tolist() == [["theirs", "ours"], ["theirs", "theirs"]]
    assert len(load_task(Config(benchmark=f"{benchmark_file}:union-1", episodes=1)).episodes) == 1


def test_benchmark_into_one_set_keeps_its_own_names(benchmark_file: Path) -> None:
    task = load_task(Config(benchmark=f"{benchmark_file}:to-ours"))
    assert task.novel.class_names == ("kick", "wave") and set(task.novel.source) == {"ours"}
    assert task.base.class_names == ("box", "sit") and set(task.base.source) == {"theirs"}


def with_changes(benchmark_file: Path, **changes: Any) -> Config:
    """The settings of the protocol "to-ours" with other entries."""
    protocols = json.loads(benchmark_file.read_text())
    protocols["to-ours"] |= changes
    benchmark_file.write_text(json.dumps(protocols))
    return Config(benchmark=f"{benchmark_file}:to-ours")


def test_every_other_class_of_the_base_sets_is_a_base_class(benchmark_file: Path) -> None:
    """But "wave hand", which the novel set calls "wave"."""
    task = load_task(with_changes(benchmark_file, base_classes="others"))
    assert task.base.class_names == ("box", "sit") and task.novel.class_names == ("kick", "wave")


def test_a_base_class_that_is_a_novel_one_by_another_name_is_refused(benchmark_file: Path) -> None:
    config = with_changes(benchmark_file, base_classes=["box", "sit", "wave hand"])
    with pytest.raises(ValueError, match="the base class 'wave hand' is the same action as a novel class of another"):
        load_task(config)


def test_novel_clips_of_another_skeleton_are_carried_to_that_of_the_base_clips(benchmark_file: Path) -> None:
    ours = SkeletonSet.load(benchmark_file.parent / "ours.npz")
    ours.retargeted(get_layout("ntu25")).save(benchmark_file.parent / "ours.npz")
    task = load_task(Config(benchmark=f"{benchmark_file}:to-ours"))
    assert task.novel.layout == task.base.layout == ours.layout
    features = Features.of(task, raw_coordinates)
    assert features.novel.z.shape[1] == features.base.clips.z.shape[1]


def test_hash_changes_when_an_exemplar_changes(benchmark_file: Path) -> None:
    config = Config(benchmark=f"{benchmark_file}:to-ours")
    before = load_task(config).sha256
    content = json.loads(benchmark_file.read_text())
    ours = SkeletonSet.load(benchmark_file.parent / "ours.npz")
    content["to-ours"]["exemplar_draws"][0]["wave"][1] = str(ours.sample_id[ours.where(classes=["wave"])[0]])
    benchmark_file.write_text(json.dumps(content))
    assert load_task(config).sha256 != before


def test_benchmark_errors_say_what_is_wrong(benchmark_file: Path) -> None:
    folder = benchmark_file.parent
    with pytest.raises(InputError, match=r"'benchmarks\.json' must be FILE:NAME"):
        load_task(Config(benchmark="benchmarks.json"))
    with pytest.raises(InputError, match=r"no benchmark 'to-hours'; did you mean 'to-ours'\? It has union-1, to-ours"):
        load_task(Config(benchmark=f"{benchmark_file}:to-hours"))
    with pytest.raises(FileNotFoundError, match=re.escape(f"no file {folder / 'none.json'}")):
        load_task(Config(benchmark=f"{folder / 'none.json'}:union-1"))
    (folder / "ours.npz").rename(folder / "away.npz")
    with pytest.raises(FileNotFoundError, match=r"no skeleton file .*ours\.npz"):
        load_task(Config(benchmark=f"{benchmark_file}:union-1"))


@pytest.mark.parametrize(
    ("exemplar", "message"),
    [
        (["ours", "99"], "exemplar .'ours', '99'. is not among the novel clips"),
        (["theirs", "0"], "is not among the novel"),
    ],
)
def test_benchmark_exemplar_must_be_a_novel_clip(benchmark_file: Path, exemplar: list[str], message: str) -> None:
    content = json.loads(benchmark_file.read_text())
    content["to-ours"]["exemplar_draws"][0]["wave"] = exemplar
    benchmark_file.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=message):
        load_task(Config(benchmark=f"{benchmark_file}:to-ours"))


@pytest.mark.parametrize("name", REAL)
def test_real_benchmark_matches_its_readme_and_does_not_leak(shared_data: Path, name: str) -> None:
    task = load_task(Config(benchmark=f"{shared_data / 'benchmarks.json'}:{name}"))
    base_classes, (base_clips, base_margin), ways, (queries, query_margin) = REAL[name]
    assert len(task.base.class_names) == base_classes and abs(len(task.base) - base_clips) <= base_margin
    assert len(task.novel.class_names) == ways and task.episodes.shape == (20, ways)
    for draw in range(20):
        assert len(task.queries(draw)) == len(task.novel) - ways
        assert abs(len(task.queries(draw)) - queries) <= query_margin
    assert not set(task.base.class_names) & set(task.novel.class_names)
    clips = {(side.source[i], side.sample_id[i]) for side in (task.base, task.novel) for i in range(len(side))}
    assert len(clips) == len(task.base) + len(task.novel)
    if name.startswith("to-"):  # base classes have canonical names, novel classes their own: compare like with like
        novel_set = SkeletonSet.load(shared_data / f"{name.removeprefix('to-').replace('-', '_')}.npz")
        assert set(task.novel.class_names) == set(novel_set.class_names) and len(task.novel) == len(novel_set)
        assert not set(task.base.class_names) & set(novel_set.canonical_names)


# ---- more base clips


def save_extra(folder: Path) -> Path:
    """Clips of the novel classes under other names and capitals, of a base class, and of two more."""
    counts = {"greet": 2, "kick it": 2, "boxing": 2, "jump": 3, "sing": 4}
    names = ["Wave hand", "Kick", "box", "jump", "sing"]
    extra = clips_of(counts, "more", canonical_names=names)
    return replace(extra, xyz=extra.xyz + 1000.0).save(folder / "more.npz")


def test_an_extra_set_is_learned_from_but_for_the_novel_classes(benchmark_file: Path) -> None:
    config = Config(benchmark=f"{benchmark_file}:to-ours", extra_base=str(save_extra(benchmark_file.parent)))
    task, without = load_task(config), load_task(replace(config, extra_base=""))
    count = {name: len(task.base.where(classes=[name])) for name in task.base.class_names}
    assert count == {"box": 3 + 2, "jump": 3, "sing": 4, "sit": 3}
    added = {float(task.base[i].max()) for i in range(len(task.base)) if task.base[i].max() > 1000}
    extra = SkeletonSet.load(config.extra_base)
    assert added == {float(extra[i].max()) for i in extra.where(classes=["boxing", "jump", "sing"])}
    assert task.sha256 == without.sha256 and task.clips_sha256 == without.clips_sha256 and task.name == without.name
    np.testing.assert_array_equal(task.novel.xyz, without.novel.xyz)


def test_no_novel_class_of_a_protocol_with_the_same_base_side_is_added(benchmark_file: Path) -> None:
    """Both are served by one training."""
    third = clips_of({"leap": 2, "hum": 2}, "third", canonical_names=["jump", "hum"])
    third.save(benchmark_file.parent / "third.npz")
    protocols = json.loads(benchmark_file.read_text())
    exemplars = {name: ["third", third.sample_id[third.where(classes=[name])[0]]] for name in third.class_names}
    protocols["to-third"] = protocols["to-ours"] | {
        "novel_sets": ["third"], "novel_classes": ["hum", "leap"], "exemplar_draws": [exemplars]
    }  # fmt: skip
    benchmark_file.write_text(json.dumps(protocols))
    extra = str(save_extra(benchmark_file.parent))
    sides = [
        load_task(Config(benchmark=f"{benchmark_file}:{to}", extra_base=extra)).base for to in ("to-ours", "to-third")
    ]
    assert sides[0].class_names == sides[1].class_names == ("box", "sing", "sit")
    np.testing.assert_array_equal(sides[0].xyz, sides[1].xyz)


def test_the_novel_classes_stay_away_while_there_are_validation_classes(tmp_path: Path) -> None:
    mine = synthesize(0, 3, ACTIONS[:16]).save(tmp_path / "mine.npz")
    config = Config(dataset=str(mine), episodes=2, extra_base="synthetic-small")
    novel = set(load_task(config).novel.class_names)
    task = load_task(replace(config, validation_classes=0.4))
    validation = set(task.novel.class_names)
    alike = {CANONICAL.get(name, name) for name in novel | validation}
    assert validation and not novel & validation
    assert not set(task.base.class_names) & (novel | validation | alike) and len(task.base.class_names) > 40


def test_novel_classes_are_not_added_by_their_names_in_ntu_rgbd_nor_the_other_way(tmp_path: Path) -> None:
    recorded = clips_of({"Trinken": 2, "clap": 2, "jump": 2}, "recorded", canonical_names=["drink", "clap", "jump"])
    task = load_task(Config(dataset="synthetic-small", extra_base=str(recorded.save(tmp_path / "recorded.npz"))))
    assert {"drink water", "jump up"} <= set(task.novel.class_names) and "clapping" in task.base.class_names
    assert set(task.base.class_names) & {"drink", "jump", "clap"} == {"clap"}
    own = {"drink": 3, "clap": 3, "sit": 3, "hum": 3}
    of_ntu = clips_of({"Drink water": 2, "clapping": 2, "yawn": 2}, "ntu").save(tmp_path / "ntu.npz")
    clips = clips_of(own, "own")
    task = with_extra_base(split_task(clips, ["drink", "clap"], 1, "own"), str(of_ntu))
    assert task.base.class_names == ("hum", "sit", "yawn")


def test_an_extra_set_that_adds_nothing_is_refused(benchmark_file: Path) -> None:
    ours = benchmark_file.parent / "ours.npz"
    with pytest.raises(InputError, match=r"extra_base='.*ours.npz' has no clip of a class that is not novel; leave"):
        load_task(Config(benchmark=f"{benchmark_file}:to-ours", extra_base=str(ours)))
    with pytest.raises(InputError, match="extra_base='synthetic-small' is the dataset itself"):
        load_task(Config(dataset="synthetic-small", extra_base="synthetic-small"))


def test_every_canonical_name_stands_for_a_synthetic_action() -> None:
    assert set(CANONICAL) <= set(ACTIONS) and not set(CANONICAL.values()) & set(CANONICAL)
