"""One replica: an engine at its place, started, looked after, started again when it ends, and drained before it is ended."""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from collections.abc import Awaitable
from contextlib import suppress
from pathlib import Path

from orchestrator.plain import plain
from orchestrator.pool.errors import PoolError
from orchestrator.pool.figures import METRICS, METRICS_BYTES, cache_of
from orchestrator.pool.lastwords import last_words
from orchestrator.pool.place import Engine, Place, Wanted
from orchestrator.pool.served import Served
from orchestrator.pool.spec import ModelTable
from orchestrator.pool.status import ReplicaStatus
from orchestrator.pool.upstream import Broken, Upstream

_LOOK_S, _UNWELL = 2.0, 3
_COUNT_S = 10.0
_AGAIN_S, _AGAIN_MOST_S = 1.0, 60.0
_WELL_S = 60.0
_HOPE = 3
_LOG_BYTES = 64 << 20


class Replica:
    """Keeps one engine of a model up."""

    def __init__(self, name: str, served: Served, table: ModelTable, log: Path, place: Place) -> None:
        self.name = name
        self.table = table
        self._served = served
        self._log = log
        self._place = place
        self._state, self._since = "starting", time.time()
        self._engine: Engine | None = None
        self._key = ""
        self._lives = 0
        self._cache: tuple[int, int] | None = None
        self._counted = -_COUNT_S
        self._ending = asyncio.Event()
        self._doubted = asyncio.Event()
        self.settled = asyncio.Event()
        """Set once it is up for the first time, or failed to be."""
        self.crowded = asyncio.Event()
        """Set while it waits for room."""
        self.ended = asyncio.Event()
        self.failures = 0
        """How often in a row it ended before it was well for a while."""
        self.why = ""

    @property
    def is_ending(self) -> bool:
        return self._ending.is_set()

    @property
    def is_up(self) -> bool:
        return self._state == "up"

    @property
    def is_coming(self) -> bool:
        """Say whether it is worth waiting for: it is not up, or it is doubted, and was not so too often."""
        return not self.is_ending and self.failures < _HOPE and (not self.is_up or self._doubted.is_set())

    @property
    def id(self) -> str:
        """Return the name of its present life: a ticket's prefix is not in the cache of the next one."""
        return f"{self.name}.{self._lives}"

    def status(self) -> ReplicaStatus:
        running, tickets = self._served.line.load(self.id)
        engine = self._engine
        return ReplicaStatus(
            self.name,
            self._state,
            engine.pid if engine else None,
            engine.port if engine else None,
            self._since,
            self.failures,
            running,
            tickets,
            self.why,
            engine.host if engine else "",
            engine.gpus if engine else (),
            self._cache,
        )

    async def is_crowded(self) -> bool:
        """Wait until it is up, or failed to be, or waits for room; say whether it waits for that."""
        while not self.settled.is_set() and not self.crowded.is_set():
            await _first(self.settled.wait(), self.crowded.wait(), timeout_s=60.0)
        return self.crowded.is_set()

    def doubt(self, id: str) -> None:
        """Look at its health now."""
        if id == self.id:
            self._doubted.set()

    def end(self) -> None:
        """Have it end, once what it works on is done."""
        self._ending.set()

    async def run(self) -> None:
        """Keep it up until it is to end."""
        try:
            while not self.is_ending:
                began = time.monotonic()
                await self._live()
                if self.is_ending:
                    break
                self.failures = 1 if time.monotonic() - began > _WELL_S and not self.why else self.failures + 1
                self.settled.set()
                self._turn("waiting")
                again_s = min(_AGAIN_MOST_S, _AGAIN_S * 2 ** (self.failures - 1))
                await _first(self._ending.wait(), timeout_s=again_s)
        finally:
            self._turn("ended")
            self.settled.set()
            self.ended.set()

    async def _live(self) -> None:
        """Start the engine, and see to it until it ends or is to end."""
        self._lives += 1
        self._cache, self._counted = None, -_COUNT_S
        self._key = secrets.token_urlsafe(24)
        self._doubted.clear()
        self._turn("starting")
        engine = self._engine = await self._started()
        if engine is None:
            return
        gone = engine.gone
        health = Upstream(engine.port, self._key, self.table.health_s, self.table.health_s, engine.host)
        try:
            if await self._comes_up(health, gone):
                upstream = Upstream(engine.port, self._key, self.table.first_s, self.table.idle_reply_s, engine.host)
                self._turn("up")
                self.why = ""
                self._served.open(self.id, upstream, self.table.at_once)
                self.settled.set()
                began = time.monotonic()
                await self._stays_well(health, gone, began)
            if self.is_ending:
                await self._drain(gone)
            elif gone.done():
                self.why = self._last_words(f"the engine ended with status {gone.result()}")
        finally:
            self._served.shut(self.id)
            health.close()
            self._engine = None
            await engine.end()

    async def _started(self) -> Engine | None:
        """Have the engine started; None where it cannot be, where there is no room for too long, or where it is to end meanwhile."""
        wanted = Wanted(self._served.name, self.table, self._key, self._log)
        starting = asyncio.ensure_future(self._place.start(wanted, self._wait))
        await _first(starting, self._ending.wait(), timeout_s=self.table.start_s)
        waited = self.crowded.is_set()
        self.crowded.clear()
        if not starting.done():
            starting.cancel()
            await asyncio.wait((starting,))
            self.why = self.why if waited else f"it was not started within {self.table.start_s:g} s"
            return None
        try:
            engine = starting.result()
        except PoolError as error:
            self.why = plain(str(error))
            return None
        if waited:
            self.why = ""
            self._turn("starting")
        return engine

    def _wait(self, why: str) -> None:
        self._turn("waiting")
        self.why = why
        self.crowded.set()

    async def _comes_up(self, health: Upstream, gone: asyncio.Future[int]) -> bool:
        """Wait until the engine answers; say whether it does."""
        last = time.monotonic() + self.table.start_s
        while time.monotonic() < last:
            if await self._is_well(health):
                return True
            await _first(gone, self._ending.wait(), timeout_s=0.1)
            if gone.done() or self.is_ending:
                return False
        self.why = self._last_words(f"the engine did not answer within {self.table.start_s:g} s")
        return False

    async def _stays_well(self, health: Upstream, gone: asyncio.Future[int], began: float) -> None:
        """Look after an engine until it ends, does not answer, or is to end."""
        unwell = 0
        while not gone.done() and not self.is_ending:
            await _first(gone, self._ending.wait(), self._doubted.wait(), timeout_s=_LOOK_S)
            if gone.done() or self.is_ending:
                return
            unwell = 0 if await self._is_well(health) else unwell + 1
            if not unwell:
                self._doubted.clear()
            if unwell == _UNWELL:
                self.why = self._last_words("the engine does not answer any more")
                return
            if time.monotonic() - began > _WELL_S:
                self.failures = 0
            await self._count(health)
            self._bound_log()

    async def _count(self, health: Upstream) -> None:
        """Have the engine say now and then what its cache holds; one that does not is none the worse for it."""
        if time.monotonic() - self._counted < _COUNT_S:
            return
        self._counted = time.monotonic()
        with suppress(Broken):
            async with health.ask("GET", METRICS) as answer:
                self._cache = cache_of(await answer.body(METRICS_BYTES)) if answer.status == 200 else None

    async def _is_well(self, health: Upstream) -> bool:
        try:
            async with health.ask("GET", self.table.health) as answer:
                await answer.body(1 << 20)
                return answer.status == 200
        except Broken as broken:
            return broken.ours and self.is_up

    async def _drain(self, gone: asyncio.Future[int]) -> None:
        """Send nothing more, and wait until what is under way has ended."""
        self._turn("draining")
        self._served.shut(self.id)
        last = time.monotonic() + self.table.drain_s
        while self._served.line.load(self.id)[0] and time.monotonic() < last and not gone.done():
            await asyncio.sleep(0.05)

    def _turn(self, state: str) -> None:
        self._state, self._since = state, time.time()

    def _last_words(self, what: str) -> str:
        """Return what became of the engine, and what it said last."""
        return "\n".join(filter(None, (what, last_words(self._log, self._key))))

    def _bound_log(self) -> None:
        # Somebody may have removed it.
        with suppress(OSError):
            if self._log.stat().st_size > _LOG_BYTES:
                os.truncate(self._log, 0)


async def _first(*awaited: Awaitable[object], timeout_s: float) -> None:
    """Wait until one of several is done, or for so long; a future goes on, a coroutine does not."""
    tasks = [asyncio.ensure_future(each) for each in awaited]
    await asyncio.wait(tasks, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    for task, given in zip(tasks, awaited, strict=True):
        if task is not given:
            task.cancel()
