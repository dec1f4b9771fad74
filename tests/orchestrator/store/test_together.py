"""Several writes that are one: what two modules write in one transaction, on both databases."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.errors import StoreAway, TicketTaken
from orchestrator.records import Order, Ticket
from orchestrator.settings import Settings
from orchestrator.store.sql.schema import written_together
from orchestrator.store.sql.store import SqlStore
from orchestrator.web.audit import Audit
from tests.servers import Postgres

TICKET = Ticket("261121-abc1234", "x", Order("it breaks", Path("/src/one")), 5.0)


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlStore]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/store.db"
    else:
        server: Postgres = request.getfixturevalue("postgres")
        url = server.url()
    store = SqlStore(url)
    yield store
    store.close()


def test_what_is_written_together_is_there_together(store: SqlStore) -> None:
    audit = Audit(store.engine, time.time)
    with written_together(store.engine):
        job = store.add(TICKET, Settings())
        audit.write("ann", "file", TICKET.id)
        assert job.ticket == TICKET.id
        # Others, and what is read here, see neither yet.
        assert (store.tickets(), audit.latest()) == ((), ())
    assert [each.id for each in store.tickets()] == [each.ticket for each in audit.latest()] == [TICKET.id]
    assert store.job(job.number) == job


def test_what_fails_leaves_nothing_of_what_was_written_with_it(store: SqlStore) -> None:
    audit = Audit(store.engine, time.time)
    with pytest.raises(StoreAway, match="gone"), written_together(store.engine):
        store.add(TICKET, Settings())
        audit.write("ann", "file", TICKET.id)
        raise StoreAway("gone")
    assert (store.tickets(), audit.latest()) == ((), ())
    store.add(TICKET, Settings())


def test_one_that_is_refused_leaves_the_others(store: SqlStore) -> None:
    audit = Audit(store.engine, time.time)
    store.add(TICKET, Settings())
    with written_together(store.engine):
        audit.write("ann", "before")
        with pytest.raises(TicketTaken):
            store.add(TICKET, Settings())
        audit.write("ann", "after")
    assert [each.what for each in audit.latest()] == ["after", "before"]
