"""The ledger: never over a limit, whoever waits or is killed."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from orchestrator.errors import StoreError
from orchestrator.pool.events import Usage
from orchestrator.pool.ledger import Ledger, Limits, read_spent
from orchestrator.pool.refusal import Refusal


def spent(path: Path) -> int:
    return sum(each.tokens_in + each.tokens_out for each in read_spent(path))


def test_many_at_once_never_spend_or_hold_more_than_there_is(tmp_path: Path) -> None:
    limits, chance = Limits(user_tokens_per_day=5_000), random.Random(3)
    path, held, most_held = tmp_path / "l.db", 0, 0

    async def work() -> int:
        refused = 0
        with closing(Ledger(path, lambda: 0.0)) as ledger:

            async def one() -> None:
                nonlocal refused, held, most_held
                most = Usage(chance.randint(1, 200), chance.randint(1, 100))
                try:
                    reservation = await ledger.reserve("ann", "t", "m", most, limits)
                except Refusal as refusal:
                    assert refusal.code == "insufficient_quota"
                    refused += 1
                    return
                held += most.total
                most_held = max(most_held, held)
                await asyncio.sleep(0)
                cost = Usage(most.tokens_in // 2, chance.randint(0, most.tokens_out))
                held -= most.total - cost.total
                ledger.settle(reservation, cost)

            await asyncio.gather(*(one() for _ in range(400)))
        return refused

    refused = asyncio.run(asyncio.wait_for(work(), 30))
    assert refused and most_held <= 5_000 and 4_700 <= spent(path) <= 5_000


def test_what_a_killed_process_had_reserved_counts_as_spent(tmp_path: Path) -> None:
    path, limits = tmp_path / "l.db", Limits(ticket_tokens=100)

    async def killed() -> None:
        ledger = Ledger(path, lambda: 0.0)
        await ledger.reserve("ann", "t", "m", Usage(40, 30), limits)

    async def next_life() -> None:
        with closing(Ledger(path, lambda: 0.0)) as ledger:
            with pytest.raises(Refusal, match="30 tokens left"):
                await ledger.reserve("ann", "t", "m", Usage(31, 0), limits)
            await ledger.reserve("ann", "other", "m", Usage(100, 0), limits)

    asyncio.run(killed())
    asyncio.run(next_life())


def test_what_was_not_sent_costs_nothing_and_what_nobody_counted_costs_all(tmp_path: Path) -> None:
    path, limits = tmp_path / "l.db", Limits(ticket_tokens=100)

    async def work() -> None:
        with closing(Ledger(path, lambda: 0.0)) as ledger:
            ledger.settle(await ledger.reserve("ann", "t", "m", Usage(60, 40), limits), Usage())
            ledger.settle(await ledger.reserve("ann", "t", "m", Usage(60, 40), limits), None)

    asyncio.run(work())
    assert [(each.calls, each.tokens_in, each.tokens_out) for each in read_spent(path)] == [(1, 60, 40)]


def test_an_account_that_was_put_away_has_all_that_was_settled(tmp_path: Path) -> None:
    limits = Limits(ticket_tokens=100)

    async def work() -> None:
        with closing(Ledger(tmp_path / "l.db", lambda: 0.0)) as ledger:
            others = [await ledger.reserve("ann", f"t{at}", "m", Usage(1, 0), limits) for at in range(10_001)]
            ledger.settle(await ledger.reserve("ben", "t", "m", Usage(60, 0), limits), None)
            # With this one there are too many, and those that hold nothing are put away.
            with pytest.raises(Refusal, match="100 tokens left"):
                await ledger.reserve("cat", "t", "m", Usage(101, 0), limits)
            with pytest.raises(Refusal, match="40 tokens left"):
                await ledger.reserve("ben", "t", "m", Usage(60, 0), limits)
            for each in others:
                ledger.settle(each, Usage())

    asyncio.run(work())


def test_a_new_day_brings_a_user_new_tokens(tmp_path: Path) -> None:
    now, limits = [0.0], Limits(user_tokens_per_day=10)

    async def work() -> None:
        with closing(Ledger(tmp_path / "l.db", lambda: now[0])) as ledger:
            ledger.settle(await ledger.reserve("ann", "", "m", Usage(10, 0), limits), Usage(10, 0))
            with pytest.raises(Refusal):
                await ledger.reserve("ann", "", "m", Usage(1, 0), limits)
            now[0] = 90_000.0
            await ledger.reserve("ann", "", "m", Usage(10, 0), limits)

    asyncio.run(work())


def test_what_cannot_be_written_down_is_not_spent(tmp_path: Path) -> None:
    path = tmp_path / "l.db"

    async def work() -> None:
        with closing(Ledger(path, lambda: 0.0)) as ledger, closing(sqlite3.connect(path)) as other:
            ledger._database.execute("PRAGMA busy_timeout = 0")
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(Refusal) as refused:
                await ledger.reserve("ann", "t", "m", Usage(1, 1), Limits(ticket_tokens=10))
            assert refused.value.status == 503
            other.rollback()
            await ledger.reserve("ann", "t", "m", Usage(9, 1), Limits(ticket_tokens=10))
            await ledger.tidy()

    asyncio.run(work())


def test_a_file_that_is_none_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "l.db").write_bytes(b"x" * 5000)
    with pytest.raises(StoreError, match="cannot be opened"):
        Ledger(tmp_path / "l.db", lambda: 0.0)
