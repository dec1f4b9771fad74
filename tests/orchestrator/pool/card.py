"""A stand-in's one card, by the clock: it reads prompts one after the other, and no reply goes on meanwhile."""

from __future__ import annotations

import asyncio
import time

_LEAST_S = 1e-3
"""Shorter than that no timer is."""


class Card:
    """What takes time on it takes the time of nothing else."""

    def __init__(self) -> None:
        self._one = asyncio.Lock()
        self._read_s = 0.0
        self._since: float | None = None

    async def read(self, takes_s: float) -> None:
        """Read a prompt, after those that came before."""
        async with self._one:
            self._since = time.monotonic()
            try:
                await asyncio.sleep(takes_s)
            finally:
                self._read_s, self._since = self._reading_s(), None

    async def write(self, takes_s: float) -> None:
        """Take so much of the time in which nothing is read."""
        read_s = self._reading_s()
        while takes_s > _LEAST_S:
            await asyncio.sleep(takes_s)
            now_s = self._reading_s()
            takes_s, read_s = now_s - read_s, now_s

    def _reading_s(self) -> float:
        """Return for how long it has read by now."""
        return self._read_s + (0.0 if self._since is None else time.monotonic() - self._since)
