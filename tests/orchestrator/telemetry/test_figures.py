"""What the store says in numbers, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.records import Cost, Order, Outcome, Status, Ticket
from orchestrator.settings import Settings
from orchestrator.store.sql.store import SqlStore
from orchestrator.telemetry.figures import figures
from tests.servers import Postgres


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlStore]:
    server: Postgres | None = request.getfixturevalue("postgres") if request.param == "postgres" else None
    made = SqlStore(f"sqlite:///{tmp_path}/store.db" if server is None else server.url(), lambda: 100.0)
    yield made
    made.close()


def test_an_empty_store_has_nothing(store: SqlStore) -> None:
    told = figures(store.engine, 100.0)
    assert (told.tickets, told.ready, told.oldest_s, told.held, told.expired) == (0, 0, 0.0, 0, 0)
    assert told.spent == Cost() and told.attempts == {}


def test_it_tells_jobs_queue_leases_attempts_and_spending(store: SqlStore) -> None:
    for at in range(4):
        order = Order("it breaks", Path("/one"), not_before=120.0 if at == 3 else None)
        store.add(Ticket(f"261121-{at}", "x", order, 5.0), Settings(seconds=60.0, usd=5.0))
    first, second = store.claim("me", 30.0), store.claim("you", 10.0)
    assert first is not None and second is not None
    store.put_outcome(first, Outcome(1, "command:secret --key=x", "other", True, 0.0, 1.0))
    store.put_outcome(second, Outcome(1, "repair", "other", False, 0.0, 1.0))
    reserved = store.reserve(first, 1.0, 100, attempt=1)
    assert isinstance(reserved, int)
    store.settle(first, reserved, Cost(0.0, 70, 20, 0.5))
    told = figures(store.engine, 115.0)
    assert told.jobs[Status.QUEUED] == 2 and told.jobs[Status.WORKING] == 2 and told.jobs[Status.FAILED] == 0
    assert (told.tickets, told.ready, told.oldest_s) == (4, 1, 15.0)
    assert (told.held, told.expired, told.lives) == (1, 1, 2)
    assert told.attempts == {("command", True): 1, ("repair", False): 1}
    assert (told.spent.tokens_in, told.spent.tokens_out, told.spent.usd) == (70, 20, 0.5)
