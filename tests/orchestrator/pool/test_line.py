"""The line: tickets stay where they are at home, turns are shared fairly, and nothing is lost when a replica goes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

from orchestrator.pool.line import Line
from orchestrator.pool.shares import Shares

T = TypeVar("T")
AVOIDS_ONE = frozenset({"one"})


def run(work: Callable[[], Awaitable[T]]) -> T:
    async def within() -> T:
        async with asyncio.timeout(10):
            return await work()

    return asyncio.run(within())


def opened(*replicas: str, at_once: int = 4, sticky_s: float = 100.0, clock: Callable[[], float] = lambda: 0.0) -> Line:
    line = Line(clock, sticky_s)
    for each in replicas:
        line.open(each, at_once)
    return line


async def served(line: Line, user: str, ticket: str, avoids: frozenset[str] = frozenset()) -> str:
    """Have one turn, and give it back."""
    replica = await line.turn((user, ticket), 1.0, avoids)
    line.leave(replica)
    return replica


def test_tickets_spread_evenly_and_stay() -> None:
    async def work() -> list[list[str]]:
        line = opened("one", "two", "three")
        return [[await served(line, "ann", f"t{at}") for at in range(9)] for _ in range(3)]

    first, *later = run(work)
    assert sorted(first.count(name) for name in ("one", "two", "three")) == [3, 3, 3]
    assert later == [first, first]


def test_a_ticket_waits_for_its_home_while_others_are_free() -> None:
    async def work() -> str:
        line = opened("one", "two", at_once=1)
        home = await line.turn(("ann", "t"), 1.0)
        waits = asyncio.ensure_future(line.turn(("ann", "t"), 1.0))
        await asyncio.sleep(0)
        assert line.waiting == 1
        line.leave(home)
        assert await waits == home
        return home

    assert run(work) in ("one", "two")


def test_tickets_of_a_replica_that_went_find_another_home_and_the_others_stay() -> None:
    async def work() -> tuple[list[str], list[str], int]:
        line = opened("one", "two", "three")
        before = [await served(line, "ann", f"t{at}") for at in range(9)]
        line.shut("one")
        return before, [await served(line, "ann", f"t{at}") for at in range(9)], line.moves

    before, after, moves = run(work)
    assert moves == 3 and "one" not in after
    assert [now for was, now in zip(before, after, strict=True) if was != "one"] == [
        was for was in before if was != "one"
    ]


def test_a_request_that_avoids_its_home_goes_elsewhere_once() -> None:
    async def work() -> list[str]:
        line = opened("one", "two")
        return [await served(line, "ann", "t", avoids) for avoids in (frozenset[str](), AVOIDS_ONE, frozenset[str]())]

    assert run(work) == ["one", "two", "one"]


def test_a_user_with_many_requests_does_not_hold_up_one_with_few() -> None:
    async def work() -> list[str]:
        line, order = opened("one", at_once=1), list[str]()

        async def ask(user: str, ticket: str) -> None:
            replica = await line.turn((user, ticket), 1.0)
            order.append(user)
            await asyncio.sleep(0)
            line.leave(replica)

        async with asyncio.TaskGroup() as group:
            for at in range(20):
                group.create_task(ask("greedy", f"g{at}"))
            await asyncio.sleep(0)
            for at in range(2):
                group.create_task(ask("modest", f"m{at}"))
        return order

    order = run(work)
    assert order.index("modest") <= 3 and [at for at, who in enumerate(order) if who == "modest"][1] <= 6


def test_tickets_of_one_user_share_alike() -> None:
    async def work() -> list[str]:
        line, order = opened("one", at_once=1), list[str]()

        async def ask(ticket: str) -> None:
            replica = await line.turn(("ann", ticket), 1.0)
            order.append(ticket)
            await asyncio.sleep(0)
            line.leave(replica)

        async with asyncio.TaskGroup() as group:
            for _ in range(10):
                group.create_task(ask("long"))
            await asyncio.sleep(0)
            group.create_task(ask("short"))
        return order

    assert run(work).index("short") <= 3


def test_whoever_goes_away_takes_no_turn_along() -> None:
    async def work() -> None:
        line = opened("one", at_once=1)
        first = await line.turn(("ann", "a"), 1.0)
        gone = asyncio.ensure_future(line.turn(("ann", "b"), 1.0))
        await asyncio.sleep(0)
        line.leave(first)
        # Its turn has come in this very moment.
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
        assert line.running == 0 and await served(line, "ann", "c") == "one"

    run(work)


def test_a_line_without_a_replica_waits_for_one() -> None:
    async def work() -> str:
        line = opened()
        waits = asyncio.ensure_future(line.turn(("ann", "t"), 1.0))
        await asyncio.sleep(0)
        line.open("late", 1)
        return await waits

    assert run(work) == "late"


def test_tickets_that_nobody_asks_for_any_more_are_forgotten() -> None:
    now = [0.0]

    async def work() -> tuple[int, int]:
        line = opened("one", sticky_s=10.0, clock=lambda: now[0])
        for at in range(5):
            await served(line, "ann", f"t{at}")
        before = line.load("one")[1]
        now[0] = 20.0
        await served(line, "ann", "new")
        return before, line.load("one")[1]

    assert run(work) == (5, 1)


def test_of_any_number_of_tickets_the_latest_have_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.pool.line._KNOWN", 3)

    async def work() -> tuple[int, bool]:
        line = opened("one", "two")
        homes = [await served(line, "ann", f"t{at}") for at in range(9)]
        known = sum(line.load(each)[1] for each in ("one", "two"))
        return known, await served(line, "ann", "t8") == homes[8]

    assert run(work) == (3, True)


def test_any_number_of_names_takes_bounded_room() -> None:
    shares = Shares()
    shares.charge("heavy", 100.0)
    for at in range(5000):
        shares.charge(f"t{at}", 1.0)
    assert len(shares) <= 1024 and shares.start("heavy") == 100.0
