"""The workspace an agent gets: one shadow in one sandbox, each step journaled, budgeted, and kept in the depot once it wrote."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from agents import Attend, Expression, Hit, LanguageVerbs, Locator, Step, Task
from orchestrator.places.aside import Aside
from orchestrator.places.forking import Forking
from orchestrator.places.place import Place
from orchestrator.records import Cost
from orchestrator.working.budget import Budget
from orchestrator.working.journal import Journal
from sandbox import Command, Completed, Ended, Limits, Process, Sandbox
from shadowfs import Change, NotPinnable, RefusedPath, RepoPath, Snapshot, earlier_texts
from verifier import Findings, Languages, Ran, Runner, SuiteReport

TAIL_BYTES = 4096
SEARCHED_BYTES = 4 << 20
POLL_S = 0.25
FINDINGS = 50

Emit = Callable[[str, str], None]
"""Told the kind and the text of what happens, for whoever watches."""


@dataclass(frozen=True, slots=True)
class ShadowWorkspace(LanguageVerbs):
    """A workspace over `place`, whose shadow began as a shadow of the tree `base` (perhaps in an earlier life).

    `stopping` raises `Stopped` or `LeaseLost` when the job is to end; it is asked at each step and while a command runs.
    """

    place: Place
    base: str
    task: Task
    runner: Runner
    limits: Limits
    steps: Journal
    budget: Budget
    protects: Callable[[RepoPath], bool]
    stopping: Callable[[], None]
    emit: Emit
    forking: Forking
    languages: Languages = field(default_factory=Languages)
    locator: Locator | None = None
    base_now: Callable[[], str] | None = None
    """Returns the base of a shadow that follows the user."""

    @property
    def root(self) -> Path:
        return self.place.sandbox.root

    @property
    def sandbox(self) -> Sandbox:
        return self.place.sandbox

    @property
    def _snapshot(self) -> Snapshot:
        return self.place.shadow.snapshot

    def paths(self) -> Iterator[RepoPath]:
        """Yield the files of the shadow, ignored ones left out."""
        return self.place.shadow.paths()

    def read(self, path: RepoPath) -> bytes:
        """Return the content of a file."""
        try:
            return self.place.shadow.read(path)
        except RefusedPath as error:
            raise PermissionError(str(error)) from error

    def search(self, pattern: str) -> Iterator[tuple[RepoPath, int, str]]:
        """Yield path, line number (from 1) and text of each matching line; binary and very large files are passed over."""
        self.check()
        wanted = Expression(pattern)
        for path in self.paths():
            data = self.read(path)
            if len(data) > SEARCHED_BYTES or b"\0" in data[:8192]:
                continue
            for number, line in wanted.lines(data):
                yield path, number, line

    def locate(self, text: str, files: int = 10) -> tuple[Hit, ...]:
        """Return the places that fit a text best, by the code index."""
        self.check()
        return () if self.locator is None else self.locator.find(text, self.task.failing, files)

    def write(self, path: RepoPath, data: bytes) -> None:
        """Replace or create a file."""
        number = self._begin("write", {"path": path, "bytes": len(data)}, path)
        try:
            self.place.shadow.write(path, data)
        except RefusedPath as error:
            raise PermissionError(str(error)) from error
        self._finish(number, {})
        self.languages.wrote([path])
        if self.languages.knows(path):
            self.diagnose(path)

    def delete(self, path: RepoPath) -> None:
        """Remove a file."""
        number = self._begin("delete", {"path": path}, path)
        try:
            self.place.shadow.delete(path)
        except RefusedPath as error:
            raise PermissionError(str(error)) from error
        self._finish(number, {})
        self.languages.wrote([path])

    def run(self, command: Command, limits: Limits = Limits(), attend: Attend | None = None) -> Completed:
        """Run a command in the sandbox; what it wrote is kept."""
        allowed = self.budget.cut(limits)
        number = self._begin("run", {"argv": list(command.argv), "cwd": command.cwd})
        with self.place.sandbox.start(command, allowed) as process:
            while True:
                if attend is not None:
                    attend(process)
                if (completed := process.wait(POLL_S)) is not None:
                    break
                self.stopping()
        self._kept(number, _told(completed))
        if completed.ended is Ended.TIMED_OUT and allowed != limits:
            raise self.budget.spent()
        return completed

    def start(self, command: Command, limits: Limits = Limits()) -> Process:
        """Start a command that goes on while other steps are taken."""
        allowed = self.budget.cut(limits)
        number = self._begin("start", {"argv": list(command.argv), "cwd": command.cwd})
        process = self.place.sandbox.start(command, allowed)
        self.steps.finish(number, {})
        return process

    def test(self, ids: Sequence[str] | None = None) -> SuiteReport:
        """Run the task's suite, or some of its tests, in the shadow."""
        allowed = self.budget.cut(self.limits)
        number = self._begin("test", {"ids": None if ids is None else list(ids)})
        with self.place.testing() as sandbox:
            report = self.runner.run(sandbox, self.task.suite, ids, allowed)
        bad = report.bad()
        outcome = {"ran": report.ran, "tests": len(report.tests), "bad": list(bad[:100]), "seconds": report.seconds}
        self.steps.finish(number, outcome)
        if report.ran is Ran.TIMED_OUT and allowed != self.limits:
            # The budget ended it: that is no word of the suite, whose own limit had not come.
            raise self.budget.spent()
        return report

    def change(self) -> Change:
        """Return what the shadow differs in from the base by now."""
        base = self.base if self.base_now is None else self.base_now()
        return self._snapshot.depot.change(base, self.place.shadow.checkpoint())

    @contextmanager
    def fork(self) -> Iterator[ShadowWorkspace]:
        """Open a workspace on a fork of the shadow; its steps are journaled, and are none of the attempt's."""
        number = self._begin("fork", {})
        with self.forking(self.place) as (place, languages):
            self.steps.finish(number, {})
            steps = Aside(self.steps.store, self.steps.lease, self.steps.attempt, self.steps.allowance, of=self.steps)
            base = self.base if self.base_now is None else self.base_now()
            yield replace(self, place=place, languages=languages, steps=steps, base=base, base_now=None)

    def restore(self, tree: str) -> None:
        """Make the files what they are in a tree of the depot."""
        number = self._begin("restore", {"to": tree})
        restored = self.place.shadow.restore(tree)
        self._finish(number, {})
        self.languages.wrote(restored.paths())

    def earlier(self, path: RepoPath) -> tuple[bytes, ...]:
        """Return texts that a file had lately, the latest first."""
        # A file that the shadow hides has no past either.
        self.read(path)
        try:
            return tuple(earlier_texts(self._snapshot, path))
        except NotPinnable:
            return ()

    def diagnose(self, path: RepoPath) -> Findings:
        """Return what the edits so far introduced and resolved in a file, as the language servers see it."""
        self.check()
        number = self.steps.begin("diagnose", {"path": path})
        found = self.languages.diagnose(path)
        new = found.delta.introduced
        outcome = {
            "asked": list(found.asked),
            "introduced": [str(each) for each in new[:FINDINGS]],
            "new": len(new),
            "resolved": len(found.delta.resolved),
            "failures": list(found.failures),
        }
        self.steps.finish(number, outcome)
        if new:
            self.emit("progress", f"{path}: {len(new)} new findings, first: {new[0]}")
        return found

    def reserve(self, usd: float, tokens: int = 0) -> int:
        """Reserve dollars and tokens of the job's budget before they are spent."""
        self.check()
        return self.steps.reserve(usd, tokens)

    def settle(self, reservation: int, tokens_in: int, tokens_out: int, usd: float) -> None:
        """Say what a reservation was spent on."""
        self.steps.settle(reservation, Cost(0.0, tokens_in, tokens_out, usd))

    def note(self, kind: str, data: Mapping[str, object], *, progress: str = "") -> None:
        """Journal something of the agent's own, and show `progress` to whoever watches."""
        self.check()
        self.steps.finish(self.steps.begin(f"note:{kind}", data), {})
        if progress:
            self.emit("progress", progress)

    def journal(self) -> Sequence[Step]:
        """Return the attempt's steps so far, those of a life before a crash too."""
        return self.steps.completed()

    def check(self) -> None:
        """Raise `OutOfBudget` or `Stopped` where the job is to end, `ShadowfsError` where the shadow did."""
        self.stopping()
        self.budget.check()
        self.place.shadow.check()

    def remaining_s(self) -> float:
        """Return the seconds of wall clock left in the budget."""
        return self.budget.remaining_s()

    def keep(self) -> None:
        """Keep what the shadow holds now, also where an attempt ends before its agent does."""
        self._kept(self.steps.begin("keep", {}), {})

    def _begin(self, kind: str, intent: Mapping[str, object], path: RepoPath | None = None) -> int:
        self.check()
        if path is not None and self.protects(path):
            raise PermissionError(
                f"{path!r} is protected: the ticket or the configuration fixes it; change other files"
            )
        self.languages.reap()
        self.emit("step", f"{kind} {path}" if path is not None else kind)
        return self.steps.begin(kind, intent)

    def _finish(self, number: int, outcome: Mapping[str, object]) -> str:
        tree = self.place.shadow.checkpoint()
        self.steps.finish(number, {**outcome, "tree": tree})
        return tree

    def _kept(self, number: int, outcome: Mapping[str, object]) -> None:
        """Finish a step in which others wrote, and tell the language servers what."""
        before = self.steps.checkpoint() if self.languages.running else None
        after = self._finish(number, outcome)
        if before is not None:
            self.languages.wrote(self._snapshot.depot.change(before, after).paths())


def _told(completed: Completed) -> dict[str, object]:
    """Return what the journal keeps of a command."""
    return {
        "ended": completed.ended,
        "exit_status": completed.exit_status,
        "stdout": completed.stdout[-TAIL_BYTES:].decode("utf-8", "replace"),
        "stderr": completed.stderr[-TAIL_BYTES:].decode("utf-8", "replace"),
        "why": completed.why,
    }
