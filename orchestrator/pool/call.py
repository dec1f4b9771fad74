"""One call: a turn at a replica, another one where that is late or breaks off before its reply has begun, and the reply passed on."""

from __future__ import annotations

import asyncio

from orchestrator.pool.asked import Asked
from orchestrator.pool.attempt import Attempt, first_of
from orchestrator.pool.events import Usage
from orchestrator.pool.line import Ticket
from orchestrator.pool.refusal import Refusal
from orchestrator.pool.reply import Reply
from orchestrator.pool.served import Served

_TRIES = 4
_LOOK_S = 0.05
_BYTES_PER_TOKEN = 4


class Call:
    """A request on its way to a model and back. `usage` is what it cost, once some replica took it."""

    def __init__(self, asked: Asked, served: Served, ticket: Ticket, body: bytes, request_id: str) -> None:
        self._asked = asked
        self._served = served
        self._ticket = ticket
        self._body = body
        self._headers = {"X-Request-Id": request_id}
        self._avoids: frozenset[str] = frozenset()
        """Replicas that were asked."""
        self._events = 0
        self.taken = False
        """Whether a replica began to answer: from then on it costs something."""
        self.usage: Usage | None = None

    @property
    def guess(self) -> Usage:
        """Return about what it cost, where no engine tells: an event is a token at least."""
        return Usage(self._prompt, self._events)

    @property
    def _prompt(self) -> int:
        return len(self._body) // _BYTES_PER_TOKEN

    async def run(self, cost: float, reply: Reply) -> None:
        """Have it answered. Raises `Refusal`."""
        line = self._served.line
        if not line.is_open and not self._served.expects():
            raise no_replica(self._served.name)
        for last in [False] * (_TRIES - 1) + [True]:
            replica = await line.turn(self._ticket, cost, self._avoids)
            try:
                await self._ask(self._attempt(replica), reply)
                return
            except Refusal as refusal:
                failed = refusal
            over = reply.begun or last or not failed.elsewhere or not self._asked.repeatable
            if over or not await self._has_another():
                raise failed

    async def _has_another(self) -> bool:
        """Wait while a replica comes, where there is none besides those that failed; say whether there is one."""
        while not self._served.line.others(self._avoids):
            if not self._served.expects():
                return False
            await asyncio.sleep(_LOOK_S)
        return True

    async def _ask(self, attempt: Attempt, reply: Reply) -> None:
        try:
            attempt = await self._begun(attempt)
            await attempt.pass_on(reply)
        except asyncio.CancelledError:
            # Whoever asked has gone, or its time is over: what was begun for it is not free.
            self.taken = True
            raise
        finally:
            self.taken = self.taken or attempt.taken
            self.usage, self._events = attempt.usage, attempt.events
            attempt.end()

    async def _begun(self, attempt: Attempt) -> Attempt:
        """Have an attempt's reply begin, or that of a second one where it is late; return the one that began."""
        hedging, streams = self._served.hedging, self._asked.streams
        if hedging.late is None or not self._asked.repeatable:
            await attempt.begin()
            return attempt
        clock = asyncio.get_running_loop().time
        sent = clock()
        late_s = hedging.late_s(streams=streams)
        if late_s is None:
            await attempt.begin()
        else:
            attempt = await first_of(attempt, late_s, self._second)
        hedging.note(clock() - sent, streams=streams)
        return attempt

    def _second(self) -> Attempt | None:
        """Return an attempt at another replica, None where there is none with room, or too many went to two."""
        hedging = self._served.hedging
        replica = self._served.line.spare(self._avoids) if hedging.may else None
        if replica is None:
            return None
        hedging.take(self._prompt)
        return self._attempt(replica)

    def _attempt(self, replica: str) -> Attempt:
        self._avoids |= {replica}
        return Attempt(self._asked, self._served, self._ticket, replica, self._body, self._headers)


def no_replica(model: str) -> Refusal:
    """Return what is said where nothing is to be waited for."""
    why = f"no replica of {model} is up: `nightcrew pool status` says why"
    return Refusal(503, "no_replica", why, headers={"retry-after": "5"})
