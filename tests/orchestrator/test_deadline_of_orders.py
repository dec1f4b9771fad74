"""A budget ends at the deadline, and says so."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from agents import OutOfBudget, Write
from orchestrator.records import Event, Job, Status
from orchestrator.working.budget import Budget
from orchestrator.working.deadline import cut_to, shown, total_s
from tests.orchestrator.crews import FIX, Open, order

JOB = Job(1, "261121-a", Status.WORKING, seconds=600.0)


def test_a_budget_is_cut_to_a_deadline_that_comes_before_its_end() -> None:
    for deadline, wanted in ((1_100.0, 150.0), (1_800.0, 600.0), (1_000.0, 600.0), (None, 600.0)):
        assert total_s(replace(JOB, deadline=deadline), 50.0, 1_000.0) == wanted


def test_a_budget_that_was_cut_says_by_what() -> None:
    job = replace(JOB, deadline=1_100.0)
    told = cut_to(job, 100.0)
    assert told == f", cut to the deadline {shown(1_100.0)},"
    assert cut_to(job, 600.0) == cut_to(JOB, 600.0) == ""
    with pytest.raises(OutOfBudget, match=r"the budget of 100 seconds, cut to the deadline .*, is spent, but for 25"):
        Budget(100.0, 100.0, cut_to=told).before_judging().check()


def test_a_job_at_work_pauses_at_its_deadline_with_its_work_kept(crew: Open, repository: Path) -> None:
    now = [0.0]

    def pass_time(event: Event) -> None:
        if event.text == "write new.py":
            now[0] += 1_000.0

    opened = crew([Write("new.py", b"x = 1\n"), FIX], [FIX], ticks=lambda: now[0])
    report = opened.fix(order(repository, seconds=3_000.0, deadline=time.time() + 900.0), pass_time)
    assert report.status is Status.PAUSED
    assert "cut to the deadline" in report.why
    again = opened.resume(report.ticket.id, seconds=2_000.0)
    assert (again.status, again.files) == (Status.VERIFIED, ("new.py", "sums.py"))
