"""The store's Protocol: tickets, jobs, leases, journal, verdicts, outbox and ledger. The store is the truth; queues carry numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from agents import Formed
from orchestrator.dispatch.fairness import ANY, Terms
from orchestrator.records import AttemptRecord, Cost, Job, Message, Outcome, Status, StepRecord, Ticket
from orchestrator.reporting.board import Board, Sought
from orchestrator.settings import Settings
from orchestrator.working.allowance import Allowance, Short
from orchestrator.working.routing import Tally
from shadowfs import Snapshot
from verifier import Verdict


@dataclass(frozen=True, slots=True)
class Lease:
    """The right of `owner` to write about a job until the Unix time `until`. A greater fence ends it."""

    job: int
    owner: str
    fence: int
    until: float


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A row of the outbox: the commit that leaves, the branch it is to be (or is, when `done`)."""

    id: int
    job: int
    commit: str
    branch: str
    done: bool


CLAIMABLE = (Status.QUEUED, Status.PAUSED, Status.STOPPED, Status.FAILED)
"""Where a job may stand that is asked for by its number. One that is worked on may be had when its lease has expired."""


FORMS_NOTED = "note:turn"
"""The steps that `Forms` reads."""
FORMS_OF = 100
"""Of how many attempts, the latest."""


class Messages(Protocol):
    """Keeps what people say to jobs."""

    def say(self, job: int, who: str, text: str, among: Sequence[Status]) -> bool:
        """Keep a message to a job that stands at one of `among`, and say whether it does; it is on disk when this returns."""
        ...

    def said(self, job: int, after: int = 0) -> tuple[Message, ...]:
        """Return the messages to a job in their order, those after the one whose id is `after`."""
        ...


class Forms(Protocol):
    """Remembers what came of the forms in which edits were asked of models."""

    def latest(self, agent: str) -> tuple[Formed, ...]:
        """Return what did in the latest attempts of an agent of which it is known whether they were verified, by model and form."""
        ...


class Store(Protocol):
    """Keeps everything. What takes a lease writes nothing and raises `LeaseLost` when that lease is not the job's present one."""

    @property
    def messages(self) -> Messages: ...

    @property
    def forms(self) -> Forms: ...

    def version(self) -> object:
        """Return what differs from all it was before whenever something was written since, by whomever."""
        ...

    def together(self) -> AbstractContextManager[None]:
        """Have what this thread reads within the block come from one state of the store, and cost less."""
        ...

    def add(self, ticket: Ticket, settings: Settings, status: Status = Status.QUEUED) -> Job:
        """Keep a ticket, its settings, and its job with the budget they give it; it is on disk when this returns. Raises `TicketTaken`."""
        ...

    def ticket(self, id: str) -> Ticket: ...
    def settings(self, id: str) -> Settings: ...

    def repositories(self) -> tuple[Path, ...]:
        """Return the repositories of which jobs are queued or at work."""
        ...

    def find(self, prefix: str) -> tuple[str, ...]:
        """Return up to a few ids of tickets that begin with `prefix`, or have it after their dash."""
        ...

    def tickets(self, repository: Path | None = None) -> tuple[Ticket, ...]:
        """Return the tickets, newest first."""
        ...

    def board(self, sought: Sought) -> Board:
        """Return a page of tickets as a list shows them; it costs what the page costs."""
        ...

    def job(self, number: int) -> Job: ...
    def job_of(self, ticket: str) -> Job: ...

    def working(self) -> tuple[Job, ...]:
        """Return the jobs that somebody has, or had, a lease of."""
        ...

    def claim(self, owner: str, lease_s: float, number: int | None = None, terms: Terms = ANY) -> Lease | None:
        """Lease the job that is next, of those that are queued or whose lease has expired and whose time has come; else None.

        That is of the highest priority whose turn it is (`fairness`), on the terms of the worker. What is overdue fails meanwhile.
        Job `number` is leased whenever it is `CLAIMABLE`, whatever the terms.
        """
        ...

    def ready(self, most: int, terms: Terms = ANY) -> Mapping[int, frozenset[str]]:
        """Return up to `most` jobs that `claim`, asked again and again, would lease now, in that order, and what each needs.

        What is overdue fails meanwhile.
        """
        ...

    def announce(self, machine: str, can: frozenset[str]) -> None:
        """Keep that a machine's workers can do this; it costs a look where they said so a moment ago."""
        ...

    def abilities(self) -> tuple[frozenset[str], ...]:
        """Return what workers that were heard of lately can do, each set once."""
        ...

    def renew(self, lease: Lease, lease_s: float) -> Lease:
        """Prolong a lease and book the time that passed."""
        ...

    def record(
        self, lease: Lease, *, snapshot: Snapshot | None = None, base: str | None = None, chosen: int | None = None
    ) -> None:
        """Write what is known of the job by now; what is None stays as it is."""
        ...

    def end(self, lease: Lease, status: Status, why: str, next: str, told: int | None = None) -> bool:
        """Write how the job stands and give the lease back; False, and nothing is written, where there is a message after `told`."""
        ...

    def free(self, number: int, fence: int, why: str) -> bool:
        """Queue a job again whose worker, under `fence`, is known to be dead; False when somebody was faster."""
        ...

    def mark(self, number: int, status: Status, why: str, among: Sequence[Status], fence: int | None = None) -> bool:
        """Change the status of a job that nobody has a lease of, if it is one of `among`; say whether it was.

        With a `fence` only if nobody had a lease since the job had that one.
        """
        ...

    def grant(self, number: int, seconds: float, usd: float, tokens: int = 0) -> None:
        """Add to a job's budget."""
        ...

    def request_stop(self, number: int) -> None:
        """Ask the worker of a job to stop."""
        ...

    def stop_requested(self, lease: Lease) -> bool:
        """Say whether somebody asked this lease's worker to stop."""
        ...

    def attempts(self, number: int) -> tuple[AttemptRecord, ...]: ...
    def put_attempt(self, lease: Lease, attempt: AttemptRecord) -> None:
        """Write an attempt, or write it anew."""
        ...

    def begin(self, lease: Lease, attempt: int, number: int, kind: str, intent: Mapping[str, object]) -> None:
        """Journal a step before it takes effect."""
        ...

    def finish(self, lease: Lease, attempt: int, number: int, outcome: Mapping[str, object]) -> None:
        """Journal what a step did."""
        ...

    def steps(self, number: int) -> tuple[StepRecord, ...]:
        """Return a job's journal, in order."""
        ...

    def put_verdict(self, lease: Lease, verdict: Verdict) -> None: ...
    def verdicts(self, number: int) -> tuple[Verdict, ...]:
        """Return a job's verdicts, oldest first."""
        ...

    def put_outgoing(self, lease: Lease, commit: str, branch: str) -> Outgoing:
        """Record that `commit` is to leave as `branch` (the row there is, if there is one); it is on disk when this returns."""
        ...

    def rename_outgoing(self, id: int, old: str, new: str) -> bool:
        """Change the branch of an undone row from `old` to `new`; False when somebody was faster."""
        ...

    def deliver(self, id: int) -> None:
        """Mark a row as done. Anyone may."""
        ...

    def outgoing(self, number: int) -> tuple[Outgoing, ...]: ...

    def reserve(
        self, lease: Lease, usd: float, tokens: int = 0, *, attempt: int = 0, allowance: Allowance = Allowance()
    ) -> int | Short:
        """Reserve dollars and tokens for a call of an attempt, or return the limit that it would exceed: the job's, or one of `allowance`.

        Whoever else reserves, in this process or another, waits meanwhile. An unsettled reservation counts as spent.
        """
        ...

    def settle(self, lease: Lease, reservation: int, cost: Cost) -> None:
        """Replace a reservation by what was spent."""
        ...

    def cost(
        self,
        number: int | None = None,
        repository: Path | None = None,
        since: float = 0.0,
        attempt: int | None = None,
    ) -> Cost:
        """Return what was spent: by one job, or an attempt of it on models, for one repository, or by all."""
        ...

    def costs(self, number: int) -> Mapping[int, Cost]:
        """Return what a job's attempts spent on models, by their numbers; under 0 what it cost besides."""
        ...

    def spent(self, since: float) -> Mapping[str, Cost]:
        """Return what each ticket cost that was worked on since a Unix time, since then."""
        ...

    def put_outcome(self, lease: Lease, outcome: Outcome) -> None:
        """Keep what became of an attempt, or keep it anew."""
        ...

    def tallies(self, repository: Path, kind: str, since: float = 0.0) -> Sequence[Tally]:
        """Return what became of all agents' attempts, added up by agent, by whether it was in `repository` and on a ticket of `kind`."""
        ...

    def close(self) -> None: ...
