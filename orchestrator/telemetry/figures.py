"""What the store says in numbers. Asked when somebody looks, so nothing is lost with a process.

Four queries: jobs and tickets over the index of statuses, the queue over those that wait, and one pass each over attempts' outcomes and the ledger.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from orchestrator.records import Cost, Status
from orchestrator.store.sql.ledger import SUMS, cost_of
from orchestrator.store.sql.schema import as_one, clock_of
from orchestrator.store.sql.tables import jobs, ledger, outcomes

if TYPE_CHECKING:
    from orchestrator.crew import Crew


@dataclass(frozen=True, slots=True)
class Figures:
    """The state of a store at one moment. `attempts` are counted by the agent's kind and whether the ladder verified what it proposed."""

    jobs: Mapping[Status, int]
    ready: int
    """Jobs that a worker could begin now."""
    oldest_s: float
    """For how long the oldest of these has been ready."""
    held: int
    expired: int
    """Leases that ran out, of which nobody took the job yet."""
    lives: int
    """How often some worker began, or went on with, a job."""
    attempts: Mapping[tuple[str, bool], int]
    spent: Cost

    @property
    def tickets(self) -> int:
        return sum(self.jobs.values())


def stored(crew: Crew) -> Figures:
    """Return what the store of a crew says now, by that store's clock."""
    return figures(crew.database, clock_of(crew.database)())


def figures(engine: Engine, now: float) -> Figures:
    """Ask the store, all from one state of it. `now` is its time."""
    with as_one(engine).connect() as connection, connection.begin():
        held, expired = connection.execute(_leases(now)).one()
        ready, since = connection.execute(_ready(now)).one()
        lives, *sums = connection.execute(_SPENT).one()
        return Figures(
            jobs=_jobs(connection),
            ready=int(ready),
            oldest_s=max(0.0, now - since) if since is not None else 0.0,
            held=int(held or 0),
            expired=int(expired or 0),
            lives=int(lives or 0),
            attempts=_attempts(connection),
            spent=cost_of(*sums),
        )


def _jobs(connection: Connection) -> dict[Status, int]:
    counted = {Status(status): int(count) for status, count in connection.execute(_JOBS)}
    return {status: counted.get(status, 0) for status in Status}


def _attempts(connection: Connection) -> dict[tuple[str, bool], int]:
    counts: dict[tuple[str, bool], int] = {}
    for agent, verified, count in connection.execute(_OUTCOMES):
        # What follows the colon may be a command line, with what is nobody's business.
        key = str(agent).partition(":")[0], bool(verified)
        counts[key] = counts.get(key, 0) + int(count)
    return counts


def _leases(now: float) -> sa.Executable:
    expired = jobs.c.lease_until < now
    held = sa.func.sum(sa.case((expired, 0), else_=1))
    return sa.select(held, sa.func.sum(sa.case((expired, 1), else_=0))).where(jobs.c.status == Status.WORKING)


def _ready(now: float) -> sa.Executable:
    begins = sa.case((jobs.c.not_before > jobs.c.updated_at, jobs.c.not_before), else_=jobs.c.updated_at)
    waits = sa.or_(jobs.c.not_before.is_(None), jobs.c.not_before <= now)
    return sa.select(sa.func.count(), sa.func.min(begins)).where(jobs.c.status == Status.QUEUED, waits)


_JOBS = sa.select(jobs.c.status, sa.func.count()).group_by(jobs.c.status)
_OUTCOMES = sa.select(outcomes.c.agent, outcomes.c.verified, sa.func.count()).group_by(
    outcomes.c.agent, outcomes.c.verified
)
_SPENT = sa.select(sa.func.sum(sa.case((ledger.c.kind == "time", 1), else_=0)), *SUMS)
