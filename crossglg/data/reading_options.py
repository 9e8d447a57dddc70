"""What files may leave open and a user can say: one table for readers, commands and `FORMAT:PATH?option=value`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

# option → its kind, and what it says. A reader takes those that are parameters of its function, and all take fps.
OPTIONS: dict[str, tuple[type, str]] = {
    "layout": (str, "joints of the files where they do not say them: one of 'list layouts', or a .yaml"),
    "unit": (str, "unit of the coordinates: m, cm or mm; default: told by the size of the body"),
    "up": (str, "axis that points up: y, -y, z, -z, x or -x; default: told by the posture"),
    "fps": (float, "frames per second where the files do not say it (30 is taken), or say it wrong"),
    "visible": (float, "a joint of lower visibility counts as missing; default 0.3"),
    "max_gap": (int, "frames that are interpolated over time; in longer gaps a joint follows its neighbor; default 15"),
    "aspect": (float, "width / height of the image, where x and y are shares of it; 1.7778 for 16:9"),
}


class OptionError(ValueError):
    """An option that cannot be, whatever the file is."""


_SAID = re.compile(rf"\b({'|'.join([*OPTIONS, 'format', 'classes'])})=(?:'([^']*)'|([\w.+-]+))?")


def parsed(options: Mapping[str, Any], known: list[str], format: str = "the format") -> dict[str, Any]:
    """The options by their kinds ("25" → 25.0); raises ValueError for one that is not among the known."""
    for name in options:
        if name not in known:
            raise ValueError(f"{format} has no option {name!r}; its options: {', '.join(known) or 'none'}")
    return {name: _parsed(name, value) for name, value in options.items()}


def _parsed(name: str, value: Any) -> Any:
    kind = OPTIONS[name][0] if name in OPTIONS else str
    try:
        number = kind(value)
    except (ValueError, TypeError):
        raise OptionError(f"{name}={str(value)!r} must be a {'whole ' if kind is int else ''}number") from None
    may_be_0 = name in ("visible", "max_gap")
    if kind is not str and not (0 <= number < 1e6 and (number or may_be_0)):
        raise OptionError(f"{name}={str(value)!r} must be {'0 or more' if may_be_0 else 'a number above 0'}")
    return number


def as_command_line(message: str) -> str:
    """A reader's message in the words of a command: "layout='coco17'" → "--layout coco17"."""
    return _SAID.sub(lambda said: f"--{said[1].replace('_', '-')} {said[2] or said[3] or ''}".rstrip(), message)


def as_dataset(message: str) -> str:
    """A reader's message in the words of FORMAT:PATH?option=value: "layout='coco17'" → "?layout=coco17"."""
    return _SAID.sub(lambda said: f"?{said[1]}={said[2] or said[3] or '…'}", message)
