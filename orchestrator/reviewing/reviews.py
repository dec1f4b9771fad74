"""Reviews as the store's database keeps them: remarks, files that were read, decisions with what they made of the marks."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence

import sqlalchemy as sa
from sqlalchemy import Connection, Engine, RowMapping

from orchestrator.records import Remark
from orchestrator.reviewing.records import Decision, Heeded, Said
from orchestrator.store.sql.schema import reading, writing
from orchestrator.store.sql.tables import decisions, heeded, reads, remarks
from shadowfs import RepoPath


class Reviews:
    """What people said and decided. Safe to use from several threads."""

    def __init__(self, engine: Engine, clock: Callable[[], float]) -> None:
        self._engine = engine
        self._clock = clock

    def say(self, ticket: str, tree: str, said: Sequence[Remark], who: str) -> tuple[int, ...]:
        """Keep remarks on a version, not sent yet, and return their ids."""
        rows = [
            {
                "ticket": ticket,
                "tree": tree,
                "path": None if each.path is None else os.fsencode(each.path),
                "line": each.line,
                "text": _bytes(each.text),
                "who": who,
                "at": self._clock(),
                "sent": False,
            }
            for each in said
        ]
        with writing(self._engine) as connection:
            keys = [connection.execute(remarks.insert().values(row)).inserted_primary_key for row in rows]
        return tuple(int(key[0]) for key in keys if key is not None)

    def said(self, ticket: str) -> tuple[Said, ...]:
        """Return all that was said of a ticket's versions, oldest first."""
        query = sa.select(remarks).where(remarks.c.ticket == ticket).order_by(remarks.c.id)
        with reading(self._engine) as connection:
            return tuple(_said(row) for row in connection.execute(query).mappings())

    def unsay(self, ticket: str, id: int, who: str) -> bool:
        """Take back a remark that was not sent; say whether it was there, and by `who`."""
        which = sa.and_(remarks.c.id == id, remarks.c.ticket == ticket, remarks.c.who == who, remarks.c.sent.is_(False))
        with writing(self._engine) as connection:
            return connection.execute(remarks.delete().where(which)).rowcount == 1

    def send(self, ticket: str, ids: Sequence[int]) -> None:
        """Note that an attempt went back to work with these remarks."""
        which = sa.and_(remarks.c.ticket == ticket, remarks.c.id.in_(ids))
        with writing(self._engine) as connection:
            connection.execute(remarks.update().where(which).values(sent=True))

    def read(self, ticket: str, tree: str, who: str) -> frozenset[RepoPath]:
        """Return the files of a version that somebody marked as read."""
        mine = sa.and_(reads.c.ticket == ticket, reads.c.tree == tree, reads.c.who == who)
        with reading(self._engine) as connection:
            return frozenset(
                os.fsdecode(path) for path in connection.execute(sa.select(reads.c.path).where(mine)).scalars()
            )

    def mark_read(self, ticket: str, tree: str, who: str, path: RepoPath, done: bool = True) -> None:
        """Mark a file of a version as read, or take the mark back."""
        row = {"ticket": ticket, "tree": tree, "who": who, "path": os.fsencode(path)}
        mine = sa.and_(*(reads.c[name] == value for name, value in row.items()))
        with writing(self._engine) as connection:
            connection.execute(reads.delete().where(mine))
            if done:
                connection.execute(reads.insert().values(at=self._clock(), **row))

    def decide(
        self,
        ticket: str,
        tree: str,
        what: str,
        who: str,
        *,
        reason: str = "",
        hunks: Sequence[str] = (),
        marks: Mapping[str, tuple[int, int]] | None = None,
    ) -> None:
        """Keep a decision; `marks` says of each risk how many marks were shown, and how many acted on.

        Who accepts a version that is accepted already decides nothing.
        """
        row = {"ticket": ticket, "tree": tree, "what": what, "who": who, "at": self._clock()}
        row |= {"reason": _bytes(reason), "hunks": json.dumps(list(hunks))}
        with writing(self._engine) as connection:
            if what == "accept" and _last(connection, ticket) == (what, tree):
                return
            key = connection.execute(decisions.insert().values(row)).inserted_primary_key
            assert key is not None
            for risk, (shown, acted) in (marks or {}).items():
                connection.execute(heeded.insert().values(decision=key[0], risk=risk, shown=shown, acted=acted))

    def decisions(self, ticket: str | None = None) -> tuple[Decision, ...]:
        """Return what was decided, of one ticket or of all, oldest first."""
        query = sa.select(decisions).order_by(decisions.c.id)
        if ticket is not None:
            query = query.where(decisions.c.ticket == ticket)
        with reading(self._engine) as connection:
            return tuple(_decision(row) for row in connection.execute(query).mappings())

    def heeded(self) -> tuple[Heeded, ...]:
        """Return how often marks were acted on, by risk, in all decisions."""
        sums = sa.func.sum(heeded.c.shown), sa.func.sum(heeded.c.acted)
        query = sa.select(heeded.c.risk, *sums).group_by(heeded.c.risk).order_by(heeded.c.risk)
        with reading(self._engine) as connection:
            return tuple(Heeded(risk, int(shown), int(acted)) for risk, shown, acted in connection.execute(query))


def _last(connection: Connection, ticket: str) -> tuple[str, str] | None:
    """Return what was decided last about a ticket, and about which version."""
    query = sa.select(decisions.c.what, decisions.c.tree).where(decisions.c.ticket == ticket)
    row = connection.execute(query.order_by(decisions.c.id.desc()).limit(1)).first()
    return None if row is None else (row.what, row.tree)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _text(data: bytes) -> str:
    return bytes(data).decode("utf-8", "surrogatepass")


def _said(row: RowMapping) -> Said:
    path = None if row["path"] is None else os.fsdecode(row["path"])
    remark = Remark(_text(row["text"]), path, row["line"])
    return Said(row["id"], row["tree"], remark, row["who"], row["at"], bool(row["sent"]))


def _decision(row: RowMapping) -> Decision:
    kept = tuple(json.loads(row["hunks"]))
    return Decision(row["ticket"], row["tree"], row["what"], _text(row["reason"]), kept, row["who"], row["at"])
