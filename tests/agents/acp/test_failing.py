"""Agents of the Agent Client Protocol that fail, each in its own way: all end in a clear state that says what to do."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from agents import NoFix
from agents.acp import Settings
from tests.agents.acp.puppet import FILES, QUICK, Puppet, kinds, silent, staged, work


def crash(puppet: Puppet) -> None:
    puppet.open()
    puppet.prompted()


def crash_at_once(puppet: Puppet) -> None:
    puppet.hear()


def silent_in_its_turn(puppet: Puppet) -> None:
    puppet.open()
    silent(puppet)


def garbage(puppet: Puppet) -> None:
    puppet.hear()
    puppet.raw(b"Welcome!\n\n" * 150 + b"\xff\xfe\n[1]\n7\n" + b"[" * 100_000 + b"\n" + b"{}\n" * 150)
    silent(puppet)


def greeting(puppet: Puppet) -> None:
    puppet.raw(b"Welcome to the agent!\n")
    silent(puppet)


def endless_line(puppet: Puppet) -> None:
    puppet.hear()
    for _ in range(33):
        puppet.raw(b"x" * (1 << 20))
    silent(puppet)


def flood(puppet: Puppet) -> None:
    puppet.open()
    puppet.prompted()
    line = b'{"jsonrpc":"2.0","method":"_x"}\n' * 1000
    for _ in range(4):
        puppet.raw(line)
    silent(puppet)


def another_version(puppet: Puppet) -> None:
    puppet.answer({"protocolVersion": 9})
    silent(puppet)


def no_answer_of_the_protocol(puppet: Puppet) -> None:
    puppet.answer({"hello": "there"})
    silent(puppet)


def not_logged_in(puppet: Puppet) -> None:
    puppet.answer({"protocolVersion": 1, "authMethods": [{"id": "oauth", "name": "Log in with a browser"}]})
    puppet.refuse(-32000, "Authentication required")
    silent(puppet)


def no_session(puppet: Puppet) -> None:
    puppet.answer({"protocolVersion": 1})
    puppet.refuse(-32603, "no model \x1b[31mis there")
    silent(puppet)


def refuses_to_begin(puppet: Puppet) -> None:
    puppet.refuse(-32603, "no \x1b[31mconfiguration")
    silent(puppet)


def refuses_a_turn(puppet: Puppet) -> None:
    puppet.open()
    puppet.refuse(-32603, "the provider is overloaded")
    silent(puppet)


def a_long_name(puppet: Puppet) -> None:
    puppet.answer({"protocolVersion": 1})
    puppet.answer({"sessionId": "s" * 5000})
    silent(puppet)


def malformed_error(puppet: Puppet) -> None:
    puppet.send({"id": puppet.hear()["id"], "error": "no"})
    silent(puppet)


def odd_stop(puppet: Puppet) -> None:
    puppet.open()
    puppet.end(puppet.prompted()[0], "lunch")
    silent(puppet)


HASTY = Settings(start_s=1.0)
SETTINGS: dict[Callable[[Puppet], None], Settings] = {silent: HASTY, greeting: HASTY, silent_in_its_turn: QUICK}
"""Those that wait for nothing."""


@pytest.mark.parametrize(
    ("play", "says"),
    [
        (crash, "it ended; its process: exited (exit status 0); it said: that is all"),
        (crash_at_once, "it ended"),
        (silent, "it did not answer `initialize`, and said nothing for 1 s"),
        (silent_in_its_turn, "it did not answer `session/prompt`, and said nothing for 0.3 s"),
        (garbage, "it does not speak the protocol: 201 lines came that are no message, the first: b'Welcome!'"),
        (greeting, "; 1 lines came that are no message, the first: b'Welcome to the agent!'"),
        (endless_line, "it sent a line of more than 33554432 bytes"),
        (flood, "it floods: more than 3000 messages came before it answered"),
        (another_version, "it speaks version 9 of the protocol; nightcrew speaks 1"),
        (no_answer_of_the_protocol, "its answer to `initialize` cannot be read"),
        (not_logged_in, "it wants somebody to log in (Log in with a browser)"),
        (no_session, "`session/new` was refused (-32603): no model is there"),
        (refuses_to_begin, "`initialize` was refused (-32603): no configuration"),
        (refuses_a_turn, "`session/prompt` was refused (-32603): the provider is overloaded"),
        (a_long_name, "it names its session by 5000 characters"),
        (malformed_error, "it answered `initialize` with a malformed error: 'no'"),
        (odd_stop, "its answer to `session/prompt` cannot be read"),
    ],
)
def test_an_agent_that_fails_ends_with_why_and_what_to_do(play: Callable[[Puppet], None], says: str) -> None:
    workspace = staged(play)
    result = work(workspace, SETTINGS.get(play, Settings(messages=3000)))
    assert isinstance(result, NoFix)
    assert result.why.startswith("The agent could not go on: ")
    assert says in result.why, result.why
    assert result.needs
    assert workspace.files == FILES
    assert "note:acp_ended" in kinds(workspace)
