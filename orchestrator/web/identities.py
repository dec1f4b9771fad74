"""Identities: people whom an issuer tells apart, what they may do by what it says, and the users they are here."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

import sqlalchemy as sa
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import IntegrityError

from orchestrator.forges.payload import Payload
from orchestrator.plain import one_line
from orchestrator.store.sql.schema import reading, writing
from orchestrator.store.sql.tables import identities, users
from orchestrator.web.people import People, Person, Role
from orchestrator.web.problems import Problem

_NAME_CHARACTERS = 80
_SUBJECT_CHARACTERS = 255


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody, as an issuer says. `email` is one that it has verified; `values` are those of the claim that gives roles."""

    issuer: str
    subject: str
    email: str = ""
    called: str = ""
    values: frozenset[str] = frozenset()

    @property
    def told(self) -> str:
        """Return them as a person reads it."""
        known_as = one_line(self.email or self.called, _NAME_CHARACTERS)
        subject = f"the subject {one_line(self.subject, _SUBJECT_CHARACTERS)!r}"
        return f"{known_as}, {subject}" if known_as else subject


@dataclass(frozen=True, slots=True)
class Policy:
    """Whom an issuer lets in: by values of a claim, by mail addresses that it has verified, by its subjects. Nobody else."""

    claim: str = "groups"
    roles: Mapping[str, Role] = field(default_factory=dict)
    emails: Mapping[str, Role] = field(default_factory=dict)
    subjects: Mapping[str, Role] = field(default_factory=dict)

    def identity(self, issuer: str, claims: Payload) -> Identity:
        """Return who claims are about. Raises `Problem` for a subject that cannot be one."""
        subject = claims.text("sub")
        if not subject or len(subject) > _SUBJECT_CHARACTERS:
            raise Problem(HTTPStatus.BAD_GATEWAY, "issuer-not-believed", f"{issuer} names nobody", "ask its operators")
        values = [each.text() for each in claims.each(self.claim)] or [claims.text(self.claim)]
        email = claims.text("email") if claims.flag("email_verified") else ""
        return Identity(issuer, subject, email, claims.text("preferred_username"), frozenset(filter(None, values)))

    def role(self, who: Identity) -> Role | None:
        """Return what somebody may do, None where nothing here names them."""
        given = [self.roles.get(value) for value in who.values]
        given += [self.subjects.get(who.subject), self.emails.get(who.email.casefold()) if who.email else None]
        return max(filter(None, given), key=list(Role).index, default=None)


@dataclass(frozen=True, slots=True)
class Client:
    """How an issuer knows this server, what it is called on the page, and whom it lets in."""

    issuer: str
    client_id: str
    secret: str = field(default="", repr=False)
    name: str = ""
    scopes: tuple[str, ...] = ("email", "profile")
    policy: Policy = Policy()


class Identities:
    """The users that people of issuers are here, in the store's database. Safe to use from several threads."""

    def __init__(self, engine: Engine, people: People, clock: Callable[[], float]) -> None:
        self._engine = engine
        self._people = people
        self._clock = clock

    def admit(self, who: Identity, role: Role | None) -> Person:
        """Return the user that somebody is, who may now do what `role` says. Raises `Problem` for whoever may not come in.

        It is issuer and subject that tell people apart: nobody becomes a user who was there before by having the same name.
        """
        name = self._user(who)
        if role is None:
            if name is not None:
                self._people.end_keys(name)
            raise _not_let_in(who)
        if name is None:
            name = self._make(who, role)
        if not self._set_role(name, role):
            raise Problem(
                HTTPStatus.FORBIDDEN,
                "removed",
                f"{name} was removed from this server",
                f"whoever administers it can say `nightcrew users add {name}`",
            )
        return self._people.person(name) or Person(name, role)

    def _user(self, who: Identity) -> str | None:
        mine = sa.and_(identities.c.issuer == who.issuer, identities.c.subject == who.subject)
        with reading(self._engine) as connection:
            return connection.execute(sa.select(identities.c.user).where(mine)).scalar()

    def _make(self, who: Identity, role: Role) -> str:
        """Return the user that is made for somebody who comes for the first time."""
        while True:
            try:
                with writing(self._engine) as connection:
                    name = _free(connection, who)
                    now = self._clock()
                    row = {"issuer": who.issuer, "subject": who.subject, "user": name, "at": now}
                    connection.execute(identities.insert().values(row))
                    connection.execute(users.insert().values(name=name, role=str(role), at=now))
                    return name
            except IntegrityError:
                # Another server of the same database was faster: with them, or with their name.
                made = self._user(who)
                if made is not None:
                    return made

    def _set_role(self, name: str, role: Role) -> bool:
        """Set what a user may do; say whether they are still one."""
        with writing(self._engine) as connection:
            return connection.execute(users.update().where(users.c.name == name).values(role=str(role))).rowcount == 1


def _free(connection: Connection, who: Identity) -> str:
    """Return a name that nobody has, nor somebody whom an issuer knows had."""
    wished = one_line(who.email or who.called or who.subject, _NAME_CHARACTERS) or "somebody"
    count = 1
    while True:
        name = wished if count == 1 else f"{wished} ({count})"
        known = sa.union_all(
            sa.select(users.c.name).where(users.c.name == name),
            sa.select(identities.c.user).where(identities.c.user == name),
        )
        if connection.execute(known).first() is None:
            return name
        count += 1


def _not_let_in(who: Identity) -> Problem:
    entry = f'subjects = {{ {json.dumps(who.subject)} = "file" }}'
    return Problem(
        HTTPStatus.FORBIDDEN,
        "not-let-in",
        f"{who.issuer} says that you are {who.told}, and nobody has let you in here",
        f"ask whoever administers this server to write `{entry}` into [oidc] of its config.toml, or for a group that is let in",
    )
