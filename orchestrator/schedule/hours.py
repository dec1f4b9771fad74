"""Hours as people write them: `22:00-06:30`, `mon-fri 22:00-06:30`, `sat,sun 00:00-24:00`. Local time; which zone says somebody else."""

from __future__ import annotations

import re
from dataclasses import dataclass

DAY_MIN = 24 * 60
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_CLOCK = re.compile(r"([0-9]{1,2}):([0-9]{2})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Hours:
    """From `begin_min` to `end_min` minutes after midnight, beginning on `days` (0 is Monday). An end that is not later is the next day's."""

    begin_min: int
    end_min: int
    days: frozenset[int] = frozenset(range(7))

    @property
    def over_midnight(self) -> bool:
        """Say whether they end on the day after they began."""
        return self.end_min <= self.begin_min


def read_hours(text: str) -> Hours:
    """Return the hours that a text names. Raises `ValueError` with what is right instead."""
    *named, times = text.strip().lower().split()
    begin, dash, end = times.partition("-")
    if len(named) > 1 or not dash:
        raise ValueError(f"{text!r} is no time of day: write 22:00-06:30, or mon-fri 22:00-06:30")
    begin_min, end_min = read_clock(begin), DAY_MIN if end == "24:00" else read_clock(end)
    if begin_min == end_min:
        raise ValueError(f"{text!r} begins when it ends: for a whole day write 00:00-24:00")
    return Hours(begin_min, end_min, _days(named[0], text) if named else frozenset(range(7)))


def read_clock(text: str) -> int:
    """Return what a clock shows, `06:30`, as minutes after midnight. Raises `ValueError`."""
    found = _CLOCK.fullmatch(text.strip())
    if found is None or int(found[1]) > 23 or int(found[2]) > 59:
        raise ValueError(f"{text!r} is nothing that a clock shows: write hours and minutes, as in 22:00")
    return int(found[1]) * 60 + int(found[2])


def _days(named: str, text: str) -> frozenset[int]:
    """Return the days of `mon-fri` or `sat,sun`; a range may go over Sunday."""
    days: set[int] = set()
    for part in named.split(","):
        first, dash, last = part.partition("-")
        if first not in _DAYS or (dash and last not in _DAYS):
            raise ValueError(f"{part!r} in {text!r} is no day: write {', '.join(_DAYS)}, or a range such as mon-fri")
        begin = _DAYS.index(first)
        length = (_DAYS.index(last) - begin) % 7 if dash else 0
        days |= {(begin + at) % 7 for at in range(length + 1)}
    return frozenset(days)
