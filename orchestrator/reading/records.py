"""The records of a reading: hunks in the order in which they are best read, each with its role, its evidence and what is risky about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from shadowfs import RepoPath
from verifier import Evidence


class Role(StrEnum):
    """What a hunk is to the change."""

    CAUSE = "cause"
    FORCED = "forced"
    """It follows from what a cause changed: a use of it, an import for it."""
    TEST = "test"
    OTHER = "other"
    """No source code: documents, configuration, data."""
    REPEATED = "repeated"
    """The same edit as one that is shown before."""
    RENAMED = "renamed"
    MOVED = "moved"
    FORMATTED = "formatted"
    """Formatting and comments: the code means what it meant."""

    @property
    def folded(self) -> bool:
        """Say whether it is mechanical, so that a page folds it at the end."""
        return self in (Role.REPEATED, Role.RENAMED, Role.MOVED, Role.FORMATTED)


class Risk(StrEnum):
    """Why a reader should look twice, the gravest first."""

    DANGEROUS = "dangerous"
    """It calls what runs or believes what it is given."""
    CONFIGURATION = "configuration"
    """It changes what builds, checks or delivers the code."""
    TESTS = "tests"
    """It changes or removes what a test asks for."""
    SIGNATURE = "signature"
    """It changes how something public is called."""
    UNCOVERED = "uncovered"
    """No test runs it."""


@dataclass(frozen=True, slots=True)
class Side:
    """Lines of one side of a hunk: the number of the first (from 1; of an empty side the line it would stand before), and their text."""

    first: int
    lines: tuple[str, ...]

    @property
    def last(self) -> int:
        """Return the number of the last line; of an empty side the one before it."""
        return self.first + len(self.lines) - 1


@dataclass(frozen=True, slots=True)
class Hunk:
    """Lines of `path` that differ, without any around them. `id` is the same wherever the same change is read."""

    id: str
    path: RepoPath
    before: Side
    after: Side
    within: str = ""
    """The definition that encloses it, as `Class.method`."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What is risky about a hunk, at a line of its after side (of its before side where it only removes); `more` are further lines of it."""

    risk: Risk
    text: str
    line: int
    more: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Seen:
    """A hunk as it is to be read. `follows` is the id of the hunk that it follows from or repeats."""

    hunk: Hunk
    role: Role
    follows: str = ""
    evidence: tuple[Evidence, ...] = ()
    marks: tuple[Mark, ...] = ()

    @property
    def predictable(self) -> bool:
        """Say whether somebody who read what it follows from knows it."""
        return self.role.folded or (self.role is Role.FORCED and not self.marks)


@dataclass(frozen=True, slots=True)
class Group:
    """Hunks that are read together, under a title."""

    title: str
    hunks: tuple[Seen, ...]

    @property
    def folded(self) -> bool:
        """Say whether all of it is mechanical."""
        return all(each.role.folded for each in self.hunks)


@dataclass(frozen=True, slots=True)
class Whole:
    """A file that has no hunks: it is binary, a link, too long, or only its mode changed. `why` says which."""

    path: RepoPath
    why: str


@dataclass(frozen=True, slots=True)
class Reading:
    """A change as it is best read. `left_out` marks were found beyond those that are shown; `facts` are evidence of no line."""

    groups: tuple[Group, ...]
    whole: tuple[Whole, ...] = ()
    facts: tuple[Evidence, ...] = ()
    left_out: int = 0
