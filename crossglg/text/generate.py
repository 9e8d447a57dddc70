"""From action names to a description file: the prompts asked of a language model, answers validated and repaired."""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import replace
from pathlib import Path
from typing import Any, Self, TypeVar

from pydantic import BaseModel, ValidationError, ValidationInfo, field_validator, model_validator
from tqdm.auto import tqdm

from crossglg.files import nearest
from crossglg.skeletons import Layout, name_words
from crossglg.text.attributes import STATEMENTS
from crossglg.text.descriptions import Description, DescriptionFile
from crossglg.text.key_joints import find_key_joints
from crossglg.text.llm import Client, Completion, KeyRefused
from crossglg.text.prompts import Prompt, load_prompt
from crossglg.text.samples import merge_samples

Answer = TypeVar("Answer", bound=BaseModel)

_ROOM = 16384  # tokens for an answer that was cut off: a description takes about 1500, long thoughts some thousand
_QUOTED = 10_000  # characters of an unusable answer that are sent back; a longer one never was an answer
_DEPTH = 8  # nested brackets of a JSON object that is decoded; an answer has two or three
_OBJECTS = 200  # JSON objects of an answer that are tried, the last ones; one for each joint at most
_NAME_KEYS = ("name", "joint", "joint_name")
_THOUGHT = re.compile(r"<think(?:ing)?>.*?(?:</think(?:ing)?>|\Z)", re.S)
_END_OF_THOUGHT = re.compile(r"</think(?:ing)?>")
# An escaped character, a string as JSON has it (with what may follow one), a quotation mark of prose, or a bracket.
_TOKEN = re.compile(r'\\.|"(?:[^"\\]|\\.)*+"(?=\s*[]}:,])|["{}[\]]', re.S)
_CLOSES = {"}": "{", "]": "["}


class ActionsFailed(RuntimeError):
    """Some actions have no description. described: the file of the others, or None if there are none."""

    def __init__(self, message: str, described: DescriptionFile | None) -> None:
        super().__init__(message)
        self.described = described


class GlobalAnswer(BaseModel):
    """Validated for a layout: only its joints remain key; if the model names none, those that its text names."""

    description: str
    key_joints: list[str] = []

    @field_validator("key_joints", mode="before")
    @classmethod
    def _listed(cls, given: Any) -> Any:
        return re.split(r"[,;\n]|\band\b", given) if isinstance(given, str) else given or []

    @model_validator(mode="after")
    def _fit(self, info: ValidationInfo) -> Self:
        layout: Layout = info.context  # type: ignore[assignment]
        given, named = self.key_joints, {_words(joint) for joint in self.key_joints}
        self.key_joints = [joint for joint in layout.joints if _words(joint) in named]
        self.key_joints = self.key_joints or list(find_key_joints(self.description, layout))
        if not self.description.strip():
            raise ValueError("the description is empty")
        if not self.key_joints:
            raise ValueError(
                f"neither key_joints nor the description names a joint of the list{_no_joint(given, layout)}"
            )
        return self


class JointsAnswer(BaseModel):
    """Validated for a layout: every joint has a text.

    Read as well: joints without the object around them, and a list of objects with the name and the text of a joint.
    """

    joints: dict[str, str]

    @model_validator(mode="before")
    @classmethod
    def _by_name(cls, given: Any, info: ValidationInfo) -> dict[str, Any]:
        layout: Layout = info.context  # type: ignore[assignment]
        joints = given.get("joints", given) if isinstance(given, dict) else given
        entries = joints if isinstance(joints, list) else [joints]
        pairs = [pair for entry in entries if isinstance(entry, dict) for pair in _pairs(entry)]
        joint_of = {_words(joint): joint for joint in layout.joints}
        found: dict[str, Any] = {}
        for name, text in pairs:
            joint = joint_of.get(_words(name), "")
            if joint and found.setdefault(joint, text) != text:
                raise ValueError(f"it describes the joint {joint} twice")
        lacking = [joint for joint in layout.joints if found.get(joint) is None or not str(found[joint]).strip()]
        if lacking:
            what = f"the joints {', '.join(lacking)}" if found else "all joints"
            raise ValueError(f"it lacks {what}{_no_joint([name for name, _ in pairs], layout)}")
        return {"joints": found}


class SidesAnswer(BaseModel):
    """Validated for a list of actions: it names some of them, or none."""

    either_side: list[str]

    @model_validator(mode="after")
    def _fit(self, info: ValidationInfo) -> Self:
        known: dict[str, str] = {action.casefold(): action for action in info.context or ()}
        given = [name.strip().casefold() for name in self.either_side]
        unknown = [name for name in given if name not in known]
        if unknown:
            raise ValueError(f"{unknown[0]!r} is no action of the list")
        self.either_side = [known[name] for name in given]
        return self


class StatementsAnswer(BaseModel):
    """Of the statements that were asked, it holds some, or none."""

    statements: list[str]

    @model_validator(mode="after")
    def _fit(self) -> Self:
        said = [statement.strip(" .").lower() for statement in self.statements]
        unknown = [statement for statement in said if statement not in STATEMENTS]
        if unknown:
            raise ValueError(f"{unknown[0]!r} is no statement of the list")
        self.statements = [statement for statement in STATEMENTS if statement in said]
        return self


def describe(
    actions: Sequence[str],
    layout: Layout,
    client: Client,
    concurrency: int = 4,
    global_prompt: str | Path = "global",
    joints_prompt: str | Path = "joints",
    samples: int = 1,
    sides: bool = False,
    statements: bool = False,
) -> DescriptionFile:
    """Ask both prompts for every action and return the validated descriptions with their provenance.

    samples: so many answers per action, merged as `crossglg.text.samples` says; they need a temperature above 0.
    sides: besides, one question about all actions: which stay the same with left and right swapped?
    statements: besides, one question about every action: which of the statements are true of it?
    Raises KeyRefused at the first refusal of the key, else ActionsFailed naming the actions that failed at the end;
    everything answered before stays in the client's store.
    """
    if samples < 1 or (samples > 1 and client.temperature <= 0):
        raise ValueError(
            f"samples={samples} must be at least 1, and several need a temperature above 0, e.g. 0.7: "
            "at 0 they would all be the same"
        )
    prompts = _prompts(global_prompt, joints_prompt, statements)
    unique = list(dict.fromkeys(actions))
    described: dict[tuple[str, int], Description] = {}
    failed: dict[str, str] = {}
    with (
        ThreadPoolExecutor(concurrency) as pool,
        tqdm(total=len(unique) * samples, desc="describing", unit="description") as bar,
    ):
        jobs = {
            pool.submit(_describe_one, action, layout, client, prompts, k): (action, k)
            for action in unique
            for k in range(samples)
        }
        waiting = set(jobs)
        try:
            while waiting:
                done, waiting = wait(waiting, timeout=1.0, return_when=FIRST_COMPLETED)
                for job in done:
                    try:
                        described[jobs[job]] = job.result()
                    except KeyRefused:
                        raise
                    except ValueError as error:
                        failed[jobs[job][0]] = str(error)
                bar.update(len(done))
                bar.refresh()  # the time goes on, however slow the model is
        except BaseException:
            bar.set_description("stopping: waiting for the answers under way")
            raise
        finally:
            pool.shutdown(cancel_futures=True)  # interrupted: ask, and pay for, no more than what is under way
    whole = [action for action in unique if action not in failed]
    classes = {action: merge_samples([described[action, k] for k in range(samples)]) for action in whole}
    file = DescriptionFile(layout, _provenance(client, prompts, samples), classes)
    if sides and not failed:
        try:
            file = _with_sides(file, client)
        except KeyRefused:
            raise
        except ValueError as error:
            raise ActionsFailed(f"which actions stay the same mirrored is not answered: {error}", file) from None
    if failed:
        message = _failure({action: failed[action] for action in unique if action in failed}, len(unique), client)
        raise ActionsFailed(message, file if classes else None)
    return file


def preview(
    actions: Sequence[str],
    layout: Layout,
    global_prompt: str | Path = "global",
    joints_prompt: str | Path = "joints",
    sides: bool = False,
    statements: bool = False,
) -> tuple[list[str], int]:
    """The prompts that `describe` would send for one sample, and a rough count of their tokens (4 characters each)."""
    prompts, unique = _prompts(global_prompt, joints_prompt, statements), list(dict.fromkeys(actions))
    texts = [text for action in unique for text in _questions(action, layout, prompts).values()]
    texts += [load_prompt("sides").render(actions=unique)] if sides else []
    return texts, sum(map(len, texts)) // 4


def _prompts(global_prompt: str | Path, joints_prompt: str | Path, statements: bool) -> dict[str, Prompt]:
    """The prompts about one action, by name."""
    prompts = {"global": load_prompt(global_prompt), "joints": load_prompt(joints_prompt)}
    return prompts | ({"statements": load_prompt("statements")} if statements else {})


def _questions(action: str, layout: Layout, prompts: Mapping[str, Prompt]) -> dict[str, str]:
    return {name: prompt.render(action, layout.joints, statements=STATEMENTS) for name, prompt in prompts.items()}


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


def _failure(failed: dict[str, str], number: int, client: Client) -> str:
    """Every failed action with its reason; actions that failed for the same reason stand on one line."""
    actions: dict[str, list[str]] = {}
    for action, why in failed.items():
        actions.setdefault(why, []).append(repr(action))
    lines = [f"{len(failed)} of {number} actions failed:", *(f"  {', '.join(a)}: {why}" for why, a in actions.items())]
    if client.account.unusable:
        lines.append(f"answers that could not be used are kept in {client.store} (*.unusable.json)")
    return "\n".join([*lines, "run again to ask for these actions only"])


def _describe_one(action: str, layout: Layout, client: Client, prompts: dict[str, Prompt], sample: int) -> Description:
    questions = _questions(action, layout, prompts)
    overall = _answer(client, questions["global"], GlobalAnswer, _global_schema(layout), layout, sample)
    local = _answer(client, questions["joints"], JointsAnswer, _joints_schema(layout), layout, sample)
    joints = {joint: local.joints[joint] for joint in layout.joints}
    described = Description(action, overall.description, tuple(overall.key_joints), joints, layout)
    if "statements" not in questions:
        return described
    schema = _object({"statements": {"type": "array", "items": {"type": "string", "enum": list(STATEMENTS)}}})
    said = _answer(client, questions["statements"], StatementsAnswer, schema, layout, sample)
    return replace(described, statements=tuple(said.statements))


def _with_sides(file: DescriptionFile, client: Client) -> DescriptionFile:
    """The descriptions with what the model says about left and right."""
    prompt, actions = load_prompt("sides"), tuple(file.classes)
    schema = _object({"either_side": {"type": "array", "items": {"type": "string", "enum": list(actions)}}})
    said = _answer(client, prompt.render(actions=actions), SidesAnswer, schema, actions, 0).either_side
    classes = {action: replace(one, either_side=action in said) for action, one in file.classes.items()}
    prompts = {**file.provenance["prompts"], "sides": prompt.sha256}
    return replace(file, provenance={**file.provenance, "prompts": prompts}, classes=classes)


def _answer(
    client: Client,
    prompt: str,
    kind: type[Answer],
    schema: dict[str, Any],
    context: Layout | tuple[str, ...],
    sample: int,
) -> Answer:
    """Ask and validate, for a layout or a list of actions.

    A cut-off answer is asked for again once with more room, another unusable one once repaired.
    Unusable answers are put aside: what is left in the store can be used.
    """
    messages = [{"role": "user", "content": prompt}]
    tries, room, repaired, problem = 0, 0, False, ""
    while True:
        try:
            completion = client.ask(messages, schema, sample, room)
        except KeyRefused:
            raise
        except ValueError as error:
            raise ValueError(f"{problem}; then {error}" if problem else str(error)) from None
        try:
            return _validate(completion, kind, context)
        except ValueError as error:
            problem = str(error)
        client.put_aside(completion)
        if completion.reused:  # an earlier run was killed before it had read this answer
            continue
        tries += 1
        if completion.cut_off and not room:
            room = max(_ROOM, 2 * completion.tokens)
        elif completion.cut_off or repaired:
            raise ValueError(f"no usable answer in {tries} tries: {problem}")
        else:
            repaired, messages = True, _repair(prompt, completion.text, problem)


def _repair(prompt: str, text: str, problem: str) -> list[dict[str, str]]:
    """The conversation that asks for a better answer. Servers refuse an empty answer in it, and one without end."""
    again = f"That answer cannot be used: {problem}. Answer again with the JSON only."
    if not 0 < len(text.strip()) <= _QUOTED:
        return [{"role": "user", "content": f"{prompt}\n\nYou have answered this before. {again}"}]
    return [
        {"role": "user", "content": prompt},
        {"role": "assistant", "content": text},
        {"role": "user", "content": again},
    ]


def _validate(completion: Completion, kind: type[Answer], context: Layout | tuple[str, ...]) -> Answer:
    """The last object that fits: of what the model says, or where it says nothing, of what it thought to the end."""
    said = _without_thoughts(completion.text)
    problem = ""
    for text in [said] if said or completion.cut_off else [completion.text, completion.reasoning]:
        objects = list(json_objects(text))[-_OBJECTS:]
        for candidate in [*reversed(objects), objects] if objects else []:  # all together: a list of joints
            try:
                return kind.model_validate(candidate, context=context)
            except ValidationError as error:
                problem = problem or "; ".join(map(_sentence, error.errors()[:3]))
    raise ValueError(_why(completion, said, problem))


def _why(completion: Completion, said: str, problem: str) -> str:
    """Why an answer cannot be used, and where it is not the answer's form, what may help."""
    if completion.refusal:
        return f"the model refused: {completion.refusal}"
    if completion.cut_off and not said:
        return (
            "the answer is empty: the model used all its tokens for thinking (finish_reason length); "
            "raise the server's limit or switch thinking off"
        )
    if completion.cut_off:
        tokens = f" at {completion.tokens} tokens" if completion.tokens else ""
        return (
            f"the answer was cut off{tokens} (finish_reason length); "
            "raise the server's limit, or take another model if its answers never end"
        )
    if completion.finish_reason == "content_filter":
        return "the provider's filter stopped the answer (finish_reason content_filter)"
    if not said:
        thought = completion.text or completion.reasoning
        return "the answer is empty" + (", and the model's thoughts hold no usable one" if thought else "")
    return problem or "it holds no complete JSON object"


def _sentence(error: Any) -> str:
    where = ".".join(map(str, error["loc"]))
    return f"{where} {error['msg'].removeprefix('Value error, ')}".strip()


def _without_thoughts(text: str) -> str:
    """What a model says besides its thoughts. (Some servers leave out the tag that begins them.)"""
    return _END_OF_THOUGHT.split(_THOUGHT.sub("", text))[-1].strip()


def json_objects(text: str) -> Iterator[dict[str, Any]]:
    """Every JSON object in a text, outermost first: answers come wrapped in prose, code fences or thoughts.

    Takes time in proportion to the text, whatever is in it: pairs of brackets are matched first, and only those that
    are not too deep are decoded, so that no character is decoded more than `_DEPTH` times.
    """
    opened: list[tuple[str, int, int]] = []  # bracket, where it is, how deep what it holds is so far
    pairs: list[tuple[int, int]] = []
    for token in _TOKEN.finditer(text):
        if token[0] in ("{", "["):
            opened.append((token[0], token.start(), 1))
        elif token[0] == '"' or (token[0] in _CLOSES and opened and opened[-1][0] != _CLOSES[token[0]]):
            opened.clear()  # no JSON up to here: a quotation mark or a bracket of its own
        elif token[0] in _CLOSES and opened:
            bracket, start, depth = opened.pop()
            if bracket == "{" and depth <= _DEPTH:
                pairs.append((start, token.end()))
            if opened and opened[-1][2] <= depth:
                opened[-1] = (*opened[-1][:2], depth + 1)
    read_to = 0
    for start, end in sorted(pairs):
        if start >= read_to:
            try:
                yield json.loads(text[start:end], strict=False)
            except ValueError:
                continue
            read_to = end


def _words(joint: str) -> tuple[str, ...]:
    """ "Left Hand", "left_hand", "leftHand" and "hand (left)" → ("hand", "left")."""
    return tuple(sorted(name_words(joint)))


def _pairs(entry: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """The joint and its text in an entry of a list: {"name": "head", "description": "…"} or {"head": "…"}."""
    name = next((key for key in _NAME_KEYS if isinstance(entry.get(key), str)), None)
    if name is None:
        return list(entry.items())
    texts = [text for key, text in entry.items() if key != name and isinstance(text, str)]
    return [(entry[name], max(texts, key=len, default=""))]


def _no_joint(names: Sequence[str], layout: Layout) -> str:
    """The end of a sentence about missing joints: the first name that is nearly one of the layout's."""
    known = {_words(joint) for joint in layout.joints}
    for name in names[:_OBJECTS]:
        near = nearest(name.lower(), layout.joints)
        if _words(name) not in known and near != ".":
            return f" ({name!r} is no joint of the list{near})"
    return ""


def _global_schema(layout: Layout) -> dict[str, Any]:
    key_joints = {"type": "array", "items": {"type": "string", "enum": list(layout.joints)}}
    return _object({"description": {"type": "string"}, "key_joints": key_joints})


def _joints_schema(layout: Layout) -> dict[str, Any]:
    return _object({"joints": _object({joint: {"type": "string"} for joint in layout.joints})})


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
