"""One-shot evaluation: represent every clip once, then a classifier from one exemplar per class, over many episodes."""

from crossglg.one_shot.classifiers import CLASSIFIERS, TEXT_CLASSIFIERS, Classifier, usable
from crossglg.one_shot.evaluation import OneShotResult, evaluate
from crossglg.one_shot.features import Array, Base, Features, unit_rows
from crossglg.one_shot.text_at_inference import ClassTexts

__all__ = [
    "CLASSIFIERS", "TEXT_CLASSIFIERS", "Array", "Base", "ClassTexts", "Classifier", "Features", "OneShotResult",
    "evaluate", "unit_rows", "usable",
]  # fmt: skip
