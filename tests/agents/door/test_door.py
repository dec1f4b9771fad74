"""The model door over real sockets and a real server: what passes, what does not, what it costs, and what is written down."""

from __future__ import annotations

import json
import socket
import threading
from typing import Any

import openai
import pytest

from agents import MemoryWorkspace, OutOfBudget, Stopped
from agents.door import DoorLimits
from tests.agents.door.doorway import HASTY, KEY, USAGE, endpoint, hear, opened, replies
from tests.agents.models.server import Answer, Asked, hangs_after, refuses, says, sends, serving


def notes(workspace: MemoryWorkspace, kind: str) -> list[dict[str, object]]:
    return [dict(step.data) for step in workspace.journal() if step.kind == f"note:{kind}"]


def test_a_reply_comes_as_it_is_and_the_key_is_added_outside() -> None:
    workspace = MemoryWorkspace({})
    with serving(replies("good day")) as server, opened(endpoint(server.url), workspace) as program:
        said = program.chat(temperature=0.5)
    assert (said.status, said.document["choices"][0]["message"]["content"]) == (200, "good day")
    assert server.asked[0].key == f"Bearer {KEY}"
    assert server.bodies[0]["temperature"] == 0.5
    assert program.key not in server.asked[0].key


def test_a_stream_comes_event_by_event_without_the_usage_that_nobody_asked_for() -> None:
    workspace = MemoryWorkspace({})
    with serving(says("good ", "day", usage=USAGE)) as server, opened(endpoint(server.url), workspace) as program:
        said = program.chat(stream=True)
        told = program.chat(stream=True, stream_options={"include_usage": True})
    assert said.headers["content-type"] == "text/event-stream"
    assert [json.loads(event)["choices"][0]["delta"].get("content") for event in said.events[:-1]] == [
        "good ",
        "day",
        None,
    ]
    assert said.events[-1] == "[DONE]"
    assert any(json.loads(event).get("usage") for event in told.events[:-1])
    assert server.bodies[0]["stream_options"] == {"include_usage": True}


def test_the_official_client_talks_through_it_with_tools() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    tool = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
    workspace = MemoryWorkspace({})
    with serving(replies("", tool_calls=[call])) as server, opened(endpoint(server.url), workspace) as program:
        client: Any = openai.OpenAI(api_key=program.key, base_url=f"http://127.0.0.1:{program.port}/v1", max_retries=0)
        assert [model.id for model in client.models.list()] == ["test"]
        messages = [{"role": "user", "content": "hi"}]
        reply = client.chat.completions.create(model="test", messages=messages, tools=[tool])
        client.close()
    assert reply.choices[0].message.tool_calls[0].function.name == "look"
    assert server.bodies[0]["tools"] == [tool]


def test_calls_are_reserved_settled_and_journaled() -> None:
    workspace = MemoryWorkspace({}, budget_usd=1.0)
    first = {"role": "user", "content": "a question of some length"}
    with serving(replies("yes"), says("no", usage=USAGE)) as server:
        priced = endpoint(server.url, price_in=10.0, price_out=100.0)
        with opened(priced, workspace) as program:
            program.chat(messages=[first], max_tokens=50)
            program.chat(messages=[first, {"role": "assistant", "content": "yes"}], max_tokens=50, stream=True)
    assert workspace.spent_usd == [pytest.approx(0.002)] * 2
    asked, replied = notes(workspace, "door_asked"), notes(workspace, "door_replied")
    assert [list(each["new"].values()) for each in asked] == [[first], [{"role": "assistant", "content": "yes"}]]  # type: ignore[attr-defined]
    assert [each["reply"]["text"] for each in replied] == ["yes", "no"]  # type: ignore[index]
    assert [each["reply"]["usage"][:2] for each in replied] == [[100, 10]] * 2  # type: ignore[index]


def test_tokens_that_nobody_counts_are_estimated() -> None:
    workspace = MemoryWorkspace({})
    with (
        serving(says("x" * 400)) as server,
        opened(endpoint(server.url, price_out=1e6), workspace, DoorLimits(reply_tokens=200)) as program,
    ):
        assert program.chat(stream=True).status == 200
    assert workspace.spent_usd == [pytest.approx(100.0)]
    assert server.bodies[0]["max_tokens"] == 200


def test_at_the_budget_the_program_is_refused_and_the_job_ends_after_a_grace() -> None:
    workspace = MemoryWorkspace({}, budget_usd=0.01)
    with serving(replies("yes")) as server, opened(endpoint(server.url, price_out=100.0), workspace) as program:
        said = [program.chat(max_tokens=90), program.chat(max_tokens=100), program.chat(max_tokens=1)]
        program.door.check()
        with pytest.raises(OutOfBudget):
            program.door.check(0.0)
    assert [each.status for each in said] == [200, 402, 402]
    assert (said[1].error["code"], said[1].error["type"]) == ("insufficient_quota", "insufficient_quota")
    assert len(server.asked) == 1


def test_a_stopped_job_ends_at_once() -> None:
    workspace = MemoryWorkspace({})
    with serving(replies("yes")) as server, opened(endpoint(server.url), workspace) as program:
        workspace.stopped = True
        assert program.chat().status == 503
        with pytest.raises(Stopped):
            program.door.check()
    assert not server.asked


@pytest.mark.parametrize(
    ("given", "status", "words"),
    [
        ({"model": "gpt-9"}, 404, "leads to the model 'test' alone"),
        ({"messages": []}, 400, "at least one"),
        ({"messages": ["hello"]}, 400, "at least one object"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://x/?a"}}]}]}, 400, "data: URL"),
        ({"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": "f"}}]}]}, 400, "'file'"),
        ({"tools": [{"type": "mcp", "server_url": "http://evil"}]}, 400, "'mcp'"),
        ({"tools": 7}, 400, "a list"),
        ({"n": 3}, 400, "ask once"),
        ({"max_tokens": "many"}, 400, "whole number"),
    ],
)  # fmt: skip
def test_what_may_not_pass_is_refused_with_what_to_do(given: dict[str, object], status: int, words: str) -> None:
    workspace = MemoryWorkspace({})
    with serving(replies("yes")) as server, opened(endpoint(server.url), workspace) as program:
        said = program.chat(**given)
    assert said.status == status
    assert words in said.error["message"]
    assert not server.asked


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b"\xff\xfe", b'{"model": NaN}', b"[" * 100_000, b"9" * 5_000])
def test_a_body_that_is_no_json_object_is_refused(body: bytes) -> None:
    with serving(replies("yes")) as server, opened(endpoint(server.url), MemoryWorkspace({})) as program:
        said = program.request("POST", "/v1/chat/completions", body)
    assert (said.status, said.error["code"]) == (400, "invalid_json")


def test_what_is_not_known_is_left_out_and_written_down() -> None:
    workspace = MemoryWorkspace({})
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    with serving(replies("yes")) as server, opened(endpoint(server.url), workspace) as program:
        said = program.chat(store=True, web_search_options={}, messages=[{"role": "user", "content": [image]}])
    assert said.status == 200
    assert server.bodies[0].keys() == {"model", "messages", "max_tokens"}
    assert notes(workspace, "door_asked")[0]["left_out"] == ["store", "web_search_options"]


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/"), ("GET", "/v1/chat/completions"), ("POST", "/v1/embeddings"), ("POST", "/v1/../v1/files"), ("DELETE", "/v1/models/test")],
)  # fmt: skip
def test_no_other_path_passes(method: str, path: str) -> None:
    with serving(replies("yes")) as server, opened(endpoint(server.url), MemoryWorkspace({})) as program:
        assert program.request(method, path, b"{}").status == 404
    assert not server.asked


def test_no_other_key_opens_it() -> None:
    with serving(replies("yes")) as server, opened(endpoint(server.url), MemoryWorkspace({})) as program:
        assert program.request("GET", "/v1/models", key="sk-guess").status == 401
        assert program.request("GET", "/v1/models", key="").status == 401
        assert program.request("GET", "/v1/models").document["data"][0]["id"] == "test"


def test_too_long_a_request_is_refused() -> None:
    limits = DoorLimits(request_bytes=10_000)
    with serving(replies("yes")) as server, opened(endpoint(server.url), MemoryWorkspace({}), limits) as program:
        assert program.chat(messages=[{"role": "user", "content": "x" * 20_000}]).status == 413
        assert program.chat().status == 200


def test_too_many_calls_are_refused() -> None:
    with (
        serving(replies("yes")) as server,
        opened(endpoint(server.url), MemoryWorkspace({}), DoorLimits(calls=1)) as program,
    ):
        assert [program.chat().status, program.chat().status] == [200, 429]


def test_a_refusal_of_the_server_is_passed_on_with_the_wait_it_asks_and_without_the_key() -> None:
    workspace = MemoryWorkspace({})
    busy = refuses(429, f"slow down, {KEY}", headers={"Retry-After": "7"})
    with serving(busy) as server, opened(endpoint(server.url, price_in=1e3), workspace) as program:
        said = program.chat()
        assert "slow down" in program.door.told
    assert (said.status, said.headers["retry-after"]) == (429, "7")
    assert "slow down, [key]" in said.error["message"]
    assert workspace.spent_usd == [0.0]


def test_a_key_that_the_server_does_not_take_is_told_without_the_servers_words() -> None:
    with (
        serving(refuses(401, "Incorrect API key: sk-very***ords")) as server,
        opened(endpoint(server.url), MemoryWorkspace({})) as program,
    ):
        said = program.chat()
    assert said.status == 401
    assert b"sk-very" not in said.body


def test_a_key_in_a_reply_is_taken_out() -> None:
    workspace = MemoryWorkspace({})
    with (
        serving(replies(f"it is {KEY}"), says(f"it is {KEY}")) as server,
        opened(endpoint(server.url), workspace) as program,
    ):
        assert KEY.encode() not in program.chat().body + program.chat(stream=True).body
    assert KEY not in str(workspace.journal())


def test_a_parameter_that_was_put_in_and_is_refused_is_spared() -> None:
    answers = refuses(400, "unknown parameter: 'max_tokens'"), refuses(400, "no 'stream_options' here"), says("yes")
    with serving(*answers) as server, opened(endpoint(server.url), MemoryWorkspace({})) as program:
        said = program.chat(stream=True)
    assert said.status == 200
    assert server.bodies[-1].keys() == {"model", "messages", "stream", "max_completion_tokens"}


def test_a_server_that_is_not_there_and_one_that_hangs_are_told() -> None:
    limits = DoorLimits(patience=HASTY)
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        nowhere = f"http://127.0.0.1:{reserved.getsockname()[1]}/v1"
    workspace = MemoryWorkspace({})
    with opened(endpoint(nowhere, price_in=1e6), workspace, limits) as program:
        assert program.chat().status == 502
    assert workspace.spent_usd == [0.0]
    with (
        serving(lambda asked: asked.hang()) as server,
        opened(endpoint(server.url), MemoryWorkspace({}), limits) as program,
    ):
        assert program.chat().status == 504
    workspace = MemoryWorkspace({})
    with (
        serving(hangs_after("half")) as server,
        opened(endpoint(server.url, price_out=1e6), workspace, limits) as program,
    ):
        said = program.chat(stream=True)
    assert (said.status, json.loads(said.events[-1])["error"]["code"]) == (200, "timeout")
    assert workspace.spent_usd == [pytest.approx(1.0)]


@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [
        (lambda asked: asked.refuse(200, "<html>", kind="text/html"), 502, "garbage"),
        (lambda asked: asked.refuse(200, '{"choices": 7}'), 502, "garbage"),
        (lambda asked: asked.refuse(302, "", {"Location": "http://elsewhere"}), 502, "redirected"),
        (lambda asked: asked.refuse(200, '{"choices": [], "x": "' + "x" * 50_000 + '"}'), 502, "too_long"),
    ],
)
def test_a_reply_that_is_none_is_told(answer: Answer, status: int, code: str) -> None:
    limits = DoorLimits(reply_bytes=20_000)
    with serving(answer) as server, opened(endpoint(server.url), MemoryWorkspace({}), limits) as program:
        said = program.chat()
    assert (said.status, said.error["code"]) == (status, code)


@pytest.mark.parametrize("events", [["{"], ['{"choices": []}'], ["[]"]])
def test_a_stream_that_is_none_ends_with_an_error(events: list[str]) -> None:
    with serving(sends(*events)) as server, opened(endpoint(server.url), MemoryWorkspace({})) as program:
        said = program.chat(stream=True)
    assert json.loads(said.events[-1])["error"]["code"] in ("garbage", "broken_off")


def test_a_program_that_goes_away_ends_its_call_which_is_paid_as_far_as_it_came() -> None:
    gone = threading.Event()

    def endless(asked: Asked) -> None:
        asked.open()
        asked.chunk({"content": "x" * 40})
        try:
            while not asked.closing.is_set():
                asked.chunk({})
                asked.closing.wait(0.01)
        except OSError:
            gone.set()

    workspace = MemoryWorkspace({})
    with serving(endless) as server, opened(endpoint(server.url, price_out=1e6), workspace) as program:
        with program.ask(stream=True) as end:
            hear(end, b"xxx")
        assert gone.wait(10)
    assert workspace.spent_usd == [pytest.approx(10.0)]
    assert notes(workspace, "door_replied")[0]["ended"] == "broken off"


def test_closing_the_door_ends_calls_under_way() -> None:
    workspace, began = MemoryWorkspace({}), threading.Event()

    def hang(asked: Asked) -> None:
        began.set()
        asked.hang()

    with serving(hang) as server, opened(endpoint(server.url), workspace) as program, program.ask() as end:
        assert began.wait(10)
        program.door.close()
        assert not end.recv(4096)
    assert notes(workspace, "door_replied")[0]["ended"] == "broken off"


def test_no_more_calls_than_allowed_go_out_at_once() -> None:
    most, now, lock = 0, 0, threading.Lock()

    def slow(asked: Asked) -> None:
        nonlocal most, now
        with lock:
            now += 1
            most = max(most, now)
        asked.closing.wait(0.05)
        with lock:
            now -= 1
        replies("yes")(asked)

    with serving(slow) as server, opened(endpoint(server.url), MemoryWorkspace({}), DoorLimits(at_once=2)) as program:
        threads = [threading.Thread(target=program.chat) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert (most, len(server.asked)) == (2, 6)


def test_something_that_is_no_listening_socket_opens_nothing() -> None:
    from agents.door import Door

    with Door(endpoint("http://127.0.0.1:9/v1"), MemoryWorkspace({})) as door:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            socket.send_fds(theirs, [b"D"], [theirs.fileno()])
            assert not door.admit(ours, 0.2)
        assert "stayed closed" in door.told


def test_a_life_after_a_crash_asks_nothing_twice() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    first = MemoryWorkspace({})
    answers = (
        replies("one"),
        says("two", usage=USAGE),
        replies("", tool_calls=[call]),
        refuses(500, "tired"),
        replies("new"),
    )
    with serving(*answers) as server:
        with opened(endpoint(server.url), first) as program:
            told = [program.chat(), program.chat(stream=True), program.chat(seed=1), program.chat(seed=2)]
        second = MemoryWorkspace({}, journal=first.journal())
        with opened(endpoint(server.url), second) as program:
            again = [
                program.chat(),
                program.chat(stream=True),
                program.chat(seed=1),
                program.chat(seed=2),
                program.chat(),
            ]
            assert "2 calls of test, 3 answered as before" in program.door.told
    assert [each.status for each in told] == [200, 200, 200, 500]
    assert [again[number].document["choices"][0]["message"]["content"] for number in (0, 3)] == ["one", "new"]
    assert json.loads(again[1].events[0])["choices"][0]["delta"]["content"] == "two"
    assert again[1].events[-1] == "[DONE]"
    assert again[2].document["choices"][0]["message"]["tool_calls"] == [call]
    assert again[2].document["choices"][0]["finish_reason"] == "tool_calls"
    assert len(server.asked) == 6
    assert [len(each["new"]) for each in notes(second, "door_asked")] == [1, 0, 0, 0, 0, 0]  # type: ignore[arg-type]
