"""Commands that decide about a ticket: `apply`, `reject`, `stop`."""

from __future__ import annotations

import click

from orchestrator.cli.edge import Edge
from orchestrator.cli.options import shared_options, ticket_argument
from orchestrator.cli.output import print_document, write


@click.command("apply")
@ticket_argument
@shared_options
def apply_command(ticket: str, edge: Edge, json_wanted: bool) -> None:
    """Put a ticket's change into your working tree.

    Nothing is committed, and nothing is written where it would overwrite what you edited since.
    """
    with edge.crew() as crew:
        applied = crew.apply(ticket)
    if json_wanted:
        print_document({"ticket": applied.ticket, "status": "accepted", "files": list(applied.files)})
        return
    for path in applied.files:
        write(f"wrote {path}")
    write("next: git diff")


@click.command("reject")
@ticket_argument
@click.option("--reason", default="", metavar="TEXT", help="Why; it is remembered.")
@shared_options
def reject_command(ticket: str, reason: str, edge: Edge, json_wanted: bool) -> None:
    """Mark a ticket's change as rejected; a branch it has stays."""
    with edge.crew() as crew:
        report = crew.reject(ticket, reason)
    if json_wanted:
        print_document({"ticket": report.ticket.id, "status": str(report.status), "branch": report.branch})
        return
    write(f"rejected {report.ticket.id}")
    if report.branch:
        write(f"its branch stays; to delete it: git branch -D {report.branch}")


@click.command("stop")
@ticket_argument
@shared_options
def stop_command(ticket: str, edge: Edge, json_wanted: bool) -> None:
    """Stop work on a ticket at its next step; its work is kept."""
    with edge.crew() as crew:
        report = crew.stop(ticket)
    if json_wanted:
        print_document({"ticket": report.ticket.id, "status": str(report.status)})
        return
    write(f"{report.ticket.id}: {report.status}" + (f", {report.why}" if report.why else ""))
    if report.next:
        write(f"next: {report.next}")
