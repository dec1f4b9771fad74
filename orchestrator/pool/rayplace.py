"""Engines on the nodes of a Ray cluster: each in an actor that holds its keeper. All of the pool that touches Ray's SDK.

Whatever ends the pool ends its actors, the end of an actor ends its keeper, and that the engine.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import socket
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import ray
from ray.exceptions import RayError

from orchestrator.errors import BadConfig
from orchestrator.pool.devices import VISIBLE
from orchestrator.pool.engine import check, start
from orchestrator.pool.errors import PoolError
from orchestrator.pool.here import GRACE_S, free_port, keep
from orchestrator.pool.place import Wanted
from orchestrator.pool.spec import ModelTable, PoolFile

_HEAD = re.compile(r"\[?([^\]]+)\]?:(\d{1,5})")
_REACH_S = 10.0
_ROOM_S = 5.0
"""After so long there is no room; where there is, a process of Ray's takes a second or two."""
_HEAR_S, _STEP_S, _HEAR_BYTES = 2.0, 0.1, 1 << 20
_SAID_BYTES = 64 << 20
_ASIDE = ("setsid", "--fork", "--wait")
"""Ray kills an actor's children with it, a keeper too, which would leave what its engine started: it is a grandchild."""


@dataclass(frozen=True, slots=True)
class Seated:
    """An engine in an actor on some node."""

    host: str
    port: int
    gpus: tuple[str, ...]
    gone: asyncio.Future[int]
    seat: Any
    pid: int | None = None

    async def end(self) -> None:
        with suppress(RayError, TimeoutError):
            async with asyncio.timeout(2 * GRACE_S):
                await _told(self.seat.end)
        # Whether or not its node answers, it takes no part any more.
        with suppress(RayError):
            await asyncio.to_thread(ray.kill, self.seat)
        self.gone.cancel()


class RayPlace:
    """The nodes of the cluster at `address` (`auto`: that of this machine's node), each with nightcrew in the Python that Ray runs on."""

    def __init__(self, address: str) -> None:
        self._address = address
        try:
            # Ray itself tries for minutes where nobody listens.
            if head := _HEAD.fullmatch(address):
                socket.create_connection((head[1], int(head[2])), _REACH_S).close()
            ray.init(address=address, namespace="nightcrew", log_to_driver=False, logging_level=logging.ERROR)
        except (OSError, OverflowError, RuntimeError, ValueError) as error:
            why = f"there is no Ray cluster at {address} ({error}): start this machine's node, `ray start --address=HOST:PORT --num-cpus=0`"
            raise PoolError(why) from error

    async def prepare(self, file: PoolFile) -> None:
        if file.place.ray != self._address:
            raise BadConfig(
                f"the pool is on the Ray cluster at {self._address}: `nightcrew pool down`, then up elsewhere"
            )
        nodes = [node["Resources"] for node in await asyncio.to_thread(ray.nodes) if node["Alive"]]
        for name, table in file.models.items():
            needs = _needs(table)
            if not any(all(node.get(what, 0) >= count for what, count in needs.items()) for node in nodes):
                raise BadConfig(
                    f"model {name} wants {_said(table)} on one node, and none of {len(nodes)} nodes is that large"
                )

    async def start(self, wanted: Wanted, waits: Callable[[str], None]) -> Seated:
        table = wanted.table
        seat = _Seat.options(  # type: ignore[attr-defined]
            num_cpus=table.cpus,
            num_gpus=table.gpus,
            memory=table.memory_mb << 20,
            # One node that dies takes as few replicas along as may be.
            scheduling_strategy="SPREAD",
        ).remote()
        try:
            return await _begun(seat, wanted, waits)
        except BaseException:
            with suppress(RayError):
                ray.kill(seat)
            raise

    async def close(self) -> None:
        ray.shutdown()


async def _begun(seat: Any, wanted: Wanted, waits: Callable[[str], None]) -> Seated:
    """Wait for an actor's place, and have it start the engine there. Raises `PoolError`."""
    seated = asyncio.ensure_future(_told(seat.at))
    try:
        if not (await asyncio.wait((seated,), timeout=_ROOM_S))[0]:
            waits(f"it waits for a node with {_said(wanted.table)} free")
        host, gpus = await seated
        port, trouble = await _told(seat.start, wanted.model, wanted.table, host, wanted.key)
        wanted.log.write_bytes(b"")
    except (RayError, OSError) as error:
        raise PoolError(_gist(error)) from error
    finally:
        seated.cancel()
    if trouble:
        raise PoolError(f"on node {host}: {trouble}")
    return Seated(host, port, gpus, asyncio.ensure_future(_listen(seat, wanted.log)), seat)


async def _told(method: Any, *given: object) -> Any:
    """Call an actor's method, and wait for what it returns. Raises `RayError`."""
    return await asyncio.wrap_future(method.remote(*given).future())


async def _listen(seat: Any, log: Path) -> int:
    """Write down what an engine says until it ends; return its status, -1 where its node or its actor ended."""
    while True:
        try:
            said, status = await _told(seat.hear)
        except RayError as error:
            said, status = f"its node or its actor ended: {_gist(error)}\n".encode(), -1
        # A disk that is full ends no engine.
        with suppress(OSError), log.open("ab") as file:
            file.write(said)
        if status is not None:
            return int(status)


def _needs(table: ModelTable) -> Mapping[str, float]:
    """Return what a replica takes of a node, as Ray calls it."""
    needs = {"CPU": table.cpus, "GPU": table.gpus, "memory": table.memory_mb << 20}
    return {what: count for what, count in needs.items() if count}


def _said(table: ModelTable) -> str:
    memory = f", {table.memory_mb} MB of memory" if table.memory_mb else ""
    return f"{table.gpus} GPUs, {table.cpus} CPUs{memory}"


def _gist(error: BaseException) -> str:
    """Return the ends of what Ray says, between which its traces are."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return lines[0] if len(lines) == 1 else f"{lines[0]} … {lines[-1]}"


@ray.remote(max_restarts=0, max_task_retries=0)
class _Seat:
    """On its node: holds the keeper of an engine, which ends with it. Starting again is the replica's."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process
        self._gone: asyncio.Future[int]
        # No name: nothing stays of it.
        self._said: BinaryIO = cast(BinaryIO, tempfile.TemporaryFile(buffering=0))  # noqa: SIM115 - held as long as the actor
        self._heard = 0

    async def at(self) -> tuple[str, tuple[str, ...]]:
        """Return this node's address, and the GPUs that are set aside here."""
        return ray.util.get_node_ip_address(), tuple(str(each) for each in ray.get_gpu_ids())

    async def start(self, model: str, table: ModelTable, host: str, key: str) -> tuple[int, str]:
        """Start the engine; return the port at which it is to listen, or why it cannot be started."""
        environ = {**os.environ} if table.gpus else {**os.environ, VISIBLE: ""}
        try:
            check(model, table)
            port = free_port(host)
            self._process = await keep(start(model, table, host, port, key), environ, self._said, _ASIDE)
        except (BadConfig, OSError) as error:
            return 0, str(error)
        self._gone = asyncio.ensure_future(self._process.wait())
        return port, ""

    async def hear(self) -> tuple[bytes, int | None]:
        """Return what the engine said since, and its status once it has ended; wait a little for either."""
        last = time.monotonic() + _HEAR_S
        while True:
            ended = self._gone.done()
            said = os.pread(self._said.fileno(), _HEAR_BYTES, self._heard)
            self._heard += len(said)
            if said or ended or time.monotonic() > last:
                return said, self._gone.result() if ended and not said else None
            if self._heard > _SAID_BYTES:
                self._said.truncate(0)
                self._heard = self._said.seek(0)
            await asyncio.wait((self._gone,), timeout=_STEP_S)

    async def end(self) -> None:
        """End the engine, and all that it started; wait for that."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        await asyncio.wait((self._gone,))
