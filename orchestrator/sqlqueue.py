"""The queue as queries on a connection: which job is next, and those whose deadline passed. The store opens the transactions."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from orchestrator.deadline import missed
from orchestrator.records import Status
from orchestrator.sqlledger import time_row
from orchestrator.store import CLAIMABLE, Lease
from orchestrator.tables import jobs, ledger, tickets

_ORDER = (jobs.c.priority.desc(), jobs.c.number)
"""How jobs are wanted."""


def claim(
    connection: Connection, owner: str, lease_s: float, number: int | None, among: Mapping[Path, int] | None, now: float
) -> Lease | None:
    """Lease the job that is next, or the one of a number; what is overdue fails before the next is looked for."""
    if number is not None:
        return _take(connection, lambda: connection.execute(_named_job(number, now)).first(), owner, now, now + lease_s)
    fail_overdue(connection, now)
    return _take(connection, lambda: _next_job(connection, among, now), owner, now, now + lease_s)


def ready(connection: Connection, most: int, among: Mapping[Path, int] | None, now: float) -> tuple[int, ...]:
    """Return jobs that are ready, the most wanted first; of a repository no more than may begin."""
    if among is None:
        queries = [_wanted(connection, None, now, where).limit(most) for where in _waiting(now)]
        found = [row for query in queries for row in connection.execute(query)]
        return tuple(row.number for row in sorted(found, key=_by_want)[:most])
    query = _wanted(connection, among, now, _ready(now))
    place = sa.func.row_number().over(partition_by=tickets.c.repository, order_by=_ORDER)
    places = query.add_columns(place.label("place"), tickets.c.repository).subquery()
    room = _room(connection, among, now)
    begins = sa.select(places.c.number).where(
        places.c.place <= (sa.case(room, value=places.c.repository, else_=0) if room else 0)
    )
    begins = begins.order_by(places.c.priority.desc(), places.c.number).limit(most)
    return tuple(connection.execute(begins).scalars())


def _next_job(connection: Connection, among: Mapping[Path, int] | None, now: float) -> Any | None:
    """Return the job that is ready and most wanted."""
    found: list[Any] = []
    for where in _waiting(now):
        # A row that somebody else is taking just now is passed over, where writers work side by side.
        query = _wanted(connection, among, now, where).limit(1).with_for_update(of=jobs, skip_locked=True)
        found += connection.execute(query).all()
    return min(found, key=_by_want, default=None)


def _wanted(
    connection: Connection, among: Mapping[Path, int] | None, now: float, where: sa.ColumnElement[bool]
) -> sa.Select[tuple[int, int, int]]:
    """Return the query for the jobs that may begin, in the order in which they are wanted: their numbers, fences and priorities."""
    query = sa.select(jobs.c.number, jobs.c.fence, jobs.c.priority).where(
        where, sa.or_(jobs.c.not_before.is_(None), jobs.c.not_before <= now)
    )
    if among is not None:
        query = query.join(tickets).where(tickets.c.repository.in_(_room(connection, among, now)))
    return query.order_by(*_ORDER)


def _by_want(row: Any) -> tuple[int, int]:
    return -row.priority, row.number


def _named_job(number: int, now: float) -> sa.Select[tuple[int, int]]:
    """Return the query for a job that is asked for by its number, wherever it waits."""
    ready = sa.or_(jobs.c.status.in_(CLAIMABLE), _expired(now))
    return sa.select(jobs.c.number, jobs.c.fence).where(jobs.c.number == number, ready)


def repositories(connection: Connection) -> tuple[Path, ...]:
    """Return the repositories of which jobs are queued or at work."""
    query = sa.select(tickets.c.repository).select_from(tickets.join(jobs)).distinct()
    names = connection.execute(query.where(jobs.c.status.in_((Status.QUEUED, Status.WORKING)))).scalars()
    return tuple(sorted(Path(os.fsdecode(name)) for name in names))


def _take(connection: Connection, find: Callable[[], Any | None], owner: str, now: float, until: float) -> Lease | None:
    """Lease what is found. A deadline that has passed held for the queue only: whoever comes now wants the job all the same."""
    # Where writers do not exclude each other, somebody else may take the row in between: then take the next.
    while (row := find()) is not None:
        mine = sa.and_(jobs.c.number == row.number, jobs.c.fence == row.fence)
        lease = Lease(row.number, owner, row.fence + 1, until)
        taken = {"status": Status.WORKING, "lease_owner": owner, "lease_until": until, "fence": lease.fence}
        taken |= {"stop_requested": False, "updated_at": now, "why": "", "next": "", "deadline": coming_deadline(now)}
        if connection.execute(jobs.update().where(mine).values(taken)).rowcount == 1:
            connection.execute(ledger.insert().values(time_row(lease, now)))
            return lease
    return None


def coming_deadline(now: float) -> sa.ColumnElement[float | None]:
    """Return a job's deadline as far as it has not passed."""
    return sa.case((jobs.c.deadline > now, jobs.c.deadline), else_=sa.null())


def overdue(connection: Connection, now: float) -> Sequence[Any]:
    """Return the jobs whose deadline passed while they waited for a worker."""
    late = sa.select(jobs.c.number, jobs.c.ticket, jobs.c.fence, jobs.c.deadline)
    each = [sa.and_(where, jobs.c.deadline <= now) for where in _waiting(now)]
    return connection.execute(late.where(sa.or_(*each))).all()


def fail_overdue(connection: Connection, now: float) -> None:
    """End the jobs whose deadline passed while they waited for a worker."""
    for row in overdue(connection, now):
        values = {"status": Status.FAILED, "why": missed(row.deadline, row.fence > 0), "updated_at": now}
        values |= {"next": f"nightcrew resume {row.ticket}", "lease_owner": None, "lease_until": None}
        which = sa.and_(jobs.c.number == row.number, jobs.c.fence == row.fence, _ready(now))
        connection.execute(jobs.update().where(which).values(values))


def _ready(now: float) -> sa.ColumnElement[bool]:
    return sa.or_(*_waiting(now))


def _waiting(now: float) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    """Return what is said of jobs that wait for a worker, either way: each is found by an index, both together are not."""
    return jobs.c.status == Status.QUEUED, _expired(now)


def _expired(now: float) -> sa.ColumnElement[bool]:
    return sa.and_(jobs.c.status == Status.WORKING, jobs.c.lease_until < now)


def _room(connection: Connection, among: Mapping[Path, int], now: float) -> dict[bytes, int]:
    """Return how many jobs may begin of the repositories with fewer at work than they may have."""
    at_work = sa.and_(jobs.c.status == Status.WORKING, jobs.c.lease_until >= now)
    query = sa.select(tickets.c.repository, sa.func.count()).select_from(tickets.join(jobs)).where(at_work)
    counts = {bytes(name): int(count) for name, count in connection.execute(query.group_by(tickets.c.repository))}
    named = {os.fsencode(repository): most for repository, most in among.items()}
    return {name: most - counts.get(name, 0) for name, most in named.items() if counts.get(name, 0) < most}
