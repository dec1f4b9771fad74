"""The command `mcp`: a server of the Model Context Protocol on standard input and output."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli.edge import DIRECTORY, STATE_HELP, Edge, find_repository
from orchestrator.cli.options import (
    driver_option,
    keep_unverified_option,
    repo_option,
    sandbox_option,
    seconds_option,
    test_option,
)

_ROUNDS = 1_000
"""How often a client may submit again: the budget ends it before."""

if TYPE_CHECKING:
    from agents import Agent
    from orchestrator.crew import Crew
    from orchestrator.mcp import Desk


@click.command("mcp")
@repo_option
@test_option
@seconds_option("Budget of wall clock for a ticket, and the most that a client may ask for at a time.")
@driver_option
@sandbox_option
@keep_unverified_option
@click.option("--state", type=DIRECTORY, metavar="DIR", help=STATE_HELP)
def mcp_command(
    repo: Path | None,
    test_command: str | None,
    seconds: float | None,
    driver: str | None,
    sandbox: str | None,
    keep_unverified: bool,
    state: Path | None,
) -> None:
    """Let an MCP client work: shadow, edit, diagnostics, test, run, fork, submit.

    Speaks the Model Context Protocol on standard input and output until the client leaves; what it submits is judged
    and delivered like any agent's change. Nobody types this: a client is told to start it (docs/mcp.md).
    """
    from orchestrator.mcp import Session
    from orchestrator.records import CLIENT, Order

    edge, repository = Edge.of_process(state), find_repository(repo)

    def crew(agent: Agent) -> Crew:
        from dataclasses import replace

        from orchestrator.wiring import real_engines

        # Read anew for each ticket: a server may live for days.
        settings = replace(edge.settings(repository, test_command, sandbox), rounds=_ROUNDS)
        engines = replace(real_engines(edge.state(), edge.environ), agent=lambda *_: agent)
        return edge.crew(settings, engines)

    order = Order(
        text="",
        repository=repository,
        test_command=test_command,
        agent=CLIENT,
        attempts=1,
        seconds=seconds,
        driver=driver,
        sandbox=sandbox,
        keep_unverified=keep_unverified,
        ask=False,
    )
    from orchestrator.cli.progress import watching

    with watching() as watch:
        Session(_opened(), order, crew, watch).serve()


def _opened() -> Desk:
    from orchestrator.errors import BadConfig

    try:
        from orchestrator.mcp.server import opened
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("mcp", "mcp_types"):
            raise
        raise BadConfig("`nightcrew mcp` needs the package mcp: install nightcrew[mcp]") from error
    return opened()
