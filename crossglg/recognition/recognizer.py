"""Your own actions: enroll an action from one clip, recognize it in new clips and in long recordings.

Clips are compared by learned features and by time warping of their joints, bones and motion, as the classifier
cosine-and-streams does.

Enrolled clips are kept as they are, in the documented `.npz`: any trained model can use them.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossglg import tables
from crossglg.data.clips import SkeletonSet, concatenate
from crossglg.data.readers import Recording
from crossglg.data.tasks import Task
from crossglg.files import InputError, composed, counted, expanded, nearest, some_of
from crossglg.one_shot import unit_rows
from crossglg.one_shot.features import part
from crossglg.one_shot.representation import Representation
from crossglg.one_shot.warping import cosine_and_streams, mean_similarity, shifted_streams_leaving_out
from crossglg.processes import sole_writer
from crossglg.skeletons import Layout, on_own_joints
from crossglg.training.trained_model import SIMILARITY, TrainedModel, check_model, check_set

SHORTEST = 8  # frames; fewer show a pose, not a motion
UNKNOWN = "unknown"
NOBODY = -1.0  # similarity of a window in which mostly nobody is seen


@dataclass(frozen=True)
class Recognition:
    """What one clip was taken for.

    Attributes:
        clip: its name.
        action: the best of the ranking, or "unknown" below `threshold`.
        ranking: (action, similarity), best first.
        threshold: similarity below which a clip is unknown.
        decided_by: `(V,)` by how much the lead over the second action shrinks without each joint of the model's layout,
            0 for joints that the recording does not have.
        statements: of recognition by descriptions, those that decided most, each with yes or no: truer than usual or
            less true.
    """

    clip: str
    action: str
    ranking: tuple[tuple[str, float], ...]
    threshold: float
    decided_by: NDArray[np.floating]
    statements: tuple[str, ...] = ()

    def reasons(self, joints: Sequence[str], top: int = 3) -> str:
        """The statements that decided, or else the joints that did. joints: names in the model's order.

        Raises ValueError if these are not as many names as the model has joints.
        """
        names = list(joints) if isinstance(joints, Iterable) and not isinstance(joints, str) else []
        if len(names) != len(self.decided_by):
            raise ValueError(
                f"joints must be the {len(self.decided_by)} names of the model's layout, as model.layout.joints; got "
                f"{len(names) or repr(joints)}"
            )
        decisive = [names[j] for j in self.decided_by.argsort()[::-1][:top] if self.decided_by[j] > 0]
        return "; ".join(self.statements) or ", ".join(decisive) or "no single joint"


@dataclass(frozen=True)
class Timeline:
    """A long recording, window by window.

    Attributes:
        start: `(W,)` seconds.
        end: `(W,)` seconds.
        scores: `(W, K)` similarity to each action, −1 where nobody is seen in most of the window.
        actions: K names.
        threshold: similarity below which a window is unknown.
    """

    start: NDArray[np.float64]
    end: NDArray[np.float64]
    scores: NDArray[np.floating]
    actions: tuple[str, ...]
    threshold: float

    @property
    def labels(self) -> list[str]:
        """(W,) the most similar action of each window, or "unknown".

        Neighboring windows that are most similar to the same action are decided together, by the best of them: those
        at the edges see half of another action and reach no threshold alone.
        """
        labels: list[str] = []
        for (k, seen), run in groupby(self.scores, key=lambda row: (int(row.argmax()), bool(row.max() > NOBODY))):
            best = [row[k] for row in run]
            labels += [self.actions[k] if seen and max(best) >= self.threshold else UNKNOWN] * len(best)
        return labels

    @property
    def edges(self) -> NDArray[np.float64]:
        """(W + 1,) seconds: a window stands for the time around its middle, half way to its neighbors."""
        middle = (self.start + self.end) / 2.0
        return np.concatenate([self.start[:1], (middle[1:] + middle[:-1]) / 2.0, self.end[-1:]])

    def segments(self) -> list[tuple[float, float, str]]:
        """(start, end, label) of neighboring windows with the same label joined, "unknown" included."""
        labels, edges = self.labels, self.edges
        changes = [w for w in range(len(labels)) if w == 0 or labels[w] != labels[w - 1]]
        return [(float(edges[a]), float(edges[b]), labels[a]) for a, b in pairwise([*changes, len(labels)])]

    def to_csv(self, path: str | Path) -> Path:
        """One line per window: start, end, label and the similarity to every action; written atomically."""
        windows = zip(self.start, self.end, self.labels, self.scores, strict=True)
        rows = [[f"{start:.3f}", f"{end:.3f}", label, *map("{:.4f}".format, row)] for start, end, label, row in windows]
        return tables.write_csv(path, ["start_s", "end_s", "action", *self.actions], rows)


@dataclass
class Recognizer:
    """A trained model and the clips it compares with; several clips of one action count by the most similar.

    Make one with `Recognizer.of`. Several threads may ask it at once.

    Attributes:
        trained: the model.
        exemplars: one class per action, in the model's layout.
        threshold: similarity, −1 … 1, below which a clip is "unknown".
    """

    trained: TrainedModel
    exemplars: SkeletonSet
    threshold: float

    @classmethod
    def of(
        cls, trained: TrainedModel, exemplars: SkeletonSet | str | Path, threshold: float | None = None
    ) -> Recognizer:
        """Compare with some exemplars.

        Args:
            trained: the model.
            exemplars: clips of the actions, or the file in which `enroll` keeps them. Their classes are the actions.
            threshold: similarity, −1 … 1. None: calibrated, the higher of two. On validation clips: where a known
                action is refused as often as an unknown one is accepted. On the exemplars: what three quarters of them
                do not reach with an exemplar of another action; actions the model was not trained on look more alike to
                it than those it was (docs/notes/unknown-actions.md).

        Raises:
            FileNotFoundError: there is no such file.
            TypeError: something is of another kind, such as the folder of a model instead of the model.
            ValueError: the model cannot take the exemplars, or the threshold is no similarity.
        """
        check_model(trained)
        file: str | Path = ""
        if isinstance(exemplars, str | Path):
            file, exemplars = exemplars, SkeletonSet.load(exemplars)
        exemplars = _without_empty_classes(as_set(exemplars))
        _check_persons(exemplars, trained, file)
        exemplars = fitting(exemplars, trained)
        if threshold is None:
            seen = compared(trained, exemplars)
            quantiles = trained.details.get(SIMILARITY, {})  # none from a version that compared otherwise
            threshold = equal_error_threshold(quantiles, len(exemplars.class_names))
            threshold = max(threshold, rival_similarity(cosine_and_streams(seen, seen), exemplars.label))
        check_threshold(threshold)
        return cls(trained, exemplars, threshold)

    def scores(self, clips: SkeletonSet | Recording) -> NDArray[np.floating]:
        """(N, K) similarity of each clip to its nearest exemplar of each enrolled action."""
        return self._best_per_action(self._similarity(compared(self.trained, fitting(clips, self.trained))))

    def recognize(self, clips: SkeletonSet | Recording) -> list[Recognition]:
        """Recognize each clip.

        Args:
            clips: a set of any layout, or a recording, as `read_any` and `read_array` give it.

        Returns:
            An answer for each clip, in their order.

        Raises:
            TypeError: these are no clips.
            ValueError: a clip is too short or too long for one action, or the model cannot take it.
        """
        recorded, clips = as_set(clips).layout, fitting(clips, self.trained)
        check_duration(clips, self.trained)
        left_out = self.trained.embed_leaving_out(clips)  # (N, 1 + V, D)
        seen = Representation(left_out[:, 0], **self.trained.coordinates(clips))
        similarity = self._similarity(seen)
        results = []
        for i, row in enumerate(self._best_per_action(similarity)):
            order = np.argsort(-row, kind="stable")
            closest = [int(np.where(self.exemplars.label == k, similarity[i], -np.inf).argmax()) for k in order[:2]]
            without = self._leaving_out(seen[[i]], left_out[i, 1:], closest)  # (1 or 2, V)
            lead, rest = (column[0] - column[1:].sum(0) for column in (row[order[:2]], without))
            action = self.exemplars.class_names[order[0]] if row[order[0]] >= self.threshold else UNKNOWN
            ranking = tuple((self.exemplars.class_names[k], float(row[k])) for k in order)
            decided_by = on_own_joints(lead - rest, recorded, self.trained.layout)
            results.append(Recognition(str(clips.sample_id[i]), action, ranking, self.threshold, decided_by))
        return results

    def follow(self, recording: SkeletonSet | Recording, window: float = 0.0, step: float = 0.0) -> Timeline:
        """Slide a window over one long recording.

        Args:
            recording: one clip.
            window: seconds; 0: the median of the exemplars.
            step: seconds from one window to the next; 0: a quarter of the window.

        Returns:
            The similarity of every window to every action; `segments()` of it joins windows of the same action.

        Raises:
            TypeError: this is no clip.
            ValueError: these are several clips, or a window is too short or longer than the recording.
        """
        recording = fitting(recording, self.trained)
        if len(recording) != 1:
            raise ValueError(f"following needs one recording, got {len(recording)} clips; give them one by one")
        for what, seconds in {"window": window, "step": step}.items():
            if not isinstance(seconds, int | float | np.number) or not 0.0 <= seconds < np.inf:
                raise ValueError(f"{what} must be seconds, or 0 for the usual one; got {seconds!r}")
        window = window or float(np.median(self.exemplars.frames)) / self.exemplars.fps
        step = step or window / 4.0
        size, stride = round(window * recording.fps), max(1, round(step * recording.fps))
        total = int(recording.frames[0])
        if size < SHORTEST or size > total:
            raise ValueError(
                f"a window of {window:.2f} s is {size} frames; it needs {SHORTEST} at least and no more than the "
                f"recording's {total}: choose another with --window, in Python window="
            )
        last = total - size  # so that the last window ends with the recording
        starts = np.unique([*range(0, last, stride), last])
        scores = np.concatenate(
            [
                self._best_per_action(self._similarity(compared(self.trained, _cut(recording, some, size))))
                for some in np.split(starts, range(512, len(starts), 512))
            ]
        )
        seen = np.lib.stride_tricks.sliding_window_view(recording[0].any((0, 2, 3)), size)[starts]
        scores[seen.mean(1) < 0.5] = NOBODY
        return Timeline(
            starts / recording.fps, (starts + size) / recording.fps, scores, self.exemplars.class_names, self.threshold
        )

    @cached_property
    def _seen_exemplars(self) -> Representation:
        return compared(self.trained, self.exemplars)

    @cached_property
    def _exemplars_leaving_out(self) -> NDArray[np.floating]:
        return self.trained.embed_leaving_out(self.exemplars)[:, 1:]  # (E, V, D)

    def _similarity(self, seen: Representation) -> NDArray[np.floating]:
        """(N, E)."""
        return cosine_and_streams(self._seen_exemplars, seen)

    def _leaving_out(self, clip: Representation, z: NDArray[np.floating], closest: list[int]) -> NDArray[np.floating]:
        """(n, V) similarity of one clip to n exemplars without each joint. z: (V, D) of the clip without each joint."""
        cosine = (unit_rows(z) * unit_rows(self._exemplars_leaving_out[closest])).sum(-1)
        exemplars, layout = self._seen_exemplars[closest], self.trained.layout
        frames, coordinates = part(clip, "poses").shape[1:]
        joint_of = np.arange(coordinates) // self.trained.channels % layout.num_joints
        moving = shifted_streams_leaving_out(exemplars, clip[[0] * len(closest)], joint_of, layout.parents) / frames
        return mean_similarity(cosine, moving)

    def _best_per_action(self, similarity: NDArray[np.floating]) -> NDArray[np.floating]:
        columns = [similarity[..., self.exemplars.label == k].max(-1) for k in range(len(self.exemplars.class_names))]
        return np.stack(columns, axis=-1)


def enroll(action: str, clips: SkeletonSet | Recording, path: str | Path, either_side: bool = False) -> SkeletonSet:
    """Add clips of an action to the file of one's own actions.

    Clips are carried to the layout and the frames per second of the file; one that the action has already is not added
    again.

    Args:
        action: its name.
        clips: a set, or a recording, as `read_any` and `read_array` give it.
        path: the `.npz` file; made if there is none.
        either_side: the action stays the same with left and right swapped; then the mirror images are added, too.

    Returns:
        All clips of the file.

    Raises:
        TypeError: these are no clips, or the name is no text.
        ValueError: the file is no `.npz`; there is no clip, one is too short to show a motion, or another action has it
            already; or the name differs from an enrolled one in capital letters alone.
    """
    if not isinstance(action, str):
        raise TypeError(f"an action is given by its name, got {type(action).__name__}: {action!r}")
    if not action.strip() or action.strip() == UNKNOWN:
        raise ValueError(f"an action needs a name other than {action!r}")
    action, clips = _named(action), as_set(clips)
    path = expanded(path)
    if path.suffix.lower() != ".npz" and not path.exists():
        raise ValueError(f"actions are kept in a .npz file, got {path}; give {path.with_suffix('.npz')}")
    if not len(clips):
        raise ValueError(f"there is no clip to enroll as {action!r}; give one or more")
    _check_long_enough(clips)
    if either_side:
        clips = concatenate([clips, clips.mirrored()], clips.name)
    label = np.zeros(len(clips), dtype=np.int64)
    sets = [replace(clips, label=label, class_names=(action,), canonical_names=())]
    with _sole_writer(path):
        if path.is_file():
            kept = SkeletonSet.load(path)
            twins = [name for name in kept.class_names if name != action and name.casefold() == action.casefold()]
            if twins:
                raise ValueError(
                    f"{action!r} is enrolled as {twins[0]!r}; give the same name, or one that differs more"
                )
            sets = [kept, sets[0].at_rate(kept.fps)]
            _check_long_enough(sets[1])
        enrolled = _without_twins(concatenate(sets, path.stem), path)
        enrolled.save(path)
    return enrolled


def forget(action: str, path: str | Path) -> SkeletonSet | None:
    """Take an action out of the file of one's own actions; returns what is left: None and no file after the last one.

    Raises InputError for an action that is not there.
    """
    action, path = _named(action), expanded(path)
    with _sole_writer(path):
        kept = SkeletonSet.load(path)
        if action not in kept.class_names:
            has = ", ".join(kept.class_names)
            raise InputError(f"{path} has no action {action!r}{nearest(action, kept.class_names)} It has {has}")
        rest = kept.label != kept.class_names.index(action)
        if not rest.any():
            path.unlink()
            return None
        left = _without_empty_classes(kept.subset(rest))
        left.save(path)
    return left


def sample_files(task: Task, folder: Path, actions: int = 4) -> dict[str, Any]:
    """Write clips of the first novel classes as files, as if they were the reader's own.

    Returns, as notebook 06 takes them: "examples" (NAME=FILE;…), "queries" (FILE;…, one more class than was enrolled)
    and "recording", one clip of each action after another; with "truth", (start, end, action) in seconds, and
    "left_out", a sentence about clips too short to show a motion, or "". Raises ValueError if all are.
    """
    enough = task.novel.frames >= SHORTEST
    short = [str(sample_id) for sample_id in task.novel.sample_id[~enough]]
    if not enough.any():
        raise ValueError(
            f"no novel clip of {task.name} has the {SHORTEST} frames that an action needs; give files of your own as "
            f"examples, queries and recording, or a data set with longer clips"
        )
    novel = _without_empty_classes(task.novel.subset(np.flatnonzero(enough)))
    known = novel.class_names[:actions]
    examples, queries, parts = [], [], []
    for k, name in enumerate(novel.class_names[: actions + 1]):
        exemplar, query, other = np.resize(np.flatnonzero(novel.label == k), 3).tolist()
        queries.append(str(novel.subset([query]).save(folder / f"query_{k}.npz")))
        if name in known:
            file = novel.subset([exemplar]).save(folder / f"example_{k}.npz")
            examples.append(f"{name}={file}")
            parts.append(novel[other][:1])
    long = join_in_time([part[0] for part in parts], novel.layout)
    recording = SkeletonSet.build(
        long, [0, len(long)], [0], ["recording"], novel.layout, name="recording", fps=novel.fps
    )
    ends = np.cumsum([part.shape[1] for part in parts]) / novel.fps
    return {
        "truth": list(zip([0.0, *ends[:-1].tolist()], ends.tolist(), known, strict=True)),
        "examples": ";".join(examples),
        "queries": ";".join(queries),
        "recording": str(recording.save(folder / "recording.npz")),
        "left_out": f"left out {counted(len(short), 'clip')} of fewer than {SHORTEST} frames: {some_of(short)}"
        if short
        else "",
    }


def compared(trained: TrainedModel, clips: SkeletonSet) -> Representation:
    """What of clips is compared: features, poses and bones."""
    return Representation(trained.embed(clips), **trained.coordinates(clips))


def as_set(clips: SkeletonSet | Recording) -> SkeletonSet:
    """A recording, as `read_any` gives it, as a set of one clip. Raises TypeError for what is neither."""
    clips = clips.to_set() if isinstance(clips, Recording) else clips
    check_set(clips)
    return clips


def fitting(clips: SkeletonSet | Recording, trained: TrainedModel) -> SkeletonSet:
    """The clips in the model's layout (see `skeletons.retarget`); raises ValueError if the model cannot take them."""
    clips = as_set(clips)
    _check_long_enough(clips)
    clips = trained.in_layout(clips)
    trained.check(clips)
    return clips


def equal_error_threshold(quantiles: dict[str, Sequence[float]], actions: int) -> float:
    """Similarity at which refusing a known action and accepting an unknown one are equally likely.

    quantiles: as `trained.similarity_quantiles` makes them;  actions: K enrolled; an unknown clip is accepted if any of
    its K similarities is above. Returns −1, below every similarity, where there are none.
    """
    if not quantiles:
        return -1.0
    levels = np.linspace(0.0, 1.0, len(quantiles["same"]))
    candidates = np.linspace(-1.0, 1.0, 2001)
    refused = np.interp(candidates, quantiles["same"], levels)
    accepted = 1.0 - np.interp(candidates, quantiles["different"], levels) ** actions
    return float(candidates[np.abs(refused - accepted).argmin()])


def rival_similarity(similarity: NDArray[np.floating], label: NDArray[np.int64], share: float = 0.75) -> float:
    """The similarity that `share` of the exemplars do not reach with any of another action; −1 for one action.

    Each exemplar stands for a clip of an unknown action when its own is left out.  similarity: (E, E), label: (E,).
    """
    of_rivals = np.where(label[:, None] == label, -1.0, similarity)
    return float(np.quantile(of_rivals.max(1), share))


def _named(action: str) -> str:
    """The name that an action is kept under."""
    return " ".join(composed(action).split())


def _sole_writer(actions: Path) -> AbstractContextManager[None]:
    """No other process may change the file of actions between reading and writing it."""
    if actions.is_dir():
        raise InputError(f"{actions} is a folder; give the .npz file that keeps your actions")
    return sole_writer(actions.with_name(f".{actions.name}.lock"), actions, wait=True)


def _check_long_enough(clips: SkeletonSet) -> None:
    short = np.flatnonzero(clips.frames < SHORTEST)
    if len(short):
        i = int(short[0])
        raise ValueError(
            f"{clips.sample_id[i]} has {counted(clips.frames[i], 'frame')}, at {clips.fps:g} per second; an action "
            f"needs {SHORTEST} or more: give a longer clip"
        )
    for i, frames in enumerate(clips.frames):
        if (seen := int(clips[i].any((0, 2, 3)).sum())) < SHORTEST:
            raise ValueError(
                f"{clips.sample_id[i]}: somebody is seen in {seen} of {frames} frames; an action needs {SHORTEST} or "
                f"more: give a clip in which the person stays"
            )


def _without_twins(enrolled: SkeletonSet, path: Path) -> SkeletonSet:
    """Each clip once. Raises ValueError where two actions have the same one: nothing could tell them apart."""
    seen: dict[bytes, int] = {}
    for i in range(len(enrolled)):
        first = seen.setdefault(enrolled[i].tobytes(), i)
        if enrolled.label[first] != enrolled.label[i]:
            had, now = enrolled.class_of(first), enrolled.class_of(i)
            raise ValueError(
                f"{enrolled.sample_id[i]} is enrolled as {had!r} already, not as {now!r}, too; give another clip, or "
                f"take that action out first: {_forgets(had, path)}"
            )
    return enrolled.subset(list(seen.values()))


def check_threshold(threshold: object) -> None:
    """Raise TypeError or ValueError for what is no similarity."""
    number = isinstance(threshold, int | float | np.number)
    if not number or not -1.0 <= float(threshold) <= 1.0:  # type: ignore[arg-type]
        wrong = ValueError if number else TypeError
        raise wrong(f"threshold must be a similarity from -1 to 1, or None to find one; got {threshold!r}")


def check_duration(clips: SkeletonSet, trained: TrainedModel) -> None:
    """Raise ValueError for a clip much longer than any the model learned from: it holds more than one action."""
    longest = trained.details.get("seconds", [0.0, 0.0, float("inf")])[2]
    seconds = clips.frames / clips.fps
    if seconds.max() > 2.0 * longest:
        i = int(seconds.argmax())
        raise ValueError(
            f"{clips.sample_id[i]} lasts {seconds[i]:.0f} s, the longest clip the model learned from {longest:.0f} s; "
            f"follow it with a sliding window instead, in Python with follow (--stream), or give fps= where its "
            f"frames per second are not {clips.fps:g}"
        )


def join_in_time(clips: Sequence[NDArray[np.floating]], layout: Layout) -> NDArray[np.floating]:
    """Join clips (T, V, C) in time; each is moved to where the one before it ends, as nobody jumps through a room."""
    hips = [layout.index(hip) for hip in ("left hip", "right hip") if layout.has(hip)] or [layout.index(layout.root)]
    joined = [clips[0]]
    for clip in clips[1:]:
        shift = joined[-1][-1, hips].mean(0) - clip[0, hips].mean(0)
        joined.append(np.where(clip.any((1, 2), keepdims=True), clip + shift, 0.0))
    return np.concatenate(joined)


def _forgets(action: str, file: str | Path) -> str:
    """The command that takes an action out of the file, where one is known."""
    return shlex.join(["crossglg", "actions", "--forget", action, *(["--actions", str(file)] if str(file) else [])])


def _check_persons(exemplars: SkeletonSet, trained: TrainedModel, file: str | Path) -> None:
    many = np.flatnonzero(exemplars.persons > trained.persons)
    if len(many):
        action, persons = exemplars.class_of(int(many[0])), int(exemplars.persons[many[0]])
        raise InputError(
            f"the action {action!r} is enrolled with {persons} persons, the model knows {trained.persons}: take it out "
            f"with {_forgets(action, file)} and enroll it again with --person 1"
        )


def _without_empty_classes(clips: SkeletonSet) -> SkeletonSet:
    used, label = np.unique(clips.label, return_inverse=True)
    return replace(clips, label=label, class_names=tuple(clips.class_names[k] for k in used), canonical_names=())


def _cut(recording: SkeletonSet, starts: NDArray[np.int64], size: int) -> SkeletonSet:
    """The windows of one recording as clips of their own."""
    clip = recording[0]  # (M, T, V, C)
    windows = np.stack([clip[:, start : start + size] for start in starts])
    return SkeletonSet.build(
        windows.reshape(-1, *clip.shape[2:]), np.arange(len(starts) + 1) * len(clip) * size, [0] * len(starts),
        recording.class_names, recording.layout, name=recording.name, persons=np.full(len(starts), len(clip)),
        fps=recording.fps,
    )  # fmt: skip
