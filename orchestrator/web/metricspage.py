"""Metrics for Prometheus, to who administers: `authorization.credentials_file` of its configuration names a file with a key."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from orchestrator.web.people import Role
from orchestrator.web.problems import Problem
from orchestrator.web.site import Site, lets, the_site

_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
router = APIRouter(include_in_schema=False, dependencies=[Depends(lets(Role.ADMINISTER))])


@router.get("/metrics")
async def metrics(site: Annotated[Site, Depends(the_site)]) -> Response:
    """Return what this process and the store tell."""
    if site.metrics is None:
        raise Problem(
            HTTPStatus.NOT_FOUND,
            "no-metrics",
            "there are no metrics",
            "install nightcrew[serve], which has its package",
        )
    return Response(await run_in_threadpool(site.metrics.text), media_type=_CONTENT_TYPE)
