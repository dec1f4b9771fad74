"""The command `replay`: what an attempt's prompts would be with the code as it is now, beside what they were."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from orchestrator.cli.edge import Edge
from orchestrator.cli.options import shared_options, ticket_argument
from orchestrator.cli.output import print_document, write
from orchestrator.cli.progress import watching
from orchestrator.plain import one_line, plain

if TYPE_CHECKING:
    from agents import Compared, Request

_CONTEXT_LINES = 2


@dataclass(frozen=True, slots=True)
class Row:
    """One request then and now, in characters; `shared` are those that both begin with."""

    before: int
    now: int
    shared: int
    same: bool


@click.command("replay")
@ticket_argument
@click.option("--attempt", default=1, show_default=True, metavar="N", help="The attempt to go through.")
@click.option("--diff", is_flag=True, help="Show where requests differ.")
@shared_options
def replay_command(ticket: str, attempt: int, diff: bool, edge: Edge, json_wanted: bool) -> None:
    """Render an attempt's prompts again with the code as it is now.

    Its recorded replies stand in for the model: nothing is asked, stored or delivered. It exits with 0 whether or not prompts differ.
    """
    with edge.crew() as crew, watching() as watch:
        found = crew.replay(ticket, attempt, watch)
    rows = [_row(each) for each in found.compared]
    if json_wanted:
        requests = [{"before": row.before, "now": row.now, "shared": row.shared, "same": row.same} for row in rows]
        print_document({"requests": requests, "unasked": found.unasked, "ended": found.ended})
        return
    for number, (row, each) in enumerate(zip(rows, found.compared, strict=True), 1):
        write(f"{number:4}  {row.before:8,} -> {row.now:8,} characters  {_alike(row)}")
        if diff and not row.same:
            for line in _difference(each):
                write(f"      {line}")
    same = sum(row.same for row in rows)
    write(f"{same} of {len(rows)} requests are the same; {found.unasked} recorded ones were not asked now")
    write(f"it ended: {one_line(found.ended, 300)}")


def _row(each: Compared) -> Row:
    before, now = _text(each.before), _text(each.now)
    shorter = min(len(before), len(now))
    shared = next((at for at in range(shorter) if before[at] != now[at]), shorter)
    return Row(len(before), len(now), shared, each.same)


def _alike(row: Row) -> str:
    if row.same:
        return "the same"
    return (
        f"the first {row.shared:,} alike" if row.shared < max(row.before, row.now) else "alike but for how it is asked"
    )


def _text(request: Request) -> str:
    """Return a request as one text: what its messages say, one after the other."""
    said: list[str] = []
    for message in request.messages:
        said += [f"[{message.role}]", message.text, *(f"{call.name}({call.arguments})" for call in message.calls)]
    return "\n".join(said)


def _difference(each: Compared) -> Iterator[str]:
    before, now = (plain(_text(request)).splitlines() for request in (each.before, each.now))
    return difflib.unified_diff(before, now, "then", "now", lineterm="", n=_CONTEXT_LINES)
