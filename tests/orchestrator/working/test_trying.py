"""Attempts one after the other, with the real parts: the ladder's no goes back, agents follow each other, budgets pause."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agents import (
    Agent,
    Formed,
    ModelError,
    NoFix,
    OutOfBudget,
    Proposal,
    Query,
    Result,
    ScriptedAgent,
    Task,
    Trouble,
    Workspace,
    Write,
)
from orchestrator.crew import Crew
from orchestrator.engines import RungWatch
from orchestrator.records import Status
from orchestrator.reporting.documents import report_document
from orchestrator.wiring import real_engines
from orchestrator.working.allowance import Allowance, Amount
from orchestrator.working.routing import Offer
from sandbox import Command
from tests.orchestrator import project
from tests.orchestrator.crews import FIX, order
from tests.orchestrator.killed import Hearing
from verifier import Case, RungResult, Verdict
from verifier import Status as RungStatus

NOTHING = ScriptedAgent([NoFix("nothing came to mind")])
FIXING = ScriptedAgent([FIX])


class Spending:
    """An agent that pays for a call before it writes the fix."""

    name = "spending"

    def work(self, task: Task, workspace: Workspace) -> Result:
        """Reserve, settle, write."""
        del task
        workspace.settle(workspace.reserve(0.5, 600), 100, 50, 0.25)
        workspace.settle(workspace.reserve(0.5, 600), 100, 50, 0.25)
        workspace.write("sums.py", project.FIXED.encode())
        return Proposal(workspace.change(), "Count all", "Paid for.")


class Recalling:
    """An agent that asks, gets it wrong, and then goes by what the answer was."""

    name = "recalling"

    def work(self, task: Task, workspace: Workspace) -> Result:
        """Ask, write what the ladder refuses, then what is right where the text of the ticket has the answer."""
        if not task.refused and not task.answers:
            return Query("Shall the first number count?")
        right = "Shall the first number count?\nThe answer was:\nof course" in task.text
        workspace.write("sums.py", project.FIXED.encode() if right else project.WRONG)
        return Proposal(workspace.change(), "Count all", "As was said.")


class Absent:
    """An agent whose model is not there."""

    name = "absent"

    def work(self, task: Task, workspace: Workspace) -> Result:
        """Fail as an agent of a model does."""
        del task, workspace
        raise ModelError(Trouble.UNREACHABLE, "nobody answers")


class Formal:
    """An agent that notes what came of a form, and keeps what it is told of earlier ones."""

    name = "formal"

    def __init__(self) -> None:
        self.told: list[tuple[Formed, ...]] = []

    def work(self, task: Task, workspace: Workspace) -> Result:
        """Note that one of three replies could be used."""
        self.told.append(task.formed)
        workspace.note("turn", {"model": "m", "forms": {"any": [3, 1]}})
        return NoFix("nothing came to mind")


class Slow:
    """An agent that takes all the time it gets."""

    name = "slow"

    def __init__(self, now: list[float]) -> None:
        self.now = now

    def work(self, task: Task, workspace: Workspace) -> Result:
        """Let the time pass."""
        del task
        self.now[0] += workspace.remaining_s()
        raise OutOfBudget("no time")


def by_reading(case: Case, watch: RungWatch) -> Verdict:
    """Judge a change by its text, in no time: what the real ladder would say of the project."""
    del watch
    with case.open(case.change.tree) as sandbox:
        text = (sandbox.run(Command(("cat", "sums.py")))).stdout.decode()
    said = RungStatus.PASS if text == project.FIXED else RungStatus.FAIL
    rungs = (RungResult("reproduce", RungStatus.PASS, ""), RungResult("suite", said, "test_nothing_is_zero fails"))
    return Verdict(case.change.base, case.change.tree, rungs)


@contextmanager
def opened(
    tmp_path: Path,
    agents: Mapping[str, Agent],
    *,
    allowance: Allowance = Allowance(),
    ticks: Callable[[], float] = time.monotonic,
    **settings: Any,
) -> Iterator[Crew]:
    """Open a crew whose agents are these, by name; `auto` has them all, the first free and each next one dearer."""
    state = tmp_path / "state"
    offers = tuple(Offer(name, 0.05 * at) for at, name in enumerate(agents))
    engines = replace(
        real_engines(state),
        agent=lambda name, _: agents[name],
        offers=lambda: offers,
        allowance=lambda: allowance,
        judge=by_reading,
    )
    settings = {"driver": "copy", **settings}
    with Crew(state, project.settings(state, **settings), engines=engines, ticks=ticks) as crew:
        yield crew


def test_what_the_ladder_says_goes_back_and_losers_are_kept_with_their_verdicts(
    tmp_path: Path, repository: Path
) -> None:
    with opened(tmp_path, {"acp:x": Hearing()}, agent="acp:x") as crew:
        report = crew.fix(order(repository))
        patches = [crew.diff(report.ticket.id, attempt) for attempt in (1, 2)]
    assert (report.status, len(report.attempts)) == (Status.VERIFIED, 2)
    assert b"+    return 3" in patches[0]
    assert b"+    for number in numbers:" in patches[1]
    document = report_document(report)
    assert [each["verdict"]["verified"] for each in document["tries"]] == [False, True]
    assert "Count all numbers" in document["tries"][1]["refused"][0]
    assert "test_nothing_is_zero" in document["tries"][1]["refused"][0]
    depot = next((tmp_path / "state/depots").iterdir())
    for each in document["tries"]:
        assert project.git(repository, f"--git-dir={depot}", "rev-parse", f"{each['ref']}^{{tree}}") == each["tree"]


def test_the_next_of_a_list_follows_who_finds_nothing_or_cannot_be_asked(tmp_path: Path, repository: Path) -> None:
    agents: dict[str, Agent] = {"repair": NOTHING, "acp:x": Absent(), "acp:y": FIXING, "acp:z": NOTHING}
    with opened(tmp_path, agents, agent="repair,acp:x,acp:y,acp:z") as crew:
        report = crew.fix(order(repository))
    assert report.status is Status.VERIFIED
    assert [(each.agent, each.state) for each in report.attempts] == [
        ("repair", "no_fix"),
        ("acp:x", "no_fix"),
        ("acp:y", "proposed"),
    ]
    assert "nobody answers" in report.attempts[1].why
    assert report.attempts[2].reason == "attempt 2 found no fix"


def test_auto_learns_from_verdicts_and_says_why_an_agent_was_tried(tmp_path: Path, repository: Path) -> None:
    with opened(tmp_path, {"repair": NOTHING, "acp:x": FIXING}, agent="auto") as crew:
        first = crew.fix(order(repository))
        second = crew.fix(order(repository))
    assert [each.agent for each in first.attempts] == ["repair", "acp:x"]
    assert "never judged before" in first.attempts[0].reason
    assert "attempt 1 found no fix; 2 of 2: never judged before" in first.attempts[1].reason
    assert "0 of 1 verified on such tickets here" in second.attempts[0].reason
    assert "1 of 1 verified on such tickets here" in second.attempts[1].reason
    assert second.status is Status.VERIFIED


def test_an_attempt_of_a_model_is_told_what_came_of_the_forms_of_those_before(tmp_path: Path, repository: Path) -> None:
    agent = Formal()
    with opened(tmp_path, {"model:m": agent, "acp:x": agent}, agent="model:m,acp:x") as crew:
        crew.fix(order(repository))
        crew.fix(order(repository))
    assert agent.told == [(), (), (Formed("m", "any", 3, 1),), ()]


def test_a_slow_agent_has_its_share_and_the_next_one_the_rest(tmp_path: Path, repository: Path) -> None:
    now = [0.0]
    agents: dict[str, Agent] = {"repair": Slow(now), "acp:x": FIXING}
    with opened(tmp_path, agents, agent="repair,acp:x", ticks=lambda: now[0]) as crew:
        report = crew.fix(order(repository, seconds=1000.0))
    assert (report.status, len(report.attempts)) == (Status.VERIFIED, 2)
    assert "its share of the seconds" in report.attempts[0].why
    assert report.attempts[0].seconds == pytest.approx(375.0)


def test_at_its_tokens_a_job_pauses_and_goes_on_with_more(tmp_path: Path, repository: Path) -> None:
    with opened(tmp_path, {"acp:x": Spending()}, agent="acp:x", tokens=700) as crew:
        report = crew.fix(order(repository))
        assert (report.status, report.next) == (
            Status.PAUSED,
            f"nightcrew resume {report.ticket.id} --tokens 100000",
        )
        assert "the job's tokens are spent: 150 of 700, and the next call may cost 600" in report.why
        assert crew.resume(report.ticket.id, tokens=1000).status is Status.VERIFIED
        assert crew.show(report.ticket.id).cost.usd == pytest.approx(0.75)


def test_a_budget_that_ends_between_attempts_to_compare_pauses_the_job_unless_one_is_verified(
    tmp_path: Path, repository: Path
) -> None:
    agents: dict[str, Agent] = {"acp:x": ScriptedAgent([Write("sums.py", project.WRONG)]), "acp:y": Spending()}
    with opened(tmp_path, agents, agent="acp:x,acp:y", attempts=2, usd=0.3) as crew:
        report = crew.fix(order(repository))
        assert (report.status, report.next) == (Status.PAUSED, f"nightcrew resume {report.ticket.id} --usd 1")
        refs = [each["ref"] for each in report_document(report)["tries"]]
        assert refs == [f"refs/nightcrew/jobs/{report.ticket.id}/attempt-1", None]
        assert crew.resume(report.ticket.id, usd=1.0).status is Status.VERIFIED
        agents["acp:x"] = FIXING
        assert crew.fix(order(repository)).status is Status.VERIFIED


def test_what_a_person_answered_is_known_to_the_attempts_after_it(tmp_path: Path, repository: Path) -> None:
    with opened(tmp_path, {"acp:x": Recalling()}, agent="acp:x") as crew:
        ticket = crew.fix(order(repository)).ticket.id
        report = crew.answer(ticket, "of course")
    assert (report.status, len(report.attempts)) == (Status.VERIFIED, 2)
    assert [each.answers for each in report.attempts] == [("of course",), ()]


def test_at_a_day_s_limit_a_job_pauses_and_says_whose_it_is(tmp_path: Path, repository: Path) -> None:
    allowance = Allowance(user=Amount(usd=0.6))
    with opened(tmp_path, {"acp:x": Spending()}, agent="acp:x", allowance=allowance) as crew:
        report = crew.fix(order(repository, user="ann"))
        assert (report.status, report.next) == (Status.PAUSED, f"nightcrew resume {report.ticket.id}")
        assert "this user's dollars are spent: $0.25 of $0.6 in 24 hours" in report.why
        assert "budget.user_usd_per_day" in report.why
        assert crew.fix(order(repository, user="bob", agent="acp:x")).status is Status.PAUSED
        assert "$0.25 of $0.6" in crew.list()[0].why, "another user has a day of their own"
