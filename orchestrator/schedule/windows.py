"""Windows: the stretches of time that hours open in a zone, as Unix times. Without hours it is every day, midnight to midnight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo

from orchestrator.schedule.hours import DAY_MIN, Hours
from orchestrator.schedule.zones import first_instant

_ALWAYS = (Hours(0, DAY_MIN),)
_BEFORE_DAYS, _AFTER_DAYS = 2, 16
"""How far around a day is looked: hours of one day in the week may be swallowed by a change of the clock once."""


@dataclass(frozen=True, slots=True)
class Window:
    """From `begins_at` up to, and without, `ends_at`: Unix times."""

    begins_at: float
    ends_at: float

    def holds(self, now: float) -> bool:
        """Say whether `now` lies in it."""
        return self.begins_at <= now < self.ends_at


def windows(hours: Sequence[Hours], zone: tzinfo, now: float) -> tuple[Window, ...]:
    """Return the windows around and after `now`, in the order in which they begin: what has ended is left out."""
    today = datetime.fromtimestamp(now, zone).date()
    found = {
        window
        for day in (today + timedelta(at) for at in range(-_BEFORE_DAYS, _AFTER_DAYS))
        for each in hours or _ALWAYS
        if day.weekday() in each.days
        for window in [_window(each, day, zone)]
        if window.begins_at < window.ends_at and window.ends_at > now
    }
    return tuple(sorted(found, key=lambda window: (window.begins_at, window.ends_at)))


def _window(hours: Hours, day: date, zone: tzinfo) -> Window:
    ends = hours.end_min + (DAY_MIN if hours.over_midnight else 0)
    return Window(_shown(day, hours.begin_min, zone), _shown(day, ends, zone))


def _shown(day: date, minutes: int, zone: tzinfo) -> float:
    # Naive arithmetic: what the clock shows, not what passes.
    return first_instant(datetime.combine(day, time()) + timedelta(minutes=minutes), zone)
