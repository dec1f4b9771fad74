"""Requests that say nothing that can be read: what the framework found, as a problem."""

from __future__ import annotations

from http import HTTPStatus

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from orchestrator.plain import one_line
from orchestrator.web.problems import Problem

_SHOWN = 5


def invalid_problem(error: RequestValidationError) -> Problem:
    """Return what is wrong with the values of a request."""
    found = error.errors()
    wrong = "; ".join(f"{'.'.join(map(str, each['loc'][1:])) or 'the body'}: {each['msg']}" for each in found[:_SHOWN])
    more = f", and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    text = f"{one_line(wrong, 600)}{more}"
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid", text, "/api/openapi.json says what is taken")


def http_problem(error: HTTPException) -> Problem:
    """Return what the framework answers by itself: an unknown path, a method that is not taken, a body that is no form."""
    status = HTTPStatus(error.status_code)
    hint = "/api/openapi.json lists what there is" if status is HTTPStatus.NOT_FOUND else ""
    return Problem(status, status.phrase.lower().replace(" ", "-"), one_line(str(error.detail), 300), hint)
