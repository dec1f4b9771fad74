"""Commands that look at tickets and change nothing: `list`, `show`, `logs`, `watch`, `diff`, `cost`."""

from __future__ import annotations

import re
import time
from pathlib import Path

import click

from orchestrator.cli.edge import Edge
from orchestrator.cli.options import repo_option, shared_options, ticket_argument
from orchestrator.cli.output import ago, print_document, print_patch, print_report, print_steps, write
from orchestrator.plain import one_line

_UNITS_S = {"m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}


@click.command("list")
@repo_option
@shared_options
def list_command(repo: Path | None, edge: Edge, json_wanted: bool) -> None:
    """List tickets, newest first; with --repo those of one repository."""
    from orchestrator.reporting.documents import summary_document

    with edge.crew() as crew:
        reports = crew.list(edge.repository(repo) if repo else None)
    if json_wanted:
        print_document({"tickets": [summary_document(report) for report in reports]})
        return
    if not reports:
        write("no tickets yet; `nightcrew fix TEXT` works on one now, `nightcrew file TEXT` queues one")
    now = time.time()
    for report in reports:
        ticket = report.ticket
        write(f"{ticket.id}  {report.status:<10}  {ago(now - ticket.filed_at):>8}  {one_line(ticket.order.text, 72)}")
        if report.question:
            write(f"{'':<14}asks: {one_line(report.question, 100)}")


@click.command("show")
@ticket_argument
@shared_options
def show_command(ticket: str, edge: Edge, json_wanted: bool) -> None:
    """Show all that is known about a ticket.

    Its status, the verdict rung by rung, what it cost, and what to type next.
    """
    from orchestrator.cli.forges import forge_document, known_publication, print_publication
    from orchestrator.reporting.documents import report_document

    with edge.crew() as crew:
        report = crew.show(ticket)
    # What a server published is in its own state.
    found = None if edge.server else known_publication(edge, report.ticket.id)
    if json_wanted:
        print_document(report_document(report) | ({"forge": forge_document(found)} if found else {}))
        return
    print_report(report, with_text=True)
    if found is not None:
        print_publication(found)


@click.command("logs")
@ticket_argument
@shared_options
def logs_command(ticket: str, edge: Edge, json_wanted: bool) -> None:
    """Show the journal of a ticket's job, step by step."""
    from orchestrator.reporting.documents import step_document

    with edge.crew() as crew:
        steps = crew.steps(ticket)
    if json_wanted:
        print_document({"ticket": ticket, "steps": [step_document(step) for step in steps]})
    else:
        print_steps(steps)


@click.command("watch")
@ticket_argument
@shared_options
def watch_command(ticket: str, edge: Edge, json_wanted: bool) -> int:
    """Watch a ticket's job until no worker has it, whoever works on it.

    Ctrl-C ends the watching, not the work. The exit status is that of `fix`.
    """
    from orchestrator.cli.progress import watching
    from orchestrator.exits import exit_of_status
    from orchestrator.reporting.documents import report_document

    with edge.crew() as crew, watching() as watch:
        report = crew.follow(ticket, watch)
    if json_wanted:
        print_document(report_document(report))
    else:
        print_report(report)
    return exit_of_status(report.status)


@click.command("diff")
@ticket_argument
@click.option("--attempt", type=click.IntRange(1), metavar="K", help="What attempt K left, whether it won or not.")
@click.option("--by-cause", is_flag=True, help="In the order in which it is best read, with evidence and risks.")
@shared_options
def diff_command(ticket: str, attempt: int | None, by_cause: bool, edge: Edge, json_wanted: bool) -> None:
    """Print a ticket's change as a git patch.

    With --by-cause it is no patch, but a text to read: causes first, each with what it forces elsewhere and its tests, what is
    mechanical last and in short.
    """
    if by_cause:
        from orchestrator.cli.reading import print_reading
        from orchestrator.reporting.documents import reading_document

        with edge.crew() as crew:
            reading = crew.reading(ticket, attempt)
        if json_wanted:
            print_document({"ticket": ticket, "attempt": attempt, "reading": reading_document(reading)})
        else:
            print_reading(reading)
        return
    with edge.crew() as crew:
        patch = crew.diff(ticket, attempt)
    if json_wanted:
        print_document({"ticket": ticket, "attempt": attempt, "diff": patch.decode("utf-8", "replace")})
    else:
        print_patch(patch)


@click.command("cost")
@repo_option
@click.option("--since", metavar="AGE", help="Only work of the last 30m, 12h, 7d or 2w.")
@shared_options
def cost_command(repo: Path | None, since: str | None, edge: Edge, json_wanted: bool) -> None:
    """Show what all work cost; with --repo that on one repository."""
    from orchestrator.cli.output import cost_line
    from orchestrator.reporting.documents import cost_document

    with edge.crew() as crew:
        cost = crew.cost(edge.repository(repo) if repo else None, since_of(since))
    if json_wanted:
        print_document(cost_document(cost))
    else:
        write(cost_line(cost))


def since_of(age: str | None) -> float:
    """Return the Unix time that lies an age ago, the beginning of all where none is given. Raises `click.UsageError`."""
    if age is None:
        return 0.0
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([mhdw])", age)
    if found is None:
        raise click.UsageError(f"--since {age}: an age is a number and a unit, as in 30m, 12h, 7d or 2w")
    return time.time() - float(found[1]) * _UNITS_S[found[2]]
