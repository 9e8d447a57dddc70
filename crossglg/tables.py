"""Tables for people (Markdown) and for programs (CSV)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from crossglg.files import write_file


def markdown(header: Sequence[object], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table without a line break at its end.

    Args:
        header: The names of the columns.
        rows: A cell per column, written as `str` writes it. A line break in a cell becomes a space, and | is escaped.

    Raises:
        ValueError: If a row has more or fewer cells than the header.
    """
    lines = [_markdown_line(header), "|" + "---|" * len(header)]
    lines += [_markdown_line(row) for row in _checked(header, rows)]
    return "\n".join(lines)


def write_csv(path: str | Path, header: Sequence[object], rows: Iterable[Sequence[object]]) -> Path:
    """Write a CSV file with a header, atomically; returns its path. Raises ValueError as `markdown` does."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *_checked(header, rows)])
    return write_file(path, text.getvalue())


def _markdown_line(cells: Sequence[object]) -> str:
    texts = [" ".join(str(cell).splitlines()).replace("|", r"\|") for cell in cells]
    return f"| {' | '.join(texts)} |"


def _checked(header: Sequence[object], rows: Iterable[Sequence[object]]) -> list[Sequence[object]]:
    checked = list(rows)
    for row in checked:
        if len(row) != len(header):
            raise ValueError(f"the row {list(row)} has {len(row)} cells, the header {list(header)} has {len(header)}")
    return checked
