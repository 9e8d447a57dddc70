"""Every setting of a run: its type, default and a sentence; presets; strict overriding.

The defaults are the preset "default": minutes on two CPU cores, no downloads. Values are scalars, so that each can be
a notebook parameter and a `--set name=value` on the command line.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import wraps
from numbers import Integral, Real
from pathlib import PurePath
from types import UnionType
from typing import Any

from crossglg.files import InputError, nearest


def setting(
    default: Any,
    help: str,
    choices: tuple[str, ...] = (),
    low: float = -math.inf,
    high: float = math.inf,
    why: str = "",
    before: Any = None,
) -> Any:
    """A field of Config.

    low, high: the least and the greatest value that can be right;  why: no value above `high`;  before: of a setting
    added later, the value that does what was done without it.
    """
    metadata = {"help": help, "choices": choices, "low": low, "high": high, "why": why, "before": before}
    return field(default=default, metadata=metadata)


# How small and how large a value of some kind can be, and why it is no larger.
FRACTION: dict[str, Any] = {"low": 0.0, "high": 1.0, "why": "it is a fraction"}
REST: dict[str, Any] = {"low": 0.0, "high": 0.9, "why": "something must be left to learn from"}
WEIGHT: dict[str, Any] = {"low": 0.0, "high": 1000.0, "why": "above that the other losses hardly count"}
SIZE: dict[str, Any] = {"low": 1, "high": 10_000, "why": "more does not fit into memory"}
TIMES: dict[str, Any] = {"low": 1, "high": 100_000, "why": "more takes months"}
DEPTH: dict[str, Any] = {"low": 0, "high": 1000, "why": "no skeleton and no encoder is deeper"}
NUMBER: dict[str, Any] = {"low": 0, "high": 2**32 - 1, "why": "random number generators take 32 bits"}


@dataclass(frozen=True)
class DataSettings:
    """Which clips, and how they are prepared."""

    dataset: str = setting("synthetic", "a registered dataset, .npz file or folder, or FORMAT:PATH of source files")
    benchmark: str = setting("", "a shipped one-shot protocol, or FILE:NAME of another; empty: the dataset's own")
    validation_classes: float = setting(
        0.0,
        "above 0: this fraction of the base classes becomes validation classes, in the place of the novel ones",
        **REST,
    )
    validation_split: int = setting(0, "which base classes these are: another number, another random choice", **NUMBER)
    base_share: float = setting(
        1.0,
        "fraction of the base classes to learn from; smaller ones are part of larger ones",
        **FRACTION | {"low": 0.01},
    )
    base_clips: int = setting(
        0,
        "learn from at most so many clips of each base class; fewer are part of more; 0: all",
        before=0,
        **SIZE | {"low": 0},
    )
    extra_base: str = setting(
        "",
        "learn also from the clips of this data set, as dataset, but for the classes that are novel; classes called "
        "alike become one",
        before="",
    )
    frames: int = setting(32, "T, frames every clip is resampled to", **SIZE)
    streams: str = setting("joint+bone+motion", "input channels: joint, bone, motion, joined by +")
    align_view: bool = setting(True, "turn each clip about the vertical until shoulders and hips face the camera")
    scale_torso: bool = setting(True, "divide coordinates by the torso length")
    coordinate_steps: str = setting(
        "", "steps joined by + (see 'list steps'), or none; empty: center, align_view and scale_torso"
    )
    posture: float = setting(
        0.1,
        "how much of each person's mean pose over the clip stays; near 0, clips are compared by movement more than by "
        "posture and build",
        **FRACTION,
        before=1.0,
    )
    crop: float = setting(
        0.7, "training: keep a random segment of at least this fraction of the clip", **FRACTION | {"low": 0.05}
    )
    rotation: float = setting(
        0.3,
        "training: random rotation about each axis, at most this many radians",
        low=0.0,
        high=3.15,
        why="π is half a turn",
    )
    scale_jitter: float = setting(
        0.1,
        "training: random scaling of each axis by up to ± this fraction",
        low=0.0,
        high=0.9,
        why="at 1 an axis may vanish",
    )
    mirror: float = setting(
        0.0, "training: fraction of the clips whose left and right are swapped, texts with them", **FRACTION
    )
    mirror_class: str = setting(
        "same",
        "class of a mirrored clip: same; other, one of its own, as left and right are to be told apart; text, one of "
        "its own where the key joints of the text are not the same left and right",
        ("same", "other", "text"),
    )
    shear: float = setting(
        0.1,
        "training: random shear with coefficients up to ± this",
        low=0.0,
        high=10.0,
        why="nothing is left of the body",
    )
    noise: float = setting(
        0.1,
        "training: Gaussian noise on every coordinate; its standard deviation is drawn for each clip, between 0 and "
        "this, in torso lengths (without scale_torso: in the unit of the clips)",
        low=0.0,
        high=1.0,
        why="no pose is left",
        before=0.0,
    )


@dataclass(frozen=True)
class TextSettings:
    """Which texts describe the classes, and what reads them."""

    descriptions: str = setting("", "a description file to use before the shipped ones; empty: shipped only")
    text_encoder: str = setting(
        "minilm", "registered text encoder, model folder or hub id; ending in #cls: CLS, not mean pooling"
    )
    text_source: str = setting(
        "descriptions",
        "descriptions, or a control: shuffled (those of another class), class-name (nothing but the name), constant "
        "(the mean over the classes), random (vectors that come from no text); the last three know no key joints",
        ("descriptions", "shuffled", "class-name", "constant", "random"),
    )


@dataclass(frozen=True)
class ModelSettings:
    """The encoder and its guidance."""

    encoder: str = setting("lean-gcn", "registered skeleton encoder")
    initial_weights: str = setting(
        "", "folder of a trained or imported model whose encoder the training starts from; empty: new weights"
    )
    absent_persons: str = setting(
        "skipped",
        "a person who is not there is skipped; or zeros: counts as a body of zeros, as in the published code of the "
        "encoders, for imported weights",
        ("skipped", "zeros"),
    )
    mode: int = setting(0, "InfoGCN: joints relative to the joint k bones nearer to the root; 0: as they are", **DEPTH)
    guidance: str = setting(
        "both",
        "g2l: joint importance; l2g: cross-modal branch; both: CrossGLG; none: the baseline",
        ("both", "g2l", "l2g", "none"),
    )
    importance_after_block: int = setting(
        0,
        "N_pre, blocks before joint importance; all of them: joints are weighted only when they are pooled; 0: the "
        "encoder's recommendation",
        **DEPTH,
    )
    scale_importance: bool = setting(True, "multiply importance by V, so that uniform importance is the identity")
    importance_share: float = setting(
        1.0, "how much of joint importance the features are weighted by; the rest is uniform", **FRACTION, before=1.0
    )
    interaction_blocks: int = setting(2, "M, interaction blocks of the cross-modal branch", **SIZE)
    interaction_width: int = setting(128, "common width of texts and joints in the cross-modal branch", **SIZE)
    dropout: float = setting(0.1, "dropout before the classifier", **REST | {"high": 0.95})
    importance_per: str = setting(
        "clip",
        "clip: one joint importance for the clip; phase: one for each third of it; frame: one for each time step",
        ("clip", "phase", "frame"),
    )
    keep_text_branch: bool = setting(
        False, "save the cross-modal branch beside the model, to look at its attention; recognition never reads it"
    )


@dataclass(frozen=True)
class LossSettings:
    """What training asks, and what each loss weighs."""

    objective: str = setting("classification", "training objective; see 'list objectives'")
    batch_classes: int = setting(
        16, "P, classes of a batch of objectives that compare clips: batch_size / P of each", **SIZE
    )
    calibration_weight: float = setting(0.5, "weight of L_calibrate", **WEIGHT)
    cross_modal_weight: float = setting(0.2, "weight of L_c", **WEIGHT)
    alignment_weight: float = setting(0.8, "weight of the part-text alignment of objective gap", **WEIGHT)
    clip_text_weight: float = setting(1.0, "objective text-retrieval: weight of the clip's text", **WEIGHT)
    joint_text_weight: float = setting(1.0, "objective text-retrieval: weight of the joints' texts", **WEIGHT)
    asked_joints: str = setting(
        "key",
        "objective text-retrieval: which joints are to find their texts: key, as much as each is a key joint; or all",
        ("key", "all"),
        before="key",
    )
    matching_weight: float = setting(
        1.0, "objective text-matching: weight of telling which text fits", **WEIGHT, before=1.0
    )
    attribute_weight: float = setting(
        1.0, "objective attributes: weight of telling which statements are true", **WEIGHT, before=5.0
    )
    code_weight: float = setting(
        0.0,
        "weight of finding the random code of the class, from the clip and from each joint; needs no text; 0: off",
        **WEIGHT,
        before=0.0,
    )
    marginal_weight: float = setting(0.0, "weight of the bottleneck's marginal term (InfoGCN: 1e-4); 0: off", **WEIGHT)
    class_prior_weight: float = setting(
        0.0, "weight of the bottleneck's class-conditional term (InfoGCN: 0.1); 0: off", **WEIGHT
    )
    label_smoothing: float = setting(0.1, "label smoothing of both cross-entropies", **FRACTION)


@dataclass(frozen=True)
class TrainingSettings:
    """How long and how fast."""

    epochs: int = setting(12, "passes over the base clips", **TIMES)
    batch_size: int = setting(32, "clips per step", **SIZE)
    optimizer: str = setting("adamw", "adamw, or sgd with Nesterov momentum 0.9", ("adamw", "sgd"))
    learning_rate: float = setting(2e-3, "peak learning rate; linear warm-up, then cosine to zero", low=0.0)
    weight_decay: float = setting(
        2.0,
        "weight decay of matrices; biases, norms and topologies are not decayed; the more steps, the less of it",
        low=0.0,
        high=10.0,
        why="it leaves nothing of the weights",
    )
    warmup_epochs: int = setting(2, "epochs of linear warm-up", **TIMES | {"low": 0})
    validation_clips: float = setting(
        0.1, "fraction of the base clips for validation: they choose the epoch (checkpoint selection)", **REST
    )


@dataclass(frozen=True)
class EvaluationSettings:
    """How accuracy is measured."""

    episodes: int = setting(20, "episodes to average over (a benchmark file may hold fewer)", **TIMES)


@dataclass(frozen=True)
class RunSettings:
    """What changes how a run is computed."""

    seed: int = setting(0, "seed of initialization, augmentation and splits", **NUMBER)
    device: str = setting("auto", "auto, cpu, cuda, cuda:1, …")
    precision: str = setting(
        "float32", "bfloat16 is faster on a GPU for large encoders alone; auto is float32",
        ("float32", "bfloat16", "auto")
    )  # fmt: skip
    cuda_graph: bool = setting(
        True, "on a GPU, record the training step once for every number of persons and replay it; equal results"
    )
    compile: bool = setting(False, "torch.compile: minutes before the first step, faster steps; needs a C++ compiler")


# What a setting of some type may be: a number of numpy and a path, too.
_KINDS: dict[type, type | UnionType] = {bool: bool, int: Integral, float: Real, str: str | PurePath}


def _names_checked(settings: type[Any]) -> type[Any]:
    """The class, whose `__init__` answers an unknown name as `Config.create` does."""
    made = settings.__init__

    @wraps(made)
    def init(self: Any, *args: Any, **values: Any) -> None:
        for name in values:
            _check_name(name)
        made(self, *args, **values)

    settings.__init__ = init
    return settings


@_names_checked
@dataclass(frozen=True)
class Config(
    RunSettings, EvaluationSettings, TrainingSettings, LossSettings, ModelSettings, TextSettings, DataSettings
):  # the last comes first: a dataclass lists the fields of its last base first
    """All settings of one run, in groups. Raises ValueError naming the setting when a value cannot be right."""

    def __post_init__(self) -> None:
        for name, spec in self.__dataclass_fields__.items():
            value, choices = getattr(self, name), spec.metadata["choices"]
            kind: type = type(spec.default)
            if type(value) is not kind:
                if not isinstance(value, _KINDS[kind]) or (isinstance(value, bool) and kind is not bool):
                    raise InputError(f"{name}={value!r} is not of the kind {kind.__name__}: {spec.metadata['help']}")
                if not isinstance(value, bool | int | float | str):  # what no file takes
                    object.__setattr__(self, name, value := kind(value))
            if choices and value not in choices:
                raise InputError(f"{name}={value!r} is not one of {', '.join(choices)}")
            if isinstance(value, float) and not math.isfinite(value):
                raise InputError(f"{name}={value!r} is not a finite number")
            low, high, why = (spec.metadata[key] for key in ("low", "high", "why"))
            if low > -math.inf and value < low:
                raise InputError(f"{name}={value} must be at least {low}")
            if high < math.inf and value > high:
                raise InputError(f"{name}={value} must be at most {high}: {why}")

    @classmethod
    def create(cls, preset: str = "default", **values: Any) -> Config:
        """A preset with overrides. Strings are read as the setting's type; raises ValueError as `parse_values` does."""
        if preset not in PRESETS:
            raise InputError(f"unknown preset {preset!r}; presets: {', '.join(PRESETS)}")
        return cls(**{**PRESETS[preset], **parse_values(values)})

    def to_dict(self) -> dict[str, Any]:
        """Name → value, in the order of the fields."""
        return {name: getattr(self, name) for name in DEFAULTS}  # plain values: `asdict` would copy each


PRESETS: dict[str, dict[str, Any]] = {
    "default": {},
    "smoke": {"epochs": 2, "frames": 16, "episodes": 3},
    # METHOD.md's setting as far as it is public; optimizer and schedule are those of InfoGCN (inferred).
    "paper": {
        "encoder": "infogcn", "frames": 64, "streams": "joint", "epochs": 110, "batch_size": 128, "optimizer": "sgd",
        "learning_rate": 0.1, "weight_decay": 5e-4, "warmup_epochs": 5, "crop": 0.5, "scale_jitter": 0.0, "shear": 0.0,
        "noise": 0.0, "scale_torso": False, "posture": 1.0, "importance_after_block": 5, "dropout": 0.0,
        "text_encoder": "deberta-v2-xlarge",
    },
    # learning_rate × weight_decay × steps is about 3, as in the defaults
    "paper-strong": {"encoder": "infogcn", "frames": 64, "epochs": 30, "batch_size": 128, "weight_decay": 0.05},
}  # fmt: skip
PRESETS["published"] = {**PRESETS["paper"], "guidance": "none", "importance_after_block": 0, "absent_persons": "zeros"}
PRESET_HELP = {
    "default": "the defaults: minutes on two CPU cores, no downloads",
    "smoke": "two to three minutes, to see that everything runs; too short to learn much",
    "paper": "the paper's setting, as far as it is public",
    "paper-strong": "the recipe of the defaults at the size of NTU RGB+D 120; not tried at that size",
    "published": "how imported weights are read: as paper, without texts",
}

# Group → its settings, in the order of the fields.
GROUPS: dict[str, tuple[str, ...]] = {
    group.__name__.removesuffix("Settings").lower(): tuple(spec.name for spec in fields(group))
    for group in reversed(Config.__bases__)
}
DEFAULTS: dict[str, Any] = {spec.name: spec.default for spec in fields(Config)}
HELP: dict[str, str] = {spec.name: spec.metadata["help"] for spec in fields(Config)}
# What runs and models did that were made before there was the setting.
BEFORE = {spec.name: spec.metadata["before"] for spec in fields(Config) if spec.metadata["before"] is not None}


def parse_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Check names and types; strings such as "20" or "false" become the setting's type.

    Raises ValueError for an unknown name (with the nearest one and the valid list) or a value of the wrong type.
    """
    return {name: _parse(name, value) for name, value in values.items()}


def _check_name(name: str) -> None:
    if name not in HELP:
        raise InputError(f"unknown setting {name!r}{nearest(name, HELP)} Valid: {', '.join(HELP)}")


def _parse(name: str, value: Any) -> Any:
    _check_name(name)
    kind = type(getattr(_DEFAULTS, name))
    try:
        if value is None:
            raise ValueError
        if kind is bool:
            return {"true": True, "false": False, "1": True, "0": False, "yes": True, "no": False}[str(value).lower()]
        if kind is int and (isinstance(value, bool) or float(value) != int(float(value))):
            raise ValueError
        return kind(float(value)) if kind is int else kind(value)
    except (KeyError, TypeError, ValueError, OverflowError):
        raise InputError(f"{name}={value!r} is not of the kind {kind.__name__}: {HELP[name]}") from None


_DEFAULTS = Config()
