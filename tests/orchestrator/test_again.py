"""A job whose mount or sandbox dies under its agent, or under its judges, goes on from its journal, once."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agents import NoFix, Proposal, Result, Task, Workspace
from orchestrator.crew import Crew
from orchestrator.records import Order, Status
from orchestrator.wiring import real_engines
from sandbox import EngineAway, HostsAway, Limits, Sandbox, SandboxError, SandboxUnavailable
from shadowfs import FuseDriver, ShadowfsError
from shadowfs.fuseshadow import FuseShadow
from tests.orchestrator import project
from verifier import InsideRunner, Ladder, Suite, SuiteReport


class Unlucky:
    """An agent under which something breaks, so many times."""

    name = "unlucky"

    def __init__(self, error: Exception, times: int) -> None:
        self.error = error
        self.times = times

    def work(self, task: Task, workspace: Workspace) -> Result:
        """Edit in two steps, and neither twice; between them something breaks."""
        del task
        done = {str(step.data["path"]) for step in workspace.journal() if step.kind == "write"}
        if "helper.py" not in done:
            workspace.write("helper.py", b"START = 0\n")
        if self.times:
            self.times -= 1
            raise self.error
        workspace.write("sums.py", project.FIXED.encode())
        change = workspace.change()
        return Proposal(change, "Count all numbers", "The first one was left out.") if change else NoFix("nothing")


@pytest.mark.parametrize(
    ("error", "times", "status"),
    [
        (SandboxError("the sandbox died"), 1, Status.VERIFIED),
        (ShadowfsError("the mount died"), 1, Status.VERIFIED),
        (SandboxError("the sandbox died"), 2, Status.FAILED),
        (EngineAway("the engine went away"), 1, Status.VERIFIED),
        (HostsAway("no host answers"), 1, Status.QUEUED),
        (SandboxUnavailable("there is no sandbox here"), 1, Status.FAILED),
    ],
)
def test_what_dies_around_a_job_ends_it_only_when_it_does_so_again(
    error: Exception, times: int, status: Status, repository: Path, tmp_path: Path
) -> None:
    state, agent = tmp_path / "state", Unlucky(error, times)
    engines = replace(real_engines(state), agent=lambda *_: agent)
    order = Order("total() forgets a number", repository, failing=(project.FAILING,), agent="command:true")
    with Crew(state, project.settings(state, driver="copy"), engines=engines) as crew:
        with suppress(SandboxUnavailable):
            crew.fix(order)
        (report,) = crew.list()
        assert report.status is status
        writes = [step for step in crew.steps(report.ticket.id) if step.kind == "write" and step.outcome is not None]
        again = [step for step in crew.steps(report.ticket.id) if step.kind == "again"]
    assert [step.intent["path"] for step in writes] == ["helper.py", "sums.py"][: 2 if status is Status.VERIFIED else 1]
    assert len(again) == (0 if type(error) in (HostsAway, SandboxUnavailable) else 1)


class Careful:
    """An agent that runs the suite before it edits, and tells how that went."""

    name = "careful"

    def __init__(self) -> None:
        self.said: list[SuiteReport] = []

    def work(self, task: Task, workspace: Workspace) -> Result:
        """Run the suite, and repair what fails."""
        del task
        self.said.append(workspace.test())
        workspace.write("sums.py", project.FIXED.encode())
        change = workspace.change()
        return Proposal(change, "Count all numbers", "The first one was left out.") if change else NoFix("nothing")


class Told(FuseDriver):
    """The real driver, which tells who serves the mount that it made last."""

    served_by: int | None = None

    def create(self, *given: Any, **named: Any) -> FuseShadow:
        """Make a shadow."""
        shadow = super().create(*given, **named)
        self.served_by = shadow.mount.namespace
        return shadow


class Unmounting(InsideRunner):
    """A runner before whose `nth` run the mount dies, and takes the files along."""

    def __init__(self, driver: Told, nth: int) -> None:
        self.driver = driver
        self.nth = nth

    def run(
        self, sandbox: Sandbox, suite: Suite, ids: Sequence[str] | None = None, limits: Limits = Limits()
    ) -> SuiteReport:
        """Run the suite, of which nothing is left where it was this run's turn."""
        self.nth -= 1
        if self.nth == 0:
            assert self.driver.served_by is not None
            os.kill(self.driver.served_by, signal.SIGKILL)
        return super().run(sandbox, suite, ids, limits)


@pytest.mark.parametrize("nth", [1, 2, 3])
def test_nobody_is_told_what_was_seen_of_files_whose_mount_died(nth: int, repository: Path, tmp_path: Path) -> None:
    state, agent = tmp_path / "state", Careful()
    driver = Told(state)
    runner = Unmounting(driver, nth)
    engines = replace(
        real_engines(state),
        drivers=(driver,),
        warm=lambda _: driver.warm(),
        agent=lambda *_: agent,
        runner=runner,
        judge=Ladder(runner).judge,
    )
    order = Order("total() forgets a number", repository, failing=(project.FAILING,), agent="command:true")
    with Crew(state, project.settings(state), engines=engines) as crew:
        report = crew.fix(order)
        assert report.status is Status.VERIFIED, report.why
        again = [step for step in crew.steps(report.ticket.id) if step.kind == "again"]
    assert len(again) == 1
    assert {(each.ran, each.bad()) for each in agent.said} == {("completed", (project.FAILING,))}
