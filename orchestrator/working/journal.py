"""The journal of one attempt, or of a job's own steps (attempt 0): an intent before each step, its outcome after."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from agents import Step
from orchestrator.records import Cost, StepRecord
from orchestrator.store import Lease, Store
from orchestrator.working.allowance import Allowance, LimitReached, Short


@dataclass(slots=True)
class Journal:
    """Appends steps under a lease, counting on from those of earlier lives. Several threads of an agent may write at once."""

    store: Store
    lease: Lease
    attempt: int
    allowance: Callable[[], Allowance] = Allowance
    """Returns what may be spent in a day, whatever the job has."""
    _last: int = -1
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, kind: str, intent: Mapping[str, object]) -> int:
        """Write that a step is about to take effect; return its number."""
        with self._lock:
            if self._last < 0:
                self._steps()
            self._last += 1
            number = self._last
            self.store.begin(self.lease, self.attempt, number, kind, intent)
        return number

    def finish(self, number: int, outcome: Mapping[str, object]) -> None:
        """Write what a step did."""
        self.store.finish(self.lease, self.attempt, number, outcome)

    def reserve(self, usd: float, tokens: int = 0) -> int:
        """Reserve dollars and tokens for a call. Raises `LimitReached`, which says of which budget."""
        reserved = self.store.reserve(self.lease, usd, tokens, attempt=self.attempt, allowance=self.allowance())
        if isinstance(reserved, Short):
            raise LimitReached(reserved)
        return reserved

    def settle(self, reservation: int, cost: Cost) -> None:
        """Say what a reservation was spent on."""
        self.store.settle(self.lease, reservation, cost)

    def completed(self) -> tuple[Step, ...]:
        """Return the steps that ended, intent and outcome together; what was in flight at a crash did not happen."""
        with self._lock:
            ended = [step for step in self._steps() if step.outcome is not None]
        return tuple(Step(step.number, step.kind, {**step.intent, **(step.outcome or {})}) for step in ended)

    def checkpoint(self) -> str | None:
        """Return the tree that the last ended step left behind, None where none left one."""
        trees = [step.data["tree"] for step in self.completed() if "tree" in step.data]
        return str(trees[-1]) if trees else None

    def _steps(self) -> list[StepRecord]:
        steps = [step for step in self.store.steps(self.lease.job) if step.attempt == self.attempt]
        self._last = max((step.number for step in steps), default=0)
        return steps
