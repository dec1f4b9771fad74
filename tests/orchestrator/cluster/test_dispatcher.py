"""The dispatcher over the broker in memory and over Celery on a real Redis: nothing that a broker loses is lost."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.cluster import Broker, BrokerAway, Dispatcher, MemoryBroker
from orchestrator.cluster.celerybroker import CeleryBroker
from orchestrator.cluster.dispatcher import rarest
from orchestrator.dispatch.gate import Gate
from orchestrator.records import Order, Status, Ticket
from orchestrator.settings import Settings
from orchestrator.store.memory.store import MemoryStore
from tests.servers import Redis, redis_server


@pytest.fixture(params=["memory", "redis"])
def broker(request: pytest.FixtureRequest) -> Iterator[Broker]:
    made: Broker
    if request.param == "memory":
        made = MemoryBroker()
    else:
        server: Redis = request.getfixturevalue("redis")
        server.client.flushall()
        made = CeleryBroker(server.url)
    yield made
    made.close()


def filed(store: MemoryStore, count: int, *needs: str) -> None:
    for _ in range(count):
        at = len(store.tickets())
        order = Order("it breaks", Path("/one"), needs=needs)
        store.add(Ticket(f"261121-{at}", "x", order, 5.0), Settings(seconds=60.0))


def test_as_many_messages_wait_as_jobs_and_no_more(broker: Broker) -> None:
    store = MemoryStore()
    dispatcher = Dispatcher(store, broker)
    assert (dispatcher.step(), broker.waiting()) == (0, 0)
    filed(store, 3)
    assert (dispatcher.step(), broker.waiting()) == (3, 3)
    assert (dispatcher.step(), broker.waiting()) == (0, 3)
    filed(store, 1)
    assert (dispatcher.step(), broker.waiting()) == (1, 4)
    lease = store.claim("me", 30.0)
    assert lease is not None
    assert dispatcher.step() == 0
    store.end(lease, Status.QUEUED, "", "")
    assert (dispatcher.step(), broker.waiting()) == (0, 4)


def test_nothing_is_sent_while_nothing_may_begin(broker: Broker) -> None:
    store = MemoryStore()
    filed(store, 2)
    assert Dispatcher(store, broker, Gate(lacks=lambda: "memory")).step() == 0
    assert Dispatcher(store, broker).step() == 2


def test_a_message_goes_to_who_can_do_the_job(broker: Broker) -> None:
    store = MemoryStore()
    filed(store, 3, "gpu")
    filed(store, 2)
    dispatcher = Dispatcher(store, broker)
    # Of what nobody is known to be able to do nothing is sent, and it keeps nothing else back.
    assert (dispatcher.step(), broker.waiting(), broker.waiting("gpu")) == (2, 2, 0)
    store.announce("one", frozenset({"docker"}))
    store.announce("two", frozenset({"docker", "gpu"}))
    assert (dispatcher.step(), broker.waiting(), broker.waiting("gpu")) == (3, 2, 3)
    assert dispatcher.step() == 0


def test_who_is_woken_is_who_is_rarest() -> None:
    known = frozenset({"docker"}), frozenset({"docker", "gpu"})
    assert rarest(frozenset({"docker", "gpu"}), known) == "gpu"
    assert (rarest(frozenset({"docker"}), known), rarest(frozenset(), known)) == ("docker", "")


def test_what_a_broker_lost_is_sent_again() -> None:
    store = MemoryStore()
    filed(store, 3)
    with redis_server() as server:
        broker = CeleryBroker(server.url)
        dispatcher = Dispatcher(store, broker)
        assert dispatcher.step() == 3
        server.end(signal.SIGKILL)
        with pytest.raises(BrokerAway, match="jobs wait in the store"):
            dispatcher.step()
        server.start()
        assert (dispatcher.step(), broker.waiting()) == (3, 3)
        broker.close()
