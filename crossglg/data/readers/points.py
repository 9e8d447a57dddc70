"""From points of joints, as trackers and key-point detectors write them, to a recording: what most formats share.

A reader of such a format parses a file into `Points`; `points_reader` gives it the options and the rest:
- missing: NaN, a score below `visible`, −1 in all axes, in 2-D also (0, 0), "not found". Filled by `gaps.fill_gaps`.
- layout: by joint names, compared word by word; by the number of joints where the file has no names.
- up: the axis along which the head lies from the hips in the mean over frames. Image and MediaPipe coordinates have
  y down: 3-D ones are turned by half a turn about z, which keeps left and right; in 2-D ones y is negated.
- unit of 3-D coordinates: the one of `UNITS` in which the torso, hips to shoulders, is 0.2 to 1.0 m long; if none, the
  torso is made 0.5 m long. 2-D coordinates stay in pixels or shares of the image.
- aspect: x is multiplied by it where x and y are shares of the image; a note asks for it where they seem to be.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crossglg.data.readers.base import Reader, Recording, SourcePath
from crossglg.data.readers.common import folder_of
from crossglg.data.readers.gaps import MAX_GAP, fill_gaps
from crossglg.data.readers.posture import SHORT, UP_AXES, lacking, torso_length, turned, up_axis
from crossglg.data.reading_options import OptionError
from crossglg.files import counted
from crossglg.skeletons import LAYOUTS, SYNONYMS, Layout, get_layout, name_words

MAX_PERSONS = 20
VISIBLE = 0.3
FPS = 30.0
ON_IMAGES = ("openpose18", "coco17", "body25", "body25b", "halpe26")  # layouts of detectors in 2-D
NO_POSITION = frozenset(
    ["rotation", "rot", "quaternion", "quat", "euler", "angle", "orientation", "velocity", "vel", "acceleration", "acc",
     "accel", "gyro", "mag"]
)  # fmt: skip
NEAR = 5  # times the usual distance of a joint from the middle of the body: so near is the origin of a body
FAR = 20  # times the median distance of a joint from the middle of the body, which a stretched arm is 4 times
UNITS = {"m": 1.0, "cm": 0.01, "mm": 0.001}
SHORTEST_TORSO, TORSO, LONGEST_TORSO = 0.2, 0.5, 1.0  # meters
_SIDE = {"l": "left", "r": "right"}


@dataclass(frozen=True, eq=False)
class Points:
    """A file as it is. xyz: (M, T, V, 2 or 3), NaN where missing;  score: (M, T, V), None where the file has none;
    joints: V names, () where the file has none;  layouts: of files without names, those that may be meant, the most
    likely first (empty: any);  fps: 0 where the file does not say it;  fps_from: what told it, if that is to be noted;
    shares: x and y are known to be, or not to be, shares of the image, None: look;  class_from: as of `Recording`."""

    xyz: NDArray[np.float64]
    score: NDArray[np.float64] | None = None
    joints: tuple[str, ...] = ()
    layouts: tuple[str, ...] = ()
    unit: str = ""
    up: str = ""
    fps: float = 0.0
    fps_from: str = ""
    shares: bool | None = None
    class_name: str = ""
    subject: int = -1
    notes: tuple[str, ...] = ()
    class_from: str = ""


def points_reader(
    about: str,
    patterns: tuple[str, ...],
    parse: Callable[[SourcePath], Points],
    steps: tuple[str, ...] = (),
    frame_name: str = "",
    companions: tuple[str, ...] = (),
) -> Reader:
    """The reader of a format whose files are `Points` of one clip; `parse` raises ValueError for other content."""

    def read(
        path: SourcePath,
        layout: str = "",
        unit: str = "",
        up: str = "",
        visible: float = VISIBLE,
        max_gap: int = MAX_GAP,
        aspect: float = 0.0,
        fps: float = 0.0,
    ) -> list[Recording]:
        return [recording(parse(path), _clip_name(path, frame_name), _named_layout(path, layout),
                          unit, up, visible, max_gap, aspect, fps)]  # fmt: skip

    return Reader(about, patterns, read, (*steps, *STEPS), frame_name=frame_name, companions=("*.yaml", *companions))


def of_bytes(parse: Callable[[bytes], Points]) -> Callable[[SourcePath], Points]:
    """A file's content is all that its points depend on."""
    return lambda path: parse(path.read_bytes())


STEPS = (
    "joints of low visibility left out",
    "gaps filled over time, or from the nearest joint",
    "scaled to meters by the length of the torso, unless the unit is known",
    "turned so that y is up",
)


def recording(
    points: Points,
    sample_id: str,
    given: Layout | None = None,
    unit: str = "",
    up: str = "",
    visible: float = VISIBLE,
    max_gap: int = MAX_GAP,
    aspect: float = 0.0,
    fps: float = 0.0,
) -> Recording:
    """The clip that a file's points are; raises ValueError if nobody is in it or it is not clear what the joints are.

    given: the layout, None: as the file says;  unit, up: "" as the file says or as the posture tells;  fps: 0 as the
    file says, or else FPS.
    """
    _check_size(points.xyz)
    order, layout, notes = _columns(points, given)
    points = _with_score(points, layout)
    notes = [*points.notes, *notes]
    with np.errstate(over="ignore", invalid="ignore"):  # Recording refuses what became infinite
        missing = (points.xyz == -1).all(axis=-1) | np.isinf(points.xyz).any(axis=-1)
        if points.score is not None:
            missing |= ~(points.score >= visible)
        zero = (points.xyz == 0).all(axis=-1)
        trunk = [order[joint] for joint in layout.parts.get("torso", ())]
        known = np.isfinite(points.xyz).all(axis=-1) & ~missing
        missing |= zero if points.xyz.shape[-1] == 2 else _left_at_zero(points.xyz, known, trunk)
        xyz = np.where(missing[..., None], np.nan, points.xyz)[:, :, order]
        far = far_away(xyz)
        xyz[far] = np.nan
        if far.any():
            notes.append(f"{far.sum()} points more than {FAR} times as far away as the body reaches: taken as missing")
        nobody = (np.nan_to_num(xyz) == 0).all(axis=(1, 2, 3))
        if nobody.all():
            raise ValueError("nobody is seen: every coordinate is zero, missing or of low visibility (visible=)")
        if nobody.any():
            notes.append(f"{nobody.sum()} of {len(nobody)} persons never seen: left out")
        xyz, filled = fill_gaps(xyz[~nobody], layout, max_gap)
        notes += filled
        notes += _shares(points, xyz, layout, aspect)
        if aspect:
            xyz = xyz * (aspect, 1.0, aspect)[: xyz.shape[-1]]  # MediaPipe's z is in the units of x
        xyz, moved = _in_meters(xyz, layout, points, unit, up)
        notes += moved
        xyz = xyz.astype(np.float32)
    if xyz.shape[1] < SHORT:
        notes.append(f"only {counted(xyz.shape[1], 'frame')}: a pose, not a motion")
    if not fps and points.fps_from:
        notes.append(f"{points.fps:g} frames per second, by {points.fps_from}")
    elif not fps and not points.fps:
        notes.append(f"{FPS:g} frames per second taken; fps= gives another")
    fps = fps or points.fps or FPS
    return Recording(
        xyz, layout, sample_id, points.class_name, points.subject,
        fps=fps, notes=tuple(notes), class_from=points.class_from,
    )  # fmt: skip


def _with_score(points: Points, layout: Layout) -> Points:
    """The points with their third coordinate as a score, where a detector on images gives shares of the image."""
    known = points.xyz[np.isfinite(points.xyz).all(axis=-1)]
    if layout.name not in ON_IMAGES or points.score is not None or known.shape[-1] == 2 or not len(known):
        return points
    if known.min() < 0 or known.max() > 1:
        return points
    note = (
        f"all lies from 0 to 1, as shares of an image and a score: taken as such, as {layout.name} is found on images"
    )
    return replace(points, xyz=points.xyz[..., :2], score=points.xyz[..., 2], notes=(*points.notes, note))


def _left_at_zero(xyz: NDArray[np.floating], given: NDArray[np.bool_], trunk: list[int]) -> NDArray[np.bool_]:
    """(M, T, V), where a joint is missing in 3-D: tools write (0, 0, 0) for it. A joint that is the origin stays.

    The origin is zero wherever the person is seen and the joint is given, and it is near the other joints. Two joints
    may be it, as some layouts have the hips' middle twice; of more only those of the trunk.
    """
    zero = (xyz == 0).all(axis=-1)
    unseen = (zero | ~given).all(axis=-1, keepdims=True)  # (M, T, 1)
    always = (zero | ~given | unseen).all(axis=1, keepdims=True)  # (M, 1, V)
    origin = always & ((always.sum(axis=-1, keepdims=True) <= 2) | np.isin(np.arange(zero.shape[-1]), trunk))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of frames and persons without a point
        others = np.where((zero | ~given)[..., None], np.nan, xyz)
        middle = np.nanmedian(others, axis=2, keepdims=True)
        reach = np.nanmedian(np.linalg.norm(others - middle, axis=-1), axis=(1, 2), keepdims=True)
        away = np.nanmedian(np.linalg.norm(middle, axis=-1), axis=(1, 2), keepdims=True)  # of the origin
    return zero & (unseen | ~origin | (away > NEAR * reach))


def far_away(xyz: NDArray[np.floating]) -> NDArray[np.bool_]:
    """(M, T, V), the points that cannot belong to the body, by their distance to the middle of its points."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of frames without a point
        middle = np.nanmedian(xyz, axis=2, keepdims=True)
        distance = np.linalg.norm(xyz - middle, axis=-1)
        reach = np.nanmedian(distance, axis=(1, 2), keepdims=True)
    return np.asarray(distance > FAR * reach) & (reach > 0)


def words(joint: str) -> tuple[str, ...]:
    """ "LEFT_EYE_INNER" and "leftEyeInner" → ("eye", "inner", "left")."""
    return tuple(sorted(_SIDE.get(word, word) for word in name_words(joint)))


def _check_size(xyz: NDArray[np.float64]) -> None:
    persons, frames, joints, _ = xyz.shape
    if not (1 <= persons <= MAX_PERSONS and frames and joints):
        raise ValueError(
            f"{persons} persons, {frames} frames and {joints} joints are no clip; up to {MAX_PERSONS} persons"
        )


def _clip_name(path: SourcePath, frame_name: str) -> str:
    match = re.fullmatch(frame_name, path.name, re.IGNORECASE) if frame_name else None
    return path.stem if match is None else match[1] or folder_of(path).name


def _in_meters(
    xyz: NDArray[np.float64], layout: Layout, points: Points, unit: str, up: str
) -> tuple[NDArray[np.float64], list[str]]:
    notes = []
    seen = xyz[(xyz != 0).any(axis=(-2, -1))]  # (frames with a person, V, C)
    axis = one_of(up, UP_AXES, "up") or points.up
    measure = one_of(unit, tuple(UNITS), "unit") or points.unit
    unsaid = ["up"] * (not axis) + ["unit"] * (not measure and xyz.shape[-1] == 3)
    if missing := lacking(layout, *unsaid):
        raise ValueError(
            f"{' and '.join(unsaid)} cannot be told: layout {layout.name!r} has no joint called {', '.join(missing)}; "
            f"give joints their English names, or give {' and '.join(f'{what}=' for what in unsaid)}"
        )
    axis = axis or up_axis(seen, layout)
    if xyz.shape[-1] == 3:
        scale, note = _scale(seen, layout, measure, bool(unit))
        xyz = (turned(xyz, axis) * scale).astype(np.float64)
        notes.append(note)
    elif axis == "-y":
        xyz = xyz * (1.0, -1.0)
    if axis == "-y":
        notes.append("y was down: turned")
    elif axis != "y":
        notes.append(f"{axis} was up: turned" if xyz.shape[-1] == 3 else f"{axis} was up")
    return xyz, notes


def _shares(points: Points, xyz: NDArray[np.float64], layout: Layout, aspect: float) -> list[str]:
    """A note where x and y seem to be shares of the image, so that the body is squeezed unless aspect is given."""
    if aspect:
        return [f"x multiplied by the aspect {aspect:g}, as given"]
    xy = xyz[(xyz != 0).any(axis=(-2, -1))][..., :2]
    inside = float(((xy >= 0) & (xy <= 1)).mean())
    image = xyz.shape[-1] == 2 or layout.name == "mediapipe33"
    if points.shares or (points.shares is None and image and inside > 0.95):
        return ["x and y are shares of the image's width and height: the body is squeezed unless it is square; give "
                "its width / height as aspect=1.7778 (16:9), or use world landmarks"]  # fmt: skip
    return []


def one_of(value: str, known: tuple[str, ...], what: str) -> str:
    """The value of an option, "" where it is not given; raises OptionError for an unknown one."""
    if value and value not in known:
        raise OptionError(f"{what}={value!r} must be one of {', '.join(known)}")
    return value


def layout_of(name: str) -> Layout:
    """The layout that the option names; raises OptionError where there is none."""
    try:
        return get_layout(name)
    except (ValueError, OSError) as error:
        raise OptionError(f"layout={name!r}: {error}") from None


def _scale(seen: NDArray[np.float64], layout: Layout, unit: str, given: bool) -> tuple[float, str]:
    if unit and lacking(layout, "unit"):
        return UNITS[unit], f"unit {unit}, as {'given' if given else 'the file says'}"
    torso = torso_length(seen, layout)
    if unit:
        meters = torso * UNITS[unit]
        doubt = "" if SHORTEST_TORSO / 2 <= meters <= 2 * LONGEST_TORSO else f": a torso of {meters:.4g} m; give unit="
        return UNITS[unit], f"unit {unit}, as {'given' if given else 'the file says'}{doubt}"
    if not (np.isfinite(torso) and torso > 0):
        raise ValueError("the torso has no length, so that the unit cannot be found out; give unit=")
    fitting = [name for name, size in UNITS.items() if SHORTEST_TORSO <= torso * size <= LONGEST_TORSO]
    if fitting:
        return UNITS[fitting[0]], f"unit {fitting[0]}, by the torso of {torso * UNITS[fitting[0]]:.2f} m"
    return TORSO / torso, f"unit unknown: a torso of {torso:.4g} was made {TORSO} m long"


def _named_layout(path: SourcePath, layout: str) -> Layout | None:
    """The layout that was asked for, or of the YAML beside the file (not inside a zip), or None."""
    if layout:
        return layout_of(layout)
    beside = path.with_suffix(".yaml") if isinstance(path, Path) else None
    return Layout.load(beside) if beside and beside.is_file() else None


def _columns(points: Points, given: Layout | None) -> tuple[list[int], Layout, list[str]]:
    """Where each joint of the layout stands among the file's, the layout, and notes on what was left out."""
    if not points.joints:
        return _numbered(points, given)
    positions = {v: joint for v, joint in enumerate(points.joints) if not NO_POSITION & set(words(joint))}
    if not positions:
        raise ValueError(f"its columns ({', '.join(points.joints)[:200]}) are no positions of joints; write those, too")
    shared = set.intersection(*(set(words(joint)) for joint in positions.values())) if len(positions) > 2 else set()
    plain = {v: " ".join(w for w in words(joint) if w not in shared) for v, joint in positions.items()}
    names = (*plain.items(), *positions.items())  # K4ABT_JOINT_HEAD is found as "head", too
    index = {_common(name): v for v, name in names}
    index |= {words(name): v for v, name in names if words(name) == _common(name)}  # before other names of the joint
    likely = [get_layout(name) for name in points.layouts] or list(LAYOUTS.values())
    candidates = [given] if given else sorted(likely, key=lambda layout: -layout.num_joints)
    for layout in candidates:
        if all(_common(joint) in index for joint in layout.joints):
            order = [index[_common(joint)] for joint in layout.joints]
            unused = [joint for v, joint in enumerate(points.joints) if v not in order]
            return order, layout, [f"joints left out: {', '.join(unused)[:200]}"] if unused else []
    wanted = f"layout {given.name!r}" if given else "a registered layout"
    lacking = [joint for joint in given.joints if _common(joint) not in index] if given else []
    raise ValueError(
        f"its joints ({', '.join(points.joints)[:300]}) are not those of {wanted}"
        + (f": {', '.join(lacking)} missing" if lacking else "")
        + "; give layout= a YAML file that names the joints that it has, and their bones"
    )


def _common(joint: str) -> tuple[str, ...]:
    """The words of a joint's name, of its common name where it has one ("SpineBase" → those of "hip center")."""
    return _COMMON.get(words(joint), words(joint))


_COMMON = {words(name): words(common) for name, common in SYNONYMS.items()}


def _numbered(points: Points, given: Layout | None) -> tuple[list[int], Layout, list[str]]:
    count = points.xyz.shape[2]
    of_image = points.xyz.shape[-1] == 2  # 25 joints: from a Kinect, or on an image from OpenPose
    likely = points.layouts or (("body25", "ntu25") if of_image else ("ntu25", "body25"))
    layout = given or layout_of_count(count, likely)
    layout.check(points.xyz, "the array")
    notes = []
    others = [name for name in likely if name != layout.name and get_layout(name).num_joints == count]
    if given is None and others:
        notes.append(f"taken as {layout.name}; if they are {others[0]}, give layout={others[0]}")
    return list(range(count)), layout, notes


def layout_of_count(count: int, names: Sequence[str] = ()) -> Layout:
    """The layout with so many joints: the first that fits of the names, else the only registered one; ValueError."""
    fitting = [layout for layout in LAYOUTS.values() if layout.num_joints == count]
    likely = [layout for name in names if (layout := get_layout(name)).num_joints == count]
    if likely:
        return likely[0]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        known = [layout.name for layout in fitting]
        raise ValueError(f"{count} joints may be {' or '.join(known)}; say which, as layout={known[0]!r}")
    known = [f"{layout.name} {layout.num_joints}" for layout in LAYOUTS.values()]
    raise ValueError(
        f"no layout has {count} joints ({', '.join(known)}); give layout= a YAML file that names joints and bones"
    )
