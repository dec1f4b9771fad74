"""Schedules: when jobs of a repository may begin. Pure: clocks, zones and what was spent come from the caller."""

from orchestrator.schedule.hours import Hours, read_clock, read_hours
from orchestrator.schedule.moments import read_moment
from orchestrator.schedule.opening import Opening, opening
from orchestrator.schedule.rules import Schedule, schedule_of
from orchestrator.schedule.windows import Window, windows
from orchestrator.schedule.zones import first_instant, machine_zone, named_zone

__all__ = [
    "Hours",
    "Opening",
    "Schedule",
    "Window",
    "first_instant",
    "machine_zone",
    "named_zone",
    "opening",
    "read_clock",
    "read_hours",
    "read_moment",
    "schedule_of",
    "windows",
]
