"""The site: what every request is answered from. Made once, when the server starts."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from starlette.requests import Request

from orchestrator.crew import Crew
from orchestrator.gate import Gate
from orchestrator.remembered import Lasting, UntilWritten
from orchestrator.settings import Settings
from orchestrator.web.audit import Audit
from orchestrator.web.courier import Courier
from orchestrator.web.guard import Rate
from orchestrator.web.live import Hub
from orchestrator.web.morning import Morning
from orchestrator.web.people import People, Person, Role, hashed
from orchestrator.web.problems import Problem
from orchestrator.web.sessions import COOKIE, Sessions
from orchestrator.web.shift import Shift

if TYPE_CHECKING:
    from orchestrator.forges.wiring import Forges
    from orchestrator.web.oidc import SignIn

SettingsOf = Callable[[Path, str | None, str | None], Settings]
"""Returns the settings of a repository: of its path, and the test command and sandbox that were asked for."""
Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Site:
    """What requests are answered from. `repositories` are those that tickets may be filed for (empty: any that this machine has)."""

    crew: Crew
    people: People
    sessions: Sessions
    audit: Audit
    hub: Hub
    shift: Shift | None
    settings_of: SettingsOf
    address: str
    repositories: tuple[Path, ...] = ()
    forges: Forges | None = None
    courier: Courier | None = None
    gate: Gate = Gate()
    morning: Morning | None = None
    sign_in: SignIn | None = None
    entering: Rate = field(default_factory=lambda: Rate(0.2, 10))
    lasting: Lasting = field(default_factory=lambda: Lasting(64))
    """What has one answer for ever: a version of a change as a page shows it."""
    written: UntilWritten = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "written", UntilWritten(self.crew.version))

    def cached(self, asked: Hashable, make: Callable[[], Made]) -> Made:
        """Return what `make` returns, or what it returned when the same was asked and nothing was written since."""
        return self.written.get(asked, make)

    def did(self, who: Person, what: str, ticket: str | None = None, **detail: object) -> None:
        """Write what somebody did into the audit log, and have the pages and the worker look."""
        self.audit.write(who.name, what, ticket, detail)
        for each in (self.shift, self.courier):
            if each is not None:
                each.nudge()


def site_of(request: Request) -> Site:
    """Return the site that a request is for."""
    return request.app.state.site  # type: ignore[no-any-return]


def person_of(request: Request) -> Person | None:
    """Return who asks, None where nobody is known by what came along."""
    site = site_of(request)
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return site.cached(("key", hashed(key)), lambda: site.people.of_key(key))
    cookie = request.cookies.get(COOKIE)
    return site.cached(("session", hashed(cookie)), lambda: site.sessions.person(cookie)) if cookie else None


def may(role: Role) -> Callable[[Request], Person]:
    """Return what lets through those who have a role. Raises `Problem`."""
    return _let(role)


@lru_cache
def _let(role: Role) -> Callable[[Request], Person]:
    def let(request: Request) -> Person:
        person = person_of(request)
        if person is None:
            raise Problem(
                HTTPStatus.UNAUTHORIZED,
                "who-are-you",
                "nobody is known by what came along",
                "open the link that `nightcrew serve` printed, or send a key: Authorization: Bearer KEY",
            )
        if not person.role.allows(role):
            raise Problem(
                HTTPStatus.FORBIDDEN,
                "not-yours",
                f"{person.name} may {person.role}, and this takes the role {role}",
                f"whoever administers this server can say `nightcrew users add {person.name} --role {role}`",
            )
        return person

    return let
