"""One call: a turn at a replica, another one where that breaks off before its reply has begun, and the reply passed on as it comes."""

from __future__ import annotations

import asyncio
import json

from orchestrator.pool.asked import Asked
from orchestrator.pool.events import Events, Usage, usage_of
from orchestrator.pool.line import Ticket
from orchestrator.pool.refusal import Refusal
from orchestrator.pool.reply import Reply
from orchestrator.pool.served import Served
from orchestrator.pool.upstream import Answer, Broken

_TRIES = 4
_LOOK_S = 0.05
_REPLY_BYTES = 256 << 20
_ERROR_BYTES = 1 << 16
_BYTES_PER_TOKEN = 4


class Call:
    """A request on its way to a model and back. `usage` is what it cost, once some replica took it."""

    def __init__(self, asked: Asked, served: Served, ticket: Ticket, body: bytes, request_id: str) -> None:
        self._asked = asked
        self._served = served
        self._ticket = ticket
        self._body = body
        self._headers = {"X-Request-Id": request_id}
        self._events: Events | None = None
        self.taken = False
        """Whether a replica began to answer: from then on it costs something."""
        self.usage: Usage | None = None

    @property
    def guess(self) -> Usage:
        """Return about what it cost, where no engine tells: an event is a token at least."""
        return Usage(len(self._body) // _BYTES_PER_TOKEN, self._events.count if self._events else 0)

    async def run(self, cost: float, reply: Reply) -> None:
        """Have it answered. Raises `Refusal`."""
        avoids: frozenset[str] = frozenset()
        line = self._served.line
        if not line.is_open and not self._served.expects():
            raise no_replica(self._served.name)
        for last in [False] * (_TRIES - 1) + [True]:
            replica = await line.turn(self._ticket, cost, avoids)
            try:
                await self._ask(replica, reply)
                return
            except Refusal as refusal:
                failed = refusal
            finally:
                line.leave(replica)
            avoids |= {replica}
            if reply.begun or last or not failed.elsewhere or not await self._has_another(avoids):
                raise failed

    async def _has_another(self, avoids: frozenset[str]) -> bool:
        """Wait while a replica comes, where there is none besides those that failed; say whether there is one."""
        while not self._served.line.others(avoids):
            if not self._served.expects():
                return False
            await asyncio.sleep(_LOOK_S)
        return True

    async def _ask(self, replica: str, reply: Reply) -> None:
        upstream = self._served.upstream(replica)
        if upstream is None:
            raise self._broken(replica, "it is ending")
        try:
            async with upstream.ask("POST", self._asked.path, self._body, self._headers) as answer:
                if answer.status != 200:
                    raise self._refused(answer.status, await answer.body(_ERROR_BYTES))
                await (self._stream if self._asked.streams else self._whole)(answer, reply)
        except asyncio.CancelledError:
            # Whoever asked has gone, or its time is over: what was begun for it is not free.
            self.taken = True
            raise
        except Broken as broken:
            self._served.doubted(replica)
            self._served.line.move(self._ticket)
            raise self._broken(replica, str(broken)) from broken

    async def _stream(self, answer: Answer, reply: Reply) -> None:
        events = self._events = Events(tells_usage=self._asked.tells_usage)
        if not answer.kind.startswith(b"text/event-stream"):
            raise self._garbage("its reply is no stream of events")
        try:
            while piece := await answer.piece():
                self.taken = True
                if passed := events.take(piece):
                    await (reply.add if reply.begun else reply.stream)(passed)
        except ValueError as error:
            raise self._garbage(str(error)) from error
        finally:
            self.usage = events.usage
        if not events.done:
            raise Broken("it ended its reply before that was whole")
        await reply.end()

    async def _whole(self, answer: Answer, reply: Reply) -> None:
        body = await answer.body(_REPLY_BYTES)
        try:
            told = json.loads(body)
        except (ValueError, RecursionError):
            told = None
        if not isinstance(told, dict):
            raise self._garbage("its reply is no JSON object")
        self.taken = True
        self.usage = usage_of(told)
        await reply.whole(200, body)

    def _refused(self, status: int, said: bytes) -> Refusal:
        """Return what a replica's refusal becomes: what is wrong with the request is passed on, what is wrong with the replica is not."""
        if status in (400, 404, 413, 415, 422):
            return Refusal(status if status != 404 else 400, "invalid_request", _words(said))
        if status == 429:
            return Refusal(429, "overloaded", f"{self._served.name} is overloaded: try again later", elsewhere=True)
        return Refusal(502, "replica_failed", f"a replica of {self._served.name} answered {status}", elsewhere=True)

    def _garbage(self, why: str) -> Refusal:
        return Refusal(502, "replica_failed", f"a replica of {self._served.name} failed: {why}", elsewhere=True)

    def _broken(self, replica: str, why: str) -> Refusal:
        return Refusal(502, "replica_failed", f"replica {replica} broke off: {why}", elsewhere=True)


def no_replica(model: str) -> Refusal:
    """Return what is said where nothing is to be waited for."""
    why = f"no replica of {model} is up: `nightcrew pool status` says why"
    return Refusal(503, "no_replica", why, headers={"retry-after": "5"})


def _words(said: bytes) -> str:
    """Return what an engine's error says, as vLLM and llama.cpp's server put it."""
    try:
        told = json.loads(said)
    except (ValueError, RecursionError):
        told = None
    error = told.get("error", told) if isinstance(told, dict) else None
    message = error.get("message") if isinstance(error, dict) else None
    return message[:2000] if isinstance(message, str) else "the engine refuses that request"
