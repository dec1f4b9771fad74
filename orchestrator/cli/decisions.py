"""Commands that decide about a ticket, or steer its job: `apply`, `reject`, `stop`, `message`."""

from __future__ import annotations

import click

from orchestrator.cli.edge import Edge
from orchestrator.cli.options import read_text, shared_options, ticket_argument
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


@click.command("message")
@ticket_argument
@click.option("--text", required=True, metavar="TEXT", help="What to say (`-` reads it from standard input).")
@shared_options
def message_command(ticket: str, text: str, edge: Edge, json_wanted: bool) -> None:
    """Say something to a ticket's job while it waits or is at work.

    Its agent is told as soon as it takes its next step, and goes on from the files as they are. It is data to the agent, like
    the ticket: it changes no budget and no setting. A question is answered with `nightcrew answer`, a job that has ended takes
    `nightcrew comment`.
    """
    with edge.crew() as crew:
        report = crew.message(ticket, read_text(text, None) or "")
    if json_wanted:
        from orchestrator.reporting.documents import message_document

        told = message_document(report.messages[-1])
        print_document({"ticket": report.ticket.id, "status": str(report.status), "message": told})
        return
    write(f"kept for {report.ticket.id}, which is {report.status}")
    if report.status in ("paused", "stopped", "failed"):
        write(f"next: nightcrew resume {report.ticket.id}")
