"""Every layout is one well-formed tree, and coordinates travel between layouts by joint name."""

from __future__ import annotations

import re
import warnings
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from crossglg.files import sha256
from crossglg.skeletons import LAYOUTS, PARTS, Layout, get_layout, match_layout, retarget, retarget_plan

NTU, KINECT = get_layout("ntu25"), get_layout("kinect20")
ABCD = ("a", "b", "c", "d")
# A new layout adds its line here: trained weights depend on every entry.
ADJACENCY_SHA256 = {
    "ntu25": "a3f3bc3f8813c7410e9ebd4a089a31e58212fcceb61b39a743a2bef1657b6c78",
    "kinect20": "bafa40b33d45b2ae5dce5de042b8e9b6d6b60da64111182a6c9653020e10fb37",
    "openpose18": "7bc69c28dd08ed97efd69d42f766eab06f5393527dfef4f63522faf4bedaba03",
    "coco17": "44bd44b95191c51ea74a03764c1ed20664a43a89ea972e525e6038d41f7c2b01",
    "mediapipe33": "bacae85e5c4ac03be45c2811893e929cc3e84d698ce8a08ecb97372e1e498241",
    "h36m17": "fa6a2c5956aee0641ff41ea2ee89496f1d91ba698181ca4deb1f1abe6a97fd21",
    "smpl24": "4b82421e27778645e2d40418dd241046149e1a94d47c8f914ac5f82ed7284dbe",
    "body25": "88d6539a7dc02b13bf93ac45f128a503af4611b9d98aea8e32394f17d61fd995",
    "body25b": "1cc67051f7144f3e71a3c8bda167c12195b3a6819c06c771f818ecc96d7041d8",
    "halpe26": "8f732d9afe67ee0e469cf8f2a028b92067d30cdb0021b0cdddb64461d3f78d9c",
    "azure32": "84a5ffc676009941a7f3747dd5a82563286a62197a464225bcaea6add76de84a",
    "kinect15": "4a7225345ef5e6e15f2253ef3e119e944d7bd43f30fbc644ae68c23633eeca68",
}


@pytest.fixture(params=LAYOUTS.values(), ids=list(LAYOUTS))
def layout(request: pytest.FixtureRequest) -> Layout:
    return request.param


def test_registry_key_is_the_layouts_name() -> None:
    assert [layout.name for layout in LAYOUTS.values()] == list(LAYOUTS)


def test_bones_are_one_tree_rooted_at_root(layout: Layout) -> None:
    assert len(layout.bones) == layout.num_joints - 1
    parent = dict(layout.bones)
    for joint in range(layout.num_joints):
        steps = 0
        while joint != layout.root_index:
            joint, steps = parent[joint], steps + 1
            assert steps < layout.num_joints, "a cycle"


def test_depth_and_parents_agree_with_walking_the_bones(layout: Layout) -> None:
    parent = dict(layout.bones)
    for joint in range(layout.num_joints):
        assert layout.parents[joint] == parent.get(joint, joint)
        steps, at = 0, joint
        while at in parent:
            at, steps = parent[at], steps + 1
        assert layout.depth[joint] == steps


def test_parts_partition_the_joints(layout: Layout) -> None:
    assert tuple(layout.parts) == PARTS
    # Key points of an image have no joint on the spine.
    assert all(layout.parts[part] or (part == "torso" and not layout.has("spine")) for part in PARTS)
    assert sorted(j for part in layout.parts.values() for j in part) == list(range(layout.num_joints))
    for part in ("left arm", "right arm", "left leg", "right leg"):
        assert all(layout.joints[j].startswith(part.split()[0]) for j in layout.parts[part])


def test_mirror_is_an_involution_that_swaps_sides_and_keeps_bones(layout: Layout) -> None:
    mirrored = layout.mirrored
    assert (mirrored[mirrored] == np.arange(layout.num_joints)).all()
    for j, name in enumerate(layout.joints):
        sided = name.startswith(("left ", "right "))
        assert (mirrored[j] != j) == sided
        assert layout.joints[mirrored[j]].split()[1:] == name.split()[1:] or not sided
    assert {(mirrored[a], mirrored[b]) for a, b in layout.bones} == set(layout.bones)


def test_adjacency_is_itself_inward_outward_with_normalized_columns(layout: Layout) -> None:
    twin = np.zeros((3, layout.num_joints, layout.num_joints))
    for j in range(layout.num_joints):
        twin[0, j, j] = 1
    children = [sum(parent == j for _, parent in layout.bones) for j in range(layout.num_joints)]
    for child, parent in layout.bones:
        twin[1, child, parent] = 1 / children[parent]
        twin[2, parent, child] = 1
    np.testing.assert_allclose(layout.adjacency(), twin, rtol=1e-6)
    totals = layout.adjacency().sum(axis=1)
    assert (np.isclose(totals, 0) | np.isclose(totals, 1)).all()


def test_adjacency_is_pinned(layout: Layout) -> None:
    adjacency = layout.adjacency()
    assert adjacency.dtype == np.float32
    assert sha256(adjacency.tobytes()) == ADJACENCY_SHA256[layout.name]


def test_ntu_has_24_bones_and_hand_tips_hang_on_the_thumbs() -> None:
    one_based = {(child + 1, parent + 1) for child, parent in NTU.bones}
    assert len(one_based) == 24
    assert {(22, 23), (23, 8), (24, 25), (25, 12)} <= one_based


def test_match_layout_needs_the_same_names_in_the_same_order(layout: Layout) -> None:
    assert match_layout(list(layout.joints)) is layout
    assert match_layout(layout.joints[::-1]) is None


def test_a_joint_is_found_under_its_synonym() -> None:
    assert NTU.index("pelvis") == NTU.index("base of spine") == NTU.index("hip center") == 0
    assert KINECT.index("middle of spine") == KINECT.index("spine") == 1
    assert KINECT.has("pelvis") and not KINECT.has("left thumb")


def test_unknown_joint_and_layout_are_answered_with_the_known_names() -> None:
    with pytest.raises(ValueError, match=r"'kinect20' has no joint 'tail'; its joints are hip center, .*right foot"):
        KINECT.index("tail")
    with pytest.raises(ValueError, match="unknown layout 'ntu52'; known layouts: " + ", ".join(LAYOUTS)):
        get_layout("ntu52")


@pytest.mark.parametrize(
    ("joints", "edges", "root", "message"),
    [
        (ABCD, [(0, 1), (2, 3)], "a", r"joints \['c', 'd'\] are not connected to the root 'a'"),
        (ABCD, [(0, 1), (1, 2), (2, 0), (2, 3)], "a", "4 edges close a cycle or repeat; 4 joints need 3"),
        (ABCD, [(0, 1), (1, 0), (1, 2), (2, 3)], "a", "4 edges close a cycle or repeat"),
        (ABCD, [(0, 1), (1, 2), (2, 3), (3, 3)], "a", "4 edges close a cycle or repeat"),
        (ABCD, [(0, 1), (1, 2), (2, 4)], "a", r"edge \(2, 4\) names a joint outside 0…3"),
        (ABCD, [(0, 1), (1, 2), (2, 3)], "e", "no joint 'e' to be its root.*'a', 'b', 'c', 'd'"),
        (("a", "b", "b", "c"), [(0, 1), (1, 2), (2, 3)], "a", "names a joint twice"),
    ],
)
def test_edges_that_are_not_one_tree_are_refused(
    joints: tuple[str, ...], edges: list[tuple[int, int]], root: str, message: str
) -> None:
    with pytest.raises(ValueError, match=f"'mine'.*{message}"):
        Layout.from_edges("mine", joints, edges, root)


@pytest.mark.parametrize(
    ("bones", "message"),
    [
        (((1, 0), (1, 2), (3, 0)), "every joint but the root 'a' needs exactly one parent"),
        (((1, 2), (2, 1), (3, 0)), r"joints \['b', 'c'\] are not connected to the root 'a'"),
        (((1, 0), (2, 0), (3, 9)), r"bone \(3, 9\) names a joint outside 0…3"),
    ],
)
def test_bones_that_are_not_one_tree_are_refused(bones: tuple[tuple[int, int], ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Layout("mine", ABCD, bones, "a")


def test_edges_may_point_either_way() -> None:
    there = Layout.from_edges("mine", ABCD, [(0, 1), (1, 2), (1, 3)], "b")
    back = Layout.from_edges("mine", ABCD, [(3, 1), (1, 0), (2, 1)], "b")
    assert there == back
    assert there.bones == ((0, 1), (2, 1), (3, 1))


def test_wrong_joint_count_names_both_counts_and_the_layouts_that_fit() -> None:
    KINECT.check(np.zeros((5, 20, 3)))
    with pytest.raises(
        ValueError, match="my clip has V=25 but layout 'kinect20' has 20 joints; ntu25, body25, body25b would fit"
    ):
        KINECT.check(np.zeros((5, 25, 3)), "my clip")
    with pytest.raises(ValueError, match=r"V=7 but layout 'kinect20' has 20 joints$"):
        KINECT.check(np.zeros((5, 7, 3)))
    with pytest.raises(ValueError, match=re.escape("has shape (20,)")):
        KINECT.check(np.zeros(20))


def test_retarget_ntu_to_kinect_copies_every_joint_by_name() -> None:
    xyz = np.random.default_rng(0).normal(size=(4, 25, 3)).astype(np.float32)
    out = retarget(xyz, NTU, KINECT)
    same = {"hip center": "base of spine", "spine": "middle of spine"}
    for j, name in enumerate(KINECT.joints):
        np.testing.assert_array_equal(out[:, j], xyz[:, NTU.joints.index(same.get(name, name))])
    assert out.dtype == np.float32 and {how for how, _ in retarget_plan(NTU, KINECT).values()} == {"copy"}


def test_retarget_kinect_to_ntu_invents_neck_and_fingers() -> None:
    xyz = np.random.default_rng(0).normal(size=(2, 4, 20, 3)).astype(np.float32)
    out = retarget(xyz, KINECT, NTU)

    def of(name: str) -> np.ndarray:
        return xyz[..., KINECT.index(name), :]

    np.testing.assert_allclose(out[..., NTU.index("neck"), :], (of("shoulder center") + of("head")) / 2, rtol=1e-6)
    for side in ("left", "right"):
        for tip in ("thumb", "hand tip"):
            np.testing.assert_array_equal(out[..., NTU.index(f"{side} {tip}"), :], of(f"{side} hand"))
    np.testing.assert_array_equal(retarget(out, NTU, KINECT), xyz)


def test_retarget_keeps_absent_persons_zero() -> None:
    assert not retarget(np.zeros((2, 4, 20, 3)), KINECT, NTU).any()


def test_a_joint_the_source_lacks_is_put_in_the_middle_of_others() -> None:
    coco = get_layout("coco17")
    xyz = np.random.default_rng(0).normal(size=(3, 17, 3))
    out = retarget(xyz, coco, KINECT)

    def middle(*names: str) -> np.ndarray:
        return np.mean([xyz[:, coco.index(name)] for name in names], axis=0)

    expected = {
        "head": middle("left ear", "right ear"),
        "shoulder center": middle("left shoulder", "right shoulder"),
        "hip center": middle("left hip", "right hip"),
        "spine": middle("left hip", "right hip", "left shoulder", "right shoulder"),
        "left hand": middle("left wrist"),
        "right foot": middle("right ankle"),
    }
    for name, value in expected.items():
        np.testing.assert_allclose(out[:, KINECT.index(name)], value)


@pytest.mark.parametrize("source", LAYOUTS.values(), ids=list(LAYOUTS))
@pytest.mark.parametrize("target", LAYOUTS.values(), ids=list(LAYOUTS))
def test_any_layout_can_be_carried_to_any_other(source: Layout, target: Layout) -> None:
    """Left stays left, and the large joints are copied, not invented."""
    xyz = np.zeros((source.num_joints, 3))
    for j, name in enumerate(source.joints):
        xyz[j, 0] = -1.0 if name.startswith("left") else 1.0 if name.startswith("right") else 0.0
    out = retarget(xyz, source, target)
    for j, name in enumerate(target.joints):
        side = name.split()[0]
        if (
            side in ("left", "right")
            and target.parts["head"].count(j) == 0
            and name.split()[1] not in ("collar", "clavicle")
        ):
            assert out[j, 0] == {"left": -1.0, "right": 1.0}[side], name
    plan = retarget_plan(source, target)
    for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle"):
        if f"left {joint}" in plan and f"left {joint}" in source.joints:  # kinect15 has no wrists and ankles
            assert plan[f"left {joint}"] == ("copy", (f"left {joint}",))


def test_a_layout_of_ones_own_comes_from_yaml(tmp_path: Path) -> None:
    file = tmp_path / "stick.yaml"
    file.write_text("joints: [top, middle, end]\nbones: [[top, middle], [end, middle]]\nroot: middle\n")
    layout = get_layout(str(file))
    assert (layout.name, layout.joints, layout.bones, layout.root) == (
        "stick", ("top", "middle", "end"), ((0, 1), (2, 1)), "middle",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("joints: [a, b]\nbones: [[a, c]]\nroot: a", "is not a layout .*pairs of those names"),
        ("joints: [a, b]\nroot: a", "is not a layout .*'bones'"),
        ("just words", "is not a layout"),
        ("joints: [a, b]\nbones: [[a, b]]\nroot: z", "no joint 'z' to be its root"),
        ("!!python/object/apply:os.system ['true']", "is not a layout"),
        ("a: [", "is not a layout"),
    ],
)
def test_a_yaml_that_is_no_layout_is_refused(tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(content)
    with pytest.raises(ValueError, match=message):
        Layout.load(file)
    with pytest.raises(FileNotFoundError, match="no layout file"):
        Layout.load(tmp_path / "other.yaml")


def test_retarget_tells_of_limbs_that_are_not_found_under_their_names() -> None:
    joints = [joint.replace("right elbow", "right_elbow") for joint in KINECT.joints]
    mine = Layout("mine", tuple(joints), KINECT.bones, KINECT.root)
    with pytest.warns(UserWarning, match=r"'mine' has no right elbow: they lie on .*\(hip center, .*right_elbow"):
        retarget(np.zeros((4, 20, 3)), mine, NTU)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for source, target in product(LAYOUTS.values(), repeat=2):
            retarget(np.zeros((4, source.num_joints, 3)), source, target)


def test_retarget_refuses_wrong_input_and_unrelated_skeletons() -> None:
    with pytest.raises(ValueError, match="V=20 but layout 'ntu25' has 25 joints; kinect20 would fit"):
        retarget(np.zeros((4, 20, 3)), NTU, KINECT)
    crab = Layout.from_edges("crab", ("claw", "shell"), [(0, 1)], "shell")
    with pytest.raises(ValueError, match=r"cannot retarget 'crab' to 'ntu25'.*'shoulder center'.*claw, shell"):
        retarget(np.zeros((4, 2, 3)), crab, NTU)
