"""A chat server on this machine that answers by rules, for the tests that ask a language model."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from werkzeug import Request, Response

from crossglg.skeletons import get_layout

LAYOUT = get_layout("kinect20")
KEY = "sk-proj-Secret0123456789abcdef"
GLOBAL = json.dumps({"description": "The right hand waves, the legs stay still.", "key_joints": ["right hand"]})
JOINTS = json.dumps({"joints": {joint: f"The {joint} moves." for joint in LAYOUT.joints}})


@dataclass
class Server:
    """Answers chat requests by rules: each rule sees the request's body and returns a response, or None to pass on."""

    url: str
    rules: list[Callable[[dict[str, Any]], Response | None]] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)

    def __call__(self, request: Request) -> Response:
        body = request.get_json()
        self.keys.add(request.headers["authorization"])
        self.bodies.append(body)
        for rule in self.rules:
            if (response := rule(body)) is not None:
                return response
        return said(usual(body))

    @property
    def formats(self) -> list[str]:
        return [body.get("response_format", {}).get("type", "text") for body in self.bodies]


def question(body: dict[str, Any]) -> str:
    return body["messages"][0]["content"]


def is_global(body: dict[str, Any]) -> bool:
    return '"key_joints"' in question(body)


def usual(body: dict[str, Any]) -> str:
    return GLOBAL if is_global(body) else JOINTS


def said(text: str | None, finish: str = "stop", usage: bool = True, **more: Any) -> Response:
    """A completion. more: other entries of the message, such as reasoning_content or refusal."""
    message = {"role": "assistant", "content": text, **more}
    completion = {
        "id": "1", "object": "chat.completion", "created": 1, "model": "tiny",
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10},
    }  # fmt: skip
    if not usage:
        del completion["usage"]
    return Response(json.dumps(completion), content_type="application/json")


def refused(status: int, message: str = "no", **headers: str) -> Response:
    body = json.dumps({"error": {"message": message}})
    return Response(body, status, content_type="application/json", headers=headers)
