"""Load: so many requests a second, whether or not those before were answered; how long answers take, the slow ones included."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import httpx2

TURNS = 4
"""How often the ways take turns."""


@dataclass(frozen=True, slots=True)
class Load:
    """What is asked for: paths, in a random order."""

    paths: Sequence[str]


def measured(address: str, key: str, ways: Mapping[str, Load], per_s: int, seconds: float) -> dict[str, float]:
    """Return the 99th percentile of each way's answers in ms; the ways take turns, so that a slow while meets them all."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(TURNS):
        for name, load in ways.items():
            taken[name] += asyncio.run(_loaded(address, key, load, per_s, seconds / TURNS, turn))
    return {name: 1000 * sorted(each)[int(0.99 * len(each))] for name, each in taken.items()}


async def _loaded(address: str, key: str, load: Load, per_s: int, seconds: float, seed: int) -> list[float]:
    chosen = random.Random(seed)
    limits = httpx2.Limits(max_connections=64, max_keepalive_connections=64)
    headers = {"authorization": f"Bearer {key}"}
    taken: list[float] = []
    async with httpx2.AsyncClient(base_url=address, headers=headers, limits=limits, timeout=60) as client:

        async def ask(path: str, due: float) -> None:
            answer = await client.get(path)
            assert answer.status_code == 200, answer.text
            # From when it was due: a server that stalls makes those behind wait.
            taken.append(time.perf_counter() - due)

        await ask(load.paths[0], time.perf_counter())
        taken.clear()
        start = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for number in range(int(per_s * seconds)):
                due = start + number / per_s
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                group.create_task(ask(chosen.choice(load.paths), due))
    return taken
