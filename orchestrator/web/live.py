"""Live: what happens to tickets, passed on to the pages that are open. This process's worker tells its steps; what others write is seen in the store."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool

from orchestrator.errors import OrchestratorError

_log = logging.getLogger(__name__)
LOOK_S = 0.1
"""How often the store is asked whether somebody wrote, while a page is open."""
_REMEMBERED = 1_000
"""Tickets whose last line of progress is known."""
PAGE_S = 0.005
"""For each page that is open, the least time between two rounds: with few pages all is told at once, with many in up to a second."""
_MOST_S = 1.0
_BACKLOG = 256
"""Happenings that a page may be behind; one that is further behind is told to look anew."""


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that happened to a ticket: `changed` (look again), `step` (a line of progress), or `behind` (look at everything again)."""

    kind: str
    ticket: str = ""
    text: str = ""
    at: float = 0.0


class Hub:
    """Passes happenings on to whoever listens.

    `version` differs whenever anything was written; `changed` returns the tickets that were changed since a Unix time.
    """

    def __init__(
        self,
        version: Callable[[], object],
        changed: Callable[[float], Sequence[str]],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._version = version
        self._changed = changed
        self._clock = clock
        self._loop: asyncio.AbstractEventLoop | None = None
        self._listening: set[asyncio.Queue[Happening]] = set()
        self._somebody = asyncio.Event()
        self._latest: OrderedDict[str, str] = OrderedDict()
        self._due: dict[tuple[str, str], Happening] = {}
        self._round: asyncio.TimerHandle | None = None
        self._passed = 0.0

    @property
    def listeners(self) -> int:
        """Return how many pages are open."""
        return len(self._listening)

    def latest(self, ticket: str) -> str:
        """Return the last line of progress of a ticket, "" where none was told lately."""
        return self._latest.get(ticket, "")

    def publish(self, happening: Happening) -> None:
        """Pass something on; any thread may."""
        if happening.kind == "step":
            self._latest[happening.ticket] = happening.text
            while len(self._latest) > _REMEMBERED:
                self._latest.popitem(last=False)
        if self._loop is not None and self._listening:
            with contextlib.suppress(RuntimeError):
                # The loop has ended: so have those who listened.
                self._loop.call_soon_threadsafe(self._take, happening)

    async def listen(self, ticket: str = "") -> AsyncIterator[Happening]:
        """Yield what happens from now on, to one ticket or to any."""
        queue: asyncio.Queue[Happening] = asyncio.Queue(_BACKLOG)
        self._listening.add(queue)
        self._somebody.set()
        try:
            while True:
                happening = await queue.get()
                if ticket in ("", happening.ticket) or not happening.ticket:
                    yield happening
        finally:
            self._listening.discard(queue)

    async def look(self) -> None:
        """See what other processes write, for as long as somebody listens. Runs until it is cancelled."""
        self._loop = asyncio.get_running_loop()
        while True:
            if not self._listening:
                self._somebody.clear()
                await self._somebody.wait()
                seen, since = None, self._clock()
            await asyncio.sleep(max(LOOK_S, self._pause()))
            try:
                if (now := self._version()) == seen:
                    continue
                looked = self._clock()
                tickets = await run_in_threadpool(self._changed, since)
            except (OrchestratorError, SQLAlchemyError):
                # It may answer at the next look.
                _log.exception("the store does not say what was changed")
                continue
            seen = now
            for ticket in tickets:
                self._take(Happening("changed", ticket, at=looked))
            since = looked - 2 * LOOK_S

    def _pause(self) -> float:
        return min(_MOST_S, PAGE_S * len(self._listening))

    def _take(self, happening: Happening) -> None:
        """Pass something on with the next round: of what happens to a ticket meanwhile, the last is told."""
        self._due.pop((happening.kind, happening.ticket), None)
        self._due[happening.kind, happening.ticket] = happening
        if self._round is None:
            loop = asyncio.get_running_loop()
            self._round = loop.call_at(self._passed + self._pause(), self._pass_on)

    def _pass_on(self) -> None:
        self._round, self._passed = None, asyncio.get_running_loop().time()
        due, self._due = self._due, {}
        for queue in self._listening:
            for happening in due.values():
                try:
                    queue.put_nowait(happening)
                except asyncio.QueueFull:
                    while not queue.empty():
                        queue.get_nowait()
                    queue.put_nowait(Happening("behind", at=happening.at))
                    break
