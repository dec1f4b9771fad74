"""Filing: tickets from the editor, queued (`nightcrew.file`) or worked on here at once (`nightcrew.fix`), with progress and a stop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress

from orchestrator.crew import Crew
from orchestrator.errors import OrderRefused, WrongStatus
from orchestrator.intake import agent_of, check_agent
from orchestrator.lsp.arguments import Arguments, given_to, lines_of, reports_of
from orchestrator.lsp.client import FILE, FIX, Progress
from orchestrator.lsp.deciding import apply_proposal, show_change
from orchestrator.lsp.desk import Task
from orchestrator.lsp.session import Ground, Session
from orchestrator.lsp.wording import Subject, ticket_text
from orchestrator.plain import one_line
from orchestrator.records import Event, JobReport, Status, Ticket, Watch
from orchestrator.working.holding import Holding
from shadowfs import RepoPath

_SHOW, _APPLY = "Show the change", "Apply all of it"


async def file(session: Session, arguments: Arguments) -> object:
    """Queue a ticket; return its id."""
    subject = _subject(session, given_to(arguments, FILE))
    ticket = await asyncio.to_thread(_filed, session.ground, ticket_text(subject))
    session.client.tell(f"nightcrew: filed {ticket.id}; `nightcrew work` works on it")
    return {"ticket": ticket.id}


async def fix(session: Session, arguments: Arguments) -> object:
    """Begin to work on a ticket, here, beside the editor; return its id at once."""
    subject = _subject(session, given_to(arguments, FIX))
    ticket = await asyncio.to_thread(_filed, session.ground, ticket_text(subject), held=True)
    session.spawn(_seen_through(session, ticket, subject.path))
    return {"ticket": ticket.id}


def _filed(ground: Ground, text: str, held: bool = False) -> Ticket:
    """Store a ticket; one that is `held` no other worker takes."""
    order = ground.order_for(text)
    settings = ground.settings(order)
    check_agent(agent_of(order, settings))
    with Crew(ground.state, settings, url=ground.url, exchange=ground.exchange) as crew:
        return crew.hold(order) if held else crew.file(order)


def _subject(session: Session, given: Mapping[str, object]) -> Subject:
    """Return what a ticket is about, its lines as they are in the editor now. Raises `OrderRefused`."""
    text, uri = given.get("text", ""), given.get("uri")
    if not isinstance(text, str) or not (uri is None or isinstance(uri, str)):
        raise OrderRefused("`text` and `uri` must be texts")
    reports, lines = reports_of(given), lines_of(given)
    if uri is None:
        return Subject(reports=reports, text=text)
    path = session.ground.places.path_of(uri)
    if path is None:
        raise OrderRefused(f"{uri} is no file of {session.ground.repository}: nightcrew works on that repository here")
    buffer = session.look(path)[1]
    if lines is None or buffer is None:
        return Subject(path, 0, (), reports, text)
    first, last = lines
    return Subject(path, first, tuple(buffer.lines()[first - 1 : last]), reports, text)


async def _seen_through(session: Session, ticket: Ticket, path: RepoPath) -> None:
    """Show how a job goes on, and what came of it."""
    loop = asyncio.get_running_loop()

    def stop() -> None:
        session.spawn(_stop(session, ticket.id))

    progress = await session.client.progress(f"nightcrew: {one_line(ticket.order.text, 60)}", stop)
    watch = _told_of(lambda text: loop.call_soon_threadsafe(progress.report, text))
    if session.ground.options.lock:
        watch = Holding(watch, session.lock, lambda _: ticket.id, (path,) if path else ())
    task = Task(ticket.id, watch)
    before = session.desk.put(task)
    if before:
        progress.report(f"waits for {before} before it")
    try:
        report = await _ended(task, progress)
    finally:
        await asyncio.to_thread(session.lock.release, ticket.id)
    if report is not None:
        await _told(session, report)


def _told_of(report: Callable[[str], object]) -> Watch:
    """Return what reports a worker's events from its thread."""

    def watch(event: Event) -> None:
        # Where the loop has ended by now, nobody listens.
        with suppress(RuntimeError):
            if event.kind != "done":
                report(f"{event.kind}: {one_line(event.text, 200)}")

    return watch


async def _ended(task: Task, progress: Progress) -> JobReport | None:
    """Wait for a job's end; None where it was taken off the desk before it began."""
    ended: Future[JobReport] = task.ended
    try:
        # Shielded: that nobody waits any more does not end the work.
        report = await asyncio.shield(asyncio.wrap_future(ended))
    except asyncio.CancelledError:
        if not ended.cancelled():
            raise
        progress.end("stopped before it began")
        return None
    except BaseException:
        progress.end("it could not be worked on")
        raise
    progress.end(f"{report.status} {one_line(report.why)}".strip())
    return report


async def _stop(session: Session, ticket: str) -> None:
    dropped = session.desk.drop(ticket)
    # One that ended a moment ago needs no stop.
    with suppress(WrongStatus):
        await asyncio.to_thread(session.ground.crew.stop, ticket)
    if dropped:
        session.client.tell(f"nightcrew: ticket {ticket} is stopped; `nightcrew resume {ticket}` works on it")


async def _told(session: Session, report: JobReport) -> None:
    """Say how a job ended, and offer to show its change."""
    ticket, client = report.ticket.id, session.client
    why = f": {one_line(report.why, 300)}" if report.why else ""
    asks = f" It asks: {one_line(report.question, 300)}" if report.question else ""
    said = f"nightcrew: ticket {ticket} is {report.status}{why}.{asks}"
    if report.status not in (Status.VERIFIED, Status.UNVERIFIED):
        client.tell(said + (f" Next: `{report.next}`" if report.next else ""))
        return
    files = ", ".join(report.files[:5]) + (f" and {len(report.files) - 5} more" if len(report.files) > 5 else "")
    verified = report.status is Status.VERIFIED
    chosen = await client.ask(f"{said} {one_line(report.title)} ({files})", (_SHOW, _APPLY) if verified else (_SHOW,))
    if chosen == _SHOW:
        await show_change(session, ticket)
    elif chosen == _APPLY:
        await apply_proposal(session, ticket)
