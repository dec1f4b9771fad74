"""The site: what every request is answered from. Made once, when the server starts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

from sqlalchemy import QueuePool
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from orchestrator.crew import Crew
from orchestrator.dispatch.gate import Gate
from orchestrator.dispatch.rounds import Rounds
from orchestrator.reporting.remembered import Lasting, NotAtHand, UntilWritten
from orchestrator.settings import Settings
from orchestrator.web.audit import Audit
from orchestrator.web.drawn import Drawn
from orchestrator.web.guard import Rate
from orchestrator.web.live import Hub
from orchestrator.web.morning import Morning
from orchestrator.web.people import People, Person, Role, hashed
from orchestrator.web.problems import Problem
from orchestrator.web.sessions import COOKIE, Sessions
from orchestrator.web.shift import Shift

if TYPE_CHECKING:
    from agents import Endpoint
    from orchestrator.forges.wiring import Forges
    from orchestrator.telemetry.metrics import Metrics
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
    shift: Shift | Rounds | None
    settings_of: SettingsOf
    address: str
    repositories: tuple[Path, ...] = ()
    forges: Forges | None = None
    courier: Rounds | None = None
    gate: Gate = Gate()
    morning: Morning | None = None
    sign_in: SignIn | None = None
    metrics: Metrics | None = None
    pools: Callable[[], tuple[Endpoint, ...]] | None = None
    """Returns where the model pools are that are configured; None where none is."""
    entering: Rate = field(default_factory=lambda: Rate(0.2, 10))
    lasting: Lasting = field(default_factory=lambda: Lasting(64))
    """What has one answer for ever: a version of a change as a page shows it."""
    written: UntilWritten = field(init=False)
    known: UntilWritten = field(init=False)
    """Who came with which key or cookie."""
    drawn: Drawn = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "written", UntilWritten(self.crew.version, at_once=self._at_once))
        object.__setattr__(self, "known", UntilWritten(self.crew.version, 10_000, self._at_once))
        object.__setattr__(self, "drawn", Drawn(lambda: self.soon(self.crew.version)))

    @property
    def _at_once(self) -> bool:
        # A file answers sooner than a thread; a server of databases has to be waited for.
        return self.crew.database.dialect.name == "sqlite"

    async def soon(self, look: Callable[[], Made]) -> Made:
        """Return what `look` returns, which looks up a few rows: from a thread of its own where they have to be waited for."""
        return look() if self._free else await run_in_threadpool(look)

    @property
    def _free(self) -> bool:
        # With all connections taken, a file has to be waited for too.
        pool = self.crew.database.pool
        return self._at_once and isinstance(pool, QueuePool) and pool.checkedin() > 0

    def cached(self, asked: Hashable, make: Callable[[], Made]) -> Made:
        """Return what `make` returns, or what it returned when the same was asked and nothing was written since."""
        return self.written.get(asked, make)

    async def answer(
        self, asked: Hashable, make: Callable[[], Made], short: bool = False, at_hand: Callable[[], Made] | None = None
    ) -> Made:
        """Return the same, from a thread of its own where it has to be made and is not `short`; `at_hand` makes it at once, or raises `NotAtHand`."""
        if short:
            return await self.soon(lambda: self.cached(asked, make))
        found = self.written.found(asked)
        if found is None and at_hand is not None and self._free:
            with suppress(NotAtHand):
                return self.cached(asked, at_hand)
        return await run_in_threadpool(self.cached, asked, make) if found is None else cast("Made", found)

    def did(self, who: Person, what: str, ticket: str | None = None, **detail: object) -> None:
        """Write what somebody did into the audit log, and have the pages and the worker look."""
        self.audit.write(who.name, what, ticket, detail)
        self.nudge()

    def nudge(self) -> None:
        """Have the worker and the courier look whether there is something to do."""
        for each in (self.shift, self.courier):
            if each is not None:
                each.nudge()


def site_of(request: Request) -> Site:
    """Return the site that a request is for."""
    return request.app.state.site  # type: ignore[no-any-return]


async def the_site(request: Request) -> Site:
    """Return the same to handlers: what waits for nothing needs no thread."""
    return site_of(request)


def person_of(request: Request) -> Person | None:
    """Return who asks, None where nobody is known by what came along."""
    site, (how, what) = site_of(request), _credential(request)
    if not what:
        return None
    return site.known.get((how, hashed(what)), lambda: _OF[how](site, what))


async def who_asks(request: Request) -> Person | None:
    """Return the same, without a thread where none is needed."""
    return await site_of(request).soon(lambda: person_of(request))


def _credential(request: Request) -> tuple[str, str]:
    """Return what somebody comes with: a key, or the cookie of a session; "" for neither."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    return ("key", key) if scheme.lower() == "bearer" else ("session", request.cookies.get(COOKIE, ""))


_OF: dict[str, Callable[[Site, str], Person | None]] = {
    "key": lambda site, key: site.people.of_key(key),
    "session": lambda site, cookie: site.sessions.person(cookie),
}


@lru_cache
def lets(role: Role) -> Callable[[Request], Awaitable[Person]]:
    """Return what lets through those who have a role. Raises `Problem`."""

    async def let(request: Request) -> Person:
        person = await who_asks(request)
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
