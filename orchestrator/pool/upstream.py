"""Connections to one replica, kept for the next request. All that knows the HTTP parser.

Replies are handed on as they come: each `piece` is what arrived since the last one.
"""

from __future__ import annotations

import asyncio
import errno
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import cast

import httptools

HOST = "127.0.0.1"
_CONNECT_S = 5.0
_HIGH_BYTES = 1 << 20
"""Of a reply that its client is slow to take; more is not read."""


class Broken(ConnectionError):
    """Raised when a replica cannot be reached, ends its reply early, says nothing for too long, or speaks no HTTP.

    `unheard` says that it closed the connection before anything came: one that was kept may have been closed meanwhile.
    `ours` says that this process has no file left: that says nothing about the replica.
    """

    def __init__(self, why: str, *, unheard: bool = False, ours: bool = False) -> None:
        super().__init__(why)
        self.unheard = unheard
        self.ours = ours


class Answer(asyncio.Protocol):
    """One connection, and the reply that comes over it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._waiter: asyncio.Future[None] | None = None
        self.begin(0.0, 0.0)

    def begin(self, first_s: float, idle_s: float) -> None:
        """Expect another reply: `first_s` until anything comes, `idle_s` between two pieces."""
        self._parser = httptools.HttpResponseParser(self)
        self._pieces: deque[bytes] = deque()
        self._held = 0
        self.status = 0
        self.kind = b""
        self._whole = self._kept = self._reading_paused = False
        self._broken: Broken | None = None
        self._heard, self._idle_s = 0.0, idle_s
        if first_s:
            self._timer = self._loop.call_later(first_s, self._look, first_s)

    @property
    def usable(self) -> bool:
        """Say whether another request may go out over this connection."""
        return self._kept and self._transport is not None and not self._transport.is_closing()

    @property
    def is_read(self) -> bool:
        """Say whether it came whole, and all of it was taken."""
        return self._whole and not self._pieces

    async def head(self) -> None:
        """Wait until the status is known. Raises `Broken`."""
        while not self.status:
            await self._more()

    async def piece(self) -> bytes:
        """Return what came since; b"" at the reply's end. Raises `Broken`."""
        while not self._pieces:
            if self._whole:
                return b""
            await self._more()
        joined = self._pieces.popleft() if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        self._held = 0
        if self._reading_paused and self._transport is not None:
            self._transport.resume_reading()
            self._reading_paused = False
        return joined

    async def body(self, most_bytes: int) -> bytes:
        """Return all that comes. Raises `Broken`, also where it is more than `most_bytes`."""
        come: list[bytes] = []
        size = 0
        while piece := await self.piece():
            come.append(piece)
            size += len(piece)
            if size > most_bytes:
                raise Broken(f"the reply has more than {most_bytes} bytes")
        return b"".join(come)

    def write(self, data: bytes) -> None:
        """Send a request. Raises `Broken`."""
        if self._transport is None or self._transport.is_closing():
            raise Broken("the connection was closed", unheard=True)
        self._transport.write(data)

    def rest(self) -> None:
        """Stop watching the clock: nothing is expected."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def close(self) -> None:
        """End the connection, and with it what the replica does for it."""
        self.rest()
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._heard = self._loop.time()
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._fail("it speaks no HTTP")
        if self._waiter is not None:
            self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._fail(str(exc) if exc else "it closed the connection", unheard=not self._heard)

    def on_message_begin(self) -> None:
        if self._whole:
            raise ValueError("bytes that nobody asked for: the next reply would be taken from them")

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"content-type":
            self.kind = value

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        self._pieces.append(body)
        self._held += len(body)
        if self._held > _HIGH_BYTES and not self._reading_paused and self._transport is not None:
            self._transport.pause_reading()
            self._reading_paused = True

    def on_message_complete(self) -> None:
        self._whole = True
        # The parser knows this only now: it begins anew afterwards.
        self._kept = self._parser.should_keep_alive()

    async def _more(self) -> None:
        if self._broken is not None:
            raise self._broken
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _fail(self, why: str, *, unheard: bool = False) -> None:
        if not self._whole and self._broken is None:
            self._broken = Broken(why, unheard=unheard)
        self._wake()
        self.close()

    def _look(self, limit_s: float) -> None:
        """Break off where nothing came for as long as may be. One timer a request: pieces only note the time."""
        silent_s = self._loop.time() - self._heard if self._heard else limit_s
        limit_s = self._idle_s if self._heard else limit_s
        if silent_s >= limit_s and not self._reading_paused:
            self._fail(f"it sent nothing for {limit_s:g} s")
        elif not self._whole:
            self._timer = self._loop.call_later(max(0.05, limit_s - silent_s), self._look, limit_s)


class Upstream:
    """Asks the replica at `port` of this machine, or of `host`, with the key that it was started with."""

    def __init__(
        self, port: int, key: str = "", first_s: float = 300.0, idle_s: float = 60.0, host: str = HOST
    ) -> None:
        self.host = host
        self.port = port
        self._first_s = first_s
        self._idle_s = idle_s
        self._free: list[Answer] = []
        self._closed = False
        fixed = {
            "Host": f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
            "User-Agent": "nightcrew",
            "Accept-Encoding": "identity",
        }
        if key:
            fixed["Authorization"] = f"Bearer {key}"
        self._headers = _lines(fixed)

    @asynccontextmanager
    async def ask(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[Answer]:
        """Send a request and give its reply, the status of which is known. What is not read to its end is broken off. Raises `Broken`."""
        answer = await self.send(method, path, body, headers)
        try:
            yield answer
        finally:
            self.leave(answer)

    async def send(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Answer:
        """Send a request; return its reply, the status of which is known, and which is to be left. Raises `Broken`."""
        named = {"Content-Type": "application/json", "Content-Length": str(len(body)), **(headers or {})}
        return await self._answer(f"{method} {path} HTTP/1.1\r\n{self._headers}{_lines(named)}\r\n".encode() + body)

    def leave(self, answer: Answer) -> None:
        """Keep a connection for the next request; break off a reply that was not read to its end."""
        answer.rest()
        if answer.usable and not self._closed:
            self._free.append(answer)
        else:
            answer.close()

    def close(self) -> None:
        """Keep no connection any more; those in use go on to the end of their replies."""
        self._closed = True
        while self._free:
            self._free.pop().close()

    async def _answer(self, data: bytes) -> Answer:
        """Send over a connection that was kept, where one is open still; one that the replica just closed is not its failure."""
        while self._free:
            kept = self._free.pop()
            if not kept.usable:
                continue
            try:
                return await self._sent(kept, data)
            except Broken as broken:
                if not broken.unheard:
                    raise
        try:
            async with asyncio.timeout(_CONNECT_S):
                _, fresh = await asyncio.get_running_loop().create_connection(Answer, self.host, self.port)
        except (OSError, TimeoutError) as error:
            ours = isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE)
            raise Broken(f"it cannot be reached: {error or 'no answer'}", ours=ours) from error
        return await self._sent(fresh, data)

    async def _sent(self, answer: Answer, data: bytes) -> Answer:
        answer.begin(self._first_s, self._idle_s)
        try:
            answer.write(data)
            await answer.head()
        except BaseException:
            answer.close()
            raise
        return answer


def _lines(headers: Mapping[str, str]) -> str:
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items())
