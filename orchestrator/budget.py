"""The budget of a job: seconds of wall clock that are cut before a command starts, not noticed after it ended."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from agents import OutOfBudget
from sandbox import Limits

LEAST_S = 0.05
"""Nothing is started for less time than this."""


class Budget:
    """`total_s` seconds of work on a job, of which `spent_s` were spent in earlier leases."""

    def __init__(self, total_s: float, spent_s: float = 0.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._total_s = total_s
        self._clock = clock
        self._ends = clock() + total_s - spent_s

    def without(self, seconds: float) -> Budget:
        """Return this budget less `seconds` that are reserved for what comes after."""
        budget = Budget(self._total_s, clock=self._clock)
        budget._ends = self._ends - seconds
        return budget

    @property
    def total_s(self) -> float:
        """Return the seconds of the whole job."""
        return self._total_s

    def remaining_s(self) -> float:
        """Return the seconds that are left, at least 0."""
        return max(0.0, self._ends - self._clock())

    def check(self) -> None:
        """Raise `OutOfBudget` when nothing is left."""
        if self.remaining_s() < LEAST_S:
            raise OutOfBudget(f"the budget of {self._total_s:g} seconds is spent")

    def cut(self, limits: Limits) -> Limits:
        """Return `limits` with no more wall clock than is left; raise `OutOfBudget` when nothing is."""
        self.check()
        wall_s = self.remaining_s() if limits.wall_s is None else min(limits.wall_s, self.remaining_s())
        return replace(limits, wall_s=wall_s)
