"""Problems: what went wrong, as RFC 9457 has it, and with which status. A defect of ours is logged by the server, and not told."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from orchestrator.cli.failure import known_failure
from orchestrator.errors import (
    StoreError,
    Superseded,
    UnknownHunk,
    UnknownTicket,
    WouldOverwrite,
    WrongStatus,
)
from orchestrator.exits import USAGE
from orchestrator.plain import plain

MEDIA_TYPE = "application/problem+json"
_STATUSES: tuple[tuple[type[Exception], HTTPStatus], ...] = (
    (UnknownTicket, HTTPStatus.NOT_FOUND),
    (Superseded, HTTPStatus.CONFLICT),
    (UnknownHunk, HTTPStatus.CONFLICT),
    (WrongStatus, HTTPStatus.CONFLICT),
    (WouldOverwrite, HTTPStatus.CONFLICT),
    (StoreError, HTTPStatus.SERVICE_UNAVAILABLE),
)


class Problem(Exception):
    """Raised when a request cannot be answered; `hint` says what to do next."""

    def __init__(self, status: HTTPStatus, kind: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.hint = hint


def problem_of(error: Exception) -> Problem:
    """Return what is to be said about an error."""
    if isinstance(error, Problem):
        return error
    failure = known_failure(error)
    if failure is None:
        return Problem(
            HTTPStatus.INTERNAL_SERVER_ERROR, "internal", "a defect of nightcrew", "the server's log has what it was"
        )
    usage = HTTPStatus.UNPROCESSABLE_ENTITY if failure.exit_status == USAGE else HTTPStatus.INTERNAL_SERVER_ERROR
    status = next((status for kind, status in _STATUSES if isinstance(error, kind)), usage)
    return Problem(status, failure.kind, plain(failure.message), failure.hint)


def document(problem: Problem) -> dict[str, Any]:
    """Return a problem's document."""
    told = {"type": f"urn:nightcrew:{problem.kind}", "title": problem.status.phrase, "status": int(problem.status)}
    return told | {"detail": str(problem), "kind": problem.kind, "hint": problem.hint}


def answer(problem: Problem) -> JSONResponse:
    """Return the response that tells a program of a problem."""
    return JSONResponse(document(problem), int(problem.status), media_type=MEDIA_TYPE)


async def on_error(request: Request, error: Exception) -> Response:
    """Answer a request that failed: a program gets a document, a browser a page."""
    problem = problem_of(error)
    if wants_page(request):
        return request.app.state.pages.problem(request, problem)  # type: ignore[no-any-return]
    return answer(problem)


def wants_page(request: Request) -> bool:
    """Say whether whoever asks is a browser that shows what comes."""
    return not request.url.path.startswith(("/api/", "/hooks/")) and "text/html" in request.headers.get("accept", "")
