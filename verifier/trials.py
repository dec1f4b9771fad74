"""Trials: many candidate edits tested fast, in a fork server that has imported the suite once. For searching, not for judging."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, Self

from sandbox import Limits, Sandbox
from shadowfs import RepoPath
from verifier.suite import Suite, SuiteReport


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace the bytes `start` to `end` of a file, as it is in the shadow, by `text`."""

    path: RepoPath
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """Edits applied together; they do not overlap."""

    edits: tuple[Edit, ...]


class Ending(StrEnum):
    """How a trial ended."""

    PASSED = "passed"
    FAILED = "failed"
    TIMED_OUT = "timed out"
    DIED = "died"
    INAPPLICABLE = "inapplicable"
    """The edited file does not compile."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What one candidate did to the asked-for tests; `failed` are those that failed (the first only, unless all were asked for)."""

    candidate: Candidate
    ending: Ending
    failed: tuple[str, ...] = ()
    message: str = ""
    cpu_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Coverage:
    """Which lines each test executed, of files inside the repository: test id -> path -> lines (from 1)."""

    lines: Mapping[str, Mapping[RepoPath, frozenset[int]]]


class Trials(Protocol):
    """A running fork server. Each trial sees a process as it was after the import of the suite, with the candidate applied."""

    @property
    def collected(self) -> tuple[str, ...]:
        """The ids of all collected tests."""
        ...

    def baseline(self, ids: Sequence[str] | None = None) -> SuiteReport:
        """Run tests as they are (each in a fork of its own state), None for all."""
        ...

    def coverage(self, failing: Sequence[str], passing: Sequence[str], budget_s: float) -> Coverage:
        """Trace `failing`, then as many of `passing` as `budget_s` allows, over the files that `failing` execute."""
        ...

    def run(
        self,
        candidates: Iterable[Candidate],
        tests: Sequence[str],
        *,
        all_failures: bool = False,
        cpu_s: float = 5.0,
    ) -> Iterator[Trial]:
        """Yield one trial for each candidate, in order, as they finish; `cpu_s` limits each candidate's CPU time."""
        ...

    def __enter__(self) -> Self: ...
    def __exit__(self, *exc: object) -> None: ...


class TrialsFactory(Protocol):
    """Starts fork servers."""

    def start(self, sandbox: Sandbox, suite: Suite, limits: Limits = Limits(), run_s: float | None = None) -> Trials:
        """Start one for `suite`, importing it once.

        `run_s` is what a run of the suite may take: the seconds for its import, and of CPU for each test that is run as it is.
        Raises `SuiteNotStarted` when it cannot be imported at all, or not in that time.
        """
        ...
