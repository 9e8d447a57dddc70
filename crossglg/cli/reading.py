"""The options of every command that reads skeleton files: layout, unit, up, … of `crossglg.data.reading_options`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any

import typer

from crossglg.data.reading_options import OPTIONS, as_command_line


def reads_files(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command these options; those that the user gave are its argument `options`. Errors name them as typed."""

    @wraps(command)
    def run(**values: Any) -> None:
        options = {name: value for name in OPTIONS if (value := values.pop(name)) is not None}
        try:
            command(**values, options=options)
        except ValueError as error:
            raise ValueError(as_command_line(str(error))) from error

    signature = inspect.signature(command, eval_str=True)
    own = [parameter for parameter in signature.parameters.values() if parameter.name != "options"]
    more = []
    for name, (kind, about) in OPTIONS.items():
        annotation = Annotated[kind | None, typer.Option(help=about)]  # type: ignore[valid-type]
        more.append(inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation))
    run.__signature__ = signature.replace(parameters=[*own, *more])  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in (*own, *more)}
    return run
