"""The command `publish`, and what others want of forges: an issue's text, a pull request's head, where a branch went."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli.edge import Edge
from orchestrator.cli.options import shared_options, ticket_argument
from orchestrator.cli.output import print_document, write

if TYPE_CHECKING:
    from orchestrator.forges.asking import Publication, PullHead
    from orchestrator.forges.records import Issue
    from orchestrator.forges.wiring import Forges
    from orchestrator.records import Ticket

_TRIES = 3
"""How often a command asks a forge that does not answer: who typed it is waiting."""


@click.command("publish")
@ticket_argument
@click.option(
    "--forge",
    metavar="NAME",
    help="The entry of config.toml; default: where the ticket came from, or its repository lies.",
)
@shared_options
def publish_command(ticket: str, forge: str | None, edge: Edge, json_wanted: bool) -> int:
    """Push a ticket's branch and open or update its pull request.

    The branch is there locally, verified, before anything leaves. What cannot be pushed is left as a patch and a git bundle. Exit
    status: 0 where the pull request is there, else 1.
    """
    from orchestrator.forges.asking import publication, want_published

    with opened(edge) as forges:
        id = want_published(forges.office, ticket, forge)
        forges.publisher.step()
        found = publication(forges.store, id)
    if json_wanted:
        print_document({"ticket": id, "forge": forge_document(found)})
    else:
        print_publication(found)
    return 0 if found.published else 1


def opened(edge: Edge) -> Forges:
    """Open the configured forges. Raises `BadConfig`."""
    from orchestrator.errors import BadConfig

    try:
        from orchestrator.forges.wiring import Forges
    except ModuleNotFoundError as error:
        if error.name != "httpx2":
            raise
        raise BadConfig("forges are spoken to with the package httpx2: install nightcrew[forges]") from error
    return Forges(edge.state(), edge.machine(), edge.settings, edge.environ, edge.home, tries=_TRIES)


def known_publication(edge: Edge, ticket: str) -> Publication | None:
    """Return what a forge has of a ticket, None where nothing is known of that; nothing is asked."""
    from orchestrator.forges.asking import Publication, publication
    from orchestrator.forges.store import ForgeStore

    with edge.crew() as crew:
        found = publication(ForgeStore(crew.database), ticket)
    return None if found == Publication() else found


def issue_of(edge: Edge, address: str) -> tuple[Issue, Path]:
    """Return the issue at an address, and its working tree."""
    from orchestrator.forges.asking import issue_at

    with opened(edge) as forges:
        return issue_at(forges.office, address)


def link_issue(edge: Edge, issue: Issue, ticket: Ticket) -> None:
    """Remember that an issue has a ticket, so that a webhook files no other."""
    from orchestrator.forges.asking import link

    with opened(edge) as forges:
        if not link(forges.office, issue, ticket):
            write(f"{issue.url} got another ticket meanwhile: `nightcrew stop` one of them")


def pull_head(edge: Edge, address: str) -> PullHead:
    """Fetch the head of the pull request at an address."""
    from orchestrator.forges.asking import fetched

    with opened(edge) as forges:
        return fetched(forges.office, address)


def forge_document(found: Publication) -> dict[str, Any]:
    """Return what a forge has of a ticket."""
    pull = found.pull
    return {
        "published": found.published,
        "thread": found.thread or None,
        "name": pull.forge if pull else None,
        "repository": pull.repository if pull else None,
        "branch": pull.branch if pull else None,
        "commit": pull.pushed if pull else None,
        "pull_request": (pull.url or None) if pull else None,
        "blocked": (pull.blocked or None) if pull else None,
        "left": (pull.left or None) if pull else None,
        "open": [{"step": str(kind), "why": why or None} for kind, why in found.open],
    }


def print_publication(found: Publication) -> None:
    """Print where a ticket came from and where its branch went."""
    pull = found.pull
    lines = [("came from", found.thread)]
    if pull is not None:
        lines += [("pushed", f"{pull.branch} at {pull.pushed[:12]}" if pull.pushed else "")]
        lines += [("pull", pull.url), ("not pushed", pull.blocked), ("left in", pull.left)]
    lines += [("to do", f"{kind}: {why}" if why else str(kind)) for kind, why in found.open]
    for name, text in lines:
        if text:
            write(f"  {name:<10} {text}")
