"""Webhooks of forges and trackers: their bytes go to who knows the signature, and what that says is the answer."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from orchestrator.web.problems import Problem
from orchestrator.web.site import Site, site_of

router = APIRouter(prefix="/hooks", include_in_schema=False)


@router.post("/{name}")
async def receive(request: Request, site: Annotated[Site, Depends(site_of)], name: str) -> Response:
    """Take a webhook that came to the address of the entry `name` of config.toml."""
    if site.forges is None:
        raise Problem(
            HTTPStatus.NOT_FOUND, "no-forges", "no forge is configured here", "docs/forges.md says how one is"
        )
    body = await request.body()
    receipt = await run_in_threadpool(site.forges.receive, name, request.headers, body)
    if site.courier is not None:
        site.courier.nudge()
    if site.shift is not None:
        site.shift.nudge()
    return Response(receipt.answer or receipt.done, receipt.status, media_type="text/plain")
