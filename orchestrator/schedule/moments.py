"""Moments as people type them: `22:00`, `2026-11-23 06:30`, `+8h`, as Unix time."""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta, tzinfo

from orchestrator.schedule.hours import read_clock
from orchestrator.schedule.zones import first_instant

_UNITS_S = {"m": 60.0, "h": 3_600.0, "d": 86_400.0, "w": 604_800.0}
_AHEAD = re.compile(r"\+([0-9]{1,6}(?:\.[0-9]{1,3})?)([mhdw])", re.ASCII)
_DAY = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})[ T]([0-9]{1,2}:[0-9]{2})", re.ASCII)


def read_moment(text: str, now: float, zone: tzinfo) -> float:
    """Return the Unix time that a text names in `zone`; a time of day is today's, or tomorrow's once that has passed. Raises `ValueError`."""
    word = text.strip()
    if ahead := _AHEAD.fullmatch(word):
        return now + float(ahead[1]) * _UNITS_S[ahead[2]]
    try:
        if day := _DAY.fullmatch(word):
            return _shown(datetime.fromisoformat(day[1]), read_clock(day[2]), zone)
        minutes = read_clock(word)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text!r} is no time: write 22:00, 2026-11-23 06:30, or +8h") from error
    today = datetime.combine(datetime.fromtimestamp(now, zone).date(), time())
    moments = (_shown(today + timedelta(days), minutes, zone) for days in range(3))
    return next(moment for moment in moments if moment > now)


def _shown(day: datetime, minutes: int, zone: tzinfo) -> float:
    return first_instant(day + timedelta(minutes=minutes), zone)
