"""The attention explorer: choose model, clip, block and stream in a notebook and see which joints the model looks at.

Two lines: `from crossglg.explain.explorer import explore` and `explore(trained, clips)`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import numpy as np

from crossglg.data.clips import SkeletonSet
from crossglg.explain.attention import activation, attended_frames
from crossglg.files import write_atomically
from crossglg.text.descriptions import find_descriptions
from crossglg.training.trained_model import TrainedModel
from crossglg.viz.player import Panel, player, player_data, player_html

Models = Mapping[str, TrainedModel]
Sets = Mapping[str, SkeletonSet]


def explore(
    models: TrainedModel | Models, clips: SkeletonSet | Sets, clip: int = 0, against: int | None = None
) -> Explorer:
    """Show in a notebook which joints a model attends to in a clip, with choices for model, clip, block and stream.

    Args:
        models: a trained model, or several by name; all of one layout.
        clips: a set of clips, or several by name. Clips of another layout are carried to that of the models.
        clip: number of the clip of the first set that is shown at first.
        against: number of another clip of that set, beside the first. None: of several models, the first and the last
            show the same clip; of one, nothing is shown beside it.

    Returns:
        A widget. Its `player` has `frame` and `selected_joint`, which can be read and set.

    Raises:
        ValueError: there is no model or no clip, or the models differ in layout or cannot take the clips.
        IndexError: there is no clip of that number.
    """
    models = {"model": models} if isinstance(models, TrainedModel) else dict(models)
    sets = {clips.name: clips} if isinstance(clips, SkeletonSet) else dict(clips)
    if not models or not sets or not all(map(len, sets.values())):
        raise ValueError("the explorer needs a model at least, and a clip at least in every set")
    layout = next(iter(models.values())).layout
    for name, trained in models.items():
        if trained.layout.joints != layout.joints:
            raise ValueError(
                f"model {name!r} is of layout {trained.layout.name!r}, the first one of {layout.name!r}; "
                f"compare models of one layout"
            )
    for name, some in sets.items():
        sets[name] = some if some.layout.joints == layout.joints else some.retargeted(layout)
        for trained in models.values():
            trained.check(sets[name])
    return Explorer(models, sets, clip, against)


class Explorer(widgets.VBox):
    """Choices for one clip, and for another beside it, above the player. Made by `explore`.

    player: the widget, whose `frame` and `selected_joint` can be read and set;  choices: the two `Choice`;
    compare: whether the second one is shown.
    """

    def __init__(self, models: Models, sets: Sets, clip: int, against: int | None) -> None:
        names = list(models)
        self.skeleton = models[names[0]].layout
        two = against is not None or len(names) > 1
        self.compare = widgets.Checkbox(description="another one beside it", value=two, indent=False)
        self.choices = (
            Choice(models, sets, names[0], clip, self._redraw),
            Choice(
                models, sets, names[-1 if against is None else 0], clip if against is None else against, self._redraw
            ),
        )
        self.player = player(self.panels(), self.skeleton)
        self.compare.observe(self._redraw, "value")
        self._show_choices()
        super().__init__([self.choices[0], self.compare, self.choices[1], self.player])

    def panels(self) -> list[Panel]:
        """What is shown, as the player takes it."""
        return [choice.panel() for choice in self.choices[: 1 + self.compare.value]]

    def save(self, path: str | Path) -> Path:
        """Write what is shown as one HTML page that plays without Python and without a network."""
        page = player_html(self.panels(), self.skeleton)
        return write_atomically(Path(path), lambda file: file.write(page.encode()))

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        return super()._repr_mimebundle_(**kwargs) | self.player.still()

    def _redraw(self, _: object = None) -> None:
        self._show_choices()
        data = player_data(self.panels(), self.skeleton)
        with self.player.hold_sync():  # the browser gets both at once
            self.player.frame = min(self.player.frame, data["frames"] - 1)
            self.player.data = data

    def _show_choices(self) -> None:
        self.choices[1].layout.display = "flex" if self.compare.value else "none"


class Choice(widgets.HBox):
    """Dropdowns for what one panel shows. Calls `changed` once after every change, whatever else follows from it."""

    def __init__(self, models: Models, sets: Sets, model: str, clip: int, changed: Callable[[], None]) -> None:
        self.models, self.sets, self.changed, self.filling = models, sets, changed, True
        boxes = [
            widgets.Dropdown(description=name, layout=widgets.Layout(width="auto"), style={"description_width": "auto"})
            for name in ("model", "data", "action", "clip", "block", "stream")
        ]
        self.model, self.data, self.action, self.clip, self.block, self.stream = boxes
        follows = {self.model: self._fill_model, self.data: self._fill_data, self.action: self._fill_action}
        for box in boxes:
            box.observe(lambda change: self._follow(follows.get(change["owner"])), "value")
        _offer(self.model, list(models))
        _offer(self.data, list(sets))
        self.model.value = model
        self._fill_model()
        self._fill_data()
        clip = range(len(self.clips))[clip]  # raises IndexError; −1 is the last one
        self.action.value = int(self.clips.label[clip])
        self._fill_action()
        self.clip.value = clip
        self.filling = False
        shown = [box for box in boxes if box not in (self.model, self.data) or len(box.options) > 1]
        super().__init__(shown, layout=widgets.Layout(flex_flow="row wrap"))

    @property
    def trained(self) -> TrainedModel:
        return self.models[self.model.value]

    @property
    def clips(self) -> SkeletonSet:
        return self.sets[self.data.value]

    def panel(self) -> Panel:
        """The chosen clip with joint importance, activation over time, and the texts of its class if it has any.

        Joint importance is that of all streams, also where activation is that of one. For a model without
        joint importance the bars show how its activation is shared among the joints.
        """
        clip, block, stream = self.clips.subset([self.clip.value]), self.block.value, self.stream.value
        over_time = activation(self.trained, clip, block, stream)[0]  # (T', V)
        one_stream, whose = stream and f"{stream} stream alone", self.model.value if len(self.models) > 1 else ""
        remarks = ", ".join(filter(None, (one_stream, whose)))
        what = f"activation of block {block}" + (f" ({remarks})" if remarks else "")
        if self.trained.model.joint_importance is not None:
            importance, of = self.trained.joint_importance(clip)[0], "joint importance"
        else:
            importance, of = over_time.mean(0) / max(over_time.mean(0).sum(), 1e-12), f"share of {what}"
        title = " · ".join(filter(None, (clip.class_of(0), str(clip.sample_id[0]), whose)))
        span = attended_frames(clip, 0)
        return Panel(clip[0], importance, over_time, title, clip.fps, span, of, what, self._texts(clip.class_of(0)))

    def _texts(self, action: str) -> dict[str, str]:
        """Joint → text; these are for the reader, the model does not get them."""
        layout = self.clips.layout
        try:
            (found,) = find_descriptions([action], layout, self.trained.config.descriptions, self.clips.name)
        except ValueError:
            return {}  # a class that nobody described can be looked at too
        return dict(zip(layout.joints, found.joint_texts(layout), strict=True))

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
        blocks, streams = len(self.trained.model.encoder.blocks), self.trained.config.streams.split("+")
        _offer(self.block, [(f"{block} of {blocks}", block) for block in range(1, blocks + 1)])
        self.block.value = self.trained.model.importance_after_block  # whose features joint importance is read from
        _offer(self.stream, [("all", ""), *((f"{name} alone", name) for name in streams if len(streams) > 1)])

    def _fill_data(self) -> None:
        present = np.unique(self.clips.label).tolist()
        _offer(self.action, [(self.clips.class_names[k], k) for k in present])
        self._fill_action()

    def _fill_action(self) -> None:
        chosen = np.flatnonzero(self.clips.label == self.action.value).tolist()
        _offer(self.clip, [(str(self.clips.sample_id[i]), i) for i in chosen])


def _offer(box: widgets.Dropdown, options: list[Any]) -> None:
    """New options, the first one chosen; a box that was empty would choose none."""
    box.options, box.index = options, 0
