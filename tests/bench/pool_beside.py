"""What an address in front of the same replicas adds, beside others, in turns: to the time to the first byte, and in CPU for each chunk.

Both are measured while 200 streams are open. What an engine took to begin its reply is its own word, and no part of the time.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import uvloop

from tests.bench.pool_load import Caller, Streamed, chat, request
from tests.bench.pool_peers import litellm, router
from tests.bench.target import Target
from tests.orchestrator.pool.pools import pool, table
from tests.orchestrator.pool.standins import Standing

CALLERS = 200
_TOKENS, _TOKEN_S = 40, 0.2
_RAMP_S, _WINDOW_S = 3.0, _TOKENS * _TOKEN_S
_REST_S = 30.0
_REPLIES = 4
"""More than a caller comes to in a round."""
_Processes = Sequence[psutil.Process]


@dataclass(frozen=True, slots=True)
class Round:
    """What came of one way while all callers were there."""

    first_ms: Sequence[float]
    """Of each stream that began, less what the engine took; sorted."""
    chunk_us: float
    failed: int
    busy: Sequence[float]
    """Shares of a core: the way's, the callers', the engines'."""

    def at(self, share: float) -> float:
        """Return a percentile of the milliseconds to the first byte."""
        return self.first_ms[int(share * len(self.first_ms))]


@dataclass(slots=True)
class Way:
    """One address, or several that share the callers, its processes, and its rounds."""

    ports: Sequence[int]
    processes: _Processes = ()
    rounds: list[Round] = field(default_factory=list)

    def added_ms(self, share: float, direct: Way) -> float:
        """Return how much later the first byte came than it mostly does without an address, the median of all rounds."""
        pairs = zip(self.rounds, direct.rounds, strict=True)
        return statistics.median(own.at(share) - base.at(0.5) for own, base in pairs)

    @property
    def chunk_us(self) -> float:
        return statistics.median(each.chunk_us for each in self.rounds)

    def rest(self) -> None:
        """Wait until nothing is left to do of what was broken off, a while at most."""
        last = time.monotonic() + _REST_S
        busy_s = _cpu_s(self.processes)
        while time.monotonic() < last:
            time.sleep(0.5)
            before, busy_s = busy_s, _cpu_s(self.processes)
            if busy_s - before < 0.05:
                return


def measure(folder: Path, turns: int) -> Iterator[Target]:
    """Yield the targets: 200 callers of each address in turn, over the same two replicas, and of these without any."""
    text = table(folder / "state", "stand-in", "replicas = 2\nat_once = 256", "--keyless", "--token-s", str(_TOKEN_S))
    with ExitStack() as opened:
        made = opened.enter_context(pool(folder, text))
        assert made.process is not None
        replicas = made.replicas("stand-in")
        ports = [each["port"] for each in replicas]
        engines = [each for replica in replicas for each in psutil.Process(replica["pid"]).children()]
        address = int(made.status()["pool"]["address"].rpartition(":")[2].partition("/")[0])
        ways = {"direct": Way(ports), "pool": Way([address], [psutil.Process(made.process.pid)])}
        for name, peer in (
            ("vllm-router", opened.enter_context(router(ports))),
            ("LiteLLM", opened.enter_context(litellm(ports, "stand-in"))),
        ):
            process = psutil.Process(peer.pid)
            ways[name] = Way([peer.port], [process, *process.children(recursive=True)])
        asked = [_requests(at) for at in range(CALLERS)]
        for _ in range(turns):
            for way in ways.values():
                way.rounds.append(_round(way, asked, [Standing(port) for port in ports], engines))
                way.rest()
    yield from _compared(ways)


def _requests(at: int) -> list[bytes]:
    """Return what a caller asks: a short reply first, of a length of its own, so that the later ones begin evenly."""
    ticket, lengths = f"s{at}", [1 + _TOKENS * at // CALLERS, *[_TOKENS] * _REPLIES]
    headers = {"X-Session-ID": ticket, "Authorization": "Bearer none"}
    return [request(chat(ticket, tokens, turn), headers) for turn, tokens in enumerate(lengths)]


def _round(way: Way, asked: Sequence[Sequence[bytes]], engines: Sequence[Standing], processes: _Processes) -> Round:
    for engine in engines:
        engine.clear()
    crowd = _Crowd(way.ports, asked)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        took_s, events, busy_s = runner.run(crowd.run([way.processes, [psutil.Process()], processes]))
    engine_s = {_name(seen): seen["first_s"] for engine in engines for seen in engine.seen if "first_s" in seen}
    first_ms = [1000 * (each.first_s - engine_s[name]) for name, each in crowd.streams.items() if each.events]
    return Round(sorted(first_ms), 1e6 * busy_s[0] / events, crowd.failed, [each / took_s for each in busy_s])


def _name(seen: Mapping[str, Any]) -> tuple[str, str]:
    ticket, turn = seen["messages"][-1]["content"].split()[:2]
    return ticket, turn


def _cpu_s(processes: _Processes) -> float:
    return float(sum(sum(each.cpu_times()[:2]) for each in processes))


class _Crowd:
    """The callers, each of which asks one thing after the other; `streams` are those that began while all were there."""

    def __init__(self, ports: Sequence[int], asked: Sequence[Sequence[bytes]]) -> None:
        self._ports = ports
        self._asked = asked
        self._callers: list[Caller] = []
        self._counts = self._over = False
        self.streams: dict[tuple[str, str], Streamed] = {}
        self.failed = 0

    async def run(self, processes: Sequence[_Processes]) -> tuple[float, int, list[float]]:
        """Have all callers ask for a while; return how long that was, the events that came, and the CPU seconds of processes."""
        async with asyncio.TaskGroup() as group:
            for at in range(len(self._asked)):
                group.create_task(self._ask(at))
            await asyncio.sleep(_RAMP_S)
            self._counts = True
            took_s, events, busy_s = self._now(processes)
            await asyncio.sleep(_WINDOW_S)
            self._counts = False
            now = self._now(processes)
            self._over = True
            for each in self._callers:
                each.cut()
        return now[0] - took_s, now[1] - events, [after - before for after, before in zip(now[2], busy_s, strict=True)]

    def _now(self, processes: Sequence[_Processes]) -> tuple[float, int, list[float]]:
        return time.perf_counter(), sum(each.events for each in self._callers), [_cpu_s(some) for some in processes]

    async def _ask(self, at: int) -> None:
        await asyncio.sleep(_RAMP_S / 2 * at / len(self._asked))
        caller: Caller | None = None
        for turn, each in enumerate(self._asked[at]):
            if caller is None or not caller.open:
                port = self._ports[at % len(self._ports)]
                _, caller = await asyncio.get_running_loop().create_connection(Caller, "127.0.0.1", port)
                self._callers.append(caller)
            counts = self._counts
            streamed = await caller.ask(each)
            if counts:
                self.streams[f"s{at}", str(turn)] = streamed
            if self._over:
                break
            self.failed += not streamed.whole
        if caller is not None:
            caller.close()


def _compared(ways: Mapping[str, Way]) -> Iterator[Target]:
    for share in (0.5, 0.99):
        added = {name: way.added_ms(share, ways["direct"]) for name, way in ways.items()}
        what = f"added time to first byte at p{round(100 * share)}, {CALLERS} streams at once"
        spread = {name: [round(each.at(share), 2) for each in way.rounds] for name, way in ways.items()}
        yield from _two(what, "ms", added, f"less what the engines took, round by round: {spread}")
    chunk_us = {name: way.chunk_us for name, way in ways.items()}
    failed = {name: sum(each.failed for each in way.rounds) for name, way in ways.items()}
    busy = {
        name: [round(statistics.median(some), 2) for some in zip(*(each.busy for each in way.rounds), strict=True)]
        for name, way in ways.items()
    }
    why = f"failed: {failed}; cores that the address, the callers and the engines took: {busy}"
    yield from _two("CPU for each streamed chunk", "us", chunk_us, why)


def _two(what: str, unit: str, figures: Mapping[str, float], why: str) -> Iterator[Target]:
    beside = {name: figure for name, figure in figures.items() if name != "pool"}
    yield Target(
        f"{what}: at most twice vllm-router's", unit, 2 * figures["vllm-router"], figures["pool"], beside, why=why
    )
    yield Target(f"{what}: at most a third of LiteLLM's", unit, figures["LiteLLM"] / 3, figures["pool"], beside)
