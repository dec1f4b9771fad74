"""The gate: on which terms a worker begins jobs now, by the machine's schedules and limits, and what was spent in their windows."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from orchestrator.dispatch.fairness import ANY, Terms
from orchestrator.schedule import Opening, Schedule, Window, opening, schedule_of
from orchestrator.store import Store
from orchestrator.working.allowance import Amount
from orchestrator.working.lease import Owner

_ANY = 1 << 30
"""How many jobs at once of a repository that no schedule holds for."""


@dataclass(frozen=True, slots=True)
class Gate:
    """Lets jobs begin as `schedules` say, of which the first that holds for a repository counts. Without any it is open.

    `lacks` says what this machine has too little of for another job, if anything, `can` what its workers can do (None: everything),
    `full` what of that there is no room for now. `limits` are how many jobs may be at work, on all machines.
    """

    schedules: tuple[Schedule, ...] = ()
    clock: Callable[[], float] = time.time
    lacks: Callable[[], str] = str
    can: Callable[[], frozenset[str]] | None = None
    full: Callable[[], frozenset[str]] = frozenset
    limits: Terms = ANY

    def terms(self, store: Store) -> Terms:
        """Return on which terms a worker begins jobs now."""
        return replace(
            self.limits, among=self._among(store), can=None if self.can is None else self.can() - self.full()
        )

    def announce(self, store: Store) -> None:
        """Tell the store what the workers of this machine can do."""
        if self.can is not None:
            store.announce(Owner.here().machine, self.can())

    def _among(self, store: Store) -> Mapping[Path, int] | None:
        """Return how many jobs of each repository may be at work, of those whose jobs may begin now; None where nothing is bounded."""
        if self.lacks():
            return {}
        if not self.schedules:
            return None
        now = self.clock()
        open_now = {each: opening(each, now, lambda *of: _spent(store, *of)).now for each in self.schedules}
        found = {repository: schedule_of(self.schedules, repository) for repository in store.repositories()}
        return {
            repository: _ANY if schedule is None else schedule.parallel
            for repository, schedule in found.items()
            if schedule is None or open_now[schedule]
        }

    def begins(self, store: Store, repository: Path, not_before: float | None = None) -> Opening:
        """Return when a job of a repository, not to begin before a Unix time, may begin."""
        now = self.clock()
        ready = max(now, not_before or now)
        found = opening(schedule_of(self.schedules, repository), ready, lambda *of: _spent(store, *of))
        return Opening(False, ready, "its time has not come") if found.now and ready > now else found


def _spent(store: Store, schedule: Schedule, window: Window) -> Amount:
    """Return what the repositories that a schedule holds for have spent in a window."""
    spent = store.spent(window.begins_at).items()
    costs = [cost for ticket, cost in spent if schedule.covers(store.ticket(ticket).order.repository)]
    return Amount(sum(cost.usd for cost in costs), sum(cost.tokens_in + cost.tokens_out for cost in costs))
