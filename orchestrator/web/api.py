"""The HTTP API: everything that the command line does with tickets. Documents are those that `--json` prints."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, File, Form, Query, Request, Response, UploadFile
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool

from orchestrator.builds import Red
from orchestrator.records import JobReport, Order, Status, Ticket
from orchestrator.remote import RECORD
from orchestrator.reporting.board import MOST_ROWS, Sought
from orchestrator.reporting.documents import (
    Document,
    board_document,
    cost_document,
    decision_document,
    reading_document,
    report_document,
    said_document,
    step_document,
)
from orchestrator.store.codec import encode
from orchestrator.web import bodies, filing
from orchestrator.web.live import Happening
from orchestrator.web.once import Once
from orchestrator.web.people import Person, Role
from orchestrator.web.problems import Problem
from orchestrator.web.site import Site, lets, the_site, who_asks

_PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"description": what, "content": {"application/problem+json": {}}}
    for status, what in (
        (400, "no request that can be read"),
        (401, "nobody is known"),
        (403, "not allowed"),
        (404, "no such ticket"),
        (409, "it does not fit where the job stands"),
        (422, "refused; `hint` says what to do"),
    )
}
router = APIRouter(prefix="/api", responses=_PROBLEMS, route_class=Once)
TheSite = Annotated[Site, Depends(the_site)]
Looker = Annotated[Person, Depends(lets(Role.FILE))]
Reviewer = Annotated[Person, Depends(lets(Role.REVIEW))]
Administrator = Annotated[Person, Depends(lets(Role.ADMINISTER))]
Attempt = Annotated[int | None, Query(ge=1, le=10_000)]


def _told(request: Request, record: object, document: Callable[[], Document], status: int = 200) -> Document:
    """Return a document, or the record as it is to a client of ours that asks for that."""
    if RECORD in request.headers.get("accept", ""):
        # The framework passes it on as it is.
        return Response(encode(record), status, media_type=RECORD)  # type: ignore[return-value]
    return document()


@router.get("/tickets")
async def list_tickets(
    request: Request,
    site: TheSite,
    _: Looker,
    status: Annotated[list[Status] | None, Query()] = None,
    words: Annotated[str, Query(max_length=200)] = "",
    repository: Annotated[str | None, Query(max_length=4_096)] = None,
    limit: Annotated[int, Query(ge=1, le=MOST_ROWS)] = 50,
    skip: Annotated[int, Query(ge=0, le=10**9)] = 0,
) -> Response:
    """List tickets, newest first: a page, how many there are, and how many stand where."""
    where = None if repository is None else Path(repository.replace("\0", ""))
    sought = Sought(tuple(status or ()), words, where, limit, skip)
    if RECORD in request.headers.get("accept", ""):
        return Response(await run_in_threadpool(_briefs, site, sought), media_type=RECORD)
    made: bytes = await site.answer(
        ("list", sought),
        lambda: json.dumps(board_document(site.crew.board(sought))).encode(),
        short=sought.everything,
    )
    return Response(made, media_type="application/json")


def _briefs(site: Site, sought: Sought) -> str:
    return encode([site.crew.brief(row.ticket) for row in site.crew.board(sought).rows])


@router.post("/tickets", status_code=HTTPStatus.CREATED)
def file_ticket(request: Request, site: TheSite, who: Looker, body: bodies.OrderBody) -> Document:
    """File a ticket: a worker takes it."""
    order = body.order(filing.repository_of(site, body.repository), who.name)
    ticket = filing.file(site, order, who)
    return _told(request, ticket, lambda: _filing(ticket), HTTPStatus.CREATED)


@router.post("/tickets/from-build", status_code=HTTPStatus.CREATED)
def file_build(
    site: TheSite,
    who: Looker,
    repository: Annotated[str, Form(max_length=4_096)],
    build: Annotated[UploadFile, File(description="JUnit XML, SARIF, JSON of jest or go, or a log")],
    text: Annotated[str, Form(max_length=1 << 20)] = "",
) -> Document:
    """File a ticket from what a red build left."""
    path = filing.repository_of(site, repository)
    red = filing.red_of(build.file.read(), path)
    words = f"{text}\n\n{red.text}" if text.strip() else red.text
    return _filing(filing.file(site, Order(words, path, failing=red.failing, user=who.name), who), red)


def _filing(ticket: Ticket, red: Red | None = None) -> Document:
    unplaced = red.unplaced if red else 0
    return {"ticket": ticket.id, "status": "queued", "failing": list(ticket.order.failing), "unplaced": unplaced}


@router.post("/reviews", status_code=HTTPStatus.CREATED)
def review(request: Request, site: TheSite, who: Looker, body: bodies.ReviewBody) -> Document:
    """Have a worker judge a branch or commit against where it left the present one."""
    path = filing.repository_of(site, body.repository)
    order = Order(
        f"review of {body.ref}", path, body.test_command, tuple(body.failing), seconds=body.seconds, user=who.name
    )
    ticket = site.crew.file_review(order, body.ref, filing.settings_of(site, order))
    site.did(who, "review", ticket.id, ref=body.ref)
    return _told(request, ticket, lambda: {"ticket": ticket.id, "status": "queued"}, HTTPStatus.CREATED)


@router.get("/tickets/{ticket}")
async def show(request: Request, site: TheSite, _: Looker, ticket: str) -> Response:
    """Return all that is known about a ticket."""
    if RECORD in request.headers.get("accept", ""):
        return Response(await run_in_threadpool(lambda: encode(site.crew.show(ticket))), media_type=RECORD)

    def document(look: Callable[[str], JobReport]) -> bytes:
        return json.dumps(report_document(look(ticket))).encode()

    crew = site.crew
    made: bytes = await site.answer(
        ("show", ticket), lambda: document(crew.show), at_hand=lambda: document(crew.at_hand)
    )
    return Response(made, media_type="application/json")


@router.get("/tickets/{ticket}/steps")
def steps(
    request: Request, site: TheSite, _: Looker, ticket: str, skip: Annotated[int, Query(ge=0, le=10**9)] = 0
) -> Document:
    """Return the journal of a ticket's job, without the first `skip` steps."""
    found = site.crew.steps(ticket)[skip:]
    told = {"ticket": ticket, "steps": [step_document(each) for each in found]}
    return _told(request, found, lambda: told)


@router.get("/tickets/{ticket}/diff", response_class=Response)
def diff(site: TheSite, _: Looker, ticket: str, attempt: Attempt = None) -> Response:
    """Return the change that won, or what an attempt left, as a git patch."""
    return Response(site.crew.diff(ticket, attempt), media_type="text/x-diff")


@router.get("/tickets/{ticket}/reading")
def reading(request: Request, site: TheSite, _: Looker, ticket: str, attempt: Attempt = None) -> Document:
    """Return the same in the order in which it is best read, with evidence and risks."""
    found = site.crew.reading(ticket, attempt)
    told = {"ticket": ticket, "attempt": attempt, "reading": reading_document(found)}
    return _told(request, found, lambda: told)


@router.get("/tickets/{ticket}/between")
def between(
    site: TheSite, _: Looker, ticket: str, old: Annotated[int, Query(ge=1)], new: Annotated[int, Query(ge=1)]
) -> Document:
    """Return what changed from one attempt's version to another's."""
    found = site.crew.between(ticket, old, new)
    return {"ticket": ticket, "old": old, "new": new, "reading": reading_document(found)}


@router.get("/tickets/{ticket}/remarks")
def remarks(site: TheSite, _: Looker, ticket: str) -> Document:
    """Return what was said of a ticket's versions, and decided about them."""
    id = site.crew.show(ticket).ticket.id
    said, decided = site.crew.reviews.said(id), site.crew.reviews.decisions(id)
    return {
        "ticket": id,
        "remarks": [said_document(each) for each in said],
        "decisions": [decision_document(each) for each in decided],
    }


@router.post("/tickets/{ticket}/apply")
def apply(request: Request, site: TheSite, who: Reviewer, ticket: str, body: bodies.DecisionBody) -> Document:
    """Put the change into the working tree of its repository, and accept it."""
    applied = site.crew.desk.apply(ticket, who.name, body.tree)
    site.did(who, "apply", applied.ticket)
    document = {"ticket": applied.ticket, "status": "accepted", "files": list(applied.files)}
    return _told(request, applied, lambda: document)


@router.post("/tickets/{ticket}/accept")
def accept(request: Request, site: TheSite, who: Reviewer, ticket: str, body: bodies.DecisionBody) -> Document:
    """Accept the change as it lies on its branch."""
    report = site.crew.desk.accept(ticket, who.name, body.tree)
    site.did(who, "accept", report.ticket.id)
    return _told(request, report, lambda: report_document(report))


@router.post("/tickets/{ticket}/reject")
def reject(request: Request, site: TheSite, who: Reviewer, ticket: str, body: bodies.DecisionBody) -> Document:
    """Reject the change; a branch it has stays."""
    report = site.crew.desk.reject(ticket, who.name, body.reason, body.tree)
    site.did(who, "reject", report.ticket.id, reason=body.reason)
    return _told(request, report, lambda: report_document(report))


@router.post("/tickets/{ticket}/comment")
def comment(request: Request, site: TheSite, who: Reviewer, ticket: str, body: bodies.CommentBody) -> Document:
    """Send the change back to work with remarks; the next version has what came of them."""
    said = [each.remark() for each in body.remarks]
    report = site.crew.comment(ticket, said, user=who.name, agent=body.agent, tree=body.tree, seconds=body.seconds)
    site.did(who, "comment", report.ticket.id, remarks=len(said))
    return _told(request, report, lambda: report_document(report))


@router.post("/tickets/{ticket}/part")
def part(request: Request, site: TheSite, who: Reviewer, ticket: str, body: bodies.PartBody) -> Document:
    """Choose a part of the change, or edit it: it is judged as a version of its own before anybody can accept it."""
    report = site.crew.desk.take(ticket, body.selection(), who.name, body.tree)
    site.did(who, "part", report.ticket.id, hunks=len(body.hunks))
    return _told(request, report, lambda: report_document(report))


@router.put("/tickets/{ticket}/read")
def read(site: TheSite, who: Looker, ticket: str, body: bodies.ReadBody) -> Document:
    """Mark a file of a version as read, or take that back."""
    id = site.crew.show(ticket).ticket.id
    site.crew.reviews.mark_read(id, body.tree, who.name, body.path, body.done)
    site.did(who, "read" if body.done else "unread", id, tree=body.tree, path=body.path)
    return {"ticket": id, "read": sorted(site.crew.reviews.read(id, body.tree, who.name))}


@router.post("/tickets/{ticket}/stop")
def stop(request: Request, site: TheSite, who: Looker, ticket: str) -> Document:
    """Stop work on a ticket at its next step; its work is kept."""
    _own(site, who, ticket)
    report = site.crew.stop(ticket)
    site.did(who, "stop", report.ticket.id)
    return _told(request, report, lambda: report_document(report))


@router.post("/tickets/{ticket}/resume")
def resume(request: Request, site: TheSite, who: Looker, ticket: str, body: bodies.MoreBody) -> Document:
    """Queue a job again where it stood, with more budget; one that is at work only gets that."""
    _own(site, who, ticket)
    filing.check_grant(who, body.usd)
    report = site.crew.enqueue(ticket, seconds=body.seconds, usd=body.usd, tokens=body.tokens)
    site.did(who, "resume", report.ticket.id, **body.model_dump())
    return _told(request, report, lambda: report_document(report))


@router.post("/tickets/{ticket}/answer")
def answer(request: Request, site: TheSite, who: Looker, ticket: str, body: bodies.AnswerBody) -> Document:
    """Answer the question that a job waits with; a worker goes on."""
    _own(site, who, ticket)
    filing.check_grant(who, body.usd)
    if (body.option is None) == (body.text is None):
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY, "no-answer", "an answer is an `option` or a `text`", "give one of them"
        )
    said = body.text if body.option is None else body.option
    assert said is not None
    report = site.crew.reply(
        ticket, said, question=body.question, seconds=body.seconds, usd=body.usd, tokens=body.tokens
    )
    site.did(who, "answer", report.ticket.id)
    return _told(request, report, lambda: report_document(report))


@router.post("/tickets/{ticket}/message")
def message(request: Request, site: TheSite, who: Looker, ticket: str, body: bodies.MessageBody) -> Document:
    """Say something to a job that waits or is at work: its agent is told, as data, at its next step."""
    _own(site, who, ticket)
    report = site.crew.message(ticket, body.text, user=who.name)
    site.did(who, "message", report.ticket.id, text=body.text)
    return _told(request, report, lambda: report_document(report))


def _own(site: Site, who: Person, ticket: str) -> None:
    """Raise `Problem` where somebody may only steer what they filed, and did not file this."""
    if not who.role.allows(Role.REVIEW) and site.crew.show(ticket).ticket.order.user != who.name:
        raise Problem(
            HTTPStatus.FORBIDDEN, "not-yours", f"{who.name} did not file this ticket", "ask whoever reviews here"
        )


@router.get("/cost")
def cost(
    request: Request,
    site: TheSite,
    _: Looker,
    repository: Annotated[str | None, Query(max_length=4_096)] = None,
    since: Annotated[float, Query(ge=0, allow_inf_nan=False)] = 0.0,
) -> Document:
    """Return what all work since a Unix time cost, of one repository or of all."""
    spent = site.crew.cost(None if repository is None else Path(repository.replace("\0", "")), since)
    return _told(request, spent, lambda: cost_document(spent))


@router.get("/signals", response_class=Response)
def signals(site: TheSite, _: Reviewer) -> Response:
    """Return what was decided about changes, with what was asked and judged, one JSON document a line."""
    from orchestrator.reviewing.signals import signal_lines

    return Response("".join(signal_lines(site.crew)), media_type="application/jsonl")


@router.get("/marks")
def marks(site: TheSite, _: Looker) -> Document:
    """Return how often the marks of each risk were acted on."""
    found = site.crew.reviews.heeded()
    return {"marks": [{"risk": each.risk, "shown": each.shown, "acted": each.acted} for each in found]}


@router.get("/audit")
def audit(
    site: TheSite,
    _: Administrator,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    before: Annotated[int | None, Query(ge=1, le=2**53)] = None,
) -> Document:
    """Return the last lines of the audit log, newest first."""
    entries = site.audit.latest(limit, before)
    return {
        "entries": [
            {"id": each.id, "at": each.at, "who": each.who, "what": each.what, "ticket": each.ticket}
            | {"detail": json.loads(each.detail)}
            for each in entries
        ]
    }


@router.get("/events", response_class=EventSourceResponse)
async def events(
    request: Request, site: TheSite, _: Looker, ticket: Annotated[str, Query(max_length=64)] = ""
) -> Response:
    """Tell what happens, as it happens: server-sent events `changed`, `step` and `behind`."""

    async def told() -> AsyncIterator[bytes]:
        async for each in site.hub.listen(ticket):
            if await who_asks(request) is None:
                # Their key or session has ended meanwhile.
                return
            yield _event(each)

    return EventSourceResponse(told(), ping=20)


@lru_cache(maxsize=64)
def _event(happening: Happening) -> bytes:
    """Return a happening as a server-sent event: made once for all who are told."""
    data = {"ticket": happening.ticket, "text": happening.text, "at": happening.at}
    return ServerSentEvent(json.dumps(data), event=happening.kind).encode()


@router.get("/empty")
def empty(_: Looker) -> Document:
    """Answer with nothing: what a request costs before anything is looked at."""
    return {}
