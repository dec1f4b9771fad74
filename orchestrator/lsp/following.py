"""Following: which changes of a repository wait for review, asked of the store again and again, cheaply while nothing was written to it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.crew import Crew
from orchestrator.errors import OrchestratorError
from orchestrator.lsp.changes import Proposal, proposal, waits
from orchestrator.store import Store
from shadowfs import ShadowfsError

EVERY_S = 2.0
AT_LEAST_S = 30.0
"""After so long it is asked though nothing seems to have been written."""
MOST = 50
"""Proposals that are shown at once, the newest."""
_FILES = ("nightcrew.db", "nightcrew.db-wal")

Proposals = Mapping[str, Proposal]


@dataclass(slots=True)
class Following:
    """Knows the proposals of a repository as they were when it last looked. Used by one thread at a time."""

    crew: Crew
    store: Store
    repository: Path
    state: Path
    ticks: Callable[[], float] = time.monotonic
    _stamp: object = None
    _looked: float = float("-inf")
    _known: dict[str, tuple[float, Proposal | None]] = field(default_factory=dict)

    def look(self) -> Proposals | None:
        """Return the proposals by ticket, None where they are those that were returned last."""
        stamp = self._stamps()
        if stamp == self._stamp and self.ticks() - self._looked < AT_LEAST_S:
            return None
        first = self._looked == float("-inf")
        waiting = [report for report in self.crew.list(self.repository) if waits(report)][:MOST]
        known = {report.ticket.id: self._read(report.ticket.id, report.updated_at) for report in waiting}
        same = {id: at for id, (at, _) in known.items()} == {id: at for id, (at, _) in self._known.items()}
        self._stamp, self._looked, self._known = stamp, self.ticks(), known
        if same and not first:
            return None
        return {ticket: each for ticket, (_, each) in known.items() if each is not None}

    def _read(self, ticket: str, updated_at: float) -> tuple[float, Proposal | None]:
        known = self._known.get(ticket)
        if known is not None and known[0] == updated_at:
            return known
        try:
            return updated_at, proposal(self.store, ticket)
        except (OrchestratorError, ShadowfsError):
            # Its depot is gone, or it was taken back a moment ago: what cannot be read is not shown.
            return updated_at, None

    def _stamps(self) -> object:
        """Return what differs after each write: the sizes and times of the database's files; what differs always where there are none."""
        try:
            stats = [(self.state / name).stat() for name in _FILES]
        except FileNotFoundError:
            return object()
        return [(each.st_ino, each.st_size, each.st_mtime_ns) for each in stats]
