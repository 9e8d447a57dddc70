"""Skeleton layouts: joint names, bones, body parts, adjacency, and retargeting by joint name.

Everything that depends on how joints are numbered lives here, once. A new skeleton is one `Layout` entry in `LAYOUTS`.
"""

from __future__ import annotations

import re
import warnings
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossglg.files import expanded

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
PARTS = ("torso", "head", "left arm", "right arm", "left leg", "right leg")

# The same joint under the names different sensors give it; the value is the name used for matching.
SYNONYMS = {
    "base of spine": "hip center",
    "pelvis": "hip center",
    "middle of spine": "spine",
    "spine mid": "spine",
    "spine2": "spine",
    "spine base": "hip center",
    "spine shoulder": "shoulder center",
    "thorax": "shoulder center",
    "mid hip": "hip center",
    "torso": "spine",
    "spine navel": "spine",
    "spine naval": "spine",  # so in the first versions of Azure Kinect's SDK
    "upper neck": "neck",
    "left big toe": "left foot",
    "right big toe": "right foot",
    "left foot index": "left foot",
    "right foot index": "right foot",
    "left handtip": "left hand tip",
    "right handtip": "right hand tip",
}
# Where a joint lies that a skeleton lacks: in the middle of others it has, the first choice that it has in full.
STAND_INS: dict[str, tuple[tuple[str, ...], ...]] = {
    "shoulder center": (("left shoulder", "right shoulder"), ("neck",)),
    "hip center": (("left hip", "right hip"),),
    "neck": (("shoulder center", "head"), ("shoulder center",), ("left shoulder", "right shoulder")),
    "spine": (("hip center", "shoulder center"), ("left hip", "right hip", "left shoulder", "right shoulder")),
    "head": (("left ear", "right ear"), ("left eye", "right eye"), ("nose",)),
    "nose": (("head",),),
    **{f"{side} hand": ((f"{side} index", f"{side} pinky"), (f"{side} wrist",)) for side in ("left", "right")},
    **{f"{side} hand tip": ((f"{side} index",),) for side in ("left", "right")},
    **{f"{side} index": ((f"{side} hand tip",), (f"{side} hand",)) for side in ("left", "right")},
    **{f"{side} wrist": ((f"{side} hand",),) for side in ("left", "right")},
    **{f"{side} ankle": ((f"{side} foot",),) for side in ("left", "right")},
    **{f"{side} foot": ((f"{side} ankle",),) for side in ("left", "right")},
}

_BENDING = ("elbow", "wrist", "knee", "ankle")  # that every registered layout has, or what stands for them
_ARM = ("shoulder", "collar", "clavicle", "elbow", "wrist", "hand", "thumb", "finger", "index", "pinky")
_LEG = ("hip", "knee", "ankle", "foot", "heel", "toe")
_HEAD = ("head", "neck", "nose", "eye", "ear", "mouth")


@dataclass(frozen=True)
class Layout:
    """One skeleton: what each joint is called and which joints are connected.

    Attributes:
        name: registry key.
        joints: V names in index order.
        bones: (child, parent) index pairs, the parent being the joint nearer to `root`; together they form one tree.
        root: the joint that every bone leads away from, also the origin of centered coordinates.

    Raises:
        ValueError: names repeat, or the bones are not one tree over all joints.
    """

    name: str
    joints: tuple[str, ...]
    bones: tuple[tuple[int, int], ...]
    root: str

    def __post_init__(self) -> None:
        if len(set(self.joints)) != len(self.joints):
            raise ValueError(f"layout {self.name!r} names a joint twice: {self.joints}")
        self.index(self.root)
        outside = [bone for bone in self.bones if not all(0 <= j < self.num_joints for j in bone)]
        if outside:
            raise ValueError(f"layout {self.name!r}: bone {outside[0]} names a joint outside 0…{self.num_joints - 1}")
        if sorted(child for child, _ in self.bones) != [j for j in range(self.num_joints) if j != self.root_index]:
            raise ValueError(
                f"layout {self.name!r}: every joint but the root {self.root!r} needs exactly one parent; "
                f"got bones {self.bones}, each (child, parent); Layout.from_edges takes them either way"
            )
        if -1 in self.depth:
            loose = [joint for joint, depth in zip(self.joints, self.depth, strict=True) if depth < 0]
            raise ValueError(f"layout {self.name!r}: joints {loose} are not connected to the root {self.root!r}")

    @classmethod
    def from_edges(cls, name: str, joints: Sequence[str], edges: Iterable[Sequence[int]], root: str) -> Layout:
        """Orient undirected index pairs `edges` away from `root`; raises ValueError unless they are one tree."""
        if root not in joints:
            raise ValueError(f"layout {name!r} has no joint {root!r} to be its root; its joints are {list(joints)}")
        neighbors: dict[int, list[int]] = {j: [] for j in range(len(joints))}
        edges = list(edges)
        for a, b in edges:
            if not (0 <= a < len(joints) and 0 <= b < len(joints)):
                raise ValueError(f"layout {name!r}: edge ({a}, {b}) names a joint outside 0…{len(joints) - 1}")
            neighbors[int(a)].append(int(b))
            neighbors[int(b)].append(int(a))
        start = list(joints).index(root)
        seen, bones, queue = {start}, [], deque([start])
        while queue:
            parent = queue.popleft()
            for child in neighbors[parent]:
                if child not in seen:
                    seen.add(child)
                    bones.append((child, parent))
                    queue.append(child)
        if len(seen) < len(joints):
            loose = [joint for j, joint in enumerate(joints) if j not in seen]
            raise ValueError(f"layout {name!r}: joints {loose} are not connected to the root {root!r}")
        if len(edges) > len(bones):
            raise ValueError(
                f"layout {name!r}: {len(edges)} edges close a cycle or repeat; {len(joints)} joints need {len(bones)}"
            )
        return cls(name, tuple(joints), tuple(sorted(bones)), root)

    @classmethod
    def load(cls, path: str | Path) -> Layout:
        """Read a layout from YAML: `joints` (names in index order), `bones` (pairs of names), `root`, optional `name`.

        Joints are found by their English names ("left hip"): under others, files do not tell unit and axis, and
        `center`, `align_view` and `scale_torso` of training lack their joints.
        Raises FileNotFoundError, or ValueError for a file that is no such YAML or whose bones are not one tree.
        """
        import yaml

        path = expanded(path)
        if not path.is_file():
            raise FileNotFoundError(f"no layout file {path}")
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise ValueError(f"{path} is not a layout: it is no YAML ({error})") from error
        return cls.from_dict(content, path.stem, path)

    @classmethod
    def from_dict(cls, content: Any, name: str, where: object) -> Layout:
        """A layout as `to_dict` writes it and as `load` reads it from YAML. name: where it has none of its own.

        Raises ValueError, which says `where` it stands, for something else and for bones that are not one tree.
        """
        try:
            joints = [str(joint) for joint in content["joints"]]
            bones = [(joints.index(str(a)), joints.index(str(b))) for a, b in content["bones"]]
            root, name = str(content["root"]), str(content.get("name", name))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ValueError(
                f"{where} is not a layout ({error!r}); it needs joints (names), bones (pairs of those "
                f"names) and root (one of them)"
            ) from error
        return cls.from_edges(name, joints, bones, root)

    def to_dict(self) -> dict[str, Any]:
        """As `from_dict` reads it."""
        bones = [[self.joints[parent], self.joints[child]] for child, parent in self.bones]
        return {"name": self.name, "joints": list(self.joints), "bones": bones, "root": self.root}

    @property
    def num_joints(self) -> int:
        return len(self.joints)

    @property
    def root_index(self) -> int:
        return self.index(self.root)

    def index(self, joint: str) -> int:
        """Index of a joint by its own name or a synonym ("pelvis" finds "base of spine")."""
        found = self._by_name.get(joint, self._by_synonym.get(_common_name(joint)))
        if found is None:
            raise ValueError(f"layout {self.name!r} has no joint {joint!r}; its joints are {', '.join(self.joints)}")
        return found

    def has(self, joint: str) -> bool:
        return joint in self._by_name or _common_name(joint) in self._by_synonym

    def standing_for(self, joint: str) -> tuple[str, ...]:
        """The own joints whose middle a joint is: itself, or those of `STAND_INS`; () where nothing stands for it."""
        choices = ((joint,), *STAND_INS.get(_common_name(joint), ()))
        found = next((names for names in choices if all(map(self.has, names))), ())
        return tuple(self.joints[self.index(name)] for name in found)

    @cached_property
    def _by_name(self) -> dict[str, int]:
        return {joint: j for j, joint in enumerate(self.joints)}

    @cached_property
    def _by_synonym(self) -> dict[str, int]:
        return {_common_name(joint): j for j, joint in enumerate(self.joints)}

    @cached_property
    def parents(self) -> NDArray[np.int64]:
        """(V,) parent of each joint; the root is its own parent, so `x - x[parents]` is the bone stream."""
        parents = np.arange(self.num_joints)
        for child, parent in self.bones:
            parents[child] = parent
        return parents

    @cached_property
    def depth(self) -> NDArray[np.int64]:
        """(V,) number of bones between each joint and the root, -1 where unreachable."""
        depth = np.full(self.num_joints, -1)
        depth[self.root_index] = 0
        for _ in range(self.num_joints):
            for child, parent in self.bones:
                if depth[parent] >= 0:
                    depth[child] = depth[parent] + 1
        return depth

    @cached_property
    def parts(self) -> dict[str, tuple[int, ...]]:
        """Body part → joint indices, read off the joint names; every joint is in exactly one part of `PARTS`."""
        of_joint = [_part_of(joint) for joint in self.joints]
        return {part: tuple(j for j, p in enumerate(of_joint) if p == part) for part in PARTS}

    @cached_property
    def mirrored(self) -> NDArray[np.int64]:
        """(V,) index of each joint's left/right partner (itself where it has none)."""
        return np.array([self._by_name.get(other_side(joint), j) for j, joint in enumerate(self.joints)])

    def adjacency(self) -> NDArray[np.float32]:
        """(3, V, V) spatial partitions: itself, inward (child → parent) and outward, each column summing to 1.

        `A[p, i, j]` is how much joint i gives to joint j. Paper: ST-GCN (AAAI 2018), spatial configuration
        partitioning, in the column-normalized form of 2s-AGCN.
        """
        inward = np.zeros((self.num_joints, self.num_joints), dtype=np.float32)
        for child, parent in self.bones:
            inward[child, parent] = 1.0
        return np.stack([np.eye(self.num_joints, dtype=np.float32), *map(_normalize_columns, (inward, inward.T))])

    def check(self, xyz: NDArray[np.floating], what: str = "array") -> None:
        """Raise ValueError unless `xyz` is (…, V, C) with this layout's number of joints."""
        if xyz.ndim < 2 or xyz.shape[-2] != self.num_joints:
            got = f"V={xyz.shape[-2]}" if xyz.ndim >= 2 else f"shape {xyz.shape}"
            fits = [layout.name for layout in LAYOUTS.values() if xyz.ndim >= 2 and layout.num_joints == xyz.shape[-2]]
            hint = f"; {', '.join(fits)} would fit" if fits else ""
            raise ValueError(f"{what} has {got} but layout {self.name!r} has {self.num_joints} joints{hint}")


def name_words(name: str) -> list[str]:
    """The words of a name in lower case: "LEFT_EYE_INNER" and "leftEyeInner" → ["left", "eye", "inner"]."""
    return [word.lower() for word in _WORD.findall(name)]


def other_side(text: str) -> str:
    """The text with left for right and right for left."""
    return " ".join({"left": "right", "right": "left"}.get(word, word) for word in text.split())


def retarget(xyz: NDArray[np.floating], source: Layout, target: Layout) -> NDArray[np.floating]:
    """Carry coordinates from one layout to another by joint name.

    xyz: (…, V_source, C). Returns (…, V_target, C). A joint is copied if the source has it under any known name, else
    put in the middle of joints the source has (`STAND_INS`), else placed on its parent in the target (finger tips
    of a sensor without fingers lie on the hand); a warning tells it of elbows, wrists, knees and ankles. Raises
    ValueError on a wrong joint count or when nothing matches.
    """
    source.check(xyz, "retarget input")
    if source.joints == target.joints:
        return xyz
    out = np.empty((*xyz.shape[:-2], target.num_joints, xyz.shape[-1]), dtype=xyz.dtype)
    plan = retarget_plan(source, target)
    lost = [joint for joint in target.joints if joint.endswith(_BENDING) and plan[joint][0] == "parent"]
    if lost:
        warnings.warn(
            f"layout {source.name!r} has no {', '.join(lost)}: they lie on the joint before them and do not move of "
            f"their own; if it has them under other names ({', '.join(source.joints)}), call them so",
            stacklevel=2,
        )
    for j in np.argsort(target.depth, kind="stable"):
        how, names = plan[target.joints[j]]
        if how == "parent":
            out[..., j, :] = out[..., target.parents[j], :]
        else:
            out[..., j, :] = np.mean([xyz[..., source.index(name), :] for name in names], axis=0)
    return out


def retarget_plan(source: Layout, target: Layout) -> dict[str, tuple[str, tuple[str, ...]]]:
    """How `retarget` finds each target joint: "copy", "middle" or "parent", and from which joints."""
    plan: dict[str, tuple[str, tuple[str, ...]]] = {}
    for joint, parent in zip(target.joints, target.parents, strict=True):
        if found := source.standing_for(joint):
            plan[joint] = ("copy" if source.has(joint) else "middle", found)
        else:
            plan[joint] = ("parent", (target.joints[parent],))
    root = target.joints[target.root_index]
    if plan[root][0] == "parent":
        raise ValueError(
            f"cannot retarget {source.name!r} to {target.name!r}: nothing in the source stands for {root!r}; "
            f"give its joints ({', '.join(source.joints)}) their English names, as in 'crossglg list layouts'"
        )
    return plan


def on_own_joints(shares: NDArray[np.floating], source: Layout, target: Layout) -> NDArray[np.floating]:
    """What each target joint adds to a sum, (V_target,), told of the joints that the source has.

    What belongs to a joint that `retarget` puts on its parent is the parent's.
    """
    if source.joints == target.joints:
        return shares
    plan, shares = retarget_plan(source, target), shares.copy()
    for j in np.argsort(-target.depth, kind="stable"):
        if plan[target.joints[j]][0] == "parent":
            shares[target.parents[j]] += shares[j]
            shares[j] = 0.0
    return shares


def get_layout(name: str | Layout) -> Layout:
    """A registered layout by name, or one from a YAML file; a layout is itself.

    Raises ValueError with the valid names.
    """
    if isinstance(name, Layout):
        return name
    if not isinstance(name, str):
        raise TypeError(f"a layout is given by its name, a .yaml file or a Layout, got {type(name).__name__}")
    if name.endswith((".yaml", ".yml")):
        return Layout.load(name)
    if name not in LAYOUTS:
        raise ValueError(f"unknown layout {name!r}; known layouts: {', '.join(LAYOUTS)}; or give a .yaml file")
    return LAYOUTS[name]


def match_layout(joints: Sequence[str]) -> Layout | None:
    """The registered layout with exactly these joint names in this order, if there is one."""
    return next((layout for layout in LAYOUTS.values() if layout.joints == tuple(joints)), None)


def _common_name(joint: str) -> str:
    return SYNONYMS.get(joint, joint)


def _part_of(joint: str) -> str:
    words = joint.split()
    side = next((word for word in words if word in ("left", "right")), None)
    if side and any(word in _LEG for word in words):
        return f"{side} leg"
    if side and any(word in _ARM for word in words):
        return f"{side} arm"
    return "head" if any(word in _HEAD for word in words) else "torso"


def _normalize_columns(matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    total = matrix.sum(axis=0, keepdims=True)
    return np.divide(matrix, total, out=np.zeros_like(matrix), where=total > 0)


_LEGS_AND_ARMS_20 = tuple(
    f"{side} {joint}"
    for limb in (("shoulder", "elbow", "wrist", "hand"), ("hip", "knee", "ankle", "foot"))
    for side in ("left", "right")
    for joint in limb
)
_COCO_17 = (
    "nose", *(f"{side} {joint}" for joint in (
        "eye", "ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle") for side in ("left", "right")),
)  # fmt: skip

LAYOUTS: dict[str, Layout] = {
    layout.name: layout
    for layout in (
        # Kinect v2, NTU RGB+D order. The tree is that of 2s-AGCN and CTR-GCN: hand tips hang on the thumbs' side
        # of the hand (22→23→8); other code bases hang both on the hand, which changes 10 adjacency entries.
        Layout.from_edges(
            "ntu25",
            (
                "base of spine", "middle of spine", "neck", "head", *_LEGS_AND_ARMS_20,
                "shoulder center", "left hand tip", "left thumb", "right hand tip", "right thumb",
            ),
            [
                (1, 0), (20, 1), (2, 20), (3, 2), (4, 20), (5, 4), (6, 5), (7, 6), (8, 20), (9, 8), (10, 9), (11, 10),
                (12, 0), (13, 12), (14, 13), (15, 14), (16, 0), (17, 16), (18, 17), (19, 18), (21, 22), (22, 7),
                (23, 24), (24, 11),
            ],
            root="shoulder center",
        ),
        # Kinect v1: NW-UCLA, UTD-MHAD, MSR Action3D, MSRDailyActivity3D, Kinder-Gator.
        Layout.from_edges(
            "kinect20",
            ("hip center", "spine", "shoulder center", "head", *_LEGS_AND_ARMS_20),
            [
                (0, 1), (1, 2), (2, 3), (2, 4), (4, 5), (5, 6), (6, 7), (2, 8), (8, 9), (9, 10), (10, 11), (0, 12),
                (12, 13), (13, 14), (14, 15), (0, 16), (16, 17), (17, 18), (18, 19),
            ],
            root="shoulder center",
        ),
        # OpenPose's 18 points in the order of Kinetics-skeleton.
        Layout.from_edges(
            "openpose18",
            (
                "nose", "neck", "right shoulder", "right elbow", "right wrist", "left shoulder", "left elbow",
                "left wrist", "right hip", "right knee", "right ankle", "left hip", "left knee", "left ankle",
                "right eye", "left eye", "right ear", "left ear",
            ),
            [
                (4, 3), (3, 2), (7, 6), (6, 5), (13, 12), (12, 11), (10, 9), (9, 8), (11, 5), (8, 2), (5, 1), (2, 1),
                (0, 1), (15, 0), (14, 0), (17, 15), (16, 14),
            ],
            root="neck",
        ),
        # COCO key points: HRNet, PYSKL, most 2-D detectors. No joint lies on the spine.
        Layout.from_edges(
            "coco17",
            _COCO_17,
            [
                (0, 1), (0, 2), (1, 3), (2, 4), (0, 5), (0, 6), (5, 7), (7, 9), (6, 8), (8, 10), (5, 11), (6, 12),
                (11, 13), (13, 15), (12, 14), (14, 16),
            ],
            root="nose",
        ),
        # MediaPipe Pose (BlazePose).
        Layout.from_edges(
            "mediapipe33",
            (
                "nose", "left eye inner", "left eye", "left eye outer", "right eye inner", "right eye",
                "right eye outer", "left ear", "right ear", "left mouth", "right mouth",
                *(f"{side} {joint}" for joint in (
                    "shoulder", "elbow", "wrist", "pinky", "index", "thumb", "hip", "knee", "ankle", "heel",
                    "foot index") for side in ("left", "right")),
            ),
            [
                (0, 1), (1, 2), (2, 3), (3, 7), (0, 4), (4, 5), (5, 6), (6, 8), (0, 9), (0, 10), (0, 11), (0, 12),
                (11, 13), (13, 15), (15, 17), (15, 19), (15, 21), (12, 14), (14, 16), (16, 18), (16, 20), (16, 22),
                (11, 23), (12, 24), (23, 25), (25, 27), (27, 29), (29, 31), (24, 26), (26, 28), (28, 30), (30, 32),
            ],
            root="nose",
        ),
        # Human3.6M's 17 joints as MotionBERT and the 2-D to 3-D lifting works use them.
        Layout.from_edges(
            "h36m17",
            (
                "hip center", "right hip", "right knee", "right ankle", "left hip", "left knee", "left ankle", "spine",
                "thorax", "nose", "head", "left shoulder", "left elbow", "left wrist", "right shoulder", "right elbow",
                "right wrist",
            ),
            [
                (0, 1), (1, 2), (2, 3), (0, 4), (4, 5), (5, 6), (0, 7), (7, 8), (8, 9), (9, 10), (8, 11), (11, 12),
                (12, 13), (8, 14), (14, 15), (15, 16),
            ],
            root="hip center",
        ),
        # SMPL's 24 joints (AMASS, BABEL, mesh recovery).
        Layout.from_edges(
            "smpl24",
            (
                "pelvis", "left hip", "right hip", "spine1", "left knee", "right knee", "spine2", "left ankle",
                "right ankle", "spine3", "left foot", "right foot", "neck", "left collar", "right collar", "head",
                "left shoulder", "right shoulder", "left elbow", "right elbow", "left wrist", "right wrist",
                "left hand", "right hand",
            ),
            [
                (0, 1), (0, 2), (0, 3), (1, 4), (2, 5), (3, 6), (4, 7), (5, 8), (6, 9), (7, 10), (8, 11), (9, 12),
                (9, 13), (9, 14), (12, 15), (13, 16), (14, 17), (16, 18), (17, 19), (18, 20), (19, 21), (20, 22),
                (21, 23),
            ],
            root="pelvis",
        ),
        # OpenPose's BODY_25, its default.
        Layout.from_edges(
            "body25",
            (
                "nose", "neck", "right shoulder", "right elbow", "right wrist", "left shoulder", "left elbow",
                "left wrist", "mid hip", "right hip", "right knee", "right ankle", "left hip", "left knee",
                "left ankle", "right eye", "left eye", "right ear", "left ear", "left big toe", "left small toe",
                "left heel", "right big toe", "right small toe", "right heel",
            ),
            [
                (1, 0), (1, 2), (2, 3), (3, 4), (1, 5), (5, 6), (6, 7), (1, 8), (8, 9), (9, 10), (10, 11), (8, 12),
                (12, 13), (13, 14), (0, 15), (0, 16), (15, 17), (16, 18), (14, 19), (19, 20), (14, 21), (11, 22),
                (22, 23), (11, 24),
            ],
            root="neck",
        ),
        # OpenPose's BODY_25B: COCO's 17 joints, then neck, top of the head and feet.
        Layout.from_edges(
            "body25b",
            (
                *_COCO_17, "upper neck", "head top", "left big toe", "left small toe", "left heel", "right big toe",
                "right small toe", "right heel",
            ),
            [
                (0, 1), (0, 2), (1, 3), (2, 4), (17, 0), (17, 18), (17, 5), (17, 6), (5, 7), (7, 9), (6, 8), (8, 10),
                (5, 11), (6, 12), (11, 13), (13, 15), (12, 14), (14, 16), (15, 19), (19, 20), (15, 21), (16, 22),
                (22, 23), (16, 24),
            ],
            root="upper neck",
        ),
        # Halpe's 26 joints: AlphaPose, RTMPose's body models with feet.
        Layout.from_edges(
            "halpe26",
            (
                *_COCO_17, "head", "neck", "hip center", *(f"{side} {joint}" for joint in (
                    "big toe", "small toe", "heel") for side in ("left", "right")),
            ),
            [
                (0, 1), (0, 2), (1, 3), (2, 4), (18, 0), (18, 17), (18, 5), (18, 6), (5, 7), (7, 9), (6, 8), (8, 10),
                (18, 19), (19, 11), (19, 12), (11, 13), (13, 15), (12, 14), (14, 16), (15, 20), (20, 22), (15, 24),
                (16, 21), (21, 23), (16, 25),
            ],
            root="neck",
        ),
        # Azure Kinect's body tracking.
        Layout.from_edges(
            "azure32",
            (
                "pelvis", "spine navel", "spine chest", "neck", *(f"{side} {joint}" for side in ("left", "right")
                    for joint in ("clavicle", "shoulder", "elbow", "wrist", "hand", "hand tip", "thumb")),
                *(f"{side} {joint}" for side in ("left", "right") for joint in ("hip", "knee", "ankle", "foot")),
                "head", "nose", "left eye", "left ear", "right eye", "right ear",
            ),
            [
                (0, 1), (1, 2), (2, 3), (2, 4), (4, 5), (5, 6), (6, 7), (7, 8), (8, 9), (7, 10), (2, 11), (11, 12),
                (12, 13), (13, 14), (14, 15), (15, 16), (14, 17), (0, 18), (18, 19), (19, 20), (20, 21), (0, 22),
                (22, 23), (23, 24), (24, 25), (3, 26), (26, 27), (27, 28), (28, 29), (27, 30), (30, 31),
            ],
            root="pelvis",
        ),
        # Kinect v1 by NITE or OpenNI, without wrists and ankles: KARD, Florence3D, CAD-60.
        Layout.from_edges(
            "kinect15",
            (
                "head", "neck", "torso", "left shoulder", "left elbow", "left hand", "right shoulder", "right elbow",
                "right hand", "left hip", "left knee", "left foot", "right hip", "right knee", "right foot",
            ),
            [
                (0, 1), (1, 2), (1, 3), (3, 4), (4, 5), (1, 6), (6, 7), (7, 8), (2, 9), (9, 10), (10, 11), (2, 12),
                (12, 13), (13, 14),
            ],
            root="torso",
        ),
    )
}  # fmt: skip
