"""What is kept of a ticket and its job, as queries on a connection. Each is made once: to make it anew takes longer than to have it answered."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Row

from orchestrator.records import AttemptRecord, Job, Order, Status, StepRecord, Ticket
from orchestrator.settings import Settings
from orchestrator.store import Outgoing
from orchestrator.store.codec import decode, encode
from orchestrator.store.sql.tables import attempts, jobs, journal, outbox, tickets, verdicts
from shadowfs import Snapshot
from verifier import Verdict

TICKETS = sa.select(tickets.c.id, tickets.c.slug, tickets.c.order, tickets.c.text, tickets.c.filed_at)
JOBS = sa.select(*(each for each in jobs.c if each is not jobs.c.lane))
OUTGOING = sa.select(outbox.c.id, outbox.c.job, outbox.c.commit, outbox.c.branch, outbox.c.done)
_ID: sa.BindParameter[str] = sa.bindparam("id")
_JOB: sa.BindParameter[int] = sa.bindparam("job")
_TICKET = TICKETS.where(tickets.c.id == _ID)
_EXACTLY = sa.select(tickets.c.id).where(tickets.c.id == _ID)
_SETTINGS = sa.select(tickets.c.settings).where(tickets.c.id == _ID)
_JOB_OF = JOBS.where(jobs.c.ticket == _ID)
_NUMBERED = JOBS.where(jobs.c.number == _JOB)
_ATTEMPTS = sa.select(attempts.c.record).where(attempts.c.job == _JOB).order_by(attempts.c.number)
_VERDICTS = sa.select(verdicts.c.verdict).where(verdicts.c.job == _JOB).order_by(verdicts.c.id)
_OUTGOING = OUTGOING.where(outbox.c.job == _JOB).order_by(outbox.c.id)
_STEPS = (
    sa.select(*(journal.c[name] for name in ("attempt", "number", "phase", "kind", "payload", "at")))
    .where(journal.c.job == _JOB)
    .order_by(journal.c.seq)
)
_OF: sa.BindParameter[int] = sa.bindparam("of")
_ATTEMPT = attempts.update().where(attempts.c.job == _OF, attempts.c.number == sa.bindparam("numbered"))
_NEW_ATTEMPT = attempts.insert().inline()
_VERDICT = verdicts.insert().inline()
_LEAVING = OUTGOING.where(outbox.c.job == _OF, outbox.c.commit == sa.bindparam("sent"))
_LEAVES = outbox.insert().inline()
_LEFT = outbox.update().where(outbox.c.id == sa.bindparam("row"))


def ticket(connection: Connection, id: str) -> Ticket | None:
    """Return a ticket, None where there is none."""
    row = connection.execute(_TICKET, {"id": id}).first()
    return None if row is None else ticket_of(row)


def find(connection: Connection, prefix: str) -> tuple[str, ...]:
    """Return up to a few ids that begin with `prefix`, or have it after their dash."""
    if connection.execute(_EXACTLY, {"id": prefix}).first() is not None:
        # Whoever types all of it means that one; it need not be searched for.
        return (prefix,)
    begins = tickets.c.id.startswith(prefix, autoescape=True), tickets.c.id.contains(f"-{prefix}", autoescape=True)
    query = sa.select(tickets.c.id).where(sa.or_(*begins)).order_by(tickets.c.id.desc())
    return tuple(connection.execute(query.limit(9)).scalars())


def settings(connection: Connection, id: str) -> Settings:
    """Return what a ticket's repository is worked on with."""
    return _settings(connection.execute(_SETTINGS, {"id": id}).scalar_one())


@lru_cache(maxsize=256)
def _settings(text: str) -> Settings:
    # Most tickets of a repository have the same ones.
    return decode(Settings, text)


def job_of(connection: Connection, ticket: str) -> Job | None:
    """Return the job of a ticket, None where there is none."""
    row = connection.execute(_JOB_OF, {"id": ticket}).first()
    return None if row is None else job_in(row)


def job(connection: Connection, number: int) -> Job | None:
    """Return a job by its number, None where there is none."""
    row = connection.execute(_NUMBERED, {"job": number}).first()
    return None if row is None else job_in(row)


def attempts_of(connection: Connection, job: int) -> tuple[AttemptRecord, ...]:
    """Return a job's attempts, in order."""
    return tuple(decode(AttemptRecord, text) for text in connection.execute(_ATTEMPTS, {"job": job}).scalars().all())


def verdicts_of(connection: Connection, job: int) -> tuple[Verdict, ...]:
    """Return a job's verdicts, oldest first."""
    return tuple(decode(Verdict, text) for text in connection.execute(_VERDICTS, {"job": job}).scalars().all())


def outgoing_of(connection: Connection, job: int) -> tuple[Outgoing, ...]:
    """Return what left of a job, or is to leave."""
    return tuple(outgoing_in(row) for row in connection.execute(_OUTGOING, {"job": job}).all())


def steps_of(connection: Connection, job: int) -> tuple[StepRecord, ...]:
    """Return a job's journal, in order."""
    rows = connection.execute(_STEPS, {"job": job}).all()
    outcomes = {(row.attempt, row.number): json.loads(row.payload) for row in rows if row.phase == "outcome"}
    return tuple(_step(row, outcomes.get((row.attempt, row.number))) for row in rows if row.phase == "intent")


def put_attempt(connection: Connection, job: int, attempt: AttemptRecord) -> None:
    """Write an attempt of a job, or write it anew."""
    number, record = attempt.number, encode(attempt)
    if connection.execute(_ATTEMPT, {"record": record, "of": job, "numbered": number}).rowcount == 0:
        connection.execute(_NEW_ATTEMPT, {"record": record, "job": job, "number": number})


def put_verdict(connection: Connection, job: int, verdict: Verdict, now: float) -> None:
    """Write a verdict on a proposal of a job."""
    row = {"job": job, "base": verdict.base, "tree": verdict.tree, "verdict": encode(verdict)}
    connection.execute(_VERDICT, {"at": now, **row})


def put_outgoing(connection: Connection, job: int, commit: str, branch: str, now: float) -> Outgoing:
    """Write that a commit is to leave, unless that is written; return the row."""
    which = {"of": job, "sent": commit}
    there = connection.execute(_LEAVING, which).first()
    if there is None:
        connection.execute(_LEAVES, {"job": job, "commit": commit, "branch": branch, "done": False, "at": now})
        there = connection.execute(_LEAVING, which).one()
    return outgoing_in(there)


def left(connection: Connection, id: int) -> None:
    """Write that what was to leave has."""
    connection.execute(_LEFT, {"row": id, "done": True})


def ticket_of(row: Sequence[Any]) -> Ticket:
    """Return the ticket in a row of `TICKETS`."""
    id, slug, order, text, filed_at = row
    return Ticket(id, slug, decode(Order, order, text=bytes(text).decode("utf-8", "surrogatepass")), filed_at)


def job_in(row: Row[Any]) -> Job:
    """Return the job in a row of `JOBS`."""
    values = row._asdict()
    values["status"] = Status(values["status"])
    values["snapshot"] = None if values["snapshot"] is None else decode(Snapshot, values["snapshot"])
    return Job(**values)


def outgoing_in(row: Sequence[Any]) -> Outgoing:
    """Return what leaves in a row of `OUTGOING`."""
    return Outgoing(*row)


def _step(row: Row[Any], outcome: Mapping[str, object] | None) -> StepRecord:
    return StepRecord(row.attempt, row.number, row.kind, json.loads(row.payload), outcome, row.at)
