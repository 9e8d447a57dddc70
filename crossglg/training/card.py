"""The card that lies beside every saved model."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crossglg.training.trained_model import TrainedModel


def model_card(trained: TrainedModel) -> str:
    """A model card in Markdown: what the model is, what it was trained on, what it may be used for."""
    d, c = trained.details, trained.config
    settings = json.dumps(c.to_dict(), indent=1)
    if "imported_from" in d:
        return f"""# {c.encoder}, published weights

Imported from {d["imported_from"]} (sha256 {d["sha256"]}): {trained.layout.name}, {trained.layout.num_joints} joints,
{trained.channels}-D, up to {trained.persons} person(s). What it was trained on is not in the file: classes, clips or
texts that are novel in a benchmark may have been among them, and then its accuracy there says nothing about one-shot
recognition.

- parameters at inference: {trained.num_parameters:,}
- left out of the file: {", ".join(d["left_out"]) or "nothing"}

Classes: {", ".join(trained.class_names) or "none (the file has no classifier of this kind)"}

```json
{settings}
```
"""
    validation, accuracy = "no clips for validation", "the last one, as there were no validation clips"
    if d["validation_clips"]:
        validation = f"{d['validation_clips']} more for validation, which chose the epoch"
        accuracy = f"accuracy on validation clips {d['validation_accuracy']:.3f}"
    seen = "It has seen no clip, label or text of a novel class."
    if not trained.past_is_known:
        seen = "What its initial weights have learned is not known; classes that are novel here may be among it."
    return f"""# {c.encoder}, guidance "{c.guidance}"

CrossGLG model for one-shot recognition of human actions from skeletons ({trained.layout.name},
{trained.layout.num_joints} joints, {trained.channels}-D, up to {trained.persons} person(s)).

- data: {d["data"]}, {d["training_clips"]} base clips of {len(trained.class_names)} classes, \
{validation}
- objective: {c.objective}
- initial weights: {c.initial_weights or "new"}
- texts: {", ".join(d["texts"]) or "none"}; text encoder {c.text_encoder}; used: {c.text_source}
- parameters at inference: {trained.num_parameters:,}
- chosen epoch: {d["chosen_epoch"] + 1} of {c.epochs}, {accuracy}
- seed {c.seed}; torch {d["torch"]}; crossglg {d["crossglg"]}

{seen} It recognizes motions, not persons or intentions; it was not tested
for medical or safety decisions.

Base classes: {", ".join(trained.class_names)}

```json
{settings}
```
"""
