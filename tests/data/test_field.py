"""Files as people have them, where they lie beside the checkout: each is read, or refused in words that help."""

from __future__ import annotations

from pathlib import Path

import pytest

from crossglg.data.any_file import read_any
from crossglg.data.convert import convert


@pytest.fixture
def field(shared_data: Path) -> Path:
    folder = shared_data.parent / "field"
    if not folder.is_dir():
        pytest.skip("the files from the field are not in ../shared/field beside this checkout")
    return folder


def test_every_file_from_the_field_is_read(field: Path, tmp_path: Path) -> None:
    clips = convert(field / "own-clips-in-class-folders", "keypoints", tmp_path / "o.npz", 1, progress=False)
    assert clips.class_names == ("kick", "wave") and len(clips) == 8
    assert read_any(field / "openpose-json-folder" / "clip1")[0].layout.name == "body25"
    (side,) = read_any(field / "keypoints-joint-never-seen" / "side_view.npy", layout="coco17")
    assert any("put at the nearest joint: left ear" in note for note in side.notes)
    for file in (field / "mediapipe-csv-variants").glob("*.csv"):
        (clip,) = read_any(file)
        assert clip.layout.name == "mediapipe33" and any("the body is squeezed" in note for note in clip.notes)
    assert (
        len(convert(field / "stgcn-json-folder-name", "kinetics-skeleton", tmp_path / "k.npz", 1, progress=False)) == 4
    )
    bvh = field / "bvh-variants"
    assert "says 19 frames, has 20: all read" in read_any(bvh / "one_frame_more_than_said.bvh")[0].notes
    assert read_any(bvh / "utf16.bvh")[0].xyz.shape[1] == read_any(bvh / "scientific.bvh")[0].xyz.shape[1] == 20
    with pytest.raises(ValueError, match="0 s each, are no motion"):
        read_any(bvh / "frame_time_zero.bvh")
    with pytest.raises(ValueError, match="say which, as layout='coco17'"):
        read_any(field / "coco17-no-layout-option" / "clip.npy")
    assert read_any(field / "coco17-no-layout-option" / "clip.npy", layout="coco17")
