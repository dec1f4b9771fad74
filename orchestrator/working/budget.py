"""The budget of a job: seconds of wall clock that are cut before a command starts, not noticed after it ended."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from agents import OutOfBudget
from sandbox import Limits

LEAST_S = 0.05
"""Nothing is started for less time than this."""

JUDGING_SHARE = 0.25
JUDGING_S = 600.0
"""What of the budget is reserved for judging: this share of it, at most so many seconds."""


class Budget:
    """`total_s` seconds of work on a job, of which `spent_s` were spent in earlier leases and `reserved_s` are kept for later; `cut_to` says by what it was cut."""

    def __init__(
        self,
        total_s: float,
        spent_s: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
        *,
        reserved_s: float = 0.0,
        cut_to: str = "",
    ) -> None:
        self._total_s = total_s
        self._reserved_s = reserved_s
        self._cut_to = cut_to
        self._clock = clock
        self._ends = clock() + total_s - spent_s - reserved_s

    def before_judging(self, share: float = 1.0) -> Budget:
        """Return what may be spent before anything is judged: this budget less what is reserved for judging, or a `share` of that."""
        reserved_s = min(JUDGING_SHARE * self._total_s, JUDGING_S)
        left_s = self._ends - self._clock() - reserved_s
        spent_s = self._total_s - reserved_s - (left_s * share if left_s > 0 else left_s)
        return Budget(self._total_s, spent_s, self._clock, reserved_s=reserved_s, cut_to=self._cut_to)

    def remaining_s(self) -> float:
        """Return the seconds that are left, at least 0."""
        return max(0.0, self._ends - self._clock())

    def check(self) -> None:
        """Raise `OutOfBudget` when nothing is left."""
        if self.remaining_s() < LEAST_S:
            raise self.spent()

    def spent(self) -> OutOfBudget:
        """Return what says that nothing is left."""
        kept = f", but for {self._reserved_s:g} that are kept for judging" if self._reserved_s else ""
        return OutOfBudget(f"the budget of {self._total_s:g} seconds{self._cut_to} is spent{kept}")

    def cut(self, limits: Limits) -> Limits:
        """Return `limits` with no more wall clock than is left; raise `OutOfBudget` when nothing is."""
        self.check()
        wall_s = self.remaining_s() if limits.wall_s is None else min(limits.wall_s, self.remaining_s())
        return replace(limits, wall_s=wall_s)
