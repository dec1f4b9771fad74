"""A worker killed with SIGKILL at journal boundaries, and resumed: one branch, the same result, nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.crew import Crew
from orchestrator.records import Status
from tests.orchestrator import project
from tests.orchestrator.killed import SAID, SPOKEN, TALK


def work(state: Path, repository: Path, nth: int, *option: str) -> subprocess.CompletedProcess[str]:
    """Run a worker that dies at its nth write to the store."""
    argv = [sys.executable, "-m", "tests.orchestrator.killed", str(state), str(repository), str(nth), *option]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return subprocess.run(argv, env=environ, cwd=Path.cwd(), capture_output=True, text=True, check=False, timeout=300)


# In a life from the start, the writes are: 1 to 3 the pin, 4 the base, 5 the attempt, 6 to 11 its steps (intent, outcome), 12 its
# end, 13 to 15 the verdict, 16 the choice, 17 and 18 the commit, 19 and 20 the outbox around setting the branch, 21 the end.
@pytest.mark.parametrize("deaths", [(1, 2), (7, 4), (9, 12), (14, 3), (19, 6), (20,), (21,)])
def test_a_killed_job_goes_on_to_the_same_one_branch(tmp_path: Path, deaths: tuple[int, ...]) -> None:
    repository, state = project.make(tmp_path), tmp_path / "state"
    before = project.digest(repository)
    for nth in deaths:
        died = work(state, repository, nth)
        assert died.returncode == -signal.SIGKILL, died.stdout + died.stderr
    done = work(state, repository, 0)
    assert done.returncode == 0, done.stderr
    with Crew(state) as crew:
        (report,) = crew.list()
        report = crew.show(report.ticket.id)
        steps = crew.steps(report.ticket.id)
    assert (report.status, report.files) == (Status.VERIFIED, ("helper.py", "sums.py"))
    assert project.branches(repository) == [report.branch]
    assert project.git(repository, "show", f"{report.branch}:sums.py") + "\n" == project.FIXED
    assert project.git(repository, "rev-list", "--count", f"main..{report.branch}") == "1"
    assert project.digest(repository) == before
    again = work(state, repository, 0)
    assert again.stdout.split()[:2] == ["0", "verified"]
    written = [step.intent["path"] for step in steps if step.kind == "write" and step.outcome is not None]
    assert written == ["helper.py", "sums.py"]
    assert len([step for step in steps if step.kind == "verify" and step.outcome is not None]) <= 1
    assert list((state / "shadows").iterdir()) == []
    assert not (state / "sandboxes").exists() or list((state / "sandboxes").iterdir()) == []


# Once the question is there, the writes of a life that answers it are: 1 to 3 the answer, 4 to 6 the verdict, 7 the choice, and so on.
@pytest.mark.parametrize("deaths", [(2, 3, 8)])
def test_an_answer_is_taken_once_whatever_dies_after_it(tmp_path: Path, deaths: tuple[int, ...]) -> None:
    repository, state = project.make(tmp_path), tmp_path / "state"
    assert "paused a question" in work(state, repository, 0, "2").stdout
    for nth in deaths:
        died = work(state, repository, nth, "2")
        assert died.returncode == -signal.SIGKILL, died.stdout + died.stderr
    done = work(state, repository, 0, "2")
    assert done.returncode == 0, done.stderr
    with Crew(state) as crew:
        (report,) = crew.list()
        steps = crew.steps(report.ticket.id)
    assert (report.status, [report.branch]) == (Status.VERIFIED, project.branches(repository))
    assert "result = result + number" in project.git(repository, "show", f"{report.branch}:sums.py")
    assert len(report.attempts) == 1 and report.attempts[0].answer == 2
    assert len([step for step in steps if step.kind == "commit" and step.outcome is not None]) <= 2


def test_a_model_that_asked_goes_on_with_the_answer_and_is_told_nothing_twice(tmp_path: Path) -> None:
    repository, state = project.make(tmp_path), tmp_path / "state"
    assert "paused a question" in work(state, repository, 0, "all of them").stdout
    # Once the answer is written; amid what comes of it.
    for nth in (3, 15):
        died = work(state, repository, nth, "all of them")
        assert died.returncode == -signal.SIGKILL, died.stdout + died.stderr
    done = work(state, repository, 0, "all of them")
    assert done.returncode == 0, done.stderr
    with Crew(state) as crew:
        (report,) = crew.list()
        report, steps = crew.show(report.ticket.id), crew.steps(report.ticket.id)
    assert (report.status, report.files) == (Status.VERIFIED, ("helper.py", "sums.py"))
    assert report.attempts[0].answers == ("all of them",)
    replied = [step.intent["request"] for step in steps if step.kind == "note:model_replied"]
    assert len(replied) == len(set(replied)) == 2 + len(TALK)


# The writes of a life from the start: 1 to 4 as above, 5 the first attempt, 6 and 7 its step, 8 its end, 9 to 11 its verdict, 12 the
# second attempt, 13 and 14 its step, 15 its end, 16 to 18 its verdict, 19 the choice.
@pytest.mark.parametrize("deaths", [(11,)])
def test_a_second_attempt_hears_the_same_of_the_first_in_every_life(tmp_path: Path, deaths: tuple[int, ...]) -> None:
    repository, state = project.make(tmp_path), tmp_path / "state"
    for nth in deaths:
        died = work(state, repository, nth, "hears")
        assert died.returncode == -signal.SIGKILL, died.stdout + died.stderr
    done = work(state, repository, 0, "hears")
    assert done.returncode == 0, done.stderr
    with Crew(state) as crew:
        (report,) = crew.list()
        report = crew.show(report.ticket.id)
        steps = crew.steps(report.ticket.id)
        first = crew.diff(report.ticket.id, 1)
    assert (report.status, [report.branch]) == (Status.VERIFIED, project.branches(repository))
    assert [len(each.refused) for each in report.attempts] == [0, 1]
    assert "test_nothing_is_zero" in report.attempts[1].refused[0]
    assert [len(report.verdicts), len([step for step in steps if step.kind == "verify" and step.outcome])] == [2, 2]
    assert b"+    return 3" in first


# The writes of a life from the start: 1 to 4 as above, 5 the first attempt, 6 and 7 its step, 8 and 9 what it leaves, 10 its end, 11 and
# 12 the message in the journal of the second attempt, 13 that attempt, 14 the same as it begins, and so on.
@pytest.mark.parametrize("deaths", [(8,), (10, 4), (11,), (12, 2), (13, 3), (14, 1)])
def test_a_message_is_told_once_whatever_dies_meanwhile(tmp_path: Path, deaths: tuple[int, ...]) -> None:
    repository, state = project.make(tmp_path), tmp_path / "state"
    for nth in deaths:
        died = work(state, repository, nth, SPOKEN)
        assert died.returncode == -signal.SIGKILL, died.stdout + died.stderr
    done = work(state, repository, 0, SPOKEN)
    assert done.returncode == 0, done.stderr
    with Crew(state) as crew:
        (report,) = crew.list()
        report, steps = crew.show(report.ticket.id), crew.steps(report.ticket.id)
    assert (report.status, report.files) == (Status.VERIFIED, ("helper.py", "sums.py"))
    assert report.explanation.count(SAID) == 1
    assert [each.attempt for each in report.messages] == [2]
    assert [len(report.attempts), len([step for step in steps if step.kind == "message" and step.outcome])] == [2, 1]
    assert project.branches(repository) == [report.branch]
