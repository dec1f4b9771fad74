"""Gathering: what a digest is put together of, read from a crew. Read-only."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from orchestrator.crew import Crew
from orchestrator.dispatch.gate import Gate
from orchestrator.errors import OrchestratorError
from orchestrator.records import Status
from orchestrator.reporting.board import MOST_ROWS, Row, Sought
from orchestrator.reporting.digest import READY, Digest, Proof, compose
from orchestrator.schedule import Opening
from shadowfs import ShadowfsError
from verifier import Status as RungStatus

_MOST = 5 * MOST_ROWS
"""How many tickets of a kind a digest has room for."""
_READ = 50
"""How many changes are read for their marks: more than somebody reviews in a morning."""


class Gatherer:
    """Makes digests of a crew's tickets, whose queued ones begin as `gate` lets them. What it read of a change it remembers."""

    def __init__(self, crew: Crew, gate: Gate = Gate(), clock: Callable[[], float] = time.time) -> None:
        self._crew = crew
        self._gate = gate
        self._clock = clock
        self._proofs: dict[tuple[str, float], Proof] = {}

    def digest(self, since_at: float, repository: Path | None = None) -> Digest:
        """Return what happened since a Unix time, of one repository or of all."""
        now = self._clock()
        rows, left_out = self._rows(since_at, repository)
        ready = [row for row in rows if row.status in READY and row.updated_at >= since_at]
        digest = compose(
            rows,
            self._crew.spent(since_at),
            {row.ticket: self._proof(row, at < _READ) for at, row in enumerate(ready)},
            self._openings([row for row in rows if row.status is Status.QUEUED]),
            since_at=since_at,
            made_at=now,
        )
        waiting = self._crew.board(Sought(READY, repository=repository, limit=1)).total
        return replace(digest, older_ready=max(0, waiting - len(ready)), left_out=left_out)

    def _rows(self, since_at: float, repository: Path | None) -> tuple[list[Row], int]:
        """Return the tickets that changed, and those that wait whenever they did; and how many there are besides."""
        found: dict[str, Row] = {}
        left_out = 0
        waits = (Status.PAUSED, Status.QUEUED, Status.WORKING)
        for sought in (Sought(since=since_at, repository=repository), Sought(waits, repository=repository)):
            page = self._crew.board(replace(sought, limit=MOST_ROWS))
            total, seen = page.total, 0
            while page.rows and seen < _MOST:
                found |= {row.ticket: row for row in page.rows}
                seen += len(page.rows)
                page = self._crew.board(replace(sought, limit=MOST_ROWS, skip=seen))
            left_out += max(0, total - seen)
        return list(found.values()), left_out

    def _proof(self, row: Row, read: bool) -> Proof:
        """Return what speaks for a change; its marks only where it is `read`, which takes a moment."""
        key = row.ticket, row.updated_at
        if key in self._proofs and (not read or self._proofs[key].marks is not None):
            return self._proofs[key]
        try:
            report = self._crew.show(row.ticket)
            passed = sum(rung.status is RungStatus.PASS for rung in report.verdict.rungs) if report.verdict else 0
            proof = Proof(report.title, len(report.files), passed, self._marks(row.ticket) if read else None)
        except (OrchestratorError, ShadowfsError, OSError):
            # The depot of a repository may be gone: the ticket is told of all the same.
            proof = Proof()
        if len(self._proofs) > _MOST:
            self._proofs.clear()
        self._proofs[key] = proof
        return proof

    def _marks(self, ticket: str) -> int:
        reading = self._crew.reading(ticket)
        return sum(len(seen.marks) for group in reading.groups for seen in group.hunks) + reading.left_out

    def _openings(self, queued: Sequence[Row]) -> dict[str, Opening]:
        found: dict[tuple[Path, float | None], Opening] = {}
        for row in queued:
            key = row.repository, row.not_before
            if key not in found:
                found[key] = self._crew.begins(self._gate, *key)
        return {row.ticket: found[row.repository, row.not_before] for row in queued}
