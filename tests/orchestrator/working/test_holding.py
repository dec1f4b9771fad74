"""Which files an attempt holds the lock on saving of, and what it hears of those that are taken back."""

from __future__ import annotations

from pathlib import Path

from orchestrator.records import Event, Status
from orchestrator.working.holding import Holding
from orchestrator.working.savelock import SaveLock
from tests.orchestrator.crews import FIX, Open, order


def event(kind: str, text: str = "") -> Event:
    return Event(1, kind, text, 0.0)


def test_an_attempt_holds_its_files_until_it_is_judged_and_never_again_what_was_taken_back(tmp_path: Path) -> None:
    lock, seen = SaveLock(tmp_path / "state", tmp_path), list[Event]()
    holding = Holding(seen.append, lock, {1: "t1"}.__getitem__, ("sums.py",))
    holding(event("pin", "main"))
    assert lock.rows() == ()
    holding(event("attempt", "attempt 1: repair"))
    holding(event("step", "write more.py"))
    holding(event("step", "run"))
    assert [(row.ticket, row.files) for row in lock.rows()] == [("t1", ("sums.py", "more.py"))]
    lock.take_back("sums.py")
    holding(event("verify"))
    assert [(each.kind, each.text) for each in seen[-2:]] == [
        ("verify", ""),
        ("saved", "the lock on sums.py was taken back"),
    ]
    assert lock.rows() == ()
    holding(event("attempt", "attempt 1: goes on"))
    holding(event("step", "delete old.py"))
    assert [(row.attempt, row.files) for row in lock.rows()] == [(2, ("old.py",))]
    holding(event("done", "verified"))
    assert lock.rows() == ()


def test_a_lock_that_cannot_be_kept_ends_no_job(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("no directory")
    seen = list[Event]()
    Holding(seen.append, SaveLock(tmp_path / "state", tmp_path), str, ("sums.py",))(event("attempt", "attempt 1"))
    assert len(seen) == 1


def test_the_steps_of_a_real_worker_are_seen(tmp_path: Path, crew: Open, repository: Path) -> None:
    lock, held = SaveLock(tmp_path / "state", repository), set[tuple[str, ...]]()
    working = crew([FIX], driver="copy")
    watch = Holding(lambda _: held.update(row.files for row in lock.rows()), lock, working.ticket_of)
    assert working.fix(order(repository), watch).status is Status.VERIFIED
    assert held >= {("sums.py",)} and lock.rows() == ()
