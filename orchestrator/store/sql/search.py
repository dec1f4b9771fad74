"""Which jobs are sought, as a query: of a repository, with words as they stand; by an index of words where the database has one."""

from __future__ import annotations

import os
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from orchestrator.reporting.board import Sought
from orchestrator.store.sql.tables import jobs, tickets

_ESCAPE = "\\"
_LEAST_CHARACTERS = 3
"""Of a word that the index knows; a shorter one is looked for in each ticket."""
# Made once: to make a query anew takes longer than to have it answered.
_JOBS = sa.select(jobs.c.number, jobs.c.status).order_by(jobs.c.number.desc())
# Whose tickets have all the words that are `asked` for, in the text or in the id.
_MATCH = sa.literal_column("searched", sa.Text).op("MATCH")(sa.bindparam("asked", type_=sa.Text))
_HITS = _JOBS.where(
    jobs.c.number.in_(sa.select(sa.column("rowid", sa.Integer)).select_from(sa.table("searched")).where(_MATCH))
)


def matching(connection: Connection, sought: Sought) -> tuple[sa.Select[Any], dict[str, str]]:
    """Return the query for the jobs that are sought, of any status, newest first: their numbers, and where they stand; and what it is asked with."""
    words = sought.each_word
    known = [word for word in words if len(word) >= _LEAST_CHARACTERS] if _has_index(connection) else []
    query = _HITS if known else _JOBS
    if sought.since:
        query = query.where(jobs.c.updated_at >= sought.since)
    lite = connection.dialect.name == "sqlite"
    others = [sa.or_(_has(tickets.c.id, word, lite), _text_has(word, lite)) for word in words if word not in known]
    if sought.repository is not None:
        others.append(tickets.c.repository == os.fsencode(sought.repository))
    asked = " ".join('"' + word.replace('"', '""') + '"' for word in known)
    return query.join(tickets).where(*others) if others else query, {"asked": asked} if known else {}


def _has_index(connection: Connection) -> bool:
    """Say whether a database has the index, and remember it with the connection."""
    if "searched" not in connection.info:
        lite = connection.dialect.name == "sqlite"
        connection.info["searched"] = lite and connection.dialect.has_table(connection, "searched")
    return bool(connection.info["searched"])


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
