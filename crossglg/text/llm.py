"""Asking a language model for descriptions: the only module that may use the network.

Any OpenAI-compatible server works. Every answer is stored the moment it arrives, keyed by the exact question, so a run
that was killed continues without asking, or paying, twice. The key comes from the environment and is never written.
"""

from __future__ import annotations

import datetime
import json
import os
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypeVar

from pydantic import BaseModel, ValidationError, ValidationInfo, model_validator
from tqdm.auto import tqdm

from crossglg.files import cache_folder, read_json, sha256, write_json
from crossglg.skeletons import Layout
from crossglg.text.descriptions import Description, DescriptionFile
from crossglg.text.key_joints import find_key_joints
from crossglg.text.prompts import Prompt, load_prompt

KEY_VARIABLE = "OPENAI_API_KEY"
_FORMATS = ("json_schema", "json_object", "text")  # how strictly an answer's form is asked for, strictest first
_RATHER_PLAINER = (400, 404, 422, 500)  # what servers answer to a response_format they do not know

Answer = TypeVar("Answer", bound=BaseModel)


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


@dataclass
class Client:
    """An OpenAI-compatible server and model, with the store of its answers.

    base_url: empty for OpenAI itself, else e.g. http://localhost:11434/v1 (Ollama).  temperature: sampling.
    Raises ValueError when OpenAI itself is asked without a key in the environment.
    """

    model: str
    base_url: str = ""
    temperature: float = 0.0
    timeout: float = 60.0
    retries: int = 5
    store: Path = field(default_factory=lambda: cache_folder() / "llm")
    tokens: int = 0
    _plainness: int = 0  # position in _FORMATS: the strictest form that the server has not refused

    def __post_init__(self) -> None:
        key = os.environ.get(KEY_VARIABLE, "")
        if not key and not self.base_url:
            raise ValueError(f"set {KEY_VARIABLE} in the environment, or give the base_url of a local server")
        from openai import OpenAI

        self._client = OpenAI(
            api_key=key or "none", base_url=self.base_url or None, timeout=self.timeout, max_retries=self.retries
        )

    def ask(self, messages: list[dict[str, str]], schema: dict[str, Any]) -> tuple[str, Path]:
        """The model's answer to a conversation, from the store if it was asked before, and where it is stored."""
        question = {"model": self.model, "temperature": self.temperature, "messages": messages}
        path = self.store / f"{sha256(json.dumps(question, sort_keys=True))[:32]}.json"
        if path.is_file():
            return read_json(path)["answer"], path
        answer = self._request(messages, schema)
        write_json(path, {**question, "answer": answer, "date": datetime.date.today().isoformat()})
        return answer, path

    def _request(self, messages: list[dict[str, str]], schema: dict[str, Any]) -> str:
        from openai import APIStatusError, OpenAIError

        while True:
            plainness = self._plainness
            try:
                response = self._client.chat.completions.create(
                    model=self.model,
                    messages=messages,  # type: ignore[arg-type]
                    temperature=self.temperature,
                    **_response_format(_FORMATS[plainness], schema),
                )  # type: ignore[call-overload]
            except APIStatusError as error:
                if error.status_code in _RATHER_PLAINER and plainness + 1 < len(_FORMATS):
                    # This server does not know the form: plainer from now on (another thread may have found out too).
                    self._plainness = max(self._plainness, plainness + 1)
                    continue
                raise ValueError(f"{self.model} answered {error.status_code}: {_redact(str(error))}") from None
            except OpenAIError as error:
                raise ValueError(f"{self.base_url or 'OpenAI'} cannot be asked: {_redact(str(error))}") from None
            try:
                answer = response.choices[0].message.content or ""
            except (AttributeError, IndexError, TypeError):  # a web page, or an error sent with status 200
                raise ValueError(
                    f"{self.base_url or 'OpenAI'} sent no chat completion; is the base_url right?"
                ) from None
            if response.usage:
                self.tokens += response.usage.total_tokens or 0
            return answer


def describe(
    actions: Sequence[str],
    layout: Layout,
    client: Client,
    concurrency: int = 4,
    global_prompt: str | Path = "global",
    joints_prompt: str | Path = "joints",
) -> DescriptionFile:
    """Ask both prompts for every action and return the validated descriptions with their provenance.

    Raises ValueError naming the actions that failed; everything answered before stays in the client's store.
    """
    prompts = {"global": load_prompt(global_prompt), "joints": load_prompt(joints_prompt)}
    described: dict[str, Description] = {}
    failed: dict[str, str] = {}
    with ThreadPoolExecutor(concurrency) as pool:
        jobs = {
            pool.submit(_describe_one, action, layout, client, prompts): action for action in dict.fromkeys(actions)
        }
        try:
            for job in tqdm(as_completed(jobs), total=len(jobs), desc="describing", unit="action"):
                try:
                    described[jobs[job]] = job.result()
                except ValueError as error:
                    failed[jobs[job]] = str(error)
        finally:
            pool.shutdown(cancel_futures=True)  # interrupted: ask, and pay for, no more than what is under way
    if failed:
        action, why = next(iter(failed.items()))
        raise ValueError(f"{len(failed)} of {len(actions)} actions failed, first {action!r}: {why}; run again to go on")
    provenance = {
        "author": "language model",
        "model": client.model,
        "date": datetime.date.today().isoformat(),
        "prompts": {name: prompt.sha256 for name, prompt in prompts.items()},
        "parameters": {"temperature": client.temperature},
    }
    return DescriptionFile(layout, provenance, {action: described[action] for action in actions})


def preview(actions: Sequence[str], layout: Layout) -> tuple[list[str], int]:
    """The prompts that `describe` would send, and a rough count of their tokens (four characters each)."""
    texts = [load_prompt(name).render(action, layout.joints) for action in actions for name in ("global", "joints")]
    return texts, sum(map(len, texts)) // 4


def _describe_one(action: str, layout: Layout, client: Client, prompts: dict[str, Prompt]) -> Description:
    questions = {name: prompt.render(action, layout.joints) for name, prompt in prompts.items()}
    overall = _answer(client, questions["global"], GlobalAnswer, _global_schema(layout), layout)
    local = _answer(client, questions["joints"], JointsAnswer, _joints_schema(layout), layout)
    joints = {joint: local.joints[joint] for joint in layout.joints}
    return Description(action, overall.description, tuple(overall.key_joints), joints, layout)


def _answer(client: Client, prompt: str, kind: type[Answer], schema: dict[str, Any], layout: Layout) -> Answer:
    """Ask, validate, and once ask to repair. An answer that stays wrong is put aside, to be asked anew next time."""
    messages = [{"role": "user", "content": prompt}]
    stored: list[Path] = []
    for _ in range(2):
        text, path = client.ask(messages, schema)
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


def _response_format(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    if name == "json_schema":
        wrapped = {"name": "answer", "strict": True, "schema": schema}
        return {"response_format": {"type": "json_schema", "json_schema": wrapped}}
    return {"response_format": {"type": "json_object"}} if name == "json_object" else {}


def _global_schema(layout: Layout) -> dict[str, Any]:
    key_joints = {"type": "array", "items": {"type": "string", "enum": list(layout.joints)}}
    return _object({"description": {"type": "string"}, "key_joints": key_joints})


def _joints_schema(layout: Layout) -> dict[str, Any]:
    return _object({"joints": _object({joint: {"type": "string"} for joint in layout.joints})})


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _redact(message: str) -> str:
    """Take the key, and anything that looks like one, out of a message."""
    key = os.environ.get(KEY_VARIABLE, "")
    message = message.replace(key, "…") if key else message
    return re.sub(r"\b(sk|key)-[\w*-]{4,}", "…", message)
