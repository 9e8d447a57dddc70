"""From ragged clips to training batches: batched torch, on the device of the data.

Axes are (N, M, T, V, C) everywhere: clips, persons, frames, joints, coordinates in meters with y up. Randomness comes
from a `torch.Generator` on the CPU, so a seed gives the same batch on every device.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from crossglg.config import DataSettings
from crossglg.data.clips import SkeletonSet
from crossglg.skeletons import Layout

STREAMS = ("joint", "bone", "motion")


class DeviceClips:
    """A SkeletonSet resident on a device, read as resampled batches without padding.

    The valid segment of a clip is what remains without the frames in which nobody is seen.
    """

    def __init__(self, clips: SkeletonSet, device: torch.device | str = "cpu") -> None:
        self.device = torch.device(device)
        # (R, V, C). A file's mapped rows, which cannot be written, are copied; rows in memory are shared.
        self.xyz = torch.from_numpy(np.require(clips.xyz, np.float32, ["C", "W"])).to(self.device)
        self.offset = torch.as_tensor(clips.offsets[:-1])
        self.frames = torch.as_tensor(clips.frames)
        self.persons = torch.as_tensor(clips.persons)
        self.seen: dict[int, Tensor] = {}  # clip → its frames with somebody, where there are others between them
        self.first, self.length = self._valid_segments()

    def __len__(self) -> int:
        return len(self.offset)

    def _valid_segments(self) -> tuple[Tensor, Tensor]:
        seen = torch.cat([(rows != 0).flatten(1).any(1) for rows in self.xyz.split(1 << 16)]).cpu()
        first, length = torch.zeros_like(self.frames), self.frames.clone()
        for i in range(len(self)):
            rows = seen[self.offset[i] : self.offset[i] + self.persons[i] * self.frames[i]]
            present = rows.view(int(self.persons[i]), -1).any(0).nonzero()
            if len(present):
                first[i], length[i] = present[0, 0], len(present)
                if present[-1, 0] - present[0, 0] >= len(present):
                    self.seen[i] = present[:, 0]
        return first, length

    def batch(
        self, index: Tensor, frames: int, crop: float = 1.0, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """Resample the clips at `index` (N,) linearly to `frames`.

        crop: with a generator, a random segment of a fraction uniform in [crop, 1] of the valid segment is taken.
        Returns x (N, M, T, V, C), absent persons zero, and person_mask (N, M), both on the device.
        """
        first, length = self.first[index].double(), self.length[index].double()
        if generator is not None and crop < 1.0:
            u = torch.rand(2, len(index), generator=generator, dtype=torch.float64)
            kept = (length * (crop + (1.0 - crop) * u[0])).clamp(min=2.0).minimum(length)
            first, length = first + (length - kept) * u[1], kept
        # Frame centers, as torch's interpolate(align_corners=False) has them; dividing last keeps whole frames exact.
        step = (torch.arange(frames, dtype=torch.float64) + 0.5) * length[:, None] / frames
        time = first[:, None] + (step - 0.5).clamp(min=0.0)
        time = time.minimum((first + length - 1.0).clamp(min=0.0)[:, None])  # (N, T)
        low = time.floor().long()
        high = time.ceil().long().minimum(self.frames[index][:, None] - 1)
        weight = (time - low).to(torch.float32).to(self.device)[:, None, :, None, None]
        for row, clip in enumerate(index.tolist() if self.seen else ()):
            if clip in self.seen:
                low[row], high[row] = (self.seen[clip][at - self.first[clip]] for at in (low[row], high[row]))

        person = torch.arange(int(self.persons[index].max()))
        mask = person < self.persons[index][:, None]  # (N, M)
        block = self.offset[index][:, None] + torch.where(mask, person, 0) * self.frames[index][:, None]
        a = self.xyz[(block[:, :, None] + low[:, None]).to(self.device)]
        b = self.xyz[(block[:, :, None] + high[:, None]).to(self.device)]
        # A person who is unseen in one of the two frames is taken from the other, not pulled toward the origin.
        seen_a, seen_b = _seen(a), _seen(b)
        weight = torch.where(seen_a & seen_b, weight, seen_b.to(weight.dtype))
        mask = mask.to(self.device)
        x = torch.lerp(a, b, weight) * mask[:, :, None, None, None]
        return x, mask & _seen(x).flatten(2).any(2)


@dataclass(frozen=True)
class Preprocessing:
    """The named, ordered steps between a resampled batch and the encoder's input, built from settings.

    coordinate_steps: names in `STEPS`, done in this order;  the other fields are settings. The posture is reduced in
    the channels, not in the coordinates: what remains of a pose is no skeleton that could be drawn or frozen.
    """

    layout: Layout
    streams: tuple[str, ...] = ("joint",)
    coordinate_steps: tuple[str, ...] = ("center", "align_view", "scale_torso")
    rotation: float = 0.0
    scale_jitter: float = 0.0
    shear: float = 0.0
    noise: float = 0.0
    posture: float = 1.0

    def __post_init__(self) -> None:
        for setting, kind, known in (("streams", "stream", STREAMS), ("coordinate_steps", "step", STEPS)):
            names = getattr(self, setting)
            unknown = [name for name in names if name not in known]
            if unknown:
                raise ValueError(
                    f"unknown {kind} {unknown[0]!r} in {setting}={'+'.join(names)!r}; {kind}s: {', '.join(known)}"
                )
        possible = possible_steps(self.layout, self.coordinate_steps)
        if possible != self.coordinate_steps:
            step = next(step for step in self.coordinate_steps if step not in possible)
            missing = [joint for joint in _NEEDED[step] if not self.layout.has(joint)]
            raise ValueError(
                f"layout {self.layout.name!r} has no joint called {', '.join(missing)}, which the coordinate step "
                f"{step!r} needs; give joints their English names, or leave the step out: crossglg train --set "
                f"coordinate_steps={'+'.join(possible) or 'none'}"
            )

    @classmethod
    def from_settings(cls, config: DataSettings, layout: Layout) -> Preprocessing:
        """Raises ValueError for an unknown stream or step."""
        switches = (("center", True), ("align_view", config.align_view), ("scale_torso", config.scale_torso))
        steps = tuple(name for name, on in switches if on)
        if config.coordinate_steps:
            steps = () if config.coordinate_steps == "none" else tuple(config.coordinate_steps.split("+"))
        streams = tuple(config.streams.split("+"))
        augmentation = (config.rotation, config.scale_jitter, config.shear, config.noise)
        return cls(layout, streams, steps, *augmentation, config.posture)

    @property
    def steps(self) -> tuple[str, ...]:
        """What is done, in order, for logs and reports (augmentation runs only with a generator)."""
        posture = (f"posture:{self.posture:g}",) if self.posture < 1.0 else ()
        return self.coordinate_steps + posture + tuple(f"stream:{name}" for name in self.streams)

    def __call__(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """x: (N, M, T, V, C) raw. Returns (N, M, T, V, C · streams); a generator turns augmentation on."""
        x = self.canonical(x)
        if generator is not None:
            x = augment(x, generator, self.rotation, self.scale_jitter, self.shear)
            x = add_noise(x, generator, self.noise)
        return self.channels(x)

    def canonical(self, x: Tensor) -> Tensor:
        """The coordinates after the coordinate steps, without augmentation."""
        for name in self.coordinate_steps:
            x = STEPS[name](x, self.layout)
        return x

    def channels(self, x: Tensor) -> Tensor:
        """The streams of coordinates: (N, M, T, V, C) → (N, M, T, V, C · streams)."""
        if self.posture < 1.0:
            x = reduce_posture(x, self.posture)
        parts = {"joint": lambda: x, "bone": lambda: bones(x, self.layout), "motion": lambda: motion(x)}
        return torch.cat([parts[stream]() for stream in self.streams], dim=-1)


def center(x: Tensor, layout: Layout) -> Tensor:
    """Move the first seen person's hip center (middle of the hips) in its first frame to the origin.

    One translation per clip, so that traveling through the room and the distance between persons survive.
    """
    first = _first_seen_frame(_lead(x))  # (N, V, C)
    origin = _middle(first, layout, "left hip", "right hip")
    return (x - origin[:, None, None, None]) * _seen(x)


def center_each_frame(x: Tensor, layout: Layout) -> Tensor:
    """Move the first seen person's hip center to the origin in every frame: traveling through the room is lost."""
    origin = _middle(_lead(x), layout, "left hip", "right hip")  # (N, T, C); zero where that person is not seen
    return (x - origin[:, None, :, None]) * _seen(x)


def align_view(x: Tensor, layout: Layout) -> Tensor:
    """Turn each clip about the vertical until the first seen person's mean left-to-right axis lies along +x.

    2-D clips have no vertical to turn about and stay as they are.
    """
    return _turn(x, _across(_lead(x), layout))


def align_first_frame(x: Tensor, layout: Layout) -> Tensor:
    """As align_view, by the left-to-right axis of the person's first seen frame instead of the mean over the clip."""
    return _turn(x, _across(_first_seen_frame(_lead(x))[:, None], layout))


def scale_torso(x: Tensor, layout: Layout) -> Tensor:
    """Divide by the first seen person's mean distance from the middle of the hips to the middle of the shoulders."""
    person = _lead(x)
    hips = _middle(person, layout, "left hip", "right hip")
    shoulders = _middle(person, layout, "left shoulder", "right shoulder")
    length = (shoulders - hips).norm(dim=-1)  # (N, T)
    seen = (length > 0).sum(1).clamp(min=1)
    return x / (length.sum(1) / seen).clamp(min=1e-3)[:, None, None, None, None]


def reduce_posture(x: Tensor, kept: float) -> Tensor:
    """Subtract 1 − kept of each person's mean pose over the frames in which the person is seen; absent stays zero.

    Posture, build and a sensor's idea of where a joint sits are the same in all frames of a clip. Where much moves they
    hide how; where nothing moves they are all there is, so a little of them stays. With them shrinks the distance
    between several persons.
    """
    seen = _seen(x)
    mean = (x * seen).sum(2, keepdim=True) / seen.sum(2, keepdim=True).clamp(min=1)
    return (x - (1.0 - kept) * mean) * seen


# Steps that make coordinates independent of place, direction and size: x (N, M, T, V, C), layout → the same shape.
STEPS: dict[str, Callable[[Tensor, Layout], Tensor]] = {
    step.__name__: step for step in (center, center_each_frame, align_view, align_first_frame, scale_torso)
}

_HIPS = ("left hip", "right hip")
_TRUNK = (*_HIPS, "left shoulder", "right shoulder")
_NEEDED = {step: _HIPS if step.startswith("center") else _TRUNK for step in STEPS}  # joints that a step looks for


def possible_steps(layout: Layout, steps: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the steps whose joints a layout has."""
    return tuple(step for step in steps if all(map(layout.has, _NEEDED[step])))


def mirror(x: Tensor, mirrored: Tensor, layout: Layout) -> Tensor:
    """Swap left and right of the clips where mirrored (N,) is true: joints change sides, x changes its sign."""
    mirrored = mirrored.to(x.device)
    flipped = x[mirrored][..., torch.as_tensor(layout.mirrored, device=x.device), :]
    flipped[..., 0].neg_()
    x = x.clone()
    x[mirrored] = flipped
    return x


def augment(x: Tensor, generator: torch.Generator, rotation: float, scale_jitter: float, shear: float) -> Tensor:
    """One random linear map per clip: rotation about every axis, scaling per axis, shear. Absent stays zero."""
    channels, count = x.shape[-1], len(x)
    eye = torch.eye(channels)

    def uniform(*shape: int) -> Tensor:
        return torch.rand(count, *shape, generator=generator) * 2.0 - 1.0

    matrix = eye * (1.0 + scale_jitter * uniform(channels, 1))
    matrix = matrix + shear * uniform(channels, channels) * (1.0 - eye)
    for a, b in ((0, 1), (0, 2), (1, 2))[: 3 if channels == 3 else 1]:
        angle = rotation * uniform()
        turn = eye.repeat(count, 1, 1)
        turn[:, a, a] = turn[:, b, b] = angle.cos()
        turn[:, a, b], turn[:, b, a] = -angle.sin(), angle.sin()
        matrix = turn @ matrix
    return x @ matrix.to(x).transpose(-1, -2)[:, None, None]


def add_noise(x: Tensor, generator: torch.Generator, most: float) -> Tensor:
    """Gaussian noise on every coordinate, of a standard deviation that is uniform in 0…most for each clip.

    Joint positions from a camera jitter more than a Kinect's; training with jitter makes a model less sensitive to it.
    Absent stays zero.
    """
    if not most:
        return x
    size = most * torch.rand(len(x), 1, 1, 1, 1, generator=generator)
    return x + (size * torch.randn(x.shape, generator=generator)).to(x) * _seen(x)


def bones(x: Tensor, layout: Layout) -> Tensor:
    """Joint minus its parent; the root is zero."""
    return x - x[..., torch.as_tensor(layout.parents, device=x.device), :]


def motion(x: Tensor) -> Tensor:
    """Next frame minus this one; zero in the last frame and where a person appears or disappears."""
    step = x[:, :, 1:] - x[:, :, :-1]
    step = step * (_seen(x[:, :, 1:]) & _seen(x[:, :, :-1]))
    return torch.cat([step, torch.zeros_like(x[:, :, :1])], dim=2)


def freeze_joints(x: Tensor, moving: Tensor, layout: Layout) -> Tensor:
    """Take the motion of some joints away. x: (N, M, T, V, C);  moving: (N, V) bool, False for the joints to freeze.

    A frozen joint is carried along by its parent, its bone at its mean direction and length; nothing else changes. So
    the clip stays a person: a joint left at a fixed place would tear its bone, and in the bone stream show the motion
    of its parent. The frozen root goes with the nearest moving joint of the torso, or stands still at its mean place;
    if nothing moves, a mean pose is left. Frames in which a person is not seen stay zero and count for no mean.
    """
    seen = _seen(x)[..., 0]  # (N, M, T, 1)
    out = x.clone()
    root, depth = layout.root_index, layout.depth
    rest = _mean_seen(x[..., root, :], seen) * seen
    for j in sorted(layout.parts["torso"], key=lambda j: -depth[j]):  # the nearest comes last, and counts
        rest = torch.where(
            moving[:, j, None, None, None], _carried(x[..., root, :], x[..., j, :], x[..., j, :], seen), rest
        )
    out[..., root, :] = torch.where(moving[:, root, None, None, None], x[..., root, :], rest)
    for j in np.argsort(depth, kind="stable").tolist()[1:]:  # parents before their children
        parent = int(layout.parents[j])
        rest = _carried(x[..., j, :], x[..., parent, :], out[..., parent, :], seen)
        out[..., j, :] = torch.where(moving[:, j, None, None, None], x[..., j, :], rest)
    return out


def _carried(joint: Tensor, by: Tensor, now: Tensor, seen: Tensor) -> Tensor:
    """`now` plus the mean offset of a joint to the one that carries it, of mean length. All (N, M, T, C)."""
    offset = joint - by
    mean, length = _mean_seen(offset, seen), _mean_seen(offset.norm(dim=-1, keepdim=True), seen)
    return (now + mean * (length / mean.norm(dim=-1, keepdim=True).clamp(min=1e-9))) * seen


def _mean_seen(values: Tensor, seen: Tensor) -> Tensor:
    """(N, M, T, C) → (N, M, 1, C): mean over the frames that are `seen` (N, M, T, 1)."""
    return (values * seen).sum(2, keepdim=True) / seen.sum(2, keepdim=True).clamp(min=1)


def _seen(x: Tensor) -> Tensor:
    """(…, T, 1, 1) whether a person is seen in a frame: any coordinate is not zero."""
    return (x != 0).flatten(-2).any(-1)[..., None, None]


def _lead(x: Tensor) -> Tensor:
    """(N, T, V, C) the first person of each clip who is seen in it; the first one where nobody is."""
    return x[torch.arange(len(x), device=x.device), _seen(x).flatten(2).any(2).int().argmax(1)]


def _first_seen_frame(person: Tensor) -> Tensor:
    seen = _seen(person)[..., 0, 0]  # (N, T)
    return person[torch.arange(len(person), device=person.device), seen.int().argmax(1)]


def _middle(x: Tensor, layout: Layout, a: str, b: str) -> Tensor:
    return (x[..., layout.index(a), :] + x[..., layout.index(b), :]) / 2.0


def _turn(x: Tensor, across: Tensor) -> Tensor:
    """Turn each clip about the vertical until `across` (N, C) lies along +x; 2-D clips are returned as they are."""
    if x.shape[-1] != 3:
        return x
    angle = torch.atan2(across[:, 2], across[:, 0])
    cos, sin, zero, one = angle.cos(), angle.sin(), torch.zeros_like(angle), torch.ones_like(angle)
    turn = torch.stack([cos, zero, sin, zero, one, zero, -sin, zero, cos], -1).view(-1, 1, 1, 3, 3)
    return x @ turn.transpose(-1, -2)


def _across(person: Tensor, layout: Layout) -> Tensor:
    """(N, C) mean vector from the left to the right side of shoulders and hips over the clip."""
    sides = [
        person[..., layout.index(f"right {joint}"), :] - person[..., layout.index(f"left {joint}"), :]
        for joint in ("shoulder", "hip")
    ]
    return torch.stack(sides).mean((0, 2))
