"""The audit log: who did what through the server. Append-only."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import Engine

from orchestrator.store.sql.schema import reading, writing
from orchestrator.store.sql.tables import audit

MOST = 1_000
_VALUE_CHARACTERS = 500


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the log. `detail` is JSON."""

    id: int
    at: float
    who: str
    what: str
    ticket: str | None
    detail: str


class Audit:
    """The log in the store's database. Safe to use from several threads."""

    def __init__(self, engine: Engine, clock: Callable[[], float]) -> None:
        self._engine = engine
        self._clock = clock

    def write(self, who: str, what: str, ticket: str | None = None, detail: Mapping[str, object] | None = None) -> None:
        """Append a line; it is on disk when this returns."""
        told = json.dumps({name: _short(value) for name, value in (detail or {}).items()})
        row = {"at": self._clock(), "who": who[:255], "what": what, "ticket": ticket, "detail": told}
        with writing(self._engine) as connection:
            connection.execute(_LINE, row)

    def latest(self, limit: int = 100, before: int | None = None) -> tuple[Entry, ...]:
        """Return the last lines, newest first; `before` is the id of a line, for those older than it."""
        query = sa.select(audit).order_by(audit.c.id.desc()).limit(min(limit, MOST))
        if before is not None:
            query = query.where(audit.c.id < before)
        with reading(self._engine) as connection:
            return tuple(Entry(**row) for row in connection.execute(query).mappings())


# Made once: to make a query anew takes longer than to have it answered.
_LINE = audit.insert()


def _short(value: object) -> object:
    """Return a value as the log has it: a whole one, or the beginning of a text."""
    if value is None or isinstance(value, bool | int | float):
        return value
    text = str(value)
    return text if len(text) <= _VALUE_CHARACTERS else f"{text[:_VALUE_CHARACTERS]}…"
