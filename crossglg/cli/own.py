"""Your own actions: enroll from one clip, recognize, follow a long recording."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crossglg.cli import OWN, command
from crossglg.cli.reading import reads_files
from crossglg.data.reading_options import as_command_line
from crossglg.files import counted, some_of

if TYPE_CHECKING:
    from crossglg.data.clips import SkeletonSet
    from crossglg.data.readers import Recording
    from crossglg.recognition.recognizer import Recognition, Timeline

Clips = Annotated[list[Path], typer.Argument(help="skeleton files in any format of 'list formats'")]
Model = Annotated[
    Path | None,
    typer.Option(help="a trained model's folder, e.g. runs/…/model; default: the small one that ships, synthetic"),
]
Actions = Annotated[Path, typer.Option(help="the .npz file that keeps your actions")]
Format = Annotated[str, typer.Option("--format", help="the files' format; default: found by name and content")]
Person = Annotated[int, typer.Option(help="which person of a clip to keep, 1 the first; 0 all of them")]


@command(OWN, 'crossglg enroll "my wave" wave.csv --actions my_actions.npz')
@reads_files
def enroll(
    action: Annotated[str, typer.Argument(help="name of the action")],
    clips: Clips,
    actions: Actions = Path("my_actions.npz"),
    either_side: Annotated[
        bool, typer.Option("--either-side", help="left and right do not matter: keep the mirror image, too")
    ] = False,
    start: Annotated[float, typer.Option(help="seconds at which the action begins in a longer recording")] = 0.0,
    end: Annotated[
        float | None, typer.Option(help="seconds at which it ends there; default: with the recording")
    ] = None,
    format_: Format = "",
    person: Person = 0,
    *,
    options: dict[str, Any],
) -> None:
    """Add an action from one clip (or several) to your own actions."""
    from crossglg.data.clips import concatenate
    from crossglg.recognition.recognizer import enroll as add

    _check_file(actions)
    _check_no_set(actions)
    recordings = []
    for path in clips:
        of_file = list(_read(path, format_, person, options, clips))
        if len(classes := {recording.class_name for recording in of_file}) > 1:
            raise ValueError(
                f"{path} holds {len(of_file)} clips of {len(classes)} classes ({some_of(sorted(classes))}), and one "
                f"action is enrolled at a time; a set that is to be your actions is given as it is: crossglg recognize "
                f"--actions {shlex.quote(str(path))}"
            )
        recordings += of_file
    if start or end is not None:
        if len(recordings) > 1:
            raise ValueError(f"--start and --end are of one recording, got {len(recordings)}; enroll them one by one")
        recordings = [recording.between(start, end) for recording in recordings]
    read = [recording.to_set().at_rate(recordings[0].fps) for recording in recordings]
    enrolled = add(action, concatenate(read, action), actions, either_side)  # all clips or, if one is refused, none
    if max(clip.persons.max() for clip in read) > 1:
        typer.echo("more than one person: only a model of so many persons compares them; --person keeps one", err=True)
    _list(enrolled, actions)


@command(OWN, 'crossglg actions --forget "my wave"')
def actions(
    actions: Actions = Path("my_actions.npz"),
    forget: Annotated[str, typer.Option(help="an action to take out, with all its clips")] = "",
) -> None:
    """List your own actions, or take one out."""
    from crossglg.data.clips import SkeletonSet
    from crossglg.recognition.recognizer import forget as take_out

    _check_file(actions)
    _check_kept(actions)
    if forget:
        _check_no_set(actions)
    left = take_out(forget, actions) if forget else SkeletonSet.load(actions)
    if left is None:
        typer.echo(f"no action is left; {actions} is deleted")
    else:
        _list(left, actions)


@command(OWN, "crossglg recognize query.csv --model runs/mine/model --actions my_actions.npz")
@reads_files
def recognize(
    clips: Clips,
    model: Model = None,
    actions: Annotated[
        Path | None, typer.Option(help="the .npz file that keeps your actions; default my_actions.npz")
    ] = None,
    describe: Annotated[
        Path | None,
        typer.Option(help="a description file: recognize the actions it describes, without a clip of them (zero-shot)"),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            help="similarity below which a clip is unknown; default: from validation clips and your exemplars"
        ),
    ] = None,
    format_: Format = "",
    person: Person = 0,
    stream: Annotated[bool, typer.Option("--stream", help="follow long recordings with a sliding window")] = False,
    window: Annotated[float, typer.Option(help="seconds of the window; 0: as your enrolled clips")] = 0.0,
    output: Annotated[
        Path | None, typer.Option(help="with --stream: folder for a timeline (.png and .csv) of each recording")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON instead of text")] = False,
    *,
    options: dict[str, Any],
) -> None:
    """Recognize your own actions in clips, or follow them through long recordings."""
    from crossglg.recognition.described import DescribedActions
    from crossglg.recognition.recognizer import Recognizer
    from crossglg.training.trained_model import ABOUT_SHIPPED, SHIPPED, TrainedModel

    if output is not None and not stream:
        raise ValueError("--output is for the timelines of --stream; give both")
    if window and not stream:
        raise ValueError(f"--window {window:g} is for --stream; give both")
    if actions is not None and describe is not None:
        raise ValueError(
            "--describe recognizes the actions of its file alone, --actions those that you enrolled; give one of them"
        )
    if as_json and stream:
        raise ValueError("--json is for clips; with --stream, the .csv in --output holds every window")
    if describe is not None and stream:
        raise ValueError("--describe is for clips, not for --stream; cut the recording, or enroll a clip of each")
    actions = actions or Path("my_actions.npz")
    trained = TrainedModel.load(model or SHIPPED)
    if threshold is not None and not -1.0 <= threshold <= 1.0:
        raise ValueError(f"--threshold is a similarity from -1 to 1, got {threshold}")
    if describe is None:
        _check_kept(actions)
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)  # a place that cannot be written is told before the work
    if model is None:
        typer.echo(f"model: {ABOUT_SHIPPED}; give --model for one of your own", err=True)
    recognizer: Recognizer | DescribedActions
    if describe is not None:
        recognizer = DescribedActions.of(trained, describe, threshold)
    else:
        recognizer = Recognizer.of(trained, actions, threshold)
    answers: list[Any] = []
    failed = False
    taken: list[str] = []
    for path in clips:
        try:
            read = [recording.to_set() for recording in _read(path, format_, person, options, clips)]
            if isinstance(recognizer, Recognizer) and stream:
                for recording in read:
                    timeline = recognizer.follow(recording, window)
                    name = str(recording.sample_id[0])
                    taken.append(_file_name(name, taken))
                    _report_timeline(timeline, taken[-1], output, _place(path, name, clips))
                continue
            results = [recognizer.recognize(clip)[0] for clip in read]
        except (ValueError, OSError) as error:
            if len(clips) == 1:
                raise
            failed = True
            answers.append({"file": str(path), "clip": path.stem, "error": as_command_line(str(error))})
            typer.echo(f"left out {path}: {answers[-1]['error']}", err=True)
            continue
        for result in results:
            answers.append({"file": str(path), **_as_dict(result, trained.layout.joints)})
            if not as_json:
                typer.echo(_place(path, result.clip, clips) + _sentence(result, trained.layout.joints))
    if as_json:
        typer.echo(json.dumps(answers, indent=1))
    if failed:
        raise typer.Exit(2)


def _place(path: Path, clip: str, clips: list[Path]) -> str:
    """The file, before what is said of its clip, where the clip's name does not tell which of several files it is."""
    alike = len({path.stem for path in clips}) < len(set(clips))
    return f"{path}: " if alike or (len(set(clips)) > 1 and clip != path.stem) else ""


def _read(path: Path, format_: str, person: int, options: dict[str, Any], clips: list[Path]) -> Iterator[Recording]:
    """Every clip of a file; what reading had to decide is told on stderr. clips: all files."""
    from crossglg.data.any_file import read_any

    for recording in read_any(path, format=format_, **options):
        name = _place(path, recording.sample_id, clips) + recording.sample_id
        for note in recording.notes:
            typer.echo(f"{name}: {as_command_line(note)}", err=True)
        yield recording.only(person) if person else recording


def _file_name(clip: str, taken: list[str]) -> str:
    """A name for the files of a recording: without characters that mean something in a path, none that is taken."""
    name = re.sub(r"[^\w.+-]+", "_", clip).lstrip(".")
    return f"{name}-{len(taken) + 1}" if name in ("", *taken) else name


def _check_file(actions: Path) -> None:
    if actions.is_dir():
        raise ValueError(f"--actions {actions} is a folder; give the .npz file that keeps your actions")


def _check_no_set(actions: Path) -> None:
    """A set that was converted has a log beside it."""
    from crossglg.data.convert import log_path

    if log_path(actions).is_file():
        raise ValueError(f"--actions {actions} is a data set made by 'crossglg data convert'; give another file")


def _check_kept(actions: Path) -> None:
    if not actions.exists():
        raise FileNotFoundError(
            f"no actions are kept in {actions}; enroll some first: crossglg enroll ACTION CLIP --actions "
            f"{shlex.quote(str(actions))}"
        )


def _list(enrolled: SkeletonSet, actions: Path) -> None:
    for number, name in enumerate(enrolled.class_names):
        typer.echo(f"{name}: {counted((enrolled.label == number).sum(), 'clip')}")
    typer.echo(f"kept in {actions}")


def _as_dict(result: Recognition, joints: tuple[str, ...]) -> dict[str, Any]:
    content = {"clip": result.clip, "action": result.action, "threshold": result.threshold}
    decided = {joint: round(float(value), 5) for joint, value in zip(joints, result.decided_by, strict=True)}
    content |= {"ranking": [{"action": a, "similarity": s} for a, s in result.ranking], "decided_by": decided}
    return content | ({"statements": result.statements} if result.statements else {})


def _sentence(result: Recognition, joints: tuple[str, ...], top: int = 3) -> str:
    best = result.ranking[0][1]  # told with as many digits as show on which side of the threshold it is
    digits = next((d for d in (2, 3) if round(best, d) != round(result.threshold, d)), 4)
    ranking = ", ".join(f"{action} {score:.{digits}f}" for action, score in result.ranking[:top])
    why = f"unknown below {result.threshold:.{digits}f}; decided by {result.reasons(joints, top)}"
    return f"{result.clip}: {result.action}  ({ranking}; {why})"


def _report_timeline(timeline: Timeline, name: str, output: Path | None, place: str) -> None:
    from crossglg.viz import figures

    for start, end, action in timeline.segments():
        typer.echo(f"{place}{name}  {start:7.2f}–{end:7.2f} s  {action}")
    if output is not None:
        timeline.to_csv(output / f"{name}.csv")
        picture = figures.timeline(timeline.edges, timeline.scores, timeline.actions, timeline.threshold)
        figures.save(picture, output / f"{name}.png")
        typer.echo(f"written to {output / name}.png and .csv")
