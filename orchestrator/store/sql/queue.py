"""The queue as queries on a connection: which job is next, and those whose deadline passed. The store opens the transactions."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from orchestrator.dispatch.fairness import Lane, Line, Terms, Turns, Waiting
from orchestrator.records import Status
from orchestrator.store import CLAIMABLE, Lease
from orchestrator.store.sql import lanes as sqllanes
from orchestrator.store.sql.ledger import NEW, time_row
from orchestrator.store.sql.tables import jobs, lanes, tickets
from orchestrator.working.deadline import missed

_NOW: sa.BindParameter[float] = sa.bindparam("now")
_CHUNK = 50


def claim(
    connection: Connection, owner: str, lease_s: float, number: int | None, terms: Terms, now: float
) -> Lease | None:
    """Lease the job that is next, or the one of a number; the queue is settled before the next is looked for."""
    if number is not None:
        return _take(connection, _WHEREVER, number, owner, now, now + lease_s)
    settle(connection, now)
    for job in _in_turn(connection, terms, now):
        if (lease := _take(connection, _FREE, job.number, owner, now, now + lease_s)) is not None:
            return lease
    return None


def ready(connection: Connection, most: int, terms: Terms, now: float) -> dict[int, frozenset[str]]:
    """Return jobs that are ready, in the order in which they would be taken, and what each needs."""
    found = [job.number for _, job in zip(range(most), _in_turn(connection, terms, now), strict=False)]
    query = sa.select(jobs.c.number, lanes.c.needs).join(lanes, lanes.c.key == jobs.c.lane)
    needs = {row.number: row.needs for row in connection.execute(query.where(jobs.c.number.in_(found)))}
    return {number: frozenset(needs[number].split()) for number in found}


def _in_turn(connection: Connection, terms: Terms, now: float) -> Iterator[Waiting]:
    """Yield the jobs that may begin, as they would be taken one after the other."""
    at_work = [(_lane(*row[:3]), int(row.at_work)) for row in connection.execute(_AT_WORK, {"now": now})]
    lines = [
        Line(_lane(*row[:3]), _jobs_of(connection, row, now), row.served_at, row.user_served_at)
        for row in connection.execute(_HEADS, {"now": now}).all()
        if row.number is not None
    ]
    # Of those whose workers died there are few: each stands in a line of its own.
    lines += [
        Line(_lane(*row[:3]), iter([Waiting(row.number, row.priority)]), row.served_at, row.user_served_at)
        for row in connection.execute(_ABANDONED, {"now": now}).all()
    ]
    return Turns(at_work, terms).order(lines)


def _jobs_of(connection: Connection, head: Any, now: float) -> Iterator[Waiting]:
    """Yield the jobs of a lane; those after the first are asked for when somebody wants them."""
    job = Waiting(head.number, head.priority)
    yield job
    while True:
        values = {"lane": head.key, "now": now, "priority": job.priority, "number": job.number}
        found = [Waiting(*row) for row in connection.execute(_FOLLOWING, values)]
        yield from found
        if len(found) < _CHUNK:
            return
        job = found[-1]


@lru_cache(maxsize=4096)
def _lane(user: str, repository: bytes, needs: str) -> Lane:
    return Lane(user, Path(os.fsdecode(repository)), frozenset(needs.split()))


def repositories(connection: Connection) -> tuple[Path, ...]:
    """Return the repositories of which jobs are queued or at work."""
    query = sa.select(tickets.c.repository).select_from(tickets.join(jobs)).distinct()
    names = connection.execute(query.where(jobs.c.status.in_((Status.QUEUED, Status.WORKING)))).scalars()
    return tuple(sorted(Path(os.fsdecode(name)) for name in names))


def _take(
    connection: Connection, query: sa.Select[Any], number: int, owner: str, now: float, until: float
) -> Lease | None:
    """Lease a job if a query finds it. A deadline that has passed held for the queue only: whoever comes now wants the job all the same."""
    row = connection.execute(query, {"of": number, "now": now}).first()
    if row is None:
        return None
    lease = Lease(row.number, owner, row.fence + 1, until)
    taken = {"lease_owner": owner, "lease_until": until, "fence": lease.fence, "updated_at": now}
    if connection.execute(_TAKE, {**taken, "of": number, "before": row.fence, "now": now}).rowcount != 1:
        return None
    connection.execute(NEW, time_row(lease, now))
    connection.execute(_SERVED, {"lane": row.lane, "now": now})
    return lease


def coming_deadline(now: float | sa.BindParameter[float]) -> sa.ColumnElement[float | None]:
    """Return a job's deadline as far as it has not passed."""
    return sa.case((jobs.c.deadline > now, jobs.c.deadline), else_=sa.null())


def settled(connection: Connection, now: float) -> bool:
    """Say whether every job in the queue has a lane, and none waited for a worker until its deadline passed."""
    return connection.execute(_OVERDUE, {"now": now}).first() is None and not sqllanes.without(connection)


def settle(connection: Connection, now: float) -> None:
    """End the jobs whose deadline passed while they waited for a worker, and give lanes to those that have none."""
    for row in connection.execute(_OVERDUE, {"now": now}).all():
        values = {"status": Status.FAILED, "why": missed(row.deadline, row.fence > 0), "updated_at": now}
        values |= {"next": f"nightcrew resume {row.ticket}", "lease_owner": None, "lease_until": None}
        which = sa.and_(jobs.c.number == row.number, jobs.c.fence == row.fence, _READY)
        connection.execute(jobs.update().where(which).values(values), {"now": now})
    sqllanes.give(connection)


def _time_has_come(each: Any) -> sa.ColumnElement[bool]:
    return sa.or_(each.c.not_before.is_(None), each.c.not_before <= _NOW)


def _heads() -> sa.Select[Any]:
    """Return the query for the first job of each lane in which any is queued: each lane is found by a step in the index."""
    job, later, mine = jobs.alias("job"), jobs.alias("later"), jobs.alias("mine")
    queued = sa.select(sa.func.min(job.c.lane).label("key")).where(job.c.status == Status.QUEUED)
    found = queued.cte("found", recursive=True)
    further = sa.select(sa.func.min(later.c.lane)).where(later.c.status == Status.QUEUED, later.c.lane > found.c.key)
    found = found.union_all(sa.select(further.scalar_subquery()).where(found.c.key.is_not(None)))
    first = sa.select(mine.c.number, mine.c.priority).where(
        mine.c.status == Status.QUEUED, mine.c.lane == found.c.key, _time_has_come(mine)
    )
    first = first.order_by(mine.c.priority.desc(), mine.c.number).limit(1)
    each = [first.with_only_columns(mine.c[name]).scalar_subquery().label(name) for name in ("number", "priority")]
    return sa.select(*_LANE, lanes.c.key, *_SERVICE, *each).join(found, found.c.key == lanes.c.key)


# Made once: to make a query anew takes longer than to have it answered.
_LANE = (lanes.c.user, lanes.c.repository, lanes.c.needs)
_OF_USER = lanes.alias("of_user")
_SERVICE = (
    lanes.c.served_at,
    sa.select(sa.func.max(_OF_USER.c.served_at))
    .where(_OF_USER.c.user == lanes.c.user)
    .scalar_subquery()
    .label("user_served_at"),
)
_WORKING = sa.and_(jobs.c.status == Status.WORKING, jobs.c.lease_until >= _NOW)
_EXPIRED = sa.and_(jobs.c.status == Status.WORKING, jobs.c.lease_until < _NOW)
_READY = sa.or_(jobs.c.status == Status.QUEUED, _EXPIRED)
_ROW = sa.select(jobs.c.number, jobs.c.fence, jobs.c.lane).where(jobs.c.number == sa.bindparam("of"))
_WHEREVER = _ROW.where(sa.or_(jobs.c.status.in_(CLAIMABLE), _EXPIRED))
# A row that somebody else is taking just now is passed over, where writers work side by side.
_FREE = _ROW.where(_READY).with_for_update(skip_locked=True)
_TAKE = (
    jobs.update()
    .where(jobs.c.number == sa.bindparam("of"), jobs.c.fence == sa.bindparam("before"))
    .values(status=Status.WORKING, stop_requested=False, why="", next="", deadline=coming_deadline(_NOW))
)
# Either way of waiting is found by an index, both together are not. In order, so that two who settle never wait for each other.
_OVERDUE = (
    sa.select(jobs.c.number, jobs.c.ticket, jobs.c.fence, jobs.c.deadline)
    .where(sa.or_(*(sa.and_(where, jobs.c.deadline <= _NOW) for where in (jobs.c.status == Status.QUEUED, _EXPIRED))))
    .order_by(jobs.c.number)
)
_AT_WORK = (
    sa.select(*_LANE, sa.func.count().label("at_work"))
    .join(jobs, jobs.c.lane == lanes.c.key)
    .where(_WORKING)
    .group_by(lanes.c.key)
)
_HEADS = _heads()
_ABANDONED = (
    sa.select(*_LANE, *_SERVICE, jobs.c.number, jobs.c.priority)
    .join(jobs, jobs.c.lane == lanes.c.key)
    .where(_EXPIRED, _time_has_come(jobs))
)
_FOLLOWING = (
    sa.select(jobs.c.number, jobs.c.priority)
    .where(
        jobs.c.status == Status.QUEUED,
        jobs.c.lane == sa.bindparam("lane"),
        _time_has_come(jobs),
        sa.or_(
            jobs.c.priority < sa.bindparam("priority"),
            sa.and_(jobs.c.priority == sa.bindparam("priority"), jobs.c.number > sa.bindparam("number")),
        ),
    )
    .order_by(jobs.c.priority.desc(), jobs.c.number)
    .limit(_CHUNK)
)
_SERVED = lanes.update().where(lanes.c.key == sa.bindparam("lane")).values(served_at=_NOW)
