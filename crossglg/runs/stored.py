"""Notebooks that are stored with their pictures, and whether these are still those of the code."""

from __future__ import annotations

import base64
import io
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nbformat
from PIL import Image

from crossglg.files import sha256, write_file
from crossglg.runs.pipeline import execute, notebook_path
from crossglg.training.trained_model import WEIGHTS, shipped_model

STORED = ("00_tour", "03_one_shot_evaluation", "04_joint_attention")
KEPT = ("text/markdown", "text/plain")  # beside pictures: pages, widgets and interactive charts would be megabytes
COLORS = 256  # of a stored picture
MADE_FROM = "crossglg_made_from"  # in a notebook's metadata: the hash of what its outputs were made from


def refresh() -> list[Path]:
    """Execute the stored notebooks with the shipped model and keep in them what they show."""
    written = []
    with TemporaryDirectory() as temporary:
        run = Path(temporary)
        shutil.copytree(shipped_model(), run / "model")
        for name in STORED:
            executed = nbformat.read(execute(name, {"output": str(run)}, run / f"{name}.ipynb"), as_version=4)
            path = notebook_path(name)
            notebook = nbformat.read(path, as_version=4)
            shown = {cell.id: cell.get("outputs", []) for cell in executed.cells}
            for number, cell in enumerate(_code(notebook), 1):
                cell.execution_count = number
                cell.outputs = [kept(output, number) for output in shown[cell.id] if output.get("name") != "stderr"]
            notebook.metadata[MADE_FROM] = fingerprint(notebook)
            written.append(write_file(path, nbformat.writes(notebook) + "\n"))
    return written


def outdated() -> list[str]:
    """The stored notebooks whose code, or the shipped model, has changed since their outputs were made."""
    notebooks = {name: nbformat.read(notebook_path(name), as_version=4) for name in STORED}
    return [name for name, notebook in notebooks.items() if notebook.metadata.get(MADE_FROM) != fingerprint(notebook)]


def fingerprint(notebook: Any) -> str:
    """The hash of the notebook's code and of the shipped model."""
    code = [cell.source for cell in _code(notebook)]
    return sha256("\n".join([*code, sha256(shipped_model() / WEIGHTS)]))


def kept(output: Any, number: int) -> Any:
    """What is stored of the output of cell `number`: its picture if it has one, else its text."""
    if "data" not in output:
        return output
    data = output.data
    picture = data.get("image/png")
    output.data = {"image/png": _smaller(picture)} if picture else {kind: data[kind] for kind in KEPT if kind in data}
    if "execution_count" in output:
        output.execution_count = number
    return output


def _smaller(png: str) -> str:
    """A picture of fewer colors, a third of the bytes."""
    buffer = io.BytesIO()
    Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB").quantize(COLORS).save(buffer, "PNG", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode()


def _code(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]
