"""A program that means harm at the model door: to hold it up, to ask for nothing, to fill the journal, to end the job."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import suppress

import pytest

from agents import MemoryWorkspace
from agents.door import Door, DoorLimits
from tests.agents.door.doorway import HASTY, Program, body_of, endpoint, hear, opened, replies
from tests.agents.models.server import Asked, serving

BULK = "x" * 50_000
LIMITS = DoorLimits(reply_tokens=200, patience=HASTY)
DOLLAR_A_TOKEN = {"price_in": 1e6, "price_out": 1e6}


def closes(door: Door) -> bool:
    """Say whether a door closes, which it may never do."""
    closing = threading.Thread(target=door.close, daemon=True)
    closing.start()
    closing.join(20.0)
    return not closing.is_alive()


def accept_all(listener: socket.socket) -> None:
    """Take connections away from whoever else accepts, until nothing listens any more."""
    while True:
        try:
            listener.accept()[0].close()
        except BlockingIOError:
            continue
        except OSError:
            return


def test_a_listening_socket_that_is_made_to_block_holds_nothing_up() -> None:
    with serving(replies("yes")) as server, opened(endpoint(server.url), MemoryWorkspace({})) as program:
        assert program.chat().status == 200
        program.listener.setblocking(True)
        with socket.create_connection(("127.0.0.1", program.port)):
            assert program.chat().status == 200
            program.listener.setblocking(True)
            assert closes(program.door)


def test_a_door_closes_though_its_connections_are_taken_away_while_it_accepts() -> None:
    over = threading.Event()

    def block() -> None:
        while not over.is_set():
            program.listener.setblocking(True)

    with serving(replies("yes")) as server, opened(endpoint(server.url), MemoryWorkspace({})) as program:
        assert program.chat().status == 200
        taking = threading.Thread(target=accept_all, args=(program.listener,))
        threads = [threading.Thread(target=block), taking]
        for thread in threads:
            thread.start()
        for _ in range(200):
            with suppress(ConnectionError):
                socket.create_connection(("127.0.0.1", program.port)).close()
        over.set()
        threads[0].join()
        assert closes(program.door)
        taking.join()


def test_a_listening_socket_that_is_shut_down_is_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    with serving(replies("yes")) as server, opened(endpoint(server.url), MemoryWorkspace({})) as program:
        assert program.chat().status == 200
        program.listener.shutdown(socket.SHUT_RDWR)
        assert closes(program.door)
    assert not caplog.records


def hung(program: Program, began: threading.Event, **given: object) -> int:
    """Ask, go away once the server has the request, and return the bytes of it."""
    with program.ask(**given):
        assert began.wait(10)
    program.door.close()
    return len(body_of(**given))


@pytest.mark.parametrize("stream", [False, True])
def test_a_call_that_is_left_before_anything_came_costs_what_it_may_at_most(stream: bool) -> None:
    workspace, began = MemoryWorkspace({}), threading.Event()

    def hang(asked: Asked) -> None:
        began.set()
        asked.hang()

    with (
        serving(hang) as server,
        opened(endpoint(server.url, **DOLLAR_A_TOKEN), workspace, DoorLimits(reply_tokens=200)) as program,
    ):
        length = hung(program, began, stream=stream, messages=[{"role": "user", "content": BULK}])
    assert workspace.spent_usd == [pytest.approx(length // 2 + 200)]


def test_a_call_that_the_door_gives_up_costs_what_it_may_at_most() -> None:
    workspace = MemoryWorkspace({})
    with (
        serving(lambda asked: asked.hang()) as server,
        opened(endpoint(server.url, **DOLLAR_A_TOKEN), workspace, LIMITS) as program,
    ):
        assert program.chat().status == 504
    assert workspace.spent_usd == [pytest.approx(len(body_of()) // 2 + 200)]


def test_a_stream_that_is_left_costs_all_that_was_sent_tools_too() -> None:
    def speak(asked: Asked) -> None:
        asked.open()
        asked.chunk({"content": "good"})
        asked.hang()

    workspace = MemoryWorkspace({})
    tool = {"type": "function", "function": {"name": "look", "description": BULK}}
    with serving(speak) as server, opened(endpoint(server.url, **DOLLAR_A_TOKEN), workspace) as program:
        with program.ask(stream=True, tools=[tool]) as end:
            hear(end, b"good")
        program.door.close()
    assert workspace.spent_usd == [pytest.approx(len(body_of(stream=True, tools=[tool])) // 2 + 1)]


def test_an_error_whose_words_do_not_come_costs_nothing() -> None:
    def half(asked: Asked) -> None:
        asked.handler.send_response(500)
        asked.handler.send_header("Content-Length", "1000")
        asked.handler.end_headers()
        asked.handler.wfile.write(b"tired")
        asked.hang()

    workspace = MemoryWorkspace({})
    with serving(half) as server, opened(endpoint(server.url, **DOLLAR_A_TOKEN), workspace, LIMITS) as program:
        said = program.chat()
    assert (said.status, said.error["message"]) == (500, "the model's server answered 500: tired")
    assert workspace.spent_usd == [0.0]


def test_the_journal_has_an_end() -> None:
    workspace = MemoryWorkspace({})
    limits = DoorLimits(journal_bytes=10_000, messages=100)
    names = {f"{number}{'n' * 1_000}": 1 for number in range(40)}
    with serving(replies("y" * 1_000)) as server, opened(endpoint(server.url), workspace, limits) as program:
        for number in range(30):
            assert program.chat(messages=[{}] * 99, seed=number, **names).status == 200
        assert program.chat(messages=[{}] * 101).error["code"] == "too_many_messages"
    first, *_, last = (dict(step.data) for step in workspace.journal() if step.kind == "note:door_asked")
    assert isinstance(first["left_out"], list)
    assert (len(first["left_out"]), first["left_out"][-1], max(map(len, first["left_out"]))) == (21, "and 20 more", 80)
    assert last.keys() == {"call", "request"}
    assert len(json.dumps([dict(step.data) for step in workspace.journal()])) < 10_000 + 30 * 250


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"max_tokens": 10**400}, "32768 tokens of the model's context"),
        ({"max_completion_tokens": 40_000}, "32768 tokens of the model's context"),
        ({"chat_template_kwargs": json.loads("[" * 150 + "]" * 150)}, "within each other"),
        ({"model": json.loads('{"a":' * 150 + "1" + "}" * 150)}, "within each other"),
    ],
)
def test_nothing_that_a_request_holds_ends_the_job(given: dict[str, object], words: str) -> None:
    workspace = MemoryWorkspace({})
    with serving(replies("yes")) as server, opened(endpoint(server.url, **DOLLAR_A_TOKEN), workspace) as program:
        said = program.chat(**given)
        program.door.check(0.0)
    assert (said.status, server.asked) == (400, [])
    assert words in said.error["message"]
