"""The guard: what every request must keep to, before anything of it is read: host, origin, size, rate; and the headers of every answer."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestrator.web.problems import Problem, answer
from orchestrator.web.sessions import COOKIE

BODY_BYTES = 68 << 20
"""Of a request: a log, and what is around it."""
_LEAST_BYTES = 16 << 10
_HOOK_BYTES = 26 << 20
"""Of a webhook: forges send no more."""
_ENTERING = ("/enter", "/leave")
_SAFE = ("GET", "HEAD", "OPTIONS")
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    # With no referrer at all, browsers send no origin with forms either.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


@dataclass(slots=True)
class _Bucket:
    left: float
    at: float


class Rate:
    """Lets each client do `burst` things at once, and `per_s` in a second for ever: a token bucket each."""

    def __init__(self, per_s: float, burst: float, ticks: Callable[[], float] = time.monotonic) -> None:
        self._per_s = per_s
        self._burst = burst
        self._ticks = ticks
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def allows(self, client: str) -> bool:
        """Take a token of a client; say whether there was one."""
        now = self._ticks()
        bucket = self._buckets.pop(client, None) or _Bucket(self._burst, now)
        bucket.left = min(self._burst, bucket.left + (now - bucket.at) * self._per_s)
        bucket.at = now
        self._buckets[client] = bucket
        while len(self._buckets) > 10_000:
            self._buckets.popitem(last=False)
        if bucket.left < 1:
            return False
        bucket.left -= 1
        return True


class Guard:
    """Stands before an application. `hosts` are the names by which it may be asked for: any other is another site's trick.

    `known` raises `Problem` for a request of nobody that is known.
    """

    def __init__(
        self, app: ASGIApp, hosts: frozenset[str], rate: Rate, known: Callable[[Request], Awaitable[object]]
    ) -> None:
        self._app = app
        self._known = known
        self._hosts = hosts
        self._rate = rate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        guarded = _with_headers(scope, send)
        problem = self._refused(scope) or await self._unknown(scope)
        if problem is not None:
            await answer(problem)(scope, receive, guarded)
            return
        await self._app(scope, _bounded(receive, _most_bytes(scope["path"])), guarded)

    async def _unknown(self, scope: Scope) -> Problem | None:
        """Return what is said to somebody who sends what nobody but people who are known may: before any of it is read."""
        if scope["method"] in _SAFE or scope["path"] in _ENTERING or scope["path"].startswith("/hooks/"):
            return None
        try:
            await self._known(Request(scope))
        except Problem as problem:
            return problem
        return None

    def _refused(self, scope: Scope) -> Problem | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if host not in self._hosts:
            return Problem(
                HTTPStatus.MISDIRECTED_REQUEST,
                "wrong-host",
                "this server is not asked for by that name",
                "use the address that `nightcrew serve` printed, or name others with --host-name",
            )
        length = headers.get("content-length") or "0"
        most = _most_bytes(scope["path"])
        if not length.isdecimal() or int(length) > most:
            return _too_large(most)
        if scope["method"] in _SAFE:
            return None
        hook = scope["path"].startswith("/hooks/")
        if not hook and not _same_origin(headers, scope["scheme"], host):
            return Problem(HTTPStatus.FORBIDDEN, "foreign-origin", "another site sent this", "do it on the page itself")
        client = scope["client"][0] if scope.get("client") else ""
        if not self._rate.allows(client):
            return Problem(HTTPStatus.TOO_MANY_REQUESTS, "too-many", "that is too much at once", "wait a second")
        return None


def _same_origin(headers: Headers, scheme: str, host: str) -> bool:
    origin = headers.get("origin")
    if origin is not None:
        # Behind a proxy that speaks TLS the scheme is its own.
        return origin in (f"{scheme}://{host}", f"https://{host}")
    site = headers.get("sec-fetch-site")
    # A program says neither, and brings no cookie.
    return site == "same-origin" or (site is None and COOKIE not in headers.get("cookie", ""))


def _most_bytes(path: str) -> int:
    if path in _ENTERING:
        return _LEAST_BYTES
    return _HOOK_BYTES if path.startswith("/hooks/") else BODY_BYTES


def _too_large(most: int) -> Problem:
    limit = f"a request like this may have {most >> 10:,} KB"
    return Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-large", limit, "send the part that matters")


def _bounded(receive: Receive, most: int) -> Receive:
    """Return what receives a body no larger than it may be, whatever its headers said."""
    taken = 0

    async def bounded() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > most:
            raise _too_large(most)
        return message

    return bounded


def _with_headers(scope: Scope, send: Send) -> Send:
    async def guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
            if not scope["path"].startswith("/static/"):
                headers.setdefault("cache-control", "no-store")
        await send(message)

    return guarded
