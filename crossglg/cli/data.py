"""Skeleton files in their source formats."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crossglg.cli import app

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from crossglg.data.readers import Recording

data = typer.Typer(help="Skeleton files in their source formats.", no_args_is_help=True)
app.add_typer(data, name="data")

HEIGHT = 1.6  # metres, how tall a person in pixels is drawn


@data.command()
def sheet(
    paths: Annotated[list[Path], typer.Argument(help="skeleton files, or folders of them")],
    output: Annotated[Path, typer.Option(help="the picture: .png, .svg or .pdf")] = Path("sheet.png"),
    format_: Annotated[str, typer.Option("--format", help="see 'list formats'; default: found by the names")] = "",
    frames: Annotated[int, typer.Option(help="snapshots of each clip")] = 6,
    most: Annotated[int, typer.Option(help="clips drawn at most", min=1)] = 60,
) -> None:
    """Draw a contact sheet of source files: does each look like a person, upright, with its left side on the right?"""
    from itertools import islice

    from crossglg.viz.figures import clip_gallery, save

    clips = list(islice(_recordings(paths, format_), most + 1))
    if not clips:
        raise ValueError(f"no file of a known format in {', '.join(map(str, paths))}; see 'crossglg list formats'")
    more, clips = len(clips) > most, clips[:most]
    rows = [(_in_metres(clip), f"{name} {clip.sample_id}\n{clip.class_name or 'no class'}") for name, clip in clips]
    save(clip_gallery(rows, [clip.layout for _, clip in clips], frames), output)
    for name, clip in clips:
        typer.echo(f"{name}: {clip.sample_id}: {clip.class_name or 'no class'}, {clip.xyz.shape[1]} frames")
        for note in clip.notes:
            typer.echo(f"  {note}")
    typer.echo(f"{output}: the first {most} clips; --most draws more" if more else str(output))


def _recordings(paths: list[Path], format_: str) -> Iterator[tuple[str, Recording]]:
    """(format, recording) of every file, file by file."""
    from crossglg.data.readers import READERS, get_reader

    readers = {format_: get_reader(format_)} if format_ else READERS
    for path in paths:
        if not path.exists():
            raise FileNotFoundError(f"no file or folder {path}")
        for name, reader in readers.items():
            for pattern in reader.patterns:
                given = path.is_file() and (format_ or path.match(pattern))
                for file in [path] if given else sorted(path.rglob(pattern)):
                    yield from ((name, recording) for recording in reader.read(file))


def _in_metres(clip: Recording) -> NDArray[np.floating]:
    """(M, T, V, C): a clip in pixels scaled so that its persons are as tall as those in metres."""
    import numpy as np

    if clip.xyz.shape[-1] == 3:
        return clip.xyz
    y = clip.xyz[..., 1][clip.xyz.any(axis=(2, 3))]
    return clip.xyz * (HEIGHT / max(float(np.median(np.ptp(y, axis=1))), 1e-9))
