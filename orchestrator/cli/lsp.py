"""The command `lsp`: a server of the Language Server Protocol on standard input and output."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli.edge import DIRECTORY, STATE_HELP, Edge, find_repository
from orchestrator.cli.options import driver_option, repo_option, sandbox_option

if TYPE_CHECKING:
    from orchestrator.lsp.desk import Desk
    from orchestrator.lsp.options import Options
    from orchestrator.lsp.server import Open, Server
    from orchestrator.lsp.session import Ground
    from orchestrator.records import JobReport, Order, Watch
    from orchestrator.settings import Settings


@click.command("lsp")
@repo_option
@driver_option
@sandbox_option
@click.option("--state", type=DIRECTORY, metavar="DIR", help=STATE_HELP)
def lsp_command(repo: Path | None, driver: str | None, sandbox: str | None, state: Path | None) -> int:
    """Serve an editor: file and fix from it, apply hunks into its buffers.

    Speaks the Language Server Protocol on standard input and output until the editor leaves; a job under way then pauses,
    with its work kept. Nobody types this: an editor is told to start it (docs/editor.md). Without --repo it is the
    repository of the folder that the editor opens.
    """
    edge = Edge.of_process(state)

    def open_ground(folder: Path | None, options: Options) -> Ground:
        return _ground(edge, repo or folder, options, driver, sandbox)

    def resume(ticket: str, watch: Watch) -> JobReport:
        with edge.crew() as crew:
            return crew.resume(ticket, watch)

    desk, server = _opened(open_ground)
    from orchestrator.lsp.desk import work
    from orchestrator.working.worker import EXPECTED

    work(desk, resume, EXPECTED)
    return 0 if server.ended_well else 1


def _opened(open_ground: Open) -> tuple[Desk, Server]:
    from orchestrator.errors import BadConfig

    try:
        from orchestrator.lsp.stdio import opened
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("pygls", "lsprotocol"):
            raise
        raise BadConfig("`nightcrew lsp` needs the package pygls: install nightcrew[lsp]") from error
    return opened(open_ground)


def _ground(edge: Edge, folder: Path | None, options: Options, driver: str | None, sandbox: str | None) -> Ground:
    """Open the repository around a folder."""
    from orchestrator.crew import Crew
    from orchestrator.lsp.places import Places
    from orchestrator.lsp.session import Ground
    from orchestrator.records import Order

    repository, state, exchange = find_repository(folder), edge.state(), edge.exchange()

    def settings(order: Order) -> Settings:
        return edge.settings(repository, order.test_command, order.sandbox)

    return Ground(
        places=Places.seen_from(repository, folder or Path.cwd()),
        state=state,
        url=edge.store(),
        exchange=exchange,
        order=Order("", repository, driver=driver, sandbox=sandbox),
        options=options,
        crew=Crew(state, url=edge.store(), exchange=exchange),
        settings=settings,
    )
