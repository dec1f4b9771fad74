"""The seconds of a job are a deadline: for its agent, for its judging, for every run of a suite that hangs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from agents import OutOfBudget, Write
from orchestrator.exits import exit_of_status
from orchestrator.records import AddedTest, Event, Status
from sandbox import Command, LocalDriver
from tests.contracts.workspaces import BUDGET_S, PASSING, opened
from tests.orchestrator import project
from tests.orchestrator.crews import FIX, Open, order
from verifier import Ran


def test_a_budget_that_is_spent_pauses_with_the_work_kept(crew: Open, repository: Path) -> None:
    now = [0.0]

    def pass_time(event: Event) -> None:
        if event.text == "write new.py":
            now[0] += 1000.0

    opened = crew([Write("new.py", b"x = 1\n"), FIX], [FIX], ticks=lambda: now[0])
    report = opened.fix(order(repository, seconds=1000.0), pass_time)
    assert report.status is Status.PAUSED
    assert report.why.startswith("paused: the budget of 1000 seconds is spent")
    assert report.next == f"nightcrew resume {report.ticket.id} --seconds 600"
    again = opened.resume(report.ticket.id, seconds=300.0)
    assert (again.status, again.files) == (Status.VERIFIED, ("new.py", "sums.py"))


def test_a_command_that_outlasts_the_budget_is_ended_and_what_it_wrote_is_kept(crew: Open, repository: Path) -> None:
    slow = Command(("sh", "-c", "echo x = 1 > new.py; sleep 600"))
    now = [0.0]

    def pass_time(event: Event) -> None:
        if event.text == "write first.py":
            now[0] += 70.0

    def ticks() -> float:
        now[0] += 0.001
        return now[0]

    # Of 100 seconds 25 are for judging: when the command starts, 5 are left.
    opened = crew([Write("first.py", b""), slow], ticks=ticks)
    report = opened.fix(order(repository, seconds=100.0), pass_time)
    steps = {step.kind: step for step in opened.steps(report.ticket.id)}
    assert steps["run"].outcome is not None
    assert steps["run"].outcome["ended"] == "timed out"
    assert report.cost.seconds < 60


HANGS_WHERE_ASKED = """\
import pathlib, time, unittest


class Hangs(unittest.TestCase):
    def test_hangs(self):
        while pathlib.Path("build/hang").exists():
            time.sleep(0.01)
"""
WITH_HANGS = replace(project.UNITTEST, args=("tests.test_sums", "tests.test_hangs"))


def test_a_budget_that_ends_while_judging_pauses_the_job_and_resuming_judges_again(
    crew: Open, repository: Path
) -> None:
    (repository / "tests/test_hangs.py").write_text(HANGS_WHERE_ASKED)
    (repository / "build/hang").touch()
    before, now, seen = project.digest(repository), [0.0], list[Event]()

    def watch(event: Event) -> None:
        seen.append(event)
        now[0] = 299.0 if (event.kind, event.text) == ("verify", "suite …") else now[0]

    opened = crew([FIX], suite=WITH_HANGS, ticks=lambda: now[0])
    report = opened.fix(order(repository), watch)
    assert (report.status, report.verdict, exit_of_status(report.status)) == (Status.PAUSED, None, 4)
    assert "the budget of 300 seconds is spent; its work is kept" in report.why
    assert seen[-2].text == "suite …"
    assert project.digest(repository) == before
    (repository / "build/hang").unlink()
    seen.clear()
    # No second script: an agent that were asked again would have nothing to play.
    report = opened.resume(report.ticket.id, seen.append, seconds=120.0)
    assert report.status is Status.VERIFIED, report
    assert {"pin", "attempt"}.isdisjoint(event.kind for event in seen)


def test_one_attempt_that_is_verified_is_delivered_where_the_budget_ends_judging_another(
    crew: Open, repository: Path
) -> None:
    (repository / "tests/test_hangs.py").write_text(HANGS_WHERE_ASKED)
    hanging = Write("sums.py", f"{project.FIXED}\n\nopen('build/hang', 'w').close()\n".encode())
    now = [0.0]

    def watch(event: Event) -> None:
        first_is_judged = (event.kind, event.text.partition(":")[0]) == ("rung", "suite")
        now[0] = 299.0 if first_is_judged else now[0]

    opened = crew([FIX], [hanging], suite=WITH_HANGS, attempts=2, ticks=lambda: now[0])
    report = opened.fix(order(repository), watch)
    assert (report.status, report.files, len(report.attempts)) == (Status.VERIFIED, ("sums.py",), 2)
    assert project.git(repository, "show", f"{report.branch}:sums.py") + "\n" == project.FIXED


def test_a_ticket_s_test_that_hangs_until_the_budget_ends_is_not_taken_for_a_failure(
    crew: Open, repository: Path
) -> None:
    hanging = AddedTest("tests/test_new.py", b"import time\n\n\ndef test_hangs():\n    time.sleep(3600)\n")
    opened = crew([FIX], suite=project.PYTEST, seconds=4.0)
    report = opened.fix(order(repository, failing=(), added=(hanging,)))
    assert report.status is Status.PAUSED
    assert "but for 1 that are kept for judging" in report.why
    assert [step.outcome for step in opened.steps(report.ticket.id) if step.kind == "reproduce"] == [None]


def test_a_run_of_the_suite_that_the_budget_cuts_is_no_word_of_the_suite(tmp_path: Path) -> None:
    probe = LocalDriver().probe()
    if not probe.works:
        pytest.skip(probe.why)
    with opened("copy", tmp_path) as hold:
        hold.workspace.write("tests/test_hangs.py", b"import time\n\n\ndef test_hangs():\n    time.sleep(3600)\n")
        hold.owner.now = BUDGET_S - 2.0
        with pytest.raises(OutOfBudget):
            hold.workspace.test()
        assert hold.workspace.limits.wall_s == 60.0
        hold.owner.now = 0.0
        assert hold.workspace.test([PASSING]).ran is Ran.COMPLETED
