"""The language-model client against a real server on this machine: what it asks, survives, stores and never tells."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from support.chat_server import JOINTS, KEY, LAYOUT, Server, is_global, question, refused, said, usual
from werkzeug import Response

from crossglg.text import generate, llm
from crossglg.text.attributes import STATEMENTS
from crossglg.text.descriptions import DescriptionFile
from crossglg.text.generate import ActionsFailed, describe, json_objects, preview
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
    assert asking.account.prompt_tokens + asking.account.completion_tokens == 40
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


def test_one_question_about_all_actions_tells_for_which_sides_do_not_matter(server: Server, tmp_path: Path) -> None:
    actions = ["swipe left to right", "swipe right to left", "drink", "nod"]
    answers = ['{"either_side": ["drink", "juggle"]}', '{"either_side": ["Drink ", "nod"]}']

    def about_sides(body: dict[str, Any]) -> Response | None:
        return said(answers.pop(0)) if "left and right are swapped" in str(body["messages"]) else None

    server.rules = [about_sides]
    file = describe(actions, LAYOUT, client(server), concurrency=1, sides=True)
    assert [one.either_side for one in file.classes.values()] == [False, False, True, True]
    assert all(f"- {action}\n" in question(server.bodies[8]) for action in actions) and len(server.bodies) == 10
    assert "'juggle' is no action of the list" in str(server.bodies[9]["messages"])
    assert file.provenance["prompts"]["sides"] == load_prompt("sides").sha256
    loaded = DescriptionFile.load(file.save(tmp_path / "own.json"))
    assert [one.either_side for one in loaded.classes.values()] == [False, False, True, True]
    describe(actions, LAYOUT, client(server), sides=True)
    assert len(server.bodies) == 10, "no answer is asked for twice"
    assert describe(actions, LAYOUT, client(server)).classes["drink"].either_side is None
    texts, _ = preview(actions, LAYOUT, sides=True)
    assert len(texts) == 9 and texts[-1] == question(server.bodies[8])


def test_descriptions_are_kept_where_the_question_about_sides_fails(server: Server) -> None:
    server.rules = [lambda body: said("no idea") if "left and right are swapped" in str(body["messages"]) else None]
    with pytest.raises(
        ActionsFailed, match="which actions stay the same mirrored is not answered: no usable"
    ) as failure:
        describe(["wave", "nod"], LAYOUT, client(server), sides=True)
    assert list(failure.value.described.classes) == ["wave", "nod"]


def test_statements_are_asked_for_each_action_and_only_those_of_the_list_count(server: Server, tmp_path: Path) -> None:
    answers = ['{"statements": ["a position is held.", "The movement repeats"]}', '{"statements": ["it flies"]}']
    answers += ['{"statements": []}']

    def about_statements(body: dict[str, Any]) -> Response | None:
        return said(answers.pop(0)) if "Which of these statements" in str(body["messages"]) else None

    server.rules = [about_statements]
    file = describe(["wave", "nod"], LAYOUT, client(server), concurrency=1, statements=True)
    assert file.classes["wave"].statements == ("the movement repeats", "a position is held")
    assert file.classes["nod"].statements == () and "'it flies' is no statement" in str(server.bodies[-1]["messages"])
    assert all(f"- {statement}\n" in question(server.bodies[2]) for statement in STATEMENTS)
    assert file.provenance["prompts"]["statements"] == load_prompt("statements").sha256
    loaded = DescriptionFile.load(file.save(tmp_path / "own.json"))
    assert [one.statements for one in loaded.classes.values()] == [one.statements for one in file.classes.values()]
    asked = len(server.bodies)
    describe(["wave", "nod"], LAYOUT, client(server), statements=True)
    assert len(server.bodies) == asked, "no answer is asked for twice"
    texts, _ = preview(["wave"], LAYOUT, statements=True)
    assert texts == [question(body) for body in server.bodies[:3]]


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
    with pytest.raises(ActionsFailed, match=r"'wave': tiny answered 400: .*no model called tiny.*\nrun again to ask"):
        describe(["wave"], LAYOUT, client(server))
    assert stored() == []


@pytest.mark.parametrize(
    "wrapping",
    [
        "Sure! Here it is:\n{}\nAnything else?",
        "```json\n{}\n```",
        '<think>Maybe {{"description": 3}} or {{"joints": []}}? {{no}}</think>{}',
        '<think>A draft: {{"description": "The left foot kicks.", "key_joints": ["left foot"]}}</think>\n{}',
        '{}\n<think>Or {{"description": "The left foot kicks.", "key_joints": ["left foot"]}}?</think>',
        'Or {{"description": "The left foot kicks.", "key_joints": ["left foot"]}}?</think>{}',
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


@pytest.mark.parametrize(
    "given",
    [None, "right_hand and Head", "Right Hand,  head, tail", ["rightHand", "HEAD"], [], ""],
    ids=str,
)
def test_key_joints_come_in_many_forms(server: Server, given: Any) -> None:
    text = "The right hand and the head matter most."
    server.rules = [
        lambda body: said(json.dumps({"description": text, "key_joints": given})) if is_global(body) else None
    ]
    asked = describe(["wave"], LAYOUT, client(server), concurrency=1).classes["wave"].key_joints
    assert {"right hand", "head"} <= set(asked) <= {"right hand", "right wrist", "head"}


TEXTS = json.loads(JOINTS)["joints"]
NAMED = [{"name": joint.title(), "description": text} for joint, text in TEXTS.items()]
FORMS = {
    "Left Hand": {"joints": {joint.title(): text for joint, text in TEXTS.items()}},
    "left_hand": {"joints": {joint.replace(" ", "_"): text for joint, text in TEXTS.items()}},
    "LEFT-HAND": {"joints": {joint.replace(" ", "-").upper(): text for joint, text in TEXTS.items()}},
    "leftHand": {"joints": {joint[0] + joint.title().replace(" ", "")[1:]: text for joint, text in TEXTS.items()}},
    "others beside them": {"joints": TEXTS | {"tail": 3, "Head": TEXTS["head"]}, "action": "wave"},
    "no outer joints": TEXTS,
    "a list of joints": {"joints": NAMED},
    "a list alone": NAMED,
    "a list of pairs": {"joints": [{joint: text} for joint, text in TEXTS.items()]},
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_joints_are_known_by_their_words_and_in_other_forms(server: Server, form: Any) -> None:
    server.rules = [lambda body: None if is_global(body) else said(json.dumps(form))]
    assert describe(["wave"], LAYOUT, client(server)).classes["wave"].joints == TEXTS
    assert len(server.bodies) == 2


BAD = {
    "no JSON": ("I cannot.", "holds no complete JSON object"),
    "cut": (JOINTS[:-30], "holds no complete JSON object"),
    "another joint": (JOINTS.replace('"left knee"', '"Left Nee"'), r"left knee \('Left Nee' is .*mean 'left knee'\?\)"),
    "a blank text": (JOINTS.replace("The head moves.", " "), "lacks the joints head"),
    "a joint twice": (JOINTS.replace('"head":', '"Head": "It nods.", "head":'), "describes the joint head twice"),
    "no texts": (json.dumps({"joints": list(TEXTS)}), "lacks all joints"),
    "null": ('{"joints": null}', "lacks all joints"),
    "wrong types": (JOINTS.replace('"The head moves."', "3"), "joints.head Input should be"),
}


@pytest.mark.parametrize(("bad", "problem"), BAD.values(), ids=BAD)
def test_an_invalid_answer_is_repaired_once(server: Server, bad: str, problem: str) -> None:
    server.rules = [lambda body: said(bad) if not is_global(body) and len(body["messages"]) == 1 else None]
    assert describe(["wave"], LAYOUT, client(server), concurrency=1).classes["wave"].joints["head"] == "The head moves."
    assert len(server.bodies) == 3
    asked, answered, repair = server.bodies[2]["messages"]
    assert asked == server.bodies[1]["messages"][0] and answered == {"role": "assistant", "content": bad}
    assert re.search(problem, repair["content"])


@pytest.mark.parametrize("bad", [None, "{" * 20_000], ids=["empty", "without end"])
def test_an_answer_that_no_server_takes_back_is_repaired_in_one_message(server: Server, bad: str | None) -> None:
    server.rules = [lambda body: None if is_global(body) or "used" in question(body) else said(bad)]
    describe(["wave"], LAYOUT, client(server), concurrency=1)
    (repair,) = server.bodies[2]["messages"]
    assert repair["content"].startswith(question(server.bodies[1])) and "cannot be used" in repair["content"]


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        ('{"description": " ", "key_joints": ["head"]}', "the description is empty"),
        ('{"description": "Something happens."}', "neither key_joints nor the description names a joint"),
        ('{"description": "It moves.", "key_joints": ["left-nee"]}', r"did you mean 'left knee'\?"),
    ],
)
def test_a_global_answer_that_describes_nothing_is_invalid(server: Server, bad: str, problem: str) -> None:
    server.rules = [lambda body: said(bad) if is_global(body) and len(body["messages"]) == 1 else None]
    describe(["wave"], LAYOUT, client(server), concurrency=1)
    assert re.search(problem, server.bodies[1]["messages"][2]["content"])


def test_an_answer_that_stays_wrong_is_put_aside_and_asked_anew(server: Server) -> None:
    server.rules = [lambda body: said("never") if "wave" in question(body) and not is_global(body) else None]
    with pytest.raises(
        ActionsFailed, match="1 of 2 actions failed:\n  'wave': no usable answer in 2 tries: it"
    ) as error:
        describe(["nod", "wave"], LAYOUT, client(server))
    assert error.value.described is not None and list(error.value.described.classes) == ["nod"]
    unusable = stored("*.unusable.json")
    assert [json.loads(path.read_text())["answer"] for path in unusable] == ["never", "never"]
    assert len(stored()) == 3 + len(unusable) and str(unusable[0].parent) in str(error.value)

    server.rules, server.bodies = [], []
    asking = client(server)
    assert list(describe(["nod", "wave"], LAYOUT, asking).classes) == ["nod", "wave"]
    assert [is_global(body) for body in server.bodies] == [False]
    assert (asking.account.asked, asking.account.reused, asking.account.unusable) == (1, 3, 0)


def test_a_repaired_answer_is_found_at_once_the_next_time(server: Server) -> None:
    server.rules = [lambda body: said("never") if not is_global(body) and len(body["messages"]) == 1 else None]
    first = describe(["wave"], LAYOUT, client(server))
    server.bodies = []
    assert describe(["wave"], LAYOUT, client(server)).classes == first.classes and server.bodies == []


RUNAWAY = {
    "lists": '{"joints":' + "[" * 20_000,
    "closed lists": '{"joints":' + "[" * 20_000 + "]" * 20_000 + "}",
    "objects": '{"joints":' * 20_000,
    "braces": "{" * 200_000,
    "quotation marks": '{"' * 100_000,
    "escapes": '{"joints": "' + '\\"' * 100_000,
    "half a character": '{"joints": {"head": "\\ud83d"}} \ud83d',
}


@pytest.mark.parametrize("runaway", RUNAWAY.values(), ids=RUNAWAY)
def test_a_runaway_answer_fails_its_action_only_and_is_not_taken_again(server: Server, runaway: str) -> None:
    server.rules = [lambda body: said(runaway) if '"wave"' in question(body) and not is_global(body) else None]
    with pytest.raises(ActionsFailed, match="1 of 2 actions failed:\n  'wave': no usable answer in 2 tries"):
        describe(["wave", "nod"], LAYOUT, client(server))
    assert len(stored("*.unusable.json")) == 2 and len(stored()) == 5

    server.rules, server.bodies = [], []
    assert list(describe(["wave", "nod"], LAYOUT, client(server)).classes) == ["wave", "nod"]
    assert len(server.bodies) == 1


def test_an_object_is_found_among_brackets_without_end() -> None:
    text = "{" * 50_000 + ' {"a": [1, {"b": "}"}]} ' + '{"x": [' * 50_000
    assert list(json_objects(text)) == [{"a": [1, {"b": "}"}]}]


def test_quotation_marks_of_prose_hide_no_object() -> None:
    assert list(json_objects('A 6" bar, {so "to} say: {"a": "6\\" {"} "')) == [{"a": '6" {'}]
    assert list(json_objects('{"joints": {"head": "nods\nNo: {"a": {"b": 1}}')) == [{"a": {"b": 1}}]


@pytest.mark.parametrize("content", [RUNAWAY["lists"], JOINTS[:-30], ""], ids=["lists", "cut", "empty"])
def test_an_unusable_answer_of_an_earlier_run_is_put_aside_and_asked_anew(server: Server, content: str) -> None:
    describe(["wave"], LAYOUT, client(server))
    entries = [path for path in stored() if json.loads(path.read_text())["answer"] == JOINTS]
    (path,) = entries
    path.write_text(json.dumps(json.loads(path.read_text()) | {"answer": content}))
    server.bodies = []
    assert describe(["wave"], LAYOUT, client(server)).classes["wave"].joints == TEXTS
    assert [len(body["messages"]) for body in server.bodies] == [1]
    assert [json.loads(path.read_text())["answer"] for path in stored("*.unusable.json")] == [content]


@pytest.mark.parametrize("content", ['{"answer": ', "[]", "{}", '{"answer": null}', '{"answer": "", "reasoning": 3}'])
def test_a_damaged_stored_answer_is_put_aside_and_asked_anew(server: Server, content: str) -> None:
    first = describe(["wave"], LAYOUT, client(server))
    stored()[0].write_text(content)
    server.bodies = []
    assert describe(["wave"], LAYOUT, client(server)).classes == first.classes and len(server.bodies) == 1
    assert [path.read_text() for path in stored("*.unusable.json")] == [content]


def test_a_cut_off_answer_is_asked_again_with_more_room(server: Server) -> None:
    server.rules = [lambda body: said(usual(body)[:40], "length") if "max_tokens" not in body else None]
    file = describe(["wave"], LAYOUT, client(server), concurrency=1)
    assert file.classes["wave"].joints == TEXTS
    assert [body.get("max_tokens") for body in server.bodies] == [None, 16384, None, 16384]
    assert server.bodies[0]["messages"] == server.bodies[1]["messages"]
    server.bodies = []
    assert describe(["wave"], LAYOUT, client(server)).classes == file.classes and server.bodies == []


def test_a_whole_answer_is_used_although_the_model_went_on_until_its_limit(server: Server) -> None:
    server.rules = [lambda body: said(usual(body) + " Besides, " * 9, "length")]
    describe(["wave"], LAYOUT, client(server))
    assert len(server.bodies) == 2


def test_a_model_that_names_the_limit_otherwise_is_given_more_room_too(server: Server) -> None:
    message = "'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
    server.rules = [
        lambda body: refused(400, message) if "max_tokens" in body else None,
        lambda body: said("", "length") if "max_completion_tokens" not in body else None,
    ]
    describe(["wave", "nod"], LAYOUT, client(server), concurrency=1)
    assert sum("max_tokens" in body for body in server.bodies) == 1 and set(server.formats) == {"json_schema"}


def test_a_server_without_more_room_says_so_and_is_asked_as_strictly_as_before(server: Server) -> None:
    server.rules = [
        lambda body: refused(400, "the context has 512 tokens") if "max_tokens" in body else None,
        lambda body: said(usual(body)[:40], "length") if '"wave"' in question(body) else None,
    ]
    with pytest.raises(
        ActionsFailed, match=r"'wave': the answer was cut off at 3 tokens .*; then tiny answered 400: .*512"
    ):
        describe(["wave", "nod"], LAYOUT, client(server), concurrency=1)
    assert set(server.formats) == {"json_schema"}


REASONS = {
    "empty": (said(""), "the answer is empty$"),
    "cut off": (said(JOINTS[:40], "length"), r"the answer was cut off at 3 tokens \(finish_reason length\)"),
    "cut off, uncounted": (
        said(JOINTS[:40], "length", usage=False),
        r"the answer was cut off \(finish_reason length\)",
    ),
    "thoughts cut off": (
        said("", "length", reasoning_content="Well, "),
        "empty: the model used all its tokens for think",
    ),
    "a draft cut off": (
        said(f"<think>Well, {JOINTS} or", "length"),
        "empty: the model used all its tokens for thinking",
    ),
    "thoughts only": (said(None, reasoning="Well."), "is empty, and the model's thoughts hold no usable one"),
    "refused": (said(None, refusal="I will not."), r"the model refused: I will not\."),
    "filtered": (said("", "content_filter"), "the provider's filter stopped the answer"),
}


@pytest.mark.parametrize(("response", "why"), REASONS.values(), ids=REASONS)
def test_what_is_wrong_with_an_answer_is_told(server: Server, response: Response, why: str) -> None:
    server.rules = [lambda body: None if is_global(body) else Response(response.get_data(), headers=response.headers)]
    with pytest.raises(ActionsFailed, match=f"(?m)'wave': no usable answer in 2 tries: .*{why}"):
        describe(["wave"], LAYOUT, client(server))


def test_a_completion_may_be_short(server: Server) -> None:
    server.rules = [
        lambda body: Response(
            json.dumps({"choices": [{"message": {"content": usual(body)}}]}), content_type="application/json"
        )
    ]
    assert list(describe(["wave"], LAYOUT, client(server)).classes) == ["wave"]


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning", "content"])
def test_an_answer_among_the_thoughts_is_used_where_nothing_else_is_said(server: Server, name: str) -> None:
    def think(body: dict[str, Any]) -> Response:
        if name == "content":
            return said(f"<think>So it is {usual(body)}</think>")
        return said(None, **{name: f"So it is {usual(body)}"})

    server.rules = [think]
    first = describe(["wave"], LAYOUT, client(server))
    assert first.classes["wave"].joints == TEXTS and len(server.bodies) == 2
    assert describe(["wave"], LAYOUT, client(server)).classes == first.classes and len(server.bodies) == 2


def test_busy_server_is_asked_again_when_it_says(server: Server) -> None:
    start = time.perf_counter()
    server.rules = [lambda body: refused(429, **{"retry-after": "0.3"}) if len(server.bodies) == 1 else None]
    describe(["wave"], LAYOUT, client(server, retries=1), concurrency=1)
    assert len(server.bodies) == 3 and 0.3 <= time.perf_counter() - start < 5
    assert set(server.formats) == {"json_schema"}


def test_a_server_that_stays_busy_is_an_error(server: Server) -> None:
    server.rules = [lambda body: refused(429, "slow down", **{"retry-after": "0.01"})]
    with pytest.raises(ActionsFailed, match=r"tiny answered 429: .*slow down"):
        describe(["wave"], LAYOUT, client(server, retries=2))
    assert len(server.bodies) == 3


def test_a_slow_answer_is_not_asked_again_and_the_other_actions_go_on(
    server: Server, capfd: pytest.CaptureFixture[str]
) -> None:
    released = threading.Event()
    server.rules = [lambda body: said("late") if '"wave"' in question(body) and released.wait(9) else None]
    why = r"'wave': http://localhost:\d+/v1 gave no answer within 1.5 seconds; .* --timeout SECONDS"
    try:
        with pytest.raises(ActionsFailed, match=why) as error:
            describe(["wave", "nod"], LAYOUT, client(server, timeout=1.5, retries=3), concurrency=1)
    finally:
        released.set()
    assert error.value.described is not None and list(error.value.described.classes) == ["nod"]
    assert len(server.bodies) == 3
    assert "0/2 [00:01<" in capfd.readouterr().err, "the time goes on while nothing is answered"


def test_a_model_of_ones_own_is_given_more_time(server: Server) -> None:
    assert Client("tiny").timeout == 60 and Client("tiny", provider="ollama").timeout == 600
    assert Client("tiny", server.url).timeout == 600 and Client("tiny", server.url, timeout=5).timeout == 5


def test_a_server_that_accepts_no_connection_is_not_called_slow(server: Server) -> None:
    with socket.socket() as deaf, socket.socket() as first, socket.socket() as second:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        for other in (first, second):  # its queue is full
            other.setblocking(False)
            other.connect_ex(deaf.getsockname())
        address = f"http://127.0.0.1:{deaf.getsockname()[1]}/v1"
        with pytest.raises(ActionsFailed, match=f"{address} cannot be reached; is the address right?"):
            describe(["wave"], LAYOUT, Client("tiny", address, timeout=0.3))


def test_a_store_that_cannot_be_written_is_told_before_anything_is_asked(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("CROSSGLG_CACHE", str(tmp_path / "file"))
    with pytest.raises(
        OSError, match=r"cannot write in the cache folder .*set the environment variable CROSSGLG_CACHE"
    ):
        client(server)


def test_no_server_is_an_error(server: Server) -> None:
    with pytest.raises(ActionsFailed, match=r"http://localhost:1/v1 cannot be asked: Connection error"):
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
    with pytest.raises(ActionsFailed, match="sent no chat completion; is the base_url right"):
        describe(["wave"], LAYOUT, client(server))
    assert stored() == []


def test_a_second_run_asks_nothing(server: Server) -> None:
    first = describe(["wave", "nod"], LAYOUT, client(server))
    server.bodies = []
    again = client(server)
    assert describe(["wave", "nod"], LAYOUT, again).classes == first.classes
    assert server.bodies == [] and again.account.prompt_tokens == 0


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
    with pytest.raises(ActionsFailed, match=r"1 of 3 actions failed:\n  'nod': tiny answered 409: .*not that one"):
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
    with pytest.raises(
        ValueError, match="set OPENAI_API_KEY in the environment, or give the address of a local server"
    ):
        Client("gpt")
    describe(["wave"], LAYOUT, client(server))
    assert server.keys == {"Bearer none"}


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


def test_every_failed_action_is_named_with_its_reason(server: Server) -> None:
    actions = [f"action {i}" for i in range(4)]
    statuses = {"action 0": 409, "action 1": 418, "action 3": 409}
    server.rules = [
        lambda body: next((refused(n, "busy") for action, n in statuses.items() if action in question(body)), None)
    ]
    with pytest.raises(ActionsFailed) as error:
        describe(actions, LAYOUT, client(server), concurrency=4)
    assert re.sub(r": Error code.*", "", str(error.value)).splitlines() == [
        "3 of 4 actions failed:",
        "  'action 0', 'action 3': tiny answered 409",
        "  'action 1': tiny answered 418",
        "run again to ask for these actions only",
    ]


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
    with pytest.raises(ActionsFailed, match=r"http://…@localhost:1/v1 cannot be asked"):
        describe(["wave"], LAYOUT, Client("tiny", "http://me:hidden@localhost:1/v1", retries=0))


def test_an_answer_cut_on_the_way_is_an_error_and_not_stored(server: Server) -> None:
    def cut(body: dict[str, Any]) -> Response:
        whole = said(usual(body)).get_data()
        return Response(iter([whole[:40]]), headers={"content-length": str(len(whole))}, direct_passthrough=True)

    server.rules = [cut]
    with pytest.raises(ActionsFailed, match=r"1 of 1 actions failed:\n  'wave': .* cannot be asked"):
        describe(["wave"], LAYOUT, client(server))
    assert stored() == []
