"""The Protocols and records of agents: what they are given, what they hold, what they end with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from agents.formed import Formed
from agents.variant import Variant
from sandbox import Command, Completed, Limits, Process, Sandbox
from shadowfs import Change, Example, RepoPath
from verifier import (
    ANSWER_S,
    Call,
    FileEdit,
    Findings,
    Fix,
    Inspection,
    Location,
    Position,
    Span,
    Suite,
    SuiteReport,
    Symbol,
)

if TYPE_CHECKING:
    from agents.models import Request


@dataclass(frozen=True, slots=True)
class Task:
    """What an agent is to do. `text` is the ticket's, untrusted. `failing` are test ids that must pass in the end.

    `protected` paths may not be changed. `seed` makes a run repeatable. `ask` says that somebody is there to answer a
    question; without it an agent proposes what is likeliest. `plan` says that a plan is to be approved first; `answers` are a
    person's words, in order, to the queries that this attempt ended with so far. `variant` says how this attempt is to differ from the others of
    its job. `refused` is what the ladder said against earlier proposals, one text each: data, like the ticket's text.
    """

    text: str
    suite: Suite
    failing: tuple[str, ...] = ()
    protected: frozenset[RepoPath] = frozenset()
    seed: int = 0
    ask: bool = False
    model: str | None = None
    """The name of the configured model that somebody else's program may ask, empty for the first that fits; None for no model."""
    plan: bool = False
    answers: tuple[str, ...] = ()
    variant: Variant = Variant()
    refused: tuple[str, ...] = ()
    examples: tuple[Example, ...] = ()
    """Changes that show what is to be done to the rest."""
    follow: bool = False
    """Whether the files move meanwhile, with what the user saves: a tree that was seen once may be none to go back to."""
    formed: tuple[Formed, ...] = ()
    """What came of the forms in which edits were asked of models in earlier attempts of this agent."""


Attend = Callable[[Process], None]
"""Looks after a command that runs, over its channel."""


@dataclass(frozen=True, slots=True)
class Step:
    """One journaled step of an attempt: its number, kind (`write`, `run`, `test`, `diagnose`, `note:…`) and data (JSON values)."""

    number: int
    kind: str
    data: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Proposal:
    """The change an attempt ends with, a title (one line) and an explanation (one paragraph) drawn from its evidence."""

    change: Change
    title: str
    explanation: str


@dataclass(frozen=True, slots=True)
class NoFix:
    """An honest end without a change: why, and what the agent would need."""

    why: str
    needs: str = ""


@dataclass(frozen=True, slots=True)
class Option:
    """One way to answer a question: what would be proposed then, and what it does where the options differ, in words."""

    proposal: Proposal
    shows: str


@dataclass(frozen=True, slots=True)
class Question:
    """An end that leaves the choice to a person: what is to be decided, and at least two options, the likeliest first.

    The workspace is left as it was: each option carries its own change, so that an answer needs no further search.
    """

    text: str
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True)
class Query:
    """An end for now: what a person is to say in words, and answers that are likely, if any.

    Once it is answered the agent works again, on the same files and journal, and finds the answer as the next of its task's `answers`.
    """

    text: str
    choices: tuple[str, ...] = ()


Result = Proposal | Question | Query | NoFix


@dataclass(frozen=True, slots=True)
class Hit:
    """Lines `first` to `last` (from 1, inclusive) of a file, how well they fit what was asked (higher is better), and why."""

    path: RepoPath
    first: int
    last: int
    score: float
    name: str = ""
    why: tuple[str, ...] = ()


class Workspace(Protocol):
    """What an agent holds: read, search, edit, test and run, on one shadow in one sandbox.

    Every step is journaled before it takes effect. Any method may raise `OutOfBudget` or `Stopped`. Paths are
    repository-relative; what leaves the tree, is protected or is `.git` is refused (`PermissionError`).
    """

    @property
    def root(self) -> Path: ...
    @property
    def sandbox(self) -> Sandbox: ...
    @property
    def limits(self) -> Limits:
        """Return the limits of one run of the suite; the budget may cut its time further."""
        ...

    def paths(self) -> Iterator[RepoPath]:
        """Yield the files of the shadow, ignored ones left out."""
        ...

    def read(self, path: RepoPath) -> bytes: ...

    def search(self, pattern: str) -> Iterator[tuple[RepoPath, int, str]]:
        """Yield path, line number (from 1) and text of each line that matches a regular expression. Raises `BadPattern`."""
        ...

    def locate(self, text: str, files: int = 10) -> tuple[Hit, ...]:
        """Return the places that fit a ticket's text, a traceback or any words best, by the code index; none where it cannot be used."""
        ...

    def write(self, path: RepoPath, data: bytes) -> None: ...
    def delete(self, path: RepoPath) -> None: ...
    def run(self, command: Command, limits: Limits = Limits(), attend: Attend | None = None) -> Completed:
        """Run a command in the sandbox. `attend` is given its process, at once and four times a second; what it raises ends it."""
        ...

    def start(self, command: Command, limits: Limits = Limits()) -> Process:
        """Start a command that talks over its channel while other steps are taken.

        Whoever waits for it calls `check` now and then and `keep` when it has written, and ends it.
        """
        ...

    def keep(self) -> None:
        """Keep what the shadow holds now, whoever wrote it: a life after a crash begins there."""
        ...

    def protects(self, path: RepoPath, /) -> bool:
        """Say whether a path may not be changed: the ticket or the configuration fixes it."""
        ...

    def test(self, ids: Sequence[str] | None = None) -> SuiteReport:
        """Run the task's suite, or some of its tests, in the shadow."""
        ...

    def change(self) -> Change:
        """Return what the shadow differs in by now."""
        ...

    def fork(self) -> AbstractContextManager[Workspace]:
        """Open a workspace on a copy of the shadow as it is now, to try something: what is done there is no part of the attempt."""
        ...

    def restore(self, tree: str) -> None:
        """Make the files what they are in a tree that `change` named: its `base`, or the `tree` of an earlier call, in any life."""
        ...

    def diagnose(self, path: RepoPath) -> Findings:
        """Return what the edits so far introduced and resolved in a file, as the language servers see it.

        It is journaled, and is done after each write by itself. A server's trouble is told in it, never raised.
        """
        ...

    def earlier(self, path: RepoPath) -> tuple[bytes, ...]:
        """Return texts that a file had lately, the latest first: in the last commit, and before the last that changed it.

        None where no history is known.
        """
        ...

    def inspect(self, path: RepoPath, timeout_s: float = ANSWER_S) -> Inspection:
        """Return all that the language servers find in a file as it is, edited or not. Their trouble is told in it, never raised."""
        ...

    def definition(self, path: RepoPath, at: Position) -> tuple[Location, ...]:
        """Return where the name at a place is defined.

        This and what follows raises `verifier.ServerRefused` where no language server can tell.
        """
        ...

    def references(self, path: RepoPath, at: Position) -> tuple[Location, ...]:
        """Return where the name at a place is used."""
        ...

    def symbols(self, path: RepoPath) -> tuple[Symbol, ...]:
        """Return what a file declares, outer symbols before those they hold."""
        ...

    def hover(self, path: RepoPath, at: Position) -> str:
        """Return the type of, and what is written about, the name at a place."""
        ...

    def rename(self, path: RepoPath, at: Position, name: str) -> tuple[FileEdit, ...]:
        """Return the edits that give the name at a place another name everywhere; nothing is written."""
        ...

    def callers(self, path: RepoPath, at: Position) -> tuple[Call, ...]:
        """Return the functions that call the one at a place."""
        ...

    def callees(self, path: RepoPath, at: Position) -> tuple[Call, ...]:
        """Return the functions that the one at a place calls."""
        ...

    def completions(self, path: RepoPath, span: Span, timeout_s: float = ANSWER_S) -> tuple[str, ...]:
        """Return the names that could stand in place of a span, as the server orders them: after a dot, what the thing before it has."""
        ...

    def fixes(self, path: RepoPath, span: Span, timeout_s: float = ANSWER_S) -> tuple[Fix, ...]:
        """Return the quick fixes for what was found in a span; nothing is written, and a server's trouble is no fix."""
        ...

    def reserve(self, usd: float, tokens: int = 0) -> int:
        """Reserve dollars and tokens of the budget before they are spent; raise `OutOfBudget` where they are not there."""
        ...

    def settle(self, reservation: int, tokens_in: int, tokens_out: int, usd: float) -> None:
        """Say what a reservation was spent on; until then all of it counts as spent."""
        ...

    def note(self, kind: str, data: Mapping[str, object], *, progress: str = "") -> None:
        """Journal something of the agent's own (kind `note:<kind>`), and show `progress` to whoever watches."""
        ...

    def journal(self) -> Sequence[Step]:
        """Return the attempt's steps so far: those of a life before a crash too, so that an agent can go on from there."""
        ...

    def check(self) -> None:
        """Raise `OutOfBudget` or `Stopped` where the job is to end; whoever waits asks now and then."""
        ...

    def remaining_s(self) -> float:
        """Return the seconds of wall clock left in the budget."""
        ...


class Agent(Protocol):
    """Works on one task in one workspace."""

    @property
    def name(self) -> str: ...

    def work(self, task: Task, workspace: Workspace) -> Result:
        """Work until there is a proposal, a question or query (where the task lets it ask), or an honest reason for neither."""
        ...


@runtime_checkable
class Opener(Protocol):
    """An agent that knows how its first request will begin before it has a workspace."""

    def opening(self, task: Task, read: Callable[[RepoPath], bytes]) -> Request | None:
        """Return a request that begins as that one does, None where nobody knows. `read` returns a file of the base, b"" where it is not there."""
        ...
