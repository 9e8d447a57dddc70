"""Several levels of a clip at once.

Matching at several levels is what carries multi-scale matching (Yang et al., arXiv 2307.07286). On validation classes
the whole clip and its joints were better together than alone; the course in time added nothing (NOTES.md), and is left
out.
"""

from __future__ import annotations

from crossglg.one_shot.features import Array, Base
from crossglg.one_shot.joints import joint_importance, joint_whitened
from crossglg.one_shot.pooled import whitened_cosine
from crossglg.one_shot.representation import Representation


def multi_scale(exemplar: Representation, query: Representation, base: Base) -> Array:
    """Mean of the whitened cosines of the whole clip and of its joints."""
    return (whitened_cosine(exemplar, query, base) + joint_whitened(exemplar, query, base)) / 2.0


def multi_scale_importance(exemplar: Representation, query: Representation, base: Base) -> Array:
    """Mean of the whitened cosines of the whole clip and of its joints, these weighted by predicted importance."""
    return (whitened_cosine(exemplar, query, base) + joint_importance(exemplar, query, base)) / 2.0
