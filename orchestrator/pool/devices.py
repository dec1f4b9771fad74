"""The GPUs of this machine: found, handed out to replicas, and given back. Whoever waits longest is served first.

It belongs to one event loop.
"""

from __future__ import annotations

import asyncio
import subprocess
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from orchestrator.pool.errors import PoolError

VISIBLE = "CUDA_VISIBLE_DEVICES"
_QUERY = ("nvidia-smi", "--query-gpu=index", "--format=csv,noheader")
_QUERY_S = 60.0


@dataclass(slots=True, eq=False)
class _Waiter:
    count: int
    turn: asyncio.Future[tuple[str, ...]] = field(repr=False)


class Devices:
    """Hands out GPUs by their names."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._all = tuple(names)
        self._out: set[str] = set()
        self._waiters: deque[_Waiter] = deque()

    @property
    def free(self) -> tuple[str, ...]:
        return tuple(name for name in self._all if name not in self._out)

    def change(self, names: Iterable[str]) -> None:
        """Hand out these from now on; what is out stays out until it is given back."""
        self._all = tuple(names)
        self._serve()

    async def take(self, count: int, waits: Callable[[str], None]) -> tuple[str, ...]:
        """Wait for so many; `waits` is told where that takes a while. `give` gives them back."""
        if not count:
            return ()
        waiter = _Waiter(count, asyncio.get_running_loop().create_future())
        self._waiters.append(waiter)
        self._serve()
        if not waiter.turn.done():
            waits(f"it waits for {count} of {len(self._all)} GPUs, of which {len(self.free)} are free")
        try:
            return await waiter.turn
        except asyncio.CancelledError:
            if not waiter.turn.cancelled():
                self.give(waiter.turn.result())
            self._serve()
            raise

    def give(self, names: Iterable[str]) -> None:
        """Take back what was handed out."""
        self._out.difference_update(names)
        self._serve()

    def environment(self, names: tuple[str, ...]) -> Mapping[str, str]:
        """Return what shows an engine these and no others; nothing where none are handed out at all."""
        return {VISIBLE: ",".join(names), "CUDA_DEVICE_ORDER": "PCI_BUS_ID"} if self._all else {}

    def _serve(self) -> None:
        while self._waiters and (self._waiters[0].turn.cancelled() or self._waiters[0].count <= len(self.free)):
            waiter = self._waiters.popleft()
            if not waiter.turn.cancelled():
                given = self.free[: waiter.count]
                self._out.update(given)
                waiter.turn.set_result(given)


def find(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the GPUs of this machine, or those of them that `environ` names. Raises `PoolError` where there are none."""
    if VISIBLE in environ:
        found = tuple(name.strip() for name in environ[VISIBLE].split(",") if name.strip())
        if not found:
            raise PoolError(f"{VISIBLE} names none: unset it, or name them with `gpus` at the top of the file")
        return found
    try:
        asked = subprocess.run(
            _QUERY, capture_output=True, text=True, errors="replace", check=False, timeout=_QUERY_S, env=dict(environ)
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        why = f"nvidia-smi does not say which there are ({error}): install the driver, or name them with `gpus` at the top of the file"
        raise PoolError(why) from error
    # A warning may stand among them.
    found = tuple(line.strip() for line in asked.stdout.splitlines() if line.strip().isdecimal())
    if asked.returncode or not found:
        said = (asked.stderr or asked.stdout).strip().partition("\n")[0]
        raise PoolError(f"nvidia-smi finds none ({said or 'it says nothing'}): see to its driver")
    return found
