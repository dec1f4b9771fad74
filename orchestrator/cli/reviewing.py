"""Commands of a reviewer: `accept`, `comment`, `part`. What `apply` and `reject` are not enough for."""

from __future__ import annotations

from pathlib import Path

import click

from orchestrator.cli.edge import Edge
from orchestrator.cli.options import read_text, shared_options, ticket_argument
from orchestrator.cli.output import print_document, write


@click.command("accept")
@ticket_argument
@shared_options
def accept_command(ticket: str, edge: Edge, json_wanted: bool) -> None:
    """Accept a ticket's change as it lies on its branch.

    Nothing is written: the branch is yours to merge. `nightcrew apply` puts the change into the working tree instead.
    """
    with edge.crew() as crew:
        report = crew.accept(ticket)
    if json_wanted:
        print_document({"ticket": report.ticket.id, "status": str(report.status), "branch": report.branch})
        return
    write(f"accepted {report.ticket.id}")
    if report.branch:
        write(f"next: git merge {report.branch}")


@click.command("comment")
@ticket_argument
@click.option("--text", required=True, metavar="TEXT", help="What is to change (`-` reads it from standard input).")
@click.option("--at", metavar="PATH[:LINE]", help="The file, or the line of it, that this is about.")
@click.option("--agent", metavar="AGENT", help="Who goes on with it; default: the agent that made the change.")
@click.option(
    "--seconds",
    type=click.FloatRange(0),
    metavar="S",
    help="Seconds to add to the budget; default: enough for a fresh start.",
)
@shared_options
def comment_command(
    ticket: str, text: str, at: str | None, agent: str | None, seconds: float | None, edge: Edge, json_wanted: bool
) -> None:
    """Send a ticket's change back to work with what you say of it.

    The attempt goes on from the change as it is; the next version is judged like the first. A worker does it (`nightcrew work`,
    or a server).
    """
    from orchestrator.records import Remark

    path, _, line = (at or "").rpartition(":") if at and at.rpartition(":")[2].isdecimal() else (at or "", "", "")
    remark = Remark(read_text(text, None) or "", path or None, int(line) if line else None)
    with edge.crew() as crew:
        report = crew.comment(ticket, [remark], agent=agent, seconds=seconds)
    _went_back(report.ticket.id, str(report.status), json_wanted)


@click.command("part")
@ticket_argument
@click.option("--only", multiple=True, metavar="HUNK|PATH", help="Keep only these hunks, or files. Repeatable.")
@click.option("--without", multiple=True, metavar="HUNK|PATH", help="Leave these hunks, or files, out. Repeatable.")
@click.option(
    "--edit",
    "edits",
    multiple=True,
    metavar="HUNK=FILE",
    help="Put the lines of FILE in the place of a hunk. Repeatable.",
)
@shared_options
def part_command(
    ticket: str, only: tuple[str, ...], without: tuple[str, ...], edits: tuple[str, ...], edge: Edge, json_wanted: bool
) -> None:
    """Choose a part of a ticket's change, or edit it.

    Hunks are named by their ids, as `nightcrew diff --by-cause --json` has them. The part is judged like any change before
    anybody can accept it; a worker does that.
    """
    from orchestrator import intake
    from orchestrator.reviewing import named_part

    if not (only or without or edits):
        raise click.UsageError("say which part: --only, --without, or --edit")
    replaced = dict(_edit(each) for each in edits)
    with edge.crew() as crew:
        selection = named_part(crew.reading(ticket), only, without, replaced)
        report = crew.desk.take(ticket, selection, intake.user())
    _went_back(report.ticket.id, str(report.status), json_wanted)


def _edit(word: str) -> tuple[str, tuple[str, ...]]:
    hunk, equals, name = word.partition("=")
    if not equals:
        raise click.UsageError(f"--edit {word}: name a hunk and a file, as in 1a2b3c4d5e6f=new.txt")
    try:
        text = Path(name).read_text("utf-8", "surrogateescape")
    except OSError as error:
        raise click.UsageError(f"--edit {word}: {name} cannot be read: {error.strerror}") from error
    return hunk, tuple(text.removesuffix("\n").split("\n")) if text else ()


def _went_back(ticket: str, status: str, json_wanted: bool) -> None:
    if json_wanted:
        print_document({"ticket": ticket, "status": status})
        return
    write(f"{ticket} is {status}")
    write("next: nightcrew work")
