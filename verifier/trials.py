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


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What each candidate does on one input: a call of a function that they edit, or through which tests reach what they edit.

    `call` shows the input as a Python call, `size` grows with its complexity. `outcomes` has a digest for each candidate, in
    order: equal digests mean that no difference was seen; "" that it took too long, died or cannot be compared. `shown` has the
    same to be read (`returns [1, 2]`, `raises ValueError: no`); `before` and `before_shown` are of the code as it is. `mutated`
    says that the input is a mutation of a recorded one, `failing` that it was recorded in a failing test, or comes from such.
    """

    call: str
    size: int
    outcomes: tuple[str, ...]
    shown: tuple[str, ...]
    before: str
    before_shown: str
    mutated: bool
    failing: bool


class Trials(Protocol):
    """A running fork server. Each trial sees a process as it was after the import of the suite, with the candidate applied."""

    @property
    def collected(self) -> tuple[str, ...]:
        """The ids of all collected tests."""
        ...

    def baseline(self, ids: Sequence[str] | None = None, each_s: float | None = None) -> SuiteReport:
        """Run tests as they are, None for all; several may share a process, in their order.

        With `each_s` a test is interrupted after so many seconds of CPU time (or ten times as many asleep): it fails then, and its
        frames say where it was.
        """
        ...

    def coverage(
        self, failing: Sequence[str], passing: Sequence[str], budget_s: float, each_s: float | None = None
    ) -> Coverage:
        """Trace `failing`, then as many of `passing` as `budget_s` allows, over the files that `failing` execute.

        With `each_s` each test is traced for so long at most.
        """
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
        """Tell what each candidate does on at most `most` inputs: those that tests give, and mutations of them, smaller ones first.

        All candidates see the same inputs; `seed` decides which mutations are made, `cpu_s` limits the recording, the code as it
        is and each candidate, each by itself. Empty where nothing can be recorded or compared.
        """
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
