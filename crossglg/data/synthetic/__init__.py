"""The built-in synthetic dataset: actions, bodies that perform them, and the joints that matter."""

from crossglg.data.synthetic.names import also_called, with_canonical_names
from crossglg.data.synthetic.performances import (
    ACTIONS,
    NOVEL_ACTIONS,
    is_left_handed,
    load,
    synthesize,
    true_importance,
)

__all__ = [
    "ACTIONS",
    "NOVEL_ACTIONS",
    "also_called",
    "is_left_handed",
    "load",
    "synthesize",
    "true_importance",
    "with_canonical_names",
]
