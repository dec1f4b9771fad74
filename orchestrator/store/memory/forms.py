"""What came of the forms in which edits were asked of models, in memory."""

from __future__ import annotations

from collections.abc import Mapping
from threading import RLock

from agents import Formed, totals
from orchestrator.records import Outcome, StepRecord
from orchestrator.store import FORMS_NOTED, FORMS_OF


class MemoryForms:
    """It, read from the store's own dictionaries; `lock` guards them."""

    def __init__(
        self,
        lock: RLock,
        outcomes: Mapping[tuple[int, int], tuple[float, Outcome]],
        steps: Mapping[int, Mapping[tuple[int, int], StepRecord]],
    ) -> None:
        self._lock, self._outcomes, self._steps = lock, outcomes, steps

    def latest(self, agent: str) -> tuple[Formed, ...]:
        with self._lock:
            ended = [(at, *key) for key, (at, each) in self._outcomes.items() if each.agent == agent]
            notes = (self._last(job, attempt) for _, job, attempt in sorted(ended)[-FORMS_OF:])
            return totals(note for note in notes if note is not None)

    def _last(self, job: int, attempt: int) -> Mapping[str, object] | None:
        steps = reversed(list(self._steps.get(job, {}).values()))
        return next((each.intent for each in steps if (each.attempt, each.kind) == (attempt, FORMS_NOTED)), None)
