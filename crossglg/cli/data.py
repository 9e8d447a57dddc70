"""Skeleton files in their source formats: get them, convert them into the documented `.npz`, look at them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crossglg.cli import DATA, app, command

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from crossglg.data.clips import SkeletonSet
    from crossglg.data.readers import Recording

data = typer.Typer(help="Skeleton files in their source formats: get, convert, look at them.", no_args_is_help=True)
app.add_typer(data, name="data", rich_help_panel=DATA)

HEIGHT = 1.6  # metres, how tall a person in pixels is drawn


@command(DATA, "crossglg data fetch ntu120", of=data)
def fetch(
    name: Annotated[str, typer.Argument(help="one of 'list sources'")],
    url: Annotated[str, typer.Option(help="address of the file, e.g. on a mirror of your institute")] = "",
    sha256: Annotated[str, typer.Option(help="with --url: SHA-256 that the file must have")] = "",
    accept_terms: Annotated[bool, typer.Option("--accept-terms", help="you accept the terms of the data set")] = False,
    output: Annotated[Path | None, typer.Option(help="folder for the file; default: one called as the set")] = None,
) -> None:
    """Show how to get a data set and on what terms; download it from an address, going on where that broke off."""
    from crossglg.data.fetch import fetch as download
    from crossglg.data.sources import convert_command, description, get_source

    source = get_source(name)
    typer.echo(description(name))
    if not (url or source.url):
        raise ValueError(
            f"no plain download of {name} is known: get it by hand as described, or give --url and --sha256 of a copy"
        )
    if url and not sha256:
        raise ValueError("--url needs --sha256, the hash that the file must have; 'sha256sum FILE' prints it")
    if not accept_terms:
        raise ValueError(f"these are the terms of {name}; if you accept them, give --accept-terms")
    file = download(url or source.url, sha256 or source.sha256, output or Path(name))
    typer.echo(f"{file} has the right hash; unpack it unless it is a .zip, then: {convert_command(name)}")


@command(DATA, "crossglg data convert nturgb+d_skeletons --format ntu --output ntu120.npz", of=data)
def convert(
    source: Annotated[Path, typer.Argument(help="a folder (with all below it), a zip or one file")],
    format_: Annotated[str, typer.Option("--format", help="one of 'list formats'")],
    output: Annotated[Path, typer.Option(help="the .npz file to write")],
    workers: Annotated[int | None, typer.Option(help="processes; default: one per core")] = None,
    skip_corrupt: Annotated[
        bool, typer.Option("--skip-corrupt", help="leave out and list files that are not of the format")
    ] = False,
    second_body: Annotated[
        str | None, typer.Option(help="ntu: a missing second body is 'zeros' (default) or a 'copy' of the first")
    ] = None,
) -> None:
    """Convert a source into one memory-mapped .npz; a conversion that was stopped goes on where it was."""
    from crossglg.data.convert import convert as convert_source
    from crossglg.data.convert import log_path
    from crossglg.files import read_json

    options = {} if second_body is None else {"second_body": second_body}
    clips = convert_source(source, format_, output, workers, skip_corrupt, True, **options)
    log = read_json(log_path(output))
    for name, error in log["corrupt"].items():
        typer.echo(f"left out {name}: {error}", err=True)
    typer.echo(_description(clips, output))


@command(DATA, "crossglg data info ntu120.npz", of=data)
def info(
    dataset: Annotated[str, typer.Argument(help="a .npz file, or FORMAT:PATH of a source, which is then converted")],
) -> None:
    """What a set holds: clips, classes, subjects, frames, layout, lengths, and how it was made."""
    from crossglg.data.clips import SkeletonSet
    from crossglg.data.convert import stored

    path = stored(dataset) if ":" in dataset and not Path(dataset).exists() else Path(dataset)
    typer.echo(_description(SkeletonSet.load(path), path))


@command(DATA, "crossglg data sheet recordings --output sheet.png", of=data)
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
    """(format, recording) of every file; in a folder, a file that no format accepts is named on stderr and skipped."""
    from crossglg.data.any_file import identify, matching_formats, read_any

    for path in paths:
        if not path.exists():
            raise FileNotFoundError(f"no file or folder {path}")
        for file in [path] if path.is_file() else sorted(path.rglob("*")):
            formats = matching_formats(file) if file.is_file() else []
            if path.is_dir() and (format_ not in formats if format_ else not formats):
                continue
            try:
                name, recordings = (format_, read_any(file, format=format_)) if format_ else identify(file)
            except ValueError as error:
                if path.is_file():
                    raise
                typer.echo(f"skipped: {error}", err=True)
                continue
            yield from ((name, recording) for recording in recordings)


def _in_metres(clip: Recording) -> NDArray[np.floating]:
    """(M, T, V, C): a clip in pixels scaled so that its persons are as tall as those in metres."""
    import numpy as np

    if clip.xyz.shape[-1] == 3:
        return clip.xyz
    y = clip.xyz[..., 1][clip.xyz.any(axis=(2, 3))]
    return clip.xyz * (HEIGHT / max(float(np.median(np.ptp(y, axis=1))), 1e-9))


def _description(clips: SkeletonSet, path: Path) -> str:
    import numpy as np

    from crossglg.data.convert import log_path
    from crossglg.files import read_json

    frames = clips.frames
    shortest, median, longest = np.quantile(frames, [0.0, 0.5, 1.0])
    present = np.bincount(clips.label, minlength=len(clips.class_names))
    lines = [
        f"{clips.name}: {len(clips):,} clips, {frames.sum():,} frames at {clips.fps:g} per second",
        f"classes   {(present > 0).sum()} of {len(present)} have clips, up to {present.max()}",
        f"subjects  {_known(clips.subject)}, cameras {_known(clips.camera)}, up to {clips.persons.max()} person(s)",
        f"layout    {clips.layout.name} ({clips.layout.num_joints} joints, {clips.num_channels}-D)",
        f"frames    {shortest:.0f} to {longest:.0f}, median {median:.0f} ({median / clips.fps:.1f} s)",
    ]
    if log_path(path).is_file():
        log = read_json(log_path(path))
        lines += [f"made from {log['files']} files, format {log['format']} {log['options'] or ''}".rstrip()]
        lines += [f"          {len(log[key])} files {key.replace('_', ' ')}" for key in ("corrupt", "without_clip")]
        lines += [f"step {n}    {step}" for n, step in enumerate(log["steps"], start=1)]
    return "\n".join(lines)


def _known(numbers: NDArray[np.int64]) -> str:
    """How many different numbers there are; −1 is none."""
    return str(len(set(numbers.tolist()) - {-1}) or "unknown")
