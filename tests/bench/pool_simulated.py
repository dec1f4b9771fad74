"""A pool under a simulated clock: tickets, users and engines are simulated, turns and homes are given by the real line with its shares.

An engine is simulated step by step, as vLLM's scheduler works: each step every reply gets a token, and what is left of its tokens reads prompts in
the order in which they came; a cache keeps what was used last, and gives room from the ends of the others'.
"""

from __future__ import annotations

import asyncio
import random
import selectors
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from orchestrator.pool.capacity import Replica, Traffic
from orchestrator.pool.line import Line

_STEP_TOKENS = 8192
"""vLLM's `max_num_batched_tokens` on a card with room."""


class Loop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to whatever comes next."""

    def __init__(self) -> None:
        self.now = 0.0
        super().__init__(_Jump(self))

    def time(self) -> float:
        return self.now


class _Jump(selectors.SelectSelector):
    def __init__(self, loop: Loop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None and timeout > 0:
            self._loop.now += timeout
        return super().select(0)


@dataclass(slots=True, eq=False)
class _Request:
    ticket: str
    prompt: int
    reply: int
    first: asyncio.Future[None]
    whole: asyncio.Future[None]
    unread: int = 0
    cached: int = 0


@dataclass(slots=True)
class Engine:
    """One replica: what waits to be read, and what is written."""

    speed: Replica
    shared: int
    loop: asyncio.AbstractEventLoop
    waiting: deque[_Request] = field(default_factory=deque)
    reading: deque[_Request] = field(default_factory=deque)
    writing: list[_Request] = field(default_factory=list)
    kept: OrderedDict[str, int] = field(default_factory=OrderedDict)
    """Tokens of tickets that nobody works on, besides what all share; the least recently used first."""
    held: int = 0
    """Tokens of those that somebody works on."""
    stepping: bool = False

    def ask(self, ticket: str, prompt: int, reply: int) -> _Request:
        """Take a request."""
        request = _Request(ticket, prompt, reply, self.loop.create_future(), self.loop.create_future())
        self.waiting.append(request)
        if not self.stepping:
            self.stepping = True
            self._step()
        return request

    def _admit(self) -> None:
        """Let those in that have room in memory, in order."""
        room = self.speed.kv_tokens - self.shared
        while self.waiting and self.held + self._needs(self.waiting[0]) <= room:
            request = self.waiting.popleft()
            request.cached = self.shared + min(self.kept.pop(request.ticket, 0), request.prompt - self.shared - 1)
            request.unread = request.prompt - request.cached
            self.held += self._needs(request)
            self.reading.append(request)
            over = self.held + sum(self.kept.values()) - room
            while over > 0:
                ticket, tokens = next(iter(self.kept.items()))
                if tokens > over:
                    self.kept[ticket] = tokens - over
                else:
                    del self.kept[ticket]
                over -= tokens

    def _needs(self, request: _Request) -> int:
        return request.prompt - self.shared + request.reply

    def _step(self) -> None:
        self._admit()
        if not self.reading and not self.writing:
            self.stepping = False
            return
        left = _STEP_TOKENS - len(self.writing)
        read: list[_Request] = []
        for request in self.reading:
            if not left:
                break
            part = min(left, request.unread)
            request.unread -= part
            left -= part
            if not request.unread:
                read.append(request)
        tokens = _STEP_TOKENS - len(self.writing) - left
        takes_s = tokens / self.speed.prefill_per_s + (self.speed.every_s(len(self.writing)) if self.writing else 0.0)
        self.loop.call_later(takes_s, self._stepped, read)

    def _stepped(self, read: Sequence[_Request]) -> None:
        for request in self.writing:
            request.reply -= 1
        ended = [each for each in self.writing if not each.reply]
        if ended:
            self.writing = [each for each in self.writing if each.reply]
        for request in read:
            self.reading.popleft()
            request.first.set_result(None)
            self.writing.append(request)
        for request in ended:
            request.whole.set_result(None)
        self._step()

    def left(self, request: _Request, reply: int) -> None:
        """Keep what a request had."""
        self.held -= request.prompt - self.shared + reply
        self.kept[request.ticket] = request.prompt - self.shared
        self.kept.move_to_end(request.ticket)


@dataclass(slots=True)
class Seen:
    """What was seen after a while of warming up."""

    lasts_s: float
    firsts_s: list[float] = field(default_factory=list)
    tokens_s: list[float] = field(default_factory=list)
    prompt_tokens: int = 0
    cached_tokens: int = 0
    at_work_s: float = 0.0
    moves: int = 0
    by_replica: dict[str, int] = field(default_factory=dict)

    @property
    def cached(self) -> float:
        return self.cached_tokens / self.prompt_tokens

    def first_s(self, share: float) -> float:
        return sorted(self.firsts_s)[int(share * len(self.firsts_s))]


def simulated(
    traffic: Traffic, replica: Replica, developers: int, replicas: int, lasts_s: float, seed: int = 7
) -> Seen:
    """Have developers file tickets at random for so long, and return what was seen of all but the first third."""
    loop = Loop()
    try:
        return loop.run_until_complete(
            _busy(loop, traffic, replica, developers, replicas, lasts_s, random.Random(seed))
        )
    finally:
        loop.close()


async def _busy(
    loop: Loop,
    traffic: Traffic,
    replica: Replica,
    developers: int,
    replicas: int,
    lasts_s: float,
    chance: random.Random,
) -> Seen:
    line = Line(loop.time)
    engines = {f"replica-{at}": Engine(replica, traffic.shared_tokens, loop) for at in range(replicas)}
    for name in engines:
        line.open(name, replica.at_once)
    warm_s = lasts_s / 3
    seen = Seen(lasts_s - warm_s)

    async def ticket(user: str, name: str) -> None:
        for prompt in traffic.prompts:
            reply = 1 + int(chance.expovariate(1 / traffic.reply_tokens))
            asked = loop.time()
            at = await line.turn((user, name), prompt + reply)
            begun = loop.time()
            try:
                request = engines[at].ask(name, prompt, reply)
                await request.first
                first = loop.time()
                await request.whole
            finally:
                line.leave(at)
            engines[at].left(request, reply)
            if warm_s <= asked:
                seen.firsts_s.append(first - asked)
                seen.tokens_s.append((loop.time() - first) / reply)
                seen.prompt_tokens += prompt
                seen.cached_tokens += request.cached
                seen.at_work_s += loop.time() - begun
                seen.by_replica[at] = seen.by_replica.get(at, 0) + 1
            await asyncio.sleep(chance.expovariate(1 / traffic.tool_s))

    asking = set[asyncio.Task[None]]()
    number = 0
    while loop.time() < lasts_s:
        await asyncio.sleep(chance.expovariate(developers * traffic.tickets_per_hour / 3600))
        task = loop.create_task(ticket(f"user {chance.randrange(developers)}", f"ticket {number}"))
        asking.add(task)
        task.add_done_callback(asking.discard)
        number += 1
    seen.moves = line.moves
    for task in asking:
        task.cancel()
    await asyncio.gather(*asking, return_exceptions=True)
    return seen
