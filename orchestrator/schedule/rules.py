"""A schedule: for which repositories it holds, when their jobs may begin, how many at once, and for how much."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from pathlib import Path

from orchestrator.patterns import matching
from orchestrator.schedule.hours import Hours
from orchestrator.schedule.windows import Window, windows
from orchestrator.schedule.zones import first_instant
from orchestrator.working.allowance import Amount


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

    def digests(self, now: float) -> tuple[float, ...]:
        """Return when digests are due around `now`: yesterday, today and tomorrow, as Unix times."""
        if self.digest_min is None:
            return ()
        today = datetime.combine(datetime.fromtimestamp(now, self.zone).date(), time(), None)
        shown = (today + timedelta(days=day, minutes=self.digest_min) for day in (-1, 0, 1))
        return tuple(first_instant(each, self.zone) for each in shown)

    def window(self, now: float) -> Window | None:
        """Return the window that `now` is in, that which began first of several."""
        return next((window for window in self.windows(now) if window.holds(now)), None)


def schedule_of(schedules: Sequence[Schedule], repository: Path) -> Schedule | None:
    """Return the first schedule that holds for a repository, None where none does."""
    return next((each for each in schedules if each.covers(repository)), None)
