"""Lanes of the queue, and what workers said they can do, as queries on a connection."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from orchestrator.dispatch.abilities import ANNOUNCE_S, SEEN_S, needs_of
from orchestrator.dispatch.fairness import Lane
from orchestrator.records import Status
from orchestrator.store.sql import records as sqlrecords
from orchestrator.store.sql.tables import jobs, lanes, workers


def lane_key(connection: Connection, lane: Lane) -> str:
    """Return the key of a lane, which is there from then on."""
    user, repository, needs = lane.user, os.fsencode(lane.repository), " ".join(sorted(lane.needs))
    key = key_of(user, repository, needs)
    if connection.execute(_KNOWN, {"lane": key}).first() is None:
        row = {"key": key, "user": user, "repository": repository, "needs": needs, "served_at": 0.0}
        # Somebody else may make it in between, where writers work side by side.
        with suppress(IntegrityError), connection.begin_nested():
            connection.execute(lanes.insert().values(row))
    return key


def key_of(user: str, repository: bytes, needs: str) -> str:
    """Return what a lane is found by."""
    said = b"\0".join((user.encode("utf-8", "surrogatepass"), needs.encode(), repository))
    return hashlib.sha256(said).hexdigest()[:32]


def without(connection: Connection) -> Sequence[Any]:
    """Return the jobs that have no lane, with their tickets: an older version, which knows of none, filed them."""
    return connection.execute(_WITHOUT).all()


def give(connection: Connection) -> None:
    """Give each job that has no lane its own."""
    for number, id in without(connection):
        ticket = sqlrecords.ticket(connection, id)
        assert ticket is not None
        needs = needs_of(ticket.order, sqlrecords.settings(connection, id))
        lane = lane_key(connection, Lane(ticket.order.user, ticket.order.repository, needs))
        connection.execute(jobs.update().where(jobs.c.number == number).values(lane=lane))


def announced(connection: Connection, machine: str, can: frozenset[str], now: float) -> bool:
    """Say whether a machine's workers were heard of a moment ago."""
    found = connection.execute(_HEARD, {"machine": machine, "key": _key(_text(can))}).scalar()
    return found is not None and now - ANNOUNCE_S < found <= now


def announce(connection: Connection, machine: str, can: frozenset[str], now: float) -> None:
    """Keep what a machine's workers can do; what was said long ago is dropped."""
    connection.execute(workers.delete().where(workers.c.seen_at < now - SEEN_S))
    text = _text(can)
    which = sa.and_(workers.c.machine == machine, workers.c.key == _key(text))
    if connection.execute(workers.update().where(which).values(seen_at=now)).rowcount == 0:
        with suppress(IntegrityError), connection.begin_nested():
            connection.execute(workers.insert().values(machine=machine, key=_key(text), can=text, seen_at=now))


def abilities(connection: Connection, now: float) -> tuple[frozenset[str], ...]:
    """Return what workers that were heard of lately can do, each set once."""
    query = sa.select(workers.c.can).where(workers.c.seen_at >= now - SEEN_S).distinct().order_by(workers.c.can)
    return tuple(frozenset(can.split()) for can in connection.execute(query).scalars())


def _text(can: frozenset[str]) -> str:
    return " ".join(sorted(can))


def _key(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


_KNOWN = sa.select(lanes.c.key).where(lanes.c.key == sa.bindparam("lane"))
_WITHOUT = (
    sa.select(jobs.c.number, jobs.c.ticket)
    .where(jobs.c.status.in_((Status.QUEUED, Status.WORKING)), jobs.c.lane == "")
    .order_by(jobs.c.number)
)
_HEARD = sa.select(workers.c.seen_at).where(
    workers.c.machine == sa.bindparam("machine"), workers.c.key == sa.bindparam("key")
)
