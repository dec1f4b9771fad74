"""How many replicas of a model there may be, and stay, by the time of day: a pool that grows at night."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import tzinfo

from orchestrator.pool.spec import ModelTable
from orchestrator.schedule import Hours, read_hours, windows

_LOOK_S = 5.0


@dataclass(frozen=True, slots=True)
class Bounds:
    """The most replicas that there may be, and the fewest while nobody asks."""

    most: int
    fewest: int


class TimeOfDay:
    """Knows what a model's table says of the present time. `clock` is Unix time."""

    def __init__(self, table: ModelTable, zone: tzinfo, clock: Callable[[], float]) -> None:
        self._hours = tuple((read_hours(each.when), Bounds(each.replicas, each.fewest)) for each in table.hours)
        self._else = self._bounds = Bounds(table.replicas, table.fewest)
        self._zone = zone
        self._clock = clock
        self._looked: float | None = None

    @property
    def bounds(self) -> Bounds:
        """Return what holds now: the first of the table's hours that it is, else what the table says itself."""
        now = self._clock()
        # Windows of weeks are worked out for it, and it is asked for several times a second.
        if self._hours and (self._looked is None or not 0 <= now - self._looked < _LOOK_S):
            self._looked = now
            open_now = (bounds for hours, bounds in self._hours if self._is_open(hours, now))
            self._bounds = next(open_now, self._else)
        return self._bounds

    def _is_open(self, hours: Hours, now: float) -> bool:
        return any(window.holds(now) for window in windows((hours,), self._zone, now))
