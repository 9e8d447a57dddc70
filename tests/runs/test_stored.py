"""What is stored of an executed notebook, and how a change of its code is found."""

from __future__ import annotations

import base64
import io

import nbformat
import numpy as np
import pytest
from nbformat.v4 import new_output
from PIL import Image
from typer.testing import CliRunner

from crossglg.cli import app
from crossglg.runs import pipeline, stored


def test_of_an_output_its_picture_is_kept_or_else_its_text() -> None:
    buffer = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (80, 120, 3), dtype=np.uint8)
    Image.fromarray(noise).save(buffer, "PNG")
    png = base64.b64encode(buffer.getvalue()).decode()
    shown = {"image/png": png, "text/html": "<iframe>", "text/plain": "Explorer at 0x7f"}
    output = stored.kept(new_output("execute_result", data=shown, execution_count=9), 3)
    assert set(output.data) == {"image/png"} and output.execution_count == 3
    again = Image.open(io.BytesIO(base64.b64decode(output.data["image/png"])))
    assert again.size == (120, 80) and len(output.data["image/png"]) < len(png)
    table = {"text/markdown": "| a |", "text/plain": "<Markdown>", "text/html": "<table>"}
    assert set(stored.kept(new_output("display_data", data=table), 1).data) == {"text/markdown", "text/plain"}
    assert stored.kept(new_output("stream", name="stdout", text="27 classes"), 1).text == "27 classes"


def test_a_change_of_code_is_found_a_change_of_words_or_pictures_is_not() -> None:
    notebook = nbformat.read(pipeline.notebook_path("00_tour"), 4)
    before = stored.fingerprint(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = []
        else:
            cell.source += " More words."
    assert stored.fingerprint(notebook) == before
    next(cell for cell in notebook.cells if cell.cell_type == "code").source += "\nprint(1)"
    assert stored.fingerprint(notebook) != before


def test_the_command_names_what_is_outdated(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "up to date: 00_tour" in CliRunner().invoke(app, ["notebooks"]).output
    monkeypatch.setattr(stored, "STORED", ("00_tour", "02_train"))  # which is stored without outputs
    done = CliRunner().invoke(app, ["notebooks"])
    assert isinstance(done.exception, ValueError)
    assert str(done.exception).startswith("02_train: the code has changed since the pictures; run: crossglg notebooks")
