"""The application: API, pages and forms behind the guard, and what runs beside them."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from fastapi import Depends, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from agents import AgentError
from orchestrator.errors import OrchestratorError
from orchestrator.reporting.gathering import Gatherer
from orchestrator.telemetry.measured import Measured
from orchestrator.web import api, digestpage, forms, hooks, metricspage, pages, poolpage, signin
from orchestrator.web.guard import Guard, Rate
from orchestrator.web.invalid import http_problem, invalid_problem
from orchestrator.web.people import Role
from orchestrator.web.problems import Problem, answer, on_error, wants_page
from orchestrator.web.site import Site, lets
from orchestrator.web.submissions import Submissions
from sandbox import SandboxError
from shadowfs import ShadowfsError
from verifier import VerifierError


class Ascii(JSONResponse):
    """JSON in ASCII: names of files that are no Unicode have no other form."""

    def render(self, content: object) -> bytes:
        return json.dumps(content, separators=(",", ":")).encode("ascii")


class _Guarded(FastAPI):
    """An application whose guard stands before all else, what answers for defects included."""

    def __init__(self, guard: Callable[[ASGIApp], ASGIApp], **given: Any) -> None:
        super().__init__(**given)
        self._guard = guard

    def build_middleware_stack(self) -> ASGIApp:
        """Return what answers every request."""
        return self._guard(super().build_middleware_stack())


END_S = 20.0
"""How long a job in hand has to come to its next step when the server ends."""
WRITES_PER_S = 20.0
_BURST = 5.0
"""How many seconds' writes may come at once."""


def application(site: Site, hosts: Iterable[str], version: str, writes_per_s: float = WRITES_PER_S) -> FastAPI:
    """Return the application that serves a site by the names `hosts` (with their ports), with so many writes of each address."""

    @asynccontextmanager
    async def running(_: FastAPI) -> AsyncIterator[None]:
        looking = asyncio.create_task(site.hub.look())
        beside = [each for each in (site.shift, site.courier, site.morning) if each is not None]
        for each in beside:
            each.start()
        try:
            yield
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)
            await asyncio.gather(*(asyncio.to_thread(each.end, END_S) for each in beside))

    rate = Rate(writes_per_s, _BURST * writes_per_s)
    guarded = partial(Guard, hosts=frozenset(hosts), rate=rate, known=lets(Role.FILE))

    def guard(inner: ASGIApp) -> ASGIApp:
        return guarded(inner) if site.metrics is None else Measured(guarded(inner), site.metrics.request)

    app = _Guarded(
        guard,
        default_response_class=Ascii,
        title="nightcrew",
        version=version,
        lifespan=running,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    app.state.site = site
    app.state.pages = pages.Pages()
    app.state.submissions = Submissions(site.crew.database, time.time)
    app.state.gatherer = Gatherer(site.crew, site.gate)
    app.add_api_route(
        "/api/openapi.json", app.openapi, dependencies=[Depends(lets(Role.FILE))], include_in_schema=False
    )
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    for kind in (
        Problem,
        OrchestratorError,
        ShadowfsError,
        SandboxError,
        VerifierError,
        AgentError,
        OSError,
        Exception,
    ):
        app.add_exception_handler(kind, on_error)
    for routes in (api, pages, digestpage, forms, hooks, metricspage, poolpage, signin):
        app.include_router(routes.router)
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"), name="static")
    return app


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    problem = http_problem(error)
    return await on_error(request, problem) if wants_page(request) else answer(problem)


async def _on_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return await on_error(request, invalid_problem(error))
