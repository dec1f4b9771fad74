"""Requests, counted by route: the pattern that answered, never what somebody typed."""

from __future__ import annotations

import time
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

Told = Callable[[str, str, int, float], None]
"""Hears of an answer: method, route, status, and the seconds until it began."""
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Measured:
    """Stands around an application, and tells of each answer."""

    def __init__(self, app: ASGIApp, told: Told, ticks: Callable[[], float] = time.perf_counter) -> None:
        self._app = app
        self._told = told
        self._ticks = ticks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = self._ticks()

        async def telling(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._told(_method(scope), _route(scope), message["status"], self._ticks() - began)
            await send(message)

        await self._app(scope, receive, telling)


def _method(scope: Scope) -> str:
    return scope["method"] if scope["method"] in _METHODS else "other"


def _route(scope: Scope) -> str:
    """Return the pattern that answered; what never reached one is told together."""
    return str(getattr(scope.get("route"), "path", "other"))
