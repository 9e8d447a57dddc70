"""Markdown and CSV tables can be read back as they were written."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from crossglg import tables


def test_a_markdown_table_has_a_line_per_row() -> None:
    written = tables.markdown(["method", "seeds"], [["raw", "–"], ["", 5]])
    assert written == "| method | seeds |\n|---|---|\n| raw | – |\n|  | 5 |"
    assert tables.markdown(["alone"], []) == "| alone |\n|---|"


def test_what_would_break_a_markdown_table_is_written_otherwise() -> None:
    assert tables.markdown(["name"], [["a|b\nc"]]).splitlines() == ["| name |", "|---|", r"| a\|b c |"]


def test_csv_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    rows = [["a, b", "1"], ['"quoted"', "two\nlines"]]
    path = tables.write_csv(tmp_path / "new" / "table.csv", ["name", "value"], rows)
    with open(path, newline="", encoding="utf-8") as file:
        assert list(csv.reader(file)) == [["name", "value"], *rows]


def test_a_row_of_another_length_is_named(tmp_path: Path) -> None:
    message = r"the row \['a'\] has 1 cells, the header \['name', 'value'\] has 2"
    with pytest.raises(ValueError, match=message):
        tables.markdown(["name", "value"], [["a"]])
    with pytest.raises(ValueError, match=message):
        tables.write_csv(tmp_path / "table.csv", ["name", "value"], [["a"]])
    assert not list(tmp_path.iterdir())
