"""One attempt at a request: sent to one replica, until its reply has begun; then that is passed on as it comes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from orchestrator.pool.asked import Asked
from orchestrator.pool.events import Events, Usage, usage_of
from orchestrator.pool.line import Ticket
from orchestrator.pool.refusal import Refusal
from orchestrator.pool.reply import Reply
from orchestrator.pool.served import Served
from orchestrator.pool.upstream import Answer, Broken, Upstream

_REPLY_BYTES = 256 << 20
_ERROR_BYTES = 1 << 16
_TOO_LONG = ("maximum context length", "exceeds the available context size", "exceed_context_size")
"""What vLLM and llama.cpp's server say of a prompt that is longer than their context."""


class Attempt:
    """Holds a turn at a replica until its end, which also ends what the replica does for it."""

    def __init__(
        self, asked: Asked, served: Served, ticket: Ticket, replica: str, body: bytes, headers: Mapping[str, str]
    ) -> None:
        self._asked = asked
        self._served = served
        self._ticket = ticket
        self._replica = replica
        self._body = body
        self._headers = headers
        self._upstream: Upstream
        self._answer: Answer
        self._is_sent = self._is_over = False
        self._first = b""
        self._events = Events(tells_usage=asked.tells_usage)
        self._usage: Usage | None = None
        self.taken = False
        """Whether the replica began to answer: from then on it costs something."""

    @property
    def usage(self) -> Usage | None:
        """Return what it cost, where the engine told."""
        return self._events.usage or self._usage

    @property
    def events(self) -> int:
        """Return how many events came."""
        return self._events.count

    async def begin(self) -> None:
        """Send the request, and wait until there is something to pass on. Raises `Refusal`."""
        upstream = self._served.upstream(self._replica)
        if upstream is None:
            raise self._broken("it is ending")
        self._upstream = upstream
        with self._refusing():
            answer = self._answer = await upstream.send("POST", self._asked.path, self._body, self._headers)
            self._is_sent = True
            if answer.status != 200:
                raise self._refused(answer.status, await answer.body(_ERROR_BYTES))
            self._first = await (self._streamed() if self._asked.streams else self._whole())

    async def pass_on(self, reply: Reply) -> None:
        """Pass the reply on, to its end. Raises `Refusal`."""
        if not self._asked.streams:
            await reply.whole(200, self._first)
            return
        with self._refusing():
            await reply.stream(self._first)
            while piece := await self._answer.piece():
                passed = self._events.take(piece)
                if self._answer.is_read and self._events.done:
                    await reply.end(passed)
                    return
                if passed:
                    await reply.add(passed)
            self._check_done()
            await reply.end()

    def end(self) -> None:
        """Give the turn back; break off what was not read to its end."""
        if self._is_over:
            return
        self._is_over = True
        if self._is_sent:
            self._upstream.leave(self._answer)
        self._served.line.leave(self._replica)

    async def _streamed(self) -> bytes:
        """Wait for the first of a stream that is to be passed on."""
        if not self._answer.kind.startswith(b"text/event-stream"):
            raise self._garbage("its reply is no stream of events")
        while piece := await self._answer.piece():
            self.taken = True
            if passed := self._events.take(piece):
                return passed
        self._check_done()
        return b""

    async def _whole(self) -> bytes:
        body = await self._answer.body(_REPLY_BYTES)
        try:
            told = json.loads(body)
        except (ValueError, RecursionError):
            told = None
        if not isinstance(told, dict):
            raise self._garbage("its reply is no JSON object")
        self.taken = True
        self._usage = usage_of(told)
        return body

    def _check_done(self) -> None:
        if not self._events.done:
            raise Broken("it ended its reply before that was whole")

    @contextmanager
    def _refusing(self) -> Iterator[None]:
        """Say in the API's form what goes wrong, and have a replica that broke off looked at."""
        try:
            yield
        except Broken as broken:
            self._served.doubted(self._replica)
            self._served.line.move(self._ticket, self._replica)
            raise self._broken(str(broken)) from broken
        except ValueError as error:
            raise self._garbage(str(error)) from error

    def _refused(self, status: int, said: bytes) -> Refusal:
        """Return what a replica's refusal becomes: what is wrong with the request is passed on, what is wrong with the replica is not."""
        if status in (400, 404, 413, 415, 422):
            words = _words(said)
            code = "context_length_exceeded" if any(each in words for each in _TOO_LONG) else "invalid_request"
            return Refusal(status if status != 404 else 400, code, words)
        if status == 429:
            return Refusal(429, "overloaded", f"{self._served.name} is overloaded: try again later", elsewhere=True)
        return Refusal(502, "replica_failed", f"a replica of {self._served.name} answered {status}", elsewhere=True)

    def _garbage(self, why: str) -> Refusal:
        return Refusal(502, "replica_failed", f"a replica of {self._served.name} failed: {why}", elsewhere=True)

    def _broken(self, why: str) -> Refusal:
        return Refusal(502, "replica_failed", f"replica {self._replica} broke off: {why}", elsewhere=True)


async def first_of(attempt: Attempt, late_s: float, second: Callable[[], Attempt | None]) -> Attempt:
    """Return the attempt whose reply began first: the one given, or a second one where that is late. The other has ended. Raises `Refusal`."""
    running = {asyncio.ensure_future(attempt.begin()): attempt}
    try:
        done, _ = await asyncio.wait(running, timeout=late_s)
        other = None if done else second()
        if other is not None:
            running[asyncio.ensure_future(other.begin())] = other
        while True:
            done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                ended = running.pop(task)
                failed = task.exception()
                if failed is None:
                    return ended
                ended.end()
                if not running or not isinstance(failed, Refusal) or not failed.elsewhere:
                    raise failed
    finally:
        for task in running:
            task.cancel()
        try:
            await asyncio.gather(*running, return_exceptions=True)
        finally:
            # Whoever asked may go, and its time be over, at the same moment: turns are given back all the same.
            for lost in running.values():
                lost.end()


def _words(said: bytes) -> str:
    """Return what an engine's error says, as vLLM and llama.cpp's server put it."""
    try:
        told = json.loads(said)
    except (ValueError, RecursionError):
        told = None
    error = told.get("error", told) if isinstance(told, dict) else None
    message = error.get("message") if isinstance(error, dict) else None
    return message[:2000] if isinstance(message, str) else "the engine refuses that request"
