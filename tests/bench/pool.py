"""The model pool over stand-ins: what its address adds, beside others; 240 tickets over six replicas, one killed; spend at 200 callers; capacity; drafts."""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from orchestrator.pool import read_spent
from tests.bench.pool_capacity import measure as capacity
from tests.bench.pool_drafts import measure as drafts
from tests.bench.pool_load import Streamed, request, stream
from tests.bench.pool_peers import litellm, router
from tests.bench.target import Target
from tests.orchestrator.pool.pools import Pool, pool, table
from tests.orchestrator.pool.standins import Standing

PARTS = ("beside", "tickets", "spend", "capacity", "drafts")
CALLERS = 200
_TICKETS, _TURNS, _REPLICAS = 240, 8, 6
_SYSTEM = "You are one of a crew. " * 400
_TOKEN_S = 0.2


@dataclass(slots=True)
class Way:
    """One address, or several that share the callers: ports, what CPU its processes took, and what came of its streams."""

    ports: Sequence[int]
    cpu: Callable[[], float] = lambda: 0.0
    cpu_s: float = 0.0
    streamed: list[Streamed] = field(default_factory=list)

    def first_ms(self, share: float) -> float:
        """Return a percentile of the time to the first byte."""
        taken = sorted(each.first_s for each in self.streamed if each.whole)
        return 1000 * taken[int(share * len(taken))]

    @property
    def chunk_us(self) -> float:
        return 1e6 * self.cpu_s / sum(each.events for each in self.streamed)


def measure(quick: bool, data: Path | None = None, parts: Sequence[str] = PARTS) -> Iterator[Target]:
    """Yield the targets."""
    with tempfile.TemporaryDirectory(prefix="nightcrew-bench-") as directory:
        if "beside" in parts:
            yield from _beside(Path(directory), 40 if quick else 100, 1 if quick else 3)
        if "tickets" in parts:
            yield from _tickets(Path(directory) / "tickets", kill=False)
            yield from _tickets(Path(directory) / "killed", kill=True)
        if "spend" in parts:
            yield _spend(Path(directory) / "spend")
        if "capacity" in parts:
            yield from capacity(Path(directory) / "capacity", quick)
    if "drafts" in parts:
        yield from drafts(quick, data)


def _beside(folder: Path, tokens: int, turns: int) -> Iterator[Target]:
    """Ask for 200 streams at a time of each address in turn, over the same two replicas, and of those without any."""
    text = table(folder / "state", "stand-in", "replicas = 2\nat_once = 256", "--keyless", "--token-s", str(_TOKEN_S))
    with ExitStack() as opened:
        made = opened.enter_context(pool(folder, text))
        ports = [each["port"] for each in made.replicas("stand-in")]
        ways = {"direct": Way(ports), "pool": Way([_port(made)], _own_cpu(made))}
        for name, peer in (
            ("vllm-router", opened.enter_context(router(ports))),
            ("LiteLLM", opened.enter_context(litellm(ports, "stand-in"))),
        ):
            ways[name] = Way([peer.port], _tree_cpu(peer.pid))
        callers = [
            [request(_body(f"s{at}", tokens, at, True), {"X-Session-ID": f"s{at}", "Authorization": "Bearer none"})]
            for at in range(CALLERS)
        ]
        for way in ways.values():
            asyncio.run(stream(way.ports, callers[:8]))
        for _ in range(turns):
            for way in ways.values():
                _run(way, callers, tokens * _TOKEN_S)
    yield from _compared(ways)


def _run(way: Way, callers: Sequence[Sequence[bytes]], spread_s: float) -> None:
    before = way.cpu()
    for told in asyncio.run(stream(way.ports, [2 * list(each) for each in callers], spread_s)):
        way.streamed += told
    way.cpu_s += way.cpu() - before


def _compared(ways: dict[str, Way]) -> Iterator[Target]:
    failed = {name: sum(not each.whole for each in way.streamed) for name, way in ways.items()}
    why = f"{len(ways['pool'].streamed)} streams each, failed: {failed}"
    others = [name for name in ways if name not in ("direct", "pool")]
    for share in (0.5, 0.99):
        added = {name: way.first_ms(share) - ways["direct"].first_ms(share) for name, way in ways.items()}
        what = f"added time to first byte at p{round(100 * share)}, {CALLERS} streams at once"
        yield from _two(what, "ms", added, others, why)
    yield from _two(
        "CPU for each streamed chunk", "us", {name: way.chunk_us for name, way in ways.items()}, others, why
    )


def _two(what: str, unit: str, figures: dict[str, float], others: Sequence[str], why: str) -> Iterator[Target]:
    beside = {name: figures[name] for name in others}
    yield Target(
        f"{what}: at most twice vllm-router's", unit, 2 * figures["vllm-router"], figures["pool"], beside, why=why
    )
    yield Target(f"{what}: at most a third of LiteLLM's", unit, figures["LiteLLM"] / 3, figures["pool"], beside)


def _tickets(folder: Path, *, kill: bool) -> Iterator[Target]:
    """Have 240 tickets ask eight times each, every time with all that was said before; perhaps with a replica killed on the way."""
    text = table(
        folder / "state", "stand-in", f"replicas = {_REPLICAS}", "--prefill-per-s", "20000", "--token-s", "0.01"
    )
    callers = [
        [request(_body(f"t{at}", 8, turn, True), {"X-Nightcrew-Ticket": f"t{at}"}) for turn in range(_TURNS)]
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
                    **_body(f"b{at}", 50 + at % 50, turn, True),
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


def _body(ticket: str, tokens: int, turn: int, streams: bool) -> dict[str, object]:
    said = [
        {"role": "user", "content": f"{ticket} {at} " + "and what then? " * 20}
        for at in range(turn + 1 if turn < _TURNS else 1)
    ]
    messages = [{"role": "system", "content": _SYSTEM}, *said]
    return {"model": "stand-in", "stream": streams, "max_tokens": tokens, "user": ticket, "messages": messages}


def _port(made: Pool) -> int:
    return int(made.status()["pool"]["address"].rpartition(":")[2].partition("/")[0])


def _own_cpu(made: Pool) -> Callable[[], float]:
    assert made.process is not None
    process = psutil.Process(made.process.pid)
    return lambda: float(sum(process.cpu_times()[:2]))


def _tree_cpu(pid: int) -> Callable[[], float]:
    process = psutil.Process(pid)
    return lambda: float(sum(sum(each.cpu_times()[:2]) for each in (process, *process.children(recursive=True))))
