"""Readings that were made: a version of a change and the verdict on it never change, and a long one takes seconds to read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orchestrator.records import Job
from orchestrator.reporting.looking import Look
from orchestrator.reporting.remembered import Lasting
from shadowfs import Change

if TYPE_CHECKING:
    from orchestrator.reading import Reading

MOST = 32


@dataclass(frozen=True, slots=True)
class Readings:
    """Reads changes of jobs in the order in which they are best read; the last ones are kept. Safe to use from several threads."""

    look: Look
    _made: Lasting = field(default_factory=lambda: Lasting(MOST))

    def of(self, change: Change, job: Job) -> Reading:
        """Return the reading of a change, with what its verdict says."""
        from orchestrator.reading import read

        verdicts = self.look.store.verdicts(job.number)
        on = next((each for each in reversed(verdicts) if each.tree == change.tree), None)
        asked = (job.number, change.base, change.tree, None if on is None else (on.base, on.verified))
        return self._made.get(asked, lambda: read(change, on, self.look.store.ticket(job.ticket).order.text))
