"""The gate lets jobs begin as schedules say, over what the store knows was spent."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from orchestrator.dispatch.fairness import Terms
from orchestrator.dispatch.gate import Gate
from orchestrator.records import Cost, Order, Status, Ticket
from orchestrator.schedule import Schedule, read_hours
from orchestrator.settings import Settings
from orchestrator.store.memory.store import MemoryStore
from orchestrator.working.allowance import Amount
from tests.orchestrator.schedule.test_windows import BERLIN, at

APP, OTHER, FREE = Path("/src/app"), Path("/src/other"), Path("/elsewhere")
NIGHT = Schedule(("/src/*",), (read_hours("22:00-06:30"),), BERLIN, 2, Amount(usd=1.0, tokens=100))


@dataclass(slots=True)
class Clock:
    """A clock that stands still until it is moved."""

    now: float

    def __call__(self) -> float:
        return self.now


def made(clock: Clock) -> MemoryStore:
    """Return a store with a ticket for each repository."""
    store = MemoryStore(clock)
    for number, repository in enumerate((APP, OTHER, FREE)):
        store.add(Ticket(f"261121-{number}", "x", Order("it breaks", repository), clock.now), Settings(seconds=60.0))
    return store


def spend(store: MemoryStore, number: int, usd: float, tokens: int = 0) -> None:
    lease = store.claim("me", 1e9, number)
    assert lease is not None
    reservation = store.reserve(lease, usd, tokens)
    assert isinstance(reservation, int)
    store.settle(lease, reservation, Cost(0.0, tokens, 0, usd))
    store.end(lease, Status.NO_FIX, "", "")


def test_without_schedules_nothing_is_bounded() -> None:
    store = made(Clock(0.0))
    assert Gate().terms(store) == Terms()
    assert Gate().begins(store, APP).now


def test_outside_of_its_hours_a_repository_is_left_out_and_one_without_a_schedule_never() -> None:
    clock = Clock(at("2026-11-22 12:00"))
    store, gate = made(clock), Gate((NIGHT,), clock)
    among = gate.terms(store).among
    assert among is not None and set(among) == {FREE}
    found = gate.begins(store, APP)
    assert (found.now, found.at) == (False, at("2026-11-22 22:00"))
    clock.now = at("2026-11-22 22:00")
    among = gate.terms(store).among
    assert among is not None and (among[APP], among[OTHER]) == (2, 2)
    assert gate.begins(store, APP).now


def test_what_all_repositories_of_a_schedule_spent_in_its_window_counts() -> None:
    clock = Clock(at("2026-11-22 21:00"))
    store, gate = made(clock), Gate((NIGHT,), clock)
    # What a person had done before the window began is no part of it.
    spend(store, 1, 9.0)
    clock.now = at("2026-11-22 23:00")
    assert gate.begins(store, APP).now
    spend(store, 2, 0.5)
    assert gate.begins(store, APP).now
    spend(store, 3, 50.0)
    assert gate.begins(store, APP).now
    store.add(Ticket("261121-9", "x", Order("it breaks", OTHER), clock.now), Settings(seconds=60.0))
    spend(store, 4, 0.5)
    for id, repository in (("x", APP), ("y", FREE)):
        store.add(Ticket(f"261121-{id}", "x", Order("it breaks", repository), clock.now), Settings(seconds=60.0))
    among = gate.terms(store).among
    assert among is not None and set(among) == {FREE}
    found = gate.begins(store, APP)
    assert (found.at, found.why) == (at("2026-11-23 22:00"), "the $1 of this window are spent")
    clock.now = at("2026-11-23 22:00")
    assert gate.begins(store, APP).now


def test_tokens_count_as_dollars_do() -> None:
    clock = Clock(at("2026-11-22 23:00"))
    store, gate = made(clock), Gate((NIGHT,), clock)
    spend(store, 1, 0.0, 100)
    assert gate.begins(store, OTHER).why == "the 100 tokens of this window are spent"


def test_a_job_that_is_not_to_begin_before_a_time_begins_in_the_first_window_after_it() -> None:
    clock = Clock(at("2026-11-22 23:00"))
    store, gate = made(clock), Gate((NIGHT,), clock)
    for not_before, wanted in (
        ("2026-11-23 02:00", "2026-11-23 02:00"),
        ("2026-11-23 12:00", "2026-11-23 22:00"),
    ):
        found = gate.begins(store, APP, at(not_before))
        assert (found.now, found.at) == (False, at(wanted))
    assert gate.begins(store, APP, at("2026-11-22 20:00")).now


def test_a_worker_takes_what_the_gate_lets_through_and_no_more_at_once_than_it_says() -> None:
    clock = Clock(at("2026-11-22 23:00"))
    store = MemoryStore(clock)
    for number in range(4):
        store.add(Ticket(f"261121-{number}", "x", Order("it breaks", APP), clock.now), Settings(seconds=60.0))
    gate = Gate((NIGHT,), clock)
    taken = [store.claim("me", 1e9, terms=gate.terms(store)) for _ in range(4)]
    assert [lease.job for lease in taken if lease is not None] == [1, 2]
    clock.now = at("2026-11-23 12:00")
    assert store.claim("me", 1e9, terms=gate.terms(store)) is None
    # A person's own command has it at any time.
    assert store.claim("me", 1e9, 3) is not None
