"""The HTTP adapter against a server on loopback: what it asks, what it understands, and how each kind of trouble ends."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import traceback
from datetime import UTC, datetime, timedelta

import pytest

from agents.errors import Stopped
from agents.models import (
    Endpoint,
    Finish,
    HttpModel,
    Key,
    Message,
    ModelError,
    Patience,
    Request,
    Role,
    Token,
    Tool,
    ToolCall,
    Trouble,
    Usage,
)
from agents.models.patience import asked_wait_s
from tests.agents.models.server import Answer, Asked, Server, chunks, hangs_after, refuses, says, sends, serving

SECRET = "sk-loopback-0123456789"
HELLO = Request((Message(Role.SYSTEM, "Be short."), Message(Role.USER, "Hello")))
QUICK = Patience(tries=3, wait_s=0.001, longest_wait_s=0.01)
AMPLE_S = 120.0


def model(server: Server, patience: Patience = QUICK, key: str = SECRET) -> HttpModel:
    return HttpModel(Endpoint("local", server.url, "tiny", Key(key)), patience)


def trouble(*answers: Answer, patience: Patience = QUICK, deadline_s: float = AMPLE_S) -> tuple[ModelError, Server]:
    """Return what a request ends with, and the server it was sent to; the key shows nowhere in it."""
    with serving(*answers) as server, pytest.raises(ModelError) as raised:
        model(server, patience).complete(HELLO, deadline_s=deadline_s)
    error = raised.value
    assert SECRET not in "".join(traceback.format_exception(error)) + repr(error)
    return error, server


def test_a_reply_is_streamed_and_counted() -> None:
    usage = {"prompt_tokens": 12, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 8}}
    pieces: list[str] = []
    with serving(says("Good ", "day", usage=usage)) as server:
        reply = model(server).complete(HELLO, deadline_s=AMPLE_S, watch=pieces.append)
    assert (reply.text, reply.finish, reply.usage) == ("Good day", Finish.STOP, Usage(12, 2, 8))
    assert [piece for piece in pieces if piece] == ["Good ", "day"]
    assert server.asked[0].key == f"Bearer {SECRET}"


def test_a_request_carries_all_that_it_says_and_nothing_it_does_not() -> None:
    tool = Tool("read", "Read a file.", {"type": "object", "properties": {"path": {"type": "string"}}})
    messages = (
        Message(Role.ASSISTANT, "", (ToolCall("c1", "read", '{"path": "a"}'),)),
        Message(Role.TOOL, "text", answers="c1"),
    )
    with serving(says("x")) as server:
        model(server).complete(Request(messages, (tool,), 0.5, 7, ("END",), 3), deadline_s=AMPLE_S)
        model(server).complete(HELLO, deadline_s=AMPLE_S)
    full, least = server.bodies
    assert full["messages"][0]["tool_calls"][0]["function"] == {"name": "read", "arguments": '{"path": "a"}'}
    assert full["messages"][1] == {"role": "tool", "content": "text", "tool_call_id": "c1"}
    assert full["tools"][0]["function"]["name"] == "read"
    assert (full["temperature"], full["max_tokens"], full["stop"], full["seed"]) == (0.5, 7, ["END"], 3)
    assert set(least) == {"model", "messages", "stream", "stream_options"}


def test_tool_calls_come_in_pieces() -> None:
    deltas = [
        {"tool_calls": [{"index": 0, "id": "a", "function": {"name": "read", "arguments": ""}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"path":'}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": ' "x"}'}}, {"index": 1, "function": {"name": "list"}}]},
    ]
    with serving(sends(*chunks(*deltas, finish="tool_calls"))) as server:
        reply = model(server).complete(HELLO, deadline_s=AMPLE_S)
    assert reply.calls == (ToolCall("a", "read", '{"path": "x"}'), ToolCall("call_1", "list", ""))
    assert reply.finish is Finish.TOOLS


def test_calls_sent_whole_and_without_an_index_are_told_apart() -> None:
    calls = [{"id": each, "function": {"name": each, "arguments": {"n": 1}}} for each in "ab"]
    with serving(sends(*chunks({"tool_calls": calls}))) as server:
        reply = model(server).complete(HELLO, deadline_s=AMPLE_S)
    assert reply.calls == (ToolCall("a", "a", '{"n": 1}'), ToolCall("b", "b", '{"n": 1}'))


def test_a_reply_cut_at_its_token_limit_says_so() -> None:
    with serving(says("def f(", finish="length")) as server:
        reply = model(server).complete(HELLO, deadline_s=AMPLE_S)
    assert reply.cut
    assert reply.text == "def f("


def test_what_a_model_thinks_is_no_part_of_its_answer() -> None:
    with serving(sends(*chunks({"reasoning_content": "hm"}, {"content": "yes"}))) as server:
        reply = model(server).complete(HELLO, deadline_s=AMPLE_S)
    assert (reply.thinking, reply.text) == ("hm", "yes")


def test_tokens_that_no_server_counts_are_estimated_and_said_to_be() -> None:
    with serving(says("x" * 40)) as server:
        usage = model(server).complete(HELLO, deadline_s=AMPLE_S).usage
    assert usage == Usage(3, 10, told=False)


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_an_overloaded_server_is_asked_again(status: int) -> None:
    with serving(refuses(status, "busy"), refuses(status, "busy"), says("now")) as server:
        assert model(server).complete(HELLO, deadline_s=AMPLE_S).text == "now"
    assert len(server.asked) == 3


def test_each_try_has_a_connection_of_its_own() -> None:
    def keeps(asked: Asked) -> None:
        asked.handler.close_connection = False
        asked.refuse(503, "busy")

    with serving(keeps, keeps, says("now")) as server:
        assert model(server).complete(HELLO, deadline_s=AMPLE_S).text == "now"
    assert len({asked.handler.client_address for asked in server.asked}) == 3


def test_a_server_that_stays_overloaded_is_given_up() -> None:
    error, server = trouble(refuses(503, "still busy"))
    assert error.trouble is Trouble.OVERLOADED
    assert "still busy" in str(error)
    assert len(server.asked) == 3


def test_a_wait_the_server_asks_for_is_kept() -> None:
    with serving(refuses(429, "busy", headers={"retry-after-ms": "30"}), says("now")) as server:
        assert model(server, Patience(tries=2, wait_s=900.0)).complete(HELLO, deadline_s=AMPLE_S).text == "now"


def test_a_wait_longer_than_what_is_left_is_not_waited() -> None:
    error, server = trouble(refuses(429, "busy", headers={"Retry-After": "3600"}))
    assert error.trouble is Trouble.OVERLOADED
    assert "3600 s" in str(error)
    assert len(server.asked) == 1


def test_a_wait_may_be_a_date() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    later = (now + timedelta(seconds=90)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    assert asked_wait_s({"retry-after": later}, lambda: now) == 90.0
    assert asked_wait_s({"retry-after": "soon"}) is None
    assert asked_wait_s({}) is None


def test_waits_double_up_to_a_longest() -> None:
    waits = [Patience(wait_s=1.0, longest_wait_s=5.0).wait_before(number, None, lambda: 1.0) for number in range(1, 6)]
    assert waits == [1.0, 2.0, 4.0, 5.0, 5.0]


def test_a_spent_quota_is_not_asked_again() -> None:
    error, server = trouble(refuses(429, "you exceeded your quota", code="insufficient_quota"))
    assert error.trouble is Trouble.REFUSED
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("answer", "expected", "hint"),
    [
        (refuses(401, f"Incorrect API key provided: {SECRET}"), Trouble.WRONG_KEY, "LLM_API_KEY"),
        (refuses(403, "no"), Trouble.WRONG_KEY, "LLM_API_KEY"),
        (refuses(404, "The model `tiny` does not exist"), Trouble.UNKNOWN_MODEL, "LLM_MODEL"),
        (refuses(400, "model not found: tiny"), Trouble.UNKNOWN_MODEL, "LLM_MODEL"),
        (refuses(404, "Not Found"), Trouble.UNREACHABLE, "/v1"),
        (refuses(400, "the request exceeds the available context size"), Trouble.TOO_LONG, "context"),
        (refuses(400, "no such thing"), Trouble.REFUSED, "no such thing"),
        (
            lambda asked: asked.refuse(404, "<html><body>x</body></html>", None, "text/html"),
            Trouble.UNREACHABLE,
            "a page",
        ),
        (lambda asked: asked.refuse(200, "<html></html>", None, "text/html"), Trouble.GARBAGE, "OpenAI-compatible"),
        (lambda asked: asked.refuse(200, '{"choices": []}'), Trouble.GARBAGE, "OpenAI-compatible"),
        (sends("{not json"), Trouble.GARBAGE, "OpenAI-compatible"),
        (sends("42", "null", '"x"', "[DONE]"), Trouble.GARBAGE, "OpenAI-compatible"),
        (sends('{"choices": 3}', '{"choices": [7]}', "[DONE]"), Trouble.BROKEN, "ended its stream"),
        (says("\x00\x01\x02\x03" * 20), Trouble.GARBAGE, "characters"),
        (says(""), Trouble.EMPTY, "nothing"),
        (says(" \n"), Trouble.EMPTY, "nothing"),
        (says("", finish="content_filter"), Trouble.REFUSED, "filter"),
        (sends('{"error": {"message": "exceeds the context window"}}'), Trouble.TOO_LONG, "context"),
    ],
)
def test_each_trouble_is_named_with_what_to_do_next(answer: Answer, expected: Trouble, hint: str) -> None:
    error, server = trouble(answer)
    assert error.trouble is expected, error
    assert hint in str(error)
    assert error.next in str(error)
    assert "tiny" in str(error)
    assert len(server.asked) == (3 if expected is Trouble.BROKEN else 1)


def test_nobody_at_the_address_is_said_so() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
        with pytest.raises(ModelError, match="cannot be reached") as raised:
            HttpModel(Endpoint("local", url, "tiny"), QUICK).complete(HELLO, deadline_s=AMPLE_S)
    assert raised.value.trouble is Trouble.UNREACHABLE
    assert url in str(raised.value)


def test_endless_repetition_is_cut_off() -> None:
    def repeats(asked: Asked) -> None:
        asked.open()
        asked.chunk({"content": "So: "})
        while True:
            asked.chunk({"content": "and again and "})

    error, _ = trouble(repeats)
    assert error.trouble is Trouble.REPETITION
    assert error.partial is not None
    assert error.partial.text.startswith("So: and again")


def test_a_server_that_hangs_in_its_reply_is_noticed_and_asked_again() -> None:
    with serving(hangs_after("half a"), says("whole")) as server:
        assert (
            model(server, Patience(tries=2, wait_s=0.001, idle_s=0.5)).complete(HELLO, deadline_s=AMPLE_S).text
            == "whole"
        )


def test_a_server_that_always_hangs_is_given_up_with_what_it_said() -> None:
    error, server = trouble(hangs_after("half a"), patience=Patience(tries=2, wait_s=0.001, idle_s=0.3))
    assert error.trouble is Trouble.SILENT
    assert error.partial is not None
    assert error.partial.text == "half a"
    assert len(server.asked) == 2


def test_a_server_that_never_begins_is_noticed() -> None:
    error, _ = trouble(Asked.hang, patience=Patience(tries=1, first_s=0.3))
    assert error.trouble is Trouble.SILENT


def test_the_deadline_ends_a_reply_that_goes_on() -> None:
    error, _ = trouble(hangs_after("half a"), deadline_s=1.0)
    assert error.trouble is Trouble.DEADLINE
    assert "in the 1 s" in str(error)


def test_a_reply_that_breaks_off_is_asked_for_again() -> None:
    broken = sends(*chunks({"content": "half"})[:1])
    with serving(broken, says("whole")) as server:
        assert model(server).complete(HELLO, deadline_s=AMPLE_S).text == "whole"
    error, _ = trouble(broken)
    assert error.trouble is Trouble.BROKEN
    assert error.partial is not None


def test_what_the_watch_raises_cancels_the_call_while_nothing_comes() -> None:
    def stop(piece: str) -> None:
        if not piece:
            raise Stopped("by hand")

    with serving(hangs_after("half")) as server, pytest.raises(Stopped, match="by hand"):
        model(server).complete(HELLO, deadline_s=AMPLE_S, watch=stop)
    assert len(server.asked) == 1


def test_what_the_watch_raises_cancels_a_model_that_only_thinks() -> None:
    def thinks(asked: Asked) -> None:
        asked.open()
        for number in range(10**9):
            asked.chunk({"reasoning_content": f"{number}, "})

    def stop(_: str) -> None:
        raise Stopped("enough")

    with serving(thinks) as server, pytest.raises(Stopped, match="enough"):
        model(server).complete(HELLO, deadline_s=AMPLE_S, watch=stop)


def test_what_the_watch_raises_cancels_the_call_while_text_comes() -> None:
    def stop(piece: str) -> None:
        if piece:
            raise Stopped(piece)

    with serving(hangs_after("half")) as server, pytest.raises(Stopped, match="half"):
        model(server).complete(HELLO, deadline_s=AMPLE_S, watch=stop)
    assert server.bodies[0]["model"] == "tiny"


@pytest.mark.parametrize(
    ("message", "left", "come"),
    [
        ("Unrecognized request argument: 'stream_options'", "stream_options", None),
        ("Use 'max_completion_tokens' instead of 'max_tokens'", "max_tokens", "max_completion_tokens"),
    ],
)
def test_a_parameter_that_a_server_refuses_is_left_out(message: str, left: str, come: str | None) -> None:
    with serving(refuses(400, message), says("x")) as server:
        request = Request(HELLO.messages, max_tokens=5)
        assert model(server).complete(request, deadline_s=AMPLE_S).text == "x"
    first, second = server.bodies
    assert left in first
    assert left not in second
    assert come is None or second[come] == 5


def test_a_key_that_a_server_sends_back_is_taken_out_of_the_reply() -> None:
    with serving(says(f"your key is {SECRET[:9]}", SECRET[9:])) as server:
        reply = model(server).complete(HELLO, deadline_s=AMPLE_S)
    assert reply.text == "your key is [key]"


def test_the_client_library_is_imported_with_the_first_request_only() -> None:
    code = "import sys, json, agents.models; print(json.dumps([n for n in ('openai', 'asyncio', 'httpx2') if n in sys.modules]))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert json.loads(said) == []


def test_a_reply_that_is_begun_goes_on_and_tells_what_else_was_likely() -> None:
    begun = Request((*HELLO.messages, Message(Role.ASSISTANT, "one,")), alternatives=2)
    logprobs = {
        "content": [
            {
                "token": " two",
                "logprob": -0.1,
                "top_logprobs": [
                    {"token": " two", "logprob": -0.1},
                    {"token": " 2", "logprob": -2.0},
                    {"token": 7, "logprob": "x"},
                ],
            }
        ]
    }
    event = json.dumps({"choices": [{"delta": {"content": " two"}, "logprobs": logprobs, "finish_reason": None}]})
    with serving(sends(event, *chunks())) as server:
        reply = model(server).complete(begun, deadline_s=AMPLE_S)
    (body,) = server.bodies
    assert (body["logprobs"], body["top_logprobs"]) == (True, 2)
    assert (body["add_generation_prompt"], body["continue_final_message"]) == (False, True)
    assert reply.tokens == (Token(" two", ((" two", 0.9048), (" 2", 0.1353))),)


def test_alternatives_that_hold_the_key_are_not_told() -> None:
    logprobs = {"content": [{"token": SECRET, "logprob": 0.0, "top_logprobs": [{"token": SECRET, "logprob": 0.0}]}]}
    event = json.dumps({"choices": [{"delta": {"content": SECRET}, "logprobs": logprobs, "finish_reason": None}]})
    with serving(sends(event, *chunks())) as server:
        reply = model(server).complete(Request(HELLO.messages, alternatives=1), deadline_s=AMPLE_S)
    assert SECRET not in repr(reply)


def test_a_pool_is_told_what_its_reply_is_likely_to_be_and_nobody_else_is() -> None:
    request = Request(HELLO.messages, prediction="x = 1\n")
    told = {}
    for pool in (True, False):
        with serving(says("Yes")) as server:
            HttpModel(Endpoint("local", server.url, "tiny", pool=pool), QUICK).complete(request, deadline_s=AMPLE_S)
        told[pool] = server.bodies[0]
    assert told[True] == {**told[False], "prediction": {"type": "content", "content": "x = 1\n"}}
    assert "prediction" not in told[False]


def test_an_engine_of_a_pool_that_refuses_a_prediction_is_asked_without() -> None:
    with serving(refuses(422, "Extra inputs are not permitted: 'prediction'"), says("Yes")) as server:
        asked = Request(HELLO.messages, prediction="x = 1\n")
        HttpModel(Endpoint("local", server.url, "tiny", pool=True), QUICK).complete(asked, deadline_s=AMPLE_S)
    assert ["prediction" in each for each in server.bodies] == [True, False]


def test_a_pool_is_told_ticket_and_deadline_and_nobody_else_is() -> None:
    told = {}
    for pool in (True, False):
        with serving(says("Yes")) as server:
            endpoint = Endpoint("local", server.url, "tiny", pool=pool, ticket="an alias")
            HttpModel(endpoint, QUICK).complete(HELLO, deadline_s=AMPLE_S)
        headers = server.asked[0].handler.headers
        told[pool] = headers["X-Nightcrew-Ticket"], headers["X-Nightcrew-Deadline"]
    assert told[False] == (None, None)
    assert told[True][0] == "an alias" and 0 < float(told[True][1]) <= AMPLE_S
