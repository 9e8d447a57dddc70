"""SkeletonSet holds what it is given, the `.npz` format round-trips, and broken files are refused by name."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from crossglg.data import synthetic
from crossglg.data.any_file import read_any, read_array
from crossglg.data.clips import SkeletonSet, _pieces, concatenate
from crossglg.skeletons import Layout, get_layout, retarget

NTU, KINECT = get_layout("ntu25"), get_layout("kinect20")
COLUMNS = ("label", "persons", "subject", "camera", "sample_id", "source")

# The counts of the README beside the real data: classes, subjects, clips, frames per second.
REAL = {
    "kinder_gator": (58, 20, 1159, 30),
    "utd_mhad": (27, 8, 861, 30),
    "msr_action3d": (20, 10, 555, 15),
    "msr_daily_activity3d": (16, 10, 319, 30),
    "nw_ucla": (10, 10, 1375, 30),
}


def small(name: str = "small", layout: Layout = NTU, **changes: Any) -> SkeletonSet:
    """Five clips of 3, 2 (of two persons), 4, 1 and 2 frames of three classes."""
    xyz = np.random.default_rng(0).normal(size=(14, layout.num_joints, 3)).astype(np.float32)
    values: dict[str, Any] = {
        "xyz": xyz,
        "offsets": [0, 3, 7, 11, 12, 14],
        "label": [0, 1, 2, 1, 0],
        "class_names": ["wave", "hug", "kick"],
        "layout": layout,
        "name": name,
        "persons": [1, 2, 1, 1, 1],
        "subject": [4, 5, 6, 5, 4],
        "camera": [1, 2, 3, 1, 2],
        "sample_id": ["a", "b", "c", "d", "e"],
        "canonical_names": ["wave hand", "hug", "kick"],
        "fps": 15.0,
    }
    return SkeletonSet.build(**{**values, **changes})


def same(a: SkeletonSet, b: SkeletonSet) -> None:
    np.testing.assert_array_equal(a.xyz, b.xyz)
    for key in ("offsets", *COLUMNS):
        np.testing.assert_array_equal(getattr(a, key), getattr(b, key))
        assert getattr(a, key).dtype.kind == getattr(b, key).dtype.kind
    assert (a.class_names, a.canonical_names, a.layout, a.fps) == (b.class_names, b.canonical_names, b.layout, b.fps)


def raw(**changes: Any) -> dict[str, Any]:
    """The least a file must hold: three clips of two frames; a change to None leaves an array out."""
    arrays: dict[str, Any] = {
        "xyz": np.ones((6, 20, 3), np.float32),
        "offsets": [0, 2, 4, 6],
        "label": [0, 1, 1],
        "class_names": ["a", "b"],
        "joint_names": list(KINECT.joints),
    }
    return {key: value for key, value in {**arrays, **changes}.items() if value is not None}


# ---- reading and writing


def test_saved_set_loads_equal_and_memory_mapped(tmp_path: Path) -> None:
    clips = small()
    loaded = SkeletonSet.load(clips.save(tmp_path / "folder" / "small.npz"))
    same(loaded, clips)
    assert loaded.name == "small" and isinstance(loaded.xyz, np.memmap)
    assert not loaded.xyz.flags.writeable
    assert [p.name for p in (tmp_path / "folder").iterdir()] == ["small.npz"]


@pytest.mark.parametrize("order", [lambda xyz: xyz, np.asfortranarray, lambda xyz: np.repeat(xyz, 2, 1)[:, ::2]])
def test_a_set_is_written_in_pieces_as_numpy_writes_it(
    order: Callable[[np.ndarray], np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips = small(xyz=order(small().xyz))
    monkeypatch.setattr(_pieces, "__defaults__", (4,))  # rows; the set has 14
    loaded = SkeletonSet.load(clips.save(tmp_path / "a.npz"))
    same(loaded, clips)
    same(SkeletonSet.load(loaded.save(tmp_path / "b.npz")), clips)  # from the mapped file, whose pages are let go
    with np.load(tmp_path / "b.npz", allow_pickle=False) as file:
        np.savez(tmp_path / "numpy.npz", **dict(file))
    same(SkeletonSet.load(tmp_path / "numpy.npz"), clips)


def test_a_bad_number_is_found_in_any_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_pieces, "__defaults__", (4,))
    for row, clip in ((0, 0), (6, 1), (13, 4)):
        xyz = small().xyz.copy()
        xyz[row, 5, 1] = np.nan
        with pytest.raises(ValueError, match=rf"clip {clip} .*not a number at row {row - small().offsets[clip]},"):
            small(xyz=xyz)


@pytest.mark.parametrize("order", ["C", "F"])
def test_compressed_and_fortran_ordered_files_load_too(tmp_path: Path, order: str) -> None:
    xyz = np.asarray(np.random.default_rng(0).normal(size=(6, 20, 3)), order=order)
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "a.npz", **raw(xyz=xyz))
        np.testing.assert_array_equal(SkeletonSet.load(tmp_path / "a.npz").xyz, xyz)


@pytest.mark.parametrize("fps", [10.0, 15.0, 25.0, 30.0, 60.0])
def test_another_rate_equals_one_frame_at_a_time(fps: float) -> None:
    rng, layout = np.random.default_rng(0), get_layout("kinect20")
    xyz = rng.standard_normal((2 * 7 + 5, 20, 3))
    xyz[[7, 9, 13]] = 0.0  # the second person is not seen in these frames
    clips = SkeletonSet.build(xyz, [0, 14, 19], [0, 0], ["a"], layout, name="x", persons=[2, 1], fps=30.0)
    found = clips.at_rate(fps)
    assert found.fps == fps
    for i in range(2):
        persons, frames = clips[i].shape[:2]
        assert found[i].shape[:2] == (persons, round(frames * fps / 30.0))
        for m, t in np.ndindex(found[i].shape[:2]):
            at = min(t * 30.0 / fps, frames - 1)
            first, last = clips[i][m, math.floor(at)], clips[i][m, math.ceil(at)]
            share = at - math.floor(at)
            if not first.any() or not last.any():
                share = round(share)
            np.testing.assert_allclose(found[i][m, t], (1 - share) * first + share * last, atol=1e-5)


def test_what_a_file_leaves_out_is_filled_in(tmp_path: Path) -> None:
    np.savez(tmp_path / "least.npz", **raw())
    clips = SkeletonSet.load(tmp_path / "least.npz")
    assert clips.layout is KINECT and clips.fps == 30 and clips.canonical_names == ()
    for key, value in {"persons": 1, "subject": -1, "camera": -1, "source": "least"}.items():
        assert (getattr(clips, key) == value).all()
    assert clips.sample_id.tolist() == ["0", "1", "2"]


def test_a_layout_may_be_given_by_name_or_as_joints_and_edges(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **raw(joint_names=None, layout="kinect20"))
    assert SkeletonSet.load(tmp_path / "a.npz").layout is KINECT
    own = {"joint_names": ["foot", "spine", "nose"], "edges": [(0, 1), (1, 2)], "xyz": np.ones((6, 3, 3))}
    np.savez(tmp_path / "crab.npz", **raw(**own))
    layout = SkeletonSet.load(tmp_path / "crab.npz").layout
    assert (layout.name, layout.root, layout.bones) == ("crab3", "spine", ((0, 1), (2, 1)))


def test_a_folder_loads_as_one_set(tmp_path: Path) -> None:
    small("first").save(tmp_path / "b.npz")
    small("second").save(tmp_path / "a.npz")
    clips = SkeletonSet.load(tmp_path)
    assert len(clips) == 10 and clips.name == tmp_path.name
    assert clips.source.tolist() == ["second"] * 5 + ["first"] * 5  # files in order of their names


# ---- content


def test_clips_are_views_and_rows_of_two_persons_are_blocks() -> None:
    clips = small()
    assert [clip.shape for clip in clips] == [(m, t, 25, 3) for m, t in ((1, 3), (2, 2), (1, 4), (1, 1), (1, 2))]
    assert clips.frames.tolist() == [3, 2, 4, 1, 2]
    hug = clips[1]
    np.testing.assert_array_equal(hug[0], clips.xyz[3:5])
    np.testing.assert_array_equal(hug[1], clips.xyz[5:7])
    assert np.shares_memory(hug, clips.xyz)
    np.testing.assert_array_equal(clips[-1], clips[4])
    assert clips.class_of(1) == "hug" and clips.num_channels == 3


def test_where_finds_classes_in_file_order() -> None:
    assert small().where(classes=["wave"]).tolist() == [0, 4]
    assert small().where(classes=["kick", "hug"]).tolist() == [1, 2, 3]
    with pytest.raises(ValueError, match="small has no class 'jump'; its classes are wave, hug, kick"):
        small().where(classes=["wave", "jump"])
    with pytest.raises(TypeError, match=r"where takes names of classes, as classes=\['wave'\]; got 3"):
        small().where(classes=3)  # type: ignore[arg-type]


def test_a_set_is_shown_in_a_line_and_equal_to_itself_only() -> None:
    clips = small()
    assert repr(clips) == "SkeletonSet('small': 5 clips of 3 classes, layout 'ntu25', 15 frames per second)"
    assert clips == clips and clips != small() and clips in {clips}


def test_subset_keeps_order_content_and_columns() -> None:
    clips, chosen = small(), [4, 1, 1]
    part = clips.subset(chosen)
    assert len(part) == 3 and part.class_names == clips.class_names
    for i, j in enumerate(chosen):
        np.testing.assert_array_equal(part[i], clips[j])
        assert all(getattr(part, key)[i] == getattr(clips, key)[j] for key in COLUMNS)
    assert len(clips.subset([])) == 0


def test_canonical_classes_merge() -> None:
    merged = small(canonical_names=["greet", "greet", "kick"]).with_canonical_classes()
    assert merged.class_names == ("greet", "kick")
    assert merged.label.tolist() == [0, 0, 1, 0, 0]
    plain = small(canonical_names=())
    assert plain.with_canonical_classes() is plain


def test_retargeted_changes_joints_only() -> None:
    clips = small(layout=KINECT)
    moved = clips.retargeted(NTU)
    np.testing.assert_array_equal(moved.xyz, retarget(clips.xyz, KINECT, NTU))
    same(replace(moved, xyz=clips.xyz, layout=KINECT), clips)


def test_mirrored_swaps_left_and_right_and_nothing_else() -> None:
    clips = small()
    mirrored = clips.mirrored()
    layout, before = clips.layout, clips[0].copy()
    for v, joint in enumerate(layout.joints):
        partner = joint.replace("left", "LEFT").replace("right", "left").replace("LEFT", "right")
        own, other = mirrored[0][:, :, v], before[:, :, layout.index(partner)]
        np.testing.assert_array_equal(own[..., 0], -other[..., 0])
        np.testing.assert_array_equal(own[..., 1:], other[..., 1:])
    np.testing.assert_array_equal(clips[0], before)
    np.testing.assert_array_equal(mirrored.mirrored().xyz, clips.xyz)
    assert (mirrored.label == clips.label).all() and str(mirrored.sample_id[0]) == f"{clips.sample_id[0]} (mirrored)"


def test_concatenate_merges_classes_by_canonical_name_and_layouts_by_joint_name() -> None:
    first = small("first")
    second = small("second", KINECT, class_names=["hello", "box", "kick"], canonical_names=["wave hand", "box", "kick"])
    third = small("third", class_names=["hug", "sit", "wave"], canonical_names=())
    joined = concatenate([first, second, third], "joined")
    assert joined.class_names == ("box", "hug", "kick", "sit", "wave", "wave hand")
    assert joined.layout is NTU and joined.name == "joined" and len(joined) == 15
    expected = [
        (part, i, part.canonical_names[part.label[i]] if part.canonical_names else part.class_of(i))
        for part in (first, second.retargeted(NTU), third)
        for i in range(5)
    ]
    for n, (part, i, name) in enumerate(expected):
        np.testing.assert_array_equal(joined[n], part[i])
        assert joined.class_of(n) == name
        assert joined.source[n] == part.name
        assert all(getattr(joined, key)[n] == getattr(part, key)[i] for key in COLUMNS[1:])


def test_concatenate_refuses_nothing_and_mixed_coordinates() -> None:
    with pytest.raises(ValueError, match="nothing to concatenate"):
        concatenate([], "none")
    with pytest.raises(ValueError, match="'flat' has 2 coordinates a joint and 'small' has 3"):
        concatenate([small(), small("flat", xyz=small().xyz[..., :2])], "mixed")
    with pytest.raises(TypeError, match=r"only a SkeletonSet can be concatenated, got Recording; to_set\(\) makes one"):
        concatenate([read_array(np.ones((9, 17, 3)), "coco17", up="y", unit="m")], "arrays")  # type: ignore[list-item]


def test_a_layout_goes_by_its_name_and_a_class_alone() -> None:
    clips = small(layout=KINECT)
    same(clips.retargeted("ntu25"), clips.retargeted(NTU))
    built = SkeletonSet.build(clips.xyz, clips.offsets, clips.label, clips.class_names, "kinect20")
    assert built.layout is KINECT
    np.testing.assert_array_equal(clips.where(classes="hug"), clips.where(classes=["hug"]))
    with pytest.raises(ValueError, match="small has no class 'jump'; its classes are wave, hug, kick"):
        clips.where(classes="jump")
    with pytest.raises(ValueError, match="unknown layout 'ntu'; known layouts"):
        clips.retargeted("ntu")


# ---- errors


@pytest.mark.parametrize("several", [slice(0, 3), [0, 1], np.array([True, False]), 1.0])
def test_one_clip_is_taken_by_number_and_several_by_subset(several: Any) -> None:
    with pytest.raises(TypeError, match=r"takes the number of one clip, got .*; take several with subset, as in clips"):
        small()[several]
    with pytest.raises(IndexError, match="small has no clip 5: it has 5, counted from 0"):
        small()[5]
    with pytest.raises(IndexError, match="small has no clip 5"):
        small().class_of(5)
    assert len(list(small())) == 5
    np.testing.assert_array_equal(small()[np.int64(-1)], small()[4])


@pytest.mark.parametrize("fps", [0.0, -1.0, float("nan"), float("inf")])
def test_another_rate_is_above_0(fps: float) -> None:
    with pytest.raises(ValueError, match="fps must be a number above 0, got"):
        small().at_rate(fps)


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=re.escape(f"no skeleton file {tmp_path / 'no.npz'}")):
        SkeletonSet.load(tmp_path / "no.npz")
    with pytest.raises(FileNotFoundError, match=re.escape(f"the folder {tmp_path} holds no .npz file")):
        SkeletonSet.load(tmp_path)
    (tmp_path / "me.csv").write_text("frame,x,y,z\n")
    for path, why in ((tmp_path, "holds no"), (tmp_path / "me.csv", "is not a")):
        with pytest.raises(
            (ValueError, OSError), match=rf"{path} {why} \.npz file; .*FORMAT:{path} .*convert {path} --f"
        ):
            SkeletonSet.load(path)


def test_the_home_folder_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    small().save(tmp_path / "clips.npz")
    same(SkeletonSet.load("~/clips.npz"), small("clips", sample_id=small().sample_id, source=small().source))
    assert len(read_any("~/clips.npz")) == 5


def test_a_folder_is_its_sets_in_capitals_too_but_no_hidden_file(tmp_path: Path) -> None:
    small().save(tmp_path / "small.npz").rename(tmp_path / "SMALL.NPZ")
    (tmp_path / "._SMALL.NPZ").write_bytes(b"resources")
    assert len(SkeletonSet.load(tmp_path)) == 5


@pytest.mark.parametrize("kept", [0.0, 0.5, 0.99])
def test_truncated_file_is_refused(tmp_path: Path, kept: float) -> None:
    whole = small().save(tmp_path / "whole.npz").read_bytes()
    path = tmp_path / "part.npz"
    path.write_bytes(whole[: int(kept * len(whole))])
    with pytest.raises(ValueError, match=re.escape(str(path)) + " is truncated or not a .npz file"):
        SkeletonSet.load(path)


def test_files_of_another_kind_are_refused(tmp_path: Path) -> None:
    text, array, archive = tmp_path / "text.npz", tmp_path / "array.npz", tmp_path / "other.npz"
    text.write_text("frame,x,y,z\n")
    with open(array, "wb") as file:
        np.save(file, np.ones(3))
    for path in (text, array):
        with pytest.raises(ValueError, match=f"{path.name} is truncated or not a .npz file"):
            SkeletonSet.load(path)
    np.savez(archive, weights=np.ones(3))
    with pytest.raises(ValueError, match=r"other\.npz lacks the array 'xyz'"):
        SkeletonSet.load(archive)


def test_damaged_compressed_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad.npz"
    np.savez_compressed(path, **raw(xyz=np.random.default_rng(0).normal(size=(6, 20, 3))))
    content = bytearray(path.read_bytes())
    content[60:400] = bytes(255 - byte for byte in content[60:400])
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"bad\.npz is damaged"):
        SkeletonSet.load(path)


class Trap:
    """Unpickling it creates a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("array", ["xyz", "class_names", "extra"])
def test_pickled_objects_are_refused_and_never_run(tmp_path: Path, array: str) -> None:
    trap, path = tmp_path / "sprung", tmp_path / "evil.npz"
    np.savez(path, **raw(**{array: np.array([Trap(trap)], dtype=object)}))
    with pytest.raises(ValueError, match=r"evil\.npz holds pickled objects"):
        SkeletonSet.load(path)
    assert not trap.exists()
    with np.load(path, allow_pickle=True) as file:
        file[array]
    assert trap.exists(), "the trap itself does not work"


NAN = np.ones((6, 20, 3))
NAN[3, 7, 1] = np.nan


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"xyz": None}, "lacks the array 'xyz'"),
        ({"offsets": None}, "lacks the array 'offsets'"),
        ({"label": None}, "lacks the array 'label'"),
        ({"class_names": None}, "lacks the array 'class_names'"),
        ({"joint_names": None}, "names no joints; give joint_names"),
        ({"joint_names": None, "layout": "kinect21"}, "unknown layout 'kinect21'; known layouts: "),
        ({"joint_names": [f"j{i}" for i in range(20)]}, "no registered layout: give edges"),
        ({"joint_names": ["a"] * 20, "edges": [(0, 1)]}, "not connected to the root|names a joint twice"),
        ({"xyz": np.ones((6, 19, 3))}, "V=19 but layout 'kinect20' has 20 joints"),
        ({"xyz": np.ones((6, 25, 3))}, "V=25 but layout 'kinect20' has 20 joints; ntu25, body25, body25b would fit"),
        ({"xyz": np.ones((6, 20))}, r"xyz must be \(rows, joints, 2 or 3\), got shape \(6, 20\)"),
        ({"xyz": np.ones((6, 20, 4))}, r"xyz must be \(rows, joints, 2 or 3\)"),
        ({"xyz": NAN}, "clip 1 .'1'. has a coordinate that is not a number at row 1, joint 'left hand'"),
        ({"xyz": np.where(np.isnan(NAN), np.inf, NAN)}, "clip 1 .'1'. has a coordinate that is not a number"),
        ({"offsets": [0, 2, 2, 6]}, "clip 1 .'1'. is empty"),
        ({"offsets": [0, 4, 2, 6], "sample_id": ["x", "y", "z"]}, "clip 1 .'y'. is empty"),
        ({"offsets": [0, 2, 6]}, "offsets must be 4 numbers from 0 to 6"),
        ({"offsets": [1, 2, 4, 6]}, "offsets must be 4 numbers from 0 to 6"),
        ({"offsets": [0, 2, 4, 5]}, "offsets must be 4 numbers from 0 to 6"),
        ({"label": [0, 1, 2]}, "clip 2 .'2'. has a label outside 0…1"),
        ({"label": [0, -1, 1]}, "clip 1 .'1'. has a label outside 0…1"),
        ({"label": [[0], [1], [1]]}, "label must be one entry for each of 3 clips"),
        ({"subject": [1, 2]}, "subject must be one entry for each of 3 clips"),
        ({"persons": [1, 1, 0]}, "clip 2 .'2'. has no person"),
        ({"persons": [1, 3, 1]}, "clip 1 .'1'. has rows that do not divide among its persons"),
        ({"class_names": ["a", "a"]}, "class_names names a class twice: a, a"),
        (
            {"subject": ["ann", "ben", "ann"]},
            "mine: subject must be whole numbers, got 'ann', 'ben', 'ann'; names",
        ),
        ({"camera": [0.5, 1, np.nan]}, "mine: camera must be whole numbers, got 0.5, nan"),
        ({"persons": [None, 1, 1]}, "holds pickled objects"),
        ({"label": np.array([1, 2, 3], "M8[s]")}, "mine: label must be whole numbers, got datetime"),
        ({"offsets": [0, 2, 4, 6.5]}, "mine: offsets must be whole numbers, got 6.5"),
        ({"xyz": np.full((6, 20, 3), "1.0")}, "mine: xyz must be numbers, got an array of <U3"),
        ({"fps": "fast"}, r"mine\.npz: fps must be a number above 0, got 'fast'"),
        (
            {"joint_names": [f"j{i}" for i in range(20)], "edges": [[0, 1.5]]},
            "mine.npz: edges must be whole numbers, got 1.5",
        ),
        ({"canonical_names": ["a"]}, "1 canonical_names for 2 class_names"),
    ],
)
def test_inconsistent_content_is_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    np.savez(tmp_path / "mine.npz", **raw(**changes))
    with pytest.raises(ValueError, match=message):
        SkeletonSet.load(tmp_path / "mine.npz")


# ---- the synthetic and the real sets take the same path


@pytest.mark.parametrize("name", REAL)
def test_real_set_has_the_counts_of_its_readme(shared_data: Path, name: str) -> None:
    clips = SkeletonSet.load(shared_data / f"{name}.npz")
    assert (len(clips.class_names), len(set(clips.subject)), len(clips), clips.fps) == REAL[name]
    assert clips.layout is KINECT and (clips.persons == 1).all()
    assert set(clips.label) == set(range(len(clips.class_names)))
    assert len(clips.canonical_names) == len(clips.class_names)
    assert len(set(clips.sample_id)) == len(clips)
    assert set(clips.source) == {name}
    head, foot = KINECT.index("head"), KINECT.index("left foot")
    standing = [(clip[0, :, head, 1] - clip[0, :, foot, 1]).mean() for clip in clips]
    assert 0.5 < np.median(standing) < 2.2, "meters with y up"


def test_synthetic_set_round_trips_like_a_users_own(tmp_path: Path) -> None:
    clips = synthetic.synthesize(clips_per_action=2, actions=synthetic.ACTIONS[:3])
    loaded = SkeletonSet.load(clips.save(tmp_path / "own.npz"))
    same(loaded, clips)
    assert len(loaded) == 6 and loaded.layout is NTU


def test_whole_numbers_of_any_kind_are_taken_and_fractions_refused() -> None:
    same(small(label=np.array([0.0, 1, 2, 1, 0]), subject=["4", "5", "6", "5", "4"]), small())
    same(small().subset(np.array([0.0, 2.0])), small().subset([0, 2]))
    with pytest.raises(ValueError, match=r"small: label must be whole numbers, got 1\.7$"):
        small(label=[0, 1.7, 2, 1, 0])
    with pytest.raises(ValueError, match=r"numbers of clips must be whole numbers, got 0\.5"):
        small().subset([0.5])  # type: ignore[list-item]


def test_a_subset_by_a_mask_is_that_by_numbers() -> None:
    s = small()
    same(s.subset(s.label == 1), s.subset([1, 3]))
    same(s.subset([-1]), s.subset([4]))
    assert len(s.subset([])) == len(s.subset(s.label == 7)) == 0
    with pytest.raises(IndexError, match="a mask of small has an entry for each of 5 clips, got 2"):
        s.subset(np.array([True, False]))
    for number in (5, -6):
        with pytest.raises(IndexError, match=f"small has no clip {number}: it has 5, counted from 0"):
            s.subset([0, number])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"xyz": torch.ones(18, 20, 3)}, "small: xyz must be a NumPy array, got Tensor; make one with np.asarray"),
        ({"label": [0, 1]}, "small: label must be a NumPy array, got list"),
        ({"label": small().label[:3]}, r"small: label must be one entry for each of 5 clips, got \(3,\)"),
        ({"fps": "30"}, "small: fps must be a number above 0, got '30'"),
        ({"class_names": "ab"}, r"small: class_names must be a list of names, got 'ab'; give \['ab'\]"),
        ({"class_names": ("a", " ")}, "small: class 1 of class_names has an empty name"),
    ],
)
def test_what_a_beginner_puts_into_a_set_is_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        replace(small(), **changes)


@pytest.mark.parametrize("lengths", [(5, 5), (5, 7)])
def test_a_list_of_clips_is_told_how_to_become_a_set(lengths: tuple[int, ...]) -> None:
    clips = [np.ones((length, KINECT.num_joints, 3)) for length in lengths]
    with pytest.raises(ValueError, match=r"mine: xyz must be .*; a list of clips .* becomes np\.concatenate\(clips\)"):
        SkeletonSet.build(clips, [0, 5, 10], [0, 1], ["wave", "kick"], KINECT, name="mine")  # type: ignore[arg-type]


def test_other_types_are_named() -> None:
    with pytest.raises(TypeError, match=r"subset takes a list of clip numbers, as \[0, 1\], or a mask, got 3"):
        small().subset(3)
    with pytest.raises(ValueError, match="fps must be a number above 0, got 'x'"):
        small().at_rate("x")
    with pytest.raises(TypeError, match=r"a layout is given by its name, a .yaml file or a Layout, got NoneType"):
        SkeletonSet.build(small().xyz, small().offsets, small().label, small().class_names, None)
    with pytest.raises(TypeError, match="class_names must be a list of names, got 'ab'"):
        SkeletonSet.build(small().xyz, small().offsets, small().label, "ab", small().layout)


@pytest.mark.parametrize("fps", [0.0, -30.0, math.nan, math.inf])
def test_frames_per_second_are_a_number_above_0(fps: float) -> None:
    with pytest.raises(ValueError, match="small: fps must be a number above 0, got"):
        small(fps=fps)


def test_a_header_that_claims_more_rows_than_there_are_is_refused(tmp_path: Path) -> None:
    path = small().save(tmp_path / "s.npz")
    content = path.read_bytes()
    assert content.count(b"(14, 25, 3)") == 1
    path.write_bytes(content.replace(b"(14, 25, 3)", b"(15, 25, 3)"))
    with pytest.raises(ValueError, match=r"s\.npz is damaged \(xyz is cut short"):
        SkeletonSet.load(path)


def test_a_file_that_is_replaced_while_it_is_read_is_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, other = small().save(tmp_path / "s.npz"), small(xyz=np.ones((14, 25, 3), np.float32), label=[2] * 5)
    read = np.lib.format.read_magic

    def and_another_comes(file: Any) -> Any:
        other.save(path)
        return read(file)

    monkeypatch.setattr(np.lib.format, "read_magic", and_another_comes)
    found = SkeletonSet.load(path)
    same(replace(found, source=small().source), small())
