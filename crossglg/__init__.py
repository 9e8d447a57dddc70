"""crossglg: one-shot recognition of human actions from 3-D skeletons, guided by language (CrossGLG, ECCV 2024).

The names in `__all__` are imported when they are first used, so that `import crossglg` loads nothing else.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from crossglg.config import Config
    from crossglg.data.any_file import read_any, read_array
    from crossglg.data.clips import SkeletonSet
    from crossglg.data.tasks import load_task
    from crossglg.explain.explorer import explore
    from crossglg.recognition.recognizer import Recognizer, enroll
    from crossglg.training.evaluation import evaluate
    from crossglg.training.trained_model import TrainedModel

__version__ = "0.2.0"
__all__ = [
    "Config", "Recognizer", "SkeletonSet", "TrainedModel", "enroll", "evaluate", "explore", "load_task", "read_any",
    "read_array",
]  # fmt: skip

_MODULES = {
    "Config": "config",
    "Recognizer": "recognition.recognizer",
    "SkeletonSet": "data.clips",
    "TrainedModel": "training.trained_model",
    "enroll": "recognition.recognizer",
    "evaluate": "training.evaluation",
    "explore": "explain.explorer",
    "load_task": "data.tasks",
    "read_any": "data.any_file",
    "read_array": "data.any_file",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
