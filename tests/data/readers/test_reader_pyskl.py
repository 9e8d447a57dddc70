"""PYSKL pickles: 2-D pixels and NTU 3-D, their axes, absent persons, labels, and what is refused."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.skeleton_people import head_height, standing
from support.source_files.pyskl import NTU, annotation_2d, annotation_3d, write_sample

from crossglg.data.readers import pyskl


def parse(*annotations: Any, **options: Any) -> list:
    return pyskl.parse(pickle.dumps(list(annotations), 4), **options)


def test_pixels_are_kept_with_y_up() -> None:
    annotation = annotation_2d()
    (clip,) = parse(annotation)
    assert clip.layout.name == "coco17" and clip.xyz.shape == (2, 30, 17, 2)
    np.testing.assert_array_equal(clip.xyz[..., 0], annotation["keypoint"][..., 0].astype(np.float32))
    np.testing.assert_array_equal(clip.xyz[..., 1], -annotation["keypoint"][..., 1].astype(np.float32))


def test_3d_is_kept_as_the_kinect_saw_it() -> None:
    xyz = standing("ntu25", 20, 2)
    (clip,) = parse(annotation_3d(xyz))
    np.testing.assert_array_equal(clip.xyz, xyz)
    assert (clip.subject, clip.camera, clip.class_name) == (17, 3, "49")


def test_3d_clip_turned_by_prenormalize3d_stands_up_again() -> None:
    """As PYSKL turns a clip: spine middle of the first frame to the origin, spine to +z, then shoulders to +x."""
    xyz = standing("ntu25", 20, 2).astype(np.float64)
    centered = xyz - xyz[0, 0, NTU.index("middle of spine")]
    spine = centered[0, 0, NTU.index("base of spine")]
    turned = centered @ _turn(-spine, [0, 0, 1]).T
    shoulders = turned[0, 0, NTU.index("right shoulder")] - turned[0, 0, NTU.index("left shoulder")]
    turned = turned @ _turn(shoulders, [1, 0, 0]).T
    (clip,) = parse(annotation_3d(turned.astype(np.float32)))
    assert head_height(clip.xyz, clip.layout) > 0.5 and "PreNormalize3D" in clip.notes[0]
    left = clip.xyz[0, 0, NTU.index("left shoulder")] - clip.xyz[0, 0, NTU.index("right shoulder")]
    assert left[0] < -0.2
    # A rotation, no mirror image: the toes still point ahead, to −z.
    assert np.linalg.det(np.linalg.lstsq(centered.reshape(-1, 3), clip.xyz.reshape(-1, 3))[0]) == pytest.approx(
        1, abs=1e-3
    )
    feet = [clip.xyz[0, :, NTU.index(f"left {joint}"), 2] for joint in ("foot", "ankle")]
    assert (feet[0] < feet[1]).all()


def test_centered_clip_of_somebody_lying_is_left_as_it_is() -> None:
    """Lying with the feet to the camera looks like z up, but for the line of the shoulders."""
    xyz = standing("ntu25", 20).astype(np.float64)
    lying = (xyz - xyz[0, 0, 1]) @ _turn([0.02, 1, 0], [0.1, 0.1, 1]).T
    (clip,) = parse(annotation_3d(lying.astype(np.float32)))
    np.testing.assert_array_equal(clip.xyz, lying.astype(np.float32))
    assert not clip.notes


def _turn(vector: Any, goal: Any) -> np.ndarray:
    """The rotation (3, 3) that takes the direction of `vector` to that of `goal`."""
    a, b = (np.asarray(v, dtype=float) / np.linalg.norm(v) for v in (vector, goal))
    axis, cosine = np.cross(a, b), a @ b
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    return np.eye(3) + cross + cross @ cross / (1 + cosine)


def test_persons_without_any_score_are_absent() -> None:
    annotation = annotation_2d(persons=3)
    annotation["keypoint_score"][1] = 0  # never seen, whatever its coordinates say
    annotation["keypoint_score"][2, 5:9] = 0
    (clip,) = parse(annotation)
    assert clip.xyz.shape[0] == 2
    assert (clip.xyz[1, 5:9] == 0).all() and (clip.xyz[1, 4] != 0).any() and (clip.xyz[0] != 0).all()


def test_second_body_of_zeros_is_dropped_in_3d() -> None:
    xyz = standing("ntu25", 20, 2)
    xyz[1] = 0
    assert parse(annotation_3d(xyz))[0].xyz.shape[0] == 1


def test_clip_without_anybody_is_left_out_and_told() -> None:
    nobody = annotation_2d("nobody")
    nobody["keypoint_score"][:] = 0
    (clip,) = parse(annotation_2d(), nobody)
    assert clip.notes == ("1 clips of the same file left out because nobody is seen in them: nobody",)
    assert parse(nobody) == []


def test_labels_are_numbers_or_named_by_the_label_map(tmp_path: Path) -> None:
    assert [clip.class_name for clip in parse(annotation_2d(), {**annotation_2d(), "label": np.int64(4)})] == ["1", "4"]
    assert [clip.class_name for clip in pyskl.READER.read(write_sample(tmp_path))] == [
        "action 1",
        "action 1",
        "action 49",
    ]
    assert parse({k: v for k, v in annotation_2d().items() if k != "label"})[0].class_name == ""
    with pytest.raises(ValueError, match=r"^it cannot be read .*label 1 is outside the 1 class names"):
        parse(annotation_2d(), class_names=["walk"])


def test_one_annotation_or_a_dict_of_them_reads_like_a_list() -> None:
    one = annotation_2d()
    for content in (one, {"annotations": [one]}, [one]):
        (clip,) = pyskl.parse(pickle.dumps(content))
        np.testing.assert_array_equal(clip.xyz, parse(one)[0].xyz)


def test_odd_frame_count_is_noted() -> None:
    assert parse({**annotation_2d(), "total_frames": 31})[0].notes == (
        "total_frames differs from the 30 frames of the array",
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"frame_dir": 7}, "no text 'frame_dir'"),
        ({"keypoint": np.zeros((2, 30, 17))}, "must be an array"),
        ({"keypoint": np.zeros((2, 30, 20, 3))}, r"known are coco17 \(17, 2\)"),
        ({"keypoint": np.zeros((2, 30, 17, 2), dtype=bool)}, "of numbers"),
        ({"keypoint": [[1, 2]]}, "must be an array"),
        ({"keypoint": np.full((1, 30, 17, 2), np.nan), "keypoint_score": np.ones((1, 30, 17))}, "not a finite number"),
        ({"keypoint": np.full((1, 30, 17, 2), 1e300), "keypoint_score": np.ones((1, 30, 17))}, "not a finite number"),
        ({"keypoint_score": np.ones((2, 30))}, r"shape \(2, 30, 17\)"),
        ({"label": [1, 2]}, "'label' must be one whole number or a name, got a list"),
    ],
)
def test_wrong_annotation_is_refused_with_the_file_named(change: dict, said: str) -> None:
    with pytest.raises(ValueError, match=rf"^it cannot be read as a PYSKL annotation pickle: .*{said}"):
        parse(annotation_2d() | change)


@pytest.mark.parametrize("content", [[], {}, 5, "text", [1], {"annotations": 3}, {"annotations": [[]]}])
def test_other_pickles_are_refused(content: Any) -> None:
    with pytest.raises(ValueError, match="annotations"):
        pyskl.parse(pickle.dumps(content))


def test_array_mentioned_again_and_again_is_refused() -> None:
    array = np.zeros((1, 50, 17, 2), dtype=np.float16)
    with pytest.raises(ValueError, match="arrays are repeated"):
        parse(*({"frame_dir": str(i), "keypoint": array} for i in range(1000)))


def test_distinct_arrays_over_the_same_bytes_are_refused() -> None:
    class Over:
        def __init__(self, content: bytes) -> None:
            self.content = content

        def __reduce__(self) -> Any:
            return np.zeros(0).__reduce__()[0], (np.ndarray, (0,), b"b"), (1, (1, 50, 17, 2), F4, False, self.content)

    F4, content = np.dtype("f4"), bytes(4 * 50 * 17 * 2)
    assert parse({"frame_dir": "one", "keypoint": Over(content), "keypoint_score": np.ones((1, 50, 17))})
    with pytest.raises(ValueError, match="arrays are repeated"):
        parse(*({"frame_dir": str(i), "keypoint": Over(content)} for i in range(1000)))


def test_empty_array_of_a_trillion_persons_costs_nothing() -> None:
    for shape in ((2**39, 0, 17, 2), (0, 2**39, 17, 2), (1, 0, 17, 2)):
        nobody = {"frame_dir": "nobody", "keypoint": np.zeros(shape, dtype=np.float16)}
        assert parse(nobody) == []


def test_code_in_an_annotation_does_not_run(tmp_path: Path) -> None:
    class Touch:
        def __reduce__(self) -> Any:
            return os.system, (f"touch {tmp_path / 'ran'}",)

    for annotation in (Touch(), {"keypoint": Touch()}, annotation_2d() | {"label": Touch()}):
        with pytest.raises(ValueError, match=r"^it cannot be read .*posix\.system.*nothing in it was run"):
            parse(annotation)
    assert not (tmp_path / "ran").exists()


def test_genuine_paddlevideo_sample(shared_data: Path) -> None:
    path = shared_data / "raw" / "pyskl_pkl" / "paddlevideo_example_UCF101_skeleton.pkl"
    (clip,) = pyskl.READER.read(path)
    assert (clip.sample_id, clip.class_name, clip.layout.name) == ("v_ApplyEyeMakeup_g01_c01", "0", "coco17")
    assert clip.xyz.shape == (2, 163, 17, 2) and not clip.notes
    names = {name: clip.xyz[0, :, clip.layout.index(name)] for name in clip.layout.joints}
    assert head_height(clip.xyz, clip.layout) > 50
    # A face in close-up, turned to the camera: the subject's left is at the right of the image.
    assert (names["left eye"][:, 0] > names["right eye"][:, 0]).mean() > 0.9
    assert (names["left shoulder"][:, 0] > names["right shoulder"][:, 0]).mean() > 0.9
    assert (np.abs(clip.xyz[..., 0]) <= 400).all() and (clip.xyz[..., 1] <= 50).all()


def test_genuine_kinetics_table_of_contents_is_refused_with_the_reason(shared_data: Path) -> None:
    path = shared_data / "raw" / "pyskl_pkl" / "mmaction2_posedataset_sample_kinetics_annlist.pkl"
    with pytest.raises(ValueError, match=r"annlist\.pkl: it .*table of contents without key points"):
        pyskl.READER.read(path)
