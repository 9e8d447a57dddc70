"""Registry of one-shot classifiers: a new one is a function and a line here, or an entry point of another package.

`CLASSIFIERS` recognize from skeletons alone. Those that need texts of the novel classes are in `TEXT_CLASSIFIERS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from crossglg.one_shot.calibration import distribution_calibration
from crossglg.one_shot.combined import multi_scale, multi_scale_importance
from crossglg.one_shot.features import Array, Features
from crossglg.one_shot.joints import joint_centered, joint_importance, joint_motion, joint_whitened
from crossglg.one_shot.pooled import centered_cosine, cosine, euclidean, whitened_cosine
from crossglg.one_shot.temporal import temporal_order, temporal_set
from crossglg.one_shot.text_at_inference import ClassTexts, either_side, text_voting, zero_shot, zero_shot_attributes
from crossglg.one_shot.transductive import transductive_centering, transductive_neighbors, transductive_transport
from crossglg.one_shot.warping import (
    cosine_and_streams,
    shifted_movement,
    shifted_streams,
    warped_fusion,
    warped_movement,
    warped_poses,
)
from crossglg.plugins import Registry


@dataclass(frozen=True)
class Classifier:
    """score: (K exemplars, Q queries, base) → (Q, K), higher is better; one of text also takes ClassTexts.

    needs: parts of a representation that it compares, besides z.  alone: a score depends on its own exemplar and query,
    not on the others; then those of all episodes are computed at once.  mirrored: it needs their mirror images.
    statements: it needs what texts say of the statements.
    """

    score: Callable[..., Array]
    needs: tuple[str, ...] = ()
    alone: bool = True
    mirrored: bool = False
    statements: bool = False

    def missing(self, features: Features, texts: ClassTexts | None = None) -> str:
        """The first of its needs that the features lack, or the texts if there are any; or nothing."""
        there = features.novel.parts().keys() & features.base.clips.parts().keys()
        lacking = ["statements"] if self.statements and texts and texts.attributes is None else []
        lacking += [name for name in self.needs if name not in there]
        lacking += ["mirrored"] if self.mirrored and features.mirrored is None else []
        return next(iter(lacking), "")


_CLASSIFIERS: dict[str, Classifier] = {
    "cosine": Classifier(cosine),
    "euclidean": Classifier(euclidean),
    "centered-cosine": Classifier(centered_cosine),
    "whitened-cosine": Classifier(whitened_cosine),
    "distribution-calibration": Classifier(distribution_calibration, alone=False),
    "joint-centered": Classifier(joint_centered, ("joints",)),
    "joint-whitened": Classifier(joint_whitened, ("joints",)),
    "joint-importance": Classifier(joint_importance, ("joints", "importance")),
    "joint-motion": Classifier(joint_motion, ("joints", "motion")),
    "temporal-set": Classifier(temporal_set, ("sequence",)),
    "temporal-order": Classifier(temporal_order, ("sequence",)),
    "warped-poses": Classifier(warped_poses, ("poses",)),
    "warped-movement": Classifier(warped_movement, ("poses",)),
    "warped-fusion": Classifier(warped_fusion, ("joints", "motion", "poses"), alone=False),
    "shifted-movement": Classifier(shifted_movement, ("poses",)),
    "shifted-streams": Classifier(shifted_streams, ("poses", "bones")),
    "cosine-and-streams": Classifier(cosine_and_streams, ("poses", "bones")),
    "multi-scale": Classifier(multi_scale, ("joints",)),
    "multi-scale-importance": Classifier(multi_scale_importance, ("joints", "importance")),
    "transductive-centering": Classifier(transductive_centering, alone=False),
    "transductive-neighbors": Classifier(transductive_neighbors, alone=False),
    "transductive-transport": Classifier(transductive_transport, alone=False),
}

TEXT_CLASSIFIERS: dict[str, Classifier] = {
    "text-voting": Classifier(text_voting, ("joints",)),
    "zero-shot": Classifier(zero_shot, ("importance",)),
    "zero-shot-attributes": Classifier(zero_shot_attributes, ("attributes",), statements=True),
    **{
        f"either-side-{name}": replace(kind, score=either_side(kind.score, name), mirrored=True)
        for name, kind in _CLASSIFIERS.items()
        if name.startswith(("cosine", "warped-movement", "warped-fusion", "shifted"))
    },
}
CLASSIFIERS = Registry("classifier", _CLASSIFIERS, Classifier, taken=TEXT_CLASSIFIERS)


def usable(features: Features) -> list[str]:
    """The names of `CLASSIFIERS` whose needs the features have."""
    return [name for name, classifier in CLASSIFIERS.items() if not classifier.missing(features)]
