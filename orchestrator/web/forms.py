"""The forms of the pages: what a person does with a button. Each does what the API does, and shows the page again."""

from __future__ import annotations

import os
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import unquote_to_bytes

from fastapi import APIRouter, Depends, File, Form, Request, UploadFile
from fastapi import Path as PathParameter
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from orchestrator.records import Order, Remark
from orchestrator.reviewing import Selection
from orchestrator.web import filing
from orchestrator.web.once import OnceForm
from orchestrator.web.pages import ticket_page
from orchestrator.web.people import Person, Role
from orchestrator.web.problems import Problem
from orchestrator.web.sessions import COOKIE
from orchestrator.web.site import Site, lets, site_of
from shadowfs import RepoPath

_TREE = 64
Tree = Annotated[str, Form(max_length=_TREE)]
TheSite = Annotated[Site, Depends(site_of)]
Looker = Annotated[Person, Depends(lets(Role.FILE))]
Reviewer = Annotated[Person, Depends(lets(Role.REVIEW))]


async def of_this_session(request: Request, site: TheSite) -> None:
    """Refuse a form that was not made for the session it comes in. Raises `Problem`."""
    form = await request.form()
    cookie = request.cookies.get(COOKIE, "")
    if not cookie or not site.sessions.checks(cookie, str(form.get("form", ""))):
        raise Problem(
            HTTPStatus.FORBIDDEN, "stale-form", "this form is of another session, or a week old", "load the page again"
        )


router = APIRouter(
    include_in_schema=False,
    default_response_class=HTMLResponse,
    dependencies=[Depends(of_this_session)],
    route_class=OnceForm,
)


def _to(ticket: str, then: str = "") -> Response:
    return RedirectResponse(ticket_page(ticket, then), HTTPStatus.SEE_OTHER)


@router.post("/tickets")
def file(
    site: TheSite,
    who: Looker,
    repository: Annotated[str, Form(max_length=4_096)],
    text: Annotated[str, Form(max_length=1 << 20)] = "",
    failing: Annotated[str, Form(max_length=100_000)] = "",
    agent: Annotated[str, Form(max_length=4_096)] = "",
    build: Annotated[list[UploadFile] | None, File()] = None,
) -> Response:
    """File a ticket, from text, what a build left, or both."""
    path = filing.repository_of(site, repository.strip())
    tests = tuple(failing.split())
    for upload in build or []:
        if upload.filename:
            red = filing.red_of(upload.file.read(), path)
            text, tests = f"{text}\n\n{red.text}".strip(), (*tests, *red.failing)
    order = Order(text, path, failing=tuple(dict.fromkeys(tests)), agent=agent.strip() or None, user=who.name)
    return _to(filing.file(site, order, who).id)


@router.post("/tickets/{ticket}/stop")
def stop(site: TheSite, who: Looker, ticket: str) -> Response:
    """Stop work at the next step."""
    _own(site, who, ticket)
    site.crew.stop(ticket)
    site.did(who, "stop", ticket)
    return _to(ticket)


@router.post("/tickets/{ticket}/resume")
def resume(
    site: TheSite,
    who: Looker,
    ticket: str,
    minutes: Annotated[float, Form(ge=0, le=43_200)] = 0.0,
    usd: Annotated[float, Form(ge=0, le=1e6)] = 0.0,
    tokens: Annotated[int, Form(ge=0, le=10**12)] = 0,
) -> Response:
    """Queue a job again, or give it more."""
    _own(site, who, ticket)
    filing.check_grant(who, usd)
    site.crew.enqueue(ticket, seconds=60 * minutes, usd=usd, tokens=tokens)
    site.did(who, "resume", ticket, minutes=minutes, usd=usd, tokens=tokens)
    return _to(ticket)


@router.post("/tickets/{ticket}/answer")
def answer(
    site: TheSite,
    who: Looker,
    ticket: str,
    option: Annotated[int | None, Form(ge=0, le=1_000)] = None,
    text: Annotated[str, Form(max_length=100_000)] = "",
    question: Annotated[str, Form(max_length=40)] = "",
) -> Response:
    """Answer a question."""
    _own(site, who, ticket)
    site.crew.reply(ticket, text if text.strip() or option is None else option, question=question or None)
    site.did(who, "answer", ticket)
    return _to(ticket)


@router.post("/tickets/{ticket}/message")
def message(site: TheSite, who: Looker, ticket: str, text: Annotated[str, Form(max_length=16_000)] = "") -> Response:
    """Say something to a job that waits or is at work."""
    _own(site, who, ticket)
    # Browsers count an end of a line once, and send two characters.
    site.crew.message(ticket, text.replace("\r\n", "\n"), user=who.name)
    site.did(who, "message", ticket, text=text)
    return _to(ticket)


@router.post("/tickets/{ticket}/apply")
def apply(site: TheSite, who: Reviewer, ticket: str, tree: Tree) -> Response:
    """Put a change into the working tree."""
    site.crew.desk.apply(ticket, who.name, tree)
    site.did(who, "apply", ticket)
    return _to(ticket)


@router.post("/tickets/{ticket}/accept")
def accept(site: TheSite, who: Reviewer, ticket: str, tree: Tree) -> Response:
    """Accept a change as it lies on its branch."""
    site.crew.desk.accept(ticket, who.name, tree)
    site.did(who, "accept", ticket)
    return _to(ticket)


@router.post("/tickets/{ticket}/reject")
def reject(
    site: TheSite, who: Reviewer, ticket: str, tree: Tree, reason: Annotated[str, Form(max_length=8_000)] = ""
) -> Response:
    """Reject a change."""
    site.crew.desk.reject(ticket, who.name, reason, tree)
    site.did(who, "reject", ticket, reason=reason)
    return _to(ticket)


@router.post("/tickets/{ticket}/part")
def part(
    site: TheSite,
    who: Reviewer,
    ticket: str,
    tree: Tree,
    hunk: Annotated[list[str] | None, Form(max_length=100_000)] = None,
    file: Annotated[list[str] | None, Form(max_length=10_000)] = None,
    edited: Annotated[list[str] | None, Form(max_length=1_000)] = None,
    edit: Annotated[list[str] | None, Form(max_length=1_000)] = None,
) -> Response:
    """Choose hunks and files, and edit hunks: `edited` are ids of hunks, `edit` their new lines."""
    if len(edited or []) != len(edit or []):
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY, "invalid", "edits and hunks do not go together", "load the page again"
        )
    edits = {id: _lines(text) for id, text in zip(edited or [], edit or [], strict=True)}
    files = frozenset(_path(each) for each in file or [])
    site.crew.desk.take(ticket, Selection(frozenset(hunk or []), files, edits), who.name, tree)
    site.did(who, "part", ticket, hunks=len(hunk or []), edits=len(edits))
    return _to(ticket)


def _lines(text: str) -> tuple[str, ...]:
    """Return the lines of a text box, each with an end: browsers end them with carriage returns."""
    text = text.replace("\r\n", "\n")
    return tuple(text.removesuffix("\n").split("\n")) if text else ()


def _path(quoted: str) -> RepoPath:
    """Return a path as pages name it: quoted, so that any name comes back as it is."""
    return os.fsdecode(unquote_to_bytes(quoted))


@router.post("/tickets/{ticket}/remarks")
def remark(
    site: TheSite,
    who: Reviewer,
    ticket: str,
    tree: Tree,
    text: Annotated[str, Form(max_length=8_000)],
    path: Annotated[str, Form(max_length=4_096)] = "",
    line: Annotated[str, Form(max_length=12)] = "",
    back: Annotated[str, Form(max_length=100)] = "",
) -> Response:
    """Keep a remark, to be sent with others."""
    if not text.strip():
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "empty", "the remark is empty", "say what is to change")
    id = site.crew.desk.check(ticket, tree)
    said = Remark(text, _path(path) or None, int(line) if line.isdecimal() else None)
    site.crew.reviews.say(id, tree, [said], who.name)
    site.did(who, "remark", id, tree=tree, path=said.path, line=said.line, text=text)
    return _to(id, f"/review#{back}" if back.isidentifier() or back.startswith("h-") else "/review")


@router.post("/tickets/{ticket}/remarks/{number}/drop")
def unremark(
    site: TheSite, who: Reviewer, ticket: str, number: Annotated[int, PathParameter(ge=1, le=2**53)]
) -> Response:
    """Take a remark back."""
    id = site.crew.brief(ticket).ticket.id
    if site.crew.reviews.unsay(id, number, who.name):
        site.did(who, "remark-drop", id, remark=number)
    return _to(ticket, "/review#remarks")


@router.post("/tickets/{ticket}/comment")
def comment(
    site: TheSite, who: Reviewer, ticket: str, tree: Tree, agent: Annotated[str, Form(max_length=4_096)] = ""
) -> Response:
    """Send the change back to work with the remarks that were kept."""
    id = site.crew.show(ticket).ticket.id
    pending = [
        each for each in site.crew.reviews.said(id) if not each.sent and (each.who, each.tree) == (who.name, tree)
    ]
    site.crew.comment(id, [each.remark for each in pending], user=who.name, agent=agent.strip() or None, tree=tree)
    for each in pending:
        site.crew.reviews.unsay(id, each.id, who.name)
    site.did(who, "comment", id, remarks=len(pending))
    return _to(id)


@router.post("/tickets/{ticket}/read")
def read(
    site: TheSite,
    who: Looker,
    ticket: str,
    tree: Tree,
    path: Annotated[str, Form(max_length=4_096)],
    done: Annotated[bool, Form()] = True,
) -> Response:
    """Mark a file as read."""
    id = site.crew.show(ticket).ticket.id
    site.crew.reviews.mark_read(id, tree, who.name, _path(path), done)
    site.did(who, "read" if done else "unread", id, tree=tree, path=_path(path))
    return _to(id, "/review")


def _own(site: Site, who: Person, ticket: str) -> None:
    filer: Any = site.crew.show(ticket).ticket.order.user
    if not who.role.allows(Role.REVIEW) and filer != who.name:
        raise Problem(
            HTTPStatus.FORBIDDEN, "not-yours", f"{who.name} did not file this ticket", "ask whoever reviews here"
        )
