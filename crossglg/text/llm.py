"""The language-model client: the only module that may use the network.

Any OpenAI-compatible server works. Every answer is stored the moment it arrives, keyed by the exact question, so a run
that was killed continues without asking, or paying, twice. An unusable answer is kept beside the others but never taken
again. The key comes from the environment and is never written. A new provider is one line in `PROVIDERS`.
"""

from __future__ import annotations

import datetime
import itertools
import json
import os
import re
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crossglg.files import cache_folder, nearest, read_json, sha256, write_atomically, write_json

if TYPE_CHECKING:
    from openai import APIConnectionError, APIStatusError


@dataclass(frozen=True)
class Provider:
    """base_url: where it listens ("": OpenAI itself).  key_variable: the environment's name of its key.

    model: what is asked when the user names none; "" where only the user knows what is installed.
    """

    base_url: str
    key_variable: str
    model: str = ""


PROVIDERS: dict[str, Provider] = {
    "openai": Provider("", "OPENAI_API_KEY", "gpt-4o-mini"),
    "ollama": Provider("http://localhost:11434/v1", "OLLAMA_API_KEY"),
    "vllm": Provider("http://localhost:8000/v1", "VLLM_API_KEY"),
    "llamacpp": Provider("http://localhost:8080/v1", "LLAMA_API_KEY"),
    "lmstudio": Provider("http://localhost:1234/v1", "LM_API_TOKEN"),
}

_FORMATS = ("json_schema", "json_object", "text")  # how strictly an answer's form is asked for, strictest first
_RATHER_PLAINER = (400, 404, 422, 500)  # what servers answer to a response_format they do not know
_NO_ACCESS = (401, 403)  # what servers answer to a key they do not accept
_BUSY = (408, 409, 429)  # what servers answer, besides 500 and more, when it may help to ask again later
_CONNECT_SECONDS = 20.0  # a server that is there accepts a connection in less, however slow its model is
_OPENAI_SECONDS, _OTHER_SECONDS = 60.0, 600.0  # for an answer; a model on the user's own machine may take minutes


class KeyRefused(ValueError):
    """The server does not accept the key: no other question would fare better."""


@dataclass(frozen=True)
class Completion:
    """What a model sent for one question, and where it is stored.

    finish_reason: why it ended; "length" if it had no room for more tokens.  refusal: its reason to say no.
    reasoning: its thoughts, where the server sends them apart.  tokens: how many it wrote; 0 if that is not told.
    reused: whether it was in the store before.
    """

    text: str
    finish_reason: str = ""
    refusal: str = ""
    reasoning: str = ""
    tokens: int = 0
    path: Path = Path()
    reused: bool = False

    @property
    def cut_off(self) -> bool:
        return self.finish_reason == "length"


@dataclass
class Account:
    """What was asked and used.

    reused: answers from the store, free;  unusable: answers put aside;  uncounted: answers without a token count.
    """

    asked: int = 0
    reused: int = 0
    unusable: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    uncounted: int = 0

    def cost(self, price_in: float, price_out: float) -> float:
        """In the currency of the prices, which are per million tokens."""
        return (self.prompt_tokens * price_in + self.completion_tokens * price_out) / 1e6

    def summary(self, prices: tuple[float, float] | None = None) -> str:
        """One line; the cost is told only where the prices (in, out) are given."""
        text = (
            f"{self.asked} answers asked for, {self.reused} taken from the store; "
            f"{self.prompt_tokens} prompt + {self.completion_tokens} completion tokens"
        )
        if prices:
            text += f", cost {self.cost(*prices):.4f}"
        if self.uncounted:
            text += f" ({self.uncounted} answers came without a count)"
        return f"{text}; {self.unusable} answers could not be used" if self.unusable else text


@dataclass
class Client:
    """An OpenAI-compatible server and model, with the store of its answers.

    model: "" for the provider's usual one.  base_url: "" for the provider's usual one.  temperature: sampling.
    timeout: seconds to wait for an answer; 0 for 60 with OpenAI itself, 600 with any other server.
    Raises ValueError for an unknown provider, a missing model, or OpenAI itself without a key in the environment;
    OSError if the store cannot be written.
    """

    model: str = ""
    base_url: str = ""
    temperature: float = 0.0
    timeout: float = 0.0
    retries: int = 5
    store: Path = field(default_factory=lambda: cache_folder() / "llm")
    provider: str = "openai"
    account: Account = field(default_factory=Account)
    temperature_refused: bool = False  # found out while asking: this model has one temperature only
    _plainness: int = 0  # position in _FORMATS: the strictest form that the server has not refused
    _limit: str = "max_tokens"  # the parameter that limits an answer
    _refusal: str = ""  # why the server refused the key
    _unkept: OSError | None = None  # why an answer could not be stored

    def __post_init__(self) -> None:
        provider = get_provider(self.provider)
        key = _key(provider)
        if not key and not (self.base_url or provider.base_url):
            raise ValueError(
                f"set {provider.key_variable} in the environment, or give the address of a local server (--base-url)"
            )
        self.model = self.model or provider.model
        if not self.model:
            raise ValueError(f"give the model: the name under which {self.provider} serves it")
        self.base_url = self.base_url or provider.base_url
        self.timeout = self.timeout or (_OTHER_SECONDS if self.base_url else _OPENAI_SECONDS)
        write_atomically(self.store / ".writable", lambda file: None).unlink(missing_ok=True)  # before anything is paid
        self._lock = threading.Lock()
        from openai import OpenAI, Timeout

        self._client = OpenAI(
            api_key=key or "none", base_url=self.base_url or None, max_retries=0,
            timeout=Timeout(self.timeout, connect=min(self.timeout, _CONNECT_SECONDS)),
        )  # fmt: skip

    @property
    def where(self) -> str:
        """The server as messages name it."""
        return _redact(self.base_url) or "OpenAI"

    def ask(
        self, messages: Sequence[dict[str, str]], schema: dict[str, Any], sample: int = 0, room: int = 0
    ) -> Completion:
        """The model's answer to a conversation, from the store if its first question was answered before.

        sample: 0, 1, … for several answers to one question.  room: tokens at most; 0 for the server's own limit.
        Raises KeyRefused; OSError if an answer cannot be stored, and from then on nothing is asked; ValueError for any
        other failure.
        """
        question = {"model": self.model, "temperature": self.temperature, "messages": list(messages[:1])}
        question |= {"sample": sample} if sample else {}
        path = self.store / f"{sha256(json.dumps(question, sort_keys=True))[:32]}.json"
        if path.is_file():
            try:
                return self._stored(path)
            except (ValueError, KeyError, TypeError, AttributeError):  # damaged
                self._move_aside(path)
        if self._unkept:  # nor could the answer to this question
            raise self._unkept
        completion = self._request(messages, schema, room)
        sent: dict[str, Any] = {"messages": list(messages)}
        sent |= {"max_tokens": room} if room else {}
        sent |= {"temperature_refused": True} if self.temperature_refused else {}
        told = {name: getattr(completion, name) for name in ("finish_reason", "refusal", "reasoning", "tokens")}
        told = {name: value for name, value in told.items() if value}
        date = datetime.date.today().isoformat()
        try:
            write_json(path, {**question, **sent, "answer": completion.text, **told, "date": date})
        except OSError as error:
            self._unkept = error
            raise
        return replace(completion, path=path)

    def put_aside(self, completion: Completion) -> None:
        """Keep an unusable answer for the user's eyes, where it is never taken for an answer again."""
        with self._lock:
            self.account.unusable += 1
        self._move_aside(completion.path)

    def _stored(self, path: Path) -> Completion:
        entry = read_json(path)
        texts = {name: entry.get(name, "") for name in ("finish_reason", "refusal", "reasoning")}
        completion = Completion(entry["answer"], **texts, path=path, reused=True)
        if not all(isinstance(text, str) for text in (completion.text, *texts.values())):
            raise ValueError(f"{path} is no stored answer")
        self.temperature_refused |= entry.get("temperature_refused", False)
        with self._lock:
            self.account.reused += 1
        return completion

    @staticmethod
    def _move_aside(path: Path) -> None:
        names = (path.with_name(f"{path.stem}.{number}.unusable.json") for number in itertools.count(1))
        with suppress(FileNotFoundError):  # another run with this store was quicker
            path.replace(next(name for name in names if not name.exists()))

    def _request(self, messages: Sequence[dict[str, str]], schema: dict[str, Any], room: int) -> Completion:
        """Ask as strictly as the server bears, without the temperature if the model has only one."""
        from openai import APIStatusError, APITimeoutError, OpenAIError

        warm = not self.temperature_refused
        while True:
            if self._refusal:  # another thread was told so
                raise KeyRefused(self._refusal)
            plainness, limit = self._plainness, self._limit
            options = _response_format(_FORMATS[plainness], schema)
            options |= {"temperature": self.temperature} if warm else {}
            options |= {limit: room} if room else {}
            try:
                response = self._send(model=self.model, messages=messages, **options)
            except APIStatusError as error:
                if error.status_code in _NO_ACCESS:
                    self._refuse(error)
                if warm and _names(error, "temperature"):
                    warm = False
                    continue
                if room and limit == "max_tokens" and _names(error, "max_completion_tokens"):
                    self._limit = "max_completion_tokens"
                    continue
                # A server that sent an answer and has no more room for it has nothing against the form.
                if error.status_code in _RATHER_PLAINER and plainness + 1 < len(_FORMATS) and not room:
                    # This server does not know the form: plainer from now on (another thread may have found out too).
                    self._plainness = max(self._plainness, plainness + 1)
                    warm = not self.temperature_refused
                    continue
                raise ValueError(f"{self.model} answered {error.status_code}: {_redact(str(error))}") from None
            except APITimeoutError as error:
                if type(error.__cause__).__name__ == "ConnectTimeout":
                    raise ValueError(f"{self.where} cannot be reached; is the address right?") from None
                raise ValueError(
                    f"{self.where} gave no answer within {self.timeout:g} seconds; "
                    "give a slow model more time with --timeout SECONDS"
                ) from None
            except OpenAIError as error:
                raise ValueError(f"{self.where} cannot be asked: {_redact(str(error))}") from None
            self.temperature_refused |= not warm
            return self._read(response)

    def _send(self, **request: Any) -> Any:
        """Send a request; again while the server is busy or fails, but not after a time-out: the next would be as slow.

        (The client's own retries would repeat time-outs as well.)
        """
        from openai import APIConnectionError, APIStatusError, APITimeoutError

        number = 0
        while True:
            try:
                return self._client.chat.completions.create(**request)
            except (APIConnectionError, APIStatusError) as error:
                status = getattr(error, "status_code", 500)
                may_pass = (status >= 500 or status in _BUSY) and not isinstance(error, APITimeoutError)
                if number == self.retries or not may_pass:
                    raise
                time.sleep(_pause(error, number))
                number += 1

    def _read(self, response: Any) -> Completion:
        """What a completion says, its tokens added to the account."""
        try:
            choice = response.choices[0]
            message, text = choice.message, _text(choice.message.content)
        except (AttributeError, IndexError, TypeError):  # a web page, or an error sent with status 200
            raise ValueError(f"{self.where} sent no chat completion; is the base_url right?") from None
        finish_reason = _text(getattr(choice, "finish_reason", None))
        refusal = _text(getattr(message, "refusal", None))
        reasoning = _text(getattr(message, "reasoning_content", None)) or _text(getattr(message, "reasoning", None))
        tokens = (response.usage.completion_tokens or 0) if response.usage else 0
        with self._lock:
            self.account.asked += 1
            self.account.uncounted += response.usage is None
            if response.usage:
                self.account.prompt_tokens += response.usage.prompt_tokens or 0
                self.account.completion_tokens += tokens
        return Completion(text, finish_reason, refusal, reasoning, tokens)

    def _refuse(self, error: APIStatusError) -> None:
        variable = get_provider(self.provider).key_variable
        self._refusal = (
            f"{self.model} answered {error.status_code}: {_redact(str(error))}; nothing more was asked: "
            f"is the key in {variable} right, and may it use this model?"
        )
        raise KeyRefused(self._refusal) from None


def get_provider(name: str) -> Provider:
    """A registered provider; raises ValueError with the nearest name and the list."""
    if name not in PROVIDERS:
        raise ValueError(
            f"unknown provider {name!r}{nearest(name, PROVIDERS)} Providers: {', '.join(PROVIDERS)}; "
            "any other server: --base-url"
        )
    return PROVIDERS[name]


def _key(provider: Provider) -> str:
    key = os.environ.get(provider.key_variable, "").strip()
    if not (key.isascii() and key.isprintable()):
        raise ValueError(f"{provider.key_variable} holds a character that no key has; copy the key again")
    return key


def _names(error: APIStatusError, parameter: str) -> bool:
    """A refusal for a parameter's sake. (Should the message only echo it, the next answer is refused again.)"""
    return error.status_code in (400, 422) and parameter in str(error)


def _pause(error: APIConnectionError | APIStatusError, number: int) -> float:
    """Seconds until a busy server is asked again: what it says itself, up to a minute, else 0.5, 1, 2, 4, 8, 8, …"""
    headers = getattr(getattr(error, "response", None), "headers", {})  # a failed connection has none
    for name, unit in (("retry-after-ms", 1e-3), ("retry-after", 1.0)):
        try:
            return min(max(float(headers[name]) * unit, 0.0), 60.0)
        except (KeyError, ValueError):
            continue
    return min(0.5 * 2**number, 8.0)


def _text(value: Any) -> str:
    """A text that can be stored; empty for what is no text."""
    return value.encode(errors="replace").decode() if isinstance(value, str) else ""


def _response_format(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    if name == "json_schema":
        wrapped = {"name": "answer", "strict": True, "schema": schema}
        return {"response_format": {"type": "json_schema", "json_schema": wrapped}}
    return {"response_format": {"type": "json_object"}} if name == "json_object" else {}


def _redact(message: str) -> str:
    """Take every provider's key, and anything that looks like one, out of a message."""
    for variable in {provider.key_variable for provider in PROVIDERS.values()}:
        key = os.environ.get(variable, "").strip()
        message = message.replace(key, "…") if key else message
    message = re.sub(r"://[^/@\s]+@", "://…@", message)
    return re.sub(r"\b(sk|key)-[\w*-]{4,}", "…", message)
