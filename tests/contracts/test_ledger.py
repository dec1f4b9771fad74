"""What every store's ledger must keep: no limit is passed by what is reserved, whoever reserves, and what is learned adds up."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.records import Cost, Order, Outcome, Ticket
from orchestrator.settings import Settings
from orchestrator.store import Lease, Store
from orchestrator.store.memory.store import MemoryStore
from orchestrator.store.sql.store import SqlStore
from orchestrator.working.allowance import DAY_S, Allowance, Amount, Short
from orchestrator.working.routing import Tally
from tests.contracts.stores import SHARED, address
from tests.contracts.test_store import Clock

KINDS = ("sqlite", "memory")
HERE, ELSEWHERE = Path("/here"), Path("/elsewhere")


@contextmanager
def opened(kind: str, clock: Clock) -> Iterator[Store]:
    store: Store = MemoryStore(clock) if kind == "memory" else SqlStore("sqlite://", clock)
    try:
        yield store
    finally:
        store.close()


def leased(store: Store, id: str, *, user: str = "ann", repository: Path = HERE, **budget: float | int | None) -> Lease:
    """File a ticket and lease its job."""
    order = Order("it breaks", repository, user=user)
    job = store.add(Ticket(id, "it-breaks", order, 5.0), Settings(**budget))  # type: ignore[arg-type]
    lease = store.claim("me", 1e9, job.number)
    assert lease is not None
    return lease


@pytest.mark.parametrize("kind", KINDS)
def test_tokens_are_limited_besides_dollars_and_what_is_granted_is_there(kind: str) -> None:
    with opened(kind, Clock()) as store:
        lease = leased(store, "a", tokens=1000)
        first = store.reserve(lease, 5.0, 800)
        assert isinstance(first, int)
        assert store.reserve(lease, 5.0, 300) == Short("job", "tokens", 1000, 800, 300)
        store.settle(lease, first, Cost(tokens_in=500, tokens_out=100, usd=0.1))
        assert isinstance(store.reserve(lease, 0.0, 300), int)
        store.grant(lease.job, 0.0, 0.0, 500)
        assert isinstance(store.reserve(lease, 0.0, 500), int)
        assert store.job(lease.job).tokens == 1500


@pytest.mark.parametrize("kind", KINDS)
def test_a_day_s_limits_hold_over_jobs_and_for_each_user_and_end_with_the_day(kind: str) -> None:
    clock = Clock()
    allowance = Allowance(machine=Amount(usd=3.0), user=Amount(usd=2.0, tokens=100))
    with opened(kind, clock) as store:
        ann, bob = leased(store, "a"), leased(store, "b", user="bob")
        again = leased(store, "c")
        assert isinstance(store.reserve(ann, 1.5, 10, allowance=allowance), int)
        assert store.reserve(again, 1.0, 10, allowance=allowance) == Short("user", "dollars", 2.0, 1.5, 1.0)
        assert isinstance(store.reserve(again, 0.5, 10, allowance=allowance), int)
        assert store.reserve(bob, 1.5, 10, allowance=allowance) == Short("machine", "dollars", 3.0, 2.0, 1.5)
        assert store.reserve(bob, 0.1, 101, allowance=allowance) == Short("user", "tokens", 100, 0, 101)
        assert isinstance(store.reserve(bob, 1.0, 100, allowance=allowance), int)
        assert isinstance(store.reserve(bob, 0.0, 0, allowance=allowance), int), "what costs nothing is always there"
        clock.now += DAY_S
        assert isinstance(store.reserve(bob, 1.5, 10, allowance=allowance), int)


@pytest.mark.parametrize("kind", KINDS)
def test_an_attempt_s_calls_are_counted_as_its_own(kind: str) -> None:
    with opened(kind, Clock()) as store:
        lease = leased(store, "a")
        for attempt, usd in ((1, 0.5), (2, 0.25), (2, 0.25)):
            reserved = store.reserve(lease, 1.0, 9, attempt=attempt)
            assert isinstance(reserved, int)
            store.settle(lease, reserved, Cost(tokens_in=3, tokens_out=1, usd=usd))
        assert store.cost(lease.job, attempt=2) == Cost(0.0, 6, 2, 0.5)
        assert store.cost(lease.job).usd == 1.0
        costs = store.costs(lease.job)
        assert (costs[1], costs[2]) == (Cost(0.0, 3, 1, 0.5), Cost(0.0, 6, 2, 0.5))
        assert sum(costs.values(), Cost()) == store.cost(lease.job)


@pytest.mark.parametrize("kind", KINDS)
def test_what_became_of_attempts_adds_up_by_place_and_kind_and_is_kept_once(kind: str) -> None:
    clock = Clock()
    with opened(kind, clock) as store:
        here, there = leased(store, "a"), leased(store, "b", repository=ELSEWHERE)
        for verified in (False, True):
            store.put_outcome(here, Outcome(1, "repair", "python", verified, 0.0, 10.0))
        store.put_outcome(here, Outcome(2, "model:x", "python", False, 0.5, 20.0))
        store.put_outcome(there, Outcome(1, "repair", "go", False, 0.0, 30.0))
        store.put_outcome(there, Outcome(2, "repair", "python", True, 0.0, 5.0))
        store.put_outcome(there, Outcome(3, "repair", "python", False, 0.25, 5.0))
        assert sorted(store.tallies(HERE, "python"), key=str) == [
            Tally("model:x", True, True, 1, 0, 0.5, 20.0),
            Tally("repair", False, False, 1, 0, 0.0, 30.0),
            Tally("repair", False, True, 2, 1, 0.25, 10.0),
            Tally("repair", True, True, 1, 1, 0.0, 10.0),
        ]
        assert store.tallies(HERE, "python", since=clock.now + 1) == []


Step = tuple[str, int, float, int]


@dataclass(slots=True)
class Call:
    """A call that was reserved, and what it counts as by now."""

    at: float
    reserved: int
    who: int
    usd: float
    tokens: int
    under_way: bool = True


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["reserve", "settle", "die", "pass"]),
        st.integers(0, 2),
        st.integers(0, 40).map(lambda cents: cents / 100),
        st.integers(0, 60),
    ),
    max_size=25,
)


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_is_done_in_whatever_order_no_limit_is_passed(kind: str) -> None:
    clock, count = Clock(), itertools.count()

    with opened(kind, clock) as store:

        @settings(max_examples=12, deadline=None)
        @given(steps=STEPS)
        def check(steps: list[Step]) -> None:
            clock.now += 2 * DAY_S
            users = ("ann", "ann", "bob")
            check_steps(
                store, clock, [leased(store, str(next(count)), user=user, usd=0.75, tokens=90) for user in users], steps
            )

        check()


def check_steps(store: Store, clock: Clock, leases: Sequence[Lease], steps: Sequence[Step]) -> None:
    """Go through the steps, and add up after each what counts as spent."""
    allowance = Allowance(Amount(1.5, 150), Amount(1.0, 120))
    calls: list[Call] = []
    for what, who, usd, tokens in steps:
        under_way = [each for each in calls if each.under_way]
        if what == "reserve":
            reserved = store.reserve(leases[who], usd, tokens, allowance=allowance)
            if isinstance(reserved, int):
                calls.append(Call(clock.now, reserved, who, usd, tokens))
        elif what == "settle" and under_way:
            call = under_way[-1]
            call.usd, call.tokens, call.under_way = call.usd / 2, call.tokens // 2, False
            store.settle(leases[call.who], call.reserved, Cost(0.0, call.tokens, 0, call.usd))
        elif what == "die":
            # What was under way stays reserved: nobody settles it any more.
            for call in under_way:
                call.under_way = call.who != who
        elif what == "pass":
            clock.now += DAY_S / 2
        today = [call for call in calls if call.at > clock.now - DAY_S]
        for most, many, mine in (
            (0.75, 90, [call for call in calls if call.who == 0]),
            (1.0, 120, [call for call in today if call.who < 2]),
            (1.5, 150, today),
        ):
            assert sum(call.usd for call in mine) <= most + 1e-6
            assert sum(call.tokens for call in mine) <= many


RESERVING = """
import sys
from pathlib import Path
from orchestrator.working.allowance import Allowance, Amount
from orchestrator.records import Order, Ticket
from orchestrator.settings import Settings
from orchestrator.store.sql.store import SqlStore

url, user = sys.argv[1:]
store = SqlStore(url)
job = store.add(Ticket(user, "slug", Order("it breaks", Path("/here"), user=user), 5.0), Settings())
lease, allowance, got = store.claim(user, 1e9, job.number), Allowance(Amount(usd=0.2)), 0
sys.stdout.write("ready\\n")
sys.stdout.flush()
sys.stdin.readline()
while isinstance(store.reserve(lease, 0.01, 1, allowance=allowance), int):
    got += 1
print(got)
"""


@pytest.mark.parametrize("kind", SHARED)
def test_processes_that_reserve_side_by_side_pass_no_limit(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    url = address(kind, request, tmp_path)
    SqlStore(url).close()
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    both = [
        subprocess.Popen(
            [sys.executable, "-c", RESERVING, url, user],
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for user in ("ann", "bob")
    ]
    for process in both:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in both:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    got = [int(process.communicate(timeout=120)[0]) for process in both]
    assert sum(got) == 20
    store = SqlStore(url)
    assert store.cost().usd == pytest.approx(0.2)
    store.close()
