"""Showing: what there is to see of tickets, for whoever may only look. A crew is one that acts, too."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.records import Cost, Event, JobReport, Status, StepRecord, Watch
from orchestrator.reporting import reports
from orchestrator.reporting.board import Board, Sought
from orchestrator.reporting.looking import Look

if TYPE_CHECKING:
    from orchestrator.dispatch.gate import Gate
    from orchestrator.engines import Repositories
    from orchestrator.reading import Reading
    from orchestrator.reporting.readings import Readings
    from orchestrator.schedule import Opening
    from shadowfs import Change, Forecast


LOOK_S = 0.2
"""How often the store is asked whether somebody wrote, while a job is followed."""


class Showing(ABC):
    """Tickets, their jobs and their changes. Ticket arguments take an id or any prefix of it, or of its part after the dash, that names one only."""

    @property
    @abstractmethod
    def _look(self) -> Look: ...

    @property
    @abstractmethod
    def _readings(self) -> Readings: ...

    @property
    @abstractmethod
    def _repositories(self) -> Repositories: ...

    def list(self, repository: Path | None = None) -> tuple[JobReport, ...]:
        """Return all tickets, newest first, or those of one repository (without evidence and files)."""
        return tuple(reports.brief(self._look.store, ticket) for ticket in self._look.store.tickets(repository))

    def board(self, sought: Sought = Sought()) -> Board:
        """Return a page of tickets, filtered and searched; it costs what the page costs."""
        return self._look.store.board(sought)

    def version(self) -> object:
        """Return what differs from all it was before whenever anything was written since, by any process."""
        return self._look.store.version()

    def ticket_of(self, job: int) -> str:
        """Return the ticket of a job, by its number."""
        return self._look.store.job(job).ticket

    def brief(self, ticket: str) -> JobReport:
        """Return where a ticket stands, without evidence and files. Raises `UnknownTicket`."""
        store = self._look.store
        with store.together():
            return reports.brief(store, store.ticket(self._look.id(ticket)))

    def spent(self, since: float) -> Mapping[str, Cost]:
        """Return what each ticket cost that was worked on since a Unix time, since then."""
        return self._look.store.spent(since)

    def begins(self, gate: Gate, repository: Path, not_before: float | None = None) -> Opening:
        """Return when `gate` lets a worker begin a job of a repository that is not to begin before a Unix time."""
        return gate.begins(self._look.store, repository, not_before)

    def show(self, ticket: str) -> JobReport:
        """Return all that is known about a ticket. Raises `UnknownTicket`."""
        return self._look.report(self._look.id(ticket))

    def at_hand(self, ticket: str) -> JobReport:
        """Return the same where no depot has to be read for it. Raises `UnknownTicket`, and `NotAtHand`."""
        return self._look.at_hand(self._look.id(ticket))

    def steps(self, ticket: str) -> tuple[StepRecord, ...]:
        """Return the journal of a ticket's job, in order."""
        return self._look.store.steps(self._look.job(ticket).number)

    def follow(self, ticket: str, watch: Watch, wait: Callable[[float], object] = time.sleep) -> JobReport:
        """Tell the steps of a job as they are journaled, until no worker has it or is to have it; `wait` waits for so many seconds."""
        job = self._look.job(ticket)
        told, seen = 0, None
        while True:
            if (version := self.version()) != seen:
                seen = version
                # Looked at before the steps: what ends it is journaled before it has ended.
                status = self._look.job(job.ticket).status
                steps = self.steps(job.ticket)
                for step in steps[told:]:
                    watch(Event(job.number, "step", step.kind, step.at))
                told = len(steps)
                if status not in (Status.QUEUED, Status.WORKING):
                    return self.show(job.ticket)
            wait(LOOK_S)

    def diff(self, ticket: str, attempt: int | None = None) -> bytes:
        """Return the proposal that won, or what an attempt left, as a git patch (binary safe). Raises `WrongStatus` where there is none."""
        change, job = self._look.proposal(ticket) if attempt is None else self._look.left_by(ticket, attempt)
        assert job.snapshot is not None
        return job.snapshot.depot.diff(change.base, change.tree)

    def reading(self, ticket: str, attempt: int | None = None) -> Reading:
        """Return the same in the order in which it is best read, with its evidence and risks. Raises `WrongStatus` where there is none."""
        return self._readings.of(
            *(self._look.proposal(ticket) if attempt is None else self._look.left_by(ticket, attempt))
        )

    def change(self, ticket: str, attempt: int | None = None, since: int | None = None) -> Change:
        """Return the proposal that won, or what an attempt left; `since` another, only what differs from that one's. Raises `WrongStatus`."""
        change, job = self._look.proposal(ticket) if attempt is None else self._look.left_by(ticket, attempt)
        if since is None:
            return change
        assert job.snapshot is not None
        return job.snapshot.depot.change(self._look.left_by(ticket, since)[0].tree, change.tree)

    def read_change(self, ticket: str, change: Change) -> Reading:
        """Return a change of a ticket's as `reading` does."""
        return self._readings.of(change, self._look.job(ticket))

    def between(self, ticket: str, old: int, new: int) -> Reading:
        """Return what changed from what one attempt left to what another did. Raises `WrongStatus` where there is none."""
        return self.read_change(ticket, self.change(ticket, new, old))

    def forecast(self, ticket: str) -> Forecast | None:
        """Return whether a ticket's proposal would merge into the branch that it was pinned on, as that is now; None where nobody can say."""
        change, job = self._look.proposal(ticket)
        assert job.snapshot is not None
        return self._repositories.forecast(job.snapshot, change)

    def cost(self, repository: Path | None = None, since: float = 0.0) -> Cost:
        """Return what all work since the Unix time `since` cost, of one repository or of all."""
        return self._look.store.cost(repository=repository, since=since)
