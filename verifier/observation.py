"""Observations: what of a change is looked at while tests run, and what was seen. Evidence for people, never a reason to judge by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from sandbox import Limits, Sandbox
from shadowfs import RepoPath
from verifier.suite import Outcome, Ran, Suite


@dataclass(frozen=True, slots=True)
class Function:
    """A function: its file, its first line (that of its first decorator), and its name."""

    path: RepoPath
    line: int
    name: str


@dataclass(frozen=True, slots=True)
class Watch:
    """What is looked at: which of these lines each test executes, and calls of these functions, in the tests `first` before all others."""

    lines: Mapping[RepoPath, frozenset[int]]
    functions: tuple[Function, ...] = ()
    first: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Called:
    """A call that a test led to: of which function, the call and what came of it as text, and digests of its arguments and outcome.

    Digests are "" where nothing can be compared. The texts were made inside the sandbox: short, and not to be believed.
    """

    test: str
    function: Function
    call: str
    said: str
    given: str = ""
    came: str = ""


@dataclass(frozen=True, slots=True)
class Observed:
    """What was seen: how each test ended, the lines each executed of those looked at (of "" those at import), and calls."""

    ran: Ran
    outcomes: Mapping[str, Outcome] = field(default_factory=dict)
    lines: Mapping[str, Mapping[RepoPath, frozenset[int]]] = field(default_factory=dict)
    calls: tuple[Called, ...] = ()


class Observer(Protocol):
    """Runs tests as they are, and watches."""

    def observe(
        self, sandbox: Sandbox, suite: Suite, ids: Sequence[str], watch: Watch, limits: Limits = Limits()
    ) -> Observed:
        """Run the tests `ids` and say what was seen. Raises `ProtocolBroken` where what runs in there talks nonsense."""
        ...
