"""The supervisor: the fleets of a pool, as its file says, and how they stand, written down for whoever asks."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping
from contextlib import suppress

from orchestrator.errors import BadConfig
from orchestrator.pool.errors import PoolError
from orchestrator.pool.fleet import Fleet
from orchestrator.pool.keys import Doorman
from orchestrator.pool.place import Place
from orchestrator.pool.served import Models
from orchestrator.pool.spec import PoolFile
from orchestrator.pool.status import Allowed, Folder, PoolStatus

_STEP_S = 0.25


class Supervisor:
    """Keeps a pool as its file says. Everything runs as tasks of `group`."""

    def __init__(
        self,
        folder: Folder,
        address: str,
        models: Models,
        doorman: Doorman,
        place: Place,
        environ: Mapping[str, str],
        group: asyncio.TaskGroup,
    ) -> None:
        self._folder = folder
        self._address = address
        self._models = models
        self._doorman = doorman
        self._place = place
        self._environ = environ
        self._group = group
        self._fleets: dict[str, Fleet] = {}
        self._wants = ""
        self._allowed = Allowed()
        self._trouble = ""
        self._changing, self._telling = asyncio.Lock(), asyncio.Lock()
        self._loop: asyncio.Task[None] | None = None

    async def begin(self, file: PoolFile) -> None:
        """Start what the file says. Raises `BadConfig`."""
        await self._place.prepare(file)
        self._wants = file.digest
        for name in file.models:
            self._add(name, file)
        self._admit(file)
        self._loop = self._group.create_task(self._run())

    async def started(self) -> None:
        """Wait until all is up that is to be at first, and that is written down. Raises `PoolError`."""
        for fleet in self._fleets.values():
            await fleet.started()
        await self._tell()

    async def change(self, file: PoolFile) -> None:
        """Go over to another file: models that are new start, those that changed roll, those that are gone drain."""
        async with self._changing:
            self._wants, self._trouble = file.digest, ""
            try:
                await self._place.prepare(file)
                await self._change(file)
            except (BadConfig, PoolError) as error:
                self._trouble = str(error)

    async def end(self) -> None:
        """End all replicas."""
        if self._loop is not None:
            self._loop.cancel()
        await asyncio.gather(*(fleet.end() for fleet in self._fleets.values()))

    async def _change(self, file: PoolFile) -> None:
        gone = [self._fleets.pop(name) for name in [*self._fleets] if name not in file.models]
        for name in file.models:
            if name not in self._fleets:
                self._add(name, file)
        self._admit(file)
        if any([await fleet.is_crowded() for fleet in self._fleets.values()]):
            # What they wait for may be what those have that go.
            await asyncio.gather(*(fleet.end() for fleet in gone))
        for name, table in file.models.items():
            await self._fleets[name].change(table, file.zone_of(self._environ))
        # A role may have passed from one to the other.
        self._admit(file)
        await self.started()
        await asyncio.gather(*(fleet.end() for fleet in gone))

    def _add(self, name: str, file: PoolFile) -> None:
        zone = file.zone_of(self._environ)
        fleet = Fleet(name, file.models[name], self._folder.logs, self._place, self._group, zone)
        self._fleets[name] = fleet
        fleet.scale()

    def _admit(self, file: PoolFile) -> None:
        self._models.change(fleet.served for fleet in self._fleets.values())
        self._doorman.change(file.holders, file.anybody)
        daily = {each.name: each.limits.user_tokens_per_day for each in (*file.holders, file.anybody)}
        users = {name: limit for name, limit in daily.items() if limit is not None}
        self._allowed = Allowed(file.limits.ticket_tokens, users)

    async def _run(self) -> None:
        while True:
            for fleet in self._fleets.values():
                fleet.scale()
            await self._tell()
            await asyncio.sleep(_STEP_S)

    async def _tell(self) -> None:
        """Write down how it stands."""
        async with self._telling:
            # Aside: a disk that is slow holds up no reply, and one that is full ends no model.
            with suppress(OSError):
                await asyncio.to_thread(self._folder.write, self._status())

    def _status(self) -> PoolStatus:
        models = tuple(fleet.status() for fleet in self._fleets.values())
        changing = self._changing.locked()
        return PoolStatus(
            os.getpid(), self._address, time.time(), self._wants, changing, self._trouble, models, self._allowed
        )
