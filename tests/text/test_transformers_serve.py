"""End to end against a real server: `transformers serve` with a tiny model that has learned two answers by heart."""

from __future__ import annotations

import importlib.util
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.chat_server import KEY, LAYOUT

from crossglg.text.descriptions import DescriptionFile
from crossglg.text.generate import describe
from crossglg.text.llm import Client

MISSING = [name for name in ("fastapi", "uvicorn") if importlib.util.find_spec(name) is None]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(MISSING), reason=f"no {' and '.join(MISSING)}: pip install 'crossglg[serve]'"),
]

PROMPTS = {
    "global": '---\nid: global\nversion: 1\n---\nHow does one {{ action }}? {"description", "key_joints"}',
    "joints": '---\nid: joints\nversion: 1\n---\nHow does each joint {{ action }}? {"joints"}',
}
ACTIONS = {"wave": "right hand", "nod": "head"}
TEMPLATE = (
    "{% for message in messages %}[{{ message.role }}]{{ message.content }}[end]{% endfor %}"
    "{% if add_generation_prompt %}[assistant]{% endif %}"
)


def answers() -> dict[str, str]:
    """What the model is taught: prompt → answer."""
    known = {}
    for action, key_joint in ACTIONS.items():
        overall = {"description": f"The {key_joint} moves to {action}.", "key_joints": [key_joint]}
        local = {"joints": {joint: f"The {joint} helps to {action}." for joint in LAYOUT.joints}}
        for prompt, answer in zip(PROMPTS.values(), (overall, local), strict=True):
            known[prompt.rpartition("---\n")[2].replace("{{ action }}", action)] = json.dumps(answer)
    return known


def make_model(folder: Path) -> None:
    """A Llama of about a hundred thousand parameters, trained for seconds until it answers by heart."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    torch.manual_seed(0)
    texts = [f"[user]{prompt}[end][assistant]{answer}[end]" for prompt, answer in answers().items()]
    plain = Tokenizer(models.BPE())
    plain.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    plain.decoder = decoders.ByteLevel()
    special = ["[end]", "[user]", "[assistant]"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=special, initial_alphabet=alphabet)
    plain.train_from_iterator(texts, trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=plain, eos_token="[end]", pad_token="[end]")
    tokenizer.chat_template = TEMPLATE
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4,
        max_position_embeddings=1024, eos_token_id=0, pad_token_id=0, bos_token_id=None, tie_word_embeddings=True,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    _learn(model, [tokenizer(text, return_tensors="pt")["input_ids"] for text in texts])
    model.generation_config.max_new_tokens = 700
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _learn(model: Any, sequences: list[Any], steps: int = 300, enough: float = 0.01) -> None:
    import torch

    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for _ in range(steps):
        loss = torch.stack([model(input_ids=ids, labels=ids).loss for ids in sequences])
        optimizer.zero_grad()
        loss.mean().backward()
        optimizer.step()
        if loss.max() < enough:
            return
    print(f"learning stopped at {loss.max():.3f}")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Address of the running server, and the model's name."""
    folder = tmp_path_factory.mktemp("served")
    make_model(folder / "model")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "transformers.cli.transformers", "serve", str(folder / "model")]
    command += ["--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(folder / "hub"), "OMP_NUM_THREADS": "1"}
    environment.pop("OPENAI_API_KEY", None)
    with open(folder / "printed.txt", "wb") as printed:
        process = subprocess.Popen(command, stdout=printed, stderr=printed, env=environment)
    try:
        _wait_until_up(f"http://127.0.0.1:{port}/health", process, folder / "printed.txt")
        yield f"http://127.0.0.1:{port}/v1", str(folder / "model")
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait_until_up(address: str, process: subprocess.Popen[bytes], printed: Path, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            time.sleep(0.2)
    raise RuntimeError(f"transformers serve did not start: {printed.read_text()[-2000:]}")


def test_descriptions_come_from_a_real_server(
    served: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    prompts = {name: tmp_path / f"{name}.md.j2" for name in PROMPTS}
    for name, path in prompts.items():
        path.write_text(PROMPTS[name])
    address, model = served
    client = Client(model, address, timeout=120.0, store=tmp_path / "store")
    file = describe(list(ACTIONS), LAYOUT, client, 2, prompts["global"], prompts["joints"])
    for action, key_joint in ACTIONS.items():
        assert file.classes[action].key_joints == (key_joint,)
        assert file.classes[action].joints["left knee"] == f"The left knee helps to {action}."
    assert client.account.asked == 4 and client.account.prompt_tokens > 0 < client.account.completion_tokens
    assert list(DescriptionFile.load(file.save(tmp_path / "texts.json")).classes) == list(ACTIONS)

    again = Client(model, "http://127.0.0.1:1/v1", retries=0, store=tmp_path / "store")
    assert describe(list(ACTIONS), LAYOUT, again, 2, prompts["global"], prompts["joints"]).classes == file.classes
    for path in tmp_path.rglob("*.json"):
        assert KEY not in path.read_text()
