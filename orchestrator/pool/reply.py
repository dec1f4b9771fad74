"""A reply of the pool's address, over ASGI."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from orchestrator.pool.refusal import Refusal

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Reply:
    """Sends one; `begun` says whether some of it went out, so that it can become no other."""

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self.id = request_id
        self.begun = False

    async def stream(self, first: bytes) -> None:
        """Begin with a stream of events."""
        await self._start(
            200, [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-cache")]
        )
        await self.add(first)

    async def add(self, data: bytes) -> None:
        """Go on with it."""
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def end(self, last: bytes = b"") -> None:
        """End it."""
        await self._send({"type": "http.response.body", "body": last})

    async def whole(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Send one JSON document."""
        named = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
        fixed = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        await self._start(status, [*fixed, *named])
        await self.end(body)

    async def refuse(self, refusal: Refusal) -> None:
        """Tell why there is none, or none any more: in a stream that has begun, clients look for an error among the events."""
        if self.begun:
            await self.end(refusal.event())
        else:
            await self.whole(refusal.status, refusal.document(), refusal.headers)

    async def _start(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        self.begun = True
        headers.append((b"x-request-id", self.id.encode()))
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
