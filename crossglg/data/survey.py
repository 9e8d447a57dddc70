"""What a set of clips holds, what is doubtful in it, and what it lacks for a run."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossglg.data.clips import SkeletonSet, rate_and_layout, set_files
from crossglg.data.convert import log_path
from crossglg.data.readers.points import FAR, LONGEST_TORSO, SHORTEST_TORSO, TORSO, UNITS, far_away
from crossglg.data.readers.posture import SHORT, lacking, torso_length, up_axis
from crossglg.data.tasks import missing_for_a_run
from crossglg.files import counted, read_json, sha256, some_of
from crossglg.skeletons import Layout

_NUMBER = re.compile(r"(?<![\w.:+-])\d+(?:\.\d+)?(?![\w:]|\.\d)")  # not those of "ntu25" or "16:9"
LONG = 60  # seconds: more is a recording of several actions, where other clips are short
_CLASSES_FROM = {
    "folder": "named by the folders that the files lie in",
    "table": "named by the table",
    "source": "named by the files",
    "nobody": "clips that say no class",
}


def describe(clips: SkeletonSet, path: Path) -> str:
    """The set in lines: clips, classes, subjects, frames, layout, lengths; how it was made; doubts; what a run lacks.

    path: its `.npz`, beside which the log of its conversion may lie.
    """
    frames = clips.frames
    shortest, median, longest = np.quantile(frames, [0.0, 0.5, 1.0])
    log = read_json(log_path(path)) if log_path(path).is_file() else {}
    lines = [
        f"{clips.name}: {counted(len(clips), 'clip')}, {counted(frames.sum(), 'frame')} at {clips.fps:.4g} per second",
        *_classes(clips, log),
        f"subjects  {_known(clips.subject)}, cameras {_known(clips.camera)}, up to {clips.persons.max()} person(s)",
        f"layout    {clips.layout.name} ({clips.layout.num_joints} joints, {clips.num_channels}-D)",
        f"frames    {shortest:.0f} to {longest:.0f}, median {median:.0f} ({median / clips.fps:.1f} s)",
    ]
    if log:
        lines += [f"made from {counted(log['files'], 'file')}, format {log['format']} {log['options'] or ''}".rstrip()]
        lines += [
            f"          {counted(len(log[key]), 'file')} {key.replace('_', ' ')}" for key in ("corrupt", "without_clip")
        ]
        other, unused = log.get("other_formats", []), log.get("unused_rows", [])
        lines += [f"          {counted(len(other), 'file')} of other formats not read: {some_of(other)}; "
                  f"convert them apart: a folder of .npz files is one data set"] if other else []  # fmt: skip
        tables = log.get("tables", [])
        lines += [f"          {some_of(tables)} not read: to take the classes from such a table, give it as "
                  f"classes=FILE.csv"] if tables else []  # fmt: skip
        lines += (
            [f"          {counted(len(unused), 'row')} of the table without a file: {some_of(unused)}"]
            if unused
            else []
        )
        lines += [f"step {n}    {step}" for n, step in enumerate(log["steps"], start=1)]
        lines += [f"note      {note}" for note in _notes(log)]
    other_files = _other_files(path) if path.is_dir() else []
    of_log = [*_other_rates(log, clips.fps), *_overruled_folders(log), *_sessions(log), *_shared_rows(log)]
    lines += [f"doubtful  {doubt}" for doubt in [*doubts(clips), *of_log, *other_files]]
    lack = "; ".join(filter(None, (missing_for_a_run(clips), _missing_for_steps(clips.layout))))
    return "\n".join([*lines, f"for a run {lack or 'four classes or more have two clips or more: enough'}"])


def doubts(clips: SkeletonSet) -> list[str]:
    """What is probably a mistake: nobody in a clip, a clip or id twice, a class spelled in two ways, lengths, axes."""
    empty, far, content = [], [], defaultdict(list)
    for i in range(len(clips)):
        clip = clips[i]
        content[sha256(np.ascontiguousarray(clip).tobytes())].append(str(clips.sample_id[i]))
        if not clip.any():
            empty.append(str(clips.sample_id[i]))
        if far_away(clip).any():
            far.append(str(clips.sample_id[i]))
    found = (
        [f"{counted(len(empty), 'clip has', 'clips have')} no coordinate but zeros: {some_of(empty)}"] if empty else []
    )
    if far:
        found.append(
            f"{counted(len(far), 'clip has', 'clips have')} joints {FAR} times as far away as the body reaches: "
            f"{some_of(far)}"
        )
    same = [ids for ids in content.values() if len(ids) > 1]
    if same:
        copies, number = [" = ".join(ids[:3]) for ids in same], sum(map(len, same)) - len(same)
        found.append(f"{counted(number, 'clip is a copy', 'clips are copies')} of others: {some_of(copies)}")
    named = Counter(zip(clips.source.tolist(), clips.sample_id.tolist(), strict=True))
    shared = [name for (_, name), count in named.items() if count > 1]
    if shared:
        found.append(f"{len(shared)} sample ids are of several clips, which no protocol can name: {some_of(shared)}")
    spelled = defaultdict(list)
    for name in dict.fromkeys(clips.class_of(i) for i in range(len(clips))):
        spelled[" ".join(name.lower().replace("_", " ").replace("-", " ").split())].append(name)
    alike = [" and ".join(map(repr, names)) for names in spelled.values() if len(names) > 1]
    if alike:
        found.append(f"classes that differ only in their spelling: {some_of(alike)}: make them one")
    return [*found, *_doubts_of_length(clips), *_doubts_of_axes(clips)]


def _doubts_of_length(clips: SkeletonSet) -> list[str]:
    frames = clips.frames
    short = np.flatnonzero(frames < SHORT)
    long = np.flatnonzero((frames > 10 * np.median(frames)) & (frames > LONG * clips.fps))
    found = []
    for at, what in (
        (short, f"shorter than {SHORT} frames: a pose, not a motion"),
        (long, f"longer than {LONG} s and ten times the median: cut recordings into clips of one action"),
    ):
        named = [f"{clips.sample_id[i]} ({counted(frames[i], 'frame')})" for i in at]
        found += [f"{counted(len(named), 'clip is', 'clips are')} {what}: {some_of(named)}"] if named else []
    return found


def _doubts_of_axes(clips: SkeletonSet) -> list[str]:
    """What the trunk says against meters with y up, in most of up to 1,000 clips: somebody may lie."""
    tells_up, tells_unit = (not lacking(clips.layout, what) for what in ("up", "unit"))
    axes, torsos = Counter[str](), []
    for i in np.unique(np.linspace(0, len(clips) - 1, 1000).astype(int)).tolist():
        seen = clips[i][clips[i].any(axis=(2, 3))]
        if len(seen) and tells_up:
            axes[up_axis(seen, clips.layout)] += 1
        if len(seen) and tells_unit and clips.num_channels == 3:
            torsos.append(torso_length(seen, clips.layout))
    found = []
    if axes and (axis := max(axes, key=axes.__getitem__)) != "y":
        by = f"crossglg.data.readers.posture.turned(xyz, {axis!r})" if clips.num_channels == 3 else "hand"
        way = f"turn them by {by}, or convert their files with up={axis!r}"
        if clips.num_channels == 2 and axis != "-y":
            way = "turn the pictures, or swap x and y where a detector writes (y, x), as MoveNet does"
        found.append(f"{axis} is up in {axes[axis]} of {axes.total()} clips looked at, not y: {way}")
    torso = float(np.median(torsos)) if torsos else TORSO
    if not SHORTEST_TORSO / 2 <= torso <= 2 * LONGEST_TORSO:
        unit = next((name for name, size in UNITS.items() if SHORTEST_TORSO <= torso * size <= LONGEST_TORSO), "")
        way = f"multiply xyz by {UNITS[unit]:g}" if unit else "bring xyz to meters"
        found.append(
            f"the median torso is {torso:.4g} long, about {TORSO} m were expected: {way}, or convert the files with "
            f"{f'unit={unit!r}' if unit else 'the right unit='}"
        )
    return found


def _other_files(folder: Path) -> list[str]:
    """That sets of a folder, which become one, have another frame rate or layout than the first."""
    (first, fps, layout), *others = ((file.name, *rate_and_layout(file)) for file in set_files(folder))
    rates = [f"{name} has {rate:g}" for name, rate, _ in others if abs(rate - fps) > 0.05 * fps]
    layouts = [f"{name} has {own.name}" for name, _, own in others if own != layout]
    found = []
    if rates:
        found.append(
            f"{fps:g} frames per second of {first} are taken for all, but {some_of(rates)}: bring them to one rate "
            f"with SkeletonSet.at_rate, or keep them apart"
        )
    if layouts:
        found.append(f"all are carried to the layout {layout.name} of {first} by joint names, but {some_of(layouts)}")
    return found


def _missing_for_steps(layout: Layout) -> str:
    """Which joints the usual coordinate steps of training lack, and what to do about it; "" for none."""
    if not lacking(layout, "unit"):
        return ""
    from crossglg.data.transforms import Preprocessing  # loads torch, which few sets need

    try:
        Preprocessing(layout)
    except ValueError as error:
        return str(error)
    return ""


def _other_rates(log: dict[str, Any], fps: float) -> list[str]:
    """That clips were recorded at another rate than the only one that a set has; 5 % do not matter."""
    rates = {float(rate): count for rate, count in log.get("fps", {}).items()}
    other = {rate: count for rate, count in sorted(rates.items()) if abs(rate - fps) > 0.05 * fps}
    if not other:
        return []
    counted = ", ".join(f"{count} at {rate:.4g}" for rate, count in other.items())
    return [
        f"{sum(other.values())} of {sum(rates.values())} clips have another frame rate than {fps:.4g} per second "
        f"({counted}), but a set has only one: convert them apart, and bring them to one rate with "
        f"SkeletonSet.at_rate; where a file says a wrong rate, give fps="
    ]


def _overruled_folders(log: dict[str, Any]) -> list[str]:
    """That a column names the classes where the folders may have been meant to."""
    folders = log.get("folders_overruled", [])
    sources = [source for source in log.get("classes_from", {}) if source not in _CLASSES_FROM]
    return [
        f"the classes are named by {' and '.join(sources)}, not by the folders {some_of(folders)}: if the folders "
        f"are the classes, rename that column or give a table of classes (classes=FILE.csv)"
    ] if folders else []  # fmt: skip


def _sessions(log: dict[str, Any]) -> list[str]:
    """That the folders which name the classes may be sessions within class folders."""
    folders = log.get("numbered_folders", {})
    if not folders:
        return []
    above = sorted(set().union(*folders.values()))
    return [
        f"the classes {some_of(list(folders))} are folders that lie in several others, {some_of(above)}: if those are "
        f"the classes, move their files up or give a table of classes (classes=FILE.csv)"
    ]


def _shared_rows(log: dict[str, Any]) -> list[str]:
    """That a row of the table of classes stands for files that may be of several."""
    return [
        f"the row {row} of the table of classes stands for {counted(len(files), 'file')}, {some_of(files)}: if they "
        f"are not all of that class, name them by their paths in the folder"
        for row, files in log.get("shared_rows", {}).items()
    ]


def _classes(clips: SkeletonSet, log: dict[str, Any]) -> list[str]:
    present = np.bincount(clips.label, minlength=len(clips.class_names))
    said = [
        f"{_CLASSES_FROM.get(source, f'named by {source}')} ({count})"
        for source, count in log.get("classes_from", {}).items()
    ]
    lines = [f"classes   {(present > 0).sum()} of {len(present)} have clips, up to {present.max()}"]
    lines += [f"          {', '.join(said)}"] if said else []
    counted = [f"{clips.class_names[k]} {present[k]}" for k in np.argsort(-present, kind="stable") if present[k]]
    return [*lines, f"          {some_of(counted, 20)}"]


def _notes(log: dict[str, Any]) -> list[str]:
    """The notes of reading, one that many clips have said once, also where its numbers differ."""
    clips_of = defaultdict[str, list[str]](list)
    for notes in log["notes"].values():
        for note in notes:
            clips_of[_NUMBER.sub("#", note)].append(note)
    kinds = sorted(clips_of.values(), key=len, reverse=True)
    some = [f"{_with_ranges(notes)} (in {counted(len(notes), 'clip')})" for notes in kinds[:5]]
    return some + ([f"and {counted(len(kinds) - 5, 'other')}, in the log"] if len(kinds) > 5 else [])


def _with_ranges(notes: list[str]) -> str:
    """Notes that differ in their numbers alone as one: "unit m, by the torso of 0.46 to 0.55 m"."""
    columns = iter(zip(*(_NUMBER.findall(note) for note in notes), strict=True))

    def joined(_: re.Match[str]) -> str:
        numbers = sorted(set(next(columns)), key=float)
        return numbers[0] if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"

    return _NUMBER.sub(joined, notes[0])


def _known(numbers: NDArray[np.int64]) -> str:
    """How many different numbers there are; −1 is none."""
    return str(len(set(numbers.tolist()) - {-1}) or "unknown")
