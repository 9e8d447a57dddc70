"""The CTR-GCN family's `.npz`: both splits, padding, InfoGCN's aligned axes, and what is refused."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from support.fuzzing import mutations, survives
from support.skeleton_people import head_height, standing
from support.source_files.ctrgcn import HIPS, NTU, SPINE, arrays, packed, parse, stored, write_sample

from crossglg.data.readers import ctrgcn


def test_both_splits_come_back_without_their_padding() -> None:
    clips = parse()
    assert [clip.sample_id for clip in clips] == ["train-000000", "train-000001", "test-000000"]
    assert [clip.class_name for clip in clips] == ["0", "49", "7"]
    assert [clip.xyz.shape for clip in clips] == [(1, 12, 25, 3), (2, 20, 25, 3), (1, 30, 25, 3)]
    people = standing("ntu25", 20, 2)
    np.testing.assert_array_equal(clips[1].xyz, people - people[0, 0, SPINE])


def test_gap_within_a_clip_stays() -> None:
    x = arrays()["x_train"]
    x[0, 4:6] = 0
    assert parse(x_train=x)[0].xyz.shape[1] == 12
    assert (parse(x_train=x)[0].xyz[:, 4:6] == 0).all()


def test_clip_without_anybody_is_left_out_and_told() -> None:
    x = arrays()["x_train"]
    x[0] = 0
    clips = parse(x_train=x)
    assert [clip.sample_id for clip in clips] == ["train-000001", "test-000000"]
    assert "1 clips" in clips[0].notes[0] and "train-000000" in clips[0].notes[0]


def aligned_body(body: np.ndarray) -> np.ndarray:
    """(T, 25, 3) of one body as InfoGCN turns it, by its own first frame."""
    up = body[0, SPINE] - body[0, NTU.index("base of spine")]
    up /= np.linalg.norm(up)
    across = body[0, HIPS[0]] - body[0, HIPS[1]]
    across -= (across @ up) * up
    across /= np.linalg.norm(across)
    rotation = np.stack([across, np.cross(across, up), up], axis=1)
    return np.stack([[np.linalg.inv(rotation) @ joint for joint in frame] for frame in body])


def test_aligned_file_is_turned_to_y_up_and_its_mirror_image_undone(tmp_path: Path) -> None:
    person = standing("ntu25", 12).astype(np.float64)
    centered = person[0] - person[0, 0, SPINE]
    centered = centered @ _about_y(0.7).T  # someone who does not face the camera
    turned = aligned_body(centered)
    x = np.zeros((1, 30, 2, 25, 3), dtype=np.float32)
    x[0, :12, 0] = turned
    content = packed(x_train=x.reshape(1, 30, 150), y_train=np.eye(60)[[3]])
    (tmp_path / "NTU60_CS_aligned.npz").write_bytes(content)
    clip = ctrgcn.READER.read(tmp_path / "NTU60_CS_aligned.npz")[0]
    assert head_height(clip.xyz, clip.layout) > 0.5
    left = clip.xyz[0, 0, HIPS[0]] - clip.xyz[0, 0, HIPS[1]]
    assert left[0] < -0.05 and abs(left[2]) < 1e-5, "left is −x"
    feet = [clip.xyz[0, :, NTU.index(f"left {joint}"), 2] for joint in ("foot", "ankle")]
    assert (feet[0] < feet[1]).all(), "facing −z"
    motion = np.linalg.lstsq(centered.reshape(-1, 3), clip.xyz.reshape(-1, 3))[0]
    np.testing.assert_allclose(motion @ motion.T, np.eye(3), atol=1e-5)
    assert np.linalg.det(motion) == pytest.approx(1, abs=1e-5), "a rotation of what the sensor saw"
    assert np.linalg.det(np.linalg.lstsq(centered.reshape(-1, 3), turned.reshape(-1, 3))[0]) == pytest.approx(-1)


def _about_y(angle: float) -> np.ndarray:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])


def test_labels_are_named_by_the_label_map(tmp_path: Path) -> None:
    (tmp_path / "label_map.txt").write_text("".join(f"action {k}\n" for k in range(60)))
    assert [clip.class_name for clip in ctrgcn.READER.read(write_sample(tmp_path))] == [
        "action 0",
        "action 49",
        "action 7",
    ]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"x_train": None}, "lacks the array 'x_train'"),
        ({"y_test": None}, "lacks the array 'y_test'"),
        ({"x_train": np.zeros((2, 30, 75), dtype=np.float32)}, r"\(clips, frames, 150\), got shape \(2, 30, 75\)"),
        ({"x_train": np.zeros((3, 30, 150), dtype=np.float32)}, "3 clips but y_train has 2 labels"),
        ({"y_train": np.array([0, 49])}, r"one-hot, \(clips, classes\)"),
        ({"y_train": np.ones((2, 60))}, "one-hot: one entry"),
        ({"x_test": np.full((1, 30, 150), np.inf)}, "test-000000: a coordinate is not a finite number"),
        ({"x_test": np.full((1, 30, 150), 1e300)}, "test-000000: a coordinate is not a finite number"),
        ({"x_test": np.array([{}], dtype=object)}, "array of numbers"),
        ({"x_test": np.asfortranarray(np.ones((1, 30, 150)).repeat(2, 0))}, "C order"),
    ],
)
def test_wrong_arrays_are_refused_with_the_file_named(change: dict, said: str) -> None:
    with pytest.raises(ValueError, match=rf"^it cannot be read as a CTR-GCN \.npz: .*{said}"):
        parse(**change)


def test_array_that_declares_more_than_it_holds_is_refused() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for key, array in arrays().items():
            with archive.open(f"{key}.npy", "w") as member:
                shape = (10**9, *array.shape[1:]) if key.endswith("train") else array.shape
                np.lib.format.write_array_header_1_0(member, {"descr": "<f4", "fortran_order": False, "shape": shape})
                member.write(array.astype("<f4").tobytes())
    with pytest.raises(ValueError, match="y_train is cut off"):
        ctrgcn.parse(file.getvalue())


def test_zip_bomb_is_refused_before_it_is_unpacked() -> None:
    file = io.BytesIO()
    np.savez_compressed(file, **(arrays() | {"x_train": np.zeros((2000, 30, 150), dtype=np.float32)}))
    with pytest.raises(ValueError, match="would grow from"):
        ctrgcn.parse(file.getvalue())
    compressed = io.BytesIO()
    np.savez_compressed(compressed, **arrays())
    assert len(ctrgcn.parse(compressed.getvalue())) == 3


def rebuilt(member: str, content: bytes) -> bytes:
    """The `.npz` with one member replaced: mutating the file itself mostly ends at the zip's checksums."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(SMALL)) as source, zipfile.ZipFile(file, "w") as archive:
        for name in source.namelist():
            archive.writestr(name, content if name == member else source.read(name))
    return file.getvalue()


SMALL = packed(
    x_train=stored(standing("ntu25", 2), 3)[None], y_train=np.eye(3)[[1]],
    x_test=stored(standing("ntu25", 3), 3)[None], y_test=np.eye(3)[[2]],
)  # fmt: skip
MEMBERS = {name: zipfile.ZipFile(io.BytesIO(SMALL)).read(name) for name in ("x_train.npy", "y_test.npy")}


def fuzzed(content: bytes) -> None:
    survives(lambda changed: ctrgcn.parse(changed), content)


@given(mutations(MEMBERS["x_train.npy"]), mutations(MEMBERS["y_test.npy"]))
@settings(max_examples=100, deadline=None)
def test_mutated_arrays_raise_only_value_errors(x: bytes, y: bytes) -> None:
    fuzzed(rebuilt("x_train.npy", x))
    fuzzed(rebuilt("y_test.npy", y))
