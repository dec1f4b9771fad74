"""A schedule: for which repositories it holds, when their jobs may begin, how many at once, and for how much."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo
from pathlib import Path

from orchestrator.allowance import Amount
from orchestrator.patterns import matching
from orchestrator.schedule.hours import Hours
from orchestrator.schedule.windows import Window, windows


@dataclass(frozen=True, slots=True)
class Schedule:
    """When jobs of some repositories may begin.

    `repositories` are patterns of their paths (none: all). `parallel` jobs of each may be at work at once. `limit` holds for all of
    them together, in each window of `hours`. `digest_min` is when, in minutes after midnight, a digest is written.
    """

    repositories: tuple[str, ...] = ()
    hours: tuple[Hours, ...] = ()
    zone: tzinfo = UTC
    parallel: int = 1
    limit: Amount = Amount()
    digest_min: int | None = None

    def covers(self, repository: Path) -> bool:
        """Say whether it holds for a repository."""
        return not self.repositories or matching(self.repositories)(str(repository).strip("/"))

    def windows(self, now: float) -> tuple[Window, ...]:
        """Return the windows that have not ended."""
        return windows(self.hours, self.zone, now)

    def window(self, now: float) -> Window | None:
        """Return the window that `now` is in, that which began first of several."""
        return next((window for window in self.windows(now) if window.holds(now)), None)


def schedule_of(schedules: Sequence[Schedule], repository: Path) -> Schedule | None:
    """Return the first schedule that holds for a repository, None where none does."""
    return next((each for each in schedules if each.covers(repository)), None)
