"""Messages to a job: each reaches its agent once, as data, whether the job waits, is at work, or is about to end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from agents import NoFix, Proposal, Result, Task, Workspace, Write
from orchestrator.crew import Crew
from orchestrator.errors import OrderRefused, WrongStatus
from orchestrator.exits import exit_of_error
from orchestrator.records import AttemptState, Event, Order, Status
from orchestrator.reporting.documents import report_document
from orchestrator.wiring import real_engines
from orchestrator.working.hearing import MOST
from tests.orchestrator import project
from tests.orchestrator.crews import FIX, Open, order

SAID = "count the first number, too"
HALF = Write("half.py", b"HALF = 1\n")


@dataclass(slots=True)
class Listener:
    """An agent that is right once it was told; `meanwhile` is called in the middle of its first attempt. `tasks` are what it was given."""

    meanwhile: Callable[[], object]
    name: str = "listener"
    tasks: list[Task] = field(default_factory=list)

    def work(self, task: Task, workspace: Workspace) -> Result:
        """Write half of it; hear; write the rest."""
        self.tasks.append(task)
        if SAID in task.text:
            workspace.write("sums.py", project.FIXED.encode())
            return Proposal(workspace.change(), "Count all numbers", "It was said.")
        workspace.write(HALF.path, HALF.data)
        self.meanwhile()
        workspace.note("thought", {"about": "what comes next"})
        return NoFix("nobody said anything")


def opened(tmp_path: Path, meanwhile: Callable[[Crew, str], object]) -> tuple[Crew, Listener]:
    """Open a crew whose agent is a listener; `meanwhile` is given it, and the ticket."""
    listener = Listener(lambda: meanwhile(crew, crew.list()[0].ticket.id))
    engines = replace(real_engines(tmp_path / "state"), agent=lambda *_: listener)
    crew = Crew(tmp_path / "state", project.settings(tmp_path / "state"), engines=engines)
    return crew, listener


def test_an_agent_at_work_goes_on_with_what_is_said(tmp_path: Path, repository: Path) -> None:
    before, seen = project.digest(repository), list[Event]()
    crew, listener = opened(tmp_path, lambda crew, id: crew.message(id, f"{SAID}\x1b[2J", user="ann"))
    with crew:
        report = crew.fix(order(repository), seen.append)
        steps = crew.steps(report.ticket.id)
    assert (report.status, report.files) == (Status.VERIFIED, ("half.py", "sums.py"))
    assert [each.state for each in report.attempts] == [AttemptState.INTERRUPTED, AttemptState.PROPOSED]
    assert [task.text.count(SAID) for task in listener.tasks] == [0, 1]
    assert "\x1b" not in listener.tasks[1].text and "attempt 1 left them" in listener.tasks[1].text
    (message,) = report.messages
    assert (message.who, message.text, message.attempt) == ("ann", SAID, 2)
    (told,) = [step for step in steps if step.kind == "message"]
    assert (told.attempt, told.intent["by"], told.intent["text"]) == (2, "ann", SAID)
    assert "ann said something" in {event.text for event in seen}
    assert report_document(report)["messages"][0]["attempt"] == 2
    assert (report.attempts[1].follows, report.attempts[1].reason) == (1, "somebody sent a message")
    assert project.branches(repository) == [report.branch]
    assert project.digest(repository) == before


def test_a_job_that_waits_takes_it_along(tmp_path: Path, repository: Path) -> None:
    crew, listener = opened(tmp_path, lambda *_: None)
    with crew:
        ticket = crew.file(order(repository)).id
        crew.message(ticket, "first: read the tests")
        assert [each.attempt for each in crew.message(ticket, SAID).messages] == [0, 0]
        report = crew.work_next()
        assert report is not None
        report = crew.show(ticket)
    assert (report.status, len(report.attempts), len(listener.tasks)) == (Status.VERIFIED, 1, 1)
    assert listener.tasks[0].text.index("read the tests") < listener.tasks[0].text.index(SAID)
    assert [each.attempt for each in report.messages] == [1, 1]


def test_what_is_said_as_a_job_ends_is_heard_before_it_has_ended(
    crew: Open, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = crew([FIX], [HALF])
    ticket = made.file(order(repository)).id
    store = made._store
    end = store.end

    def late(*args: object, **given: object) -> bool:
        monkeypatch.undo()
        made.message(ticket, "add half.py, too")
        assert not end(*args, **given)  # type: ignore[arg-type]
        return False

    monkeypatch.setattr(store, "end", late)
    assert made.work_next() is not None
    report = made.show(ticket)
    assert (report.status, report.files, len(report.attempts)) == (Status.VERIFIED, ("half.py", "sums.py"), 2)
    assert [each.attempt for each in report.messages] == [2]
    assert len(project.branches(repository)) == 2


def test_a_message_to_one_that_was_stopped_waits_until_it_goes_on(tmp_path: Path, repository: Path) -> None:
    crew, listener = opened(tmp_path, lambda crew, id: crew.stop(id))
    with crew:
        report = crew.fix(order(repository))
        assert report.status is Status.STOPPED
        waiting = crew.message(report.ticket.id, SAID)
        assert (waiting.status, waiting.messages[0].attempt) == (Status.STOPPED, 0)
        done = crew.resume(report.ticket.id)
    assert (done.status, done.files, len(listener.tasks)) == (Status.VERIFIED, ("half.py", "sums.py"), 3)
    assert [SAID in task.text for task in listener.tasks] == [False, False, True]


@pytest.mark.parametrize(
    ("text", "why"), [(" \n", "1 to 8,000 characters; this one has 0"), ("x" * 8_001, "this one has 8,001")]
)
def test_a_message_has_a_limit(crew: Open, repository: Path, text: str, why: str) -> None:
    made = crew([FIX])
    with pytest.raises(OrderRefused, match=why) as refused:
        made.message(made.file(order(repository)).id, text)
    assert exit_of_error(refused.value) == 2


def test_agents_that_hear_no_words_and_jobs_that_ended_say_what_to_do(crew: Open, repository: Path) -> None:
    made = crew([FIX])
    deaf = made.file(order(repository, agent="repair")).id
    with pytest.raises(OrderRefused, match=r"'repair' understands tests, not words: `nightcrew stop"):
        made.message(deaf, SAID)
    mixed = made.file(order(repository, agent="repair,model")).id
    assert made.message(mixed, SAID).messages[0].text == SAID
    judged = made.file_review(Order("review", repository), "main").id
    with pytest.raises(OrderRefused, match="understands tests, not words"):
        made.message(judged, SAID)
    for each in (deaf, mixed, judged):
        made.stop(each)
    done = made.fix(order(repository))
    with pytest.raises(WrongStatus, match=r"has ended \(verified\), and hears no more: `nightcrew comment"):
        made.message(done.ticket.id, SAID)
    made.reject(done.ticket.id)
    with pytest.raises(WrongStatus, match=r"has ended \(rejected\).*file a ticket"):
        made.message(done.ticket.id, SAID)


def test_a_job_takes_so_many_messages_and_no_more(crew: Open, repository: Path) -> None:
    made = crew([FIX])
    ticket = made.file(order(repository)).id
    for number in range(MOST):
        made.message(ticket, f"{number}")
    with pytest.raises(OrderRefused, match=f"was sent {MOST} messages"):
        made.message(ticket, "one more")


def test_where_nobody_understands_words_the_job_ends_all_the_same(crew: Open, repository: Path) -> None:
    made = crew(agent="auto", ask=False)
    ticket = made.file(order(repository)).id
    made.message(ticket, SAID)
    assert made.work_next() is not None
    report = made.show(ticket)
    assert (report.status, len(report.attempts)) == (Status.VERIFIED, 1)
    assert [each.attempt for each in report.messages] == [0]
    (told,) = [step for step in made.steps(ticket) if step.kind == "message"]
    assert (told.attempt, told.outcome) == (0, {"why": "no agent of this job understands words"})
