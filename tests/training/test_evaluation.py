"""What is said of a model that is evaluated on another task than its own."""

from __future__ import annotations

import pytest

from crossglg import Config, TrainedModel, evaluate
from crossglg.data import synthetic
from crossglg.data.tasks import split_task
from crossglg.training.trained_model import build_model


def test_novel_classes_that_the_model_has_learned_are_named() -> None:
    clips = synthetic.synthesize(seed=3, clips_per_action=2, actions=synthetic.ACTIONS[:6])
    names = clips.class_names
    own, other = (split_task(clips, novel, 5, "mine") for novel in (names[:2], names[1:4]))
    config, base = Config.create(frames=8, streams="joint", guidance="none", device="cpu"), own.base
    model = build_model(config, base.layout, 1, 3, len(base.class_names), text_width=0)
    trained = TrainedModel(model.eval(), config, base.layout, 1, 3, base.class_names, {})
    found = evaluate(trained, own)
    assert found.note == ""
    first, *results = repr(found).splitlines()
    assert first == "Evaluation of Task('mine': 4 base and 2 novel classes, 5 episodes)"
    assert results[0] == repr(found.one_shot["cosine"]) and "±" in results[0]
    assert len(results) == len(found.one_shot)
    told = f"2 of the 3 novel classes of mine are base classes of the model ({names[2]}, {names[3]}): it has learned"
    found = evaluate(trained, other)
    assert found.note.startswith(told) and repr(found).endswith(found.note)
    for episodes, note in ((1, "1 episode: one says nothing of"), (2, "2 episodes: the interval of so few is wide")):
        assert evaluate(trained, split_task(clips, names[:2], episodes, "mine")).note.startswith(note)
    with pytest.raises(TypeError, match="a trained model is expected, got NoneType"):
        evaluate(None)  # type: ignore[arg-type]
