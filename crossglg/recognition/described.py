"""Zero-shot: recognize actions of which there is a description and no clip, by the joints that the text names.

Only a model with joint importance can do this (CrossGLG's JID): it was trained to predict from a clip which joints the
text of its class calls important. Much weaker than one clip per action; docs/notes/zero-shot.md has figures.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crossglg.data.clips import SkeletonSet
from crossglg.files import InputError
from crossglg.one_shot import unit_rows
from crossglg.one_shot.text_at_inference import text_similarity
from crossglg.recognition.recognizer import UNKNOWN, Recognition, check_duration, fitting
from crossglg.text.descriptions import Description
from crossglg.text.key_joints import key_joint_target
from crossglg.training.trained_model import TrainedModel


@dataclass(frozen=True)
class DescribedActions:
    """A trained model and what texts say about K actions. Those whose texts name the same joints are one: "A / B".

    target: (K, V) k_gt, rows sum to 1;  usual: (V,) mean importance on base clips;  threshold: similarity below which a
    clip is "unknown": at 0 it is no more like the text than the usual clip is.
    """

    trained: TrainedModel
    actions: tuple[str, ...]
    target: NDArray[np.floating]
    usual: NDArray[np.floating]
    threshold: float = 0.0

    @classmethod
    def of(
        cls, trained: TrainedModel, descriptions: Iterable[Description], threshold: float | None = None
    ) -> DescribedActions:
        """Raises InputError for a model without joint importance, or if nothing is described."""
        described = list(descriptions)
        if not described:
            raise InputError("no action is described: the description file has no classes")
        if trained.model.joint_importance is None:
            raise InputError(
                f"a model with guidance={trained.config.guidance!r} cannot recognize by descriptions: it has not "
                f"learned which joints are important; use one trained with guidance=both or g2l"
            )
        usual = trained.details.get("usual_importance")
        if usual is None:
            raise InputError(
                "the model does not say how important joints usually are, as those trained today do; train it again"
            )
        named: dict[tuple[float, ...], list[str]] = {}
        for one in described:
            named.setdefault(tuple(key_joint_target(one.key_joints, trained.layout)), []).append(one.action)
        actions = tuple(" / ".join(alike) for alike in named.values())
        return cls(trained, actions, np.array(list(named)), np.asarray(usual), 0.0 if threshold is None else threshold)

    def scores(self, clips: SkeletonSet) -> NDArray[np.floating]:
        """(N, K) similarity, −1 … 1, of the importance predicted for each clip to the key joints of each text."""
        importance = self.trained.joint_importance(fitting(clips, self.trained))
        return text_similarity(importance, self.target, self.usual)

    def recognize(self, clips: SkeletonSet) -> list[Recognition]:
        """Recognize each clip; raises ValueError for clips that are too short or too long for one action."""
        clips = fitting(clips, self.trained)
        check_duration(clips, self.trained)
        own = unit_rows(self.trained.joint_importance(clips) - self.usual)
        theirs = unit_rows(self.target - self.usual)
        results = []
        for i, row in enumerate(own @ theirs.T):
            order = np.argsort(-row, kind="stable")
            lead = theirs[order[0]] - (theirs[order[1]] if len(order) > 1 else 0.0)
            action = self.actions[order[0]] if row[order[0]] >= self.threshold else UNKNOWN
            ranking = tuple((self.actions[k], float(row[k])) for k in order)
            results.append(Recognition(str(clips.sample_id[i]), action, ranking, self.threshold, own[i] * lead))
        return results
