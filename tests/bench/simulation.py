"""A thousand workers and a million tickets a day: the real store's queue under a simulated clock, workers and users.

What is simulated is a busy stretch at that rate, as a claim of the real store takes milliseconds. Workers are woken as a dispatcher
would: at once where they just ended a job, else at the next whole second. Heartbeats and steps are counted, and what each costs is measured.
"""

from __future__ import annotations

import heapq
import random
import tempfile
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean, quantiles

from orchestrator.cluster.dispatcher import LOOK_S
from orchestrator.records import Order, Status, Ticket
from orchestrator.settings import Settings
from orchestrator.store import Lease
from orchestrator.store.sql.store import SqlStore
from orchestrator.working.lease import BEAT_S
from tests.bench.target import Target
from tests.servers import postgres_server

WORKERS, TICKETS_A_DAY = 1_000, 1_000_000
SERVICE_S, USERS, REPOSITORIES = 75.0, 200, 3
SMALL = frozenset(f"user {at}" for at in range(10, USERS))
"""Each asks for less than a share of the workers."""
STEPS = 24
"""Writes of a job besides its claim, its heartbeats and its end: eight journaled steps, attempt, snapshot, verdict, outbox."""
_RATE = TICKETS_A_DAY / 86_400
_LEASE_S = 1e9
_FEW = 100


@dataclass(frozen=True, slots=True)
class Filed:
    """A ticket to come: when, whose, on which repository, and how long its job takes."""

    at: float
    user: str
    repository: Path
    takes_s: float


@dataclass(slots=True)
class Seen:
    """What was seen: how long jobs waited, by user, and for how long each of the heavy users had how many at work while all of them waited."""

    waits: dict[str, list[float]] = field(default_factory=dict)
    slots: Counter[str] = field(default_factory=Counter)

    def wait(self, user: str, wait_s: float) -> None:
        self.waits.setdefault(user, []).append(wait_s)

    def small(self) -> list[float]:
        """Return the waits of the users who file least."""
        return [each for user, waits in self.waits.items() if user in SMALL for each in waits]


class Clock:
    """A clock that is set."""

    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def measure(quick: bool, data: Path | None = None) -> Iterator[Target]:  # noqa: ARG001 - everything is made here
    """Yield the targets."""
    minutes = 3 if quick else 15
    coming = tickets(minutes * 60.0, heavy=(400, 300, 200) if quick else (2_000, 1_500, 1_000))
    clock = Clock()
    with closing(SqlStore("sqlite://", clock)) as store:
        began = time.process_time()
        seen = simulated(coming, Queue(store, clock), clock)
        cpu_s = time.process_time() - began
    by_age = simulated(coming, ByAge(), Clock())
    fair = {"CPU of the simulation, s": cpu_s, "jobs": float(len(coming))}
    what = f"fairness (Jain) among three users with much to do, {WORKERS:,} workers, {minutes} min at a million tickets a day"
    yield Target(what, "index", 0.95, jain(seen.slots), fair, least=True)
    waits, old = seen.small(), by_age.small()
    beside = {"mean": mean(waits), "longest": max(waits), "by age alone, 95 of 100 within": quantiles(old, n=20)[-1]}
    what = f"queueing time of the {len(SMALL)} users who file least, 95 of 100 within"
    yield Target(what, "s", None, quantiles(waits, n=20)[-1], beside)
    yield from _traffic(quick)


def tickets(lasts_s: float, heavy: tuple[int, ...], seed: int = 7) -> list[Filed]:
    """Return what is filed: by many users at random, few of them much, and by some a heap at once; and what is at work at the beginning."""
    chance = random.Random(seed)
    names = [f"user {at}" for at in range(USERS)]
    weights = [1 / (at + 1) for at in range(USERS)]

    def one(at: float, user: str) -> Filed:
        home = Path(f"/src/{user}/{chance.randrange(REPOSITORIES)}")
        return Filed(at, user, home, chance.lognormvariate(0.0, 1.0) * SERVICE_S / 1.6487)

    found = [one(0.0, chance.choices(names, weights)[0]) for _ in range(int(_RATE * SERVICE_S))]
    at = 0.0
    while (at := at + chance.expovariate(_RATE)) < lasts_s:
        found.append(one(at, chance.choices(names, weights)[0]))
    for number, count in enumerate(heavy):
        found += [one(lasts_s * (1 + number) / 10, f"heavy {number}") for _ in range(count)]
    return sorted(found, key=lambda each: each.at)


class Queue:
    """The store's queue."""

    def __init__(self, store: SqlStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._leases: dict[int, Lease] = {}

    def put(self, number: int, ticket: Filed) -> None:
        order = Order("it breaks", ticket.repository, user=ticket.user)
        job = self._store.add(Ticket(f"261121-{number}", "x", order, self._clock()), Settings(seconds=600.0))
        assert job.number == number + 1

    def take(self) -> int | None:
        lease = self._store.claim("worker", _LEASE_S)
        if lease is None:
            return None
        self._leases[lease.job - 1] = lease
        return lease.job - 1

    def end(self, number: int) -> None:
        self._store.end(self._leases.pop(number), Status.VERIFIED, "", "")


class ByAge:
    """A queue in the order of filing."""

    def __init__(self) -> None:
        self._waiting: deque[int] = deque()

    def put(self, number: int, _: Filed) -> None:
        self._waiting.append(number)

    def take(self) -> int | None:
        return self._waiting.popleft() if self._waiting else None

    def end(self, number: int) -> None:
        """Nothing is held."""


def simulated(coming: list[Filed], queue: Queue | ByAge, clock: Clock) -> Seen:
    """Have workers take what is filed, until nothing more is; return what was seen."""
    seen, began = Seen(), clock.now
    waiting, at_work = Counter[str](), Counter[str]()
    idle, number, last = WORKERS, 0, 0.0
    ends: list[tuple[float, int]] = []

    def take() -> bool:
        taken = queue.take()
        if taken is None:
            return False
        job, now = coming[taken], clock.now - began
        seen.wait(job.user, now - job.at)
        waiting[job.user] -= 1
        at_work[job.user] += 1
        heapq.heappush(ends, (now + job.takes_s, taken))
        return True

    heavy = sorted({each.user for each in coming if each.user.startswith("heavy")})
    for tick in range(int(coming[-1].at / LOOK_S) + 2):
        until = tick * LOOK_S
        while (number < len(coming) and coming[number].at <= until) or (ends and ends[0][0] <= until):
            files = number < len(coming) and (not ends or coming[number].at <= ends[0][0])
            now = coming[number].at if files else ends[0][0]
            if all(waiting[user] > 0 for user in heavy):
                seen.slots.update({user: at_work[user] * (now - last) for user in heavy})
            clock.now, last = began + now, now
            if files:
                queue.put(number, coming[number])
                waiting[coming[number].user] += 1
                number += 1
                continue
            _, ended = heapq.heappop(ends)
            queue.end(ended)
            at_work[coming[ended].user] -= 1
            idle += not (waiting.total() and take())
        clock.now = began + until
        while idle and waiting.total() and take():
            idle -= 1
    return seen


def jain(shares: Counter[str]) -> float:
    """Return Jain's index of fairness: 1 where all have the same, 1/n where one has all."""
    values = list(shares.values())
    squares = sum(each * each for each in values)
    return sum(values) ** 2 / (len(values) * squares) if squares else 0.0


def _traffic(quick: bool) -> Iterator[Target]:
    """Yield how much of one writer's time all that is written takes, on each store, and what each kind of write costs."""
    rates = {"heartbeats": WORKERS / BEAT_S, "steps": STEPS * _RATE, "filings": _RATE, "claims": _RATE, "ends": _RATE}
    with tempfile.TemporaryDirectory(prefix="nightcrew-bench-") as folder, postgres_server() as server:
        for name, url in (("SQLite", f"sqlite:///{folder}/store.db"), ("PostgreSQL", server.url())):
            with closing(SqlStore(url)) as store:
                costs = _costs(store, 30 if quick else 300)
            busy = sum(rates[each] * costs[each] for each in rates)
            beside = {f"{each} a second": rate for each, rate in rates.items()}
            beside |= {f"one of {each}, ms": 1000 * taken_s for each, taken_s in costs.items()}
            what = f"writes of {WORKERS:,} workers at a million tickets a day, one after the other, of a second, {name}"
            # Writers of a server work side by side: what they need of it is no limit.
            yield Target(what, "s", 1.0 if name == "SQLite" else None, busy, beside)


def _costs(store: SqlStore, times: int) -> dict[str, float]:
    """Return the seconds that each kind of write, and what nodes read again and again, takes with a thousand jobs at work and as many users' waiting."""
    for at in range(WORKERS + _FEW):
        user = f"user {at % USERS}"
        order = Order("it breaks", Path(f"/src/{user}"), user=user)
        store.add(Ticket(f"261121-{at}", "x", order, 5.0), Settings(seconds=600.0))
    leases = [store.claim("worker", _LEASE_S) for _ in range(WORKERS)]
    held = [each for each in leases if each is not None]
    number = iter(range(10**9))

    def file() -> None:
        order = Order("it breaks", Path("/src/user 1"), user="user 1")
        store.add(Ticket(f"261122-{next(number)}", "x", order, 5.0), Settings(seconds=600.0))

    def claim() -> None:
        lease = store.claim("worker", _LEASE_S)
        assert lease is not None
        held.append(lease)

    ways: dict[str, Callable[[], object]] = {
        "heartbeats": lambda: store.renew(held[0], _LEASE_S),
        "steps": lambda: store.begin(held[1], 1, next(number), "write", {"path": "sums.py"}),
        "filings": file,
        "claims": claim,
        "ends": lambda: store.end(held.pop(), Status.VERIFIED, "", ""),
        "the looks of a dispatcher": lambda: store.ready(500),
        "the looks of a sweep": store.working,
    }
    taken = dict.fromkeys(ways, 0.0)
    for _ in range(times):
        for name, work in ways.items():
            start = time.perf_counter()
            work()
            taken[name] += time.perf_counter() - start
    return {name: each / times for name, each in taken.items()}
