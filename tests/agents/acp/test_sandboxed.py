"""Programs of an agent in a real sandbox: how they are talked to, how they end, and what their terminals show."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agents.acp import Settings
from agents.acp.asked import Exit, StartTerminal
from agents.acp.errors import AcpTrouble
from agents.acp.session import Session
from agents.acp.terminals import Terminal, Terminals
from agents.agent import Workspace
from tests.contracts.workspaces import kinds, opened


@pytest.fixture(params=[kind for kind in kinds() if kind != "memory"][:1])
def workspace(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Workspace]:
    with opened(request.param, tmp_path) as hold:
        yield hold.workspace


def until(terminals: Terminals, name: str, holds: Callable[[Terminal], bool]) -> Terminal:
    """Look at a terminal until something holds of it."""
    deadline = time.monotonic() + 60
    while not holds(terminals.at(name)):
        assert time.monotonic() < deadline, terminals.at(name).ring.text()
    return terminals.at(name)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("read line; echo 'no tokens left' >&2; exit 3", "exited (exit status 3); it said: no tokens left"),
        ("no-such-agent --acp", "exited (exit status 127); it said: sh: 1: no-such-agent: not found"),
        ("kill -SEGV $$", "signalled (killed by SIGSEGV)"),
        ("echo 'getaddrinfo ENOTFOUND' >&2; exit 1", "it wants the network, which a sandbox does not have"),
    ],
)
def test_an_agent_that_dies_says_how(workspace: Workspace, line: str, says: str) -> None:
    with pytest.raises(AcpTrouble) as raised, Session(workspace, Settings()) as session:
        session.start(line, {}, "python3")
    assert "it ended; its process: " in raised.value.why
    assert says in raised.value.why


def test_a_terminal_shows_what_is_printed_while_it_runs_and_keeps_what_was_written(workspace: Workspace) -> None:
    terminals = Terminals(workspace)
    writes = "echo out; echo err > /dev/stderr; echo new > made.txt; exec sleep 1000"
    name = terminals.start(StartTerminal((writes,)))
    until(terminals, name, lambda each: each.ring.text() == "out\nerr\n")
    assert terminals.at(name).ended is None
    terminals.kill(name)
    assert terminals.at(name).ended == Exit(None, "SIGKILL")
    assert list(workspace.change().paths()) == ["made.txt"]
    assert [step.kind for step in workspace.journal()] == ["start", "keep", "note:acp_terminal"]
    terminals.close()


def test_all_that_a_command_prints_comes_before_its_end(workspace: Workspace) -> None:
    terminals = Terminals(workspace)
    much = terminals.start(StartTerminal(("head -c 900000 /dev/zero | tr '\\0' x; exit 4",)))
    ended = until(terminals, much, lambda each: each.ended is not None)
    assert (ended.ended, len(ended.ring.text())) == (Exit(4), 900_000)
    missing = terminals.start(StartTerminal(("no-such-program", "x")))
    ended = until(terminals, missing, lambda each: each.ended is not None)
    assert ended.ended == Exit(127)
    assert "no-such-program: command not found" in ended.ring.text()
    terminals.close()
