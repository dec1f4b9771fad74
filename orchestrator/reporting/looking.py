"""Looking: tickets as people name them, and the changes that their jobs have. Read-only."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import cast

from orchestrator.errors import Superseded, UnknownTicket, WrongStatus
from orchestrator.records import AttemptRecord, AttemptState, Job, JobReport, Status
from orchestrator.reporting import reports
from orchestrator.reporting.remembered import Lasting
from orchestrator.store import Store
from orchestrator.working.lease import Owner
from shadowfs import Change, Depot

_CHANGES = 256
DECIDABLE = (Status.VERIFIED, Status.UNVERIFIED, Status.ACCEPTED)
"""Where a job stands whose proposal somebody can accept or reject."""


@dataclass(frozen=True, slots=True)
class Look:
    """Looks into a store. Tickets are named by an id or any prefix of it, or of its part after the dash, that fits one only."""

    store: Store
    _changes: Lasting = field(default_factory=lambda: Lasting(_CHANGES))

    def id(self, prefix: str) -> str:
        """Return the id that a prefix names. Raises `UnknownTicket`."""
        found = self.store.find(prefix) if prefix else ()
        if prefix in found:
            return prefix
        if len(found) == 1:
            return found[0]
        if found:
            raise UnknownTicket(f"{prefix!r} begins more than one ticket ({', '.join(found)}): type more of it")
        raise UnknownTicket(f"there is no ticket {prefix!r}: `nightcrew list` shows what there is")

    def job(self, ticket: str) -> Job:
        """Return the job of a ticket."""
        return self.store.job_of(self.id(ticket))

    def report(self, id: str) -> JobReport:
        """Return all that is known about a ticket."""
        with self.store.together():
            return reports.full(self.store, self.store.ticket(id), self.change, self._diff)

    def at_hand(self, id: str) -> JobReport:
        """Return the same where no depot has to be read for it. Raises `NotAtHand`."""
        known = self._changes.known
        with self.store.together():
            return reports.full(
                self.store,
                self.store.ticket(id),
                lambda depot, base, tree: cast("Change", known((depot.path, base, tree))),
                lambda depot, base, tree: cast("bytes", known((depot.path, base, tree, "diff"))),
            )

    def change(self, depot: Depot, base: str, tree: str) -> Change:
        """Return what differs between two trees: looked up once, since neither ever changes."""
        return self._changes.get((depot.path, base, tree), lambda: depot.change(base, tree))

    def _diff(self, depot: Depot, base: str, tree: str) -> bytes:
        return self._changes.get((depot.path, base, tree, "diff"), lambda: depot.diff(base, tree))

    def winner(self, job: Job) -> AttemptRecord | None:
        """Return the attempt that won, or the last one where none has."""
        return reports.winner(job, self.store.attempts(job.number))

    def proposal(self, ticket: str) -> tuple[Change, Job]:
        """Return the proposal that won. Raises `WrongStatus` where there is none."""
        job = self.job(ticket)
        trees = reports.outcome(job, self.winner(job))
        if trees is None or job.snapshot is None:
            raise WrongStatus(
                f"ticket {job.ticket} has no proposal (it is {job.status}): there is nothing to show or apply"
            )
        return self.change(job.snapshot.depot, *trees), job

    def decidable(self, ticket: str, tree: str | None, done: str) -> tuple[Change, Job]:
        """Return the proposal that somebody decides about, who saw the version `tree` of it (None: whichever it is).

        Raises `WrongStatus`, and `Superseded` where it has another version by now.
        """
        change, job = self.proposal(ticket)
        self.expect(job, DECIDABLE, done)
        if tree not in (None, change.tree):
            raise Superseded(
                f"ticket {job.ticket} has another version by now, {change.tree[:12]}: look at that before you decide"
            )
        return change, job

    def left_by(self, ticket: str, attempt: int) -> tuple[Change, Job]:
        """Return what an attempt differs in from what the user had, whether it won, lost, or found no fix. Raises `WrongStatus`."""
        job = self.job(ticket)
        records = {record.number: record for record in self.store.attempts(job.number)}
        if job.snapshot is None or attempt not in records:
            made = ", ".join(map(str, records)) or "none"
            raise WrongStatus(f"ticket {job.ticket} has no attempt {attempt}; it has {made}")
        trees = reports.outcome(replace(job, chosen=attempt), self._as_it_stands(job, records[attempt]))
        if trees is None:
            raise WrongStatus(f"attempt {attempt} of ticket {job.ticket} has not begun: there is nothing to show")
        return self.change(job.snapshot.depot, *trees), job

    def _as_it_stands(self, job: Job, record: AttemptRecord) -> AttemptRecord:
        """Return an attempt with the tree that its last step left: the record of one that is open has the one it began with."""
        if record.state is not AttemptState.OPEN:
            return record
        mine = (step for step in self.store.steps(job.number) if step.attempt == record.number and step.outcome)
        trees = [str(step.outcome["tree"]) for step in mine if step.outcome and "tree" in step.outcome]
        return replace(record, tree=trees[-1]) if trees else record

    def expect(self, job: Job, statuses: tuple[Status, ...], done: str) -> None:
        """Raise `WrongStatus` unless a job is where it can be `done`."""
        if job.status not in statuses:
            by = ""
            if job.status is Status.WORKING and job.lease_owner:
                owner = Owner.parse(job.lease_owner)
                by = f" by process {owner.pid} on {owner.machine}"
            raise WrongStatus(f"ticket {job.ticket} is {job.status}{by}: it cannot be {done} now")
