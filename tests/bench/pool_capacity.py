"""The capacity model: what is calculated, beside a simulation of the same and beside a pool on stand-ins that are each as slow as one card."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from statistics import mean

from orchestrator.pool.capacity import PlanFile, Replica, Traffic, loaded, planned
from tests.bench.pool_load import Caller, Streamed, request
from tests.bench.pool_simulated import simulated
from tests.bench.target import Target
from tests.orchestrator.pool.pools import Pool, pool, table
from tests.orchestrator.pool.prefixcache import BLOCK_TOKENS, TOKEN_BYTES
from tests.orchestrator.pool.standins import Standing

_REPLICAS, _WARM_S = 2, 12.0
_COUNTERS = ("prefix_cache_queries_total", "prefix_cache_hits_total")
_SMALL = Traffic(
    tickets_per_hour=1.0,
    turns=6,
    shared_tokens=592,
    prefix_tokens=1_600,
    turn_tokens=304,
    reply_tokens=16,
    tool_s=1.0,
)
"""So small that hundreds of turns take a minute. Stand-ins cache whole blocks of 16 tokens."""
_CARD = Replica(prefill_per_s=6_000.0, token_s=0.02, more_s=0.004, kv_tokens=10**6, at_once=32)
_TIGHT = 45_000
"""Tokens of a cache that loses some prefixes."""


@dataclass(slots=True)
class _Asked:
    """What came of the turns that were asked once it was as busy as it gets: each reply, and how long it took; tokens of prompts, and those cached."""

    replies: list[Streamed] = field(default_factory=list)
    took_s: list[float] = field(default_factory=list)
    lasts_s: float = 0.0
    prompts: float = 0.0
    cached: float = 0.0

    def first_s(self, share: float) -> float:
        return sorted(each.first_s for each in self.replies)[int(share * len(self.replies))]


def measure(folder: Path, quick: bool) -> Iterator[Target]:
    """Yield the targets."""
    yield from _simulated(1 if quick else 3)
    for name, tickets_per_s, kv_tokens in (
        ("half busy", 0.7, 10**6),
        ("busy", 1.1, 10**6),
        ("busy, a small cache", 0.9, _TIGHT),
    ):
        replica = _CARD.model_copy(update={"kv_tokens": kv_tokens})
        yield from _beside(folder / name.replace(" ", "-"), name, tickets_per_s, replica, 30.0 if quick else 120.0)


def _simulated(hours: int) -> Iterator[Target]:
    """Have as many developers as a plan is enough for work for some hours, with the real line in front of simulated engines."""
    file = PlanFile()
    for developers in (10, 40, 160):
        plan = planned(file, planned(file, developers).enough_for)
        began = time.process_time()
        seen = simulated(file.traffic, file.replica, plan.developers, plan.replicas, hours * 3_600.0)
        beside = {
            "replicas": plan.replicas,
            "p95 calculated": plan.load.first_p95_s,
            "p95 calculated, crowded": plan.crowded.first_p95_s,
            "p50": seen.first_s(0.5),
            "p50 calculated": plan.load.first_p50_s,
            "cached": seen.cached,
            "cached, calculated": plan.load.cached,
            "tickets moved": seen.moves,
            "CPU of the simulation, s": time.process_time() - began,
        }
        what = f"time to first token of {plan.developers} developers on the replicas that are planned for them, simulated, p95"
        yield Target(what, "s", file.goal.first_s, seen.first_s(0.95), beside, why=f"first at its limit: {plan.limit}")


def _beside(folder: Path, name: str, tickets_per_s: float, replica: Replica, lasts_s: float) -> Iterator[Target]:
    """Have tickets come at random to a pool of stand-ins, and compare what is measured with what is calculated of as many."""
    words = ("--prefill-per-s", "--token-s", "--more-s", "--blocks")
    values = (replica.prefill_per_s, replica.token_s, replica.more_s, replica.kv_tokens // BLOCK_TOKENS)
    options = [str(each) for pair in zip(words, values, strict=True) for each in pair]
    text = table(
        folder / "state", "stand-in", f"replicas = {_REPLICAS}\nat_once = {replica.at_once}", "--one-card", *options
    )
    with pool(folder, text) as made:
        standing = [Standing(each["port"]) for each in made.replicas("stand-in")]
        asked = asyncio.run(_ask(_port(made), standing, _REPLICAS * tickets_per_s, lasts_s))
    turns_per_s = len(asked.replies) / asked.lasts_s / _REPLICAS
    hourly = _REPLICAS * turns_per_s / _SMALL.turns * 3_600
    load = loaded(_SMALL, replica, hourly / 3_600 / _REPLICAS)
    # Where the machine is busy with other things, this tells the model's error from the machine's.
    same = simulated(_SMALL, replica, round(hourly), _REPLICAS, 300.0)
    reading = (asked.prompts - asked.cached) / replica.prefill_per_s / asked.lasts_s / _REPLICAS
    at_work = same.at_work_s / same.lasts_s / _REPLICAS
    compared: dict[str, tuple[float, float, float, dict[str, float]]] = {
        "share of time that prompts take": (20.0, load.reading, reading, {}),
        "share of prompts that is cached": (
            20.0,
            load.cached,
            asked.cached / asked.prompts,
            {"simulated": same.cached},
        ),
        "requests at work": (40.0, load.at_work, turns_per_s * mean(asked.took_s), {"simulated": at_work}),
        "time to first token, p50, s": (40.0, load.first_p50_s, asked.first_s(0.5), {"simulated": same.first_s(0.5)}),
        "time to first token, p95, s": (40.0, load.first_p95_s, asked.first_s(0.95), {"simulated": same.first_s(0.95)}),
    }
    failed = sum(not each.whole for each in asked.replies)
    why = f"{len(asked.replies)} turns, failed: {failed}; replicas {load.busy:.0%} busy"
    for what, (limit, calculated, seen, beside) in compared.items():
        error = 100 * abs(calculated / seen - 1)
        told = {"measured": seen, "calculated": calculated, **beside}
        yield Target(f"capacity, {name}: {what}: calculated, off by", "%", limit, error, told, why=why)


async def _ask(port: int, standing: Sequence[Standing], tickets_per_s: float, lasts_s: float) -> _Asked:
    """Have tickets come at random, each of which asks its turns one after the other with a pause at random between them; tell of so long, once it goes on evenly."""
    chance, asked = random.Random(7), _Asked()
    loop = asyncio.get_running_loop()
    counts = False

    async def ticket(name: str) -> None:
        _, caller = await loop.create_connection(Caller, "127.0.0.1", port)
        for turn in range(_SMALL.turns):
            counting, began = counts, loop.time()
            reply = await caller.ask(_turn(name, turn))
            if counting:
                asked.replies.append(reply)
                asked.took_s.append(loop.time() - began)
            await asyncio.sleep(chance.expovariate(1 / _SMALL.tool_s))
        caller.close()

    def counted() -> list[float]:
        return [sum(each.metric(name) for each in standing) for name in _COUNTERS]

    async with asyncio.TaskGroup() as group:

        async def come() -> None:
            for number in count():
                group.create_task(ticket(f"t{number}"))
                await asyncio.sleep(chance.expovariate(tickets_per_s))

        coming = group.create_task(come())
        await asyncio.sleep(_WARM_S)
        counts, began = True, loop.time()
        before = await asyncio.to_thread(counted)
        await asyncio.sleep(lasts_s)
        counts, asked.lasts_s = False, loop.time() - began
        asked.prompts, asked.cached = (
            now - then for now, then in zip(await asyncio.to_thread(counted), before, strict=True)
        )
        coming.cancel()
    return asked


def _turn(ticket: str, turn: int) -> bytes:
    """Return a ticket's request: prompts of just as many tokens as the traffic has."""
    sizes = [_SMALL.shared_tokens, _SMALL.prefix_tokens - _SMALL.shared_tokens, *[_SMALL.step_tokens] * turn]
    messages = [_message("all", sizes[0]), *(_message(f"{ticket} {at}", size) for at, size in enumerate(sizes[1:]))]
    body = {
        "model": "stand-in",
        "stream": True,
        "max_tokens": _SMALL.reply_tokens,
        "user": ticket,
        "messages": messages,
    }
    return request(body)


def _message(words: str, tokens: int) -> dict[str, str]:
    """Return a message of so many of a stand-in's tokens, the newline after it among them."""
    bare = len(json.dumps({"role": "user", "content": ""})) + 1
    return {"role": "user", "content": (words + " and so on" * tokens)[: tokens * TOKEN_BYTES - bare]}


def _port(made: Pool) -> int:
    return int(made.status()["pool"]["address"].rpartition(":")[2].partition("/")[0])
