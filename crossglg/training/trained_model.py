"""A model together with all it needs to read clips: saving, loading, and features of whole sets."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

import crossglg
from crossglg.config import BEFORE, HELP, Config
from crossglg.data.clips import SkeletonSet
from crossglg.data.transforms import DeviceClips, Preprocessing, bones, freeze_joints
from crossglg.encoders import build_encoder
from crossglg.encoders.inference import clips_at_once, for_inference
from crossglg.files import InputError, MissingError, expanded, project_folder, read_json, write_file, write_json
from crossglg.model import CrossGLG, CrossModalInteraction, JointImportanceModule, JointImportanceOverTime, with_zeros
from crossglg.objectives import find_objective
from crossglg.one_shot.representation import Representation, motion_energy
from crossglg.skeletons import Layout
from crossglg.text.attributes import attribute_names
from crossglg.training import distributed
from crossglg.training.card import model_card

WEIGHTS, DESCRIPTION, CARD = "model.safetensors", "model.json", "README.md"
TEXT_BRANCH = "text_branch.safetensors"  # of keep_text_branch=true; recognition never reads it
PARTS_OF_A_CLIP = {"clip": 1, "phase": 3, "frame": 0}  # of importance_per; 0: every time step
FIRST_VERSION = (0, 2)  # whose models this one computes as they were trained
FEW = 16  # for so many clips, making a copy for inference takes longer than it saves
TRAINING_ONLY = "cross_modal."  # parameters that meet texts
SIMILARITY = "cosine_and_streams_quantiles"  # the name in a model's details says how clips were compared
SHIPPED = "synthetic"  # the name of the model that ships with crossglg; models/README.md says how it is made
ABOUT_SHIPPED = "the small one that ships with crossglg, a demonstration trained on synthetic Kinect-like motions"


def build_model(config: Config, layout: Layout, persons: int, channels: int, classes: int, text_width: int) -> CrossGLG:
    """The model a Config asks for, initialized from its seed. channels: C of the raw coordinates (2 or 3).

    The caller's random state stays as it is.  text_width 0: without what meets texts, as saved models are. Raises
    ValueError for an unknown encoder or objective, or an objective that cannot have this guidance.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(config.seed)
        return _new_model(config, layout, persons, channels, classes, text_width)


def _new_model(config: Config, layout: Layout, persons: int, channels: int, classes: int, text_width: int) -> CrossGLG:
    objective = find_objective(config)
    options = {"mode": config.mode} if config.mode else {}
    encoder = build_encoder(config.encoder, layout, channels * len(config.streams.split("+")), persons, **options)
    split = config.importance_after_block or encoder.importance_after_block
    importance, cross_modal = None, None
    if config.guidance in ("both", "g2l"):
        width = encoder.widths[:split][-1]  # CrossGLG refuses a split beyond the blocks
        parts = PARTS_OF_A_CLIP[config.importance_per]
        importance = JointImportanceModule(width) if parts == 1 else JointImportanceOverTime(width, parts)
    if config.guidance in ("both", "l2g") and text_width:
        cross_modal = CrossModalInteraction(
            encoder.widths[-1], encoder.out_features, text_width, layout.num_joints,
            config.interaction_blocks, config.interaction_width,
        )  # fmt: skip
    if config.keep_text_branch and config.guidance not in ("both", "l2g"):
        raise ValueError(
            f"keep_text_branch=true, but guidance={config.guidance!r} trains no cross-modal branch; use guidance=both "
            f"or l2g, or leave keep_text_branch out"
        )
    return CrossGLG(
        encoder, classes if objective.classifies else 0, importance, cross_modal, split, config.scale_importance,
        config.importance_share, config.dropout, persons_with_zeros=persons if config.absent_persons == "zeros" else 0,
        num_attributes=len(attribute_names(layout)) if objective.predicts_attributes else 0,
    )  # fmt: skip


def resolve_device(name: str) -> torch.device:
    """The device of the setting `device`; "auto" is a GPU if there is one. Raises ValueError if it is not there."""
    name = ("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ValueError(f"device={name!r} is no device: use auto, cpu, cuda or cuda:1") from error
    device = distributed.own_device(device)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ValueError(
            f"device={str(device)!r} but this machine has {torch.cuda.device_count()} CUDA devices; use device=cpu"
        )
    return device


def autocast(precision: str, device: torch.device) -> torch.autocast:
    """bfloat16 where that is the precision."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bfloat16")


@dataclass
class TrainedModel:
    """A model with all it needs to read clips: it embeds, explains, is saved and loaded.

    Attributes:
        model: the skeleton branch.
        config: the settings it was trained with.
        layout: the skeleton, V joints, that its clips must have.
        persons: M, the most persons of a clip.
        channels: C, coordinates of a joint, 2 or 3.
        class_names: the base classes, in the order of the classifier's outputs.
        details: what training recorded: its data and texts, losses, the chosen epoch, versions.
    """

    model: CrossGLG
    config: Config
    layout: Layout
    persons: int
    channels: int
    class_names: tuple[str, ...]
    details: dict[str, Any]
    _resident: tuple[SkeletonSet, DeviceClips] | None = field(default=None, repr=False, compare=False)

    def __repr__(self) -> str:
        return (
            f"TrainedModel({self.config.encoder!r}, guidance {self.config.guidance!r}: {len(self.class_names)} base "
            f"classes, layout {self.layout.name!r}, {self.num_parameters:,} parameters)"
        )

    def embed(self, clips: SkeletonSet, moving: NDArray[np.bool_] | None = None) -> NDArray[np.float32]:
        """The one-shot representation z of each clip.

        Args:
            clips: N clips of the model's layout.
            moving: `(N, V)` of bool, False for joints to freeze first.

        Returns:
            `(N, D)`.

        Raises:
            ValueError: `moving` is anything else, or as `check` does.
        """
        return self.over(clips, CrossGLG.embed, moving)

    def represent(self, clips: SkeletonSet) -> Representation:
        """What one-shot classifiers compare: learned features, and the prepared coordinates.

        Args:
            clips: N clips of the model's layout.

        Returns:
            A representation with `z`, `joints`, `sequence`, `motion`, `poses`, `bones`, and, where the model predicts
            them, `importance` and `attributes`.

        Raises:
            ValueError: as `check` does.
        """

        def everything(model: CrossGLG, x: Tensor, mask: Tensor) -> list[Tensor]:
            feat, importance, bodies = model.block_features(x, mask)
            joints = bodies.mean(feat.mean(2)).transpose(1, 2)  # (N, V, D)
            sequence = bodies.mean(feat.mean(3)).transpose(1, 2)  # (N, T', D)
            z = model.represent(joints).float()
            found = [z, _half(joints), _half(sequence)]
            found += [] if importance is None else [importance.float()]
            return found + ([] if model.attributes is None else [model.attributes(z).float().sigmoid()])

        names = ["z", "joints", "sequence"]
        names += [] if self.model.joint_importance is None else ["importance"]
        names += [] if self.model.attributes is None else ["attributes"]
        learned = dict(zip(names, self.columns(clips, everything), strict=True))
        return Representation(**learned, motion=motion_energy(clips), **self.coordinates(clips))

    def coordinates(self, clips: SkeletonSet) -> dict[str, NDArray[np.float16]]:
        """The prepared coordinates of each frame, "poses", and "bones", before the streams: (N, T, M · V · C) each."""
        found = []
        for _, x, mask in self.batches(clips):
            joints = with_zeros(x, mask, self.persons)
            both = (joints, bones(joints, self.layout))
            found.append([_half(part.transpose(1, 2).flatten(2)).cpu().numpy() for part in both])
        return dict(zip(("poses", "bones"), map(np.concatenate, zip(*found, strict=True)), strict=True))

    def joint_importance(self, clips: SkeletonSet) -> NDArray[np.float32]:
        """Which joints count, k_out of the paper.

        Args:
            clips: N clips of the model's layout.

        Returns:
            `(N, V)`, rows sum to 1.

        Raises:
            ValueError: the model has no joint importance, or as `check` does.
        """
        self.require_importance()
        return self.over(clips, lambda model, x, mask: cast(Tensor, model.joint_features(x, mask)[1]))

    def attributes(self, clips: SkeletonSet) -> NDArray[np.float32]:
        """How probable each attribute of `attribute_names` is.

        Args:
            clips: N clips of the model's layout.

        Returns:
            `(N, A)` in 0…1.

        Raises:
            ValueError: the model predicts none, or as `check` does.
        """
        if self.model.attributes is None:
            raise ValueError(
                f"a model with objective={self.config.objective!r} predicts no attributes; use objective=attributes"
            )
        head = self.model.attributes
        return self.over(clips, lambda model, x, mask: head(model.embed(x, mask)).sigmoid())

    def importance_over_time(self, clips: SkeletonSet) -> NDArray[np.float32]:
        """What joints are weighted by, (N, S, V): S time steps or parts of the clip, as `importance_per` has it."""
        self.require_importance()
        return self.over(clips, CrossGLG.importance_over_time)

    def require_importance(self) -> None:
        """Raise ValueError if the model has no joint importance."""
        if self.model.joint_importance is None:
            raise ValueError(f"a model with guidance={self.config.guidance!r} has no joint importance; use both or g2l")

    def stem_features(self, clips: SkeletonSet) -> NDArray[np.float32]:
        """What joint importance is predicted from, (N, V, D_pre)."""
        return self.over(clips, CrossGLG.stem_features)

    def embed_leaving_out(self, clips: SkeletonSet) -> NDArray[np.float32]:
        """(N, 1 + V, D): the representation z, then what is left of it without each joint.

        A joint's final features are left out of the pooling; what other joints took from it in the encoder stays.
        """

        def leave_out(model: CrossGLG, x: Tensor, mask: Tensor) -> Tensor:
            joints, _ = model.joint_features(x, mask)  # (N, V, D)
            rest = (joints.sum(1, keepdim=True) - joints) / (joints.shape[1] - 1)
            pooled = torch.cat([joints.mean(1, keepdim=True), rest], 1)  # (N, 1 + V, D)
            return model.represent(pooled.flatten(0, 1)[:, None]).unflatten(0, pooled.shape[:2])

        return self.over(clips, leave_out)

    def over(
        self,
        clips: SkeletonSet,
        function: Callable[[CrossGLG, Tensor, Tensor], Tensor],
        moving: NDArray[np.bool_] | None = None,
    ) -> NDArray[np.float32]:
        """function: (model, x, person_mask) → (N, …), run over all clips in batches. moving: as of `embed`."""
        (column,) = self.columns(clips, lambda model, x, mask: [function(model, x, mask).float()], moving)
        return column

    def columns(
        self,
        clips: SkeletonSet,
        function: Callable[[CrossGLG, Tensor, Tensor], list[Tensor]],
        moving: NDArray[np.bool_] | None = None,
    ) -> list[NDArray[Any]]:
        """function: (model, x, person_mask) → several tensors of (N, …) each, run over all clips in batches.

        All inference goes through this loop, in training, too. moving: as of `embed`.
        """
        check_set(clips)
        if moving is not None:
            moving, expected = np.asarray(moving), (len(clips), self.layout.num_joints)
            if moving.dtype != bool or moving.shape != expected:
                raise ValueError(
                    f"moving must be a mask, (clips, joints) = {expected} of bool, False for the joints to freeze; got "
                    f"{moving.shape} of {moving.dtype}"
                )
        model, prepare = self.model.eval(), self.preprocessing
        if self.config.compile:
            function = torch.compile(function)
        elif len(clips) > FEW:
            model = for_inference(model)
        rows = []
        for index, x, mask in self.batches(clips):
            with torch.inference_mode():
                if moving is not None:
                    x = freeze_joints(x, torch.as_tensor(moving[index.numpy()]).to(x.device), self.layout)
                x = prepare.channels(x)  # coordinates stay float32 whatever the precision
                with autocast(self.config.precision, x.device):
                    rows.append([tensor.cpu() for tensor in function(model, x, mask)])
        return [torch.cat(column).numpy() for column in zip(*rows, strict=True)]

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return next(self.model.parameters()).device

    @property
    def preprocessing(self) -> Preprocessing:
        """The steps from clips to the encoder's input."""
        return Preprocessing.from_settings(self.config, self.layout)

    def batches(self, clips: SkeletonSet) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """All clips in batches: index (n,), canonical coordinates x (n, M, T, V, C) before the streams, person_mask."""
        self.check(clips)
        resident, prepare = self._on_device(clips), self.preprocessing
        sizes: int | list[int] = 256
        if self.device.type == "cpu":
            features = self.model.encoder.widths[0] * self.config.frames * self.layout.num_joints
            sizes = clips_at_once(torch.as_tensor(clips.persons), features)
        for index in torch.arange(len(clips)).split(sizes):
            x, mask = resident.batch(index, self.config.frames)
            yield index, prepare.canonical(x), mask

    def _on_device(self, clips: SkeletonSet) -> DeviceClips:
        """The clips where the model is; those of the last call are kept, as one set is asked several questions."""
        kept = self._resident  # read once: another thread may ask about other clips meanwhile
        if kept is None or kept[0] is not clips or kept[1].device != self.device:
            kept = self._resident = clips, DeviceClips(clips, self.device)
        return kept[1]

    def in_layout(self, clips: SkeletonSet) -> SkeletonSet:
        """The clips in the model's layout, their joints found by name (see `crossglg.skeletons.retarget`)."""
        return clips if clips.layout.joints == self.layout.joints else clips.retargeted(self.layout)

    def check(self, clips: SkeletonSet) -> None:
        """Raise ValueError unless there are clips, of the layout, channels and persons this model was trained on.

        Anything but a SkeletonSet raises TypeError.
        """
        check_set(clips)
        if not len(clips):
            raise ValueError(f"{clips.name} holds no clip")
        if clips.layout.joints != self.layout.joints:
            raise ValueError(
                f"{clips.name} is in layout {clips.layout.name!r} ({clips.layout.num_joints} joints), the model was "
                f"trained on {self.layout.name!r} ({self.layout.num_joints}); use clips.retargeted(model.layout)"
            )
        if clips.num_channels != self.channels:
            raise ValueError(
                f"{clips.name} has {clips.num_channels} coordinates, the model was trained on {self.channels}; train a "
                f"model on clips of {clips.num_channels}"
            )
        if clips.persons.max() > self.persons:
            raise ValueError(
                f"{clips.name} has clips of {clips.persons.max()} persons, the model knows {self.persons}; choose one "
                f"person with --person, in Python with only(1) of what read_any or read_array gives"
            )

    def save(self, folder: str | Path) -> Path:
        """Write the skeleton branch as safetensors, everything else as JSON, and the model card.

        Texts are not needed any more.
        """
        folder = expanded(folder)
        weights = {
            name: t.clone(memory_format=torch.contiguous_format)  # apart, even where blocks share a tensor
            for name, t in self.model.state_dict().items()
            if not name.startswith(TRAINING_ONLY)
        }
        write_file(folder / WEIGHTS, save(weights))
        if self.config.keep_text_branch and self.model.cross_modal is not None:
            branch = {name: t.contiguous() for name, t in self.model.cross_modal.state_dict().items()}
            write_file(folder / TEXT_BRANCH, save(branch))
        else:  # that of another training, whose place this model takes
            (folder / TEXT_BRANCH).unlink(missing_ok=True)
        description = {
            "config": self.config.to_dict(),
            "layout": asdict(self.layout),
            "persons": self.persons,
            "channels": self.channels,
            "class_names": self.class_names,
            "details": self.details,
        }
        write_json(folder / DESCRIPTION, description)
        if self.details.keys() & {"data", "imported_from"}:  # one put together by hand has nothing to tell
            write_file(folder / CARD, model_card(self))
        return folder

    @classmethod
    def load(cls, folder: str | Path, device: str | torch.device = "cpu", text_branch: bool = False) -> TrainedModel:
        """Read what `save` wrote.

        Args:
            folder: where the model was saved, or "synthetic": the small model that ships with crossglg.
            device: where its parameters go, as the setting `device`.
            text_branch: read the branch that met texts in training, too, for `explain.attention.text_attention`. It was
                kept if the model was trained with `keep_text_branch=true`.

        Raises:
            FileNotFoundError: there is no model, or no text branch where one is asked for.
            ValueError: files are damaged or do not fit, or the device is not there.
        """
        device = resolve_device(str(device))
        folder = shipped_model() if str(folder) == SHIPPED and not Path(folder).exists() else expanded(folder)
        if not (folder / DESCRIPTION).is_file():
            inside = folder / "model"
            found = (inside / DESCRIPTION).is_file()
            made = f"'crossglg run' makes one, in runs/NAME/model; {SHIPPED} is the small one that ships"
            advice = f"did you mean {inside}?" if found else made
            if (folder / "checkpoint.safetensors").is_file():
                advice = "its training was not finished: give the same command again to go on with it"
            raise MissingError(f"no trained model in {folder}; {advice}")
        content = read_json(folder / DESCRIPTION)
        try:
            details, layout = content["details"], content["layout"]
            _check_version(details.get("crossglg", crossglg.__version__), folder)
            layout = Layout(layout["name"], tuple(layout["joints"]), tuple(map(tuple, layout["bones"])), layout["root"])
            settings = {**BEFORE, **content["config"]}
            if absent := HELP.keys() - settings:
                raise InputError(
                    f"{folder} was trained before there was the setting {min(absent)}; train it again, in a new "
                    f"folder: crossglg train --output NEW_FOLDER"
                )
            if unknown := settings.keys() - HELP:
                raise TypeError(f"unknown setting {min(unknown)!r}")
            config = Config(**settings)
            persons, channels, classes = content["persons"], content["channels"], tuple(content["class_names"])
        except (KeyError, TypeError) as error:
            what = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
            raise ValueError(
                f"{folder / DESCRIPTION} is damaged or not of this version ({what}); train again"
            ) from error
        branch, text_width = _read_text_branch(folder / TEXT_BRANCH) if text_branch else ({}, 0)
        model = build_model(config, layout, persons, channels, len(classes), text_width)
        if not (folder / WEIGHTS).is_file():
            raise MissingError(f"{folder} has no {WEIGHTS}; copy it there from where the model was trained")
        try:
            weights = load_file(folder / WEIGHTS)
            model.load_state_dict(weights | {f"{TRAINING_ONLY}{name}": t for name, t in branch.items()})
        except (SafetensorError, RuntimeError, OSError) as error:
            what = (str(error).strip() or type(error).__name__).splitlines()[-1].strip()  # torch lists every parameter
            raise ValueError(f"{folder / WEIGHTS} is damaged or of another model ({what}); train again") from error
        return cls(model.to(device), config, layout, persons, channels, classes, details)

    @property
    def learned(self) -> frozenset[str]:
        """Names of all classes that it has learned: its own, and those of the weights that its training began with."""
        return frozenset((*self.class_names, *self.details.get("earlier_classes", ())))

    @property
    def past_is_known(self) -> bool:
        """Whether `learned` is all that it has learned: weights of others do not say what they have seen."""
        return "imported_from" not in self.details and self.details.get("earlier_classes_known", True)

    @property
    def num_parameters(self) -> int:
        """Parameters that inference uses."""
        return sum(p.numel() for name, p in self.model.named_parameters() if not name.startswith(TRAINING_ONLY))


def check_set(given: object) -> None:
    """Raise TypeError unless this is a SkeletonSet; a beginner gives an array."""
    if not isinstance(given, SkeletonSet):
        raise TypeError(
            f"a model takes a SkeletonSet, got {type(given).__name__}; read one with SkeletonSet.load(FILE), or make "
            f"one of an array (T, V, C) with read_array(…).to_set(); of a list, give the clips one by one"
        )


def check_model(given: object) -> None:
    """Raise TypeError unless this is a trained model; a beginner gives the folder of one."""
    if not isinstance(given, TrainedModel):
        kind, load = type(given).__name__, f"TrainedModel.load({str(given)!r})"
        example = load if isinstance(given, str | Path) else "TrainedModel.load(FOLDER)"
        raise TypeError(f"a trained model is expected, got {kind}; read one with {example}")


def shipped_model() -> Path:
    """The folder of the small model that ships with crossglg, a demonstration trained on the synthetic dataset."""
    return project_folder("models") / SHIPPED


def _read_text_branch(path: Path) -> tuple[dict[str, Tensor], int]:
    """Its parameters, and the width of the texts that it reads."""
    if not path.is_file():
        raise MissingError(
            f"there is no {path}: the model was trained without keep_text_branch=true, so the branch that met texts is "
            f"gone; train again with --set keep_text_branch=true, or leave out text_branch=True"
        )
    try:
        branch = load_file(path)
        return branch, branch["project_text.weight"].shape[1]
    except (SafetensorError, OSError, KeyError) as error:
        raise ValueError(f"{path} is damaged ({error}); train again") from error


def _check_version(made_by: str, folder: Path) -> None:
    """Raise InputError for a model of a version that computed something else."""
    if tuple(map(int, re.findall(r"\d+", made_by)[:2])) < FIRST_VERSION:
        raise InputError(
            f"{folder} was made by crossglg {made_by}, whose InfoGCN computed something else; train it again with the "
            f"same settings, in a new folder: crossglg train --output NEW_FOLDER"
        )


def similarity_quantiles(similarity: NDArray[np.floating], label: NDArray[np.int64]) -> dict[str, list[float]]:
    """101 quantiles of how similar a clip is to another one of the "same" class, and to one of a "different" class.

    similarity: (N, N), label: (N,). The empty dictionary where there is no pair of either kind.
    """
    other = ~np.eye(len(label), dtype=bool)
    pairs, same = similarity[other], (label[:, None] == label)[other]
    if not same.any() or same.all():
        return {}
    levels = np.linspace(0.0, 1.0, 101)
    return {
        "same": np.quantile(pairs[same], levels).round(5).tolist(),
        "different": np.quantile(pairs[~same], levels).round(5).tolist(),
    }


def _half(x: Tensor) -> Tensor:
    """In half precision, where what is too large would become infinite."""
    largest = torch.finfo(torch.float16).max
    return x.clamp(-largest, largest).half()
