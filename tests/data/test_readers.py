"""The contract of every reader in the registry: it reads its own format, and says clearly what it cannot read.

Sample files of a format are written by `tests/support/source_files/<name>.py`: its `write_sample(folder) -> file`
writes a small tree of the exact format into `folder` and returns one file of it. A reader without samples fails.
"""

from __future__ import annotations

import importlib
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from support import source_files as samples
from support.skeleton_people import head_height

from crossglg.data.any_file import clip_files, matching_formats
from crossglg.data.convert import source_files
from crossglg.data.readers import READERS, Reader, Recording, get_reader
from crossglg.data.readers.markers import joints_of

SAMPLES = Path(samples.__path__[0])


@pytest.fixture(params=[name for name in READERS if READERS.packages[name] == "crossglg"])
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def reader(name: str) -> Reader:
    return get_reader(name)


@pytest.fixture
def write(name: str) -> Callable[[Path], Path]:
    module = name.replace("-", "_")
    assert (SAMPLES / f"{module}.py").is_file(), f"the reader {name!r} has no tests/support/source_files/{module}.py"
    return importlib.import_module(f"support.source_files.{module}").write_sample


def test_reader_says_what_it_is_and_does(reader: Reader) -> None:
    assert len(reader.about.split()) >= 4
    assert reader.patterns and all("*" in pattern for pattern in reader.patterns)
    assert reader.steps and all(step.strip() for step in reader.steps)
    assert len(set(reader.class_names)) == len(reader.class_names)


def test_patterns_find_the_file_in_a_folder(reader: Reader, write: Callable[[Path], Path], tmp_path: Path) -> None:
    file = write(tmp_path)
    assert file in [found.path for found in source_files(tmp_path, reader)]


def test_a_suffix_may_be_in_capitals(name: str, reader: Reader, write: Callable[[Path], Path], tmp_path: Path) -> None:
    small = write(tmp_path)
    file = small.rename(small.with_suffix(small.suffix.upper()))
    assert file in [found.path for found in source_files(tmp_path, reader)]
    assert name in matching_formats(file)
    assert name in ("pku-mmd", "ui-prmd") or reader.read(file)  # those two need a second file that is called alike


def test_hidden_files_are_left_out(reader: Reader, write: Callable[[Path], Path], tmp_path: Path) -> None:
    file = write(tmp_path)
    found = [source_files(tmp_path, reader), list(clip_files(tmp_path))]
    file.with_name(f"._{file.name}").write_bytes(b"resources")
    (tmp_path / ".trash").mkdir()
    (tmp_path / ".trash" / file.name).write_bytes(b"thrown away")
    assert [source_files(tmp_path, reader), list(clip_files(tmp_path))] == found


def test_reads_people_who_stand(reader: Reader, write: Callable[[Path], Path], tmp_path: Path) -> None:
    recordings = reader.read(write(tmp_path))
    assert recordings
    for recording in recordings:
        persons, frames, joints, channels = recording.xyz.shape
        assert recording.xyz.dtype == np.float32 and np.isfinite(recording.xyz).all()
        assert persons >= 1 and frames >= 2 and joints == recording.layout.num_joints and channels in (2, 3)
        assert np.any(recording.xyz != 0, axis=(1, 2, 3)).all(), "a person who is never seen"
        assert head_height(recording.xyz, recording.layout) > 0, "upside down"
        assert not reader.class_names or recording.class_name in reader.class_names
    ids = [recording.sample_id for recording in recordings]
    assert all(ids) and len(set(ids)) == len(ids)


def test_zip_reads_as_the_folder_does(reader: Reader, write: Callable[[Path], Path], tmp_path: Path) -> None:
    folder = tmp_path / "tree"
    folder.mkdir()
    file = write(folder)
    with zipfile.ZipFile(tmp_path / "tree.zip", "w") as archive:
        for member in sorted(folder.rglob("*")):
            archive.write(member, member.relative_to(folder).as_posix())
    zipped = reader.read(zipfile.Path(tmp_path / "tree.zip") / file.relative_to(folder).as_posix())
    for one, other in zip(reader.read(file), zipped, strict=True):
        assert _facts(one) == _facts(other)
        np.testing.assert_array_equal(one.xyz, other.xyz)


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"Dear reader,\nthis is no skeleton.\n", np.random.default_rng(0).bytes(4096)],
    ids=["empty", "blank", "text", "random"],
)
def test_foreign_file_is_refused_by_name(
    reader: Reader, write: Callable[[Path], Path], tmp_path: Path, content: bytes
) -> None:
    file = write(tmp_path)
    file.write_bytes(content)
    with pytest.raises(ValueError) as refusal:
        reader.read(file)
    assert str(refusal.value).startswith(f"{file.name}: ") and str(refusal.value).count(file.name) == 1
    assert "\n" not in str(refusal.value), "one sentence, not a report"


def test_unknown_format_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="unknown format 'fbx'") as refusal:
        get_reader("fbx")
    assert all(name in str(refusal.value) for name in READERS)


def _facts(recording: Recording) -> tuple[object, ...]:
    keys = ("layout", "sample_id", "class_name", "subject", "camera", "fps", "notes")
    return tuple(getattr(recording, key) for key in keys)


def plug_in_gait(prefix: str = "") -> tuple[np.ndarray, list[str]]:
    """(T, points, 3) of the markers that joints are made of, and their names."""
    names = [
        side + name for side in "LR"
        for name in ("SHO", "ELB", "WRA", "WRB", "FIN", "ASI", "PSI", "KNE", "ANK", "TOE", "FHD", "BHD")
    ]  # fmt: skip
    names += ["C7", "CLAV", "T10", "STRN"]
    return np.random.default_rng(0).uniform(1.0, 2.0, (30, len(names), 3)), [prefix + name for name in names]


def test_a_marker_at_zero_is_not_averaged_into_a_joint() -> None:
    xyz, names = plug_in_gait()
    lost = xyz.copy()
    lost[10:20, names.index("RWRB")] = 0.0
    whole, layout = joints_of(xyz, names)
    found, _ = joints_of(lost, names)
    wrist, hand = layout.index("right wrist"), layout.index("right hand")
    assert np.isnan(found[0, 10:20, wrist]).all() and np.isfinite(found[0, 10:20, hand]).all()
    np.testing.assert_array_equal(found[0, :10], whole[0, :10])


def test_points_of_two_subjects_are_refused() -> None:
    (one, names), (two, others) = plug_in_gait("Ann:"), plug_in_gait("Ben:")
    with_wand = np.concatenate([one, two[:, :2]], axis=1), [*names, "Ann:tip", "Wand:tip"]
    assert joints_of(*with_wand)[0].shape == joints_of(one, names)[0].shape == (1, 30, 20, 3)
    with pytest.raises(ValueError, match=r"of several subjects \(Ann, Ben\); export each to its own file"):
        joints_of(np.concatenate([one, two], axis=1), [*names, *others])
