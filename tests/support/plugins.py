"""Packages as they lie in an environment, written into a folder that is then on the path."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest


def install(
    folder: Path, patch: pytest.MonkeyPatch, package: str, points: dict[str, str], module: str = "", source: str = ""
) -> None:
    """A package with these entry points, "GROUP NAME" → "MODULE:OBJECT", and a module of its own where one is named."""
    about = folder / f"{package.replace('-', '_')}-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    lines = [f"[crossglg.{key.split()[0]}]\n{key.split()[1]} = {value}\n" for key, value in points.items()]
    (about / "entry_points.txt").write_text("\n".join(lines))
    if module:
        (folder / f"{module}.py").write_text(source)
        patch.delitem(sys.modules, module, raising=False)
    if str(folder) not in sys.path:
        patch.syspath_prepend(str(folder))
