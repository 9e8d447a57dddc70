"""The exercise notebooks, made from the solutions in `notebooks/workshop/solutions`: nothing is written twice.

In a solution notebook a code cell tagged `exercise` has its solution between two marks. The exercise notebook has three
dots there, and the solution in a folded cell below.
"""

from __future__ import annotations

import re
from copy import deepcopy
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell

from crossglg.files import project_folder, write_file

BEGIN, END, STUB = "### BEGIN SOLUTION", "### END SOLUTION", "...  # your turn"
_MARKED = re.compile(rf"^([ \t]*){BEGIN}\n.*?^[ \t]*{END}$", re.S | re.M)
_NOT_SHOWN = re.compile(rf"^[ \t]*(?:{BEGIN}|{END}|workshop\.check_.*)\n?", re.M)


def workshop_folder() -> Path:
    """Where solutions, instructor's notes and handout are."""
    return project_folder("notebooks") / "workshop"


def solution_notebooks() -> list[Path]:
    """The solution notebooks, one a session, in order."""
    return sorted((workshop_folder() / "solutions").glob("*.ipynb"))


def exercise_notebook(solution: NotebookNode) -> NotebookNode:
    """What learners get: no outputs, no counts, three dots for solutions. Raises ValueError if a mark is missing."""
    notebook, cells = deepcopy(solution), []
    for cell in notebook.cells:
        cells.append(cell)
        if cell.cell_type != "code":
            continue
        cell.outputs, cell.execution_count = [], None
        if "exercise" not in cell.metadata.get("tags", []):
            continue
        shown = _NOT_SHOWN.sub("", cell.source).strip()
        cell.source, found = _MARKED.subn(rf"\1{STUB}", cell.source)
        if not found or BEGIN in cell.source or END in cell.source:
            raise ValueError(f"the exercise cell {cell.id} needs {BEGIN!r} and then {END!r}, each on a line of its own")
        folded = f"<details><summary>Solution</summary>\n\n```python\n{shown}\n```\n\n</details>"
        cells.append(new_markdown_cell(folded, id=f"{cell.id}-solution"))
    notebook.cells = cells
    return notebook


def write_exercises(folder: str | Path, overwrite: bool = False) -> list[Path]:
    """Write the exercise notebooks of all sessions to `folder`; returns their paths.

    Raises ValueError, before anything is written, where one is there already, unless `overwrite`: it may hold answers.
    """
    targets = [Path(folder) / path.name for path in solution_notebooks()]
    there = [path for path in targets if path.exists()]
    if there and not overwrite:
        raise ValueError(f"{there[0]} is there already and may hold answers; choose another folder or --overwrite")
    for source, target in zip(solution_notebooks(), targets, strict=True):
        write_file(target, nbformat.writes(exercise_notebook(nbformat.read(source, 4))) + "\n")
    return targets
