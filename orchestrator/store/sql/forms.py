"""What came of the forms in which edits were asked of models, from the store's database."""

from __future__ import annotations

import json

import sqlalchemy as sa
from sqlalchemy import Engine

from agents import Formed, totals
from orchestrator.store import FORMS_NOTED, FORMS_OF
from orchestrator.store.sql.schema import reading
from orchestrator.store.sql.tables import journal, outcomes


class SqlForms:
    """It, read from the journals. Safe to use from several threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def latest(self, agent: str) -> tuple[Formed, ...]:
        with reading(self._engine) as connection:
            return totals(map(json.loads, connection.execute(_LAST, {"by": agent}).scalars()))


_ENDED = (
    sa.select(outcomes.c.job, outcomes.c.attempt)
    .where(outcomes.c.agent == sa.bindparam("by"))
    .order_by(outcomes.c.at.desc(), outcomes.c.job.desc(), outcomes.c.attempt.desc())
    .limit(FORMS_OF)
    .subquery()
)
_OF_ENDED = sa.and_(journal.c.job == _ENDED.c.job, journal.c.attempt == _ENDED.c.attempt)
_SEQ = (
    sa.select(sa.func.max(journal.c.seq))
    .select_from(_ENDED.join(journal, _OF_ENDED))
    .where(journal.c.kind == FORMS_NOTED)
    .group_by(journal.c.job, journal.c.attempt)
)
_LAST = sa.select(journal.c.payload).where(journal.c.seq.in_(_SEQ))
