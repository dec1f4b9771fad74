"""The replicas of one model: as many as are asked for, changed one after the other."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, tzinfo
from pathlib import Path

from orchestrator.pool.call import no_replica
from orchestrator.pool.errors import PoolError
from orchestrator.pool.line import Line
from orchestrator.pool.place import Place
from orchestrator.pool.replica import Replica
from orchestrator.pool.served import Served
from orchestrator.pool.spec import ModelTable
from orchestrator.pool.status import ModelStatus
from orchestrator.pool.timeofday import TimeOfDay

_STARTED_WITH = (
    *("engine", "model", "program", "arguments", "command", "environment", "roles", "health"),
    *("gpus", "cpus", "memory_mb", "drafts", "draft_tokens"),
)
"""What an engine is started with: where that changed, another one is needed."""


class Fleet:
    """Keeps as many replicas of a model as its table says and its line asks for. Replicas run as tasks of `group`."""

    def __init__(
        self,
        name: str,
        table: ModelTable,
        logs: Path,
        place: Place,
        group: asyncio.TaskGroup,
        zone: tzinfo = UTC,
    ) -> None:
        self.served = Served(name, (), Line(time.monotonic))
        self.served.doubted = self._doubt
        self.served.expects = self._expects
        self._take(table, zone)
        self._logs = logs
        self._place = place
        self._group = group
        self._replicas: list[Replica] = []
        self._numbers = 0
        self._shrunk = time.monotonic()
        self._changing = self._over = False

    @property
    def alive(self) -> list[Replica]:
        """Return the replicas that are not to end."""
        return [each for each in self._replicas if not each.is_ending]

    def scale(self) -> None:
        """Start or end replicas as the line asks for."""
        self._replicas = [each for each in self._replicas if not each.ended.is_set()]
        alive = self.alive
        if not self._changing:
            wanted = self._wanted(alive)
            for _ in range(wanted - len(alive)):
                self._add(self._table)
            for each in sorted(alive, key=lambda each: each.status().tickets)[: max(0, len(alive) - wanted)]:
                self._shrunk = time.monotonic()
                each.end()
        if not self.served.line.is_open and not self._expects():
            self.served.line.dismiss(no_replica(self.served.name))

    async def started(self) -> None:
        """Wait until all replicas are up. Raises `PoolError` for one that is not."""
        for each in self.alive:
            await each.settled.wait()
            if not each.is_up and not each.is_ending:
                raise PoolError(f"replica {each.name} does not come up: {each.why}")

    async def is_crowded(self) -> bool:
        """Wait until its replicas are up or failed to be, or one waits for room; say whether one does."""
        return any([await each.is_crowded() for each in self.alive])

    async def change(self, table: ModelTable, zone: tzinfo = UTC) -> None:
        """Go over to another table, one replica after the other. Raises `PoolError`; what did not change then goes on as it was."""
        before, zone_before = self._table, self._zone
        self._take(table, zone)
        if all(getattr(before, name) == getattr(table, name) for name in _STARTED_WITH):
            return
        self._changing = True
        try:
            for old in self.alive:
                await self._replace(old, table)
        except PoolError:
            self._take(before, zone_before)
            raise
        finally:
            self._changing = False

    async def end(self) -> None:
        """End all replicas, once what they work on is done."""
        self._changing = self._over = True
        for each in self._replicas:
            each.end()
        for each in self._replicas:
            await each.ended.wait()

    def status(self) -> ModelStatus:
        """Return how it stands."""
        line, replicas = self.served.line, tuple(each.status() for each in self._replicas)
        name, roles, hedging = self.served.name, self.served.roles, self.served.hedging
        of = (name, roles, self._table.engine, line.waiting, line.moves, replicas)
        return ModelStatus(*of, hedging.count, hedging.wasted_tokens)

    def _take(self, table: ModelTable, zone: tzinfo) -> None:
        """Go by a table from now on."""
        self._table, self._zone = table, zone
        self._hours = TimeOfDay(table, zone, time.time)
        self.served.roles, self.served.reply_tokens = tuple(table.roles), table.reply_tokens
        self.served.hedging.late = table.hedge_s

    async def _replace(self, old: Replica, table: ModelTable) -> None:
        if not table.surge:
            old.end()
            await old.ended.wait()
        new = self._add(table)
        if await new.is_crowded():
            # What it waits for is what the old one has.
            old.end()
        await new.settled.wait()
        if not new.is_up:
            new.end()
            raise PoolError(f"replica {new.name} does not come up, so those there were stay: {new.why}")
        old.end()

    def _wanted(self, alive: list[Replica]) -> int:
        """Return how many there are to be: one more while somebody waits and all are up, one less after a while without a request."""
        line, count, bounds = self.served.line, len(alive), self._hours.bounds
        if line.waiting and all(each.is_up for each in alive):
            count += 1
        idle_s = time.monotonic() - max(line.used, self._shrunk)
        if not line.waiting and not line.running and idle_s > self._table.idle_s:
            count -= 1
        return min(max(count, bounds.fewest), bounds.most)

    def _expects(self) -> bool:
        """Say whether a replica comes: one that starts, one that broke off and is looked at, or one for whoever asks first."""
        coming = any(each.is_coming for each in self.alive)
        wakes = not self.alive and self._hours.bounds.most > 0
        return not self._over and (coming or self._changing or wakes)

    def _add(self, table: ModelTable) -> Replica:
        self._numbers += 1
        name = f"{self.served.name}-{self._numbers}"
        log = self._logs / f"{name.replace('/', '_')}.log"
        replica = Replica(name, self.served, table, log, self._place)
        self._replicas.append(replica)
        self._group.create_task(replica.run())
        return replica

    def _doubt(self, id: str) -> None:
        for each in self._replicas:
            each.doubt(id)
