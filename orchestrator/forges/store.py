"""What the database keeps of forges: deliveries, threads with their tickets, pull requests, and steps to be done."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Engine, RowMapping

from orchestrator.forges.records import Thread
from orchestrator.forges.steps import Kind, NewStep, Step
from orchestrator.forges.tables import deliveries, pulls, steps, threads
from orchestrator.records import Status
from orchestrator.store.sql.schema import reading, writing
from orchestrator.store.sql.tables import jobs, tickets

HOLD_S = 900.0
"""How long whoever took a step may take before somebody else does: longer than a push may."""
FILING_S = 60.0
"""How long whoever files a thread's ticket may take before somebody else does."""
KEPT_S = 30 * 86400.0
"""How long a delivery is remembered."""
_ENDED = (Status.VERIFIED, Status.UNVERIFIED, Status.NO_FIX, Status.PAUSED, Status.FAILED)
"""Ends of work that a thread is told of; what a person decided there, that person knows."""


@dataclass(frozen=True, slots=True)
class ThreadRow:
    """A thread, and the ticket that it has (None: it is about to)."""

    thread: Thread
    ticket: str | None
    text: str
    filer: str
    url: str
    at: float


@dataclass(frozen=True, slots=True)
class PullRow:
    """A ticket's pull request, as far as there is one."""

    ticket: str
    forge: str
    repository: str
    branch: str
    number: str | None = None
    url: str = ""
    pushed: str | None = None
    rounds: int = 0
    blocked: str = ""
    left: str = ""

    @property
    def thread(self) -> Thread | None:
        """Return where people talk about it."""
        return None if self.number is None else Thread(self.forge, self.repository, self.number)


@dataclass(frozen=True, slots=True)
class Ended:
    """A ticket whose work ended, which its thread does not know yet."""

    thread: Thread
    ticket: str
    status: Status
    fence: int


class ForgeStore:
    """Over the engine of the store, whose schema has these tables. Safe to use from several threads."""

    def __init__(self, engine: Engine, clock: Callable[[], float] = time.time) -> None:
        self._engine = engine
        self._clock = clock

    # What came

    def accept(self, forge: str, ids: Sequence[str], todo: Sequence[NewStep]) -> bool:
        """Remember a delivery by all its ids, and write what is to be done about it; False where one of the ids is known."""
        known = sa.and_(deliveries.c.forge == forge, deliveries.c.delivery.in_(ids))
        now = self._clock()
        with writing(self._engine) as connection:
            if connection.execute(sa.select(deliveries.c.at).where(known)).first() is not None:
                return False
            connection.execute(deliveries.delete().where(deliveries.c.at < now - KEPT_S))
            for id in dict.fromkeys(ids):
                connection.execute(deliveries.insert().values(forge=forge, delivery=id, at=now))
            self._add(connection, todo)
            return True

    def add(self, todo: Sequence[NewStep]) -> None:
        """Write what is to be done."""
        with writing(self._engine) as connection:
            self._add(connection, todo)

    # Threads

    def thread(self, thread: Thread) -> ThreadRow | None:
        with reading(self._engine) as connection:
            row = connection.execute(sa.select(threads).where(_is(thread))).mappings().first()
        return None if row is None else _thread(row)

    def thread_of(self, ticket: str) -> ThreadRow | None:
        """Return the thread that a ticket came from."""
        with reading(self._engine) as connection:
            row = connection.execute(sa.select(threads).where(threads.c.ticket == ticket)).mappings().first()
        return None if row is None else _thread(row)

    def intend(self, thread: Thread, text: str, filer: str, url: str) -> ThreadRow | None:
        """Write what is about to be filed for a thread, or return what was written before; None while somebody else is about it."""
        now = self._clock()
        values = {"text": text, "filer": filer, "url": url, "at": now, "held_until": now + FILING_S}
        with writing(self._engine) as connection:
            row = connection.execute(sa.select(threads).where(_is(thread))).mappings().first()
            if row is None:
                connection.execute(threads.insert().values(**values, **_place(thread)))
                row = connection.execute(sa.select(threads).where(_is(thread))).mappings().one()
            elif row["ticket"] is None and row["held_until"] > now:
                return None
            connection.execute(threads.update().where(_is(thread)).values(held_until=now + FILING_S))
            return _thread(row)

    def filed(self, row: ThreadRow, repository: Path) -> str | None:
        """Return the ticket that was filed for a thread by a process that died before it could say so."""
        which = sa.and_(
            tickets.c.repository == os.fsencode(repository),
            tickets.c.filed_at >= row.at,
            tickets.c.filer == row.filer,
            tickets.c.text == row.text.encode("utf-8", "surrogatepass"),
            tickets.c.id.not_in(sa.select(threads.c.ticket).where(threads.c.ticket.is_not(None))),
        )
        with reading(self._engine) as connection:
            found = connection.execute(sa.select(tickets.c.id).where(which).order_by(tickets.c.filed_at)).scalar()
        return None if found is None else str(found)

    def link(self, thread: Thread, ticket: str) -> bool:
        """Write that a thread has a ticket; False where it has another one already."""
        free = sa.and_(_is(thread), sa.or_(threads.c.ticket.is_(None), threads.c.ticket == ticket))
        with writing(self._engine) as connection:
            return connection.execute(threads.update().where(free).values(ticket=ticket)).rowcount == 1

    def forget(self, thread: Thread) -> None:
        """Take back what was about to be filed, so that somebody may ask again."""
        with writing(self._engine) as connection:
            connection.execute(threads.delete().where(_is(thread), threads.c.ticket.is_(None)))

    def ended(self, limit: int = 20) -> tuple[Ended, ...]:
        """Return tickets whose work ended and whose thread was not told."""
        query = (
            sa.select(threads, jobs.c.status, jobs.c.fence)
            .select_from(threads.join(jobs, jobs.c.ticket == threads.c.ticket))
            .where(jobs.c.status.in_(_ENDED), sa.or_(threads.c.told.is_(None), threads.c.told != jobs.c.fence))
            .limit(limit)
        )
        with reading(self._engine) as connection:
            rows = connection.execute(query).mappings().all()
        return tuple(Ended(_thread(row).thread, row["ticket"], Status(row["status"]), row["fence"]) for row in rows)

    def told(self, ended: Ended, todo: Sequence[NewStep]) -> None:
        """Write that an end is told, with the steps that tell it."""
        with writing(self._engine) as connection:
            connection.execute(threads.update().where(_is(ended.thread)).values(told=ended.fence))
            self._add(connection, todo)

    # Pull requests

    def pull(self, ticket: str) -> PullRow | None:
        return self._pull(pulls.c.ticket == ticket)

    def pull_at(self, thread: Thread) -> PullRow | None:
        """Return the pull request of ours that people talk about in a thread."""
        return self._pull(
            sa.and_(
                pulls.c.forge == thread.forge, pulls.c.repository == thread.repository, pulls.c.number == thread.number
            )
        )

    def pull_on(self, forge: str, repository: str, branch: str, commit: str) -> PullRow | None:
        """Return the pull request of ours on a branch; where a forge does not say which, on a commit."""
        on = pulls.c.branch == branch if branch else pulls.c.pushed == commit
        return self._pull(sa.and_(pulls.c.forge == forge, pulls.c.repository == repository, on))

    def put_pull(self, row: PullRow) -> None:
        """Write a pull request, or write it anew."""
        values = {name: getattr(row, name) for name in PullRow.__slots__} | {"at": self._clock()}
        with writing(self._engine) as connection:
            if connection.execute(pulls.update().where(pulls.c.ticket == row.ticket).values(values)).rowcount == 0:
                connection.execute(pulls.insert().values(values))

    def _pull(self, which: sa.ColumnElement[bool]) -> PullRow | None:
        with reading(self._engine) as connection:
            row = connection.execute(sa.select(pulls).where(which)).mappings().first()
        return None if row is None else PullRow(**{name: row[name] for name in PullRow.__slots__})

    # Steps

    def take(self) -> Step | None:
        """Take the step that is due for longest; whoever takes it holds it for `HOLD_S`."""
        now = self._clock()
        free = sa.or_(steps.c.held_until.is_(None), steps.c.held_until < now)
        query = sa.select(steps).where(steps.c.open.is_(True), steps.c.due_at <= now, free)
        with writing(self._engine) as connection:
            while row := connection.execute(query.order_by(steps.c.due_at, steps.c.id).limit(1)).mappings().first():
                mine = sa.and_(steps.c.id == row["id"], steps.c.open.is_(True), free)
                taken = {"held_until": now + HOLD_S, "tries": steps.c.tries + 1}
                if connection.execute(steps.update().where(mine).values(taken)).rowcount == 1:
                    return _step(row)
        return None

    def begin(self, step: Step, note: str) -> None:
        """Note what was the case just before a step that cannot be repeated takes effect."""
        self._change(step.id, begun=note)

    def done(self, step: Step, todo: Sequence[NewStep] = (), why: str = "") -> None:
        """Write that a step is done, and what follows from it."""
        with writing(self._engine) as connection:
            done = {"open": False, "held_until": None, "why": why}
            connection.execute(steps.update().where(steps.c.id == step.id).values(done))
            self._add(connection, todo)

    def later(self, step: Step, in_s: float, why: str, *, counts: bool = True) -> None:
        """Give a step back, to be done later; `counts` says whether this was a try."""
        tries = step.tries + 1 if counts else step.tries
        self._change(step.id, held_until=None, due_at=self._clock() + in_s, why=why, tries=tries)

    def others(self, step: Step) -> tuple[Step, ...]:
        """Return the open steps of the same kind for the same thread that nobody holds, and hold them too."""
        now = self._clock()
        free = sa.or_(steps.c.held_until.is_(None), steps.c.held_until < now)
        place = sa.and_(*(steps.c[name] == value for name, value in _place(step.thread).items()))
        which = sa.and_(steps.c.kind == step.kind, steps.c.open.is_(True), steps.c.id != step.id, free, place)
        with writing(self._engine) as connection:
            rows = connection.execute(sa.select(steps).where(which).order_by(steps.c.id)).mappings().all()
            ids = [row["id"] for row in rows]
            connection.execute(steps.update().where(steps.c.id.in_(ids)).values(held_until=now + HOLD_S))
        return tuple(_step(row) for row in rows)

    def open_steps(self, ticket: str) -> tuple[tuple[Kind, str], ...]:
        """Return what is still to be done about a ticket, and why it was not yet."""
        query = sa.select(steps.c.kind, steps.c.why).where(steps.c.ticket == ticket, steps.c.open.is_(True))
        with reading(self._engine) as connection:
            return tuple((Kind(kind), why) for kind, why in connection.execute(query.order_by(steps.c.id)))

    def again(self, step: NewStep) -> None:
        """Write what is to be done, and where it was given up, or waits for its time, make it due now."""
        anew = {"open": True, "tries": 0, "due_at": self._clock(), "payload": step.payload}
        with writing(self._engine) as connection:
            self._add(connection, [step])
            connection.execute(steps.update().where(steps.c.key == step.key).values(anew))

    def _add(self, connection: Connection, todo: Sequence[NewStep]) -> None:
        now = self._clock()
        for each in todo:
            if connection.execute(sa.select(steps.c.id).where(steps.c.key == each.key)).first() is None:
                values: dict[str, Any] = {"kind": each.kind, "key": each.key, "ticket": each.ticket}
                values |= {"payload": each.payload, "open": True, "tries": 0, "due_at": now + each.in_s}
                values |= {"begun": "", "why": "", "at": now}
                connection.execute(steps.insert().values(**values, **_place(each.thread)))

    def _change(self, id: int, **values: Any) -> None:
        with writing(self._engine) as connection:
            connection.execute(steps.update().where(steps.c.id == id).values(values))


def _place(thread: Thread) -> dict[str, str]:
    return {"forge": thread.forge, "repository": thread.repository, "number": thread.number}


def _is(thread: Thread) -> sa.ColumnElement[bool]:
    return sa.and_(*(threads.c[name] == value for name, value in _place(thread).items()))


def _thread(row: RowMapping) -> ThreadRow:
    thread = Thread(row["forge"], row["repository"], row["number"])
    return ThreadRow(thread, row["ticket"], row["text"], row["filer"], row["url"], row["at"])


def _step(row: RowMapping) -> Step:
    thread = Thread(row["forge"], row["repository"], row["number"])
    kind = Kind(row["kind"])
    return Step(
        row["id"], kind, row["key"], thread, row["payload"], row["ticket"], row["tries"], row["at"], row["begun"]
    )
