"""The store on a database, in SQLAlchemy Core: SQLite by default, PostgreSQL by its URL. No query here is either's own."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import URL, Connection, Engine
from sqlalchemy.exc import IntegrityError

from orchestrator.dispatch.abilities import needs_of
from orchestrator.dispatch.fairness import ANY, Lane, Terms
from orchestrator.errors import LeaseLost, TicketTaken, UnknownTicket
from orchestrator.plain import plain
from orchestrator.records import AttemptRecord, Cost, Job, Order, Outcome, Status, StepRecord, Ticket
from orchestrator.reporting.board import Board, Sought
from orchestrator.reporting.remembered import UntilWritten
from orchestrator.settings import Settings
from orchestrator.store import Lease, Outgoing
from orchestrator.store.codec import encode
from orchestrator.store.sql import board as sqlboard
from orchestrator.store.sql import forms as sqlforms
from orchestrator.store.sql import lanes as sqllanes
from orchestrator.store.sql import ledger as sqlledger
from orchestrator.store.sql import messages as sqlmessages
from orchestrator.store.sql import queue as sqlqueue
from orchestrator.store.sql import records as sqlrecords
from orchestrator.store.sql.ledger import book_time
from orchestrator.store.sql.schema import (
    Version,
    answering,
    as_one,
    check_version,
    clock_of,
    one_by_one,
    open_engine,
    reading,
    transaction,
)
from orchestrator.store.sql.tables import jobs, journal, outbox, tickets
from orchestrator.working.allowance import Allowance, Amount, Short
from orchestrator.working.routing import Tally
from shadowfs import Snapshot
from verifier import Verdict


class SqlStore:
    """The store at a database URL, over one engine. Safe to use from several threads (each call has its own connection).

    Its time is the database's (a file's: this machine's), unless `clock` gives another.
    """

    def __init__(self, url: str | URL, clock: Callable[[], float] | None = None) -> None:
        self._engine = open_engine(url)
        self._reads = one_by_one(self._engine)
        self._clock = clock or clock_of(self._engine)
        self._version = Version(self._engine)
        self._counts = UntilWritten(self._version.now)
        self.messages = sqlmessages.SqlMessages(self._engine, self._clock)
        self.forms = sqlforms.SqlForms(self._engine)
        self._held = threading.local()

    @property
    def engine(self) -> Engine:
        """Return the engine, for other tables of the same database."""
        return self._engine

    def close(self) -> None:
        """Close all connections."""
        self._version.close()
        self._engine.dispose()

    def version(self) -> object:
        return self._version.now()

    # Tickets and jobs

    def add(self, ticket: Ticket, settings: Settings, status: Status = Status.QUEUED) -> Job:
        with self._write(durable=True) as connection:
            row = {"id": ticket.id, "slug": ticket.slug, "filed_at": ticket.filed_at, "filer": ticket.order.user}
            row |= {
                "text": ticket.order.text.encode("utf-8", "surrogatepass"),
                "order": encode(_without_text(ticket.order)),
            }
            row |= {"repository": os.fsencode(ticket.order.repository), "settings": encode(settings)}
            try:
                connection.execute(_TICKET, {"agent": ticket.order.agent or settings.agent, **row})
            except IntegrityError as error:
                raise TicketTaken(f"there is a ticket {ticket.id} already") from error
            row = {"ticket": ticket.id, "status": status, "why": "", "next": "", "fence": 0, "stop_requested": False}
            row |= {"seconds": settings.seconds, "usd": settings.usd, "tokens": settings.tokens}
            row |= {name: getattr(ticket.order, name) for name in ("priority", "not_before", "deadline")}
            lane = Lane(ticket.order.user, ticket.order.repository, needs_of(ticket.order, settings))
            row |= {"updated_at": self._clock(), "lane": sqllanes.lane_key(connection, lane)}
            number = connection.execute(_JOB, row).inserted_primary_key
            assert number is not None
            return _there(sqlrecords.job(connection, number[0]), ticket.id)

    def ticket(self, id: str) -> Ticket:
        with self._read() as connection:
            found = sqlrecords.ticket(connection, id)
        if found is None:
            raise UnknownTicket(f"there is no ticket {id!r}: `nightcrew list` shows what there is")
        return found

    def settings(self, id: str) -> Settings:
        with self._read() as connection:
            return sqlrecords.settings(connection, id)

    def repositories(self) -> tuple[Path, ...]:
        with self._read() as connection:
            return sqlqueue.repositories(connection)

    def find(self, prefix: str) -> tuple[str, ...]:
        with self._read() as connection:
            return sqlrecords.find(connection, prefix)

    def tickets(self, repository: Path | None = None) -> tuple[Ticket, ...]:
        query = sqlrecords.TICKETS.order_by(tickets.c.filed_at.desc(), tickets.c.id.desc())
        if repository is not None:
            query = query.where(tickets.c.repository == os.fsencode(repository))
        with self._read() as connection:
            return tuple(sqlrecords.ticket_of(row) for row in connection.execute(query))

    def board(self, sought: Sought) -> Board:
        # Counted before: to ask whether somebody wrote may take a connection of its own.
        counts = self._counts.get("", self._counted) if sought.everything else {}
        with self._read() as connection:
            return sqlboard.board(connection, sought, counts)

    def _counted(self) -> Mapping[Status, int]:
        with self._read() as connection:
            return sqlboard.counted(connection)

    def job(self, number: int) -> Job:
        with self._read() as connection:
            return _there(sqlrecords.job(connection, number), str(number))

    def job_of(self, ticket: str) -> Job:
        with self._read() as connection:
            return _there(sqlrecords.job_of(connection, ticket), ticket)

    def working(self) -> tuple[Job, ...]:
        query = sqlrecords.JOBS.where(jobs.c.status == Status.WORKING).order_by(jobs.c.number)
        with self._read() as connection:
            return tuple(sqlrecords.job_in(row) for row in connection.execute(query))

    # Leases

    def claim(self, owner: str, lease_s: float, number: int | None = None, terms: Terms = ANY) -> Lease | None:
        with self._write(alone=terms.counts) as connection:
            check_version(connection)
            return sqlqueue.claim(connection, owner, lease_s, number, terms, self._clock())

    def ready(self, most: int, terms: Terms = ANY) -> Mapping[int, frozenset[str]]:
        now = self._clock()
        with self._read() as connection:
            if sqlqueue.settled(connection, now):
                return sqlqueue.ready(connection, most, terms, now)
        with self._write() as connection:
            sqlqueue.settle(connection, now)
            return sqlqueue.ready(connection, most, terms, now)

    def announce(self, machine: str, can: frozenset[str]) -> None:
        with self._read() as connection:
            if sqllanes.announced(connection, machine, can, self._clock()):
                return
        with self._write() as connection:
            sqllanes.announce(connection, machine, can, self._clock())

    def abilities(self) -> tuple[frozenset[str], ...]:
        with self._read() as connection:
            return sqllanes.abilities(connection, self._clock())

    def renew(self, lease: Lease, lease_s: float) -> Lease:
        until = self._clock() + lease_s
        with self._under(lease, lease_until=until) as connection:
            book_time(connection, lease, self._clock())
        return Lease(lease.job, lease.owner, lease.fence, until)

    def record(
        self, lease: Lease, *, snapshot: Snapshot | None = None, base: str | None = None, chosen: int | None = None
    ) -> None:
        values: dict[str, Any] = {
            "snapshot": None if snapshot is None else encode(snapshot),
            "base": base,
            "chosen": chosen,
        }
        with self._under(lease, **{name: value for name, value in values.items() if value is not None}):
            pass

    def end(self, lease: Lease, status: Status, why: str, next: str, told: int | None = None) -> bool:
        ended = {"status": status, "why": plain(why), "next": plain(next), "lease_owner": None, "lease_until": None}
        with self._under(lease, durable=True) as connection:
            book_time(connection, lease, self._clock())
            return sqlmessages.ended(connection, lease, {**ended, "stop_requested": False}, told)

    def free(self, number: int, fence: int, why: str) -> bool:
        which = sa.and_(jobs.c.number == number, jobs.c.fence == fence, jobs.c.status == Status.WORKING)
        values = {"status": Status.QUEUED, "why": plain(why), "lease_owner": None, "lease_until": None}
        return self._change(which, values)

    def mark(self, number: int, status: Status, why: str, among: Sequence[Status], fence: int | None = None) -> bool:
        which = sa.and_(jobs.c.number == number, jobs.c.status.in_(among), jobs.c.lease_owner.is_(None))
        if fence is not None:
            which = sa.and_(which, jobs.c.fence == fence)
        again = {"deadline": sqlqueue.coming_deadline(self._clock())} if status is Status.QUEUED else {}
        return self._change(which, {"status": status, "why": plain(why), "next": "", **again})

    def grant(self, number: int, seconds: float, usd: float, tokens: int = 0) -> None:
        more = {"seconds": jobs.c.seconds + seconds, "usd": jobs.c.usd + usd, "tokens": jobs.c.tokens + tokens}
        self._change(jobs.c.number == number, more)

    def request_stop(self, number: int) -> None:
        self._change(jobs.c.number == number, {"stop_requested": True})

    def stop_requested(self, lease: Lease) -> bool:
        with self._read() as connection:
            asked = connection.execute(_STOP_REQUESTED, _held(lease)).scalar()
        if asked is None:
            raise _lost(lease)
        return bool(asked)

    def _change(self, which: sa.ColumnElement[bool], values: Mapping[str, Any]) -> bool:
        with self._write(durable=True) as connection:
            changed = connection.execute(jobs.update().where(which).values(updated_at=self._clock(), **values))
            return changed.rowcount == 1

    # Attempts and the journal

    def attempts(self, number: int) -> tuple[AttemptRecord, ...]:
        with self._read() as connection:
            return sqlrecords.attempts_of(connection, number)

    def put_attempt(self, lease: Lease, attempt: AttemptRecord) -> None:
        with self._under(lease) as connection:
            sqlrecords.put_attempt(connection, lease.job, attempt)

    def begin(self, lease: Lease, attempt: int, number: int, kind: str, intent: Mapping[str, object]) -> None:
        self._append(lease, attempt, number, kind, "intent", intent)

    def finish(self, lease: Lease, attempt: int, number: int, outcome: Mapping[str, object]) -> None:
        self._append(lease, attempt, number, None, "outcome", outcome)

    def _append(
        self, lease: Lease, attempt: int, number: int, kind: str | None, phase: str, payload: Mapping[str, object]
    ) -> None:
        row = {"job": lease.job, "attempt": attempt, "number": number, "phase": phase, "kind": kind}
        with self._under(lease) as connection:
            connection.execute(_STEP, {"payload": encode(payload), "at": self._clock(), **row})

    def steps(self, number: int) -> tuple[StepRecord, ...]:
        with self._read() as connection:
            return sqlrecords.steps_of(connection, number)

    # Verdicts and what leaves

    def put_verdict(self, lease: Lease, verdict: Verdict) -> None:
        with self._under(lease, durable=True) as connection:
            sqlrecords.put_verdict(connection, lease.job, verdict, self._clock())

    def verdicts(self, number: int) -> tuple[Verdict, ...]:
        with self._read() as connection:
            return sqlrecords.verdicts_of(connection, number)

    def put_outgoing(self, lease: Lease, commit: str, branch: str) -> Outgoing:
        with self._under(lease, durable=True) as connection:
            return sqlrecords.put_outgoing(connection, lease.job, commit, branch, self._clock())

    def rename_outgoing(self, id: int, old: str, new: str) -> bool:
        which = sa.and_(outbox.c.id == id, outbox.c.branch == old, outbox.c.done.is_(False))
        with self._write(durable=True) as connection:
            return connection.execute(outbox.update().where(which).values(branch=new)).rowcount == 1

    def deliver(self, id: int) -> None:
        with self._write(durable=True) as connection:
            sqlrecords.left(connection, id)

    def outgoing(self, number: int) -> tuple[Outgoing, ...]:
        with self._read() as connection:
            return sqlrecords.outgoing_of(connection, number)

    # The ledger, and what was learned

    def reserve(
        self, lease: Lease, usd: float, tokens: int = 0, *, attempt: int = 0, allowance: Allowance = Allowance()
    ) -> int | Short:
        with self._under(lease, durable=True, alone=True) as connection:
            return sqlledger.reserve(connection, lease, Amount(usd, tokens), allowance, attempt, self._clock())

    def settle(self, lease: Lease, reservation: int, cost: Cost) -> None:
        with self._under(lease, durable=True) as connection:
            sqlledger.settle(connection, reservation, cost)

    def cost(
        self,
        number: int | None = None,
        repository: Path | None = None,
        since: float = 0.0,
        attempt: int | None = None,
    ) -> Cost:
        with self._read() as connection:
            return sqlledger.cost(connection, number, repository, since, attempt)

    def costs(self, number: int) -> Mapping[int, Cost]:
        with self._read() as connection:
            return sqlledger.costs_by_attempt(connection, number)

    def spent(self, since: float) -> Mapping[str, Cost]:
        with self._read() as connection:
            return sqlledger.spent_since(connection, since)

    def put_outcome(self, lease: Lease, outcome: Outcome) -> None:
        with self._under(lease) as connection:
            sqlledger.put_outcome(connection, lease, outcome, self._clock())

    def tallies(self, repository: Path, kind: str, since: float = 0.0) -> Sequence[Tally]:
        with self._read() as connection:
            return sqlledger.tallies(connection, repository, kind, since)

    # Transactions

    @contextmanager
    def together(self) -> Iterator[None]:
        held: Connection | None = getattr(self._held, "connection", None)
        if held is not None:
            yield
            return
        with answering(), as_one(self._engine).connect() as connection:
            self._held.connection = connection
            try:
                yield
            finally:
                self._held.connection = None

    @contextmanager
    def _read(self) -> Iterator[Connection]:
        held: Connection | None = getattr(self._held, "connection", None)
        if held is not None:
            with answering():
                yield held
            return
        with reading(self._reads) as connection:
            yield connection

    @contextmanager
    def _write(self, durable: bool = False, alone: bool = False) -> Iterator[Connection]:
        with answering(), transaction(self._engine, durable=durable, beside=not alone) as connection:
            yield connection

    @contextmanager
    def _under(self, lease: Lease, durable: bool = False, alone: bool = False, **values: Any) -> Iterator[Connection]:
        """Write under a lease: nothing is written when it is not the job's present one."""
        with self._write(durable, alone) as connection:
            if connection.execute(_UNDER, {**values, "updated_at": self._clock(), **_held(lease)}).rowcount != 1:
                raise _lost(lease)
            yield connection


# Made once: to make a query anew takes longer than to have it answered. What an update sets is what it is executed with.
_HELD = sa.and_(
    jobs.c.number == sa.bindparam("held_job"),
    jobs.c.fence == sa.bindparam("held_fence"),
    jobs.c.lease_owner == sa.bindparam("held_by"),
)
_UNDER = jobs.update().where(_HELD)
_STOP_REQUESTED = sa.select(jobs.c.stop_requested).where(_HELD)
_TICKET, _JOB = tickets.insert(), jobs.insert()
_STEP = journal.insert().inline()


def _held(lease: Lease) -> dict[str, Any]:
    return {"held_job": lease.job, "held_fence": lease.fence, "held_by": lease.owner}


def _lost(lease: Lease) -> LeaseLost:
    return LeaseLost(
        f"the lease of job {lease.job} (fence {lease.fence}) ended or passed to another worker; that one goes on"
    )


def _without_text(order: Order) -> dict[str, object]:
    return {name: getattr(order, name) for name in Order.__slots__ if name != "text"}


def _there(job: Job | None, name: str) -> Job:
    if job is None:
        raise UnknownTicket(f"there is no job of {name!r}: `nightcrew list` shows what there is")
    return job
