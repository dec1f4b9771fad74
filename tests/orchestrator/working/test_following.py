from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from agents import NoFix, Proposal, Query, Result, Stopped, Task, Workspace
from orchestrator.crew import Crew
from orchestrator.errors import OrderRefused
from orchestrator.records import Event, JobReport, Status
from orchestrator.wiring import real_engines
from tests.orchestrator import project
from tests.orchestrator.crews import Open, order

Save = Callable[[], object]


@dataclass(frozen=True)
class Companion:
    """An agent that writes, and then looks at what the user saves until it has seen that."""

    save: Save
    seen: Callable[[Workspace], bool]
    mends: bytes = project.FIXED.encode()
    dies: bool = False
    asks: bool = False
    name: str = "companion"

    def work(self, task: Task, workspace: Workspace) -> Result:
        """Mend, have the user save, and wait for it."""
        if not any(step.kind == "write" for step in workspace.journal()):
            workspace.write("sums.py", self.mends)
        self.save()
        while not self.seen(workspace):
            workspace.check()
        if self.dies:
            raise Stopped
        if self.asks and not task.answers:
            return Query("Shall the first count too?")
        change = workspace.change()
        return Proposal(change, "Count all numbers", "The first was left out.") if change else NoFix("nothing")


def has(path: str, data: bytes) -> Callable[[Workspace], bool]:
    """Return what says whether a workspace shows a file so."""

    def seen(workspace: Workspace) -> bool:
        return path in set(workspace.paths()) and workspace.read(path) == data

    return seen


def works(
    state: Path, repository: Path, agent: Companion, answer: str = "", **given: Any
) -> tuple[JobReport, list[str]]:
    """Have the companion work, on the job that waits where there is one; return the report and what was told of saves."""
    told: list[str] = []

    def watch(event: Event) -> None:
        told.extend([event.text] * (event.kind == "saved"))

    engines = replace(real_engines(state), agent=lambda *_: agent)
    with Crew(state, project.settings(state), engines=engines) as crew:
        waiting = [report for report in crew.list() if report.status.resumable]
        if waiting and answer:
            return crew.answer(waiting[0].ticket.id, answer, watch), told
        if waiting:
            return crew.resume(waiting[0].ticket.id, watch), told
        return crew.fix(order(repository, follow=True, **given), watch), told


def test_what_the_user_saved_is_merged_and_the_branch_stands_on_it(repository: Path, tmp_path: Path) -> None:
    documented = f"# Sums.\n\n{project.BUGGY}"

    def save() -> None:
        (repository / "sums.py").write_text(documented)
        (repository / "other.py").write_bytes(b"x = 1\n")

    agent = Companion(save, has("other.py", b"x = 1\n"))
    report, told = works(tmp_path / "state", repository, agent)
    assert (report.status, report.files) == (Status.VERIFIED, ("sums.py",)), report.why
    assert any("the shadow has its own version of sums.py" in line for line in told)
    assert "Merged with what was saved meanwhile in sums.py." in report.explanation
    branch = str(report.branch)
    assert project.git(repository, "show", f"{branch}:sums.py") + "\n" == f"# Sums.\n\n{project.FIXED}"
    assert project.git(repository, "show", f"{branch}^:sums.py") + "\n" == documented
    assert project.git(repository, "diff", "--name-only", f"{branch}^", branch) == "sums.py"
    assert (repository / "sums.py").read_text() == documented


def test_where_both_changed_the_same_the_change_stays_on_what_was_there_before(
    repository: Path, tmp_path: Path
) -> None:
    (repository / "other.py").write_bytes(b"x = 0\n")
    theirs = project.BUGGY.replace("numbers[1:]", "numbers[0:][1:]")

    def save() -> None:
        (repository / "sums.py").write_text(theirs)
        (repository / "other.py").write_bytes(b"x = 1\n")

    report, _ = works(tmp_path / "state", repository, Companion(save, has("other.py", b"x = 1\n")), driver="copy")
    assert (report.status, report.files) == (Status.VERIFIED, ("sums.py",)), report.why
    assert "sums.py changes the same" in report.explanation
    branch = str(report.branch)
    assert project.git(repository, "show", f"{branch}:sums.py") + "\n" == project.FIXED
    assert project.git(repository, "show", f"{branch}^:sums.py") + "\n" == project.BUGGY
    assert project.git(repository, "show", f"{branch}:other.py") == "x = 0"


def test_a_later_life_goes_on_with_what_the_shadow_had_and_what_the_user_has_by_then(
    repository: Path, tmp_path: Path
) -> None:
    state = tmp_path / "state"

    def save(number: int) -> Save:
        return lambda: (repository / "other.py").write_bytes(b"x = %d\n" % number)

    stopped, _ = works(state, repository, Companion(save(1), has("other.py", b"x = 1\n"), dies=True))
    assert stopped.status is Status.STOPPED
    (repository / "sums.py").write_text(f"# Sums.\n\n{project.BUGGY}")
    report, told = works(state, repository, Companion(save(2), has("other.py", b"x = 2\n")))
    assert (report.status, report.files) == (Status.VERIFIED, ("sums.py",)), report.why
    assert any("its own version of sums.py" in line for line in told)
    branch = str(report.branch)
    assert project.git(repository, "show", f"{branch}:sums.py") + "\n" == f"# Sums.\n\n{project.FIXED}"
    assert project.git(repository, "show", f"{branch}:other.py") == "x = 2"
    assert len(list((state / "pins").iterdir())) <= 3


def test_what_was_saved_while_a_question_waited_is_not_undone_by_its_answer(repository: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"

    def save() -> None:
        (repository / "other.py").write_bytes(b"x = 1\n")

    # It ends before its shadow has moved.
    agent = Companion(save, lambda _: True, asks=True)
    asked, _ = works(state, repository, agent, driver="copy")
    assert (asked.status, asked.question) == (Status.PAUSED, "Shall the first count too?"), asked.why
    (repository / "sums.py").write_text(project.BUGGY.replace("numbers[1:]", "numbers[0:][1:]"))
    report, _ = works(state, repository, agent, answer="yes")
    assert (report.status, report.files) == (Status.VERIFIED, ("sums.py",)), report.why
    branch = str(report.branch)
    # On what was there before the same was changed, and all of it of that time.
    assert project.git(repository, "show", f"{branch}^:sums.py") + "\n" == project.BUGGY
    assert project.git(repository, "diff", "--name-only", f"{branch}^", branch) == "sums.py"


def test_a_question_is_not_lost_where_the_change_fits_nowhere_by_then(repository: Path, tmp_path: Path) -> None:
    state, theirs = tmp_path / "state", project.BUGGY.replace("numbers[1:]", "numbers[0:][1:]")
    (repository / "other.py").write_bytes(b"x = 0\n")

    def save() -> None:
        (repository / "sums.py").write_text(theirs)
        (repository / "other.py").write_bytes(b"x = 1\n")

    def seen(workspace: Workspace) -> bool:
        if there := has("other.py", b"x = 1\n")(workspace):
            workspace.write("other.py", b"x = 2\n")
        return there

    asked, _ = works(state, repository, Companion(save, seen, asks=True), driver="copy")
    assert (asked.status, asked.question) == (Status.PAUSED, "Shall the first count too?"), asked.why


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"agent": "repair"}, "stand still"),
        ({"attempts": 2}, "one attempt"),
        ({"agent": "command:true,command:false"}, "one attempt"),
        ({"sandbox": "docker"}, "--sandbox local"),
    ],
)
def test_what_cannot_follow_is_refused(crew: Open, repository: Path, given: dict[str, Any], why: str) -> None:
    with pytest.raises(OrderRefused, match=why):
        crew().file(order(repository, follow=True, **given))
