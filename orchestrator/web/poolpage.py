"""The page of the model pools, for who administers: replicas, what their caches held, and the tokens of tickets and users against their limits."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, Response

from agents import Endpoint
from orchestrator.pool import PoolError, Report, ask_report
from orchestrator.records import alias_of
from orchestrator.reporting.board import MOST_ROWS, Sought
from orchestrator.web.pages import ThePages, TheSite
from orchestrator.web.people import Person, Role
from orchestrator.web.problems import Problem
from orchestrator.web.site import Site, lets

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


@dataclass(frozen=True, slots=True)
class Shown:
    """A pool by its address: what it told, or why it did not."""

    address: str
    report: Report | None
    why: str = ""


@router.get("/pool")
def pool(
    request: Request, site: TheSite, pages: ThePages, _: Annotated[Person, Depends(lets(Role.ADMINISTER))]
) -> Response:
    """Show how the pools stand that are configured."""
    if site.pools is None:
        hint = "bring one up with `nightcrew pool up`, and say `pool = true` in its table of config.toml"
        raise Problem(HTTPStatus.NOT_FOUND, "no-pool", "no model pool is configured", hint)
    return pages.draw(
        request,
        "pool.html",
        pools=[_shown(each) for each in site.pools()],
        tickets=_tickets(site),
        ticket_limit=lambda pool: lambda _: pool.allowed.ticket_tokens,
        user_limit=lambda pool: lambda taken: pool.allowed.user_tokens.get(taken.user),
    )


def _shown(endpoint: Endpoint) -> Shown:
    key = endpoint.key.reveal() if endpoint.key is not None else ""
    try:
        report = ask_report(endpoint.base_url, key)
    except PoolError as error:
        return Shown(endpoint.base_url, None, str(error))
    if report.pool is None:
        return Shown(endpoint.base_url, None, "it has not told yet how it stands: load this page again")
    return Shown(endpoint.base_url, report)


def _tickets(site: Site) -> dict[str, str]:
    """Return the latest tickets by the aliases that pools know them by."""
    latest = site.cached("latest", lambda: site.crew.board(Sought(limit=MOST_ROWS)))
    return {alias_of(row.ticket, row.filed_at): row.ticket for row in latest.rows}
