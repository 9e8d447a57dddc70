"""UTD-MHAD: the MATLAB file of a clip is the processed set's clip; damaged files and zip bombs are refused."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from scipy.io import loadmat
from support.fuzzing import mutations, survives
from support.kinect_sets import assert_same_as_processed
from support.skeleton_people import standing
from support.source_files.utd_mhad import content, write_sample

from crossglg.data.readers import get_reader
from crossglg.data.readers.utd_mhad import parse


def test_is_the_processed_clip(shared_data: Path) -> None:
    assert_same_as_processed(shared_data, "utd-mhad", "utd_mhad")


@pytest.mark.parametrize("compressed", [True, False])
def test_reads_what_was_written(compressed: bool) -> None:
    clip, notes = parse(content(compressed=compressed))
    np.testing.assert_allclose(clip, standing("kinect20", 4))
    assert notes == ()


@pytest.mark.parametrize("stored", ["<i2", "<u1", "<f4", "<f8", "<i8"])
def test_numbers_of_any_type_are_read_as_scipy_reads_them(stored: str) -> None:
    skeleton = np.random.default_rng(0).integers(0, 90, size=(20, 3, 5)).astype(stored)
    written = content(before=np.arange(3), d_skel=skeleton, after=np.eye(2))
    expected = loadmat(io.BytesIO(written))["d_skel"].transpose(2, 0, 1)
    np.testing.assert_array_equal(parse(written)[0][0, :, [3, 2, 1, 0, *range(4, 20)]].swapaxes(0, 1), expected)


def test_name_gives_class_and_subject(tmp_path: Path) -> None:
    (recording,) = get_reader("utd-mhad").read(write_sample(tmp_path))
    assert (recording.sample_id, recording.class_name, recording.subject) == ("a27_s8_t3", "squat", 8)


def test_class_number_outside_the_set_is_refused(tmp_path: Path) -> None:
    file = write_sample(tmp_path).rename(tmp_path / "a28_s8_t3_skeleton.mat")
    with pytest.raises(ValueError, match=r"a28_s8_t3_skeleton\.mat.* 1 to 27"):
        get_reader("utd-mhad").read(file)


@pytest.mark.parametrize(
    "variables",
    [{"d_iner": np.ones((180, 6))}, {"d_skel": np.ones((20, 3))}, {"d_skel": np.ones((25, 3, 5))},
     {"d_skel": np.array("walk")}, {"d_skel": np.ones((20, 3, 2)) * 1j}, {"d_skel": {"a": 1}},
     {"d_skel": np.full((20, 3, 2), 1.0, dtype=object)}, {"d_skel": np.ones((20, 3, 0))[..., None]}],
)  # fmt: skip
def test_other_variables_are_refused(variables: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="d_skel"):
        parse(content(**variables))


@pytest.mark.parametrize("header", [b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM", b"MATLAB 4", b"\x89HDF\r\n"])
def test_other_versions_are_refused_with_the_way_out(header: bytes) -> None:
    with pytest.raises(ValueError, match="-v7"):
        parse(header + bytes(100))


def test_bomb_is_refused_within_bounded_memory() -> None:
    bomb = zlib.compress(bytes(1 << 26))
    tracemalloc.start()
    with pytest.raises(ValueError, match="MiB"):
        parse(content()[:128] + struct.pack("<II", 15, len(bomb)) + bomb)
    assert tracemalloc.get_traced_memory()[1] < 1 << 26
    tracemalloc.stop()


def test_promised_sizes_are_not_believed() -> None:
    """Every word of the tags set to every kind of promise: an error or a clip, and no memory for what is not there."""
    valid = content(2, compressed=False)
    tracemalloc.start()
    for at in range(128, 232, 4):
        for promise in (0, 255, 1 << 28, (1 << 31) - 1, 1 << 31, (1 << 32) - 1):
            survives(parse, valid[:at] + struct.pack("<I", promise) + valid[at + 4 :])
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


@given(mutations(content(2, compressed=False)))
@settings(max_examples=150, deadline=None, database=None)
def test_mutated_files_without_compression_raise_value_errors(mutated: bytes) -> None:
    survives(parse, mutated)
