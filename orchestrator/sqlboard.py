"""The board as queries on a connection: a page of tickets in a handful of queries, however many there are."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import Connection, RowMapping

from orchestrator.answering import asking
from orchestrator.board import TEXT_CHARACTERS, Board, Row, Sought
from orchestrator.codec import decode
from orchestrator.records import AttemptRecord, Cost, Status
from orchestrator.sqlledger import costs
from orchestrator.tables import attempts, jobs, outbox, tickets

_ESCAPE = "\\"


def board(connection: Connection, sought: Sought) -> Board:
    """Return the tickets that were sought. Jobs are numbered as tickets are filed: the newest has the greatest number."""
    if sought.words or sought.repository is not None:
        numbers, counts = _scanned(connection, sought)
    else:
        numbers, counts = _counted(connection, sought)
    wanted = sought.statuses or tuple(Status)
    query = sa.select(tickets, *(jobs.c[name] for name in _OF_JOB)).select_from(tickets.join(jobs))
    query = query.where(jobs.c.number.in_(numbers)).order_by(jobs.c.number.desc())
    found = connection.execute(query).mappings().all()
    return Board(_rows(connection, found), sum(counts.get(each, 0) for each in wanted), counts)


def _counted(connection: Connection, sought: Sought) -> tuple[list[int], dict[Status, int]]:
    """Return a page's jobs, and how many stand where, from what indexes say."""
    since = [jobs.c.updated_at >= sought.since] if sought.since else []
    counting = sa.select(jobs.c.status, sa.func.count()).where(*since).group_by(jobs.c.status)
    counts = {Status(status): int(count) for status, count in connection.execute(counting)}
    page = sa.select(jobs.c.number).where(*since).order_by(jobs.c.number.desc())
    if sought.statuses:
        page = page.where(jobs.c.status.in_(sought.statuses))
    return list(connection.execute(page.limit(sought.limit).offset(sought.skip)).scalars()), counts


def _scanned(connection: Connection, sought: Sought) -> tuple[list[int], dict[Status, int]]:
    """Return the same where tickets have to be looked at one by one: in one scan."""
    where = _which(sought, connection.dialect.name == "sqlite")
    query = sa.select(jobs.c.number, jobs.c.status).select_from(tickets.join(jobs)).where(where)
    found = [(number, Status(status)) for number, status in connection.execute(query.order_by(jobs.c.number.desc()))]
    numbers = [number for number, status in found if not sought.statuses or status in sought.statuses]
    return numbers[sought.skip : sought.skip + sought.limit], dict(Counter(status for _, status in found))


_OF_JOB = (
    "number",
    "status",
    "why",
    "next",
    "seconds",
    "usd",
    "tokens",
    "updated_at",
    "priority",
    "not_before",
    "deadline",
)


def _which(sought: Sought, lite: bool) -> sa.ColumnElement[bool]:
    conditions: list[sa.ColumnElement[bool]] = [sa.true()]
    if sought.repository is not None:
        conditions.append(tickets.c.repository == os.fsencode(sought.repository))
    if sought.since:
        conditions.append(jobs.c.updated_at >= sought.since)
    for word in sought.words.encode("utf-8", "replace").decode().split():
        conditions.append(sa.or_(_has(tickets.c.id, word, lite), _text_has(word, lite)))
    return sa.and_(*conditions)


def _text_has(word: str, lite: bool) -> sa.ColumnElement[bool]:
    """Say whether a ticket's text, which is bytes, has a word in it, whatever the case of its ASCII letters."""
    if lite:
        return _has(sa.cast(tickets.c.text, sa.Text), word, lite)
    # Bytes that are no ASCII may be no text either: both are compared as PostgreSQL writes them out.
    written = "".join("\\\\" if at == 92 else chr(at) if 0 < at < 128 else f"\\{at:03o}" for at in word.encode())
    return _has(sa.func.encode(tickets.c.text, "escape"), written, lite)


def _has(column: sa.ColumnElement[str], word: str, lite: bool) -> sa.ColumnElement[bool]:
    like = "".join(_ESCAPE + each if each in f"%_{_ESCAPE}" else each for each in word)
    # SQLite's own LIKE knows no case in ASCII; folding each text first takes twice as long.
    return (column.like if lite else column.ilike)(f"%{like}%", escape=_ESCAPE)


def _rows(connection: Connection, found: Sequence[RowMapping]) -> tuple[Row, ...]:
    numbers = [row["number"] for row in found]
    waiting = [row["number"] for row in found if Status(row["status"]).resumable]
    counted = sa.select(attempts.c.job, sa.func.count()).where(attempts.c.job.in_(numbers)).group_by(attempts.c.job)
    tried = {job: int(count) for job, count in connection.execute(counted)}
    questions = _questions(connection, waiting)
    spent = costs(connection, numbers)
    leaving: dict[int, RowMapping] = {}
    done: dict[int, str] = {}
    for row in connection.execute(sa.select(outbox).where(outbox.c.job.in_(numbers)).order_by(outbox.c.id)).mappings():
        leaving[row["job"]] = row
        if row["done"]:
            done[row["job"]] = row["branch"]
    return tuple(
        _row(row, tried.get(at, 0), done.get(at), leaving.get(at), questions.get(at, ""), spent.get(at, Cost()))
        for row in found
        for at in [row["number"]]
    )


def _questions(connection: Connection, numbers: Sequence[int]) -> Mapping[int, str]:
    """Return the questions that jobs wait with."""
    if not numbers:
        return {}
    query = sa.select(attempts.c.job, attempts.c.record).where(attempts.c.job.in_(numbers))
    records: dict[int, list[AttemptRecord]] = {}
    for job, record in connection.execute(query.order_by(attempts.c.job, attempts.c.number)):
        records.setdefault(job, []).append(decode(AttemptRecord, record))
    asked = {job: asking(each) for job, each in records.items()}
    return {job: record.question for job, record in asked.items() if record is not None}


@lru_cache(maxsize=256)
def _agent_of(settings: str) -> str:
    """Return the agent that settings name: most tickets of a repository have the same ones."""
    return str(json.loads(settings)["agent"])


def _row(row: RowMapping, tried: int, branch: str | None, leaving: RowMapping | None, question: str, cost: Cost) -> Row:
    order = json.loads(row["order"])
    text = bytes(row["text"][: 4 * TEXT_CHARACTERS]).decode("utf-8", "replace")[:TEXT_CHARACTERS]
    return Row(
        ticket=row["id"],
        text=text,
        repository=Path(os.fsdecode(row["repository"])),
        status=Status(row["status"]),
        why=row["why"],
        next=row["next"],
        agent=order["agent"] or _agent_of(row["settings"]),
        user=row["filer"] or "",
        filed_at=row["filed_at"],
        updated_at=row["updated_at"],
        attempts=tried,
        branch=branch,
        commit=None if leaving is None else leaving["commit"],
        question=question,
        cost=cost,
        seconds=row["seconds"],
        usd=row["usd"],
        tokens=row["tokens"],
        priority=row["priority"],
        not_before=row["not_before"],
        deadline=row["deadline"],
    )
