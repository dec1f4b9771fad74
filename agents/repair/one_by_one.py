"""Trials through the workspace itself, one run of the suite each: for suites that no fork server can hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

from agents.agent import Task, Workspace
from agents.repair.notes import Original, keep
from shadowfs import RepoPath
from verifier import (
    Behaviour,
    Candidate,
    Coverage,
    Ending,
    Ran,
    SuiteNotStarted,
    SuiteReport,
    Trial,
    Trials,
    TrialsFactory,
)


def trials_of(factory: TrialsFactory, task: Task, workspace: Workspace) -> Trials:
    """Start a fork server for a task's suite; where no server can hold it, return trials of one run each."""
    # One server serves the whole search; only its import is bounded as a run of the suite is.
    limits = replace(workspace.limits, wall_s=workspace.remaining_s())
    try:
        return factory.start(workspace.sandbox, task.suite, limits, workspace.limits.wall_s)
    except SuiteNotStarted as error:
        workspace.note(
            "slow", {"why": str(error)[:500]}, progress="no fork server for this suite: one run for each candidate"
        )
        return OneByOne(workspace, {})


@dataclass(slots=True)
class OneByOne:
    """Writes each candidate into the shadow, runs the tests, and puts the file back. Slow, and traces no coverage."""

    workspace: Workspace
    encodings: dict[RepoPath, str]
    first: SuiteReport | None = None
    kept: set[RepoPath] = field(default_factory=set)

    @property
    def collected(self) -> tuple[str, ...]:
        """The ids of all collected tests."""
        report = self.baseline()
        return report.collected or tuple(test.id for test in report.tests)

    def baseline(self, ids: Sequence[str] | None = None, each_s: float | None = None) -> SuiteReport:
        """Run the whole suite once, and answer from that."""
        del each_s
        if self.first is None:
            self.first = self.workspace.test()
        if ids is None:
            return self.first
        asked = set(ids)
        tests = tuple(test for test in self.first.tests if test.id in asked)
        return SuiteReport(self.first.ran, tests, self.first.collected, self.first.why, self.first.seconds)

    def coverage(
        self, failing: Sequence[str], passing: Sequence[str], budget_s: float, each_s: float | None = None
    ) -> Coverage:
        """Trace nothing."""
        del failing, passing, budget_s, each_s
        return Coverage({})

    def run(
        self, candidates: Iterable[Candidate], tests: Sequence[str], *, all_failures: bool = False, cpu_s: float = 5.0
    ) -> Iterator[Trial]:
        """Yield one trial for each candidate; the workspace's own limits hold instead of `cpu_s`."""
        del all_failures, cpu_s
        for candidate in candidates:
            yield self._try(candidate, tests)

    def behaviours(
        self,
        candidates: Sequence[Candidate],
        failing: Sequence[str],
        passing: Sequence[str],
        *,
        seed: int = 0,
        most: int = 120,
        cpu_s: float = 5.0,
    ) -> tuple[Behaviour, ...]:
        """Tell nothing: functions can be called apart from their tests in a fork server only."""
        del candidates, failing, passing, seed, most, cpu_s
        return ()

    def _try(self, candidate: Candidate, tests: Sequence[str]) -> Trial:
        before = {edit.path: self.workspace.read(edit.path) for edit in candidate.edits}
        for path, data in before.items():
            if path not in self.kept:
                keep(self.workspace, Original(path, data))
                self.kept.add(path)
            self.workspace.write(path, patched(path, data, candidate, self.encodings.get(path, "utf-8")))
        report = self.workspace.test(tests)
        for path, data in before.items():
            self.workspace.write(path, data)
        passed = report.ran is Ran.COMPLETED and not report.bad() and len(report.tests) >= len(tests)
        return Trial(candidate, Ending.PASSED if passed else Ending.FAILED, report.bad())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None: ...


def patched(path: RepoPath, data: bytes, candidate: Candidate, encoding: str) -> bytes:
    """Return a file's bytes with a candidate's edits of it applied."""
    for edit in sorted(candidate.edits, key=lambda each: -each.start):
        if edit.path == path:
            data = data[: edit.start] + edit.text.encode(encoding) + data[edit.end :]
    return data
