"""One connection of a program: whole requests in, bounded, and replies out. Nothing else imports the HTTP parser."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

import h11

from agents.door.limits import DoorLimits
from agents.door.refused import Refused

_CHUNK = 1 << 16
_HEADS_BYTES = 1 << 16
_LINGER_S = 2.0


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request as it came; names of headers are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class Connection:
    """Speaks HTTP/1.1 with one program."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, limits: DoorLimits) -> None:
        self._reader = reader
        self._writer = writer
        self._limits = limits
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=_HEADS_BYTES)

    @property
    def begun(self) -> bool:
        """Say whether a reply is under way, so that it cannot become another one."""
        return self._http.our_state is not h11.IDLE and self._http.our_state is not h11.SEND_RESPONSE

    async def request(self) -> Incoming | None:
        """Return the next request; None where there is no more. Raises `Refused` for one that is no HTTP or too long."""
        if self._http.our_state is h11.MUST_CLOSE:
            return None
        try:
            if self._http.our_state is h11.DONE:
                self._http.start_next_cycle()
            head = await self._next()
            if not isinstance(head, h11.Request):
                return None
            body = bytearray()
            while isinstance(part := await self._next(), h11.Data):
                body += part.data
                if len(body) > self._limits.request_bytes:
                    raise Refused(413, "too_long", f"a request has at most {self._limits.request_bytes} bytes")
        except h11.RemoteProtocolError as error:
            raise Refused(400, "no_http", f"that is no HTTP request: {error}") from None
        except h11.LocalProtocolError:
            return None
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in head.headers}
        path = head.target.decode("latin-1").partition("?")[0]
        return Incoming(head.method.decode("latin-1"), path, headers, bytes(body))

    async def left(self) -> None:
        """Return once the program has gone away; what it sends meanwhile is kept for the next request."""
        with suppress(ConnectionError):
            while data := await self._reader.read(_CHUNK):
                self._http.receive_data(data)
                if len(self._http.trailing_data[0]) > self._limits.request_bytes:
                    return

    async def linger(self) -> None:
        """Read on for a moment: to close with something unread would take the answer away from whoever still sends."""
        with suppress(ConnectionError, TimeoutError):
            async with asyncio.timeout(_LINGER_S):
                while await self._reader.read(_CHUNK):
                    pass

    async def refuse(self, refused: Refused) -> None:
        """Answer with an error."""
        await self.answer(refused.status, refused.document().encode(), refused.headers)

    async def answer(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Answer with a JSON document."""
        fixed = {"Content-Type": "application/json", "Content-Length": str(len(body))}
        await self._send(h11.Response(status_code=status, headers=[*fixed.items(), *(headers or {}).items()]))
        await self.add(body)
        await self.finish()

    async def open(self) -> None:
        """Begin to answer with a stream of events."""
        headers = [("Content-Type", "text/event-stream"), ("Cache-Control", "no-cache")]
        await self._send(h11.Response(status_code=200, headers=headers))

    async def event(self, data: str) -> None:
        """Send one event."""
        lines = "".join(f"data: {line}\n" for line in data.split("\n"))
        await self.add(f"{lines}\n".encode())

    async def add(self, data: bytes) -> None:
        """Send a part of the body."""
        await self._send(h11.Data(data=data))

    async def finish(self) -> None:
        """End the reply."""
        await self._send(h11.EndOfMessage())

    async def _send(self, event: h11.Event) -> None:
        try:
            self._writer.write(self._http.send(event) or b"")
            async with asyncio.timeout(self._limits.patience.idle_s):
                await self._writer.drain()
        except TimeoutError:
            raise ConnectionAbortedError("the program does not read its reply") from None
        except h11.LocalProtocolError as error:
            # Nothing of the sort may be answered to what it asked (HEAD takes no body).
            raise ConnectionAbortedError(str(error)) from None

    async def _next(self) -> h11.Event | None:
        """Return what comes next; None where the program sends on before it was answered."""
        while not isinstance(event := self._http.next_event(), h11.Event):
            if event is h11.PAUSED:
                return None
            if self._http.they_are_waiting_for_100_continue:
                await self._send(h11.InformationalResponse(status_code=100, headers=[]))
            self._http.receive_data(await self._reader.read(_CHUNK))
        return event
