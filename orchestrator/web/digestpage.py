"""The page of the digest: what was tried, what is ready, what needs an answer, what it cost, and what waits."""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, Response

from orchestrator.reporting.digestmarkdown import begins_words, cost_words, evidence_words, summary
from orchestrator.reporting.gathering import Gatherer
from orchestrator.web.pages import Looker, ThePages, TheSite

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
_KEPT_S = 60
"""How long a digest is shown while nobody writes."""
SPANS = ((12, "12 hours"), (24, "A day"), (72, "3 days"), (168, "A week"))


def _gatherer(request: Request) -> Gatherer:
    return request.app.state.gatherer  # type: ignore[no-any-return]


@router.get("/digest")
def digest(
    request: Request,
    site: TheSite,
    pages: ThePages,
    _: Looker,
    gatherer: Annotated[Gatherer, Depends(_gatherer)],
    hours: Annotated[int, Query(ge=1, le=8_760)] = 24,
) -> Response:
    """Show the digest of the last hours."""
    return pages.draw(
        request,
        "digest.html",
        # What is of the last hours grows old while nobody writes.
        digest=site.cached(
            ("digest", hours, int(time.time()) // _KEPT_S), lambda: gatherer.digest(time.time() - hours * 3_600.0)
        ),
        hours=hours,
        spans=SPANS,
        written=site.morning.latest() if site.morning else None,
        summary=summary,
        evidence=evidence_words,
        begins=begins_words,
        spent=cost_words,
    )
