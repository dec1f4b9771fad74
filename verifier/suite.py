"""A suite, how to run it, and what it said. Whether it ran and what it said are two answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from sandbox import Limits, Sandbox


@dataclass(frozen=True, slots=True)
class Suite:
    """How a repository's tests are run.

    `kind` is `pytest`, `unittest` or `command` (any program: only its exit status counts, as one test whose id is the
    command). `python` is the project's interpreter as seen inside the sandbox. `args` are the arguments after
    `pytest` / `unittest`, or the whole command. `cwd` is relative to the repository. `each_s` are the seconds of CPU time (or
    ten times as many asleep) after which a test of the first two kinds is interrupted: it fails then, and the run goes on. `serial`
    says that its runs use data which they would spoil for each other, side by side.
    """

    kind: str
    args: tuple[str, ...] = ()
    python: str | None = None
    cwd: str = "."
    environment: Mapping[str, str] = field(default_factory=dict)
    each_s: float | None = None
    serial: bool = False


class Outcome(StrEnum):
    """What one test said."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    """Set-up, tear-down or collection raised."""
    SKIPPED = "skipped"
    XFAILED = "xfailed"
    XPASSED = "xpassed"

    @property
    def bad(self) -> bool:
        """Say whether it counts as a failure."""
        return self in (Outcome.FAILED, Outcome.ERROR)


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame of a traceback; `path` is repository-relative where it lies inside, else absolute; lines count from 1."""

    path: str
    line: int
    function: str


@dataclass(frozen=True, slots=True)
class TestResult:
    """What one test said: its id (pytest node id, or dotted unittest id), seconds, message, frames (innermost last), output."""

    __test__ = False

    id: str
    outcome: Outcome
    seconds: float = 0.0
    message: str = ""
    frames: tuple[Frame, ...] = ()
    output: str = ""


class Ran(StrEnum):
    """Whether a suite ran."""

    COMPLETED = "completed"
    NOT_STARTED = "not started"
    """No interpreter, no runner, a wrong command, an error before the first test."""
    NOTHING_COLLECTED = "nothing collected"
    TIMED_OUT = "timed out"
    CRASHED = "crashed"
    """It died (signal, `os._exit`, out of memory) before reporting its end."""


@dataclass(frozen=True, slots=True)
class SuiteReport:
    """Whether a suite ran, and what each test said, in the order in which they ran. `collected` are all ids it would run."""

    ran: Ran
    tests: tuple[TestResult, ...] = ()
    collected: tuple[str, ...] = ()
    why: str = ""
    seconds: float = 0.0
    cpu_s: float = 0.0
    output: str = ""
    killed: bool = False
    """By SIGKILL, and by no limit: perhaps it had no part in it."""

    def by_id(self) -> dict[str, TestResult]:
        """Return the results by test id."""
        return {test.id: test for test in self.tests}

    def bad(self) -> tuple[str, ...]:
        """Return the ids of tests that failed or errored."""
        return tuple(test.id for test in self.tests if test.outcome.bad)


class Runner(Protocol):
    """Runs suites of some kinds inside a sandbox."""

    def run(
        self, sandbox: Sandbox, suite: Suite, ids: Sequence[str] | None = None, limits: Limits = Limits()
    ) -> SuiteReport:
        """Run the whole suite, or only the tests `ids` (a file or class id selects all below it)."""
        ...
