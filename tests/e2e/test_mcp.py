"""The installed `nightcrew mcp`, driven over standard input and output by the protocol's own client, from end to end.

One server for all of it: starting one takes seconds of CPU time, most of them the protocol's package.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

from orchestrator.crew import Crew
from tests.e2e.command import NIGHTCREW, clean_environment
from tests.e2e.library import git
from tests.e2e.traces import added_by_delivery_only, digest, left_behind
from tests.orchestrator import project

SUITE = f"{sys.executable} -m unittest tests.test_sums"
TICKET = {"text": "total() forgets a number", "failing": [project.FAILING]}
ADDED = {"path": "tests/test_more.py", "content": project.SUITE}
FIX = {"path": "sums.py", "old": "    for number in numbers[1:]:", "new": "    for number in numbers:"}
SAID = {"title": "Count all numbers", "explanation": "The first was left out."}


@dataclass(frozen=True, slots=True)
class Place:
    """A project with a bug, and where nightcrew keeps its state."""

    repository: Path
    state: Path

    @property
    def log(self) -> Path:
        """Return where the server's standard error goes."""
        return self.state.parent / "log"


def made(directory: Path) -> Place:
    """Make the project, with one quick language server."""
    repository = project.make(directory)
    (repository / "nightcrew.toml").write_text('[language]\noff = ["ty", "pyrefly"]\n')
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "configured")
    return Place(repository, directory / "state")


@asynccontextmanager
async def connected(place: Place) -> AsyncIterator[Client]:
    """Start the server as clients do, and leave it as they do: its standard input is closed, and a moment later it is terminated."""
    words = ["mcp", "--repo", place.repository, "--state", place.state, "--test", SUITE, "--seconds", "900"]
    parameters = StdioServerParameters(command=str(NIGHTCREW), args=[*map(str, words)], env=clean_environment())
    with place.log.open("w") as log:
        async with Client(stdio_client(parameters, log)) as client:
            yield client


async def call(client: Client, name: str, **given: Any) -> dict[str, Any]:
    """Call a tool that is to succeed; return its data."""
    result = await client.call_tool(name, given)
    assert not result.is_error, result.content
    data = result.structured_content
    assert isinstance(data, dict)
    return data


async def refused(client: Client, name: str, **given: Any) -> str:
    """Call a tool that is to refuse; return what it says."""
    result = await client.call_tool(name, given)
    assert result.is_error, result.content
    return str(result.content[0])


async def looks_around(client: Client) -> None:
    """See what is offered, and what is said to calls that cannot be carried out."""
    tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    assert all(tool.title and tool.description and tool.output_schema for tool in tools.values())
    hints = {name: tool.annotations for name, tool in tools.items()}
    assert [name for name, hint in hints.items() if hint and hint.destructive_hint] == ["adopt", "drop", "abandon"]
    assert "no ticket is open" in await refused(client, "edit", **FIX)
    assert "there is no tool" in await refused(client, "format_disk")
    assert "lacks the argument 'path'" in await refused(client, "read", shadow=None)


async def fixes(client: Client, place: Place) -> dict[str, Any]:
    """Try something in a fork, submit too early, then what is right; return what came of it, and the rungs that were told meanwhile."""
    told: list[str] = []

    async def progress(progress: float, total: float | None, message: str | None) -> None:
        del progress, total
        told.append(message or "")

    opened = await call(client, "begin", **TICKET, tests=[ADDED])
    assert opened["protected"] == [ADDED["path"]]
    assert ADDED["path"] in await refused(client, "edit", path=ADDED["path"], content="pass\n")
    broken = await call(client, "edit", path="sums.py", old="    return result", new="    return results")
    assert "F821" in str(broken["introduced"])
    fork = (await call(client, "fork"))["shadow"]
    await call(client, "edit", path="sums.py", old="    return results", new="    return result", shadow=fork)
    await call(client, "edit", **FIX, shadow=fork)
    assert (await call(client, "test", shadow=fork))["bad"] == []
    await call(client, "run", command="cp sums.py more.py; echo 'def (' >> more.py")
    early = await call(client, "submit", **SAID)
    assert (early["status"], early["verified"], early["branch"]) == ("refused", False, None)
    assert "more.py" in str(early["rungs"])
    assert "there is no fork" in await refused(client, "adopt", shadow=fork), "forks end with a submit"
    await call(client, "run", command="rm more.py")
    await call(client, "edit", path="sums.py", content=project.FIXED)
    seen = await call(client, "run", command=f"cat {place.state}/nightcrew.db; echo done; exit 3")
    assert (seen["stdout"], seen["exit_status"]) == ("done\n", 3)
    result = await client.call_tool("submit", SAID, progress_callback=progress)
    assert isinstance(result.structured_content, dict), result.content
    return {**result.structured_content, "told": told}


async def leaves(client: Client) -> str:
    """Begin another ticket, and leave in the middle of a command; return the ticket's id."""
    ticket = (await call(client, "begin", **TICKET))["ticket"]
    await call(client, "edit", **FIX)
    asyncio.get_running_loop().create_task(client.session.call_tool("run", {"command": "sleep 600"}))
    while (await call(client, "status"))["busy_with"] != "run":
        pass
    return str(ticket)


def test_a_client_gets_a_verified_branch_and_may_leave_in_the_middle_of_the_next_ticket(tmp_path: Path) -> None:
    place = made(tmp_path)
    before = digest(place.repository)

    async def session() -> tuple[dict[str, Any], str]:
        async with connected(place) as client:
            await looks_around(client)
            found = await fixes(client, place)
            return found, await leaves(client)

    found, left = asyncio.run(session())
    assert (found["status"], found["verified"]) == ("verified", True), found
    assert {rung["name"]: rung["status"] for rung in found["rungs"]}["reproduce"] == "pass"
    assert any(text.startswith("rung: suite") for text in found["told"]), found["told"]
    assert git(place.repository, "rev-parse", found["branch"]).strip() == found["commit"]
    assert "in numbers:" in git(place.repository, "show", f"{found['branch']}:sums.py")
    assert ADDED["content"] == git(place.repository, "show", f"{found['branch']}:{ADDED['path']}")
    said = git(place.repository, "log", "-1", "--format=%B", found["branch"])
    assert f"Nightcrew-Tests: {ADDED['path']}: written by who made the change" in said
    assert added_by_delivery_only(before, digest(place.repository))
    with Crew(place.state) as crew:
        report = crew.show(left)
    assert (report.status, report.agent, report.attempts[0].state) == ("paused", "mcp", "open"), place.log.read_text()
    assert left_behind(place.state) == []
