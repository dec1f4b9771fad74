"""People: who may do what on a server, and the keys by which programs are known. Of a key only its hash is kept."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Engine

from orchestrator.errors import OrderRefused
from orchestrator.plain import one_line
from orchestrator.store.sql.schema import reading, writing
from orchestrator.store.sql.tables import keys, users

_PREFIX = "nck_"
_KEY_CHARACTERS = 100


class Role(StrEnum):
    """What somebody may do; each role may do what those before it may."""

    FILE = "file"
    """Look, file tickets, answer and stop their own."""
    REVIEW = "review"
    """Decide about any change, and about any job."""
    ADMINISTER = "administer"
    """See the audit log, and say who may do what."""

    def allows(self, other: Role) -> bool:
        """Say whether whoever has this role may do what `other` may."""
        order = list(Role)
        return order.index(self) >= order.index(other)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody a server knows."""

    name: str
    role: Role
    since: float = 0.0
    """Since when sessions of theirs count: those from before have ended."""


class People:
    """Those a server knows, in the store's database. Safe to use from several threads."""

    def __init__(self, engine: Engine, clock: Callable[[], float]) -> None:
        self._engine = engine
        self._clock = clock

    def add(self, name: str, role: Role) -> Person:
        """Let somebody in, or change what they may do. Raises `OrderRefused`."""
        if not name or one_line(name, 200) != name:
            raise OrderRefused(f"{one_line(name)!r} is no user's name: use up to 200 printable characters of one line")
        with writing(self._engine) as connection:
            if connection.execute(users.update().where(users.c.name == name).values(role=str(role))).rowcount == 0:
                connection.execute(users.insert().values(name=name, role=str(role), at=self._clock()))
        return self.person(name) or Person(name, role)

    def remove(self, name: str) -> bool:
        """Let somebody in no more: their keys and sessions end. Say whether they were there."""
        with writing(self._engine) as connection:
            connection.execute(keys.delete().where(keys.c.user == name))
            return connection.execute(users.delete().where(users.c.name == name)).rowcount == 1

    def all(self) -> tuple[Person, ...]:
        """Return everybody, by name."""
        with reading(self._engine) as connection:
            rows = connection.execute(sa.select(users.c.name, users.c.role, users.c.at).order_by(users.c.name))
            return tuple(Person(name, Role(role), at) for name, role, at in rows)

    def person(self, name: str) -> Person | None:
        """Return somebody by name."""
        return self._one(_NAMED, name)

    def of_key(self, key: str) -> Person | None:
        """Return whose key this is, None where it is nobody's, or has ended."""
        return None if len(key) > _KEY_CHARACTERS else self._one(_KEYED, hashed(key))

    def make_key(self, name: str, label: str) -> str:
        """Make a key for somebody and return it: it is told once, and kept nowhere. Raises `OrderRefused`."""
        if self.person(name) is None:
            raise OrderRefused(f"there is no user {name!r}: `nightcrew users add {name}` makes one")
        key = _PREFIX + secrets.token_urlsafe(32)
        with writing(self._engine) as connection:
            connection.execute(keys.insert().values(hash=hashed(key), user=name, name=label, at=self._clock()))
        return key

    def end_keys(self, name: str) -> int:
        """End all keys and sessions of somebody, and return how many keys there were."""
        mine = sa.and_(keys.c.user == name, keys.c.ended_at.is_(None))
        with writing(self._engine) as connection:
            connection.execute(users.update().where(users.c.name == name).values(at=self._clock()))
            return connection.execute(keys.update().where(mine).values(ended_at=self._clock())).rowcount

    def _one(self, query: sa.Select[Any], by: str) -> Person | None:
        with reading(self._engine) as connection:
            row = connection.execute(query, {"by": by}).first()
        return None if row is None else Person(row.name, Role(row.role), row.at)


# Made once: to make a query anew takes longer than to have it answered.
_PERSON = sa.select(users.c.name, users.c.role, users.c.at)
_NAMED = _PERSON.where(users.c.name == sa.bindparam("by"))
_KEYED = _PERSON.select_from(keys.join(users)).where(keys.c.hash == sa.bindparam("by"), keys.c.ended_at.is_(None))


def hashed(key: str) -> str:
    """Return what is kept of a key."""
    # A key is random and long: what slows guessing of passwords would only slow each request.
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
