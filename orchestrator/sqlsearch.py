"""Which jobs are sought, as a query: of a repository, with words as they stand; by an index of words where the database has one."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from orchestrator.board import Sought
from orchestrator.tables import jobs, tickets

_ESCAPE = "\\"
_LEAST_CHARACTERS = 3
"""Of a word that the index knows; a shorter one is looked for in each ticket."""


def matching(connection: Connection, sought: Sought) -> sa.Select[Any]:
    """Return the query for the jobs that are sought, of any status: their numbers, and where they stand."""
    query = sa.select(jobs.c.number, jobs.c.status)
    if sought.since:
        query = query.where(jobs.c.updated_at >= sought.since)
    words = sought.each_word
    known = [word for word in words if len(word) >= _LEAST_CHARACTERS] if _has_index(connection) else []
    if known:
        query = query.where(jobs.c.number.in_(_hits(known)))
    lite = connection.dialect.name == "sqlite"
    others = [sa.or_(_has(tickets.c.id, word, lite), _text_has(word, lite)) for word in words if word not in known]
    if sought.repository is not None:
        others.append(tickets.c.repository == os.fsencode(sought.repository))
    return query.join(tickets).where(*others) if others else query


def _has_index(connection: Connection) -> bool:
    """Say whether a database has the index, and remember it with the connection."""
    if "searched" not in connection.info:
        lite = connection.dialect.name == "sqlite"
        connection.info["searched"] = lite and connection.dialect.has_table(connection, "searched")
    return bool(connection.info["searched"])


def _hits(words: Sequence[str]) -> sa.Select[Any]:
    """Return the query for the jobs whose tickets have all these words, in the text or in the id."""
    asked = " ".join('"' + word.replace('"', '""') + '"' for word in words)
    found = sa.literal_column("searched", sa.Text).op("MATCH")(asked)
    return sa.select(sa.column("rowid", sa.Integer)).select_from(sa.table("searched")).where(found)


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
