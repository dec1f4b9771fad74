"""Several hands work on the queue at once, on real shadows, and end together with the work of each kept."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agents import ScriptedAgent
from agents.scripted import Action
from orchestrator.crew import Crew
from orchestrator.dispatch.gate import Gate
from orchestrator.dispatch.hands import Hands
from orchestrator.records import Event, JobReport, Status
from orchestrator.schedule import Schedule
from orchestrator.wiring import real_engines
from sandbox import Command
from tests.orchestrator import project
from tests.orchestrator.crews import FIX, order

ENDS_S = 120.0


class Seen:
    """What hands told: jobs at work at once, and how jobs ended."""

    def __init__(self) -> None:
        self.reports: list[JobReport] = []
        self.begun = threading.Semaphore(0)
        self.most = 0
        self._open: set[str] = set()
        self._lock = threading.Lock()

    def told(self, ticket: str, event: Event) -> None:
        with self._lock:
            if event.kind == "done":
                self._open.discard(ticket)
                return
            if ticket not in self._open:
                self._open.add(ticket)
                self.most = max(self.most, len(self._open))
            if event.text.startswith("run"):
                self.begun.release()

    def done(self, _: Crew, report: JobReport) -> None:
        self.reports.append(report)


class Crews:
    """Opens crews over one state directory, whose agents all play one script."""

    def __init__(self, state: Path, script: list[Action]) -> None:
        self.state = state
        self._script = script

    def open(self) -> Crew:
        engines = real_engines(self.state)
        # Closed with the crew that is given them.
        return Crew(
            self.state,
            project.settings(self.state),
            engines=replace(engines, agent=lambda *_: ScriptedAgent(list(self._script))),
        )


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "state"
    shadows = tmp_path / "state/shadows"
    assert not shadows.exists() or list(shadows.iterdir()) == []


def test_hands_take_all_that_is_queued_side_by_side_and_end_when_nothing_is_left(
    state: Path, repository: Path, seen: Seen
) -> None:
    meeting = threading.Barrier(2, timeout=ENDS_S)
    crews = Crews(state, [FIX])

    def told(ticket: str, event: Event) -> None:
        seen.told(ticket, event)
        if event.text == "write sums.py" and len(seen.reports) == 0 and not meeting.broken and meeting.n_waiting < 2:
            # Neither goes on before both are here.
            meeting.wait()

    with crews.open() as crew:
        for _ in range(2):
            crew.file(order(repository))
        hands = Hands(crews.open, Gate(), told, seen.done, count=2)
        hands.start()
        hands.wait()
        assert hands.failures == []
        assert [report.status for report in seen.reports] == [Status.VERIFIED] * 2
        assert seen.most == 2
        assert crew.work_next() is None
    assert len(project.branches(repository)) == 2


def test_a_schedules_bound_holds_for_all_hands(state: Path, repository: Path, seen: Seen) -> None:
    crews = Crews(state, [FIX])
    with crews.open() as crew:
        for _ in range(3):
            crew.file(order(repository))
        hands = Hands(crews.open, Gate((Schedule(parallel=1),)), seen.told, seen.done, count=3)
        hands.start()
        hands.wait()
        assert [report.status for report in seen.reports] == [Status.VERIFIED] * 3
    assert seen.most == 1


def test_no_more_jobs_are_taken_than_were_asked_for(state: Path, repository: Path, seen: Seen) -> None:
    crews = Crews(state, [FIX])
    with crews.open() as crew:
        for _ in range(3):
            crew.file(order(repository))
        hands = Hands(crews.open, Gate(), seen.told, seen.done, count=3, limit=2)
        hands.start()
        hands.wait()
        assert len(seen.reports) == 2
        assert crew.board().counts[Status.QUEUED] == 1


def test_all_jobs_in_hand_end_at_once_with_their_work_kept(state: Path, repository: Path, seen: Seen) -> None:
    crews = Crews(state, [FIX, Command(("sleep", "600"))])
    with crews.open() as crew:
        tickets = {crew.file(order(repository)).id for _ in range(2)}
        hands = Hands(crews.open, Gate(), seen.told, seen.done, count=2, idle_s=3_600.0)
        hands.start()
        for _ in tickets:
            assert seen.begun.acquire(timeout=ENDS_S)
        assert hands.end(ENDS_S)
        assert {report.ticket.id for report in seen.reports} == tickets
        for ticket in tickets:
            report = crew.show(ticket)
            assert report.status in (Status.PAUSED, Status.STOPPED)
            assert b"sums.py" in crew.diff(ticket, 1)


def test_what_no_job_could_keep_is_told_and_ends_the_hand(tmp_path: Path, seen: Seen) -> None:
    (tmp_path / "file").write_text("")
    crews = Crews(tmp_path / "file/state", [])
    hands = Hands(crews.open, Gate(), seen.told, seen.done, count=2)
    hands.start()
    hands.wait()
    assert [type(each).__name__ for each in hands.failures] == ["NotADirectoryError"] * 2
