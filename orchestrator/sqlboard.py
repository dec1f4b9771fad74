"""The board as queries on a connection: a page of tickets in a handful of queries, however many there are."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from orchestrator.answering import asking
from orchestrator.board import TEXT_CHARACTERS, Board, Row, Sought
from orchestrator.codec import decode
from orchestrator.records import AttemptRecord, Status
from orchestrator.sqlledger import SUMS, cost_of
from orchestrator.sqlsearch import matching
from orchestrator.tables import attempts, jobs, ledger, outbox, tickets

# Made once: to make a query anew takes longer than to have it answered.
_NUMBERS: sa.BindParameter[int] = sa.bindparam("numbers", expanding=True)
_TRIED = sa.select(sa.func.count()).where(attempts.c.job == jobs.c.number).scalar_subquery()
_LEAVING = sa.select(outbox.c.commit).where(outbox.c.job == jobs.c.number).order_by(outbox.c.id.desc()).limit(1)
_LEFT = sa.select(outbox.c.branch).where(outbox.c.job == jobs.c.number, outbox.c.done).order_by(outbox.c.id.desc())
_PAGE = (
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
    .where(jobs.c.number.in_(_NUMBERS))
    .group_by(jobs.c.number, tickets.c.id)
    .order_by(jobs.c.number.desc())
)
_RECORDS = (
    sa.select(attempts.c.job, attempts.c.record)
    .where(attempts.c.job.in_(_NUMBERS))
    .order_by(attempts.c.job, attempts.c.number)
)
_COUNTS = sa.select(jobs.c.status, sa.func.count()).group_by(jobs.c.status)
_NEWEST = sa.select(jobs.c.number).order_by(jobs.c.number.desc())


def board(connection: Connection, sought: Sought) -> Board:
    """Return the tickets that were sought. Jobs are numbered as tickets are filed: the newest has the greatest number."""
    if sought.words or sought.repository is not None:
        numbers, counts = _scanned(connection, sought)
    else:
        numbers, counts = _counted(connection, sought)
    wanted = sought.statuses or tuple(Status)
    return Board(_rows(connection, numbers), sum(counts.get(each, 0) for each in wanted), counts)


def _counted(connection: Connection, sought: Sought) -> tuple[list[int], dict[Status, int]]:
    """Return a page's jobs, and how many stand where, from what indexes say."""
    counting, page = _COUNTS, _NEWEST
    if sought.since:
        counting, page = (each.where(jobs.c.updated_at >= sought.since) for each in (counting, page))
    if sought.statuses:
        page = page.where(jobs.c.status.in_(sought.statuses))
    counts = {Status(status): int(count) for status, count in connection.execute(counting).all()}
    return list(connection.execute(page.limit(sought.limit).offset(sought.skip)).scalars().all()), counts


def _scanned(connection: Connection, sought: Sought) -> tuple[list[int], dict[Status, int]]:
    """Return the same of the jobs that match."""
    found = matching(connection, sought).subquery()
    counting = sa.select(found.c.status, sa.func.count()).group_by(found.c.status)
    counts = {Status(status): int(count) for status, count in connection.execute(counting).all()}
    page = sa.select(found.c.number).order_by(found.c.number.desc())
    if sought.statuses:
        page = page.where(found.c.status.in_(sought.statuses))
    return list(connection.execute(page.limit(sought.limit).offset(sought.skip)).scalars().all()), counts


def _rows(connection: Connection, numbers: Sequence[int]) -> tuple[Row, ...]:
    if not numbers:
        return ()
    found = connection.execute(_PAGE, {"numbers": numbers}).all()
    questions = _questions(connection, [row.number for row in found if Status(row.status).resumable])
    return tuple(_row(row, questions.get(row[0], "")) for row in found)


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
