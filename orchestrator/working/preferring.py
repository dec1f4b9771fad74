"""Whom a judge model prefers among attempts that tie by evidence. It is asked once, whatever dies meanwhile, and paid for like any call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agents import JournaledModel, MeteredModel, OutOfBudget, Step
from orchestrator.records import Cost
from orchestrator.working.assignment import Assignment
from orchestrator.working.journal import Journal

_LONGEST_S = 120.0
_SHARE = 0.5
"""What of the time that is left the question may take: delivering comes after it."""


def preferred(work: Assignment, attempts: Sequence[int], diffs: Sequence[str]) -> tuple[int | None, str]:
    """Return the place of the attempt that the judge prefers, and what to tell of it; None where there is no judge, or it prefers none."""
    for step in work.journal.completed():
        if step.kind == "prefer" and step.data.get("attempts") == list(attempts):
            place = step.data.get("place")
            return (place if isinstance(place, int) else None), str(step.data.get("why", ""))
    judge = work.engines.referee(work.ticket.alias)
    if judge is None:
        return None, ""
    # Only jobs that ask it take the time to import it.
    from agents import Preference, prefer

    desk = _Desk(work)
    number = work.journal.begin("prefer", {"attempts": list(attempts)})
    model = JournaledModel(MeteredModel(judge.model, desk, judge.price), desk)
    try:
        found = prefer(model, work.order.text, diffs, min(_LONGEST_S, work.budget.remaining_s() * _SHARE))
    except OutOfBudget as error:
        found = Preference(None, str(error))
    among = ", ".join(map(str, attempts))
    if found.place is None:
        why = f"the judge {judge.model.name!r} preferred none of attempts {among}: {found.why}"
    else:
        why = f"of attempts {among}, of which the checks say the same, the judge {judge.model.name!r} preferred {attempts[found.place]}"
    work.journal.finish(number, {"place": found.place, "why": why})
    work.emit("progress", why)
    return found.place, why


@dataclass(frozen=True, slots=True)
class _Desk:
    """The job's own journal and budget, as a model's call wants them."""

    work: Assignment

    def journal(self) -> Sequence[Step]:
        return self.work.journal.completed()

    def note(self, kind: str, data: Mapping[str, object]) -> None:
        journal = self.work.journal
        journal.finish(journal.begin(f"note:{kind}", data), {})

    def reserve(self, usd: float, tokens: int = 0) -> int:
        self.work.stopping()
        self.work.budget.check()
        return Journal(self.work.store, self.work.lease, 0, self.work.engines.allowance).reserve(usd, tokens)

    def settle(self, reservation: int, tokens_in: int, tokens_out: int, usd: float) -> None:
        self.work.journal.settle(reservation, Cost(0.0, tokens_in, tokens_out, usd))
