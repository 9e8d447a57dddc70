"""The body of the built-in synthetic dataset: lengths, inverse kinematics of arms and legs, forward kinematics.

Axes and units as in `synthetic`, batched (clips, frames, …); angles in degrees.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crossglg.data.synthetic.actions import LANDMARKS

Array = NDArray[np.floating]

SIDES = (("right", "", 1.0), ("left", "other_", -1.0))  # side of a right-handed performer, channel prefix, sign of x
SPINE_JOINTS = ("base of spine", "middle of spine", "shoulder center", "neck", "head")
ARM_JOINTS = ("shoulder", "elbow", "wrist", "hand", "hand tip", "thumb")


@dataclass(frozen=True)
class Body:
    """Lengths (n, 1, 1) in meters of the performer of each clip, and how channels become joints."""

    height: Array
    lower_spine: Array
    upper_spine: Array
    shoulder: Array  # half the width
    hip: Array  # half the width
    upper_arm: Array
    forearm: Array
    thigh: Array
    shank: Array
    stance: Mapping[str, Array]  # (n, 1, 3) (out, up, forward) of each ankle from under its hip, meters

    @classmethod
    def of(cls, height: Array, limb: Array, stance: Mapping[str, Array]) -> Body:
        """height: (n,) meters;  limb: (n, 4) arm, leg, trunk, width, relative to average;  stance: (n, 1, 3) draws."""
        height = height[:, None, None]
        arm, leg, trunk, width = (limb[:, k, None, None] for k in range(4))
        stance = {prefix: np.abs(draw) * np.array([0.05, 0.0, 0.04]) for prefix, draw in stance.items()}
        return cls(
            height=height,
            lower_spine=0.150 * height * trunk,
            upper_spine=0.135 * height * trunk,
            shoulder=0.100 * height * width,
            hip=0.046 * height * width,
            upper_arm=0.172 * height * arm,
            forearm=0.148 * height * arm,
            thigh=0.240 * height * leg,
            shank=0.235 * height * leg,
            stance=stance,
        )

    @property
    def scale(self) -> Array:
        """Size relative to the person of 1.70 m for whom small lengths and landmarks are given."""
        return self.height / 1.70

    @property
    def leg_length(self) -> Array:
        return self.thigh + self.shank

    @property
    def ankle_height(self) -> Array:
        return 0.075 * self.scale

    @property
    def hand(self) -> Array:
        """From wrist to palm."""
        return 0.075 * self.scale

    def trunk(self, hips: Array, angles: Mapping[str, Array], shrug: Array) -> dict[str, Array]:
        """Spine joints (n, T, 3) and the frames "… turn" (n, T, 3, 3) of pelvis, chest, head; hips in leg lengths."""
        facing = rotation(twist=angles["turn"])
        # Forwards one bends the back, backwards the whole trunk tilts.
        forward, back = np.maximum(angles["bend"], 0), np.minimum(angles["bend"], 0)
        pelvis = facing @ rotation(0.4 * forward + 0.95 * back, 0.3 * angles["lean"])
        waist = facing @ rotation(0.7 * forward + 0.97 * back, 0.6 * angles["lean"], 0.4 * angles["twist"])
        chest = facing @ rotation(angles["bend"], angles["lean"], angles["twist"])
        head = chest @ rotation(angles["nod"], angles["tilt"], angles["look"])
        up = np.array([0.0, 1.0, 0.0])
        standing = (self.ankle_height + 0.985 * self.leg_length + 0.05 * self.scale) * up
        base = standing + _axes(hips * self.leg_length, 1.0)
        middle = base + turned(waist, self.lower_spine * up)
        top = middle + turned(chest, self.upper_spine * up)
        neck = top + turned(chest, 0.055 * self.scale * up)
        return {
            "base of spine": base,
            "middle of spine": middle,
            "shoulder center": top,
            "neck": neck,
            "head": neck + turned(head, self.scale * np.array([0.0, 0.145, -0.035])),
            "shrug": shrug[..., None],
            "pelvis turn": pelvis,
            "chest turn": chest,
            "head turn": head,
        }

    def leg(self, prefix: str, sign: float, foot: Array, trunk: Mapping[str, Array]) -> tuple[Array, ...]:
        """Hip, knee, ankle, foot (n, T, 3); foot: where the ankle should be, in leg lengths from its stance."""
        socket = np.concatenate([sign * self.hip, -0.05 * self.scale, 0 * self.hip], axis=-1)
        hip = trunk["base of spine"] + turned(trunk["pelvis turn"], socket)
        ground = np.concatenate([sign * self.hip, self.ankle_height, 0 * self.hip], axis=-1)
        goal = ground + _axes(self.stance[prefix] + foot * self.leg_length, sign)
        forward = trunk["pelvis turn"] @ np.array([0.18 * sign, 0.0, -1.0])
        knee, ankle = _two_bones(hip, goal, forward, self.thigh, self.shank)
        # On the ground the sole is level; in the air the foot follows the shank.
        shank = (ankle - knee) / self.shank
        right = trunk["pelvis turn"][..., 0]
        hanging = _unit(np.cross(right, shank) + 0.45 * shank)
        level = _unit(np.array([0.15 * sign, -0.45, -1.0]))
        lifted = smooth((ankle[..., 1:2] - self.ankle_height) / 0.15)
        toes = ankle + 0.115 * self.scale * _unit(level + lifted * (hanging - level))
        return hip, knee, ankle, toes

    def shoulder_joint(self, sign: float, frames: Mapping[str, Array]) -> Array:
        socket = np.concatenate([sign * self.shoulder, -0.035 * self.scale, 0 * self.shoulder], axis=-1)
        raised = socket + frames["shrug"] * np.array([0.0, 1.0, 0.0])
        return frames["shoulder center"] + turned(frames["chest turn"], raised)

    def place(self, landmark: str, offset: Array, mass: Array, sign: float, frames: Mapping[str, Array]) -> Array:
        """`mass` (n, T, 1) times the landmark plus `offset` (out, up, forward) in its frame, (n, T, 3) in meters.

        Linear in (mass, offset), so that blends of several targets are sums.
        """
        if landmark == "shoulder":
            arm = self.upper_arm + self.forearm + self.hand
            moved = turned(frames["chest turn"], _axes(offset * arm, sign))
            return mass * self.shoulder_joint(sign, frames) + moved
        frame, origin = LANDMARKS[landmark]
        local = _axes((mass * np.array(origin) + offset) * self.scale, sign)
        if frame == "floor":
            return local
        if frame in ("knee", "foot", "other foot"):
            return mass * frames[frame] + local
        joint = {"head": "head", "chest": "shoulder center", "pelvis": "base of spine"}[frame]
        return mass * frames[joint] + turned(frames[f"{frame} turn"], local)

    def arm(
        self, sign: float, palm: Array, elbow: Array, point: Array, thumb: Array, frames: Mapping[str, Array]
    ) -> tuple[Array, ...]:
        """Shoulder, elbow, wrist, hand, hand tip, thumb (n, T, 3) that bring the palm to `palm` or near."""
        shoulder = self.shoulder_joint(sign, frames)
        chest = frames["chest turn"]
        palm = self._clear_of_body(palm, shoulder, frames)
        swivel = np.radians(elbow)
        # Elbows stay behind a low hand and come forward under a high one; with the hand low behind the back they point
        # up and back, as the forearm folds forwards only.
        reach = turned(np.swapaxes(chest, -1, -2), palm - shoulder) / self.scale
        raised = smooth(2.5 * reach[..., 1] + 0.5)
        behind = smooth(5 * reach[..., 2]) * (1 - raised)
        way = [np.sin(swivel), 1.3 * behind - np.cos(swivel), 0.95 * raised - 0.35 - 0.9 * behind]
        pole = _steady(turned(chest, _axes(np.stack(way, axis=-1), sign)), palm - shoulder)
        # First with a straight hand, to learn the direction of the forearm, then with the hand's own direction.
        bent, reached = _two_bones(shoulder, palm, pole, self.upper_arm, self.forearm + self.hand)
        straight = _unit(reached - bent)
        firmness = np.clip(np.linalg.norm(point, axis=-1, keepdims=True), 0, 1)
        hand_way = _unit((1 - firmness) * straight + turned(chest, _axes(point, sign)))
        joint, wrist = _two_bones(shoulder, reached - self.hand * hand_way, pole, self.upper_arm, self.forearm)
        hand = wrist + self.hand * hand_way
        wanted = turned(chest, _axes(thumb, sign))
        thumb_way = _unit(wanted - (wanted * hand_way).sum(-1, keepdims=True) * hand_way)
        tip = hand + 0.075 * self.scale * hand_way
        return shoulder, joint, wrist, hand, tip, hand + 0.055 * self.scale * thumb_way

    def _clear_of_body(self, palm: Array, shoulder: Array, frames: Mapping[str, Array]) -> Array:
        """Push a palm out of the trunk (an ellipse around the upper spine), out of the ground, and past the shoulder.

        A hand on its straight way from the hip to the head would pass through the shoulder; it goes round in front.
        """
        chest = frames["chest turn"]
        near = np.linalg.norm(palm - shoulder, axis=-1, keepdims=True) / (0.26 * self.scale)
        palm = palm - chest[..., 2] * 0.26 * self.scale * np.maximum(1 - near**2, 0)
        local = turned(np.swapaxes(chest, -1, -2), palm - frames["shoulder center"])
        half = self.scale * np.array([0.16, 1.0, 0.11])
        depth = np.sqrt(((local / half)[..., ::2] ** 2).sum(axis=-1, keepdims=True))
        inside = (depth < 1) & (local[..., 1:2] < 0.02) & (local[..., 1:2] > -0.5 * self.scale)
        pushed = np.where(inside, local / np.maximum(depth, 0.15), local)
        pushed[..., 1] = local[..., 1]
        out = frames["shoulder center"] + turned(chest, pushed)
        out[..., 1] = np.maximum(out[..., 1], 0.04)
        return out


def _two_bones(start: Array, goal: Array, pole: Array, first: Array, second: Array) -> tuple[Array, Array]:
    """Middle and end joint of a two-bone chain from `start` towards `goal`, bending towards `pole`."""
    way = goal - start
    distance = np.maximum(np.linalg.norm(way, axis=-1, keepdims=True), 1e-6)
    way = way / distance
    # Neither locked straight nor folded flat: joints cannot do the latter.
    reach = np.clip(distance, 0.32 * (first + second), 0.998 * (first + second))
    along = (first**2 - second**2 + reach**2) / (2 * reach)
    aside = np.sqrt(np.maximum(first**2 - along**2, 0))
    bend = _unit(pole - (pole * way).sum(axis=-1, keepdims=True) * way)
    return start + along * way + aside * bend, start + reach * way


def _steady(pole: Array, way: Array, half: int = 4) -> Array:
    """The part of `pole` across `way`, averaged over 2 · half + 1 frames (axis 1).

    Where a hand passes straight through the direction of its pole, the elbow would flip from one frame to the next.
    """
    way = _unit(way)
    across = pole - (pole * way).sum(axis=-1, keepdims=True) * way
    padded = np.pad(across, ((0, 0), (half, half), (0, 0)), mode="edge")
    return np.mean([padded[:, k : k + pole.shape[1]] for k in range(2 * half + 1)], axis=0)


def rotation(bend: Array | float = 0.0, lean: Array | float = 0.0, twist: Array | float = 0.0) -> Array:
    """(…, 3, 3) from degrees: twist to the right about the own axis, then lean to the right, then bend forwards."""
    b, l, t = np.broadcast_arrays(*(-np.radians(angle) for angle in (bend, lean, twist)))  # noqa: E741
    zero, one = np.zeros_like(b), np.ones_like(b)
    about_x = _matrix(one, zero, zero, zero, np.cos(b), -np.sin(b), zero, np.sin(b), np.cos(b))
    about_z = _matrix(np.cos(l), -np.sin(l), zero, np.sin(l), np.cos(l), zero, zero, zero, one)
    about_y = _matrix(np.cos(t), zero, np.sin(t), zero, one, zero, -np.sin(t), zero, np.cos(t))
    return about_x @ about_z @ about_y


def _matrix(*entries: Array) -> Array:
    return np.stack(entries, axis=-1).reshape(*entries[0].shape, 3, 3)


def turned(rotation: Array, vector: Array) -> Array:
    return np.einsum("...ij,...j->...i", rotation, vector)


def _axes(triple: Array, sign: float) -> Array:
    """(out, up, forward) of the side with this sign of x → (x, y, z)."""
    return triple * np.array([sign, 1.0, -1.0])


def _unit(vector: Array) -> Array:
    return vector / np.maximum(np.linalg.norm(vector, axis=-1, keepdims=True), 1e-9)


def smooth(x: Array) -> Array:
    """0 below 0, 1 above 1, no jerk at either end."""
    x = np.clip(x, 0, 1)
    return x * x * x * (x * (6 * x - 15) + 10)
