"""What the editor hears of a worker, and which files its attempt holds the lock on."""

from __future__ import annotations

from pathlib import Path

from orchestrator.crew import Crew
from orchestrator.lsp.watching import Watching
from orchestrator.records import Event, Status
from orchestrator.savelock import SaveLock
from tests.orchestrator.crews import FIX, Open, order


def event(kind: str, text: str = "") -> Event:
    return Event(1, kind, text, 0.0)


def test_an_attempt_holds_its_files_until_it_is_judged_and_never_again_what_was_taken_back(tmp_path: Path) -> None:
    lock, told = SaveLock(tmp_path / "state", tmp_path), list[str]()
    watching = Watching(told.append, "t1", ("sums.py",), lock)
    watching(event("pin", "main"))
    assert lock.rows() == ()
    watching(event("attempt", "attempt 1: repair"))
    watching(event("step", "write more.py"))
    watching(event("step", "run"))
    assert [row.files for row in lock.rows()] == [("sums.py", "more.py")]
    lock.take_back("sums.py")
    watching(event("verify", "\x1b[31mthe ladder"))
    assert told[-2:] == ["verify: the ladder", "saved: the lock on sums.py was taken back"]
    assert lock.rows() == ()
    watching(event("attempt", "attempt 1: goes on"))
    watching(event("step", "delete old.py"))
    assert [(row.attempt, row.files) for row in lock.rows()] == [(2, ("old.py",))]
    watching(event("done", "verified"))
    assert lock.rows() == ()


def test_whatever_happens_to_the_lock_or_to_who_listens_the_job_goes_on(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("no directory")

    def gone(text: str) -> None:
        raise RuntimeError(f"the loop has ended, nobody hears {text}")

    for report in (gone, lambda _: None):
        Watching(report, "t1", ("sums.py",), SaveLock(tmp_path / "state", tmp_path))(event("attempt", "attempt 1"))


def test_the_steps_of_a_real_worker_are_seen(tmp_path: Path, crew: Open, repository: Path) -> None:
    lock = SaveLock(tmp_path / "state", repository)
    held = list[tuple[str, ...]]()
    working: Crew = crew([FIX], driver="copy")
    ticket = working.hold(order(repository))

    def report(text: str) -> None:
        held.extend(row.files for row in lock.rows() if text.startswith("progress") or row.files)

    done = working.resume(ticket.id, Watching(report, ticket.id, (), lock))
    assert done.status is Status.VERIFIED
    assert ("sums.py",) in held and lock.rows() == ()
