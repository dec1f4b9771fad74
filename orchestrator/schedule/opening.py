"""May a job of a repository begin now, and when next? Pure: what was spent in a window is asked of the caller."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from orchestrator.schedule.rules import Schedule
from orchestrator.schedule.windows import Window
from orchestrator.working.allowance import Amount

Spent = Callable[[Schedule, Window], Amount]
"""Returns what the repositories of a schedule have spent in a window so far."""


@dataclass(frozen=True, slots=True)
class Opening:
    """Whether a job may begin now; else the Unix time from which one may (None: nobody knows), and why not before."""

    now: bool
    at: float | None = None
    why: str = ""


OPEN = Opening(True)


def opening(schedule: Schedule | None, now: float, spent: Spent) -> Opening:
    """Return whether jobs that `schedule` holds for may begin; without one they always may."""
    if schedule is None:
        return OPEN
    window = schedule.window(now)
    if window is None:
        return Opening(False, _next(schedule, now), "outside of its hours")
    gone = _gone(schedule.limit, spent(schedule, window)) if schedule.limit != Amount() else ""
    return Opening(False, _next(schedule, window.ends_at), gone) if gone else OPEN


def _gone(limit: Amount, spent: Amount) -> str:
    """Return which limit of a window was reached, "" where none was."""
    if limit.usd is not None and (spent.usd or 0.0) >= limit.usd:
        return f"the ${limit.usd:g} of this window are spent"
    if limit.tokens is not None and (spent.tokens or 0) >= limit.tokens:
        return f"the {limit.tokens:,} tokens of this window are spent"
    return ""


def _next(schedule: Schedule, after: float) -> float | None:
    """Return when the first window is open at, or opens after, a moment."""
    first = next(iter(schedule.windows(after)), None)
    return None if first is None else max(first.begins_at, after)
