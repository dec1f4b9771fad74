"""The board as queries on a connection: a page of tickets in a handful of queries, however many there are."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from orchestrator.records import AttemptRecord, Status
from orchestrator.reporting.board import TEXT_CHARACTERS, Board, Row, Sought
from orchestrator.store.codec import decode
from orchestrator.store.sql.ledger import SUMS, cost_of
from orchestrator.store.sql.search import matching
from orchestrator.store.sql.tables import attempts, jobs, ledger, outbox, tickets
from orchestrator.working.answering import asking

# Made once: to make a query anew takes longer than to have it answered.
_NUMBERS: sa.BindParameter[int] = sa.bindparam("numbers", expanding=True)
_STATUSES: sa.BindParameter[str] = sa.bindparam("statuses", expanding=True)
_SINCE: sa.BindParameter[float] = sa.bindparam("since")
_LIMIT: sa.BindParameter[int] = sa.bindparam("limit")
_SKIP: sa.BindParameter[int] = sa.bindparam("skip")
_TRIED = sa.select(sa.func.count()).where(attempts.c.job == jobs.c.number).scalar_subquery()
_LEAVING = sa.select(outbox.c.commit).where(outbox.c.job == jobs.c.number).order_by(outbox.c.id.desc()).limit(1)
_LEFT = sa.select(outbox.c.branch).where(outbox.c.job == jobs.c.number, outbox.c.done).order_by(outbox.c.id.desc())
_ROWS = (
    sa.select(
        jobs.c.number,
        tickets.c.id,
        sa.func.substr(tickets.c.text, 1, 4 * TEXT_CHARACTERS, type_=sa.LargeBinary),
        tickets.c.repository,
        tickets.c.agent,
        tickets.c.filer,
        tickets.c.filed_at,
        *(jobs.c[name] for name in ("status", "why", "next", "updated_at", "seconds", "usd", "tokens")),
        *(jobs.c[name] for name in ("priority", "not_before", "deadline")),
        _TRIED,
        _LEAVING.scalar_subquery(),
        _LEFT.limit(1).scalar_subquery(),
        *SUMS,
    )
    .select_from(tickets.join(jobs).outerjoin(ledger, ledger.c.job == jobs.c.number))
    .group_by(jobs.c.number, tickets.c.id)
    .order_by(jobs.c.number.desc())
)
_NAMED = _ROWS.where(jobs.c.number.in_(_NUMBERS))
_RECORDS = (
    sa.select(attempts.c.job, attempts.c.record)
    .where(attempts.c.job.in_(_NUMBERS))
    .order_by(attempts.c.job, attempts.c.number)
)
_COUNTS = sa.select(jobs.c.status, sa.func.count()).group_by(jobs.c.status)


def board(connection: Connection, sought: Sought, counts: Mapping[Status, int]) -> Board:
    """Return the tickets that were sought; `counts` is how many of all stand where. Jobs are numbered as tickets are filed: the newest has the greatest number."""
    if sought.words or sought.repository is not None:
        numbers, counts = _matching(connection, sought)
        found = connection.execute(_NAMED, {"numbers": numbers}).all() if numbers else ()
    else:
        if sought.since:
            counts = counted(connection, sought.since)
        found = connection.execute(_page(bool(sought.statuses), bool(sought.since)), _given(sought)).all()
    questions = _questions(connection, [row.number for row in found if Status(row.status).resumable])
    rows = tuple(_row(row, questions.get(row[0], "")) for row in found)
    return Board(rows, sum(counts.get(each, 0) for each in sought.statuses or Status), counts)


def counted(connection: Connection, since: float = 0.0) -> Mapping[Status, int]:
    """Return how many jobs stand where, of those that changed since a Unix time."""
    query = _COUNTS.where(jobs.c.updated_at >= since) if since else _COUNTS
    return {Status(status): int(count) for status, count in connection.execute(query).all()}


@lru_cache
def _page(statuses: bool, since: bool) -> sa.Select[Any]:
    """Return the query for a page of all jobs, or of those of some statuses, or that changed since."""
    newest = sa.select(jobs.c.number).order_by(jobs.c.number.desc()).limit(_LIMIT).offset(_SKIP)
    if statuses:
        newest = newest.where(jobs.c.status.in_(_STATUSES))
    if since:
        newest = newest.where(jobs.c.updated_at >= _SINCE)
    return _ROWS.where(jobs.c.number.in_(newest))


def _given(sought: Sought) -> dict[str, object]:
    return {"statuses": sought.statuses, "since": sought.since, "limit": sought.limit, "skip": sought.skip}


def _matching(connection: Connection, sought: Sought) -> tuple[list[int], Mapping[Status, int]]:
    """Return the jobs of a page of those that match, and how many of these stand where."""
    # Looked for once: that takes longer than to pass on the number of each.
    found = connection.execute(*matching(connection, sought)).all()
    counts = {Status(status): count for status, count in Counter(status for _, status in found).items()}
    numbers = [number for number, status in found if not sought.statuses or status in sought.statuses]
    return numbers[sought.skip : sought.skip + sought.limit], counts


def _questions(connection: Connection, numbers: Sequence[int]) -> Mapping[int, str]:
    """Return the questions that jobs wait with."""
    if not numbers:
        return {}
    records: dict[int, list[AttemptRecord]] = {}
    for job, record in connection.execute(_RECORDS, {"numbers": numbers}).all():
        records.setdefault(job, []).append(decode(AttemptRecord, record))
    asked = {job: asking(each) for job, each in records.items()}
    return {job: record.question for job, record in asked.items() if record is not None}


@lru_cache(maxsize=256)
def _path(name: bytes) -> Path:
    return Path(os.fsdecode(name))


def _row(found: Sequence[Any], question: str) -> Row:
    _, id, text, repository, agent, filer, filed_at, status, why, next, updated_at, *budget = found[:17]
    seconds, usd, tokens, priority, not_before, deadline = budget
    tried, commit, branch, *spent = found[17:]
    return Row(
        ticket=id,
        text=bytes(text).decode("utf-8", "replace")[:TEXT_CHARACTERS],
        repository=_path(bytes(repository)),
        status=Status(status),
        why=why,
        next=next,
        agent=agent,
        user=filer or "",
        filed_at=filed_at,
        updated_at=updated_at,
        attempts=tried,
        branch=branch,
        commit=commit,
        question=question,
        cost=cost_of(*spent),
        seconds=seconds,
        usd=usd,
        tokens=tokens,
        priority=priority,
        not_before=not_before,
        deadline=deadline,
    )
