"""The pages: board, job, review. Forms post to them, and each form is something that the command line does too."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Hashable
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from orchestrator.cli.output import ago
from orchestrator.plain import one_line, plain
from orchestrator.records import Status
from orchestrator.reporting.board import Sought
from orchestrator.web.people import Person, Role
from orchestrator.web.problems import Problem
from orchestrator.web.reviewview import review_view, whole_file
from orchestrator.web.sessions import COOKIE, SESSION_S
from orchestrator.web.site import Site, lets, person_of, site_of, the_site, who_asks
from orchestrator.web.steps import step_views
from orchestrator.working.answering import asking, question_id

if TYPE_CHECKING:
    from orchestrator.forges.asking import Publication
    from orchestrator.forges.wiring import Forges

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
TheSite = Annotated[Site, Depends(the_site)]
Looker = Annotated[Person, Depends(lets(Role.FILE))]
_PAGE = 50
COLUMNS: tuple[tuple[str, str, tuple[Status, ...]], ...] = (
    ("review", "Ready for review", (Status.VERIFIED, Status.UNVERIFIED)),
    ("question", "Needs an answer", (Status.PAUSED,)),
    ("working", "Working", (Status.WORKING,)),
    ("queued", "Queued", (Status.QUEUED,)),
    ("accepted", "Accepted", (Status.ACCEPTED,)),
    ("rejected", "Rejected", (Status.REJECTED,)),
    ("nofix", "No fix", (Status.NO_FIX, Status.FAILED, Status.STOPPED)),
)
"""What a reviewer asks for, in the order in which it matters in the morning."""
WORDS = {
    Status.QUEUED: "queued",
    Status.WORKING: "working",
    Status.VERIFIED: "verified",
    Status.UNVERIFIED: "unverified",
    Status.NO_FIX: "no fix",
    Status.PAUSED: "paused",
    Status.FAILED: "failed",
    Status.STOPPED: "stopped",
    Status.REJECTED: "rejected",
    Status.ACCEPTED: "accepted",
}


class Pages:
    """Draws templates; everything that goes into one is escaped."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        # Stands in shared pages where each session's own token goes; nobody else's text has it.
        self._form_mark = secrets.token_urlsafe(24)
        self._environment = Environment(
            loader=PackageLoader("orchestrator.web", "templates"),
            autoescape=select_autoescape(default=True, default_for_string=True),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters |= {
            "plain": plain,
            "pathkey": lambda path: quote(os.fsencode(path), safe="/"),
            "line": one_line,
            "ago": lambda at: ago(max(0.0, clock() - at)),
            "clock": lambda at: time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at)),
            "seconds": _seconds,
            "usd": lambda usd: f"${usd:,.2f}",
            "word": lambda status: WORDS[Status(status)],
        }

    def draw(self, request: Request, name: str, status: int = 200, **given: Any) -> HTMLResponse:
        """Return a page."""
        site, person = site_of(request), person_of(request)
        return HTMLResponse(self._page(site, person, name, _form(request, person), given), status)

    async def share(
        self, request: Request, name: str, asked: Hashable, given: Callable[[], dict[str, Any]]
    ) -> Response:
        """Return a page that is the same for all sessions of a person; `given` makes what goes into it, in a thread."""
        site, person = site_of(request), await who_asks(request)
        page = await site.drawn.get(
            (name, asked, person), lambda: self._page(site, person, name, self._form_mark, given())
        )
        return HTMLResponse(page.replace(self._form_mark, _form(request, person)))

    def _page(self, site: Site, person: Person | None, name: str, form: str, given: dict[str, Any]) -> str:
        return self._environment.get_template(name).render(
            person=person,
            form=form,
            columns=COLUMNS,
            Role=Role,
            latest=site.hub.latest,
            pooled=site.pools is not None and person is not None and person.role.allows(Role.ADMINISTER),
            sign_in=site.sign_in.name if site.sign_in else "",
            **given,
        )

    def problem(self, request: Request, problem: Problem) -> HTMLResponse:
        """Return the page that tells of a problem; whoever is not known gets the one to enter by."""
        if problem.status is HTTPStatus.UNAUTHORIZED:
            return self.draw(request, "enter.html", int(problem.status), failed=False)
        return self.draw(request, "problem.html", int(problem.status), problem=problem)


def _form(request: Request, person: Person | None) -> str:
    """Return what the forms of this session carry."""
    cookie = request.cookies.get(COOKIE, "")
    return site_of(request).sessions.form_token(cookie) if person and cookie else ""


async def _pages(request: Request) -> Pages:
    return request.app.state.pages  # type: ignore[no-any-return]


ThePages = Annotated[Pages, Depends(_pages)]


@router.get("/")
async def board(
    request: Request,
    site: TheSite,
    pages: ThePages,
    _: Looker,
    show: Annotated[str, Query(max_length=20)] = "",
    words: Annotated[str, Query(max_length=200)] = "",
    skip: Annotated[int, Query(ge=0, le=10**9)] = 0,
) -> Response:
    """Show the board."""
    return await pages.share(request, "board.html", (show, words, skip), lambda: _board(site, show, words, skip))


def _board(site: Site, show: str, words: str, skip: int) -> dict[str, Any]:
    statuses = next((statuses for name, _, statuses in COLUMNS if name == show), ())
    sought = Sought(statuses, words, None, _PAGE, skip)
    found = site.cached(sought, lambda: site.crew.board(sought))
    counts = {name: sum(found.counts.get(each, 0) for each in statuses) for name, _, statuses in COLUMNS}
    query = {"show": show, "words": words}
    return {
        "board": found,
        "counts": counts,
        "show": show,
        "words": words,
        "skip": skip,
        "older": urlencode({**query, "skip": skip + _PAGE}) if skip + _PAGE < found.total else "",
        "newer": urlencode({**query, "skip": max(0, skip - _PAGE)}) if skip else "",
        "repositories": _repositories(site),
        "cost": site.cached(("cost", int(time.time()) // 60), lambda: site.crew.cost(since=time.time() - 86_400.0)),
        "written": site.morning.latest() if site.morning else None,
    }


def publication_of(forges: Forges, ticket: str) -> Publication:
    """Return what a forge has of a ticket."""
    # Whoever configured none has not installed what it takes.
    from orchestrator.forges.asking import publication

    return publication(forges.store, ticket)


def _repositories(site: Site) -> list[str]:
    """Return the repositories that a ticket may be filed for, as far as they are known."""
    if site.repositories:
        return [str(each) for each in site.repositories]
    latest = site.cached("latest", lambda: site.crew.board(Sought(limit=200)))
    return list(dict.fromkeys(str(row.repository) for row in latest.rows))


@router.get("/tickets/{ticket}")
async def job(request: Request, site: TheSite, pages: ThePages, _: Looker, ticket: str) -> Response:
    """Show a job: how it stands, its attempts side by side, what happened."""
    return await pages.share(request, "job.html", ticket, lambda: _job(site, ticket))


def _job(site: Site, ticket: str) -> dict[str, Any]:
    report = site.cached(("report", ticket), lambda: site.crew.show(ticket))
    return {
        "report": report,
        "id": report.ticket.id,
        "steps": step_views(site.crew.steps(report.ticket.id)),
        "question": question_id(asked) if (asked := asking(report.attempts)) else "",
        "decisions": site.crew.reviews.decisions(report.ticket.id),
        "forge": None if site.forges is None else publication_of(site.forges, report.ticket.id),
    }


@router.get("/tickets/{ticket}/timeline")
def timeline(
    request: Request,
    site: TheSite,
    pages: ThePages,
    _: Looker,
    ticket: str,
    skip: Annotated[int, Query(ge=0, le=10**9)] = 0,
) -> Response:
    """Return the steps after the first `skip`, as a piece of the job's page."""
    return pages.draw(request, "timeline.html", steps=step_views(site.crew.steps(ticket), skip), skip=skip)


@router.get("/tickets/{ticket}/review")
def review(
    request: Request,
    site: TheSite,
    pages: ThePages,
    who: Looker,
    ticket: str,
    view: Annotated[str, Query(pattern="^(unified|split)$")] = "unified",
    attempt: Annotated[int | None, Query(ge=1, le=10_000)] = None,
    since: Annotated[int | None, Query(ge=1, le=10_000)] = None,
) -> Response:
    """Show a change as it is best read; `since` an attempt, only what changed from that one's version."""
    report = site.cached(("report", ticket), lambda: site.crew.show(ticket))
    id = report.ticket.id
    change = site.crew.change(id, attempt, since)
    reading = site.crew.read_change(id, change)
    seen = site.lasting.get((change.base, change.tree, reading), lambda: review_view(change, reading))
    said = site.crew.reviews.said(id)
    return pages.draw(
        request,
        "review.html",
        report=report,
        id=id,
        view=view,
        seen=seen,
        attempt=attempt,
        since=since,
        whole=attempt is None and since is None,
        read=site.crew.reviews.read(id, change.tree, who.name),
        said=said,
        pending=[each for each in said if not each.sent and each.who == who.name],
        forecast=site.crew.forecast(id) if since is None and attempt is None else None,
        heeded={each.risk: each for each in site.cached("heeded", site.crew.reviews.heeded)},
    )


@router.get("/tickets/{ticket}/file")
def file(
    request: Request,
    site: TheSite,
    pages: ThePages,
    _: Looker,
    ticket: str,
    path: Annotated[str, Query(max_length=4_096)],
    attempt: Annotated[int | None, Query(ge=1, le=10_000)] = None,
) -> Response:
    """Show a whole file of a change."""
    lines = whole_file(site.crew.change(ticket, attempt), path)
    if lines is None:
        raise Problem(HTTPStatus.NOT_FOUND, "no-file", f"the change has no text file {one_line(path)!r}")
    return pages.draw(request, "file.html", id=ticket, path=path, lines=lines)


@router.get("/enter")
def enter(
    request: Request, site: TheSite, pages: ThePages, token: Annotated[str, Query(max_length=500)] = ""
) -> Response:
    """Let somebody in by a link, or ask for a key."""
    if not token:
        return pages.draw(request, "enter.html", failed=False)
    return _entered(request, site, pages, lambda: site.sessions.enter(token.strip(), site.address))


@router.post("/enter")
def enter_by_key(
    request: Request, site: TheSite, pages: ThePages, token: Annotated[str, Form(max_length=500)]
) -> Response:
    """Let somebody in by a key."""
    return _entered(request, site, pages, lambda: site.sessions.enter_by_key(token.strip()))


def _entered(request: Request, site: Site, pages: Pages, enter: Callable[[], str | None]) -> Response:
    client = request.client.host if request.client else ""
    if not site.entering.allows(client):
        raise Problem(HTTPStatus.TOO_MANY_REQUESTS, "too-many", "too many tries to enter", "wait a minute")
    cookie = enter()
    if cookie is None:
        site.audit.write("", "enter-refused", detail={"client": client[:64]})
        return pages.draw(request, "enter.html", int(HTTPStatus.UNAUTHORIZED), failed=True)
    person = site.sessions.person(cookie)
    site.audit.write(person.name if person else "", "enter")
    response = RedirectResponse("/", HTTPStatus.SEE_OTHER)
    remember(request, response, cookie)
    return response


def remember(request: Request, response: Response, cookie: str) -> None:
    """Have a browser keep a session."""
    secure = request.url.scheme == "https"
    response.set_cookie(COOKIE, cookie, max_age=SESSION_S, httponly=True, samesite="strict", secure=secure)


@router.post("/leave")
def leave(request: Request, site: TheSite) -> Response:
    """End a session in this browser."""
    person = person_of(request)
    if person is not None:
        site.audit.write(person.name, "leave")
    response = RedirectResponse("/enter", HTTPStatus.SEE_OTHER)
    response.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return response


def ticket_page(ticket: str, then: str = "") -> str:
    """Return the address of a ticket's page."""
    return f"/tickets/{quote(ticket, safe='')}{then}"


def _seconds(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"
