"""Where engines run, as a Protocol: this machine (`here`) or a Ray cluster (`rayplace`)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from orchestrator.pool.spec import ModelTable, PoolFile


@dataclass(frozen=True, slots=True)
class Wanted:
    """An engine that is to run: the model's name and table, the key that it answers to, and the file that gets what it says."""

    model: str
    table: ModelTable
    key: str
    log: Path


class Engine(Protocol):
    """An engine that runs, not necessarily up yet."""

    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def pid(self) -> int | None:
        """Its keeper's, on this machine."""

    @property
    def gpus(self) -> tuple[str, ...]:
        """The GPUs that were handed out to it."""

    @property
    def gone(self) -> asyncio.Future[int]:
        """Done once it has ended, with its exit status; everything that it started has ended then, and its room is given back."""

    async def end(self) -> None:
        """End it, and all that it started; wait for that."""


class Place(Protocol):
    """Where engines run. It belongs to one event loop."""

    async def prepare(self, file: PoolFile) -> None:
        """Look whether what a file says can be started at all. Raises `BadConfig`."""

    async def start(self, wanted: Wanted, waits: Callable[[str], None]) -> Engine:
        """Start an engine once there is room; `waits` is told why that takes a while. Raises `PoolError`."""

    async def close(self) -> None:
        """Let go of what is held besides engines."""
