"""Turns, limits and abilities: what every store must keep of them, with many who claim at once."""

from __future__ import annotations

import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, delete, update

from orchestrator.dispatch.fairness import ANY, Terms
from orchestrator.records import Order, Status, Ticket
from orchestrator.settings import Settings
from orchestrator.store import Store
from orchestrator.store.memory.store import MemoryStore
from orchestrator.store.sql.store import SqlStore
from orchestrator.store.sql.tables import jobs, lanes
from tests.contracts.stores import SHARED, address
from tests.contracts.test_queue import ONE, TWO, ready
from tests.contracts.test_store import Clock


def filed(store: Store, user: str, repository: Path = ONE, settings: Settings | None = None, **given: Any) -> int:
    at = len(store.tickets())
    order = replace(Order("it breaks", repository, user=user), **given)
    return store.add(Ticket(f"261121-{at:04}", "x", order, 5.0), settings or Settings(seconds=60.0)).number


def served(store: Store, clock: Clock, count: int, terms: Terms = ANY) -> list[int]:
    """Have one worker take so many jobs one after the other, each to its end."""
    taken = []
    for _ in range(count):
        clock.now += 1
        lease = store.claim("me", 30.0, terms=terms)
        assert lease is not None
        store.end(lease, Status.NO_FIX, "", "")
        taken.append(lease.job)
    return taken


def test_one_worker_serves_users_in_turn_though_one_filed_many(queue: Store, moving: Clock) -> None:
    many = [filed(queue, "ann") for _ in range(60)]
    assert served(queue, moving, 3) == many[:3]
    few = [filed(queue, "ben") for _ in range(2)]
    assert ready(queue, 4) == (few[0], many[3], few[1], many[4])
    assert served(queue, moving, 5) == [few[0], many[3], few[1], many[4], many[5]]


def test_a_users_repositories_are_served_in_turn(queue: Store, moving: Clock) -> None:
    many = [filed(queue, "ann", ONE) for _ in range(9)]
    served(queue, moving, 2)
    other, ben = filed(queue, "ann", TWO), filed(queue, "ben", TWO)
    assert served(queue, moving, 4) == [ben, other, many[2], many[3]]


def test_who_has_more_at_work_waits_until_the_other_has_as_much(queue: Store, moving: Clock) -> None:
    many = [filed(queue, "ann") for _ in range(6)]
    held = [queue.claim("me", 1e6) for _ in range(3)]
    few = [filed(queue, "ben") for _ in range(4)]
    moving.now += 1
    assert ready(queue, 5) == (*few[:3], many[3], few[3])
    # A worker that died has nothing at work, and what it had is next for its user.
    lease = queue.claim("me", 1.0)
    assert lease is not None and lease.job == few[0]
    moving.now += 5
    assert ready(queue, 9, Terms(per_user=2)) == tuple(few[:2])
    assert all(held)


@pytest.mark.parametrize("kind", ["memory", *SHARED])
def test_many_who_claim_at_once_pass_no_limit(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    shared = MemoryStore()
    url = address(kind, request, tmp_path)
    stores: list[Store] = [shared if kind == "memory" else SqlStore(url) for _ in range(6)]
    for at in range(40):
        filed(stores[0], "ann" if at < 30 else f"user {at}", (ONE, TWO)[at % 2])
    taken: list[int] = []
    start = threading.Barrier(6)

    def work(store: Store) -> None:
        start.wait()
        while (lease := store.claim("me", 1e9, terms=Terms({ONE: 99, TWO: 4}, per_user=3, in_all=9))) is not None:
            taken.append(lease.job)

    workers = [threading.Thread(target=work, args=(store,)) for store in stores]
    for each in workers:
        each.start()
    for each in workers:
        each.join()
    orders = [stores[0].ticket(stores[0].job(number).ticket).order for number in taken]
    assert len(taken) == len(set(taken)) == 9
    assert sum(each.user == "ann" for each in orders) <= 3
    assert sum(each.repository == TWO for each in orders) <= 4
    assert len({each.user for each in orders}) >= 7
    for store in stores:
        store.close()


def test_a_worker_takes_only_what_it_can_do(queue: Store, moving: Clock) -> None:
    gpu, docker = (
        filed(queue, "ann", needs=("gpu",)),
        filed(queue, "ann", settings=Settings(seconds=60.0, sandbox="docker", needs=("gpu",))),
    )
    plain = filed(queue, "ann")
    assert queue.ready(9) == {gpu: {"gpu"}, docker: {"gpu", "docker"}, plain: frozenset()}
    assert ready(queue, 9, Terms(can=frozenset({"docker"}))) == (plain,)
    assert served(queue, moving, 2, Terms(can=frozenset({"gpu"}))) == [gpu, plain]
    assert queue.claim("me", 30.0, terms=Terms(can=frozenset({"gpu"}))) is None
    assert served(queue, moving, 1, Terms(can=frozenset({"gpu", "docker"}))) == [docker]
    # Somebody who asks for it by its number has it whatever is known.
    assert queue.mark(docker, Status.FAILED, "", (Status.NO_FIX,))
    assert queue.claim("me", 30.0, docker, Terms(can=frozenset())) is not None


def test_what_workers_can_is_known_for_a_while(queue: Store, moving: Clock) -> None:
    assert queue.abilities() == ()
    for machine, can in (("one", {"gpu", "docker"}), ("two", {"docker", "gpu"}), ("three", set[str]())):
        queue.announce(machine, frozenset(can))
    assert sorted(queue.abilities(), key=len) == [frozenset(), frozenset({"docker", "gpu"})]
    moving.now += 3000
    queue.announce("three", frozenset())
    moving.now += 700
    assert queue.abilities() == (frozenset(),)


def test_a_worker_can_do_as_much_as_it_says(queue: Store) -> None:
    can = frozenset(f"{at:032}" for at in range(200))
    queue.announce("one", can)
    queue.announce("one", can)
    assert queue.abilities() == (can,)


def test_a_lane_holds_whatever_its_names_have_in_them(queue: Store) -> None:
    strange = Path("/src/\udcff 'x'\n")
    number = filed(queue, "ann \N{SNOWMAN} '", strange)
    assert ready(queue, 9, Terms({strange: 1})) == (number,)


@pytest.mark.parametrize("kind", SHARED)
def test_jobs_that_an_older_version_filed_are_had_in_turn(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path, moving: Clock
) -> None:
    url = address(kind, request, tmp_path)
    with closing(SqlStore(url, moving)) as store:
        first = filed(store, "ann", settings=Settings(seconds=60.0, needs=("gpu",)))
        second, third = filed(store, "ann"), filed(store, "ben", TWO)
        _forget_lanes(url)
        assert ready(store, 3, Terms(can=frozenset())) == (second, third)
        _forget_lanes(url)
        assert served(store, moving, 3) == [first, third, second]


def _forget_lanes(url: str) -> None:
    """Leave the jobs as whoever knows of no lanes files them."""
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(update(jobs).values(lane=""))
        connection.execute(delete(lanes))
    engine.dispose()
