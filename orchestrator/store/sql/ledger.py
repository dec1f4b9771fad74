"""The ledger and what was learned of agents, as queries on a connection. The store opens the transactions."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from orchestrator.records import Cost, Outcome
from orchestrator.store import Lease
from orchestrator.store.sql.tables import jobs, ledger, outcomes, tickets
from orchestrator.working.allowance import DAY_S, Allowance, Amount, Short, first_short
from orchestrator.working.lease import booked
from orchestrator.working.routing import Tally


def reserve(
    connection: Connection, lease: Lease, asked: Amount, allowance: Allowance, attempt: int, now: float
) -> int | Short:
    """Reserve in one transaction, which keeps other writers out: sums of before, then the row."""
    limits = [("job", _of_job(connection, lease.job), spent(connection, ledger.c.job == lease.job))]
    day = ledger.c.at > now - DAY_S
    if allowance.machine != Amount():
        limits.append(("machine", allowance.machine, spent(connection, day)))
    if allowance.user != Amount():
        query = sa.select(tickets.c.filer).select_from(jobs.join(tickets)).where(jobs.c.number == lease.job)
        filer = connection.execute(query).scalar_one()
        theirs = (
            sa.select(jobs.c.number).select_from(jobs.join(tickets)).where(tickets.c.filer.is_not_distinct_from(filer))
        )
        limits.append(("user", allowance.user, spent(connection, sa.and_(day, ledger.c.job.in_(theirs)))))
    if (short := first_short(asked, limits)) is not None:
        return short
    row = time_row(lease, now) | {"kind": "model", "usd": None, "attempt": attempt}
    row |= {"reserved_usd": asked.usd or 0.0, "reserved_tokens": asked.tokens or 0}
    key = connection.execute(ledger.insert().values(row)).inserted_primary_key
    assert key is not None
    return int(key[0])


def settle(connection: Connection, reservation: int, cost: Cost) -> None:
    """Replace a reservation by what was spent."""
    values = {"usd": cost.usd, "tokens_in": cost.tokens_in, "tokens_out": cost.tokens_out, "reserved_tokens": 0}
    connection.execute(ledger.update().where(ledger.c.id == reservation).values(values))


def spent(connection: Connection, which: sa.ColumnElement[bool]) -> Amount:
    """Return what counts as spent: what is settled, and all of what is reserved and not settled."""
    tokens = ledger.c.tokens_in + ledger.c.tokens_out + sa.func.coalesce(ledger.c.reserved_tokens, 0)
    query = sa.select(*(sa.func.coalesce(sa.func.sum(what), 0) for what in (_usd(), tokens))).where(which)
    usd, count = connection.execute(query).one()
    return Amount(float(usd), int(count))


def cost(
    connection: Connection, number: int | None, repository: Path | None, since: float, attempt: int | None
) -> Cost:
    """Return what was spent: by one job or one of its attempts, for one repository, or by all."""
    query: sa.Select[Any]
    values: dict[str, int | None] = {}
    if number is not None and repository is None and not since:
        query, values = _OF_JOB if attempt is None else _OF_ATTEMPT, {"job": number, "numbered": attempt}
    else:
        query = _sums_of(number, repository, since, attempt)
    seconds, tokens_in, tokens_out, usd = connection.execute(query, values).one()
    return cost_of(seconds, tokens_in, tokens_out, usd)


def _sums_of(number: int | None, repository: Path | None, since: float, attempt: int | None) -> sa.Select[Any]:
    query = sa.select(*SUMS)
    if since:
        query = query.where(ledger.c.at >= since)
    if number is not None:
        query = query.where(ledger.c.job == number)
    if attempt is not None:
        query = query.where(ledger.c.attempt == attempt)
    if repository is not None:
        query = query.select_from(ledger.join(jobs).join(tickets)).where(
            tickets.c.repository == os.fsencode(repository)
        )
    return query


def costs_by_attempt(connection: Connection, job: int) -> dict[int, Cost]:
    """Return what a job cost by its attempts' numbers, 0 for what belongs to none."""
    return {int(attempt): cost_of(*sums) for attempt, *sums in connection.execute(_BY_ATTEMPT, {"job": job}).all()}


def cost_of(seconds: float | None, tokens_in: int | None, tokens_out: int | None, usd: float | None) -> Cost:
    """Return the cost that the sums of `SUMS` tell."""
    return Cost(float(seconds or 0), int(tokens_in or 0), int(tokens_out or 0), float(usd or 0))


def spent_since(connection: Connection, since: float) -> dict[str, Cost]:
    """Return what each ticket cost since a Unix time, of those that were worked on since."""
    sums = (sa.func.sum(what) for what in (ledger.c.seconds, ledger.c.tokens_in, ledger.c.tokens_out, _usd()))
    query = sa.select(jobs.c.ticket, *sums).select_from(ledger.join(jobs)).where(ledger.c.at >= since)
    return {
        ticket: Cost(float(seconds), int(tokens_in), int(tokens_out), float(usd))
        for ticket, seconds, tokens_in, tokens_out, usd in connection.execute(query.group_by(jobs.c.ticket))
    }


def book_time(connection: Connection, lease: Lease, now: float) -> None:
    """Write how long a lease has lasted by now."""
    id, began, seconds = connection.execute(_TIME, {"of": lease.job, "under": lease.fence}).one()
    at, seconds = booked(began, seconds, now)
    connection.execute(_BOOK, {"row": id, "at": at, "seconds": seconds})


def time_row(lease: Lease, now: float) -> dict[str, Any]:
    """Return the row that a lease begins with."""
    row: dict[str, Any] = {"job": lease.job, "fence": lease.fence, "kind": "time", "seconds": 0.0, "at": now}
    return row | {"reserved_usd": 0.0, "usd": 0.0, "tokens_in": 0, "tokens_out": 0, "reserved_tokens": 0}


def put_outcome(connection: Connection, lease: Lease, outcome: Outcome, now: float) -> None:
    """Keep what became of an attempt, or keep it anew."""
    repository = connection.execute(_REPOSITORY, {"of": lease.job}).scalar_one()
    row: dict[str, Any] = {"repository": repository, "agent": outcome.agent, "kind": outcome.kind}
    row |= {"verified": outcome.verified, "usd": outcome.usd, "seconds": outcome.seconds}
    if connection.execute(_OUTCOME, {**row, "of": lease.job, "numbered": outcome.attempt}).rowcount == 0:
        connection.execute(_NEW_OUTCOME, {**row, "job": lease.job, "attempt": outcome.attempt, "at": now})


def tallies(connection: Connection, repository: Path, kind: str, since: float) -> Sequence[Tally]:
    """Return what became of all agents' attempts since then, added up by agent, place and kind."""
    table = outcomes.c
    here, alike = table.repository == os.fsencode(repository), table.kind == kind
    cells = sa.case((here, 1), else_=0), sa.case((alike, 1), else_=0)
    won = sa.func.sum(sa.case((table.verified, 1), else_=0))
    sums = sa.func.count(), won, sa.func.sum(table.usd), sa.func.sum(table.seconds)
    query = sa.select(table.agent, *cells, *sums).where(table.at >= since).group_by(table.agent, *cells)
    rows = connection.execute(query.order_by(table.agent, *cells))
    return [
        Tally(agent, bool(at), bool(like), int(tries), int(verified), float(usd), float(seconds))
        for agent, at, like, tries, verified, usd, seconds in rows
    ]


def _of_job(connection: Connection, number: int) -> Amount:
    usd, tokens = connection.execute(sa.select(jobs.c.usd, jobs.c.tokens).where(jobs.c.number == number)).one()
    return Amount(usd, tokens)


def _usd() -> sa.ColumnElement[Any]:
    return sa.func.coalesce(ledger.c.usd, ledger.c.reserved_usd)


SUMS = tuple(sa.func.sum(what) for what in (ledger.c.seconds, ledger.c.tokens_in, ledger.c.tokens_out, _usd()))
"""What rows of the ledger add up to."""
_ATTEMPT = sa.func.coalesce(ledger.c.attempt, sa.literal_column("0"))
# Made once: to make a query anew takes longer than to have it answered.
_TIME = sa.select(ledger.c.id, ledger.c.at, ledger.c.seconds).where(
    ledger.c.job == sa.bindparam("of"), ledger.c.fence == sa.bindparam("under"), ledger.c.kind == "time"
)
_BOOK = ledger.update().where(ledger.c.id == sa.bindparam("row"))
_JOB: sa.BindParameter[int] = sa.bindparam("job")
_NUMBERED: sa.BindParameter[int] = sa.bindparam("numbered")
_OF_JOB = sa.select(*SUMS).where(ledger.c.job == _JOB)
_OF_ATTEMPT = _OF_JOB.where(ledger.c.attempt == _NUMBERED)
_BY_ATTEMPT = sa.select(_ATTEMPT, *SUMS).where(ledger.c.job == _JOB).group_by(_ATTEMPT)
_OUTCOME = outcomes.update().where(outcomes.c.job == sa.bindparam("of"), outcomes.c.attempt == _NUMBERED)
_REPOSITORY = sa.select(tickets.c.repository).select_from(jobs.join(tickets)).where(jobs.c.number == sa.bindparam("of"))
_NEW_OUTCOME = outcomes.insert().inline()
NEW = ledger.insert().inline()
"""Writes a row of the ledger."""
