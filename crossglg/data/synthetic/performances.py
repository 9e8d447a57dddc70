"""The built-in synthetic dataset: a procedural synthesizer of skeleton motion in the NTU RGB+D layout.

The actions are data (`actions`), the body is `body`; here a program becomes a clip: a person with
own proportions, tempo and habits performs it once or more, somewhere between idle moments, with irrelevant motion on
top, and a Kinect-like sensor observes it from one of three directions. Nothing here was recorded from people.

Axes, also of the result: the person faces the camera, looking along −z; +x is the person's right, y is up. Inside,
everything is in meters, batched as (clips, frames, …), for a right-handed performer with the ground at y = 0;
left-handed performers are mirrored afterwards.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossglg.data.clips import SkeletonSet
from crossglg.data.synthetic import actions, body
from crossglg.data.synthetic.actions import ACTION_TABLE, GROUPS, Action, Target, at, pose
from crossglg.data.synthetic.body import ARM_JOINTS, SIDES, SPINE_JOINTS, Array, Body, rotation, smooth, turned
from crossglg.files import cache_folder, sha256
from crossglg.skeletons import get_layout

ACTIONS: tuple[str, ...] = tuple(ACTION_TABLE)
# One-shot protocol: every sixth action from A1 on, as in the official NTU RGB+D 120 protocol, as far as one person
# performs it alone (17 of them), and three of the whole body.
NOVEL_ACTIONS: tuple[str, ...] = tuple(
    name for name, action in ACTION_TABLE.items() if action.number % 6 == 1 or action.number in (8, 24, 27)
)

FPS = 30.0
NUM_SUBJECTS = 48
LEFT_HANDED_SHARE = 0.15
CAMERA_YAW = {1: -45.0, 2: 0.0, 3: 45.0}  # degrees
MIN_FRAMES, MAX_FRAMES = 40, 120

_LAYOUT = get_layout("ntu25")
_SUBJECT_SEED = 20240  # subjects are the same people for every seed
_SEATED_SHIFT = np.array(actions.SEATED["hips"])


def synthesize(seed: int = 0, clips_per_action: int = 50, actions: Sequence[str] = ACTIONS) -> SkeletonSet:
    """Perform `actions`, `clips_per_action` times each, in meters, camera frame, 30 fps, layout ntu25.

    Deterministic in `seed`; an action's clips do not depend on which other actions are asked for.
    Raises ValueError for an unknown action or a count below 1.
    """
    unknown = [name for name in actions if name not in ACTION_TABLE]
    if unknown:
        raise ValueError(f"no synthetic action {unknown[0]!r}; there are {', '.join(ACTIONS)}")
    if clips_per_action < 1 or not actions:
        raise ValueError(f"need at least 1 clip of 1 action, got {clips_per_action} clips of {len(actions)} actions")
    batches = [_perform(ACTION_TABLE[name], seed, clips_per_action) for name in actions]
    frames = np.concatenate([batch.frames for batch in batches])
    return SkeletonSet.build(
        np.concatenate([batch.rows for batch in batches]),
        np.concatenate([[0], np.cumsum(frames)]),
        np.repeat(np.arange(len(actions)), clips_per_action),
        actions,
        _LAYOUT,
        name="synthetic",
        subject=np.concatenate([batch.subject for batch in batches]),
        camera=np.concatenate([batch.camera for batch in batches]),
        sample_id=np.concatenate([batch.sample_id for batch in batches]),
        fps=FPS,
    )


def load(seed: int = 0, clips_per_action: int = 50) -> SkeletonSet:
    """`synthesize` for all actions, kept in the cache folder as the documented `.npz` and memory-mapped from there.

    The file's name holds a hash of the three source files, so a changed synthesizer never reads an old file. A damaged
    file is made anew; where the cache cannot be written, the set is returned without it.
    """
    path = _cache_path(seed, clips_per_action)
    with contextlib.suppress(FileNotFoundError, ValueError, KeyError):
        return replace(SkeletonSet.load(path), name="synthetic")
    made = synthesize(seed, clips_per_action)
    with contextlib.suppress(OSError):
        return replace(SkeletonSet.load(made.save(path)), name="synthetic")
    return made


def true_importance(skeletons: SkeletonSet) -> NDArray[np.float64]:
    """(N, V) ground truth of which joints matter in each synthetic clip, equal shares, rows sum to 1.

    Mirrored for left-handed performers. Works in any layout that has the joints by name.
    Raises ValueError if a class or subject is not one of the synthesizer's.
    """
    subjects = np.asarray(skeletons.subject)
    if not np.isin(subjects, np.arange(1, NUM_SUBJECTS + 1)).all():
        raise ValueError(f"{skeletons.name}: subjects must be 1…{NUM_SUBJECTS}; is this a set of synthetic clips?")
    table = np.stack([_class_importance(name, skeletons) for name in skeletons.class_names])
    rows = table[skeletons.label]
    return np.where(is_left_handed(subjects)[:, None], rows[:, skeletons.layout.mirrored], rows)


def is_left_handed(subject: NDArray[np.integer] | int) -> NDArray[np.bool_]:
    """Whether subjects (numbers from 1) are left-handed; the same for every seed."""
    return _people()["left_handed"][np.asarray(subject)]


def _class_importance(name: str, skeletons: SkeletonSet) -> NDArray[np.float64]:
    if name not in ACTION_TABLE:
        raise ValueError(f"{skeletons.name}: {name!r} is not a synthetic action, so its true importance is unknown")
    layout = skeletons.layout
    joints = {joint for group in ACTION_TABLE[name].matters for joint in GROUPS[group] if layout.has(joint)}
    row = np.zeros(layout.num_joints)
    row[[layout.index(joint) for joint in joints]] = 1.0 / len(joints)
    return row


def _cache_path(seed: int, clips_per_action: int) -> Path:
    sources = "".join(sha256(Path(str(file))) for file in (__file__, actions.__file__, body.__file__))
    return cache_folder() / "synthetic" / f"seed{seed}-clips{clips_per_action}-{sha256(sources)[:16]}.npz"


# ---------------------------------------------------------------------------------------------------------------------
# People and performances: everything random about a clip


@lru_cache(maxsize=1)
def _people() -> dict[str, NDArray[Any]]:
    """Traits of every subject, arrays over subject numbers 0…NUM_SUBJECTS (0 is nobody)."""
    rng = np.random.default_rng(_SUBJECT_SEED)
    count = NUM_SUBJECTS + 1
    left = np.zeros(count, dtype=bool)
    left[rng.permutation(np.arange(1, count))[: round(LEFT_HANDED_SHARE * NUM_SUBJECTS)]] = True
    return {
        "left_handed": left,
        "height": rng.uniform(1.50, 1.92, count),  # meters
        "limb": rng.normal(1.0, 0.05, (count, 4)),  # arm, leg, trunk, width, relative to the average person
        "tempo": np.exp(rng.normal(0, 0.16, count)),  # > 1 is slow
        "amplitude": rng.uniform(0.75, 1.2, count),
        "slouch": rng.normal(3.0, 4.0, count),  # degrees
        "elbow": rng.normal(0.0, 12.0, count),  # degrees
        "rest": rng.normal(0, 0.035, (count, 3)),  # where the hands hang, arm lengths
        "restless": rng.uniform(0.4, 1.6, count),
    }


@dataclass(frozen=True)
class _Batch:
    """Clips of one action: rows (ΣT, V, 3), and per clip frames, subject, camera, sample_id."""

    rows: NDArray[np.float32]
    frames: NDArray[np.int64]
    subject: NDArray[np.int64]
    camera: NDArray[np.int64]
    sample_id: list[str]


@dataclass(frozen=True)
class _Clips:
    """What is drawn once per clip: subject (n,), frames (n,), progress (n, T) through the action, and the generator."""

    subject: NDArray[np.int64]
    frames: NDArray[np.int64]
    progress: Array
    rng: np.random.Generator

    @property
    def count(self) -> int:
        return len(self.subject)

    def trait(self, name: str) -> NDArray[Any]:
        """A subject trait, (n, …)."""
        return _people()[name][self.subject]

    def normal(self, deviation: float, *shape: int) -> Array:
        """(n, …) draws, one per clip."""
        return self.rng.normal(0.0, deviation, (self.count, *shape))

    def chance(self, share: float) -> NDArray[np.bool_]:
        return self.rng.random(self.count) < share

    def wander(self, deviation: float, *shape: int) -> Array:
        """(n, T, …) slow irregular motion of the given standard deviation: a few sines of 0.1–0.7 Hz."""
        time = np.arange(MAX_FRAMES) / FPS
        out = np.zeros((self.count, MAX_FRAMES, *shape))
        for _ in range(3):
            frequency, phase = self.rng.uniform(0.1, 0.7, (self.count, *shape)), self.rng.random((self.count, *shape))
            angle = time.reshape(1, -1, *[1] * len(shape)) * frequency[:, None] + phase[:, None]
            out += np.sin(2 * np.pi * angle)
        return out * deviation * np.sqrt(2 / 3)

    def bump(self, share: float, shortest: float = 0.6, longest: float = 1.8) -> Array:
        """(n, T) from 0 up to 1 and back once at a random time, in `share` of the clips; durations in seconds."""
        time = np.arange(MAX_FRAMES)
        middle = self.rng.uniform(0.1, 0.9, self.count) * self.frames
        half = self.rng.uniform(shortest, longest, self.count) * FPS / 2
        distance = np.abs(time - middle[:, None]) / half[:, None]
        return smooth(2 - 2 * distance) * self.chance(share)[:, None]


def _perform(action: Action, seed: int, count: int, observed: bool = True) -> _Batch:
    """All clips of one action; with `observed=False` ideal joints, ground at y = 0, facing −z, no sensor."""
    rng = np.random.default_rng([seed, action.number])
    clips = _draw_clips(action, rng, count)
    xyz = _joints(action, clips)
    left = is_left_handed(clips.subject)
    xyz[left] = xyz[left][:, :, _LAYOUT.mirrored] * np.array([-1.0, 1.0, 1.0])
    camera = rng.integers(1, len(CAMERA_YAW) + 1, count)
    if observed:
        xyz = _observe(xyz, camera, clips)
    ids = [
        f"S{1 + i // NUM_SUBJECTS:03d}C{camera[i]:03d}P{clips.subject[i]:03d}R{1 + i % 2:03d}A{action.number:03d}"
        for i in range(count)
    ]
    seen = np.arange(MAX_FRAMES) < clips.frames[:, None]
    return _Batch(xyz[seen].astype(np.float32), clips.frames, clips.subject, camera.astype(np.int64), ids)


def _draw_clips(action: Action, rng: np.random.Generator, count: int) -> _Clips:
    """Who performs each clip, how long, how often, and when within the clip."""
    rounds = [rng.permutation(NUM_SUBJECTS) + 1 for _ in range(-(-count // NUM_SUBJECTS))]
    subject = np.concatenate(rounds)[:count].astype(np.int64)
    repeats = rng.integers(action.repeats[0], action.repeats[1] + 1, count)
    loop = action.loop[1] - action.loop[0]
    tempo = _people()["tempo"][subject] * np.exp(rng.normal(0, 0.14, count))
    longest = np.minimum(action.seconds * tempo * (1 + (repeats - 1) * loop), MAX_FRAMES / FPS)
    acting = longest * FPS
    # Some recordings begin or end a little inside the action, most have idle moments before and after.
    lead_in = np.where(rng.random(count) < 0.15, -rng.uniform(0, 0.1, count) * acting, rng.uniform(0, 24, count))
    lead_out = np.where(rng.random(count) < 0.15, -rng.uniform(0, 0.1, count) * acting, rng.uniform(0, 24, count))
    frames = np.clip(lead_in + acting + lead_out, MIN_FRAMES, MAX_FRAMES).astype(np.int64)
    lead_in = np.where(lead_in > 0, np.minimum(lead_in, np.maximum(0, frames - acting)), lead_in)
    u = np.clip((np.arange(MAX_FRAMES) - lead_in[:, None]) / acting[:, None], 0, 1)
    warp = rng.uniform(-0.38, 0.38, (2, count, 1))  # nobody moves at an even pace; keeps u monotone, 0 and 1 in place
    u = u + warp[0] * np.sin(2 * np.pi * u) / (2 * np.pi) + warp[1] * np.sin(4 * np.pi * u) / (4 * np.pi)
    return _Clips(subject, frames, _looped(u, action.loop, repeats[:, None]), rng)


def _looped(u: Array, loop: tuple[float, float], repeats: NDArray[np.int64]) -> Array:
    """Progress u through a performance whose section `loop` is repeated → phase of the program, both 0…1."""
    start, length = loop[0], loop[1] - loop[0]
    unrolled = u * (1 + (repeats - 1) * length)
    inside = start + (unrolled - start) % length
    after = unrolled - (repeats - 1) * length
    return np.where(unrolled < start, unrolled, np.where(after >= loop[1], after, inside))


# ---------------------------------------------------------------------------------------------------------------------
# Program → channels


@dataclass(frozen=True)
class _Course:
    """An action's poses over time: `poses` (K) with sticky channels, their weights (n, T, K), and the waves."""

    poses: list[dict[str, Any]]
    weights: Array
    waves: dict[str, Array]

    def uses(self, channel: str) -> bool:
        return channel in self.waves or any(channel in p for p in self.poses)

    def value(self, channel: str, default: float | tuple[float, ...] = 0.0) -> Array:
        """(n, T) or (n, T, 3) course of a numeric channel, waves included."""
        values = np.array([p.get(channel, default) for p in self.poses], dtype=float)
        return self.weights @ values + self.waves.get(channel, 0.0)


def _course(action: Action, clips: _Clips) -> _Course:
    poses, held = [dict(action.start)], dict(action.start)
    for key in action.keys.values():
        held = {**held, **key}
        poses.append(held)
    poses.append(dict(action.end))
    times = np.array([0.0, *action.keys, 1.0])
    # Pose k fades in while pose k − 1 fades out.
    rise = [smooth((clips.progress - a) / (b - a)) for a, b in pairwise(times)]
    reached = np.stack([np.ones_like(clips.progress), *rise, np.zeros_like(clips.progress)], axis=-1)
    pace, shift = clips.rng.uniform(0.75, 1.3, (clips.count, 1)), clips.rng.random((clips.count, 1))
    amplitude = clips.trait("amplitude")[:, None] * np.exp(clips.normal(0.18, 1))
    waves: dict[str, Array] = {}
    for w in action.waves:
        q = np.clip((clips.progress - w.start) / (w.end - w.start), 0, 1)
        swing = np.sin(2 * np.pi * (w.cycles * pace * q + w.shift + shift))
        swing = np.maximum(swing, 0) if w.half else swing
        swing = swing * amplitude * smooth(q / 0.12) * smooth((1 - q) / 0.12)
        size = np.asarray(w.amplitude, dtype=float)
        waves[w.channel] = waves.get(w.channel, 0.0) + swing.reshape(*swing.shape, *[1] * size.ndim) * size
    return _Course(poses, reached[..., :-1] - reached[..., 1:], waves)


# Things that idle arms do: (where the hand goes, swivel of the elbow)
_FIDGETS: tuple[tuple[Target, float], ...] = (
    (at("temple"), 60),
    (at("cheek"), 30),
    (at("nape"), 70),
    (at("belly", out=0.05), 45),
    (at("collar"), 45),
    (at("pocket"), 45),
    (at("hip"), 70),
    (at("nose", forward=0.03), 35),
    (pose(hand=(0.1, -0.75, 0.45))["hand"], 25),
    (pose(hand=(0.45, -0.8, 0.0))["hand"], 30),
    (pose(hand=(-0.15, -0.45, 0.5))["hand"], 30),
)
# How idle hands are held: the sides, a hip, folded in front, a bent arm; arm lengths from the shoulder.
_IDLE_HANDS = np.array([(0.12, -0.96, 0.08), (0.17, -0.68, -0.02), (-0.26, -0.72, 0.28), (-0.05, -0.58, 0.42)])
_SEATED_HANDS = np.array([-0.05, -0.66, 0.42])
_IDLE_ELBOWS = np.array([20.0, 35.0, 30.0, 20.0])


def _joints(action: Action, clips: _Clips) -> Array:
    """(n, T, V, 3) ideal joints: channels of the program with habits and irrelevant motion, through the body."""
    course = _course(action, clips)
    body = Body.of(
        clips.trait("height"), clips.trait("limb"), {prefix: clips.normal(1.0, 1, 3) for _, prefix, _ in SIDES}
    )
    size = np.clip(clips.trait("amplitude") * np.exp(clips.normal(0.12)), 0.65, 1.3)[:, None] ** float(action.scaled)
    restless = clips.trait("restless")[:, None]
    root = np.sqrt(size)[..., None]
    seated = (clips.chance(action.seated) if action.seated else np.zeros(clips.count, dtype=bool))[:, None]
    legs_busy = any(course.uses(channel) for channel in ("foot", "other_foot", "hips"))

    angles = {name: course.value(name) * size for name in ("bend", "lean", "twist", "nod", "tilt", "look", "turn")}
    angles["bend"] += clips.trait("slouch")[:, None] + clips.normal(2.5, 1) + clips.wander(1.2) * restless
    angles["lean"] += clips.normal(2.0, 1) + clips.wander(1.5) * restless
    angles["twist"] += clips.normal(4.0, 1) + clips.wander(2.5) * restless
    angles["turn"] += clips.normal(5.0, 1) + clips.wander(2.0) * restless
    angles["nod"] += 0.8 * clips.trait("slouch")[:, None] + clips.normal(4.0, 1) + clips.wander(2.5) * restless
    angles["tilt"] += clips.normal(2.5, 1) + clips.wander(2.0) * restless
    glance = clips.bump(0.4) * clips.normal(32.0, 1)
    angles["look"] += clips.normal(5.0, 1) + clips.wander(4.0) * restless + glance

    hips = course.value("hips", (0.0, 0.0, 0.0)) * root
    hips = np.where(seated[..., None], hips * 0.3 + _SEATED_SHIFT, hips)
    hips += clips.wander(0.008, 3) * np.array([2.0, 0.0, 1.0]) * restless[..., None]
    shifted = clips.bump(0.35, 1.5, 3.0) * clips.normal(0.06, 1) * (not legs_busy)  # weight on one leg
    hips[..., 0] += shifted
    stepping = clips.bump(0.2, 1.2, 2.5) * (not legs_busy) * ~seated
    feet = {}
    for (_, prefix, _), phase in zip(SIDES, (0.0, 0.5), strict=True):
        lift = np.maximum(0, np.sin(2 * np.pi * (clips.progress * 4 + phase)))
        foot = course.value(f"{prefix}foot", (0.0, 0.0, 0.0)) * root
        foot[..., 1] += stepping * lift * 0.10
        feet[prefix] = foot
    spine = body.trunk(hips, angles, course.value("shrug"))
    legs = {prefix: body.leg(prefix, sign, feet[prefix], spine) for _, prefix, sign in SIDES}
    frames = {**spine, "foot": legs[""][-1], "knee": legs[""][1]}
    joints = {name: frames[name] for name in SPINE_JOINTS}
    for side, prefix, sign in SIDES:
        joints.update(zip((f"{side} {j}" for j in ("hip", "knee", "ankle", "foot")), legs[prefix], strict=True))
        own = {**frames, "foot": legs[prefix][-1], "knee": legs[prefix][1]}
        own["other foot"] = legs["other_" if prefix == "" else ""][-1]
        hand, elbow = _hand_course(course, prefix, sign, clips, body, own, seated, size, restless)
        point = course.value(f"{prefix}point", (0.0, 0.0, 0.0))
        thumb = course.value(f"{prefix}thumb", (-0.3, 0.4, 0.8))
        arm = body.arm(sign, hand, elbow, point, thumb, own)
        joints.update(zip((f"{side} {j}" for j in ARM_JOINTS), arm, strict=True))
    return np.stack([joints[name] for name in _LAYOUT.joints], axis=2)


def _hand_course(
    course: _Course,
    prefix: str,
    sign: float,
    clips: _Clips,
    body: Body,
    frames: Mapping[str, Array],
    seated: NDArray[np.bool_],
    size: Array,
    restless: Array,
) -> tuple[Array, Array]:
    """Course of one palm (n, T, 3), and of the elbow's swivel (n, T) in degrees."""
    channel = f"{prefix}hand"
    busy = course.uses(channel)
    # An arm that has nothing to do is held in some way; one that has hangs down before and after.
    style = clips.rng.choice(len(_IDLE_HANDS), clips.count, p=(0.64, 0.1, 0.13, 0.13)) * (not busy)
    idle = np.where(seated, _SEATED_HANDS, _IDLE_HANDS[style])
    rest = (idle + clips.trait("rest") + clips.normal(0.03, 3))[:, None]
    habit = clips.normal(0.07, 3)[:, None]
    near = clips.normal(0.022, 3)[:, None]  # meters: nobody touches exactly the same spot

    targets: list[Target | None] = [p.get(channel) for p in course.poses]
    goal = np.zeros((clips.count, MAX_FRAMES, 3))
    for landmark in dict.fromkeys(t.landmark if t else "rest" for t in targets):
        of_landmark = [k for k, t in enumerate(targets) if (t.landmark if t else "rest") == landmark]
        weight = course.weights[..., of_landmark]
        mass = weight.sum(axis=-1)[..., None]
        offset = weight @ np.array([t.offset if (t := targets[k]) else (0.0, 0.0, 0.0) for k in of_landmark])
        if landmark == "rest":
            goal += body.place("shoulder", mass * rest, mass, sign, frames)
        elif landmark == "shoulder":  # large gestures scale with the person's amplitude, seen from the rest position
            scaled = mass * rest + (offset - mass * rest) * np.sqrt(size)[..., None] + mass * habit
            goal += body.place("shoulder", scaled, mass, sign, frames)
        else:
            goal += body.place(landmark, offset + mass * near, mass, sign, frames)
    swing = course.waves.get(channel, 0.0) + clips.wander(0.012 if busy else 0.028, 3) * restless[..., None]
    goal += body.place("shoulder", swing, np.zeros((1, 1, 1)), sign, frames)
    elbow = course.value(f"{prefix}elbow", 25.0) + (clips.trait("elbow") + clips.normal(10.0))[:, None]
    if not busy:
        elbow = _IDLE_ELBOWS[style][:, None] + clips.trait("elbow")[:, None] + np.zeros_like(elbow)
        fidget = clips.bump(0.4, 1.0, 2.2)[..., None]
        which = clips.rng.integers(0, len(_FIDGETS), clips.count)
        for k in np.unique(which):
            target, swivel = _FIDGETS[k]
            mass = fidget * (which == k)[:, None, None]
            goal = goal * (1 - mass) + body.place(target.landmark, mass * np.array(target.offset), mass, sign, frames)
            elbow = elbow * (1 - mass[..., 0]) + swivel * mass[..., 0]
    return goal, elbow


# ---------------------------------------------------------------------------------------------------------------------
# Sensor

_JITTER = {"elbow": 0.008, "wrist": 0.012, "hand": 0.016, "hand tip": 0.024, "thumb": 0.024, "knee": 0.006,
           "ankle": 0.008, "foot": 0.012, "hip": 0.005, "shoulder": 0.006}  # fmt: skip
_JITTER_OF_JOINT = np.array([_JITTER.get(re.sub("^(left|right) ", "", joint), 0.004) for joint in _LAYOUT.joints])
_LIMBS = [_LAYOUT.parts[part] for part in ("left arm", "right arm", "left leg", "right leg")]


def _observe(xyz: Array, camera: NDArray[np.integer], clips: _Clips) -> Array:
    """What a depth sensor reports of ideal joints (n, T, V, 3): view, per-joint errors, jitter, drop-outs."""
    rng, shape = clips.rng, xyz.shape[:3]
    yaw = np.array([CAMERA_YAW[int(c)] for c in camera]) + clips.normal(8.0)
    seen = turned(rotation(twist=yaw)[:, None, None], xyz)
    # Jitter grows with distance from the trunk and where the body itself is in the way, on the far side.
    middle = seen[:, :, _LAYOUT.index("middle of spine"), None, 2]
    hidden = 1 + 2.0 * np.clip((seen[..., 2] - middle) / 0.2, 0, 1)
    deviation = (_JITTER_OF_JOINT * hidden)[..., None] * np.array([1.0, 1.0, 1.4])
    jitter = rng.standard_normal((*shape, 3), dtype=np.float32)
    jitter[:, 1:] = 0.6 * jitter[:, 1:] + 0.6 * jitter[:, :-1]  # errors of neighboring frames are alike
    distance = rng.uniform(2.0, 4.0, clips.count)  # meters
    seen += jitter * deviation * (distance / 3.0)[:, None, None, None]
    seen += 1.5 * _JITTER_OF_JOINT[:, None] * rng.standard_normal((shape[0], 1, shape[2], 3))  # a sensor's lasting bias
    seen = _drop_out(seen, clips)
    height = rng.uniform(0.8, 1.3, clips.count)
    place = np.stack([clips.normal(0.25), -height, distance], axis=-1)
    return seen + place[:, None, None]


def _drop_out(xyz: Array, clips: _Clips) -> Array:
    """For a few frames, lost limbs freeze where they were or jump aside; up to two such gaps in a clip."""
    rng, time = clips.rng, np.arange(MAX_FRAMES)
    for _ in range(2):
        limb = rng.integers(0, len(_LIMBS), clips.count)
        start = (rng.uniform(0.05, 0.9, clips.count) * clips.frames).astype(int)
        length = rng.integers(2, 11, clips.count)
        freezes = rng.random(clips.count) < 0.6
        jump = clips.normal(0.12, 3)
        for i in np.flatnonzero(clips.chance(0.35)):
            gap = np.flatnonzero((time >= start[i]) & (time < start[i] + length[i]))[:, None]
            joints = np.array(_LIMBS[limb[i]])[1:][None]  # the shoulder or hip stays: it belongs to the trunk
            xyz[i, gap, joints] = xyz[i, start[i], joints] if freezes[i] else xyz[i, gap, joints] + jump[i]
    return xyz
