"""Messages to jobs, in the store's database."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Engine, RowMapping

from orchestrator.records import Message, Status
from orchestrator.store import Lease
from orchestrator.store.sql.schema import one_by_one, reading, writing
from orchestrator.store.sql.tables import jobs, messages


class SqlMessages:
    """What people said to jobs. Safe to use from several threads."""

    def __init__(self, engine: Engine, clock: Callable[[], float]) -> None:
        self._engine = engine
        self._reads = one_by_one(engine)
        self._clock = clock

    def say(self, job: int, who: str, text: str, among: Sequence[Status]) -> bool:
        listens = sa.and_(jobs.c.number == job, jobs.c.status.in_(among))
        row = {"job": job, "who": who[:255], "text": text.encode("utf-8", "surrogatepass"), "at": self._clock()}
        with writing(self._engine) as connection:
            # Whoever ends the job meanwhile waits for this, and sees it.
            if connection.execute(jobs.update().where(listens).values(updated_at=row["at"])).rowcount != 1:
                return False
            connection.execute(messages.insert().values(row))
            return True

    def said(self, job: int, after: int = 0) -> tuple[Message, ...]:
        with reading(self._reads) as connection:
            rows = connection.execute(_SAID, {"of": job, "after": after}).mappings().all()
        return tuple(_message(row) for row in rows)


def ended(connection: Connection, lease: Lease, values: Mapping[str, Any], told: int | None) -> bool:
    """Write how a leased job ended, unless there is a message after `told` (None: nobody asks); say whether it was written."""
    if told is not None and connection.execute(_LATER, {"of": lease.job, "after": told}).first() is not None:
        return False
    return connection.execute(_ENDED, {**values, "of": lease.job}).rowcount == 1


# Made once: to make it anew takes longer than to have it answered.
_OF: sa.BindParameter[int] = sa.bindparam("of")
_AFTER: sa.BindParameter[int] = sa.bindparam("after")
_LATER = sa.select(messages.c.id).where(messages.c.job == _OF, messages.c.id > _AFTER).limit(1)
_ENDED = jobs.update().where(jobs.c.number == _OF)
_SAID = sa.select(messages).where(messages.c.job == _OF, messages.c.id > _AFTER).order_by(messages.c.id)


def _message(row: RowMapping) -> Message:
    text = bytes(row["text"]).decode("utf-8", "surrogatepass")
    return Message(row["id"], row["who"], text, row["at"])
