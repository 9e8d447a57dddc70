"""The language-model client: the only module that may use the network.

Any OpenAI-compatible server works. Every answer is stored the moment it arrives, keyed by the exact question, so a run
that was killed continues without asking, or paying, twice. The key comes from the environment and is never written.
A new provider is one line in `PROVIDERS`.
"""

from __future__ import annotations

import datetime
import json
import os
import re
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crossglg.config import nearest
from crossglg.files import cache_folder, read_json, sha256, write_json

if TYPE_CHECKING:
    from openai import APIStatusError


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


class KeyRefused(ValueError):
    """The server does not accept the key: no other question would fare better."""


@dataclass
class Account:
    """What was asked and used. reused: answers from the store, free;  uncounted: answers without a token count."""

    asked: int = 0
    reused: int = 0
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
        return f"{text} ({self.uncounted} answers came without a count)" if self.uncounted else text


@dataclass
class Client:
    """An OpenAI-compatible server and model, with the store of its answers.

    model: "" for the provider's usual one.  base_url: "" for the provider's usual one.  temperature: sampling.
    Raises ValueError for an unknown provider, a missing model, or OpenAI itself without a key in the environment.
    """

    model: str = ""
    base_url: str = ""
    temperature: float = 0.0
    timeout: float = 60.0
    retries: int = 5
    store: Path = field(default_factory=lambda: cache_folder() / "llm")
    provider: str = "openai"
    account: Account = field(default_factory=Account)
    temperature_refused: bool = False  # found out while asking: this model has one temperature only
    _plainness: int = 0  # position in _FORMATS: the strictest form that the server has not refused
    _refusal: str = ""  # why the server refused the key

    def __post_init__(self) -> None:
        provider = get_provider(self.provider)
        key = _key(provider)
        if not key and not (self.base_url or provider.base_url):
            raise ValueError(f"set {provider.key_variable} in the environment, or give the base_url of a local server")
        self.model = self.model or provider.model
        if not self.model:
            raise ValueError(f"give the model: the name under which {self.provider} serves it")
        self.base_url = self.base_url or provider.base_url
        self._lock = threading.Lock()
        from openai import OpenAI

        self._client = OpenAI(
            api_key=key or "none", base_url=self.base_url or None, timeout=self.timeout, max_retries=self.retries
        )

    @property
    def tokens(self) -> int:
        return self.account.prompt_tokens + self.account.completion_tokens

    @property
    def where(self) -> str:
        """The server as messages name it."""
        return _redact(self.base_url) or "OpenAI"

    def ask(self, messages: list[dict[str, str]], schema: dict[str, Any], sample: int = 0) -> tuple[str, Path]:
        """The model's answer to a conversation, from the store if it was asked before, and where it is stored.

        sample: 0, 1, … for several answers to one question. Raises KeyRefused, or ValueError for any other failure.
        """
        question = {"model": self.model, "temperature": self.temperature, "messages": messages}
        question |= {"sample": sample} if sample else {}
        path = self.store / f"{sha256(json.dumps(question, sort_keys=True))[:32]}.json"
        if path.is_file():
            stored = read_json(path)
            self.temperature_refused |= stored.get("temperature_refused", False)
            with self._lock:
                self.account.reused += 1
            return stored["answer"], path
        answer = self._request(messages, schema)
        sent = {"temperature_refused": True} if self.temperature_refused else {}
        write_json(path, {**question, **sent, "answer": answer, "date": datetime.date.today().isoformat()})
        return answer, path

    def _request(self, messages: list[dict[str, str]], schema: dict[str, Any]) -> str:
        """Ask as strictly as the server bears, without the temperature if the model has only one."""
        from openai import APIStatusError, OpenAIError

        warm = not self.temperature_refused
        while True:
            if self._refusal:  # another thread was told so
                raise KeyRefused(self._refusal)
            plainness = self._plainness
            sampling = {"temperature": self.temperature} if warm else {}
            try:
                response = self._client.chat.completions.create(
                    model=self.model,
                    messages=messages,  # type: ignore[arg-type]
                    **sampling,
                    **_response_format(_FORMATS[plainness], schema),
                )  # type: ignore[call-overload]
            except APIStatusError as error:
                if error.status_code in _NO_ACCESS:
                    self._refuse(error)
                if warm and _names_temperature(error):
                    warm = False
                    continue
                if error.status_code in _RATHER_PLAINER and plainness + 1 < len(_FORMATS):
                    # This server does not know the form: plainer from now on (another thread may have found out too).
                    self._plainness = max(self._plainness, plainness + 1)
                    warm = not self.temperature_refused
                    continue
                raise ValueError(f"{self.model} answered {error.status_code}: {_redact(str(error))}") from None
            except OpenAIError as error:
                raise ValueError(f"{self.where} cannot be asked: {_redact(str(error))}") from None
            self.temperature_refused |= not warm
            return self._read(response)

    def _read(self, response: Any) -> str:
        """The text of a completion, its tokens added to the account."""
        try:
            answer = response.choices[0].message.content or ""
        except (AttributeError, IndexError, TypeError):  # a web page, or an error sent with status 200
            raise ValueError(f"{self.where} sent no chat completion; is the base_url right?") from None
        with self._lock:
            self.account.asked += 1
            self.account.uncounted += response.usage is None
            if response.usage:
                self.account.prompt_tokens += response.usage.prompt_tokens or 0
                self.account.completion_tokens += response.usage.completion_tokens or 0
        return answer

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
            f"unknown provider {name!r}{nearest(name, list(PROVIDERS)) or '.'} Providers: {', '.join(PROVIDERS)}; "
            "any other server: --base-url"
        )
    return PROVIDERS[name]


def _key(provider: Provider) -> str:
    key = os.environ.get(provider.key_variable, "").strip()
    if not (key.isascii() and key.isprintable()):
        raise ValueError(f"{provider.key_variable} holds a character that no key has; copy the key again")
    return key


def _names_temperature(error: APIStatusError) -> bool:
    """A refusal of `temperature` itself. (Should the message only echo it, the next answer is refused again.)"""
    return error.status_code in (400, 422) and "temperature" in str(error)


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
