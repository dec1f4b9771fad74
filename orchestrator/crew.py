"""The crew: one facade over store, worker and delivery. What the command line, and later the API, call."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

from orchestrator import intake
from orchestrator.dispatch.gate import Gate
from orchestrator.errors import Superseded, TicketTaken, WrongStatus
from orchestrator.exits import USAGE, exit_of_error
from orchestrator.records import (
    REVIEW,
    Applied,
    Event,
    Job,
    JobReport,
    Order,
    Remark,
    Status,
    Ticket,
    Watch,
)
from orchestrator.reporting.looking import Look
from orchestrator.reporting.showing import Showing
from orchestrator.roster import agents_of
from orchestrator.settings import Settings
from orchestrator.store import CLAIMABLE, Lease, Store
from orchestrator.telemetry import Tracer, Untraced
from orchestrator.telemetry.traces import ROOT
from orchestrator.working import answering
from orchestrator.working.answering import Answer
from orchestrator.working.journal import Journal
from orchestrator.working.lease import LEASE_S, Owner
from shadowfs import end_kept

if TYPE_CHECKING:
    import sqlalchemy

    from orchestrator.cluster.carrying import Exchange
    from orchestrator.engines import Engines, Repositories
    from orchestrator.replaying import Replay
    from orchestrator.reporting.readings import Readings
    from orchestrator.reviewing import Reviews
    from orchestrator.reviewing.desk import ReviewDesk


def unseen(event: Event) -> None:
    """Take an event nobody watches."""


class Crew(Showing):
    """Everything nightcrew can do with tickets, over the state directory `state`.

    `settings` are those of the repository that orders are filed for; each ticket carries its own from then on.
    Ticket arguments take an id or any prefix of it, or of its part after the dash, that names one ticket only.
    `url` names the store's server; without one the store is a file of the state directory. `exchange` is how it shares depots with machines
    that have other state directories. `clock` gives Unix time, `ticks` the
    seconds that budgets count. `engines` and `store` are the real ones unless given.
    """

    def __init__(
        self,
        state: Path,
        settings: Settings = Settings(),
        *,
        url: str | None = None,
        exchange: Exchange | None = None,
        clock: Callable[[], float] | None = None,
        ticks: Callable[[], float] = time.monotonic,
        engines: Engines | None = None,
        store: Store | None = None,
        tracer: Tracer = Untraced(),
    ) -> None:
        self._state = state.absolute()
        self._settings = settings
        self._url = url
        self._exchange = exchange
        self._clock = clock or time.time
        self._stored_by = clock
        self._ticks = ticks
        self._given_engines = engines
        self._given_store = store
        self.tracer = tracer
        self._warm: Path | None = None

    def file(self, order: Order, settings: Settings | None = None) -> Ticket:
        """Store a ticket and its job, then acknowledge it; `settings` are those of another repository. Raises `OrderRefused`."""
        intake.check_agent(intake.agent_of(order, settings or self._settings))
        return self._add(order, Status.QUEUED, settings)

    def file_review(self, order: Order, ref: str, settings: Settings | None = None) -> Ticket:
        """Queue what `review` does now: a worker judges the commit `ref`. Raises `OrderRefused`."""
        return self._add(replace(order, agent=f"{REVIEW}{ref}", attempts=1, branch=False), Status.QUEUED, settings)

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
                self._engines.agent(each, "")
        # Paused, not queued: no other worker takes it before this one does.
        return self._work_on(self._add(order, Status.PAUSED), watch)

    def work_next(self, watch: Watch = unseen, gate: Gate = Gate()) -> JobReport | None:
        """Claim the job that is ready, let through by `gate` and most wanted, and work on it; None where there is none."""
        gate.announce(self._store)
        terms = replace(gate.terms(self._store), warm=self._warm)
        lease = self._store.claim(str(Owner.here()), LEASE_S, terms=terms)
        if lease is None:
            return None
        self._work(lease, watch)
        self._engines.rest()
        report = self._look.report(self._store.job(lease.job).ticket)
        self._warm = report.ticket.order.repository
        return report

    def replay(self, ticket: str, attempt: int = 1, watch: Watch = unseen) -> Replay:
        """Go through an attempt of a model again with the code as it is now, on recorded replies. Raises `WrongStatus`, `OrderRefused`."""
        from orchestrator.replaying import replay

        return replay(self._store, self._engines, self._look.id(ticket), attempt, watch)

    def apply(self, ticket: str) -> Applied:
        """Put the change into the user's working tree. Raises `WouldOverwrite` (nothing is written then), `WrongStatus`."""
        return self.desk.apply(ticket, intake.user())

    def accept(self, ticket: str) -> JobReport:
        """Accept a ticket's proposal as it lies on its branch; nothing is written."""
        return self.desk.accept(ticket, intake.user())

    def reject(self, ticket: str, reason: str = "") -> JobReport:
        """Mark a ticket's proposal as rejected; its branch stays."""
        return self.desk.reject(ticket, intake.user(), reason)

    def comment(
        self,
        ticket: str,
        remarks: Sequence[Remark],
        *,
        user: str = "",
        agent: str | None = None,
        tree: str | None = None,
        seconds: float | None = None,
    ) -> JobReport:
        """Send a ticket's proposal (its version `tree`) back to work with remarks; a worker does the work. Raises as `ReviewDesk.comment`."""
        who = user or intake.user()
        return self.desk.comment(
            ticket, remarks, who, agent=agent, tree=tree, seconds=seconds, check=intake.check_agent
        )

    def message(self, ticket: str, text: str, *, user: str = "") -> JobReport:
        """Say something to a job that waits or is at work: its agent is told, as data, at its next step. Raises `OrderRefused`, `WrongStatus`."""
        from orchestrator.working.hearing import say

        job = self._look.job(ticket)
        say(self._store, job, text, user or intake.user())
        return self._look.report(job.ticket)

    def stop(self, ticket: str) -> JobReport:
        """Ask whoever works on a ticket to stop at the next step; a job nobody works on is stopped at once."""
        job = self._look.job(ticket)
        waiting = (Status.QUEUED, Status.PAUSED, Status.FAILED)
        if not self._store.mark(job.number, Status.STOPPED, "stopped before it was worked on", waiting):
            self._look.expect(job, (Status.WORKING, Status.STOPPED), "stopped")
            self._store.request_stop(job.number)
        return self._look.report(job.ticket)

    def resume(
        self, ticket: str, watch: Watch = unseen, *, seconds: float = 0.0, usd: float = 0.0, tokens: int = 0
    ) -> JobReport:
        """Go on with a job where it stood, `seconds`, `usd` and `tokens` added to its budget. Raises `WrongStatus`."""
        return self._work_on(self._store.ticket(self._look.id(ticket)), watch, seconds, usd, tokens=tokens)

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
        job = self._look.job(ticket)
        answer = self._checked_answer(job, said)
        return self._work_on(self._store.ticket(job.ticket), watch, seconds, usd, answer, tokens)

    def enqueue(self, ticket: str, *, seconds: float = 0.0, usd: float = 0.0, tokens: int = 0) -> JobReport:
        """Queue a job again for a worker, `seconds`, `usd` and `tokens` added to its budget; one that is at work only gets them.

        Raises `WrongStatus` where there is nothing to go on with.
        """
        job = self._look.job(ticket)
        self._look.expect(job, (*CLAIMABLE, Status.WORKING), "queued again")
        self._store.grant(job.number, seconds, usd, tokens)
        self._store.mark(job.number, Status.QUEUED, "", CLAIMABLE)
        return self._look.report(job.ticket)

    def reply(
        self,
        ticket: str,
        said: int | str,
        *,
        question: str | None = None,
        seconds: float = 0.0,
        usd: float = 0.0,
        tokens: int = 0,
    ) -> JobReport:
        """Answer a job's question as `answer` does, and leave the work to a worker.

        Raises `Superseded` where it asks something else by now than the question whose id is `question`.
        """
        job = self._look.job(ticket)
        answer = self._checked_answer(job, said)
        if question is not None and (answer.asked is None or answering.question_id(answer.asked) != question):
            raise Superseded(f"ticket {job.ticket} asks something else by now: look at that before you answer")
        lease = self._lease(job.ticket)
        self._answer(lease, answer)
        self._store.grant(lease.job, seconds, usd, tokens)
        self._store.end(lease, Status.QUEUED, "it goes on with the answer", "nightcrew work")
        return self._look.report(job.ticket)

    def review(self, repository: Path, ref: str, order: Order | None = None, watch: Watch = unseen) -> JobReport:
        """Judge the commit `ref` against its merge base with `HEAD`; `order` may name tests, suite and limits. Nothing is delivered."""
        order = order or Order(f"review of {ref}", repository)
        review = replace(order, repository=repository, agent=f"{REVIEW}{ref}", attempts=1, branch=False)
        return self._work_on(self._add(review, Status.PAUSED), watch)

    def sweep(self) -> tuple[str, ...]:
        """Remove what killed processes left and make their jobs resumable; return what was done, one line each."""
        from orchestrator.sweep import sweep_files, sweep_jobs

        done = sweep_files(self._state)
        if self._given_store is not None or self._url is not None or self._database.exists():
            done += sweep_jobs(self._store)
        return tuple(done)

    def close(self) -> None:
        """Close the store, and end what the engines keep running. Safe to call twice."""
        for name in ("desk", "reviews", "_readings", "database"):
            self.__dict__.pop(name, None)
        for name in ("_engines", "_store"):
            opened = self.__dict__.pop(name, None)
            if opened is not None:
                opened.close()
        end_kept(self._state)
        self.tracer.close()

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
        from orchestrator.store.sql.belonging import open_store

        # Tickets may hold what is nobody else's business.
        self._state.mkdir(parents=True, exist_ok=True, mode=0o700)
        return open_store(self._state, self._url or self._database, self._exchange, self._stored_by)

    @cached_property
    def desk(self) -> ReviewDesk:
        """What people say of changes, and decide about them."""
        from orchestrator.reviewing.desk import ReviewDesk

        return ReviewDesk(self._look, self.reviews, self._readings)

    @cached_property
    def _readings(self) -> Readings:
        from orchestrator.reporting.readings import Readings

        return Readings(self._look)

    @cached_property
    def reviews(self) -> Reviews:
        """What people said and decided."""
        from orchestrator.reviewing import Reviews

        return Reviews(self.database, self._clock)

    @cached_property
    def database(self) -> sqlalchemy.Engine:
        """Return the database of the store; where that is none, one that lasts as long as the crew."""
        from orchestrator.store.sql.schema import open_engine

        engine: sqlalchemy.Engine | None = getattr(self._store, "engine", None)
        return open_engine("sqlite://") if engine is None else engine

    @property
    def store(self) -> Store:
        """The truth, for what brings tickets from elsewhere."""
        return self._store

    @cached_property
    def _look(self) -> Look:
        return Look(self._store)

    @property
    def _repositories(self) -> Repositories:
        return self._engines.repositories

    @cached_property
    def _engines(self) -> Engines:
        if self._given_engines is not None:
            return self._given_engines
        from orchestrator.wiring import real_engines

        return real_engines(self._state)

    def _add(self, order: Order, status: Status, settings: Settings | None = None) -> Ticket:
        settings = intake.settle(order, settings or self._settings)
        ticket = intake.read_order(replace(order, user=intake.filer(order)), self._clock())
        while True:
            with self.tracer.span(ticket, ROOT), suppress(TicketTaken):
                self._store.add(ticket, settings, status)
                return ticket
            # Of a thousand that are filed in a minute some get the same digits.
            ticket = replace(ticket, id=intake.new_id(ticket.filed_at))

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
        lease = self._lease(ticket.id)
        if answer is not None:
            self._answer(lease, answer)
        self._store.grant(lease.job, seconds, usd, tokens)
        failure = self._work(lease, watch)
        if failure is not None and exit_of_error(failure) == USAGE:
            raise failure
        return self._look.report(ticket.id)

    def _lease(self, id: str) -> Lease:
        """Lease the job of a ticket. Raises `WrongStatus`."""
        lease = self._store.claim(str(Owner.here()), LEASE_S, self._store.job_of(id).number)
        if lease is None:
            self._look.expect(self._store.job_of(id), (), "worked on")
            raise WrongStatus(f"ticket {id} was taken by another worker: `nightcrew show {id}` says how it stands")
        return lease

    def _checked_answer(self, job: Job, said: int | str) -> Answer:
        attempts = self._store.attempts(job.number)
        answering.answered(job, attempts, said)
        self._look.expect(job, CLAIMABLE, "answered")
        return answering.Answer(said, answering.asking(attempts))

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
        from orchestrator.working.worker import Worker

        return Worker(self._store, self._engines, self._clock, self._ticks, self.tracer).work(lease, watch)
