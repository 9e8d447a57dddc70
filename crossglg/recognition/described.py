"""Zero-shot: recognize actions of which there is a description and no clip, by what a model can tell of such texts.

A model of `objective=attributes` predicts from a clip which statements are true of it, one with joint importance
(CrossGLG's JID) which joints the text of its class calls important. Both are much weaker than one clip per action;
docs/notes/zero-shot.md has figures.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crossglg.data.clips import SkeletonSet
from crossglg.files import InputError
from crossglg.one_shot import unit_rows
from crossglg.one_shot.text_at_inference import text_similarity
from crossglg.recognition.recognizer import (
    UNKNOWN,
    Recognition,
    as_set,
    check_duration,
    check_threshold,
    fitting,
)
from crossglg.skeletons import on_own_joints
from crossglg.text.attributes import attribute_names, attributes_of
from crossglg.text.descriptions import Description, DescriptionFile
from crossglg.text.key_joints import key_joint_targets
from crossglg.training.trained_model import TrainedModel, check_model

TOLD = 3  # statements that are told as the reasons of a decision


@dataclass(frozen=True)
class DescribedActions:
    """A trained model and what texts say about K actions. Those of which they say the same are one: "A / B".

    target: (K, A) attributes, or where the model predicts none (K, V) k_gt;  usual: (A,) or (V,), the mean that is
    predicted for base clips;  threshold: similarity below which a clip is "unknown": at 0 it is no more like the text
    than the usual clip is.
    """

    trained: TrainedModel
    actions: tuple[str, ...]
    target: NDArray[np.floating]
    usual: NDArray[np.floating]
    threshold: float = 0.0

    @classmethod
    def of(
        cls, trained: TrainedModel, descriptions: Iterable[Description] | str | Path, threshold: float | None = None
    ) -> DescribedActions:
        """descriptions: of the actions, or their file;  threshold: None for 0.

        Raises InputError for a model that predicts nothing which texts say, or if nothing is described.
        """
        check_model(trained)
        threshold = 0.0 if threshold is None else threshold
        check_threshold(threshold)
        if isinstance(descriptions, str | Path):
            descriptions = DescriptionFile.load(descriptions).classes.values()
        described = list(descriptions)
        if not described:
            raise InputError("no action is described: the description file has no classes")
        usual, target = _what_texts_say(trained, described)
        named: dict[tuple[float, ...], list[str]] = {}
        for one, row in zip(described, target, strict=True):
            named.setdefault(tuple(row), []).append(one.action)
        actions = tuple(" / ".join(alike) for alike in named.values())
        return cls(trained, actions, np.array(list(named)), np.asarray(usual), threshold)

    def scores(self, clips: SkeletonSet) -> NDArray[np.floating]:
        """(N, K) similarity, −1 … 1, of what is predicted for each clip to what each text says."""
        return text_similarity(self._predicted(fitting(clips, self.trained)), self.target, self.usual)

    def recognize(self, clips: SkeletonSet) -> list[Recognition]:
        """Recognize each clip; raises ValueError for clips that are too short or too long for one action."""
        clips, layout, recorded = fitting(clips, self.trained), self.trained.layout, as_set(clips).layout
        check_duration(clips, self.trained)
        own = unit_rows(self._predicted(clips) - self.usual)
        theirs = unit_rows(self.target - self.usual)
        names = attribute_names(layout) if self._by_attributes else ()
        results = []
        for i, row in enumerate(own @ theirs.T):
            order = np.argsort(-row, kind="stable")
            lead = own[i] * (theirs[order[0]] - (theirs[order[1]] if len(order) > 1 else 0.0))
            action = self.actions[order[0]] if row[order[0]] >= self.threshold else UNKNOWN
            ranking = tuple((self.actions[k], float(row[k])) for k in order)
            most = np.argsort(-lead, kind="stable")[:TOLD]
            said = [f"{names[a]}: {'yes' if own[i, a] > 0 else 'no'}" for a in most if names and lead[a] > 0]
            joints = on_own_joints(lead[-layout.num_joints :], recorded, layout)  # the attributes end with the joints
            results.append(Recognition(str(clips.sample_id[i]), action, ranking, self.threshold, joints, tuple(said)))
        return results

    @property
    def _by_attributes(self) -> bool:
        return len(self.usual) > self.trained.layout.num_joints

    def _predicted(self, clips: SkeletonSet) -> NDArray[np.floating]:
        return self.trained.attributes(clips) if self._by_attributes else self.trained.joint_importance(clips)


def _what_texts_say(
    trained: TrainedModel, described: Sequence[Description]
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """What is usual, (A,) or (V,), and what each text says, (K, A) or (K, V); InputError if nothing is learned."""
    attributes = attributes_of(described, trained.layout)
    if trained.model.attributes is not None and attributes is not None:
        return _usual(trained, "usual_attributes"), attributes
    if trained.model.joint_importance is not None:
        target = key_joint_targets([one.key_joints for one in described], trained.layout)
        return _usual(trained, "usual_importance"), target
    if trained.model.attributes is not None:
        lacking = next(one.action for one in described if one.statements is None)
        raise InputError(
            f"this model recognizes by statements, and the description of {lacking!r} has none; "
            f"'crossglg describe --statements' asks a language model for them"
        )
    raise InputError(
        f"a model with guidance={trained.config.guidance!r} and objective={trained.config.objective!r} cannot "
        f"recognize by descriptions: it has learned neither which joints are important nor which statements are true; "
        f"use one trained with guidance=both or g2l, or with objective=attributes"
    )


def _usual(trained: TrainedModel, name: str) -> NDArray[np.floating]:
    usual = trained.details.get(name)
    if usual is None:
        raise InputError(
            f"the model does not say what it predicts for usual clips ({name}), as those trained today do; "
            f"train it again"
        )
    return np.asarray(usual)
