"""Deciding about changes of real jobs: accept, reject, a part, a comment; each about the version that was seen."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents import Write
from orchestrator.errors import OrderRefused, Superseded, WrongStatus
from orchestrator.reading.hunks import hunks_of
from orchestrator.records import PART, JobReport, Remark, Status
from orchestrator.reviewing import Selection
from tests.orchestrator import project
from tests.orchestrator.crews import FIX, Open, order

NOTES = Write("notes.txt", b"not asked for\n")
BETTER = Write("sums.py", project.FIXED.replace("result = 0", "result = 0  # nothing yet").encode())


def hunk(crew: object, report: JobReport, path: str) -> frozenset[str]:
    change = crew.change(report.ticket.id)  # type: ignore[attr-defined]
    return frozenset(each.id for each in hunks_of(change)[0] if each.path == path)


def test_a_part_is_judged_before_it_is_what_is_proposed(crew: Open, repository: Path) -> None:
    made = crew([FIX, NOTES])
    report = made.fix(order(repository))
    assert report.files == ("notes.txt", "sums.py")
    queued = made.desk.take(report.ticket.id, Selection(hunk(made, report, "sums.py")), "ann")
    assert (queued.status, queued.why) == (Status.QUEUED, "a part was chosen by ann")
    after = made.work_next()
    assert after is not None and after.verdict is not None
    assert (after.status, after.files, after.agent) == (Status.VERIFIED, ("sums.py",), f"{PART}1")
    assert after.verdict.tree == after.attempts[1].tree != report.attempts[0].tree
    assert after.branch == f"{report.branch}-2"
    assert project.branches(repository) == [report.branch, after.branch]
    assert "the part of it that a person chose (ann)" in after.explanation


def test_a_part_that_does_not_hold_leaves_the_version_that_does(crew: Open, repository: Path) -> None:
    made = crew([FIX, NOTES])
    report = made.fix(order(repository))
    made.desk.take(report.ticket.id, Selection(hunk(made, report, "notes.txt")), "ann")
    after = made.work_next()
    assert after is not None
    assert (after.status, after.files, after.branch) == (Status.VERIFIED, report.files, report.branch)
    assert after.why.startswith("attempt 2 is not verified: reproduce")
    assert after.why.endswith("attempt 1 stands")


def test_an_edit_is_judged_as_it_was_typed(crew: Open, repository: Path) -> None:
    made = crew([FIX])
    report = made.fix(order(repository))
    (id,) = hunk(made, report, "sums.py")
    made.desk.take(
        report.ticket.id, Selection(frozenset({id}), edits={id: ("    for number in list(numbers):",)}), "ann"
    )
    after = made.work_next()
    assert after is not None and after.status is Status.VERIFIED
    assert b"list(numbers)" in made.diff(report.ticket.id)


def test_a_comment_sends_the_attempt_on_from_its_change(crew: Open, repository: Path) -> None:
    made = crew([FIX, NOTES], [BETTER])
    report = made.fix(order(repository))
    remarks = [Remark("say why it starts at 0", "sums.py", 2), Remark("keep it \x1b[31mshort")]
    back = made.comment(report.ticket.id, remarks, user="ann", agent="command:true")
    assert (back.status, back.why) == (Status.QUEUED, "sent back to work by ann")
    after = made.work_next()
    assert after is not None
    assert (after.status, after.files) == (Status.VERIFIED, ("notes.txt", "sums.py"))
    first, second = after.attempts
    assert (second.follows, second.tree) == (1, after.verdict.tree if after.verdict else None)
    assert "- sums.py:2: say why it starts at 0\n- keep it short" in second.heard[-1]
    reading = made.between(report.ticket.id, 1, 2)
    assert [each.hunk.path for group in reading.groups for each in group.hunks] == ["sums.py"]
    (said, _) = made.reviews.said(report.ticket.id)
    assert (said.sent, said.who, said.tree) == (True, "ann", first.tree)
    assert [each.what for each in made.reviews.decisions()] == ["comment"]


def test_an_agent_that_understands_no_words_is_sent_none(crew: Open, repository: Path) -> None:
    made = crew([FIX], agent="repair")
    report = made.fix(order(repository, agent="repair"))
    with pytest.raises(OrderRefused, match="understands tests, not words"):
        made.comment(report.ticket.id, [Remark("better")])
    with pytest.raises(OrderRefused, match="1 to"):
        made.comment(report.ticket.id, [Remark(" ")], agent="command:true")
    assert made.show(report.ticket.id).status is Status.VERIFIED
    assert made.reviews.said(report.ticket.id) == ()


def test_decisions_are_about_the_version_that_was_seen(crew: Open, repository: Path) -> None:
    made = crew([FIX, NOTES])
    report = made.fix(order(repository))
    id, tree = report.ticket.id, report.attempts[0].tree
    made.desk.take(id, Selection(hunk(made, report, "sums.py")), "ann", tree)
    for decide in (made.desk.apply, made.desk.accept):
        with pytest.raises(WrongStatus):
            decide(id, "bob", tree)
    made.work_next()
    for decide in (made.desk.apply, made.desk.accept):
        with pytest.raises(Superseded, match="another version"):
            decide(id, "bob", tree)
    with pytest.raises(Superseded):
        made.desk.reject(id, "bob", "", tree)
    assert made.desk.accept(id, "bob").status is Status.ACCEPTED
    assert (repository / "sums.py").read_text() == project.BUGGY


def test_all_and_nothing_are_no_parts(crew: Open, repository: Path) -> None:
    made = crew([FIX])
    report = made.fix(order(repository))
    for none_or_all, said in (
        (frozenset[str](), "nothing is left"),
        (hunk(made, report, "sums.py"), "all of the change"),
    ):
        with pytest.raises(OrderRefused, match=said):
            made.desk.take(report.ticket.id, Selection(none_or_all), "ann")


def test_what_was_decided_is_exported_with_what_was_proposed(crew: Open, repository: Path) -> None:
    import json

    from orchestrator.reviewing.signals import signal_lines

    made = crew([FIX])
    report = made.fix(order(repository))
    made.reject(report.ticket.id, "too clever")
    (line,) = signal_lines(made)
    signal = json.loads(line)
    assert signal["decision"]["reason"] == "too clever"
    assert signal["candidates"][0]["verdict"]["verified"] is True
    assert "+    for number in numbers:" in signal["candidates"][0]["diff"]
