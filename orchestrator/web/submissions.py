"""Submissions: what was sent under which key, and what came of it, kept for a day, so that nothing is done twice."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlalchemy import Engine, RowMapping
from sqlalchemy.exc import IntegrityError

from orchestrator.store.sql.schema import reading, writing
from orchestrator.store.sql.tables import submissions

KEPT_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Submission:
    """What was sent (`asked` is a hash of it), and what was answered; no status: nothing yet."""

    asked: str
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    answer: bytes = b""


class Submissions:
    """What users sent, in the store's database. Safe to use from several threads and processes."""

    def __init__(self, engine: Engine, clock: Callable[[], float]) -> None:
        self._engine = engine
        self._clock = clock

    def begin(self, user: str, key: str, asked: str) -> Submission | None:
        """Take a key of a user for what is about to be done; return what is known of it where it is taken already."""
        now = self._clock()
        row = {"user": user, "key": key, "asked": asked, "headers": "{}", "at": now}
        old = submissions.delete().where(submissions.c.at < now - KEPT_S)
        try:
            with writing(self._engine) as connection:
                connection.execute(old)
                connection.execute(submissions.insert().values(row))
        except IntegrityError:
            # Where it was given back meanwhile, it is free again.
            return self.known(user, key) or self.begin(user, key, asked)
        return None

    def known(self, user: str, key: str) -> Submission | None:
        """Return what is known of a key of a user."""
        with reading(self._engine) as connection:
            row = connection.execute(sa.select(submissions).where(_which(user, key))).mappings().first()
        return None if row is None else _submission(row)

    def finish(self, user: str, key: str, status: int, headers: Mapping[str, str], answer: bytes) -> None:
        """Keep what was answered."""
        values = {"status": status, "headers": json.dumps(dict(headers)), "answer": answer}
        with writing(self._engine) as connection:
            connection.execute(submissions.update().where(_which(user, key)).values(values))

    def drop(self, user: str, key: str) -> None:
        """Give a key back: what was sent under it was refused, and changed nothing."""
        with writing(self._engine) as connection:
            connection.execute(submissions.delete().where(_which(user, key)))


def _which(user: str, key: str) -> sa.ColumnElement[bool]:
    return sa.and_(submissions.c.user == user, submissions.c.key == key)


def _submission(row: RowMapping) -> Submission:
    return Submission(row["asked"], row["status"], json.loads(row["headers"]), bytes(row["answer"] or b""))
