"""Which job is next: what every store must keep of priorities, times and limits, over each kind of store."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.dispatch.fairness import ANY, Terms
from orchestrator.errors import LeaseLost
from orchestrator.records import Cost, Order, Status, Ticket
from orchestrator.reporting.board import Sought
from orchestrator.settings import Settings
from orchestrator.store import Lease, Store
from orchestrator.store.memory.store import MemoryStore
from orchestrator.store.sql.store import SqlStore
from orchestrator.working.deadline import shown
from tests.contracts.stores import SHARED, address
from tests.contracts.test_store import Clock

ONE, TWO = Path("/one"), Path("/two")


def filed(store: Store, id: str, repository: Path = ONE, **given: Any) -> int:
    order = replace(Order("it breaks", repository), **given)
    return store.add(Ticket(f"261121-{id}", "it-breaks", order, 5.0), Settings(seconds=60.0)).number


def next_of(store: Store, terms: Terms = ANY, lease_s: float = 30.0) -> Lease:
    lease = store.claim("me", lease_s, terms=terms)
    assert lease is not None
    return lease


def ready(store: Store, most: int, terms: Terms = ANY) -> tuple[int, ...]:
    return tuple(store.ready(most, terms))


def test_the_highest_priority_is_first_then_the_oldest(queue: Store) -> None:
    low, old, high, new = (filed(queue, id, priority=at) for id, at in (("a", -1), ("b", 0), ("c", 7), ("d", 0)))
    assert [next_of(queue).job for _ in range(4)] == [high, old, new, low]


def test_what_is_ready_is_told_in_the_order_in_which_it_is_wanted(queue: Store, moving: Clock) -> None:
    low, old, high, late = (
        filed(queue, id, **given)
        for id, given in (("a", {"priority": -1}), ("b", {}), ("c", {"priority": 7}), ("d", {"not_before": 1_050.0}))
    )
    assert (ready(queue, 9), ready(queue, 2)) == ((high, old, low), (high, old))
    assert ready(queue, 9, Terms({TWO: 1})) == ready(queue, 9, Terms({})) == ()
    assert ready(queue, 9, Terms({ONE: 2})) == (high, old)
    assert next_of(queue).job == high
    assert ready(queue, 9) == (old, low)
    moving.now = 1_060.0
    assert ready(queue, 9) == (high, old, late, low)


def test_a_job_waits_for_its_time_and_is_had_by_its_number_before(queue: Store, moving: Clock) -> None:
    late, soon = filed(queue, "a", not_before=1_100.0, priority=9), filed(queue, "b", not_before=1_050.0)
    assert queue.claim("me", 30.0) is None
    moving.now = 1_050.0
    assert next_of(queue).job == soon
    assert queue.claim("me", 30.0) is None
    lease = queue.claim("me", 30.0, late)
    assert lease is not None and lease.job == late


def test_a_job_that_has_not_begun_by_its_deadline_fails_with_what_to_do(queue: Store, moving: Clock) -> None:
    late, fine = filed(queue, "a", deadline=1_100.0, priority=1), filed(queue, "b", deadline=1_101.0)
    moving.now = 1_100.0
    assert next_of(queue).job == fine
    job = queue.job(late)
    assert (job.status, job.next, job.updated_at) == (Status.FAILED, "nightcrew resume 261121-a", 1_100.0)
    assert job.why == f"its deadline, {shown(1_100.0)}, passed before it was begun"
    # Whoever wants it all the same gets it, and the deadline that passed binds no longer.
    again = queue.claim("me", 30.0, late)
    assert again is not None and queue.job(late).deadline is None
    assert queue.job(fine).deadline == 1_101.0


def test_overdue_jobs_fail_though_nothing_may_begin(queue: Store, moving: Clock) -> None:
    number = filed(queue, "a", deadline=1_010.0)
    moving.now = 1_010.0
    assert queue.claim("me", 30.0, terms=Terms({})) is None
    assert queue.job(number).status is Status.FAILED


def test_a_job_whose_worker_died_fails_at_its_deadline_and_its_old_worker_writes_nothing(
    queue: Store, moving: Clock
) -> None:
    number = filed(queue, "a", deadline=1_100.0)
    old = next_of(queue)
    moving.now = 1_100.0
    assert queue.claim("me", 30.0) is None
    assert "was done; its work is kept" in queue.job(number).why
    with pytest.raises(LeaseLost):
        queue.end(old, Status.VERIFIED, "", "")


def test_a_job_at_work_outlives_its_deadline(queue: Store, moving: Clock) -> None:
    number = filed(queue, "a", deadline=1_010.0)
    lease = next_of(queue)
    moving.now = 1_020.0
    assert queue.claim("me", 30.0) is None
    queue.end(lease, Status.VERIFIED, "", "")
    assert queue.job(number).status is Status.VERIFIED


def test_who_queues_a_job_again_after_its_deadline_wants_it_all_the_same(queue: Store, moving: Clock) -> None:
    number, other = filed(queue, "a", deadline=1_010.0), filed(queue, "b", deadline=9_000.0)
    for each in (number, other):
        queue.end(next_of(queue), Status.PAUSED, "", "")
        assert each
    moving.now = 1_020.0
    for each in (number, other):
        assert queue.mark(each, Status.QUEUED, "", (Status.PAUSED,))
    assert next_of(queue).job == number
    assert queue.job(other).deadline == 9_000.0


def test_a_repository_has_no_more_jobs_at_work_than_its_limit_and_another_goes_on(queue: Store, moving: Clock) -> None:
    first, second = (filed(queue, id, ONE, priority=5) for id in "ab")
    third = filed(queue, "c", TWO)
    limits = Terms({ONE: 1, TWO: 2})
    lease = next_of(queue, limits)
    assert (lease.job, next_of(queue, limits).job, queue.claim("me", 30.0, terms=limits)) == (first, third, None)
    queue.end(lease, Status.NO_FIX, "", "")
    assert next_of(queue, limits, 300.0).job == second
    # A worker whose lease expired has no job at work.
    moving.now += 40
    filed(queue, "d", TWO)
    assert next_of(queue, Terms({TWO: 1})).job == third


def test_a_repository_that_is_not_named_is_left_alone(queue: Store) -> None:
    filed(queue, "a", ONE)
    assert queue.claim("me", 30.0, terms=Terms({TWO: 1})) is None
    assert queue.claim("me", 30.0, terms=Terms({ONE: 0})) is None
    assert queue.repositories() == (ONE,)
    lease = next_of(queue)
    assert queue.repositories() == (ONE,)
    queue.end(lease, Status.NO_FIX, "", "")
    assert queue.repositories() == ()


@pytest.mark.parametrize("kind", ["memory", *SHARED])
def test_many_workers_at_once_claim_each_job_once_and_keep_the_limits(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    shared = MemoryStore()
    url = address(kind, request, tmp_path)
    stores: list[Store] = [shared if kind == "memory" else SqlStore(url) for _ in range(6)]
    for at in range(24):
        filed(stores[0], f"{at:02}", (ONE, TWO)[at % 2], priority=at % 3)
    taken: list[int] = []
    start = threading.Barrier(6)

    def work(store: Store) -> None:
        start.wait()
        while (lease := store.claim("me", 1e9, terms=Terms({ONE: 3, TWO: 12}))) is not None:
            taken.append(lease.job)

    workers = [threading.Thread(target=work, args=(store,)) for store in stores]
    for each in workers:
        each.start()
    for each in workers:
        each.join()
    assert len(taken) == len(set(taken)) == 3 + 12
    homes = [stores[0].ticket(stores[0].job(number).ticket).order.repository for number in taken]
    assert homes.count(ONE) == 3
    for store in stores:
        store.close()


def test_what_was_spent_since_is_told_by_ticket(queue: Store, moving: Clock) -> None:
    for id in "ab":
        filed(queue, id)
        lease = next_of(queue)
        reservation = queue.reserve(lease, 0.5, 10, attempt=1)
        assert isinstance(reservation, int)
        queue.settle(lease, reservation, Cost(0.0, 7, 3, 0.25))
        moving.now += 10
        queue.end(lease, Status.NO_FIX, "", "")
    cost = Cost(10.0, 7, 3, 0.25)
    assert queue.spent(0.0) == {"261121-a": cost, "261121-b": cost}
    assert queue.spent(1_005.0) == {"261121-b": cost}


def test_a_boards_row_says_when_a_job_may_begin(queue: Store) -> None:
    filed(queue, "a", priority=3, not_before=1_100.0, deadline=1_200.0)
    (row,) = queue.board(Sought()).rows
    assert (row.priority, row.not_before, row.deadline) == (3, 1_100.0, 1_200.0)
    assert queue.ticket("261121-a").order.priority == 3


TIMES = st.none() | st.integers(990, 1_030).map(float)
ORDERS = st.tuples(st.integers(-2, 2), TIMES, TIMES, st.sampled_from((ONE, TWO)))
LIMITS = st.none() | st.dictionaries(st.sampled_from((ONE, TWO)), st.integers(0, 3))


@settings(max_examples=40, deadline=None)
@given(st.lists(ORDERS, max_size=8), st.lists(st.tuples(LIMITS, st.integers(0, 12)), min_size=1, max_size=8))
def test_the_stores_agree_on_which_job_is_next(
    orders: list[tuple[int, float | None, float | None, Path]], claims: list[tuple[dict[Path, int] | None, int]]
) -> None:
    time = Clock()
    stores: tuple[Store, ...] = (MemoryStore(time), SqlStore("sqlite://", time))
    for store in stores:
        for at, (priority, not_before, deadline, repository) in enumerate(orders):
            filed(store, f"{at}", repository, priority=priority, not_before=not_before, deadline=deadline)
    for among, passes_s in claims:
        time.now += passes_s
        terms = Terms(among)
        both = [store.ready(9, terms) for store in stores]
        assert tuple(both[0].items()) == tuple(both[1].items())
        first, second = (store.claim("me", 10.0, terms=terms) for store in stores)
        assert first == second
        assert (None if first is None else first.job) == next(iter(both[0]), None)
        assert (
            first is None
            or among is None
            or stores[0].ticket(stores[0].job(first.job).ticket).order.repository in among
        )
    for number in range(1, len(orders) + 1):
        assert stores[0].job(number) == stores[1].job(number)
    for store in stores:
        store.close()
