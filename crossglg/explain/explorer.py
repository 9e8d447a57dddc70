"""The attention explorer: a clip beside the exemplars it was compared with, what the model looks at, and what came out.

Two lines: `from crossglg.explain.explorer import explore` and `explore(trained, clips)`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import numpy as np
from numpy.typing import NDArray

from crossglg.data.clips import SkeletonSet
from crossglg.explain.attention import (
    activation,
    attended_frames,
    attention_names,
    block_attention,
    gives_attention,
    received,
    text_attention,
)
from crossglg.files import write_file
from crossglg.one_shot import unit_rows
from crossglg.text.descriptions import Description, find_descriptions
from crossglg.text.embeddings import local_embeddings
from crossglg.text.key_joints import key_joint_target
from crossglg.training.trained_model import TrainedModel, check_model, check_set
from crossglg.viz.player import Maps, Panel, player, player_data, player_html

Models = Mapping[str, TrainedModel]
Sets = Mapping[str, SkeletonSet]
NOTHING, NEAREST, BOTH, ANOTHER = BESIDE = ("nothing", "nearest exemplar", "nearest and runner-up", "another choice")
ACTIVATION, RECEIVED, IMPORTANCE = "activation", "attention received", "joint importance"  # what the map shows
TEXT_NAMES = ("text → joint", "text → text")  # attention of the branch that met texts in training
STEPS = 8  # of attention over a clip, so that a page of the explorer stays small


def explore(
    models: TrainedModel | Models,
    clips: SkeletonSet | Sets,
    clip: int = 0,
    against: int | None = None,
    exemplars: SkeletonSet | None = None,
) -> Explorer:
    """Show in a notebook what a model looks at in a clip, which class it takes it for, and why it may be wrong.

    Args:
        models: a trained model, or several by name; all of one layout. With `TrainedModel.load(folder,
            text_branch=True)` the attention from texts to joints can be seen too.
        clips: a set of clips, or several by name. Clips of another layout are carried to that of the models.
        clip: number of the clip of the first set that is shown at first.
        against: number of another clip of that set, beside the first. None: of several models, the first and the last
            show the same clip; of one, its exemplars are shown beside it if they are given.
        exemplars: one clip of each class, which clips of the first set are compared with. None, and for further sets:
            the first clip of each class of the set.

    Returns:
        A widget. Its `player` has `frame`, `selected_joint`, `view` and more, which can be read and set.

    Raises:
        ValueError: there is no model or no clip, or the models differ in layout or cannot take the clips.
        IndexError: there is no clip of that number.
        TypeError: what is given is no model or no SkeletonSet.
    """
    models = dict(models) if isinstance(models, Mapping) else {"model": models}
    sets = dict(clips) if isinstance(clips, Mapping) else {getattr(clips, "name", "clips"): clips}
    for given in models.values():
        check_model(given)
    for some in (*sets.values(), *([] if exemplars is None else [exemplars])):
        check_set(some)
    if not models or not sets or not all(map(len, sets.values())):
        raise ValueError("the explorer needs a model at least, and a clip at least in every set")
    layout = next(iter(models.values())).layout
    for name, trained in models.items():
        if trained.layout.joints != layout.joints:
            raise ValueError(
                f"model {name!r} is of layout {trained.layout.name!r}, the first one of {layout.name!r}; "
                f"compare models of one layout"
            )
    supports = {name: some.subset(_first_of_each(some)) for name, some in sets.items()}
    if exemplars is not None:
        supports[next(iter(sets))] = exemplars
    for group in (sets, supports):
        for name, some in group.items():
            group[name] = some if some.layout.joints == layout.joints else some.retargeted(layout)
            for trained in models.values():
                trained.check(group[name])
    beside = NOTHING if exemplars is None else BOTH
    if against is not None or len(models) > 1:
        beside = ANOTHER
    return Explorer(models, sets, supports, clip, against, beside)


def _first_of_each(clips: SkeletonSet) -> NDArray[np.int64]:
    """The first clip of every class that is there."""
    return np.sort(np.unique(clips.label, return_index=True)[1])


def clip_names(clips: SkeletonSet) -> list[str]:
    """What to call clips: "person 18, camera 3, take 2" for an NTU name such as S001C003P018R002A097, else the name.

    The setup, S, is told where two clips of a class would have the same name.
    """
    found = [re.match(r"S(\d+)C(\d+)P(\d+)R(\d+)A\d+", str(name)) for name in clips.sample_id]
    parts = [match and tuple(map(int, match.groups())) for match in found]
    names = [
        f"person {p[2]}, camera {p[1]}, take {p[3]}" if p else str(name)
        for p, name in zip(parts, clips.sample_id, strict=True)
    ]
    keys = list(zip(names, clips.label.tolist(), strict=True))
    return [
        f"{name}, setup {p[0]}" if p and keys.count(key) > 1 else name
        for name, p, key in zip(names, parts, keys, strict=True)
    ]


@dataclass(frozen=True)
class Outcome:
    """What a clip was taken for.

    Attributes:
        exemplars: places of the nearest exemplar and of the nearest of another class, the best first.
        similarity: their cosines.
        predicted: the class of the nearest.
        right: whether that is the clip's class; None where no exemplar is of its class.
    """

    exemplars: tuple[int, ...]
    similarity: tuple[float, ...]
    predicted: str
    right: bool | None

    def __str__(self) -> str:
        return f"taken for {self.predicted!r}, cosine {self.similarity[0]:.2f}" + (
            "; its class has no exemplar" if self.right is None else ""
        )


def outcome(
    trained: TrainedModel, query: SkeletonSet, exemplars: SkeletonSet, stands_for: NDArray[np.floating] | None = None
) -> Outcome | None:
    """Which exemplar is nearest to one clip, by the cosine of representations; a clip is not compared with itself.

    stands_for: `trained.embed(exemplars)` where it is at hand. None is returned if no exemplar is left.
    """
    stands_for = trained.embed(exemplars) if stands_for is None else stands_for
    others = np.array([i for i in range(len(exemplars)) if not np.array_equal(exemplars[i], query[0])], dtype=np.int64)
    if not len(others):
        return None
    cosine = (unit_rows(stands_for) @ unit_rows(trained.embed(query))[0])[others]
    names = [exemplars.class_of(int(i)) for i in others]
    order = np.argsort(-cosine, kind="stable").tolist()
    best = [order[0], *[k for k in order if names[k] != names[order[0]]][:1]]
    own = query.class_of(0)
    return Outcome(
        tuple(int(others[k]) for k in best),
        tuple(float(cosine[k]) for k in best),
        names[best[0]],
        names[best[0]] == own if own in names else None,
    )


class Explorer(widgets.VBox):
    """Choices for one clip, and what is beside it, above the player. Made by `explore`.

    player: the widget, whose `frame`, `selected_joint`, `view`, … can be read and set;  choices: the two `Choice`;
    compare: what is shown beside the first, one of `BESIDE`;  outcome: what its clip was taken for.
    """

    def __init__(self, models: Models, sets: Sets, supports: Sets, clip: int, against: int | None, beside: str) -> None:
        names = list(models)
        self.skeleton = models[names[0]].layout
        self.supports = supports
        self.embedded: dict[tuple[str, str], NDArray[np.float32]] = {}  # exemplars, by model and set
        self.outcome: Outcome | None = None
        self.compare = widgets.Dropdown(description="beside it", options=BESIDE, value=beside, **_narrow())
        self.choices = (
            Choice(models, sets, names[0], clip, self._redraw),
            Choice(
                models, sets, names[-1 if against is None else 0], clip if against is None else against, self._redraw
            ),
        )
        self.player = player(self.panels(), self.skeleton)
        self.player.block = min(self.choices[0].block.value, len(self.choices[0].trained.model.encoder.blocks))
        self.compare.observe(self._redraw, "value")
        self._show_choices()
        super().__init__([self.choices[0], self.compare, self.choices[1], self.player])

    def panels(self) -> list[Panel]:
        """What is shown, as the player takes it: the chosen clip first, with what it was taken for."""
        first, beside = self.choices[0], self.compare.value
        exemplars, at = self.supports[first.data.value], (first.model.value, first.data.value)
        if at not in self.embedded:
            self.embedded[at] = first.trained.embed(exemplars)
        asked = first.clips.subset([first.clip.value])
        self.outcome = found = outcome(first.trained, asked, exemplars, self.embedded[at])
        query = first.panel()
        if found is not None:
            verdict = "" if found.right is None else "right" if found.right else "wrong"
            query = replace(query, subtitle=str(found), verdict=verdict)
        if beside == ANOTHER:
            return [query, self.choices[1].panel()]
        places = () if found is None or beside == NOTHING else found.exemplars[: 1 + (beside == BOTH)]
        roles = ("nearest exemplar", "runner-up")
        return [query] + [
            replace(first.panel_of(exemplars, place, attention=False), subtitle=f"{role}, cosine {cosine:.2f}")
            for place, role, cosine in zip(places, roles, found.similarity if found else (), strict=False)
        ]

    def save(self, path: str | Path) -> Path:
        """Write what is shown as one HTML page that plays without Python and without a network."""
        return write_file(path, player_html(self.panels(), self.skeleton))

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        return super()._repr_mimebundle_(**kwargs) | self.player.still()

    def _redraw(self, _: object = None) -> None:
        self._show_choices()
        data = player_data(self.panels(), self.skeleton)
        with self.player.hold_sync():  # the browser gets both at once
            self.player.frame = min(self.player.frame, data["frames"] - 1)
            self.player.data = data

    def _show_choices(self) -> None:
        self.choices[1].layout.display = "flex" if self.compare.value == ANOTHER else "none"


class Choice(widgets.HBox):
    """Dropdowns for what one panel shows. Calls `changed` once after every change, whatever else follows from it."""

    def __init__(self, models: Models, sets: Sets, model: str, clip: int, changed: Callable[[], None]) -> None:
        self.models, self.sets, self.changed, self.filling = models, sets, changed, True
        names = ("model", "data", "action", "clip", "map", "block", "stream", "attention")
        boxes = [widgets.Dropdown(description=name, **_narrow()) for name in names]
        self.model, self.data, self.action, self.clip, self.map, self.block, self.stream, self.attention = boxes
        follows = {self.model: self._fill_model, self.data: self._fill_data, self.action: self._fill_action}
        for box in boxes:
            box.observe(lambda change: self._follow(follows.get(change["owner"])), "value")
        _offer(self.model, list(models))
        _offer(self.data, list(sets))
        self.model.value = model
        self._fill_model()
        self._fill_data()
        if isinstance(clip, str):
            raise TypeError(f"clip must be a number counted from 0, got {clip!r}; clips.where(classes=[NAME]) finds it")
        if not -len(self.clips) <= clip < len(self.clips):
            raise IndexError(f"{self.clips.name} has no clip {clip}: it has {len(self.clips)}, counted from 0")
        clip %= len(self.clips)  # −1 is the last one
        self.action.value = int(self.clips.label[clip])
        self._fill_action()
        self.clip.value = clip
        self.filling = False
        shown = [box for box in boxes if box not in (self.model, self.data) or len(box.options) > 1]
        super().__init__(shown, layout=widgets.Layout(flex_flow="row wrap"))

    @property
    def trained(self) -> TrainedModel:
        """The model that is chosen."""
        return self.models[self.model.value]

    @property
    def clips(self) -> SkeletonSet:
        """The clips to choose from."""
        return self.sets[self.data.value]

    def panel(self) -> Panel:
        """The chosen clip, as `panel_of`."""
        return self.panel_of(self.clips, self.clip.value)

    def panel_of(self, clips: SkeletonSet, place: int, attention: bool = True) -> Panel:
        """A clip with joint importance beside k_gt, the chosen map over time, attention, and the texts of its class.

        Joint importance is that of all streams, also where activation is that of one. For a model without joint
        importance the bars show how what the map shows is shared among the joints.
        """
        clip, whose = clips.subset([place]), self.model.value if len(self.models) > 1 else ""
        over_time, what = self._over_time(clip, whose)
        if self.trained.model.joint_importance is not None:
            importance, of = self.trained.joint_importance(clip)[0], "joint importance"
        else:
            importance, of = over_time.mean(0) / max(over_time.mean(0).sum(), 1e-12), f"share of {what}"
        title = " · ".join(filter(None, (clip.class_of(0), clip_names(clips)[place], whose)))
        described = self._description(clip.class_of(0))
        layout = clip.layout
        return Panel(
            clip[0], importance, over_time, title, clip.fps, attended_frames(clip, 0), of, what,
            joint_texts=dict(zip(layout.joints, described.joint_texts(layout), strict=True)) if described else {},
            target=key_joint_target(described.key_joints, layout) if described else None,
            attention=self._maps(clip, described) if attention else None,
        )  # fmt: skip

    def _over_time(self, clip: SkeletonSet, whose: str) -> tuple[NDArray[np.floating], str]:
        """(T', V) and what it is."""
        block, stream = self.block.value, self.stream.value
        if self.map.value == IMPORTANCE:
            per = self.trained.config.importance_per
            return self.trained.importance_over_time(clip)[0], f"joint importance per {per}"
        if self.map.value == RECEIVED:
            found = block_attention(self.trained, clip)[block - 1]
            values, what = received(found[attention_names([found])[0]])[0], f"attention received in block {block}"
            return values, what + (f" ({whose})" if whose else "")
        remarks = ", ".join(filter(None, (stream and f"{stream} stream alone", whose)))
        what = f"activation of block {block}" + (f" ({remarks})" if remarks else "")
        return activation(self.trained, clip, block, stream)[0], what

    def _maps(self, clip: SkeletonSet, described: Description | None) -> Maps | None:
        """The chosen attention; None where the model tells none, or a class without a description has no texts."""
        name = self.attention.value
        if name in TEXT_NAMES:
            if described is None:
                return None
            local = local_embeddings([described], clip.layout, self.trained.config.text_encoder)
            texts = text_attention(self.trained, clip, local)
            return Maps([block[name] for block in texts], f"{name} (training branch)", rows="text")
        if not gives_attention(self.trained):
            return None
        found = block_attention(self.trained, clip)
        return Maps([_coarser(block[name][0], STEPS) for block in found], name)

    def _description(self, action: str) -> Description | None:
        """Texts are for the reader, the model does not get them; a class that nobody described can be looked at too."""
        try:
            (found,) = find_descriptions([action], self.clips.layout, self.trained.config.descriptions, self.clips.name)
        except ValueError:
            return None
        return found

    def _follow(self, fill: Callable[[], None] | None) -> None:
        if self.filling:
            return
        self.filling = True
        try:
            if fill is not None:
                fill()
        finally:
            self.filling = False
        self.changed()

    def _fill_model(self) -> None:
        trained = self.trained
        blocks, streams = len(trained.model.encoder.blocks), trained.config.streams.split("+")
        _offer(self.block, [(f"{block} of {blocks}", block) for block in range(1, blocks + 1)])
        self.block.value = trained.model.importance_after_block  # whose features joint importance is read from
        _offer(self.stream, [("all", ""), *((f"{name} alone", name) for name in streams if len(streams) > 1)])
        tells = gives_attention(trained)
        per_time = trained.model.joint_importance is not None and trained.config.importance_per != "clip"
        _offer(self.map, [ACTIVATION, *[RECEIVED] * tells, *[IMPORTANCE] * per_time])
        any_clip = next(iter(self.sets.values())).subset([0])
        names = attention_names(block_attention(trained, any_clip)) if tells else []
        _offer(self.attention, [*names, *(TEXT_NAMES if trained.model.cross_modal is not None else ())])

    def _fill_data(self) -> None:
        present = np.unique(self.clips.label).tolist()
        _offer(self.action, [(self.clips.class_names[k], k) for k in present])
        self._fill_action()

    def _fill_action(self) -> None:
        chosen, names = np.flatnonzero(self.clips.label == self.action.value).tolist(), clip_names(self.clips)
        _offer(self.clip, [(names[i], i) for i in chosen])


def _coarser(values: NDArray[np.floating], steps: int) -> NDArray[np.floating]:
    """(S, …) → (at most `steps`, …): means of neighboring time steps."""
    parts = np.array_split(values, min(steps, len(values)))
    return np.stack([part.mean(0) for part in parts])


def _narrow() -> dict[str, Any]:
    """A dropdown as wide as its longest option."""
    return {"layout": widgets.Layout(width="auto", align_self="flex-start"), "style": {"description_width": "auto"}}


def _offer(box: widgets.Dropdown, options: list[Any]) -> None:
    """New options, the first one chosen; a box that was empty would choose none."""
    box.options, box.index = options, 0 if options else None
