"""Engines on this machine: each under a keeper, at the loopback address, with the GPUs that it was handed."""

from __future__ import annotations

import asyncio
import socket
import sys
from asyncio.subprocess import Process
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from orchestrator.errors import BadConfig
from orchestrator.pool.devices import Devices, find
from orchestrator.pool.engine import Start, check, start
from orchestrator.pool.errors import PoolError
from orchestrator.pool.place import Wanted
from orchestrator.pool.spec import PoolFile
from orchestrator.pool.upstream import HOST

GRACE_S = 5.0
"""How long an engine may take to end by itself."""
_KEEPER = Path(__file__).with_name("keeper.py")


@dataclass(frozen=True, slots=True)
class Kept:
    """An engine under its keeper."""

    host: str
    port: int
    gpus: tuple[str, ...]
    gone: asyncio.Future[int]
    process: Process

    @property
    def pid(self) -> int:
        return self.process.pid

    async def end(self) -> None:
        # The end of this pipe ends the keeper, and that the engine.
        assert self.process.stdin is not None
        self.process.stdin.close()
        await self.gone


class Here:
    """This machine. `environ` is what engines find in their environment besides their own."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._devices = Devices()

    async def prepare(self, file: PoolFile) -> None:
        if file.place.ray:
            raise BadConfig("the pool is on this machine alone: `nightcrew pool down`, then up on the cluster")
        # Aside: a driver may take seconds to say which GPUs there are, and replies pass meanwhile.
        self._devices.change(await asyncio.to_thread(_looked, file, self._environ))

    async def start(self, wanted: Wanted, waits: Callable[[str], None]) -> Kept:
        gpus = await self._devices.take(wanted.table.gpus, waits)
        try:
            port, process = await self._spawn(wanted, gpus)
        except BaseException:
            self._devices.give(gpus)
            raise
        gone = asyncio.ensure_future(process.wait())
        gone.add_done_callback(lambda _: self._devices.give(gpus))
        return Kept(HOST, port, gpus, gone, process)

    async def close(self) -> None:
        pass

    async def _spawn(self, wanted: Wanted, gpus: tuple[str, ...]) -> tuple[int, Process]:
        try:
            port = free_port(HOST)
            how = start(wanted.model, wanted.table, HOST, port, wanted.key)
            wanted.log.write_bytes(b"")
            # Appending: what is cut off while it writes begins anew, and not behind a hole.
            with wanted.log.open("ab") as said:
                return port, await keep(how, {**self._environ, **self._devices.environment(gpus)}, said)
        except (BadConfig, OSError) as error:
            raise PoolError(str(error)) from error


async def keep(how: Start, environ: Mapping[str, str], said: BinaryIO, before: Sequence[str] = ()) -> Process:
    """Start an engine under a keeper, which ends it with whoever holds its standard input.

    `said` is where what both say goes, `before` are words that start the keeper.
    """
    return await asyncio.create_subprocess_exec(
        *(*before, sys.executable, "-I", str(_KEEPER), str(GRACE_S), *how.words),
        stdin=asyncio.subprocess.PIPE,
        stdout=said,
        stderr=said,
        env={**environ, **how.environment},
        start_new_session=True,
    )


def free_port(host: str) -> int:
    """Return a port of this machine's address that nobody listens at."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as found:
        found.bind((host, 0))
        return int(found.getsockname()[1])


def _looked(file: PoolFile, environ: Mapping[str, str]) -> tuple[str, ...]:
    """Look whether all models can be started; return the GPUs to hand out. Raises `BadConfig`."""
    for name, table in file.models.items():
        check(name, table)
    return _handed(file, environ)


def _handed(file: PoolFile, environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the GPUs to hand out, where any are wanted. Raises `BadConfig` where there are too few."""
    wants = {name: table for name, table in file.models.items() if table.gpus}
    gpus = file.gpus or ()
    if wants and file.gpus is None:
        try:
            gpus = find(environ)
        except PoolError as error:
            raise BadConfig(f"model {next(iter(wants))} wants GPUs: {error}") from error
    at_first = sum(table.gpus * table.fewest for table in wants.values())
    for name, table in wants.items():
        if table.gpus > len(gpus):
            raise BadConfig(
                f"model {name} wants {table.gpus} GPUs for each replica, and there are {len(gpus)}: lower its `gpus`"
            )
    if at_first > len(gpus):
        listed = ", ".join(f"{name} {table.fewest} x {table.gpus}" for name, table in wants.items() if table.fewest)
        raise BadConfig(
            f"there are {len(gpus)} GPUs, and {at_first} are wanted ({listed}): lower `replicas`, `least` or `gpus`"
        )
    return gpus
