"""Signing in at the configured issuer, as a browser goes through it: off from here, and back."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from orchestrator.web.pages import ThePages, remember
from orchestrator.web.problems import Problem
from orchestrator.web.site import Site, site_of

if TYPE_CHECKING:
    from orchestrator.web.identities import Identity
    from orchestrator.web.oidc import SignIn

router = APIRouter(prefix="/enter/oidc", include_in_schema=False, default_response_class=HTMLResponse)
TheSite = Annotated[Site, Depends(site_of)]


@router.get("")
async def begin(request: Request, site: TheSite) -> Response:
    """Send a browser to the issuer."""
    sign_in = _sign_in(site)
    foreign = request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin")
    if foreign or request.headers["host"] != sign_in.host:
        # Cookies are of one name; and it is people who sign in, not a page elsewhere that has them do it.
        return RedirectResponse(f"{sign_in.address}/enter", HTTPStatus.SEE_OTHER)
    _slow_down(sign_in.beginning.allows(_client(request)))
    try:
        begun = await sign_in.begin()
    except Problem as problem:
        await run_in_threadpool(_note, request, site, problem)
        raise
    response = RedirectResponse(begun.location, HTTPStatus.SEE_OTHER)
    response.set_cookie(
        sign_in.cookie, begun.cookie, max_age=begun.lasts_s, httponly=True, samesite="lax", secure=sign_in.secure
    )
    return response


@router.get("/callback")
async def callback(request: Request, site: TheSite, pages: ThePages) -> Response:
    """Let in whoever comes back from the issuer, where it is somebody who may."""
    sign_in = _sign_in(site)
    _slow_down(site.entering.allows(_client(request)))
    try:
        who = await sign_in.identity(request.cookies.get(sign_in.cookie, ""), request.query_params)
        cookie = await run_in_threadpool(_session, site, sign_in, who)
    except Problem as problem:
        await run_in_threadpool(_note, request, site, problem)
        raise
    # Whom another site sends along brings no session: the page that goes on is asked for by this one.
    response = pages.draw(request, "entered.html")
    remember(request, response, cookie)
    response.delete_cookie(sign_in.cookie, httponly=True, samesite="lax", secure=sign_in.secure)
    return response


def _sign_in(site: Site) -> SignIn:
    if site.sign_in is None:
        hint = "docs/server.md says how one is"
        raise Problem(HTTPStatus.NOT_FOUND, "no-issuer", "no issuer is configured here", hint)
    return site.sign_in


def _session(site: Site, sign_in: SignIn, who: Identity) -> str:
    person = sign_in.admit(who)
    site.audit.write(person.name, "enter", detail={"issuer": who.issuer, "subject": who.subject})
    return site.sessions.enter_as(person)


def _note(request: Request, site: Site, problem: Problem) -> None:
    site.audit.write("", "enter-refused", detail={"client": _client(request)[:64], "why": str(problem)})


def _slow_down(allowed: bool) -> None:
    if not allowed:
        raise Problem(HTTPStatus.TOO_MANY_REQUESTS, "too-many", "too many tries to enter", "wait a minute")


def _client(request: Request) -> str:
    return request.client.host if request.client else ""
