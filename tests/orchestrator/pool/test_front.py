"""The pool's address: what passes, what is refused, and what a replica's end means to whoever waits."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from pathlib import Path
from typing import Any

import openai
import pytest

from orchestrator.pool.keys import ANYBODY, Holder, new_key
from orchestrator.pool.ledger import Limits, read_spent
from tests.orchestrator.pool.standins import Fronting, Standing, fronting

ASKED: dict[str, Any] = {"model": "edit", "messages": [{"role": "user", "content": "Say something."}], "max_tokens": 5}
TOOL: Any = {"type": "function", "function": {"name": "read", "parameters": {"type": "object", "properties": {}}}}
CALL = {"id": "call_1", "type": "function", "function": {"name": "read", "arguments": '{"path": "ä\\n"}'}}


@pytest.fixture
def client(front: Fronting) -> openai.OpenAI:
    return openai.OpenAI(base_url=front.url, api_key="none", max_retries=0, timeout=60)


def post(front: Fronting, body: bytes, path: str = "/v1/chat/completions", **headers: str) -> tuple[int, Any]:
    """Ask with exactly these bytes."""
    connection = http.client.HTTPConnection("127.0.0.1", front.port, timeout=60)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request("POST", path, body, {"Content-Type": "application/json", **named})
    answer = connection.getresponse()
    said = answer.read()
    connection.close()
    return answer.status, json.loads(said)


def test_a_chat_is_answered_whole_and_in_pieces(client: openai.OpenAI) -> None:
    whole = client.chat.completions.create(**ASKED)
    assert whole.choices[0].message.content == " and" * 5
    assert whole.usage is not None and whole.usage.completion_tokens == 5
    chunks = list(client.chat.completions.create(**ASKED, stream=True))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == " and" * 5


def test_completions_embeddings_and_the_list_of_models_are_answered(client: openai.OpenAI) -> None:
    assert client.completions.create(model="edit", prompt="x", max_tokens=2).choices[0].text == " and and"
    assert len(client.embeddings.create(model="edit", input=["a", "b"], encoding_format="float").data) == 2
    assert {each.id for each in client.models.list()} == {"stand-in", "edit"}
    assert client.models.retrieve("edit").id == "edit"


def test_usage_comes_in_a_stream_where_it_is_asked_for_and_only_there(client: openai.OpenAI) -> None:
    told = list(client.chat.completions.create(**ASKED, stream=True, stream_options={"include_usage": True}))
    assert told[-1].choices == [] and told[-1].usage is not None and told[-1].usage.completion_tokens == 5
    silent = list(client.chat.completions.create(**ASKED, stream=True))
    assert all(chunk.choices and chunk.usage is None for chunk in silent)


def test_tool_calls_pass_untouched_both_ways(client: openai.OpenAI, two: list[Standing]) -> None:
    for each in two:
        each.say({"tool_calls": [CALL]}, {"tool_calls": [CALL]})
    whole = client.chat.completions.create(**ASKED, tools=[TOOL], user="tools")
    assert whole.choices[0].message.tool_calls is not None
    assert whole.choices[0].message.tool_calls[0].function.arguments == '{"path": "ä\\n"}'
    chunks: list[Any] = list(client.chat.completions.create(**ASKED, tools=[TOOL], user="tools", stream=True))
    called = [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or ()]
    assert called[0].function is not None and called[0].function.arguments == '{"path": "ä\\n"}'
    seen = [each for each in [*two[0].seen, *two[1].seen] if each.get("user") == "tools"]
    assert all(each["tools"] == [TOOL] for each in seen)


def test_a_ticket_stays_with_its_replica(two: list[Standing], front: Fronting) -> None:
    for _ in range(4):
        for ticket in ("one", "two", "three", "four"):
            assert post(front, json.dumps({**ASKED, "user": ticket}).encode())[0] == 200
    by_replica = [{each["user"] for each in standing.seen} for standing in two]
    assert [len(users) for users in by_replica] == [2, 2] and not by_replica[0] & by_replica[1]
    assert front.served.line.moves == 0


def test_the_header_names_the_ticket_before_the_fields_do(front: Fronting, tmp_path: Path) -> None:
    assert post(front, json.dumps({**ASKED, "user": "field"}).encode(), X_Nightcrew_Ticket="header")[0] == 200
    front.until(lambda: [each.ticket for each in read_spent(tmp_path / "ledger.db")] == ["header"])


@pytest.mark.parametrize("kind", ["reset", "500", "garbage"])
@pytest.mark.parametrize("streams", [True, False], ids=["stream", "whole"])
def test_what_fails_before_its_first_byte_is_asked_of_another_replica(
    kind: str, streams: bool, client: openai.OpenAI, front: Fronting, two: list[Standing], tmp_path: Path
) -> None:
    two[0].fault(kind)
    answers = [client.chat.completions.create(**ASKED, stream=streams, user=f"{kind}{at}") for at in (1, 2)]
    for answer in answers:
        assert len(list(answer)) >= 5
    assert sum(len(each.seen) for each in two) == 3
    front.until(lambda: sum(each.calls for each in read_spent(tmp_path / "ledger.db")) == 2)
    assert sum(each.tokens_out for each in read_spent(tmp_path / "ledger.db")) == 10


def test_a_replica_that_hangs_is_given_up_in_time(two: list[Standing], tmp_path: Path) -> None:
    with fronting(tmp_path, two, first_s=0.5) as front:
        for each in two:
            each.fault("hang", 0)
        status, told = post(front, json.dumps(ASKED).encode())
    assert (status, told["error"]["code"]) == (502, "replica_failed")
    assert "it sent nothing for 0.5 s" in told["error"]["message"]


@pytest.mark.parametrize("kind", ["reset", "garbage"])
def test_what_fails_in_a_stream_is_told_there_and_not_asked_again(
    kind: str, client: openai.OpenAI, two: list[Standing]
) -> None:
    for each in two:
        each.fault(kind, 2)
    got: list[str] = []
    with pytest.raises(openai.APIError, match="replica"):
        for chunk in client.chat.completions.create(**ASKED, stream=True):
            got.append(chunk.choices[0].delta.content or "")
    assert got == [" and", " and"] and sum(len(each.seen) for each in two) == 1


def test_nothing_of_an_engines_own_failure_is_passed_on(two: list[Standing], tmp_path: Path) -> None:
    with fronting(tmp_path, two) as front:
        for each in two:
            each.fault("500")
        status, told = post(front, json.dumps(ASKED).encode())
    assert status == 502 and "secret.py" not in json.dumps(told) and told["error"]["type"] == "api_error"


def test_a_client_that_goes_away_ends_what_the_replica_does(front: Fronting, two: list[Standing]) -> None:
    for each in two:
        each.fault("hang", 1)
    body = json.dumps({**ASKED, "stream": True, "user": "leaver"}).encode()
    with socket.create_connection(("127.0.0.1", front.port), 30) as connection:
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body)
        assert connection.recv(1000)
    asked = [each for standing in two for each in standing.seen if each.get("user") == "leaver"]
    assert len(asked) == 1
    front.until(
        lambda: any(each.get("cancelled") for standing in two for each in standing.seen if each.get("user") == "leaver")
    )
    front.until(lambda: front.served.line.running == 0)


def test_a_deadline_ends_a_request(two: list[Standing], tmp_path: Path) -> None:
    with fronting(tmp_path, two) as front:
        for each in two:
            each.fault("hang")
        status, told = post(front, json.dumps(ASKED).encode(), X_Nightcrew_Deadline="0.3")
        assert (status, told["error"]["code"]) == (504, "deadline_exceeded")
        front.until(lambda: front.served.line.running == 0)


def test_what_is_ended_before_its_reply_began_is_paid_where_a_limit_binds(two: list[Standing], tmp_path: Path) -> None:
    anybody = Holder(ANYBODY, limits=Limits(user_tokens_per_day=10_000))
    with fronting(tmp_path, two, anybody=anybody) as front:
        for each in two:
            each.fault("hang")
        body = json.dumps(ASKED).encode()
        assert post(front, body, X_Nightcrew_Deadline="0.3")[0] == 504
        front.until(lambda: read_spent(tmp_path / "ledger.db"))
    told = read_spent(tmp_path / "ledger.db")[0]
    assert told.tokens_in > len(body) and told.tokens_out == 5


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "invalid_json"),
        (b"{", "invalid_json"),
        (b"[" * 100_000, "invalid_json"),
        (b"[]", "invalid_json"),
        (b"\xff\xfe", "invalid_json"),
        (b"{}", "invalid_value"),
        (b'{"model": 1}', "invalid_value"),
        (b'{"model": "edit"}', "invalid_value"),
        (b'{"model": "edit", "messages": null}', "invalid_value"),
        (b'{"model": "edit", "messages": [], "max_tokens": -1}', "invalid_value"),
        (b'{"model": "edit", "messages": [], "max_tokens": 1e3}', "invalid_value"),
        (b'{"model": "edit", "messages": [], "n": true}', "invalid_value"),
        (b'{"model": "edit", "messages": [], "stream": "yes"}', "invalid_value"),
        (b'{"model": "edit", "messages": [], "stream_options": 3}', "invalid_value"),
        (b'{"model": "edit", "messages": [], "user": "a\\u0000b"}', "invalid_value"),
    ],
    ids=[
        "empty",
        "cut",
        "deep",
        "array",
        "bytes",
        "nothing",
        "number",
        "bare",
        "null",
        "minus",
        "float",
        "flag",
        "word",
        "options",
        "user",
    ],
)
def test_what_is_no_request_is_refused_in_the_apis_own_form(body: bytes, code: str, front: Fronting) -> None:
    status, told = post(front, body)
    assert (status, told["error"]["code"], told["error"]["type"]) == (400, code, "invalid_request_error")


def test_a_request_that_is_longer_than_the_context_is_refused_as_openai_does(
    front: Fronting, two: list[Standing], tmp_path: Path
) -> None:
    for more in ({"messages": [{"role": "user", "content": "x" * 600_000}]}, {"max_tokens": 200_000}):
        status, told = post(front, json.dumps({**ASKED, **more}).encode())
        error = told["error"]
        assert (status, error["code"], error["type"]) == (400, "context_length_exceeded", "invalid_request_error")
        assert "maximum context length is 131072 tokens" in error["message"]
    assert sum(len(each.seen) for each in two) == 2 and read_spent(tmp_path / "ledger.db") == ()


def test_unknown_models_and_paths_are_refused_by_name(front: Fronting, client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="there are edit, stand-in"):
        client.chat.completions.create(**{**ASKED, "model": "gpt-9"})
    assert post(front, b"{}", "/v1/images")[0] == 404
    assert post(front, b"{}", Origin="https://evil.example")[0] == 403
    assert post(front, b"{}", Content_Encoding="gzip")[0] == 415


def test_a_request_that_is_too_long_is_refused_before_it_is_read(front: Fronting) -> None:
    front.front.request_bytes = 1000
    assert post(front, json.dumps({**ASKED, "user": "x" * 2000}).encode())[0] == 413


def test_a_request_that_does_not_come_is_given_up(front: Fronting) -> None:
    front.front.body_s = 0.2
    with socket.create_connection(("127.0.0.1", front.port), 30) as connection:
        connection.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
        said = b"".join(iter(lambda: connection.recv(1000), b""))
    assert said.startswith(b"HTTP/1.1 408") and b"request_timeout" in said


def test_requests_hold_so_many_bytes_together_and_not_one_more(front: Fronting, two: list[Standing]) -> None:
    for each in two:
        each.fault("hang", 1)
    body = json.dumps({**ASKED, "stream": True, "user": "x" * 100}).encode()
    front.front.held_bytes = len(body) + 100
    with socket.create_connection(("127.0.0.1", front.port), 30) as connection:
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body)
        assert connection.recv(1000)
        status, told = post(front, body)
        assert (status, told["error"]["code"], told["error"]["type"]) == (503, "overloaded", "api_error")
    for each in two:
        each.clear()
    front.until(lambda: post(front, body.replace(b"true", b"false"))[0] == 200)


def test_keys_open_and_are_counted_each_on_its_own(two: list[Standing], tmp_path: Path) -> None:
    (ann, ann_hash), (ben, ben_hash) = new_key(), new_key()
    holders = (Holder("ann", ann_hash, requests_per_minute=2), Holder("ben", ben_hash, Limits(None, 600)))
    body = json.dumps(ASKED).encode()
    with fronting(tmp_path, two, holders) as front:
        assert post(front, body)[1]["error"]["type"] == "authentication_error"
        assert post(front, body, Authorization="Bearer no")[0] == 401
        told = [post(front, body, Authorization=f"Bearer {ann}")[0] for _ in range(3)]
        assert told == [200, 200, 429]
        assert post(front, body, Authorization=f"Bearer {ben}")[1]["error"]["type"] == "insufficient_quota"
        front.until(lambda: read_spent(tmp_path / "ledger.db"))
    assert {each.user for each in read_spent(tmp_path / "ledger.db")} == {"ann"}


def test_not_one_token_over_a_budget_at_200_callers(two: list[Standing], tmp_path: Path) -> None:
    limit = 30_000
    anybody = Holder(ANYBODY, limits=Limits(ticket_tokens=limit))
    statuses: list[int] = []

    def call(front: Fronting, at: int) -> None:
        body = json.dumps({**ASKED, "user": "one", "max_tokens": 100 + at, "stream": bool(at % 2)}).encode()
        connection = http.client.HTTPConnection("127.0.0.1", front.port, timeout=60)
        for _ in range(3):
            connection.request("POST", "/v1/chat/completions", body)
            answer = connection.getresponse()
            answer.read()
            statuses.append(answer.status)
        connection.close()

    with fronting(tmp_path, two, anybody=anybody) as front:
        callers = [threading.Thread(target=call, args=(front, at)) for at in range(200)]
        for each in callers:
            each.start()
        for each in callers:
            each.join()
    told = read_spent(tmp_path / "ledger.db")
    spent = sum(each.tokens_in + each.tokens_out for each in told)
    assert spent <= limit and spent > limit - 1200
    assert set(statuses) == {200, 429} and statuses.count(200) == sum(each.calls for each in told)


def test_a_reply_that_nothing_bounds_is_bounded_where_a_budget_binds(two: list[Standing], tmp_path: Path) -> None:
    anybody = Holder(ANYBODY, limits=Limits(ticket_tokens=100_000))
    with fronting(tmp_path, two, anybody=anybody) as front:
        front.served.reply_tokens = 7
        body = json.dumps({"model": "edit", "user": "bound", "messages": []}).encode()
        assert post(front, body)[1]["usage"]["completion_tokens"] == 7


def test_without_a_replica_it_is_said_at_once(tmp_path: Path) -> None:
    with fronting(tmp_path, ()) as front:
        began = time.monotonic()
        status, told = post(front, json.dumps(ASKED).encode())
        assert (status, told["error"]["code"]) == (503, "no_replica") and time.monotonic() - began < 10
