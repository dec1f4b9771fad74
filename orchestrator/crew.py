"""The crew: one facade over store, worker and delivery. What the command line, and later the API, call."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

from orchestrator import answering, intake, reports
from orchestrator.answering import Answer
from orchestrator.errors import UnknownTicket, WrongStatus
from orchestrator.exits import USAGE, exit_of_error
from orchestrator.journal import Journal
from orchestrator.lease import LEASE_S, Owner
from orchestrator.records import REVIEW, Applied, Cost, Event, Job, JobReport, Order, Status, StepRecord, Ticket, Watch
from orchestrator.roster import agents_of
from orchestrator.settings import Settings
from orchestrator.store import CLAIMABLE, Lease, Store
from shadowfs import Change

if TYPE_CHECKING:
    from orchestrator.engines import Engines
    from orchestrator.reading import Reading
    from orchestrator.replaying import Replay

DECIDABLE = (Status.VERIFIED, Status.UNVERIFIED, Status.ACCEPTED)
"""Where a job stands whose proposal somebody can accept or reject."""


def unseen(event: Event) -> None:
    """Take an event nobody watches."""


class Crew:
    """Everything nightcrew can do with tickets, over the state directory `state`.

    `settings` are those of the repository that orders are filed for; each ticket carries its own from then on.
    Ticket arguments take an id or any prefix of it, or of its part after the dash, that names one ticket only.
    `clock` gives Unix time, `ticks` the seconds that budgets count. `engines` and `store` are the real ones unless given.
    """

    def __init__(
        self,
        state: Path,
        settings: Settings = Settings(),
        *,
        clock: Callable[[], float] = time.time,
        ticks: Callable[[], float] = time.monotonic,
        engines: Engines | None = None,
        store: Store | None = None,
    ) -> None:
        self._state = state.absolute()
        self._settings = settings
        self._clock = clock
        self._ticks = ticks
        self._given_engines = engines
        self._given_store = store

    def file(self, order: Order) -> Ticket:
        """Store a ticket and its job, then acknowledge it. Raises `OrderRefused`."""
        intake.check_agent(intake.agent_of(order, self._settings))
        return self._add(order, Status.QUEUED)

    def hold(self, order: Order) -> Ticket:
        """Store a ticket that waits for `resume`: no other worker takes it. Raises `OrderRefused`.

        What its agent is called is not checked: whoever resumes it has the engines that know.
        """
        return self._add(order, Status.PAUSED)

    def fix(self, order: Order, watch: Watch = unseen) -> JobReport:
        """File `order` and work on it here and now; Ctrl-C pauses the job and returns its report."""
        agent = intake.agent_of(order, self._settings)
        intake.check_agent(agent)
        if intake.needs_model(agent):
            # A model that is nowhere is told of before there is a ticket.
            for each in agents_of(agent):
                self._engines.agent(each)
        # Paused, not queued: no other worker takes it before this one does.
        return self._work_on(self._add(order, Status.PAUSED), watch)

    def work_next(self, watch: Watch = unseen) -> JobReport | None:
        """Claim the oldest job that is ready and work on it; None where there is none."""
        lease = self._store.claim(str(Owner.here()), LEASE_S)
        if lease is None:
            return None
        self._work(lease, watch)
        return self._report(self._store.job(lease.job).ticket)

    def list(self, repository: Path | None = None) -> tuple[JobReport, ...]:
        """Return all tickets, newest first, or those of one repository (without evidence and files)."""
        return tuple(reports.brief(self._store, ticket) for ticket in self._store.tickets(repository))

    def show(self, ticket: str) -> JobReport:
        """Return all that is known about a ticket. Raises `UnknownTicket`."""
        return self._report(self._id(ticket))

    def steps(self, ticket: str) -> tuple[StepRecord, ...]:
        """Return the journal of a ticket's job, in order."""
        return self._store.steps(self._job(ticket).number)

    def replay(self, ticket: str, attempt: int = 1, watch: Watch = unseen) -> Replay:
        """Go through an attempt of a model again with the code as it is now, on recorded replies. Raises `WrongStatus`, `OrderRefused`."""
        from orchestrator.replaying import replay

        return replay(self._store, self._engines, self._id(ticket), attempt, watch)

    def diff(self, ticket: str, attempt: int | None = None) -> bytes:
        """Return the proposal that won, or what an attempt left, as a git patch (binary safe). Raises `WrongStatus` where there is none."""
        change, job = self._proposal(ticket) if attempt is None else self._left_by(ticket, attempt)
        assert job.snapshot is not None
        return job.snapshot.depot.diff(change.base, change.tree)

    def reading(self, ticket: str, attempt: int | None = None) -> Reading:
        """Return the same in the order in which it is best read, with its evidence and risks. Raises `WrongStatus` where there is none."""
        from orchestrator.reading import read

        change, job = self._proposal(ticket) if attempt is None else self._left_by(ticket, attempt)
        on = next((each for each in reversed(self._store.verdicts(job.number)) if each.tree == change.tree), None)
        return read(change, on, self._store.ticket(job.ticket).order.text)

    def apply(self, ticket: str) -> Applied:
        """Put the change into the user's working tree. Raises `WouldOverwrite` (nothing is written then), `WrongStatus`."""
        from orchestrator.applying import apply

        change, job = self._proposal(ticket)
        self._expect(job, DECIDABLE, "applied")
        assert job.snapshot is not None
        files = apply(job.snapshot.repository, change)
        self._store.mark(job.number, Status.ACCEPTED, "", DECIDABLE)
        return Applied(job.ticket, files)

    def reject(self, ticket: str, reason: str = "") -> JobReport:
        """Mark a ticket's proposal as rejected; its branch stays."""
        job = self._job(ticket)
        if not self._store.mark(job.number, Status.REJECTED, reason, DECIDABLE):
            self._expect(job, DECIDABLE, "rejected")
        return self._report(job.ticket)

    def stop(self, ticket: str) -> JobReport:
        """Ask whoever works on a ticket to stop at the next step; a job nobody works on is stopped at once."""
        job = self._job(ticket)
        waiting = (Status.QUEUED, Status.PAUSED, Status.FAILED)
        if not self._store.mark(job.number, Status.STOPPED, "stopped before it was worked on", waiting):
            self._expect(job, (Status.WORKING, Status.STOPPED), "stopped")
            self._store.request_stop(job.number)
        return self._report(job.ticket)

    def resume(
        self, ticket: str, watch: Watch = unseen, *, seconds: float = 0.0, usd: float = 0.0, tokens: int = 0
    ) -> JobReport:
        """Go on with a job where it stood, `seconds`, `usd` and `tokens` added to its budget. Raises `WrongStatus`."""
        return self._work_on(self._store.ticket(self._id(ticket)), watch, seconds, usd, tokens=tokens)

    def answer(
        self,
        ticket: str,
        said: int | str,
        watch: Watch = unseen,
        *,
        seconds: float = 0.0,
        usd: float = 0.0,
        tokens: int = 0,
    ) -> JobReport:
        """Answer the question that a job paused with, by an option's number (0: none of them) or in words, and go on with the job.

        Raises `UnknownOption`, and `WrongStatus` where nothing is asked, or somebody answered before. `seconds`, `usd` and `tokens`
        are added to its budget.
        """
        job = self._job(ticket)
        attempts = self._store.attempts(job.number)
        answering.answered(job, attempts, said)
        self._expect(job, CLAIMABLE, "answered")
        answer = answering.Answer(said, answering.asking(attempts))
        return self._work_on(self._store.ticket(job.ticket), watch, seconds, usd, answer, tokens)

    def review(self, repository: Path, ref: str, order: Order | None = None, watch: Watch = unseen) -> JobReport:
        """Judge the commit `ref` against its merge base with `HEAD`; `order` may name tests, suite and limits. Nothing is delivered."""
        order = order or Order(f"review of {ref}", repository)
        review = replace(order, repository=repository, agent=f"{REVIEW}{ref}", attempts=1, branch=False)
        return self._work_on(self._add(review, Status.PAUSED), watch)

    def sweep(self) -> tuple[str, ...]:
        """Remove what killed processes left and make their jobs resumable; return what was done, one line each."""
        from orchestrator.sweep import sweep_files, sweep_jobs

        done = sweep_files(self._state)
        if self._given_store is not None or self._database.exists():
            done += sweep_jobs(self._store)
        return tuple(done)

    def cost(self, repository: Path | None = None, since: float = 0.0) -> Cost:
        """Return what all work since the Unix time `since` cost, of one repository or of all."""
        return self._store.cost(repository=repository, since=since)

    def close(self) -> None:
        """Close the store, and end what the engines keep running. Safe to call twice."""
        for name in ("_engines", "_store"):
            opened = self.__dict__.pop(name, None)
            if opened is not None:
                opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @property
    def _database(self) -> Path:
        return self._state / "nightcrew.db"

    @cached_property
    def _store(self) -> Store:
        if self._given_store is not None:
            return self._given_store
        from sqlalchemy import URL

        from orchestrator.sqlstore import SqlStore

        # Tickets may hold what is nobody else's business.
        self._state.mkdir(parents=True, exist_ok=True, mode=0o700)
        return SqlStore(URL.create("sqlite", database=str(self._database)), self._clock)

    @cached_property
    def _engines(self) -> Engines:
        if self._given_engines is not None:
            return self._given_engines
        from orchestrator.wiring import real_engines

        return real_engines(self._state)

    def _add(self, order: Order, status: Status) -> Ticket:
        settings = intake.settle(order, self._settings)
        ticket = intake.read_order(replace(order, user=intake.filer(order)), self._clock())
        self._store.add(ticket, settings, status)
        return ticket

    def _work_on(
        self,
        ticket: Ticket,
        watch: Watch,
        seconds: float = 0.0,
        usd: float = 0.0,
        answer: Answer | None = None,
        tokens: int = 0,
    ) -> JobReport:
        """Work on one ticket in the foreground; raise what a person repairs by typing something else, as it was raised."""
        job = self._store.job_of(ticket.id)
        lease = self._store.claim(str(Owner.here()), LEASE_S, job.number)
        if lease is None:
            self._expect(self._store.job_of(ticket.id), (), "worked on")
            raise WrongStatus(
                f"ticket {ticket.id} was taken by another worker: `nightcrew show {ticket.id}` says how it stands"
            )
        if answer is not None:
            self._answer(lease, answer)
        self._store.grant(lease.job, seconds, usd, tokens)
        failure = self._work(lease, watch)
        if failure is not None and exit_of_error(failure) == USAGE:
            raise failure
        return self._report(ticket.id)

    def _answer(self, lease: Lease, answer: Answer) -> None:
        """Write an answer under a lease; it holds from then on, whatever dies."""
        job, attempts = self._store.job(lease.job), self._store.attempts(lease.job)
        try:
            record = answer.given(job, attempts)
        except WrongStatus as error:
            # Somebody was faster between the look and the lease.
            self._store.end(lease, Status.PAUSED, str(error), f"nightcrew resume {job.ticket}")
            raise
        journal = Journal(self._store, lease, 0)
        step = journal.begin("answer", {"attempt": record.number, **answer.told(record)})
        self._store.put_attempt(lease, record)
        journal.finish(step, {"tree": record.tree} if record.answer else {})

    def _work(self, lease: Lease, watch: Watch) -> Exception | None:
        from orchestrator.worker import Worker

        return Worker(self._store, self._engines, self._clock, self._ticks).work(lease, watch)

    def _id(self, prefix: str) -> str:
        found = self._store.find(prefix) if prefix else ()
        if prefix in found:
            return prefix
        if len(found) == 1:
            return found[0]
        if found:
            raise UnknownTicket(f"{prefix!r} begins more than one ticket ({', '.join(found)}): type more of it")
        raise UnknownTicket(f"there is no ticket {prefix!r}: `nightcrew list` shows what there is")

    def _job(self, ticket: str) -> Job:
        return self._store.job_of(self._id(ticket))

    def _report(self, id: str) -> JobReport:
        return reports.full(self._store, self._store.ticket(id))

    def _proposal(self, ticket: str) -> tuple[Change, Job]:
        job = self._job(ticket)
        trees = reports.outcome(job, reports.winner(job, self._store.attempts(job.number)))
        if trees is None or job.snapshot is None:
            raise WrongStatus(
                f"ticket {job.ticket} has no proposal (it is {job.status}): there is nothing to show or apply"
            )
        return job.snapshot.depot.change(*trees), job

    def _left_by(self, ticket: str, attempt: int) -> tuple[Change, Job]:
        """Return what an attempt differs in from what the user had, whether it won, lost, or found no fix."""
        job = self._job(ticket)
        records = {record.number: record for record in self._store.attempts(job.number)}
        if job.snapshot is None or attempt not in records:
            made = ", ".join(map(str, records)) or "none"
            raise WrongStatus(f"ticket {job.ticket} has no attempt {attempt}; it has {made}")
        trees = reports.outcome(replace(job, chosen=attempt), records[attempt])
        if trees is None:
            raise WrongStatus(f"attempt {attempt} of ticket {job.ticket} has not begun: there is nothing to show")
        return job.snapshot.depot.change(*trees), job

    def _expect(self, job: Job, statuses: tuple[Status, ...], done: str) -> None:
        if job.status not in statuses:
            by = ""
            if job.status is Status.WORKING and job.lease_owner:
                owner = Owner.parse(job.lease_owner)
                by = f" by process {owner.pid} on {owner.host}"
            raise WrongStatus(f"ticket {job.ticket} is {job.status}{by}: it cannot be {done} now")
