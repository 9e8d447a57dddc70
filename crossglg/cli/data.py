"""Skeleton files in their source formats: get them, convert them into the documented `.npz`, look at them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crossglg.cli import DATA, app, command
from crossglg.cli.reading import reads_files
from crossglg.data.reading_options import as_command_line, as_dataset
from crossglg.files import counted, expanded, read_json, some_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from crossglg.data.clips import SkeletonSet
    from crossglg.data.readers import Recording

data = typer.Typer(help="Skeleton files in their source formats: get, convert, look at them.", no_args_is_help=True)
app.add_typer(data, name="data", rich_help_panel=DATA)

HEIGHT = 1.6  # meters, how tall a person in pixels is drawn


@command(DATA, "crossglg data fetch ntu", of=data)
def fetch(
    name: Annotated[str, typer.Argument(help="one of 'list sources'")],
    url: Annotated[str, typer.Option(help="address of the file, e.g. on a mirror of your institute")] = "",
    sha256: Annotated[str, typer.Option(help="with --url: SHA-256 that the file must have")] = "",
    accept_terms: Annotated[bool, typer.Option("--accept-terms", help="you accept the terms of the data set")] = False,
    output: Annotated[Path | None, typer.Option(help="folder for the file; default: one called as the set")] = None,
) -> None:
    """Show how to get a data set and on what terms; download it from an address, going on where that broke off."""
    from crossglg.data.fetch import fetch as download
    from crossglg.data.sources import convert_command, description

    typer.echo(description(name))
    if not url:
        todo = "get it by hand as described, or give --url and --sha256 of a copy"
        if accept_terms or sha256:  # more than to be told how
            raise ValueError(f"no plain download of {name} is known: {todo}")
        typer.echo(f"\nno plain download of {name} is known: {todo}")
        return
    if not sha256:
        raise ValueError("--url needs --sha256, the hash that the file must have; 'sha256sum FILE' prints it")
    if not accept_terms:
        raise ValueError(f"these are the terms of {name}; if you accept them, give --accept-terms")
    file = download(url, sha256, output or Path(name))
    typer.echo(f"{file} has the right hash; unpack it unless it is a .zip, then: {convert_command(name)}")


@command(DATA, "crossglg data convert nturgb+d_skeletons --format ntu --output ntu120.npz", of=data)
@reads_files
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
    classes: Annotated[
        str, typer.Option(help="a .csv with columns file, class[, subject, camera]; default: the folders' names")
    ] = "",
    *,
    options: dict[str, Any],
) -> None:
    """Convert a source into one memory-mapped .npz; a conversion that was stopped goes on where it was."""
    from crossglg.data.convert import convert as convert_source
    from crossglg.data.convert import log_path
    from crossglg.data.survey import describe

    options |= {} if second_body is None else {"second_body": second_body}
    clips = convert_source(source, format_, output, workers, skip_corrupt, True, classes, **options)
    log = read_json(log_path(output))
    for name, error in log["corrupt"].items():
        typer.echo(f"left out {name}: {error}", err=True)
    typer.echo(as_command_line(describe(clips, output)))
    _tell_texts(clips)


@command(DATA, "crossglg data info ntu120.npz", of=data)
def info(
    dataset: Annotated[str, typer.Argument(help="a .npz file, or FORMAT:PATH of a source, which is then converted")],
) -> None:
    """What a set holds: clips, classes, subjects, frames, layout, lengths, how it was made, what it lacks for a run."""
    from crossglg.data.clips import SkeletonSet
    from crossglg.data.convert import stored
    from crossglg.data.survey import describe

    if not dataset.strip():
        raise ValueError("the data set is empty: give a .npz file, a folder of them, or FORMAT:PATH")
    path = stored(dataset) if ":" in dataset and not expanded(dataset).exists() else expanded(dataset).absolute()
    clips = SkeletonSet.load(path)
    words = as_command_line if path.suffix.lower() == ".npz" and ":" not in dataset else as_dataset
    typer.echo(words(describe(clips, path)))
    _tell_texts(clips)


@command(DATA, "crossglg data sheet recordings --output sheet.png", of=data)
@reads_files
def sheet(
    paths: Annotated[list[Path], typer.Argument(help="skeleton files, or folders of them")],
    output: Annotated[Path, typer.Option(help="the picture: .png, .svg or .pdf")] = Path("sheet.png"),
    format_: Annotated[str, typer.Option("--format", help="see 'list formats'; default: found by the names")] = "",
    frames: Annotated[int, typer.Option(help="snapshots of each clip")] = 6,
    most: Annotated[int, typer.Option(help="clips drawn at most", min=1)] = 60,
    *,
    options: dict[str, Any],
) -> None:
    """Draw a contact sheet of source files: does each look like a person, upright, with its left side on the right?"""
    from itertools import islice

    from crossglg.viz.figures import clip_gallery, save

    clips = list(islice(_recordings(paths, format_, options), most + 1))
    if not clips:
        raise ValueError(f"no file of a known format in {', '.join(map(str, paths))}; see 'crossglg list formats'")
    more, clips = len(clips) > most, clips[:most]
    rows = [(_from_the_front(clip), f"{name} {where}\n{clip.class_name or 'no class'}") for name, where, clip in clips]
    save(clip_gallery(rows, [clip.layout for *_, clip in clips], frames), output)
    for name, where, clip in clips:
        typer.echo(f"{name}: {where}: {clip.class_name or 'no class'}, {counted(clip.xyz.shape[1], 'frame')}")
        for note in clip.notes:
            typer.echo(f"  {as_command_line(note)}")
    typer.echo(f"{output}: the first {most} clips; --most draws more" if more else str(output))


def _recordings(paths: list[Path], format_: str, options: dict[str, Any]) -> Iterator[tuple[str, str, Recording]]:
    """(format, sample id below its folder, recording with its class) of every file of a known format.

    In a folder, a file that no format accepts is named on stderr and skipped.
    """
    from crossglg.data.any_file import clip_files, identify, matching_formats, read_any

    for path in paths:
        if not path.exists():
            raise FileNotFoundError(f"no file or folder {path}")
        for file in clip_files(path):
            formats = matching_formats(file)
            if path.is_dir() and (format_ not in formats if format_ else not formats):
                continue
            try:
                if format_:
                    name, recordings = format_, read_any(file, format=format_, **options)
                else:
                    name, recordings = identify(file, options)
            except ValueError as error:
                if path.is_file():
                    raise
                typer.echo(f"skipped: {as_command_line(str(error))}", err=True)
                continue
            for recording in recordings:
                yield name, *_placed(recording, name, file, path)


def _placed(recording: Recording, format_: str, file: Path, given: Path) -> tuple[str, Recording]:
    """A clip's id with the folders between the given folder and the file, and the clip with the class they say."""
    from crossglg.data.classes import classify
    from crossglg.data.readers import READERS

    if file == given:
        return recording.sample_id, recording
    below = file.relative_to(given)
    clip_of = READERS[format_].clip_name if format_ in READERS else lambda name: None
    clip = clip_of(file.name)
    alone = {clip_of(other.name) for other in file.parent.iterdir()} <= {clip, None}
    classified, _ = classify(recording, below.as_posix(), None, clip, alone)
    return (below.parent / recording.sample_id).as_posix(), classified


def _from_the_front(clip: Recording) -> NDArray[np.floating]:
    """(M, T, V, C) as it is drawn: whoever turns the back on us, as people in motion capture do, is turned around."""
    xyz, layout = _in_meters(clip), clip.layout
    if xyz.shape[-1] != 3 or not (layout.has("left hip") and layout.has("right hip")):
        return xyz
    behind = (xyz[..., layout.index("left hip"), 0] - xyz[..., layout.index("right hip"), 0]).mean() > 0
    return xyz * (-1.0, 1.0, -1.0) if behind else xyz


def _in_meters(clip: Recording) -> NDArray[np.floating]:
    """(M, T, V, C): a clip in pixels scaled so that its persons are as tall as those in meters."""
    import numpy as np

    if clip.xyz.shape[-1] == 3:
        return clip.xyz
    y = clip.xyz[..., 1][clip.xyz.any(axis=(2, 3))]
    return clip.xyz * (HEIGHT / max(float(np.median(np.ptp(y, axis=1))), 1e-9))


def _tell_texts(clips: SkeletonSet) -> None:
    """Say which classes lack the text that training with guidance reads."""
    from crossglg.data.convert import UNNAMED
    from crossglg.text.descriptions import undescribed

    lacking = undescribed([name for name in clips.class_names if name != UNNAMED])
    if lacking:
        typer.echo(
            f"texts     {counted(len(lacking), 'class has', 'classes have')} no description ({some_of(lacking)}): "
            f"write them with 'crossglg describe', or run without texts: --set guidance=none"
        )
