"""Several levels of a clip at once."""

from __future__ import annotations

import numpy as np

from crossglg.data.representations import Representation
from crossglg.one_shot.features import Array, Base
from crossglg.one_shot.joints import joint_uniform
from crossglg.one_shot.pooled import whitened_cosine
from crossglg.one_shot.temporal import temporal_set


def multi_scale(exemplar: Representation, query: Representation, base: Base) -> Array:
    """The mean of the cosines of the whole clip, of its joints and of its steps in time.

    Source: matching at several levels is what carries multi-scale matching (Yang et al., arXiv 2307.07286).
    """
    levels = (whitened_cosine, joint_uniform, temporal_set)
    return np.mean([level(exemplar, query, base) for level in levels], axis=0)
