"""The language-model client against a real server on this machine: what it asks, survives, stores and never tells."""

from __future__ import annotations

import asyncio
import json
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from chat_server import JOINTS, KEY, LAYOUT, Server, is_global, question, refused, said, usual
from pytest_httpserver import HTTPServer
from werkzeug import Response

from crossglg.text import generate, llm
from crossglg.text.descriptions import DescriptionFile
from crossglg.text.generate import describe, json_objects, preview
from crossglg.text.llm import PROVIDERS, Client, KeyRefused
from crossglg.text.prompts import PROMPTS, load_prompt
from crossglg.text.samples import agreement


@pytest.fixture(scope="session")
def make_httpserver() -> Iterator[HTTPServer]:
    """Override of pytest-httpserver's: several requests at the same time."""
    with HTTPServer(threaded=True) as threaded:
        yield threaded


@pytest.fixture
def server(httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Server:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("CROSSGLG_CACHE", str(tmp_path / "cache"))
    server = Server(httpserver.url_for("/v1"))
    httpserver.expect_request("/v1/chat/completions", method="POST").respond_with_handler(server)
    return server


def client(server: Server, **settings: Any) -> Client:
    return Client("tiny", server.url, **{"retries": 0, "timeout": 10.0, **settings})


def stored(pattern: str = "*.json") -> list[Path]:
    return sorted(llm.cache_folder().joinpath("llm").glob(pattern))


def test_every_action_is_described_with_its_provenance(server: Server, tmp_path: Path) -> None:
    asking = client(server, temperature=0.5)
    file = describe(["wave", "nod"], LAYOUT, asking)
    assert list(file.classes) == ["wave", "nod"]
    assert file.classes["wave"].key_joints == ("right hand",)
    assert file.classes["wave"].joints["head"] == "The head moves."
    assert file.provenance["model"] == "tiny" and file.provenance["parameters"] == {"temperature": 0.5}
    assert file.provenance["prompts"] == {name: load_prompt(name).sha256 for name in PROMPTS}
    assert asking.tokens == 40
    assert DescriptionFile.load(file.save(tmp_path / "own.json")).classes.keys() == file.classes.keys()


def test_the_exact_prompt_and_a_strict_schema_are_sent(server: Server) -> None:
    describe(["wave"], LAYOUT, client(server), concurrency=1)
    for body, name in zip(server.bodies, PROMPTS, strict=True):
        assert question(body) == load_prompt(name).render("wave", LAYOUT.joints)
        schema = body["response_format"]["json_schema"]
        assert schema["strict"] and schema["schema"]["additionalProperties"] is False
        assert (body["model"], body["temperature"]) == ("tiny", 0.0)
    joints = server.bodies[1]["response_format"]["json_schema"]["schema"]["properties"]["joints"]
    assert joints["required"] == list(LAYOUT.joints)


@pytest.mark.parametrize("status", [400, 404, 422, 500])
def test_a_server_that_knows_no_schema_is_asked_more_plainly_from_then_on(server: Server, status: int) -> None:
    server.rules = [lambda body: refused(status) if "json_schema" in str(body.get("response_format")) else None]
    describe(["wave", "nod"], LAYOUT, client(server), concurrency=1)
    assert server.formats == ["json_schema", *["json_object"] * 4]


def test_a_server_that_knows_no_format_is_asked_for_plain_text(server: Server) -> None:
    server.rules = [lambda body: refused(400) if "response_format" in body else None]
    describe(["wave"], LAYOUT, client(server), concurrency=1)
    assert server.formats == ["json_schema", "json_object", "text", "text"]


def test_threads_refused_together_fall_back_by_one_step_only(server: Server) -> None:
    together = threading.Barrier(4, timeout=10)

    def refuse_all_at_once(body: dict[str, Any]) -> Response | None:
        if server.formats.count("json_object") == 0 and body["response_format"]["type"] == "json_schema":
            together.wait()
            return refused(400)
        return None

    server.rules = [refuse_all_at_once]
    describe(["a", "b", "c", "d"], LAYOUT, client(server), concurrency=4)
    assert server.formats.count("json_schema") == 4 and server.formats.count("json_object") == 8
    assert "text" not in server.formats


def test_a_refusal_of_everything_is_reported(server: Server) -> None:
    server.rules = [lambda body: refused(400, "no model called tiny")]
    with pytest.raises(ValueError, match=r"'wave': tiny answered 400: .*no model called tiny.*\nrun again to go on"):
        describe(["wave"], LAYOUT, client(server))
    assert stored() == []


@pytest.mark.parametrize(
    "wrapping",
    [
        "Sure! Here it is:\n{}\nAnything else?",
        "```json\n{}\n```",
        '<think>Maybe {{"description": 3}} or {{"joints": []}}? {{no}}</think>{}',
        '<think>A draft: {{"description": "The left foot kicks.", "key_joints": ["left foot"]}}</think>\n{}',
        "\ufeff {} {{",
    ],
)
def test_answers_may_be_wrapped(server: Server, wrapping: str) -> None:
    server.rules = [lambda body: said(wrapping.format(usual(body)))]
    file = describe(["wave"], LAYOUT, client(server))
    assert file.classes["wave"].key_joints == ("right hand",)
    assert len(server.bodies) == 2


def test_json_objects_are_found_outermost_and_whole() -> None:
    text = 'a {"b": {"c": 1}} {d {"e": "line\nbreak"} {"f": '
    assert list(json_objects(text)) == [{"b": {"c": 1}}, {"e": "line\nbreak"}]
    assert list(json_objects("[1, 2] none")) == []


def test_key_joints_are_taken_by_name_and_else_from_the_text(server: Server) -> None:
    def answer(body: dict[str, Any]) -> Response | None:
        given = {"wave": ["Right Hand ", "tail"], "kick": ["tail"], "nod": []}
        action = next(name for name in given if f'"{name}"' in question(body))
        text = {"wave": "The head nods.", "kick": "The left knee rises.", "nod": "The head nods."}[action]
        return said(json.dumps({"description": text, "key_joints": given[action]})) if is_global(body) else None

    server.rules = [answer]
    classes = describe(["wave", "kick", "nod"], LAYOUT, client(server)).classes
    assert {name: d.key_joints for name, d in classes.items()} == {
        "wave": ("right hand",), "kick": ("left knee",), "nod": ("head",),
    }  # fmt: skip


BAD = {
    "no JSON": ("I cannot.", "holds no complete JSON object"),
    "empty": (None, "holds no complete JSON object"),
    "cut": (JOINTS[:-30], "holds no complete JSON object"),
    "a joint missing": (JOINTS.replace('"left knee"', '"left nee"'), "lacks the joints left knee"),
    "a blank text": (JOINTS.replace("The head moves.", " "), "lacks the joints head"),
    "wrong types": ('{"joints": ["head"]}', "joints Input should be"),
}


@pytest.mark.parametrize(("bad", "problem"), BAD.values(), ids=BAD)
def test_an_invalid_answer_is_repaired_once(server: Server, bad: str | None, problem: str) -> None:
    server.rules = [lambda body: said(bad, "length") if not is_global(body) and len(body["messages"]) == 1 else None]
    assert describe(["wave"], LAYOUT, client(server), concurrency=1).classes["wave"].joints["head"] == "The head moves."
    assert len(server.bodies) == 3
    asked, answered, repair = server.bodies[2]["messages"]
    assert asked == server.bodies[1]["messages"][0] and answered == {"role": "assistant", "content": bad or ""}
    assert problem in repair["content"]


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        ('{"description": " ", "key_joints": ["head"]}', "the description is empty"),
        ('{"description": "Something happens."}', "neither key_joints nor the description names a joint"),
        ('{"description": "The head nods.", "key_joints": null}', "key_joints Input should be a valid list"),
    ],
)
def test_a_global_answer_that_describes_nothing_is_invalid(server: Server, bad: str, problem: str) -> None:
    server.rules = [lambda body: said(bad) if is_global(body) and len(body["messages"]) == 1 else None]
    describe(["wave"], LAYOUT, client(server), concurrency=1)
    assert problem in server.bodies[1]["messages"][2]["content"]


def test_an_answer_that_stays_wrong_is_put_aside_and_asked_anew(server: Server) -> None:
    server.rules = [lambda body: said("never") if "wave" in question(body) and not is_global(body) else None]
    with pytest.raises(ValueError, match="1 of 2 actions failed:\n  'wave': no usable answer after one repair"):
        describe(["nod", "wave"], LAYOUT, client(server))
    unusable = stored("*.unusable.json")
    assert [json.loads(path.read_text())["answer"] for path in unusable] == ["never", "never"]
    assert len(stored()) == 3 + len(unusable)

    server.rules, server.bodies = [], []
    assert list(describe(["nod", "wave"], LAYOUT, client(server)).classes) == ["nod", "wave"]
    assert [is_global(body) for body in server.bodies] == [False]


def test_busy_server_is_asked_again_when_it_says(server: Server) -> None:
    start = time.perf_counter()
    server.rules = [lambda body: refused(429, **{"retry-after": "0.3"}) if len(server.bodies) == 1 else None]
    describe(["wave"], LAYOUT, client(server, retries=1), concurrency=1)
    assert len(server.bodies) == 3 and 0.3 <= time.perf_counter() - start < 5
    assert set(server.formats) == {"json_schema"}


def test_a_server_that_stays_busy_is_an_error(server: Server) -> None:
    server.rules = [lambda body: refused(429, "slow down", **{"retry-after": "0.01"})]
    with pytest.raises(ValueError, match=r"tiny answered 429: .*slow down"):
        describe(["wave"], LAYOUT, client(server, retries=2))
    assert len(server.bodies) == 3


def test_a_slow_server_is_an_error(server: Server) -> None:
    released = threading.Event()
    server.rules = [lambda body: said("late") if released.wait(5) else None]
    try:
        with pytest.raises(ValueError, match=r"http://localhost:\d+/v1 cannot be asked: Request timed out"):
            describe(["wave"], LAYOUT, client(server, timeout=0.2))
    finally:
        released.set()


def test_no_server_is_an_error(server: Server) -> None:
    with pytest.raises(ValueError, match=r"http://localhost:1/v1 cannot be asked: Connection error"):
        describe(["wave"], LAYOUT, Client("tiny", "http://localhost:1/v1", retries=0))


@pytest.mark.parametrize(
    "response",
    [
        lambda: Response("<html>Welcome</html>", content_type="text/html"),
        lambda: Response('{"error": "out of memory"}', content_type="application/json"),
        lambda: Response('{"choices": []}', content_type="application/json"),
    ],
    ids=["a web page", "an error with status 200", "no choices"],
)
def test_what_is_no_completion_is_an_error(server: Server, response: Callable[[], Response]) -> None:
    server.rules = [lambda body: response()]
    with pytest.raises(ValueError, match="sent no chat completion; is the base_url right"):
        describe(["wave"], LAYOUT, client(server))
    assert stored() == []


def test_a_second_run_asks_nothing(server: Server) -> None:
    first = describe(["wave", "nod"], LAYOUT, client(server))
    server.bodies = []
    again = client(server)
    assert describe(["wave", "nod"], LAYOUT, again).classes == first.classes
    assert server.bodies == [] and again.tokens == 0


def test_a_changed_prompt_model_or_temperature_asks_again(server: Server, tmp_path: Path) -> None:
    describe(["wave"], LAYOUT, client(server))
    own = tmp_path / "own.md.j2"
    own.write_text('---\nid: own\nversion: 1\n---\nBriefly: {{ action }}. {"description", "key_joints"}')
    server.bodies = []
    file = describe(["wave"], LAYOUT, client(server), global_prompt=own)
    assert [question(body) for body in server.bodies] == ['Briefly: wave. {"description", "key_joints"}']
    assert file.provenance["prompts"]["global"] == load_prompt(own).sha256
    describe(["wave"], LAYOUT, client(server, temperature=0.1))
    describe(["wave"], LAYOUT, Client("other", server.url, retries=0))
    assert len(server.bodies) == 5


def test_an_interrupted_run_keeps_what_was_answered_and_asks_no_more(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, actions = generate._describe_one, list("abcdefghij")

    def interrupted(action: str, *rest: Any) -> Any:
        if action == "c":
            raise KeyboardInterrupt
        return real(action, *rest)

    server.rules = [lambda body: time.sleep(0.1) if len(server.bodies) > 4 else None]
    with monkeypatch.context() as patch:
        patch.setattr(generate, "_describe_one", interrupted)
        with pytest.raises(KeyboardInterrupt):
            describe(actions, LAYOUT, client(server), concurrency=1)
    asked = len(server.bodies)
    assert 4 <= asked == len(stored()) < 14
    assert list(describe(actions, LAYOUT, client(server)).classes) == actions
    assert len(server.bodies) == 20


def test_one_failing_action_leaves_the_others_stored(server: Server) -> None:
    server.rules = [lambda body: refused(409, "not that one") if '"nod"' in question(body) else None]
    with pytest.raises(ValueError, match=r"1 of 3 actions failed:\n  'nod': tiny answered 409: .*not that one"):
        describe(["wave", "nod", "kick"], LAYOUT, client(server))
    server.rules, server.bodies = [], []
    describe(["wave", "nod", "kick"], LAYOUT, client(server))
    assert len(server.bodies) == 2 and all('"nod"' in question(body) for body in server.bodies)


@pytest.mark.parametrize("concurrency", [1, 8])
def test_each_question_is_asked_once_whatever_the_concurrency(server: Server, concurrency: int) -> None:
    actions = [f"action {i}" for i in range(10)]
    file = describe([*actions, "action 3"], LAYOUT, client(server), concurrency)
    assert list(file.classes) == actions
    assert len(server.bodies) == len({question(body) for body in server.bodies}) == 20


def test_questions_are_asked_at_the_same_time(server: Server) -> None:
    together = threading.Barrier(3, timeout=10)

    def wait_for_the_others(body: dict[str, Any]) -> None:
        if is_global(body):
            together.wait()

    server.rules = [wait_for_the_others]
    describe(["a", "b", "c"], LAYOUT, client(server), concurrency=3)
    assert not together.broken


def test_describing_works_inside_a_running_event_loop(server: Server) -> None:
    async def cell() -> DescriptionFile:
        return describe(["wave"], LAYOUT, client(server))

    assert list(asyncio.run(cell()).classes) == ["wave"]


def test_the_key_is_sent_and_never_told(server: Server, capfd: pytest.CaptureFixture[str]) -> None:
    echo = f"Incorrect API key provided: {KEY}, that is {KEY[:8]}*****cdef. See the manual"
    server.rules = [lambda body: refused(401, echo) if '"wave"' in question(body) else None]
    with pytest.raises(ValueError, match=r"tiny answered 401: .*key provided: …, that is …. See") as error:
        describe(["nod", "wave"], LAYOUT, client(server), concurrency=1)
    assert server.keys == {f"Bearer {KEY}"}
    assert len(stored()) == 2
    told = [*capfd.readouterr(), "".join(traceback.format_exception(error.value)), repr(client(server))]
    for text in [*told, *(path.read_text() for path in stored())]:
        assert KEY not in text and KEY[3:12] not in text


def test_a_key_of_another_form_is_not_told_either(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "my+own/secret=")
    server.rules = [lambda body: refused(401, "wrong: my+own/secret=!")]
    with pytest.raises(ValueError, match="wrong: …!"):
        describe(["wave"], LAYOUT, client(server))


def test_openai_itself_needs_a_key_and_a_local_server_none(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(ValueError, match="set OPENAI_API_KEY in the environment, or give the base_url"):
        Client("gpt")
    describe(["wave"], LAYOUT, client(server))
    assert server.keys == {"Bearer none"}


def test_a_damaged_stored_answer_is_named(server: Server) -> None:
    describe(["wave"], LAYOUT, client(server))
    path = stored()[0]
    path.write_text('{"answer": ')
    with pytest.raises(ValueError, match=rf"'wave': .*{path.name} is not readable JSON"):
        describe(["wave"], LAYOUT, client(server))


def test_preview_shows_what_would_be_sent_and_asks_nothing(server: Server) -> None:
    texts, tokens = preview(["wave", "nod"], LAYOUT)
    assert server.bodies == [] and tokens == sum(map(len, texts)) // 4
    describe(["wave", "nod"], LAYOUT, client(server), concurrency=1)
    assert texts == [question(body) for body in server.bodies]


def test_a_refused_key_stops_everything_at_once(server: Server) -> None:
    server.rules = [lambda body: refused(401, "wrong key")]
    with pytest.raises(KeyRefused, match=r"tiny answered 401: .*wrong key.*is the key in OPENAI_API_KEY right"):
        describe([f"action {i}" for i in range(50)], LAYOUT, client(server), concurrency=2)
    assert len(server.bodies) <= 2


def test_every_failed_action_is_named_and_the_first_with_reasons(server: Server) -> None:
    actions = [f"action {i}" for i in range(8)]
    server.rules = [lambda body: refused(409, "busy") if '"action 3"' not in question(body) else None]
    with pytest.raises(ValueError) as error:
        describe(actions, LAYOUT, client(server), concurrency=4)
    first, *lines, last = str(error.value).splitlines()
    assert first == "7 of 8 actions failed:" and last == "run again to go on"
    assert [line.split(":")[0].strip() for line in lines[:5]] == [f"'action {i}'" for i in (0, 1, 2, 4, 5)]
    assert all("busy" in line for line in lines[:5])
    assert lines[5:] == ["  and 'action 6', 'action 7'"]


@pytest.mark.parametrize("status", [400, 422])
def test_a_model_of_one_temperature_is_asked_without_and_that_is_recorded(server: Server, status: int) -> None:
    message = "Unsupported value: 'temperature' does not support 0.0 with this model."
    server.rules = [lambda body: refused(status, message) if "temperature" in body else None]
    asking = client(server)
    file = describe(["wave", "nod"], LAYOUT, asking, concurrency=1)
    assert ["temperature" in body for body in server.bodies] == [True, False, False, False, False]
    assert set(server.formats) == {"json_schema"}
    assert file.provenance["parameters"] == {"temperature": None, "temperature_refused": 0.0}

    server.bodies = []
    assert describe(["wave", "nod"], LAYOUT, client(server)).provenance == file.provenance
    assert server.bodies == []


def test_an_error_that_only_mentions_temperature_does_not_take_it_away(server: Server) -> None:
    def refuse(body: dict[str, Any]) -> Response | None:
        return refused(400, f"cannot do {sorted(body)}") if "response_format" in body else None

    server.rules = [lambda body: refuse(body) or (refused(400, "temperature") if "temperature" not in body else None)]
    file = describe(["wave"], LAYOUT, client(server), concurrency=1)
    assert file.provenance["parameters"] == {"temperature": 0.0} and "temperature" in server.bodies[-1]


def test_several_samples_are_asked_stored_and_merged(server: Server, tmp_path: Path) -> None:
    given = iter(["right hand", "head", "right hand"])
    server.rules = [
        lambda body: (
            said(json.dumps({"description": "It moves.", "key_joints": [next(given)]})) if is_global(body) else None
        )
    ]
    file = describe(["wave"], LAYOUT, client(server, temperature=0.7), concurrency=1, samples=3)
    wave = file.classes["wave"]
    assert wave.key_joints == ("right hand",) and agreement(wave.samples) == pytest.approx(1 / 3)
    assert [s.key_joints for s in wave.samples] == [("right hand",), ("head",), ("right hand",)]
    assert file.provenance["parameters"] == {"temperature": 0.7, "samples": 3}
    assert len(server.bodies) == len(stored()) == 6

    server.bodies = []
    assert describe(["wave"], LAYOUT, client(server, temperature=0.7), samples=3).classes == file.classes
    single = describe(["wave"], LAYOUT, client(server, temperature=0.7)).classes["wave"]
    assert single == wave.samples[0] and server.bodies == []


@pytest.mark.parametrize(("samples", "temperature"), [(2, 0.0), (0, 0.7)])
def test_several_samples_need_a_temperature(server: Server, samples: int, temperature: float) -> None:
    with pytest.raises(ValueError, match=f"samples={samples} must be at least 1, and several need a temperature above"):
        describe(["wave"], LAYOUT, client(server, temperature=temperature), samples=samples)
    assert server.bodies == []


def test_the_account_tells_tokens_and_only_with_prices_the_cost(server: Server) -> None:
    describe(["wave"], LAYOUT, client(server))
    asking = client(server)
    describe(["wave", "nod"], LAYOUT, asking)
    assert asking.account == llm.Account(asked=2, reused=2, prompt_tokens=14, completion_tokens=6)
    assert asking.account.cost(1.0, 10.0) == pytest.approx(74e-6)
    assert "cost" not in asking.account.summary()
    assert "14 prompt + 6 completion tokens, cost 7.4000" in asking.account.summary((1e5, 1e6))
    server.rules = [lambda body: said(usual(body), usage=False)]
    describe(["kick"], LAYOUT, asking)
    assert asking.account.asked == 4 and "(2 answers came without a count)" in asking.account.summary()


@pytest.mark.parametrize("name", sorted(PROVIDERS))
def test_each_provider_has_its_own_key_variable(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for provider in PROVIDERS.values():
        monkeypatch.delenv(provider.key_variable, raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    asking = Client("tiny", provider=name)
    assert asking.base_url == PROVIDERS[name].base_url
    assert (asking._client.api_key == KEY) == (name == "openai")
    monkeypatch.setenv(PROVIDERS[name].key_variable, "own-key")
    assert Client("tiny", provider=name)._client.api_key == "own-key"


def test_unknown_providers_and_missing_models_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"unknown provider 'olama'; did you mean 'ollama'\? Providers: openai, "):
        Client("tiny", provider="olama")
    with pytest.raises(ValueError, match="give the model: the name under which vllm serves it"):
        Client(provider="vllm")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    assert Client().model == "gpt-4o-mini"


@pytest.mark.parametrize("key", ["sk-abc\u2026def", "sk-abc\ndef"])
def test_a_key_that_cannot_be_sent_is_named_by_its_variable(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with pytest.raises(ValueError, match="OPENAI_API_KEY holds a character that no key has") as error:
        Client("tiny")
    assert "abc" not in "".join(traceback.format_exception(error.value))


def test_a_password_in_the_address_is_not_told(server: Server) -> None:
    with pytest.raises(ValueError, match=r"http://…@localhost:1/v1 cannot be asked"):
        describe(["wave"], LAYOUT, Client("tiny", "http://me:hidden@localhost:1/v1", retries=0))


def test_an_answer_cut_on_the_way_is_an_error_and_not_stored(server: Server) -> None:
    def cut(body: dict[str, Any]) -> Response:
        whole = said(usual(body)).get_data()
        return Response(iter([whole[:40]]), headers={"content-length": str(len(whole))}, direct_passthrough=True)

    server.rules = [cut]
    with pytest.raises(ValueError, match=r"1 of 1 actions failed:\n  'wave': .* cannot be asked"):
        describe(["wave"], LAYOUT, client(server))
    assert stored() == []
