"""Streams asked of an OpenAI-compatible address, many at once, as cheaply as Python can: when the first byte came, how many chunks did, how it ended."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

_LAST = b"data: [DONE]\n\n"
_END = b"\r\n0\r\n\r\n"
_SYSTEM = "You are one of a crew. " * 400


@dataclass(frozen=True, slots=True)
class Streamed:
    """What came of one request: its status, seconds to the first byte of its body, events, and whether it came whole."""

    status: int
    first_s: float
    events: int
    whole: bool


class Caller(asyncio.Protocol):
    """One connection, which asks one thing after the other."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._done: asyncio.Future[Streamed] | None = None
        self._is_cut = False
        self.events = 0
        """Those of all replies."""
        self._clear(0.0)

    def _clear(self, began: float) -> None:
        self._began, self._first = began, 0.0
        self._status, self._events = 0, 0
        self._tail = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if not self._status:
            self._tail += data
            head, found, data = self._tail.partition(b"\r\n\r\n")
            if not found:
                return
            self._status, self._tail = int(head[9:12]), b""
            if self._status != 200:
                self._end(whole=False)
                return
        if data and not self._first:
            self._first = time.perf_counter()
        events = data.count(b"data: ")
        self._events += events
        self.events += events
        if self._is_cut:
            self._end(whole=False)
            return
        self._tail = (self._tail + data)[-64:]
        if self._tail.endswith(_END):
            self._end(whole=_LAST in self._tail)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        self._transport = None
        self._end(whole=False)

    def _end(self, *, whole: bool) -> None:
        if self._done is not None and not self._done.done():
            self._done.set_result(Streamed(self._status, self._first - self._began, self._events, whole))
        if not whole and self._transport is not None:
            self._transport.abort()
            self._transport = None

    async def ask(self, request: bytes) -> Streamed:
        """Send a request, and wait for the end of its reply."""
        self._done = asyncio.get_running_loop().create_future()
        self._clear(time.perf_counter())
        if self._transport is None:
            return Streamed(0, 0.0, 0, False)
        self._transport.write(request)
        return await self._done

    def cut(self) -> None:
        """Go away, as soon as something of the reply has come."""
        self._is_cut = True
        if self._first:
            self._end(whole=False)

    @property
    def open(self) -> bool:
        return self._transport is not None

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


def chat(ticket: str, tokens: int, turn: int) -> dict[str, object]:
    """Return what a ticket asks in one of its turns: all that was said before, and one thing more. The reply is to be streamed."""
    said = [{"role": "user", "content": f"{ticket} {at} " + "and what then? " * 20} for at in range(turn + 1)]
    messages = [{"role": "system", "content": _SYSTEM}, *said]
    return {"model": "stand-in", "stream": True, "max_tokens": tokens, "user": ticket, "messages": messages}


def request(body: Mapping[str, object], headers: Mapping[str, str] | None = None) -> bytes:
    """Return a chat as it goes over the wire."""
    data = json.dumps(body).encode()
    lines = ["POST /v1/chat/completions HTTP/1.1", "Host: pool", "Content-Type: application/json"]
    lines += [f"Content-Length: {len(data)}", *(f"{name}: {value}" for name, value in (headers or {}).items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + data


async def stream(
    ports: Sequence[int], callers: Sequence[Sequence[bytes]], spread_s: float = 0.0, tries: int = 1
) -> list[list[Streamed]]:
    """Have each caller ask its requests one after the other, all callers at once, their beginnings spread over a while; ports share the callers.

    A reply that did not come whole is asked for again, up to `tries` times in all; each try is told.
    """

    async def one(at: int, requests: Sequence[bytes]) -> list[Streamed]:
        await asyncio.sleep(spread_s * at / len(callers))
        told: list[Streamed] = []
        caller: Caller | None = None
        for each in requests:
            for _ in range(tries):
                if caller is None or not caller.open:
                    at_port = ports[at % len(ports)]
                    _, caller = await asyncio.get_running_loop().create_connection(Caller, "127.0.0.1", at_port)
                told.append(await caller.ask(each))
                if told[-1].whole:
                    break
        if caller is not None:
            caller.close()
        return told

    return await asyncio.gather(*(one(at, requests) for at, requests in enumerate(callers)))
