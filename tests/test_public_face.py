"""What `import crossglg` offers: few names, documented, and nothing heavy before they are used."""

from __future__ import annotations

import importlib.resources
import inspect
import re
import subprocess
import sys

import numpy as np
import pytest

import crossglg


def test_importing_the_package_loads_nothing_else() -> None:
    code = "import sys, crossglg; print([n for n in sys.modules if n.partition('.')[0] in ('torch', 'numpy')])"
    code += "; crossglg.Config; print('crossglg.config' in sys.modules, 'torch' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.split("\n")[:2] == ["[]", "True False"]


@pytest.mark.parametrize("name", crossglg.__all__)
def test_a_public_name_is_the_object_of_its_module(name: str) -> None:
    public = getattr(crossglg, name)
    assert public is getattr(importlib.import_module(public.__module__), name)
    assert name in dir(crossglg)


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'crossglg' has no attribute 'Confg'"):
        crossglg.Confg  # noqa: B018


def test_what_is_no_model_and_no_task_is_told_how_to_get_one() -> None:
    with pytest.raises(TypeError, match=r"expected, got str; read one with TrainedModel\.load\('runs/mine'\)$"):
        crossglg.evaluate("runs/mine")
    trained = crossglg.TrainedModel.load("synthetic")
    with pytest.raises(TypeError, match=r"evaluate takes a Task, got Config; load one with load_task\(Config"):
        crossglg.evaluate([trained], trained.config)


@pytest.mark.parametrize(
    "documented",
    [
        crossglg.SkeletonSet, crossglg.SkeletonSet.build, crossglg.SkeletonSet.load, crossglg.load_task,
        crossglg.evaluate, crossglg.explore, crossglg.enroll, crossglg.read_any, crossglg.read_array,
        crossglg.Recognizer.of,
    ],
    ids=lambda documented: documented.__qualname__,
)  # fmt: skip
def test_every_argument_is_documented(documented: object) -> None:
    text = inspect.getdoc(documented) or ""
    described = re.findall(r"^    (\w+): ", text.partition("Args:")[2].partition("\n\n")[0], re.MULTILINE)
    assert described == list(inspect.signature(documented).parameters)  # type: ignore[arg-type]
    assert "Raises:" in text


def test_what_a_notebook_shows_of_an_object_is_a_line() -> None:
    trained = crossglg.TrainedModel.load("synthetic")
    assert repr(trained).startswith("TrainedModel('lean-gcn', guidance 'both': 67 base classes, layout 'ntu25', ")
    clips = crossglg.read_array(np.random.default_rng(0).normal(size=(9, 25, 3)), "ntu25", up="y", unit="m").to_set()
    assert len(repr(crossglg.Recognizer.of(trained, clips))) < 300


def test_type_checkers_of_other_programs_read_the_hints() -> None:
    assert (importlib.resources.files(crossglg) / "py.typed").is_file()
