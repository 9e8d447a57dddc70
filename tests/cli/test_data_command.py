"""`crossglg data sheet`: every file that some reader knows is drawn, each in its own layout."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import pytest
from support.skeleton_people import standing
from support.source_files.keypoints import array
from support.source_files.openpose import write_sample as write_frames
from typer.testing import CliRunner

from crossglg.cli import app
from crossglg.cli.data import HEIGHT, _from_the_front, _in_meters
from crossglg.data.readers import Recording
from crossglg.skeletons import Layout, get_layout
from crossglg.viz import figures


def run(*arguments: str | Path) -> str:
    result = CliRunner().invoke(app, ["data", "sheet", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files of three formats with 20, 22 and 25 joints, and one of no format."""
    for name in ("nw_ucla", "ui_prmd", "mars"):
        (tmp_path / name).mkdir()
        importlib.import_module(f"support.source_files.{name}").write_sample(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no skeleton")
    return tmp_path


def test_sheet_draws_every_known_file(folder: Path) -> None:
    out = run(folder, "--output", folder / "all.png")
    assert "nw-ucla: nw_ucla/a06_s05_e01_v02: stand up, 4 frames" in out
    assert "ui-prmd: ui_prmd/Positions/m01_s10_e02: deep squat, 4 frames" in out
    assert "mars: mars/subject3_kinect_data_test: mars, 4 frames" in out
    assert (folder / "all.png").read_bytes()[:4] == b"\x89PNG"


def test_sheet_names_class_folders_as_convert_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for place in ("waving/monday", "sitting_down"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "Take 1.npy").write_bytes(array(standing("kinect20")))
    write_frames(tmp_path / "nodding")
    rows: list[str] = []
    monkeypatch.setattr(figures, "clip_gallery", lambda drawn, *_: rows.extend(label for _, label in drawn))
    monkeypatch.setattr(figures, "save", lambda *_: None)
    out = run(tmp_path, "--output", tmp_path / "all.png")
    for name, class_name in (("waving/monday/Take 1", "monday"), ("sitting_down/Take 1", "sitting down")):
        assert f"keypoints {name}\n{class_name}" in rows and f"keypoints: {name}: {class_name}, " in out
    assert any(row.endswith("\nnodding") and "openpose nodding/clip1/" in row for row in rows)
    assert "keypoints: Take 1: no class" in run(tmp_path / "sitting_down" / "Take 1.npy")


def test_sheet_of_one_file_one_format_or_the_first_clips(folder: Path) -> None:
    out = run(folder / "nw_ucla" / "a06_s05_e01_v02.json", "--output", folder / "one.png")
    assert "nw-ucla" in out and "mars" not in out
    out = run(folder, "--format", "mars", "--output", folder / "mars.png")
    assert "mars: " in out and "nw-ucla: " not in out
    assert "the first 2 clips" in run(folder, "--most", "2", "--output", folder / "two.png")


def test_sheet_of_nothing_known_is_refused(folder: Path) -> None:
    for path, error in ((folder / "notes.txt", ValueError), (folder / "absent", FileNotFoundError)):
        with pytest.raises(error, match=path.name):
            run(path, "--output", folder / "none.png")


def test_pixels_are_scaled_to_a_persons_height() -> None:
    xy = 400 * standing("coco17", 6)[..., :2]
    scaled = _in_meters(Recording(xy, get_layout("coco17"), "pixels"))
    assert np.median(np.ptp(scaled[0, ..., 1], axis=1)) == pytest.approx(HEIGHT, rel=1e-5)


def test_gallery_takes_a_layout_for_each_clip() -> None:
    clips = [(standing(name, 6), name) for name in ("kinect20", "ntu25")]
    figure = figures.clip_gallery(clips, [get_layout(name) for _, name in clips], frames=3)
    bones = [len(poses.get_segments()) for poses in figure.axes[0].collections]
    assert bones == [19] * 3 + [24] * 3
    with pytest.raises(ValueError, match="2 clips and 1 layouts"):
        figures.clip_gallery(clips, [get_layout("ntu25")])


def test_a_sheet_shows_people_from_the_front() -> None:
    layout = get_layout("kinect20")
    front = standing("kinect20", 3)
    drawn = _from_the_front(Recording(front, layout, "front"))
    assert np.array_equal(drawn, front)
    behind = front * (-1.0, 1.0, -1.0)  # half a turn, no mirror image
    assert np.array_equal(_from_the_front(Recording(behind, layout, "behind")), front)
    unknown = Layout("own", tuple(f"m{j}" for j in range(20)), layout.bones, "m2")
    assert np.array_equal(_from_the_front(Recording(behind, unknown, "unknown")), behind)
    flat = np.random.default_rng(0).normal(size=(1, 3, 17, 2))
    assert _from_the_front(Recording(flat, get_layout("coco17"), "flat")).shape == flat.shape
