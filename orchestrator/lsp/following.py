"""Following: which changes of a repository wait for review, asked of the store again and again, cheaply while nothing was written to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator.crew import Crew
from orchestrator.errors import OrchestratorError
from orchestrator.lsp.changes import Proposal, proposal
from orchestrator.records import REVIEW, Status
from orchestrator.reporting.board import Row, Sought
from shadowfs import ShadowfsError

EVERY_S = 2.0
MOST = 50
"""Proposals that are shown at once, the newest."""

Proposals = Mapping[str, Proposal]


@dataclass(slots=True)
class Following:
    """Knows the proposals of a repository as they were when it last looked. Used by one thread at a time."""

    crew: Crew
    repository: Path
    _version: object = None
    _known: dict[str, tuple[float, Proposal | None]] | None = None

    def look(self) -> Proposals | None:
        """Return the proposals by ticket, None where they are those that were returned last."""
        version = self.crew.version()
        if version == self._version:
            return None
        sought = Sought((Status.VERIFIED,), repository=self.repository, limit=MOST)
        # What somebody had judged is his own already.
        rows = [row for row in self.crew.board(sought).rows if not row.agent.startswith(REVIEW)]
        before = self._known or {}
        known = {row.ticket: self._read(row, before.get(row.ticket)) for row in rows}
        same = self._known is not None and _stamps(known) == _stamps(before)
        self._version, self._known = version, known
        return None if same else {ticket: each for ticket, (_, each) in known.items() if each is not None}

    def _read(self, row: Row, before: tuple[float, Proposal | None] | None) -> tuple[float, Proposal | None]:
        if before is not None and before[0] == row.updated_at:
            return before
        try:
            return row.updated_at, proposal(self.crew, row.ticket)
        except (OrchestratorError, ShadowfsError):
            # Its depot is gone, or it was taken back a moment ago: what cannot be read is not shown.
            return row.updated_at, None


def _stamps(known: Mapping[str, tuple[float, Proposal | None]]) -> Mapping[str, float]:
    return {ticket: at for ticket, (at, _) in known.items()}
