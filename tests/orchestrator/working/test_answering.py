"""A job that ends with a question: it waits, is shown, takes one answer, and goes on from there without another search."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agents import Ask, Inquire, NoFix, Result, Task, Workspace, Write
from orchestrator.crew import Crew
from orchestrator.errors import OrderRefused, UnknownOption, WrongStatus
from orchestrator.exits import exit_of_error, exit_of_status
from orchestrator.intake import settle
from orchestrator.records import AttemptRecord, AttemptState, Event, Job, Status
from orchestrator.reporting.documents import question_document, report_document
from orchestrator.settings import Settings
from orchestrator.store.codec import decode
from orchestrator.wiring import real_engines
from orchestrator.working.answering import Answer, answered
from sandbox import Command
from tests.orchestrator import project
from tests.orchestrator.crews import FIX, Open, order

OTHER = project.FIXED.replace("result += number", "result = result + number")
ASK = Ask("Shall it add in place?", (FIX, Write("sums.py", OTHER.encode())))
HALF = Write("half.py", b"HALF = 1\n")
WHICH = Inquire("What shall total() return?", ("the sum", "the mean"))


def test_a_job_waits_with_its_question_and_resuming_asks_again(crew: Open, repository: Path) -> None:
    before, seen = project.digest(repository), list[Event]()
    opened = crew([ASK])
    report = opened.fix(order(repository), seen.append)
    assert (report.status, exit_of_status(report.status), report.branch) == (Status.PAUSED, 4, None)
    assert report.next == f"nightcrew answer {report.ticket.id} N"
    assert "ask" in {event.kind for event in seen}
    # A second script does not exist: nothing is searched again.
    again = opened.resume(report.ticket.id)
    for told in (report, again, opened.show(report.ticket.id)):
        assert (told.status, told.question, len(told.options)) == (Status.PAUSED, ASK.text, 2)
        assert b"+        result = result + number" in told.diffs[1] and b"result = result" not in told.diffs[0]
    assert [brief.question for brief in opened.list()] == [ASK.text]
    assert len(again.attempts) == 1
    assert project.branches(repository) == []
    assert project.digest(repository) == before


def test_the_chosen_option_is_verified_and_delivered(crew: Open, repository: Path, tmp_path: Path) -> None:
    opened = crew([ASK])
    asked = opened.fix(order(repository))
    ticket = asked.ticket.id
    report = opened.answer(ticket, 2)
    (depot,) = (tmp_path / "state/depots").iterdir()
    for (tried,) in (report_document(asked)["tries"], report_document(report)["tries"]):
        assert project.git(depot, "rev-parse", f"{tried['ref']}^{{tree}}") == tried["tree"]
    assert (report.status, report.files, report.question) == (Status.VERIFIED, ("sums.py",), "")
    assert project.branches(repository) == [report.branch]
    assert project.git(repository, "show", f"{report.branch}:sums.py") + "\n" == OTHER
    assert "2 changes were offered, and somebody chose this one" in project.git(
        repository, "log", "-1", "--format=%B", str(report.branch)
    )
    with pytest.raises(WrongStatus, match=r"answered already, with option 2 .* it is verified"):
        opened.answer(ticket, 1)
    assert len(project.branches(repository)) == 1


def test_none_of_the_options_is_an_honest_end(crew: Open, repository: Path) -> None:
    opened = crew([ASK])
    report = opened.answer(opened.fix(order(repository)).ticket.id, 0)
    assert (report.status, exit_of_status(report.status), report.branch) == (Status.NO_FIX, 3, None)
    assert "none of the 2 changes" in report.why
    with pytest.raises(WrongStatus, match="answered already, with none of the options"):
        opened.answer(report.ticket.id, 1)


def test_an_option_there_is_not_and_a_ticket_that_asks_nothing_are_told(crew: Open, repository: Path) -> None:
    opened = crew([ASK], [FIX])
    asked, sure = (opened.fix(order(repository)).ticket.id for _ in range(2))
    with pytest.raises(UnknownOption, match="has the options 1 to 2, and `none`; 3 is no option") as told:
        opened.answer(asked, 3)
    assert exit_of_error(told.value) == 2
    with pytest.raises(UnknownOption, match="'the second' is no option of it"):
        opened.answer(asked, "the second")
    with pytest.raises(WrongStatus, match="asks nothing; it is verified"):
        opened.answer(sure, 1)
    assert opened.show(asked).question == ASK.text


def test_without_anybody_to_ask_the_likeliest_is_taken(crew: Open, repository: Path) -> None:
    configured = crew([ASK], ask=False).fix(order(repository))
    typed = crew([ASK]).fix(order(repository, ask=False))
    for report in (configured, typed):
        assert report.status is Status.VERIFIED
        assert project.git(repository, "show", f"{report.branch}:sums.py") + "\n" == project.FIXED


def test_what_another_attempt_proposed_and_the_ladder_verified_needs_no_answer(crew: Open, repository: Path) -> None:
    opened = crew([ASK], [FIX])
    report = opened.fix(order(repository, attempts=2))
    assert (report.status, report.question) == (Status.VERIFIED, "")
    assert [attempt.state for attempt in report.attempts] == [AttemptState.ASKED, AttemptState.PROPOSED]
    with pytest.raises(WrongStatus, match="is verified: it cannot be answered now"):
        opened.answer(report.ticket.id, 1)


def test_an_attempt_that_an_earlier_version_kept_is_read_as_one_that_asks_nothing() -> None:
    kept = '{"number":1,"agent":"repair","seed":0,"state":"proposed","tree":"abc","title":"t","explanation":"e","why":"","needs":"","driver":"fuse","sandbox":"local","without":[]}'
    record = decode(AttemptRecord, kept)
    assert (record.state, record.question, record.options, record.answer) == (AttemptState.PROPOSED, "", (), None)


def test_a_job_waits_for_words_and_its_agent_goes_on_with_them(crew: Open, repository: Path, tmp_path: Path) -> None:
    opened = crew(*[[HALF, WHICH, FIX]] * 2)
    report = opened.fix(order(repository))
    ticket = report.ticket.id
    assert (report.status, exit_of_status(report.status), report.branch) == (Status.PAUSED, 4, None)
    assert (report.why, report.next) == (
        "a question: the attempt goes on with the answer",
        f"nightcrew answer {ticket} N",
    )
    again = opened.resume(ticket)
    for told in (report, again, *opened.list()):
        assert (told.status, told.question, told.choices) == (Status.PAUSED, WHICH.text, WHICH.choices)
    assert question_document(again)["choices"] == [{"number": 1, "text": "the sum"}, {"number": 2, "text": "the mean"}]
    # The files are as the agent left them, for it to go on with.
    (depot,) = (tmp_path / "state/depots").iterdir()
    assert project.git(depot, "show", f"{report.attempts[0].tree}:half.py") == "HALF = 1"
    done = opened.answer(ticket, 2)
    assert (done.status, done.files, done.question) == (Status.VERIFIED, ("half.py", "sums.py"), "")
    assert (len(done.attempts), done.attempts[0].answers) == (1, ("the mean",))
    (answered,) = [step for step in opened.steps(ticket) if step.kind == "answer"]
    assert answered.intent == {"attempt": 1, "question": WHICH.text, "text": "the mean"}
    with pytest.raises(WrongStatus, match="was answered already, with 'the mean'; it is verified"):
        opened.answer(ticket, "the sum")


def test_words_of_ones_own_are_an_answer_and_some_are_none() -> None:
    job = Job(1, "t", Status.PAUSED)
    record = AttemptRecord(1, "model", 0, AttemptState.ASKED, question="Which?", choices=("a", "b"))
    record = replace(record, asked=("Before?",), answers=("first",))
    said = answered(job, [record], "like\x1b[2J this\n")
    assert (said.state, said.answers, said.question) == (AttemptState.OPEN, ("first", "like this"), "")
    assert said.asked == ("Before?", "Which?")
    for wrong, why in (
        (0, r"the answers 1 to 2, and takes other words \(--text TEXT\); `none` is no answer"),
        (3, "3 is no answer"),
        (" \n", "has 1 to 8,000 characters; this one has 0"),
        ("x" * 8_001, "this one has 8,001"),
    ):
        with pytest.raises(UnknownOption, match=why) as refused:
            answered(job, [record], wrong)
        assert exit_of_error(refused.value) == 2
    with pytest.raises(UnknownOption, match="has words for an answer"):
        answered(job, [replace(record, choices=())], 1)


def test_an_answer_to_what_was_asked_before_is_none_to_what_is_asked_now() -> None:
    job = Job(1, "t", Status.PAUSED)
    first = AttemptRecord(1, "model", 0, AttemptState.ASKED, question="Which?", choices=("a", "b"))
    later = replace(first, question="And then?", answers=("a",))
    assert Answer(1, first).given(job, [first]).answers == ("a",)
    with pytest.raises(WrongStatus, match="asks something else by now"):
        Answer(1, first).given(job, [later])


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"agent": "repair"}, "the agent 'repair' makes no plan"),
        ({"agent": "command:true"}, "the agent 'command:true' makes no plan"),
        ({"agent": "model,repair"}, "the agent 'repair' makes no plan"),
        ({"agent": "auto"}, "the agent 'auto' makes no plan"),
        ({"agent": "model", "ask": False}, "a plan waits for somebody's answer"),
    ],
)
def test_a_plan_that_nobody_makes_or_approves_is_refused(repository: Path, given: Mapping[str, Any], why: str) -> None:
    with pytest.raises(OrderRefused, match=why) as refused:
        settle(order(repository, plan=True, **given), Settings(suite=project.UNITTEST))
    assert exit_of_error(refused.value) == 2
    assert settle(order(repository, plan=True, agent="model:local"), Settings(suite=project.UNITTEST)).ask


def test_what_an_agent_does_without_a_plan_is_not_taken_where_one_was_to_be_approved(
    crew: Open, repository: Path
) -> None:
    # The first is asked for before there is a ticket.
    report = crew([], [FIX]).fix(order(repository, plan=True, agent="model"))
    assert (report.status, report.branch) == (Status.NO_FIX, None)
    assert "It made no plan" in report.why


class Moving:
    """An agent that keeps a change by its tree, goes back to the base, and takes the change back."""

    name = "moving"

    def work(self, task: Task, workspace: Workspace) -> Result:
        """Write, go back, write something else, and take back what was there."""
        del task
        workspace.write("sums.py", project.FIXED.encode())
        workspace.run(Command(("sh", "-c", "chmod +x sums.py; mkdir new; echo 1 >new/one.py; rm conftest.py")))
        kept = workspace.change()
        workspace.restore(kept.base)
        assert not workspace.change()
        workspace.write("other.py", b"x = 1\n")
        workspace.restore(kept.tree)
        assert workspace.change() == kept
        return NoFix("it only looked")


def test_a_shadow_goes_back_to_a_tree_it_had(tmp_path: Path, repository: Path) -> None:
    state = tmp_path / "state"
    engines = replace(real_engines(state), agent=lambda *_: Moving())
    with Crew(state, project.settings(state), engines=engines) as opened:
        report = opened.fix(order(repository))
    assert report.why == "it only looked"
    (depot,) = (state / "depots").iterdir()
    tree = report.attempts[0].tree
    assert project.git(depot, "ls-tree", "--name-only", str(tree)).split() == [".gitignore", "new", "sums.py", "tests"]
    assert project.git(depot, "ls-tree", str(tree), "sums.py").startswith("100755")
