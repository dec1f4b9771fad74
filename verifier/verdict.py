"""Rungs and verdicts: what was checked about a change, what each check said, and the evidence."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from sandbox import Limits, Sandbox
from shadowfs import Change, Entry, RepoPath
from verifier.language import Found
from verifier.suite import Suite

DECISIVE = ("reproduce", "suite")
"""The rungs that must pass, and not only not fail, for a change to count as verified."""

EXERCISED = "exercised"
"""The rung that may stand for `reproduce` where a change is to keep what the code does, and no test can turn good."""


class Status(StrEnum):
    """What a rung said."""

    PASS = "pass"
    FAIL = "fail"
    SKIP = "skip"
    """It does not apply; `why` says why."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One fact, attached to a line where it has one: kind (`test`, `diff`, `tamper` …), text, tests named.

    `last` is the last line of those it is about, `before` and `after` are what it says of both sides, where it does.
    """

    kind: str
    text: str
    path: RepoPath | None = None
    line: int | None = None
    tests: tuple[str, ...] = ()
    last: int | None = None
    before: str = ""
    after: str = ""

    @property
    def sentence(self) -> str:
        """Return the fact in one go, for where there is room for a line."""
        if not self.after:
            return self.text
        if self.before in ("", self.after):
            return f"{self.text}: {self.after}{', as before' if self.before else ''}"
        return f"{self.text}: {self.before} before, {self.after} now"


@dataclass(frozen=True, slots=True)
class RungResult:
    """What one rung said of a change, why (one sentence), and its evidence."""

    name: str
    status: Status
    why: str
    evidence: tuple[Evidence, ...] = ()
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of all rungs for one change, naming the trees it holds for; `beside` is what else was seen of its lines, and judges nothing."""

    base: str
    tree: str
    rungs: tuple[RungResult, ...]
    beside: tuple[Evidence, ...] = ()

    @property
    def verified(self) -> bool:
        """Say whether no rung failed, and a test went from failing to passing (`reproduce`) without harm (`suite`).

        Without both of these passing, a change may be right, but nothing measured says so. For a change that is to keep what the code
        does, passing tests that run all of it (`exercised`) count as a test that turned good does.
        """
        passed = {rung.name for rung in self.rungs if rung.status is Status.PASS}
        failed = any(rung.status is Status.FAIL for rung in self.rungs)
        kept = {EXERCISED if name == "reproduce" and EXERCISED in passed else name for name in DECISIVE}
        return not failed and kept <= passed

    def rung(self, name: str) -> RungResult | None:
        """Return what the rung called `name` said, None where the ladder has none."""
        return next((rung for rung in self.rungs if rung.name == name), None)


@dataclass(frozen=True, slots=True)
class Case:
    """What a ladder judges: a change, how its repository is tested, and what the ticket says.

    `open` gives a fresh sandbox on a fresh shadow of a tree (ids as in `change`), nothing in it of any attempt.
    `failing` are tests that must go from failing to passing. `protected` are paths the ticket added or fixed, which
    the change must carry as they are. `allowed` are paths that the ticket asks to change though the tamper rung guards them.
    `limits` are those of each run; `left_s` tells how many seconds all runs to come may still take. `with_files` puts files
    into the base and returns the tree made so; it is given where tests that the change brings count as evidence (a review).
    """

    change: Change
    suite: Suite
    open: Callable[[str], AbstractContextManager[Sandbox]]
    failing: tuple[str, ...] = ()
    protected: frozenset[RepoPath] = frozenset()
    allowed: frozenset[RepoPath] = frozenset()
    limits: Limits = Limits()
    repeats: int = 3
    left_s: Callable[[], float] = lambda: math.inf
    with_files: Callable[[Mapping[RepoPath, Entry]], str] | None = None
    servers: tuple[Found, ...] = ()
    """The language servers that are there."""
    keeps: bool = False
    """Whether the change is to keep what the code does: then the ladder has one more rung, `exercised`."""


class Rung(Protocol):
    """One check of the ladder."""

    @property
    def name(self) -> str: ...

    def judge(self, case: Case) -> RungResult:
        """Judge the case. Rungs of one ladder may share what they measured, never what they concluded."""
        ...
