"""Taking over: an attempt that is at work is stopped at its next step, and what it has done by then goes into the editor's buffers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from orchestrator.errors import WrongStatus
from orchestrator.lsp.arguments import Arguments, text_at
from orchestrator.lsp.changes import left_by
from orchestrator.lsp.client import TAKE_OVER
from orchestrator.lsp.deciding import make, show_patch, tell_left
from orchestrator.lsp.session import Session
from orchestrator.plain import one_line
from orchestrator.records import JobReport, Status

POLL_S = 0.2
PATIENCE_S = 120.0
_OFFERED = 8


async def take_over(session: Session, arguments: Arguments) -> object:
    """Stop an attempt and put what it has done into buffers; without an argument ask which, of those that are at work."""
    ticket = text_at(arguments, 0, TAKE_OVER, "a ticket") if arguments else await _chosen(session)
    if ticket is None:
        return False
    crew, client = session.ground.crew, session.client
    report = await asyncio.to_thread(crew.show, ticket)
    ticket = report.ticket.id
    if session.desk.drop(ticket) or report.status is Status.WORKING:
        report = await _stopped(session, ticket)
    left, patch = await asyncio.to_thread(left_by, crew, ticket)
    if not left.files:
        client.tell(f"nightcrew: ticket {ticket} is {report.status}; its attempt had changed nothing by then")
        return True
    made = await make(session, left, [each.hunk for each in left.hunks], f"nightcrew {ticket}: taken over")
    if tell_left(session, left, "all of it is shown") or not made:
        await show_patch(session, f"{ticket}-attempt-{report.attempts[-1].number}", patch)
        return False
    client.tell(
        f"nightcrew: you go on from what attempt {report.attempts[-1].number} of ticket {ticket} had done, in {len(left.files)} files."
        f" It is {report.status}; `nightcrew resume {ticket}` would go on with it"
    )
    return True


async def _chosen(session: Session) -> str | None:
    """Ask which of the attempts at work is meant."""
    reports = await asyncio.to_thread(session.ground.crew.list, session.ground.repository)
    working = [report for report in reports if report.status is Status.WORKING][:_OFFERED]
    if not working:
        raise WrongStatus("no attempt is at work in this repository: there is nothing to take over")
    titles = _titles(working)
    chosen = await session.client.ask("nightcrew: which attempt do you take over?", tuple(titles))
    return titles.get(chosen) if chosen else None


def _titles(working: Sequence[JobReport]) -> dict[str, str]:
    return {f"{each.ticket.id}: {one_line(each.ticket.order.text, 50)}": each.ticket.id for each in working}


async def _stopped(session: Session, ticket: str) -> JobReport:
    """Have a job stopped and wait until it is. Raises `WrongStatus` where that does not come."""
    crew = session.ground.crew
    report = await asyncio.to_thread(crew.stop, ticket)
    progress = await session.client.progress(f"nightcrew: {ticket} stops at its next step", lambda: None)
    try:
        for _ in range(int(PATIENCE_S / POLL_S)):
            if report.status is not Status.WORKING:
                return report
            await asyncio.sleep(POLL_S)
            report = await asyncio.to_thread(crew.show, ticket)
    finally:
        progress.end(str(report.status))
    raise WrongStatus(
        f"ticket {ticket} was asked to stop and is in the middle of a step still: take it over again once `nightcrew show {ticket}` says so"
    )
