"""From action names to a description file: both prompts asked of a language model, answers validated and repaired."""

from __future__ import annotations

import datetime
import json
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any, Self, TypeVar

from pydantic import BaseModel, ValidationError, ValidationInfo, model_validator
from tqdm.auto import tqdm

from crossglg.skeletons import Layout
from crossglg.text.descriptions import Description, DescriptionFile
from crossglg.text.key_joints import find_key_joints
from crossglg.text.llm import Client, KeyRefused
from crossglg.text.prompts import Prompt, load_prompt
from crossglg.text.samples import merge_samples

Answer = TypeVar("Answer", bound=BaseModel)

_TOLD_REASONS = 5  # failed actions whose reason a message tells; the others are only named


class GlobalAnswer(BaseModel):
    """Validated for a layout: only its joints remain key; if the model names none, those that its text names."""

    description: str
    key_joints: list[str] = []

    @model_validator(mode="after")
    def _fit(self, info: ValidationInfo) -> Self:
        layout: Layout = info.context  # type: ignore[assignment]
        named = {joint.strip().lower() for joint in self.key_joints}
        self.key_joints = [j for j in layout.joints if j in named] or list(find_key_joints(self.description, layout))
        if not self.description.strip():
            raise ValueError("the description is empty")
        if not self.key_joints:
            raise ValueError("neither key_joints nor the description names a joint of the list")
        return self


class JointsAnswer(BaseModel):
    """Validated for a layout: every joint has a text."""

    joints: dict[str, str]

    @model_validator(mode="after")
    def _complete(self, info: ValidationInfo) -> Self:
        layout: Layout = info.context  # type: ignore[assignment]
        missing = [joint for joint in layout.joints if not self.joints.get(joint, "").strip()]
        if missing:
            raise ValueError(f"it lacks the joints {', '.join(missing)}")
        return self


def describe(
    actions: Sequence[str],
    layout: Layout,
    client: Client,
    concurrency: int = 4,
    global_prompt: str | Path = "global",
    joints_prompt: str | Path = "joints",
    samples: int = 1,
) -> DescriptionFile:
    """Ask both prompts for every action and return the validated descriptions with their provenance.

    samples: so many answers per action, merged as `crossglg.text.samples` says; they need a temperature above 0.
    Raises KeyRefused at the first refusal of the key, else ValueError naming the actions that failed at the end;
    everything answered before stays in the client's store.
    """
    if samples < 1 or (samples > 1 and client.temperature <= 0):
        raise ValueError(
            f"samples={samples} must be at least 1, and several need a temperature above 0, e.g. 0.7: "
            "at 0 they would all be the same"
        )
    prompts = {"global": load_prompt(global_prompt), "joints": load_prompt(joints_prompt)}
    unique = list(dict.fromkeys(actions))
    described: dict[tuple[str, int], Description] = {}
    failed: dict[str, str] = {}
    with ThreadPoolExecutor(concurrency) as pool:
        jobs = {
            pool.submit(_describe_one, action, layout, client, prompts, k): (action, k)
            for action in unique
            for k in range(samples)
        }
        try:
            for job in tqdm(as_completed(jobs), total=len(jobs), desc="describing", unit="description"):
                try:
                    described[jobs[job]] = job.result()
                except KeyRefused:
                    raise
                except ValueError as error:
                    failed[jobs[job][0]] = str(error)
        finally:
            pool.shutdown(cancel_futures=True)  # interrupted: ask, and pay for, no more than what is under way
    if failed:
        raise ValueError(_failure({action: failed[action] for action in unique if action in failed}, len(unique)))
    classes = {action: merge_samples([described[action, k] for k in range(samples)]) for action in unique}
    return DescriptionFile(layout, _provenance(client, prompts, samples), classes)


def preview(
    actions: Sequence[str],
    layout: Layout,
    global_prompt: str | Path = "global",
    joints_prompt: str | Path = "joints",
) -> tuple[list[str], int]:
    """The prompts that `describe` would send for one sample, and a rough count of their tokens (4 characters each)."""
    prompts = [load_prompt(global_prompt), load_prompt(joints_prompt)]
    texts = [prompt.render(action, layout.joints) for action in dict.fromkeys(actions) for prompt in prompts]
    return texts, sum(map(len, texts)) // 4


def _provenance(client: Client, prompts: dict[str, Prompt], samples: int) -> dict[str, Any]:
    parameters: dict[str, Any] = {"temperature": client.temperature}
    if client.temperature_refused:
        parameters = {"temperature": None, "temperature_refused": client.temperature}
    return {
        "author": "language model",
        "model": client.model,
        "date": datetime.date.today().isoformat(),
        "prompts": {name: prompt.sha256 for name, prompt in prompts.items()},
        "parameters": parameters | ({"samples": samples} if samples > 1 else {}),
    }


def _failure(failed: dict[str, str], number: int) -> str:
    """All failed actions, the first few with the reason."""
    told = [f"{action!r}: {why}" for action, why in list(failed.items())[:_TOLD_REASONS]]
    others = [repr(action) for action in list(failed)[_TOLD_REASONS:]]
    more = [f"and {', '.join(others)}"] if others else []
    return "\n  ".join([f"{len(failed)} of {number} actions failed:", *told, *more]) + "\nrun again to go on"


def _describe_one(
    action: str, layout: Layout, client: Client, prompts: dict[str, Prompt], sample: int = 0
) -> Description:
    questions = {name: prompt.render(action, layout.joints) for name, prompt in prompts.items()}
    overall = _answer(client, questions["global"], GlobalAnswer, _global_schema(layout), layout, sample)
    local = _answer(client, questions["joints"], JointsAnswer, _joints_schema(layout), layout, sample)
    joints = {joint: local.joints[joint] for joint in layout.joints}
    return Description(action, overall.description, tuple(overall.key_joints), joints, layout)


def _answer(
    client: Client, prompt: str, kind: type[Answer], schema: dict[str, Any], layout: Layout, sample: int
) -> Answer:
    """Ask, validate, and once ask to repair. An answer that stays wrong is put aside, to be asked anew next time."""
    messages = [{"role": "user", "content": prompt}]
    stored: list[Path] = []
    for _ in range(2):
        text, path = client.ask(messages, schema, sample)
        stored.append(path)
        try:
            return _validate(text, kind, layout)
        except ValueError as error:
            problem = str(error)
        messages = [
            *messages,
            {"role": "assistant", "content": text},
            {"role": "user", "content": f"That answer cannot be used: {problem}. Answer again with the JSON only."},
        ]
    for path in stored:
        os.replace(path, path.with_suffix(".unusable.json"))
    raise ValueError(f"no usable answer after one repair ({problem})")


def _validate(text: str, kind: type[Answer], layout: Layout) -> Answer:
    """The last object of the text that fits: what thoughts draft comes before the answer."""
    problem = "it holds no complete JSON object"
    for candidate in reversed(list(json_objects(text))):
        try:
            return kind.model_validate(candidate, context=layout)
        except ValidationError as error:
            problem = "; ".join(f"{'.'.join(map(str, e['loc']))} {e['msg']}".strip() for e in error.errors()[:3])
    raise ValueError(problem)


def json_objects(text: str) -> Iterator[dict[str, Any]]:
    """Every JSON object in a text, outermost first: answers come wrapped in prose, code fences or thoughts."""
    start = text.find("{")
    while start >= 0:
        try:
            value, end = json.JSONDecoder(strict=False).raw_decode(text, start)
        except json.JSONDecodeError:
            end = start + 1
        else:
            yield value
        start = text.find("{", end)


def _global_schema(layout: Layout) -> dict[str, Any]:
    key_joints = {"type": "array", "items": {"type": "string", "enum": list(layout.joints)}}
    return _object({"description": {"type": "string"}, "key_joints": key_joints})


def _joints_schema(layout: Layout) -> dict[str, Any]:
    return _object({"joints": _object({joint: {"type": "string"} for joint in layout.joints})})


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
