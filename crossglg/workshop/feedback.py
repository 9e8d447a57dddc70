"""How a check talks: one sentence that names the exercise, what is wrong and where to look."""

from __future__ import annotations

import linecache
import traceback
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch
from numpy.typing import NDArray

PACKAGE = str(Path(__file__).parents[1])  # a clone, too, may be called crossglg


class Unsolved(Exception):
    """An exercise that is not solved yet. A notebook shows its sentence alone, without a traceback."""

    def _render_traceback_(self) -> list[str]:
        return [f"✗ {self}"]


@dataclass(frozen=True)
class Exercise:
    """One exercise. number: "1.2";  name: of the function, class or variable that the learner writes."""

    number: str
    name: str

    def fail(self, hint: str) -> NoReturn:
        raise Unsolved(f"Exercise {self.number} ({self.name}): {hint}")

    def need(self, condition: object, hint: str) -> None:
        if not condition:
            self.fail(hint)

    def passed(self, remark: str) -> None:
        print(f"✓ {self.number} {self.name}: right. {remark}")

    def written(self, value: Any) -> None:
        """Fail if nothing was put in place of the three dots."""
        if value is None or value is Ellipsis:
            self.fail("not solved yet; put your code in place of the three dots.")

    def call(self, function: Callable[..., Any], *args: Any) -> Any:
        """The function's result; arrays go in as copies. Fails if it stops, returns nothing or changes its input."""
        self.written(function)
        if not callable(function):
            self.fail(f"a function was expected, this is of type {type(function).__name__}.")
        copies = [deepcopy(arg) if isinstance(arg, (np.ndarray, torch.Tensor)) else arg for arg in args]
        try:
            result = function(*copies)
        except NotImplementedError:  # the exercise as it was handed out
            self.written(None)
        except Exception as error:  # whatever a learner's code raises
            self.fail(f"your code stops with {type(error).__name__}: {error}{_own_line(error)}")
        if result is None or result is Ellipsis:
            self.fail("not solved yet: it returns nothing. Put your code in place of the three dots, ending in return.")
        for before, after in zip(args, copies, strict=True):
            if isinstance(before, (np.ndarray, torch.Tensor)) and not np.array_equal(numbers(before), numbers(after)):
                self.fail("it changes the array that it is given (+= and x[…] = … do that); work on a new one.")
        return result

    def array(self, value: Any, shape: tuple[int, ...], axes: str, hint: str = "") -> NDArray[np.float64]:
        """`value` as finite numbers of exactly `shape`; axes: its letters, "(N, V)";  hint: what a wrong one means."""
        try:
            found = numbers(value)
        except (TypeError, ValueError):
            self.fail(f"it returns a {type(value).__name__}; an array {axes} was expected.")
        if found.shape != shape:
            self.fail(f"it returns shape {found.shape}; {axes} = {shape} was expected. {hint}".strip())
        self.need(np.isfinite(found).all(), "the result holds values that are not finite (nan or inf): is there a /0?")
        return found

    def same(self, found: NDArray[np.float64], right: Any, mistakes: Mapping[str, Any] | None = None) -> None:
        """Fail unless `found` equals `right`. mistakes: hint → what one gets by that mistake."""
        right = numbers(right)
        if np.allclose(found, right, rtol=1e-4, atol=1e-5):
            return
        for hint, value in (mistakes or {}).items():
            if np.shape(value) == found.shape and np.allclose(found, numbers(value), rtol=1e-4, atol=1e-5):
                self.fail(hint)
        place = np.unravel_index(np.abs(found - right).argmax(), right.shape)
        where = f" at {list(map(int, place))}" if place else ""
        self.fail(f"the shape fits, the numbers do not: {found[place]:.4g} instead of {right[place]:.4g}{where}.")

    def claims(self, found: Any, right: Mapping[str, tuple[bool, str]]) -> None:
        """Fail unless each claim is called what it is. right: letter → (whether it is supported, why)."""
        self.written(found)
        self.need(isinstance(found, Mapping) and set(found) == set(right), f"give a dict of {', '.join(right)}.")
        for letter, (supported, why) in right.items():
            self.written(found[letter])
            self.need(isinstance(found[letter], bool), f"{letter} should be True or False.")
            self.need(found[letter] == supported, f"think again about {letter}: {why}")


def numbers(value: Any) -> NDArray[np.float64]:
    """A tensor, array, list or number as float array."""
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu().numpy()
    return np.asarray(value, dtype=np.float64)


def _own_line(error: BaseException) -> str:
    """Which line of a notebook's cell stopped, if one did."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        line = linecache.getline(frame.filename, frame.lineno or 0).strip()
        if line and "site-packages" not in frame.filename and not frame.filename.startswith(PACKAGE):
            return f", in line {frame.lineno}: {line}"
    return ""
