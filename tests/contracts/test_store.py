"""What every store must keep, over SQLite in a file, SQLite in memory, the store in memory, and PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from orchestrator.errors import LeaseLost, TicketTaken, UnknownTicket
from orchestrator.records import AddedTest, AttemptRecord, AttemptState, Cost, OptionRecord, Order, Status, Ticket
from orchestrator.settings import Settings
from orchestrator.store import Lease, Store
from orchestrator.store.sql.store import SqlStore
from orchestrator.working.allowance import Short
from shadowfs import Omission, Snapshot
from shadowfs.depot import Depot
from tests.contracts.stores import SHARED, STORES, address, open_store
from verifier import Evidence, RungResult, Suite, Verdict
from verifier import Status as RungStatus


@dataclass(slots=True)
class Clock:
    """A clock that stands still until it is moved."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Store]:
    opened = open_store(request.param, request, tmp_path, clock)
    yield opened
    opened.close()


def file(
    store: Store, id: str = "261121-abc", text: str = "it breaks", repository: str = "/r", usd: float | None = None
) -> int:
    ticket = Ticket(id, "it-breaks", Order(text, Path(repository)), 5.0)
    return store.add(ticket, Settings(seconds=60.0, usd=usd)).number


def claim(store: Store, number: int | None = None, owner: str = "me", lease_s: float = 30.0) -> Lease:
    lease = store.claim(owner, lease_s, number)
    assert lease is not None
    return lease


def test_a_ticket_comes_back_as_it_was_filed_hostile_text_and_names_included(store: Store) -> None:
    order = Order(
        text="nul \0 escape \x1b[31m lone \udcff \ud800 end",
        repository=Path("/home/x/na\udcefve dir"),
        test_command="pytest",
        failing=("tests/t.py::test_a",),
        added=(AddedTest("t/\udce9.py", b"\x00\xff"),),
        usd=1.5,
    )
    settings = Settings(
        Suite("pytest", ("-x",), "/p"), environment={"A": "b"}, toolchains=(Path("/opt/x"),), seconds=60.0, usd=2.0
    )
    ticket = Ticket("261121-abc", "nul", order, 7.0)
    job = store.add(ticket, settings)
    assert store.ticket(ticket.id) == ticket
    assert store.settings(ticket.id) == settings
    assert store.job_of(ticket.id) == store.job(job.number) == job
    assert (job.status, job.seconds, job.usd) == (Status.QUEUED, 60.0, 2.0)


def test_an_id_is_taken_once(store: Store) -> None:
    first = Ticket("261121-abc1234", "first", Order("it breaks", Path("/one")), 5.0)
    number = store.add(first, Settings()).number
    with pytest.raises(TicketTaken, match="261121-abc1234"):
        store.add(replace(first, slug="second"), Settings())
    assert [ticket.slug for ticket in store.tickets()] == ["first"] and store.job_of(first.id).number == number


def test_what_is_not_there_is_unknown(store: Store) -> None:
    for ask in (store.ticket, store.job_of):
        with pytest.raises(UnknownTicket):
            ask("nope")
    with pytest.raises(UnknownTicket):
        store.job(9)


def test_tickets_are_found_by_prefix_of_the_id_or_of_its_random_part(store: Store) -> None:
    for id in ("261121-abc", "261121-abd", "261122-xyz"):
        file(store, id)
    assert store.find("261121") == ("261121-abd", "261121-abc")
    assert store.find("xy") == ("261122-xyz",)
    assert store.find("b") == store.find("%") == store.find("_") == ()


def test_tickets_are_listed_newest_first_and_by_repository(store: Store) -> None:
    file(store, "261121-a", repository="/one")
    file(store, "261121-b", repository="/two")
    assert [ticket.id for ticket in store.tickets()] == ["261121-b", "261121-a"]
    assert [ticket.id for ticket in store.tickets(Path("/one"))] == ["261121-a"]


def test_a_job_is_leased_once_and_the_oldest_first(store: Store) -> None:
    first, second = file(store, "261121-a"), file(store, "261121-b")
    assert (claim(store).job, claim(store).job) == (first, second)
    assert store.claim("me", 30.0) is None
    assert {job.number for job in store.working()} == {first, second}


def test_a_lease_that_expired_passes_on_and_its_old_holder_can_write_nothing(store: Store, clock: Clock) -> None:
    number = file(store)
    old = claim(store, owner="old")
    clock.now += 31
    new = claim(store, owner="new")
    assert new.fence == old.fence + 1
    for write in (
        lambda: store.renew(old, 30.0),
        lambda: store.record(old, base="b" * 40),
        lambda: store.put_attempt(old, AttemptRecord(1, "a", 0)),
        lambda: store.begin(old, 1, 1, "write", {}),
        lambda: store.put_verdict(old, Verdict("b", "t", ())),
        lambda: store.put_outgoing(old, "c" * 40, "nightcrew/x"),
        lambda: store.reserve(old, 1.0),
        lambda: store.stop_requested(old),
        lambda: store.end(old, Status.VERIFIED, "", ""),
    ):
        with pytest.raises(LeaseLost):
            write()
    assert store.job(number).status is Status.WORKING
    assert store.job(number).base is None
    kept: list[object] = [
        *store.attempts(number),
        *store.steps(number),
        *store.verdicts(number),
        *store.outgoing(number),
    ]
    assert kept == []


def test_what_a_machine_slept_or_its_clock_jumped_is_not_booked(store: Store, clock: Clock) -> None:
    number = file(store)
    lease = claim(store)
    for passes_s in (20, 6 * 3600, 20, -6 * 3600, 20):
        clock.now += passes_s
        lease = store.renew(lease, 30.0)
    assert store.cost(number).seconds == 60.0


def test_a_renewed_lease_does_not_expire_and_its_time_is_booked(store: Store, clock: Clock) -> None:
    number = file(store)
    lease = claim(store)
    for _ in range(3):
        clock.now += 20
        lease = store.renew(lease, 30.0)
    assert store.claim("other", 30.0) is None
    assert store.cost(number).seconds == 60.0
    clock.now += 5
    store.end(lease, Status.PAUSED, "why", "next")
    job = store.job(number)
    assert (job.status, job.why, job.next, job.lease_owner) == (Status.PAUSED, "why", "next", None)
    assert store.cost(number).seconds == 65.0


def test_a_dead_workers_job_is_queued_again_by_its_fence_only(store: Store) -> None:
    number = file(store)
    lease = claim(store)
    assert not store.free(number, lease.fence + 1, "no")
    assert store.free(number, lease.fence, "its worker died")
    assert not store.free(number, lease.fence, "again")
    assert store.job(number).status is Status.QUEUED
    with pytest.raises(LeaseLost):
        store.renew(lease, 30.0)
    assert claim(store).fence == lease.fence + 1


def test_a_status_is_marked_only_where_it_fits_and_nobody_works(store: Store) -> None:
    number = file(store)
    lease = claim(store)
    assert not store.mark(number, Status.STOPPED, "x", (Status.WORKING, Status.QUEUED))
    store.end(lease, Status.VERIFIED, "", "")
    assert not store.mark(number, Status.REJECTED, "x", (Status.QUEUED,))
    assert store.mark(number, Status.REJECTED, "not like this", (Status.VERIFIED,))
    assert (store.job(number).status, store.job(number).why) == (Status.REJECTED, "not like this")


def test_a_stop_is_seen_by_the_worker_and_gone_with_the_next_lease(store: Store) -> None:
    number = file(store)
    lease = claim(store)
    assert not store.stop_requested(lease)
    store.request_stop(number)
    assert store.stop_requested(lease)
    store.end(lease, Status.QUEUED, "", "")
    assert not store.stop_requested(claim(store))


def test_the_journal_keeps_intents_and_outcomes_apart_and_in_order(store: Store, clock: Clock) -> None:
    number = file(store)
    lease = claim(store)
    store.begin(lease, 0, 1, "pin", {})
    store.finish(lease, 0, 1, {"tree": "t"})
    store.begin(lease, 1, 1, "write", {"path": "na\udcefve", "bytes": 3})
    first, second = store.steps(number)
    assert (first.attempt, first.kind, first.outcome) == (0, "pin", {"tree": "t"})
    assert (second.intent, second.outcome, second.at) == ({"path": "na\udcefve", "bytes": 3}, None, clock.now)


def test_a_step_is_journaled_once(store: Store) -> None:
    number = file(store)
    lease = claim(store)
    store.begin(lease, 1, 1, "write", {})
    with pytest.raises(Exception, match=r"already|UNIQUE"):
        store.begin(lease, 1, 1, "write", {})
    assert len(store.steps(number)) == 1


def test_what_is_known_of_a_job_grows_and_comes_back(store: Store) -> None:
    number = file(store)
    lease = claim(store)
    omitted = (Omission(".env", "secret"),)
    snapshot = Snapshot("s", Path("/r"), Depot(Path("/d")), "t", "h", None, "b", Path("/p"), ("venv",), "f", omitted)
    store.record(lease, snapshot=snapshot)
    store.record(lease, base="c" * 40)
    store.record(lease, chosen=2)
    job = store.job(number)
    assert (job.snapshot, job.base, job.chosen) == (snapshot, "c" * 40, 2)


def test_attempts_are_written_anew(store: Store) -> None:
    number = file(store)
    lease = claim(store)
    store.put_attempt(lease, AttemptRecord(2, "repair", 1))
    store.put_attempt(lease, AttemptRecord(1, "repair", 0))
    done = AttemptRecord(1, "repair", 0, AttemptState.PROPOSED, "t", "title", "why so", without=("FUSE",))
    store.put_attempt(lease, done)
    assert store.attempts(number) == (done, AttemptRecord(2, "repair", 1))
    options = (OptionRecord("a \udcff", "because", "f(1) returns \0", "t" * 40), OptionRecord("b", "", "", "u" * 40))
    for asked in (replace(done, state=AttemptState.ASKED, question="which?", options=options), replace(done, answer=2)):
        store.put_attempt(lease, asked)
        assert store.attempts(number)[0] == asked


def test_verdicts_come_back_whole(store: Store) -> None:
    number = file(store)
    lease = claim(store)
    evidence = Evidence("test", "said \udcff", "a.py", 3, ("t::a",))
    verdict = Verdict("b" * 40, "t" * 40, (RungResult("suite", RungStatus.PASS, "all pass", (evidence,), 1.5),))
    store.put_verdict(lease, verdict)
    assert store.verdicts(number) == (verdict,)


def test_an_outgoing_commit_has_one_row_and_its_branch_changes_only_before_it_left(store: Store) -> None:
    number = file(store)
    lease = claim(store)
    row = store.put_outgoing(lease, "c" * 40, "nightcrew/a")
    assert store.put_outgoing(lease, "c" * 40, "nightcrew/other") == row
    assert store.rename_outgoing(row.id, "nightcrew/a", "nightcrew/a-2")
    assert not store.rename_outgoing(row.id, "nightcrew/a", "nightcrew/a-3")
    store.deliver(row.id)
    store.deliver(row.id)
    assert not store.rename_outgoing(row.id, "nightcrew/a-2", "nightcrew/a-3")
    (kept,) = store.outgoing(number)
    assert (kept.branch, kept.done) == ("nightcrew/a-2", True)


def test_dollars_are_reserved_before_they_are_spent_and_never_past_the_limit(store: Store) -> None:
    number = file(store, usd=1.0)
    lease = claim(store)
    first = store.reserve(lease, 0.75)
    assert isinstance(first, int)
    assert store.reserve(lease, 0.5) == Short("job", "dollars", 1.0, 0.75, 0.5)
    store.settle(lease, first, Cost(tokens_in=10, tokens_out=2, usd=0.25))
    assert store.reserve(lease, 0.5) is not None
    assert store.cost(number) == Cost(0.0, 10, 2, 0.75)
    store.grant(number, 5.0, 1.0)
    assert (store.job(number).seconds, store.job(number).usd) == (65.0, 2.0)
    assert store.reserve(lease, 1.0) is not None


def test_cost_adds_up_by_repository_and_time(store: Store, clock: Clock) -> None:
    for id, repository in (("261121-a", "/one"), ("261121-b", "/two")):
        file(store, id, repository=repository)
        lease = claim(store)
        clock.now += 10
        store.end(lease, Status.NO_FIX, "", "")
    assert store.cost().seconds == 20.0
    assert store.cost(repository=Path("/two")).seconds == 10.0
    assert store.cost(since=1005.0).seconds == 10.0
    assert store.cost(since=9999.0) == Cost()


def test_a_job_that_waits_for_somebody_is_had_by_its_number_only(store: Store) -> None:
    number = file(store)
    for status in (Status.PAUSED, Status.STOPPED, Status.FAILED):
        store.end(claim(store, number), status, "", "")
        assert store.claim("me", 30.0) is None
    store.end(claim(store, number), Status.VERIFIED, "", "")
    assert store.claim("me", 30.0, number) is None


def test_two_leases_of_one_job_never_stand_side_by_side(store: Store) -> None:
    number = file(store)
    claim(store, number)
    assert store.claim("other", 30.0, number) is None
    assert store.claim("other", 30.0) is None


def test_the_version_changes_whenever_something_was_written(store: Store) -> None:
    before = store.version()
    file(store)
    assert store.version() != before


@pytest.mark.parametrize("kind", SHARED)
def test_the_version_of_a_database_stands_still_until_another_process_writes(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path, clock: Clock
) -> None:
    url = address(kind, request, tmp_path)
    one, other = (SqlStore(url, clock) for _ in range(2))
    file(one)
    before = one.version()
    assert one.version() == before
    other.request_stop(1)
    assert one.version() != before
    one.close()
    other.close()


def test_a_reason_with_what_is_no_text_is_kept_readable(store: Store) -> None:
    number = file(store)
    lease = claim(store)
    store.put_attempt(lease, AttemptRecord(1, "repair", 0, why="nul \0 lone \udcff"))
    store.end(lease, Status.FAILED, "nul \0 lone \udcff end", "nightcrew show \0")
    job = store.job(number)
    assert job.why.startswith("nul ") and job.why.endswith(" end") and "\0" not in job.why
    assert store.attempts(number)[0].why == "nul \0 lone \udcff"


def test_a_message_is_kept_where_the_job_listens_and_keeps_it_from_ending(store: Store) -> None:
    number, other = file(store), file(store, "261121-abd")
    assert store.messages.say(number, "ann", "a\ud800\0b", (Status.QUEUED,))
    assert not store.messages.say(number, "ann", "late", (Status.WORKING,))
    assert store.messages.say(other, "bob", "else", (Status.QUEUED,))
    (message,) = store.messages.said(number)
    assert (message.who, message.text, store.messages.said(number, message.id)) == ("ann", "a\ud800\0b", ())
    lease = claim(store, number)
    assert not store.end(lease, Status.VERIFIED, "", "", told=0)
    assert store.job(number).status is Status.WORKING
    assert store.end(lease, Status.VERIFIED, "", "", told=message.id)
    assert store.job(number).status is Status.VERIFIED
    assert store.end(claim(store, other), Status.PAUSED, "", "")
