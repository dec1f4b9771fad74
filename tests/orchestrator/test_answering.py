"""A job that ends with a question: it waits, is shown, takes one answer, and goes on from there without another search."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents import Ask, Write
from orchestrator.codec import decode
from orchestrator.errors import UnknownOption, WrongStatus
from orchestrator.exits import exit_of_error, exit_of_status
from orchestrator.records import AttemptRecord, AttemptState, Event, Status
from tests.orchestrator import project
from tests.orchestrator.crews import FIX, Open, order

OTHER = project.FIXED.replace("result += number", "result = result + number")
ASK = Ask("Shall it add in place?", (FIX, Write("sums.py", OTHER.encode())))


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


def test_the_chosen_option_is_verified_and_delivered(crew: Open, repository: Path) -> None:
    opened = crew([ASK])
    ticket = opened.fix(order(repository)).ticket.id
    report = opened.answer(ticket, 2)
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
