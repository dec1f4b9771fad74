"""The records of a review: a part of a change, what was said, what was decided, and whether marks were heeded. Data only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from orchestrator.records import Remark
from shadowfs import RepoPath


@dataclass(frozen=True, slots=True)
class Selection:
    """A part of a change: the ids of hunks that are kept, and the paths of files without hunks (binary, a link) that are.

    `edits` has, by the id of a kept hunk, the lines that stand in the place of its after side.
    """

    hunks: frozenset[str] = frozenset()
    files: frozenset[RepoPath] = frozenset()
    edits: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Said:
    """A remark as it was made: by whom, when, of which version (its tree); `sent` once the attempt went back to work with it."""

    id: int
    tree: str
    remark: Remark
    who: str
    at: float
    sent: bool


@dataclass(frozen=True, slots=True)
class Decision:
    """What somebody decided about a version: `what` is `accept`, `part`, `reject` or `comment`; `hunks` are those kept of a part."""

    ticket: str
    tree: str
    what: str
    reason: str
    hunks: tuple[str, ...]
    who: str
    at: float


@dataclass(frozen=True, slots=True)
class Heeded:
    """How often marks of a risk were shown to whoever decided, and how often they were acted on: commented on, left out, or edited."""

    risk: str
    shown: int
    acted: int
