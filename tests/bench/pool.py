"""The model pool over stand-ins: what its address adds, beside others; 240 tickets over six replicas, one killed; spend at 200 callers; capacity; drafts, those of a real engine too."""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil

from orchestrator.pool import read_spent
from tests.bench.pool_beside import CALLERS
from tests.bench.pool_beside import measure as beside
from tests.bench.pool_capacity import measure as capacity
from tests.bench.pool_drafts import measure as drafts
from tests.bench.pool_drafts_real import measure as real_drafts
from tests.bench.pool_load import Streamed, chat, request, stream
from tests.bench.target import Target
from tests.orchestrator.pool.pools import Pool, pool, table
from tests.orchestrator.pool.standins import Standing

PARTS = ("beside", "tickets", "spend", "capacity", "drafts", "real")
_TICKETS, _TURNS, _REPLICAS = 240, 8, 6


def measure(quick: bool, data: Path | None = None, parts: Sequence[str] = PARTS) -> Iterator[Target]:
    """Yield the targets."""
    with tempfile.TemporaryDirectory(prefix="nightcrew-bench-") as directory:
        if "beside" in parts:
            yield from beside(Path(directory) / "beside", turns=2 if quick else 6)
        if "tickets" in parts:
            yield from _tickets(Path(directory) / "tickets", kill=False)
            yield from _tickets(Path(directory) / "killed", kill=True)
        if "spend" in parts:
            yield _spend(Path(directory) / "spend")
        if "capacity" in parts:
            yield from capacity(Path(directory) / "capacity", quick)
    if "drafts" in parts:
        yield from drafts(quick, data)
    if "real" in parts:
        yield from real_drafts(quick)


def _tickets(folder: Path, *, kill: bool) -> Iterator[Target]:
    """Have 240 tickets ask eight times each, every time with all that was said before; perhaps with a replica killed on the way."""
    text = table(
        folder / "state", "stand-in", f"replicas = {_REPLICAS}", "--prefill-per-s", "20000", "--token-s", "0.01"
    )
    callers = [
        [request(chat(f"t{at}", 8, turn), {"X-Nightcrew-Ticket": f"t{at}"}) for turn in range(_TURNS)]
        for at in range(_TICKETS)
    ]
    with pool(folder, text) as made:
        told = asyncio.run(_asked(made, callers, kill=kill))
        moves = made.status()["pool"]["models"][0]["moves"]
        failed = sum(not each.whole for each in told)
        if kill:
            what = f"{_TICKETS} tickets of which one of {_REPLICAS} replicas is killed: turns without a whole reply, asked again as clients do"
            whole = sum(each.whole for each in told)
            yield Target(what, "", 0.0, float(_TICKETS * _TURNS - whole), {"broken off once": failed, "moved": moves})
            return
        standing = [Standing(each["port"]) for each in made.replicas("stand-in")]
        loads = [len(each.seen) for each in standing]
        hits = sum(each.metric("prefix_cache_hits_total") for each in standing)
        queries = sum(each.metric("prefix_cache_queries_total") for each in standing)
    yield Target(f"tickets that moved, of {_TICKETS} with {_TURNS} turns", "", 0.0, float(moves), {"failed": failed})
    yield Target("the fullest replica's requests: of the mean", "times", 1.15, max(loads) * len(loads) / sum(loads))
    yield Target("share of prompt tokens that were cached", "", 0.9, hits / queries, least=True)


async def _asked(made: Pool, callers: Sequence[Sequence[bytes]], *, kill: bool) -> list[Streamed]:
    asking = asyncio.ensure_future(stream([_port(made)], callers, 2.0, tries=3))
    if kill:
        await asyncio.sleep(3.0)
        engine = psutil.Process(made.replicas("stand-in")[0]["pid"]).children()[0]
        os.kill(engine.pid, signal.SIGKILL)
    return [each for told in await asking for each in told]


def _spend(folder: Path) -> Target:
    """Have 200 callers spend one budget, streams and whole replies alike."""
    limit = 100_000
    text = f"[limits]\nuser_tokens_per_day = {limit}\n{table(folder / 'state', 'stand-in', 'replicas = 2', '--token-s', '0.001')}"
    callers = [
        [
            request(
                {
                    **chat(f"b{at}", 50 + at % 50, turn),
                    "messages": [{"role": "user", "content": "x" * (at * turn)}],
                }
            )
            for turn in range(6)
        ]
        for at in range(CALLERS)
    ]
    with pool(folder, text) as made:
        told = [each for one in asyncio.run(stream([_port(made)], callers)) for each in one]
        ledger = made.state / "pool" / "ledger.db"
        answered = sum(each.whole for each in told)
        made.until(lambda: sum(each.calls for each in read_spent(ledger, 10_000)) >= answered)
        spent = sum(each.tokens_in + each.tokens_out for each in read_spent(ledger, 10_000))
    refused = sum(each.status == 429 for each in told)
    what = f"tokens spent over a budget of {limit:,} by {CALLERS} callers at once"
    return Target(
        what, "", 0.0, float(max(0, spent - limit)), {"spent": spent, "answered": answered, "refused": refused}
    )


def _port(made: Pool) -> int:
    return int(made.status()["pool"]["address"].rpartition(":")[2].partition("/")[0])
