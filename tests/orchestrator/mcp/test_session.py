"""What a client may count on from `begin` to the end of a ticket, and what it is told where it may not."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.crew import Crew
from orchestrator.errors import OrderRefused
from orchestrator.records import JobReport, Order, Status
from tests.e2e.traces import left_behind
from tests.orchestrator import project
from tests.orchestrator.mcp.clients import Client, serving

NO_NEW_TESTS = (
    ".github/workflows/ci.yml",
    ".github/test_x.py",
    ".envrc",
    "conftest.py",
    "tests/conftest.py",
    "tests/__init__.py",
    "tests/pytest.ini",
    "tests/test_sums.py",
    "tests/test_sums.py/test_x.py",
    "link/test_x.py",
    "sums.py",
    "compose.test.yml",
)


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    with serving(tmp_path / "state", project.make(tmp_path)) as client:
        yield client


def report(client: Client, ticket: str) -> JobReport:
    with Crew(client.state) as crew:
        return crew.show(ticket)


def test_calls_without_a_ticket_and_bad_orders_say_what_to_do(client: Client) -> None:
    assert "`begin` one first" in client.call("edit", path="sums.py", content="").text
    assert "text is empty" in client.call("begin", text="").text
    assert "no client began" in client.call("begin", ticket="261121-abcdefg").text
    assert "give `ticket` alone" in client.call("begin", ticket="261121-abcdefg", text="x").text
    assert "at most 300" in client.call("begin", text="x y", seconds=1e9).text
    assert "must be a list of texts" in client.call("begin", text="x y", failing=[3]).text
    assert "with `path` and `content`" in client.call("begin", text="x y", tests=["t.py"]).text
    assert (
        "no path for an added test" in client.call("begin", text="x y", tests=[{"path": "../t.py", "content": ""}]).text
    )
    (client.repository / "link").symlink_to("tests")
    for path in NO_NEW_TESTS:
        told = client.call("begin", text="x y", tests=[{"path": path, "content": ""}])
        assert "no path for an added test" in told.text, path
    with Crew(client.state, project.settings(client.state)) as crew:
        other = crew.hold(Order("not a client's", client.repository, agent="command:true"))
        assert "no client began" in client.call("begin", ticket=other.id).text


def test_a_ticket_goes_on_where_it_stood_after_a_kill_a_spent_budget_and_a_stop(client: Client) -> None:
    words = [sys.executable, "-m", "tests.orchestrator.mcp.killed", str(client.state), str(client.repository)]
    assert subprocess.run(words, check=False).returncode == -signal.SIGKILL
    with Crew(client.state) as crew:
        crew.sweep()
        (killed,) = crew.list()
        assert killed.status.resumable
        with pytest.raises(OrderRefused, match="`begin` and the ticket's id"):
            crew.resume(killed.ticket.id)
    assert left_behind(client.state) == []
    ticket = killed.ticket.id
    assert client.call("begin", ticket=ticket).data["changed"] == ["modified sums.py"]
    client.watch.ahead_s += 1000.0
    assert client.call("run", command="true").refused
    paused = report(client, ticket)
    assert paused.status is Status.PAUSED
    assert "budget" in paused.why
    assert "no ticket is open" in client.call("diff").text
    assert client.call("begin", ticket=ticket, seconds=300).data["goes_on"] is True
    with Crew(client.state) as crew:
        # While the client thinks.
        crew.stop(ticket)
        ends = time.monotonic() + 60
        while crew.show(ticket).status is Status.WORKING:
            assert time.monotonic() < ends
    assert "stopped" in client.call("diff").text
    assert client.call("begin", ticket=ticket).data["goes_on"] is True
    assert client.call("abandon", why="enough").data["status"] == "no_fix"
    assert "is no_fix: it cannot be worked on" in client.call("begin", ticket=ticket).text
