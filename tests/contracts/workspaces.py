"""Workspaces of each kind on the same small project, for the contracts of workspaces and agents."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from agents import Hit, MemoryWorkspace, Step, Stopped, Task, Workspace
from orchestrator.places.forking import forking
from orchestrator.places.languages import languages_in
from orchestrator.places.locating import locator
from orchestrator.places.place import Places
from orchestrator.places.workspace import ShadowWorkspace
from orchestrator.records import Order, Ticket
from orchestrator.settings import Settings
from orchestrator.store.memory.store import MemoryStore
from orchestrator.working.budget import Budget
from orchestrator.working.journal import Journal
from sandbox import Command, Completed, Ended, Limits, LocalDriver, toolchain_paths
from shadowfs import CopyDriver, Driver, Example, ExampleFile, FuseDriver, pin
from tests.agents.acp import PLAIN
from tests.verifier.language.doubles import PROGRAM
from verifier import (
    Diagnostic,
    Found,
    InsideRunner,
    Outcome,
    Position,
    Ran,
    ScriptedSession,
    Severity,
    Span,
    Suite,
    SuiteReport,
    TestResult,
)

BUGGY = "def old_enough(age, limit):\n    return bool(age > limit)\n"
FIXED = BUGGY.replace(">", ">=")
FAILING = "tests/test_age.py::test_just_old_enough"
PASSING = "tests/test_age.py::test_too_young"
FILES = {
    "age.py": BUGGY.encode(),
    "tests/test_age.py": (
        b"from age import old_enough\n\n\ndef test_just_old_enough():\n    assert old_enough(18, 18)\n\n\n"
        b"def test_too_young():\n    assert not old_enough(17, 18)\n"
    ),
    "conftest.py": b"",
    "data \udcff.bin": b"\x00\xff",
}
FIX = "sed -i 's/>/>=/' age.py && echo 'An age equal to the limit is old enough.'"
"""A shell command that repairs the project."""

SUITE = Suite("pytest", ("-p", "no:cacheprovider"), sys.executable, environment={"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"})
EXAMPLE = ExampleFile("drive.py", b"may_drive = bool(years > 17)\n", b"may_drive = bool(years >= 17)\n")
TASK = Task(
    "# Who is as old as the limit is refused\n",
    SUITE,
    (FAILING,),
    frozenset({"conftest.py"}),
    7,
    examples=(Example("an example", (EXAMPLE,)),),
)
BUDGET_S = 600.0


@dataclass(slots=True)
class Owner:
    """Whoever runs a workspace: has its clock, and may say that it is to stop."""

    now: float = 0.0
    stopped: bool = False

    def clock(self) -> float:
        """Tell the time."""
        return self.now

    def expire(self) -> None:
        """Let the budget's time pass."""
        self.now += BUDGET_S + 1

    def stopping(self) -> None:
        """Raise where the job is to stop."""
        if self.stopped:
            raise Stopped("somebody stopped the job")


@dataclass(slots=True)
class Hold:
    """A workspace and its owner."""

    workspace: Workspace
    owner: Owner

    def stop(self) -> None:
        """Say that the job is to stop."""
        self.owner.stopped = True
        if isinstance(self.workspace, MemoryWorkspace):
            self.workspace.stopped = True


def kinds() -> Sequence[object]:
    """Return the parameters, one for each kind; what does not work here skips with its reason."""
    local = LocalDriver().probe()
    made: list[object] = ["memory"]
    for name in ("copy", "fuse"):
        marks = [pytest.mark.skipif(not local.works, reason=local.why)]
        made.append(pytest.param(name, marks=marks))
    return made


@contextmanager
def opened(kind: str, directory: Path, journal: Sequence[Step] = (), servers: Sequence[Found] = ()) -> Iterator[Hold]:
    """Open a workspace of one kind; `journal` is that of an earlier life (in memory only)."""
    if kind == "memory":
        yield _memory(journal, servers)
        return
    state = directory / "state"
    driver: Driver = CopyDriver(state) if kind == "copy" else FuseDriver(state)
    probe = driver.probe()
    if not probe.works:
        pytest.skip(probe.why)
    try:
        with _shadow(driver, state, _repository(directory), servers) as hold:
            yield hold
    finally:
        driver.close()


def _memory(journal: Sequence[Step], servers: Sequence[Found]) -> Hold:
    owner = Owner()

    def respond(workspace: MemoryWorkspace, command: Command) -> Completed:
        if command.argv == ("sh", "-c", FIX):
            workspace.files["age.py"] = FIXED.encode()
            return Completed(Ended.EXITED, 0, b"An age equal to the limit is old enough.\n")
        status = 3 if command.argv[-1].endswith("exit 3") else 0
        return Completed(Ended.EXITED, status, b"said\n", b"complained\n")

    def say(files: object, ids: Sequence[str] | None) -> SuiteReport:
        assert isinstance(files, dict)
        failing = Outcome.PASSED if files["age.py"] == FIXED.encode() else Outcome.FAILED
        tests = [TestResult(FAILING, failing), TestResult(PASSING, Outcome.PASSED)]
        chosen = tuple(test for test in tests if ids is None or test.id in ids)
        return SuiteReport(Ran.COMPLETED, chosen, tuple(test.id for test in chosen))

    workspace = MemoryWorkspace(
        FILES,
        say=say,
        respond=respond,
        protected=TASK.protected,
        clock=owner.clock,
        budget_s=BUDGET_S,
        journal=journal,
        servers=servers,
        history={path: [data] for path, data in FILES.items()},
        locating=lambda text: [Hit(path, 1, 1, 1.0) for path in FILES if path.removesuffix(".py") in text.split()],
        start=lambda workspace, found: ScriptedSession(_bad_lines, workspace.files, server=found.server.name),
    )
    return Hold(workspace, owner)


@contextmanager
def _shadow(driver: Driver, state: Path, repository: Path, servers: Sequence[Found]) -> Iterator[Hold]:
    owner = Owner()
    snapshot = pin(repository, state)
    toolchain = toolchain_paths(Path(sys.executable), Path.home(), os.environ)
    readonly = (*toolchain.readonly, PROGRAM, PLAIN)
    settings = Settings(suite=SUITE, toolchains=readonly, environment=toolchain.environment)
    store = MemoryStore(lambda: 0.0)
    number = store.add(Ticket("261121-abc", "age", Order("t", repository), 0.0), settings).number
    lease = store.claim("me", 1e9, number)
    assert lease is not None
    places = Places((driver,), {"local": LocalDriver(state / "sandboxes")}, settings)
    with (
        places.open(snapshot, snapshot.tree) as place,
        languages_in(place, snapshot.tree, servers, stopping=owner.stopping, remaining_s=lambda: BUDGET_S) as languages,
        closing(locator(state / "index", place.shadow, lambda text: _unseen("progress", text))) as index,
    ):
        workspace = ShadowWorkspace(
            place=place,
            base=snapshot.tree,
            task=TASK,
            runner=InsideRunner(),
            limits=Limits(wall_s=60.0),
            steps=Journal(store, lease, 1),
            budget=Budget(BUDGET_S, clock=owner.clock),
            protects=lambda path: path in TASK.protected,
            stopping=owner.stopping,
            emit=_unseen,
            forking=forking(places, snapshot.tree, servers, stopping=owner.stopping, remaining_s=lambda: BUDGET_S),
            languages=languages,
            locator=index,
        )
        yield Hold(workspace, owner)


def _bad_lines(path: str, text: str) -> tuple[Diagnostic, ...]:
    """Find what the test double finds."""
    return tuple(
        Diagnostic(path, Span(Position(number, at), Position(number, at + 3)), Severity.ERROR, "this is bad", "7")
        for number, line in enumerate(text.split("\n"), 1)
        if (at := line.find("BAD")) >= 0
    )


def _unseen(kind: str, text: str) -> None:
    """Take what nobody watches."""
    del kind, text


def _repository(directory: Path) -> Path:
    repository = directory / "a repository"
    for name, data in FILES.items():
        path = repository / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (repository / ".gitignore").write_text("__pycache__/\n")
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    for args in (("init", "-q"), ("add", "."), (*identity, "commit", "-q", "-m", "first")):
        subprocess.run(["git", *args], cwd=repository, check=True, capture_output=True)
    return repository
