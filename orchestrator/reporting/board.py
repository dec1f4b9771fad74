"""The board: tickets as a list shows them, filtered, searched and paged. Data only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.records import Cost, Status

MOST_ROWS = 200
TEXT_CHARACTERS = 400
"""Of a ticket's text, what a board has."""


@dataclass(frozen=True, slots=True)
class Sought:
    """Which tickets are wanted, newest first: of these `statuses` (empty: any), whose text or id has `words` in it, `skip` of them left out."""

    statuses: tuple[Status, ...] = ()
    words: str = ""
    repository: Path | None = None
    limit: int = 50
    skip: int = 0
    since: float = 0.0
    """Only those that changed since this Unix time."""

    @property
    def everything(self) -> bool:
        """Say whether no ticket is left out but for where it stands."""
        return not self.words and self.repository is None and not self.since

    @property
    def each_word(self) -> tuple[str, ...]:
        """Return the words one by one, as any database takes them."""
        return tuple(self.words.replace("\0", " ").encode("utf-8", "replace").decode().split())


@dataclass(frozen=True, slots=True)
class Row:
    """One ticket of a board. `text` is its beginning; `question` is one that waits.

    `seconds`, `usd` and `tokens` are its budget; no worker takes it before `not_before`. Times are Unix times.
    """

    ticket: str
    text: str
    repository: Path
    status: Status
    why: str
    next: str
    agent: str
    user: str
    filed_at: float
    updated_at: float
    attempts: int = 0
    branch: str | None = None
    commit: str | None = None
    question: str = ""
    cost: Cost = field(default_factory=Cost)
    seconds: float = 0.0
    usd: float | None = None
    tokens: int | None = None
    priority: int = 0
    not_before: float | None = None
    deadline: float | None = None


@dataclass(frozen=True, slots=True)
class Board:
    """What was sought: a page of `rows`, how many there are in all, and how many tickets stand where (of any status, else as sought)."""

    rows: tuple[Row, ...]
    total: int
    counts: Mapping[Status, int]
